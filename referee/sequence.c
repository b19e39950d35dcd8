/* Where a segment stands: against what was sent before, what the peer offered, and what reached the host. */
#include "referee/judge.h"

static bool is_judged(const struct flow *f, const struct view *v)
{
    return f && !(v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) && flow_is_negotiated(f) && !f->is_maybe_over && !f->next_remote.has_syn;
}

static void judge_place(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    uint32_t end = v->seq + view_seq_bytes(v);
    /* Without memory a device may lose what TCP has sent, before the wire. */
    if (!j->is_host_faulted) HOLD(j, RULE_SEQ_NO_GAP, !is_after(v->seq, f->local.nxt), "begins %u past what was sent", v->seq - f->local.nxt);
    if (f->local.has_fin)
        HOLD(j, RULE_SEQ_NOTHING_AFTER_FIN, !is_after(end, f->local.fin_seq + 1), "ends %u past the FIN", end - f->local.fin_seq - 1);
    /* One byte may probe a closed window, and a FIN takes no room. */
    if (f->remote.has_ack && v->payload_bytes > 1)
        HOLD(j, RULE_SEQ_WITHIN_WINDOW, !is_after(v->seq + v->payload_bytes, f->remote.right_edge), "%u past the right edge",
             v->seq + v->payload_bytes - f->remote.right_edge);
    if (!j->config->has_offloads && v->payload_bytes) {
        uint32_t mss = f->remote.has_mss ? f->remote.mss : v->version == 4 ? 536 : 1220;
        if (mss < 48) mss = 48; /* Linux: tcp_min_snd_mss */
        HOLD(j, RULE_SEQ_SIZE_WITHIN_MSS, v->payload_bytes + v->header_bytes - 20 <= mss, "%u bytes and %u of options, MSS %u",
             v->payload_bytes, v->header_bytes - 20u, mss);
    }
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
    HOLD(j, RULE_ACK_ONLY_RECEIVED, !is_after(v->ack, from) || ranges_contain(&f->received, from, v->ack), "acknowledges %u, of which some never came",
         v->ack - from);
}

static void judge_timestamps(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!v->has_timestamp) return;
    HOLD(j, RULE_TIMESTAMP_NEVER_BACK, !is_before(v->tsval, f->local.tsval), "TSval %u back", f->local.tsval - v->tsval);
    HOLD(j, RULE_TIMESTAMP_ECHO_SEEN, !is_after(v->tsecr, f->remote.tsval), "echoes %u, %u past the newest", v->tsecr, v->tsecr - f->remote.tsval);
}

static void judge_sent(struct judge *j)
{
    if (!is_judged(j->flow, j->view)) return;
    judge_place(j);
    judge_ack(j);
    judge_timestamps(j);
}

const struct rule_set sequence_rules = { .sent = judge_sent };
