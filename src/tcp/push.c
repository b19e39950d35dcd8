/* What may be sent now, and how much at once: the peer's window, the congestion window, Nagle and Minshall, corking, and the
 * gathering of segments into large packets (Linux: tcp_write_xmit and what it asks). */
#include "tcp/data.h"

uint32_t tcp_nonagle(const struct tcp_sock *tp)
{
    return (tp->is_nodelay ? NAGLE_OFF : 0u) | (tp->is_corked ? NAGLE_CORK : 0u) | (tp->is_nonagle_pushed ? NAGLE_PUSH : 0u);
}

/* Minshall: only a small segment that is itself unacknowledged holds back the next small one. */
static bool minshall_holds(const struct tcp_sock *tp)
{
    return seq_after(tp->snd.small, tp->snd.una) && !seq_after(tp->snd.small, tp->snd.nxt);
}

void tcp_minshall_update(struct tcp_sock *tp, uint32_t mss, const struct packet *p)
{
    if (p->body_bytes < tcp_segments(p) * mss) tp->snd.small = p->tcp.end_seq;
}

static bool nagle_holds(const struct tcp_sock *tp, bool is_partial, uint32_t nonagle)
{
    return is_partial && (nonagle & NAGLE_CORK || (!nonagle && tp->flight->packets_out && minshall_holds(tp)));
}

static bool nagle_allows(const struct tcp_sock *tp, const struct packet *p, uint32_t mss, uint32_t nonagle)
{
    if (nonagle & NAGLE_PUSH || tcp_is_urgent_mode(tp) || p->tcp.flags & TCP_FIN) return true;
    return !nagle_holds(tp, p->body_bytes < mss, nonagle);
}

static bool window_allows(const struct tcp_sock *tp, const struct packet *p, uint32_t mss)
{
    seq_t end = p->body_bytes > mss ? seq_add(p->tcp.seq, mss) : p->tcp.end_seq;

    return !seq_after(end, tcp_window_end(tp));
}

/* Segments the congestion window takes now: never more than half of it at once, so that the ACK clock keeps going. */
static uint32_t cwnd_quota(const struct tcp_sock *tp)
{
    uint32_t in_flight = tcp_in_flight(tp), cwnd = tp->snd.cwnd_packets;

    if (in_flight >= cwnd) return 0;
    return min_of(max_of(cwnd >> 1, 1u), cwnd - in_flight);
}

/* Packets of about a millisecond at the pacing rate, larger on short paths (Linux: tcp_tso_autosize). */
uint32_t tcp_tso_segments(struct tcp_sock *tp, uint32_t mss)
{
    uint64_t bytes = tcp_pacing_rate(tp) >> 10;
    uint32_t shift = tcp_min_rtt_us(tp) >> net_of(tp)->sysctl.tcp_tso_rtt_log;
    uint32_t least = tp->cc.ops && tp->cc.ops->min_tso_segments ? tp->cc.ops->min_tso_segments(tp) : (uint32_t)net_of(tp)->sysctl.tcp_min_tso_segs;

    if (shift < 32) bytes += TCP_GSO_MAX_BYTES >> shift;
    bytes = min_of(bytes, TCP_GSO_MAX_BYTES);
    return max_of((uint32_t)(bytes / mss), least);
}

static uint32_t bytes_to_send(const struct tcp_sock *tp, const struct packet *p, uint32_t mss, uint32_t segments, uint32_t nonagle)
{
    uint32_t window = seq_diff(tcp_window_end(tp), p->tcp.seq);
    uint32_t most = mss * segments, needed, partial;

    if (most <= window && !tcp_is_last_in_queue(&tp->flight->write_queue, p)) return most;
    needed = min_of(p->body_bytes, window);
    if (most <= needed) return most;
    partial = needed % mss;
    return nagle_holds(tp, partial != 0, nonagle) ? needed - partial : needed;
}

struct limits { bool by_cwnd, by_window; };

