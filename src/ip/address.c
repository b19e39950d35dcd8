#include "ip/state.h"
#include "neighbour/neighbour.h"

static struct ip_address_entry *entry_of(struct ip_address *a) { return container_of(a, struct ip_address_entry, a); }
static struct list *addresses_of(struct ip_device *i, const ip_addr_t *a)
{
    return ip_is4(a) ? &i->addresses4 : &i->addresses6;
}

struct ip_address *ip_address_find(struct net_device *d, const ip_addr_t *a)
{
    if (!d->ip) return NULL;
    list_for_each(it, addresses_of(d->ip, a)) {
        struct ip_address *x = list_entry(it, struct ip_address, node);
        if (ip_equal(&x->local, a)) return x;
    }
    return NULL;
}

struct ip_address *ip_address_find_anywhere(struct net *net, const ip_addr_t *a)
{
    list_for_each(it, &net->devices) {
        struct ip_address *x = ip_address_find(list_entry(it, struct net_device, node), a);
        if (x) return x;
    }
    return NULL;
}

static int add_row(struct net_device *d, uint32_t table, uint8_t kind, uint8_t scope, const ip_addr_t *destination,
    unsigned bits, const ip_addr_t *source, uint32_t metric)
{
    struct ip_route_row row = { .destination = ip_masked(destination, bits), .prefix_bits = (uint8_t)bits,
        .version = ip_is4(destination) ? 4 : 6, .table = table, .metric = metric, .kind = kind, .scope = scope,
        .protocol = RTPROT_KERNEL, .device = d };
    if (source) row.preferred_source = *source;
    int error = ip_table_add(d->net, &row, ROUTE_ADD);
    return error == -EEXIST ? 0 : error;
}

static void remove_row(struct net_device *d, uint32_t table, uint8_t kind, const ip_addr_t *destination, unsigned bits)
{
    struct ip_route_row row = { .destination = ip_masked(destination, bits), .prefix_bits = (uint8_t)bits,
        .version = ip_is4(destination) ? 4 : 6, .table = table, .kind = kind, .device = d, .protocol = RTPROT_KERNEL };
    ip_table_remove(d->net, &row);
}

static ip_addr_t broadcast_of(const ip_addr_t *a, unsigned bits)
{
    uint32_t mask = bits ? ~0u << (32 - bits) : 0;
    return ip_from4(be32(host32(ip_get4(a)) | ~mask));
}

/* The first address of the same subnet: the primary. Its local address is the source of the routes of the others. */
static struct ip_address *primary_of(struct ip_device *i, const ip_addr_t *a, unsigned bits)
{
    list_for_each(it, &i->addresses4) {
        struct ip_address *x = list_entry(it, struct ip_address, node);
        if (x->prefix_bits == bits && !(x->flags & IFA_F_SECONDARY) && ip_in_prefix(a, &x->local, bits)) return x;
    }
    return NULL;
}

/* Routes of an IPv4 address, as Linux's fib_add_ifaddr makes them. */
static int add_routes4(struct ip_address *a)
{
    struct net_device *d = a->device;
    struct ip_address *primary = a->flags & IFA_F_SECONDARY ? primary_of(d->ip, &a->local, a->prefix_bits) : a;
    const ip_addr_t *source = primary ? &primary->local : &a->local;
    int error = add_row(d, RT_TABLE_LOCAL, RTN_LOCAL, RT_SCOPE_HOST, &a->local, 32, source, 0);
    if (error || !(d->flags & IFF_UP)) return error;
    if (!ip_is_any(&a->broadcast) && !ip_is_broadcast4(&a->broadcast))
        error = add_row(d, RT_TABLE_LOCAL, RTN_BROADCAST, RT_SCOPE_LINK, &a->broadcast, 32, source, 0);
    if (error || (a->flags & IFA_F_SECONDARY) || a->prefix_bits == 32 || !(host32(ip_get4(&a->local)) >> 24))
        return error;
    bool loopback = d->flags & IFF_LOOPBACK;
    if (!(a->flags & IFA_F_NOPREFIXROUTE))
        error = add_row(d, loopback ? RT_TABLE_LOCAL : RT_TABLE_MAIN, loopback ? RTN_LOCAL : RTN_UNICAST,
                        loopback ? RT_SCOPE_HOST : RT_SCOPE_LINK, &a->local, a->prefix_bits, source, 0);
    if (error || a->prefix_bits >= 31) return error;
    ip_addr_t last = broadcast_of(&a->local, a->prefix_bits);
    return add_row(d, RT_TABLE_LOCAL, RTN_BROADCAST, RT_SCOPE_LINK, &last, 32, source, 0);
}

