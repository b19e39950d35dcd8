/* The congestion states (Linux: tcp_fastretrans_alert): Open, Disorder, CWR, Recovery, Loss; how they are entered and left,
 * how the window comes down (PRR, RFC 6937), and how a reduction that turns out needless is undone (RFC 3522, 5682). */
#include "tcp/data.h"

void tcp_set_ca_state(struct tcp_sock *tp, uint8_t state)
{
    if (tp->cc.ops && tp->cc.ops->set_state) tp->cc.ops->set_state(tp, state);
    tp->flight->ca_state = state;
}

static uint32_t ssthresh_of(struct tcp_sock *tp)
{
    return tp->cc.ops && tp->cc.ops->ssthresh ? tp->cc.ops->ssthresh(tp) : max_of(tp->snd.cwnd_packets >> 1, 2u);
}

static bool any_retransmitted(const struct tcp_sock *tp)
{
    const struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue);

    return tp->flight->retrans_out || (head && head->tcp.sacked & MARK_EVER_RETRANSMITTED);
}

static void forget_stamp_unless_retransmitted(struct tcp_sock *tp)
{
    if (!any_retransmitted(tp)) tp->flight->retrans_stamp_ns = 0;
}

static void init_undo(struct tcp_sock *tp)
{
    tp->flight->undo_marker = tp->snd.una.v ? tp->snd.una : seq(1); /* 0 means none */
    tp->flight->undo_retrans = (int32_t)tp->flight->retrans_out + (tp->flight->tlp_high_seq.v && tp->flight->tlp_retransmit);
    if (!tp->flight->undo_retrans) tp->flight->undo_retrans = -1; /* 0 would mean: all were needless */
}

void tcp_init_cwnd_reduction(struct tcp_sock *tp)
{
    tp->flight->high_seq = tp->snd.nxt;
    tp->flight->tlp_high_seq = seq(0);
    tp->snd.cwnd_cnt = 0;
    tp->flight->prior_cwnd = tp->snd.cwnd_packets;
    tp->flight->prr_delivered = tp->flight->prr_out = 0;
    tp->snd.ssthresh_packets = ssthresh_of(tp);
    if (tcp_is_ecn_classic(tp)) tp->ecn_queue_cwr = true;
}

/* RFC 6937 §3.1, with the slow-start reduction bound, and at least one packet at the beginning. */
void tcp_cwnd_reduction(struct tcp_sock *tp, uint32_t delivered, uint32_t newly_lost, uint32_t flags)
{
    uint32_t in_flight = tcp_in_flight(tp), send;
    int64_t delta = (int64_t)tp->snd.ssthresh_packets - in_flight, n;

    if (!delivered || !tp->flight->prior_cwnd) return;
    tp->flight->prr_delivered += delivered;
    if (delta < 0) {
        uint64_t share = (uint64_t)tp->snd.ssthresh_packets * tp->flight->prr_delivered + tp->flight->prior_cwnd - 1;
        n = (int64_t)(share / tp->flight->prior_cwnd) - tp->flight->prr_out;
    } else {
        n = max_of((int64_t)tp->flight->prr_delivered - tp->flight->prr_out, (int64_t)delivered);
        if (flags & SAW_UNA_ADVANCED && !newly_lost) n++;
        n = min_of(delta, n);
    }
    send = (uint32_t)max_of(n, tp->flight->prr_out ? 0 : 1);
    tp->snd.cwnd_packets = max_of(in_flight + send, 1u);
}

void tcp_end_cwnd_reduction(struct tcp_sock *tp)
{
    if (tp->cc.ops && tp->cc.ops->control) return;
    if (tp->snd.ssthresh_packets < TCP_INFINITE_SSTHRESH && (tp->flight->undo_marker.v || tp->flight->ca_state == TCP_CA_CWR)) {
        tp->snd.cwnd_packets = tp->snd.ssthresh_packets;
        tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    }
    if (tp->cc.ops && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_COMPLETE_CWR);
}

void tcp_enter_cwr(struct tcp_sock *tp)
{
    tp->flight->prior_ssthresh = 0;
    if (tp->flight->ca_state >= TCP_CA_CWR) return;
    tp->flight->undo_marker = seq(0);
    tcp_init_cwnd_reduction(tp);
    tcp_set_ca_state(tp, TCP_CA_CWR);
}

