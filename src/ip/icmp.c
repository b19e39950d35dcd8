/* What both versions of ICMP share: sending, rate limits, counters by type. */
#include "ip/state.h"

struct type_row { uint8_t type; uint16_t in, out; };
static const struct type_row types4[] = {
    { ICMP_DEST_UNREACH, MIB_Icmp_InDestUnreachs, MIB_Icmp_OutDestUnreachs },
    { ICMP_TIME_EXCEEDED, MIB_Icmp_InTimeExcds, MIB_Icmp_OutTimeExcds },
    { ICMP_PARAMETERPROB, MIB_Icmp_InParmProbs, MIB_Icmp_OutParmProbs },
    { ICMP_SOURCE_QUENCH, MIB_Icmp_InSrcQuenchs, MIB_Icmp_OutSrcQuenchs },
    { ICMP_REDIRECT, MIB_Icmp_InRedirects, MIB_Icmp_OutRedirects },
    { ICMP_ECHO, MIB_Icmp_InEchos, MIB_Icmp_OutEchos },
    { ICMP_ECHOREPLY, MIB_Icmp_InEchoReps, MIB_Icmp_OutEchoReps },
    { ICMP_TIMESTAMP, MIB_Icmp_InTimestamps, MIB_Icmp_OutTimestamps },
    { ICMP_TIMESTAMPREPLY, MIB_Icmp_InTimestampReps, MIB_Icmp_OutTimestampReps },
    { ICMP_ADDRESS, MIB_Icmp_InAddrMasks, MIB_Icmp_OutAddrMasks },
    { ICMP_ADDRESSREPLY, MIB_Icmp_InAddrMaskReps, MIB_Icmp_OutAddrMaskReps },
};
static const struct type_row types6[] = {
    { ICMPV6_DEST_UNREACH, MIB_Icmp6_InDestUnreachs, MIB_Icmp6_OutDestUnreachs },
    { ICMPV6_PKT_TOOBIG, MIB_Icmp6_InPktTooBigs, MIB_Icmp6_OutPktTooBigs },
    { ICMPV6_TIME_EXCEED, MIB_Icmp6_InTimeExcds, MIB_Icmp6_OutTimeExcds },
    { ICMPV6_PARAMPROB, MIB_Icmp6_InParmProblems, MIB_Icmp6_OutParmProblems },
    { ICMPV6_ECHO_REQUEST, MIB_Icmp6_InEchos, MIB_Icmp6_OutEchos },
    { ICMPV6_ECHO_REPLY, MIB_Icmp6_InEchoReplies, MIB_Icmp6_OutEchoReplies },
    { ICMPV6_MGM_QUERY, MIB_Icmp6_InGroupMembQueries, MIB_Icmp6_OutGroupMembQueries },
    { ICMPV6_MGM_REPORT, MIB_Icmp6_InGroupMembResponses, MIB_Icmp6_OutGroupMembResponses },
    { ICMPV6_MGM_REDUCTION, MIB_Icmp6_InGroupMembReductions, MIB_Icmp6_OutGroupMembReductions },
    { 133, MIB_Icmp6_InRouterSolicits, MIB_Icmp6_OutRouterSolicits },
    { 134, MIB_Icmp6_InRouterAdvertisements, MIB_Icmp6_OutRouterAdvertisements },
    { 135, MIB_Icmp6_InNeighborSolicits, MIB_Icmp6_OutNeighborSolicits },
    { 136, MIB_Icmp6_InNeighborAdvertisements, MIB_Icmp6_OutNeighborAdvertisements },
    { 137, MIB_Icmp6_InRedirects, MIB_Icmp6_OutRedirects },
    { ICMPV6_MLD2_REPORT, MIB_Icmp6_InMLDv2Reports, MIB_Icmp6_OutMLDv2Reports },
};

static const struct type_row *row_of(const struct type_row *rows, size_t n, uint8_t type)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == type) return &rows[i];
    }
    return NULL;
}

void icmp4_count_in(struct net *net, uint8_t type)
{
    const struct type_row *row = row_of(types4, array_count(types4), type);
    net->icmp_types_in[type]++;
    if (row) net->mib[row->in]++;
}

void icmp6_count_in(struct net *net, uint8_t type)
{
    const struct type_row *row = row_of(types6, array_count(types6), type);
    net->icmp6_types_in[type]++;
    if (row) net->mib[row->in]++;
}

void icmp_count_out(struct net *net, uint8_t version, uint8_t type)
{
    const struct type_row *row = version == 4 ? row_of(types4, array_count(types4), type)
                                              : row_of(types6, array_count(types6), type);
    if (version == 4) {
        count(net, Icmp, OutMsgs);
        net->icmp_types_out[type]++;
    } else {
        count(net, Icmp6, OutMsgs);
        net->icmp6_types_out[type]++;
    }
    if (row) net->mib[row->out]++;
}

/* Linux: a timestamp reply is counted as an echo reply. */
static uint8_t counted_type(uint8_t version, uint8_t type)
{
    return version == 4 && type == ICMP_TIMESTAMPREPLY ? ICMP_ECHOREPLY : type;
}

