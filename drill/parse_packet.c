/* Packets: a direction, outer headers, fields of the IP header, then TCP, UDP or ICMP. */
#include "drill/parse.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE };
enum { IP_TTL_MOST = 255, FLOW_LABEL_MOST = 0xfffff };

static bool take_ecn(struct parser *p, struct ip_fields *f)
{
    static const struct { const char *name; uint8_t bits; } names[] = {
        { "noecn", ECN_NONE }, { "ect0", ECN_ECT0 }, { "ect1", ECN_ECT1 }, { "ce", ECN_CE }
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (parse_take(p, names[i].name)) {
            f->tos_check = TOS_ECN;
            f->tos = names[i].bits;
            return true;
        }
    return false;
}

static bool take_tos(struct parser *p, struct ip_fields *f)
{
    if (take_ecn(p, f))
        return true;
    if (parse_take(p, "ect01")) {
        f->tos_check = TOS_ECT01;
        return true;
    }
    if (!parse_take(p, "tos"))
        return false;
    f->tos_check = TOS_WHOLE;
    if (p->token.kind == TOKEN_HEX)
        f->tos = (uint8_t)parse_any_range(p, "a tos byte", 0, UINT8_MAX);
    else
        parse_expected(p, "a hexadecimal tos byte");
    return true;
}

/* (...) or [...] behind a direction or the name of an outer header. */
static void parse_ip_fields(struct parser *p, struct ip_fields *f)
{
    const char *end = parse_at(p, "(") ? ")" : "]";
    bool has_tos;

    if (!parse_take(p, "(") && !parse_take(p, "["))
        return;
    has_tos = take_tos(p, f);
    if (has_tos && !parse_take(p, ",")) {
        parse_need(p, end);
        return;
    }
    if (parse_take(p, "flowlabel")) {
        if (p->token.kind == TOKEN_HEX)
            f->flow_label = (uint32_t)parse_any_range(p, "a flow label", 0, FLOW_LABEL_MOST);
        else
            parse_expected(p, "a hexadecimal flow label");
    } else if (!has_tos && parse_take(p, "ttl")) {
        f->ttl = (uint8_t)parse_range(p, "a ttl", 0, IP_TTL_MOST);
    } else {
        parse_expected(p, has_tos ? "'flowlabel'" : "noecn, ect0, ect1, ect01, ce, tos, flowlabel or ttl");
    }
    parse_need(p, end);
}

static void take_address(struct parser *p, bool is_v6, struct in6_addr *out)
{
    char text[SCRIPT_ADDRESS_BYTES];

    if (p->token.kind == (is_v6 ? TOKEN_IPV6 : TOKEN_IPV4) && p->token.bytes < sizeof text) {
        memcpy(text, p->token.text, p->token.bytes);
        text[p->token.bytes] = '\0';
        if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, out) == 1) {
            parse_next(p);
            return;
        }
    }
    parse_expected(p, is_v6 ? "an IPv6 address" : "an IPv4 address");
}

static void parse_ip_layer(struct parser *p, struct script_layer *layer)
{
    parse_ip_fields(p, &layer->fields);
    take_address(p, layer->kind == LAYER_IPV6, &layer->source);
    parse_need(p, ">");
    take_address(p, layer->kind == LAYER_IPV6, &layer->target);
    parse_need(p, ":");
}

static uint16_t take_gre_flag(struct parser *p)
{
    static const struct { const char *name; uint16_t bit; } names[] = {
        { "checksum", GRE_CHECKSUM }, { "key", GRE_KEY }, { "sequence#", GRE_SEQUENCE }
    };

    if (parse_take(p, "none"))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (parse_take(p, names[i].name)) {
            parse_need(p, "present");
            return names[i].bit;
        }
    parse_expected(p, "none, checksum present, key present or sequence# present");
    return 0;
}

static uint16_t parse_gre_flags(struct parser *p)
{
    uint16_t flags = 0;

    if (!parse_take(p, "[")) {
        parse_need(p, "flags");
        if (!parse_take(p, "["))
            return (uint16_t)parse_any_range(p, "GRE flags", 0, UINT16_MAX);
    }
    do {
        flags |= take_gre_flag(p);
    } while (parse_take(p, ","));
    parse_need(p, "]");
    return flags;
}

