/* The %{ }% assertions of scripts: Python, run by one python3 beside, over a pipe. It is started at the first assertion
 * and serves all scripts of this process; each script has its own namespace. */
#ifndef DRILL_CODE_H
#define DRILL_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE_VALUES = 256 };

/* The variables an assertion sees. Zero it, add, pass it to code_run(). */
struct code_values {
    unsigned count;
    struct {
        char name[40];
        uint64_t value;
    } rows[CODE_VALUES];
};

void code_values_add(struct code_values *values, const char *name, uint64_t value);
/* The kernel's own structures, as getsockopt() gave them; fields past `bytes` are left out. Names of states and flags
 * (TCP_ESTABLISHED, TCP_CA_Open, TCPI_OPT_SACK, ...) come with the first. */
void code_values_tcp_info(struct code_values *values, const void *info, size_t bytes);
void code_values_cc_info(struct code_values *values, const char *congestion_control, const void *info, size_t bytes);
void code_values_meminfo(struct code_values *values, const uint32_t *meminfo, size_t bytes);

enum code_verdict {
    CODE_HELD,
    CODE_FAILED,  /* message: what Python says, the assertion's values included */
    CODE_NOBODY,  /* there is no python3, or it went away: message tells. The script is to be skipped */
};

struct code;

/* Starts nothing yet. What scripts print goes to stderr, or nowhere. NULL: no memory. */
struct code *code_create(bool shows_prints);
void code_destroy(struct code *code);  /* NULL: nothing */
bool code_start(struct code *code);    /* now, so that a child process finds it started. False: there is no python3 */
void code_stop(struct code *code);     /* it may be in the middle of something; the next use starts another */
/* A fresh namespace: before each script's first block. */
void code_begin(struct code *code, const char *path);
enum code_verdict code_run(struct code *code, unsigned line, const char *text, const struct code_values *values,
                           char *message, size_t bytes);

#endif