void tcp_enter_recovery(struct tcp_sock *tp, bool by_ece)
{
    forget_stamp_unless_retransmitted(tp);
    if (tp->is_sack_ok) count(net_of(tp), TcpExt, TCPSackRecovery); else count(net_of(tp), TcpExt, TCPRenoRecovery);
    tp->flight->prior_ssthresh = 0;
    init_undo(tp);
    if (!tcp_in_cwnd_reduction(tp)) {
        if (!by_ece) tp->flight->prior_ssthresh = tcp_current_ssthresh(tp);
        tcp_init_cwnd_reduction(tp);
    }
    tcp_set_ca_state(tp, TCP_CA_Recovery);
}

/* After a timeout all is lost but what was sent within the last round trip. */
static void mark_lost_by_timeout(struct tcp_sock *tp)
{
    struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue), *p;
    bool is_reneging = head && head->tcp.sacked & MARK_SACKED;

    if (is_reneging) { /* RFC 2018 §8: the peer threw away what it had SACKed */
        count(net_of(tp), TcpExt, TCPSACKReneging);
        tp->flight->sacked_out = 0;
        tp->flight->is_reneging = true;
        memset(tp->flight->sack_cache, 0, sizeof(tp->flight->sack_cache));
    } else if (!tp->is_sack_ok) {
        tcp_reno_reset_sack(tp);
    }
    for (p = head; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
        if (is_reneging) {
            if (p->tcp.sacked & MARK_SACKED) list_add_tail(&tp->flight->sent_by_time, &p->by_time);
            p->tcp.sacked &= (uint8_t)~MARK_SACKED;
        } else if (p != head && tcp_rack_time_left_us(tp, p, 0) > 0) {
            continue;
        }
        tcp_mark_lost(tp, p);
    }
    tp->flight->retransmit_hint = NULL;
}

void tcp_enter_loss(struct tcp_sock *tp)
{
    bool is_new = tp->flight->ca_state < TCP_CA_Recovery;
    uint32_t least = (uint32_t)net_of(tp)->sysctl.tcp_reordering;

    mark_lost_by_timeout(tp);
    if (tp->flight->ca_state <= TCP_CA_Disorder || !seq_after(tp->flight->high_seq, tp->snd.una) || (tp->flight->ca_state == TCP_CA_Loss && !tp->retransmits)) {
        tp->flight->prior_ssthresh = tcp_current_ssthresh(tp);
        tp->flight->prior_cwnd = tp->snd.cwnd_packets;
        tp->snd.ssthresh_packets = ssthresh_of(tp);
        if (tp->cc.ops && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_LOSS);
        init_undo(tp);
    }
    tp->snd.cwnd_packets = tcp_in_flight(tp) + 1;
    tp->snd.cwnd_cnt = 0;
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    if (tp->flight->ca_state <= TCP_CA_Disorder && tp->flight->sacked_out >= least) tp->reordering = min_of(tp->reordering, least);
    tcp_set_ca_state(tp, TCP_CA_Loss);
    tp->flight->high_seq = tp->snd.nxt;
    tp->flight->tlp_high_seq = seq(0);
    if (tcp_is_ecn_classic(tp)) tp->ecn_queue_cwr = true;
    tp->flight->frto = net_of(tp)->sysctl.tcp_frto && (is_new || tp->retransmits);
}

/* The ACK answers something sent before the first retransmission (Eifel detection, RFC 3522), or nothing was sent again. */
static bool is_packet_delayed(const struct tcp_sock *tp)
{
    if (!tp->flight->retrans_stamp_ns) { /* but where a retransmission's stamp is forgotten though it went */
        if (!tp->is_sack_ok && !seq_before(tp->snd.una, tp->flight->high_seq)) return false;
        return tp->inet.sk.state != TCPS_SYN_SENT;
    }
    return tp->flight->saw_timestamp && tp->flight->rcv_tsecr && (int32_t)(tp->flight->rcv_tsecr - (uint32_t)(tp->flight->retrans_stamp_ns / NS_PER_MS)) < 0;
}

static bool may_undo(const struct tcp_sock *tp)
{
    return tp->flight->undo_marker.v && (!tp->flight->undo_retrans || is_packet_delayed(tp));
}

