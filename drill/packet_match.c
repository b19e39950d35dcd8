/* Is what left what the script says? Looked at is what packetdrill looks at, so that both give one verdict: neither
 * ports and addresses (they told whose packet it is), nor an ICMP message's body, nor the timestamp that is echoed. */
#include "drill/packet.h"

#include <stdarg.h>
#include <stdio.h>

#include "drill/text.h"
#include "wire/headers.h"

static const struct text_shift no_shift = { 0 };

struct matching {
    const struct script_packet *expected;
    const struct packet_seen *actual;
    const struct packet_rules *rules;
    char *problem;
    size_t problem_bytes;
};

static bool WEIR_PRINTF(2, 3) tell(struct matching *m, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(m->problem, m->problem_bytes, format, list);
    va_end(list);
    return false;
}

static bool same(struct matching *m, const char *name, uint64_t expected, uint64_t actual)
{
    return expected == actual ||
        tell(m, "%s: expected %llu (0x%llx), got %llu (0x%llx)", name, (unsigned long long)expected,
            (unsigned long long)expected, (unsigned long long)actual, (unsigned long long)actual);
}

static bool fields_match(struct matching *m, const struct ip_fields *expected, const struct ip_fields *actual)
{
    unsigned ecn = actual->tos & 3;
    switch (expected->tos_check) {
    case TOS_ANY:
        break;
    case TOS_ECN:
        if (!same(m, "ECN bits", expected->tos, ecn)) return false;
        break;
    case TOS_ECT01:
        if (ecn != 1 && ecn != 2) return tell(m, "ECN bits: expected ECT(0) or ECT(1), got 0x%x", ecn);
        break;
    case TOS_WHOLE:
        if (!same(m, "type of service", expected->tos, actual->tos)) return false;
        break;
    }
    return !expected->ttl || expected->ttl == UINT8_MAX || same(m, "TTL", expected->ttl, actual->ttl);
}

static const char *const layer_names[] = {
    [LAYER_IPV4] = "IPv4", [LAYER_IPV6] = "IPv6", [LAYER_GRE] = "GRE", [LAYER_MPLS] = "MPLS"
};

static bool gre_matches(struct matching *m, const struct gre_fields *e, const struct gre_fields *a)
{
    if (!same(m, "GRE flags", e->flags, a->flags)) return false;
    if (e->flags & GRE_CHECKSUM &&
        !(same(m, "GRE checksum", e->checksum, a->checksum) && same(m, "GRE offset", e->offset, a->offset)))
        return false;
    if (e->flags & GRE_KEY && !same(m, "GRE key", e->key, a->key)) return false;
    return !(e->flags & GRE_SEQUENCE) || same(m, "GRE sequence number", e->sequence, a->sequence);
}

static bool mpls_matches(struct matching *m, const struct mpls_stack *e, const struct mpls_stack *a)
{
    if (!same(m, "number of MPLS labels", e->count, a->count)) return false;
    for (unsigned i = 0; i < e->count; i++) {
        if (!same(m, "MPLS label", e->labels[i].label, a->labels[i].label)) return false;
        if (!same(m, "MPLS traffic class", e->labels[i].traffic_class, a->labels[i].traffic_class)) return false;
        if (!same(m, "MPLS bottom of stack", e->labels[i].is_bottom, a->labels[i].is_bottom)) return false;
        if (!same(m, "MPLS TTL", e->labels[i].ttl, a->labels[i].ttl)) return false;
    }
    return true;
}

static bool layers_match(struct matching *m)
{
    const struct script_packet *e = m->expected, *a = &m->actual->said;
    if (!same(m, "headers around the packet", e->layer_count, a->layer_count)) return false;
    for (unsigned i = 0; i < e->layer_count; i++) {
        const struct script_layer *el = &e->layers[i], *al = &a->layers[i];
        if (el->kind != al->kind)
            return tell(m, "header %u: expected %s, got %s", i + 1, layer_names[el->kind], layer_names[al->kind]);
        if (el->kind == LAYER_GRE && !gre_matches(m, &el->gre, &al->gre)) return false;
        if (el->kind == LAYER_MPLS && !mpls_matches(m, &el->mpls, &al->mpls)) return false;
        if ((el->kind == LAYER_IPV4 || el->kind == LAYER_IPV6) && !fields_match(m, &el->fields, &al->fields))
            return false;
    }
    return true;
}

enum { OPTION_END = 0, OPTION_PADDING = 1, OPTION_TIMESTAMP = 8 };

