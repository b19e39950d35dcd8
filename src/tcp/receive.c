/* Segments for a connection, in the order of RFC 9293 §3.10.7.4. Predicted segments (the next data, or an ACK with an
 * unchanged window) go a short way; all others pass every check. */
#include "tcp/accecn.h"
#include "tcp/data.h"
#include "tcp/tcp_net.h"

void tcp_fast_path_on(struct tcp_sock *tp)
{
    tp->fast_path_window = tp->snd.wnd >> tp->snd.scale;
    tp->is_fast_path = true;
}

void tcp_fast_path_check(struct tcp_sock *tp)
{
    const struct sock *sk = sk_of(tp);

    if (rb_is_empty(&tp->flight->out_of_order) && tp->rcv.wnd && sk->receive_used_bytes < sk->receive_buffer_bytes && !tp->urgent_data) tcp_fast_path_on(tp);
}

static enum drop_reason paws_verdict(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    int32_t behind = (int32_t)(tp->ts_recent - seg->options.timestamp_value);
    uint32_t window = seg->window << tp->snd.scale;

    if (!seg->options.has_timestamp || !tp->is_timestamp_ok || behind <= 1 || !tp->ts_recent) return DROP_NOT_SPECIFIED;
    if (tcp_now_ns(tp) - tp->ts_recent_stamp_ns >= 24ull * 86400 * NS_PER_S) return DROP_NOT_SPECIFIED;
    /* A pure ACK overtaken by data is old, not wrong. */
    if (!(seg->flags & TCP_ACK) || !seq_equal(seg->seq, seg->end_seq)) return DROP_TCP_RFC7323_PAWS;
    if (!seq_equal(seg->seq, tp->rcv.nxt)) return seq_before(seg->seq, tp->rcv.nxt) ? DROP_TCP_RFC7323_PAWS_ACK : DROP_TCP_RFC7323_PAWS;
    if (!seq_equal(seg->ack, tp->snd.una)) return DROP_TCP_RFC7323_PAWS;
    if (seq_after(seg->seq, tp->snd.wl1) || (seq_equal(seg->seq, tp->snd.wl1) && (window > tp->snd.wnd || !window))) return DROP_TCP_RFC7323_PAWS;
    if (behind > (int64_t)(tp->rtt.rto_ns / NS_PER_MS * 12 / 10)) return DROP_TCP_RFC7323_PAWS;
    return DROP_NOT_SPECIFIED;
}

static enum drop_reason refuse_syn(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    count(net_of(tp), Tcp, InErrs);
    count(net_of(tp), TcpExt, TCPSYNChallenge);
    if (tp->is_accecn) tcp_accecn_syn_again(tp, seg);
    tcp_send_challenge_ack(tp);
    tp->flight->past.accecn.reflects = false;
    return DROP_TCP_INVALID_SYN;
}

/* RFC 7323 §5.3 R1 */
static enum drop_reason check_paws(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    enum drop_reason why = paws_verdict(tp, seg);

    if (why == DROP_NOT_SPECIFIED || seg->flags & TCP_RST) return DROP_NOT_SPECIFIED;
    if (seg->flags & TCP_SYN) return refuse_syn(tp, seg);
    if (why == DROP_TCP_RFC7323_PAWS) {
        count(net_of(tp), TcpExt, PAWSEstab);
        if (tcp_out_of_window_limited(tp, seg, MIB_TcpExt_TCPACKSkippedPAWS)) return why;
    } else {
        count(net_of(tp), TcpExt, PAWSOldAck);
        return why;
    }
    tcp_send_duplicate_ack(tp, seg);
    return why;
}

static enum drop_reason sequence_verdict(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    seq_t end = seq_add(tp->rcv.nxt, tcp_receive_window(tp));

    if (seq_before(seg->end_seq, tp->rcv.wup)) return DROP_TCP_OLD_SEQUENCE;
    if (!seq_after(seg->flags & TCP_FIN ? seq_sub(seg->end_seq, 1) : seg->end_seq, end)) return DROP_NOT_SPECIFIED; /* a FIN needs no room */
    if (seq_after(seg->seq, end)) return DROP_TCP_INVALID_SEQUENCE;
    /* Past the right edge only in part: taken when nothing waits to be read, as from senders that ignore windows. */
    return tp->inet.sk.receive_queue.count ? DROP_TCP_INVALID_END_SEQUENCE : DROP_NOT_SPECIFIED;
}

