/* Lookup tables: keyed hash of the 4-tuple for connections, of address and port for listeners (Linux: ehash, lhash2).
 * Socks, TIME-WAITs and requests have a table each: the common case, a segment for a sock, looks into one. A sock in a
 * table is held by it. */
#include "tcp/tcp_net.h"

static struct chain *bucket_at(const struct tcp_table *t, uint32_t i)
{
    if (i < TCP_TABLE_FIRST) return &t->segments[0][i];
    uint32_t k = 32u - (uint32_t)__builtin_clz(i / TCP_TABLE_FIRST);
    return &t->segments[k][i - (TCP_TABLE_FIRST << (k - 1))];
}

/* Largest power of two not above the number of buckets. */
static uint32_t table_base(const struct tcp_table *t) { return 1u << (31 - __builtin_clz(t->buckets)); }

static struct chain *bucket_of(const struct tcp_table *t, uint64_t hash)
{
    uint32_t base = table_base(t), i = (uint32_t)hash & (2 * base - 1);
    return bucket_at(t, i < t->buckets ? i : i - base);
}

static uint32_t segment_buckets(uint32_t k) { return k == 0 ? TCP_TABLE_FIRST : TCP_TABLE_FIRST << (k - 1); }

int tcp_table_init(struct machine *m, struct tcp_table *t, uint64_t (*hash_of)(const struct tcp_net *, const struct chain_node *))
{
    memset(t, 0, sizeof *t);
    t->segments[0] = machine_alloc(m, TCP_TABLE_FIRST * sizeof(struct chain));
    if (!t->segments[0]) return -ENOMEM;
    t->buckets = TCP_TABLE_FIRST;
    t->hash_of = hash_of;
    return 0;
}

void tcp_table_fini(struct machine *m, struct tcp_table *t)
{
    for (uint32_t k = 0; k < TCP_TABLE_SEGMENTS; k++) {
        if (t->segments[k]) machine_free(m, t->segments[k], segment_buckets(k) * sizeof(struct chain));
        t->segments[k] = NULL;
    }
}

/* Splits one bucket in two. Without memory for a segment the table stays as it is and gets slower, not wrong. */
static void table_grow(struct tcp_net *tn, struct tcp_table *t)
{
    uint32_t fresh = t->buckets, base = table_base(t);
    if (fresh == base) {
        uint32_t k = 32u - (uint32_t)__builtin_clz(fresh / TCP_TABLE_FIRST);
        if (k >= TCP_TABLE_SEGMENTS) return;
        if (!t->segments[k]) t->segments[k] = machine_alloc(tn->net->machine, segment_buckets(k) * sizeof(struct chain));
        if (!t->segments[k]) return;
    }
    struct chain *from = bucket_at(t, fresh - base), *to = bucket_at(t, fresh);
    t->buckets++;
    chain_for_each_safe(it, tmp, from) {
        if (!(t->hash_of(tn, it) & base)) continue;
        chain_remove(it);
        chain_add(to, it);
    }
}

void tcp_table_add(struct tcp_net *tn, struct tcp_table *t, struct chain_node *n)
{
    chain_add(bucket_of(t, t->hash_of(tn, n)), n);
    if (++t->count > t->buckets) table_grow(tn, t);
}

void tcp_table_remove(struct tcp_table *t, struct chain_node *n)
{
    if (!chain_is_linked(n)) return;
    chain_remove(n);
    t->count--;
}

int tcp_table_each(struct tcp_table *t, int (*visit)(void *ctx, struct chain_node *n), void *ctx)
{
    for (uint32_t i = 0; i < t->buckets; i++) {
        chain_for_each_safe(it, tmp, bucket_at(t, i)) {
            int r = visit(ctx, it);
            if (r) return r;
        }
    }
    return 0;
}

uint64_t tcp_tuple_hash(const struct tcp_net *tn, const struct tcp_tuple *t)
{
    uint64_t ports = (uint64_t)t->local_port << 16 | t->remote_port;
    if (ip_is4(t->local) && ip_is4(t->remote)) { /* less to hash */
        uint64_t words[2] = { (uint64_t)t->local->word[3] << 32 | t->remote->word[3], ports };
        return siphash_table(&tn->table_key, words, array_count(words));
    }
    uint64_t words[5] = { t->local->quad[0], t->local->quad[1], t->remote->quad[0], t->remote->quad[1], ports };
    return siphash_table(&tn->table_key, words, array_count(words));
}

/* Both "any" addresses share a bucket: a dual-stack listener is found from either version. */
static uint64_t listener_hash(const struct tcp_net *tn, const ip_addr_t *local, uint16_t port)
{
    bool is_any = ip_is_any(local);
    uint64_t words[3] = { is_any ? 0 : local->quad[0], is_any ? 0 : local->quad[1], port };
    return siphash_table(&tn->table_key, words, array_count(words));
}

