/* The trap door: notifications of trapped system calls in, calls of the machine, answers out. The shapes shared by its
 * files:
 *
 *   notify.c    receives a notification, decides whose it is, answers
 *   sockets.c   a weir socket and the fd that backs it
 *   calls.c     runs a call of the machine for a program; parked calls
 *   install.c   gives new fds to a program; dup and its kin
 *   pump.c      data flowing through the pair, for sockets on numbers that cannot be trapped
 *   transfer.c  sendfile and splice
 *   aio.c       io_submit
 *   served.c    open() of the machine's own texts
 *   ring.c      rings of packet sockets
 *
 * One thread. Everything hangs from struct door. */
#ifndef RUNNER_DOOR_H
#define RUNNER_DOOR_H

#include "base/list.h"
#include "file/task.h"
#include "runner/backing.h"
#include "runner/broker.h"
#include "runner/guardian.h"
#include "runner/handover.h"
#include "runner/task.h"
#include "syscall/call.h"

#include <linux/seccomp.h>
#include <weir/socket.h>

struct net;
struct pump;
struct ring;

enum { DOOR_SOCKET_BUCKETS = 4096 };

/* What an epoll event of the machine's process is about; the first member of what its data points to. */
enum source_kind { SOURCE_SOCKET, SOURCE_TASK, SOURCE_CONTROL_LISTENER, SOURCE_CONTROL_CLIENT, SOURCE_TAP, SOURCE_SIGNAL,
                   SOURCE_SERVED, SOURCE_HANDOVER };

struct source {
    enum source_kind kind;
    bool is_dead; /* freed when the batch of events is done */
    struct list graveyard_node;
};

/* One `weir run`: its programs share a filter and its listener. */
struct run {
    struct list node; /* door->runs */
    int listener;
    unsigned fd_base;
    struct broker broker;
    bool is_brokered;
    uint32_t guardian_number;
    uint64_t last_id; /* of a notification */
    unsigned handed_over; /* calls of door->handed_over: the listener is in use */
};

struct door {
    struct machine *machine;
    struct net *net;
    struct weir_task *self; /* the machine's own, for its texts */
    int epoll_fd;
    uint32_t owner_uid; /* who started the machine: has all capabilities over it, as the owner of a user namespace has */
    void (*look_at_events)(struct door *door); /* handles what the host has to tell: closes come before calls */
    struct task_table tasks;
    struct list runs;
    struct list dirty;     /* door_socket.dirty_node: poll mask may have changed */
    struct list completed; /* trapped_call.node: parked calls that finished */
    struct list graveyard; /* source.graveyard_node */
    struct handover_thread *handover; /* or NULL */
    struct guardian *guardian; /* or NULL */
    struct epolls_thread *epolls;     /* or NULL */
    struct list handed_over; /* trapped_call.node: the answer is on its way with a new fd */
    struct list rings;    /* ring.node */
    struct list orphans;   /* trapped_call.parked_node: wait on a socket whose last fd was closed meanwhile */
    struct chain sockets[DOOR_SOCKET_BUCKETS]; /* by inode */
    struct chain served[64];                   /* sysctl files open for writing, by inode */
    unsigned socket_count, run_count;
    uint64_t trapped_calls, continued_calls;
};

/* A weir socket: the machine's file and the pair that backs it. file->door points here. Dies when the last copy of the
 * program's end is closed. */
struct door_socket {
    struct source source;
    struct door *door;
    struct chain_node by_inode;
    struct backing backing;
    struct file *file;      /* one reference */
    struct wait_entry wait; /* on the file's wait queue: marks dirty */
    struct list dirty_node;
    uint32_t new_events; /* EPOLL bits woken since the mirror was last brought up to date */
    bool canary_is_watched;
    bool is_stream;
    bool is_low;  /* seen on, or sent to, a number below the weir range */
    struct pump *pump; /* NULL until data flows through the pair */
    struct list parked;    /* trapped_call.parked_node */
    /* Accepted connections that could not be handed over (the program was interrupted, or out of numbers) wait here for
     * the next accept; each keeps its program's end. */
    struct list unclaimed; /* door_socket.unclaimed_node */
    struct list unclaimed_node;
    int held_end; /* -1 */
    struct ring *ring;           /* PACKET_RX_RING, or NULL */
    uint32_t ring_reserve_bytes; /* PACKET_RESERVE */
    pid_t tgid;  /* where it was first installed */
    int number;
};

/* One trapped system call, from notification to answer. */
struct trapped_call {
    struct list node; /* door->completed, door->handed_over */
    struct list parked_node;
    struct door *door;
    struct run *run;
    struct task_ref *task;
    uint64_t id; /* of the notification; changes when the program repeats a call that was interrupted */
    int guardian_slot;
    struct seccomp_data data;
    struct call call;
    struct task core_task;
    struct user_memory memory;
    struct door_socket *socket; /* of the fd argument; NULL: none */
    int fd;                     /* the number the program used */
    int program_end;            /* duplicate of the socket's fd, while the call is looked at; -1 */
    struct door_socket *installing; /* a new socket waiting to be handed over with the answer */
    int install_number;
    uint32_t install_flags;
    struct handover_job job;
    bool is_parked;
    bool was_parked;
    bool has_sigpipe;
    int64_t result;
    /* sendfile, splice: what to do with the result before it is the answer. */
    int64_t (*finish)(struct trapped_call *c, int64_t result);
    void *transfer;
    void (*release_transfer)(struct trapped_call *c);
};

