/* Packets in packetdrill's notation: what a script expects, and what is on the wire. Both end in the same functions for
 * flags and options, so that two lines under each other differ only where the packets do. */
#include "drill/text.h"

#include "drill/line.h"

#include <arpa/inet.h>
#include <string.h>

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t read_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void add_hex(struct line *l, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        line_add(l, "%02x", bytes[i]);
}

static void add_sack(struct line *l, const uint8_t *data, size_t bytes, const struct text_shift *shift)
{
    line_add(l, "sack");
    for (; bytes >= 8; data += 8, bytes -= 8)
        line_add(l, " %u:%u", read_be32(data) - shift->ack, read_be32(data + 4) - shift->ack);
}

static void add_accecn(struct line *l, const uint8_t *data, size_t bytes, bool is_e0)
{
    static const char *const names[2][3] = { { "e1b", "ceb", "e0b" }, { "e0b", "ceb", "e1b" } };

    line_add(l, "ECN");
    for (unsigned i = 0; i < 3 && bytes >= 3; i++, data += 3, bytes -= 3)
        line_add(l, " %s %u", names[is_e0][i], (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2]);
}

static void add_raw_option(struct line *l, uint8_t kind, const uint8_t *data, size_t bytes)
{
    line_add(l, "kind %u 0x", kind);
    add_hex(l, data, bytes);
}

/* One option behind its kind and length. */
static void add_option(struct line *l, uint8_t kind, const uint8_t *data, size_t bytes, const struct text_shift *shift)
{
    if (kind == 2 && bytes == 2)
        line_add(l, "mss %u", read_be16(data));
    else if (kind == 3 && bytes == 1)
        line_add(l, "wscale %u", data[0]);
    else if (kind == 4 && !bytes)
        line_add(l, "sackOK");
    else if (kind == 5 && bytes && bytes % 8 == 0)
        add_sack(l, data, bytes, shift);
    else if (kind == 8 && bytes == 8)
        line_add(l, "TS val %u ecr %u", read_be32(data) - shift->timestamp,
                 read_be32(data + 4) ? read_be32(data + 4) - shift->echo : 0);
    else if (kind == 19 || kind == 34) {
        line_add(l, kind == 19 ? "md5 " : bytes ? "FO " : "FO");
        add_hex(l, data, bytes);
    } else if (kind == 254 && bytes >= 2 && read_be16(data) == 0xf989) {
        line_add(l, bytes > 2 ? "FOEXP " : "FOEXP");
        add_hex(l, data + 2, bytes - 2);
    } else if ((kind == 172 || kind == 174) && bytes % 3 == 0)
        add_accecn(l, data, bytes, kind == 172);
    else
        add_raw_option(l, kind, data, bytes);
}

static void add_options(struct line *l, const uint8_t *o, size_t left, const struct text_shift *shift)
{
    const char *comma = "";

    while (left) {
        line_add(l, "%s", comma);
        comma = ",";
        if (o[0] <= 1) {
            line_add(l, o[0] ? "nop" : "eol");
            o++;
            left--;
        } else if (left < 2 || o[1] < 2 || o[1] > left) {
            line_add(l, "broken 0x");
            add_hex(l, o, left);
            return;
        } else {
            add_option(l, o[0], o + 2, o[1] - 2U, shift);
            left -= o[1];
            o += o[1];
        }
    }
}

static void add_flags(struct line *l, uint16_t flags, bool has_ace)
{
    static const struct { uint16_t bit; char letter; } letters[] = {
        { SCRIPT_FIN, 'F' }, { SCRIPT_SYN, 'S' }, { SCRIPT_RST, 'R' }, { SCRIPT_PSH, 'P' }, { SCRIPT_ACK, '.' },
        { SCRIPT_URG, 'U' }, { SCRIPT_ECE, 'E' }, { SCRIPT_CWR, 'W' }, { SCRIPT_AE, 'A' },
    };
    enum { ECN_BITS = SCRIPT_ECE | SCRIPT_CWR | SCRIPT_AE };

    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (flags & letters[i].bit && !(has_ace && letters[i].bit & ECN_BITS))
            line_add(l, "%c", letters[i].letter);
    if (has_ace)
        line_add(l, "%d", (flags & SCRIPT_ECE ? 1 : 0) | (flags & SCRIPT_CWR ? 2 : 0) | (flags & SCRIPT_AE ? 4 : 0));
    else if (!flags)
        line_add(l, "-");
}

static const char *ecn_name(uint8_t tos)
{
    static const char *const names[] = { "noecn", "ect1", "ect0", "ce" };

    return names[tos & 3];
}

