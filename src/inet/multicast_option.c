/* The socket options that join and leave groups and set source filters, in their four shapes: ip_mreqn, ip_mreq_source,
 * ipv6_mreq, and the protocol-independent group_req (RFC 3678). */
#include "inet/inet_ops.h"

enum { MAX_FILTER_SOURCES = 256 };

static ip_addr_t from_in(struct in_addr a)
{
    return ip_from4((be32_t){ a.s_addr });
}

static bool is_stream(const struct sock *sk)
{
    return sk->type == SOCK_STREAM;
}

static int read_mreqn(struct sock *sk, const struct user_option *o, struct ip_mreqn *out)
{
    *out = (struct ip_mreqn){ 0 };
    if (is_stream(sk)) return -EPROTO;
    if (o->bytes < (int)sizeof(struct ip_mreq)) return -EINVAL;
    return option_in(o, out, o->bytes >= (int)sizeof(*out) ? sizeof(*out) : sizeof(struct ip_mreq));
}

int inet_set_membership4(struct sock *sk, const struct user_option *o)
{
    struct ip_mreqn r;
    int error = read_mreqn(sk, o, &r);
    ip_addr_t group = from_in(r.imr_multiaddr), interface = from_in(r.imr_address);

    return error ? error : inet_group_join(inet_of(sk), &group, r.imr_ifindex, &interface, MCAST_EXCLUDE);
}

int inet_drop_membership4(struct sock *sk, const struct user_option *o)
{
    struct ip_mreqn r;
    int error = read_mreqn(sk, o, &r);
    ip_addr_t group = from_in(r.imr_multiaddr), interface = from_in(r.imr_address);

    return error ? error : inet_group_leave(inet_of(sk), &group, r.imr_ifindex, &interface);
}

static int read_mreq6(struct sock *sk, const struct user_option *o, struct ipv6_mreq *out)
{
    if (o->bytes < (int)sizeof(*out)) return -EINVAL;
    if (is_stream(sk)) return -EPROTO;
    return option_in(o, out, sizeof(*out));
}

int inet_set_membership6(struct sock *sk, const struct user_option *o)
{
    struct ipv6_mreq r = { 0 };
    int error = read_mreq6(sk, o, &r);
    ip_addr_t group = ip_from6(&r.ipv6mr_multiaddr);

    if (error) return error;
    return ip_is4(&group) ? -EINVAL : inet_group_join(inet_of(sk), &group, (int32_t)r.ipv6mr_interface, NULL, MCAST_EXCLUDE);
}

int inet_drop_membership6(struct sock *sk, const struct user_option *o)
{
    struct ipv6_mreq r = { 0 };
    int error = read_mreq6(sk, o, &r);
    ip_addr_t group = ip_from6(&r.ipv6mr_multiaddr);

    if (error) return error;
    return ip_is_multicast(&group) ? inet_group_leave(inet_of(sk), &group, (int32_t)r.ipv6mr_interface, NULL) : -EINVAL;
}

static int change_source4(struct sock *sk, const struct user_option *o, uint32_t mode, bool add)
{
    struct ip_mreq_source r;
    ip_addr_t group, interface, source;
    int error;

    if (o->bytes != (int)sizeof(r)) return -EINVAL;
    error = option_in(o, &r, sizeof(r));
    if (error) return error;
    group = from_in(r.imr_multiaddr);
    interface = from_in(r.imr_interface);
    source = from_in(r.imr_sourceaddr);
    if (mode == MCAST_INCLUDE && add) {
        error = inet_group_join(inet_of(sk), &group, 0, &interface, MCAST_INCLUDE);
        if (error && error != -EADDRINUSE) return error;
    }
    return inet_group_source(inet_of(sk), &group, 0, &interface, &source, mode, add);
}

int inet_set_block_source4(struct sock *sk, const struct user_option *o)
{
    return change_source4(sk, o, MCAST_EXCLUDE, true);
}

int inet_set_unblock_source4(struct sock *sk, const struct user_option *o)
{
    return change_source4(sk, o, MCAST_EXCLUDE, false);
}

int inet_set_add_source4(struct sock *sk, const struct user_option *o)
{
    return change_source4(sk, o, MCAST_INCLUDE, true);
}

int inet_set_drop_source4(struct sock *sk, const struct user_option *o)
{
    return change_source4(sk, o, MCAST_INCLUDE, false);
}

