/* IPv4 input: the header checks of RFC 1122 §3.2.1, PREROUTING, whose is it, reassembly, INPUT, transport. */
#include "ip/state.h"
#include "netfilter/hook.h"

static void count_header_error(struct net *net, struct packet *p, enum drop_reason why)
{
    count(net, Ip, InHdrErrors);
    packet_drop(p, why);
}

static void count_received(struct net *net, const struct packet *p)
{
    count(net, Ip, InReceives);
    count_add(net, IpExt, InOctets, packet_bytes(p));
}

static void count_ecn(struct net *net, const struct packet *p, uint8_t tos)
{
    uint64_t segments = p->gso_bytes ? (packet_bytes(p) + p->gso_bytes - 1) / p->gso_bytes : 1;
    net->mib[MIB_IpExt_InNoECTPkts + (tos & 3)] += segments;
}
static_assert(MIB_IpExt_InCEPkts == MIB_IpExt_InNoECTPkts + 3 && MIB_IpExt_InECT1Pkts == MIB_IpExt_InNoECTPkts + 1,
    "by the two ECN bits");

/* False: p is gone. */
static bool check_header(struct net *net, struct packet *p)
{
    if (!packet_pull_check(p, 20)) return count_header_error(net, p, DROP_PKT_TOO_SMALL), false;
    const struct wire_ipv4 *h = (void *)packet_data(p);
    uint32_t header = (h->version_ihl & 15u) * 4;
    if (h->version_ihl >> 4 != 4 || header < 20) return count_header_error(net, p, DROP_IP_INHDR), false;
    count_ecn(net, p, h->tos);
    if (!packet_pull_check(p, header)) return count_header_error(net, p, DROP_IP_INHDR), false;
    h = (void *)packet_data(p);
    if (checksum_fold(checksum_words(h, header / 4, 0)).raw) {
        count(net, IpExt, InCsumErrors);
        return count_header_error(net, p, DROP_IP_CSUM), false;
    }
    uint32_t total = host16(h->total_bytes);
    if (packet_bytes(p) < total) {
        count(net, IpExt, InTruncatedPkts);
        packet_drop(p, DROP_PKT_TOO_SMALL);
        return false;
    }
    if (total < header) return count_header_error(net, p, DROP_IP_INHDR), false;
    if (packet_bytes(p) > total) packet_trim(p, total);
    return true;
}

static void note(struct packet *p)
{
    const struct wire_ipv4 *h = (void *)packet_data(p);
    p->ip = (struct packet_ip){ .source = ip_from4(h->source),
        .destination = ip_from4(h->destination),
        .version = 4,
        .tos = h->tos,
        .ttl = h->ttl,
        .protocol = h->protocol,
        .header_bytes = (uint16_t)((h->version_ihl & 15u) * 4) };
    if (p->ip.header_bytes > 20) p->ip.options_offset = 20;
    p->network_offset = 0;
}

static bool flag_of(int32_t of_all, int32_t of_device) { return of_all || of_device; }

static bool route_localnet(struct net *net, const struct net_device *d)
{
    return flag_of(net->ip->all4.route_localnet, d->ip->config4.route_localnet);
}

/* RFC 1812 §5.3.8, RFC 3704: net.ipv4.conf.*.rp_filter, 1 strict, 2 loose. */
static enum drop_reason check_reverse_path(struct net *net, const struct net_device *d, const ip_addr_t *source)
{
    int32_t filter = max_of(net->ip->all4.rp_filter, d->ip->config4.rp_filter);
    if (!filter) return DROP_NOT_SPECIFIED;
    const struct ip_route_row *row = ip_fib_lookup(net, source, 0);
    if (!row || row->kind != RTN_UNICAST) return DROP_IP_RPFILTER;
    return row->device == d || filter == 2 ? DROP_NOT_SPECIFIED : DROP_IP_RPFILTER;
}

/* NOT_SPECIFIED: acceptable. */
static enum drop_reason check_source(struct net *net, const struct net_device *d, const ip_addr_t *source)
{
    if (ip_is_local(net, source) && !flag_of(net->ip->all4.accept_local, d->ip->config4.accept_local))
        return DROP_IP_LOCAL_SOURCE;
    return check_reverse_path(net, d, source);
}

static enum drop_reason check_martian(
    struct net *net, const struct net_device *d, const struct packet *p, bool is_broadcast)
{
    const ip_addr_t *s = &p->ip.source, *to = &p->ip.destination;
    if (ip_is_multicast(s) || ip_is_broadcast4(s)) return DROP_IP_INVALID_SOURCE;
    if (is_broadcast) return DROP_NOT_SPECIFIED;
    if (!s->bytes[12]) return DROP_IP_INVALID_SOURCE;
    if (!to->bytes[12]) return DROP_IP_INVALID_DEST;
    if ((s->bytes[12] == 127 || to->bytes[12] == 127) && !route_localnet(net, d)) return DROP_IP_LOCALNET;
    return DROP_NOT_SPECIFIED;
}

