/* The transports as `ss` may ask for them over netlink. */
#include "machine/tables.h"
#include "netlink/netlink.h"
#include "raw/raw.h"
#include "tcp/tcp.h"
#include "tcp/tcp_sock.h"
#include "udp/udp.h"

struct walk { int (*visit)(void *ctx, const struct diag_view *v); void *ctx; bool stopped; };

static int see_tcp(void *ctx, const struct tcp_view *v)
{
    struct walk *w = ctx;
    bool own = v->kind == TCP_VIEW_SOCK || v->kind == TCP_VIEW_LISTENER;
    struct diag_view d = { .sk = own ? v->sk : NULL, .family = v->family, .state = v->state, .timer = v->timer,
        .retransmits = v->timer == 4 ? v->probes : (uint8_t)v->retransmits, .local = v->local, .remote = v->remote,
        .local_port = v->local_port, .remote_port = v->remote_port, .ifindex = v->sk ? v->sk->bound_ifindex : 0, .uid = v->uid,
        .receive_queue = v->receive_queue, .send_queue = v->transmit_queue, .expires_ns = v->timer ? v->timer_left_ns : 0, .inode = v->inode };

    /* A listener's send queue is its limit; /proc/net/tcp has no place for it. */
    if (v->kind == TCP_VIEW_LISTENER) {
        struct tcp_listener_stats stats;

        if (tcp_listener_stats(v->sk, &stats)) {
            d.receive_queue = stats.accept_queue;
            d.send_queue = stats.accept_queue_limit;
        }
    }
    return w->visit(w->ctx, &d);
}

static void each_tcp(struct net *net, int (*visit)(void *ctx, const struct diag_view *v), void *ctx)
{
    struct walk w = { visit, ctx, false };

    tcp_each(net, see_tcp, &w);
}

static const char *tcp_congestion(struct sock *sk)
{
    const struct cc_ops *ops = tcp_of(sk)->cc.ops;

    return ops ? ops->name : NULL;
}

static int see_datagram(void *ctx, const struct inet_sock *is)
{
    struct walk *w = ctx;
    struct diag_view d = { .sk = (struct sock *)(uintptr_t)&is->sk, .family = (uint8_t)is->sk.family, .state = is->sk.state, .local = is->local,
        .remote = is->remote, .local_port = is->local_port, .remote_port = is->remote_port, .ifindex = is->sk.bound_ifindex,
        .uid = is->sk.uid, .receive_queue = is->sk.receive_used_bytes, .send_queue = is->sk.send_used_bytes, .inode = is->sk.inode };

    w->stopped = w->visit(w->ctx, &d) != 0;
    return w->stopped;
}

static void each_udp(struct net *net, int (*visit)(void *ctx, const struct diag_view *v), void *ctx)
{
    struct walk w = { visit, ctx, false };

    udp_each(net, see_datagram, &w);
}

static void each_raw(struct net *net, int (*visit)(void *ctx, const struct diag_view *v), void *ctx)
{
    struct walk w = { visit, ctx, false };

    raw_each(net, AF_INET, see_datagram, &w);
    if (!w.stopped) raw_each(net, AF_INET6, see_datagram, &w);
}

static int destroy_tcp(struct sock *sk)
{
    if (sk->state == SOCK_LISTEN) return -EOPNOTSUPP;
    sock_own(sk);
    if (sk->state != SOCK_CLOSE) tcp_abort(tcp_of(sk), ECONNABORTED);
    sock_release(sk);
    return 0;
}

static int destroy_datagram(struct sock *sk)
{
    sock_report_error(sk, ECONNABORTED);
    return inet_datagram_disconnect(sk);
}

const struct diag_protocol diag_protocols[] = {
    { IPPROTO_TCP, each_tcp, tcp_fill_info, tcp_congestion, tcp_fill_cc_info, destroy_tcp },
    { IPPROTO_UDP, each_udp, NULL, NULL, NULL, destroy_datagram },
    { IPPROTO_RAW, each_raw, NULL, NULL, NULL, destroy_datagram },
    { 0, NULL, NULL, NULL, NULL, NULL },
};
