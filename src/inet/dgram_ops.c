/* AF_INET and AF_INET6 datagram and raw sockets: connect() names a peer, nothing is agreed with it. */
#include "inet/inet_ops.h"

static int dgram_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags)
{
    struct sock *sk = s->sock;
    int error = 0;

    (void)flags;
    if (bytes < sizeof(sa_family_t)) return -EINVAL;
    sock_own(sk);
    if (a->ss_family == AF_UNSPEC) {
        error = sk->proto->disconnect(sk);
    } else {
        error = inet_autobind(sk);
        if (!error) error = sk->proto->connect(sk, t, a, bytes);
    }
    sock_release(sk);
    return error;
}

static int no_accept(struct socket *s, struct socket *accepted, uint32_t flags)
{
    (void)s;
    (void)accepted;
    (void)flags;
    return -EOPNOTSUPP;
}

static int no_listen(struct socket *s, const struct task *t, int backlog)
{
    (void)s;
    (void)t;
    (void)backlog;
    return -EOPNOTSUPP;
}

/* The source address that a route to the peer gives, unless the program bound one. Tables may hold the peer too. */
static void adopt_source(struct inet_sock *is, const ip_addr_t *source)
{
    if (ip_is_any(&is->source) || ip_is4(&is->source) != ip_is4(source)) is->source = *source;
    if (ip_is_any(&is->local)) is->local = *source;
    if (is->sk.proto->rehash) is->sk.proto->rehash(&is->sk);
}

static int connect_route(struct inet_sock *is, ip_addr_t *source)
{
    struct ip_flow flow;
    struct route *r;
    int error = 0;

    inet_flow(is, &flow);
    r = route_output(is->sk.net, &flow, &error);
    if (!r) return error;
    if (r->kind == ROUTE_BROADCAST && !is->sk.broadcast) {
        route_put(r);
        return -EACCES;
    }
    inet_route_reset(is);
    is->route = r;
    *source = flow.source;
    return 0;
}

/* Link-local addresses and groups mean nothing without an interface. */
static bool needs_scope(const ip_addr_t *a)
{
    return !ip_is4(a) && (ip_is_link_local(a) || (ip_is_multicast(a) && (a->bytes[1] & 0xf) <= 2));
}

int inet_datagram_connect(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    struct inet_sock *is = inet_of(sk);
    ip_addr_t remote, source, old_remote = is->remote;
    uint16_t port, old_port = is->remote_port;
    int32_t scope;
    uint32_t flow_label;
    int error = inet_parse_address(sk, a, bytes, &remote, &port, &scope, &flow_label);

    (void)t;
    if (error) return error;
    if (scope) {
        if (sk->bound_ifindex && sk->bound_ifindex != scope) return -EINVAL;
        sk->bound_ifindex = scope;
    }
    if (needs_scope(&remote) && !sk->bound_ifindex && !(ip_is_multicast(&remote) && is->rare->multicast_ifindex6)) return -EINVAL;
    is->remote = remote;
    is->remote_port = port;
    inet_route_reset(is);
    error = connect_route(is, &source);
    if (error) {
        is->remote = old_remote;
        is->remote_port = old_port;
        return error;
    }
    is->flow_label = flow_label;
    sk->state = SOCK_ESTABLISHED;
    adopt_source(is, &source);
    return 0;
}

int inet_datagram_disconnect(struct sock *sk)
{
    struct inet_sock *is = inet_of(sk);

    sk->state = SOCK_CLOSE;
    is->remote = inet_is6(sk) ? ip_any6() : ip_any4();
    is->remote_port = 0;
    sk->bound_ifindex = 0;
    if (!is->is_address_locked) is->local = is->source = is->remote;
    if (is->is_port_locked) {
        if (sk->proto->rehash) sk->proto->rehash(sk);
    } else if (sk->type != SOCK_RAW && sk->proto->unhash) {
        sk->proto->unhash(sk);
    }
    inet_route_reset(is);
    return 0;
}

#define DATAGRAM_OPS { \
    .family = AF_INET, .release = inet_release, .bind = inet_bind, .connect = dgram_connect, .socketpair = inet_no_socketpair, \
    .accept = no_accept, .getname = inet_getname, .poll = inet_poll, .ioctl = inet_ioctl, .listen = no_listen, \
    .shutdown = inet_shutdown, .setsockopt = inet_ops_setsockopt, .getsockopt = inet_ops_getsockopt, .sendmsg = inet_sendmsg, \
    .recvmsg = inet_recvmsg }

const struct proto_ops inet_dgram_ops = DATAGRAM_OPS;
const struct proto_ops inet_raw_ops = DATAGRAM_OPS;
