#include "drill/flow.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/types.h"

enum { OPTION_SACK = 5, OPTION_TIMESTAMP = 8, TIMESTAMP_BYTES = 10 };

void flow_fini(struct flow *f)
{
    free(f->timestamps);
    *f = (struct flow){ .live_fd = -1 };
}

static bool is_syn(const struct script_packet *p) { return p->tcp.flags & SCRIPT_SYN; }

static bool ends_match(const struct flow *f, const struct packet_seen *seen)
{
    bool has_ports = seen->said.protocol != SCRIPT_ICMP;
    return ip_equal(&seen->source, &f->local.address) && ip_equal(&seen->target, &f->remote.address) &&
        (!has_ports || (seen->said.source_port == f->local.port && seen->said.target_port == f->remote.port));
}

static bool protocol_matches(const struct flow *f, const struct packet_seen *seen)
{
    switch (seen->said.protocol) {
    case SCRIPT_TCP: return f->protocol == IPPROTO_TCP;
    case SCRIPT_UDP: return f->protocol == IPPROTO_UDP;
    case SCRIPT_ICMP: return f->protocol == IPPROTO_ICMP || f->protocol == IPPROTO_ICMPV6;
    }
    return false;
}

/* The first packet of a flow that begins here: it says which address and port the machine chose. */
static bool begins(const struct flow *f, const struct packet_seen *seen)
{
    const struct script_packet *p = &seen->said;
    if (!ip_equal(&seen->target, &f->remote.address)) return false;
    if (p->protocol != SCRIPT_ICMP && p->target_port != f->remote.port) return false;
    if (p->protocol == SCRIPT_TCP) return f->state == FLOW_CALLING && is_syn(p) && !(p->tcp.flags & SCRIPT_ACK);
    return f->state == FLOW_CONNECTING;
}

bool flow_owns(struct flow *f, const struct packet_seen *seen)
{
    if (!protocol_matches(f, seen)) return false;
    if (ends_match(f, seen)) return true;
    if (!begins(f, seen)) return false;
    f->local = (struct flow_end){ seen->source, seen->said.source_port };
    if (seen->said.protocol == SCRIPT_TCP) f->local_isn = seen->said.tcp.sequence;
    return true;
}

void flow_expects(struct flow *f, const struct script_packet *p)
{
    if (p->protocol != SCRIPT_TCP || !is_syn(p)) return;
    bool has_ack = p->tcp.flags & SCRIPT_ACK;
    if (f->state == FLOW_CONNECTING && !has_ack) {
        f->state = FLOW_CALLING;
        f->script_isn = p->tcp.sequence;
    }
    if (f->state == FLOW_CALLED && has_ack) f->script_isn = p->tcp.sequence;
}

void flow_saw(struct flow *f, const struct script_packet *expected, const struct packet_seen *seen)
{
    bool is_answer = expected->protocol == SCRIPT_TCP && is_syn(expected) && expected->tcp.flags & SCRIPT_ACK;
    if (f->state != FLOW_CALLED || !is_answer) return;
    f->state = FLOW_ANSWERED;
    f->local_isn = seen->said.tcp.sequence;
}

void flow_gets(struct flow *f, const struct script_packet *p)
{
    if (p->protocol != SCRIPT_TCP || !(p->tcp.flags & SCRIPT_ACK)) return;
    if (f->state == FLOW_ANSWERED) f->state = FLOW_CONFIRMED;
    if (f->state != FLOW_CALLING || !is_syn(p)) return;
    f->state = FLOW_CONNECTED;
    f->remote_isn = p->tcp.sequence;
}

/* What to add to the machine's own numbers of the script, in a packet with SYN or one without, to have the live ones.
 */
static uint32_t local_shift(const struct flow *f, bool has_syn)
{
    return has_syn ? f->local_isn - f->script_isn : f->local_isn;
}
static uint32_t remote_shift(const struct flow *f, bool has_syn) { return has_syn ? 0 : f->remote_isn; }

static void shift_sack(struct script_packet *p, uint32_t by)
{
    struct option_walk w = option_walk_begin(p->tcp.options, p->tcp.option_bytes);
    while (option_walk_next(&w)) {
        if (w.kind != OPTION_SACK) continue;
        for (unsigned at = 2; at + 4 <= w.bytes; at += 4) store_be32(w.at + at, load_be32(w.at + at) + by);
    }
}

