/* RACK (RFC 8985): a packet is lost when one sent later has arrived and a round trip plus a reordering window has passed; and
 * the plain rule for peers without SACK (RFC 6582). */
#include "tcp/data.h"

static bool sent_after(uint64_t a_ns, uint64_t b_ns, seq_t a_end, seq_t b_end)
{
    return a_ns > b_ns || (a_ns == b_ns && seq_after(a_end, b_end));
}

void tcp_mark_lost(struct tcp_sock *tp, struct packet *p)
{
    uint32_t n = tcp_segments(p);

    if (p->tcp.sacked & MARK_SACKED) return;
    if ((!tp->flight->retransmit_hint && tp->flight->retrans_out >= tp->flight->lost_out) ||
        (tp->flight->retransmit_hint && seq_before(p->tcp.seq, tp->flight->retransmit_hint->tcp.seq)))
        tp->flight->retransmit_hint = p;
    if (p->tcp.sacked & MARK_LOST) {
        if (!(p->tcp.sacked & MARK_RETRANSMITTED)) return;
        p->tcp.sacked &= (uint8_t)~MARK_RETRANSMITTED; /* lost again */
        tp->flight->retrans_out -= n;
        count_add(net_of(tp), TcpExt, TCPLostRetransmit, n);
    } else {
        tp->flight->lost_out += n;
        p->tcp.sacked |= MARK_LOST;
    }
    tp->flight->lost += n;
}

/* RFC 8985 §6.2 step 4: none while nothing was ever reordered and enough was SACKed; then a part of the round trip. */
static uint32_t reordering_window_us(const struct tcp_sock *tp)
{
    uint64_t window_us;

    if (!tp->flight->past.reord_seen) {
        if (tp->flight->ca_state >= TCP_CA_Recovery) return 0;
        if (tp->flight->sacked_out >= tp->reordering && !(net_of(tp)->sysctl.tcp_recovery & 4)) return 0;
    }
    window_us = (uint64_t)(tcp_min_rtt_us(tp) >> 2) * tp->snd.reo_wnd_steps;
    return (uint32_t)min_of(window_us, (uint64_t)(tp->rtt.srtt_us >> 3));
}

int64_t tcp_rack_time_left_us(struct tcp_sock *tp, const struct packet *p, uint32_t window_us)
{
    return (int64_t)tp->flight->rack.rtt_us + window_us - (int64_t)((tcp_now_ns(tp) - p->tcp.sent_ns) / NS_PER_US);
}

/* Longest wait until a packet that may be lost must be called so; 0: none. */
static uint64_t detect_loss(struct tcp_sock *tp)
{
    uint32_t window_us = reordering_window_us(tp);
    int64_t longest_us = 0;

    list_for_each_safe(node, next, &tp->flight->sent_by_time) {
        struct packet *p = list_entry(node, struct packet, by_time);
        int64_t left_us;
        if (p->tcp.sacked & MARK_LOST && !(p->tcp.sacked & MARK_RETRANSMITTED)) continue;
        if (!sent_after(tp->flight->rack.sent_ns, p->tcp.sent_ns, tp->flight->rack.end_seq, p->tcp.end_seq)) break;
        left_us = tcp_rack_time_left_us(tp, p, window_us);
        if (left_us <= 0) {
            tcp_mark_lost(tp, p);
            list_remove(&p->by_time); /* comes back when it is sent again */
        } else {
            longest_us = max_of(longest_us, left_us);
        }
    }
    return (uint64_t)longest_us;
}

bool tcp_rack_mark_lost(struct tcp_sock *tp)
{
    uint64_t wait_us;

    if (!tp->flight->rack.advanced) return false;
    tp->flight->rack.advanced = false;
    wait_us = detect_loss(tp);
    if (!wait_us) return false;
    tcp_pending_arm(tp, PENDING_REORDER, (wait_us + 2000) * NS_PER_US);
    return true;
}

/* RFC 8985 §6.2 steps 1 and 2 */
void tcp_rack_advance(struct tcp_sock *tp, uint8_t marks, seq_t end_seq, uint64_t sent_ns)
{
    uint32_t rtt_us = (uint32_t)((tcp_now_ns(tp) - sent_ns) / NS_PER_US);

    /* Faster than any round trip: it was the original that arrived, not the retransmission. */
    if (rtt_us < tcp_min_rtt_us(tp) && marks & (MARK_RETRANSMITTED | MARK_EVER_RETRANSMITTED)) return;
    tp->flight->rack.advanced = true;
    tp->flight->rack.rtt_us = rtt_us;
    if (sent_after(sent_ns, tp->flight->rack.sent_ns, end_seq, tp->flight->rack.end_seq)) {
        tp->flight->rack.sent_ns = sent_ns;
        tp->flight->rack.end_seq = end_seq;
    }
}

