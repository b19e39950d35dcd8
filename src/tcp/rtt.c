/* Round-trip time and retransmission timeout (RFC 6298, with Linux's faster decrease and asymmetric variance). Times in
 * microseconds; srtt is held times 8, the deviations times 4. */
#include "tcp/data.h"

uint64_t tcp_rto_min_us(const struct tcp_sock *tp)
{
    const struct route *r = tp->inet.route;

    if (r && r->rto_min_ms) return (uint64_t)r->rto_min_ms * 1000;
    if (tp->settings->rto_min_us) return (uint64_t)tp->settings->rto_min_us;
    return (uint64_t)net_of(tp)->sysctl.tcp_rto_min_us;
}

void tcp_rtt_estimate(struct tcp_sock *tp, int64_t sample_us)
{
    int64_t m = sample_us;
    uint32_t srtt = tp->rtt.srtt_us, rto_min_us = (uint32_t)tcp_rto_min_us(tp);

    if (!srtt) { /* first sample: RTTVAR = R / 2, and a deviation of at least the minimum RTO */
        tp->rtt.srtt_us = (uint32_t)m << 3;
        tp->rtt.mdev_us = (uint32_t)m << 1;
        tp->rtt.rttvar_us = max_of(tp->rtt.mdev_us, rto_min_us);
        tp->rtt.mdev_max_us = tp->rtt.rttvar_us;
        tp->flight->rtt_next_seq = tp->snd.nxt;
        tp->rtt.srtt_us = max_of(tp->rtt.srtt_us, 1u);
        return;
    }
    m -= srtt >> 3;
    srtt += (uint32_t)m; /* srtt = 7/8 srtt + 1/8 sample */
    if (m < 0) {
        m = -m - (tp->rtt.mdev_us >> 2);
        /* A fall of the RTT must not push the deviation up much: Eifel's finding (Ludwig, Sklower 2000). */
        if (m > 0) m >>= 3;
    } else {
        m -= tp->rtt.mdev_us >> 2;
    }
    tp->rtt.mdev_us += (uint32_t)m;
    if (tp->rtt.mdev_us > tp->rtt.mdev_max_us) {
        tp->rtt.mdev_max_us = tp->rtt.mdev_us;
        tp->rtt.rttvar_us = max_of(tp->rtt.rttvar_us, tp->rtt.mdev_max_us);
    }
    if (seq_after(tp->snd.una, tp->flight->rtt_next_seq)) { /* once in a round trip the variance may fall */
        if (tp->rtt.mdev_max_us < tp->rtt.rttvar_us) tp->rtt.rttvar_us -= (tp->rtt.rttvar_us - tp->rtt.mdev_max_us) >> 2;
        tp->flight->rtt_next_seq = tp->snd.nxt;
        tp->rtt.mdev_max_us = rto_min_us;
    }
    tp->rtt.srtt_us = max_of(srtt, 1u);
}

void tcp_rto_from_rtt(struct tcp_sock *tp)
{
    uint64_t rto_ns = ((uint64_t)(tp->rtt.srtt_us >> 3) + tp->rtt.rttvar_us) * NS_PER_US;
    uint64_t highest_ns = TCP_RTO_MAX_NS(tp);

    tp->rtt.rto_ns = min_of(rto_ns, highest_ns);
}

void tcp_min_rtt_update(struct tcp_sock *tp, uint32_t rtt_us)
{
    uint32_t now_ms = (uint32_t)(tcp_now_ns(tp) / NS_PER_MS), window_ms = (uint32_t)net_of(tp)->sysctl.tcp_min_rtt_wlen * 1000;

    rtt_us = max_of(rtt_us, 1u);
    if (!tp->min_rtt.s[0].value) tcp_windowed_reset(&tp->min_rtt, now_ms, rtt_us);
    else tcp_windowed_min(&tp->min_rtt, window_ms, now_ms, rtt_us);
}

uint32_t tcp_min_rtt_us(const struct tcp_sock *tp)
{
    return tp->min_rtt.s[0].value ? tp->min_rtt.s[0].value : UINT32_MAX;
}

/* RTT by the peer's timestamp echo, in microseconds of whole milliseconds; at least `floor`. -1: none. */
static int64_t rtt_by_echo(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint32_t delta_ms;

    if (!seg->options.has_timestamp || !seg->options.timestamp_echo) return -1;
    delta_ms = tcp_now_ts_ms(tp) - seg->options.timestamp_echo;
    if (delta_ms > INT32_MAX / 1000) return -1;
    return delta_ms ? (int64_t)delta_ms * 1000 : 1000;
}

/* Prefers the exact time of a packet sent once; a SACKed one's next; the timestamp echo last (RFC 6298 §3, Karn). */
bool tcp_ack_update_rtt(struct tcp_sock *tp, struct ack_work *w, int64_t seq_rtt_us, int64_t sack_rtt_us, int64_t ca_rtt_us)
{
    if (seq_rtt_us < 0) seq_rtt_us = sack_rtt_us;
    if (seq_rtt_us < 0 && tp->is_timestamp_ok && (w->flags & SAW_ACKED)) seq_rtt_us = ca_rtt_us = rtt_by_echo(tp, w->seg);
    w->rtt_us = ca_rtt_us;
    if (seq_rtt_us < 0) return false;
    if (ca_rtt_us < 0) ca_rtt_us = seq_rtt_us;
    /* An ACK that was put off must not become the least when the window has passed. */
    if (!(w->flags & SAW_MAYBE_DELAYED) || ca_rtt_us <= (int64_t)tcp_min_rtt_us(tp)) tcp_min_rtt_update(tp, (uint32_t)ca_rtt_us);
    tcp_rtt_estimate(tp, seq_rtt_us);
    tcp_rto_from_rtt(tp);
    tp->backoff = 0; /* RFC 6298 §5.7: a valid sample ends the backoff */
    return true;
}

void tcp_rtt_handshake_sample(struct tcp_sock *tp, int64_t rtt_us)
{
    if (rtt_us < 0) return;
    tcp_min_rtt_update(tp, (uint32_t)rtt_us);
    tcp_rtt_estimate(tp, rtt_us);
    tcp_rto_from_rtt(tp);
    tp->backoff = 0;
}
