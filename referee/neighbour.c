/* ARP and neighbour discovery. */
#include "referee/judge.h"

#define ETHERTYPE_ARP 0x0806
#define ARP_BYTES 28
#define SECOND_NS 1000000000ull
#define ANSWER_NS (5 * SECOND_NS)
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { ROUTER_SOLICIT = 133, ROUTER_ADVERT, SOLICIT, ADVERT, REDIRECT };
enum { OPTION_SOURCE_LINK = 1, ADVERT_SOLICITED = 0x40 };

/* A target may be asked for again after a second; a few more when its entry went in between (a link that was down). */
static bool is_rate_kept(struct judge *j, enum trace_kind kind, const uint8_t *target, size_t bytes)
{
    struct trace *t = trace_note(j->memory, trace_key(kind, target, bytes, j->view->ethernet ? j->view->ethernet + 6 : target, 6), j->now_ns);
    int64_t unit_ns = SECOND_NS * 95 / 100, most_ns = 3 * unit_ns;
    int64_t left_ns = t->ns ? t->count + (int64_t)(j->now_ns - t->ns) : most_ns;
    t->count = (left_ns < most_ns ? left_ns : most_ns) - unit_ns;
    t->ns = j->now_ns;
    bool is_kept = t->count >= 0;
    if (!is_kept) t->count = 0;
    return is_kept || j->is_host_faulted;
}

static void judge_arp_reply(struct judge *j, const uint8_t *arp)
{
    const uint8_t *to = j->view->ethernet;
    bool is_sure;
    struct trace *t = trace_find(j->memory, trace_key(TRACE_ARP_ASKED, arp + 24, 4, arp + 14, 4), j->now_ns, ANSWER_NS, &is_sure);
    bool was_asked = t && t->count > 0 && memcmp(to, arp + 18, 6) == 0;
    if (was_asked || (is_sure && judge_saw(j, ANSWER_NS)))
        HOLD(j, RULE_ARP_REPLY_ASKED, was_asked, "%u.%u.%u.%u is at %02x:%02x:%02x..., to %02x:%02x:%02x...: nobody asked", arp[14], arp[15],
             arp[16], arp[17], arp[8], arp[9], arp[10], to[0], to[1], to[2]);
    if (was_asked) t->count--;
}

static void judge_arp(struct judge *j)
{
    static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };
    const struct view *v = j->view;
    const uint8_t *arp = v->network, *target = arp + 24;
    bool is_whole = v->frame_bytes >= 14 + ARP_BYTES;
    unsigned operation = is_whole ? view_load16(arp + 6) : 0;
    bool is_right = is_whole && memcmp(arp, head, 6) == 0 && (operation == ARP_REQUEST || operation == ARP_REPLY);
    HOLD(j, RULE_ARP_WELL_FORMED, is_right, "%zu bytes, operation %u", v->frame_bytes, operation);
    if (!is_right) return;
    HOLD(j, RULE_ARP_SENDER_MAC, memcmp(arp + 8, v->ethernet + 6, 6) == 0, "sender %02x:%02x:%02x:%02x:%02x:%02x", arp[8], arp[9], arp[10], arp[11],
         arp[12], arp[13]);
    uint8_t sender[16] = { [10] = 0xff, [11] = 0xff };
    memcpy(sender + 12, arp + 14, 4);
    bool has_sender = view_load32(arp + 14) != 0;
    if (j->memory->own_count)
        HOLD(j, RULE_ARP_SENDER_OWN, !has_sender || host_owns(j->memory, sender), "sender %u.%u.%u.%u", arp[14], arp[15], arp[16], arp[17]);
    if (operation == ARP_REPLY) {
        judge_arp_reply(j, arp);
        return;
    }
    HOLD(j, RULE_ARP_TARGET_UNICAST, target[0] != 0 && target[0] != 127 && target[0] >> 4 != 14 && view_load32(target) != 0xffffffff,
         "asks for %u.%u.%u.%u", target[0], target[1], target[2], target[3]);
    if (has_sender && memcmp(arp + 14, target, 4) != 0)
        HOLD(j, RULE_ARP_REQUEST_RATE, is_rate_kept(j, TRACE_ARP_SENT, target, 4), "asks for %u.%u.%u.%u too often", target[0], target[1], target[2],
             target[3]);
}

/* NULL: not whole. */
static const uint8_t *options_of(const struct view *v)
{
    static const uint8_t heads[] = { [ROUTER_SOLICIT - 133] = 8, [ROUTER_ADVERT - 133] = 16, [SOLICIT - 133] = 24, [ADVERT - 133] = 24, [REDIRECT - 133] = 40 };
    unsigned head = heads[v->transport[0] - 133];
    return v->transport_bytes >= head ? v->transport + head : NULL;
}