void tcp_rack_timeout(struct tcp_sock *tp)
{
    uint32_t in_flight = tcp_in_flight(tp);
    uint64_t lost = tp->flight->lost;

    detect_loss(tp);
    if (in_flight != tcp_in_flight(tp)) {
        if (tp->flight->ca_state != TCP_CA_Recovery) {
            tcp_enter_recovery(tp, false);
            if (!(tp->cc.ops && tp->cc.ops->control)) tcp_cwnd_reduction(tp, 1, (uint32_t)(tp->flight->lost - lost), 0);
        }
        tcp_retransmit_queue(tp);
    }
    if (tp->flight->due.retransmit_ns == NS_NEVER) tcp_rearm_rto(tp);
}

/* RFC 8985 §6.2 step 4: a D-SACK says that the window was too short; 16 recoveries without one shrink it again. */
void tcp_rack_update_window(struct tcp_sock *tp, const struct ack_work *w)
{
    if (net_of(tp)->sysctl.tcp_recovery & 2 || !w->has_rate || !w->rate_prior_delivered) return;
    if (w->rate_prior_delivered < tp->flight->rack_last_delivered) tp->flight->rack.dsack_seen = false;
    if (tp->flight->rack.dsack_seen) {
        if (tp->snd.reo_wnd_steps < UINT8_MAX) tp->snd.reo_wnd_steps++;
        tp->flight->rack.dsack_seen = false;
        tp->flight->rack_last_delivered = tp->delivered;
        tp->snd.reo_wnd_persist = 16;
    } else if (!tp->snd.reo_wnd_persist) {
        tp->snd.reo_wnd_steps = 1;
    }
}

void tcp_newreno_mark_lost(struct tcp_sock *tp, bool una_advanced)
{
    struct packet *p = packet_queue_peek(&tp->flight->retransmit_queue);

    if (!p) return;
    if (!(tp->flight->ca_state < TCP_CA_Recovery && tp->flight->sacked_out >= tp->reordering) && !(tp->flight->ca_state == TCP_CA_Recovery && una_advanced)) return;
    if (p->tcp.sacked & MARK_LOST) return;
    if (tcp_segments(p) > 1 && p->body_bytes > p->gso_bytes && !tcp_packet_split(tp, &tp->flight->retransmit_queue, p, p->gso_bytes, p->gso_bytes)) return;
    tcp_mark_lost(tp, p);
}

/* Without SACK each duplicate ACK says that one packet, we do not know which, has left the network. True: more than can be. */
static bool limit_sacked(struct tcp_sock *tp)
{
    uint32_t holes = min_of(max_of(tp->flight->lost_out, 1u), tp->flight->packets_out);

    if (tp->flight->sacked_out + holes <= tp->flight->packets_out) return false;
    tp->flight->sacked_out = tp->flight->packets_out - holes;
    return true;
}

static void check_reno_reordering(struct tcp_sock *tp, uint32_t more)
{
    if (!limit_sacked(tp)) return;
    tp->reordering = min_of(tp->flight->packets_out + more, (uint32_t)net_of(tp)->sysctl.tcp_max_reordering);
    tp->flight->past.reord_seen++;
    count(net_of(tp), TcpExt, TCPRenoReorder);
}

void tcp_reno_add_sack(struct tcp_sock *tp, uint32_t duplicates, bool ece)
{
    uint32_t before = tp->flight->sacked_out;

    if (!duplicates) return;
    tp->flight->sacked_out += duplicates;
    check_reno_reordering(tp, 0);
    if (tp->flight->sacked_out > before) tcp_count_delivered(tp, tp->flight->sacked_out - before, ece);
}

void tcp_reno_remove_sacks(struct tcp_sock *tp, uint32_t acked, bool ece)
{
    if (acked) { /* one was the hole, the others eat the duplicates */
        tcp_count_delivered(tp, acked > tp->flight->sacked_out ? acked - tp->flight->sacked_out : 1, ece);
        tp->flight->sacked_out = acked - 1 >= tp->flight->sacked_out ? 0 : tp->flight->sacked_out - (acked - 1);
    }
    check_reno_reordering(tp, acked);
}

void tcp_reno_reset_sack(struct tcp_sock *tp)
{
    tp->flight->sacked_out = 0;
}
