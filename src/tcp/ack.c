/* An acknowledgement, step by step: is it acceptable, what it takes off the retransmit queue, what it says about round-trip
 * time, loss and window, and what congestion control and retransmission make of that (RFC 9293 §3.10.7.4 fifth, RFC 5681). */
#include "tcp/accecn.h"
#include "tcp/data.h"

uint64_t tcp_rto_delta_us(const struct tcp_sock *tp)
{
    const struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue);

    if (!head) return tp->rtt.rto_ns / NS_PER_US;
    return (uint64_t)((int64_t)(head->tcp.sent_ns + tp->rtt.rto_ns - tcp_now_ns(tp)) / (int64_t)NS_PER_US);
}

void tcp_rearm_rto(struct tcp_sock *tp)
{
    uint64_t rto_ns = tp->rtt.rto_ns;

    if (tp->flight->request) return; /* the timer is the SYN-ACK's */
    if (!tp->flight->packets_out) {
        tcp_pending_clear(tp);
        return;
    }
    if (tp->flight->due.reorder_ns != NS_NEVER || tp->flight->due.loss_probe_ns != NS_NEVER) { /* the time before counts too */
        int64_t left_us = (int64_t)tcp_rto_delta_us(tp);
        rto_ns = left_us > 0 ? (uint64_t)left_us * NS_PER_US : NS_PER_US;
    }
    tcp_retransmit_arm(tp, rto_ns + tcp_pacing_delay_ns(tp));
}

void tcp_set_xmit_timer(struct tcp_sock *tp)
{
    if (!tcp_schedule_loss_probe(tp, true)) tcp_rearm_rto(tp);
}

static void update_una(struct tcp_sock *tp, seq_t ack)
{
    tp->bytes_acked += seq_diff(ack, tp->snd.una);
    tp->snd.una = ack;
}

static bool may_update_window(const struct tcp_sock *tp, seq_t ack, seq_t at, uint32_t window)
{
    return seq_after(ack, tp->snd.una) || seq_after(at, tp->snd.wl1) ||
           (seq_equal(at, tp->snd.wl1) && (window > tp->snd.wnd || !window));
}

static uint32_t update_window(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint32_t window = seg->flags & TCP_SYN ? seg->window : seg->window << tp->snd.scale, flags = 0;

    if (may_update_window(tp, seg->ack, seg->seq, window)) {
        flags = SAW_WINDOW_UPDATE;
        tp->snd.wl1 = seg->seq;
        if (tp->snd.wnd != window) {
            tp->snd.wnd = window;
            tp->is_fast_path = false;
            tcp_fast_path_check(tp);
            if (tp->flight->write_queue.count) tcp_slow_start_after_idle_check(tp);
            if (window > tp->snd.max_wnd) {
                tp->snd.max_wnd = window;
                tcp_sync_mss(tp, tp->pmtu_cookie);
            }
        }
    }
    update_una(tp, seg->ack);
    return flags;
}

static bool paws_passes(const struct tcp_sock *tp, const struct tcp_segment *seg, int32_t slack)
{
    if ((int32_t)(tp->ts_recent - seg->options.timestamp_value) <= slack || !tp->ts_recent) return true;
    return tcp_now_ns(tp) - tp->ts_recent_stamp_ns >= 24ull * 86400 * NS_PER_S;
}

/* RFC 7323 §4.3 (2) */
static uint32_t replace_ts_recent(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint32_t before = tp->ts_recent;

    if (!seg->options.has_timestamp || !tp->is_timestamp_ok || seq_after(seg->seq, tp->rcv.wup)) return 0;
    if (!paws_passes(tp, seg, 0)) return 0;
    tp->ts_recent = seg->options.timestamp_value;
    tp->ts_recent_stamp_ns = tcp_now_ns(tp);
    return (int32_t)(tp->ts_recent - before) > 0 ? SAW_TS_PROGRESS : 0;
}

struct cleaned { uint64_t first_ns, last_ns; uint32_t packets; seq_t reordered; bool fully; };

