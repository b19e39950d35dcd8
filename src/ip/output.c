/* The way out, both versions: header, OUTPUT hook, then POSTROUTING, loopback copies of multicasts, MTU, next hop. */
#include "ip/state.h"
#include "netfilter/hook.h"
#include "neighbour/neighbour.h"

static struct mac_addr multicast_mac(const ip_addr_t *a)
{
    if (ip_is4(a)) return (struct mac_addr){ { 0x01, 0x00, 0x5e, a->bytes[13] & 0x7f, a->bytes[14], a->bytes[15] } };
    return (struct mac_addr){ { 0x33, 0x33, a->bytes[12], a->bytes[13], a->bytes[14], a->bytes[15] } };
}

static int send_to_mac(struct packet *p, struct net_device *d, const struct mac_addr *to)
{
    if (d->is_blocked) {
        packet_drop(p, DROP_QDISC_DROP);
        return -ENOBUFS;
    }
    if (!device_push_header(d, p, to)) {
        packet_drop(p, DROP_NOMEM);
        return -ENOBUFS;
    }
    device_transmit(d, p);
    return 0;
}

int ip_send_down(struct packet *p, struct route *r)
{
    static const struct mac_addr nobody;
    struct net_device *d = r->device;
    p->device = d;
    p->protocol = be16(r->version == 4 ? ETH_P_IP : ETH_P_IPV6);
    if (d->flags & IFF_LOOPBACK) return send_to_mac(p, d, &nobody);
    if (r->kind == ROUTE_MULTICAST) {
        struct mac_addr mac = multicast_mac(&r->gateway);
        return send_to_mac(p, d, &mac);
    }
    if (r->kind == ROUTE_BROADCAST) return send_to_mac(p, d, &d->broadcast);
    if (!r->neighbour) r->neighbour = neighbour_lookup(d, &r->gateway, true);
    if (!r->neighbour) {
        packet_drop(p, DROP_NOMEM);
        return -ENOBUFS;
    }
    return neighbour_output(r->neighbour, p);
}

static void count_sent(struct net *net, const struct packet *p, const struct route *r)
{
    uint32_t bytes = packet_bytes(p);
    if (r->version == 4) {
        count(net, Ip, OutTransmits);
        count_add(net, IpExt, OutOctets, bytes);
        if (r->kind == ROUTE_MULTICAST) {
            count(net, IpExt, OutMcastPkts);
            count_add(net, IpExt, OutMcastOctets, bytes);
        } else if (r->kind == ROUTE_BROADCAST) {
            count(net, IpExt, OutBcastPkts);
            count_add(net, IpExt, OutBcastOctets, bytes);
        }
    } else {
        count(net, Ip6, OutTransmits);
        count_add(net, Ip6, OutOctets, bytes);
        if (r->kind == ROUTE_MULTICAST) {
            count(net, Ip6, OutMcastPkts);
            count_add(net, Ip6, OutMcastOctets, bytes);
        }
    }
}

/* Cuts or refuses what is longer than the MTU, then sends. Segments of a GSO packet were measured before. */
static int finish(struct net *net, struct packet *p, struct route *r, const struct ip_send *send, uint32_t mtu_bytes, bool may_fragment)
{
    count_sent(net, p, r);
    if (p->gso_bytes || packet_bytes(p) <= mtu_bytes) return ip_send_down(p, r);
    if (send->mtu_bytes) mtu_bytes = min_of(mtu_bytes, send->mtu_bytes);
    if (may_fragment) return r->version == 4 ? ip4_split(net, p, r, mtu_bytes) : ip6_split(net, p, r, mtu_bytes);
    if (r->version == 4) count(net, Ip, FragFails);
    else count(net, Ip6, FragFails);
    packet_drop(p, DROP_PKT_TOO_BIG);
    return -EMSGSIZE;
}

/* A copy for the sockets of this host: queued, so that delivery is never a recursion. */
static void loop_back(struct net *net, struct packet *p, struct route *r)
{
    struct packet *copy = packet_copy(p);
    if (!copy) return;
    if (!NETFILTER_PASS(copy, net, NETFILTER_POSTROUTING, r->version, .out = r->device)) return;
    if (net->ip->loop.count >= (uint32_t)net->sysctl.netdev_max_backlog) {
        packet_drop(copy, DROP_QDISC_DROP);
        return;
    }
    if (copy->checksum == PACKET_CHECKSUM_NONE) copy->checksum = PACKET_CHECKSUM_VERIFIED;
    copy->device = r->device;
    copy->in_ifindex = (int32_t)r->device->ifindex;
    copy->kind = PACKET_LOOPBACK;
    copy->protocol = be16(r->version == 4 ? ETH_P_IP : ETH_P_IPV6);
    copy->network_offset = 0;
    packet_queue_push(&net->ip->loop, copy);
    softirq_schedule(net->machine, &net->ip->loop_work);
}