static void refuse(struct net *net, struct packet *p, enum drop_reason why)
{
    if (why == DROP_IP_RPFILTER) count(net, TcpExt, IPReversePathFilter);
    packet_drop(p, why);
}

static void deliver_whole(struct net *net, struct packet *p)
{
    if (!NETFILTER_PASS(p, net, NETFILTER_INPUT, 4, .in = ip_input_device(net, p))) return;
    packet_pull(p, p->ip.header_bytes);
    ip_deliver(net, p, 0);
}

void ip4_deliver_local(struct net *net, struct packet *p)
{
    const struct wire_ipv4 *h = (void *)packet_data(p);
    if (host16(h->fragment) & (IPV4_MF | IPV4_OFFSET_MASK)) {
        p = ip4_reassemble(net, p);
        if (!p) return;
        uint16_t fragment_bytes = p->ip.fragment_bytes;
        note(p);
        p->ip.fragment_bytes = fragment_bytes;
    }
    deliver_whole(net, p);
}

/* Who was let in before is known again: of packets for this host from another, what decide() asks of a pair of addresses depends on
 * the tables alone, whose generation moves with each change, and on rp_filter, which is asked again. */
static struct input_pair *pair_of(struct net *net, const struct packet *p)
{
    uint64_t hash = hash_of_place(&net->machine->hash_key, p->ip.source.quad[1], p->ip.destination.quad[1]);
    return &net->ip->pairs[hash % INPUT_PAIRS];
}

static bool is_known_pair(struct net *net, const struct net_device *d, const struct packet *p)
{
    const struct input_pair *x = pair_of(net, p);
    return x->generation == net->ip->generation && x->ifindex == d->ifindex && x->source == p->ip.source.word[3]
        && x->destination == p->ip.destination.word[3] && p->kind == PACKET_HOST
        && !(net->ip->all4.rp_filter | d->ip->config4.rp_filter);
}

static void remember_pair(struct net *net, const struct net_device *d, const struct packet *p)
{
    const ip_addr_t *s = &p->ip.source, *to = &p->ip.destination;
    if (p->kind != PACKET_HOST || s->bytes[12] == 127 || to->bytes[12] == 127 || ip_is_local(net, s)) return;
    *pair_of(net, p) = (struct input_pair){ s->word[3], to->word[3], net->ip->generation, d->ifindex };
}

static void receive_broadcast(struct net *net, struct net_device *d, struct packet *p)
{
    enum drop_reason why = p->ip.source.bytes[12] ? check_source(net, d, &p->ip.source) : DROP_NOT_SPECIFIED;
    if (why) return refuse(net, p, why);
    count(net, IpExt, InBcastPkts);
    count_add(net, IpExt, InBcastOctets, packet_bytes(p));
    if (p->kind == PACKET_HOST) p->kind = PACKET_BROADCAST;
    ip4_deliver_local(net, p);
}

static void receive_multicast(struct net *net, struct net_device *d, struct packet *p)
{
    const ip_addr_t *s = &p->ip.source;
    enum drop_reason why = DROP_NOT_SPECIFIED;
    bool is_control = (host32(ip_get4(&p->ip.destination)) & 0xffffff00u) == 0xe0000000u;
    if (!ip_group_has(d, &p->ip.destination)) return packet_drop(p, DROP_IP_INVALID_DEST);
    if (ip_is_multicast(s) || ip_is_broadcast4(s)) why = DROP_IP_INVALID_SOURCE;
    else if (s->bytes[12] == 127 && !route_localnet(net, d)) why = DROP_IP_LOCALNET;
    else if (!s->bytes[12])
        why = is_control || p->ip.protocol == IPPROTO_IGMP ? DROP_NOT_SPECIFIED : DROP_IP_INVALID_SOURCE;
    else if (p->kind != PACKET_LOOPBACK) why = check_source(net, d, s);
    if (why) return refuse(net, p, why);
    count(net, IpExt, InMcastPkts);
    count_add(net, IpExt, InMcastOctets, packet_bytes(p));
    ip4_deliver_local(net, p);
}

static bool is_router(struct net *net, const struct net_device *d)
{
    return net->sysctl.ip_forward || d->ip->config4.forwarding;
}

/* ip_error() of Linux: nowhere to go. A router says so, a host is silent. */
static void no_route(struct net *net, struct packet *p, bool is_router, int error)
{
    enum drop_reason why = is_router && error == -ENETUNREACH ? DROP_IP_INNOROUTES : DROP_IP_INADDRERRORS;
    if (!is_router) {
        count(net, Ip, InAddrErrors);
    } else if (error == -ENETUNREACH) {
        count(net, IpExt, InNoRoutes);
        icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
    } else if (error == -EHOSTUNREACH) {
        icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
    } else if (error == -EACCES) {
        icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0);
    }
    packet_drop(p, why);
}

static bool drops_unicast_in_multicast(struct net *net, const struct net_device *d, const struct packet *p)
{
    bool is_shared = p->kind == PACKET_BROADCAST || p->kind == PACKET_MULTICAST;
    return is_shared
        && flag_of(net->ip->all4.drop_unicast_in_l2_multicast, d->ip->config4.drop_unicast_in_l2_multicast);
}

