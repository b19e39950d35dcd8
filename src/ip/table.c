#include "ip/table.h"
#include "ip/state.h"

static unsigned version_index(const ip_addr_t *a) { return ip_is4(a) ? 0 : 1; }

static uint64_t high_bits(unsigned n) { return n >= 64 ? ~0ull : n ? __builtin_bswap64(~0ull << (64 - n)) : 0; }

ip_addr_t ip_masked(const ip_addr_t *a, unsigned prefix_bits)
{
    unsigned keep = prefix_bits + (ip_is4(a) ? 96u : 0u);
    return (ip_addr_t){ .quad = { a->quad[0] & high_bits(keep), a->quad[1] & high_bits(keep > 64 ? keep - 64 : 0) } };
}

static int table_slot(uint32_t id)
{
    switch (id) {
    case RT_TABLE_LOCAL: return IP_TABLE_LOCAL;
    case RT_TABLE_MAIN: return IP_TABLE_MAIN;
    case RT_TABLE_DEFAULT: return IP_TABLE_DEFAULT;
    default: return -1;
    }
}
static const uint32_t table_ids[IP_TABLES] = { RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT };

static struct chain *bucket_of(
    struct machine *m, struct ip_table *t, const ip_addr_t *a, uint32_t table, unsigned bits, unsigned version)
{
    uint64_t words[3] = { a->quad[0], a->quad[1], (uint64_t)table << 32 | bits << 8 | version };
    return &t->buckets[siphash_table(&m->hash_key, words, 3) & (t->bucket_count - 1)];
}

static struct ip_prefix *find_prefix(
    struct machine *m, struct ip_table *t, const ip_addr_t *a, uint32_t table, unsigned bits, unsigned version)
{
    if (!t->bucket_count) return NULL;
    chain_for_each(it, bucket_of(m, t, a, table, bits, version)) {
        struct ip_prefix *p = container_of(it, struct ip_prefix, node);
        if (p->table == table && p->bits == bits && p->version == version && ip_equal(&p->address, a)) return p;
    }
    return NULL;
}

static void grow(struct machine *m, struct ip_table *t)
{
    uint32_t count = t->bucket_count ? t->bucket_count * 2 : 64;
    struct chain *buckets = machine_alloc(m, count * sizeof(*buckets));
    if (!buckets) return; /* longer chains, still right */
    struct chain *old = t->buckets;
    uint32_t old_count = t->bucket_count;
    t->buckets = buckets;
    t->bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        chain_for_each_safe(it, tmp, &old[i]) {
            struct ip_prefix *p = container_of(it, struct ip_prefix, node);
            chain_remove(it);
            chain_add(bucket_of(m, t, &p->address, p->table, p->bits, p->version), it);
        }
    }
    machine_free(m, old, old_count * sizeof(*old));
}

static void note_length(struct ip_table *t, const struct ip_prefix *p, int by)
{
    int slot = table_slot(p->table);
    if (slot < 0) return;
    struct ip_lengths *l = &t->lengths[p->version == 6][slot];
    l->counts[p->bits] = (uint32_t)((int)l->counts[p->bits] + by);
    uint64_t bit = 1ull << (p->bits & 63);
    if (l->counts[p->bits]) l->used[p->bits >> 6] |= bit;
    else l->used[p->bits >> 6] &= ~bit;
}

static struct ip_prefix *make_prefix(struct machine *m, struct ip_table *t, const struct ip_route_row *row)
{
    if (t->prefix_count >= t->bucket_count) grow(m, t);
    if (!t->bucket_count) return NULL;
    struct ip_prefix *p = machine_alloc(m, sizeof(*p));
    if (!p) return NULL;
    p->address = row->destination;
    p->table = row->table;
    p->version = row->version;
    p->bits = row->prefix_bits;
    list_init(&p->rows);
    chain_add(bucket_of(m, t, &p->address, p->table, p->bits, p->version), &p->node);
    t->prefix_count++;
    note_length(t, p, 1);
    return p;
}

static void drop_prefix_if_empty(struct machine *m, struct ip_table *t, struct ip_prefix *p)
{
    if (!list_is_empty(&p->rows)) return;
    note_length(t, p, -1);
    chain_remove(&p->node);
    t->prefix_count--;
    machine_free(m, p, sizeof(*p));
}

