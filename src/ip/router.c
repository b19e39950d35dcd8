/* What routers of the link tell a host (RFC 4861 §6.3, RFC 4862 §5.5, RFC 7559): solicited when an interface has its
 * link-local address; default routes, prefixes, addresses, hop limit, MTU. All of it is bounded: anyone on the link can
 * claim to be a router. */
#include "ip/state.h"
#include "neighbour/neighbour.h"

enum { OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2, OPTION_PREFIX = 3, OPTION_MTU = 5, OPTION_DNS_SERVER = 25,
    OPTION_DNS_SEARCH = 31, OPTION_CAPTIVE_PORTAL = 37, OPTION_PREFIX64 = 38, OPTION_MOST_BYTES = 255 * 8 };
enum { MOST_ROUTES = 64 };

struct router {                    /* one for each interface that solicits; owned by ip_net */
    struct router *next;
    struct net_device *device;
    struct timer timer;
    uint64_t interval_ns;
    uint32_t sent;
    bool is_soliciting;
};
struct advert {
    uint8_t type, code;
    be16_t checksum;
    uint8_t hop_limit, flags;
    be16_t lifetime_s;
    be32_t reachable_ms, retrans_ms;
} WIRE_PACKED;
struct prefix_option {
    uint8_t type, length, bits, flags;
    be32_t valid_s, preferred_s, reserved;
    uint8_t prefix[16];
} WIRE_PACKED;
static_assert(sizeof(struct advert) == 16 && sizeof(struct prefix_option) == 32, "RFC 4861 §4.2, §4.6.2");

static bool accepts(const struct net_device *d)
{
    int32_t want = d->ip->config6.accept_ra;
    return want == 2 || (want == 1 && !d->ip->config6.forwarding);
}

static void solicit(struct net_device *d)
{
    static const ip_addr_t routers = { .bytes = { 0xff, 2, [15] = 2 } };
    uint8_t *at;
    ip_addr_t source;
    bool has_source = ip6_select_source(d->net, d, &routers, &source);
    struct packet *p = icmp_make(d->net, has_source ? 16 : 8, &at);
    if (!p) return;
    at[0] = 133;
    if (has_source) {
        at[8] = OPTION_SOURCE_MAC;
        at[9] = 1;
        memcpy(at + 10, d->mac.bytes, 6);
    }
    ip_neighbour_host.send(d, p, &source, &routers);
}

struct expiry { uint64_t now_ns, next_ns; const struct net_device *device; };

static int find_next(void *ctx, const struct ip_route_row *row)
{
    struct expiry *e = ctx;
    if (row->expires_ns && row->device == e->device) e->next_ns = min_of(e->next_ns, row->expires_ns);
    return 0;
}
static bool is_over(const struct ip_route_row *row, const void *ctx)
{
    const struct expiry *e = ctx;
    return row->expires_ns && row->device == e->device && row->expires_ns <= e->now_ns;
}

/* Linux: -1 solicitations without end, the interval doubling up to an hour (RFC 7559). */
static uint64_t next_solicitation(struct router *r, uint64_t now_ns)
{
    const struct ip6_config *c = &r->device->ip->config6;
    if (!r->is_soliciting || (c->router_solicitations >= 0 && r->sent >= (uint32_t)c->router_solicitations))
        return NS_NEVER;
    uint64_t interval = r->interval_ns;
    r->interval_ns = min_of(
        interval * 2, (uint64_t)max_of(c->router_solicitation_max_interval, 4) * (uint64_t)NS_PER_S);
    uint32_t tenth = (uint32_t)min_of(interval / NS_PER_MS / 5, 0x7fffffffu);
    return now_ns + interval - interval / 10 + random_below(&r->device->net->machine->random.jitter, tenth) * NS_PER_MS;
}

static void arm(struct router *r, uint64_t solicit_at_ns)
{
    struct expiry e = { .next_ns = solicit_at_ns, .device = r->device };
    ip_route_each(r->device->net, 6, find_next, &e);
    if (e.next_ns != NS_NEVER) timer_arm(&r->device->net->machine->wheel, &r->timer, e.next_ns);
    else timer_cancel(&r->device->net->machine->wheel, &r->timer);
}

