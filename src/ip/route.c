/* From a flow to a route: the row of the table, the device, the next hop, the source. Answers are kept in a small
 * direct-mapped cache and shared, so that a thousand connections to one place hold one route. */
#include "ip/state.h"
#include "neighbour/neighbour.h"

struct answer { const struct ip_route_row *row; struct net_device *device; uint8_t kind, scope; ip_addr_t source; };

void route_put(struct route *r)
{
    if (!r || --r->references) return;
    struct machine *m = r->net->machine;
    if (r->neighbour) neighbour_put(r->neighbour);
    if (r->device) device_put(r->device);
    machine_free(m, route_entry_of(r), sizeof(struct route_entry));
}

bool route_is_current(const struct route *r)
{
    return r->generation == r->net->ip->generation && !(r->mtu_expires_ns <= ip_now(r->net));
}

void route_cache_flush(struct net *net)
{
    for (unsigned i = 0; i < ROUTE_CACHE_SLOTS; i++) {
        struct route *r = net->ip->cache[i];
        net->ip->cache[i] = NULL;
        route_put(r);
    }
    net->ip->generation++;
}

uint32_t route_device_mtu(const struct route *r)
{
    uint32_t mtu = r->device->mtu_bytes;
    if (r->version == 4) return min_of(mtu, 65535u);
    const struct ip_device *i = r->device->ip;
    return i && (uint32_t)i->config6.mtu >= IPV6_MIN_MTU ? min_of(mtu, (uint32_t)i->config6.mtu) : mtu;
}

uint32_t route_learned_mtu(struct route *r)
{
    if (r->mtu_expires_ns != NS_NEVER && r->mtu_expires_ns <= ip_now(r->net)) {
        r->mtu_bytes = 0;
        r->is_mtu_locked = false;
        r->mtu_expires_ns = NS_NEVER;
    }
    uint32_t device = route_device_mtu(r);
    return r->mtu_bytes ? min_of(r->mtu_bytes, device) : device;
}

uint32_t route_advmss(struct route *r)
{
    uint32_t headers = r->version == 4 ? 40 : 60;
    if (r->advmss_bytes) return r->advmss_bytes;
    uint32_t mtu = route_mtu(r), mss = mtu > headers ? mtu - headers : 0;
    uint32_t lowest = (uint32_t)(r->version == 4 ? r->net->sysctl.route_min_adv_mss
                                                 : r->net->sysctl.route6_min_adv_mss);
    return min_of(max_of(mss, lowest), r->version == 4 ? 65495u : 65515u);
}

static struct route **cache_slot(struct net *net, const struct ip_flow *flow)
{
    uint64_t words[3] = { flow->destination.quad[0], flow->destination.quad[1],
        (uint64_t)(uint32_t)flow->out_ifindex << 1 | flow->dont_route };
    return &net->ip->cache[siphash_table(&net->machine->hash_key, words, 3) % ROUTE_CACHE_SLOTS];
}

static struct route *cached(struct route *r, const struct ip_flow *flow)
{
    if (!r || !route_is_current(r)) return NULL;
    const struct route_entry *e = route_entry_of(r);
    return ip_equal(&e->destination, &flow->destination) && e->out_ifindex == flow->out_ifindex
            && e->dont_route == flow->dont_route
        ? r
        : NULL;
}

static void take_metrics(struct route *r, const struct ip_route_row *row)
{
    r->mtu_bytes = row->mtu_bytes;
    r->is_mtu_locked = row->is_mtu_locked;
    r->advmss_bytes = row->advmss_bytes;
    r->hop_limit = row->hop_limit;
    r->window = row->window;
    r->initcwnd = row->initcwnd;
    r->initrwnd = row->initrwnd;
    r->rto_min_ms = row->rto_min_ms;
    r->quick_ack = row->quick_ack;
    r->needs_no_cookie = row->fastopen_no_cookie;
    r->features_ecn = row->features & RTAX_FEATURE_ECN;
    r->has_gateway = row->has_gateway && row->kind == RTN_UNICAST;
    if (r->has_gateway) r->gateway = row->gateway;
}

static void take_exception(struct net *net, struct route *r, const ip_addr_t *destination)
{
    const struct pmtu_exception *e = r->kind == ROUTE_UNICAST ? pmtu_find(net, destination) : NULL;
    if (!e) return;
    if (e->mtu_bytes) {
        r->mtu_bytes = e->mtu_bytes;
        r->is_mtu_locked = r->is_mtu_locked || e->is_locked;
    }
    r->mtu_expires_ns = e->expires_ns;
    if (e->has_gateway) {
        r->gateway = e->gateway;
        r->has_gateway = true;
    }
}