/* Is it better to wait for the ACK that is about to come and send a larger packet then? */
static bool should_defer(const struct tcp_sock *tp, const struct packet *p, uint32_t most_segments, struct limits *limited)
{
    uint32_t divisor = (uint32_t)net_of(tp)->sysctl.tcp_tso_win_divisor;
    uint64_t send_window = seq_diff(tcp_window_end(tp), p->tcp.seq), cwnd_window, limit, srtt_ns, ack_at_ns;
    const struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue);

    if (tp->flight->ca_state >= TCP_CA_Recovery) return false;
    if (tcp_now_ns(tp) - tp->flight->transmitted_ns > NS_PER_MS) return false; /* only within a burst */
    cwnd_window = (uint64_t)(tp->snd.cwnd_packets - tcp_in_flight(tp)) * tp->mss_cache;
    limit = min_of(send_window, cwnd_window);
    if (limit >= (uint64_t)most_segments * tp->mss_cache) return false;
    if (!tcp_is_last_in_queue(&tp->flight->write_queue, p) && limit >= p->body_bytes) return false;
    if (divisor) {
        uint64_t chunk = min_of((uint64_t)tp->snd.wnd, (uint64_t)tp->snd.cwnd_packets * tp->mss_cache) / divisor;
        if (limit >= chunk) return false;
    } else if (limit > 3ull * tp->mss_cache) {
        return false;
    }
    if (!head) return false;
    srtt_ns = (uint64_t)tp->rtt.srtt_us * (NS_PER_US >> 3);
    ack_at_ns = head->tcp.sent_ns + srtt_ns;
    if ((int64_t)(ack_at_ns - tcp_now_ns(tp) - min_of(srtt_ns >> 1, NS_PER_MS)) > 0) return false; /* that ACK is too far away */
    if (cwnd_window < send_window && cwnd_window <= p->body_bytes) {
        limited->by_cwnd = true;
        return true;
    }
    if (cwnd_window >= send_window && send_window <= p->body_bytes) {
        limited->by_window = true;
        return true;
    }
    return !(p->tcp.flags & TCP_FIN) && !p->pushed_out; /* else nothing more would come for it */
}

void tcp_new_data_sent(struct tcp_sock *tp, struct packet *p)
{
    uint32_t before = tp->flight->packets_out;

    tp->snd.nxt = p->tcp.end_seq;
    packet_queue_remove(&tp->flight->write_queue, p);
    packet_queue_push(&tp->flight->retransmit_queue, p);
    list_add_tail(&tp->flight->sent_by_time, &p->by_time);
    tp->flight->packets_out += tcp_segments(p);
    if (!before || tp->flight->due.loss_probe_ns != NS_NEVER) tcp_rearm_rto(tp);
    count_add(net_of(tp), TcpExt, TCPOrigDataSent, tcp_segments(p));
    tcp_check_space(tp);
}

static void application_limited(struct tcp_sock *tp)
{
    if (tp->flight->ca_state == TCP_CA_Open && sk_of(tp)->socket && !tp->is_writer_waiting) {
        uint32_t used = max_of(tp->flight->usage.used_packets, tcp_initial_cwnd(tp));
        if (used < tp->snd.cwnd_packets) {
            tp->snd.ssthresh_packets = tcp_current_ssthresh(tp);
            tp->snd.cwnd_packets = (tp->snd.cwnd_packets + used) >> 1;
        }
        tp->flight->usage.used_packets = 0;
    }
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
}

/* Was the congestion window used in full? Only then may it grow (RFC 7661 in Linux's form). */
static void validate_cwnd(struct tcp_sock *tp, bool is_limited)
{
    if (seq_at_or_after(tp->snd.una, tp->flight->usage.seq) || is_limited ||
        (!tp->is_cwnd_limited && tp->flight->packets_out > tp->flight->usage.max_packets_out)) {
        tp->is_cwnd_limited = is_limited;
        tp->flight->usage.max_packets_out = tp->flight->packets_out;
        tp->flight->usage.seq = tp->snd.nxt;
    }
    if (tcp_is_cwnd_limited(tp)) {
        tp->flight->usage.used_packets = 0;
        tp->flight->usage.stamp_ns = tcp_now_ns(tp);
        return;
    }
    tp->flight->usage.used_packets = max_of(tp->flight->usage.used_packets, tp->flight->packets_out);
    if (net_of(tp)->sysctl.tcp_slow_start_after_idle && tcp_now_ns(tp) - tp->flight->usage.stamp_ns >= tp->rtt.rto_ns &&
        !(tp->cc.ops && tp->cc.ops->control))
        application_limited(tp);
    /* All is sent and the program waits for room: our own buffer is what holds it up. */
    if (!tp->flight->write_queue.count && tp->is_writer_waiting) tcp_chrono_start(tp, CHRONO_BUFFER);
}