/* Linux's inet_peer_xrlim_allow: a bucket of six messages for each peer, one more for each ratelimit. */
static bool peer_allowed(struct net *net, const ip_addr_t *peer, uint64_t each_ns)
{
    struct ip_net *in = net->ip;
    struct icmp_limit *l =
        &in->icmp_limits[siphash_2u64(&in->pmtu_key, peer->quad[0], peer->quad[1]) % ICMP_LIMIT_SLOTS];
    if (!each_ns) return true;
    if (!ip_equal(&l->peer, peer))
        *l = (struct icmp_limit){ .peer = *peer, .tokens_ns = 6 * each_ns, .updated_ns = ip_now(net) };
    l->tokens_ns = min_of(l->tokens_ns + (ip_now(net) - l->updated_ns), 6 * each_ns);
    l->updated_ns = ip_now(net);
    if (l->tokens_ns < each_ns) return false;
    l->tokens_ns -= each_ns;
    return true;
}

/* net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst, over all peers. */
static bool globally_allowed(struct net *net)
{
    struct ip_net *in = net->ip;
    uint64_t per_s = (uint64_t)net->sysctl.icmp_msgs_per_sec, burst = (uint64_t)net->sysctl.icmp_msgs_burst;
    uint64_t passed_ns = min_of(ip_now(net) - in->icmp_credit_ns, NS_PER_S);
    uint64_t more = per_s * passed_ns / NS_PER_S;
    if (more || !in->icmp_credit_ns) {
        in->icmp_credit = min_of(in->icmp_credit_ns ? in->icmp_credit + more : burst, burst);
        in->icmp_credit_ns = max_of(ip_now(net), 1u);
    }
    if (!in->icmp_credit) return false;
    in->icmp_credit--;
    return true;
}

static bool is_limited(const struct net *net, uint8_t version, uint8_t type, uint8_t code)
{
    if (version == 6) return net->sysctl.icmp6_ratemask[type / 32] >> (type & 31) & 1;
    if (type > NR_ICMP_TYPES || (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED)) return false;
    return (uint64_t)net->sysctl.icmp_ratemask >> type & 1;
}

bool icmp_allowed(struct net *net, uint8_t version, uint8_t type, uint8_t code, const ip_addr_t *peer, bool is_loopback)
{
    if (!is_limited(net, version, type, code)) return true;
    if (!globally_allowed(net)) {
        count(net, Icmp, OutRateLimitGlobal);
        return false;
    }
    uint64_t each_ms = (uint64_t)(version == 4 ? net->sysctl.icmp_ratelimit : net->sysctl.icmp6_ratelimit);
    if (is_loopback || peer_allowed(net, peer, each_ms * NS_PER_MS)) return true;
    if (version == 4) count(net, Icmp, OutRateLimitHost);
    else count(net, Icmp6, OutRateLimitHost);
    return false;
}

struct packet *icmp_make(struct net *net, uint32_t bytes, uint8_t **at)
{
    struct packet *p = packet_create(net->machine, bytes);
    if (!p) return NULL;
    p->net = net;
    *at = packet_put(p, bytes);
    memset(*at, 0, bytes);
    return p;
}

static void finish_checksum(struct packet *p, const struct ip_send *send)
{
    if (ip_is4(&send->destination)) {
        struct wire_icmp *h = (void *)packet_data(p);
        h->checksum = checksum_fold(packet_checksum(p, 0, packet_bytes(p), 0));
        p->transport_offset = 0;
    } else {
        ip_transport_checksum(p, &send->source, &send->destination, IPPROTO_ICMPV6, 2, false);
    }
}

int icmp_send(struct net *net, struct packet *p, struct ip_send *send, int32_t out_ifindex)
{
    struct ip_flow flow = { .source = send->source, .destination = send->destination, .out_ifindex = out_ifindex,
        .protocol = send->protocol, .tos = send->tos, .mark = send->mark, .any_source_allowed = true };
    uint8_t version = ip_is4(&send->destination) ? 4 : 6, type = packet_data(p)[0], code = packet_data(p)[1];
    int error;
    bool to_nobody = ip_is_any6(&send->destination);
    if (to_nobody) {
        error = -ENETUNREACH;
        count(net, Ip6, OutNoRoutes);
    }
    struct route *r = to_nobody ? NULL : route_find(net, &flow, &error);
    if (!r && !to_nobody && version == 6 && error == -ENETUNREACH)
        count(net, Ip6, OutNoRoutes); /* Linux: only so for IPv6 */
    if (!r) {
        packet_drop(p, DROP_IP_OUTNOROUTES);
        return error;
    }
    if (!icmp_allowed(net, version, type, code, &send->destination, r->device->flags & IFF_LOOPBACK)) {
        route_put(r);
        packet_drop(p, DROP_ICMP_IGNORED);
        return -EAGAIN;
    }
    send->source = flow.source;
    send->destination = flow.destination;
    finish_checksum(p, send);
    error = ip_output(net, p, r, send);
    route_put(r);
    if (!error) icmp_count_out(net, version, counted_type(version, type));
    else if (version == 4) count(net, Icmp, OutErrors);
    else count(net, Icmp6, OutErrors);
    return error;
}

struct packet *icmp_quoted(const struct packet *p)
{
    struct packet *q = packet_clone(p);
    if (!q) return NULL;
    if (q->network_offset < 0 && !packet_push(q, (uint32_t)-q->network_offset)) {
        packet_consume(q);
        return NULL;
    }
    return q;
}

void icmp_send_error(struct packet *p, uint8_t type, uint8_t code, uint32_t info)
{
    struct packet *q = icmp_quoted(p);
    if (!q) return;
    if (p->ip.version == 4) icmp4_error(q, type, code, info);
    else icmp6_error(q, type, code, info);
    packet_consume(q);
}
