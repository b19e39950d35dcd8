/* Children: a request that was acknowledged becomes a sock, waits in its listener's accept queue, is handed to accept(). */
#include "tcp/accecn.h"
#include "tcp/tcp_net.h"

static void child_window(struct tcp_sock *tp, const struct tcp_request *r)
{
    const struct tcp_sock *listener = r->listener;
    tp->is_wscale_ok = r->bits & REQUEST_WINDOW_SCALE;
    tp->snd.scale = tp->is_wscale_ok ? r->send_scale : 0;
    tp->rcv.scale = tp->is_wscale_ok ? r->receive_scale : 0;
    tp->rcv.wnd = r->receive_window;
    tp->rcv.ssthresh_bytes = r->receive_window;
    tp->rcv.window_clamp = listener->rcv.window_clamp ? listener->rcv.window_clamp : 65535u << 14;
    tp->rcv.window_clamp = min_of(tp->rcv.window_clamp, 65535u << tp->rcv.scale);
}

static void child_sequences(struct tcp_sock *tp, const struct tcp_request *r, const struct tcp_segment *seg)
{
    seq_t next = seq_add(r->iss, 1);
    tp->snd.una = tp->snd.nxt = tp->snd.write = tp->snd.push = tp->snd.small = tp->snd.up = next;
    tp->rcv.nxt = tp->rcv.wup = tp->rcv.copied = tp->last_ack_sent = seq_add(r->irs, 1);
    tp->snd.wl1 = r->irs;
    tp->snd.wnd = seg->window << tp->snd.scale;
    tp->snd.max_wnd = tp->snd.wnd;
}

static void child_timestamps(struct tcp_sock *tp, const struct tcp_request *r)
{
    tp->is_timestamp_ok = r->bits & REQUEST_TIMESTAMP;
    tp->ts_recent = r->ts_recent;
    tp->ts_recent_stamp_ns = tp->is_timestamp_ok ? max_of(tp->inet.sk.net->machine->now_ns, 1ull) : 0;
    tp->ts_offset = tcp_request_ts_offset(r);
}

/* The clone carries the listener's whole tcp part: what belongs to a connection begins anew. */
static void child_init(struct tcp_sock *tp, const struct tcp_request *r, const struct tcp_segment *seg)
{
    struct inet_sock *is = &tp->inet;
    tp->listener = NULL;
    tp->segs_in = 1; /* the SYN */
    tp->data_segs_in = 0;
    is->sk.state = TCPS_SYN_RECV;
    is->sk.shutdown = 0;
    is->sk.bound_ifindex = (int32_t)r->bound_ifindex;
    if (is->sk.net->sysctl.tcp_reflect_tos) {
        if (ip_is4(&r->remote)) is->tos = r->tos & 0xfc;
        else is->tclass = r->tos & 0xfc;
    }
    is->local = is->source = r->local;
    is->remote = r->remote;
    is->local_port = r->listener->inet.local_port;
    is->remote_port = r->remote_port;
    tcp_sock_defaults(tp);
    memset(&tp->rcv.open, 0, sizeof tp->rcv.open);
    tp->is_sack_ok = r->bits & REQUEST_SACK;
    tp->mss_clamp = r->mss_bytes;
    child_window(tp, r);
    child_sequences(tp, r, seg);
    child_timestamps(tp, r);
    /* The ACK's own flags: an ACK is owed only for what comes with it. */
    tp->accept_next = NULL;
}

static bool child_route(struct tcp_sock *tp)
{
    int error;
    struct route *route = inet_route(&tp->inet, &error);
    if (!route) return false;
    uint32_t advmss = route_advmss(route);
    tp->rcv.advmss = tp->user_mss ? min_of(advmss, tp->user_mss) : advmss;
    if (tp->is_timestamp_ok) tp->rcv.advmss -= 12;
    if (tcp_md5_key(tp)) tp->header_bytes = (uint16_t)(tp->header_bytes + TCP_MD5_OPTION_BYTES);
    tcp_sync_mss(tp, route_mtu(route));
    tcp_init_receive_mss(tp); /* by Fast Open it may speak before it is established */
    return true;
}

static void steal_saved_syn(struct tcp_sock *tp, struct tcp_request *r)
{
    if (!(r->bits & REQUEST_SAVED_SYN)) return;
    struct tcp_request_saved *s = container_of(r, struct tcp_request_saved, request);
    struct tcp_settings *own = tcp_settings_own(tp);
    if (!own) return; /* the program will find nothing */
    own->saved_syn = s->syn;
    s->syn = NULL;
}

