/* From the packet quoted in an ICMP error to the transport that sent it. */
#include "ip/state.h"
#include "machine/composition.h"

/* p begins at the quoted transport header, p->ip holds the quoted addresses. Takes p. */
static void tell(struct net *net, struct packet *p, const struct icmp_error *e)
{
    const struct composition *c = net->machine->composition;
    if (c->raw_error) c->raw_error(net, p, e);
    const struct ip_protocol *handler = c->ip_protocols ? c->ip_protocols[p->ip.protocol] : NULL;
    if (handler && handler->error) handler->error(net, p, e);
    packet_consume(p);
}

static void drop_bad4(struct net *net, struct packet *p)
{
    count(net, Icmp, InErrors);
    packet_drop(p, DROP_ICMP_BAD);
}

void icmp4_tell(struct net *net, struct packet *p, struct icmp_error *e)
{
    if (!packet_pull_check(p, 20)) return drop_bad4(net, p);
    const struct wire_ipv4 *h = (void *)packet_data(p);
    uint32_t header = (h->version_ihl & 15u) * 4;
    ip_addr_t to = ip_from4(h->destination);
    if (header < 20 || packet_bytes(p) < header + 8 || !packet_pull_check(p, header + 8)) return drop_bad4(net, p);
    h = (void *)packet_data(p);
    /* RFC 1122 §3.2.2: an error about a broadcast is nonsense. */
    if (ip_address_kind(net, &to, 0) == IP_KIND_BROADCAST) return packet_drop(p, DROP_ICMP_BAD);
    p->ip = (struct packet_ip){ .source = ip_from4(h->source),
        .destination = to,
        .version = 4,
        .tos = h->tos,
        .ttl = h->ttl,
        .protocol = h->protocol,
        .header_bytes = (uint16_t)header };
    p->network_offset = 0;
    packet_pull(p, header);
    p->transport_offset = 0;
    tell(net, p, e);
}

/* Behind the extension headers; false when a later fragment was quoted, or too little. */
static bool find_transport(const struct packet *p, uint32_t *offset, uint8_t *next)
{
    uint8_t ext[8];
    for (unsigned headers = 0; headers < 16; headers++) {
        if (*next != IPPROTO_HOPOPTS && *next != IPPROTO_ROUTING && *next != IPPROTO_DSTOPTS
            && *next != IPPROTO_FRAGMENT)
            return true;
        if (!packet_read(p, *offset, ext, 8)) return false;
        if (*next == IPPROTO_FRAGMENT && ((ext[2] << 8 | ext[3]) & 0xfff8)) return false;
        *offset += *next == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1u) * 8;
        *next = ext[0];
    }
    return false;
}

void icmp6_tell(struct net *net, struct packet *p, struct icmp_error *e)
{
    struct wire_ipv6 h;
    uint32_t offset = 40;
    if (!packet_read(p, 0, &h, sizeof(h))) return packet_drop(p, DROP_ICMP_BAD);
    uint8_t next = h.next_header;
    if (!find_transport(p, &offset, &next) || packet_bytes(p) < offset + 8) {
        count(net, Icmp6, InErrors);
        return packet_drop(p, DROP_ICMP_BAD);
    }
    uint32_t first = host32(h.version_class_flow);
    p->ip = (struct packet_ip){ .source = ip_from6(h.source),
        .destination = ip_from6(h.destination),
        .version = 6,
        .tos = (uint8_t)(first >> 20),
        .ttl = h.hop_limit,
        .protocol = next,
        .flow_label = first & 0xfffff,
        .header_bytes = (uint16_t)offset };
    if (ip_is4(&p->ip.source) || ip_is4(&p->ip.destination)) return packet_drop(p, DROP_ICMP_BAD); /* no IPv4 socket's business */
    p->network_offset = 0;
    packet_pull(p, offset);
    p->transport_offset = 0;
    if (!packet_pull_check(p, 8)) return packet_drop(p, DROP_ICMP_BAD);
    tell(net, p, e);
}
