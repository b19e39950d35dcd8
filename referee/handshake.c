/* What SYNs promise, and that it is kept; how often they are repeated, and what may follow them. */
#include "referee/judge.h"

#define SECOND_NS 1000000000ull
#define TIME_WAIT_NS (60 * SECOND_NS)
#define ISN_TICK_NS 64
#define ISN_SLACK_TICKS (50000000 / ISN_TICK_NS) /* a segment's time on the wire is not that of its making */
enum { KIND_FAST_OPEN = 34, KIND_EXPERIMENT = 254, SYN_SENDINGS = 11, SYNACK_SENDINGS = 6, LINEAR_TIMEOUTS = 5, TIME_WAIT_ISN_STEP = 65537 };

/* Its number, or from before it had one: the experiment 0xF989 (RFC 6994). */
static bool has_fast_open(const struct view *v)
{
    const uint8_t *at = v->transport + 20, *end = v->transport + v->header_bytes;
    while (at < end && *at != KIND_FAST_OPEN && *at != 0) {
        if (*at != 1 && (end - at < 2 || at[1] < 2)) return false;
        if (*at == KIND_EXPERIMENT && end - at >= 4 && at[2] == 0xf9 && at[3] == 0x89) return true;
        at += *at == 1 ? 1 : at[1];
    }
    return at < end && *at == KIND_FAST_OPEN;
}

static void judge_options(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    unsigned headers = v->version == 4 ? 40 : 60;
    HOLD(j, RULE_SYN_HAS_MSS, v->has_mss, "a SYN without MSS");
    if (j->mtu_bytes && v->has_mss && !judge_is_late(j))
        HOLD(j, RULE_SYN_MSS_FITS, v->mss + headers <= (j->mtu_bytes > 576 ? j->mtu_bytes : 576u), "MSS %u on a device of %u", v->mss,
             j->mtu_bytes);
    HOLD(j, RULE_SYN_SCALE_LIMIT, v->scale <= 14, "window scale %u", v->scale);
    HOLD(j, RULE_SYN_NO_DATA, v->payload_bytes == 0 || has_fast_open(v) || j->memory->may_fast_open, "%u bytes in a SYN",
         v->payload_bytes);
    if (!(v->flags & TCP_FLAG_ACK)) return;
    const struct half *asked = flow_may_answer_next(f, v) ? &f->next_remote : &f->remote;
    bool is_answer = asked->has_syn && v->ack == asked->isn + 1;
    bool is_caused = is_answer || reset_ring_has(f->reset.ends, f->reset.end_count, v->ack);
    if (j->config->sees_all) HOLD(j, RULE_SYNACK_ACKS_SYN, is_caused, "acknowledges %u, no SYN that came", v->ack);
    bool crosses = asked == &f->remote && f->local.has_syn && !f->is_passive; /* Linux says its own SYN again, with ACK */
    if (is_answer && !crosses)
        HOLD(j, RULE_SYNACK_ONLY_ASKED, v->has_scale <= asked->has_scale && v->has_sack_permitted <= asked->has_sack_permitted &&
             v->has_timestamp <= asked->has_timestamp, "scale %d of %d, SACK %d of %d, timestamps %d of %d", v->has_scale, asked->has_scale,
             v->has_sack_permitted, asked->has_sack_permitted, v->has_timestamp, asked->has_timestamp);
}

static uint64_t spacing_ns(const struct flow *f, bool is_answer)
{
    unsigned n = f->handshake.syns, doublings = is_answer ? f->handshake.timeouts : n > LINEAR_TIMEOUTS ? n - LINEAR_TIMEOUTS : 0;
    return SECOND_NS << (doublings < 7 ? doublings : 7) > 120 * SECOND_NS ? 120 * SECOND_NS : SECOND_NS << doublings;
}

static void judge_time(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    const struct handshake_part *p = &f->handshake;
    bool is_answer = v->flags & TCP_FLAG_ACK, is_prompted = p->has_asked_since;
    if (j->memory->may_repeat_syn || !f->is_whole || j->is_host_faulted) return;
    if (is_answer)
        HOLD(j, RULE_SYNACK_COUNT, p->syns < SYNACK_SENDINGS + p->asked + (f->is_passive ? 0u : SYN_SENDINGS), "%u SYN-ACKs, asked %u times", p->syns + 1,
             p->asked);
    else HOLD(j, RULE_SYN_COUNT, p->syns < SYN_SENDINGS, "%u SYNs", p->syns + 1);
    if (is_answer && !f->is_passive && f->local.has_syn) return; /* crossed SYNs: the SYN's timer goes on, not yet doubled */
    if (p->was_delayed || judge_is_late(j) || is_prompted || j->config->is_far) return;
    uint64_t least_ns = spacing_ns(f, is_answer), gone_ns = j->now_ns - p->last_ns;
    least_ns -= least_ns / 50;
    if (is_answer) HOLD(j, RULE_SYNACK_SPACING, gone_ns >= least_ns, "%lu ms after the last, number %u", gone_ns / 1000000, p->syns + 1);
    else HOLD(j, RULE_SYN_SPACING, gone_ns >= least_ns, "%lu ms after the last, number %u", gone_ns / 1000000, p->syns + 1);
}

