/* The receive window: what we offer, and how the buffer behind it grows with the program's reading (RFC 9293 §3.8.6.2.2,
 * RFC 7323 §2; Linux: dynamic right-sizing). A window is payload; the buffer is truesize; receive_ratio joins the two. */
#include "tcp/data.h"

uint32_t tcp_window_from_space(const struct tcp_sock *tp, uint32_t space)
{
    return (uint32_t)((uint64_t)space * tp->rcv.ratio >> 8);
}

static uint64_t space_from_window(const struct tcp_sock *tp, uint64_t window)
{
    return (window << 8) / tp->rcv.ratio;
}

uint32_t tcp_full_space(const struct tcp_sock *tp)
{
    return tcp_window_from_space(tp, tp->inet.sk.receive_buffer_bytes);
}

uint32_t tcp_receive_space(const struct tcp_sock *tp)
{
    const struct sock *sk = &tp->inet.sk;
    uint64_t used = (uint64_t)sk->receive_used_bytes + sk->backlog_bytes;

    return used >= sk->receive_buffer_bytes ? 0 : tcp_window_from_space(tp, (uint32_t)(sk->receive_buffer_bytes - used));
}

static uint32_t log2_of(uint32_t v)
{
    return v ? 31u - (uint32_t)__builtin_clz(v) : 0;
}

uint32_t tcp_initial_window(struct tcp_sock *tp, uint32_t space, uint32_t mss, bool wscale_ok, uint8_t *scale, uint32_t *clamp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    const struct route *r = tp->inet.route;
    uint32_t window;

    if (!*clamp) *clamp = 65535u << 14;
    space = min_of(*clamp, space);
    if (mss && space > mss) space -= space % mss;
    window = c->tcp_workaround_signed_windows ? min_of(space, 32767u) : space;
    if (r && r->initrwnd) window = min_of(window, r->initrwnd * mss);
    *scale = 0;
    if (wscale_ok) {
        uint64_t most = max_of((uint64_t)space, max_of((uint64_t)c->tcp_rmem[2], (uint64_t)c->rmem_max));
        uint32_t bits = log2_of((uint32_t)min_of(most, (uint64_t)*clamp));
        *scale = (uint8_t)(bits <= 15 ? 0 : min_of(bits - 15, 14u));
    }
    *clamp = min_of(65535u << *scale, *clamp);
    return window;
}

static uint32_t round_window(const struct tcp_sock *tp, uint32_t free_bytes, uint32_t mss, uint32_t full_bytes)
{
    uint32_t window = tp->rcv.wnd, unit = 1u << tp->rcv.scale;

    if (tp->rcv.scale) return (free_bytes + unit - 1) & ~(unit - 1); /* up, so that scaling does not make it zero */
    if ((int64_t)window <= (int64_t)free_bytes - mss || window > free_bytes) return free_bytes - free_bytes % mss;
    if (mss == full_bytes && free_bytes > window + (full_bytes >> 1)) return free_bytes;
    return window;
}

/* May the right edge be taken back? Then what is said is exactly what there is. */
static bool may_shrink(const struct tcp_sock *tp)
{
    return net_of(tp)->sysctl.tcp_shrink_window && tp->rcv.scale;
}

/* RFC 9293 §3.8.6.2.2, as Linux does it: nothing rather than a little (silly window), no growth past ssthresh. */
uint32_t tcp_window_to_offer(struct tcp_sock *tp)
{
    uint32_t mss = tp->rcv.mss_estimate, free_bytes = tcp_receive_space(tp), allowed = tcp_full_space(tp);
    uint32_t full = min_of(tp->rcv.window_clamp, allowed), unit = 1u << tp->rcv.scale;

    if (may_shrink(tp)) free_bytes &= ~(unit - 1);
    if (mss > full) {
        mss = full;
        if (!mss) return 0;
    }
    if (free_bytes < full >> 1) {
        tp->quick_acks = 0;
        if (tcp_under_pressure(tp)) tp->rcv.ssthresh_bytes = min_of(tp->rcv.ssthresh_bytes, 4 * tp->rcv.advmss);
        free_bytes &= ~(unit - 1);
        if (free_bytes < allowed >> 4 || free_bytes < mss) return 0;
    }
    if (may_shrink(tp) && free_bytes <= tp->rcv.ssthresh_bytes) return free_bytes;
    free_bytes = min_of(free_bytes, tp->rcv.ssthresh_bytes);
    return round_window(tp, free_bytes, mss, full);
}