static bool wants_loop_copy(const struct route *r, const struct packet *p, const struct ip_send *send)
{
    if (r->device->flags & IFF_LOOPBACK) return false;
    if (r->kind == ROUTE_BROADCAST) return true;
    return r->kind == ROUTE_MULTICAST && send->multicast_loop && ip_group_has(r->device, &p->ip.destination);
}

/* After OUTPUT or FORWARD. p begins at its IP header; p->ip.destination and ttl are set. Takes p. */
static int post_route(struct net *net, struct packet *p, struct route *r, const struct ip_send *send,
    uint32_t mtu_bytes, bool may_fragment)
{
    if (wants_loop_copy(r, p, send)) loop_back(net, p, r);
    if (r->kind == ROUTE_MULTICAST && !(r->device->flags & IFF_LOOPBACK)) {
        bool stays = !p->ip.ttl || (r->version == 6 && (p->ip.destination.bytes[1] & 0xf) <= 1);
        if (stays) {
            packet_consume(p);
            softirq_run(net->machine);
            return 0;
        }
    }
    if (!NETFILTER_PASS(p, net, NETFILTER_POSTROUTING, r->version, .out = r->device, .sock = send->sock)) return -EPERM;
    return finish(net, p, r, send, mtu_bytes, may_fragment);
}

int ip4_finish(
    struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes, bool may_fragment, struct sock *sock)
{
    struct ip_send send = { .multicast_loop = true, .sock = sock };
    return post_route(net, p, r, &send, mtu_bytes, may_fragment);
}

int ip6_finish(
    struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes, bool may_fragment, struct sock *sock)
{
    return ip4_finish(net, p, r, mtu_bytes, may_fragment, sock);
}

static bool ignores_path_mtu(uint8_t policy)
{
    return policy == IP_PMTUDISC_PROBE || policy == IP_PMTUDISC_INTERFACE || policy == IP_PMTUDISC_OMIT;
}
static bool may_fragment(const struct ip_send *send)
{
    if (send->protocol == IPPROTO_TCP && send->fragment_policy == IP_PMTUDISC_WANT) return false;
    return send->fragment_policy < IP_PMTUDISC_DO || send->fragment_policy == IP_PMTUDISC_OMIT;
}

static bool sets_df(const struct ip_send *send, const struct route *r, const struct packet *p, uint32_t mtu_bytes,
    uint32_t header_bytes)
{
    switch (send->fragment_policy) {
    case IP_PMTUDISC_DO:
    case IP_PMTUDISC_PROBE: return true;
    case IP_PMTUDISC_WANT:
        return !r->is_mtu_locked
            && (send->protocol == IPPROTO_TCP || p->gso_bytes || packet_bytes(p) + header_bytes <= mtu_bytes);
    default: return false;
    }
}

/* Our own slot of a record route or timestamp option, and the pointer past it. */
static void fill_record(struct net *net, uint8_t *o, const struct ip_send *send)
{
    bool is_route = o[0] == IPOPT_RR;
    unsigned kind = is_route ? 0 : o[3] & 0xf, slot = is_route || kind == IPOPT_TS_TSONLY ? 4 : 8;
    if (o[2] < (is_route ? 4 : 5) || o[2] - 1u + slot > o[1]) return;
    uint8_t *at = o + o[2] - 1;
    if (!is_route && kind == IPOPT_TS_PRESPEC && memcmp(at, &send->source.word[3], 4)) return;
    if (is_route || kind == IPOPT_TS_TSANDADDR) memcpy(at, &send->source.word[3], 4);
    if (!is_route) {
        be32_t now = ip4_time_of_day(net);
        memcpy(at + slot - 4, &now, 4);
    }
    o[2] = (uint8_t)(o[2] + slot);
}