static bool has_source(const struct ip_route_row *row, const void *ctx)
{
    const struct ip_address *a = ctx;
    return row->version == (ip_is4(&a->local) ? 4 : 6) && ip_equal(&row->preferred_source, &a->local)
        && !ip_is_any(&a->local);
}

static void remove_routes4(struct ip_address *a)
{
    struct net_device *d = a->device;
    if (!(a->flags & IFA_F_SECONDARY)) {
        bool loopback = d->flags & IFF_LOOPBACK;
        ip_addr_t last = broadcast_of(&a->local, a->prefix_bits);
        remove_row(d, loopback ? RT_TABLE_LOCAL : RT_TABLE_MAIN, loopback ? RTN_LOCAL : RTN_UNICAST, &a->local,
            a->prefix_bits);
        if (a->prefix_bits < 31) remove_row(d, RT_TABLE_LOCAL, RTN_BROADCAST, &last, 32);
        if (!ip_is_any(&a->broadcast)) remove_row(d, RT_TABLE_LOCAL, RTN_BROADCAST, &a->broadcast, 32);
    }
    remove_row(d, RT_TABLE_LOCAL, RTN_LOCAL, &a->local, 32);
    if (!ip_is_local(d->net, &a->local)) ip_table_flush(d->net, has_source, a);
}

/* IPv6: the prefix at once, the local route when the address is known to be ours alone. */
static int add_prefix_route6(struct ip_address *a)
{
    struct net_device *d = a->device;
    if ((d->flags & IFF_LOOPBACK && a->prefix_bits == 128) || (a->flags & IFA_F_NOPREFIXROUTE)) return 0;
    return add_row(d, RT_TABLE_MAIN, RTN_UNICAST, RT_SCOPE_UNIVERSE, &a->local, a->prefix_bits, NULL, 256);
}

static int add_local_route6(struct ip_address *a)
{
    if (a->flags & IFA_F_TENTATIVE) return 0;
    return add_row(a->device, RT_TABLE_LOCAL, RTN_LOCAL, RT_SCOPE_UNIVERSE, &a->local, 128, NULL, 0);
}

static int add_routes6(struct ip_address *a)
{
    int error = add_prefix_route6(a);
    return error ? error : add_local_route6(a);
}

static void remove_routes6(struct ip_address *a)
{
    struct net_device *d = a->device;
    remove_row(d, RT_TABLE_LOCAL, RTN_LOCAL, &a->local, 128);
    list_for_each(it, &d->ip->addresses6) {
        const struct ip_address *x = list_entry(it, struct ip_address, node);
        if (x != a && x->prefix_bits == a->prefix_bits && ip_in_prefix(&x->local, &a->local, a->prefix_bits)) return;
    }
    remove_row(d, RT_TABLE_MAIN, RTN_UNICAST, &a->local, a->prefix_bits);
}

static void destroy(struct ip_address *a)
{
    struct net_device *d = a->device;
    struct machine *m = d->net->machine;
    ip_dad_stop(a);
    list_remove(&a->node);
    ip_tell_address(a, CHANGE_GONE);
    if (ip_is4(&a->local)) {
        remove_routes4(a);
    } else {
        ip_addr_t group = ip_solicited_node(&a->local);
        remove_routes6(a);
        if (!(d->flags & IFF_LOOPBACK)) ip_group_leave(d, &group);
    }
    machine_free(m, entry_of(a), sizeof(struct ip_address_entry));
}

static bool promotes(const struct net_device *d)
{
    return d->ip->config4.promote_secondaries || d->net->ip->all4.promote_secondaries;
}

static bool is_secondary_of(const struct ip_address *x, const struct ip_address *primary)
{
    return (x->flags & IFA_F_SECONDARY) && x->prefix_bits == primary->prefix_bits
        && ip_in_prefix(&x->local, &primary->local, primary->prefix_bits);
}