static bool are_options_right(const struct view *v, bool *has_source_link)
{
    const uint8_t *at = options_of(v), *end = v->transport + v->transport_bytes;
    *has_source_link = false;
    if (!at) return false;
    while (at < end) {
        if (end - at < 2 || at[1] == 0 || at[1] * 8 > end - at) return false;
        *has_source_link |= at[0] == OPTION_SOURCE_LINK;
        at += at[1] * 8;
    }
    return true;
}

static bool is_group_of(const uint8_t group[16], const uint8_t target[16])
{
    static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
    return memcmp(group, prefix, 13) == 0 && memcmp(group + 13, target + 13, 3) == 0;
}

static void judge_solicit(struct judge *j, bool has_source_link)
{
    const struct view *v = j->view;
    const uint8_t *target = v->transport + 8;
    bool is_probe = is_any(v, v->source), to_group = is_group_of(v->destination, target);
    bool is_right = target[0] != 0xff && (is_probe ? to_group && !has_source_link : to_group || memcmp(v->destination, target, 16) == 0);
    HOLD(j, RULE_ND_SOLICIT_FORM, is_right, "target %02x%02x, probe %d, to its group %d, link-layer address %d", target[0], target[1], is_probe, to_group,
         has_source_link);
    if (!is_probe) HOLD(j, RULE_ND_SOLICIT_RATE, is_rate_kept(j, TRACE_SOLICIT_SENT, target, 16), "asks for ...%02x%02x too often", target[14], target[15]);
}

static void judge_advert(struct judge *j)
{
    const struct view *v = j->view;
    const uint8_t *target = v->transport + 8;
    bool is_solicited = v->transport[4] & ADVERT_SOLICITED, is_sure;
    HOLD(j, RULE_ND_ADVERT_FORM, target[0] != 0xff && !is_any(v, v->source) && !(is_solicited && is_multicast(v, v->destination)),
         "target %02x%02x, solicited %d", target[0], target[1], is_solicited);
    if (!is_solicited) return;
    struct trace *t = trace_find(j->memory, trace_key(TRACE_SOLICITED, target, 16, v->destination, 16), j->now_ns, ANSWER_NS, &is_sure);
    bool was_asked = t && t->count > 0;
    if (was_asked) t->count--;
    if (was_asked || (is_sure && judge_saw(j, ANSWER_NS))) HOLD(j, RULE_ND_ADVERT_ASKED, was_asked, "for ...%02x%02x: nobody asked", target[14], target[15]);
}

static bool is_discovery(const struct view *v)
{
    return v->version == 6 && v->protocol == 58 && v->transport && !v->is_later_fragment && v->transport_bytes >= 8 &&
           v->transport[0] >= ROUTER_SOLICIT && v->transport[0] <= REDIRECT;
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (v->ethertype == ETHERTYPE_ARP) judge_arp(j);
    if (!is_discovery(v) || j->is_transit) return;
    bool has_source_link, is_right = are_options_right(v, &has_source_link);
    HOLD(j, RULE_ND_HOP_LIMIT, v->ttl == 255, "type %u with hop limit %u", v->transport[0], v->ttl);
    HOLD(j, RULE_ND_NOT_FRAGMENTED, !v->fragment_header, "type %u in a fragment", v->transport[0]);
    HOLD(j, RULE_ND_OPTIONS, is_right, "type %u: options of %u bytes cannot be read", v->transport[0], v->transport_bytes);
    if (!is_right) return;
    if (v->transport[0] == SOLICIT) judge_solicit(j, has_source_link);
    if (v->transport[0] == ADVERT) judge_advert(j);
}

static void note_trace(struct judge *j, uint64_t key)
{
    struct trace *t = trace_note(j->memory, key, j->now_ns);
    t->ns = j->now_ns;
    t->count++;
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    const uint8_t *arp = v->network;
    bool is_arp = v->ethertype == ETHERTYPE_ARP && v->frame_bytes >= 14 + ARP_BYTES, is_nd = is_discovery(v);
    if (is_arp || is_nd) j->memory->resolved_ns = j->now_ns;
    if ((is_arp && view_load16(arp + 6) != ARP_REQUEST) || (is_nd && v->transport[0] == ADVERT)) j->memory->unanswered = 0;
    if (is_arp && view_load16(arp + 6) == ARP_REQUEST) note_trace(j, trace_key(TRACE_ARP_ASKED, arp + 14, 4, arp + 24, 4));
    if (is_nd && v->transport[0] == SOLICIT && v->transport_bytes >= 24)
        note_trace(j, trace_key(TRACE_SOLICITED, v->transport + 8, 16, v->source, 16));
}

const struct rule_set neighbour_rules = { .sent = judge_sent, .received = note_received };
