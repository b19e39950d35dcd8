/* When an ACK goes: at once, delayed, compressed, or not at all (RFC 9293 §3.8.6.3, RFC 5681 §4.2; Linux's quick-ACK and
 * ping-pong modes: at once while a transfer starts, delayed when the program answers what it gets). */
#include "tcp/accecn.h"
#include "tcp/data.h"

bool tcp_is_ack_scheduled(const struct tcp_sock *tp)
{
    return tp->ack_pending & ACK_SCHEDULED;
}

bool tcp_is_quickack(const struct tcp_sock *tp)
{
    const struct route *r = tp->inet.route;

    return (r && r->quick_ack) || (tp->quick_acks && !tcp_is_pingpong(tp));
}

static void raise_quickacks(struct tcp_sock *tp, uint32_t max)
{
    uint32_t n = tp->rcv.wnd / (2 * max_of(tp->rcv.mss_estimate, 1u));

    n = min_of(n ? n : 2, max);
    if (n > tp->quick_acks) tp->quick_acks = (uint8_t)n;
}

void tcp_enter_quickack(struct tcp_sock *tp, uint32_t max)
{
    raise_quickacks(tp, max);
    tcp_set_pingpong(tp, false);
    tp->ato_ms = TCP_ATO_MIN_MS;
}

void tcp_set_quickack(struct tcp_sock *tp, int value)
{
    tcp_set_pingpong(tp, !value);
    if (!value) return;
    if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_ESTABLISHED) | TCP_STATE_BIT(TCPS_CLOSE_WAIT)) || !tcp_is_ack_scheduled(tp)) return;
    tp->ack_pending |= ACK_PUSHED;
    tcp_receive_consumed(tp, 1);
    if (!(value & 1)) tcp_set_pingpong(tp, true);
}

/* Data came: adapts the ACK timeout to the gaps between segments. */
static void measure_gap(struct tcp_sock *tp)
{
    uint64_t gap_ms = (tcp_now_ns(tp) - tp->last_received_ns) / NS_PER_MS, rto_ms = tp->rtt.rto_ns / NS_PER_MS;

    if (!tp->ato_ms) { /* the first data of the connection */
        raise_quickacks(tp, TCP_MAX_QUICKACKS);
        tp->ato_ms = TCP_ATO_MIN_MS;
    } else if (gap_ms <= TCP_ATO_MIN_MS / 2) {
        tp->ato_ms = (tp->ato_ms >> 1) + TCP_ATO_MIN_MS / 2;
    } else if (gap_ms < tp->ato_ms) {
        tp->ato_ms = (tp->ato_ms >> 1) + (uint32_t)gap_ms;
        tp->ato_ms = (uint32_t)min_of((uint64_t)tp->ato_ms, rto_ms);
    } else if (gap_ms > rto_ms) { /* the sender starts anew and wants a clock */
        raise_quickacks(tp, TCP_MAX_QUICKACKS);
    }
    tp->last_received_ns = tcp_now_ns(tp);
}

/* RFC 3168 §6.1.3: CE sets our ECE, until the sender says CWR. */
static void check_congestion_mark(struct tcp_sock *tp, const struct packet *p)
{
    bool needs_ecn = tp->cc.ops && tp->cc.ops->needs_ecn;

    if (!tp->is_ecn_ok) return;
    switch (p->ip.tos & 3) {
    case 0:
        if (tp->ecn_seen) tcp_enter_quickack(tp, 2); /* the mark was cleared, or a retransmission: speed it up */
        break;
    case 3:
        if (needs_ecn && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_ECN_IS_CE);
        if (tp->is_accecn) break;
        if (!tp->ecn_demand_cwr) {
            tcp_enter_quickack(tp, 2);
            tp->ecn_demand_cwr = true;
        }
        tp->ecn_seen = true;
        break;
    default:
        if (needs_ecn && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_ECN_NO_CE);
        if (!tp->is_accecn) tp->ecn_seen = true;
    }
}

void tcp_event_data_received(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    tp->ack_pending |= ACK_SCHEDULED;
    tcp_measure_segment(tp, seg);
    tcp_receive_rtt_by_window(tp);
    measure_gap(tp);
    check_congestion_mark(tp, seg->packet);
    if (seg->payload_bytes >= 128) tcp_grow_window(tp, seg->packet);
}