/* Source routes end in the true destination (RFC 791 §3.1). */
static void fill_options(struct net *net, uint8_t *o, unsigned bytes, const struct ip_send *send)
{
    for (unsigned i = 0; i < bytes && o[i] != IPOPT_END; i += o[i] == IPOPT_NOOP ? 1 : o[i + 1]) {
        if (o[i] == IPOPT_NOOP) continue;
        if (i + 1 >= bytes || o[i + 1] < 2 || i + o[i + 1] > bytes) return;
        if ((o[i] == IPOPT_LSRR || o[i] == IPOPT_SSRR) && send->first_hop.word[3] && o[i + 1] >= 7)
            memcpy(o + i + o[i + 1] - 4, &send->destination.word[3], 4);
        if ((o[i] == IPOPT_RR && o[i + 1] >= 3) || (o[i] == IPOPT_TIMESTAMP && o[i + 1] >= 4))
            fill_record(net, o + i, send);
    }
}

/* Linux: a connected sock counts by itself; others have no number where nobody may fragment (RFC 6864 §4.1), which, with the
 * usual path MTU discovery, we ourselves may do with a datagram. */
static uint16_t next_id4(struct net *net, const struct ip_send *send, bool df, uint32_t segments)
{
    if (send->connection_id) {
        uint16_t id = *send->connection_id;
        *send->connection_id = (uint16_t)(id + segments);
        return id;
    }
    bool is_whole = df && (!send->sock || send->protocol == IPPROTO_TCP || send->fragment_policy >= IP_PMTUDISC_DO);
    return is_whole ? 0 : ip_next_id(net, send, segments);
}

static const ip_addr_t *next_address(const struct ip_send *send)
{
    return send->first_hop.word[3] ? &send->first_hop : &send->destination;
}

static bool push_header4(struct net *net, struct packet *p, const struct route *r, const struct ip_send *send, bool df)
{
    unsigned options = (send->options_bytes + 3u) & ~3u, header = 20 + options;
    uint8_t ttl = send->ttl;
    if (!ttl)
        ttl = r->kind == ROUTE_MULTICAST
            ? 1
            : (uint8_t)(r->hop_limit ? r->hop_limit : (uint32_t)net->sysctl.ip_default_ttl);
    struct wire_ipv4 *h = (void *)packet_push(p, header);
    if (!h) return false;
    uint32_t segments = p->gso_bytes ? (packet_bytes(p) + p->gso_bytes - 1) / p->gso_bytes : 1;
    uint16_t id = next_id4(net, send, df, segments);
    *h = (struct wire_ipv4){ .version_ihl = (uint8_t)(0x40 | header / 4),
        .tos = send->tos,
        .total_bytes = be16((uint16_t)packet_bytes(p)),
        .id = be16(id),
        .fragment = be16(df ? IPV4_DF : 0),
        .ttl = ttl,
        .protocol = send->protocol,
        .source = ip_get4(&send->source),
        .destination = ip_get4(next_address(send)) };
    if (options) {
        uint8_t *o = (uint8_t *)(h + 1);
        memset(o, IPOPT_END, options);
        memcpy(o, send->options, send->options_bytes);
        fill_options(net, o, options, send);
    }
    h->checksum = checksum_fold(checksum_words(h, header / 4, 0));
    p->ip.ttl = ttl;
    return true;
}

/* IP_HDRINCL: the program wrote the header; Linux fills source, id when zero, length and checksum. */
static bool complete_header4(struct net *net, struct packet *p, const struct ip_send *send)
{
    if (!packet_pull_check(p, 20)) return false;
    struct wire_ipv4 *h = (void *)packet_data(p);
    unsigned header = (h->version_ihl & 15u) * 4;
    if (header < 20 || !packet_pull_check(p, header)) return true; /* a raw sender may send nonsense */
    h = (void *)packet_data(p);
    if (!h->source.raw) h->source = ip_get4(&send->source);
    if (!h->id.raw) h->id = be16(ip_next_id(net, send, 1));
    h->total_bytes = be16((uint16_t)packet_bytes(p));
    h->checksum.raw = 0;
    h->checksum = checksum_fold(checksum_words(h, header / 4, 0));
    p->ip.ttl = h->ttl;
    return true;
}

static bool add_header4(struct net *net, struct packet *p, struct route *r, const struct ip_send *send, uint32_t mtu)
{
    if (send->is_header_included) return complete_header4(net, p, send);
    return push_header4(net, p, r, send, sets_df(send, r, p, mtu, 20u + send->options_bytes));
}