static struct route *make_route(struct net *net, const struct ip_flow *flow, const struct answer *a)
{
    struct route_entry *e = machine_alloc(net->machine, sizeof(*e));
    if (!e) return NULL;
    bool is_local = a->kind == ROUTE_LOCAL;
    e->destination = flow->destination;
    e->out_ifindex = flow->out_ifindex;
    e->dont_route = flow->dont_route;
    e->input_ifindex = a->device->ifindex;
    e->r = (struct route){ .references = 1, .generation = net->ip->generation, .net = net, .kind = a->kind,
        .device = device_get(is_local ? net->loopback : a->device), .version = ip_is4(&flow->destination) ? 4 : 6,
        .gateway = flow->destination, .mtu_expires_ns = NS_NEVER, .preferred_source = a->source };
    if (a->row) take_metrics(&e->r, a->row);
    /* A group or a broadcast is on the link, whatever row led there. */
    if (a->kind == ROUTE_MULTICAST || a->kind == ROUTE_BROADCAST) e->r.has_gateway = false;
    if (!e->r.has_gateway) e->r.gateway = flow->destination;
    take_exception(net, &e->r, &flow->destination);
    return &e->r;
}

/* The errno of a row that only says no. */
static int refusal(const struct ip_route_row *row)
{
    switch (row->kind) {
    case RTN_BLACKHOLE: return -EINVAL;
    case RTN_UNREACHABLE: return -EHOSTUNREACH;
    case RTN_PROHIBIT: return -EACCES;
    case RTN_THROW: return -ENETUNREACH; /* there is no further table to look into */
    default: return 0;
    }
}

static int find_device(struct net *net, int32_t ifindex, struct net_device **out)
{
    *out = NULL;
    if (!ifindex) return 0;
    *out = device_by_index(net, (uint32_t)ifindex);
    if (!*out) return -ENODEV;
    return (*out)->flags & IFF_UP && (*out)->ip ? 0 : -ENETUNREACH;
}

static uint8_t kind4(const ip_addr_t *destination, uint8_t kind)
{
    if (kind == ROUTE_LOCAL) return kind;
    if (ip_is_broadcast4(destination)) return ROUTE_BROADCAST;
    return ip_is_multicast(destination) ? ROUTE_MULTICAST : kind;
}

static bool is_local_network_control(const ip_addr_t *a) { return (host32(ip_get4(a)) & 0xffffff00u) == 0xe0000000u; }

/* RFC 1122 §3.3.1, in the order of Linux's ip_route_output_key: device by name first, then the tables, then on-link. */
static int resolve4(struct net *net, const struct ip_flow *flow, struct answer *a)
{
    const ip_addr_t *to = &flow->destination;
    bool multicast = ip_is_multicast(to), limited = ip_is_broadcast4(to);
    int error = find_device(net, flow->out_ifindex, &a->device);
    if (error) return error;
    if (a->device && (limited || (multicast && is_local_network_control(to)))) {
        ip4_select_source(net, a->device, NULL, RT_SCOPE_LINK, &a->source);
        a->kind = kind4(to, ROUTE_UNICAST);
        return 0;
    }
    a->row = ip_fib_lookup(net, to, flow->out_ifindex);
    if (a->row && flow->dont_route && a->row->kind == RTN_UNICAST && a->row->has_gateway) a->row = NULL;
    if (!a->row) {
        if (!a->device) return -ENETUNREACH;
        ip4_select_source(net, a->device, NULL, multicast ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK, &a->source);
        a->kind = kind4(to, ROUTE_UNICAST);
        return 0;
    }
    if ((error = refusal(a->row)) != 0) return error;
    a->device = a->row->device;
    a->kind = kind4(to, a->row->kind);
    if (!ip_is_any(&a->row->preferred_source)) a->source = a->row->preferred_source;
    else if (a->kind == ROUTE_LOCAL) a->source = *to;
    else ip4_select_source(net, a->device, a->row->has_gateway ? &a->row->gateway : NULL, a->row->scope, &a->source);
    return to->bytes[12] ? 0 : -EINVAL;
}