/* One packet, or its front, is acknowledged. */
static void clean_one(struct tcp_sock *tp, struct ack_work *w, struct packet *p, uint32_t acked, uint32_t bytes, struct cleaned *c)
{
    uint8_t marks = p->tcp.sacked;

    if (marks & (MARK_RETRANSMITTED | MARK_EVER_RETRANSMITTED)) {
        if (marks & MARK_RETRANSMITTED) tp->flight->retrans_out -= acked;
        w->flags |= SAW_RETRANSMIT_ACKED;
    } else if (!(marks & MARK_SACKED)) {
        c->last_ns = p->tcp.sent_ns;
        if (!c->packets || !c->first_ns) c->first_ns = p->tcp.sent_ns;
        if (seq_before(p->tcp.seq, c->reordered)) c->reordered = p->tcp.seq;
        if (!seq_after(p->tcp.end_seq, tp->flight->high_seq)) w->flags |= SAW_ORIGINAL_SACKED;
    }
    if (!(marks & MARK_SACKED)) w->delivered_bytes += bytes;
    if (marks & MARK_SACKED) {
        tp->flight->sacked_out -= acked;
    } else if (tp->is_sack_ok) {
        tcp_count_delivered(tp, acked, w->flags & SAW_ECE);
        tcp_rack_advance(tp, marks, p->tcp.end_seq, p->tcp.sent_ns);
    }
    if (marks & MARK_LOST) tp->flight->lost_out -= acked;
    tp->flight->packets_out -= acked;
    c->packets += acked;
    tcp_rate_packet_delivered(tp, p, w);
    if (p->tcp.flags & TCP_SYN) {
        w->flags |= SAW_SYN_ACKED;
        tp->flight->retrans_stamp_ns = 0;
    }
    if (p->body_bytes || p->tcp.flags & TCP_FIN || !(p->tcp.flags & TCP_SYN)) w->flags |= p->tcp.flags & TCP_SYN ? 0 : SAW_DATA_ACKED;
}

/* Segments of a large packet that are acknowledged go; what is left of a segment stays. */
static uint32_t acked_segments(struct tcp_sock *tp, struct packet *p)
{
    uint32_t before = tcp_segments(p), mss = p->gso_bytes, bytes = seq_diff(tp->snd.una, p->tcp.seq);

    tcp_packet_cut_front(tp, &tp->flight->retransmit_queue, p, bytes);
    tcp_packet_set_segments(p, mss);
    return before - tcp_segments(p);
}

static void take_off_acked(struct tcp_sock *tp, struct ack_work *w, struct cleaned *c)
{
    struct packet *p;

    while ((p = packet_queue_peek(&tp->flight->retransmit_queue))) {
        uint32_t acked = tcp_segments(p), bytes = p->body_bytes;
        if (seq_after(p->tcp.end_seq, tp->snd.una)) {
            if (acked == 1 || !seq_after(tp->snd.una, p->tcp.seq)) break;
            acked = acked_segments(tp, p);
            if (!acked) break;
            bytes -= p->body_bytes;
            c->fully = false;
        }
        clean_one(tp, w, p, acked, bytes, c);
        if (!c->fully) break;
        if (p->tcp.stamps) tcp_stamp_acked(tp, p, w->prior_una, w->seg->packet->ip.ttl);
        tcp_packet_free(tp, &tp->flight->retransmit_queue, p);
    }
}

/* One small packet, alone in its round trip: the peer may have put its ACK off. */
static bool is_lone_runt(const struct tcp_sock *tp, const struct ack_work *w)
{
    return seq_diff(tp->snd.una, w->prior_una) < tp->mss_cache && w->has_rate && w->rate_prior_delivered + 1 == tp->delivered &&
           !(w->flags & (SAW_SACKED | SAW_ECE | SAW_DSACK | SAW_SYN_ACKED));
}

static void clean_retransmit_queue(struct tcp_sock *tp, struct ack_work *w, seq_t prior_highest, uint32_t prior_sacked)
{
    struct cleaned c = { .reordered = tp->snd.nxt, .fully = true };
    int64_t seq_rtt_us = -1, sack_rtt_us = -1, ca_rtt_us = -1;
    uint64_t now = tcp_now_ns(tp);
    const struct packet *head;
    bool had_rtt;

    take_off_acked(tp, w, &c);
    if (tp->settings->mtu.probe_bytes && c.packets) tcp_mtu_probe_acked(tp);
    if (seq_at_or_after(tp->snd.up, w->prior_una) && seq_at_or_before(tp->snd.up, tp->snd.una)) tp->snd.up = tp->snd.una;
    head = packet_queue_peek(&tp->flight->retransmit_queue);
    if (head && head->tcp.stamps) tcp_stamp_acked(tp, head, w->prior_una, w->seg->packet->ip.ttl);
    if (!head) tcp_chrono_stop(tp, CHRONO_BUSY);
    if (head && head->tcp.sacked & MARK_SACKED) w->flags |= SAW_RENEGING;
    if (c.packets && c.last_ns && !(w->flags & SAW_RETRANSMIT_ACKED)) {
        seq_rtt_us = (int64_t)((now - c.first_ns) / NS_PER_US);
        ca_rtt_us = (int64_t)((now - c.last_ns) / NS_PER_US);
        if (c.packets == 1 && c.fully && !prior_sacked && is_lone_runt(tp, w)) w->flags |= SAW_MAYBE_DELAYED;
    }
    if (w->newly_sacked && w->first_sacked_ns) {
        sack_rtt_us = (int64_t)((now - w->first_sacked_ns) / NS_PER_US);
        ca_rtt_us = (int64_t)((now - w->last_sacked_ns) / NS_PER_US);
    }
    had_rtt = tcp_ack_update_rtt(tp, w, seq_rtt_us, sack_rtt_us, ca_rtt_us);
    if (w->flags & SAW_ACKED) {
        w->flags |= SET_TIMER;
        if (!tp->is_sack_ok) {
            tcp_reno_remove_sacks(tp, c.packets, w->flags & SAW_ECE);
            if (w->flags & SAW_RETRANSMIT_ACKED) w->flags &= ~(uint32_t)SAW_ORIGINAL_SACKED;
        } else if (seq_before(c.reordered, prior_highest)) {
            tcp_check_reordering(tp, c.reordered, false); /* a hole closed without a retransmission */
        }
    } else if (head && had_rtt && sack_rtt_us >= 0 && (uint64_t)sack_rtt_us > (now - head->tcp.sent_ns) / NS_PER_US) {
        w->flags |= SET_TIMER;
    }
    if (tp->cc.ops && tp->cc.ops->packets_acked) tp->cc.ops->packets_acked(tp, c.packets, w->rtt_us);
}

