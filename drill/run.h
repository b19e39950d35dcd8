/* A script, run: against a fresh machine in virtual time, or (live) against the kernel of this host in a network
 * namespace of its own. */
#ifndef DRILL_RUN_H
#define DRILL_RUN_H

#include "drill/result.h"

struct code;

struct run_options {
    uint64_t seed;
    bool is_live;
    bool is_verbose;         /* each event to stderr as it happens */
    struct code *code;       /* who runs assertions */
};

/* Everything that happens is in *result; nothing is printed but what is_verbose asks for. */
void drill_run(const struct script *script, const struct run_options *options, struct drill_result *result);

#endif