static void handshake_sample(struct tcp_sock *tp, const struct tcp_request *r)
{
    const struct machine *m = tp->inet.sk.net->machine;
    tp->flight->past.total_retrans = r->retransmits;
    if (r->timeouts) { /* the SYN-ACK was lost, or its answer */
        tp->flight->past.rto_count = r->timeouts;
        tp->flight->past.rto_recoveries = 1;
        tp->flight->undo_marker = r->iss.v ? r->iss : seq(1);
    }
    if (r->retransmits || r->timeouts || r->bits & (REQUEST_COOKIE | REQUEST_FASTOPEN)) return; /* Karn: whose ACK is it? */
    tcp_rtt_handshake_sample(tp, (int64_t)((m->now_ns - tcp_request_sent_ns(r)) / NS_PER_US));
}

static void enqueue(struct tcp_sock *listener, struct tcp_sock *child)
{
    struct tcp_listener *l = listener->listener;
    *l->accept_end = child;
    l->accept_end = &child->accept_next;
    l->accept_count++;
    l->stats.established++;
    l->stats.accept_queue_highest = max_of(l->stats.accept_queue_highest, l->accept_count);
}

static struct tcp_sock *take_first(struct tcp_listener *l)
{
    struct tcp_sock *child = l->accept_first;
    if (!child) return NULL;
    l->accept_first = child->accept_next;
    if (!l->accept_first) l->accept_end = &l->accept_first;
    child->accept_next = NULL;
    return child;
}

static void count_drop(struct tcp_sock *listener)
{
    count(listener->inet.sk.net, TcpExt, ListenDrops);
    listener->inet.sk.drops++;
}

struct tcp_sock *tcp_child_create(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct tcp_sock *listener = r->listener;
    struct net *net = listener->inet.sk.net;
    if (tcp_accept_queue_is_full(listener->listener)) {
        count(net, TcpExt, ListenOverflows);
        count_drop(listener);
        return NULL;
    }
    struct inet_sock *is = inet_sock_clone(&listener->inet);
    struct tcp_sock *tp = is ? tcp_of(&is->sk) : NULL;
    if (!tp) goto no_child;
    net->tcp->sock_count++;
    tp->flight = (struct tcp_flight *)(uintptr_t)&tcp_no_flight; /* the listener's are its own */
    tp->past = NULL;
    bool has_settings = tcp_settings_copy(tp, listener->settings);
    child_init(tp, r, seg);
    if (!has_settings || !tcp_md5_inherit(tp, listener) || !tcp_flight_begin(tp) || !child_route(tp) || port_inherit(is, &listener->inet)) goto no_route;
    count(net, Tcp, PassiveOpens);
    handshake_sample(tp, r);
    tcp_ecn_child(tp, r, seg);
    steal_saved_syn(tp, r);
    tcp_hash_established(tp);
    enqueue(listener, tp);
    return tp;
no_route:
    is->sk.state = TCPS_CLOSE;
    sock_put(&is->sk);
no_child:
    count_drop(listener);
    return NULL;
}

void tcp_child_receive(struct tcp_sock *listener, struct tcp_sock *child, struct tcp_segment *seg)
{
    struct sock *sk = sk_of(child);
    sock_get(sk);
    child->segs_in++;
    if (seg->payload_bytes) child->data_segs_in++;
    tcp_synchronized_receive(child, seg);
    if (sk->state != TCPS_SYN_RECV) sock_data_ready(sk_of(listener));
    sock_put(sk);
}

int tcp_accept(struct sock *sk, struct sock **out)
{
    struct tcp_listener *l = tcp_of(sk)->listener;
    if (sk->state != TCPS_LISTEN || !l) return -EINVAL;
    struct tcp_sock *child = take_first(l);
    if (!child) return -EAGAIN;
    l->accept_count--;
    l->stats.accepted++;
    if (child->flight->request) child->flight->request->bits |= REQUEST_ACCEPTED;
    *out = sk_of(child);
    return 0;
}

/* Nobody will accept this one any more. */
static void forget_child(struct tcp_sock *child)
{
    struct sock *sk = sk_of(child);
    sock_own(sk);
    sk->is_dead = true;
    tcp_disconnect(sk);
    tcp_destroy_orphan(child);
    sock_release(sk);
    sock_put(sk);
}

/* Requests find out by themselves that their listener is gone: by their timer or their peer's next segment. */
void tcp_listen_stop(struct tcp_sock *tp)
{
    struct tcp_listener *l = tp->listener;
    struct machine *m = tp->inet.sk.net->machine;
    if (!l) return;
    for (struct tcp_sock *child; (child = take_first(l));) forget_child(child);
    tcp_fastopen_forget_resets(tp);
    tp->listener = NULL;
    machine_free(m, l, sizeof *l);
}