/* Linux walks a trie: IPv4 shows a prefix with its address order, longest first at one address; IPv6 shows what lies
 * inside a prefix before the prefix itself, so its default route is last. */
static int compare_rows(const struct ip_route_row *a, const struct ip_route_row *b)
{
    if (a->table != b->table) return a->table < b->table ? -1 : 1;
    if (a->version == 6 && a->prefix_bits != b->prefix_bits) {
        unsigned shorter = min_of(a->prefix_bits, b->prefix_bits);
        ip_addr_t x = ip_masked(&a->destination, shorter), y = ip_masked(&b->destination, shorter);
        if (ip_equal(&x, &y)) return a->prefix_bits > b->prefix_bits ? -1 : 1;
    }
    int order = memcmp(a->destination.bytes, b->destination.bytes, 16);
    if (order) return order;
    if (a->prefix_bits != b->prefix_bits) return a->prefix_bits > b->prefix_bits ? -1 : 1;
    if (a->tos != b->tos) return a->tos > b->tos ? -1 : 1;
    if (a->metric != b->metric) return a->metric < b->metric ? -1 : 1;
    return 0;
}

static void insert_ordered(struct ip_table *t, struct ip_row_entry *e)
{
    struct rb_root *root = &t->ordered[e->row.version == 6];
    struct rb_node **link = &root->node, *parent = NULL;
    while (*link) {
        parent = *link;
        const struct ip_row_entry *other = rb_entry(parent, struct ip_row_entry, tree);
        link = compare_rows(&e->row, &other->row) < 0 ? &parent->left : &parent->right;
    }
    rb_insert(root, &e->tree, parent, link);
}

static void insert_in_prefix(struct ip_prefix *p, struct ip_row_entry *e)
{
    list_for_each(it, &p->rows) {
        const struct ip_route_row *other = list_entry(it, struct ip_route_row, node);
        if (compare_rows(&e->row, other) < 0) {
            list_add_before(it, &e->row.node);
            return;
        }
    }
    list_add_tail(&p->rows, &e->row.node);
}

static void destroy_row(struct machine *m, struct ip_table *t, struct ip_row_entry *e)
{
    list_remove(&e->row.node);
    rb_remove(&t->ordered[e->row.version == 6], &e->tree);
    if (e->row.device) device_put(e->row.device);
    drop_prefix_if_empty(m, t, e->prefix);
    machine_free(m, e, sizeof(*e));
}

static bool same_target(const struct ip_route_row *a, const struct ip_route_row *b)
{
    return a->device == b->device && a->has_gateway == b->has_gateway
        && (!a->has_gateway || ip_equal(&a->gateway, &b->gateway));
}

/* The rows that a new row meets: same prefix, tos and metric. IPv4's local table and IPv6 take several next to each
 * other when they differ in target; IPv4's other tables take one (NLM_F_EXCL of `ip route add`). */
static struct ip_row_entry *find_conflict(struct ip_prefix *p, const struct ip_route_row *row, bool replace)
{
    bool by_target = row->version == 6 || row->table == RT_TABLE_LOCAL;
    list_for_each(it, &p->rows) {
        struct ip_route_row *other = list_entry(it, struct ip_route_row, node);
        if (other->tos != row->tos || other->metric != row->metric) continue;
        if (!replace && by_target && !(other->kind == row->kind && same_target(other, row))) continue;
        return container_of(other, struct ip_row_entry, row);
    }
    return NULL;
}

int ip_table_add(struct net *net, const struct ip_route_row *row, enum route_existing existing)
{
    struct ip_table *t = &net->ip->table;
    struct machine *m = net->machine;
    struct ip_prefix *p = find_prefix(m, t, &row->destination, row->table, row->prefix_bits, row->version);
    struct ip_row_entry *old = p ? find_conflict(p, row, existing != ROUTE_ADD) : NULL;
    if (old && existing == ROUTE_ADD) return -EEXIST;
    if (!old && existing == ROUTE_CHANGE) return -ENOENT;
    struct ip_row_entry *e = machine_alloc(m, sizeof(*e));
    if (!e) return -ENOBUFS;
    if (!p && !(p = make_prefix(m, t, row))) {
        machine_free(m, e, sizeof(*e));
        return -ENOBUFS;
    }
    e->row = *row;
    e->prefix = p;
    if (row->device) device_get(row->device);
    insert_in_prefix(p, e);
    insert_ordered(t, e);
    if (old) destroy_row(m, t, old);
    net->ip->generation++;
    ip_tell_route(net, &e->row, old ? CHANGE_REPLACED : CHANGE_NEW);
    return 0;
}

