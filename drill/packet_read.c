/* What left the machine, taken apart into what a script would say of it. */
#include "drill/packet.h"

#include <stdio.h>

#include "wire/checksum.h"
#include "wire/headers.h"

struct reader {
    struct packet_seen *seen;
    const uint8_t *at, *end;
    char *problem;
    size_t problem_bytes;
};

static enum packet_reading read_ip(struct reader *r);

static enum packet_reading bad(struct reader *r, const char *what)
{
    snprintf(r->problem, r->problem_bytes, "a packet left that is no packet: %s", what);
    return PACKET_BAD;
}

static uint16_t load_be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static size_t left(const struct reader *r) { return (size_t)(r->end - r->at); }

static bool is_zero(const uint8_t *at, size_t count)
{
    return !count || (!*at && !memcmp(at, at + 1, count - 1));
}

struct option_walk option_walk_begin(uint8_t *options, size_t bytes)
{
    return (struct option_walk){ .next = options, .end = options + bytes };
}

bool option_walk_next(struct option_walk *w)
{
    w->at = w->next;
    if (w->at >= w->end) return false;
    w->kind = *w->at;
    w->bytes = 1;
    if (w->kind > 1) { /* neither the end of the list nor padding (RFC 9293 §3.1) */
        if (w->end - w->at < 2 || w->at[1] < 2 || w->at[1] > w->end - w->at) return false;
        w->bytes = w->at[1];
    }
    w->next = w->at + w->bytes;
    return true;
}

static enum packet_reading read_tcp(struct reader *r)
{
    struct packet_seen *s = r->seen;
    struct wire_tcp h;
    if (left(r) < sizeof h) return bad(r, "the TCP header is cut off");
    memcpy(&h, r->at, sizeof h);
    size_t header = (size_t)(h.offset_reserved >> 4) * 4;
    if (header < sizeof h || header > left(r)) return bad(r, "the TCP data offset is wrong");
    s->said.protocol = SCRIPT_TCP;
    s->said.source_port = host16(h.source);
    s->said.target_port = host16(h.destination);
    s->said.payload_bytes = (uint32_t)(left(r) - header);
    s->said.tcp.flags = (uint16_t)(h.flags | (h.offset_reserved & 1 ? SCRIPT_AE : 0));
    s->said.tcp.has_window = true;
    s->said.tcp.window = host16(h.window);
    s->said.tcp.urgent = host16(h.urgent);
    s->said.tcp.sequence = host32(h.sequence);
    s->said.tcp.ack = host32(h.acknowledgment);
    s->said.tcp.option_bytes = (uint8_t)(header - sizeof h);
    memcpy(s->said.tcp.options, r->at + sizeof h, header - sizeof h);
    s->tcp_reserved = h.offset_reserved >> 1 & 7;
    s->is_payload_zero = is_zero(r->at + header, s->said.payload_bytes);
    return PACKET_READ;
}

static enum packet_reading read_udp(struct reader *r)
{
    struct packet_seen *s = r->seen;
    struct wire_udp h;
    if (left(r) < sizeof h) return bad(r, "the UDP header is cut off");
    memcpy(&h, r->at, sizeof h);
    if (host16(h.length_bytes) != left(r)) return bad(r, "the UDP length is not that of the packet");
    s->said.protocol = SCRIPT_UDP;
    s->said.source_port = host16(h.source);
    s->said.target_port = host16(h.destination);
    s->said.payload_bytes = (uint32_t)(left(r) - sizeof h);
    s->is_payload_zero = is_zero(r->at + sizeof h, s->said.payload_bytes);
    return PACKET_READ;
}

static enum packet_reading read_icmp(struct reader *r)
{
    struct packet_seen *s = r->seen;
    if (left(r) < sizeof(struct wire_icmp)) return bad(r, "the ICMP header is cut off");
    s->said.protocol = SCRIPT_ICMP;
    s->said.icmp.type = r->at[0];
    s->said.icmp.code = r->at[1];
    s->said.icmp.mtu = -1;
    s->said.icmp.quoted = QUOTED_RAW;
    s->said.icmp.quoted_bytes = (uint32_t)left(r);
    s->icmp_bytes = (uint32_t)left(r);
    s->is_payload_zero = true;
    return PACKET_READ;
}

static enum packet_reading read_mpls(struct reader *r)
{
    if (r->seen->said.layer_count == SCRIPT_LAYERS) return bad(r, "too many headers in each other");
    struct script_layer *l = &r->seen->said.layers[r->seen->said.layer_count++];
    l->kind = LAYER_MPLS;
    do {
        if (left(r) < 4 || l->mpls.count == SCRIPT_LABELS) return bad(r, "the MPLS labels do not end");
        uint32_t entry = load_be32(r->at);
        r->at += 4;
        l->mpls.labels[l->mpls.count++] = (struct mpls_label){ .label = entry >> 12, .traffic_class = entry >> 9 & 7,
            .is_bottom = entry >> 8 & 1, .ttl = (uint8_t)entry };
    } while (!l->mpls.labels[l->mpls.count - 1].is_bottom && r->at < r->end);
    return read_ip(r);
}

