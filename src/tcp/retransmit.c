/* Sending again: one packet, everything marked lost, and the tail loss probe (RFC 8985 §7). */
#include "tcp/accecn.h"
#include "tcp/data.h"

/* A partial ACK has eaten into the packet, or our SYN is acknowledged and the data with it is not. */
static bool trim_acknowledged(struct tcp_sock *tp, struct packet *p)
{
    if (!seq_before(p->tcp.seq, tp->snd.una)) return true;
    if (p->tcp.flags & TCP_SYN) {
        p->tcp.flags &= (uint8_t)~TCP_SYN;
        p->tcp.seq = seq_add(p->tcp.seq, 1);
        if (!seq_before(p->tcp.seq, tp->snd.una)) return true;
    }
    if (!seq_before(tp->snd.una, p->tcp.end_seq)) return false;
    tcp_packet_cut_front(tp, &tp->flight->retransmit_queue, p, seq_diff(tp->snd.una, p->tcp.seq));
    return true;
}

static void resegment(struct tcp_sock *tp, struct packet *p, uint32_t mss)
{
    uint32_t before = tcp_segments(p);

    tcp_packet_set_segments(p, mss);
    tcp_adjust_counts(tp, p, before, tcp_segments(p));
}

static bool may_join(const struct tcp_sock *tp, const struct packet *p, const struct packet *next, uint32_t room)
{
    return next && !p->tcp.zero_copy && !next->tcp.zero_copy && tcp_segments(next) == 1 && !(next->tcp.sacked & MARK_SACKED) && !p->pushed_out && !(p->tcp.flags & TCP_FIN) &&
           p->body_bytes + next->body_bytes <= room && !seq_after(next->tcp.end_seq, tcp_window_end(tp));
}

/* Small packets that follow go along in one segment (Linux: tcp_retrans_try_collapse). The packet in p's place. */
static struct packet *join_following(struct tcp_sock *tp, struct packet *p, uint32_t room)
{
    struct packet_queue *q = &tp->flight->retransmit_queue;
    struct packet *next;

    if (!net_of(tp)->sysctl.tcp_retrans_collapse || p->tcp.flags & TCP_SYN || tcp_segments(p) > 1) return p;
    while (may_join(tp, p, next = tcp_queue_next(q, p), room)) {
        struct packet *larger = tcp_packet_enlarge(tp, q, p, p->body_bytes + next->body_bytes);
        if (!larger) return p;
        p = larger;
        if (next->body_bytes) memcpy(packet_put(p, next->body_bytes), next->body, next->body_bytes);
        q->bytes += next->body_bytes;
        p->truesize_bytes += next->body_bytes;
        tcp_charge(tp, next->body_bytes);
        p->tcp.end_seq = next->tcp.end_seq;
        p->tcp.flags |= next->tcp.flags;
        p->tcp.sacked |= next->tcp.sacked & MARK_EVER_RETRANSMITTED;
        p->pushed_out = next->pushed_out;
        tcp_stamp_join(p, next);
        tcp_adjust_counts(tp, next, 1, 0);
        tcp_packet_free(tp, q, next);
    }
    return p;
}

/* Without marking it retransmitted; loss probes do so. *at: may be replaced by a larger one. */
static int retransmit_unmarked(struct tcp_sock *tp, struct packet **at, uint32_t segments)
{
    struct packet *p = *at;
    struct net *net = net_of(tp);
    uint32_t mss, bytes, window;
    int32_t room;
    int error;

    tcp_mtu_probe_forget(tp);
    if (!trim_acknowledged(tp, p)) return -EINVAL;
    if (!inet_route(&tp->inet, &error)) return -EHOSTUNREACH; /* it may have been given up: the MSS is that of today's path */
    mss = tcp_mss_now(tp);
    room = (int32_t)(tcp_window_end(tp).v - p->tcp.seq.v);
    if (room <= 0) { /* outside of a window that was taken back: only the first serves, as a probe */
        if (!seq_equal(p->tcp.seq, tp->snd.una)) return -EAGAIN;
        room = (int32_t)mss;
    }
    window = (uint32_t)room;
    if (tp->settings->md5_keys) segments = 1; /* each has its own signature */
    bytes = mss * segments;
    if (bytes > window) bytes = window >= mss ? window - window % mss : window;
    if (p->body_bytes > bytes) {
        if (!tcp_packet_split(tp, &tp->flight->retransmit_queue, p, bytes, mss)) return -ENOMEM;
    } else {
        resegment(tp, p, mss);
        *at = p = join_following(tp, p, min_of(window, mss));
    }
    tcp_ecn_fall_back(tp, p);
    segments = tcp_segments(p);
    count_add(net, Tcp, RetransSegs, segments);
    if (p->tcp.flags & TCP_SYN) count(net, TcpExt, TCPSynRetrans);
    tp->flight->past.total_retrans += segments;
    tp->flight->past.bytes_retrans += p->body_bytes;
    error = tcp_transmit(tp, p, true);
    p->tcp.sacked |= MARK_EVER_RETRANSMITTED;
    if (!error) { /* also when the loss had taken it off: from now on it may be lost again */
        list_remove(&p->by_time);
        list_add_tail(&tp->flight->sent_by_time, &p->by_time);
    }
    if (error) count_add(net, TcpExt, TCPRetransFail, segments);
    return error;
}

