/* Runs calls of the machine on behalf of programs.
 *
 * A call that parks keeps its notification open: the program sleeps in the kernel. Signals take the program out of there
 * without telling us, so before anything is done to a parked call's program the notification is asked whether it still
 * stands. Between a look and the answer the program can still go; then the answer fails, and what the call had done is
 * kept for its repetition (SA_RESTART) in task_ref.lost. */
#include "runner/door.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int copy_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
    struct trapped_call *c = ctx;

    if (c->was_parked && !notify_is_valid(c))
        return -EINTR;
    return task_read(c->task, to, from, bytes);
}

static int copy_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
    struct trapped_call *c = ctx;

    if (!notify_is_valid(c))
        return -EINTR;
    return task_write(c->task, to, from, bytes);
}

static struct file *get_file(struct task *task, int fd)
{
    struct trapped_call *c = task->door;

    return c->socket && fd == c->fd ? file_get(c->socket->file) : NULL;
}

static int install_file(struct task *task, struct file *file, uint32_t flags)
{
    return install_reserve(task->door, file, flags);
}

/* Before accept takes a connection from its queue: it would be lost on a program that went on. */
static int may_install(struct task *task)
{
    const struct trapped_call *c = task->door;

    return c->was_parked && !notify_is_valid(c) ? -EINTR : 0;
}

static void take_signal(struct task *task, int signal)
{
    struct trapped_call *c = task->door;

    if (signal == SIGPIPE)
        c->has_sigpipe = true; /* SIGIO and SIGURG come out of the backing fd by themselves */
}

static const struct task_ops trapped_task_ops = {
    .file_get = get_file,
    .file_install = install_file,
    .may_install = may_install,
    .signal = take_signal,
};

/* Options that anyone may set, and that programs set for every request. */
static bool is_everyday_option(uint64_t level, uint64_t name)
{
    switch (level) {
    case SOL_SOCKET:
        return name == SO_REUSEADDR || name == SO_REUSEPORT || name == SO_KEEPALIVE || name == SO_LINGER ||
               name == SO_RCVBUF || name == SO_SNDBUF || name == SO_RCVTIMEO || name == SO_SNDTIMEO;
    case IPPROTO_TCP:
        return name == TCP_NODELAY || name == TCP_CORK || name == TCP_QUICKACK || name == TCP_KEEPIDLE ||
               name == TCP_KEEPINTVL || name == TCP_KEEPCNT || name == TCP_USER_TIMEOUT || name == TCP_DEFER_ACCEPT;
    default:
        return false;
    }
}

/* Reading them costs more than most calls: only where a call can depend on what a program may do. */
static bool needs_fresh_credentials(const struct seccomp_data *data)
{
    switch (data->nr) {
    case SYS_socket:
    case SYS_bind:
        return true;
    case SYS_setsockopt:
        return !is_everyday_option(data->args[1], data->args[2]);
    case SYS_ioctl:
        return data->args[1] != FIONREAD && data->args[1] != TIOCOUTQ;
    default:
        return false;
    }
}

/* The owner of a machine has all capabilities over it, as the owner of a user namespace has over what belongs to it. Root's
 * programs have the ones they have. */
static void fill_credentials(struct trapped_call *c)
{
    struct task_ref *task = c->task;
    struct credentials *to = &c->core_task.credentials;

    if (!task->has_credentials || needs_fresh_credentials(&c->data))
        task_load_credentials(task);
    to->pid = task->tgid;
    to->uid = task->credentials.euid;
    to->gid = task->credentials.egid;
    to->capabilities = task->credentials.effective_caps;
    if (task->has_credentials && c->door->owner_uid != 0 && to->uid == c->door->owner_uid)
        to->capabilities = UINT64_MAX;
}

static void on_done(struct call *call, int64_t result)
{
    struct trapped_call *c = call->door;

    c->result = result;
    list_add_tail(&c->door->completed, &c->node);
}

static void prepare(struct trapped_call *c)
{
    if (!c->memory.ctx)
        c->memory = (struct user_memory){ .copy_in = copy_in, .copy_out = copy_out, .ctx = c };
    c->core_task = (struct task){
        .ops = &trapped_task_ops, .machine = c->door->machine, .net = c->door->net, .memory = &c->memory, .door = c,
    };
    fill_credentials(c);
    c->call.task = &c->core_task;
    if (!c->call.number) {
        c->call.number = c->data.nr;
        memcpy(c->call.args, c->data.args, sizeof(c->call.args));
    }
    c->call.done = on_done;
    c->call.door = c;
}