static void fire(struct timer *t, uint64_t now_ns)
{
    struct router *r = container_of(t, struct router, timer);
    struct expiry e = { .now_ns = now_ns, .device = r->device };
    ip_table_flush(r->device->net, is_over, &e);
    uint64_t next = NS_NEVER;
    if (r->is_soliciting) {
        solicit(r->device);
        r->sent++;
        next = next_solicitation(r, now_ns);
        if (next == NS_NEVER) r->is_soliciting = false;
    }
    arm(r, next);
}

static struct router *find(struct net_device *d)
{
    for (struct router *r = d->net->ip->routers; r; r = r->next) {
        if (r->device == d) return r;
    }
    return NULL;
}

static struct router *find_or_make(struct net_device *d)
{
    struct router *r = find(d);
    if (r || !(r = machine_alloc(d->net->machine, sizeof(*r)))) return r;
    r->device = d;
    timer_init(&r->timer, fire);
    r->next = d->net->ip->routers;
    d->net->ip->routers = r;
    return r;
}

void ip_router_device_up(struct net_device *d)
{
    const struct ip6_config *c = &d->ip->config6;
    if ((d->flags & IFF_LOOPBACK) || !accepts(d) || !c->router_solicitations) return;
    struct router *r = find_or_make(d);
    if (!r) return;
    r->is_soliciting = true;
    r->sent = 0;
    r->interval_ns = (uint64_t)max_of(c->router_solicitation_interval, 1) * (uint64_t)NS_PER_S;
    uint32_t delay_ms = (uint32_t)max_of(c->router_solicitation_delay, 0) * 1000u;
    arm(r, ip_now(d->net) + random_below(&d->net->machine->random.jitter, max_of(delay_ms, 1u)) * NS_PER_MS);
}

void ip_router_device_down(struct net_device *d)
{
    for (struct router **at = &d->net->ip->routers; *at; at = &(*at)->next) {
        struct router *r = *at;
        if (r->device != d) continue;
        timer_cancel(&d->net->machine->wheel, &r->timer);
        *at = r->next;
        machine_free(d->net->machine, r, sizeof(*r));
        return;
    }
}

void ip_router_stop(struct net *net)
{
    while (net->ip->routers) ip_router_device_down(net->ip->routers->device);
}

static int count_learned(void *ctx, const struct ip_route_row *row)
{
    *(unsigned *)ctx += row->protocol == RTPROT_RA;
    return 0;
}

/* Adds, renews or (lifetime 0) removes a row that a router told of. */
static void learn_row(struct net_device *d, const ip_addr_t *destination, unsigned bits, const ip_addr_t *gateway,
    uint32_t metric, uint64_t lifetime_s)
{
    struct ip_route_row row = { .destination = ip_masked(destination, bits),
        .prefix_bits = (uint8_t)bits,
        .version = 6,
        .table = RT_TABLE_MAIN,
        .metric = metric,
        .kind = RTN_UNICAST,
        .protocol = gateway ? RTPROT_RA : RTPROT_KERNEL,
        .device = d,
        .has_gateway = gateway != NULL };
    unsigned learned = 0;
    if (gateway) row.gateway = *gateway;
    if (!lifetime_s) {
        (void)ip_table_remove(d->net, &row);
        return;
    }
    if (lifetime_s != UINT32_MAX) row.expires_ns = ip_now(d->net) + lifetime_s * NS_PER_S;
    if (!ip_table_renew(d->net, &row)) return;
    ip_route_each(d->net, 6, count_learned, &learned);
    if (learned >= MOST_ROUTES) return;
    (void)ip_table_add(d->net, &row, ROUTE_ADD); /* no memory: the next advertisement tells it again */
}

static uint64_t until(const struct net *net, uint32_t lifetime_s)
{
    return lifetime_s == UINT32_MAX ? NS_NEVER : ip_now(net) + lifetime_s * NS_PER_S;
}

