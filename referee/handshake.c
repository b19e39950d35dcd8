/* What SYNs promise, and that it is kept. */
#include "referee/judge.h"

static void judge_syn(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    unsigned headers = v->version == 4 ? 40 : 60;
    HOLD(j, RULE_SYN_HAS_MSS, v->has_mss, "a SYN without MSS");
    if (j->mtu_bytes && v->has_mss)
        HOLD(j, RULE_SYN_MSS_FITS, v->mss + headers <= (j->mtu_bytes > 576 ? j->mtu_bytes : 576u), "MSS %u on a device of %u", v->mss,
             j->mtu_bytes);
    HOLD(j, RULE_SYN_SCALE_LIMIT, v->scale <= 14, "window scale %u", v->scale);
    if (!(v->flags & TCP_FLAG_ACK)) return;
    const struct half *asked = f->next_remote.has_syn && v->ack == f->next_remote.isn + 1 ? &f->next_remote : &f->remote;
    if (asked->has_syn && v->ack == asked->isn + 1)
        HOLD(j, RULE_SYNACK_ONLY_ASKED, v->has_scale <= asked->has_scale && v->has_sack_permitted <= asked->has_sack_permitted &&
             v->has_timestamp <= asked->has_timestamp, "scale %d of %d, SACK %d of %d, timestamps %d of %d", v->has_scale, asked->has_scale,
             v->has_sack_permitted, asked->has_sack_permitted, v->has_timestamp, asked->has_timestamp);
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    const struct flow *f = j->flow;
    if (!f) return;
    if (v->flags & TCP_FLAG_SYN) {
        judge_syn(j);
        return;
    }
    HOLD(j, RULE_OPTIONS_ONLY_IN_SYN, !v->has_mss && !v->has_scale && !v->has_sack_permitted, "MSS %d, scale %d, SACK-permitted %d",
         v->has_mss, v->has_scale, v->has_sack_permitted);
    if (!flow_is_negotiated(f) || v->flags & TCP_FLAG_RST || f->is_maybe_over || f->next_remote.has_syn) return;
    if (flow_has_timestamps(f)) HOLD(j, RULE_TIMESTAMP_ALWAYS, v->has_timestamp, "flags %03x without timestamps", v->flags);
    else HOLD(j, RULE_TIMESTAMP_NEVER_UNASKED, !v->has_timestamp, "timestamps that were not negotiated");
}

const struct rule_set handshake_rules = { .sent = judge_sent };