static uint8_t *find_timestamp(struct script_packet *p)
{
    struct option_walk w = option_walk_begin(p->tcp.options, p->tcp.option_bytes);
    while (option_walk_next(&w))
        if (w.kind == OPTION_TIMESTAMP && w.bytes == TIMESTAMP_BYTES) return w.at;
    return NULL;
}

static bool echo_to_live(const struct flow *f, bool is_scaled, uint8_t *echo, char *problem, size_t problem_bytes)
{
    uint32_t said = load_be32(echo);
    for (unsigned i = f->timestamp_count; i-- > 0;) {
        if (f->timestamps[i].script != said) continue;
        store_be32(echo, f->timestamps[i].live);
        return true;
    }
    if (is_scaled && f->has_first_timestamp) {
        store_be32(echo, said - f->first_timestamp.script + f->first_timestamp.live);
        return true;
    }
    snprintf(problem, problem_bytes, "TS ecr %u echoes nothing: no packet with TS val %u left before", said, said);
    return false;
}

bool flow_to_live(const struct flow *f, const struct script_settings *settings, const struct script_packet *p,
                  struct script_packet *live, char *problem, size_t problem_bytes)
{
    *live = *p;
    if (!live->source_port) live->source_port = f->remote.port;
    if (!live->target_port) live->target_port = f->local.port;
    if (p->protocol == SCRIPT_ICMP && p->icmp.quoted == QUOTED_TCP) live->icmp.quoted_sequence += local_shift(f, false);
    if (p->protocol != SCRIPT_TCP) return true;

    bool has_syn = is_syn(p), has_ack = p->tcp.flags & SCRIPT_ACK;
    live->tcp.sequence += remote_shift(f, has_syn);
    if (has_ack) live->tcp.ack += local_shift(f, has_syn);
    shift_sack(live, local_shift(f, has_syn));
    uint8_t *timestamp = find_timestamp(live);
    return !has_ack || !timestamp ||
        echo_to_live(f, settings->is_timestamp_echo_scaled, timestamp + 6, problem, problem_bytes);
}

void flow_to_script(const struct flow *f, struct packet_seen *seen)
{
    struct script_packet *p = &seen->said;
    if (p->protocol != SCRIPT_TCP) return;
    p->tcp.sequence -= local_shift(f, is_syn(p));
    if (p->tcp.flags & SCRIPT_ACK) p->tcp.ack -= remote_shift(f, is_syn(p));
    shift_sack(p, -remote_shift(f, is_syn(p)));
}

static bool remember(struct flow *f, struct timestamp_pair pair)
{
    if (f->timestamp_count == f->timestamp_room) {
        unsigned room = f->timestamp_room ? f->timestamp_room * 2 : 16;
        struct timestamp_pair *more = realloc(f->timestamps, room * sizeof *more);
        if (!more) return false;
        f->timestamps = more;
        f->timestamp_room = room;
    }
    f->timestamps[f->timestamp_count++] = pair;
    return true;
}

bool flow_timestamp(struct flow *f, const struct script_packet *expected, struct packet_seen *seen)
{
    struct script_packet said = *expected;
    uint8_t *script = find_timestamp(&said), *actual = find_timestamp(&seen->said);
    if (expected->protocol != SCRIPT_TCP || seen->said.protocol != SCRIPT_TCP || !script || !actual) return true;
    struct timestamp_pair pair = { load_be32(script + 2), load_be32(actual + 2) };
    if (!remember(f, pair)) return false;
    if (!f->has_first_timestamp) f->first_timestamp = pair;
    f->has_first_timestamp = true;
    store_be32(actual + 2, f->first_timestamp.script + (pair.live - f->first_timestamp.live));
    return true;
}

bool flow_label_matches(struct flow *f, uint32_t script_label, uint32_t live_label, char *problem, size_t problem_bytes)
{
    if (!script_label) return true;
    if (!live_label) {
        snprintf(problem, problem_bytes, "flow label: expected one, got none");
        return false;
    }
    if (f->script_label == script_label) {
        if (live_label == f->live_label) return true;
        snprintf(problem, problem_bytes, "flow label: expected 0x%x again, got 0x%x", f->live_label, live_label);
        return false;
    }
    if (f->script_label && live_label == f->live_label) {
        snprintf(problem, problem_bytes, "flow label: expected another one than 0x%x", live_label);
        return false;
    }
    f->script_label = script_label;
    f->live_label = live_label;
    return true;
}