/* Unless promote_secondaries says otherwise they go with their primary, before it. */
static void destroy_secondaries(struct net_device *d, const struct ip_address *primary)
{
    list_for_each_safe(it, tmp, &d->ip->addresses4) {
        struct ip_address *x = list_entry(it, struct ip_address, node);
        if (is_secondary_of(x, primary)) destroy(x);
    }
}

/* The next secondary of a subnet becomes its primary. */
static void promote_secondary(struct net_device *d, const struct ip_address *gone)
{
    list_for_each_safe(it, tmp, &d->ip->addresses4) {
        struct ip_address *x = list_entry(it, struct ip_address, node);
        if (!is_secondary_of(x, gone) || primary_of(d->ip, &x->local, x->prefix_bits)) continue;
        remove_row(d, RT_TABLE_LOCAL, RTN_LOCAL, &x->local, 32);
        x->flags &= ~(uint32_t)IFA_F_SECONDARY;
        ip_tell_address(x, CHANGE_NEW);
        (void)add_routes4(x); /* no memory: the address stays without its routes, as on Linux */
    }
}

static bool is_version4_of_device(const struct ip_route_row *row, const void *ctx)
{
    return row->version == 4 && row->device == ctx;
}

int ip_address_remove(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits)
{
    struct ip_address *a = ip_address_find(d, local);
    if (!a || a->prefix_bits != prefix_bits) return -EADDRNOTAVAIL;
    struct ip_address gone = *a; /* `local` may point into a */
    bool is_primary = ip_is4(&gone.local) && !(gone.flags & IFA_F_SECONDARY);
    if (is_primary && !promotes(d)) destroy_secondaries(d, &gone);
    destroy(a);
    if (is_primary && promotes(d)) promote_secondary(d, &gone);
    /* Linux: without any address IPv4 is off on the interface, and its routes go. */
    if (ip_is4(&gone.local) && list_is_empty(&d->ip->addresses4)) ip_table_flush(d->net, is_version4_of_device, d);
    return 0;
}

