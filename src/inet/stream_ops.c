/* AF_INET and AF_INET6 stream sockets: the states of connect(), listen, accept; and the calls that only hand on. */
#include "inet/inet_ops.h"

/* Where a connection attempt stands. The sock is owned. */
static int connect_result(struct socket *s, int pending)
{
    struct sock *sk = s->sock;
    int error;

    if (sk->state == SOCK_SYN_SENT || sk->state == SOCK_SYN_RECV) return pending;
    if (sk->state != SOCK_CLOSE) {
        s->state = SOCKET_CONNECTED;
        return 0;
    }
    error = sock_take_error(sk);
    s->state = SOCKET_UNCONNECTED;
    if (sk->proto->disconnect(sk)) s->state = SOCKET_DISCONNECTING;
    return error ? error : -ECONNABORTED;
}

static int stream_disconnect(struct socket *s)
{
    int error = s->sock->proto->disconnect(s->sock);

    s->state = error ? SOCKET_DISCONNECTING : SOCKET_UNCONNECTED;
    return error;
}

int inet_stream_open(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, bool is_send)
{
    struct sock *sk = s->sock;
    int error;

    if (a && bytes < sizeof(sa_family_t)) return -EINVAL;
    if (a && a->ss_family == AF_UNSPEC) return stream_disconnect(s);
    switch (s->state) {
    case SOCKET_CONNECTED:
        return -EISCONN;
    case SOCKET_CONNECTING:
        if (!inet_of(sk)->defer_connect) return connect_result(s, -EALREADY);
        return connect_result(s, is_send ? -EINPROGRESS : -EISCONN); /* Fast Open: the first send connects */
    case SOCKET_UNCONNECTED:
        if (sk->state != SOCK_CLOSE) return -EISCONN;
        error = sk->proto->connect(sk, t, a, bytes);
        if (error < 0) return error;
        s->state = SOCKET_CONNECTING;
        return inet_of(sk)->defer_connect ? 0 : connect_result(s, -EINPROGRESS);
    default:
        return -EINVAL;
    }
}

static int stream_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags)
{
    struct sock *sk = s->sock;
    int error;

    (void)flags; /* nothing waits here */
    sock_own(sk);
    error = inet_stream_open(s, t, a, bytes, false);
    sock_release(sk);
    return error;
}

static int stream_listen(struct socket *s, const struct task *t, int backlog)
{
    struct sock *sk = s->sock;
    int error = -EINVAL;

    (void)t;
    sock_own(sk);
    if (s->state == SOCKET_UNCONNECTED && (sk->state == SOCK_CLOSE || sk->state == SOCK_LISTEN)) error = sk->proto->listen(sk, backlog);
    sock_release(sk);
    return error;
}

static int stream_accept(struct socket *s, struct socket *accepted, uint32_t flags)
{
    struct sock *child = NULL;
    int error = s->sock->proto->accept(s->sock, &child);

    (void)flags;
    if (error) return error;
    accepted->type = s->type;
    accepted->ops = s->ops;
    accepted->sock = child;
    accepted->state = SOCKET_CONNECTED;
    sock_graft(child, accepted, &accepted->wait);
    return 0;
}

static uint64_t stream_linger(struct socket *s)
{
    struct sock *sk = s->sock;
    uint64_t wait_ns;

    if (!sk->linger || !sk->proto->linger) return 0;
    sock_own(sk);
    wait_ns = sk->proto->linger(sk);
    sock_release(sk);
    return wait_ns;
}

uint32_t inet_poll(struct socket *s)
{
    return s->sock->proto->poll(s->sock);
}

int inet_ioctl(struct socket *s, const struct task *t, unsigned command, uint64_t argument)
{
    int value = 0, error;

    error = s->sock->family == AF_INET ? inet_interface_ioctl(s->net, t, command, argument) : -ENOIOCTLCMD;
    if (error != -ENOIOCTLCMD || !s->sock->proto->ioctl) return error;
    error = s->sock->proto->ioctl(s->sock, command, &value);
    return error ? error : user_out(t->memory, argument, &value, sizeof(value));
}

int inet_ops_setsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    struct sock *sk = s->sock;

    return sk->proto->setsockopt ? sk->proto->setsockopt(sk, level, name, o) : inet_setsockopt(sk, level, name, o);
}

int inet_ops_getsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    struct sock *sk = s->sock;

    return sk->proto->getsockopt ? sk->proto->getsockopt(sk, level, name, o) : inet_getsockopt(sk, level, name, o);
}

long inet_sendmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    long sent;

    if (sk->type != SOCK_STREAM && inet_autobind(sk)) return -EAGAIN;
    sent = sk->proto->sendmsg(sk, msg);
    /* A stream tells by itself, when its bytes are acknowledged. */
    if (sent >= 0 && sk->type != SOCK_STREAM && sk->zero_copy && (msg->flags & MSG_ZEROCOPY)) sock_zero_copy_done(sk);
    return sent;
}

long inet_recvmsg(struct socket *s, struct user_msg *msg)
{
    return s->sock->proto->recvmsg(s->sock, msg);
}

int inet_no_socketpair(struct socket *a, struct socket *b)
{
    (void)a;
    (void)b;
    return -EOPNOTSUPP;
}

const struct proto_ops inet_stream_ops = {
    .family = AF_INET,
    .release = inet_release,
    .bind = inet_bind,
    .connect = stream_connect,
    .socketpair = inet_no_socketpair,
    .accept = stream_accept,
    .getname = inet_getname,
    .poll = inet_poll,
    .ioctl = inet_ioctl,
    .listen = stream_listen,
    .shutdown = inet_shutdown,
    .linger = stream_linger,
    .setsockopt = inet_ops_setsockopt,
    .getsockopt = inet_ops_getsockopt,
    .sendmsg = inet_sendmsg,
    .recvmsg = inet_recvmsg,
};
