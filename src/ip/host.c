/* What the neighbour room asks of the IP layer. */
#include "ip/state.h"
#include "neighbour/neighbour.h"

static bool is_ours(struct net_device *d, const ip_addr_t *target)
{
    const struct ip_address *a = ip_address_find(d, target);
    return a && !(a->flags & IFA_F_TENTATIVE);
}

static bool is_tentative(struct net_device *d, const ip_addr_t *target)
{
    const struct ip_address *a = ip_address_find(d, target);
    return a && (a->flags & IFA_F_TENTATIVE);
}

static void duplicate(struct net_device *d, const ip_addr_t *target)
{
    struct ip_address *a = ip_address_find(d, target);
    if (a) ip_address_failed(a);
}

static bool is_router(struct net_device *d) { return d->ip && d->ip->config6.forwarding; }

static ip_addr_t source_of(const struct packet *p)
{
    struct wire_ipv4 four;
    struct wire_ipv6 six;
    if (p && host16(p->protocol) == ETH_P_IP && packet_read(p, 0, &four, sizeof(four))) return ip_from4(four.source);
    if (p && host16(p->protocol) == ETH_P_IPV6 && packet_read(p, 0, &six, sizeof(six))) return ip_from6(six.source);
    return ip_any6();
}

/* arp_announce 0: any address of ours that speaks; 1: one of the target's subnet; 2: the best for the target. */
static bool source_for4(struct net_device *d, const ip_addr_t *waiting, const ip_addr_t *target, ip_addr_t *source)
{
    int32_t announce = max_of(d->net->ip->all4.arp_announce, d->ip->config4.arp_announce);
    *source = *waiting;
    if (ip_is4(waiting) && announce < 2 && ip_is_local(d->net, waiting)) {
        const struct ip_address *a = ip_address_find(d, waiting);
        if (!announce || (a && ip_in_prefix(target, &a->local, a->prefix_bits))) return true;
    }
    return ip4_select_source(d->net, d, target, RT_SCOPE_LINK, source);
}

/* False: the device has none, and solicits nobody (Linux: ndisc_send_ns). */
static bool link_local_of(const struct net_device *d, ip_addr_t *source)
{
    list_for_each(it, &d->ip->addresses6) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if (!ip_is_link_local(&a->local) || a->flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) continue;
        *source = a->local;
        return true;
    }
    return false;
}

static bool source_for(struct net_device *d, const struct packet *waiting, const ip_addr_t *target, ip_addr_t *source)
{
    ip_addr_t asked = source_of(waiting);
    if (!d->ip) return false;
    if (ip_is4(target)) return source_for4(d, &asked, target, source);
    *source = asked;
    if (!ip_is_any(&asked) && is_ours(d, &asked)) return true;
    return link_local_of(d, source);
}

/* net.ipv4.conf.*.arp_ignore */
static bool is_ignored(struct net_device *d, const ip_addr_t *sender, const ip_addr_t *target)
{
    const struct ip_address *a = ip_address_find(d, target);
    switch (max_of(d->net->ip->all4.arp_ignore, d->ip->config4.arp_ignore)) {
    case 0: return false;
    case 1: return !a;
    case 2: return !a || !ip_in_prefix(sender, &a->local, a->prefix_bits);
    case 3: return a && a->scope == RT_SCOPE_HOST;
    case 8: return true;
    default: return false;
    }
}

static bool answers_arp(struct net_device *d, const ip_addr_t *sender, const ip_addr_t *target)
{
    struct net *net = d->net;
    if (!d->ip) return false;
    if (ip_is_local(net, target)) {
        if (is_ignored(d, sender, target)) return false;
        if (!(net->ip->all4.arp_filter || d->ip->config4.arp_filter) || ip_is_any(sender)) return true;
        const struct ip_route_row *back = ip_fib_lookup(net, sender, 0);
        if (back && back->device != d) count(net, TcpExt, ArpFilter);
        return back && back->device == d;
    }
    if (!(net->ip->all4.proxy_arp || d->ip->config4.proxy_arp)
        || !(net->sysctl.ip_forward || d->ip->config4.forwarding))
        return false;
    const struct ip_route_row *row = ip_fib_lookup(net, target, 0);
    return row && row->kind == RTN_UNICAST && row->device != d;
}

static uint32_t policy(struct net_device *d)
{
    const struct ip_net *in = d->net->ip;
    if (!d->ip) return 0;
    return (in->all4.drop_gratuitous_arp || d->ip->config4.drop_gratuitous_arp ? NEIGHBOUR_DROP_GRATUITOUS_ARP : 0)
        | (in->all6.drop_unsolicited_na || d->ip->config6.drop_unsolicited_na ? NEIGHBOUR_DROP_UNSOLICITED_ADVERT : 0)
        | (in->all6.force_tllao || d->ip->config6.force_tllao ? NEIGHBOUR_ALWAYS_TELL_MAC : 0)
        | (d->ip->config6.accept_untracked_na && d->ip->config6.forwarding ? NEIGHBOUR_LEARN_FROM_ADVERT : 0);
}

/* net.ipv4.conf.*.arp_accept: 1 anybody, 2 who is of a subnet of the interface. */
static bool accepts_arp(struct net_device *d, const ip_addr_t *sender)
{
    if (!d->ip || ip_address_kind(d->net, sender, 0) != IP_KIND_UNICAST) return false;
    int32_t accept = max_of(d->net->ip->all4.arp_accept, d->ip->config4.arp_accept);
    if (accept != 2) return accept == 1;
    list_for_each(it, &d->ip->addresses4) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if (ip_in_prefix(sender, &a->local, a->prefix_bits)) return true;
    }
    return false;
}

/* The next hop does not answer: the sender hears that the host cannot be reached. */
static void unreachable(struct net_device *d, struct packet *p)
{
    bool four = host16(p->protocol) == ETH_P_IP;
    (void)d;
    p->network_offset = 0;
    icmp_send_error(
        p, four ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH, four ? ICMP_HOST_UNREACH : ICMPV6_ADDR_UNREACH, 0);
    packet_drop(p, DROP_NEIGH_FAILED);
}

/* RFC 4861 §3: hop limit 255, so that a receiver knows it came from the link. */
static void send_message(struct net_device *d, struct packet *p, const ip_addr_t *source, const ip_addr_t *destination)
{
    struct net *net = d->net;
    struct ip_flow flow = {
        .source = *source, .destination = *destination, .out_ifindex = (int32_t)d->ifindex, .any_source_allowed = true
    };
    int error;
    struct route *r = route_find(net, &flow, &error);
    if (!r) return packet_drop(p, DROP_IP_OUTNOROUTES);
    struct ip_send how = { .source = *source,
        .destination = *destination,
        .protocol = IPPROTO_ICMPV6,
        .ttl = 255,
        .no_auto_flow_label = true,
        .tos = d->ip ? (uint8_t)clamp_of(d->ip->config6.ndisc_tclass, 0, 255) : 0 };
    uint8_t type = packet_data(p)[0];
    ip_transport_checksum(p, source, destination, IPPROTO_ICMPV6, 2, false);
    if (!ip_output(net, p, r, &how)) icmp_count_out(net, 6, type);
    route_put(r);
}

const struct neighbour_host ip_neighbour_host = {
    .is_ours = is_ours,
    .is_tentative = is_tentative,
    .answers_arp = answers_arp,
    .policy = policy,
    .accepts_arp = accepts_arp,
    .is_router = is_router,
    .source_for = source_for,
    .duplicate = duplicate,
    .unreachable = unreachable,
    .send = send_message,
    .router_advertisement = ip_router_advertised,
    .redirect = ip_redirected6,
};