static bool timestamp_matches(struct matching *m, const uint8_t *expected, const uint8_t *actual)
{
    int64_t off = (int32_t)(load_be32(actual + 2) - load_be32(expected + 2));
    uint64_t off_ns = (uint64_t)(off < 0 ? -off : off) * m->rules->timestamp_tick_us * NS_PER_US;
    return off_ns <= m->rules->tolerance_ns ||
        tell(m, "TSval: expected %u, got %u; tolerance %.6f s", load_be32(expected + 2), load_be32(actual + 2),
            (double)m->rules->tolerance_ns / 1e9);
}

static bool option_matches(struct matching *m, const struct option_walk *e, const struct option_walk *a)
{
    if (e->kind == OPTION_END || e->kind == OPTION_PADDING) return true;
    if (e->kind == OPTION_TIMESTAMP && e->bytes == 10 && a->bytes == 10) return timestamp_matches(m, e->at, a->at);
    if (e->bytes == a->bytes && !memcmp(e->at, a->at, e->bytes)) return true;
    char expected[TEXT_BYTES], actual[TEXT_BYTES];
    text_options(e->at, e->bytes, &no_shift, expected, sizeof expected);
    text_options(a->at, a->bytes, &no_shift, actual, sizeof actual);
    return tell(m, "TCP option: expected %s, got %s", expected, actual);
}

static bool options_match(struct matching *m)
{
    struct script_packet expected = *m->expected, actual = m->actual->said;
    if (expected.tcp.is_any_options) return true;
    struct option_walk e = option_walk_begin(expected.tcp.options, expected.tcp.option_bytes);
    struct option_walk a = option_walk_begin(actual.tcp.options, actual.tcp.option_bytes);
    bool more_e = option_walk_next(&e), more_a = option_walk_next(&a);
    for (; more_e && more_a && e.kind == a.kind; more_e = option_walk_next(&e), more_a = option_walk_next(&a))
        if (!option_matches(m, &e, &a)) return false;
    if (!more_e && !more_a && expected.tcp.option_bytes == actual.tcp.option_bytes) return true;
    char texts[2][TEXT_BYTES];
    text_options(expected.tcp.options, expected.tcp.option_bytes, &no_shift, texts[0], sizeof texts[0]);
    text_options(actual.tcp.options, actual.tcp.option_bytes, &no_shift, texts[1], sizeof texts[1]);
    return tell(m, "TCP options: expected <%s>, got <%s>", texts[0], texts[1]);
}

static unsigned ace(uint16_t flags)
{
    return (flags & SCRIPT_AE ? 4 : 0) | (flags & SCRIPT_CWR ? 2 : 0) | (flags & SCRIPT_ECE ? 1 : 0);
}

static const struct { uint16_t bit; const char *name; bool is_loose; } flag_names[] = {
    { SCRIPT_FIN, "FIN", true },
    { SCRIPT_SYN, "SYN", false },
    { SCRIPT_RST, "RST", false },
    { SCRIPT_PSH, "PSH", true },
    { SCRIPT_ACK, "ACK", false },
    { SCRIPT_URG, "URG", false },
    { SCRIPT_ECE, "ECE", false },
    { SCRIPT_CWR, "CWR", true },
    { SCRIPT_AE, "AE", false },
};

/* is_loose: of two segments of one send, where the last one has what the others do not. */
static bool flags_match(struct matching *m, bool is_loose)
{
    uint16_t e = m->expected->tcp.flags, a = m->actual->said.tcp.flags;
    bool has_ace = m->expected->tcp.has_ace && ace(e);
    for (size_t i = 0; i < array_count(flag_names); i++) {
        if (is_loose && flag_names[i].is_loose) continue;
        if (has_ace && flag_names[i].bit >= SCRIPT_ECE) continue;
        if ((e ^ a) & flag_names[i].bit)
            return tell(m, "%s flag: expected %s, got %s", flag_names[i].name, e & flag_names[i].bit ? "set" : "clear",
                a & flag_names[i].bit ? "set" : "clear");
    }
    return (!has_ace || same(m, "ACE counter", ace(e), ace(a))) && same(m, "reserved bits", 0, m->actual->tcp_reserved);
}

