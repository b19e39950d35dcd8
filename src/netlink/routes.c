/* RTM_GETROUTE, RTM_NEWROUTE, RTM_DELROUTE: routes as `ip route` shows and changes them; and the three rules that Linux's
 * tables are looked up by. */
#include "ip/address.h"
#include "ip/table.h"
#include "netlink/netlink_sock.h"

enum { RULE_TABLE = 15, RULE_SUPPRESS_PREFIX = 14, RULE_PROTOCOL = 21, RULE_PRIORITY = 6, RULE_TO_TABLE = 1, HERTZ = 100 };

static void put_metrics(struct netlink_writer *w, const struct ip_route_row *row)
{
    const struct { uint16_t type; uint32_t value; } metrics[] = { { RTAX_LOCK, row->is_mtu_locked ? 1u << RTAX_MTU : 0 }, { RTAX_MTU, row->mtu_bytes },
        { RTAX_WINDOW, row->window }, { RTAX_ADVMSS, row->advmss_bytes }, { RTAX_HOPLIMIT, row->hop_limit }, { RTAX_INITCWND, row->initcwnd },
        { RTAX_FEATURES, row->features }, { RTAX_RTO_MIN, row->rto_min_ms }, { RTAX_INITRWND, row->initrwnd }, { RTAX_QUICKACK, row->quick_ack },
        { RTAX_FASTOPEN_NO_COOKIE, row->fastopen_no_cookie } };
    uint32_t nest = 0;

    for (size_t i = 0; i < array_count(metrics); i++) {
        if (!metrics[i].value) continue;
        if (!nest) nest = netlink_nest(w, RTA_METRICS);
        netlink_put_u32(w, metrics[i].type, metrics[i].value);
    }
    if (nest) netlink_nest_end(w, nest);
}

static void put_row(struct netlink_writer *w, const struct net *net, const struct ip_route_row *row)
{
    netlink_put_u32(w, RTA_TABLE, row->table);
    if (row->prefix_bits) netlink_put_address(w, RTA_DST, &row->destination);
    if (row->version == 6 || row->metric) netlink_put_u32(w, RTA_PRIORITY, row->metric);
    put_metrics(w, row);
    if (!ip_is_any(&row->preferred_source)) netlink_put_address(w, RTA_PREFSRC, &row->preferred_source);
    if (row->has_gateway) netlink_put_address(w, RTA_GATEWAY, &row->gateway);
    if (row->device) netlink_put_u32(w, RTA_OIF, row->device->ifindex);
    if (row->version == 6) {
        struct rta_cacheinfo cache = { 0 };

        if (row->expires_ns && row->expires_ns != NS_NEVER) cache.rta_expires = (int32_t)((int64_t)(row->expires_ns - net->machine->now_ns) / (int64_t)(NS_PER_S / HERTZ));
        netlink_put(w, RTA_CACHEINFO, &cache, sizeof(cache));
        netlink_put_u8(w, RTA_PREF, 0);
    }
}

static struct rtmsg header_of(const struct ip_route_row *row)
{
    return (struct rtmsg){ .rtm_family = row->version == 4 ? AF_INET : AF_INET6, .rtm_dst_len = row->prefix_bits, .rtm_tos = row->tos,
        .rtm_table = row->table < 256 ? (uint8_t)row->table : RT_TABLE_COMPAT, .rtm_protocol = row->protocol,
        .rtm_scope = row->version == 4 ? row->scope : RT_SCOPE_UNIVERSE, .rtm_type = row->kind };
}

void rtnetlink_route_changed(struct net *net, const struct ip_route_row *row, enum change change)
{
    uint16_t flags = change == CHANGE_NEW ? NLM_F_CREATE | NLM_F_EXCL : change == CHANGE_REPLACED ? NLM_F_REPLACE : 0;
    uint32_t group = row->version == 4 ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
    struct rtmsg h = header_of(row);
    struct netlink_notice n;

    if (!netlink_notice_begin(&n, net, group, change == CHANGE_GONE ? RTM_DELROUTE : RTM_NEWROUTE, flags, NETLINK_NAMES_REQUEST, &h, sizeof(h))) return;
    put_row(&n.out, net, row);
    netlink_notice_end(&n);
}

struct route_walk { struct netlink_dump_run *run; uint32_t table, ifindex; uint8_t protocol, kind; };

