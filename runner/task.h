/* The machine's view of the threads that call into it: how to reach their fds, their memory, their credentials.
 *
 * A thread is known by the tid in its notification. What is cached (pidfd, /proc directory, thread group) is thrown
 * away when the pidfd says that the thread is gone; a dead thread answers ESRCH meanwhile, never another's data. */
#ifndef RUNNER_TASK_H
#define RUNNER_TASK_H

#include "runner/fd_numbers.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct broker;
struct lost_result;
struct source;
struct trapped_call;

struct task_credentials {
    uid_t uid, euid;
    gid_t gid, egid;
    uint64_t effective_caps;
};

/* Seen by another process: is a copy under way, and with whom? A page that never comes would hold up the copier for ever. */
struct copy_watch {
    _Atomic uint32_t turn; /* odd: under way */
    _Atomic pid_t tgid;
};

/* One thread. Owned by its task_table. */
struct task_ref {
    struct task_ref *next;
    pid_t tid;
    pid_t tgid;
    int pidfd;
    int proc_fd;           /* /proc/TID */
    int memory_fd;         /* /proc/TID/mem from the broker; -1 when the machine reads by itself */
    struct fd_numbers numbers; /* of the whole thread group: in its leader */
    struct copy_watch *copy_watch; /* or NULL */
    struct broker *broker; /* who is allowed to look into this thread; NULL: the machine itself */
    struct trapped_call *parked; /* the call this thread waits in */
    struct lost_result *lost;    /* the result of a call whose answer came too late, for its repetition; or NULL */
    struct source *source;       /* the trap door's epoll entry for the pidfd */
    struct task_credentials credentials;
    bool has_credentials;
    bool insists_on_low_numbers; /* as the program it runs does */
};

enum { TASK_BUCKETS = 1024 };

struct task_table {
    struct task_ref *buckets[TASK_BUCKETS];
    unsigned count;
    struct copy_watch *copy_watch; /* or NULL */
};

/* Finds or makes the entry of a thread. NULL when it is gone or cannot be seen. */
struct task_ref *task_get(struct task_table *table, pid_t tid, struct broker *broker);
struct task_ref *task_find(const struct task_table *table, pid_t tid);
void task_drop(struct task_table *table, struct task_ref *task);
void task_table_fini(struct task_table *table);

/* A duplicate of the thread's fd, close-on-exec. Negative errno: -EBADF, -ESRCH, -EPERM. The caller closes it. */
int task_duplicate_fd(struct task_ref *task, int fd);

/* Is this number taken in the thread's fd table? */
bool task_fd_in_use(const struct task_ref *task, unsigned fd);

/* 0, or -EFAULT when not all of the bytes could be moved. */
int task_read(struct task_ref *task, void *to, uint64_t from, size_t bytes);
int task_write(struct task_ref *task, uint64_t to, const void *from, size_t bytes);

/* Reads a string with its terminator. Returns its length, -EFAULT, or -ENAMETOOLONG. */
ssize_t task_read_string(struct task_ref *task, char *to, uint64_t from, size_t size);

/* Reads task->credentials anew, and what program it runs. 0 or a negative errno. */
int task_load_credentials(struct task_ref *task);

#endif
