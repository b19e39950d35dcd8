/* Fragments that a host sends. Few datagrams are in pieces at a time: a handful of places, the oldest gives way. */
#include "referee/judge.h"

#define DATAGRAM_BYTES_MAX 65535u

/* Linux: where too much waits for a neighbour, the oldest packets are dropped, whichever datagram they are of. */
static void finish(struct judge *j, struct pieces *p)
{
    if (p->key && j->config->sees_all && !j->is_host_faulted && !p->has_waited)
        HOLD(j, RULE_FRAGMENT_COMPLETE, p->total_bytes && ranges_contain(&p->sent, 0, p->total_bytes), "%u ranges of %u bytes", p->sent.count,
             p->total_bytes);
    p->key = 0;
    p->has_waited = false;
    p->sent.count = 0;
    p->total_bytes = 0;
}

static struct pieces *pieces_of(struct judge *j, uint64_t key)
{
    struct pieces *all = j->memory->pieces, *oldest = all;
    for (unsigned i = 0; i < HOST_PIECES; i++) {
        if (all[i].key == key) return &all[i];
        if (all[i].last_ns < oldest->last_ns) oldest = &all[i];
    }
    finish(j, oldest);
    oldest->key = key;
    return oldest;
}

static void judge_set(struct judge *j, uint32_t bytes)
{
    const struct view *v = j->view;
    uint32_t id[2] = { v->fragment_id, v->version == 4 ? v->protocol : 6 }, left = v->fragment_offset_bytes;
    uint8_t ends[32];
    memcpy(ends, v->source, 16);
    memcpy(ends + 16, v->destination, 16);
    struct pieces *p = pieces_of(j, trace_key(TRACE_PACKET, ends, sizeof ends, id, sizeof id));
    HOLD(j, RULE_FRAGMENT_NO_OVERLAP, !ranges_touch(&p->sent, left, left + bytes), "%u bytes at %u again", bytes, left);
    if (!ranges_add(&p->sent, left, left + bytes)) return;
    if (!v->has_more_fragments) p->total_bytes = left + bytes;
    p->last_ns = j->now_ns;
    p->has_waited |= judge_is_late(j);
    if (p->total_bytes && ranges_contain(&p->sent, 0, p->total_bytes)) finish(j, p);
}

static uint32_t first_bytes_needed(const struct view *v)
{
    return v->protocol == 6 ? 20 : v->protocol == 17 || v->protocol == 58 ? 8 : 0;
}

static bool is_extension(unsigned protocol) { return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60; }

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!v->are_lengths_right) return;
    if (v->fragment_header) HOLD(j, RULE_FRAGMENT_NOT_ATOMIC, v->is_fragment, "a fragment header on a whole packet");
    if (!v->is_fragment) return;
    uint32_t bytes = (uint32_t)(v->network + v->network_bytes - (v->fragment_header ? v->fragment_header + 8 : v->transport));
    uint32_t headers = v->version == 4 ? (uint32_t)(v->transport - v->network) : 0;
    if (v->has_more_fragments) HOLD(j, RULE_FRAGMENT_UNITS, bytes % 8 == 0, "%u bytes, and more to come", bytes);
    HOLD(j, RULE_FRAGMENT_TOTAL, headers + v->fragment_offset_bytes + bytes <= DATAGRAM_BYTES_MAX, "%u bytes at %u", bytes, v->fragment_offset_bytes);
    if (v->version == 4) HOLD(j, RULE_FRAGMENT_WITHOUT_DF, !v->has_dont_fragment, "a fragment with DF");
    if (v->version == 6 && !v->is_later_fragment)
        HOLD(j, RULE_FRAGMENT_FIRST_HAS_HEADERS, !is_extension(v->protocol) && v->transport_bytes >= first_bytes_needed(v),
             "%u bytes of protocol %u in the first fragment", v->transport_bytes, v->protocol);
    judge_set(j, bytes);
}

static void judge_end(struct judge *j)
{
    for (unsigned i = 0; i < HOST_PIECES; i++) finish(j, &j->memory->pieces[i]);
}

const struct rule_set fragment_rules = { .sent = judge_sent, .host_end = judge_end };
