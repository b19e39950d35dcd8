/* LISTEN: listen(), what a listener hears (RFC 9293 §3.10.7.2), its statistics. */
#include "tcp/tcp_net.h"

/* Fast Open for programs that know nothing of it. */
static void allow_fastopen(struct tcp_sock *tp, int backlog)
{
    const int64_t wanted = FASTOPEN_SERVER | FASTOPEN_WITHOUT_OPTION;
    struct net *net = tp->inet.sk.net;
    if ((net->sysctl.tcp_fastopen & wanted) != wanted || tp->settings->fastopen_limit) return;
    tcp_fastopen_set_limit(tp, backlog);
    tcp_fastopen_need_key(net);
}

int tcp_listen_start(struct sock *sk, int backlog)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct machine *m = sk->net->machine;
    uint32_t most = (uint32_t)sk->net->sysctl.somaxconn, limit = min_of((uint32_t)backlog, most);
    if (sk->state == TCPS_LISTEN) { /* again: a new limit only */
        tp->listener->limit = limit;
        return 0;
    }
    struct tcp_listener *l = machine_alloc(m, sizeof *l);
    if (!l) return -ENOBUFS;
    l->accept_end = &l->accept_first;
    l->limit = limit;
    tp->listener = l;
    tcp_timers_clear(tp);
    sk->state = TCPS_LISTEN; /* the port rules count it as listening from here on */
    int r = port_bind(sk->net->tcp->ports, &tp->inet, tp->inet.local_port);
    if (r) {
        r = -EADDRINUSE;
        goto no_port;
    }
    inet_route_reset(&tp->inet);
    allow_fastopen(tp, backlog);
    if ((r = tcp_hash_listening(tp))) goto no_port;
    return 0;
no_port:
    sk->state = TCPS_CLOSE;
    tp->listener = NULL;
    machine_free(m, l, sizeof *l);
    return r;
}

static void take_cookie(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct tcp_request r;
    if (!tcp_cookie_check(tp, seg, &r)) {
        tcp_send_reset_for(tp->inet.sk.net, seg);
        packet_drop(seg->packet, DROP_TCP_COOKIE_INVALID);
        return;
    }
    tp->listener->stats.cookies_valid++;
    struct tcp_sock *child = tcp_child_create(&r, seg);
    if (child) tcp_child_receive(tp, child, seg);
    else packet_drop(seg->packet, DROP_TCP_LISTEN_OVERFLOW);
}

void tcp_listen_receive(struct sock *listener, struct tcp_segment *seg)
{
    struct tcp_sock *tp = tcp_of(listener);
    struct net *net = listener->net;
    if (seg->flags & TCP_RST) {
        packet_drop(seg->packet, DROP_TCP_LISTEN_STATE);
    } else if (seg->flags & TCP_ACK) {
        if (net->sysctl.tcp_syncookies && !(seg->flags & TCP_SYN)) {
            take_cookie(tp, seg);
            return;
        }
        tcp_send_reset_for(net, seg);
        packet_drop(seg->packet, DROP_TCP_LISTEN_STATE);
    } else if ((seg->flags & (TCP_SYN | TCP_FIN)) == TCP_SYN) {
        tp->listener->stats.syns_received++;
        tcp_connection_request(tp, seg, false, seq(0));
    } else {
        packet_drop(seg->packet, DROP_TCP_FLAGS);
    }
}

bool tcp_listener_stats(const struct sock *sk, struct tcp_listener_stats *out)
{
    if (sk->state != TCPS_LISTEN) return false;
    const struct tcp_listener *l = tcp_of(sk)->listener;
    *out = l->stats;
    out->syn_queue = l->requests;
    out->accept_queue = l->accept_count;
    out->accept_queue_limit = l->limit;
    out->syn_queue_limit = l->limit;
    return true;
}
