/* One notification: whose is it, and who answers.
 *
 * A call on an fd that is not a weir socket is let go on natively (CONTINUE). That is no security decision: nothing that
 * reaches the host's network can be had natively, because socket() is never let go on for a network family. */
#include "runner/door.h"

#include "runner/ring.h"
#include "socket/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct task_source {
    struct source source;
    struct task_ref *task;
};

struct task_ref *notify_task(struct door *door, pid_t tid, struct broker *broker)
{
    struct task_ref *task = task_get(&door->tasks, tid, broker);
    struct task_source *source;
    struct epoll_event event = { .events = EPOLLIN };

    if (!task || task->source)
        return task;
    source = calloc(1, sizeof(*source));
    if (!source)
        return task;
    source->source.kind = SOURCE_TASK;
    source->task = task;
    event.data.ptr = source;
    if (epoll_ctl(door->epoll_fd, EPOLL_CTL_ADD, task->pidfd, &event) < 0)
        free(source);
    else
        task->source = &source->source;
    return task;
}

void notify_forget_task(struct door *door, struct task_ref *task)
{
    if (task->parked)
        calls_cancel(task->parked);
    install_forget_task(door, task);
    ring_forget_task(door, task);
    free(task->lost);
    task->lost = NULL;
    if (task->source) {
        task->source->is_dead = true;
        list_add_tail(&door->graveyard, &task->source->graveyard_node);
    }
    task_drop(&door->tasks, task);
}

void notify_task_event(struct door *door, struct source *source)
{
    if (!source->is_dead)
        notify_forget_task(door, ((struct task_source *)source)->task);
}

bool notify_is_valid(const struct trapped_call *c)
{
    uint64_t id = c->id;

    return ioctl(c->run->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* The program was taken out of the call by a signal after the call had its effect. */
static void keep_lost_result(struct trapped_call *c, int64_t result)
{
    struct lost_result *lost;

    if (result < 0)
        return;
    lost = malloc(sizeof(*lost));
    if (!lost)
        return;
    *lost = (struct lost_result){ .data = c->data, .result = result };
    free(c->task->lost);
    c->task->lost = lost;
}

static int send_response(int listener, struct seccomp_notif_resp *response)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) < 0 ? -errno : 0;
}

void notify_reply(struct trapped_call *c, int64_t result)
{
    struct seccomp_notif_resp response = { .id = c->id };

    calls_drop_program_end(c);
    if (result < 0)
        response.error = (int)result;
    else
        response.val = result;
    if (send_response(c->run->listener, &response) == -ENOENT)
        keep_lost_result(c, result);
}

static void let_go(int listener, uint64_t id)
{
    struct seccomp_notif_resp response = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

    send_response(listener, &response);
}

void notify_continue(struct trapped_call *c)
{
    calls_drop_program_end(c);
    c->door->continued_calls++;
    let_go(c->run->listener, c->id);
}

static void continue_and_free(struct trapped_call *c)
{
    notify_continue(c);
    calls_free(c);
}

static void reply_and_free(struct trapped_call *c, int64_t result)
{
    notify_reply(c, result);
    calls_free(c);
}

/* Data of a pumped socket flows through the pair by itself, and so does its end. */
static bool flows_natively(const struct trapped_call *c)
{
    if (!c->socket->pump || pump_is_upward_only(c->socket))
        return false;
    switch (c->data.nr) {
    case SYS_read: case SYS_readv: case SYS_preadv2: case SYS_recvfrom: case SYS_recvmsg: case SYS_recvmmsg:
    case SYS_write: case SYS_writev: case SYS_pwritev2: case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg:
    case SYS_shutdown: case SYS_sendfile: case SYS_splice:
        return true;
    default:
        return false;
    }
}

static bool socket_has_shown_end(const struct door_socket *socket)
{
    return !socket->pump && (socket->backing.is_read_closed || socket->backing.is_hung_up);
}

static void duplicate_onto(struct trapped_call *c)
{
    if (socket_has_shown_end(c->socket))
        install_renew(c);
    pump_mark_low(c->socket, c->program_end);
    sockets_show_dirty(c->door, NULL, -1);
    continue_and_free(c);
}

/* A socket whose first connection failed may try again. While it connects it is not writable: being connected is an edge
 * even when nobody saw it unconnected in between. */