static uint32_t auto_flow_label(struct net *net, const struct packet *p, const struct ip_send *send)
{
    if (send->flow_label || send->no_auto_flow_label
        || !(net->sysctl.auto_flowlabels == 1 || net->sysctl.auto_flowlabels == 3))
        return send->flow_label;
    uint32_t ports = 0;
    if (send->protocol == IPPROTO_TCP || send->protocol == IPPROTO_UDP) packet_read(p, 0, &ports, 4);
    uint64_t words[5] = { send->source.quad[0], send->source.quad[1], send->destination.quad[0],
        send->destination.quad[1], (uint64_t)ports << 8 | send->protocol };
    return (uint32_t)siphash_table(&net->ip->id_key, words, 5) & 0xfffff;
}

static bool add_header6(struct net *net, struct packet *p, struct route *r, const struct ip_send *send)
{
    if (send->is_header_included) {
        const struct wire_ipv6 *h = packet_pull_check(p, 40) ? (void *)packet_data(p) : NULL;
        if (h) p->ip.ttl = h->hop_limit;
        return h != NULL;
    }
    uint32_t label = auto_flow_label(net, p, send);
    uint8_t next = send->protocol;
    if (send->extension_bytes) {
        uint8_t *e = packet_push(p, send->extension_bytes);
        if (!e) return false;
        memcpy(e, send->extension, send->extension_bytes);
        next = send->extension_first;
    }
    uint32_t payload = packet_bytes(p);
    struct wire_ipv6 *h = (void *)packet_push(p, 40);
    if (!h) return false;
    const struct ip_device *i = r->device->ip;
    uint8_t hops = send->ttl;
    if (!hops)
        hops = r->kind == ROUTE_MULTICAST ? 1
            : r->hop_limit                ? (uint8_t)r->hop_limit
            : i                           ? (uint8_t)i->config6.hop_limit
                                          : 64;
    h->version_class_flow = be32(6u << 28 | (uint32_t)send->tos << 20 | label);
    h->payload_bytes = be16(payload > 65535 ? 0 : (uint16_t)payload);
    h->next_header = next;
    h->hop_limit = hops;
    memcpy(h->source, send->source.bytes, 16);
    memcpy(h->destination, send->destination.bytes, 16);
    p->ip.ttl = hops;
    return true;
}

static uint32_t header_bytes(const struct ip_send *send, uint8_t version)
{
    if (send->is_header_included) return 0;
    return version == 4 ? 20u + ((send->options_bytes + 3u) & ~3u) : 40u + send->extension_bytes;
}

int ip_output(struct net *net, struct packet *p, struct route *r, const struct ip_send *send)
{
    uint32_t mtu = ignores_path_mtu(send->fragment_policy) ? route_device_mtu(r) : route_mtu(r);
    uint32_t whole = packet_bytes(p) + header_bytes(send, r->version);
    /* Of a large send each segment has to fit: its sender may not have heard of the route's MTU yet. */
    uint32_t longest = p->gso_bytes ? whole - p->body_bytes + p->gso_bytes : whole;
    bool fragment = may_fragment(send) && !send->is_header_included;
    /* A datagram that may not be cut is refused before it is counted, as ip_append_data() does. */
    bool too_long = whole > 65535u + (r->version == 6 ? 40u : 0u) || (!fragment && longest > mtu);
    if (too_long) {
        if (send->protocol == IPPROTO_TCP) {
            if (r->version == 4) count(net, Ip, FragFails);
            else count(net, Ip6, FragFails);
        }
        packet_drop(p, DROP_PKT_TOO_BIG);
        return -EMSGSIZE;
    }
    if (r->version == 4 ? !add_header4(net, p, r, send, mtu) : !add_header6(net, p, r, send)) {
        packet_drop(p, DROP_NOMEM);
        return send->is_header_included ? -EINVAL : -ENOBUFS;
    }
    p->net = net;
    p->network_offset = 0;
    p->device = r->device;
    p->ip.source = send->source;
    p->ip.destination = *next_address(send);
    p->ip.version = r->version;
    p->ip.protocol = send->protocol;
    p->mark = send->mark;
    p->priority = send->priority;
    p->kind = PACKET_OUTGOING;
    if (r->version == 4) count(net, Ip, OutRequests);
    else count(net, Ip6, OutRequests);
    if (!NETFILTER_PASS(p, net, NETFILTER_OUTPUT, r->version, .out = r->device, .sock = send->sock)) return -EPERM;
    /* To ourselves: the answer travels along, and input need not ask again. */
    if ((r->kind == ROUTE_LOCAL || (r->device->flags & IFF_LOOPBACK)) && !p->route) p->route = route_get(r);
    return post_route(net, p, r, send, mtu, fragment);
}
