/* Which sock a datagram is for. Connected socks are found by their whole tuple; the others by local address and port, the
 * wildcard last. Among socks that match equally well the one bound to the interface wins, then a reuse-port group is split
 * by a keyed hash of the tuple. */
#include "udp/udp_sock.h"

enum { UDP_FIRST_SLOTS = 256 };

int udp_net_start(struct net *net)
{
    struct machine *m = net->machine;
    struct udp_net *un = machine_alloc(m, sizeof(*un));

    if (!un) return -ENOMEM;
    un->slot_count = UDP_FIRST_SLOTS;
    un->slots = machine_alloc(m, un->slot_count * sizeof(*un->slots));
    un->ports = port_table_create(m);
    random_key(&m->random.keys, &un->key);
    random_key(&m->random.keys, &un->group_key);
    net->udp = un;
    if (un->slots && un->ports) return 0;
    udp_net_stop(net);
    return -ENOMEM;
}

void udp_net_stop(struct net *net)
{
    struct udp_net *un = net->udp;

    machine_free(net->machine, un->slots, un->slots ? un->slot_count * sizeof(*un->slots) : 0);
    if (un->ports) port_table_destroy(net->machine, un->ports);
    machine_free(net->machine, un, sizeof(*un));
    net->udp = NULL;
}

static uint64_t hash_tuple(const struct siphash_key *key, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
    uint64_t words[5] = { local->quad[0], local->quad[1], remote->quad[0], remote->quad[1], (uint64_t)local_port << 16 | remote_port };

    return siphash_table(key, words, array_count(words));
}

/* Both wildcards share a slot, as a dual-stack sock takes both versions. */
static struct chain *slot_of(const struct udp_net *un, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
    ip_addr_t any = ip_any4();

    return &un->slots[hash_tuple(&un->key, ip_is_any(local) ? &any : local, local_port, remote, remote_port) & (un->slot_count - 1)];
}

static bool is_connected(const struct inet_sock *is)
{
    return is->sk.state == SOCK_ESTABLISHED;
}

static void insert(struct udp_net *un, struct inet_sock *is)
{
    ip_addr_t nobody = ip_any6();
    bool connected = is_connected(is);

    chain_add(slot_of(un, &is->local, is->local_port, connected ? &is->remote : &nobody, connected ? is->remote_port : 0), &is->lookup_node);
}

/* Twice the slots once there are more socks than slots; without memory the chains just get longer. */
static void grow(struct net *net)
{
    struct udp_net *un = net->udp;
    struct chain *old = un->slots, *made = machine_alloc(net->machine, un->slot_count * 2 * sizeof(*made));
    uint32_t old_count = un->slot_count;

    if (!made) return;
    un->slots = made;
    un->slot_count *= 2;
    for (uint32_t i = 0; i < old_count; i++) {
        chain_for_each_safe(node, next, &old[i]) insert(un, container_of(node, struct inet_sock, lookup_node));
    }
    machine_free(net->machine, old, old_count * sizeof(*old));
}

int udp_get_port(struct sock *sk, uint16_t port)
{
    struct inet_sock *is = inet_of(sk);
    struct udp_net *un = sk->net->udp;
    int error = port_bind(un->ports, is, port);

    if (error) return error;
    if (++un->sock_count > un->slot_count) grow(sk->net);
    insert(un, is);
    return 0;
}

void udp_rehash(struct sock *sk)
{
    struct inet_sock *is = inet_of(sk);

    if (!chain_is_linked(&is->lookup_node)) return;
    chain_remove(&is->lookup_node);
    insert(sk->net->udp, is);
}

void udp_unhash(struct sock *sk)
{
    struct inet_sock *is = inet_of(sk);

    if (!chain_is_linked(&is->lookup_node)) return;
    chain_remove(&is->lookup_node);
    sk->net->udp->sock_count--;
    port_release(is);
}

/* What is asked of a table. */
struct wanted {
    const ip_addr_t *local, *remote;
    uint16_t local_port, remote_port;
    int32_t ifindex;
    bool is4;
};

/* -1: not for this sock. The address is matched by the caller. */
static int score(const struct inet_sock *is, const struct wanted *w)
{
    int points = is->sk.family == AF_INET ? 2 : 1;

    if (is->local_port != w->local_port) return -1;
    if (w->is4 ? !inet_takes4(&is->sk) : is->sk.family != AF_INET6) return -1;
    if (is_connected(is)) {
        if (is->remote_port != w->remote_port || !ip_equal(&is->remote, w->remote)) return -1;
        points += 8;
    }
    if (is->sk.bound_ifindex) {
        if (is->sk.bound_ifindex != w->ifindex) return -1;
        points += 4;
    }
    return points;
}

static bool is_group_member(const struct inet_sock *is, const struct inet_sock *leader)
{
    return is->sk.reuse_port && !is_connected(is) && is->local_port == leader->local_port && is->sk.uid == leader->sk.uid &&
           is->sk.family == leader->sk.family && is->is_v6only == leader->is_v6only && is->sk.bound_ifindex == leader->sk.bound_ifindex && ip_equal(&is->local, &leader->local);
}

/* Linux keeps a group in the order of bind(); a chain holds the youngest first. */
static struct inet_sock *pick_from_group(struct udp_net *un, struct chain *slot, struct inet_sock *leader, const struct wanted *w)
{
    uint32_t members = 0, index;
    uint64_t hash;

    chain_for_each(node, slot) members += is_group_member(container_of(node, struct inet_sock, lookup_node), leader);
    if (members < 2) return leader;
    hash = hash_tuple(&un->group_key, w->local, w->local_port, w->remote, w->remote_port) & UINT32_MAX;
    index = members - 1 - (uint32_t)(hash * members >> 32);
    chain_for_each(node, slot) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

        if (is_group_member(is, leader) && index-- == 0) return is;
    }
    return leader;
}

static struct sock *search(struct net *net, const struct wanted *w, const ip_addr_t *bound, bool connected)
{
    ip_addr_t nobody = ip_any6();
    struct chain *slot = slot_of(net->udp, bound, w->local_port, connected ? w->remote : &nobody, connected ? w->remote_port : 0);
    struct inet_sock *best = NULL;
    int best_points = -1;

    chain_for_each(node, slot) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);
        bool fits = ip_is_any(bound) ? ip_is_any(&is->local) : ip_equal(&is->local, bound);
        int points = fits && is_connected(is) == connected ? score(is, w) : -1;

        if (points <= best_points) continue;
        best = is;
        best_points = points;
    }
    if (best && best->sk.reuse_port && !connected) best = pick_from_group(net->udp, slot, best, w);
    return best ? &best->sk : NULL;
}

struct sock *udp_lookup(struct net *net, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port, int32_t ifindex)
{
    struct wanted w = { local, remote, local_port, remote_port, ifindex, ip_is4(local) };
    ip_addr_t any = ip_any4();
    struct sock *sk = search(net, &w, local, true);

    if (!sk) sk = search(net, &w, local, false);
    return sk ? sk : search(net, &w, &any, false);
}

void udp_each(struct net *net, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx)
{
    for (uint32_t port = 1; port <= UINT16_MAX; port++) {
        const struct port_bucket *b = port_find(net->udp->ports, (uint16_t)port);

        if (!b) continue;
        chain_for_each(node, &b->owners) {
            if (visit(ctx, container_of(node, struct inet_sock, port_node))) return;
        }
    }
}

uint32_t udp_sock_count(const struct net *net)
{
    return net->udp->sock_count;
}