static int dump_row(void *ctx, const struct ip_route_row *row)
{
    struct route_walk *walk = ctx;
    struct rtmsg h = header_of(row);

    if (walk->table && row->table != walk->table) return 0;
    if (walk->protocol && row->protocol != walk->protocol) return 0;
    if (walk->kind && row->kind != walk->kind) return 0;
    if (walk->ifindex && (!row->device || row->device->ifindex != walk->ifindex)) return 0;
    if (!netlink_dump_entry(walk->run, RTM_NEWROUTE, &h, sizeof(h))) return 0;
    put_row(&walk->run->out, walk->run->net, row);
    return netlink_dump_entry_end(walk->run);
}

int rtnetlink_dump_routes(struct netlink_dump_run *run)
{
    const struct rtmsg *h = NLMSG_DATA(run->request);
    struct route_walk walk = { .run = run };

    if (run->ns->wants_strict && netlink_payload_bytes(run->request) >= sizeof(*h)) {
        walk = (struct route_walk){ run, h->rtm_table, 0, h->rtm_protocol, h->rtm_type };
        netlink_attribute_u32(run->request, sizeof(*h), RTA_TABLE, &walk.table);
        netlink_attribute_u32(run->request, sizeof(*h), RTA_OIF, &walk.ifindex);
        run->flags |= NLM_F_DUMP_FILTERED;
    }
    if (h->rtm_family != AF_INET6) ip_route_each(run->net, 4, dump_row, &walk);
    if (h->rtm_family != AF_INET && !run->is_full) ip_route_each(run->net, 6, dump_row, &walk);
    return 0;
}

/* IPv6 shows the row behind an answer, which struct route does not name: the longest prefix with its device, then metric. */
struct row_search { const struct ip_flow *flow; const struct route *route; const struct ip_route_row *best; };

static int find_row(void *ctx, const struct ip_route_row *row)
{
    struct row_search *s = ctx;

    if (row->device != s->route->device && row->kind != RTN_LOCAL) return 0;
    if (!ip_in_prefix(&s->flow->destination, &row->destination, row->prefix_bits)) return 0;
    if (s->best && (row->prefix_bits < s->best->prefix_bits || (row->prefix_bits == s->best->prefix_bits && row->metric >= s->best->metric))) return 0;
    s->best = row;
    return 0;
}

static void put_answer6(struct netlink_writer *w, const struct ip_flow *asked, const struct ip_flow *flow, const struct route *r, const struct ip_route_row *row)
{
    struct rta_cacheinfo cache = { 0 };

    netlink_put_u32(w, RTA_TABLE, row ? row->table : RT_TABLE_MAIN);
    netlink_put_address(w, RTA_DST, &flow->destination);
    netlink_put_address(w, RTA_SRC, &asked->source);
    if (!ip_is_any(&flow->source)) netlink_put_address(w, RTA_PREFSRC, &flow->source);
    if (r->has_gateway) netlink_put_address(w, RTA_GATEWAY, &r->gateway);
    netlink_put_u32(w, RTA_OIF, r->device->ifindex);
    netlink_put_u32(w, RTA_PRIORITY, row ? row->metric : 0);
    netlink_put(w, RTA_CACHEINFO, &cache, sizeof(cache));
    netlink_put_u8(w, RTA_PREF, 0);
}

static void put_answer4(struct netlink_writer *w, const struct ip_flow *flow, const struct route *r)
{
    struct rta_cacheinfo cache = { 0 };

    netlink_put_u32(w, RTA_TABLE, RT_TABLE_MAIN); /* Linux: whatever the table */
    netlink_put_address(w, RTA_DST, &flow->destination);
    netlink_put_u32(w, RTA_OIF, r->device->ifindex);
    if (!ip_is_any(&flow->source)) netlink_put_address(w, RTA_PREFSRC, &flow->source);
    if (r->has_gateway) netlink_put_address(w, RTA_GATEWAY, &r->gateway);
    netlink_put_u32(w, RTA_UID, flow->uid);
    netlink_put(w, RTA_CACHEINFO, &cache, sizeof(cache));
}

/* RTCF_* of linux/in_route.h */
static uint32_t cache_flags(const struct route *r, const ip_addr_t *destination)
{
    uint32_t local = r->device->flags & IFF_LOOPBACK ? RTCF_LOCAL : 0;

    switch (r->kind) {
    case ROUTE_LOCAL: return RTCF_LOCAL;
    case ROUTE_BROADCAST: return RTCF_BROADCAST | RTCF_LOCAL;
    case ROUTE_MULTICAST: return RTCF_MULTICAST | (ip_group_has(r->device, destination) ? RTCF_LOCAL : local);
    default: return local;
    }
}

