/* Socket addresses in and out, and the route of a sock's flow. */
#include "inet/inet_ops.h"

static void put4(struct sockaddr_storage *out, be32_t address, uint16_t port)
{
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = be16(port).raw, .sin_addr = { address.raw } };

    memset(out, 0, sizeof(*out));
    memcpy(out, &sin, sizeof(sin));
}

uint32_t inet_put_address(const struct sock *sk, struct sockaddr_storage *out, const ip_addr_t *a, uint16_t port, int32_t ifindex)
{
    struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = be16(port).raw };

    if (!inet_is6(sk)) {
        put4(out, ip_get4(a), port);
        return sizeof(struct sockaddr_in);
    }
    memcpy(&sin6.sin6_addr, a->bytes, 16);
    if (!ip_is4(a) && (ip_is_link_local(a) || (ip_is_multicast(a) && (a->bytes[1] & 0xf) <= 2))) sin6.sin6_scope_id = (uint32_t)ifindex;
    memset(out, 0, sizeof(*out));
    memcpy(out, &sin6, sizeof(sin6));
    return sizeof(sin6);
}

static int parse4(const struct sock *sk, const struct sockaddr_storage *a, ip_addr_t *out, uint16_t *port)
{
    struct sockaddr_in sin;

    memcpy(&sin, a, sizeof(sin));
    *out = ip_from4((be32_t){ sin.sin_addr.s_addr });
    *port = host16((be16_t){ sin.sin_port });
    /* Linux: "this host" as a destination is where we speak from, or the loopback. */
    if (ip_is_any(out)) *out = ip_is4(&inet_of(sk)->source) && !ip_is_any(&inet_of(sk)->source) ? inet_of(sk)->source : ip_from4(be32(INADDR_LOOPBACK));
    return 0;
}

static int parse6(const struct sock *sk, const struct sockaddr_storage *a, uint32_t bytes, ip_addr_t *out, uint16_t *port, int32_t *scope_ifindex, uint32_t *flow_label)
{
    struct sockaddr_in6 sin6 = { 0 };

    memcpy(&sin6, a, min_of(bytes, sizeof(sin6)));
    *out = ip_from6(&sin6.sin6_addr);
    *port = host16((be16_t){ sin6.sin6_port });
    *flow_label = inet_of(sk)->send_flow ? host32((be32_t){ sin6.sin6_flowinfo }) & 0xfffff : 0;
    *scope_ifindex = ip_is_link_local(out) && !ip_is4(out) && bytes >= sizeof(sin6) ? (int32_t)sin6.sin6_scope_id : 0;
    if (ip_is_multicast(out) && !ip_is4(out) && (out->bytes[1] & 0xf) <= 2) *scope_ifindex = (int32_t)sin6.sin6_scope_id;
    if (ip_is_any6(out)) {
        *out = ip_is4(&inet_of(sk)->source) ? ip_from4(be32(INADDR_LOOPBACK)) : ip_any6();
        if (ip_is_any6(out)) out->bytes[15] = 1;
    }
    if (ip_is4(out) && inet_of(sk)->is_v6only) return -ENETUNREACH;
    if (ip_is4(out) && ip_is_any(out)) *out = ip_from4(be32(INADDR_LOOPBACK));
    return 0;
}

int inet_parse_address(const struct sock *sk, const struct sockaddr_storage *a, uint32_t bytes, ip_addr_t *out, uint16_t *port,
                       int32_t *scope_ifindex, uint32_t *flow_label)
{
    *scope_ifindex = 0;
    *flow_label = 0;
    if (!inet_is6(sk)) {
        if (bytes < sizeof(struct sockaddr_in)) return -EINVAL;
        return a->ss_family == AF_INET ? parse4(sk, a, out, port) : -EAFNOSUPPORT;
    }
    if (bytes < sizeof(sa_family_t)) return -EINVAL;
    if (a->ss_family == AF_INET && sk->type != SOCK_STREAM) {
        if (inet_of(sk)->is_v6only) return -EAFNOSUPPORT;
        return bytes < sizeof(struct sockaddr_in) ? -EINVAL : parse4(sk, a, out, port);
    }
    if (bytes < SOCKADDR_IN6_RFC2133_BYTES) return -EINVAL;
    return a->ss_family == AF_INET6 ? parse6(sk, a, bytes, out, port, scope_ifindex, flow_label) : -EAFNOSUPPORT;
}