int tcp_retransmit_packet(struct tcp_sock *tp, struct packet **at, uint32_t segments)
{
    int error = retransmit_unmarked(tp, at, segments);
    struct packet *p = *at;

    if (!error && !(p->tcp.sacked & MARK_RETRANSMITTED)) {
        p->tcp.sacked |= MARK_RETRANSMITTED;
        tp->flight->retrans_out += tcp_segments(p);
    }
    p->tcp.retransmits++;
    if (!tp->flight->retrans_stamp_ns) tp->flight->retrans_stamp_ns = tcp_now_ns(tp);
    if (tp->flight->undo_retrans < 0) tp->flight->undo_retrans = 0;
    tp->flight->undo_retrans += (int32_t)tcp_segments(p);
    return error;
}

void tcp_retransmit_queue(struct tcp_sock *tp)
{
    struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue), *p, *hole = NULL;
    uint32_t most = tcp_tso_segments(tp, tcp_mss_now(tp));
    bool rearm = false, is_head;

    if (!tp->flight->packets_out) return;
    for (p = tp->flight->retransmit_hint ? tp->flight->retransmit_hint : head; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
        uint32_t in_flight = tcp_in_flight(tp);
        if (tcp_pacing_holds(tp)) break;
        if (!hole) tp->flight->retransmit_hint = p;
        if (in_flight >= tp->snd.cwnd_packets || tp->flight->retrans_out >= tp->flight->lost_out) break;
        if (!(p->tcp.sacked & MARK_LOST)) {
            if (!hole && !(p->tcp.sacked & (MARK_SACKED | MARK_RETRANSMITTED))) hole = p;
            continue;
        }
        if (p->tcp.sacked & (MARK_SACKED | MARK_RETRANSMITTED)) continue;
        is_head = p == packet_queue_peek(&tp->flight->retransmit_queue);
        if (tcp_retransmit_packet(tp, &p, min_of(tp->snd.cwnd_packets - in_flight, most))) break;
        if (!hole) tp->flight->retransmit_hint = p;
        if (tp->flight->ca_state != TCP_CA_Loss) count_add(net_of(tp), TcpExt, TCPFastRetrans, tcp_segments(p));
        else count_add(net_of(tp), TcpExt, TCPSlowStartRetrans, tcp_segments(p));
        if (tcp_in_cwnd_reduction(tp)) tp->flight->prr_out += tcp_segments(p);
        if (is_head && tp->flight->due.reorder_ns == NS_NEVER) rearm = true;
    }
    if (rearm) tcp_retransmit_arm(tp, tp->rtt.rto_ns + tcp_pacing_delay_ns(tp));
}

/* RFC 8985 §7.2: after two round trips without an ACK one packet asks whether the tail arrived. */
bool tcp_schedule_loss_probe(struct tcp_sock *tp, bool advancing_rto)
{
    int64_t mode = net_of(tp)->sysctl.tcp_early_retrans, rto_us;
    uint64_t timeout_us = 1000000;

    if ((mode != 3 && mode != 4) || !tp->flight->packets_out || !tp->is_sack_ok || tp->flight->request) return false;
    if (tp->flight->ca_state != TCP_CA_Open && tp->flight->ca_state != TCP_CA_CWR) return false;
    if (tp->rtt.srtt_us) timeout_us = (tp->rtt.srtt_us >> 2) + (tp->flight->packets_out == 1 ? tcp_rto_min_us(tp) : 2000);
    rto_us = advancing_rto ? (int64_t)(tp->rtt.rto_ns / NS_PER_US) : (int64_t)tcp_rto_delta_us(tp);
    if (rto_us > 0) timeout_us = min_of(timeout_us, (uint64_t)rto_us);
    tcp_pending_arm(tp, PENDING_LOSS_PROBE, timeout_us * NS_PER_US + tcp_pacing_delay_ns(tp));
    return true;
}

static bool can_send_new(const struct tcp_sock *tp, uint32_t mss)
{
    const struct packet *p = packet_queue_peek(&tp->flight->write_queue);

    return p && !seq_after(p->body_bytes > mss ? seq_add(p->tcp.seq, mss) : p->tcp.end_seq, tcp_window_end(tp));
}

static bool probe_with_new_data(struct tcp_sock *tp, uint32_t mss)
{
    uint32_t before = tp->flight->packets_out;

    tcp_write_xmit(tp, mss, NAGLE_OFF, 2);
    return tp->flight->packets_out > before;
}

static bool probe_with_tail(struct tcp_sock *tp, uint32_t mss)
{
    struct packet *p = tcp_queue_last(&tp->flight->retransmit_queue);
    uint32_t segments;

    if (!p) return false;
    segments = tcp_segments(p);
    if (segments > 1 && p->body_bytes > (segments - 1) * mss) {
        if (!tcp_packet_split(tp, &tp->flight->retransmit_queue, p, (segments - 1) * mss, mss)) return false;
        p = tcp_queue_next(&tp->flight->retransmit_queue, p);
    }
    if (retransmit_unmarked(tp, &p, 1)) return false;
    tp->flight->tlp_retransmit = true;
    return true;
}

void tcp_send_loss_probe(struct tcp_sock *tp)
{
    uint32_t mss = tcp_mss_now(tp);
    bool sent = false;

    tp->flight->due.loss_probe_ns = tcp_now_ns(tp); /* pending still: without a probe the RTO counts from the first transmission */
    if (!tp->flight->tlp_high_seq.v && tp->flight->packets_out) { /* one at a time */
        tp->flight->tlp_retransmit = false;
        sent = can_send_new(tp, mss) ? probe_with_new_data(tp, mss) : probe_with_tail(tp, mss);
    }
    if (sent) {
        tp->flight->tlp_high_seq = tp->snd.nxt;
        count(net_of(tp), TcpExt, TCPLossProbes);
        tcp_pending_clear(tp); /* the RTO counts from now */
    }
    tcp_rearm_rto(tp);
}
