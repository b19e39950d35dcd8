/* The numbers and epoll sets of a program that one of its sockets is in, for the rare case that the socket gets another fd
 * behind the same number: the kernel takes the old fd out of the sets, this puts the new one in.
 *
 * Sets are read from /proc/TID/fdinfo. The key of an entry is the file and its number in the table of who puts it in, so
 * a thread with a table of its own does that, under the program's numbers. */
#ifndef RUNNER_EPOLLS_H
#define RUNNER_EPOLLS_H

#include "runner/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct epolls_thread; /* owned by who starts it; one caller at a time */

struct epolls_entry {
    int set; /* duplicate of the program's epoll fd */
    int number;
    struct epoll_event event;
};

struct epolls_copy {
    int number;
    bool is_close_on_exec;
};

struct epolls {
    struct epolls_entry *entries;
    struct epolls_copy *copies; /* numbers of this process that the socket has */
    size_t entry_count, copy_count;
};

/* Starts before the process is confined. NULL: no thread, and nothing is put in. */
struct epolls_thread *epolls_start(void);
void epolls_stop(struct epolls_thread *thread);

/* Finds where the socket with this inode is. What cannot be read is left out. */
void epolls_find(struct epolls *epolls, struct task_ref *task, uint64_t inode);
/* Puts `fresh` where `old` was. */
void epolls_replace(struct epolls_thread *thread, const struct epolls *epolls, int old, int fresh);
void epolls_release(struct epolls *epolls);

#endif