void tcp_ack_sent(struct tcp_sock *tp, seq_t acked)
{
    if (tp->flight->compressed_acks) {
        count_add(net_of(tp), TcpExt, TCPAckCompressed, tp->flight->compressed_acks);
        tp->flight->compressed_acks = 0;
        tp->flight->compressed_ack_ns = NS_NEVER;
    }
    if (!seq_equal(acked, tp->rcv.nxt)) return;
    if (tp->quick_acks) {
        if (--tp->quick_acks == 0) tp->ato_ms = TCP_ATO_MIN_MS;
    }
    tp->ack_pending = 0;
    tp->flight->due.delayed_ack_ns = NS_NEVER;
    tp->last_ack_sent = acked;
}

/* Data that leaves soon after data came is an answer: the next ACK may wait for such an answer. */
void tcp_data_sent(struct tcp_sock *tp)
{
    uint64_t now = tcp_now_ns(tp);

    if (!tp->flight->packets_out && tp->cc.ops && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_TX_START);
    tp->last_sent_ns = now;
    if (now - tp->last_received_ns < (uint64_t)tp->ato_ms * NS_PER_MS && tp->pingpong < UINT8_MAX) {
        tp->pingpong++;
        tp->is_pingpong = tcp_is_pingpong(tp);
    }
}

/* The handshake is over, and data of ours will carry its ACK. */
void tcp_ack_with_data(struct tcp_sock *tp)
{
    tp->ack_pending |= ACK_SCHEDULED | ACK_TIMER;
    tcp_enter_quickack(tp, TCP_MAX_QUICKACKS);
    tp->flight->due.delayed_ack_ns = tcp_now_ns(tp) + TCP_DELACK_MAX_MS * NS_PER_MS;
    tcp_timers_rearm(tp);
}

void tcp_send_delayed_ack(struct tcp_sock *tp)
{
    uint64_t now = tcp_now_ns(tp), ato_ms = tp->ato_ms, due_ns;

    if (ato_ms > TCP_ATO_MIN_MS) {
        uint64_t most_ms = tcp_is_pingpong(tp) || tp->ack_pending & ACK_PUSHED ? TCP_DELACK_MAX_MS : 500;
        if (tp->rtt.srtt_us) most_ms = min_of(most_ms, max_of((uint64_t)(tp->rtt.srtt_us >> 3) / 1000, (uint64_t)TCP_ATO_MIN_MS));
        ato_ms = min_of(ato_ms, most_ms);
    }
    ato_ms = min_of(ato_ms, tp->settings->delack_max_us ? (uint64_t)tp->settings->delack_max_us / 1000 : (uint64_t)TCP_DELACK_MAX_MS);
    due_ns = now + ato_ms * NS_PER_MS;
    if (tp->ack_pending & ACK_TIMER && tp->flight->due.delayed_ack_ns != NS_NEVER) {
        if (tp->flight->due.delayed_ack_ns <= now + (ato_ms * NS_PER_MS >> 2)) { /* about to fire */
            tcp_send_ack(tp);
            return;
        }
        due_ns = min_of(due_ns, tp->flight->due.delayed_ack_ns);
    }
    tp->ack_pending |= ACK_SCHEDULED | ACK_TIMER;
    tp->flight->due.delayed_ack_ns = due_ns;
    tcp_timers_no_later(tp, due_ns);
}

static bool wants_ack_now(struct tcp_sock *tp)
{
    /* More than one full segment: now, unless the reader will open the window soon and say it then. This comes first: to ask for
     * a window of which little is left ends quick ACKs. */
    if (seq_diff(tp->rcv.nxt, tp->rcv.wup) > tp->rcv.mss_estimate &&
        ((int64_t)seq_diff(tp->rcv.nxt, tp->rcv.copied) < sk_of(tp)->receive_low_water || tcp_window_to_offer(tp) >= tp->rcv.wnd)) return true;
    return tcp_is_quickack(tp) || tp->ack_pending & ACK_NOW;
}

