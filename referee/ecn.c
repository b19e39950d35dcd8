/* Explicit congestion notification, RFC 3168, as Linux does it: negotiated by flags of the SYNs; ECT on new data alone. */
#include "referee/judge.h"

enum { ECN_MASK = 3, CONGESTION_EXPERIENCED = 3, ECHO_FLAGS = TCP_FLAG_ECE | TCP_FLAG_CWR };

static bool is_new_data(const struct judge *j)
{
    return j->view->payload_bytes && is_after(j->view->seq + j->view->payload_bytes, j->flow->local.nxt);
}

static void judge_mark(struct judge *j)
{
    const struct view *v = j->view;
    const struct ecn_part *p = &j->flow->ecn;
    unsigned mark = v->tos & ECN_MASK;
    HOLD(j, RULE_ECN_ONLY_NEGOTIATED, p->is_negotiated || (mark == 0 && !(v->flags & ECHO_FLAGS)), "mark %u, flags %03x", mark, v->flags);
    if (!p->is_negotiated) return;
    /* Linux: TIME-WAIT keeps the mark of what was sent last. */
    if (mark && !j->flow->local.has_fin) HOLD(j, RULE_ECN_ONLY_NEW_DATA, is_new_data(j), "mark %u on %u bytes %u before SND.NXT", mark, v->payload_bytes, j->flow->local.nxt - v->seq);
}

static void judge_echo(struct judge *j)
{
    const struct view *v = j->view;
    const struct ecn_part *p = &j->flow->ecn;
    bool is_demanded = p->ce_ns && p->ce_ns >= p->cwr_ns, is_settled = j->now_ns - p->cwr_ns >= SETTLED_AFTER_NS;
    if (v->flags & TCP_FLAG_ECE) HOLD(j, RULE_ECN_ECHO_HAS_CAUSE, p->ce_ns && (is_demanded || !is_settled), "ECE, and no mark that is not answered by CWR");
    if (p->sure_ce_ns && p->sure_ce_ns >= p->any_cwr_ns && j->now_ns - p->sure_ce_ns >= SETTLED_AFTER_NS && !j->is_late && !j->flow->local.has_fin)
        HOLD(j, RULE_ECN_ECHO_UNTIL_CWR, v->flags & TCP_FLAG_ECE, "no ECE, %lu ms after the mark", (j->now_ns - p->sure_ce_ns) / 1000000);
}

static void judge_reduced(struct judge *j)
{
    const struct view *v = j->view;
    struct ecn_part *p = &j->flow->ecn;
    if (v->flags & TCP_FLAG_CWR) {
        HOLD(j, RULE_ECN_CWR_ON_NEW_DATA, is_new_data(j), "CWR on %u bytes %u before SND.NXT", v->payload_bytes, j->flow->local.nxt - v->seq);
        p->owed_ns = 0;
        p->has_cwr = true;
        p->cwr_end = v->seq + v->payload_bytes;
    } else if (p->owed_ns && is_new_data(j) && !j->is_late && j->now_ns - p->owed_ns >= SETTLED_AFTER_NS) {
        HOLD(j, RULE_ECN_CWR_ANSWERS, j->flow->timing.has_repeated, "new data without CWR, %lu ms after ECE", (j->now_ns - p->owed_ns) / 1000000);
        p->owed_ns = 0;
    }
}

static void judge_sent(struct judge *j)
{
    if (!j->is_steady || j->view->flags & (TCP_FLAG_SYN | TCP_FLAG_RST) || j->flow->ecn.is_odd) return;
    judge_mark(j);
    if (!j->flow->ecn.is_negotiated) return;
    judge_echo(j);
    judge_reduced(j);
}

/* A mark on a SYN is DCTCP's, AE is accurate ECN's: they play by other rules. */
static void note_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->flow || !(v->flags & TCP_FLAG_SYN)) return;
    struct ecn_part *p = &j->flow->ecn;
    if (v->tos & ECN_MASK || v->flags & TCP_FLAG_AE) p->is_odd = true;
    if (v->flags & TCP_FLAG_ACK) p->is_negotiated |= (v->flags & ECHO_FLAGS) == TCP_FLAG_ECE;
    else p->has_asked |= (v->flags & ECHO_FLAGS) == ECHO_FLAGS;
}

static void note_echo(struct judge *j)
{
    struct flow *f = j->flow;
    struct ecn_part *p = &f->ecn;
    bool is_new_episode = !p->has_cwr || !is_before(f->remote.ack, p->cwr_end);
    if (j->weight == FLOW_SURE && j->view->flags & TCP_FLAG_ECE && f->flight.count && !f->timing.has_repeated && is_new_episode && !p->owed_ns) p->owed_ns = j->now_ns;
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!f) return;
    struct ecn_part *p = &f->ecn;
    if (v->flags & TCP_FLAG_SYN) {
        if (v->flags & TCP_FLAG_AE) p->is_odd = true;
        if (v->flags & TCP_FLAG_ACK && p->has_asked && (v->flags & ECHO_FLAGS) == TCP_FLAG_ECE) p->is_negotiated = true;
        return;
    }
    bool is_in_order = f->sure.has_nxt && !is_after(v->seq, f->sure.nxt) && is_after(v->seq + v->payload_bytes, f->sure.nxt);
    if ((v->tos & ECN_MASK) == CONGESTION_EXPERIENCED) {
        p->ce_ns = j->now_ns;
        if (j->weight == FLOW_SURE && v->payload_bytes && is_in_order && p->is_negotiated && !p->sure_ce_ns) p->sure_ce_ns = j->now_ns;
    }
    if (v->flags & TCP_FLAG_CWR) {
        p->any_cwr_ns = j->now_ns;
        p->sure_ce_ns = 0;
        if (j->weight == FLOW_SURE && v->payload_bytes) p->cwr_ns = j->now_ns;
    }
    if (j->is_steady && p->is_negotiated) note_echo(j);
}

const struct rule_set ecn_rules = { .needs_order = true, .sent = judge_sent, .sent_after = note_sent, .received = note_received };
