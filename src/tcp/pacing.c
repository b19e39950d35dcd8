/* Pacing: the rate at which a sock may send, and the gaps that make it so where the sock keeps them itself: when congestion
 * control or the program (SO_MAX_PACING_RATE) asked for it, or where the device's queue
 * would make them (fq). Others know their rate, for the sizes of packets, and burst. */
#include "tcp/data.h"

#define UNPACED_SEGMENTS 10u /* the first ones go at once, as Linux's fq lets them */

bool tcp_is_paced(const struct tcp_sock *tp)
{
    const struct route *r = tp->inet.route;

    if (r && r->device && r->device->is_fair) return true;
    return tp->is_paced || tp->inet.sk.rare->max_pacing_rate != UINT64_MAX;
}

uint64_t tcp_pacing_rate(const struct tcp_sock *tp)
{
    uint64_t own = tp->pacing_rate_bytes_per_s ? tp->pacing_rate_bytes_per_s : UINT64_MAX;

    return min_of(own, tp->inet.sk.rare->max_pacing_rate);
}

/* Of what the window and the round trip give, tcp_pacing_ss_ratio or tcp_pacing_ca_ratio percent (Linux: tcp_update_pacing_rate). */
void tcp_update_pacing_rate(struct tcp_sock *tp)
{
    uint64_t rate = (uint64_t)tp->mss_cache * (1000000 / 100 << 3);
    bool is_starting = tp->snd.cwnd_packets < tp->snd.ssthresh_packets / 2;

    if (tp->cc.ops && tp->cc.ops->control) return;
    rate *= (uint64_t)(is_starting ? net_of(tp)->sysctl.tcp_pacing_ss_ratio : net_of(tp)->sysctl.tcp_pacing_ca_ratio);
    rate *= max_of(tp->snd.cwnd_packets, tp->flight->packets_out);
    if (tp->rtt.srtt_us) rate /= tp->rtt.srtt_us;
    tp->pacing_rate_bytes_per_s = min_of(rate, sk_of(tp)->rare->max_pacing_rate);
}

bool tcp_pacing_holds(struct tcp_sock *tp)
{
    if (!tcp_is_paced(tp) || tp->flight->paced_until_ns <= tcp_now_ns(tp)) return false;
    tp->flight->due.pacing_ns = tp->flight->paced_until_ns;
    tcp_timers_rearm(tp);
    return true;
}

/* A packet that left late gives the next a part of what it lost, at most half its gap. */
void tcp_pacing_sent(struct tcp_sock *tp, uint32_t bytes)
{
    uint64_t rate = tcp_pacing_rate(tp), before_ns = tp->flight->paced_until_ns, gap_ns, credit_ns;

    if (!tcp_is_paced(tp)) return;
    tp->flight->paced_until_ns = max_of(before_ns, tcp_now_ns(tp));
    if (rate == UINT64_MAX || !rate || tp->data_segs_out < UNPACED_SEGMENTS) return;
    gap_ns = (uint64_t)bytes * NS_PER_S / rate;
    credit_ns = tp->flight->paced_until_ns - before_ns;
    tp->flight->paced_until_ns += gap_ns - min_of(gap_ns / 2, credit_ns);
}

/* How much later than now what is sent now leaves: timers that wait for an answer to it begin then. */
uint64_t tcp_pacing_delay_ns(const struct tcp_sock *tp)
{
    uint64_t now = tcp_now_ns(tp);

    return tcp_is_paced(tp) && tp->flight->paced_until_ns > now ? tp->flight->paced_until_ns - now : 0;
}
