/* How much a host sends at once: an upper bound of what slow start, recovery and a restart allow, in packets as Linux counts.
 * What the host holds back besides (losses, pacing, small windows) only makes it send less. */
#include "referee/judge.h"

#define SECOND_NS 1000000000ull
enum { INITIAL_WINDOW = 10, PROBE = 1, FIN = 1, SLACK = 2, RECOVERY_SLACK = 10, HALVINGS = 10, PACKETS_MAX = 5000 };

static void judge_growth(struct judge *j)
{
    const struct timing_part *p = &j->flow->timing;
    uint64_t sent = p->sent;
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
    bool is_timeout = is_again && head && head->last_ns == j->now_ns && t->head_seq == head->seq && t->silent_sends > 1 && t->head_received == t->received;
    if (is_timeout) {
        p->is_timeout = true;
        p->timeout_received = t->received;
        p->timeout_sends = 0;
    }
    p->is_timeout &= p->timeout_received == t->received;
    if (p->is_timeout && !j->is_late) HOLD(j, RULE_CWND_AFTER_TIMEOUT, ++p->timeout_sends <= 1 + FIN, "%u packets after a timeout", p->timeout_sends);
}

/* RFC 6937: in recovery no more is sent than was delivered, and one for each acknowledgment; until SND.UNA moves. */
static void judge_recovery(struct judge *j, bool is_again)
{
    const struct timing_part *t = &j->flow->timing;
    struct congestion_part *p = &j->flow->congestion;
    if (is_again && t->has_evidence) p->is_recovering = true;
    if (!p->is_recovering || p->is_open) return;
    uint32_t delivered = flow_has_sack(j->flow) ? p->delivered : p->acks;
    HOLD(j, RULE_CWND_RECOVERY, ++p->recovery_sends <= 2 * delivered + p->acks + RECOVERY_SLACK, "%u packets, %u delivered in %u acknowledgments", p->recovery_sends, delivered,
         p->acks);
}

/* After timing.c took note. */
static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->is_steady || j->config->has_offloads || v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST) || view_seq_bytes(v) == 0) return;
    bool is_again = is_before(v->seq, j->flow->local.nxt);
    judge_timeout(j, is_again);
    judge_recovery(j, is_again);
    if (!is_again) {
        judge_growth(j);
        judge_idle(j);
    }
    j->flow->congestion.data_ns = j->now_ns;
}

/* After timing.c took note. */
static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!f || !j->is_steady) return;
    struct congestion_part *p = &f->congestion;
    bool is_progress = f->remote.has_ack && is_after(v->ack, f->remote.ack);
    if (is_progress) {
        /* A partial acknowledgment may have undone the reduction, or let through what recovery saved up. */
        p->is_open = f->timing.has_evidence;
        p->is_recovering = false;
        p->acks = p->delivered = p->recovery_sends = 0;
    }
    if (v->sack_count && !is_after(v->sack[0].right, v->ack)) p->is_open = true;
    p->acks++;
    p->delivered += f->timing.newly_left;
}

const struct rule_set congestion_rules = { .sent = judge_sent, .received = note_received };
