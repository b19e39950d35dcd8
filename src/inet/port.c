/* Ports. A bucket for each port in use holds the socks that claim it (and what TIME-WAIT left behind); a new claim is
 * checked against them. Two claims meet only when their interfaces and addresses overlap; then SO_REUSEADDR lets them share
 * unless the other listens, and SO_REUSEPORT lets them share when both have it and belong to one user.
 *
 * bind(0) takes odd offsets into the range first, connect() even ones, so that the two seldom meet. connect() may share a
 * port between destinations, as long as only connect() took it. Its search begins at a keyed hash of the destination plus a
 * counter that moves with use (RFC 6056 §3.3.4: algorithm 4). */
#include "inet/inet.h"

enum { PORT_SLOTS = 4096, PORT_COUNTERS = 256 };

struct port_table {
    struct machine *machine;
    struct siphash_key key;
    uint32_t counters[PORT_COUNTERS];
    struct chain slots[PORT_SLOTS];
};

struct port_table *port_table_create(struct machine *m)
{
    struct port_table *t = machine_alloc(m, sizeof(*t));

    if (!t) return NULL;
    t->machine = m;
    random_key(&m->random.keys, &t->key);
    for (size_t i = 0; i < PORT_COUNTERS; i++) t->counters[i] = random_u32(&m->random.ports);
    return t;
}

void port_table_destroy(struct machine *m, struct port_table *t)
{
    machine_free(m, t, sizeof(*t));
}

struct port_bucket *port_find(const struct port_table *t, uint16_t port)
{
    chain_for_each(node, &t->slots[port % PORT_SLOTS]) {
        struct port_bucket *b = container_of(node, struct port_bucket, node);

        if (b->port == port) return b;
    }
    return NULL;
}

static struct port_bucket *make_bucket(struct port_table *t, uint16_t port)
{
    struct port_bucket *b = machine_alloc(t->machine, sizeof(*b));

    if (!b) return NULL;
    b->table = t;
    b->port = port;
    chain_add(&t->slots[port % PORT_SLOTS], &b->node);
    return b;
}

static void drop_bucket_if_empty(struct port_bucket *b)
{
    if (b->owners.first || b->holds.first) return;
    chain_remove(&b->node);
    machine_free(b->table->machine, b, sizeof(*b));
}

static void claim(struct port_bucket *b, struct inet_sock *is)
{
    chain_add(&b->owners, &is->port_node);
    is->port_bucket = b;
    is->local_port = b->port;
}

/* What another claim on the port looks like. */
struct rival {
    const ip_addr_t *local;
    int32_t ifindex;
    uint32_t uid;
    bool reuse, reuse_port, is_v6only, is_listening, is_held;
};

static struct rival rival_of(const struct inet_sock *is)
{
    return (struct rival){ &is->local, is->sk.bound_ifindex, is->sk.uid, is->sk.reuse, is->sk.reuse_port, is->is_v6only,
                           is->sk.state == SOCK_LISTEN, false };
}

static struct rival rival_of_hold(const struct port_hold *h)
{
    return (struct rival){ &h->local, h->bound_ifindex, 0, h->reuse, h->reuse_port, h->is_v6only, false, true };
}

static bool addresses_overlap(const struct inet_sock *is, const struct rival *r)
{
    bool is4 = ip_is4(&is->local), rival4 = ip_is4(r->local);

    if (is4 && rival4) return ip_equal(&is->local, r->local) || ip_is_any(&is->local) || ip_is_any(r->local);
    if (ip_is_any6(r->local)) return !(r->is_v6only && is4);
    if (ip_is_any6(&is->local)) return !(is->is_v6only && rival4);
    return is4 == rival4 && ip_equal(&is->local, r->local);
}

static bool interfaces_overlap(int32_t a, int32_t b)
{
    return !a || !b || a == b;
}

