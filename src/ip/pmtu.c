/* What ICMP taught about single destinations: a lower path MTU, a better gateway. A fixed table hashed with a key of
 * its own, so that forged messages can neither grow it nor aim at a bucket; the oldest of a bucket gives way. */
#include "ip/state.h"

static struct pmtu_exception *bucket_of(struct ip_net *in, const ip_addr_t *destination)
{
    return &in->pmtu[(siphash_2u64(&in->pmtu_key, destination->quad[0], destination->quad[1]) % PMTU_SLOTS)
        * PMTU_DEPTH];
}

const struct pmtu_exception *pmtu_find(struct net *net, const ip_addr_t *destination)
{
    if (!net->ip->pmtu) return NULL;
    const struct pmtu_exception *b = bucket_of(net->ip, destination);
    for (unsigned i = 0; i < PMTU_DEPTH; i++) {
        if (b[i].expires_ns > ip_now(net) && ip_equal(&b[i].destination, destination)) return &b[i];
    }
    return NULL;
}

/* The exception of the destination, else a free or the oldest place of its bucket, cleared. NULL: no memory. */
static struct pmtu_exception *place_for(struct net *net, const ip_addr_t *destination)
{
    struct ip_net *in = net->ip;
    if (!in->pmtu && !(in->pmtu = machine_alloc(net->machine, PMTU_SLOTS * PMTU_DEPTH * sizeof(*in->pmtu))))
        return NULL;
    struct pmtu_exception *b = bucket_of(in, destination), *oldest = b;
    for (unsigned i = 0; i < PMTU_DEPTH; i++) {
        if (b[i].expires_ns > ip_now(net) && ip_equal(&b[i].destination, destination)) return &b[i];
        if (b[i].expires_ns < oldest->expires_ns) oldest = &b[i];
    }
    *oldest = (struct pmtu_exception){ .destination = *destination };
    return oldest;
}

void route_update_pmtu(struct net *net, const ip_addr_t *destination, uint32_t mtu_bytes)
{
    struct ip_flow flow = { .destination = *destination, .any_source_allowed = true };
    int error;
    struct route *r = route_find(net, &flow, &error);
    if (!r) return;
    uint32_t now_bytes = route_mtu(r);
    bool locked = r->is_mtu_locked;
    uint64_t lowest = ip_is4(destination) ? (uint64_t)net->sysctl.route_min_pmtu : 0;
    uint64_t expires_s = (uint64_t)(ip_is4(destination) ? net->sysctl.route_mtu_expires
                                                        : net->sysctl.route6_mtu_expires);
    route_put(r);
    if (locked || mtu_bytes >= now_bytes) return;
    if (!ip_is4(destination) && mtu_bytes < IPV6_MIN_MTU) return; /* Linux: not believed (RFC 8201 §4) */
    struct pmtu_exception *e = place_for(net, destination);
    if (!e) return;
    /* Linux: an IPv4 path below min_pmtu is held at min_pmtu and no longer discovered, so DF is off. */
    e->is_locked = ip_is4(destination) && mtu_bytes < lowest;
    e->mtu_bytes = (uint32_t)max_of((uint64_t)mtu_bytes, lowest);
    e->expires_ns = ip_now(net) + expires_s * NS_PER_S;
    net->ip->generation++;
}

void pmtu_learn_redirect(struct net *net, const ip_addr_t *destination, const ip_addr_t *gateway)
{
    struct pmtu_exception *e = place_for(net, destination);
    if (!e) return;
    e->gateway = *gateway;
    e->has_gateway = true;
    e->expires_ns = max_of(e->expires_ns, ip_now(net) + (uint64_t)net->sysctl.route_mtu_expires * NS_PER_S);
    net->ip->generation++;
}

void pmtu_stop(struct net *net)
{
    machine_free(net->machine, net->ip->pmtu, PMTU_SLOTS * PMTU_DEPTH * sizeof(*net->ip->pmtu));
    net->ip->pmtu = NULL;
}