static void prepare_connect(struct trapped_call *c)
{
    const struct socket *core_socket = socket_from_file(c->socket->file);

    if (socket_has_shown_end(c->socket))
        install_renew(c);
    else if (c->socket->is_stream && !c->socket->pump && core_socket->state == SOCKET_UNCONNECTED)
        backing_show(&c->socket->backing, 0, false, c->program_end);
}

/* TCP Fast Open: a send that connects. */
static bool connects_by_sending(const struct trapped_call *c)
{
    const struct socket *core_socket = socket_from_file(c->socket->file);
    uint64_t flags = c->data.nr == SYS_sendmsg ? c->data.args[2] : c->data.args[3];

    if (c->data.nr != SYS_sendto && c->data.nr != SYS_sendmsg && c->data.nr != SYS_sendmmsg)
        return false;
    return flags & MSG_FASTOPEN && core_socket && core_socket->state == SOCKET_UNCONNECTED;
}

static void on_weir_socket(struct trapped_call *c)
{
    if (flows_natively(c)) {
        continue_and_free(c);
        return;
    }
    if (ring_call(c))
        return;
    if (connects_by_sending(c))
        prepare_connect(c);
    switch (c->data.nr) {
    case SYS_connect:
        prepare_connect(c);
        calls_start(c);
        break;
    case SYS_dup:
        install_duplicate(c, 0, false);
        break;
    case SYS_fcntl:
        install_duplicate(c, (int)c->data.args[2], c->data.args[1] == F_DUPFD_CLOEXEC);
        break;
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
        duplicate_onto(c);
        break;
    default:
        calls_start(c);
    }
}

/* Fds inside a message that leave for another process: there they may get any number. */
static void mark_passed_fds(struct trapped_call *c, uint64_t control, size_t bytes)
{
    enum { CONTROL_MAX = 65536 };
    char *data;

    if (bytes < sizeof(struct cmsghdr) || bytes > CONTROL_MAX || !(data = malloc(bytes)))
        return;
    if (task_read(c->task, data, control, bytes) == 0) {
        struct msghdr message = { .msg_control = data, .msg_controllen = bytes };

        for (struct cmsghdr *m = CMSG_FIRSTHDR(&message); m; m = CMSG_NXTHDR(&message, m)) {
            if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
                continue;
            for (size_t at = 0; at + sizeof(int) <= m->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
                struct door_socket *socket;
                int fd, copy;

                memcpy(&fd, CMSG_DATA(m) + at, sizeof(fd));
                copy = task_duplicate_fd(c->task, fd);
                if (copy < 0)
                    continue;
                socket = sockets_of_fd(c->door, copy);
                if (socket)
                    pump_mark_low(socket, copy);
                close(copy);
            }
        }
    }
    free(data);
}

static void mark_passed_in(struct trapped_call *c, uint64_t message_address)
{
    struct msghdr message;

    if (task_read(c->task, &message, message_address, sizeof(message)) == 0 && message.msg_control)
        mark_passed_fds(c, (uint64_t)(uintptr_t)message.msg_control, message.msg_controllen);
}

/* Not a weir socket: the host's own, except that weir sockets may be sent through it. */
static void on_host_fd(struct trapped_call *c)
{
    enum { MESSAGES_MAX = 1024 };

    if (c->data.nr == SYS_sendmsg)
        mark_passed_in(c, c->data.args[1]);
    else if (c->data.nr == SYS_sendmmsg)
        for (uint64_t i = 0; i < c->data.args[2] && i < MESSAGES_MAX; i++)
            mark_passed_in(c, c->data.args[1] + i * sizeof(struct mmsghdr));
    continue_and_free(c);
}

int notify_look_up(struct trapped_call *c, int fd)
{
    c->fd = fd;
    c->program_end = task_duplicate_fd(c->task, fd);
    if (c->program_end < 0)
        return c->program_end;
    c->socket = sockets_of_fd(c->door, c->program_end);
    if (!c->socket)
        ring_restore(c);
    return 0;
}

static void on_fd(struct trapped_call *c)
{
    int error = notify_look_up(c, (int)c->data.args[0]);

    if (error == -EPERM)
        reply_and_free(c, -EPERM); /* the program made itself invisible: better refused than done to the backing fd */
    else if (c->socket)
        on_weir_socket(c);
    else if (!served_call(c))
        on_host_fd(c);
}