static void undo_reduction(struct tcp_sock *tp, bool unmark)
{
    if (unmark) {
        struct packet *p = packet_queue_peek(&tp->flight->retransmit_queue);
        for (; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
            if (p->tcp.sacked & MARK_LOST && !(p->tcp.sacked & MARK_SACKED) && !list_is_linked(&p->by_time)) list_add_head(&tp->flight->sent_by_time, &p->by_time);
            p->tcp.sacked &= (uint8_t)~MARK_LOST;
        }
        tp->flight->lost_out = 0;
        tp->flight->retransmit_hint = NULL;
    }
    if (tp->flight->prior_ssthresh) {
        tp->snd.cwnd_packets = tp->cc.ops && tp->cc.ops->undo_cwnd ? tp->cc.ops->undo_cwnd(tp) : max_of(tp->snd.cwnd_packets, tp->flight->prior_cwnd);
        if (tp->flight->prior_ssthresh > tp->snd.ssthresh_packets) {
            tp->snd.ssthresh_packets = tp->flight->prior_ssthresh;
            tp->ecn_queue_cwr = false;
        }
    }
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    tp->flight->undo_marker = seq(0);
    tp->flight->rack.advanced = true;
}

/* Without SACK the state is held until something above high_seq is acknowledged (RFC 6582 §4). */
static bool reno_must_hold(struct tcp_sock *tp)
{
    if (!seq_equal(tp->snd.una, tp->flight->high_seq) || tp->is_sack_ok) return false;
    forget_stamp_unless_retransmitted(tp);
    return true;
}

static bool try_undo_recovery(struct tcp_sock *tp)
{
    if (may_undo(tp)) {
        if (tp->flight->ca_state == TCP_CA_Loss) count(net_of(tp), TcpExt, TCPLossUndo); else count(net_of(tp), TcpExt, TCPFullUndo);
        undo_reduction(tp, false);
    } else if (tp->snd.reo_wnd_persist) {
        tp->snd.reo_wnd_persist--;
    }
    if (reno_must_hold(tp)) return true;
    tcp_set_ca_state(tp, TCP_CA_Open);
    tp->flight->is_reneging = false;
    return false;
}

static bool try_undo_duplicate(struct tcp_sock *tp)
{
    if (!tp->flight->undo_marker.v || tp->flight->undo_retrans) return false;
    tp->snd.reo_wnd_persist = min_of(16, tp->snd.reo_wnd_persist + 1);
    undo_reduction(tp, false);
    count(net_of(tp), TcpExt, TCPDSACKUndo);
    return true;
}

static bool try_undo_loss(struct tcp_sock *tp, bool by_frto)
{
    if (!by_frto && !may_undo(tp)) return false;
    undo_reduction(tp, true);
    count(net_of(tp), TcpExt, TCPLossUndo);
    if (by_frto) count(net_of(tp), TcpExt, TCPSpuriousRTOs);
    tp->retransmits = 0;
    if (reno_must_hold(tp)) return true;
    if (by_frto || tp->is_sack_ok) {
        tcp_set_ca_state(tp, TCP_CA_Open);
        tp->flight->is_reneging = false;
    }
    return true;
}

static void keep_open(struct tcp_sock *tp)
{
    uint8_t state = tcp_left_out(tp) || any_retransmitted(tp) ? TCP_CA_Disorder : TCP_CA_Open;

    if (tp->flight->ca_state == state) return;
    tcp_set_ca_state(tp, state);
    tp->flight->high_seq = tp->snd.nxt;
}

static void try_to_open(struct tcp_sock *tp, uint32_t flags)
{
    forget_stamp_unless_retransmitted(tp);
    if (flags & SAW_ECE) tcp_enter_cwr(tp);
    if (tp->flight->ca_state != TCP_CA_CWR) keep_open(tp);
}

/* A partial ACK came from the delayed original. True: no more retransmissions now. */
static bool try_undo_partial(struct tcp_sock *tp, seq_t prior_una)
{
    if (!tp->flight->undo_marker.v || !is_packet_delayed(tp)) return false;
    tcp_check_reordering(tp, prior_una, true);
    if (tp->flight->retrans_out) return true;
    forget_stamp_unless_retransmitted(tp);
    undo_reduction(tp, true);
    count(net_of(tp), TcpExt, TCPPartialUndo);
    keep_open(tp);
    return false;
}

static void identify_loss(struct tcp_sock *tp, struct ack_work *w)
{
    uint32_t before = tp->flight->retrans_out;

    if (!tp->flight->retransmit_queue.count) return;
    if (!tp->is_sack_ok) {
        tcp_newreno_mark_lost(tp, w->flags & SAW_UNA_ADVANCED);
        return;
    }
    if (tcp_rack_mark_lost(tp)) w->flags &= ~(uint32_t)SET_TIMER;
    if (before > tp->flight->retrans_out) w->flags |= SAW_LOST_RETRANSMIT;
}