/* A RST one past our FIN, from a peer that saw it (Linux: tcp_reset_check). */
static bool is_reset_after_fin(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    return seg->flags & TCP_RST && seq_equal(seg->seq, seq_sub(tp->rcv.nxt, 1)) &&
           tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE_WAIT) | TCP_STATE_BIT(TCPS_LAST_ACK) | TCP_STATE_BIT(TCPS_CLOSING));
}

/* First: the sequence number. RFC 9293 §3.10.7.4. */
static enum drop_reason check_sequence(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    enum drop_reason why = sequence_verdict(tp, seg);

    if (why == DROP_NOT_SPECIFIED) return why;
    if (seg->flags & TCP_RST) {
        if (is_reset_after_fin(tp, seg)) {
            tcp_reset_received(tp);
            return DROP_TCP_RESET;
        }
        return why;
    }
    if (seg->flags & TCP_SYN) return refuse_syn(tp, seg);
    if (why != DROP_TCP_OLD_SEQUENCE) count(net_of(tp), TcpExt, BeyondWindow);
    if (!tcp_out_of_window_limited(tp, seg, MIB_TcpExt_TCPACKSkippedSeq)) tcp_send_duplicate_ack(tp, seg);
    return why;
}

/* Second: RST. RFC 5961 §3.2: exactly RCV.NXT, else a challenge; also the end of what we hold out of order. */
static enum drop_reason check_reset(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    bool matches;

    if (!(seg->flags & TCP_RST)) return DROP_NOT_SPECIFIED;
    matches = seq_equal(seg->seq, tp->rcv.nxt) || is_reset_after_fin(tp, seg);
    if (!matches && tp->is_sack_ok && tp->flight->sack_count) {
        seq_t highest = tp->flight->sacks[0].end;
        for (unsigned i = 1; i < tp->flight->sack_count; i++) highest = seq_max(highest, tp->flight->sacks[i].end);
        matches = seq_equal(seg->seq, highest);
    }
    if (matches) {
        tcp_reset_received(tp);
        return DROP_TCP_RESET;
    }
    /* Something on the path may not bear Fast Open. */
    if (tp->rcv.open.has_asked && !tp->data_segs_in && tcp_is_state(tp, TCP_STATE_BIT(TCPS_ESTABLISHED))) tcp_fastopen_disable(net_of(tp));
    tcp_send_challenge_ack(tp);
    return DROP_TCP_RESET;
}

/* Fourth: SYN. RFC 5961 §4.2: always a challenge; but for the SYN-ACK of a simultaneous open. */
static enum drop_reason check_syn(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (!(seg->flags & TCP_SYN)) return DROP_NOT_SPECIFIED;
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_RECV)) && sk_of(tp)->socket && seg->flags & TCP_ACK &&
        seq_equal(seq_add(seg->seq, 1), seg->end_seq) && seq_equal(seq_add(seg->seq, 1), tp->rcv.nxt) && seq_equal(seg->ack, tp->snd.nxt))
        return DROP_NOT_SPECIFIED;
    return refuse_syn(tp, seg);
}

static enum drop_reason validate(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    enum drop_reason why;

    if ((why = check_paws(tp, seg))) return why;
    if ((why = check_sequence(tp, seg))) return why;
    if ((why = check_reset(tp, seg))) return why;
    return check_syn(tp, seg);
}

static void after_input(struct tcp_sock *tp)
{
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE))) return;
    tcp_data_send_check(tp);
    tcp_ack_send_check(tp);
}

/* Accurate ECN: no mark since the last ACK. */
static bool has_usual_flags(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if ((seg->flags & (uint8_t)~TCP_PSH) == TCP_ACK && !tp->is_accecn) return true;
    return tp->is_accecn && (seg->flags & (uint8_t)~(TCP_PSH | TCP_ECE | TCP_CWR)) == TCP_ACK && tcp_ace_of(seg) == ((tp->delivered_ce + 5) & 7);
}