/* What a call that could not be answered any more had done, for its repetition. Kept in task_ref.lost. */
struct lost_result {
    struct seccomp_data data;
    int64_t result;
};

static inline struct door_socket *door_socket_of(struct file *file) { return file->door; }

/* notify.c */
void notify_handle(struct door *door, struct run *run); /* one notification that is ready */
void notify_reply(struct trapped_call *c, int64_t result);
void notify_continue(struct trapped_call *c);
bool notify_is_valid(const struct trapped_call *c);
/* The entry of a thread, watched for its end. NULL: gone, or not to be seen. */
struct task_ref *notify_task(struct door *door, pid_t tid, struct broker *broker);
/* An event of a SOURCE_TASK: the thread ended. */
void notify_task_event(struct door *door, struct source *source);
void notify_forget_task(struct door *door, struct task_ref *task);

/* Finds the socket behind a number of the program's: c->socket and c->program_end. 0 or a negative errno. */
int notify_look_up(struct trapped_call *c, int fd);

/* calls.c */
void calls_start(struct trapped_call *c);
void calls_finish(struct trapped_call *c, int64_t result); /* answers and frees */
void calls_cancel(struct trapped_call *c);                  /* the program gave it up: frees, no answer */
/* Closes the copy of the program's fd. Before any answer: the program may close its own in the next moment, and a file that
 * is still open here would stay in its epoll sets. */
void calls_drop_program_end(struct trapped_call *c);
void calls_free(struct trapped_call *c);
void calls_reap(struct door *door);                         /* answers what completed, brings mirrors up to date */
void calls_check_orphans(struct door *door);                /* lets go of those whose program went on */

/* sockets.c */
struct door_socket *sockets_find(struct door *door, uint64_t inode);
/* The weir socket behind a duplicate of a program's fd; NULL: it is not one. */
struct door_socket *sockets_of_fd(struct door *door, int fd);
/* Backs a file of the machine; takes the reference, also on failure. NULL: no host resources. */
struct door_socket *sockets_create(struct door *door, struct file *file, bool is_nonblocking, int *program_end);
int sockets_renew(struct door_socket *socket, int *program_end);
void sockets_show(struct door_socket *socket, int program_end);
void sockets_show_dirty(struct door *door, struct door_socket *with, int program_end);
void sockets_event(struct door_socket *socket, uint32_t events);
void sockets_close(struct door_socket *socket);

/* install.c */
/* Backs a new file and picks its number; it is handed over with the answer. The number or a negative errno. */
int install_reserve(struct trapped_call *c, struct file *file, uint32_t flags);
/* Hands over what was reserved, or puts it away. False: it is on its way, the call lives on until install_done(). */
bool install_answer(struct trapped_call *c, int64_t result);
void install_done(struct door *door);                                   /* takes up what has arrived */
void install_forget_task(struct door *door, const struct task_ref *task);       /* it is gone */
void install_forget_socket(struct door *door, const struct door_socket *socket);
bool install_unclaimed(struct trapped_call *c);              /* accept: takes a connection that waits; true when answered */
void install_duplicate(struct trapped_call *c, int at_least, bool is_close_on_exec); /* dup, F_DUPFD: answers */
/* Puts a new pair behind the program's number, when the old one has shown an end that is not one any more. */
void install_renew(struct trapped_call *c);
/* Gives the program a host fd on the lowest free number as the call's answer. Takes the fd. */
void install_host_fd(struct trapped_call *c, int host_fd, bool is_close_on_exec);
/* On a number of the weir range, as the call's answer. Takes the fd. */
void install_host_fd_high(struct trapped_call *c, int host_fd, bool is_close_on_exec);

/* pump.c */
void pump_start(struct door_socket *socket, int program_end);
void pump_mark_low(struct door_socket *socket, int program_end);
void pump_event(struct door_socket *socket); /* moves what can be moved; may close the socket */
void pump_close(struct door_socket *socket);
bool pump_is_upward_only(const struct door_socket *socket);
/* Upward only: keeps the first message ready for read(). What of the mask is left to be shown. */
uint32_t pump_show_first(struct door_socket *socket, uint32_t mask, int program_end);

/* transfer.c */
void transfer_sendfile(struct trapped_call *c);
void transfer_splice(struct trapped_call *c);

/* aio.c */
void aio_submit(struct trapped_call *c);

/* served.c */
void served_open(struct trapped_call *c);
bool served_call(struct trapped_call *c); /* a call on a sysctl file open for writing: true when answered */
void served_event(struct source *source);

#endif
