/* What /proc/net/tcp, sock_diag and statistics see of the tables: listeners first, then connections, requests, TIME-WAITs. */
#include "tcp/tcp_net.h"

struct walk { struct tcp_net *tn; int (*visit)(void *ctx, const struct tcp_view *v); void *ctx; };

static uint64_t left_ns(const struct tcp_net *tn, uint64_t due_ns)
{
    uint64_t now_ns = tn->net->machine->now_ns;
    return due_ns == NS_NEVER || due_ns <= now_ns ? 0 : due_ns - now_ns;
}

/* Linux's numbers: 1 retransmission or loss probe, 4 window probe, 2 keepalive or another, 0 none. */
static void view_timer(const struct tcp_net *tn, const struct tcp_sock *tp, struct tcp_view *v)
{
    uint64_t retransmit_ns = min_of(tp->flight->due.retransmit_ns, min_of(tp->flight->due.loss_probe_ns, tp->flight->due.reorder_ns));
    uint64_t keep_ns = min_of(tp->keepalive_due_ns, tp->flight->due.fin_wait2_ns);
    if (retransmit_ns != NS_NEVER) {
        v->timer = 1;
        v->timer_left_ns = left_ns(tn, retransmit_ns);
    } else if (tp->flight->due.probe_ns != NS_NEVER) {
        v->timer = 4;
        v->timer_left_ns = left_ns(tn, tp->flight->due.probe_ns);
    } else if (keep_ns != NS_NEVER) {
        v->timer = 2;
        v->timer_left_ns = left_ns(tn, keep_ns);
    }
}

static void view_addresses(const struct tcp_sock *tp, struct tcp_view *v)
{
    const struct inet_sock *is = &tp->inet;
    v->local = is->local;
    v->remote = is->remote;
    v->local_port = is->local_port;
    v->remote_port = is->remote_port;
    v->state = is->sk.state;
    v->family = (uint8_t)is->sk.family;
    v->uid = is->sk.uid;
    v->inode = is->sk.inode;
    v->references = is->sk.references;
}

static int visit_listener(void *ctx, struct chain_node *n)
{
    struct walk *w = ctx;
    struct tcp_sock *tp = list_entry(n, struct tcp_sock, inet.lookup_node);
    struct tcp_view v = { .kind = TCP_VIEW_LISTENER, .sk = sk_of(tp), .receive_queue = tp->listener->accept_count,
        .cwnd = tp->snd.cwnd_packets, .rto_ns = tp->rtt.rto_ns, .transmit_queue = 0 };
    view_addresses(tp, &v);
    v.ssthresh = -1;
    return w->visit(w->ctx, &v);
}

static int visit_sock(void *ctx, struct chain_node *n)
{
    struct walk *w = ctx;
    struct tcp_sock *tp = list_entry(n, struct tcp_sock, inet.lookup_node);
    int32_t unread = (int32_t)(tp->rcv.nxt.v - tp->rcv.copied.v);
    struct tcp_view v = { .kind = TCP_VIEW_SOCK, .sk = sk_of(tp), .transmit_queue = seq_diff(tp->snd.write, tp->snd.una),
        .receive_queue = unread > 0 ? (uint32_t)unread : 0, .retransmits = tp->retransmits, .probes = tp->probes_out,
        .cwnd = tp->snd.cwnd_packets, .rto_ns = tp->rtt.rto_ns, .ato_ns = tp->ato_ms * NS_PER_MS,
        .quick_or_pingpong = (uint32_t)tp->quick_acks << 1 | tp->is_pingpong };
    /* Linux: an ssthresh that was never set shows as -1. */
    v.ssthresh = tp->snd.ssthresh_packets >= 0x7fffffff ? -1 : (int32_t)tp->snd.ssthresh_packets;
    view_addresses(tp, &v);
    view_timer(w->tn, tp, &v);
    return w->visit(w->ctx, &v);
}

static int visit_request(void *ctx, struct chain_node *n)
{
    struct walk *w = ctx;
    struct tcp_request *r = list_entry(n, struct tcp_request, node);
    const struct inet_sock *is = &r->listener->inet;
    struct tcp_view v = { .kind = TCP_VIEW_REQUEST, .sk = sk_of(r->listener), .local = r->local, .remote = r->remote,
        .local_port = is->local_port, .remote_port = r->remote_port, .state = TCPS_SYN_RECV, .family = (uint8_t)is->sk.family,
        .timer = 1, .timer_left_ns = left_ns(w->tn, r->timer.deadline_ns), .retransmits = r->timeouts, .uid = is->sk.uid };
    if (is->sk.state != TCPS_LISTEN) return 0;
    return w->visit(w->ctx, &v);
}

static int visit_time_wait(void *ctx, struct chain_node *n)
{
    struct walk *w = ctx;
    struct tcp_time_wait *tw = list_entry(n, struct tcp_time_wait, node);
    struct tcp_view v = { .kind = TCP_VIEW_TIME_WAIT, .local = tw->hold.local, .remote = tw->remote, .local_port = time_wait_port(tw),
        .remote_port = tw->remote_port, .family = tw->hold.owner_bits & TIME_WAIT_IS6 ? AF_INET6 : AF_INET, .timer = 3,
        .timer_left_ns = tcp_time_wait_left_ns(w->tn, tw), .references = 1,
        .state = tw->hold.owner_bits & TIME_WAIT_IS_FIN_WAIT2 ? TCPS_FIN_WAIT2 : TCPS_TIME_WAIT };
    return w->visit(w->ctx, &v);
}

void tcp_each(struct net *net, int (*visit)(void *ctx, const struct tcp_view *v), void *ctx)
{
    struct tcp_net *tn = net->tcp;
    struct walk w = { tn, visit, ctx };
    if (tcp_table_each(&tn->listening, visit_listener, &w)) return;
    if (tcp_table_each(&tn->established, visit_sock, &w)) return;
    if (tcp_table_each(&tn->requests, visit_request, &w)) return;
    tcp_table_each(&tn->time_wait, visit_time_wait, &w);
}
