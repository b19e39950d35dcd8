/* The bytes of a packet that a script sends in. Checksums are right; what a script does not say is the least
 * surprising: no fragments, hop limit 255, payload of zeros. */
#include "drill/packet.h"

#include "wire/checksum.h"
#include "wire/headers.h"

enum { HOP_LIMIT = 255, QUOTED_TRANSPORT_BYTES = 8, MPLS_ENTRY_BYTES = 4 };

struct built {
    const struct script_packet *p;
    const ip_addr_t *source, *target;
    uint8_t version;
};

static void store_be16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static be16_t transport_checksum(const struct built *b, uint8_t protocol, const void *bytes, size_t count)
{
    uint8_t pseudo[40] = { 0 };
    size_t address_bytes = b->version == 4 ? 4 : 16, from = b->version == 4 ? 12 : 0;
    memcpy(pseudo, b->source->bytes + from, address_bytes);
    memcpy(pseudo + address_bytes, b->target->bytes + from, address_bytes);
    store_be32(pseudo + 2 * address_bytes, (uint32_t)count);
    pseudo[2 * address_bytes + 7] = protocol;
    return checksum_fold(checksum_partial(bytes, count, checksum_partial(pseudo, 2 * address_bytes + 8, 0)));
}

static size_t ip_header_bytes(uint8_t version)
{
    return version == 4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
}

static void put_ipv4(uint8_t *at, const struct ip_fields *f, uint8_t protocol, size_t total, const uint8_t *source,
    const uint8_t *target)
{
    struct wire_ipv4 h = { .version_ihl = 0x45, .tos = f->tos, .total_bytes = be16((uint16_t)total),
        .ttl = f->ttl ? f->ttl : HOP_LIMIT, .protocol = protocol };
    memcpy(&h.source, source, 4);
    memcpy(&h.destination, target, 4);
    h.checksum = checksum_fold(checksum_partial(&h, sizeof h, 0));
    memcpy(at, &h, sizeof h);
}

static void put_ipv6(uint8_t *at, const struct ip_fields *f, uint8_t protocol, size_t total, const uint8_t *source,
    const uint8_t *target)
{
    struct wire_ipv6 h = { .version_class_flow = be32(6u << 28 | (uint32_t)f->tos << 20 | (f->flow_label & 0xfffff)),
        .payload_bytes = be16((uint16_t)(total - sizeof h)),
        .next_header = protocol,
        .hop_limit = f->ttl ? f->ttl : HOP_LIMIT };
    memcpy(h.source, source, 16);
    memcpy(h.destination, target, 16);
    memcpy(at, &h, sizeof h);
}

static void put_ip(
    const struct built *b, uint8_t *at, const struct ip_fields *f, uint8_t protocol, size_t total, bool is_quoted)
{
    const ip_addr_t *source = is_quoted ? b->target : b->source, *target = is_quoted ? b->source : b->target;
    if (b->version == 4) put_ipv4(at, f, protocol, total, source->bytes + 12, target->bytes + 12);
    else put_ipv6(at, f, protocol, total, source->bytes, target->bytes);
}

static size_t put_tcp(const struct built *b, uint8_t *at)
{
    const struct script_packet *p = b->p;
    size_t header = sizeof(struct wire_tcp) + p->tcp.option_bytes, total = header + p->payload_bytes;
    struct wire_tcp h = { .source = be16(p->source_port),
        .destination = be16(p->target_port),
        .sequence = be32(p->tcp.sequence),
        .acknowledgment = be32(p->tcp.ack),
        .offset_reserved = (uint8_t)(header / 4 << 4 | (p->tcp.flags & SCRIPT_AE ? 1 : 0)),
        .flags = (uint8_t)p->tcp.flags,
        .window = be16(p->tcp.window),
        .urgent = be16(p->tcp.urgent) };
    memcpy(at, &h, sizeof h);
    memcpy(at + sizeof h, p->tcp.options, p->tcp.option_bytes);
    memset(at + header, 0, p->payload_bytes);
    h.checksum = transport_checksum(b, IPPROTO_TCP, at, total);
    memcpy(at, &h, sizeof h);
    return total;
}

