/* Group membership of a sock: joined groups with their source filters, and who takes which datagram (RFC 3376 §3, RFC 3678). */
#include "inet/inet_ops.h"
#include "ip/address.h"

static struct net_device *device_of_address(struct net *net, const ip_addr_t *a)
{
    list_for_each(node, &net->devices) {
        struct net_device *d = list_entry(node, struct net_device, node);

        if (ip_address_kind(net, a, (int32_t)d->ifindex) == IP_KIND_LOCAL) return d;
    }
    return NULL;
}

static struct net_device *device_of_route(struct inet_sock *is, const ip_addr_t *group)
{
    struct ip_flow flow = { .destination = *group, .source = ip_is4(group) ? ip_any4() : ip_any6(), .out_ifindex = is->sk.bound_ifindex };
    struct net_device *d;
    int error;
    struct route *r = route_output(is->sk.net, &flow, &error);

    if (!r) return NULL;
    d = r->device;
    route_put(r);
    return d;
}

static struct net_device *find_device(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface)
{
    struct net *net = is->sk.net;

    if (ifindex) return ifindex < 0 ? NULL : device_by_index(net, (uint32_t)ifindex);
    if (interface && !ip_is_any(interface)) return device_of_address(net, interface);
    return device_of_route(is, group);
}

static bool is_named_by(const struct inet_membership *m, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface)
{
    if (!ip_equal(&m->group, group)) return false;
    if (ifindex) return m->ifindex == ifindex;
    return !interface || ip_is_any(interface) || ip_equal(&m->interface, interface);
}

const struct inet_membership *inet_group_find(const struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface)
{
    for (const struct inet_membership *m = is->rare->memberships; m; m = m->next) {
        if (is_named_by(m, group, ifindex, interface)) return m;
    }
    return NULL;
}

int inet_group_join(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface, uint32_t mode)
{
    struct net *net = is->sk.net;
    struct net_device *d;
    struct inet_rare *own = inet_rare(is);
    struct inet_membership *m;
    int64_t joined = 0;
    int error;

    if (!ip_is_multicast(group)) return -EINVAL;
    if (!ip_is4(group) && inet_group_find(is, group, ifindex, NULL)) return -EADDRINUSE;
    d = find_device(is, group, ifindex, interface);
    if (!d) return -ENODEV;
    for (m = is->rare->memberships; m; m = m->next) {
        if (ip_equal(&m->group, group) && m->ifindex == (int32_t)d->ifindex) return -EADDRINUSE;
        joined += ip_is4(&m->group);
    }
    if (ip_is4(group) && joined >= net->sysctl.igmp_max_memberships) return -ENOBUFS;
    m = own ? machine_alloc(net->machine, sizeof(*m)) : NULL;
    if (!m) return -ENOBUFS;
    error = ip_group_join(d, group);
    if (error) {
        machine_free(net->machine, m, sizeof(*m));
        return error;
    }
    m->group = *group;
    m->interface = interface ? *interface : ip_any6();
    m->ifindex = (int32_t)d->ifindex;
    m->mode = mode;
    m->next = own->memberships;
    own->memberships = m;
    return 0;
}

static void leave(struct inet_sock *is, struct inet_membership *m)
{
    struct machine *machine = is->sk.net->machine;
    struct net_device *d = device_by_index(is->sk.net, (uint32_t)m->ifindex);

    if (d) ip_group_leave(d, &m->group);
    machine_free(machine, m->sources, m->source_capacity * sizeof(*m->sources));
    machine_free(machine, m, sizeof(*m));
}

int inet_group_leave(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface)
{
    struct inet_rare *own = is->rare->memberships ? inet_rare(is) : NULL;

    for (struct inet_membership **at = own ? &own->memberships : NULL; at && *at; at = &(*at)->next) {
        struct inet_membership *m = *at;

        if (!is_named_by(m, group, ifindex, interface)) continue;
        *at = m->next;
        leave(is, m);
        return 0;
    }
    if (!ifindex && (!interface || ip_is_any(interface)) && !device_of_route(is, group)) return -ENODEV;
    return -EADDRNOTAVAIL;
}

void inet_leave_all_groups(struct inet_sock *is)
{
    while (is->rare->memberships) {
        struct inet_membership *m = is->rare->memberships;

        inet_rare(is)->memberships = m->next;
        leave(is, m);
    }
}

