/* IP ids: one counter for a bucket of (source, destination, protocol), chosen by a keyed hash, as Linux does it: ids to
 * one destination do not repeat soon, and tell nothing about traffic to another (RFC 7739). */
#include "ip/state.h"

static uint32_t reserve(struct net *net, const struct ip_send *send, uint32_t segments)
{
    struct ip_net *in = net->ip;
    uint64_t h = ip_is4(&send->destination)
        ? siphash_2u64(&in->id_key, (uint64_t)send->source.word[3] << 32 | send->destination.word[3], send->protocol)
        : siphash_4u64(&in->id_key, send->source.quad[1] ^ send->source.quad[0], send->destination.quad[0],
                       send->destination.quad[1], send->protocol);
    uint32_t *slot = &in->ids[h % IP_ID_SLOTS];
    uint32_t id = *slot + (uint32_t)(h >> 32);
    *slot += segments;
    return id;
}

uint16_t ip_next_id(struct net *net, const struct ip_send *send, uint32_t segments)
{
    return (uint16_t)reserve(net, send, segments ? segments : 1);
}

uint32_t ip6_fragment_id(struct net *net, const ip_addr_t *source, const ip_addr_t *destination)
{
    struct ip_send send = { .source = *source, .destination = *destination, .protocol = IPPROTO_FRAGMENT };
    uint32_t id = reserve(net, &send, 1);
    return id ? id : reserve(net, &send, 1);
}
