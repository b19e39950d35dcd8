/* Puts a command, and all it will ever start, on a machine. The `weir run` side. */
#ifndef RUNNER_SPAWN_H
#define RUNNER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_WEIR_FAILED = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };
enum { SPAWN_AGAIN = -1 }; /* the machine was just ending: connect anew */

struct spawn_failure {
    char text[256]; /* one sentence, without a final newline */
};

struct spawn_options {
    char *const *argv; /* the command */
    /* Sockets get the lowest free number, for programs that insist on it, as systemd-socket-activate does. Every read and
     * write is then looked at. */
    bool wants_low_numbers;
};

/* Runs the command on the machine behind the control connection. Normally the calling process becomes the command, so exit
 * status, signals and job control are the command's own, and this returns only on failure. Where only an ancestor may
 * look into a process (Yama), the command is a grandchild and its end becomes the caller's: does not return then.
 *
 * Returns an exit status for the caller, or SPAWN_AGAIN, with the reason in *failure. */
int spawn_on_machine(int control, const struct spawn_options *options, struct spawn_failure *failure);

#endif
