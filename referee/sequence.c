/* Where a segment stands: against what was sent before, what the peer offered, and what reached the host. */
#include "referee/judge.h"

#define GIVING_UP_NS 20000000000ull

static bool is_judged(const struct flow *f, const struct view *v)
{
    return f && !(v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) && flow_is_negotiated(f) && !f->is_maybe_over && !f->next_remote.has_syn;
}

static void judge_place(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    uint32_t end = v->seq + view_seq_bytes(v);
    /* Without memory a device may lose what TCP has sent, before the wire; and what waits for a neighbour that does not answer. */
    bool is_lost = j->is_host_faulted || (j->memory->given_up_ns && j->now_ns - j->memory->given_up_ns < GIVING_UP_NS);
    if (!is_lost && !j->config->is_far) HOLD(j, RULE_SEQ_NO_GAP, !is_after(v->seq, f->local.nxt), "begins %u past what was sent", v->seq - f->local.nxt);
    if (f->local.has_fin && v->flags & TCP_FLAG_FIN) HOLD(j, RULE_SEQ_FIN_STAYS, end - 1 == f->local.fin_seq, "FIN at %u, first %u", end - 1, f->local.fin_seq);
    if (f->local.has_fin)
        HOLD(j, RULE_SEQ_NOTHING_AFTER_FIN, !is_after(end, f->local.fin_seq + 1), "ends %u past the FIN", end - f->local.fin_seq - 1);
    /* One byte may probe a closed window, and a FIN takes no room. */
    /* Linux: a window whose field did not change is taken for the same, also after the unscaled one of the SYN. */
    uint32_t rounding = flow_has_scale(f) ? (1u << f->remote.scale) - 1 : 0;
    if (f->remote.has_ack && v->payload_bytes > 1 && !j->memory->has_segment_pieces)
        HOLD(j, RULE_SEQ_WITHIN_WINDOW, !is_after(v->seq + v->payload_bytes, f->remote.right_edge + rounding), "%u past the right edge",
             v->seq + v->payload_bytes - f->remote.right_edge);
    if (!j->config->has_offloads && v->payload_bytes) {
        uint32_t mss = f->remote.has_mss ? f->remote.mss : v->version == 4 ? 536 : 1220;
        if (mss < 48) mss = 48; /* Linux: tcp_min_snd_mss */
        HOLD(j, RULE_SEQ_SIZE_WITHIN_MSS, v->payload_bytes + v->header_bytes - 20 <= mss, "%u bytes and %u of options, MSS %u",
             v->payload_bytes, v->header_bytes - 20u, mss);
    }
}

/* The window as the host knows it: Linux takes news of it from a newer acknowledgment or a newer segment. */
static void judge_shrunk(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    uint32_t end = v->seq + v->payload_bytes;
    if (v->payload_bytes > 1 && is_after(end, f->local.nxt) && settled_has(&f->sequence.edge, j->now_ns))
        HOLD(j, RULE_SEQ_SHRUNK_WINDOW, !is_after(end, f->sequence.edge.value), "new data ends %u past the edge that was taken back", end - f->sequence.edge.value);
}

/* A probe stands before SND.UNA; where the window shrank, an acknowledgment stands at its edge. */
static void judge_empty(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (view_seq_bytes(v) || j->is_host_faulted || !f->remote.has_ack || !f->local.has_sent) return;
    uint32_t low = settled_has(&f->sure.una, j->now_ns) ? f->sure.una.value : f->local.isn + 1;
    uint32_t high = is_after(f->remote.ack, f->local.nxt) ? f->local.nxt : f->remote.ack;
    bool is_probe = !is_before(v->seq, low - 1) && !is_after(v->seq, high);
    bool is_at_edge = f->sequence.has_shrunk && is_after(v->seq, high) && is_before(v->seq, f->local.nxt);
    HOLD(j, RULE_ACK_PLACE, v->seq == f->local.nxt || is_probe || is_at_edge, "%u before SND.NXT, acknowledged up to %u before it", f->local.nxt - v->seq,
         f->local.nxt - high);
}

static void judge_again(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    uint32_t end = v->seq + view_seq_bytes(v);
    if (end != v->seq && !is_after(end, f->local.nxt) && settled_has(&f->sure.una, j->now_ns))
        HOLD(j, RULE_SEQ_NOT_ACKED_AGAIN, is_after(end, f->sure.una.value), "%u before what was acknowledged", f->sure.una.value - v->seq);
}