static bool is_predicted(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    return tp->is_fast_path && has_usual_flags(tp, seg) && seg->window == tp->fast_path_window &&
           seq_equal(seg->seq, tp->rcv.nxt) && !seq_before(seg->ack, tp->snd.una) && !seq_after(seg->ack, tp->snd.nxt) && seg->header_bytes == tp->header_bytes &&
           (!tp->is_timestamp_ok || (seg->options.has_timestamp && (int32_t)(seg->options.timestamp_value - tp->ts_recent) >= 0));
}

static void store_ts(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (!tp->is_timestamp_ok || !seq_equal(tp->rcv.nxt, tp->rcv.wup)) return;
    tp->ts_recent = seg->options.timestamp_value;
    tp->ts_recent_stamp_ns = tcp_now_ns(tp);
}

/* True: done, the packet is taken. */
static bool fast_path(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);

    uint32_t progress;

    if (!is_predicted(tp, seg)) return false;
    progress = tp->is_timestamp_ok && seg->options.timestamp_value != tp->ts_recent ? SAW_TS_PROGRESS : 0;
    if (!seg->payload_bytes) { /* an ACK for what we send */
        store_ts(tp, seg);
        tcp_accecn_received(tp, seg);
        tcp_ack(tp, seg, progress);
        packet_consume(seg->packet);
        tcp_data_send_check(tp);
        return true;
    }
    if (seg->payload_bytes > tcp_receive_window(tp) || sk->receive_used_bytes + seg->packet->truesize_bytes > sk->receive_buffer_bytes) return false;
    store_ts(tp, seg);
    tcp_receive_rtt_by_echo(tp, seg);
    /* Linux goes the slow way, to the same end, where new pages must be charged: only this counter tells. */
    if (seg->packet->truesize_bytes <= sk->forward_allocated_bytes) count(net_of(tp), TcpExt, TCPHPHits);
    seg->packet->tcp = (struct packet_tcp){ .seq = seg->seq, .end_seq = seg->end_seq, .flags = seg->flags };
    tcp_accecn_received(tp, seg);
    tcp_receive_append(tp, seg->packet);
    tcp_event_data_received(tp, seg);
    if (!seq_equal(seg->ack, tp->snd.una)) {
        tcp_ack(tp, seg, SAW_DATA | progress);
        tcp_data_send_check(tp);
    } else {
        tp->snd.wl1 = seg->seq;
    }
    tcp_ack_send_check(tp);
    if (!sk->is_dead) sock_data_ready(sk);
    return true;
}

static void established_receive(struct tcp_sock *tp, struct tcp_segment *seg)
{
    enum drop_reason why;
    int acked;

    if (fast_path(tp, seg)) return;
    if (!(seg->flags & (TCP_ACK | TCP_RST | TCP_SYN))) {
        packet_drop(seg->packet, DROP_TCP_FLAGS);
        return;
    }
    why = validate(tp, seg);
    if (!why) tcp_accecn_received(tp, seg);
    if (why || (acked = tcp_ack(tp, seg, ON_SLOW_PATH | UPDATE_TS_RECENT)) < 0) {
        packet_drop(seg->packet, why ? why : (enum drop_reason)-acked);
        return;
    }
    tcp_receive_rtt_by_echo(tp, seg);
    tcp_urgent(tp, seg);
    tcp_data_queue(tp, seg);
    after_input(tp);
}

/* Our SYN is acknowledged (a passive or simultaneous open is complete). */
static void become_established(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);
    const struct tcp_request *r = tp->flight->request;

    tp->delivered++;
    if (r) {
        if (!tp->rtt.srtt_us && !r->retransmits) tcp_rtt_handshake_sample(tp, (int64_t)((tcp_now_ns(tp) - tcp_request_sent_ns(r)) / NS_PER_US));
        tcp_fastopen_established(tp);
    } else {
        tp->flight->retrans_stamp_ns = 0;
    }
    tp->snd.una = seg->ack;
    tp->snd.wnd = seg->window << tp->snd.scale;
    tp->snd.max_wnd = max_of(tp->snd.max_wnd, tp->snd.wnd);
    tp->snd.wl1 = seg->seq;
    if (!r) {
        tp->rcv.copied = tp->rcv.nxt;
        tcp_init_transfer(tp);
    }
    tcp_set_state(tp, TCPS_ESTABLISHED);
    sock_state_change(sk);
    if (sk->socket) sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
    tcp_update_pacing_rate(tp);
    if (sk->shutdown & SOCK_SHUT_SEND) sk->proto->shutdown(sk, SOCK_SHUT_SEND);
}

