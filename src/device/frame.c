#include "device/frame.h"

#include "device/net_device.h"
#include "wire/checksum.h"

/* The transport after the extension headers; 0: cannot be told (fragments, or headers longer than a packet's head). */
static uint32_t skip_extensions(struct packet *p, uint32_t at, uint8_t *next)
{
    while (*next == IPPROTO_HOPOPTS || *next == IPPROTO_ROUTING || *next == IPPROTO_DSTOPTS) {
        if (!packet_pull_check(p, at + 8)) return 0;
        const uint8_t *extension = packet_data(p) + at;
        *next = extension[0];
        at += (extension[1] + 1u) * 8;
    }
    return *next == IPPROTO_FRAGMENT ? 0 : at;
}

static bool find_transport(struct packet *p, be16_t ethertype, struct frame *f)
{
    if (host16(ethertype) == ETH_P_IP) {
        if (!packet_pull_check(p, f->network + sizeof(struct wire_ipv4))) return false;
        const struct wire_ipv4 *ip = (void *)(packet_data(p) + f->network);
        if (host16(ip->fragment) & (IPV4_MF | IPV4_OFFSET_MASK)) return false;
        f->version = 4;
        f->protocol = ip->protocol;
        f->transport = f->network + (ip->version_ihl & 15u) * 4;
        return f->transport >= f->network + sizeof *ip;
    }
    if (host16(ethertype) != ETH_P_IPV6 || !packet_pull_check(p, f->network + sizeof(struct wire_ipv6))) return false;
    const struct wire_ipv6 *ip = (void *)(packet_data(p) + f->network);
    f->version = 6;
    f->protocol = ip->next_header;
    f->transport = skip_extensions(p, f->network + (uint32_t)sizeof *ip, &f->protocol);
    return f->transport > 0;
}

bool frame_parse(struct packet *p, uint32_t network, be16_t ethertype, struct frame *f)
{
    *f = (struct frame){ .network = network };
    if (!find_transport(p, ethertype, f)) return false;
    f->payload = f->transport;
    if (f->protocol == IPPROTO_UDP) {
        f->payload += (uint32_t)sizeof(struct wire_udp);
    } else if (f->protocol == IPPROTO_TCP) {
        if (!packet_pull_check(p, f->transport + (uint32_t)sizeof(struct wire_tcp))) return false;
        const struct wire_tcp *tcp = (void *)(packet_data(p) + f->transport);
        uint32_t header_bytes = (tcp->offset_reserved >> 4) * 4u;
        if (header_bytes < sizeof *tcp) return false;
        f->payload += header_bytes;
    }
    return packet_pull_check(p, f->payload);
}

be16_t frame_bare_ethertype(struct packet *p)
{
    unsigned version = packet_pull_check(p, 1) ? packet_data(p)[0] >> 4 : 0;
    return be16(version == 4 ? ETH_P_IP : version == 6 ? ETH_P_IPV6 : 0);
}

bool frame_parse_link(struct packet *p, struct frame *f)
{
    if (p->device && !p->device->header_bytes) return frame_parse(p, 0, frame_bare_ethertype(p), f);
    if (!packet_pull_check(p, ETH_HLEN)) return false;
    return frame_parse(p, ETH_HLEN, ((const struct wire_ethernet *)(const void *)packet_data(p))->type, f);
}

uint32_t frame_pseudo_sum(const struct packet *p, const struct frame *f, uint32_t transport_bytes)
{
    const uint8_t *ip = packet_data(p) + f->network;
    uint32_t sum = checksum_add(be32(transport_bytes).raw, be32(f->protocol).raw);
    return f->version == 4 ? checksum_words(ip + offsetof(struct wire_ipv4, source), 2, sum)
                           : checksum_words(ip + offsetof(struct wire_ipv6, source), 8, sum);
}

uint32_t frame_checksum_field(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP: return offsetof(struct wire_tcp, checksum);
    case IPPROTO_UDP: case IPPROTO_UDPLITE: return offsetof(struct wire_udp, checksum);
    case IPPROTO_ICMPV6: return offsetof(struct wire_icmp, checksum);
    default: return 0;
    }
}

void frame_set_length(struct packet *p, const struct frame *f, uint32_t payload_bytes)
{
    uint8_t *at = packet_data(p);
    uint32_t transport_bytes = f->payload - f->transport + payload_bytes;
    if (f->protocol == IPPROTO_UDP) ((struct wire_udp *)(void *)(at + f->transport))->length_bytes = be16((uint16_t)transport_bytes);
    if (f->version == 6) {
        struct wire_ipv6 *ip = (void *)(at + f->network);
        ip->payload_bytes = be16((uint16_t)(f->transport - f->network - sizeof *ip + transport_bytes));
        return;
    }
    struct wire_ipv4 *ip = (void *)(at + f->network);
    ip->total_bytes = be16((uint16_t)(f->transport - f->network + transport_bytes));
    ip->checksum = be16(0);
    ip->checksum = checksum_fold(checksum_words(ip, (f->transport - f->network) / 4, 0));
}
