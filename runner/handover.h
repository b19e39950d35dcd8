/* Handing an fd to a program waits until the program's thread has run to take it. On a busy host that can be long, and
 * nobody else should wait with it: when it gets long, a thread of its own does the waiting. */
#ifndef RUNNER_HANDOVER_H
#define RUNNER_HANDOVER_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct handover_thread;

/* One fd on its way. Owned by who asked for it. */
struct handover_job {
    int listener;
    struct seccomp_notif_addfd add;
    int error; /* 0, or what the kernel said, negative */
};

/* NULL: cannot be had; all is then done at once. To be started before the process confines itself. */
struct handover_thread *handover_start(void);
void handover_stop(struct handover_thread *thread);
/* Readable when a job is done. */
int handover_fd(const struct handover_thread *thread);

/* True: done, job->error says how. False: on its way, handover_take() gives it back. */
bool handover_give(struct handover_thread *thread, struct handover_job *job);
/* A job that is done, or NULL. */
struct handover_job *handover_take(struct handover_thread *thread);

#endif