uint32_t tcp_select_window(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);
    uint32_t before = tp->rcv.wnd, current = tcp_receive_window(tp), offer, unit = 1u << tp->rcv.scale;

    if (tp->ack_pending & ACK_NO_MEMORY) { /* the segment being acknowledged could not be kept */
        tp->is_fast_path = false;
        tp->rcv.wnd = 0;
        tp->rcv.wup = tp->rcv.nxt;
        return 0;
    }
    offer = tcp_window_to_offer(tp);
    if (offer < current && !may_shrink(tp)) { /* RFC 9293: do not take the right edge back */
        if (!offer) count(net, TcpExt, TCPWantZeroWindowAdv);
        offer = (current + unit - 1) & ~(unit - 1);
    }
    tp->rcv.wnd = offer;
    tp->rcv.wup = tp->rcv.nxt;
    if (!tp->rcv.scale && net->sysctl.tcp_workaround_signed_windows) offer = min_of(offer, 32767u);
    else offer = min_of(offer, 65535u << tp->rcv.scale);
    offer >>= tp->rcv.scale;
    if (!offer) {
        tp->is_fast_path = false;
        if (before) count(net, TcpExt, TCPToZeroWindowAdv);
    } else if (!before) {
        count(net, TcpExt, TCPFromZeroWindowAdv);
    }
    return offer;
}

/* Linux: tcp_set_window_clamp. What is offered already stays offered when the clamp rises. */
static void set_window_clamp(struct tcp_sock *tp, uint32_t clamp)
{
    uint32_t before = tp->rcv.window_clamp;

    clamp = max_of(clamp, 1152u);
    if (clamp == before) return;
    tp->rcv.window_clamp = clamp;
    if (clamp < before) tp->rcv.ssthresh_bytes = min_of(tp->rcv.ssthresh_bytes, clamp);
    else tp->rcv.ssthresh_bytes = max_of(tp->rcv.ssthresh_bytes, min_of(tp->rcv.wnd, clamp));
}

/* The share of payload in what arrives has changed. */
static void set_receive_ratio(struct tcp_sock *tp, uint32_t payload_bytes, uint32_t truesize_bytes)
{
    uint64_t ratio = ((uint64_t)payload_bytes << 8) / truesize_bytes;
    uint8_t before = tp->rcv.ratio;

    tp->rcv.ratio = (uint8_t)clamp_of(ratio, 1u, 255u);
    if (before == tp->rcv.ratio) return;
    set_window_clamp(tp, tcp_full_space(tp));
    tp->tune.space = min_of(tp->tune.space, tp->rcv.window_clamp);
}

/* The largest segment seen decides when an ACK is due, and how much of the buffer is payload. */
void tcp_measure_segment(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    const struct packet *p = seg->packet;
    uint32_t bytes = p->gso_bytes ? p->gso_bytes : seg->payload_bytes, last = tp->flight->last_segment_bytes;

    tp->flight->last_segment_bytes = 0;
    if (bytes >= tp->rcv.mss_estimate) {
        if (bytes != tp->rcv.mss_estimate && p->truesize_bytes) set_receive_ratio(tp, seg->payload_bytes, p->truesize_bytes);
        tp->rcv.mss_estimate = min_of(bytes, tp->rcv.advmss);
        if (seg->flags & TCP_PSH) tp->ack_pending |= ACK_PUSHED;
        return;
    }
    if (bytes + seg->header_bytes >= TCP_MSS_DEFAULT + 20 ||
        (bytes + seg->header_bytes >= 88 + 20 && !(seg->flags & (TCP_FIN | TCP_URG | TCP_SYN | TCP_PSH)))) {
        uint32_t invariant = bytes + seg->header_bytes - tp->header_bytes;
        tp->flight->last_segment_bytes = invariant;
        if (invariant == last) {
            tp->rcv.mss_estimate = invariant;
            return;
        }
    }
    if (tp->ack_pending & ACK_PUSHED) tp->ack_pending |= ACK_PUSHED2;
    tp->ack_pending |= ACK_PUSHED;
}

