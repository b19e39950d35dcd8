/* The neighbour table: entries by (device, address), parameters by interface, collection of what nobody uses. */
#include "neighbour/state.h"

/* net.ipv{4,6}.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 */
enum { KEEP_ALL_BELOW = 128, COLLECT_ABOVE = 512, REFUSE_ABOVE = 1024 };

static const struct neighbour_parameters standard = { .base_reachable_time_ms = 30000,
    .retrans_time_ms = 1000,
    .delay_first_probe_time_s = 5,
    .gc_stale_time_s = 60,
    .locktime_ms = 1000,
    .unres_qlen_bytes = 212992,
    .ucast_solicit = 3,
    .mcast_solicit = 3 };

int neighbour_net_start(struct net *net)
{
    struct neighbour_net *nn = machine_alloc(net->machine, sizeof(*nn));
    if (!nn) return -ENOMEM;
    list_init(&nn->all);
    list_init(&nn->devices);
    nn->defaults[0] = nn->defaults[1] = standard;
    nn->defaults[1].locktime_ms = 0;
    net->neighbour = nn;
    return 0;
}

static struct chain *bucket_of(const struct net_device *d, const ip_addr_t *a)
{
    uint64_t words[3] = { a->quad[0], a->quad[1], d->ifindex };
    return &d->net->neighbour->buckets[siphash_table(&d->net->machine->hash_key, words, 3) % NEIGHBOUR_BUCKETS];
}

/* Out of the table; the entry lives on while somebody holds it. */
static void unlink_entry(struct neighbour *n)
{
    if (!chain_is_linked(&n->table_node)) return;
    neighbour_tell(n, CHANGE_GONE);
    n->device->net->neighbour->count--;
    chain_remove(&n->table_node);
    list_remove(&n->all_node);
    timer_cancel(&n->device->net->machine->wheel, &n->timer);
    packet_queue_purge(&n->pending);
    n->state = NUD_FAILED;
    neighbour_put(n);
}

void neighbour_put(struct neighbour *n)
{
    if (--n->references) return;
    struct net_device *d = n->device;
    struct machine *m = d->net->machine;
    packet_queue_purge(&n->pending);
    machine_free(m, n, sizeof(*n));
    device_put(d);
}

static bool is_idle(const struct neighbour *n, uint64_t now_ns)
{
    if (n->references > 1 || (n->state & NUD_PERMANENT)) return false;
    return (n->state & (NUD_FAILED | NUD_NOARP)) || now_ns - n->updated_ns > 5 * NS_PER_S;
}

static void collect(struct neighbour_net *nn, uint64_t now_ns)
{
    nn->collected_ns = now_ns;
    list_for_each_safe(it, tmp, &nn->all) {
        struct neighbour *n = list_entry(it, struct neighbour, all_node);
        if (nn->count <= COLLECT_ABOVE) return;
        if (is_idle(n, now_ns)) unlink_entry(n);
    }
}

/* Above gc_thresh1 what failed, or was not used for gc_stale_time, goes (Linux: neigh_periodic_work). */
static void collect_stale(struct neighbour_net *nn, uint64_t now_ns)
{
    nn->swept_ns = now_ns;
    list_for_each_safe(it, tmp, &nn->all) {
        struct neighbour *n = list_entry(it, struct neighbour, all_node);
        bool is_old = (n->state & NUD_FAILED)
            || now_ns - n->used_ns > (uint64_t)n->parameters->gc_stale_time_s * NS_PER_S;
        if (is_old && n->references == 1 && !(n->state & (NUD_PERMANENT | NUD_IN_TIMER))) unlink_entry(n);
    }
}