/* One packet, replaced when it grows: how much of it may go, cut there, sent. False: stop. */
static bool send_head(struct tcp_sock *tp, struct packet **at, uint32_t mss, uint32_t nonagle, int push_one, struct limits *limited,
                      uint32_t most_segments)
{
    uint32_t quota = cwnd_quota(tp), limit = mss, wanted;
    struct packet *p = *at;

    if (!quota) {
        if (push_one != 2) return false;
        quota = 1; /* a loss probe goes past the congestion window */
    }
    quota = min_of(quota, most_segments);
    wanted = min_of(quota * mss, tcp_most_at_once(mss));
    if (wanted > p->body_bytes) *at = p = tcp_packet_grow(tp, p, wanted - p->body_bytes);
    tcp_packet_set_segments(p, mss);
    if (!window_allows(tp, p, mss)) {
        limited->by_window = true;
        return false;
    }
    if (tcp_segments(p) == 1) {
        if (!nagle_allows(tp, p, mss, tcp_is_last_in_queue(&tp->flight->write_queue, p) ? nonagle : NAGLE_PUSH)) return false;
    } else if (!push_one && should_defer(tp, p, most_segments, limited)) {
        return false;
    }
    if (tcp_segments(p) > 1 && !tcp_is_urgent_mode(tp)) limit = min_of(bytes_to_send(tp, p, mss, quota, nonagle), tcp_most_at_once(mss));
    if (p->body_bytes > limit && !tcp_packet_split(tp, &tp->flight->write_queue, p, limit, mss)) return false;
    if (seq_equal(p->tcp.seq, p->tcp.end_seq)) return false;
    return tcp_transmit(tp, p, false) == 0;
}

bool tcp_write_xmit(struct tcp_sock *tp, uint32_t mss, uint32_t nonagle, int push_one)
{
    uint32_t most_segments = tp->settings->md5_keys ? 1 : tcp_tso_segments(tp, mss), sent = 0;
    struct limits limited = { false, false };
    struct packet *p;

    if (tp->settings->mtu.is_on && !push_one && tp->flight->write_queue.count) {
        int probed = tcp_mtu_probe(tp);
        if (!probed) return false;
        sent += probed > 0;
    }
    while ((p = packet_queue_peek(&tp->flight->write_queue))) {
        if (tcp_pacing_holds(tp)) break;
        if (!send_head(tp, &p, mss, nonagle, push_one, &limited, most_segments)) break;
        tcp_new_data_sent(tp, p);
        tcp_minshall_update(tp, mss, p);
        sent += tcp_segments(p);
        if (push_one) break;
    }
    if (limited.by_window) tcp_chrono_start(tp, CHRONO_WINDOW); else tcp_chrono_stop(tp, CHRONO_WINDOW);
    limited.by_cwnd |= tcp_in_flight(tp) >= tp->snd.cwnd_packets;
    if (sent || limited.by_cwnd) validate_cwnd(tp, limited.by_cwnd);
    if (!sent) return !tp->flight->packets_out && tp->flight->write_queue.count;
    if (tcp_in_cwnd_reduction(tp)) tp->flight->prr_out += sent;
    if (push_one != 2) tcp_schedule_loss_probe(tp, false);
    return false;
}

void tcp_push_pending(struct tcp_sock *tp, uint32_t mss, uint32_t nonagle)
{
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE)) || !tp->flight->write_queue.count) return;
    if (tcp_write_xmit(tp, mss, nonagle, 0)) tcp_check_probe_timer(tp);
}