static bool row_matches(const struct ip_route_row *have, const struct ip_route_row *asked)
{
    return (!asked->kind || have->kind == asked->kind) && (!asked->device || have->device == asked->device)
        && (!asked->metric || have->metric == asked->metric)
        && (!asked->has_gateway
            || same_target(
                have, &(struct ip_route_row){ .device = have->device, .has_gateway = true, .gateway = asked->gateway }))
        && (!asked->protocol || have->protocol == asked->protocol) && have->tos == asked->tos;
}

static struct ip_row_entry *find_row(struct net *net, const struct ip_route_row *row)
{
    struct ip_table *t = &net->ip->table;
    struct ip_prefix *p = find_prefix(net->machine, t, &row->destination, row->table, row->prefix_bits, row->version);
    if (!p) return NULL;
    list_for_each(it, &p->rows) {
        struct ip_route_row *have = list_entry(it, struct ip_route_row, node);
        if (row_matches(have, row)) return container_of(have, struct ip_row_entry, row);
    }
    return NULL;
}

int ip_table_renew(struct net *net, const struct ip_route_row *row)
{
    struct ip_row_entry *e = find_row(net, row);
    if (!e) return -ESRCH;
    e->row.expires_ns = row->expires_ns;
    net->ip->generation++;
    return 0;
}

int ip_table_remove(struct net *net, const struct ip_route_row *row)
{
    struct ip_row_entry *e = find_row(net, row);
    if (!e) return -ESRCH;
    ip_tell_route(net, &e->row, CHANGE_GONE);
    destroy_row(net->machine, &net->ip->table, e);
    net->ip->generation++;
    return 0;
}

void ip_table_flush(struct net *net, bool (*unwanted)(const struct ip_route_row *row, const void *ctx), const void *ctx)
{
    struct ip_table *t = &net->ip->table;
    for (unsigned v = 0; v < 2; v++) {
        struct rb_node *next;
        for (struct rb_node *n = rb_first(&t->ordered[v]); n; n = next) {
            next = rb_next(n);
            struct ip_row_entry *e = rb_entry(n, struct ip_row_entry, tree);
            if (!unwanted(&e->row, ctx)) continue;
            if (v) ip_tell_route(net, &e->row, CHANGE_GONE);
            destroy_row(net->machine, t, e);
        }
    }
    net->ip->generation++;
}

void ip_table_stop(struct machine *m, struct ip_table *t)
{
    for (unsigned v = 0; v < 2; v++) {
        struct rb_node *n;
        while ((n = rb_first(&t->ordered[v])) != NULL) destroy_row(m, t, rb_entry(n, struct ip_row_entry, tree));
    }
    machine_free(m, t->buckets, t->bucket_count * sizeof(*t->buckets));
    t->buckets = NULL;
    t->bucket_count = 0;
}

/* A row whose device is down is not there, but for the answers that need no device and for addresses of our own. */
static bool row_usable(const struct ip_route_row *row, int32_t out_ifindex, uint64_t now_ns)
{
    if (row->expires_ns && row->expires_ns <= now_ns) return false;
    if (!row->device) return true;
    if (out_ifindex && row->device->ifindex != (uint32_t)out_ifindex) return false;
    return (row->device->flags & IFF_UP) || row->kind == RTN_LOCAL;
}

static const struct ip_route_row *usable_row(const struct ip_prefix *p, int32_t out_ifindex, uint64_t now_ns)
{
    list_for_each(it, &p->rows) {
        const struct ip_route_row *row = list_entry(it, struct ip_route_row, node);
        if (row_usable(row, out_ifindex, now_ns)) return row;
    }
    return NULL;
}

const struct ip_route_row *ip_table_lookup(struct net *net, unsigned table, const ip_addr_t *a, int32_t out_ifindex)
{
    struct ip_table *t = &net->ip->table;
    unsigned six = version_index(a);
    const struct ip_lengths *l = &t->lengths[six][table];
    for (int w = six ? 2 : 0; w >= 0; w--) {
        for (uint64_t left = l->used[w]; left;) {
            unsigned bit = 63u - (unsigned)__builtin_clzll(left);
            left &= ~(1ull << bit);
            unsigned bits = (unsigned)w * 64 + bit;
            ip_addr_t key = ip_masked(a, bits);
            const struct ip_prefix *p = find_prefix(net->machine, t, &key, table_ids[table], bits, six ? 6 : 4);
            const struct ip_route_row *row = p ? usable_row(p, out_ifindex, net->machine->now_ns) : NULL;
            if (row) return row;
        }
    }
    return NULL;
}