/* While segments are missing every one gets its ACK; past the third duplicate they are compressed (Linux 4.18). */
static void ack_out_of_order(struct tcp_sock *tp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    uint64_t rtt = tp->tune.rtt_us, delay_ns;

    if (!tp->is_sack_ok || tp->flight->compressed_acks >= c->tcp_comp_sack_nr) {
        tcp_send_ack(tp);
        return;
    }
    if (!seq_equal(tp->flight->compressed_ack_nxt, tp->rcv.nxt)) {
        tp->flight->compressed_ack_nxt = tp->rcv.nxt;
        tp->flight->dup_acks_sent = 0;
    }
    if (tp->flight->dup_acks_sent < 3) {
        tp->flight->dup_acks_sent++;
        tcp_send_ack(tp);
        return;
    }
    tp->flight->compressed_acks++;
    if (tp->flight->compressed_ack_ns != NS_NEVER) return;
    if (tp->rtt.srtt_us && tp->rtt.srtt_us < rtt) rtt = tp->rtt.srtt_us;
    delay_ns = min_of((uint64_t)c->tcp_comp_sack_delay_ns, rtt * (NS_PER_US >> 3) / 20);
    tp->flight->compressed_ack_ns = tcp_now_ns(tp) + delay_ns;
    tcp_timers_rearm(tp);
}

void tcp_ack_send_check(struct tcp_sock *tp)
{
    if (!tcp_is_ack_scheduled(tp)) return;
    if (wants_ack_now(tp)) {
        if (sk_of(tp)->is_owned && net_of(tp)->sysctl.tcp_backlog_ack_defer) {
            tp->is_ack_deferred = true; /* the backlog may hold more: one ACK for all at release */
            return;
        }
        tcp_send_ack(tp);
    } else if (rb_is_empty(&tp->flight->out_of_order)) {
        tcp_send_delayed_ack(tp);
    } else {
        ack_out_of_order(tp);
    }
}

void tcp_release_work(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);

    if (!tp->is_ack_deferred) return;
    tp->is_ack_deferred = false;
    if (tcp_is_ack_scheduled(tp)) tcp_send_ack(tp);
}

void tcp_compressed_ack_flush(struct tcp_sock *tp)
{
    tp->flight->compressed_ack_ns = NS_NEVER;
    if (!tp->flight->compressed_acks) return;
    tp->flight->compressed_acks--; /* this one is sent, not saved */
    tcp_send_ack(tp);
}

void tcp_delack_timeout(struct tcp_sock *tp)
{
    tp->flight->due.delayed_ack_ns = NS_NEVER;
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE) | TCP_STATE_BIT(TCPS_LISTEN)) || !(tp->ack_pending & ACK_TIMER)) return;
    tp->ack_pending &= (uint8_t)~ACK_TIMER;
    if (!tcp_is_ack_scheduled(tp)) return;
    if (!tcp_is_pingpong(tp)) { /* nobody answered in time: wait longer next time */
        tp->ato_ms = (uint32_t)min_of((uint64_t)tp->ato_ms << 1, tp->rtt.rto_ns / NS_PER_MS);
    } else {
        tcp_set_pingpong(tp, false);
        tp->ato_ms = TCP_ATO_MIN_MS;
    }
    tcp_send_ack(tp);
    count(net_of(tp), TcpExt, DelayedACKs);
}

bool tcp_out_of_window_limited(struct tcp_sock *tp, const struct tcp_segment *seg, enum mib skipped)
{
    uint64_t now = tcp_now_ns(tp), gap_ns = (uint64_t)net_of(tp)->sysctl.tcp_invalid_ratelimit * NS_PER_MS;

    /* Data is likely a real retransmission and deserves its answer. */
    if (seg->payload_bytes && !(seg->flags & TCP_SYN)) return false;
    if (tp->flight->out_of_window_ack_ns && now - tp->flight->out_of_window_ack_ns < gap_ns) {
        net_of(tp)->mib[skipped]++;
        return true;
    }
    tp->flight->out_of_window_ack_ns = now;
    return false;
}

/* An ACK to something unacceptable; what lies before RCV.NXT is named in a D-SACK. */
void tcp_send_duplicate_ack(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (!seq_equal(seg->end_seq, seg->seq) && seq_before(seg->seq, tp->rcv.nxt)) {
        count(net_of(tp), TcpExt, DelayedACKLost);
        tcp_enter_quickack(tp, TCP_MAX_QUICKACKS);
        if (tp->is_accecn) tcp_accecn_data_again(tp, seg->seq);
        if (tp->is_sack_ok && net_of(tp)->sysctl.tcp_dsack) {
            seq_t end = seq_after(seg->end_seq, tp->rcv.nxt) ? tp->rcv.nxt : seg->end_seq;
            tcp_set_duplicate_sack(tp, seg->seq, end);
        }
    }
    tcp_send_ack(tp);
}
