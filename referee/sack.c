/* What a host says in SACK of what it holds past a gap (RFC 2018), and of what came twice (RFC 2883). */
#include "referee/judge.h"

enum { DUPLICATES_KEPT = 64, WINDOW_BYTES_MAX = 1 << 30 };
#define SETTLED_NS 2000000ull /* frames come in batches, and what answers the first is sent when all are seen */

/* The first block reports what came twice: it lies below the acknowledgment, or within another one. The second; but Linux sends
 * a gathered acknowledgment before it puts the blocks in order. */
static bool has_duplicate(const struct view *v)
{
    const struct view_sack *s = v->sack;
    if (!is_after(s[0].right, v->ack)) return true;
    for (unsigned i = 1; i < v->sack_count; i++)
        if (!is_before(s[0].left, s[i].left) && !is_after(s[0].right, s[i].right)) return true;
    return false;
}

static bool is_apart(const struct view *v, unsigned i, unsigned first)
{
    for (unsigned k = first; k < i; k++)
        if (is_before(v->sack[i].left, v->sack[k].right) && is_before(v->sack[k].left, v->sack[i].right)) return false;
    return true;
}

static void judge_block(struct judge *j, unsigned i, unsigned first)
{
    const struct view *v = j->view;
    const struct view_sack *s = &v->sack[i];
    HOLD(j, RULE_SACK_ABOVE_ACK, is_after(s->left, v->ack), "block %u begins %u before the acknowledgment", i, v->ack - s->left);
    HOLD(j, RULE_SACK_DISJOINT, is_apart(v, i, first), "block %u overlaps another", i);
    if (!j->memory->has_segment_pieces)
        HOLD(j, RULE_SACK_ONLY_RECEIVED, ranges_contain(&j->flow->received, s->left, s->right), "block %u, %u to %u, of which some never came", i,
             s->left, s->right);
}

static void judge_newest(struct judge *j, unsigned first)
{
    const struct view *v = j->view;
    struct sack_part *p = &j->flow->sack;
    if (!p->has_newest || !is_after(p->newest_seq, v->ack) || j->now_ns - p->newest_ns < SETTLED_NS) return;
    for (unsigned i = first; i < v->sack_count; i++)
        if (!is_after(v->sack[i].left, p->newest_seq) && !is_before(v->sack[i].right, p->newest_end))
            HOLD(j, RULE_SACK_NEWEST_FIRST, i == first, "what came last, %u to %u, is in block %u", p->newest_seq, p->newest_end, i);
}

/* Linux: whatever is refused and begins before the acknowledgment is reported, however far before. */
static bool is_strange(const struct sack_part *p, uint32_t seq)
{
    for (unsigned i = 0; i < STRANGE_KEPT; i++)
        if (p->strange[i].left == seq && p->strange[i].left != p->strange[i].right) return true;
    return false;
}

/* Linux: where a segment fills a gap and covers what was held past it, the report goes on to the segment's end. */
static void judge_duplicate(struct judge *j, const struct view_sack *s)
{
    const struct flow *f = j->flow;
    /* Further back than any window: a forged segment, which is old wherever it was. */
    if (!is_after(s->left, j->view->ack - WINDOW_BYTES_MAX)) return;
    /* Linux: a FIN that was held enters TIME-WAIT with an ACK that still reports it. */
    if (f->local.has_fin && f->remote.has_fin && s->right == f->remote.fin_seq + 1) return;
    if (f->sack.has_lost && is_before(s->left, f->sack.lost_below)) return;
    bool is_held = !is_after(s->right, j->view->ack) || ranges_contain(&f->received, s->left, s->right);
    HOLD(j, RULE_DSACK_ONLY_TWICE, is_strange(&f->sack, s->left) || (is_held && ranges_contain(&f->sack.duplicated, s->left, s->left + 1)), "%u to %u came once at most", s->left, s->right);
}