static bool is_dubious(const struct tcp_sock *tp, uint32_t flags)
{
    return !(flags & NOT_DUPLICATE) || flags & (SAW_SACKED | SAW_ECE | SAW_DSACK) || tp->flight->ca_state != TCP_CA_Open;
}

static bool may_raise_cwnd(const struct tcp_sock *tp, uint32_t flags)
{
    if (tp->reordering > net_of(tp)->sysctl.tcp_reordering) return flags & SAW_PROGRESS;
    return flags & SAW_DATA_ACKED;
}

static void control_congestion(struct tcp_sock *tp, const struct ack_work *w, const struct tcp_ack_result *r)
{
    if (tp->cc.ops && tp->cc.ops->control) {
        if (sk_of(tp)->state != TCPS_SYN_SENT) tp->cc.ops->control(tp, r); /* else it has not begun */
        return;
    }
    if (tcp_in_cwnd_reduction(tp)) tcp_cwnd_reduction(tp, r->acked_packets, r->lost_packets, w->flags);
    else if (may_raise_cwnd(tp, w->flags) && tp->cc.ops) {
        tp->cc.ops->on_acked(tp, r->ack, r->acked_packets);
        tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    }
    tcp_update_pacing_rate(tp);
}

static bool saw_ece(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    return tcp_is_ecn_classic(tp) && seg->flags & TCP_ECE && !(seg->flags & TCP_SYN);
}

static void count_newly_delivered(struct tcp_sock *tp, uint64_t before, const struct ack_work *w)
{
    count_add(net_of(tp), TcpExt, TCPDelivered, tp->delivered - before);
    if (w->flags & SAW_ECE) count_add(net_of(tp), TcpExt, TCPDeliveredCE, tp->is_accecn ? w->marked : tp->delivered - before);
}

/* An ACK older than what we know may still carry SACKs worth having. */
static int old_ack(struct tcp_sock *tp, struct ack_work *w, uint64_t delivered)
{
    if (w->seg->options.sack_count && tp->is_sack_ok) {
        tcp_sack_tag(tp, w);
        tcp_fast_retransmit_alert(tp, w);
        count_newly_delivered(tp, delivered, w);
        tcp_retransmit_recovery(tp, w->wish);
    }
    return 0;
}

/* Accurate ECN: what this ACK tells; then congestion control hears of it, as of everything about an ACK. */
static void note_marks(struct tcp_sock *tp, struct ack_work *w, uint64_t delivered)
{
    if (tp->is_accecn && tp->is_ecn_ok) w->marked = tcp_accecn_process(tp, w, (uint32_t)(tp->delivered - delivered));
    if (tp->cc.ops && tp->cc.ops->on_ack) tp->cc.ops->on_ack(tp);
}

/* Nothing was in flight: only the window can have changed. */
static int nothing_in_flight(struct tcp_sock *tp, struct ack_work *w, uint64_t delivered)
{
    note_marks(tp, w, delivered);
    if (w->flags & SAW_DSACK) {
        tcp_fast_retransmit_alert(tp, w);
        count_newly_delivered(tp, delivered, w);
    }
    tcp_ack_probe(tp);
    if (tp->flight->tlp_high_seq.v) tcp_process_tlp_ack(tp, w->seg->ack, w->flags);
    return 1;
}

