/* Reno (RFC 5681): slow start, then one packet in a round trip; half at a loss. */
#include "tcp/cc/cc.h"

uint32_t cc_slow_start(struct tcp_sock *tp, uint32_t acked)
{
    uint32_t before = tp->snd.cwnd_packets, cwnd = min_of(before + acked, tp->snd.ssthresh_packets);

    tp->snd.cwnd_packets = cwnd;
    return acked - (cwnd - before);
}

void cc_additive_increase(struct tcp_sock *tp, uint32_t per, uint32_t acked)
{
    uint32_t cwnd = tp->snd.cwnd_packets;

    if (tp->snd.cwnd_cnt >= per) { /* credit from a slower pace */
        tp->snd.cwnd_cnt = 0;
        cwnd++;
    }
    tp->snd.cwnd_cnt += acked;
    if (tp->snd.cwnd_cnt >= per) {
        uint32_t more = tp->snd.cwnd_cnt / per;
        tp->snd.cwnd_cnt -= more * per;
        cwnd += more;
    }
    tp->snd.cwnd_packets = cwnd;
}

void reno_on_acked(struct tcp_sock *tp, seq_t ack, uint32_t acked)
{
    (void)ack;
    if (!tcp_is_cwnd_limited(tp)) return;
    if (tcp_in_slow_start(tp)) {
        acked = cc_slow_start(tp, acked);
        if (!acked) return;
    }
    cc_additive_increase(tp, tp->snd.cwnd_packets, acked);
}

uint32_t reno_ssthresh(struct tcp_sock *tp)
{
    return max_of(tp->snd.cwnd_packets >> 1, 2u);
}

uint32_t reno_undo_cwnd(struct tcp_sock *tp)
{
    return max_of(tp->snd.cwnd_packets, tp->flight->prior_cwnd);
}

const struct cc_ops reno_cc = {
    .name = "reno", .non_restricted = true, .ssthresh = reno_ssthresh, .on_acked = reno_on_acked, .undo_cwnd = reno_undo_cwnd,
};
