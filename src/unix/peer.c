/* Who is joined with whom, who waits for whom, and what the end of one means to the other. */
#include "unix/unix_sock.h"

void unix_wait_for(struct unix_sock *u, struct unix_sock *room_in)
{
    list_remove(&u->waiting);
    list_add_tail(&room_in->waiters, &u->waiting);
}

void unix_wake_waiters(struct unix_sock *u)
{
    struct list woken;
    list_init(&woken);
    list_splice_tail(&woken, &u->waiters);
    while (!list_is_empty(&woken)) {
        struct unix_sock *w = list_first(&woken, struct unix_sock, waiting);
        list_remove(&w->waiting);
        sock_wake(&w->sock, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
    }
}

void unix_set_peer(struct sock *sk, struct sock *peer)
{
    struct unix_sock *u = unix_of(sk);
    struct sock *old = u->peer;
    u->peer = peer ? sock_get(peer) : NULL;
    if (old) sock_put(old);
}

bool unix_is_full(const struct sock *sk)
{
    return sk->receive_queue.count > ((const struct unix_sock *)(const void *)sk)->backlog_most;
}

/* Linux: unix_writable, a quarter of the buffer; stricter than the other families' half. */
bool unix_is_writeable(const struct sock *sk)
{
    return sk->state != SOCK_LISTEN && (uint64_t)sk->send_used_bytes * 4 <= sk->send_buffer_bytes;
}

/* Both see the end; what was not read here is lost, which the other is told as a reset. */
static void end_connection(struct sock *other, bool has_unread)
{
    other->shutdown = SOCK_SHUT_BOTH;
    if (has_unread) other->err = ECONNRESET;
    sock_wake(other, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLHUP | EPOLLRDHUP | EPOLLERR);
}

static void empty_queue(struct sock *sk)
{
    struct packet *p;
    while ((p = packet_queue_pop(&sk->receive_queue))) {
        if (sk->state == SOCK_LISTEN && p->sock) unix_release_sock(p->sock);
        packet_consume(p);
    }
}

static bool has_unread(const struct sock *sk)
{
    list_for_each(it, &sk->receive_queue.packets) {
        struct packet *p = list_entry(it, struct packet, node);
        if (packet_bytes(p) > 0 || sk->type != SOCK_STREAM) return true;
    }
    return false;
}

void unix_release_sock(struct sock *sk)
{
    struct unix_sock *u = unix_of(sk);
    struct sock *other = u->peer;
    bool is_connected_type = sk->type != SOCK_DGRAM;
    unix_forget_name(sk);
    sk->shutdown = SOCK_SHUT_BOTH;
    u->oob = NULL;
    u->peer = NULL;
    if (other && is_connected_type) end_connection(other, has_unread(sk) || u->is_embryo);
    sock_orphan(sk);
    list_remove(&u->waiting);
    unix_wake_waiters(u);
    sock_get(sk);
    empty_queue(sk);
    sk->state = SOCK_CLOSE;
    u->is_embryo = false;
    if (other) sock_put(other);
    sock_put(sk);
}

int unix_shutdown(struct socket *s, int how)
{
    struct sock *sk = s->sock, *other = unix_of(sk)->peer;
    if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
    uint8_t mode = (uint8_t)(how + 1);
    sk->shutdown |= mode;
    if (other && sk->type != SOCK_DGRAM) {
        other->shutdown |= (uint8_t)((mode & SOCK_SHUT_RECEIVE ? SOCK_SHUT_SEND : 0) | (mode & SOCK_SHUT_SEND ? SOCK_SHUT_RECEIVE : 0));
        sock_wake(other, 0);
    }
    sock_wake(sk, 0);
    unix_wake_waiters(unix_of(sk));
    return 0;
}

static void join(struct socket *s, struct socket *other)
{
    struct unix_sock *u = unix_of(s->sock);
    unix_set_peer(s->sock, other->sock);
    u->peer_credentials = unix_of(other->sock)->peer_credentials;
    u->has_peer_credentials = true;
    s->sock->state = SOCK_ESTABLISHED;
    s->state = SOCKET_CONNECTED;
}

int unix_socketpair(struct socket *a, struct socket *b)
{
    join(a, b);
    join(b, a);
    return 0;
}