static void add_expected_ip(struct line *l, const struct ip_fields *f)
{
    if (f->tos_check == TOS_ANY && !f->ttl && !f->flow_label)
        return;
    line_add(l, "[");
    if (f->tos_check == TOS_ECN)
        line_add(l, "%s", ecn_name(f->tos));
    else if (f->tos_check == TOS_ECT01)
        line_add(l, "ect01");
    else if (f->tos_check == TOS_WHOLE)
        line_add(l, "tos 0x%x", f->tos);
    if (f->flow_label)
        line_add(l, "%sflowlabel 0x%x", f->tos_check == TOS_ANY ? "" : ", ", f->flow_label);
    if (f->ttl)
        line_add(l, "%sttl %u", f->tos_check == TOS_ANY && !f->flow_label ? "" : ", ", f->ttl);
    line_add(l, "] ");
}

static void add_mpls(struct line *l, const struct mpls_stack *s)
{
    for (unsigned i = 0; i < s->count; i++)
        line_add(l, "%s(label %u, tc %u, %sttl %u)", i ? " " : "", s->labels[i].label, s->labels[i].traffic_class,
                 s->labels[i].is_bottom ? "[S], " : "", s->labels[i].ttl);
}

static void add_gre(struct line *l, const struct gre_fields *g)
{
    line_add(l, "flags 0x%x, sum 0x%x, off 0x%x, key 0x%x, seq %u", g->flags, g->checksum, g->offset, g->key,
             g->sequence);
}

static void add_layer(struct line *l, const struct script_layer *layer)
{
    char source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN];
    int family = layer->kind == LAYER_IPV6 ? AF_INET6 : AF_INET;

    if (layer->kind == LAYER_IPV4 || layer->kind == LAYER_IPV6) {
        line_add(l, "%s ", layer->kind == LAYER_IPV4 ? "ipv4" : "ipv6");
        add_expected_ip(l, &layer->fields);
        line_add(l, "%s > %s: ", inet_ntop(family, &layer->source, source, sizeof source),
                 inet_ntop(family, &layer->target, target, sizeof target));
    } else if (layer->kind == LAYER_GRE) {
        line_add(l, "gre ");
        add_gre(l, &layer->gre);
        line_add(l, ": ");
    } else {
        line_add(l, "mpls ");
        add_mpls(l, &layer->mpls);
        line_add(l, ": ");
    }
}

static void add_expected_icmp(struct line *l, const struct script_packet *p)
{
    line_add(l, "icmp type_%u code_%u", p->icmp.type, p->icmp.code);
    if (p->icmp.mtu >= 0)
        line_add(l, " mtu %lld", (long long)p->icmp.mtu);
    if (p->icmp.echo_id)
        line_add(l, " id %u", p->icmp.echo_id);
    if (p->icmp.quoted == QUOTED_TCP)
        line_add(l, " [%u:%u(%u)]", p->icmp.quoted_sequence, p->icmp.quoted_sequence + p->icmp.quoted_bytes,
                 p->icmp.quoted_bytes);
    else if (p->icmp.quoted != QUOTED_NONE)
        line_add(l, " [%s (%u)]", p->icmp.quoted == QUOTED_UDP ? "udp" : "raw", p->icmp.quoted_bytes);
}

static void add_expected_tcp(struct line *l, const struct script_packet *p)
{
    static const struct text_shift none;

    add_flags(l, p->tcp.flags, p->tcp.has_ace);
    line_add(l, " %u:%u(%u)", p->tcp.sequence, p->tcp.sequence + p->payload_bytes, p->payload_bytes);
    if (p->tcp.flags & SCRIPT_ACK)
        line_add(l, " ack %u", p->tcp.ack);
    if (p->tcp.has_window)
        line_add(l, " win %u", p->tcp.window);
    if (p->tcp.urgent)
        line_add(l, " urg %u", p->tcp.urgent);
    if (p->tcp.is_any_options) {
        line_add(l, " <...>");
    } else if (p->tcp.option_bytes) {
        line_add(l, " <");
        add_options(l, p->tcp.options, p->tcp.option_bytes, &none);
        line_add(l, ">");
    }
}

void text_expected(const struct script_packet *p, char *out, size_t bytes)
{
    struct line l = line_begin(out, bytes);

    line_add(&l, "%c ", p->is_inbound ? '<' : '>');
    for (unsigned i = 0; i < p->layer_count; i++)
        add_layer(&l, &p->layers[i]);
    add_expected_ip(&l, &p->ip);
    if (p->protocol == SCRIPT_UDP)
        line_add(&l, "udp ");
    if (p->source_port || p->target_port)
        line_add(&l, "%u > %u ", p->source_port, p->target_port);
    if (p->protocol == SCRIPT_UDP)
        line_add(&l, "(%u)", p->payload_bytes);
    else if (p->protocol == SCRIPT_ICMP)
        add_expected_icmp(&l, p);
    else
        add_expected_tcp(&l, p);
}