static bool tcp_matches(struct matching *m)
{
    const struct script_packet *e = m->expected, *a = &m->actual->said;
    return flags_match(m, false) && same(m, "sequence number", e->tcp.sequence, a->tcp.sequence) &&
        same(m, "acknowledgment number", e->tcp.ack, a->tcp.ack) &&
        (!e->tcp.has_window || same(m, "window", e->tcp.window, a->tcp.window)) &&
        same(m, "urgent pointer", e->tcp.urgent, a->tcp.urgent) && options_match(m);
}

static uint32_t expected_icmp_bytes(const struct script_packet *e, uint8_t version)
{
    uint32_t header = sizeof(struct wire_icmp);
    if (e->icmp.quoted == QUOTED_RAW) return max_of(header, e->icmp.quoted_bytes);
    return e->icmp.quoted == QUOTED_NONE ? header : header + (version == 4 ? 20u : 40u) + 8u;
}

static bool icmp_matches(struct matching *m)
{
    const struct script_packet *e = m->expected, *a = &m->actual->said;
    return same(m, "ICMP type", e->icmp.type, a->icmp.type) && same(m, "ICMP code", e->icmp.code, a->icmp.code) &&
        same(m, "ICMP message length", expected_icmp_bytes(e, m->actual->version), m->actual->icmp_bytes);
}

static const char *const protocol_names[] = { [SCRIPT_TCP] = "TCP", [SCRIPT_UDP] = "UDP", [SCRIPT_ICMP] = "ICMP" };

bool packet_matches(const struct script_packet *expected, const struct packet_seen *actual,
    const struct packet_rules *rules, char *problem, size_t problem_bytes)
{
    struct matching m = { expected, actual, rules, problem, problem_bytes };
    const struct script_packet *a = &actual->said;
    if (expected->protocol != a->protocol)
        return tell(
            &m, "protocol: expected %s, got %s", protocol_names[expected->protocol], protocol_names[a->protocol]);
    if (!layers_match(&m) || !same(&m, "IP header length", actual->version == 4 ? 20 : 40, actual->ip_header_bytes))
        return false;
    if (!fields_match(&m, &expected->ip, &a->ip)) return false;
    if (expected->protocol == SCRIPT_ICMP) return icmp_matches(&m);
    if (!same(&m, "payload length", expected->payload_bytes, a->payload_bytes)) return false;
    if (expected->protocol == SCRIPT_TCP && !tcp_matches(&m)) return false;
    return actual->is_payload_zero || tell(&m, "payload: expected zeros, got something else");
}

bool packet_continues(const struct packet_seen *before, const struct packet_seen *next, uint32_t left_bytes,
                      char *problem, size_t problem_bytes)
{
    struct packet_rules none = { 0 };
    struct matching m = { &before->said, next, &none, problem, problem_bytes };
    const struct script_packet *b = &before->said, *n = &next->said;
    if (b->protocol != n->protocol)
        return tell(&m, "protocol: expected %s, got %s", protocol_names[b->protocol], protocol_names[n->protocol]);
    if (!layers_match(&m) || !same(&m, "IP header length", before->ip_header_bytes, next->ip_header_bytes) ||
        !same(&m, "TTL", b->ip.ttl, n->ip.ttl))
        return false;
    if (b->protocol == SCRIPT_TCP) {
        if (!same(&m, "TCP header length", b->tcp.option_bytes, n->tcp.option_bytes) || !flags_match(&m, true))
            return false;
        if (!same(&m, "sequence number", b->tcp.sequence + b->payload_bytes, n->tcp.sequence)) return false;
        if (!same(&m, "acknowledgment number", b->tcp.ack, n->tcp.ack) ||
            !same(&m, "window", b->tcp.window, n->tcp.window))
            return false;
        if (!same(&m, "urgent pointer", b->tcp.urgent, n->tcp.urgent)) return false;
    }
    return n->payload_bytes >= left_bytes || same(&m, "payload length", b->payload_bytes, n->payload_bytes);
}

void packet_join(struct packet_seen *all, const struct packet_seen *next)
{
    uint32_t sequence = all->said.tcp.sequence, payload_bytes = all->said.payload_bytes;
    uint16_t cwr = all->said.tcp.flags & SCRIPT_CWR;
    bool is_zero = all->is_payload_zero;
    *all = *next;
    all->said.payload_bytes += payload_bytes;
    all->is_payload_zero &= is_zero;
    if (all->said.protocol != SCRIPT_TCP) return;
    all->said.tcp.sequence = sequence;
    all->said.tcp.flags = (uint16_t)((all->said.tcp.flags & ~SCRIPT_CWR) | cwr);
}
