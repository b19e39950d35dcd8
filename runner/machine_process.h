/* The process that is a machine: started on demand, found by name, gone with its last program unless told to stay. */
#ifndef RUNNER_MACHINE_PROCESS_H
#define RUNNER_MACHINE_PROCESS_H

#include "runner/options.h"

#include <stddef.h>

struct machine_failure {
    char text[256]; /* one sentence, without a final newline */
};

/* Starts the machine. Returns 0 when it is ready for connections, -EEXIST when there is one of that name, another negative
 * errno with the reason in *failure. In the foreground: returns when the machine has ended. */
int machine_process_start(const struct machine_options *options, struct machine_failure *failure);

/* A connection to the machine of that name, started with default options when there is none. */
int machine_process_connect(const char *name, struct machine_failure *failure);

#endif
