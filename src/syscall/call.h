/* struct call: one system call on its way. The core never sleeps: a call finishes with a result, or parks on a file's wait
 * queue with a deadline, keeps its progress, and is run again by a wake-up. The door decides what waiting means.
 *
 *   c = {0}; c.task = t; c.number = SYS_recvfrom; c.args...; c.done = my_done;
 *   r = call_start(&c);            finished: r is the result, done is not called
 *                                  CALL_PARKED: later done(&c, result) is called, from machine_step or another call
 *   call_cancel(&c);               the program gave up (signal, death): unparks without a result */
#ifndef WEIR_SYSCALL_CALL_H
#define WEIR_SYSCALL_CALL_H

#include "base/wheel.h"
#include "machine/machine.h"
#include "file/task.h"

#define CALL_PARKED INT64_MIN

struct call {
    struct task *task;
    long number;                 /* SYS_* of x86-64 or aarch64: the door's own <sys/syscall.h> */
    uint64_t args[6];
    void (*done)(struct call *c, int64_t result);
    void *door;
    bool never_park;             /* library door: a call that would block returns -EAGAIN */

    /* Below: owned by syscall/. */
    const struct syscall_row *row;
    struct file *file;           /* held while the call lives, when the row takes one */
    uint64_t deadline_ns;        /* NS_NEVER: none */
    uint32_t wait_events;
    bool is_waiting;             /* on wait queues, even while it runs */
    bool is_woken;               /* since the last try began */
    bool is_parked, has_deadline, has_timed_out, is_starting, has_early_result;
    bool was_connecting;         /* connect: an earlier call began it */
    bool is_closed;              /* close: the fd is free already */
    uint8_t opening;             /* user_msg.opening of the message being worked on */
    int64_t early_result;        /* of a call that ended while call_start() was still on its way */
    uint64_t progress;           /* bytes or messages done so far: the result, when the program gives the call up */
    uint64_t started_ns;
    uint64_t message_bytes;      /* sendmmsg, recvmmsg: of the message being worked on */
    void *state;                 /* kept over parks; freed with release_state */
    void (*release_state)(struct call *c);
    /* From here on set when the call starts, or when it waits: what is made for calls that never do need not clear it. */
    struct softirq resume;       /* a wake-up runs the call again when nothing else is on its way: machine_resume_later() */
    struct wait_entry wait;      /* is_waiting: in a queue */
    struct timer deadline;       /* has_deadline */
};
#define CALL_CLEARED_BYTES offsetof(struct call, resume)

int64_t call_start(struct call *c);
void call_cancel(struct call *c);
static inline bool call_has_progress(const struct call *c) { return c->progress > 0; }

/* One row for each system call, in syscall/table.c. docs/support.md is generated from it. */
struct syscall_row {
    long number;
    const char *name;
    uint8_t argument_count;
    int8_t fd_argument;                     /* index of the argument that is a file; -1: none */
    int64_t (*run)(struct call *c);         /* result, or CALL_PARKED after call_park() */
};
extern const struct syscall_row syscall_table[];
extern const size_t syscall_table_count;
const struct syscall_row *syscall_find(long number); /* NULL: ENOSYS */

/* For run functions. May this call wait on c->file: neither O_NONBLOCK nor MSG_DONTWAIT in flags, nor never_park? */
bool call_may_wait(struct call *c, uint32_t flags);
/* Waits for `events` on c->file for at most timeout_ns, counted from the call's first wait (NS_NEVER: without end). Returns
 * CALL_PARKED, to be handed on: run is called again when something happened. -EAGAIN: may not wait, or the time is over.
 * Whether the events are true already is looked at: between the try and here nothing gets lost. */
int64_t call_wait(struct call *c, uint32_t events, uint64_t timeout_ns, uint32_t flags);
/* As call_wait(), for run functions that queue their own entries: wake them with call_wake(). */
int64_t call_wait_timeout(struct call *c, uint64_t timeout_ns);
void call_wake(struct call *c);

#endif