static int resolve6(struct net *net, const struct ip_flow *flow, struct answer *a)
{
    const ip_addr_t *to = &flow->destination;
    int error = find_device(net, flow->out_ifindex, &a->device);
    if (error) return -ENETUNREACH; /* Linux: only IPv4 says that there is no such interface */
    bool named_loopback = a->device && (a->device->flags & IFF_LOOPBACK);
    a->row = ip_fib_lookup(net, to, named_loopback ? 0 : flow->out_ifindex);
    if (a->row && flow->dont_route && a->row->has_gateway) a->row = NULL;
    /* A bound device does not hide that an address is ours. */
    if (!a->row && flow->out_ifindex) a->row = ip_table_lookup(net, IP_TABLE_LOCAL, to, 0);
    if (!a->row || (a->row->kind == RTN_MULTICAST && !a->row->device)) return -ENETUNREACH;
    if ((error = refusal(a->row)) != 0) return error;
    a->device = a->row->device;
    a->kind = ip_is_multicast(to) ? ROUTE_MULTICAST : a->row->kind == RTN_LOCAL ? ROUTE_LOCAL : ROUTE_UNICAST;
    if (!ip_is_any(&a->row->preferred_source)) a->source = a->row->preferred_source;
    else ip6_select_source(net, a->device, to, &a->source);
    return 0;
}

/* IPv4: a source that a caller names must be possible, ours, and able to leave by that device. 0 or -EINVAL. */
static int check_source4(struct net *net, const struct ip_flow *flow)
{
    const ip_addr_t *s = &flow->source;
    if (ip_is_multicast(s) || ip_is_broadcast4(s) || (!s->bytes[12] && !ip_is_any(s))) return -EINVAL;
    return flow->any_source_allowed || ip_is_local(net, s) ? 0 : -EINVAL;
}

static int check_leaves_host4(struct net *net, const struct ip_flow *flow, const struct route *r)
{
    bool crosses = flow->source.bytes[12] == 127 && !(r->device->flags & IFF_LOOPBACK);
    return crosses && !(r->device->ip && (r->device->ip->config4.route_localnet || net->ip->all4.route_localnet))
        ? -EINVAL
        : 0;
}

/* Fills what was left open in the question. */
static int complete_flow(struct net *net, struct ip_flow *flow, bool has_source)
{
    bool four = ip_is4(&flow->destination);
    if (four && has_source) {
        int error = check_source4(net, flow);
        if (error) return error;
        if (!flow->out_ifindex && (ip_is_multicast(&flow->destination) || ip_is_broadcast4(&flow->destination))) {
            const struct ip_address *a = ip_address_find_anywhere(net, &flow->source);
            if (a) flow->out_ifindex = (int32_t)a->device->ifindex;
        }
    }
    if (!ip_is_any(&flow->destination)) return 0;
    /* 0.0.0.0 and :: mean this host. */
    if (has_source) flow->destination = flow->source;
    else if (four) flow->destination = ip_from4(be32(0x7f000001));
    else flow->destination = (ip_addr_t){ .bytes = { [15] = 1 } };
    return 0;
}

static struct route *look_up(struct net *net, const struct ip_flow *flow, int *error)
{
    struct route **slot = net->ip->last_answer; /* what is asked next is mostly the same again */
    struct route *r = slot ? cached(*slot, flow) : NULL;
    if (r) return r;
    slot = net->ip->last_answer = cache_slot(net, flow);
    r = cached(*slot, flow);
    if (r) return r;
    struct answer a = { 0 };
    a.source = ip_is4(&flow->destination) ? ip_any4() : ip_any6();
    *error = ip_is4(&flow->destination) ? resolve4(net, flow, &a) : resolve6(net, flow, &a);
    if (*error) return NULL;
    r = make_route(net, flow, &a);
    if (!r) {
        *error = -ENOBUFS;
        return NULL;
    }
    route_put(*slot);
    *slot = r;
    return r;
}

struct route *route_find(struct net *net, struct ip_flow *flow, int *error)
{
    bool has_source = !ip_is_any(&flow->source);
    int32_t asked_ifindex = flow->out_ifindex;
    *error = complete_flow(net, flow, has_source);
    struct route *r = *error ? NULL : look_up(net, flow, error);
    flow->out_ifindex = asked_ifindex;
    if (r && has_source && r->version == 4 && (*error = check_leaves_host4(net, flow, r)) != 0) r = NULL;
    if (!r) return NULL;
    if (!has_source) flow->source = r->preferred_source;
    return route_get(r);
}

struct route *route_output(struct net *net, struct ip_flow *flow, int *error)
{
    struct route *r = route_find(net, flow, error);
    if (!r && *error == -ENETUNREACH) {
        if (ip_is4(&flow->destination)) count(net, Ip, OutNoRoutes);
        else count(net, Ip6, OutNoRoutes);
    }
    return r;
}

struct route *route_forward(struct net *net, const ip_addr_t *destination, int *error)
{
    struct ip_flow flow = { .destination = *destination, .any_source_allowed = true };
    struct route *r = look_up(net, &flow, error);
    return r ? route_get(r) : NULL;
}