static size_t put_udp(const struct built *b, uint8_t *at)
{
    size_t total = sizeof(struct wire_udp) + b->p->payload_bytes;
    struct wire_udp h = {
        .source = be16(b->p->source_port), .destination = be16(b->p->target_port), .length_bytes = be16((uint16_t)total)
    };
    memcpy(at, &h, sizeof h);
    memset(at + sizeof h, 0, b->p->payload_bytes);
    h.checksum = transport_checksum(b, IPPROTO_UDP, at, total);
    if (!h.checksum.raw) h.checksum.raw = 0xffff; /* RFC 768: 0 would mean none */
    memcpy(at, &h, sizeof h);
    return total;
}

/* The header of the packet that an ICMP message is about and the first eight bytes behind it, as RFC 792 has it. That
 * packet went the other way: its ports are ours, swapped. */
static size_t put_quoted(const struct built *b, uint8_t *at)
{
    const struct script_packet *p = b->p;
    bool is_tcp = p->icmp.quoted == QUOTED_TCP;
    size_t header = ip_header_bytes(b->version), transport = is_tcp ? sizeof(struct wire_tcp) : sizeof(struct wire_udp);
    put_ip(b, at, &(struct ip_fields){ 0 }, is_tcp ? IPPROTO_TCP : IPPROTO_UDP,
        header + transport + p->icmp.quoted_bytes, true);
    memset(at + header, 0, QUOTED_TRANSPORT_BYTES);
    store_be16(at + header, p->target_port);
    store_be16(at + header + 2, p->source_port);
    if (is_tcp) store_be32(at + header + 4, p->icmp.quoted_sequence);
    else store_be16(at + header + 4, (unsigned)(transport + p->icmp.quoted_bytes));
    return header + QUOTED_TRANSPORT_BYTES;
}

static size_t put_icmp(const struct built *b, uint8_t *at)
{
    const struct script_packet *p = b->p;
    size_t total = sizeof(struct wire_icmp);
    memset(at, 0, p->icmp.quoted == QUOTED_RAW ? max_of(total, p->icmp.quoted_bytes) : total);
    at[0] = p->icmp.type;
    at[1] = p->icmp.code;
    if (p->icmp.mtu >= 0) store_be32(at + 4, (uint32_t)p->icmp.mtu); /* IPv4: its lower half is all there is */
    if (p->icmp.echo_id) store_be16(at + 4, p->icmp.echo_id);
    if (p->icmp.quoted == QUOTED_RAW) total = max_of(total, p->icmp.quoted_bytes);
    else if (p->icmp.quoted != QUOTED_NONE) total += put_quoted(b, at + total);
    be16_t sum = b->version == 4 ? checksum_fold(checksum_partial(at, total, 0))
                                 : transport_checksum(b, IPPROTO_ICMPV6, at, total);
    memcpy(at + 2, &sum, 2);
    return total;
}

static size_t gre_bytes(const struct gre_fields *g)
{
    return 4u + (g->flags & GRE_CHECKSUM ? 4u : 0) + (g->flags & GRE_KEY ? 4u : 0) + (g->flags & GRE_SEQUENCE ? 4u : 0);
}

static size_t layer_bytes(const struct script_layer *l)
{
    switch (l->kind) {
    case LAYER_IPV4: return sizeof(struct wire_ipv4);
    case LAYER_IPV6: return sizeof(struct wire_ipv6);
    case LAYER_GRE: return gre_bytes(&l->gre);
    case LAYER_MPLS: return l->mpls.count * MPLS_ENTRY_BYTES;
    }
    return 0;
}

struct next_protocol { uint8_t ip; uint16_t ether; };

