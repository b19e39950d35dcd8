/* sendmmsg and recvmmsg: c->progress counts whole messages; an error after the first is told by the next call. */
#include "syscall/calls.h"

#define MESSAGES_MOST 1024 /* Linux: UIO_MAXIOV */

static int put_length(struct call *c, uint64_t at, int64_t bytes)
{
    uint32_t length = (uint32_t)bytes;
    return user_out(c->task->memory, at + offsetof(struct mmsghdr, msg_len), &length, sizeof length);
}

int64_t sys_sendmmsg(struct call *c)
{
    struct socket *s = call_socket(c);
    uint32_t count = min_of((uint32_t)c->args[2], MESSAGES_MOST);
    int64_t result = 0;
    if (!s) return -ENOTSOCK;
    while (c->progress < count) {
        uint64_t at = c->args[1] + c->progress * sizeof(struct mmsghdr);
        result = send_header(c, s, at, (uint32_t)c->args[3], &c->message_bytes);
        if (result == CALL_PARKED) return result;
        if (result >= 0 && put_length(c, at, result)) result = -EFAULT;
        if (result < 0) break;
        c->message_bytes = 0;
        c->progress++;
    }
    return c->progress ? (int64_t)c->progress : result;
}

/* The time is only looked at between messages, as on Linux (recvmmsg(2), BUGS). */
static bool is_over(const struct call *c, uint64_t timeout_ns)
{
    return timeout_ns != NS_NEVER && c->task->machine->now_ns - c->started_ns >= timeout_ns;
}

static int64_t receive_all(struct call *c, struct socket *s, uint32_t flags, uint64_t timeout_ns)
{
    uint32_t out_flags;
    while (c->progress < (uint32_t)c->args[2]) {
        uint64_t at = c->args[1] + c->progress * sizeof(struct mmsghdr);
        uint32_t wait = c->progress && (flags & MSG_WAITFORONE) ? MSG_DONTWAIT : 0;
        int64_t result = receive_header(c, s, at, (flags & ~(uint32_t)MSG_WAITFORONE) | wait, &c->message_bytes, &out_flags);
        if (result == CALL_PARKED) return result;
        if (result >= 0 && put_length(c, at, result)) result = -EFAULT;
        if (result < 0) return result;
        c->message_bytes = 0;
        c->progress++;
        if ((out_flags & MSG_OOB) || is_over(c, timeout_ns)) break;
    }
    return 0;
}

int64_t sys_recvmmsg(struct call *c)
{
    struct socket *s = call_socket(c);
    uint64_t timeout_ns;
    if (!s) return -ENOTSOCK;
    int64_t result = import_timespec(c->task, c->args[4], &timeout_ns);
    if (result) return result;
    if (!((uint32_t)c->args[3] & MSG_ERRQUEUE) && !c->progress && (result = sock_take_error(s->sock))) return result;
    result = receive_all(c, s, (uint32_t)c->args[3], timeout_ns);
    if (result == CALL_PARKED || !c->progress) return result;
    if (result < 0 && result != -EAGAIN) s->sock->err = (int32_t)-result;
    return (int64_t)c->progress;
}