static uint8_t scope6(const ip_addr_t *a)
{
    return ip_is_loopback(a) ? RT_SCOPE_HOST : ip_is_link_local(a) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static bool address_is_sound(const ip_addr_t *a, unsigned bits)
{
    if (ip_is_multicast(a) || ip_is_broadcast4(a)) return false;
    return bits <= (ip_is4(a) ? 32u : 128u) && !(ip_is_any(a) && !ip_is4(a));
}

static void begin4(struct ip_address *a)
{
    const struct ip_address *primary = primary_of(a->device->ip, &a->local, a->prefix_bits);
    a->flags = (a->flags & ~(uint32_t)IFA_F_SECONDARY) | IFA_F_PERMANENT
        | (primary && a->prefix_bits < 32 ? IFA_F_SECONDARY : 0);
    memcpy(a->label, a->device->name, IFNAMSIZ);
}

static void begin6(struct ip_address *a)
{
    a->scope = scope6(&a->local);
    bool needs_dad = !(a->device->flags & (IFF_LOOPBACK | IFF_NOARP)) && !(a->flags & IFA_F_NODAD)
        && a->device->ip->config6.accept_dad > 0 && a->device->ip->config6.dad_transmits > 0;
    a->flags |= IFA_F_PERMANENT | (needs_dad ? IFA_F_TENTATIVE : 0);
}

/* IPv4 in order of addition; IPv6 by scope, widest first, and the newest first within one, as Linux shows and prefers
 * them. */
static void link_address(struct ip_address *a)
{
    struct list *all = addresses_of(a->device->ip, &a->local);
    struct list *at = all->next;
    if (ip_is4(&a->local)) {
        list_add_tail(all, &a->node);
        return;
    }
    while (at != all && list_entry(at, struct ip_address, node)->scope < a->scope) at = at->next;
    list_add_before(at, &a->node);
}

static void set_lifetimes(struct ip_address *a, uint64_t valid_until_ns, uint64_t preferred_until_ns)
{
    struct wheel *wheel = &a->device->net->machine->wheel;
    uint64_t next_ns = min_of(valid_until_ns, preferred_until_ns);
    a->changed_ns = ip_now(a->device->net);
    a->valid_until_ns = valid_until_ns;
    a->preferred_until_ns = preferred_until_ns;
    a->flags = (a->flags & ~(uint32_t)IFA_F_PERMANENT) | (valid_until_ns == NS_NEVER ? IFA_F_PERMANENT : 0);
    bool is_preferred = preferred_until_ns > ip_now(a->device->net);
    a->flags = (a->flags & ~(uint32_t)IFA_F_DEPRECATED) | (is_preferred ? 0 : IFA_F_DEPRECATED);
    if (!is_preferred) next_ns = valid_until_ns;
    if (a->flags & IFA_F_TENTATIVE) return; /* the timer is of duplicate address detection, which comes back to this */
    if (next_ns == NS_NEVER) timer_cancel(wheel, &entry_of(a)->timer);
    else timer_arm(wheel, &entry_of(a)->timer, next_ns);
}

/* Linux tells of an address that somebody asked for before duplicate address detection and after it, also where there is
 * nothing to detect; of its own ones only after. */
static void tell_of_new6(struct ip_address *a, bool is_asked)
{
    if (is_asked && !(a->flags & IFA_F_NODAD)) {
        uint32_t flags = a->flags;
        a->flags |= IFA_F_TENTATIVE;
        ip_tell_address(a, CHANGE_NEW);
        a->flags = flags;
    }
    if (!(a->flags & IFA_F_TENTATIVE)) ip_tell_address(a, CHANGE_NEW);
}

static int settle4(struct ip_address *a)
{
    ip_tell_address(a, CHANGE_NEW);
    return add_routes4(a);
}

static int settle6(struct ip_address *a, bool is_asked)
{
    ip_addr_t group = ip_solicited_node(&a->local);
    int error = add_prefix_route6(a);
    if (error) return error;
    tell_of_new6(a, is_asked);
    error = add_local_route6(a);
    return error || (a->device->flags & IFF_LOOPBACK) ? error : ip_group_join(a->device, &group);
}

static int insert(const struct ip_address *wanted, bool is_asked)
{
    struct net_device *d = wanted->device;
    bool four = ip_is4(&wanted->local);
    if (!d->ip) return -ENOBUFS;
    if (!address_is_sound(&wanted->local, wanted->prefix_bits)) return four ? -EINVAL : -EADDRNOTAVAIL;
    if (!four && d->ip->config6.disable_ipv6) return -EACCES;
    struct ip_address *same = ip_address_find(d, &wanted->local);
    if (same && (!four || same->prefix_bits == wanted->prefix_bits)) return -EEXIST;
    struct ip_address_entry *e = machine_alloc(d->net->machine, sizeof(*e));
    if (!e) return -ENOBUFS;
    struct ip_address *a = &e->a;
    *a = *wanted;
    a->created_ns = ip_now(d->net);
    timer_init(&e->timer, ip_dad_fire);
    if (four) begin4(a);
    else begin6(a);
    link_address(a);
    set_lifetimes(a, a->valid_until_ns, a->preferred_until_ns);
    int error = four ? settle4(a) : settle6(a, is_asked);
    if (error) {
        destroy(a);
        return -ENOBUFS;
    }
    if (a->flags & IFA_F_TENTATIVE) ip_dad_start(a);
    return 0;
}

int ip_address_insert(const struct ip_address *wanted) { return insert(wanted, true); }

int ip_address_add(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits, const ip_addr_t *broadcast,
    uint32_t flags, uint8_t scope)
{
    return insert(&(struct ip_address){ .device = d,
                      .local = *local,
                      .peer = *local,
                      .prefix_bits = (uint8_t)prefix_bits,
                      .scope = scope,
                      .flags = flags,
                      .valid_until_ns = NS_NEVER,
                      .preferred_until_ns = NS_NEVER,
                      .broadcast = broadcast ? *broadcast : ip_is4(local) ? ip_any4() : ip_any6() },
        true);
}

int ip_address_configure(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits, uint32_t flags,
    uint64_t valid_until_ns, uint64_t preferred_until_ns)
{
    return insert(&(struct ip_address){ .device = d,
                      .local = *local,
                      .peer = *local,
                      .prefix_bits = (uint8_t)prefix_bits,
                      .flags = flags,
                      .valid_until_ns = valid_until_ns,
                      .preferred_until_ns = preferred_until_ns,
                      .broadcast = ip_any6() },
        false);
}

void ip_address_activate(struct ip_address *a)
{
    a->flags &= ~(uint32_t)(IFA_F_TENTATIVE | IFA_F_DADFAILED);
    ip_tell_address(a, CHANGE_NEW);
    (void)add_routes6(a); /* no memory: the address stays without its routes, as on Linux */
    if (ip_is_link_local(&a->local)) ip_router_device_up(a->device);
    static const ip_addr_t all_nodes = { .bytes = { 0xff, 2, [15] = 1 } };
    if (a->device->ip->config6.ndisc_notify || a->device->net->ip->all6.ndisc_notify)
        ndp_advertise(a->device, &a->local, &all_nodes, &a->local, false, true);
}

void ip_address_failed(struct ip_address *a)
{
    ip_dad_stop(a);
    if (!(a->flags & IFA_F_PERMANENT)) return destroy(a);
    a->flags |= IFA_F_DADFAILED; /* stays, tentative for ever, for the administrator to see */
    ip_tell_address(a, CHANGE_NEW);
}

void ip_address_lifetimes(struct ip_address *a, uint64_t valid_until_ns, uint64_t preferred_until_ns)
{
    set_lifetimes(a, valid_until_ns, preferred_until_ns);
    if (!(a->flags & IFA_F_TENTATIVE)) ip_tell_address(a, CHANGE_NEW);
}

int ip_address_change(const struct ip_address *wanted)
{
    const uint32_t given = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE;
    struct ip_address *a = ip_address_find(wanted->device, &wanted->local);
    if (!a || a->prefix_bits != wanted->prefix_bits) return -EADDRNOTAVAIL;
    if (!ip_is4(&a->local)) a->flags = (a->flags & ~given) | (wanted->flags & given);
    set_lifetimes(a, wanted->valid_until_ns, wanted->preferred_until_ns);
    ip_tell_address(a, CHANGE_NEW);
    return 0;
}

/* RFC 4291 Appendix A: the MAC with ff:fe in the middle and the universal bit turned. */
ip_addr_t ip_interface_identifier(const struct net_device *d, const ip_addr_t *prefix)
{
    const uint8_t *mac = d->mac.bytes;
    ip_addr_t a = *prefix;
    if (!d->header_bytes) { /* no link address to make it of (Linux: addr_gen_mode random) */
        uint64_t drawn = siphash_2u64(&d->net->machine->hash_key, d->net->inode, d->ifindex);
        memcpy(a.bytes + 8, &drawn, 8);
        return a;
    }
    const uint8_t id[8] = { mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] };
    memcpy(a.bytes + 8, id, 8);
    return a;
}

