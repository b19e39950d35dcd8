/* How much a host sends at once: an upper bound of what slow start, a timeout and a restart allow, in packets as Linux counts.
 * What the host holds back besides (losses, pacing, small windows) only makes it send less. In recovery there is no such bound
 * on what is sent again: where Linux's reordering timer finds a flight lost, all of it goes at once. */
#include "referee/judge.h"

#define SECOND_NS 1000000000ull
enum { INITIAL_WINDOW = 10, PROBE = 1, FIN = 1, SLACK = 2, HALVINGS = 10, PACKETS_MAX = 5000 };

static void judge_growth(struct judge *j)
{
    const struct timing_part *p = &j->flow->timing;
    uint64_t sent = p->sent;
    if (p->has_pieces) return;
    if (p->left == 0 && !p->duplicates) HOLD(j, RULE_CWND_INITIAL, sent <= INITIAL_WINDOW + PROBE + FIN, "%lu packets before anything was acknowledged", sent);
    HOLD(j, RULE_CWND_GROWTH, sent <= INITIAL_WINDOW + PROBE + FIN + SLACK + 2 * p->left + p->duplicates, "%lu packets, %lu of them acknowledged", sent, p->left);
}

/* After a while of silence an RTO or more, counted from the largest RTT ever seen, the window halves each RTO. */
static void judge_idle(struct judge *j)
{
    const struct flow *f = j->flow;
    const struct timing_part *t = &f->timing;
    struct congestion_part *p = &j->flow->congestion;
    uint64_t rto_ns = 5 * t->max_rtt_ns + SECOND_NS + SECOND_NS / 5;
    if (f->flight.count <= 1 && p->data_ns && !j->is_late && t->left < PACKETS_MAX && j->now_ns - p->data_ns > HALVINGS * rto_ns) {
        p->burst = 0;
        p->burst_received = t->received;
        p->is_burst = true;
    }
    p->is_burst &= p->burst_received == t->received;
    if (p->is_burst) HOLD(j, RULE_CWND_IDLE_RESTART, ++p->burst <= INITIAL_WINDOW + PROBE + FIN, "%u packets at once after a long silence", p->burst);
}

/* Nothing came since the RTO: one segment, and a FIN at most. */
static void judge_timeout(struct judge *j, bool is_again)
{
    const struct flow *f = j->flow;
    const struct timing_part *t = &f->timing;
    struct congestion_part *p = &j->flow->congestion;
    const struct sent_segment *head = f->flight.count ? flight_at(&f->flight, 0) : NULL;
    /* The third sending in silence is no probe and no fast retransmission. */
    bool is_timeout = is_again && head && j->view->seq == head->seq && head->last_ns == j->now_ns && t->head_seq == head->seq && t->silent_sends > 1 && t->head_received == t->received;
    if (is_timeout) {
        p->is_timeout = true;
        p->timeout_received = t->received;
        p->timeout_sends = 0;
    }
    p->is_timeout &= p->timeout_received == t->received;
    if (p->is_timeout && !j->is_late) HOLD(j, RULE_CWND_AFTER_TIMEOUT, ++p->timeout_sends <= 1 + FIN, "%u packets after a timeout", p->timeout_sends);
}

/* After timing.c took note. */
static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->is_steady || j->config->has_offloads || v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST) || view_seq_bytes(v) == 0) return;
    bool is_again = is_before(v->seq, j->flow->local.nxt);
    judge_timeout(j, is_again);
    if (!is_again) {
        judge_growth(j);
        judge_idle(j);
    }
    j->flow->congestion.data_ns = j->now_ns;
}

const struct rule_set congestion_rules = { .needs_order = true, .sent = judge_sent };
