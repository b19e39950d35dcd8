/* IPv6 input: the header checks of RFC 8200 and RFC 4291, PREROUTING, whose is it, extension headers in order, INPUT,
 * transport. The headers stay contiguous behind each other; the transport is found by walking them. */
#include "ip/extension6.h"
#include "ip/state.h"
#include "netfilter/hook.h"

static void count_header_error(struct net *net, struct packet *p, enum drop_reason why)
{
    count(net, Ip6, InHdrErrors);
    packet_drop(p, why);
}

static void count_received(struct net *net, const struct packet *p)
{
    count(net, Ip6, InReceives);
    count_add(net, Ip6, InOctets, packet_bytes(p));
}

static void count_ecn(struct net *net, const struct packet *p, uint8_t tos)
{
    uint64_t segments = p->gso_bytes ? (packet_bytes(p) + p->gso_bytes - 1) / p->gso_bytes : 1;
    net->mib[MIB_Ip6_InNoECTPkts + (tos & 3)] += segments;
}
static_assert(MIB_Ip6_InCEPkts == MIB_Ip6_InNoECTPkts + 3 && MIB_Ip6_InECT1Pkts == MIB_Ip6_InNoECTPkts + 1,
    "by the two ECN bits");

static void note(struct packet *p)
{
    const struct wire_ipv6 *h = (void *)packet_data(p);
    uint32_t first = host32(h->version_class_flow);
    p->ip = (struct packet_ip){ .source = ip_from6(h->source),
        .destination = ip_from6(h->destination),
        .version = 6,
        .tos = (uint8_t)(first >> 20),
        .ttl = h->hop_limit,
        .protocol = h->next_header,
        .flow_label = first & 0xfffff,
        .header_bytes = 40 };
    p->network_offset = 0;
}

/* Addresses that never are on the wire (RFC 4291 §2.5.2, §2.5.3, §2.7; Linux's ip6_rcv_core). */
static bool addresses_are_sound(const struct net_device *d, const struct packet *p)
{
    const ip_addr_t *s = &p->ip.source, *to = &p->ip.destination;
    bool loopback = d->flags & IFF_LOOPBACK;
    if (ip_is4(s)) return false; /* ::ffff:a.b.c.d: here it would be the IPv4 host itself. Linux: delivered, but not answered */
    if (ip_is_multicast(s)) return false;
    if (ip_is4(to)) return true; /* an address like others, to which there is no way */
    if ((ip_is_loopback(s) || ip_is_loopback(to)) && !loopback) return false;
    if (!ip_is_multicast(to)) return true;
    unsigned scope = to->bytes[1] & 0xf;
    return scope != 0 && (scope != 1 || loopback || p->kind == PACKET_LOOPBACK);
}

/* False: p is gone. */
static bool check_header(struct net *net, const struct net_device *d, struct packet *p)
{
    if (!packet_pull_check(p, 40)) return count_header_error(net, p, DROP_PKT_TOO_SMALL), false;
    const struct wire_ipv6 *h = (void *)packet_data(p);
    if (host32(h->version_class_flow) >> 28 != 6) return count_header_error(net, p, DROP_IP_INHDR), false;
    note(p);
    count_ecn(net, p, p->ip.tos);
    if (!addresses_are_sound(d, p)) return count_header_error(net, p, DROP_IP_INVALID_SOURCE), false;
    uint32_t payload = host16(h->payload_bytes);
    if (payload || p->ip.protocol != IPPROTO_HOPOPTS) {
        if (p->gso_bytes && !payload) payload = packet_bytes(p) - 40;
        if (packet_bytes(p) < payload + 40) {
            count(net, Ip6, InTruncatedPkts);
            packet_drop(p, DROP_PKT_TOO_SMALL);
            return false;
        }
        if (packet_bytes(p) > payload + 40) packet_trim(p, payload + 40);
    }
    return true;
}

/* The headers walked so far of a packet to us. offset: of the next one, named by the byte at named_at. */
struct walk { uint32_t offset, named_at; uint8_t next; bool saw_fragment; };

static bool bad_header(struct net *net, struct packet *p)
{
    count_header_error(net, p, DROP_IPV6_BAD_EXTHDR);
    return false;
}