static void take_window_and_sacks(struct tcp_sock *tp, struct ack_work *w)
{
    const struct tcp_segment *seg = w->seg;

    if ((w->flags & (ON_SLOW_PATH | SAW_UNA_ADVANCED)) == SAW_UNA_ADVANCED) {
        tp->snd.wl1 = seg->seq; /* the window is as predicted */
        update_una(tp, seg->ack);
        w->flags |= SAW_WINDOW_UPDATE;
        count(net_of(tp), TcpExt, TCPHPAcks);
        return;
    }
    if (!seq_equal(seg->seq, seg->end_seq)) w->flags |= SAW_DATA;
    else count(net_of(tp), TcpExt, TCPPureAcks);
    w->flags |= update_window(tp, seg);
    if (saw_ece(tp, seg)) w->flags |= SAW_ECE;
    if (seg->options.sack_count && tp->is_sack_ok) tcp_sack_tag(tp, w);
}

/* RFC 3168 §6.1.3. Also on a pure ACK, as others send it; with data the sender may have a tiny window, and waits for our ACK. */
static void accept_cwr(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (!(seg->flags & TCP_CWR) || !tcp_is_ecn_classic(tp)) return;
    tp->ecn_demand_cwr = false;
    if (!seq_equal(seg->seq, seg->end_seq)) tp->ack_pending |= ACK_NOW;
}

int tcp_ack(struct tcp_sock *tp, const struct tcp_segment *seg, uint32_t flags)
{
    struct ack_work w = { .seg = seg, .prior_una = tp->snd.una, .flags = flags, .rtt_us = -1, .was_reneging = tp->flight->is_reneging };
    uint32_t prior_packets = tp->flight->packets_out, prior_sacked = tp->flight->sacked_out;
    uint64_t delivered = tp->delivered, lost = tp->flight->lost;
    struct tcp_ack_result result;
    seq_t prior_highest;

    if (seq_before(seg->ack, tp->snd.una)) {
        uint64_t reach = min_of((uint64_t)tp->snd.max_wnd, tp->bytes_acked);
        if (seq_before(seg->ack, seq_sub(tp->snd.una, (uint32_t)reach))) { /* RFC 5961 §5.2 */
            if (!(flags & NO_CHALLENGE)) tcp_send_challenge_ack(tp);
            return -DROP_TCP_TOO_OLD_ACK;
        }
        return old_ack(tp, &w, delivered);
    }
    if (seq_after(seg->ack, tp->snd.nxt)) { /* RFC 9293 §3.10.7.4, fifth: an ACK, limited as challenges are */
        if (!(flags & NO_CHALLENGE)) tcp_send_challenge_ack(tp);
        return -DROP_TCP_ACK_UNSENT_DATA;
    }
    if (seq_after(seg->ack, tp->snd.una)) {
        w.flags |= SAW_UNA_ADVANCED;
        tp->retransmits = 0;
    }
    prior_highest = tp->is_sack_ok ? tcp_highest_sack_seq(tp) : tp->snd.una;
    w.prior_in_flight = tcp_in_flight(tp);
    if (flags & UPDATE_TS_RECENT) w.flags |= replace_ts_recent(tp, seg);
    take_window_and_sacks(tp, &w);
    accept_cwr(tp, seg);
    sk_of(tp)->err_soft = 0;
    tp->probes_out = 0;
    tp->last_ack_received_ns = tcp_now_ns(tp);
    if (!prior_packets) return nothing_in_flight(tp, &w, delivered);
    clean_retransmit_queue(tp, &w, prior_highest, prior_sacked);
    tcp_rack_update_window(tp, &w);
    note_marks(tp, &w, delivered);
    if (tp->flight->tlp_high_seq.v) tcp_process_tlp_ack(tp, seg->ack, w.flags);
    if (is_dubious(tp, w.flags)) {
        if (!(w.flags & (SAW_UNA_ADVANCED | NOT_DUPLICATE | SAW_DSACK))) w.duplicate_acks = 1;
        tcp_fast_retransmit_alert(tp, &w);
    }
    if (w.flags & SET_TIMER) tcp_set_xmit_timer(tp);
    if (w.flags & SAW_PROGRESS || !(w.flags & NOT_DUPLICATE)) tp->heard_progress = true;
    count_newly_delivered(tp, delivered, &w);
    tcp_rate_sample(tp, &w, (uint32_t)(tp->delivered - delivered), (uint32_t)(tp->flight->lost - lost), &result);
    control_congestion(tp, &w, &result);
    tcp_retransmit_recovery(tp, w.wish);
    return 1;
}

/* The answer echoes the time of the first SYN: the timeouts that sent the others were too early. */
static void undo_spurious_syn(struct tcp_sock *tp, uint64_t first_sent_ns)
{
    if (!tp->flight->undo_marker.v || !first_sent_ns || !tp->flight->saw_timestamp) return;
    if (tp->flight->rcv_tsecr == (uint32_t)(first_sent_ns / NS_PER_MS)) tp->flight->undo_marker = seq(0);
}

void tcp_syn_acked(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint64_t first_sent_ns = tp->flight->retrans_stamp_ns;

    tcp_ack(tp, seg, ON_SLOW_PATH);
    undo_spurious_syn(tp, first_sent_ns);
}