/* exact: the program named the port; else a port is being picked, and sharing by SO_REUSEADDR is not wanted. */
static bool stream_conflict(const struct inet_sock *is, const struct rival *r, bool exact)
{
    bool share_port = exact && is->sk.reuse_port && r->reuse_port && (r->is_held || is->sk.uid == r->uid);

    if (!interfaces_overlap(is->sk.bound_ifindex, r->ifindex) || !addresses_overlap(is, r)) return false;
    if (is->sk.reuse && r->reuse && !r->is_listening) return !exact;
    return !share_port;
}

static bool datagram_conflict(const struct inet_sock *is, const struct rival *r)
{
    if (is->sk.reuse && r->reuse) return false;
    if (!interfaces_overlap(is->sk.bound_ifindex, r->ifindex) || !addresses_overlap(is, r)) return false;
    return !(is->sk.reuse_port && r->reuse_port && is->sk.uid == r->uid);
}

static bool conflict(const struct inet_sock *is, const struct rival *r, bool exact)
{
    return is->sk.type == SOCK_STREAM ? stream_conflict(is, r, exact) : datagram_conflict(is, r);
}

static bool bucket_conflicts(const struct port_bucket *b, const struct inet_sock *is, bool exact)
{
    chain_for_each(node, &b->owners) {
        const struct inet_sock *other = container_of(node, struct inet_sock, port_node);
        struct rival r = rival_of(other);

        if (other != is && conflict(is, &r, exact)) return true;
    }
    chain_for_each(node, &b->holds) {
        struct rival r = rival_of_hold(container_of(node, struct port_hold, node));

        if (conflict(is, &r, exact)) return true;
    }
    return false;
}

static bool is_reserved(const struct net *net, uint32_t port)
{
    return net->sysctl.local_reserved_ports[port / 32] >> (port % 32) & 1;
}

/* The sock's ephemeral range, [*low, *low + *count). */
static void ephemeral_range(const struct inet_sock *is, uint32_t *low, uint32_t *ports)
{
    uint32_t lo = (uint32_t)is->sk.net->sysctl.ip_local_port_range[0], hi = (uint32_t)is->sk.net->sysctl.ip_local_port_range[1];

    if (is->rare->local_port_low && is->rare->local_port_low >= lo && is->rare->local_port_low <= hi) lo = is->rare->local_port_low;
    if (is->rare->local_port_high && is->rare->local_port_high >= lo && is->rare->local_port_high <= hi) hi = is->rare->local_port_high;
    *low = lo;
    *ports = hi - lo + 1;
}

/* First free port of `ports` from low on, of both parities, beginning at a random odd offset. 0: none. */
static uint16_t scan_open(struct port_table *t, const struct inet_sock *is, uint32_t low, uint32_t ports, bool exact)
{
    uint32_t even = ports > 1 ? ports & ~1u : 1;
    uint32_t offset = random_below(&t->machine->random.ports, even) | 1u;

    for (int parity = 0; parity < 2; parity++, offset--) {
        for (uint32_t i = 0; i < even; i += 2) {
            uint32_t port = low + (offset + i) % even;
            struct port_bucket *b;

            if (even == 1) port = low;
            if (is_reserved(is->sk.net, port)) continue;
            b = port_find(t, (uint16_t)port);
            if (!b || !bucket_conflicts(b, is, exact)) return (uint16_t)port;
        }
    }
    return 0;
}

static uint16_t pick_open(struct port_table *t, const struct inet_sock *is)
{
    uint32_t low, ports, half;
    uint16_t port = 0;

    ephemeral_range(is, &low, &ports);
    if (is->sk.type != SOCK_STREAM) return scan_open(t, is, low, ports, true);
    /* Linux: a sock with SO_REUSEADDR tries the lower half of the range first. */
    half = is->sk.reuse && ports > 4 ? ((ports >> 2) << 1) : 0;
    if (half) port = scan_open(t, is, low, half, false);
    if (!port) port = scan_open(t, is, low + half, ports - half, false);
    if (!port && is->sk.net->sysctl.ip_autobind_reuse) port = scan_open(t, is, low, ports, true);
    return port;
}