static void add_tcp(struct line *l, const uint8_t *tcp, size_t bytes, bool has_ace, const struct text_shift *shift)
{
    size_t head = bytes >= 20 ? (size_t)(tcp[12] >> 4) * 4 : 0;
    uint32_t sequence;

    if (head < 20 || head > bytes) {
        line_add(l, "a broken TCP header");
        return;
    }
    if (shift->has_ports)
        line_add(l, "%u > %u ", read_be16(tcp), read_be16(tcp + 2));
    sequence = read_be32(tcp + 4) - shift->sequence;
    add_flags(l, (uint16_t)(read_be16(tcp + 12) & 0x1ff), has_ace);
    line_add(l, " %u:%u(%zu)", sequence, sequence + (uint32_t)(bytes - head), bytes - head);
    if (tcp[13] & SCRIPT_ACK)
        line_add(l, " ack %u", read_be32(tcp + 8) - shift->ack);
    line_add(l, " win %u", read_be16(tcp + 14));
    if (read_be16(tcp + 18))
        line_add(l, " urg %u", read_be16(tcp + 18));
    if (head == 20)
        return;
    line_add(l, " <");
    add_options(l, tcp + 20, head - 20, shift);
    line_add(l, ">");
}

static void add_icmp(struct line *l, const uint8_t *icmp, size_t bytes)
{
    if (bytes < 8)
        line_add(l, "a broken ICMP header");
    else
        line_add(l, "icmp type_%u code_%u, %zu bytes", icmp[0], icmp[1], bytes);
}

static void add_packet(struct line *l, const uint8_t *ip, size_t bytes, bool has_ace, const struct text_shift *shift,
                       unsigned depth);

static void add_transport(struct line *l, unsigned protocol, const uint8_t *data, size_t bytes, bool has_ace,
                          const struct text_shift *shift, unsigned depth)
{
    if (protocol == IPPROTO_TCP)
        add_tcp(l, data, bytes, has_ace, shift);
    else if (protocol == IPPROTO_UDP && bytes >= 8)
        line_add(l, "udp %u > %u (%u)", read_be16(data), read_be16(data + 2), read_be16(data + 4) - 8U);
    else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        add_icmp(l, data, bytes);
    else if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6)
        add_packet(l, data, bytes, has_ace, shift, depth + 1);
    else
        line_add(l, "protocol %u, %zu bytes", protocol, bytes);
}

static void add_addresses(struct line *l, int family, const uint8_t *source, const uint8_t *target)
{
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

    line_add(l, "%s %s > %s: ", family == AF_INET ? "ipv4" : "ipv6", inet_ntop(family, source, from, sizeof from),
             inet_ntop(family, target, to, sizeof to));
}

static void add_packet(struct line *l, const uint8_t *ip, size_t bytes, bool has_ace, const struct text_shift *shift,
                       unsigned depth)
{
    unsigned version = bytes ? ip[0] >> 4 : 0, tos;
    size_t head = version == 4 ? (ip[0] & 15U) * 4 : 40, whole;

    if ((version != 4 && version != 6) || head < 20 || head > bytes || depth > SCRIPT_LAYERS) {
        line_add(l, "a broken IP header");
        return;
    }
    tos = version == 4 ? ip[1] : (ip[0] & 15U) << 4 | ip[1] >> 4;
    if (depth || ip[version == 4 ? 9 : 6] == IPPROTO_IPIP || ip[version == 4 ? 9 : 6] == IPPROTO_IPV6)
        add_addresses(l, version == 4 ? AF_INET : AF_INET6, version == 4 ? ip + 12 : ip + 8,
                      version == 4 ? ip + 16 : ip + 24);
    else if (tos & ~3U)
        line_add(l, "[tos 0x%x] ", tos);
    else if (tos)
        line_add(l, "[%s] ", ecn_name((uint8_t)tos));
    whole = version == 4 ? read_be16(ip + 2) : head + read_be16(ip + 4);
    if (whole > head && whole < bytes)
        bytes = whole;
    add_transport(l, version == 4 ? ip[9] : ip[6], ip + head, bytes - head, has_ace, shift, depth);
}

void text_packet(const void *frame, size_t frame_bytes, bool is_inbound, bool has_ace, const struct text_shift *shift,
                 char *out, size_t bytes)
{
    struct line l = line_begin(out, bytes);

    line_add(&l, "%c ", is_inbound ? '<' : '>');
    add_packet(&l, frame, frame_bytes, has_ace, shift, 0);
}

void text_options(const uint8_t *options, size_t option_bytes, const struct text_shift *shift, char *out, size_t bytes)
{
    struct line l = line_begin(out, bytes);

    add_options(&l, options, option_bytes, shift);
}

void text_time(int64_t ns, bool is_relative, char *out, size_t bytes)
{
    int64_t us = (ns < 0 ? -ns : ns) / 1000;

    snprintf(out, bytes, "%s%lld.%06lld", ns < 0 ? "-" : is_relative ? "+" : "", (long long)(us / 1000000),
             (long long)(us % 1000000));
}