static struct next_protocol layer_protocol(const struct script_layer *l)
{
    switch (l->kind) {
    case LAYER_IPV4: return (struct next_protocol){ IPPROTO_IPIP, ETH_P_IP };
    case LAYER_IPV6: return (struct next_protocol){ IPPROTO_IPV6, ETH_P_IPV6 };
    case LAYER_GRE: return (struct next_protocol){ IPPROTO_GRE, 0 };
    case LAYER_MPLS: return (struct next_protocol){ IPPROTO_MPLS, ETH_P_MPLS_UC };
    }
    return (struct next_protocol){ 0, 0 };
}

static void put_gre(uint8_t *at, const struct gre_fields *g, uint16_t ether)
{
    store_be16(at, g->flags);
    store_be16(at + 2, ether);
    at += 4;
    if (g->flags & GRE_CHECKSUM) {
        store_be16(at, g->checksum);
        store_be16(at + 2, g->offset);
        at += 4;
    }
    if (g->flags & GRE_KEY) {
        store_be32(at, g->key);
        at += 4;
    }
    if (g->flags & GRE_SEQUENCE) store_be32(at, g->sequence);
}

static void put_layer(uint8_t *at, const struct script_layer *l, struct next_protocol next, size_t total)
{
    switch (l->kind) {
    case LAYER_IPV4:
        put_ipv4(at, &l->fields, next.ip, total, l->source.s6_addr, l->target.s6_addr);
        return;
    case LAYER_IPV6:
        put_ipv6(at, &l->fields, next.ip, total, l->source.s6_addr, l->target.s6_addr);
        return;
    case LAYER_GRE:
        put_gre(at, &l->gre, next.ether);
        return;
    case LAYER_MPLS:
        for (unsigned i = 0; i < l->mpls.count; i++) {
            const struct mpls_label *m = &l->mpls.labels[i];
            store_be32(at + i * MPLS_ENTRY_BYTES,
                m->label << 12 | (uint32_t)m->traffic_class << 9 | (uint32_t)m->is_bottom << 8 | m->ttl);
        }
        return;
    }
}

size_t packet_build(const struct script_packet *p, const ip_addr_t *source, const ip_addr_t *target, uint8_t *out)
{
    struct built b = { p, source, target, ip_is4(source) ? 4 : 6 };
    size_t outer = 0, header = ip_header_bytes(b.version);
    for (unsigned i = 0; i < p->layer_count; i++) outer += layer_bytes(&p->layers[i]);
    if (outer + header + sizeof(struct wire_tcp) + SCRIPT_TCP_OPTION_BYTES + p->payload_bytes > PACKET_BYTES ||
        p->icmp.quoted_bytes > UINT16_MAX)
        return 0;
    uint8_t *inner = out + outer;
    uint8_t protocol = p->protocol == SCRIPT_TCP ? IPPROTO_TCP
        : p->protocol == SCRIPT_UDP              ? IPPROTO_UDP
        : b.version == 4                         ? IPPROTO_ICMP
                                                 : IPPROTO_ICMPV6;
    size_t total = header;
    if (p->protocol == SCRIPT_TCP) total += put_tcp(&b, inner + header);
    else if (p->protocol == SCRIPT_UDP) total += put_udp(&b, inner + header);
    else total += put_icmp(&b, inner + header);
    if (outer + total - (b.version == 6 ? header : 0) > UINT16_MAX) return 0;
    put_ip(&b, inner, &p->ip, protocol, total, false);

    struct next_protocol next = b.version == 4 ? (struct next_protocol){ IPPROTO_IPIP, ETH_P_IP }
                                               : (struct next_protocol){ IPPROTO_IPV6, ETH_P_IPV6 };
    for (unsigned i = p->layer_count; i-- > 0;) {
        size_t bytes = layer_bytes(&p->layers[i]);
        inner -= bytes;
        total += bytes;
        put_layer(inner, &p->layers[i], next, total);
        next = layer_protocol(&p->layers[i]);
    }
    return total;
}