static bool data_after_close(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    seq_t end = seg->flags & TCP_FIN ? seq_sub(seg->end_seq, 1) : seg->end_seq;

    return sk_of(tp)->shutdown & SOCK_SHUT_RECEIVE && !seq_equal(seg->end_seq, seg->seq) && seq_after(end, tp->rcv.nxt);
}

/* Seventh: the payload, by state. True: the packet is taken. */
static bool process_payload(struct tcp_sock *tp, struct tcp_segment *seg)
{
    switch (sk_of(tp)->state) {
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        if (!seq_before(seg->seq, tp->rcv.nxt)) return false;
        /* fallthrough */
    case TCPS_FIN_WAIT1:
    case TCPS_FIN_WAIT2:
        if (data_after_close(tp, seg)) { /* RFC 1122 §4.2.2.13: nobody will read it, the peer must know */
            count(net_of(tp), TcpExt, TCPAbortOnData);
            tcp_send_reset_for(net_of(tp), seg);
            tcp_reset_received(tp);
            packet_drop(seg->packet, DROP_TCP_ABORT_ON_DATA);
            return true;
        }
        /* fallthrough */
    case TCPS_ESTABLISHED:
        tcp_data_queue(tp, seg);
        return true;
    default:
        return false;
    }
}

/* Fifth: the ACK. False: the segment ends here, packet and reason given. */
static bool process_ack(struct tcp_sock *tp, struct tcp_segment *seg)
{
    int acked = tcp_ack(tp, seg, ON_SLOW_PATH | UPDATE_TS_RECENT | NO_CHALLENGE);

    if (acked > 0) return true;
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_RECV))) { /* one RST (RFC 9293 §3.10.7.4, fifth) */
        tcp_send_reset_for(net_of(tp), seg);
        packet_drop(seg->packet, acked ? (enum drop_reason)-acked : DROP_TCP_OLD_ACK);
        return false;
    }
    if (acked == 0) return true; /* an old ACK is fine while closing */
    tcp_send_challenge_ack(tp);
    packet_drop(seg->packet, (enum drop_reason)-acked);
    return false;
}

static void other_receive(struct tcp_sock *tp, struct tcp_segment *seg)
{
    const unsigned fin_sent = TCP_STATE_BIT(TCPS_FIN_WAIT1) | TCP_STATE_BIT(TCPS_CLOSING) | TCP_STATE_BIT(TCPS_LAST_ACK);
    enum drop_reason why;
    bool taken;

    if (tp->flight->request && !tcp_request_admits(tp->flight->request, seg)) return;
    if (!(seg->flags & (TCP_ACK | TCP_RST | TCP_SYN))) {
        packet_drop(seg->packet, DROP_TCP_FLAGS);
        return;
    }
    if ((why = validate(tp, seg))) {
        packet_drop(seg->packet, why);
        return;
    }
    if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_RECV))) tcp_accecn_received(tp, seg); /* there it is counted already */
    if (!process_ack(tp, seg)) return;
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_RECV))) become_established(tp, seg);
    else if (tp->flight->request) tcp_fastopen_established(tp);
    if (tcp_is_state(tp, fin_sent) && tp->is_fin_sent && seq_equal(tp->snd.una, tp->snd.write) && !tcp_our_fin_acked(tp, seg)) {
        packet_consume(seg->packet);
        return;
    }
    tcp_urgent(tp, seg);
    taken = process_payload(tp, seg);
    after_input(tp);
    if (!taken) packet_consume(seg->packet);
}

void tcp_synchronized_receive(struct tcp_sock *tp, struct tcp_segment *seg)
{
    seg->packet->tcp = (struct packet_tcp){ .seq = seg->seq, .end_seq = seg->end_seq, .flags = seg->flags };
    tp->flight->saw_timestamp = seg->options.has_timestamp && tp->is_timestamp_ok;
    tp->flight->rcv_tsecr = seg->options.timestamp_echo ? seg->options.timestamp_echo - tp->ts_offset : 0;
    if (sk_of(tp)->state == TCPS_ESTABLISHED) established_receive(tp, seg);
    else other_receive(tp, seg);
}