int port_bind(struct port_table *t, struct inet_sock *is, uint16_t port)
{
    bool picked = port == 0;
    struct port_bucket *b;

    if (picked) port = pick_open(t, is);
    if (!port) return -EADDRINUSE;
    b = port_find(t, port);
    if (!picked && b && bucket_conflicts(b, is, true)) return -EADDRINUSE;
    if (is->port_bucket) return 0; /* asked again, by listen() */
    if (!b) b = make_bucket(t, port);
    if (!b) return -EADDRINUSE;
    b->is_connect_only = false;
    claim(b, is);
    return 0;
}

void port_release(struct inet_sock *is)
{
    struct port_bucket *b = is->port_bucket;

    if (!b) return;
    chain_remove(&is->port_node);
    is->port_bucket = NULL;
    is->local_port = 0;
    drop_bucket_if_empty(b);
}

int port_inherit(struct inet_sock *child, const struct inet_sock *listener)
{
    struct port_bucket *b = listener->port_bucket;

    if (b && b->port == child->local_port) {
        claim(b, child);
        return 0;
    }
    return -EADDRINUSE;
}

void port_hold(struct port_hold *h, const struct inet_sock *is)
{
    h->bucket = is->port_bucket;
    h->local = is->local;
    h->bound_ifindex = is->sk.bound_ifindex;
    h->reuse = is->sk.reuse;
    h->reuse_port = is->sk.reuse_port;
    h->is_v6only = is->is_v6only;
    if (h->bucket) chain_add(&h->bucket->holds, &h->node);
}

void port_unhold(struct port_hold *h)
{
    struct port_bucket *b = h->bucket;

    if (!b) return;
    chain_remove(&h->node);
    h->bucket = NULL;
    drop_bucket_if_empty(b);
}

/* Takes this port for a connection when nobody bound it and the 4-tuple is free. */
static bool try_connect_port(struct port_table *t, struct inet_sock *is, uint16_t port,
                             bool (*check)(void *ctx, struct inet_sock *is, uint16_t port), void *ctx)
{
    struct port_bucket *b;

    if (is_reserved(is->sk.net, port)) return false;
    b = port_find(t, port);
    if (b && !b->is_connect_only) return false;
    if (b) {
        /* check() may take a TIME-WAIT out, and with it the bucket's last holder. */
        claim(b, is);
        if (check(ctx, is, port)) return true;
        port_release(is);
        return false;
    }
    b = make_bucket(t, port);
    if (!b) return false;
    b->is_connect_only = true;
    claim(b, is);
    return true;
}

static uint64_t destination_hash(const struct port_table *t, const struct inet_sock *is)
{
    struct { ip_addr_t source, remote; uint32_t port; } tuple = { is->source, is->remote, is->remote_port };

    return siphash(&t->key, &tuple, sizeof(tuple.source) + sizeof(tuple.remote) + sizeof(tuple.port));
}

int port_connect(struct port_table *t, struct inet_sock *is, bool (*check)(void *ctx, struct inet_sock *is, uint16_t port),
                 void *ctx)
{
    uint64_t hash = destination_hash(t, is);
    uint32_t *counter = &t->counters[hash % PORT_COUNTERS], low, ports, offset;

    if (is->local_port) return check(ctx, is, is->local_port) ? 0 : -EADDRNOTAVAIL;
    ephemeral_range(is, &low, &ports);
    if (ports > 1) ports &= ~1u;
    offset = (uint32_t)((*counter + (hash >> 32)) % ports) & ~1u;
    for (int parity = 0; parity < 2 && (parity == 0 || ports > 1); parity++, offset++) {
        for (uint32_t i = 0; i < ports; i += 2) {
            if (!try_connect_port(t, is, (uint16_t)(low + (offset + i) % ports), check, ctx)) continue;
            *counter += max_of(i, random_below(&t->machine->random.ports, 8) * 2) + 2;
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

bool port_is_privileged(const struct net *net, const struct credentials *c, uint16_t port)
{
    return port && port < net->sysctl.ip_unprivileged_port_start && c && !credentials_can(c, CAP_NET_BIND_SERVICE);
}