static void add_link_local(struct net_device *d)
{
    if (d->ip->config6.disable_ipv6 || d->ip->config6.addr_gen_mode == IN6_ADDR_GEN_MODE_NONE) return;
    ip_addr_t prefix = { .bytes = { 0xfe, 0x80 } };
    ip_addr_t a = ip_interface_identifier(d, &prefix);
    ip_addr_t all = { .bytes = { 0xff } };
    (void)add_row(d, RT_TABLE_LOCAL, RTN_MULTICAST, RT_SCOPE_UNIVERSE, &all, 8, NULL, 256);
    (void)ip_address_configure(d, &a, 64, 0, NS_NEVER, NS_NEVER);
}

static void add_loopback_addresses(struct net_device *d)
{
    ip_addr_t one = ip_from4(be32(0x7f000001)), one6 = { .bytes = { [15] = 1 } };
    if (list_is_empty(&d->ip->addresses4)) (void)ip_address_add(d, &one, 8, NULL, 0, RT_SCOPE_HOST);
    if (!d->ip->config6.disable_ipv6) (void)ip_address_configure(d, &one6, 128, 0, NS_NEVER, NS_NEVER);
}

static bool is_version6_of_device(const struct ip_route_row *row, const void *ctx)
{
    return row->device == ctx && row->version == 6;
}