/* RFC 4862 §5.5.3 (e): a short lifetime may not end an address within two hours. */
static void renew(struct ip_address *a, uint32_t valid_s, uint32_t preferred_s)
{
    const uint64_t two_hours_ns = 7200 * NS_PER_S;
    struct net *net = a->device->net;
    uint64_t valid = until(net, valid_s), now = ip_now(net);
    bool honoured = a->device->ip->config6.ra_honor_pio_life;
    if (!honoured && valid != NS_NEVER && valid < now + two_hours_ns && valid < a->valid_until_ns)
        valid = min_of(a->valid_until_ns, now + two_hours_ns);
    ip_address_lifetimes(a, valid, min_of(until(net, preferred_s), valid));
}

static void configure_address(struct net_device *d, const ip_addr_t *prefix, uint32_t valid_s, uint32_t preferred_s)
{
    ip_addr_t a = ip_interface_identifier(d, prefix);
    struct ip_address *have = ip_address_find(d, &a);
    unsigned present = 0;
    list_for_each(it, &d->ip->addresses6) present++;
    if (!have) {
        int32_t most = d->ip->config6.max_addresses;
        if (!valid_s || (most > 0 && present >= (unsigned)most)) return;
        (void)ip_address_configure(d, &a, 64, IFA_F_NOPREFIXROUTE, until(d->net, valid_s), until(d->net, preferred_s));
    } else if (!(have->flags & IFA_F_PERMANENT)) {
        renew(have, valid_s, preferred_s);
    }
}

static void take_prefix(struct net_device *d, const struct prefix_option *o)
{
    ip_addr_t prefix = ip_from6(o->prefix);
    uint32_t valid_s = host32(o->valid_s), preferred_s = host32(o->preferred_s);
    if (valid_s && valid_s < (uint32_t)max_of(d->ip->config6.accept_ra_min_lft, 0)) return;
    if (o->bits > 128 || ip_is4(&prefix) || ip_is_multicast(&prefix) || ip_is_link_local(&prefix) || preferred_s > valid_s) return;
    prefix = ip_masked(&prefix, o->bits);
    if (o->flags & 0x80) learn_row(d, &prefix, o->bits, NULL, 256, valid_s);
    if ((o->flags & 0x40) && d->ip->config6.autoconf && o->bits == 64)
        configure_address(d, &prefix, valid_s, preferred_s);
}

static void take_router_mac(struct net_device *d, const ip_addr_t *router, const uint8_t *bytes)
{
    struct mac_addr mac;
    struct neighbour *n = neighbour_lookup(d, router, true);
    if (!n) return;
    memcpy(mac.bytes, bytes, 6);
    (void)neighbour_update(n, &mac, NUD_STALE, NEIGHBOUR_OVERRIDE | NEIGHBOUR_SET_ROUTER | NEIGHBOUR_IS_ROUTER);
    neighbour_put(n);
}

/* Linux: ndisc_is_useropt. `o` holds the beginning of the option; the whole of it is in p, at offset. */
static void tell_programs(struct net_device *d, const struct packet *p, uint32_t offset)
{
    const struct composition *c = d->net->machine->composition;
    uint8_t o[OPTION_MOST_BYTES];
    if (!packet_read(p, offset, o, 2) || !packet_read(p, offset, o, o[1] * 8u)) return;
    if (o[0] == OPTION_PREFIX && o[1] == 4 && c->prefix_heard) c->prefix_heard(d, o);
    bool for_programs = o[0] == OPTION_DNS_SERVER || o[0] == OPTION_DNS_SEARCH || o[0] == OPTION_CAPTIVE_PORTAL || o[0] == OPTION_PREFIX64;
    if (for_programs && c->option_heard) c->option_heard(d, &p->ip.source, o, o[1] * 8u);
}

static void take_option(struct net_device *d, const struct packet *p, const uint8_t *o)
{
    if (o[0] == OPTION_SOURCE_MAC && o[1] == 1) take_router_mac(d, &p->ip.source, o + 2);
    if (o[0] == OPTION_PREFIX && o[1] == 4 && d->ip->config6.accept_ra_pinfo) take_prefix(d, (const void *)o);
    if (o[0] == OPTION_MTU && o[1] == 1 && d->ip->config6.accept_ra_mtu) {
        be32_t mtu;
        memcpy(&mtu, o + 4, 4);
        if (host32(mtu) < IPV6_MIN_MTU || host32(mtu) > d->mtu_bytes) return;
        d->ip->config6.mtu = (int32_t)host32(mtu);
        d->net->ip->generation++;
    }
}