void inet_flow_to(const struct inet_sock *is, const ip_addr_t *destination, struct ip_flow *flow)
{
    bool is4 = ip_is4(destination), is_strict = false;

    *flow = (struct ip_flow){ .destination = *destination, .source = is->source, .out_ifindex = is->sk.bound_ifindex,
        .mark = is->sk.mark, .uid = is->sk.uid, .flow_label = is4 ? 0 : is->flow_label, .protocol = is->sk.protocol,
        .tos = is4 ? is->tos : is->tclass, .source_port = be16(is->local_port), .destination_port = be16(is->remote_port),
        .any_source_allowed = is->transparent || is->freebind || is->header_included, .dont_route = is->sk.dont_route };
    if (is4 && is->rare->options && inet_first_hop(is, &flow->destination, &is_strict)) flow->dont_route |= is_strict;
    if (ip_is_any(&is->source) || ip_is4(&is->source) != is4) flow->source = is4 ? ip_any4() : ip_any6();
    if (flow->out_ifindex) return;
    if (ip_is_multicast(destination)) {
        flow->out_ifindex = is4 ? is->rare->multicast_ifindex : is->rare->multicast_ifindex6;
        if (is4 && ip_is_any(&flow->source) && ip_is4(&is->rare->multicast_source)) flow->source = is->rare->multicast_source;
    } else {
        flow->out_ifindex = is4 ? is->rare->unicast_ifindex : is->rare->unicast_ifindex6;
    }
}

void inet_flow(const struct inet_sock *is, struct ip_flow *flow)
{
    inet_flow_to(is, &is->remote, flow);
}

void inet_send_options(const struct inet_sock *is, struct ip_send *send, uint8_t version)
{
    bool is_multicast = ip_is_multicast(&send->destination);
    int ttl = version == 4 ? is->ttl : is->hops;

    if (is_multicast) ttl = version == 4 ? is->rare->multicast_ttl : is->rare->multicast_hops;
    send->protocol = is->sk.protocol;
    send->tos = version == 4 ? is->tos : is->tclass;
    send->ttl = ttl > 0 ? (uint8_t)ttl : 0;
    send->fragment_policy = version == 4 ? is->pmtu_policy : is->pmtu_policy6;
    send->flow_label = version == 4 ? 0 : is->flow_label;
    send->mark = is->sk.mark;
    send->priority = is->sk.priority;
    send->multicast_loop = version == 4 ? is->multicast_loop : is->multicast_loop6;
    send->sock = (struct sock *)(uintptr_t)&is->sk;
    send->connection_id = ip_is_any(&is->remote) ? NULL : (uint16_t *)(uintptr_t)&is->ip_id;
    send->no_auto_flow_label = !is->auto_flow_label;
    send->mtu_bytes = version == 6 && is->sk.type != SOCK_STREAM ? is->rare->frag_size6 : 0;
    if (version == 4) inet_apply_options4(is, send);
    else inet_apply_extensions(is, send);
}

struct route *inet_route(struct inet_sock *is, int *error)
{
    struct ip_flow flow;

    if (is->route && route_is_current(is->route)) return is->route;
    inet_route_reset(is);
    inet_flow(is, &flow);
    is->route = route_output(is->sk.net, &flow, error);
    return is->route;
}

void inet_route_reset(struct inet_sock *is)
{
    if (is->route) route_put(is->route);
    is->route = NULL;
}
