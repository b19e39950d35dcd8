/* RST, and the ACKs that challenge one. */
#include "referee/judge.h"

#define CHALLENGE_NS 490000000ull /* Linux: tcp_invalid_ratelimit, 500 ms */

/* An answer where nobody listens, by its form: without ACK, or with sequence number 0. Else it aborts a connection. */
static bool is_answer(const struct view *v) { return !(v->flags & TCP_FLAG_ACK) || v->seq == 0; }

static void judge_answer(struct judge *j)
{
    const struct view *v = j->view;
    struct reset_part *p = &j->flow->reset;
    bool was_seen = j->config->sees_all || j->flow->is_whole;
    if (j->memory->has_tcp_pieces) return;
    if (p->received || was_seen) HOLD(j, RULE_RST_NOT_FOR_RST, p->answers < p->received, "%u answers to %u segments", p->answers + 1, p->received);
    p->answers++;
    if (!p->received) return;
    if (v->flags & TCP_FLAG_ACK)
        HOLD(j, RULE_RST_ACKS_CAUSE, reset_ring_has(p->ends, p->end_count, v->ack), "acknowledges %u, the end of nothing that came without ACK", v->ack);
    else HOLD(j, RULE_RST_SEQ_OF_CAUSE, reset_ring_has(p->acks, p->ack_count, v->seq), "sequence number %u, no acknowledgment that came", v->seq);
}

static void judge_abort(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!flow_is_negotiated(f) || j->is_host_faulted || j->config->is_far || f->next_remote.has_syn) return;
    HOLD(j, RULE_RST_SEQ_SENT, !is_after(v->seq, f->local.nxt) && is_after(v->seq, f->local.isn), "sequence number %u, sent %u to %u", v->seq,
         f->local.isn, f->local.nxt);
    if (f->remote.has_sent && !j->memory->has_segment_pieces) HOLD(j, RULE_RST_ACK_RECEIVED, v->ack == f->local.ack || !is_after(v->ack, f->remote.nxt), "acknowledges %u, %u past what came", v->ack, v->ack - f->remote.nxt);
}

static void judge_rst(struct judge *j)
{
    const struct view *v = j->view;
    struct reset_part *p = &j->flow->reset;
    if ((j->config->sees_all || j->flow->is_whole) && !j->memory->has_tcp_pieces) HOLD(j, RULE_RST_HAS_CAUSE, p->received || j->flow->remote.has_sent, "nothing came that a RST could answer");
    HOLD(j, RULE_RST_NO_DATA, v->payload_bytes == 0, "%u bytes", v->payload_bytes);
    if (is_answer(v)) judge_answer(j);
    else {
        judge_abort(j);
        p->has_aborted = true;
    }
}

/* A pure ACK that says nothing new. */
static bool is_repeated_ack(const struct judge *j)
{
    const struct view *v = j->view;
    const struct half *h = &j->flow->local;
    return v->flags == TCP_FLAG_ACK && v->payload_bytes == 0 && v->sack_count == 0 && h->has_ack && v->ack == h->ack && v->seq == h->nxt &&
           (uint32_t)v->window << (flow_has_scale(j->flow) ? h->scale : 0) == h->window;
}

/* Linux: TIME-WAIT does not know of the last challenge. Once closed, a sock whose FIN was acknowledged becomes one at any time. */
static bool may_forget(struct judge *j)
{
    const struct flow *f = j->flow;
    struct reset_part *p = &j->flow->reset;
    if (p->has_forgotten || !f->local.has_fin || !f->remote.has_ack || !is_after(f->remote.ack, f->local.fin_seq)) return false;
    return p->has_forgotten = true;
}

static void judge_challenge(struct judge *j)
{
    struct reset_part *p = &j->flow->reset;
    /* Only where nothing else came since the last segment sent can an ACK be told to be a challenge. */
    if (p->is_provoked && !p->has_other && is_repeated_ack(j)) {
        bool is_early = p->challenge_ns && j->now_ns - p->challenge_ns < CHALLENGE_NS;
        if (is_early && may_forget(j)) p->challenge_ns = 0;
        HOLD(j, RULE_CHALLENGE_ACK_RATE, !p->challenge_ns || j->now_ns - p->challenge_ns >= CHALLENGE_NS, "%lu ms after the last",
             (j->now_ns - p->challenge_ns) / 1000000);
        p->challenge_ns = j->now_ns;
    }
    p->is_provoked = p->has_other = false;
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->flow) return;
    if (v->flags & TCP_FLAG_RST) {
        judge_rst(j);
        return;
    }
    if (v->flags & TCP_FLAG_SYN) return;
    HOLD(j, RULE_RST_ENDS, !j->flow->reset.has_aborted || j->flow->next_remote.has_syn, "flags %03x after a RST that aborted", v->flags);
    judge_challenge(j);
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->flow) return;
    struct reset_part *p = &j->flow->reset;
    const struct flow *f = j->flow;
    /* TIME-WAIT counts anew; a SYN that would end it, where nobody listens any more, is answered each time. */
    if (v->flags & TCP_FLAG_FIN && f->local.has_fin && !f->remote.has_fin) p->challenge_ns = 0;
    bool is_provocation = v->flags & (TCP_FLAG_RST | TCP_FLAG_SYN) && f->local.has_ack;
    if (v->flags & TCP_FLAG_SYN && !(v->flags & TCP_FLAG_ACK) && f->local.has_fin && f->remote.has_fin) is_provocation = false;
    if (is_provocation) p->is_provoked = true;
    else p->has_other = true;
    if (v->flags & TCP_FLAG_RST) return;
    /* It may complete the handshake: the new connection's clock is not the half-open one's. */
    if (j->flow->is_passive && v->flags & TCP_FLAG_ACK && v->ack == j->flow->local.isn + 1) p->challenge_ns = 0;
    p->received++;
    if (v->flags & TCP_FLAG_ACK) p->acks[p->ack_count++ % RESET_RING] = v->ack;
    else p->ends[p->end_count++ % RESET_RING] = v->seq + view_seq_bytes(v);
}

const struct rule_set reset_rules = { .sent = judge_sent, .received = note_received };
