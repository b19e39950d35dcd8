/* Multicast listener discovery (RFC 2710, RFC 3810): IGMP's part for IPv6. */
#include "ip/group_report.h"
#include "ip/state.h"

enum { QUERY = 130, V1_REPORT = 131, V1_DONE = 132, V2_REPORT = 143 };

/* Hop-by-hop header with router alert (RFC 2711), padded to eight bytes. */
static const uint8_t router_alert[8] = { IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 };

/* RFC 3810 §6: not for interface scope, and not for all nodes of the link. */
static bool is_reported(const struct ip_group *g)
{
    static const ip_addr_t all_nodes = { .bytes = { 0xff, 2, [15] = 1 } };
    return (g->address.bytes[1] & 0xf) > 1 && !ip_equal(&g->address, &all_nodes) && !(g->device->flags & IFF_LOOPBACK);
}

static unsigned version_on(const struct net_device *d)
{
    int32_t forced = max_of(d->net->ip->all6.force_mld_version, d->ip->config6.force_mld_version);
    if (forced == 1 || forced == 2) return (unsigned)forced;
    return d->ip->mld_v1_until_ns > ip_now(d->net) ? 1 : 2;
}

/* RFC 3590: from a link-local address, or from :: while there is none. */
static void send_message(struct net_device *d, struct packet *p, const ip_addr_t *to)
{
    struct net *net = d->net;
    ip_addr_t source = ip_any6();
    list_for_each(it, &d->ip->addresses6) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if (ip_is_link_local(&a->local) && !(a->flags & IFA_F_TENTATIVE)) source = a->local;
    }
    struct ip_flow flow = { .source = source, .destination = *to, .out_ifindex = (int32_t)d->ifindex };
    int error;
    struct route *r = route_find(net, &flow, &error);
    if (!r) return packet_drop(p, DROP_IP_OUTNOROUTES);
    struct ip_send how = { .source = source,
        .destination = *to,
        .protocol = IPPROTO_ICMPV6,
        .ttl = 1,
        .no_auto_flow_label = true,
        .extension = router_alert,
        .extension_bytes = sizeof(router_alert),
        .extension_first = IPPROTO_HOPOPTS };
    uint8_t type = packet_data(p)[0];
    ip_transport_checksum(p, &source, to, IPPROTO_ICMPV6, 2, false);
    if (!ip_output(net, p, r, &how)) icmp_count_out(net, 6, type);
    route_put(r);
}

static void report_v2(struct ip_group *g, uint8_t record)
{
    static const ip_addr_t routers = { .bytes = { 0xff, 2, [15] = 0x16 } };
    uint8_t *at;
    struct packet *p = icmp_make(g->device->net, 28, &at);
    if (!p) return;
    at[0] = V2_REPORT;
    at[7] = 1;
    at[8] = record;
    memcpy(at + 12, g->address.bytes, 16);
    send_message(g->device, p, &routers);
}

static void report_v1(struct ip_group *g, uint8_t type)
{
    static const ip_addr_t routers = { .bytes = { 0xff, 2, [15] = 2 } };
    uint8_t *at;
    struct packet *p = icmp_make(g->device->net, 24, &at);
    if (!p) return;
    at[0] = type;
    memcpy(at + 8, g->address.bytes, 16);
    send_message(g->device, p, type == V1_DONE ? &routers : &g->address);
}

static void report(struct ip_group *g, uint8_t record)
{
    if (version_on(g->device) == 2) return report_v2(g, record);
    if (record != GROUP_TO_INCLUDE) {
        report_v1(g, V1_REPORT);
        g->is_last_reporter = true;
    } else if (g->is_last_reporter) {
        report_v1(g, V1_DONE);
    }
}

static uint8_t robustness(const struct net_device *d)
{
    (void)d;
    return 2; /* RFC 3810 §9.1 */
}

static uint32_t unsolicited_ms(const struct net_device *d, bool *tells_leaves)
{
    const struct ip6_config *c = &d->ip->config6;
    *tells_leaves = version_on(d) == 2;
    return (uint32_t)max_of(*tells_leaves ? c->mldv2_unsolicited_report_interval : c->mldv1_unsolicited_report_interval, 1);
}

const struct group_reporter mld_reporter = { is_reported, robustness, unsolicited_ms, report };

/* RFC 3810 §5.1.3 */
static uint32_t decode_ms(uint16_t code)
{
    return code < 32768 ? code : (uint32_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

static void take_query(struct net_device *d, struct packet *p)
{
    uint8_t h[24];
    if (!ip_is_link_local(&p->ip.source) || p->ip.ttl != 1 || !packet_read(p, 0, h, 24)) return;
    ip_addr_t group = ip_from6(h + 8);
    if (ip_is4(&group)) return;
    be16_t code;
    memcpy(&code, h + 4, 2);
    uint32_t within_ms = decode_ms(host16(code));
    if (packet_bytes(p) == 24) {
        within_ms = host16(code);
        d->ip->mld_v1_until_ns = ip_now(d->net) + 260 * NS_PER_S;
    } else if (packet_bytes(p) < 28) {
        return;
    }
    list_for_each(it, &d->ip->groups6) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        if (ip_is_any(&group) || ip_equal(&group, &g->address)) ip_group_report_within(g, within_ms);
    }
}

static void heard_report(struct net_device *d, struct packet *p)
{
    uint8_t h[24];
    if (p->kind == PACKET_LOOPBACK || !packet_read(p, 0, h, 24)) return;
    list_for_each(it, &d->ip->groups6) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        if (!memcmp(g->address.bytes, h + 8, 16)) ip_group_report_heard(g);
    }
}

void mld_receive(struct net *net, struct packet *p, uint8_t type)
{
    struct net_device *d = ip_input_device(net, p);
    if (d && d->ip) {
        if (type == QUERY) take_query(d, p);
        else heard_report(d, p);
    }
    packet_consume(p);
}
