/* What a host acknowledges, and when. It owes an answer to what it surely took; late is measured from then. */
#include "referee/judge.h"

#define ACK_DELAY_NS 500000000ull  /* MUST-40 */
#define AT_ONCE_NS 35000000ull     /* under the least delay of an acknowledgment, 40 ms; Linux gathers for 1 ms where SACK tells of gaps */
#define RESOLVING_NS 4000000000ull
#define NEVER_NS 20000000000ull
#define CLOCK_SLACK_MS 5000        /* a segment may have waited in a queue, or for a neighbour, since it was stamped */
enum { TRIES = 3, /* Linux: mcast_solicit */ ARP = 0x0806, ICMPV6 = 58, SOLICITATION = 135, WIDE_BYTES = 16384, HELD = 8 };
enum { SILLY_BYTES = 88 };         /* Linux: TCP_MIN_MSS, the least it takes a peer's segments for */

/* An answer that was owed since then cannot have been lost for want of a neighbour. */
static bool is_asked(const struct judge *j, uint64_t since_ns)
{
    return since_ns && (!j->memory->solicited_ns || j->memory->solicited_ns + RESOLVING_NS < since_ns);
}

static void judge_debts(struct judge *j)
{
    struct acknowledge_part *p = &j->flow->acknowledge;
    uint64_t in_order_ns = j->now_ns - p->in_order_ns, out_of_order_ns = j->now_ns - p->out_of_order_ns, duplicate_ns = j->now_ns - p->duplicate_ns;
    if (is_asked(j, p->in_order_ns)) HOLD(j, RULE_ACK_NOT_LATE, in_order_ns <= ACK_DELAY_NS, "%lu ms", in_order_ns / 1000000);
    if (is_asked(j, p->out_of_order_ns)) HOLD(j, RULE_ACK_OUT_OF_ORDER_AT_ONCE, out_of_order_ns <= AT_ONCE_NS, "%lu ms", out_of_order_ns / 1000000);
    if (is_asked(j, p->duplicate_ns)) HOLD(j, RULE_ACK_DUPLICATE_AT_ONCE, duplicate_ns <= AT_ONCE_NS, "%lu ms", duplicate_ns / 1000000);
}

static bool is_over(uint64_t since_ns, uint64_t now_ns) { return since_ns && now_ns - since_ns > NEVER_NS; }

/* Time went by and nothing was sent: told once. */
static void judge_overdue(struct judge *j)
{
    struct acknowledge_part *p = &j->flow->acknowledge;
    if (!is_over(p->in_order_ns, j->now_ns) && !is_over(p->out_of_order_ns, j->now_ns) && !is_over(p->duplicate_ns, j->now_ns)) return;
    if (!j->config->has_queues) judge_debts(j);
    p->in_order_ns = p->out_of_order_ns = p->duplicate_ns = 0;
}

/* A closed window says that what came may have been dropped; else the debt stays until it is covered. */
static void pay(struct judge *j)
{
    const struct view *v = j->view;
    struct acknowledge_part *p = &j->flow->acknowledge;
    p->out_of_order_ns = p->duplicate_ns = 0;
    if (v->flags & TCP_FLAG_RST || v->window == 0 || !is_before(v->ack, p->in_order_end)) p->in_order_ns = 0;
    if (v->window == 0) j->flow->sure.has_nxt = false;
}

static void judge_window(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!f->local.has_ack || f->local.window || !v->window) return;
    uint32_t window = (uint32_t)v->window << (flow_has_scale(f) ? f->local.scale : 0);
    if (is_after(v->ack + window, f->local.right_edge)) HOLD(j, RULE_WINDOW_REOPENS_WIDE, window >= SILLY_BYTES, "%u bytes", window);
}

static void judge_echo(struct judge *j)
{
    struct flow *f = j->flow;
    /* Linux: TIME-WAIT keeps an account of its own. */
    if (!j->view->has_timestamp || f->local.has_fin || !settled_has(&f->sure.ts_recent, j->now_ns)) return;
    HOLD(j, RULE_TIMESTAMP_ECHO_RECENT, !is_before(j->view->tsecr, f->sure.ts_recent.value), "%u older than TS.Recent",
         f->sure.ts_recent.value - j->view->tsecr);
}

static void judge_clock(struct judge *j)
{
    struct acknowledge_part *p = &j->flow->acknowledge;
    if (!j->view->has_timestamp) return;
    if (!p->has_clock) {
        p->has_clock = true;
        p->clock_tsval = j->view->tsval;
        p->clock_ns = j->now_ns;
        return;
    }
    int64_t gone_ms = (int64_t)((j->now_ns - p->clock_ns) / 1000000), off_ms = (int32_t)(j->view->tsval - p->clock_tsval - (uint32_t)gone_ms);
    int64_t slack_ms = (j->config->has_queues ? 12 : 1) * CLOCK_SLACK_MS + gone_ms / 50;
    HOLD(j, RULE_TIMESTAMP_CLOCK, off_ms <= slack_ms && off_ms >= -slack_ms, "off by %ld ms after %ld ms", off_ms, gone_ms);
}

