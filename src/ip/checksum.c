#include "ip/state.h"

uint32_t ip_pseudo_sum(const ip_addr_t *source, const ip_addr_t *destination, uint8_t protocol, uint32_t bytes)
{
    uint32_t sum = 0;
    if (ip_is4(destination)) {
        sum = checksum_add(source->word[3], destination->word[3]);
    } else {
        for (unsigned i = 0; i < 4; i++) sum = checksum_add(checksum_add(sum, source->word[i]), destination->word[i]);
    }
    sum = checksum_add(sum, be32(protocol).raw);
    return checksum_add(sum, be32(bytes).raw);
}

static be16_t never_zero(be16_t check, uint8_t protocol)
{
    bool means_absent = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE; /* RFC 768 */
    return means_absent && !check.raw ? (be16_t){ 0xffff } : check;
}

void ip_transport_checksum(struct packet *p, const ip_addr_t *source, const ip_addr_t *destination, uint8_t protocol,
    uint32_t field_offset, bool partial_allowed)
{
    uint32_t bytes = packet_bytes(p);
    uint32_t pseudo = ip_pseudo_sum(source, destination, protocol, bytes);
    uint8_t *field = packet_data(p) + field_offset;
    p->transport_offset = 0;
    if (partial_allowed) {
        be16_t folded = checksum_fold(pseudo);
        folded.raw = (uint16_t)~folded.raw; /* the sum itself: the complement comes with the rest */
        memcpy(field, &folded, 2);
        p->checksum = PACKET_CHECKSUM_PARTIAL;
        p->checksum_field = (uint8_t)field_offset;
        return;
    }
    memset(field, 0, 2);
    be16_t check = never_zero(checksum_fold(packet_checksum(p, 0, bytes, pseudo)), protocol);
    memcpy(field, &check, 2);
    p->checksum = PACKET_CHECKSUM_NONE;
}

static uint32_t field_of(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP: return 16;
    case IPPROTO_ICMPV6: return 2;
    default: return 6;
    }
}

/* The field holds the folded pseudo sum: summing over it completes it. */
void ip_finish_partial(struct packet *p, uint8_t protocol)
{
    if (p->checksum != PACKET_CHECKSUM_PARTIAL) return;
    uint32_t start = (uint32_t)p->transport_offset;
    uint32_t field = start + field_of(protocol);
    p->checksum = PACKET_CHECKSUM_NONE;
    if (!packet_pull_check(p, field + 2)) return;
    be16_t check = never_zero(checksum_fold(packet_checksum(p, start, packet_bytes(p) - start, 0)), protocol);
    memcpy(packet_data(p) + field, &check, 2);
}

bool ip_transport_verify(struct packet *p, uint8_t protocol)
{
    if (p->checksum != PACKET_CHECKSUM_NONE) return true;
    uint32_t bytes = packet_bytes(p);
    uint32_t pseudo = ip_pseudo_sum(&p->ip.source, &p->ip.destination, protocol, bytes);
    if (checksum_fold(packet_checksum(p, 0, bytes, pseudo)).raw) return false;
    p->checksum = PACKET_CHECKSUM_VERIFIED;
    return true;
}