static void judge_urgent(struct judge *j)
{
    const struct view *v = j->view;
    struct sequence_part *p = &j->flow->sequence;
    if (!(v->flags & TCP_FLAG_URG)) return;
    HOLD(j, RULE_URGENT_AHEAD, v->urgent != 0, "urgent pointer 0");
    if (v->urgent == 0xffff) return; /* Linux: further than the field can tell */
    uint32_t up = v->seq + v->urgent;
    if (p->has_urgent) HOLD(j, RULE_URGENT_NEVER_BACK, !is_before(up, p->urgent), "urgent point %u back", p->urgent - up);
    p->urgent = up;
    p->has_urgent = true;
}

/* All that is not acknowledged is kept, to be compared with what is sent again. */
static void judge_bytes(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!v->payload_bytes || j->config->has_offloads) return;
    bytes_drop_below(f->sent_bytes, f->remote.has_ack ? f->remote.ack : f->local.isn + 1);
    if (is_before(v->seq, f->local.nxt))
        HOLD(j, RULE_SEQ_SAME_BYTES, bytes_match(f->sent_bytes, v->seq, v->payload, v->payload_bytes), "other bytes than the first time, in %u from %u",
             v->payload_bytes, v->seq);
    bytes_put(&f->sent_bytes, v->seq, v->payload, v->payload_bytes);
}

static void judge_ack(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!(v->flags & TCP_FLAG_ACK)) return;
    if (f->local.has_ack) {
        uint32_t window = (uint32_t)v->window << (flow_has_scale(f) ? f->local.scale : 0), edge = v->ack + window;
        uint32_t unit = flow_has_scale(f) ? 1u << f->local.scale : 1;
        HOLD(j, RULE_ACK_NEVER_BACK, !is_before(v->ack, f->local.ack), "%u back", f->local.ack - v->ack);
        /* What scaling cuts off may come and go. Linux: a segment for which the buffer has no room closes the window at once. */
        HOLD(j, RULE_WINDOW_NEVER_SHRINKS, window == 0 || !is_before(edge + unit - 1, f->local.right_edge), "right edge %u back, window %u", f->local.right_edge - edge, window);
    }
    uint32_t from = f->local.has_ack ? f->local.ack : f->remote.isn;
    if (j->memory->has_segment_pieces) return;
    HOLD(j, RULE_ACK_ONLY_RECEIVED, !is_after(v->ack, from) || ranges_contain(&f->received, from, v->ack), "acknowledges %u, of which some never came",
         v->ack - from);
}

static void judge_timestamps(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!v->has_timestamp) return;
    HOLD(j, RULE_TIMESTAMP_NEVER_BACK, !is_before(v->tsval, f->local.tsval), "TSval %u back", f->local.tsval - v->tsval);
    if (j->memory->has_segment_pieces) return;
    HOLD(j, RULE_TIMESTAMP_ECHO_SEEN, !is_after(v->tsecr, f->remote.tsval), "echoes %u, %u past the newest", v->tsecr, v->tsecr - f->remote.tsval);
}

static void judge_sent(struct judge *j)
{
    if (!is_judged(j->flow, j->view)) return;
    judge_place(j);
    judge_bytes(j);
    judge_ack(j);
    judge_timestamps(j);
    if (!j->is_steady) return;
    judge_urgent(j);
    if (j->is_late) return;
    judge_shrunk(j);
    judge_empty(j);
    judge_again(j);
}

static void note_edge(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    struct sequence_part *p = &f->sequence;
    uint32_t edge = v->ack + ((uint32_t)v->window << (flow_has_scale(f) ? f->remote.scale : 0));
    bool is_news = f->remote.has_ack && (is_after(v->ack, f->remote.ack) || is_after(v->seq, p->window_seq));
    if (f->remote.has_ack && is_before(edge, f->remote.right_edge)) p->has_shrunk = true;
    if (j->weight == FLOW_SURE && is_news && !is_before(v->ack, f->remote.ack)) {
        p->window_seq = v->seq;
        /* Only a step back is of interest; what comes later and is further takes it away again. */
        if (p->edge.has_value || p->edge.has_next || is_before(edge, f->remote.right_edge)) {
            settled_has(&p->edge, j->now_ns);
            if (is_before(edge, f->remote.right_edge)) p->edge = (struct settled){ .next = edge, .next_ns = j->now_ns, .has_next = true };
            else p->edge = (struct settled){ 0 };
        }
    } else if ((p->edge.has_value && is_after(edge, p->edge.value)) || (p->edge.has_next && is_after(edge, p->edge.next))) {
        p->edge = (struct settled){ 0 };
    }
}

static void note_received(struct judge *j)
{
    if (j->view->is_fragment && j->view->protocol == 6) j->memory->has_segment_pieces = true;
    if (j->is_steady && (j->view->flags & (TCP_FLAG_ACK | TCP_FLAG_SYN | TCP_FLAG_RST)) == TCP_FLAG_ACK) note_edge(j);
}

const struct rule_set sequence_rules = { .needs_order = true, .sent = judge_sent, .received = note_received };
