/* Many runs: every script with every version of IP and every seed it is asked for, each in a process of its own, so
 * that a run that ends the process is one failed run. */
#ifndef DRILL_SUITE_H
#define DRILL_SUITE_H

#include "drill/result.h"

#include <stdio.h>

struct suite_options {
    unsigned char versions;                /* bits of enum ip_version: those asked for */
    /* said by the user: names of files and --ip_version in scripts do not restrict them */
    bool has_versions;
    bool is_live, is_verbose, is_quiet, is_json;
    uint64_t first_seed, last_seed;
    unsigned jobs;
    unsigned option_count;
    const struct script_option *options;   /* of packetdrill, for all scripts */
};

struct suite;

/* NULL: no memory. options must outlive it. */
struct suite *suite_create(const struct suite_options *options);
void suite_destroy(struct suite *suite); /* NULL: nothing */
/* A script, or a directory: all *.pkt below it, in the order of their names. 0 or -errno. */
int suite_add(struct suite *suite, const char *path);
/* Runs all and reports to stdout. The exit status: 0 when none failed, 1 when one did, 2 when one could not be read. */
int suite_run(struct suite *suite);

#endif