static void judge_blocks(struct judge *j)
{
    const struct view *v = j->view;
    unsigned first = has_duplicate(v);
    for (unsigned i = 0; i < v->sack_count; i++)
        HOLD(j, RULE_SACK_BLOCK_BOUNDS, is_before(v->sack[i].left, v->sack[i].right) && v->sack[i].right - v->sack[i].left <= WINDOW_BYTES_MAX,
             "block %u, %u to %u", i, v->sack[i].left, v->sack[i].right);
    if (first && !j->memory->has_segment_pieces)
        judge_duplicate(j, &v->sack[0]);
    for (unsigned i = first; i < v->sack_count; i++) judge_block(j, i, first);
    if (!j->is_late && !j->memory->has_segment_pieces) judge_newest(j, first);
}

static void judge_silence(struct judge *j)
{
    struct sack_part *p = &j->flow->sack;
    if (!p->is_owed) return;
    if (j->view->sack_count || !is_after(p->newest_seq, j->view->ack)) {
        j->judged[RULE_SACK_WHEN_HOLDING]++;
        p->is_owed = false;
    }
    else if (j->view->payload_bytes == 0 && j->now_ns - p->newest_ns >= SETTLED_NS)
        HOLD(j, RULE_SACK_WHEN_HOLDING, false, "%u to %u came %lu ms ago", p->newest_seq, p->newest_end, (j->now_ns - p->newest_ns) / 1000000);
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->is_steady || v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) return;
    /* Linux: a FIN that waited past a gap is acknowledged while the blocks still tell of what stood before it. */
    bool is_stale = j->flow->remote.has_fin && v->ack == j->flow->remote.fin_seq + 1;
    if (v->sack_count && !is_stale) {
        HOLD(j, RULE_SACK_ONLY_PERMITTED, flow_has_sack(j->flow), "%u blocks", v->sack_count);
        judge_blocks(j);
    }
    if (!j->is_late) judge_silence(j);
}

static void note_duplicate(struct flow *f, uint32_t left, uint32_t right)
{
    struct ranges *d = &f->sack.duplicated;
    /* What is a window behind is of no use, and would come round again. */
    ranges_cut_below(d, f->local.ack - WINDOW_BYTES_MAX);
    if (d->count >= DUPLICATES_KEPT) {
        f->sack.lost_below = d->at[d->count / 2].left;
        f->sack.has_lost = true;
        ranges_cut_below(d, f->sack.lost_below);
    }
    ranges_add(d, left, right);
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    uint32_t end = v->seq + view_seq_bytes(v);
    if (!j->flow || !j->is_steady || end == v->seq || !f->local.has_ack || end - v->seq > WINDOW_BYTES_MAX) return;
    bool is_old = is_before(v->seq, f->local.ack), is_known = ranges_touch(&f->received, v->seq, end);
    if (is_old && !is_after(v->seq, f->local.ack - WINDOW_BYTES_MAX)) f->sack.strange[f->sack.strange_count++ % STRANGE_KEPT] = (struct view_sack){ v->seq, end };
    else if ((is_old || is_known) && is_before(end, f->local.ack + WINDOW_BYTES_MAX)) note_duplicate(f, v->seq, end);
    uint32_t next = f->sure.has_nxt && is_after(f->sure.nxt, f->local.ack) ? f->sure.nxt : f->local.ack;
    if (is_old || is_known || j->weight != FLOW_SURE || !is_after(v->seq, next)) {
        if (!is_old) f->sack.has_newest = false;
        return;
    }
    bool is_first = !f->received.count || !is_after(f->received.at[f->received.count - 1].right, next);
    f->sack.has_newest = true;
    f->sack.newest_seq = v->seq;
    f->sack.newest_end = end;
    f->sack.is_owed |= is_first && flow_has_room(f) && flow_has_sack(f) && !j->is_host_faulted && j->config->sees_all;
    f->sack.newest_ns = j->now_ns;
}

const struct rule_set sack_rules = { .needs_order = true, .sent = judge_sent, .received = note_received };