const struct ip_route_row *ip_fib_lookup(struct net *net, const ip_addr_t *a, int32_t out_ifindex)
{
    for (unsigned table = 0; table < IP_TABLES; table++) {
        const struct ip_route_row *row = ip_table_lookup(net, table, a, out_ifindex);
        if (row) return row;
    }
    return NULL;
}

void ip_route_each(struct net *net, uint8_t version, int (*visit)(void *ctx, const struct ip_route_row *row), void *ctx)
{
    for (struct rb_node *n = rb_first(&net->ip->table.ordered[version == 6]); n; n = rb_next(n)) {
        if (visit(ctx, &rb_entry(n, struct ip_row_entry, tree)->row)) return;
    }
}

static bool row_is_sound(const struct ip_route_row *row)
{
    if (row->version != 4 && row->version != 6) return false;
    if (ip_is4(&row->destination) != (row->version == 4)) return false;
    if (row->prefix_bits > (row->version == 4 ? 32 : 128)) return false;
    ip_addr_t masked = ip_masked(&row->destination, row->prefix_bits);
    return ip_equal(&masked, &row->destination) || row->version == 6;
}

/* The gateway must be on a link; in IPv4 it may be on the loopback, or the host itself. */
static int check_gateway(struct net *net, struct ip_route_row *row)
{
    bool is4 = row->version == 4;
    if (!is4 && ip_address_kind(net, &row->gateway, 0) != IP_KIND_UNICAST) return -EINVAL;
    if (is4 && ip_is_multicast(&row->gateway)) return -EINVAL;
    const struct ip_route_row *via = ip_fib_lookup(net, &row->gateway, row->device ? (int32_t)row->device->ifindex : 0);
    if (!via || via->has_gateway) return is4 ? -ENETUNREACH : -EHOSTUNREACH;
    if (via->kind != RTN_UNICAST && (!is4 || via->kind != RTN_LOCAL)) return is4 ? -EINVAL : -EHOSTUNREACH;
    if (!row->device) row->device = via->device;
    return 0;
}

/* Fills in what the caller left open, as fib_create_info and ip6_route_info_create do. 0 or -errno. */
static int complete_row(struct net *net, struct ip_route_row *row)
{
    if (!row->kind) row->kind = RTN_UNICAST;
    if (!row->table) row->table = row->kind == RTN_LOCAL || row->kind == RTN_BROADCAST ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
    if (row->version == 6) row->destination = ip_masked(&row->destination, row->prefix_bits);
    if (row->version == 6 && !row->metric && row->table != RT_TABLE_LOCAL) row->metric = 1024;
    if (row->kind > RTN_THROW) return -EINVAL; /* RTN_NAT and RTN_XRESOLVE: Linux has only the numbers */
    if (row->kind >= RTN_BLACKHOLE) {
        if (row->version == 6) row->device = net->loopback;
        return 0;
    }
    if (row->has_gateway) {
        int error = check_gateway(net, row);
        if (error) return error;
    } else if (row->version == 4 && row->kind == RTN_UNICAST && row->scope == RT_SCOPE_UNIVERSE) {
        row->scope = RT_SCOPE_LINK;
    }
    if (!row->device) return -ENODEV;
    return row->device->flags & IFF_UP ? 0 : -ENETDOWN;
}

int ip_route_add(struct net *net, const struct ip_route_row *row, enum route_existing existing)
{
    struct ip_route_row full = *row;
    if (!row_is_sound(row)) return -EINVAL;
    int error = complete_row(net, &full);
    return error ? error : ip_table_add(net, &full, existing);
}

int ip_route_remove(struct net *net, const struct ip_route_row *row)
{
    struct ip_route_row asked = *row;
    if (!asked.table) asked.table = RT_TABLE_MAIN;
    asked.destination = ip_masked(&asked.destination, asked.prefix_bits);
    return ip_table_remove(net, &asked);
}
