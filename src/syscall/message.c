/* The waiting that sendmsg and recvmsg do on Linux inside the protocol: here around it, over any number of tries. */
#include "syscall/calls.h"

#define SIGNAL_PIPE 13 /* SIGPIPE */

void message_init(struct call *c, struct user_msg *msg, const struct vector *v, uint32_t flags)
{
    memset(msg, 0, offsetof(struct user_msg, name));
    user_iter_init(&msg->data, c->task->memory, v->entries, v->count);
    msg->flags = flags;
    msg->is_nonblocking = c->never_park || (flags & MSG_DONTWAIT) || (c->file->flags & O_NONBLOCK);
    msg->credentials = &c->task->credentials;
    msg->task = c->task;
}

static int64_t broken_pipe(struct call *c, const struct socket *s, const struct user_msg *msg)
{
    bool has_signal = s->type == SOCK_STREAM || (s->type == SOCK_SEQPACKET && s->ops->family == AF_UNIX);
    if (has_signal && !(msg->flags & MSG_NOSIGNAL) && c->task->ops->signal) c->task->ops->signal(c->task, SIGNAL_PIPE);
    return -EPIPE;
}

/* A stream sends on until all is taken; the others send a message as a whole or not at all. */
int64_t message_send(struct call *c, struct socket *s, struct user_msg *msg, uint64_t *done)
{
    bool is_stream = s->type == SOCK_STREAM;
    int64_t result = SECURITY_CHECK(s->net, SECURITY_SENDMSG, .task = c->task, .socket = s,
                                    .address = msg->name_bytes ? &msg->name : NULL, .address_bytes = msg->name_bytes);
    if (result) return result;
    if (*done) user_iter_advance(&msg->data, min_of(*done, msg->data.left));
    msg->done_bytes = *done;
    msg->opening = c->opening;
    uint64_t left = msg->data.left;
    result = s->ops->sendmsg(s, msg);
    c->opening = msg->opening;
    if (msg->opening == USER_MSG_LOST) *done = 0;
    if (is_stream) *done += result > 0 ? (uint64_t)result : left - msg->data.left;
    else if (result >= 0) return result;
    bool is_opening = msg->opening == USER_MSG_OPENS;
    if (result == -EAGAIN || is_opening || (result >= 0 && msg->data.left && (uint64_t)result < left)) {
        if (call_wait(c, EPOLLOUT | EPOLLWRNORM, s->sock->rare->send_timeout_ns, msg->flags) == CALL_PARKED) return CALL_PARKED;
        result = is_opening ? -EINPROGRESS : -EAGAIN;
    }
    c->opening = USER_MSG_NOT_OPENING;
    if (result >= 0 || *done) return (int64_t)*done;
    return result == -EPIPE ? broken_pipe(c, s, msg) : result;
}

/* How much a stream read waits for (Linux: sock_rcvlowat). */
static uint64_t receive_target(const struct socket *s, const struct user_msg *msg)
{
    uint64_t all = msg->data.left;
    if (s->type != SOCK_STREAM || (msg->flags & (MSG_ERRQUEUE | MSG_OOB))) return 0;
    uint64_t target = msg->flags & MSG_WAITALL ? all : min_of((uint64_t)s->sock->receive_low_water, all);
    return target ? target : 1;
}

/* The end: enough, the end of the stream, or something that a further read would take away from the next call. */
static bool has_enough(const struct socket *s, const struct user_msg *msg, uint64_t done, uint64_t target, long last)
{
    return done >= target || last == 0 || msg->control_used || s->sock->err || !msg->data.left;
}

int64_t message_receive(struct call *c, struct socket *s, struct user_msg *msg, uint64_t *done)
{
    int64_t result = SECURITY_CHECK(s->net, SECURITY_RECVMSG, .task = c->task, .socket = s);
    if (result) return result;
    uint64_t target = receive_target(s, msg);
    if (msg->flags & MSG_PEEK) *done = 0; /* looks from the start each time */
    if (*done) user_iter_advance(&msg->data, min_of(*done, msg->data.left));
    msg->done_bytes = *done;
    result = s->ops->recvmsg(s, msg);
    if (!target && result != -EAGAIN) return result;
    if (result > 0) *done += (uint64_t)result;
    if (result >= 0 && has_enough(s, msg, *done, target, result)) return (int64_t)*done;
    if (result >= 0 || result == -EAGAIN) {
        if ((msg->flags & (MSG_ERRQUEUE | MSG_OOB)) ||
            call_wait(c, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP, s->sock->rare->receive_timeout_ns, msg->flags) != CALL_PARKED)
            return *done ? (int64_t)*done : -EAGAIN;
        return CALL_PARKED;
    }
    return *done ? (int64_t)*done : result;
}