/* `ip route get` */
int rtnetlink_get_route(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct rtmsg *asked = NLMSG_DATA(request);
    bool is6 = asked->rtm_family == AF_INET6;
    struct ip_flow flow = { .uid = c->credentials->uid, .destination = is6 ? ip_any6() : ip_any4(), .source = is6 ? ip_any6() : ip_any4() };
    struct rtmsg h = { .rtm_family = asked->rtm_family, .rtm_dst_len = is6 ? 128 : 32, .rtm_flags = RTM_F_CLONED };
    struct ip_flow asked_flow;
    struct row_search search = { .flow = &flow };
    struct netlink_writer w;
    struct route *r;
    uint32_t ifindex = 0;
    int error = 0;

    if (!is6 && asked->rtm_family != AF_INET) return -EOPNOTSUPP;
    netlink_attribute_address(request, sizeof(*asked), RTA_DST, asked->rtm_family, &flow.destination);
    netlink_attribute_address(request, sizeof(*asked), RTA_SRC, asked->rtm_family, &flow.source);
    netlink_attribute_u32(request, sizeof(*asked), RTA_MARK, &flow.mark);
    if (netlink_attribute_u32(request, sizeof(*asked), RTA_OIF, &ifindex)) flow.out_ifindex = (int32_t)ifindex;
    asked_flow = flow;
    r = route_output(c->net, &flow, &error);
    if (!r) return error;
    search.route = r;
    h.rtm_type = r->kind;
    h.rtm_table = RT_TABLE_MAIN;
    if (is6) {
        ip_route_each(c->net, 6, find_row, &search);
        h.rtm_table = search.best ? (uint8_t)search.best->table : RT_TABLE_MAIN;
        h.rtm_protocol = search.best ? search.best->protocol : RTPROT_UNSPEC;
        h.rtm_src_len = 128;
        h.rtm_flags = 0;
    } else {
        h.rtm_flags |= cache_flags(r, &flow.destination);
    }
    if (netlink_writer_init(&w, c->net->machine, 512)) {
        netlink_begin(&w, request, RTM_NEWROUTE, 0, c->ns->port_id, &h, sizeof(h));
        if (is6) put_answer6(&w, &asked_flow, &flow, r, search.best);
        else put_answer4(&w, &flow, r);
        netlink_end(&w);
        netlink_answer(c->ns, &w);
    } else {
        error = -ENOBUFS;
    }
    route_put(r);
    return error;
}

static void read_metrics(const struct nlmsghdr *request, struct ip_route_row *row)
{
    uint32_t bytes = 0, locked = 0;
    const uint8_t *at = netlink_attribute(request, sizeof(struct rtmsg), RTA_METRICS, &bytes);

    while (at && bytes >= 8) {
        struct nlattr a;
        uint32_t value, step;

        memcpy(&a, at, sizeof(a));
        memcpy(&value, at + sizeof(a), sizeof(value));
        if (a.nla_len < 8) return;
        switch (a.nla_type) {
        case RTAX_LOCK: locked = value; break;
        case RTAX_MTU: row->mtu_bytes = value; break;
        case RTAX_WINDOW: row->window = value; break;
        case RTAX_ADVMSS: row->advmss_bytes = value; break;
        case RTAX_HOPLIMIT: row->hop_limit = value; break;
        case RTAX_INITCWND: row->initcwnd = value; break;
        case RTAX_FEATURES: row->features = value; break;
        case RTAX_RTO_MIN: row->rto_min_ms = value; break;
        case RTAX_INITRWND: row->initrwnd = value; break;
        case RTAX_QUICKACK: row->quick_ack = value; break;
        case RTAX_FASTOPEN_NO_COOKIE: row->fastopen_no_cookie = value; break;
        default: break;
        }
        step = min_of(NLMSG_ALIGN((uint32_t)a.nla_len), bytes);
        at += step;
        bytes -= step;
    }
    row->is_mtu_locked = locked >> RTAX_MTU & 1;
}

