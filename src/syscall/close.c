/* close(). A connection that lingers (SO_LINGER with a time) keeps its program waiting until the peer has acknowledged its last
 * word. Until then the socket is only shut down both ways; what close() does follows when the call lets go of the file. */
#include "syscall/calls.h"

enum { FIN_WAIT_1 = 4, LAST_ACK = 9, CLOSING = 11 }; /* sock->state: our FIN is not acknowledged yet */

static bool is_last_word_out(const struct sock *sk) { return sk->state == FIN_WAIT_1 || sk->state == LAST_ACK || sk->state == CLOSING; }

/* Unread data makes close() a reset, for which nobody waits. */
static struct socket *lingering(const struct call *c, struct file *f)
{
    struct socket *s = socket_from_file(f);
    if (c->never_park || !s || !s->sock || s->type != SOCK_STREAM || !s->ops->shutdown || f->references > 1) return NULL;
    return s->sock->linger && s->sock->rare->linger_s && !s->sock->receive_queue.count ? s : NULL;
}

static int64_t wait_for_peer(struct call *c)
{
    const struct sock *sk = call_socket(c)->sock;
    if (!is_last_word_out(sk) || call_wait_timeout(c, sk->rare->linger_s * NS_PER_S) != CALL_PARKED) return 0;
    if (c->is_waiting) return CALL_PARKED;
    c->is_waiting = true;
    c->wait_events = UINT32_MAX;
    wait_add(file_wait_queue(c->file), &c->wait);
    return CALL_PARKED;
}

int64_t sys_close(struct call *c)
{
    const struct task_ops *ops = c->task->ops;
    if (c->file) return wait_for_peer(c);
    if (!ops->file_close) return -ENOSYS;
    struct file *f = c->task->fds.machine ? fd_table_get(&c->task->fds, (int)c->args[0]) : NULL;
    struct socket *s = f ? lingering(c, f) : NULL;
    if (!s) return ops->file_close(c->task, (int)c->args[0]);
    c->file = file_get(f);
    ops->file_close(c->task, (int)c->args[0]);
    s->ops->shutdown(s, SHUT_RDWR);
    return wait_for_peer(c);
}