/* F-RTO (RFC 5682 §3.1): is the timeout spurious? True: decided, nothing more to do now. */
static bool process_frto(struct tcp_sock *tp, struct ack_work *w, bool recovered)
{
    if (w->flags & SAW_ORIGINAL_SACKED && try_undo_loss(tp, true)) return true;
    if (seq_after(tp->snd.nxt, tp->flight->high_seq)) {
        if (w->flags & SAW_SACKED || w->duplicate_acks) tp->flight->frto = false; /* step 3.a: the loss was real */
    } else if (w->flags & SAW_UNA_ADVANCED && !recovered) {
        tp->flight->high_seq = tp->snd.nxt;
        if (tp->flight->write_queue.count && seq_after(tcp_window_end(tp), tp->snd.nxt)) { /* step 2.b: try new data */
            w->wish = RETRANSMIT_NEW;
            return true;
        }
        tp->flight->frto = false;
    }
    return false;
}

static void process_loss(struct tcp_sock *tp, struct ack_work *w)
{
    bool recovered = !seq_before(tp->snd.una, tp->flight->high_seq);

    if (w->flags & SAW_UNA_ADVANCED && try_undo_loss(tp, false)) return;
    if (tp->flight->frto && process_frto(tp, w, recovered)) return;
    if (recovered) {
        try_undo_recovery(tp);
        return;
    }
    if (!tp->is_sack_ok) {
        if (seq_after(tp->snd.nxt, tp->flight->high_seq) && w->duplicate_acks) tcp_reno_add_sack(tp, w->duplicate_acks, w->flags & SAW_ECE);
        else if (w->flags & SAW_UNA_ADVANCED) tcp_reno_reset_sack(tp);
    }
    w->wish = RETRANSMIT_LOST;
}

/* High_seq is acknowledged: the episode is over. True: stop here. */
static bool leave_state(struct tcp_sock *tp)
{
    if (tp->flight->ca_state == TCP_CA_Open) {
        tp->flight->retrans_stamp_ns = 0;
    } else if (!seq_before(tp->snd.una, tp->flight->high_seq)) {
        if (tp->flight->ca_state == TCP_CA_CWR) {
            if (!seq_equal(tp->snd.una, tp->flight->high_seq)) {
                tcp_end_cwnd_reduction(tp);
                tcp_set_ca_state(tp, TCP_CA_Open);
            }
        } else if (tp->flight->ca_state == TCP_CA_Recovery) {
            if (!tp->is_sack_ok) tcp_reno_reset_sack(tp);
            if (try_undo_recovery(tp)) return true;
            tcp_end_cwnd_reduction(tp);
        }
    }
    return false;
}

static void in_recovery(struct tcp_sock *tp, struct ack_work *w)
{
    if (!(w->flags & SAW_UNA_ADVANCED)) {
        if (!tp->is_sack_ok) tcp_reno_add_sack(tp, w->duplicate_acks, w->flags & SAW_ECE);
    } else if (try_undo_partial(tp, w->prior_una)) {
        return;
    }
    if (try_undo_duplicate(tp)) try_to_open(tp, w->flags);
    identify_loss(tp, w);
    if (tp->flight->ca_state != TCP_CA_Recovery) {
        if (!tp->flight->lost_out) return;
        tcp_enter_recovery(tp, w->flags & SAW_ECE);
    }
    w->wish = RETRANSMIT_LOST;
}

static void in_open(struct tcp_sock *tp, struct ack_work *w)
{
    if (!tp->is_sack_ok) {
        if (w->flags & SAW_UNA_ADVANCED) tcp_reno_reset_sack(tp);
        tcp_reno_add_sack(tp, w->duplicate_acks, w->flags & SAW_ECE);
    }
    if (tp->flight->ca_state <= TCP_CA_Disorder) try_undo_duplicate(tp);
    identify_loss(tp, w);
    if (!tp->flight->lost_out) {
        try_to_open(tp, w->flags);
        return;
    }
    if (tp->settings->mtu.probe_bytes && tcp_mtu_probe_lost(tp)) return; /* it was too large: no congestion */
    tcp_enter_recovery(tp, w->flags & SAW_ECE);
    w->wish = RETRANSMIT_LOST;
}

static bool is_reneging(struct tcp_sock *tp, struct ack_work *w)
{
    uint64_t delay_us;

    if (!(w->flags & SAW_RENEGING) || !(w->flags & SAW_UNA_ADVANCED)) return false;
    delay_us = max_of(tp->rtt.srtt_us >> 4, 10000u);
    tcp_retransmit_arm(tp, delay_us * NS_PER_US);
    w->flags &= ~(uint32_t)SET_TIMER;
    return true;
}