static void judge_repeated(struct judge *j)
{
    const struct view *v = j->view;
    const struct half *h = &j->flow->local;
    bool is_same_kind = !(v->flags & TCP_FLAG_ACK) == !j->flow->is_passive;
    /* The MSS follows the MTU, and goes down with the path's. */
    bool is_mss_kept = v->mss <= h->mss || j->mtu_bytes != j->flow->handshake.mtu_bytes || judge_is_late(j) || j->flow->handshake.was_delayed;
    HOLD(j, RULE_SYN_SAME_ISN, v->seq == h->isn, "%u, first %u", v->seq, h->isn);
    if (is_same_kind)
        HOLD(j, RULE_SYN_SAME_OPTIONS, is_mss_kept && v->has_scale == h->has_scale && (v->scale > 14 ? 14 : v->scale) == h->scale &&
             v->has_sack_permitted == h->has_sack_permitted && v->has_timestamp == h->has_timestamp, "MSS %u, scale %u, SACK %d, timestamps %d", v->mss,
             v->scale, v->has_sack_permitted, v->has_timestamp);
    judge_time(j);
}

/* Linux: the ISN is a keyed hash of the tuple and a clock of 64 ns; where TIME-WAIT stood, 65537 past what was sent. */
static bool is_isn_next(const struct judge *j)
{
    const struct half *h = &j->flow->local;
    uint32_t ticks = (uint32_t)((j->now_ns - h->syn_ns) / ISN_TICK_NS), off = j->view->seq - h->isn - ticks + ISN_SLACK_TICKS;
    return off < 2 * ISN_SLACK_TICKS || j->view->seq - h->nxt - TIME_WAIT_ISN_STEP + 2 < 4;
}

static bool is_in_time_wait(const struct judge *j)
{
    const struct flow *f = j->flow;
    return f->handshake.closed_first && f->local.has_fin && f->remote.has_fin && !f->is_maybe_over && f->local.has_ack && f->remote.has_ack &&
           f->local.ack == f->remote.fin_seq + 1 && f->remote.ack == f->local.fin_seq + 1 && j->now_ns - f->remote.last_ns < TIME_WAIT_NS - SECOND_NS &&
           !j->is_host_faulted && !is_loopback(j->view, j->view->destination);
}

/* The tuple has another ISN than before. */
static void judge_next(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    bool is_unanswered = !f->remote.has_syn && !f->is_maybe_over && !f->local.has_ack && j->now_ns - f->handshake.last_ns > SECOND_NS / 2;
    if (is_unanswered && !(v->flags & TCP_FLAG_ACK)) HOLD(j, RULE_SYN_SAME_ISN, is_isn_next(j), "%u, first %u", v->seq, f->local.isn);
    if (v->flags & TCP_FLAG_ACK) {
        if (is_in_time_wait(j) && f->next_remote.has_syn && v->ack == f->next_remote.isn + 1)
            HOLD(j, RULE_TIME_WAIT_NEWER_SYN, is_after(f->next_remote.isn, f->local.ack - 1) ||
                 (flow_has_timestamps(f) && is_after(f->next_remote.tsval, f->local.tsecr)), "SYN %u, the last one ended at %u", f->next_remote.isn,
                 f->local.ack);
        return;
    }
    HOLD(j, RULE_SYN_ISN_ADVANCES, is_isn_next(j), "%u, %.3f s after %u", v->seq, (double)(j->now_ns - f->local.syn_ns) / 1e9, f->local.isn);
    HOLD(j, RULE_TIME_WAIT_KEPT, !is_in_time_wait(j), "%.3f s after the end", (double)(j->now_ns - f->remote.last_ns) / 1e9);
}

static void judge_syn(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    judge_options(j);
    if (!f->local.has_syn) return;
    bool answers_new = flow_may_answer_next(f, v) &&
                       !(f->remote.has_syn && v->ack == f->remote.isn + 1);
    if (v->seq == f->local.isn && !answers_new) judge_repeated(j);
    else judge_next(j);
}

