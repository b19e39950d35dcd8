/* IGMP (RFC 2236, RFC 3376 §5): joins and leaves are told to the routers of the link, queries are answered. Membership
 * is told without sources: any-source is the only kind an interface has here. */
#include "ip/group_report.h"
#include "ip/state.h"

enum { QUERY = 0x11, V1_REPORT = 0x12, V2_REPORT = 0x16, V2_LEAVE = 0x17, V3_REPORT = 0x22 };

static const uint8_t router_alert[4] = { IPOPT_RA, 4, 0, 0 };

static bool is_reported(const struct ip_group *g)
{
    uint32_t a = host32(ip_get4(&g->address));
    if (a == INADDR_ALLHOSTS_GROUP || (g->device->flags & IFF_LOOPBACK)) return false;
    return (a & 0xffffff00u) != INADDR_UNSPEC_GROUP || g->device->net->sysctl.igmp_link_local_mcast_reports;
}

/* An older querier on the link holds us to its version for a time (RFC 3376 §7.2.1). */
static unsigned version_on(const struct net_device *d)
{
    int32_t forced = max_of(d->net->ip->all4.force_igmp_version, d->ip->config4.force_igmp_version);
    if (forced >= 1 && forced <= 3) return (unsigned)forced;
    if (d->ip->igmp_v1_until_ns > ip_now(d->net)) return 1;
    return d->ip->igmp_v2_until_ns > ip_now(d->net) ? 2 : 3;
}

static void send_message(struct net_device *d, struct packet *p, const ip_addr_t *to)
{
    struct net *net = d->net;
    struct ip_flow flow = { .source = ip_any4(), .destination = *to, .out_ifindex = (int32_t)d->ifindex };
    int error;
    struct route *r = route_find(net, &flow, &error);
    if (!r) return packet_drop(p, DROP_IP_OUTNOROUTES);
    struct ip_send how = { .source = flow.source, .destination = *to, .protocol = IPPROTO_IGMP, .ttl = 1, .tos = 0xc0,
        .fragment_policy = IP_PMTUDISC_DO, .options = router_alert, .options_bytes = sizeof(router_alert) };
    be16_t check = checksum_fold(packet_checksum(p, 0, packet_bytes(p), 0));
    memcpy(packet_data(p) + 2, &check, 2);
    (void)ip_output(net, p, r, &how);
    route_put(r);
}

static void report_v3(struct ip_group *g, uint8_t record)
{
    uint8_t *at;
    struct packet *p = icmp_make(g->device->net, 16, &at);
    if (!p) return;
    ip_addr_t routers = ip_from4(be32(0xe0000016));
    at[0] = V3_REPORT;
    at[7] = 1;
    at[8] = record;
    memcpy(at + 12, &g->address.word[3], 4);
    send_message(g->device, p, &routers);
}

static void report_v2(struct ip_group *g, uint8_t type)
{
    uint8_t *at;
    struct packet *p = icmp_make(g->device->net, 8, &at);
    if (!p) return;
    ip_addr_t routers = ip_from4(be32(INADDR_ALLRTRS_GROUP));
    at[0] = type;
    memcpy(at + 4, &g->address.word[3], 4);
    send_message(g->device, p, type == V2_LEAVE ? &routers : &g->address);
}

static void report(struct ip_group *g, uint8_t record)
{
    unsigned version = version_on(g->device);
    if (version == 3) return report_v3(g, record);
    if (record == GROUP_TO_INCLUDE) {
        if (version == 2 && g->is_last_reporter) report_v2(g, V2_LEAVE);
        return;
    }
    report_v2(g, version == 2 ? V2_REPORT : V1_REPORT);
    g->is_last_reporter = true;
}

static uint8_t robustness(const struct net_device *d) { return (uint8_t)clamp_of(d->net->sysctl.igmp_qrv, 1, 255); }

static uint32_t unsolicited_ms(const struct net_device *d, bool *tells_leaves)
{
    const struct ip4_config *c = &d->ip->config4;
    *tells_leaves = version_on(d) == 3;
    return (uint32_t)max_of(*tells_leaves ? c->igmpv3_unsolicited_report_interval : c->igmpv2_unsolicited_report_interval, 1);
}

const struct group_reporter igmp_reporter = { is_reported, robustness, unsolicited_ms, report };

/* RFC 3376 §4.1.1: above 127 the byte is a small floating-point number. */
static uint32_t decode_tenths(uint8_t code)
{
    return code < 128 ? code : (uint32_t)((code & 15) | 16) << ((code >> 4 & 7) + 3);
}

static void take_query(struct net_device *d, const uint8_t *h, uint32_t bytes)
{
    ip_addr_t group = ip_from4((be32_t){ 0 });
    memcpy(&group.word[3], h + 4, 4);
    uint32_t within_ms = decode_tenths(h[1]) * 100;
    if (bytes == 8) {
        uint64_t until = ip_now(d->net) + 400 * NS_PER_S;
        if (!h[1]) {
            within_ms = 10000;
            d->ip->igmp_v1_until_ns = until;
        } else {
            within_ms = h[1] * 100u;
            d->ip->igmp_v2_until_ns = until;
        }
    } else if (bytes < 12) {
        return;
    }
    list_for_each(it, &d->ip->groups4) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        if (ip_is_any(&group) || ip_equal(&group, &g->address)) ip_group_report_within(g, within_ms);
    }
}

static void heard_report(struct net_device *d, const uint8_t *h)
{
    list_for_each(it, &d->ip->groups4) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        if (!memcmp(&g->address.word[3], h + 4, 4)) ip_group_report_heard(g);
    }
}

static void receive(struct net *net, struct packet *p)
{
    uint8_t h[8];
    struct net_device *d = ip_input_device(net, p);
    if (!d || !d->ip || !packet_read(p, 0, h, 8)) return packet_drop(p, DROP_PKT_TOO_SMALL);
    if (p->checksum == PACKET_CHECKSUM_NONE && checksum_fold(packet_checksum(p, 0, packet_bytes(p), 0)).raw)
        return packet_drop(p, DROP_IP_CSUM);
    if (h[0] == QUERY) take_query(d, h, packet_bytes(p));
    else if ((h[0] == V1_REPORT || h[0] == V2_REPORT) && p->kind != PACKET_LOOPBACK) heard_report(d, h);
    packet_consume(p);
}

const struct ip_protocol igmp_protocol = { .number = IPPROTO_IGMP, .receive = receive };
