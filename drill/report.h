/* What people, and programs, read of a suite's runs. */
#ifndef DRILL_REPORT_H
#define DRILL_REPORT_H

#include "drill/result.h"

#include <stdio.h>

struct drill_report {
    FILE *to;
    bool is_json, is_quiet, has_seeds, has_progress; /* has_seeds: more than one, so each run tells its own */
    unsigned done, all;
    unsigned passed, failed, skipped, broken;
    bool has_rows;
};

struct drill_report_run {
    const char *path;
    enum ip_version version;
    uint64_t seed;
    const struct drill_result *result;
    const char *line;   /* the script's line at result->place; NULL: none */
    size_t line_bytes;
};

void drill_report_begin(struct drill_report *r);
void drill_report_progress(struct drill_report *r, const char *path);  /* on a terminal: what runs now */
void drill_report_run(struct drill_report *r, const struct drill_report_run *run);
/* A script that cannot be read: "FILE:LINE:COLUMN: expected X, found Y", on stderr. */
void drill_report_broken(struct drill_report *r, const char *path, const struct script_error *error);
void drill_report_end(struct drill_report *r);

#endif