static struct neighbour *create(struct net_device *d, const ip_addr_t *a)
{
    struct net *net = d->net;
    struct neighbour_net *nn = net->neighbour;
    if (nn->count >= KEEP_ALL_BELOW && net->machine->now_ns - nn->swept_ns > 15 * NS_PER_S)
        collect_stale(nn, net->machine->now_ns);
    if (nn->count >= REFUSE_ABOVE
        || (nn->count >= COLLECT_ABOVE && net->machine->now_ns - nn->collected_ns > 5 * NS_PER_S))
        collect(nn, net->machine->now_ns);
    if (nn->count >= REFUSE_ABOVE) return NULL;
    struct neighbour *n = machine_alloc(net->machine, sizeof(*n));
    if (!n) return NULL;
    n->device = device_get(d);
    n->address = *a;
    n->references = 1; /* the table's */
    n->parameters = neighbour_parameters(net, d, ip_is4(a) ? AF_INET : AF_INET6);
    if (!n->parameters) n->parameters = &nn->defaults[!ip_is4(a)];
    n->state = d->flags & IFF_NOARP ? NUD_NOARP : NUD_NONE;
    n->updated_ns = n->used_ns = net->machine->now_ns;
    n->kind = RTN_UNICAST;
    timer_init(&n->timer, nud_fire);
    packet_queue_init(&n->pending);
    chain_add(bucket_of(d, a), &n->table_node);
    list_add_tail(&nn->all, &n->all_node);
    nn->count++;
    return n;
}

struct neighbour *neighbour_lookup(struct net_device *d, const ip_addr_t *address, bool do_create)
{
    chain_for_each(it, bucket_of(d, address)) {
        struct neighbour *n = container_of(it, struct neighbour, table_node);
        if (n->device == d && ip_equal(&n->address, address)) return neighbour_get(n);
    }
    struct neighbour *n = do_create ? create(d, address) : NULL;
    return n ? neighbour_get(n) : NULL;
}

static struct neighbour_device *find_device(struct net *net, const struct net_device *d)
{
    list_for_each(it, &net->neighbour->devices) {
        struct neighbour_device *nd = list_entry(it, struct neighbour_device, node);
        if (nd->device == d) return nd;
    }
    return NULL;
}

struct neighbour_parameters *neighbour_parameters(struct net *net, struct net_device *d, int family)
{
    unsigned six = family == AF_INET6;
    if (!d) return &net->neighbour->defaults[six];
    struct neighbour_device *nd = find_device(net, d);
    return nd ? &nd->parameters[six] : NULL;
}

void neighbour_device_created(struct net_device *d)
{
    struct neighbour_net *nn = d->net->neighbour;
    struct neighbour_device *nd = machine_alloc(d->net->machine, sizeof(*nd));
    if (!nd) return; /* the namespace's defaults hold */
    nd->device = d;
    nd->parameters[0] = nn->defaults[0];
    nd->parameters[1] = nn->defaults[1];
    list_add_tail(&nn->devices, &nd->node);
}

void neighbour_remove(struct neighbour *n) { unlink_entry(n); }

static void forget(struct net_device *d, bool also_permanent)
{
    list_for_each_safe(it, tmp, &d->net->neighbour->all) {
        struct neighbour *n = list_entry(it, struct neighbour, all_node);
        if (n->device == d && (also_permanent || !(n->state & NUD_PERMANENT))) unlink_entry(n);
    }
}

void neighbour_device_down(struct net_device *d) { forget(d, false); }

void neighbour_device_gone(struct net_device *d)
{
    struct neighbour_device *nd = find_device(d->net, d);
    forget(d, true);
    if (!nd) return;
    list_remove(&nd->node);
    machine_free(d->net->machine, nd, sizeof(*nd));
}

void neighbour_net_stop(struct net *net)
{
    struct neighbour_net *nn = net->neighbour;
    list_for_each_safe(it, tmp, &nn->all) unlink_entry(list_entry(it, struct neighbour, all_node));
    list_for_each_safe(it, tmp, &nn->devices) {
        list_remove(it);
        machine_free(net->machine, list_entry(it, struct neighbour_device, node), sizeof(struct neighbour_device));
    }
    net->neighbour = NULL;
    machine_free(net->machine, nn, sizeof(*nn));
}

void neighbour_each(struct net *net, int family, int (*visit)(void *ctx, const struct neighbour *n), void *ctx)
{
    list_for_each(it, &net->neighbour->all) {
        const struct neighbour *n = list_entry(it, struct neighbour, all_node);
        bool wanted = family == AF_UNSPEC || ip_is4(&n->address) == (family == AF_INET);
        if (wanted && visit(ctx, n)) return;
    }
}