/* A group or source of the protocol-independent options; the family must be the sock's own. */
static int read_group_address(const struct sock *sk, const struct sockaddr_storage *a, ip_addr_t *out)
{
    struct sockaddr_in6 sin6;
    struct sockaddr_in sin;

    if (a->ss_family == AF_INET && !inet_is6(sk)) {
        memcpy(&sin, a, sizeof(sin));
        *out = from_in(sin.sin_addr);
        return 0;
    }
    if (a->ss_family != AF_INET6 || !inet_is6(sk)) return inet_is6(sk) ? -EADDRNOTAVAIL : -EINVAL;
    memcpy(&sin6, a, sizeof(sin6));
    *out = ip_from6(&sin6.sin6_addr);
    return 0;
}

static int read_group(struct sock *sk, const struct user_option *o, struct group_req *r, ip_addr_t *group)
{
    int error;

    if (o->bytes < (int)sizeof(*r)) return -EINVAL;
    error = option_in(o, r, sizeof(*r));
    return error ? error : read_group_address(sk, &r->gr_group, group);
}

int inet_set_mcast_join(struct sock *sk, const struct user_option *o)
{
    struct group_req r;
    ip_addr_t group;
    int error = read_group(sk, o, &r, &group);

    return error ? error : inet_group_join(inet_of(sk), &group, (int32_t)r.gr_interface, NULL, MCAST_EXCLUDE);
}

int inet_set_mcast_leave(struct sock *sk, const struct user_option *o)
{
    struct group_req r;
    ip_addr_t group;
    int error = read_group(sk, o, &r, &group);

    return error ? error : inet_group_leave(inet_of(sk), &group, (int32_t)r.gr_interface, NULL);
}

static int change_source(struct sock *sk, const struct user_option *o, uint32_t mode, bool add)
{
    struct group_source_req r;
    ip_addr_t group, source;
    int error;

    if (o->bytes < (int)sizeof(r)) return -EINVAL;
    error = option_in(o, &r, sizeof(r));
    if (!error) error = read_group_address(sk, &r.gsr_group, &group);
    if (!error) error = read_group_address(sk, &r.gsr_source, &source);
    if (error) return -EADDRNOTAVAIL;
    if (mode == MCAST_INCLUDE && add) {
        error = inet_group_join(inet_of(sk), &group, (int32_t)r.gsr_interface, NULL, MCAST_INCLUDE);
        if (error && error != -EADDRINUSE) return error;
    }
    return inet_group_source(inet_of(sk), &group, (int32_t)r.gsr_interface, NULL, &source, mode, add);
}

int inet_set_mcast_join_source(struct sock *sk, const struct user_option *o)
{
    return change_source(sk, o, MCAST_INCLUDE, true);
}

int inet_set_mcast_leave_source(struct sock *sk, const struct user_option *o)
{
    return change_source(sk, o, MCAST_INCLUDE, false);
}

int inet_set_mcast_block(struct sock *sk, const struct user_option *o)
{
    return change_source(sk, o, MCAST_EXCLUDE, true);
}

int inet_set_mcast_unblock(struct sock *sk, const struct user_option *o)
{
    return change_source(sk, o, MCAST_EXCLUDE, false);
}

enum { MSFILTER_HEADER_BYTES = 16 };
struct msfilter_header { struct in_addr group, interface; uint32_t mode, source_count; }; /* ip_msfilter without its array */
static_assert(sizeof(struct msfilter_header) == MSFILTER_HEADER_BYTES, "as linux/in.h");

int inet_set_msfilter4(struct sock *sk, const struct user_option *o)
{
    struct msfilter_header h;
    ip_addr_t group, interface, sources[MAX_FILTER_SOURCES];
    struct in_addr a;
    int error;

    if (o->bytes < MSFILTER_HEADER_BYTES) return -EINVAL;
    error = option_in(o, &h, sizeof(h));
    if (error) return error;
    if (h.source_count > sk->net->sysctl.igmp_max_msf || h.source_count > MAX_FILTER_SOURCES) return -ENOBUFS;
    if ((size_t)o->bytes < sizeof(h) + h.source_count * sizeof(a)) return -EINVAL;
    for (uint32_t i = 0; i < h.source_count; i++) {
        error = user_in(o->memory, &a, o->value + sizeof(h) + i * sizeof(a), sizeof(a));
        if (error) return error;
        sources[i] = from_in(a);
    }
    group = from_in(h.group);
    interface = from_in(h.interface);
    return inet_group_set_filter(inet_of(sk), &group, 0, &interface, h.mode, sources, h.source_count);
}

