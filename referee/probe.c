/* Segments without data that stand before SND.UNA: probes of a closed window, and keepalive. */
#include "referee/judge.h"

#define SLACK_NS 20000000ull
#define PROBE_MIN_NS 200000000ull    /* Linux: the least RTO */
#define KEEPALIVE_MIN_NS 1000000000ull /* Linux: the least of TCP_KEEPIDLE and TCP_KEEPINTVL */

static void judge_keepalive(struct judge *j)
{
    const struct probe_part *p = &j->flow->probe;
    uint64_t heard_ns = j->now_ns - p->heard_ns, probed_ns = p->probe_ns ? j->now_ns - p->probe_ns : UINT64_MAX / 2;
    HOLD(j, RULE_KEEPALIVE_ONLY_IDLE, heard_ns + SLACK_NS >= KEEPALIVE_MIN_NS && probed_ns + SLACK_NS >= KEEPALIVE_MIN_NS,
         "%lu ms after the peer was heard, %lu ms after the last", heard_ns / 1000000, p->probe_ns ? probed_ns / 1000000 : 0);
}

/* Linux: probes of a window come 200 ms apart at least, then double; the wait begins anew with the peer's answer. */
static void judge_window_probe(struct judge *j)
{
    struct probe_part *p = &j->flow->probe;
    uint64_t since_ns = p->heard_ns > p->probe_ns ? p->heard_ns : p->probe_ns, wait_ns = j->now_ns - since_ns;
    if (p->probe_ns) HOLD(j, RULE_PROBE_NOT_EARLY, j->now_ns - p->probe_ns + SLACK_NS >= PROBE_MIN_NS, "%lu ms after the last", (j->now_ns - p->probe_ns) / 1000000);
    /* Above that it may be keepalive, which comes evenly. */
    bool is_series = p->wait_ns && p->wait_ns < KEEPALIVE_MIN_NS - 5 * SLACK_NS && p->wait_ns + SLACK_NS >= PROBE_MIN_NS;
    if (is_series) HOLD(j, RULE_PROBE_BACKOFF, wait_ns >= p->wait_ns + p->wait_ns / 50, "after %lu ms, before that after %lu ms", wait_ns / 1000000, p->wait_ns / 1000000);
    p->wait_ns = p->probe_ns ? wait_ns : 0;
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!j->is_steady || j->is_host_faulted || v->flags != TCP_FLAG_ACK) return;
    struct probe_part *p = &f->probe;
    if (v->payload_bytes) {
        p->wait_ns = 0;
        return;
    }
    if (j->is_late || !f->remote.has_ack || !p->heard_ns || !settled_has(&f->sure.una, j->now_ns) || f->sure.una.value != f->remote.ack) return;
    if (v->seq != f->remote.ack - 1 || is_after(f->remote.ack, f->local.nxt)) return;
    if (p->is_closed) judge_window_probe(j);
    else if (p->is_open && f->remote.ack == f->local.nxt) judge_keepalive(j);
    p->probe_ns = j->now_ns;
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!j->is_steady) return;
    struct probe_part *p = &f->probe;
    /* What the host may not have taken leaves open from when it counts. */
    if (j->weight != FLOW_SURE || v->window != 0 || v->ack != f->remote.ack) p->wait_ns = p->probe_ns = 0;
    /* What was sent earlier than the last news of the window is no news of it (RFC 9293 §3.10.7.4, SND.WL1). */
    bool is_news = j->weight == FLOW_SURE && (is_after(v->ack, f->remote.ack) || !p->heard_ns || !is_before(v->seq, p->window_seq));
    p->is_closed = is_news && v->window == 0;
    p->is_open = is_news && v->window != 0;
    if (is_news) p->window_seq = v->seq;
    if (j->weight == FLOW_SURE) p->heard_ns = j->now_ns;
}

const struct rule_set probe_rules = { .needs_order = true, .sent = judge_sent, .received = note_received };