static const struct tcp_sock *const_sock_at(const struct chain_node *n)
{
    return (const struct tcp_sock *)(const void *)((const char *)n - offsetof(struct tcp_sock, inet.lookup_node));
}

uint64_t tcp_hash_of_sock(const struct tcp_net *tn, const struct chain_node *n)
{
    const struct inet_sock *is = &const_sock_at(n)->inet;
    return tcp_tuple_hash(tn, &(struct tcp_tuple){ &is->local, &is->remote, is->local_port, is->remote_port, 0 });
}

uint64_t tcp_hash_of_listener(const struct tcp_net *tn, const struct chain_node *n)
{
    const struct inet_sock *is = &const_sock_at(n)->inet;
    return listener_hash(tn, &is->local, is->local_port);
}

uint64_t tcp_hash_of_time_wait(const struct tcp_net *tn, const struct chain_node *n)
{
    const struct tcp_time_wait *tw = (const void *)((const char *)n - offsetof(struct tcp_time_wait, node));
    return tcp_tuple_hash(tn, &(struct tcp_tuple){ &tw->hold.local, &tw->remote, time_wait_port(tw), tw->remote_port, 0 });
}

uint64_t tcp_hash_of_request(const struct tcp_net *tn, const struct chain_node *n)
{
    const struct tcp_request *r = (const void *)((const char *)n - offsetof(struct tcp_request, node));
    return tcp_tuple_hash(tn, &(struct tcp_tuple){ &r->local, &r->remote, r->listener->inet.local_port, r->remote_port, 0 });
}

struct tcp_sock *tcp_find_established(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash)
{
    chain_for_each(it, bucket_of(&tn->established, hash)) {
        struct tcp_sock *tp = list_entry(it, struct tcp_sock, inet.lookup_node);
        const struct inet_sock *is = &tp->inet;
        if (is->remote_port == t->remote_port && is->local_port == t->local_port && ip_equal(&is->remote, t->remote) &&
            ip_equal(&is->local, t->local) && (!is->sk.bound_ifindex || is->sk.bound_ifindex == t->ifindex)) return tp;
    }
    return NULL;
}

struct tcp_time_wait *tcp_find_time_wait(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash)
{
    chain_for_each(it, bucket_of(&tn->time_wait, hash)) {
        struct tcp_time_wait *tw = list_entry(it, struct tcp_time_wait, node);
        if (tw->remote_port == t->remote_port && time_wait_port(tw) == t->local_port && ip_equal(&tw->remote, t->remote) &&
            ip_equal(&tw->hold.local, t->local) && (!tw->hold.bound_ifindex || tw->hold.bound_ifindex == t->ifindex)) return tw;
    }
    return NULL;
}

struct tcp_request *tcp_find_request(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash)
{
    chain_for_each(it, bucket_of(&tn->requests, hash)) {
        struct tcp_request *r = list_entry(it, struct tcp_request, node);
        if (r->remote_port == t->remote_port && r->listener->inet.local_port == t->local_port && ip_equal(&r->remote, t->remote) &&
            ip_equal(&r->local, t->local) && (!r->bound_ifindex || (int32_t)r->bound_ifindex == t->ifindex)) return r;
    }
    return NULL;
}

/* How well a listener fits (Linux: compute_score): bound to the interface before unbound, IPv4 before dual-stack. 0: not. */
static int listener_score(const struct tcp_sock *tp, const struct tcp_tuple *t, const ip_addr_t *address)
{
    const struct inet_sock *is = &tp->inet;
    if (is->local_port != t->local_port) return 0;
    bool is4 = ip_is4(t->local);
    if (is4 ? !inet_takes4(&is->sk) : is->sk.family != AF_INET6) return 0;
    if (address ? !ip_equal(&is->local, address) : !ip_is_any(&is->local)) return 0;
    /* An AF_INET6 sock bound to ::ffff:0.0.0.0 takes IPv4 only. */
    if (!is4 && ip_is4(&is->local)) return 0;
    if (is->sk.bound_ifindex && is->sk.bound_ifindex != t->ifindex) return 0;
    return (is->sk.bound_ifindex ? 2 : 1) + (is4 && is->sk.family == AF_INET ? 1 : 0);
}

static struct tcp_sock *reuseport_choose(struct tcp_net *tn, struct tcp_sock *tp, const struct tcp_tuple *t)
{
    struct tcp_reuseport *group = tp->listener ? tp->listener->reuseport : NULL;
    if (!group || group->count < 2) return tp;
    uint64_t words[5] = { t->local->quad[0], t->local->quad[1], t->remote->quad[0], t->remote->quad[1],
        (uint64_t)t->local_port << 16 | t->remote_port };
    uint32_t hash = (uint32_t)siphash_table(&tn->reuseport_key, words, array_count(words));
    return group->socks[(uint64_t)hash * group->count >> 32];
}