void tcp_push_one(struct tcp_sock *tp, uint32_t mss)
{
    tcp_write_xmit(tp, mss, NAGLE_PUSH, 1);
}

void tcp_push(struct tcp_sock *tp, bool force_partial)
{
    tcp_push_pending(tp, tcp_mss_now(tp), force_partial ? NAGLE_PUSH : tcp_nonagle(tp));
}

/* RFC 5681 §4.1: after an idle time the ACK clock is gone; the window halves for each RTO of idleness. */
void tcp_cwnd_restart(struct tcp_sock *tp, uint64_t idle_ns)
{
    uint32_t restart = min_of(tcp_initial_cwnd(tp), tp->snd.cwnd_packets), cwnd = tp->snd.cwnd_packets;
    int64_t left = (int64_t)idle_ns;

    if (tp->cc.ops && tp->cc.ops->event) tp->cc.ops->event(tp, CC_EVENT_CWND_RESTART);
    tp->snd.ssthresh_packets = tcp_current_ssthresh(tp);
    while ((left -= (int64_t)tp->rtt.rto_ns) > 0 && cwnd > restart) cwnd >>= 1;
    tp->snd.cwnd_packets = max_of(cwnd, restart);
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    tp->flight->usage.used_packets = 0;
}

void tcp_slow_start_after_idle_check(struct tcp_sock *tp)
{
    uint64_t idle_ns = tcp_now_ns(tp) - tp->last_sent_ns;

    if (!net_of(tp)->sysctl.tcp_slow_start_after_idle || tp->flight->packets_out || (tp->cc.ops && tp->cc.ops->control)) return;
    if (idle_ns > tp->rtt.rto_ns) tcp_cwnd_restart(tp, idle_ns);
}

static uint32_t round_up_power2(uint32_t v)
{
    uint32_t p = 1;

    while (p < v) p <<= 1;
    return p;
}

/* Room for twice the congestion window (Linux: tcp_sndbuf_expand). */
void tcp_sndbuf_expand(struct tcp_sock *tp)
{
    uint32_t clamp = tp->mss_clamp ? tp->mss_clamp : TCP_MSS_DEFAULT;
    uint64_t packet_bytes = round_up_power2(max_of(clamp, tp->mss_cache) + TCP_HEADER_ROOM_BYTES + 320) + 256ull;
    uint64_t packets = max_of(max_of(tcp_initial_cwnd(tp), tp->snd.cwnd_packets), tp->reordering + 1);
    uint64_t windows = tp->cc.ops && tp->cc.ops->sndbuf_windows ? tp->cc.ops->sndbuf_windows : 2, bytes = windows * packets * packet_bytes;
    struct sock *sk = sk_of(tp);

    if (sk->send_buffer_bytes < bytes) sk->send_buffer_bytes = (uint32_t)min_of(bytes, (uint64_t)net_of(tp)->sysctl.tcp_wmem[2]);
}

static bool should_expand_sndbuf(const struct tcp_sock *tp)
{
    if (sk_of(tp)->sndbuf_locked || tcp_is_memory_tight(tp)) return false;
    return !tcp_under_pressure(tp) && tcp_in_flight(tp) < tp->snd.cwnd_packets;
}

/* Linux: tcp_check_space; writers that found the buffer full are woken when a third of it is free again. */
void tcp_check_space(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);

    uint64_t unsent = seq_diff(tp->snd.write, tp->snd.nxt);

    if (!tp->is_writer_waiting) return;
    if (should_expand_sndbuf(tp)) {
        tcp_sndbuf_expand(tp);
        tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    }
    if (sk->send_buffer_bytes < sk->write_queued_bytes) return;
    if (sk->send_buffer_bytes - sk->write_queued_bytes < sk->write_queued_bytes >> 1) return;
    if (unsent << 1 >= tcp_notsent_lowat(tp)) return;
    tp->is_writer_waiting = false;
    tcp_chrono_stop(tp, CHRONO_BUFFER);
    sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

void tcp_data_send_check(struct tcp_sock *tp)
{
    if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE)) && tp->flight->write_queue.count) tcp_push(tp, false);
    tcp_check_space(tp);
}