/* Small packets in large buffers: may the window grow at all with this overhead? */
static uint32_t slow_growth(const struct tcp_sock *tp, const struct packet *p)
{
    uint32_t truesize = tcp_window_from_space(tp, p->truesize_bytes) >> 1;
    uint32_t window = tcp_window_from_space(tp, (uint32_t)net_of(tp)->sysctl.tcp_rmem[2]) >> 1;

    while (tp->rcv.ssthresh_bytes <= window) {
        if (truesize <= packet_bytes(p)) return 2 * tp->rcv.mss_estimate;
        truesize >>= 1;
        window >>= 1;
    }
    return 0;
}

void tcp_grow_window(struct tcp_sock *tp, const struct packet *p)
{
    uint32_t limit = min_of(tp->rcv.window_clamp, tcp_receive_space(tp)), room, more;

    if (limit <= tp->rcv.ssthresh_bytes) return;
    room = limit - tp->rcv.ssthresh_bytes;
    if (tcp_under_pressure(tp)) return;
    more = tcp_window_from_space(tp, p->truesize_bytes) <= packet_bytes(p) ? 2 * tp->rcv.advmss : slow_growth(tp, p);
    if (!more) return;
    more = max_of(more, 2 * packet_bytes(p));
    tp->rcv.ssthresh_bytes += min_of(room, more);
    tp->quick_acks |= 1;
}

/* Memory ran over: the buffer grows if it may, else the window shrinks to what is there (Linux: tcp_clamp_window). */
void tcp_clamp_window(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    uint32_t most = (uint32_t)net_of(tp)->sysctl.tcp_rmem[2];

    tp->quick_acks = 0;
    if (sk->receive_buffer_bytes < most && !sk->rcvbuf_locked && !tcp_under_pressure(tp))
        sk->receive_buffer_bytes = min_of(max_of(sk->receive_used_bytes, sk->receive_buffer_bytes), most);
    if (sk->receive_used_bytes > sk->receive_buffer_bytes)
        tp->rcv.ssthresh_bytes = min_of(tp->rcv.window_clamp, 2 * tp->rcv.advmss);
}

static void receive_rtt_sample(struct tcp_sock *tp, uint64_t sample_us, bool by_window)
{
    uint32_t old = tp->tune.rtt_us, m = (uint32_t)min_of(sample_us << 3, (uint64_t)UINT32_MAX);

    if (!old || m < old) {
        tp->tune.rtt_us = m;
        return;
    }
    if (by_window || !seq_equal(tp->rcv.nxt, tp->rcv.copied)) return; /* only a minimum is sound here */
    tp->tune.rtt_us = old - (old >> 3) + (uint32_t)sample_us;
}

/* Without timestamps: the time one window takes to be filled. */
void tcp_receive_rtt_by_window(struct tcp_sock *tp)
{
    if (tp->flight->tune.rtt_time_ns) {
        uint64_t delta_us;
        if (seq_before(tp->rcv.nxt, tp->flight->tune.rtt_seq)) return;
        delta_us = (tcp_now_ns(tp) - tp->flight->tune.rtt_time_ns) / NS_PER_US;
        receive_rtt_sample(tp, delta_us ? delta_us : 1, true);
    }
    tp->flight->tune.rtt_seq = seq_add(tp->rcv.nxt, tp->rcv.wnd);
    tp->flight->tune.rtt_time_ns = tcp_now_ns(tp);
}

void tcp_receive_rtt_by_echo(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint32_t delta_ms;

    if (!seg->options.has_timestamp || seg->options.timestamp_echo == tp->flight->receive_rtt_last_echo) return;
    tp->flight->receive_rtt_last_echo = seg->options.timestamp_echo;
    if (!seg->options.timestamp_echo || seq_diff(seg->end_seq, seg->seq) < tp->rcv.mss_estimate) return;
    delta_ms = tcp_now_ts_ms(tp) - seg->options.timestamp_echo;
    if (delta_ms && delta_ms < INT32_MAX / 1000) receive_rtt_sample(tp, (uint64_t)delta_ms * 1000, false);
}