static struct tcp_sock *find_listener_at(struct tcp_net *tn, const struct tcp_tuple *t, const ip_addr_t *address)
{
    const ip_addr_t any = ip_any6();
    struct tcp_sock *best = NULL;
    int best_score = 0;
    chain_for_each(it, bucket_of(&tn->listening, listener_hash(tn, address ? address : &any, t->local_port))) {
        struct tcp_sock *tp = list_entry(it, struct tcp_sock, inet.lookup_node);
        int score = listener_score(tp, t, address);
        if (score <= best_score) continue;
        best = tp;
        best_score = score;
    }
    return best ? reuseport_choose(tn, best, t) : NULL;
}

struct tcp_sock *tcp_find_listener(struct tcp_net *tn, const struct tcp_tuple *t)
{
    struct tcp_sock *tp = find_listener_at(tn, t, t->local);
    return tp ? tp : find_listener_at(tn, t, NULL);
}

int tcp_hash_established(struct tcp_sock *tp)
{
    struct tcp_net *tn = tp->inet.sk.net->tcp;
    if (chain_is_linked(&tp->inet.lookup_node)) return 0;
    tcp_table_add(tn, &tn->established, &tp->inet.lookup_node);
    sock_get(sk_of(tp));
    return 0;
}

static void reuseport_leave(struct machine *m, struct tcp_sock *tp)
{
    struct tcp_reuseport *g = tp->listener ? tp->listener->reuseport : NULL;
    if (!g) return;
    tp->listener->reuseport = NULL;
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->socks[i] != tp) continue;
        g->socks[i] = g->socks[--g->count]; /* Linux: the last one takes the place */
        break;
    }
    if (!g->count) machine_free(m, g, sizeof *g + g->capacity * sizeof g->socks[0]);
}

static bool reuseport_matches(const struct tcp_sock *a, const struct tcp_sock *b)
{
    const struct inet_sock *x = &a->inet, *y = &b->inet;
    return x->sk.reuse_port && y->sk.reuse_port && x->local_port == y->local_port && x->sk.family == y->sk.family &&
        x->is_v6only == y->is_v6only && x->sk.bound_ifindex == y->sk.bound_ifindex && x->sk.uid == y->sk.uid &&
        ip_equal(&x->local, &y->local);
}

/* Puts tp into g, which may have to move. NULL: no memory. */
static struct tcp_reuseport *reuseport_add(struct machine *m, struct tcp_reuseport *g, struct tcp_sock *tp)
{
    if (!g || g->count == g->capacity) {
        uint32_t capacity = g ? g->capacity * 2 : 4;
        struct tcp_reuseport *larger = machine_alloc(m, sizeof *g + capacity * sizeof g->socks[0]);
        if (!larger) return NULL;
        if (g) memcpy(larger, g, sizeof *g + g->count * sizeof g->socks[0]);
        larger->capacity = capacity;
        for (uint32_t i = 0; i < larger->count; i++) larger->socks[i]->listener->reuseport = larger;
        if (g) machine_free(m, g, sizeof *g + g->capacity * sizeof g->socks[0]);
        g = larger;
    }
    g->socks[g->count++] = tp;
    tp->listener->reuseport = g;
    return g;
}

static int reuseport_join(struct tcp_net *tn, struct tcp_sock *tp)
{
    struct tcp_reuseport *g = NULL;
    chain_for_each(it, bucket_of(&tn->listening, tcp_hash_of_listener(tn, &tp->inet.lookup_node))) {
        struct tcp_sock *other = list_entry(it, struct tcp_sock, inet.lookup_node);
        if (!reuseport_matches(tp, other)) continue;
        g = other->listener->reuseport;
        break;
    }
    return reuseport_add(tn->net->machine, g, tp) ? 0 : -ENOMEM;
}

int tcp_hash_listening(struct tcp_sock *tp)
{
    struct tcp_net *tn = tp->inet.sk.net->tcp;
    if (tp->inet.sk.reuse_port) {
        int r = reuseport_join(tn, tp);
        if (r) return r;
    }
    tcp_table_add(tn, &tn->listening, &tp->inet.lookup_node);
    sock_get(sk_of(tp));
    return 0;
}

void tcp_unhash(struct tcp_sock *tp)
{
    struct tcp_net *tn = tp->inet.sk.net->tcp;
    if (!chain_is_linked(&tp->inet.lookup_node)) return;
    reuseport_leave(tn->net->machine, tp);
    tcp_table_remove(tp->listener ? &tn->listening : &tn->established, &tp->inet.lookup_node);
    sock_put(sk_of(tp));
}