/* flags [...], sum N, off N, key = N, seq N: all of them, with or without the commas. */
void parse_gre_fields(struct parser *p, struct gre_fields *gre)
{
    if (parse_take(p, "Flags") && !parse_at(p, "["))
        gre->flags = (uint16_t)parse_any_range(p, "GRE flags", 0, UINT16_MAX);
    else
        gre->flags = parse_gre_flags(p);
    parse_take(p, ",");
    parse_need(p, "sum");
    gre->checksum = (uint16_t)parse_any_range(p, "a checksum", 0, UINT16_MAX);
    parse_take(p, ",");
    parse_need(p, "off");
    gre->offset = (uint16_t)parse_any_range(p, "an offset", 0, UINT16_MAX);
    parse_take(p, ",");
    parse_need(p, "key");
    parse_take(p, "=");
    gre->key = (uint32_t)parse_any_range(p, "a key", 0, UINT32_MAX);
    parse_take(p, ",");
    parse_need(p, "seq");
    gre->sequence = (uint32_t)parse_any_range(p, "a sequence number", 0, UINT32_MAX);
}

static void parse_gre_layer(struct parser *p, struct script_layer *layer)
{
    parse_take(p, ",");
    if (!parse_at(p, ":"))
        parse_gre_fields(p, &layer->gre);
    parse_need(p, ":");
}

static void parse_mpls_label(struct parser *p, struct mpls_label *label)
{
    parse_need(p, "label");
    label->label = (uint32_t)parse_range(p, "a label", 0, 0xfffff);
    parse_need(p, ",");
    parse_need(p, "tc");
    label->traffic_class = (uint8_t)parse_range(p, "a traffic class", 0, 7);
    parse_need(p, ",");
    if (parse_take(p, "[")) {
        parse_need(p, "S");
        parse_need(p, "]");
        parse_need(p, ",");
        label->is_bottom = true;
    }
    parse_need(p, "ttl");
    label->ttl = (uint8_t)parse_range(p, "a ttl", 0, IP_TTL_MOST);
    parse_need(p, ")");
}

void parse_mpls_stack(struct parser *p, struct mpls_stack *stack)
{
    while (parse_at(p, "(")) {
        if (stack->count == SCRIPT_LABELS) {
            parse_expected(p, "at most 16 labels");
            return;
        }
        parse_next(p);
        parse_mpls_label(p, &stack->labels[stack->count++]);
    }
}

/* False: no outer header begins here. */
static bool parse_layer(struct parser *p, struct script_packet *packet)
{
    bool is_v4 = parse_at(p, "ipv4"), is_v6 = parse_at(p, "ipv6"), is_gre = parse_at(p, "gre") || parse_at(p, "GREv0");
    struct script_layer *layer = &packet->layers[packet->layer_count];

    if (!is_v4 && !is_v6 && !is_gre && !parse_at(p, "mpls"))
        return false;
    if (packet->layer_count == SCRIPT_LAYERS) {
        parse_expected(p, "at most 8 outer headers");
        return false;
    }
    parse_next(p);
    packet->layer_count++;
    if (is_v4 || is_v6) {
        layer->kind = is_v4 ? LAYER_IPV4 : LAYER_IPV6;
        parse_ip_layer(p, layer);
    } else if (is_gre) {
        layer->kind = LAYER_GRE;
        parse_gre_layer(p, layer);
    } else {
        layer->kind = LAYER_MPLS;
        parse_mpls_stack(p, &layer->mpls);
        parse_need(p, ":");
    }
    return true;
}

static void parse_ports(struct parser *p, struct script_packet *packet)
{
    if (p->token.kind != TOKEN_NUMBER)
        return;
    packet->source_port = (uint16_t)parse_range(p, "a port", 0, UINT16_MAX);
    parse_need(p, ">");
    packet->target_port = (uint16_t)parse_range(p, "a port", 0, UINT16_MAX);
}