static void receive_unicast(struct net *net, struct net_device *d, struct packet *p, bool local)
{
    enum drop_reason why = check_source(net, d, &p->ip.source);
    if (why) return refuse(net, p, why);
    if (drops_unicast_in_multicast(net, d, p)) return packet_drop(p, DROP_UNICAST_IN_L2_MULTICAST);
    if (local) {
        remember_pair(net, d, p);
        return ip4_deliver_local(net, p);
    }
    bool router = is_router(net, d);
    int error = 0;
    struct route *r = route_forward(net, &p->ip.destination, &error);
    if (!r || !router) {
        route_put(r);
        return no_route(net, p, router, error);
    }
    ip4_forward(net, p, r);
}

/* net.ipv4.conf.*.bc_forwarding: the broadcast of another link goes there, not to us. */
static bool passes_broadcast(struct net *net, const struct net_device *d, const ip_addr_t *to)
{
    if (!net->ip->all4.bc_forwarding || !d->ip->config4.bc_forwarding) return false;
    const struct ip_route_row *row = ip_table_lookup(net, IP_TABLE_LOCAL, to, 0);
    return row && row->device != d;
}

/* ip_route_input() of Linux. */
static void decide(struct net *net, struct net_device *d, struct packet *p)
{
    const ip_addr_t *to = &p->ip.destination;
    if (ip_is_multicast(to)) return receive_multicast(net, d, p);
    bool limited = ip_is_broadcast4(to) || (ip_is_any(to) && ip_is_any(&p->ip.source));
    enum drop_reason why = check_martian(net, d, p, limited);
    if (why) return refuse(net, p, why);
    if (limited) return receive_broadcast(net, d, p);
    uint8_t kind = ip_local_row_kind(net, to);
    if (kind == RTN_BROADCAST && !passes_broadcast(net, d, to)) return receive_broadcast(net, d, p);
    receive_unicast(net, d, p, kind == RTN_LOCAL);
}

static bool take_options(struct net *net, struct net_device *d, struct packet *p)
{
    struct ip4_options o;
    if (p->ip.header_bytes == 20) return true;
    if (!packet_writable(p, p->ip.header_bytes)) return packet_drop(p, DROP_NOMEM), false;
    ip_addr_t stamp;
    ip4_select_source(net, d, &p->ip.source, RT_SCOPE_HOST, &stamp);
    unsigned fault = ip4_options_parse(net, packet_data(p), p->ip.header_bytes, true, &stamp, &o);
    if (fault) {
        icmp_send_error(p, ICMP_PARAMETERPROB, 0, (fault - 1) << 24);
        count_header_error(net, p, DROP_IP_OPTIONS);
        return false;
    }
    p->ip.has_router_alert = o.router_alert;
    if (o.is_source_routed && !(net->ip->all4.accept_source_route && d->ip->config4.accept_source_route)) {
        packet_drop(p, DROP_IP_OPTIONS);
        return false;
    }
    if (o.is_source_routed
        && !o.is_source_route_end) { /* we are a hop: only routers that forward source routes, and we do not */
        icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0);
        packet_drop(p, DROP_IP_OPTIONS);
        return false;
    }
    return true;
}

static void count_kind(struct net *net, const struct packet *p)
{
    if (p->route->kind == ROUTE_MULTICAST) {
        count(net, IpExt, InMcastPkts);
        count_add(net, IpExt, InMcastOctets, packet_bytes(p));
    } else if (p->route->kind == ROUTE_BROADCAST) {
        count(net, IpExt, InBcastPkts);
        count_add(net, IpExt, InBcastOctets, packet_bytes(p));
    }
}

static bool came_from_ourselves(struct net *net, const struct net_device *d, const struct packet *p)
{
    const struct route *r = p->route;
    if (!r || r->net != net || !(d->flags & IFF_LOOPBACK)) return false;
    return r->kind == ROUTE_LOCAL || r->kind == ROUTE_BROADCAST
        || (r->kind == ROUTE_MULTICAST && ip_group_has(r->device, &p->ip.destination));
}

void ip4_receive(struct net_device *d, struct packet *p)
{
    struct net *net = d->net;
    if (p->kind == PACKET_OTHERHOST) return packet_drop(p, DROP_OTHERHOST);
    count_received(net, p);
    if (!d->ip) return packet_drop(p, DROP_NOMEM);
    if (!check_header(net, p)) return;
    p->in_ifindex = (int32_t)d->ifindex;
    p->transport_offset = (int16_t)((packet_data(p)[0] & 15) * 4);
    p->network_offset = 0;
    if (!NETFILTER_PASS(p, net, NETFILTER_PREROUTING, 4, .in = d)) return;
    note(p);
    if (!take_options(net, d, p)) return;
    if (came_from_ourselves(net, d, p)) {
        count_kind(net, p);
        route_put(p->route);
        p->route = NULL;
        return ip4_deliver_local(net, p);
    }
    if (is_known_pair(net, d, p)) ip4_deliver_local(net, p);
    else decide(net, d, p);
}
