/* The way to run a command where Yama lets only an ancestor look into a process.
 *
 *   weir run ----> supervisor ----> COMMAND ---> its descendants
 *      ^               |  ^
 *      |    end of     |  '-- broker requests from the machine
 *      '--- COMMAND ---'
 *
 * The supervisor is the subreaper of all that COMMAND starts, and stays as long as any of it lives; `weir run` ends as
 * COMMAND ends. COMMAND stays in the process group of `weir run`, so the terminal's signals reach both. */
#ifndef RUNNER_SUPERVISOR_H
#define RUNNER_SUPERVISOR_H

#include "runner/spawn.h"

/* Does not return when COMMAND was started: the process ends as COMMAND did. */
int supervisor_run(int control, const struct spawn_options *options, struct spawn_failure *failure);

/* spawn.c's parts that the command's process runs here too. */
int spawn_install_filter(const struct spawn_options *options, unsigned *fd_base, struct spawn_failure *failure);
int spawn_exec(char *const *argv, struct spawn_failure *failure);

#endif