void ip6_config_changed(struct net_device *d)
{
    bool disabled = d->ip->config6.disable_ipv6;
    d->net->ip->generation++;
    if (disabled) {
        list_for_each_safe(it, tmp, &d->ip->addresses6) destroy(list_entry(it, struct ip_address, node));
        ip_router_device_down(d);
        ip_table_flush(d->net, is_version6_of_device, d);
    } else if (list_is_empty(&d->ip->addresses6) && (d->flags & IFF_UP)) {
        if (d->flags & IFF_LOOPBACK) add_loopback_addresses(d);
        else add_link_local(d);
    }
}

void ip_addresses_device_up(struct net_device *d)
{
    bool notify = (d->ip->config4.arp_notify || d->net->ip->all4.arp_notify)
        && !(d->flags & (IFF_LOOPBACK | IFF_NOARP));
    list_for_each(it, &d->ip->addresses4) {
        struct ip_address *a = list_entry(it, struct ip_address, node);
        (void)add_routes4(a); /* no memory: the address stays without its routes, as on Linux */
        if (notify) arp_announce(d, &a->local);
    }
    list_for_each(it, &d->ip->addresses6) {
        struct ip_address *a = list_entry(it, struct ip_address, node);
        (void)add_routes6(a);
        if ((a->flags & IFA_F_TENTATIVE) && !(a->flags & IFA_F_DADFAILED)) ip_dad_start(a);
    }
    if (d->flags & IFF_LOOPBACK) add_loopback_addresses(d);
    else add_link_local(d);
}

static bool goes_with_device(const struct ip_route_row *row, const void *ctx)
{
    if (row->device != ctx) return false;
    return row->version == 6 || row->kind != RTN_LOCAL;
}

/* Linux keeps IPv4 addresses of an interface that is down and forgets its IPv6 ones. */
void ip_addresses_device_down(struct net_device *d)
{
    ip_table_flush(d->net, goes_with_device, d);
    list_for_each_safe(it, tmp, &d->ip->addresses6) destroy(list_entry(it, struct ip_address, node));
}

static bool is_of_device(const struct ip_route_row *row, const void *ctx) { return row->device == ctx; }

void ip_addresses_flush(struct net_device *d)
{
    list_for_each_safe(it, tmp, &d->ip->addresses6) destroy(list_entry(it, struct ip_address, node));
    list_for_each_safe(it, tmp, &d->ip->addresses4) destroy(list_entry(it, struct ip_address, node));
    ip_table_flush(d->net, is_of_device, d);
}

/* Kind of the address's row in the local table, 0: none. Asked for every packet, so the answers of a generation are
 * kept in a small direct-mapped cache. */
uint8_t ip_local_row_kind(struct net *net, const ip_addr_t *a)
{
    struct ip_net *in = net->ip;
    uint64_t h = (a->quad[0] ^ a->quad[1]) * 0x9e3779b97f4a7c15ull;
    struct kind_slot *slot = &in->kinds[h >> 56];
    if (slot->generation != in->generation || !ip_equal(&slot->address, a)) {
        const struct ip_route_row *row = ip_table_lookup(net, IP_TABLE_LOCAL, a, 0);
        *slot = (struct kind_slot){ .address = *a, .generation = in->generation, .kind = row ? row->kind : 0 };
    }
    return slot->kind;
}

bool ip_is_local(struct net *net, const ip_addr_t *a) { return ip_local_row_kind(net, a) == RTN_LOCAL; }

enum ip_scope_kind ip_address_kind(struct net *net, const ip_addr_t *a, int32_t ifindex)
{
    if (ip_is_any(a)) return IP_KIND_ANY;
    if (ip_is_multicast(a)) return IP_KIND_MULTICAST;
    if (ip_is4(a) && (ip_is_broadcast4(a) || !a->bytes[12])) return IP_KIND_BROADCAST;
    uint8_t kind = 0;
    if (!ifindex) {
        kind = ip_local_row_kind(net, a);
    } else {
        const struct ip_route_row *row = ip_table_lookup(net, IP_TABLE_LOCAL, a, ifindex);
        kind = row ? row->kind : 0;
    }
    return kind == RTN_LOCAL ? IP_KIND_LOCAL : kind == RTN_BROADCAST ? IP_KIND_BROADCAST : IP_KIND_UNICAST;
}
