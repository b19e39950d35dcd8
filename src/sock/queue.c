/* What packets cost a sock: charged with Linux's truesize while they wait to be read or are on their way out. */
#include "sock/sock.h"

/* A packet changes hands: whoever was charged before is no more. */
static void disown(struct packet *p)
{
    if (p->release) p->release(p);
    p->release = NULL;
    p->sock = NULL;
}

static uint64_t *shared_account(struct sock *sk)
{
    return sk->protocol == IPPROTO_UDP && sk->type == SOCK_DGRAM && sk->family != AF_UNIX ? &sk->net->sock->udp_bytes : NULL;
}

static void release_received(struct packet *p)
{
    struct sock *sk = p->sock;
    uint64_t *shared = shared_account(sk);

    sk->receive_used_bytes -= min_of(sk->receive_used_bytes, p->truesize_bytes);
    if (shared) *shared -= min_of(*shared, (uint64_t)p->truesize_bytes);
    p->release = NULL;
    p->sock = NULL;
}

/* No reference: the queues that hold such packets end before the sock. */
void sock_charge_receive_always(struct sock *sk, struct packet *p)
{
    uint64_t *shared = shared_account(sk);

    disown(p);
    p->sock = sk;
    p->release = release_received;
    sk->receive_used_bytes += p->truesize_bytes;
    if (shared) *shared += p->truesize_bytes;
}

bool sock_charge_receive(struct sock *sk, struct packet *p)
{
    if (sk->receive_used_bytes >= sk->receive_buffer_bytes) return false;
    sock_charge_receive_always(sk, p);
    return true;
}

void sock_uncharge_receive(struct sock *sk, struct packet *p)
{
    if (p->sock == sk && p->release == release_received) release_received(p);
}

static void release_sent(struct packet *p)
{
    struct sock *sk = p->sock;

    sk->send_used_bytes -= min_of(sk->send_used_bytes, p->truesize_bytes);
    p->release = NULL;
    p->sock = NULL;
    sock_write_space(sk);
    sock_put(sk);
}

void sock_charge_send(struct sock *sk, struct packet *p)
{
    disown(p);
    p->sock = sock_get(sk);
    p->release = release_sent;
    sk->send_used_bytes += p->truesize_bytes;
}

bool sock_is_writeable(const struct sock *sk)
{
    return sk->send_used_bytes < sk->send_buffer_bytes >> 1;
}

void sock_queue_append(struct sock *sk, struct packet *p)
{
    p->device = NULL; /* may go away while we wait; in_ifindex stays */
    p->scratch[SOCK_SCRATCH_DROPS] = sk->drops;
    packet_queue_push(&sk->receive_queue, p);
    if (!sk->is_dead) sock_data_ready(sk);
}

int sock_queue_receive(struct sock *sk, struct packet *p)
{
    uint32_t keep_bytes = sock_filter_run(sk, p);

    if (!keep_bytes) return -EPERM;
    if (keep_bytes < packet_bytes(p)) packet_trim(p, keep_bytes);
    if (!sock_charge_receive(sk, p)) {
        sk->drops++;
        return -ENOMEM;
    }
    sock_queue_append(sk, p);
    return 0;
}

static int copy_piece(void *ctx, const uint8_t *at, uint32_t bytes)
{
    return user_iter_out(ctx, at, bytes);
}

int sock_copy_out(const struct packet *p, uint32_t offset, struct user_iter *to, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    if (bytes > 0 && offset >= head && (uint64_t)offset + bytes <= (uint64_t)head + p->body_bytes) /* as nearly all */
        return user_iter_out(to, p->body + (offset - head), bytes);
    return packet_visit(p, offset, bytes, copy_piece, to);
}

struct packet *sock_datagram_next(struct sock *sk, const struct user_msg *msg, int *error)
{
    *error = sock_take_error(sk);
    if (*error) return NULL;
    if (sk->receive_queue.count) return msg->flags & MSG_PEEK ? packet_queue_peek(&sk->receive_queue) : packet_queue_pop(&sk->receive_queue);
    /* Linux looks at the shutdown only when it is about to wait. */
    *error = (sk->shutdown & SOCK_SHUT_RECEIVE) && !msg->is_nonblocking ? 0 : -EAGAIN;
    return NULL;
}

uint32_t sock_datagram_poll(struct sock *sk)
{
    uint32_t mask = 0;

    if (sk->err || sk->rare->error_queue.count) mask |= EPOLLERR | (sk->select_err_queue ? EPOLLPRI : 0);
    if (sk->shutdown & SOCK_SHUT_RECEIVE) mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (sk->shutdown == SOCK_SHUT_BOTH) mask |= EPOLLHUP;
    if (sk->receive_queue.count) mask |= EPOLLIN | EPOLLRDNORM;
    if (sock_is_writeable(sk)) mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return mask;
}

int sock_datagram_ioctl(struct sock *sk, unsigned command, int *value)
{
    const struct packet *p = packet_queue_peek(&sk->receive_queue);

    switch (command) {
    case SIOCOUTQ:
        *value = (int)sk->send_used_bytes;
        return 0;
    case SIOCINQ:
        *value = p ? (int)packet_bytes(p) : 0;
        return 0;
    default:
        return -ENOIOCTLCMD;
    }
}

void sock_datagram_backlog(struct sock *sk, struct packet *p)
{
    (void)sk;
    packet_drop(p, DROP_NOT_SPECIFIED); /* nothing is ever put there */
}

int sock_may_send(struct sock *sk)
{
    int error = sock_take_error(sk);

    if (error) return error;
    if (sk->shutdown & SOCK_SHUT_SEND) return -EPIPE;
    return sock_send_room(sk) ? 0 : -EAGAIN;
}