int inet_get_msfilter4(struct sock *sk, const struct user_option *o)
{
    struct msfilter_header h;
    const struct inet_membership *m;
    ip_addr_t group, interface;
    uint32_t shown;
    int32_t bytes;

    if (o->bytes < MSFILTER_HEADER_BYTES) return -EINVAL;
    if (option_in(o, &h, sizeof(h))) return -EFAULT;
    group = from_in(h.group);
    interface = from_in(h.interface);
    if (!ip_is_multicast(&group)) return -EINVAL;
    m = inet_group_find(inet_of(sk), &group, 0, &interface);
    if (!m) return -EADDRNOTAVAIL;
    shown = min_of(m->source_count, h.source_count);
    h.mode = m->mode;
    h.source_count = m->source_count;
    for (uint32_t i = 0; i < shown; i++) {
        be32_t a = ip_get4(&m->sources[i]);

        if (user_out(o->memory, o->value + sizeof(h) + i * sizeof(a), &a, sizeof(a))) return -EFAULT;
    }
    bytes = (int32_t)(sizeof(h) + shown * sizeof(be32_t));
    if (user_out(o->memory, o->length_out, &bytes, sizeof(bytes))) return -EFAULT;
    return user_out(o->memory, o->value, &h, sizeof(h));
}

static_assert(offsetof(struct group_filter, gf_group) == 8, "as linux/in.h on 64-bit machines");

int inet_set_group_filter(struct sock *sk, const struct user_option *o)
{
    struct group_filter h;
    struct sockaddr_storage a;
    ip_addr_t group, sources[MAX_FILTER_SOURCES];
    const size_t header_bytes = offsetof(struct group_filter, gf_slist);
    int error;

    if ((size_t)o->bytes < header_bytes) return -EINVAL;
    error = option_in(o, &h, header_bytes);
    if (error) return error;
    if (h.gf_numsrc > sk->net->sysctl.igmp_max_msf || h.gf_numsrc > MAX_FILTER_SOURCES) return -ENOBUFS;
    if ((size_t)o->bytes < header_bytes + h.gf_numsrc * sizeof(a)) return -EINVAL;
    error = read_group_address(sk, &h.gf_group, &group);
    for (uint32_t i = 0; i < h.gf_numsrc && !error; i++) {
        error = user_in(o->memory, &a, o->value + header_bytes + i * sizeof(a), sizeof(a));
        if (!error) error = read_group_address(sk, &a, &sources[i]);
    }
    if (error) return error;
    return inet_group_set_filter(inet_of(sk), &group, (int32_t)h.gf_interface, NULL, h.gf_fmode, sources, h.gf_numsrc);
}

int inet_get_group_filter(struct sock *sk, const struct user_option *o)
{
    struct group_filter h;
    struct sockaddr_storage a;
    const struct inet_membership *m;
    const size_t header_bytes = offsetof(struct group_filter, gf_slist);
    ip_addr_t group;
    uint32_t shown;
    int32_t bytes;

    if ((size_t)o->bytes < header_bytes) return -EINVAL;
    if (option_in(o, &h, header_bytes)) return -EFAULT;
    if (read_group_address(sk, &h.gf_group, &group) || !ip_is_multicast(&group)) return -EINVAL;
    m = inet_group_find(inet_of(sk), &group, (int32_t)h.gf_interface, NULL);
    if (!m) return -EADDRNOTAVAIL;
    shown = min_of(m->source_count, h.gf_numsrc);
    h.gf_fmode = m->mode;
    h.gf_numsrc = m->source_count;
    for (uint32_t i = 0; i < shown; i++) {
        inet_put_address(sk, &a, &m->sources[i], 0, 0);
        if (user_out(o->memory, o->value + header_bytes + i * sizeof(a), &a, sizeof(a))) return -EFAULT;
    }
    bytes = (int32_t)(header_bytes + shown * sizeof(a));
    if (user_out(o->memory, o->length_out, &bytes, sizeof(bytes))) return -EFAULT;
    return user_out(o->memory, o->value, &h, header_bytes);
}