static bool step_options(struct net *net, struct packet *p, struct walk *w, bool is_hop_by_hop)
{
    if (!packet_pull_check(p, w->offset + 8)) return bad_header(net, p);
    uint32_t bytes = (packet_data(p)[w->offset + 1] + 1u) * 8;
    int64_t most = is_hop_by_hop ? net->sysctl.max_hbh_length : net->sysctl.max_dst_opts_length;
    if (bytes > most || w->offset + bytes > PACKET_HEAD_BYTES || !packet_pull_check(p, w->offset + bytes))
        return bad_header(net, p);
    if (!ip6_options_ok(net, p, w->offset, bytes, is_hop_by_hop)) return bad_header(net, p);
    w->next = packet_data(p)[w->offset];
    w->named_at = w->offset;
    w->offset += bytes;
    return true;
}

/* Type 0 is gone (RFC 5095); with segments left any type is refused; without, it is skipped. */
static bool step_routing(struct net *net, struct packet *p, struct walk *w)
{
    if (!packet_pull_check(p, w->offset + 8)) return bad_header(net, p);
    const uint8_t *h = packet_data(p) + w->offset;
    uint32_t bytes = (h[1] + 1u) * 8;
    if (!packet_pull_check(p, min_of(w->offset + bytes, packet_bytes(p) + 1)) || p->kind != PACKET_HOST)
        return bad_header(net, p);
    h = packet_data(p) + w->offset;
    if (h[3]) {
        icmp_send_error(p, ICMPV6_PARAMPROB, ICMPV6_HDR_FIELD, w->offset + 2);
        return bad_header(net, p);
    }
    w->next = h[0];
    w->named_at = w->offset;
    w->offset += bytes;
    return true;
}

static bool step_fragment(struct net *net, struct packet **at, struct walk *w)
{
    struct packet *p = *at;
    *at = p = ip6_reassemble(net, p, w->offset, w->named_at);
    if (!p) return false;
    /* The whole packet came back without its fragment header: go on where that was. */
    if (!packet_pull_check(p, w->offset)) {
        packet_drop(p, DROP_FRAG_BAD);
        return false;
    }
    w->next = packet_data(p)[w->named_at];
    w->saw_fragment = true;
    return true;
}

/* True: the transport is at w->offset. False: p is gone. */
static bool walk_headers(struct net *net, struct packet **at, struct walk *w)
{
    for (unsigned headers = 0;; headers++) {
        struct packet *p = *at;
        if (headers > 16) return bad_header(net, p);
        switch (w->next) {
        case IPPROTO_HOPOPTS:
            if (w->offset != 40) { /* only directly behind the IPv6 header */
                count(net, Ip6, InUnknownProtos);
                icmp_send_error(p, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, w->named_at);
                packet_drop(p, DROP_IPV6_BAD_EXTHDR);
                return false;
            }
            if (!step_options(net, p, w, true)) return false;
            break;
        case IPPROTO_DSTOPTS:
            if (!step_options(net, p, w, false)) return false;
            break;
        case IPPROTO_ROUTING:
            if (!step_routing(net, p, w)) return false;
            break;
        case IPPROTO_FRAGMENT:
            if (!step_fragment(net, at, w)) return false;
            break;
        default: return true;
        }
    }
}

static void deliver_local(struct net *net, struct packet *p)
{
    struct netfilter_state state = {
        .net = net, .point = NETFILTER_INPUT, .version = 6, .in = ip_input_device(net, p)
    };
    struct walk w = { .offset = 40, .named_at = 6, .next = p->ip.protocol };
    if (!netfilter_pass(p, &state)) return;
    if (!walk_headers(net, &p, &w)) return;
    if (w.next == IPPROTO_NONE) {
        (void)ip_offer_raw(net, p);
        count(net, Ip6, InDelivers);
        return packet_consume(p);
    }
    if (!packet_pull_check(p, w.offset)) return count_header_error(net, p, DROP_PKT_TOO_SMALL);
    p->ip.protocol = w.next;
    p->ip.was_fragmented = w.saw_fragment;
    p->ip.header_bytes = (uint16_t)w.offset;
    p->ip.options_offset = w.offset > 40 ? 40 : 0;
    packet_pull(p, w.offset);
    ip_deliver(net, p, w.named_at);
}