/* After the flow took note, and begins anew where it must. */
static void note_syn_sent(struct judge *j)
{
    struct handshake_part *p = &j->flow->handshake;
    /* Linux: who asks again starts the time anew, as long as it was. */
    if (p->syns && !p->has_asked_since && j->now_ns - p->last_ns > SECOND_NS * 9 / 10) p->timeouts++;
    if (!p->syns) p->mtu_bytes = j->mtu_bytes;
    p->syns++;
    p->last_ns = j->now_ns;
    p->has_asked_since = false;
    p->was_delayed = judge_is_late(j);
    p->window = j->view->window;
    p->is_fast_open |= has_fast_open(j->view);
}

/* The first window after the SYN, when nothing came yet that could have widened it. */
static void judge_window(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    struct handshake_part *p = &j->flow->handshake;
    if (p->has_judged_window || !p->syns) return;
    p->has_judged_window = true;
    uint32_t window = (uint32_t)v->window << (flow_has_scale(f) ? f->local.scale : 0);
    if (!p->has_data_come && p->window < 65535)
        HOLD(j, RULE_SYN_WINDOW_UNSCALED, window <= 2u * p->window + (1u << f->local.scale), "%u in the SYN, then %u", p->window, window);
}

static void judge_data(struct judge *j)
{
    const struct flow *f = j->flow;
    bool is_answered = f->remote.has_syn && f->remote.has_ack && is_after(f->remote.ack, f->local.isn);
    bool is_known = f->is_whole && f->local.has_syn && (f->remote.has_syn || !f->is_passive) && !j->memory->has_segment_pieces;
    if (j->view->payload_bytes && is_known && !f->handshake.is_fast_open && !j->memory->may_fast_open)
        HOLD(j, RULE_DATA_AFTER_HANDSHAKE, is_answered, "%u bytes before an answer", j->view->payload_bytes);
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!f) return;
    if (v->flags & TCP_FLAG_SYN) {
        judge_syn(j);
        return;
    }
    HOLD(j, RULE_OPTIONS_ONLY_IN_SYN, !v->has_mss && !v->has_scale && !v->has_sack_permitted, "MSS %d, scale %d, SACK-permitted %d",
         v->has_mss, v->has_scale, v->has_sack_permitted);
    if (v->flags & TCP_FLAG_RST) return;
    judge_data(j);
    if (v->flags & TCP_FLAG_FIN && !f->local.has_fin) f->handshake.closed_first = !f->remote.has_fin;
    if (!flow_is_negotiated(f) || f->is_maybe_over || f->next_remote.has_syn) return;
    judge_window(j);
    if (flow_has_timestamps(f)) HOLD(j, RULE_TIMESTAMP_ALWAYS, v->has_timestamp, "flags %03x without timestamps", v->flags);
    else HOLD(j, RULE_TIMESTAMP_NEVER_UNASKED, !v->has_timestamp, "timestamps that were not negotiated");
}

static void note_sent(struct judge *j)
{
    if (j->flow && j->view->flags & TCP_FLAG_SYN) note_syn_sent(j);
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    if (!j->flow) return;
    struct handshake_part *p = &j->flow->handshake;
    if (v->payload_bytes) p->has_data_come = true;
    /* Linux: an ACK of something else makes SYN-SENT repeat its SYN at once. */
    if (!j->flow->is_passive) p->has_asked_since = true;
    if (!(v->flags & TCP_FLAG_SYN)) return;
    p->asked++;
    p->has_asked_since = true;
    p->is_fast_open |= has_fast_open(v);
}

static void note_call(struct judge *j, const struct referee_call *call)
{
    enum { SYNCNT = 6 << 16 | 7, DEFER_ACCEPT = 6 << 16 | 9, FAST_OPEN = 6 << 16 | 23, FAST_OPEN_CONNECT = 6 << 16 | 30, NO_COOKIE = 6 << 16 | 34 };
    if (call->kind != REFEREE_SOCKOPT) return;
    if (call->argument == SYNCNT || call->argument == DEFER_ACCEPT) j->memory->may_repeat_syn = true;
    if (call->argument == FAST_OPEN || call->argument == FAST_OPEN_CONNECT || call->argument == NO_COOKIE) j->memory->may_fast_open = true;
}

const struct rule_set handshake_rules = { .sent = judge_sent, .sent_after = note_sent, .received = note_received, .call = note_call };