static void judge_refused(struct judge *j)
{
    struct acknowledge_part *p = &j->flow->acknowledge;
    const struct flow *f = j->flow;
    if (!p->has_refused || !f->local.has_ack || !is_after(j->view->ack, f->local.ack)) return;
    HOLD(j, RULE_ACK_PAWS_REFUSED, !is_after(j->view->ack, p->refused_seq) || ranges_contain(&f->received, f->local.ack, j->view->ack),
         "acknowledges %u to %u, which came only with timestamps that were too old", p->refused_seq, p->refused_end);
    p->has_refused = is_before(j->view->ack, p->refused_end);
}

static void note_solicitation(struct judge *j)
{
    const struct view *v = j->view;
    bool is_solicitation = v->version == 6 && v->protocol == ICMPV6 && v->transport_bytes && v->transport[0] == SOLICITATION;
    if (v->ethertype != ARP && !is_solicitation) return;
    j->memory->solicited_ns = j->now_ns;
    if (++j->memory->unanswered >= TRIES) j->memory->given_up_ns = j->now_ns;
}

static void judge_sent(struct judge *j)
{
    if (!j->flow) note_solicitation(j);
    if (!j->is_steady || j->view->flags & TCP_FLAG_SYN) return;
    if (!j->is_late) judge_debts(j);
    pay(j);
    if (j->view->flags & TCP_FLAG_RST) return;
    judge_window(j);
    if (!j->is_late) judge_echo(j);
    judge_clock(j);
    judge_refused(j);
}

static void owe(uint64_t *since_ns, uint64_t now_ns)
{
    if (!*since_ns) *since_ns = now_ns;
}

static void note_debts(struct judge *j, uint32_t end)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    struct acknowledge_part *p = &f->acknowledge;
    uint32_t next = f->sure.has_nxt && is_after(f->sure.nxt, f->local.ack) ? f->sure.nxt : f->local.ack;
    /* Linux: what acknowledges the FIN moves the state on, and where that ends the connection no more is done with it. */
    if (f->local.has_fin && v->ack == f->local.fin_seq + 1 && is_before(f->remote.ack, v->ack)) return;
    if (!is_after(end, f->local.ack)) {
        owe(&p->duplicate_ns, j->now_ns);
        p->duplicate_end = end;
    } else if (is_after(v->seq, next) && !ranges_contain(&f->received, next, v->seq)) {
        if (j->memory->has_segment_pieces) return; /* they may have filled the gap */
        /* Linux: what finds no room past a gap is dropped without a word. */
        bool is_first = !f->received.count || !is_after(f->received.at[f->received.count - 1].right, next);
        p->held = is_first ? 1 : p->held + 1;
        if (p->held <= HELD && f->local.window >= WIDE_BYTES && f->local.window >= f->local.max_window / 2) owe(&p->out_of_order_ns, j->now_ns);
    } else if (!is_after(v->seq, next) && is_after(end, next)) {
        owe(&p->in_order_ns, j->now_ns);
        p->in_order_end = end;
        /* Both may have been merged into one segment, of which only the head is old. */
        if (p->duplicate_ns == j->now_ns && p->duplicate_end == v->seq) p->duplicate_ns = 0;
    }
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!j->is_steady) return;
    if (!j->is_host_faulted) judge_overdue(j);
    uint32_t end = v->seq + view_seq_bytes(v);
    if (end == v->seq || !f->local.has_ack) return;
    if (j->weight == FLOW_REFUSED && is_after(end, f->local.ack) && !f->acknowledge.has_refused && !ranges_touch(&f->received, v->seq, end)) {
        f->acknowledge.has_refused = true;
        f->acknowledge.refused_seq = v->seq;
        f->acknowledge.refused_end = end;
    }
    if ((j->weight == FLOW_SURE || j->weight == FLOW_OLD) && !j->is_host_faulted && j->config->sees_all) note_debts(j, end);
}

/* Linux: a sock whose FIN was acknowledged turns into TIME-WAIT when it is closed; what it still had to acknowledge is forgotten. */
static void note_call(struct judge *j, const struct referee_call *call)
{
    struct flow *f = j->flow;
    if (call->kind == REFEREE_CLOSE && f && f->local.has_fin && is_after(f->remote.ack, f->local.fin_seq)) f->acknowledge.in_order_ns = 0;
}

static void end(struct judge *j)
{
    if (j->is_steady && !j->is_host_faulted) judge_overdue(j);
}

const struct rule_set acknowledge_rules = { .needs_order = true, .sent = judge_sent, .received = note_received, .call = note_call, .end = end };