static void parse_udp(struct parser *p, struct script_packet *packet)
{
    packet->protocol = SCRIPT_UDP;
    parse_ports(p, packet);
    parse_need(p, "(");
    packet->payload_bytes = (uint32_t)parse_range(p, "bytes of UDP payload", 0, UINT16_MAX);
    parse_need(p, ")");
}

/* from:to(bytes). */
static uint32_t parse_sequence(struct parser *p, uint32_t *bytes)
{
    struct script_place place = p->token.place;
    int64_t from = parse_range(p, "a sequence number", 0, UINT32_MAX), to;

    parse_need(p, ":");
    to = parse_range(p, "a sequence number", 0, UINT32_MAX);
    parse_need(p, "(");
    *bytes = (uint32_t)parse_range(p, "bytes of TCP payload", 0, UINT16_MAX);
    parse_need(p, ")");
    if ((uint32_t)to != (uint32_t)(from + *bytes))
        parse_wrong(p, place, "expected sequence numbers that are %u apart, found %lld:%lld", *bytes, (long long)from,
                    (long long)to);
    return (uint32_t)from;
}

static void parse_quoted(struct parser *p, struct script_packet *packet)
{
    packet->icmp.quoted = QUOTED_TCP;
    if (!parse_take(p, "["))
        return;
    if (parse_at(p, "udp") || parse_at(p, "raw")) {
        packet->icmp.quoted = parse_at(p, "udp") ? QUOTED_UDP : QUOTED_RAW;
        parse_next(p);
        parse_need(p, "(");
        packet->icmp.quoted_bytes = (uint32_t)parse_range(p, "a number of bytes", 0, UINT16_MAX);
        parse_need(p, ")");
    } else {
        packet->icmp.quoted_sequence = parse_sequence(p, &packet->icmp.quoted_bytes);
    }
    parse_need(p, "]");
}

/* A name that only the other version of IP has: the script is right, but not for this run. */
static void check_icmp_names(struct parser *p, struct script_place place, const char *type, const char *code,
                             struct script_packet *packet)
{
    bool is_v6 = p->script->settings.version == IP_V6;
    uint8_t ignored[2];

    if (parse_icmp_names(type, code, is_v6, &packet->icmp.type, &packet->icmp.code))
        return;
    if (parse_icmp_names(type, code, !is_v6, &ignored[0], &ignored[1]) || (is_v6 && code && strcmp(code, "CODE") == 0))
        parse_unsupported(p, "%s has no ICMP message '%s%s%s'", is_v6 ? "IPv6" : "IPv4", type, code ? " " : "",
                          code ? code : "");
    else
        parse_wrong(p, place, "expected the name of an ICMP message, found '%s%s%s'", type, code ? " " : "",
                    code ? code : "");
}

static void parse_icmp(struct parser *p, struct script_packet *packet)
{
    struct script_place place = p->token.place;
    const char *type = NULL, *code = NULL;

    packet->protocol = SCRIPT_ICMP;
    packet->icmp.mtu = -1;
    if (p->token.kind == TOKEN_WORD)
        type = parse_text(p);
    else
        parse_expected(p, "the name of an ICMP message");
    if (p->token.kind == TOKEN_WORD && !parse_at(p, "mtu") && !parse_at(p, "id"))
        code = parse_text(p);
    if (type)
        check_icmp_names(p, place, type, code, packet);
    if (parse_take(p, "mtu"))
        packet->icmp.mtu = parse_range(p, "an mtu", 0, UINT32_MAX);
    if (parse_take(p, "id"))
        packet->icmp.echo_id = (uint16_t)parse_range(p, "an id", 0, UINT16_MAX);
    parse_quoted(p, packet);
}