static void receive_multicast(struct net *net, struct net_device *d, struct packet *p)
{
    count(net, Ip6, InMcastPkts);
    count_add(net, Ip6, InMcastOctets, packet_bytes(p));
    if (!ip_group_has(d, &p->ip.destination)) return packet_drop(p, DROP_IP_INVALID_DEST);
    deliver_local(net, p);
}

static void no_route(struct net *net, struct packet *p, bool is_router, int error)
{
    if (is_router && error == -ENETUNREACH) {
        count(net, Ip6, InNoRoutes);
        icmp_send_error(p, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
        return packet_drop(p, DROP_IP_INNOROUTES);
    }
    if (is_router && error)
        icmp_send_error(p, ICMPV6_DEST_UNREACH, error == -EACCES ? ICMPV6_ADM_PROHIBITED : ICMPV6_NOROUTE, 0);
    count(net, Ip6, InAddrErrors);
    packet_drop(p, is_router ? DROP_IP_INADDRERRORS : DROP_FORWARDING_OFF);
}

/* ours: also an address of another interface, but a link-local one only on its own link. */
static bool is_to_us(struct net *net, const struct net_device *d, const ip_addr_t *a)
{
    const struct ip_route_row *row = ip_table_lookup(
        net, IP_TABLE_LOCAL, a, ip_is_link_local(a) ? (int32_t)d->ifindex : 0);
    return row && row->kind == RTN_LOCAL;
}

static bool drops_unicast_in_multicast(const struct net *net, const struct net_device *d, const struct packet *p)
{
    bool is_shared = p->kind == PACKET_BROADCAST || p->kind == PACKET_MULTICAST;
    return is_shared && (d->ip->config6.drop_unicast_in_l2_multicast || net->ip->all6.drop_unicast_in_l2_multicast);
}

static void decide(struct net *net, struct net_device *d, struct packet *p)
{
    if (ip_is4(&p->ip.destination)) return no_route(net, p, true, -ENETUNREACH); /* not the IPv4 host of that name */
    if (ip_is_multicast(&p->ip.destination)) return receive_multicast(net, d, p);
    if (drops_unicast_in_multicast(net, d, p)) return packet_drop(p, DROP_UNICAST_IN_L2_MULTICAST);
    if (is_to_us(net, d, &p->ip.destination)) return deliver_local(net, p);
    bool router = net->ip->all6.forwarding || d->ip->config6.force_forwarding;
    int error = 0;
    struct route *r = route_forward(net, &p->ip.destination, &error);
    if (!r || !router) {
        /* Linux tells the sender that there is no way, router or not, when no route at all is known. */
        bool no_way = !r && error == -ENETUNREACH;
        route_put(r);
        return no_route(net, p, router || no_way, error);
    }
    ip6_forward(net, p, r);
}

void ip6_receive(struct net_device *d, struct packet *p)
{
    struct net *net = d->net;
    if (p->kind == PACKET_OTHERHOST) return packet_drop(p, DROP_OTHERHOST);
    count_received(net, p);
    if (!d->ip || d->ip->config6.disable_ipv6 || net->ip->all6.disable_ipv6) {
        count(net, Ip6, InDiscards);
        return packet_drop(p, DROP_IPV6DISABLED);
    }
    if (!check_header(net, d, p)) return;
    p->in_ifindex = (int32_t)d->ifindex;
    p->transport_offset = 40;
    struct netfilter_state state = { .net = net, .point = NETFILTER_PREROUTING, .version = 6, .in = d };
    if (!netfilter_pass(p, &state)) return;
    if (!packet_pull_check(p, 40)) return count_header_error(net, p, DROP_PKT_TOO_SMALL);
    note(p);
    struct route *r = p->route;
    if (r && r->kind == ROUTE_LOCAL && r->net == net && (d->flags & IFF_LOOPBACK)) {
        p->in_ifindex = (int32_t)route_entry_of(r)->input_ifindex;
        p->route = NULL;
        route_put(r);
        return deliver_local(net, p);
    }
    decide(net, d, p);
}