static int parse_row(struct netlink_context *c, const struct nlmsghdr *request, struct ip_route_row *row)
{
    const struct rtmsg *h = NLMSG_DATA(request);
    bool is6 = h->rtm_family == AF_INET6;
    uint32_t ifindex, bytes;

    if (!is6 && h->rtm_family != AF_INET) return -EOPNOTSUPP;
    if (h->rtm_dst_len > (is6 ? 128 : 32)) return -EINVAL;
    *row = (struct ip_route_row){ .version = is6 ? 6 : 4, .prefix_bits = h->rtm_dst_len, .table = h->rtm_table ? h->rtm_table : RT_TABLE_MAIN,
        .kind = h->rtm_type ? h->rtm_type : RTN_UNICAST, .scope = h->rtm_scope, .protocol = h->rtm_protocol, .tos = h->rtm_tos, .expires_ns = NS_NEVER };
    row->destination = row->gateway = row->preferred_source = is6 ? ip_any6() : ip_any4();
    netlink_attribute_address(request, sizeof(*h), RTA_DST, h->rtm_family, &row->destination);
    row->has_gateway = netlink_attribute_address(request, sizeof(*h), RTA_GATEWAY, h->rtm_family, &row->gateway) && !ip_is_any(&row->gateway);
    netlink_attribute_address(request, sizeof(*h), RTA_PREFSRC, h->rtm_family, &row->preferred_source);
    netlink_attribute_u32(request, sizeof(*h), RTA_PRIORITY, &row->metric);
    netlink_attribute_u32(request, sizeof(*h), RTA_TABLE, &row->table);
    if (netlink_attribute(request, sizeof(*h), RTA_MULTIPATH, &bytes) || netlink_attribute(request, sizeof(*h), RTA_ENCAP, &bytes)) return -EOPNOTSUPP;
    read_metrics(request, row);
    if (!netlink_attribute_u32(request, sizeof(*h), RTA_OIF, &ifindex)) return 0;
    row->device = device_by_index(c->net, ifindex);
    return row->device ? 0 : -ENODEV;
}

static bool is_masked(const struct ip_route_row *row)
{
    ip_addr_t masked = ip_masked(&row->destination, row->prefix_bits);

    return ip_equal(&masked, &row->destination);
}

static enum route_existing existing_of(const struct nlmsghdr *request)
{
    if (!(request->nlmsg_flags & NLM_F_REPLACE)) return ROUTE_ADD;
    return request->nlmsg_flags & NLM_F_CREATE ? ROUTE_REPLACE : ROUTE_CHANGE;
}

int rtnetlink_new_route(struct netlink_context *c, const struct nlmsghdr *request)
{
    struct ip_route_row row;
    int error = parse_row(c, request, &row);

    if (error) return error;
    if (row.version == 6 && !row.metric) row.metric = 1024; /* Linux's default for IPv6 */
    error = ip_route_add(c->net, &row, existing_of(request));
    if (error == -ENETUNREACH || (error == -EINVAL && row.has_gateway && is_masked(&row))) c->text = "Nexthop has invalid gateway";
    return error;
}

int rtnetlink_delete_route(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct rtmsg *h = NLMSG_DATA(request);
    struct ip_route_row row;
    int error = parse_row(c, request, &row);

    if (error) return error;
    row.kind = h->rtm_type;
    return ip_route_remove(c->net, &row);
}

int rtnetlink_dump_rules(struct netlink_dump_run *run)
{
    static const struct { uint8_t table; uint32_t priority; } rules[] = { { RT_TABLE_LOCAL, 0 }, { RT_TABLE_MAIN, 32766 }, { RT_TABLE_DEFAULT, 32767 } };
    uint8_t asked = ((const struct rtgenmsg *)NLMSG_DATA(run->request))->rtgen_family;

    for (uint8_t family = AF_INET; family <= AF_INET6; family = (uint8_t)(family + AF_INET6 - AF_INET)) {
        for (size_t i = 0; i < array_count(rules) && (asked == AF_UNSPEC || asked == family); i++) {
            struct rtmsg h = { .rtm_family = family, .rtm_table = rules[i].table, .rtm_type = RULE_TO_TABLE };

            if (family == AF_INET6 && rules[i].table == RT_TABLE_DEFAULT) continue;
            if (!netlink_dump_entry(run, RTM_NEWRULE, &h, sizeof(h))) continue;
            netlink_put_u32(&run->out, RULE_TABLE, rules[i].table);
            netlink_put_u32(&run->out, RULE_SUPPRESS_PREFIX, UINT32_MAX);
            netlink_put_u8(&run->out, RULE_PROTOCOL, RTPROT_KERNEL);
            if (rules[i].priority) netlink_put_u32(&run->out, RULE_PRIORITY, rules[i].priority);
            if (netlink_dump_entry_end(run)) return 0;
        }
    }
    return 0;
}