static bool add_flag(struct script_packet *packet, char c)
{
    static const struct { char letter; uint16_t bit; } letters[] = {
        { '.', SCRIPT_ACK }, { 'F', SCRIPT_FIN }, { 'S', SCRIPT_SYN }, { 'R', SCRIPT_RST }, { 'P', SCRIPT_PSH },
        { 'U', SCRIPT_URG }, { 'E', SCRIPT_ECE }, { 'W', SCRIPT_CWR }, { 'A', SCRIPT_AE },
    };
    enum { ECN_BITS = SCRIPT_ECE | SCRIPT_CWR | SCRIPT_AE };

    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == c) {
            packet->tcp.flags |= letters[i].bit;
            return !(letters[i].bit & ECN_BITS) || !packet->tcp.has_ace;
        }
    if (c < '0' || c > '7' || packet->tcp.has_ace || packet->tcp.flags & ECN_BITS)
        return false;
    packet->tcp.has_ace = true;
    packet->tcp.flags |= (uint16_t)((c & 1 ? SCRIPT_ECE : 0) | (c & 2 ? SCRIPT_CWR : 0) | (c & 4 ? SCRIPT_AE : 0));
    return true;
}

/* Letters with or without the dot of ACK, a digit for the three bits of ACE, or '-' for none. They come as one to three
 * tokens: "P.", "S.5" is a word and a fraction. */
static void parse_flags(struct parser *p, struct script_packet *packet)
{
    bool has_any = false;

    if (parse_take(p, "-"))
        return;
    while (p->token.kind == TOKEN_WORD || parse_at(p, ".") ||
           (p->token.kind == TOKEN_FRACTION && p->token.text[0] == '.')) {
        for (size_t i = 0; i < p->token.bytes; i++)
            if (!add_flag(packet, p->token.text[i])) {
                parse_expected(p, "TCP flags of the letters .FSRPUEWA, or a digit from 0 to 7 for ACE");
                return;
            }
        has_any = true;
        parse_next(p);
    }
    if (!has_any)
        parse_expected(p, "TCP flags, icmp, udp or an outer header");
}

static void parse_tcp(struct parser *p, struct script_packet *packet)
{
    struct script_place place = p->token.place;

    parse_ports(p, packet);
    parse_flags(p, packet);
    packet->tcp.sequence = parse_sequence(p, &packet->payload_bytes);
    if (parse_take(p, "ack"))
        packet->tcp.ack = (uint32_t)parse_range(p, "an ack number", 0, UINT32_MAX);
    if (parse_take(p, "win")) {
        packet->tcp.has_window = true;
        packet->tcp.window = (uint16_t)parse_range(p, "a window", 0, UINT16_MAX);
    } else if (packet->is_inbound) {
        parse_expected(p, "'win': an inbound packet tells its window");
    }
    if (parse_take(p, "urg"))
        packet->tcp.urgent = (uint16_t)parse_range(p, "an urgent pointer", 0, UINT16_MAX);
    if (parse_at(p, "<"))
        parse_tcp_options(p, packet);
    if (packet->payload_bytes + 40U + packet->tcp.option_bytes > UINT16_MAX)
        parse_wrong(p, place, "expected a segment that fits into a packet of 65535 bytes, found %u bytes of payload",
                    packet->payload_bytes);
}

static void parse_psp(struct parser *p, struct script_packet *packet)
{
    parse_need(p, "psp");
    parse_need(p, "spi");
    parse_any_range(p, "an spi", 0, UINT32_MAX);
    packet->has_psp = true;
    parse_unsupported(p, "it needs PSP, which weir does not have");
}

struct script_packet *parse_packet(struct parser *p)
{
    struct script_packet *packet = parse_alloc(p, sizeof *packet);
    struct script_place place;

    if (!packet)
        return NULL;
    packet->is_inbound = parse_at(p, "<");
    parse_next(p);
    while (parse_layer(p, packet))
        continue;
    place = p->token.place;
    parse_ip_fields(p, &packet->ip);
    if (packet->ip.tos_check == TOS_ECT01 && packet->is_inbound)
        parse_wrong(p, place, "expected one value for the ECN bits of an inbound packet, found 'ect01'");
    if (parse_take(p, "icmp"))
        parse_icmp(p, packet);
    else if (parse_take(p, "udp"))
        parse_udp(p, packet);
    else {
        if (parse_take(p, "encap"))
            parse_psp(p, packet);
        parse_tcp(p, packet);
    }
    return packet;
}
