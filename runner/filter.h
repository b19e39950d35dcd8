/* The seccomp filter that turns exactly the calls that concern sockets into notifications.
 *
 * Installed once, by the process that is about to become the user's command; inherited by all its descendants. */
#ifndef RUNNER_FILTER_H
#define RUNNER_FILTER_H

#include <stdbool.h>

struct filter_options {
    /* File descriptors from this number upwards may be weir sockets: read, write, dup ... on them are trapped. */
    unsigned fd_base;
    /* The machine cannot reach a process that made itself undumpable; let prctl(PR_SET_DUMPABLE, 0) do nothing. */
    bool keep_dumpable;
};

/* The first fd number of weir sockets for a given RLIMIT_NOFILE: below FD_SETSIZE, with room on both sides. */
unsigned filter_fd_base(unsigned long long nofile_limit);

/* Installs the filter on the calling thread. Returns the notification fd, or a negative errno: -EBUSY when a filter
 * with a listener is already there (weir inside weir), -EINVAL or -ENOSYS when the kernel is too old. */
int filter_install(const struct filter_options *options);

#endif
