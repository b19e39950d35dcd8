/* Delivery rate (Linux: tcp_rate; Cheng, Cardwell et al.): how much was delivered, and in what time, between the sending of a
 * packet and its acknowledgement. The slower of sending and acknowledging counts. What congestion control decides by. */
#include "tcp/data.h"

void tcp_count_delivered(struct tcp_sock *tp, uint32_t packets, bool ece)
{
    tp->delivered += packets;
    if (ece && tcp_is_ecn_classic(tp)) tp->delivered_ce += packets;
}

void tcp_rate_packet_sent(struct tcp_sock *tp, struct packet *p)
{
    struct tcp_flight *f = tp->flight;

    if (!f->packets_out) f->first_sent_ns = f->delivered_ns = tcp_now_ns(tp); /* a new measure begins after a pause */
    p->tcp.first_sent_ns = f->first_sent_ns;
    p->tcp.delivered_ns = f->delivered_ns;
    p->tcp.delivered = tp->delivered | (tp->app_limited ? RATE_APP_LIMITED : 0);
    p->tcp.delivered_ce = tp->delivered_ce;
}

static bool is_newer(const struct packet *p, const struct ack_work *w)
{
    return !w->has_rate || p->tcp.sent_ns > w->rate_sent_ns ||
           (p->tcp.sent_ns == w->rate_sent_ns && seq_after(p->tcp.end_seq, w->rate_end_seq));
}

/* Of all packets this ACK delivers the one sent last tells most. */
void tcp_rate_packet_delivered(struct tcp_sock *tp, struct packet *p, struct ack_work *w)
{
    if (!p->tcp.delivered_ns) return;
    if (is_newer(p, w)) {
        w->has_rate = true;
        w->rate_prior_delivered = p->tcp.delivered & ~RATE_APP_LIMITED;
        w->rate_prior_delivered_ce = p->tcp.delivered_ce;
        w->rate_is_app_limited = p->tcp.delivered & RATE_APP_LIMITED;
        w->rate_prior_ns = p->tcp.delivered_ns;
        w->rate_sent_ns = p->tcp.sent_ns;
        w->rate_end_seq = p->tcp.end_seq;
        w->rate_is_retransmit = p->tcp.sacked & MARK_RETRANSMITTED;
        w->rate_interval_send_us = (p->tcp.sent_ns - p->tcp.first_sent_ns) / NS_PER_US;
        tp->flight->first_sent_ns = p->tcp.sent_ns;
    }
    if (p->tcp.sacked & MARK_SACKED) p->tcp.delivered_ns = 0; /* counted once */
}

/* The last sample that says something of the network, for TCP_INFO. */
static void remember(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    uint64_t this = (uint64_t)r->delivered_packets * tp->rate.interval_us, last = (uint64_t)tp->rate.delivered * (uint64_t)r->interval_us;

    if (r->is_app_limited && this < last) return; /* slower, but not for the network's sake */
    tp->rate.delivered = (uint32_t)r->delivered_packets;
    tp->rate.interval_us = (uint32_t)min_of(r->interval_us, (int64_t)UINT32_MAX);
    tp->rate_is_app_limited = r->is_app_limited;
}

void tcp_rate_sample(struct tcp_sock *tp, const struct ack_work *w, uint32_t delivered, uint32_t lost, struct tcp_ack_result *r)
{
    uint64_t now = tcp_now_ns(tp);

    *r = (struct tcp_ack_result){
        .ack = w->seg->ack, .acked_packets = delivered, .lost_packets = lost, .prior_in_flight = w->prior_in_flight, .rtt_us = w->rtt_us,
        .delivered_packets = -1, .interval_us = -1, .is_ack_delayed = w->flags & SAW_MAYBE_DELAYED,
        .prior_delivered = w->has_rate ? w->rate_prior_delivered : 0, .is_app_limited = w->has_rate && w->rate_is_app_limited,
    };
    /* The bubble is acknowledged. */
    if (tp->app_limited && (int32_t)((uint32_t)tp->delivered - tp->app_limited) > 0) tp->app_limited = 0;
    if (delivered) tp->flight->delivered_ns = now;
    if (!w->has_rate || w->was_reneging) return;
    r->delivered_packets = (int64_t)(tp->delivered - w->rate_prior_delivered);
    r->delivered_ce = tp->delivered_ce - w->rate_prior_delivered_ce;
    r->interval_us = (int64_t)max_of(w->rate_interval_send_us, (now - w->rate_prior_ns) / NS_PER_US);
    if (r->interval_us < (int64_t)tcp_min_rtt_us(tp)) { /* faster than the path: a retransmission was taken for its original */
        r->interval_us = -1;
        return;
    }
    remember(tp, r);
}