static enum packet_reading read_gre(struct reader *r)
{
    if (r->seen->said.layer_count == SCRIPT_LAYERS) return bad(r, "too many headers in each other");
    struct script_layer *l = &r->seen->said.layers[r->seen->said.layer_count++];
    if (left(r) < 4) return bad(r, "the GRE header is cut off");
    struct gre_fields *g = &l->gre;
    l->kind = LAYER_GRE;
    g->flags = load_be16(r->at);
    uint16_t protocol = load_be16(r->at + 2);
    size_t options =
        (g->flags & GRE_CHECKSUM ? 4u : 0) + (g->flags & GRE_KEY ? 4u : 0) + (g->flags & GRE_SEQUENCE ? 4u : 0);
    if (g->flags & 0x4007) return bad(r, "a GRE header of another version, or with routing");
    if (left(r) < 4 + options) return bad(r, "the GRE header is cut off");
    r->at += 4;
    if (g->flags & GRE_CHECKSUM) {
        g->checksum = load_be16(r->at);
        g->offset = load_be16(r->at + 2);
        r->at += 4;
    }
    if (g->flags & GRE_KEY) {
        g->key = load_be32(r->at);
        r->at += 4;
    }
    if (g->flags & GRE_SEQUENCE) {
        g->sequence = load_be32(r->at);
        r->at += 4;
    }
    if (protocol == ETH_P_IP || protocol == ETH_P_IPV6) return read_ip(r);
    return protocol == ETH_P_MPLS_UC || protocol == ETH_P_MPLS_MC ? read_mpls(r) : PACKET_OTHER;
}

/* What is behind an IP header. The header becomes a layer when another one is inside. */
static enum packet_reading read_inside(struct reader *r, uint8_t protocol, const struct script_layer *outer)
{
    struct script_packet *p = &r->seen->said;
    switch (protocol) {
    case IPPROTO_TCP: return read_tcp(r);
    case IPPROTO_UDP: return read_udp(r);
    case IPPROTO_ICMP: case IPPROTO_ICMPV6: return read_icmp(r);
    case IPPROTO_GRE: case IPPROTO_IPIP: case IPPROTO_IPV6: break;
    default: return PACKET_OTHER;
    }
    if (p->layer_count == SCRIPT_LAYERS) return bad(r, "too many headers in each other");
    p->layers[p->layer_count++] = *outer;
    return protocol == IPPROTO_GRE ? read_gre(r) : read_ip(r);
}

static enum packet_reading read_ipv4(struct reader *r)
{
    struct packet_seen *s = r->seen;
    struct wire_ipv4 h;
    if (left(r) < sizeof h) return bad(r, "the IPv4 header is cut off");
    memcpy(&h, r->at, sizeof h);
    size_t header = (h.version_ihl & 15u) * 4, total = host16(h.total_bytes);
    if (header < sizeof h || header > total || total > left(r))
        return bad(r, "the lengths in the IPv4 header are wrong");
    if (host16(h.fragment) & (IPV4_MF | IPV4_OFFSET_MASK)) return bad(r, "a fragment");
    if (checksum_fold(checksum_partial(r->at, header, 0)).raw)
        return bad(r, "the checksum of the IPv4 header is wrong");
    struct script_layer layer = { .kind = LAYER_IPV4,
        .fields = { .tos_check = TOS_WHOLE, .tos = h.tos, .ttl = h.ttl } };
    memcpy(&layer.source, &h.source, 4);
    memcpy(&layer.target, &h.destination, 4);
    s->version = 4;
    s->said.ip = layer.fields;
    s->source = ip_from4(h.source);
    s->target = ip_from4(h.destination);
    s->ip_header_bytes = (uint8_t)header;
    r->end = r->at + total;
    r->at += header;
    return read_inside(r, h.protocol, &layer);
}

static enum packet_reading read_ipv6(struct reader *r)
{
    struct packet_seen *s = r->seen;
    struct wire_ipv6 h;
    if (left(r) < sizeof h) return bad(r, "the IPv6 header is cut off");
    memcpy(&h, r->at, sizeof h);
    size_t total = sizeof h + host16(h.payload_bytes);
    if (total > left(r)) return bad(r, "the length in the IPv6 header is wrong");
    uint32_t word = host32(h.version_class_flow);
    struct script_layer layer = { .kind = LAYER_IPV6,
        .fields = {
            .tos_check = TOS_WHOLE, .tos = (uint8_t)(word >> 20), .ttl = h.hop_limit, .flow_label = word & 0xfffff } };
    memcpy(&layer.source, h.source, 16);
    memcpy(&layer.target, h.destination, 16);
    s->version = 6;
    s->said.ip = layer.fields;
    s->source = ip_from6(h.source);
    s->target = ip_from6(h.destination);
    s->ip_header_bytes = sizeof h;
    r->end = r->at + total;
    r->at += sizeof h;
    return read_inside(r, h.next_header, &layer);
}

static enum packet_reading read_ip(struct reader *r)
{
    if (!left(r)) return bad(r, "there is no IP header");
    if (*r->at >> 4 == 4) return read_ipv4(r);
    return *r->at >> 4 == 6 ? read_ipv6(r) : bad(r, "neither IPv4 nor IPv6");
}

enum packet_reading packet_read_seen(
    const uint8_t *bytes, size_t count, struct packet_seen *seen, char *problem, size_t problem_bytes)
{
    struct reader r = { seen, bytes, bytes + count, problem, problem_bytes };
    *seen = (struct packet_seen){ 0 };
    return read_ip(&r);
}
