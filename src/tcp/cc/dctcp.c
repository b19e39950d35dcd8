/* DCTCP (RFC 8257, as in Linux): the receiver echoes each change of the CE mark, the sender reduces by half of the share of its
 * packets that were marked, kept as a moving average over round trips. For networks whose switches mark early. A connection
 * that did not agree on ECN is Reno. */
#include "tcp/cc/cc.h"

#define ALPHA_MOST 1024u
#define GAIN_SHIFT 4 /* g = 1/16 */

struct dctcp {
    uint32_t delivered, delivered_ce; /* when the round trip began */
    seq_t round_end, rcv_nxt_before;
    uint32_t alpha, loss_cwnd;
    bool is_marked, has_begun;        /* the last data that came was */
};
static_assert(sizeof(struct dctcp) <= sizeof(((struct tcp_past *)0)->cc_state), "fits the private room");

static struct dctcp *dctcp_of(struct tcp_sock *tp) { return (struct dctcp *)(void *)tp->flight->past.cc_state; }

static void round_begins(struct tcp_sock *tp)
{
    struct dctcp *d = dctcp_of(tp);

    d->round_end = tp->snd.nxt;
    d->delivered = (uint32_t)tp->delivered;
    d->delivered_ce = tp->delivered_ce;
}

static void dctcp_init(struct tcp_sock *tp)
{
    struct dctcp *d = dctcp_of(tp);

    memset(d, 0, sizeof(*d));
    if (!tp->is_ecn_ok) return;
    d->has_begun = true;
    d->alpha = ALPHA_MOST; /* careful until something is known */
    d->rcv_nxt_before = tp->rcv.nxt;
    round_begins(tp);
}

/* The average is worth its memory. */
static bool dctcp_rest(struct tcp_sock *tp)
{
    return !dctcp_of(tp)->has_begun;
}

static uint32_t dctcp_ssthresh(struct tcp_sock *tp)
{
    struct dctcp *d = dctcp_of(tp);
    uint32_t cwnd = tp->snd.cwnd_packets;

    if (!d->has_begun) return reno_ssthresh(tp);
    d->loss_cwnd = cwnd;
    return max_of(cwnd - (uint32_t)((uint64_t)cwnd * d->alpha >> 11), 2u);
}

/* Once in a round trip: alpha = (1 - g) alpha + g F. */
static void dctcp_on_ack(struct tcp_sock *tp)
{
    struct dctcp *d = dctcp_of(tp);
    uint32_t delivered, marked, fall;

    if (!d->has_begun || seq_before(tp->snd.una, d->round_end)) return;
    delivered = (uint32_t)tp->delivered - d->delivered;
    marked = tp->delivered_ce - d->delivered_ce;
    fall = d->alpha >> GAIN_SHIFT;
    d->alpha -= fall ? fall : d->alpha;
    d->alpha += (uint32_t)(((uint64_t)marked << (10 - GAIN_SHIFT)) / max_of(delivered, 1u));
    d->alpha = min_of(d->alpha, ALPHA_MOST);
    round_begins(tp);
}

/* A lost packet is not a mark: half, as ever. */
static void react_to_loss(struct tcp_sock *tp)
{
    dctcp_of(tp)->loss_cwnd = tp->snd.cwnd_packets;
    tp->snd.ssthresh_packets = max_of(tp->snd.cwnd_packets >> 1, 2u);
}

static void dctcp_set_state(struct tcp_sock *tp, uint8_t state)
{
    if (dctcp_of(tp)->has_begun && state == TCP_CA_Recovery && tp->flight->ca_state != TCP_CA_Recovery) react_to_loss(tp);
}

/* RFC 8257 §3.2: what is acknowledged so far had the old mark, and the sender must hear so before the new one counts. */
static void see_mark(struct tcp_sock *tp, bool is_marked)
{
    struct dctcp *d = dctcp_of(tp);

    if (d->is_marked != is_marked) {
        if (tp->ack_pending & ACK_TIMER) {
            seq_t now = tp->rcv.nxt;
            tp->ecn_demand_cwr = d->is_marked;
            tp->rcv.nxt = d->rcv_nxt_before;
            tcp_send_ack(tp);
            tp->rcv.nxt = now;
        }
        tp->ack_pending |= ACK_NOW;
    }
    d->rcv_nxt_before = tp->rcv.nxt;
    d->is_marked = is_marked;
    tp->ecn_demand_cwr = is_marked;
}

static void dctcp_event(struct tcp_sock *tp, int event)
{
    if (!dctcp_of(tp)->has_begun) return;
    if (event == CC_EVENT_ECN_IS_CE || event == CC_EVENT_ECN_NO_CE) see_mark(tp, event == CC_EVENT_ECN_IS_CE);
    else if (event == CC_EVENT_LOSS) react_to_loss(tp);
}

static uint32_t dctcp_undo_cwnd(struct tcp_sock *tp)
{
    const struct dctcp *d = dctcp_of(tp);

    return d->has_begun ? max_of(tp->snd.cwnd_packets, d->loss_cwnd) : reno_undo_cwnd(tp);
}

static uint32_t dctcp_info(struct tcp_sock *tp, union tcp_cc_info_out *out, int *attribute)
{
    const struct dctcp *d = (const struct dctcp *)(const void *)tcp_past(tp)->cc_state;

    out->dctcp = (struct tcp_dctcp_info){ 0 };
    if (d->has_begun) {
        out->dctcp.dctcp_enabled = 1;
        out->dctcp.dctcp_ce_state = d->is_marked;
        out->dctcp.dctcp_alpha = d->alpha;
        out->dctcp.dctcp_ab_ecn = tp->mss_cache * (tp->delivered_ce - d->delivered_ce);
        out->dctcp.dctcp_ab_tot = tp->mss_cache * ((uint32_t)tp->delivered - d->delivered);
    }
    *attribute = INET_DIAG_DCTCPINFO;
    return sizeof(out->dctcp);
}

const struct cc_ops dctcp_cc = {
    .name = "dctcp", .needs_ecn = true, .init = dctcp_init, .rest = dctcp_rest, .ssthresh = dctcp_ssthresh, .on_acked = reno_on_acked,
    .set_state = dctcp_set_state, .event = dctcp_event, .on_ack = dctcp_on_ack, .undo_cwnd = dctcp_undo_cwnd, .info = dctcp_info,
};