static void count_timeout_time(struct tcp_sock *tp)
{
    if (tp->flight->ca_state == TCP_CA_Loss || !tp->flight->rto_start_ns) return;
    tp->flight->past.rto_total_ms += (uint32_t)((tcp_now_ns(tp) - tp->flight->rto_start_ns) / NS_PER_MS);
    tp->flight->rto_start_ns = 0;
}

void tcp_fast_retransmit_alert(struct tcp_sock *tp, struct ack_work *w)
{
    if (!tp->flight->packets_out) tp->flight->sacked_out = 0;
    if (w->flags & SAW_ECE) tp->flight->prior_ssthresh = 0; /* congestion is certain: no undo */
    if (is_reneging(tp, w)) return;
    if (leave_state(tp)) return;
    switch (tp->flight->ca_state) {
    case TCP_CA_Recovery:
        in_recovery(tp, w);
        break;
    case TCP_CA_Loss:
        process_loss(tp, w);
        count_timeout_time(tp);
        identify_loss(tp, w);
        if (tp->flight->ca_state != TCP_CA_Open && !(w->flags & SAW_LOST_RETRANSMIT)) break;
        in_open(tp, w);
        break;
    default:
        in_open(tp, w);
    }
}

void tcp_process_tlp_ack(struct tcp_sock *tp, seq_t ack, uint32_t flags)
{
    if (seq_before(ack, tp->flight->tlp_high_seq)) return;
    if (!tp->flight->tlp_retransmit || flags & SAW_DSACK_TLP) {
        tp->flight->tlp_high_seq = seq(0);
    } else if (seq_after(ack, tp->flight->tlp_high_seq)) { /* the probe repaired a loss: congestion control must know */
        tcp_init_cwnd_reduction(tp);
        tcp_set_ca_state(tp, TCP_CA_CWR);
        tcp_end_cwnd_reduction(tp);
        keep_open(tp);
        count(net_of(tp), TcpExt, TCPLossProbeRecovery);
    } else if (!(flags & (SAW_UNA_ADVANCED | NOT_DUPLICATE | SAW_SACKED))) {
        tp->flight->tlp_high_seq = seq(0); /* both arrived */
    }
}

void tcp_retransmit_recovery(struct tcp_sock *tp, enum retransmit_wish wish)
{
    if (wish == RETRANSMIT_NONE || sk_of(tp)->state == TCPS_SYN_SENT) return;
    if (wish == RETRANSMIT_NEW) {
        tcp_push_pending(tp, tcp_mss_now(tp), NAGLE_OFF);
        if (seq_after(tp->snd.nxt, tp->flight->high_seq)) return;
        tp->flight->frto = false;
    }
    tcp_retransmit_queue(tp);
}

/* The path takes only smaller packets now: what was larger goes again, without blaming congestion. */
void tcp_retransmit_without_congestion(struct tcp_sock *tp)
{
    if (tp->flight->ca_state != TCP_CA_Loss) {
        tp->flight->high_seq = tp->snd.nxt;
        tp->snd.ssthresh_packets = tcp_current_ssthresh(tp);
        tp->flight->prior_ssthresh = 0;
        tp->flight->undo_marker = seq(0);
        tcp_set_ca_state(tp, TCP_CA_Loss);
    }
    tcp_retransmit_queue(tp);
}

void tcp_simple_retransmit(struct tcp_sock *tp)
{
    uint32_t mss = tcp_mss_now(tp);
    struct packet *p = packet_queue_peek(&tp->flight->retransmit_queue);
    bool is_syn_with_data = tp->rcv.open.has_data && tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT)); /* as one packet it was too large */

    if (!p) return;
    for (; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
        uint32_t segment = tcp_segments(p) > 1 ? p->gso_bytes : p->body_bytes;
        if (segment > mss || is_syn_with_data) tcp_mark_lost(tp, p);
    }
    tp->flight->retransmit_hint = NULL;
    if (!tp->flight->lost_out) return;
    if (!tp->is_sack_ok) tp->flight->sacked_out = min_of(tp->flight->sacked_out, tp->flight->packets_out - min_of(tp->flight->lost_out, tp->flight->packets_out));
    tcp_retransmit_without_congestion(tp);
}

void tcp_undo_after_syn_ack(struct tcp_sock *tp)
{
    if (tp->flight->ca_state == TCP_CA_Loss && !tp->flight->packets_out) try_undo_recovery(tp);
    count_timeout_time(tp);
    tp->retransmits = 0;
    forget_stamp_unless_retransmitted(tp);
}