static bool options_are_sound(const struct packet *p, uint32_t offset)
{
    uint8_t o[2];
    for (; offset < packet_bytes(p); offset += o[1] * 8u) {
        if (!packet_read(p, offset, o, 2) || !o[1] || offset + o[1] * 8u > packet_bytes(p)) return false;
    }
    return true;
}

static void take_options(struct net_device *d, const struct packet *p, uint32_t offset)
{
    uint8_t o[32];
    for (; offset < packet_bytes(p); offset += o[1] * 8u) {
        memset(o, 0, sizeof(o));
        packet_read(p, offset, o, 2);
        packet_read(p, offset, o, min_of((uint32_t)sizeof(o), o[1] * 8u));
        take_option(d, p, o);
        tell_programs(d, p, offset);
    }
}

static void take_parameters(struct net_device *d, const struct advert *h)
{
    struct neighbour_parameters *np = d->ip->neighbour6;
    if (h->hop_limit && h->hop_limit >= d->ip->config6.accept_ra_min_hop_limit) d->ip->config6.hop_limit = h->hop_limit;
    uint32_t reachable = host32(h->reachable_ms), retrans = host32(h->retrans_ms);
    if (np && reachable && reachable < 3600000) np->base_reachable_time_ms = reachable;
    if (np && retrans >= 10 && retrans < 3600000) np->retrans_time_ms = retrans;
}

void ip_router_advertised(struct net_device *d, struct packet *p)
{
    static const ip_addr_t any;
    struct advert h;
    if (!ip_is_link_local(&p->ip.source) || !packet_read(p, 0, &h, sizeof(h)) || !options_are_sound(p, sizeof(h)))
        return packet_drop(p, DROP_IPV6_NDISC_BAD_OPTIONS);
    /* Our own, looped back by the link, tells nothing. */
    bool is_own = ip_address_find(d, &p->ip.source) && !d->ip->config6.accept_ra_from_local;
    if (!accepts(d) || is_own) return packet_consume(p);
    struct router *r = find_or_make(d);
    if (!r) return packet_drop(p, DROP_NOMEM);
    if (host16(h.lifetime_s)) r->is_soliciting = false;
    take_parameters(d, &h);
    take_options(d, p, sizeof(h));
    uint16_t lifetime_s = host16(h.lifetime_s);
    const struct ip6_config *c = &d->ip->config6;
    bool too_short = lifetime_s && lifetime_s < max_of(c->accept_ra_min_lft, 0);
    if (c->accept_ra_defrtr && !too_short)
        learn_row(d, &any, 0, &p->ip.source, (uint32_t)max_of(c->ra_defrtr_metric, 1), lifetime_s);
    arm(r, r->is_soliciting ? ip_now(d->net) + r->interval_ns : NS_NEVER);
    packet_consume(p);
}

/* RFC 4861 §8: from the router we use now, about where it sends us instead. */
void ip_redirected6(struct net_device *d, struct packet *p)
{
    struct { uint8_t head[8], target[16], destination[16]; } h;
    if (!ip_is_link_local(&p->ip.source) || !packet_read(p, 0, &h, sizeof(h)) || !options_are_sound(p, sizeof(h)))
        return packet_drop(p, DROP_IPV6_NDISC_BAD_OPTIONS);
    ip_addr_t target = ip_from6(h.target), destination = ip_from6(h.destination);
    bool on_link = ip_equal(&target, &destination);
    struct ip_flow flow = { .destination = destination, .any_source_allowed = true };
    int error;
    bool accepted = d->ip->config6.accept_redirects && !d->ip->config6.forwarding && !ip_is4(&destination)
        && !ip_is_multicast(&destination) && (on_link || ip_is_link_local(&target));
    struct route *r = accepted ? route_find(d->net, &flow, &error) : NULL;
    if (r && r->device == d && r->has_gateway && ip_equal(&r->gateway, &p->ip.source))
        pmtu_learn_redirect(d->net, &destination, &target);
    route_put(r);
    packet_consume(p);
}