static uint32_t source_index(const struct inet_membership *m, const ip_addr_t *source)
{
    uint32_t i = 0;

    while (i < m->source_count && !ip_equal(&m->sources[i], source)) i++;
    return i;
}

/* Linux: 10 sources for each group of a sock, as igmp_max_msf says. */
static int add_source(struct inet_sock *is, struct inet_membership *m, const ip_addr_t *source)
{
    struct machine *machine = is->sk.net->machine;
    uint32_t capacity = m->source_capacity ? m->source_capacity * 2 : 4;
    ip_addr_t *made;

    if (source_index(m, source) < m->source_count) return -EADDRNOTAVAIL;
    if (m->source_count >= is->sk.net->sysctl.igmp_max_msf) return -ENOBUFS;
    if (m->source_count == m->source_capacity) {
        made = machine_alloc(machine, capacity * sizeof(*made));
        if (!made) return -ENOBUFS;
        if (m->sources) memcpy(made, m->sources, m->source_count * sizeof(*made));
        machine_free(machine, m->sources, m->source_capacity * sizeof(*made));
        m->sources = made;
        m->source_capacity = capacity;
    }
    m->sources[m->source_count++] = *source;
    return 0;
}

/* Source filters are found by the interface, however it is named. */
static int resolve(struct inet_sock *is, const ip_addr_t *group, int32_t *ifindex, const ip_addr_t *interface)
{
    const struct net_device *d;

    if (!ip_is_multicast(group)) return -EINVAL;
    if (*ifindex || !ip_is4(group)) return 0;
    d = find_device(is, group, 0, interface);
    if (!d) return -ENODEV;
    *ifindex = (int32_t)d->ifindex;
    return 0;
}

int inet_group_source(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface,
                      const ip_addr_t *source, uint32_t mode, bool add)
{
    struct inet_membership *m;
    uint32_t i;
    int error = resolve(is, group, &ifindex, interface);

    if (error) return error;
    m = (struct inet_membership *)(uintptr_t)inet_group_find(is, group, ifindex, NULL);
    if (!m) return -EINVAL;
    if (m->sources && m->mode != mode) return -EINVAL; /* once there was a list, its mode stays */
    m->mode = mode;
    if (add) return add_source(is, m, source);
    i = source_index(m, source);
    if (i == m->source_count) return -EADDRNOTAVAIL;
    /* Including nobody is the same as leaving. */
    if (m->source_count == 1 && mode == MCAST_INCLUDE) return inet_group_leave(is, group, ifindex, NULL);
    memmove(&m->sources[i], &m->sources[i + 1], (--m->source_count - i) * sizeof(*m->sources));
    return 0;
}

int inet_group_set_filter(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface, uint32_t mode,
                          const ip_addr_t *sources, uint32_t source_count)
{
    struct inet_membership *m;
    struct machine *machine = is->sk.net->machine;
    ip_addr_t *made = NULL;
    int error = resolve(is, group, &ifindex, interface);

    if (error) return error;
    m = (struct inet_membership *)(uintptr_t)inet_group_find(is, group, ifindex, NULL);
    if (mode != MCAST_INCLUDE && mode != MCAST_EXCLUDE) return -EINVAL;
    if (mode == MCAST_INCLUDE && !source_count) return inet_group_leave(is, group, ifindex, NULL);
    if (!m) return -EINVAL;
    if (source_count) {
        made = machine_alloc(machine, source_count * sizeof(*made));
        if (!made) return -ENOBUFS;
        memcpy(made, sources, source_count * sizeof(*made));
    }
    machine_free(machine, m->sources, m->source_capacity * sizeof(*made));
    m->sources = made;
    m->source_count = m->source_capacity = source_count;
    m->mode = mode;
    return 0;
}

bool inet_group_accepts(const struct inet_sock *is, const ip_addr_t *group, const ip_addr_t *source, int32_t ifindex)
{
    const struct inet_membership *m;
    bool listed;

    /* Linux: an IPv6 membership counts on every interface. */
    m = inet_group_find(is, group, ip_is4(group) ? ifindex : 0, NULL);
    if (!m) return ip_is4(group) ? is->multicast_all : is->multicast_all6;
    listed = source_index(m, source) < m->source_count;
    return m->mode == MCAST_INCLUDE ? listed : !listed;
}