/* Taken note of before it happens: the thread's next call comes after it. A thread that executes a program may become
 * the leader of its group. */
static void on_identity_call(struct trapped_call *c)
{
    struct task_ref *leader = task_find(&c->door->tasks, c->task->tgid);

    c->task->has_credentials = false;
    if (leader)
        leader->has_credentials = false;
    continue_and_free(c);
}

static void dispatch(struct trapped_call *c)
{
    switch (c->data.nr) {
    case SYS_socket:
        calls_start(c);
        break;
#ifdef SYS_open
    case SYS_open:
#endif
    case SYS_openat:
    case SYS_openat2:
        served_open(c);
        break;
    case SYS_sendfile:
        transfer_sendfile(c);
        break;
    case SYS_splice:
        transfer_splice(c);
        break;
    case SYS_mmap:
        ring_map(c);
        break;
    case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid: case SYS_setresuid: case SYS_setresgid:
    case SYS_setfsuid: case SYS_setfsgid: case SYS_capset: case SYS_unshare: case SYS_setns: case SYS_execve:
    case SYS_execveat:
        on_identity_call(c);
        break;
    case SYS_io_submit:
        aio_submit(c);
        break;
    default:
        on_fd(c);
    }
}

static bool is_same_call(const struct seccomp_data *a, const struct seccomp_data *b)
{
    return a->nr == b->nr && memcmp(a->args, b->args, sizeof(a->args)) == 0;
}

/* Taken up where it was: what was moved is not moved again, and a timeout goes on running. */
static bool goes_on(const struct trapped_call *parked)
{
    return call_has_progress(&parked->call) || (parked->call.has_deadline && parked->call.deadline_ns != NS_NEVER);
}

/* The thread is here again although a call of its own was parked, or answered too late: a signal came in between. True
 * when the notification is dealt with. */
static bool repeats(struct task_ref *task, const struct seccomp_notif *notification, int listener)
{
    struct trapped_call *parked = task->parked;
    struct lost_result *lost = task->lost;
    bool is_repeated;

    if (parked) {
        if (is_same_call(&parked->data, &notification->data) && goes_on(parked)) {
            parked->id = notification->id;
            guardian_renote(parked->door->guardian, parked->guardian_slot, notification->id);
            return true;
        }
        calls_cancel(parked);
    }
    if (!lost)
        return false;
    task->lost = NULL;
    is_repeated = is_same_call(&lost->data, &notification->data);
    if (is_repeated) {
        struct seccomp_notif_resp response = { .id = notification->id, .val = lost->result };

        send_response(listener, &response);
    }
    free(lost);
    return is_repeated;
}

static struct trapped_call *make_call(struct door *door, struct run *run, struct task_ref *task,
                                      const struct seccomp_notif *notification)
{
    struct trapped_call *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->door = door;
    c->run = run;
    c->task = task;
    c->id = notification->id;
    c->data = notification->data;
    c->guardian_slot = guardian_note(door->guardian, run->guardian_number, notification);
    c->fd = c->program_end = -1;
    list_init(&c->node);
    list_init(&c->parked_node);
    return c;
}

void notify_handle(struct door *door, struct run *run)
{
    struct seccomp_notif notification = { 0 };
    struct task_ref *task;
    struct trapped_call *c;

    guardian_expect(door->guardian, run->guardian_number, run->last_id);
    if (ioctl(run->listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0)
        return; /* the program was killed meanwhile */
    run->last_id = notification.id;
    door->trapped_calls++;
    door->look_at_events(door);
    task = notify_task(door, (pid_t)notification.pid, run->is_brokered ? &run->broker : NULL);
    if (!task) {
        struct seccomp_notif_resp response = { .id = notification.id, .error = -EPERM };

        send_response(run->listener, &response);
        return;
    }
    if (repeats(task, &notification, run->listener))
        return;
    c = make_call(door, run, task, &notification);
    if (c) {
        dispatch(c);
    } else {
        struct seccomp_notif_resp response = { .id = notification.id, .error = -ENOMEM };

        send_response(run->listener, &response);
    }
    calls_reap(door);
}