/* O_NONBLOCK belongs to the open file description, which is the backing's. */
static void take_file_flags(struct trapped_call *c)
{
    int flags = fcntl(c->program_end, F_GETFL);

    if (flags >= 0)
        c->socket->file->flags = (c->socket->file->flags & ~(uint32_t)O_NONBLOCK) | ((uint32_t)flags & O_NONBLOCK);
}

void calls_drop_program_end(struct trapped_call *c)
{
    if (c->program_end >= 0)
        close(c->program_end);
    c->program_end = -1;
}

static void park(struct trapped_call *c)
{
    c->is_parked = c->was_parked = true;
    c->task->parked = c;
    if (c->socket) {
        list_add_tail(&c->socket->parked, &c->parked_node);
        sockets_show(c->socket, c->program_end);
    }
    calls_drop_program_end(c);
}

void calls_start(struct trapped_call *c)
{
    int64_t result;

    prepare(c);
    if (c->socket && c->program_end >= 0)
        take_file_flags(c);
    if (c->socket && (c->data.nr == SYS_accept || c->data.nr == SYS_accept4) && install_unclaimed(c))
        return;
    result = call_start(&c->call);
    if (result == CALL_PARKED)
        park(c);
    else
        calls_finish(c, result);
}

/* A parked call gave up its duplicate; the mirror may need one again. */
static void take_program_end(struct trapped_call *c)
{
    if (!c->socket || c->program_end >= 0)
        return;
    c->program_end = task_duplicate_fd(c->task, c->fd);
    if (c->program_end >= 0 && sockets_of_fd(c->door, c->program_end) != c->socket)
        calls_drop_program_end(c);
}

static void unpark(struct trapped_call *c)
{
    if (!c->is_parked)
        return;
    c->is_parked = false;
    if (c->task->parked == c)
        c->task->parked = NULL;
    if (list_is_linked(&c->parked_node))
        list_remove(&c->parked_node);
}

/* An accept that was woken alone but whose program went on wakes the next. */
static void pass_wake_on(const struct trapped_call *c, int64_t result)
{
    struct file *file = c->socket ? c->socket->file : NULL;

    if (result == -EINTR && c->was_parked && file && file->ops->wait_queue)
        wait_wake(file->ops->wait_queue(file), EPOLLIN | EPOLLRDNORM);
}

void calls_finish(struct trapped_call *c, int64_t result)
{
    struct door *door = c->door;

    if (c->is_parked) {
        take_program_end(c);
        unpark(c);
    }
    if (c->finish)
        result = c->finish(c, result);
    pass_wake_on(c, result);
    if (c->socket)
        sockets_show(c->socket, c->program_end);
    sockets_show_dirty(door, c->socket, c->program_end);
    if (c->installing) {
        if (!install_answer(c, result))
            return;
    } else if (result == -EPIPE && c->has_sigpipe && c->program_end >= 0) {
        backing_break_pipe(c->program_end);
        notify_continue(c); /* the kernel raises what belongs to it */
    } else {
        notify_reply(c, result);
    }
    calls_free(c);
}

void calls_cancel(struct trapped_call *c)
{
    call_cancel(&c->call);
    unpark(c);
    calls_free(c);
}

void calls_free(struct trapped_call *c)
{
    unpark(c);
    calls_drop_program_end(c);
    if (c->release_transfer)
        c->release_transfer(c);
    guardian_forget(c->door->guardian, c->guardian_slot);
    free(c);
}

/* As on Linux a call that waits keeps the file alive after its last close; the signal that ends the wait (as Java's close
 * sends it) is seen only by asking. */
void calls_check_orphans(struct door *door)
{
    list_for_each_safe(node, next, &door->orphans) {
        struct trapped_call *c = list_entry(node, struct trapped_call, parked_node);

        if (!notify_is_valid(c))
            calls_cancel(c);
    }
}

void calls_reap(struct door *door)
{
    do {
        while (!list_is_empty(&door->completed)) {
            struct trapped_call *c = list_first(&door->completed, struct trapped_call, node);

            list_remove(&c->node);
            calls_finish(c, c->result);
        }
        sockets_show_dirty(door, NULL, -1);
    } while (!list_is_empty(&door->completed));
}