/* Room for what the program reads in a round trip (`copied`), for a sender that may double it, and for what lies beyond a hole. */
void tcp_receive_buffer_grow(struct tcp_sock *tp, uint32_t copied)
{
    struct sock *sk = sk_of(tp);
    uint64_t old = tp->tune.space ? tp->tune.space : 1, window, space;

    tp->tune.space = copied;
    if (!net_of(tp)->sysctl.tcp_moderate_rcvbuf || sk->rcvbuf_locked) return;
    window = (uint64_t)copied << 1; /* the measurement is one round trip late */
    window += window * (copied - old) / old << 1; /* and the sender may be doubling */
    if (tp->flight->out_of_order_last) window += seq_diff(tp->flight->out_of_order_last->tcp.end_seq, tp->rcv.nxt);
    space = min_of(space_from_window(tp, window), (uint64_t)net_of(tp)->sysctl.tcp_rmem[2]);
    if (space <= sk->receive_buffer_bytes) return;
    sk->receive_buffer_bytes = (uint32_t)space;
    tp->rcv.window_clamp = tcp_window_from_space(tp, (uint32_t)space);
}

/* Once in a round trip: how much did the program read? The buffer follows. */
void tcp_receive_space_adjust(struct tcp_sock *tp)
{
    uint64_t us = (tcp_now_ns(tp) - tp->flight->tune.time_ns) / NS_PER_US;
    uint32_t copied, waiting;

    if (!tp->tune.rtt_us || us < tp->tune.rtt_us >> 3) return;
    copied = seq_diff(tp->rcv.copied, tp->flight->tune.seq);
    waiting = seq_diff(tp->rcv.nxt, tp->rcv.copied);
    if (copied > waiting && copied - waiting > tp->tune.space) tcp_receive_buffer_grow(tp, copied - waiting);
    tp->flight->tune.seq = tp->rcv.copied;
    tp->flight->tune.time_ns = tcp_now_ns(tp);
}

void tcp_receive_buffers_init(struct tcp_sock *tp)
{
    uint32_t application = (uint32_t)net_of(tp)->sysctl.tcp_app_win, most = tcp_full_space(tp);

    if (!sk_of(tp)->sndbuf_locked) tcp_sndbuf_expand(tp);
    tp->flight->tune.time_ns = tcp_now_ns(tp);
    tp->flight->tune.seq = tp->rcv.copied;
    if (tp->rcv.window_clamp >= most) {
        tp->rcv.window_clamp = most;
        if (application && most > 4 * tp->rcv.advmss)
            tp->rcv.window_clamp = max_of(application < 32 ? most - (most >> application) : most, 4 * tp->rcv.advmss);
    }
    if (application && tp->rcv.window_clamp > 2 * tp->rcv.advmss && tp->rcv.window_clamp + tp->rcv.advmss > most)
        tp->rcv.window_clamp = max_of(2 * tp->rcv.advmss, most - tp->rcv.advmss);
    tp->rcv.ssthresh_bytes = min_of(tp->rcv.ssthresh_bytes, tp->rcv.window_clamp);
    tp->tune.space = min_of(min_of(tp->rcv.ssthresh_bytes, tp->rcv.wnd), TCP_INITIAL_CWND * tp->rcv.advmss);
}

/* The program has read: tell the peer when that frees much, or when an ACK waited for it (Linux: tcp_cleanup_rbuf). */
void tcp_receive_consumed(struct tcp_sock *tp, uint32_t bytes)
{
    struct sock *sk = sk_of(tp);

    if (tcp_is_ack_scheduled(tp)) {
        bool drained = bytes && !sk->receive_used_bytes;
        bool was_pushed = tp->ack_pending & ACK_PUSHED2 || (tp->ack_pending & ACK_PUSHED && !tcp_is_pingpong(tp));
        if (seq_diff(tp->rcv.nxt, tp->rcv.wup) > tp->rcv.mss_estimate || (drained && was_pushed)) {
            tcp_send_ack(tp);
            return;
        }
    }
    if (bytes && !(sk->shutdown & SOCK_SHUT_RECEIVE)) {
        uint32_t current = tcp_receive_window(tp);
        if (2ull * current <= tp->rcv.window_clamp) {
            uint32_t offer = tcp_window_to_offer(tp);
            if (offer && offer >= 2 * current) tcp_send_ack(tp);
        }
    }
}
