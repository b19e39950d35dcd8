/* SOL_IP: one row an option; what has no row here is ENOPROTOOPT, as on a kernel built without it. */
#include "inet/inet_ops.h"

int inet_option_in4(const struct user_option *o, int *value)
{
    uint8_t byte = 0;
    int error;

    *value = 0;
    if (o->bytes >= (int)sizeof(int)) return option_int(o, value);
    if (o->bytes <= 0) return 0;
    error = option_in(o, &byte, sizeof(byte));
    *value = byte;
    return error;
}

int inet_option_out4(const struct user_option *o, int value)
{
    uint8_t byte = (uint8_t)value;

    if (o->bytes > 0 && o->bytes < (int)sizeof(int) && value >= 0 && value <= 255) return option_out(o, &byte, sizeof(byte));
    return option_out_int(o, value);
}

/* An int in [low, high] that must be given (at least one byte). */
static int ranged(const struct user_option *o, int low, int high, int *value)
{
    int error = inet_option_in4(o, value);

    if (error) return error;
    return o->bytes < 1 || *value < low || *value > high ? -EINVAL : 0;
}

/* A plain switch: any value but 0 is on. */
#define FLAG(name, field) \
    static int set_##name(struct sock *sk, const struct user_option *o) \
    { \
        int value, error = inet_option_in4(o, &value); \
        if (!error) inet_of(sk)->field = value != 0; \
        return error; \
    } \
    static int get_##name(struct sock *sk, const struct user_option *o) { return inet_option_out4(o, inet_of(sk)->field); }

FLAG(pktinfo, want_pktinfo)
FLAG(recvttl, want_ttl)
FLAG(recvtos, want_tos)
FLAG(recvopts, want_options)
FLAG(retopts, want_return_options)
FLAG(passsec, want_passec)
FLAG(origdst, want_origdst)
FLAG(checksum, want_checksum)

static int set_tos(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);
    struct inet_sock *is = inet_of(sk);

    if (error) return error;
    /* TCP keeps the two ECN bits to itself. */
    if (sk->type == SOCK_STREAM) value = (value & ~3) | (is->tos & 3);
    is->tos = (uint8_t)value;
    inet_route_reset(is);
    return 0;
}

static int get_tos(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->tos);
}

static int set_ttl(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, -1, 255, &value);

    if (error) return error;
    if (value == 0) return -EINVAL;
    inet_of(sk)->ttl = (int16_t)value;
    return 0;
}

static int get_ttl(struct sock *sk, const struct user_option *o)
{
    int ttl = inet_of(sk)->ttl;

    return inet_option_out4(o, ttl < 0 ? (int)sk->net->sysctl.ip_default_ttl : ttl);
}

static int set_min_ttl(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, 0, 255, &value);

    if (!error) inet_of(sk)->min_ttl = (uint8_t)value;
    return error;
}

static int get_min_ttl(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->min_ttl);
}

static int set_header_included(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (sk->type != SOCK_RAW) return -ENOPROTOOPT;
    inet_of(sk)->header_included = value != 0;
    return 0;
}

static int get_header_included(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->header_included);
}

static int set_no_defragment(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (sk->type != SOCK_RAW) return -ENOPROTOOPT;
    inet_of(sk)->node_fragment = value != 0;
    return 0;
}

static int get_no_defragment(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->node_fragment);
}

static int set_mtu_discover(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT) return -EINVAL;
    inet_of(sk)->pmtu_policy = (uint8_t)value;
    return 0;
}

static int get_mtu_discover(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->pmtu_policy);
}

static int set_recverr(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    inet_of(sk)->recv_error = value != 0;
    if (!value) sock_error_purge(sk);
    return 0;
}

static int get_recverr(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->recv_error);
}

static int set_recverr_rfc4884(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (value < 0 || value > 1) return -EINVAL;
    inet_of(sk)->recv_error_rfc4884 = value != 0;
    return 0;
}

static int get_recverr_rfc4884(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->recv_error_rfc4884);
}

static int get_mtu(struct sock *sk, const struct user_option *o)
{
    struct inet_sock *is = inet_of(sk);

    if (!is->route || is->route->version != 4) return -ENOTCONN;
    return inet_option_out4(o, (int)route_mtu(is->route));
}

static int set_freebind(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (o->bytes < 1) return -EINVAL;
    inet_of(sk)->freebind = value != 0;
    return 0;
}

static int get_freebind(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->freebind);
}

static int set_transparent(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (value && !credentials_can(o->credentials, CAP_NET_RAW) && !credentials_can(o->credentials, CAP_NET_ADMIN)) return -EPERM;
    if (o->bytes < 1) return -EINVAL;
    inet_of(sk)->transparent = value != 0;
    return 0;
}

static int get_transparent(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->transparent);
}

static int set_no_port(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (!error) sk->bind_address_no_port = value != 0;
    return error;
}

static int get_no_port(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, sk->bind_address_no_port);
}

static int set_recv_fragment_size(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (sk->type != SOCK_RAW && sk->type != SOCK_DGRAM) return -EINVAL;
    inet_of(sk)->want_fragsize = value != 0;
    return 0;
}

static int get_recv_fragment_size(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->want_fragsize);
}

static int set_router_alert(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (sk->type != SOCK_RAW || sk->protocol == IPPROTO_RAW) return -EINVAL;
    if (inet_of(sk)->router_alert == (value != 0)) return value ? -EADDRINUSE : -ENOBUFS; /* Linux: a list of such socks */
    inet_of(sk)->router_alert = value != 0;
    return 0;
}

static int get_router_alert(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->router_alert);
}

static int set_unicast_if(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    be32_t wire;
    int32_t ifindex;

    if (o->bytes != (int)sizeof(wire)) return -EINVAL;
    if (option_in(o, &wire, sizeof(wire))) return -EFAULT;
    ifindex = (int32_t)host32(wire);
    if (ifindex && !device_by_index(sk->net, (uint32_t)ifindex)) return -EADDRNOTAVAIL;
    if (ifindex && sk->bound_ifindex && sk->bound_ifindex != ifindex) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->unicast_ifindex = ifindex;
    return 0;
}

static int get_unicast_if(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, (int)be32((uint32_t)inet_of(sk)->rare->unicast_ifindex).raw);
}

static struct net_device *device_with_address(struct net *net, const ip_addr_t *a)
{
    struct ip_flow flow = { .destination = *a };
    struct net_device *d = NULL;
    int error;
    struct route *r;

    if (!ip_is_local(net, a)) return NULL;
    list_for_each(node, &net->devices) {
        d = list_entry(node, struct net_device, node);
        if (ip_address_kind(net, a, (int32_t)d->ifindex) == IP_KIND_LOCAL) return d;
    }
    r = route_output(net, &flow, &error);
    if (!r) return NULL;
    d = r->device;
    route_put(r);
    return d;
}

static int set_multicast_if(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own = inet_rare(inet_of(sk));
    struct ip_mreqn request = { 0 };
    struct net_device *d = NULL;
    ip_addr_t a;
    size_t bytes = o->bytes >= (int)sizeof(request) ? sizeof(request) : o->bytes >= (int)sizeof(struct ip_mreq) ? sizeof(struct ip_mreq) : sizeof(struct in_addr);

    if (sk->type == SOCK_STREAM || o->bytes < (int)sizeof(struct in_addr)) return -EINVAL;
    if (bytes == sizeof(struct in_addr) ? option_in(o, &request.imr_address, bytes) : option_in(o, &request, bytes)) return -EFAULT;
    if (!own) return -ENOMEM;
    a = ip_from4((be32_t){ request.imr_address.s_addr });
    if (!request.imr_ifindex && ip_is_any(&a)) {
        own->multicast_ifindex = 0;
        own->multicast_source = ip_any4();
        return 0;
    }
    d = request.imr_ifindex ? device_by_index(sk->net, (uint32_t)request.imr_ifindex) : device_with_address(sk->net, &a);
    if (!d) return -EADDRNOTAVAIL;
    if (sk->bound_ifindex && sk->bound_ifindex != (int32_t)d->ifindex) return -EINVAL;
    own->multicast_ifindex = (int32_t)d->ifindex;
    own->multicast_source = a;
    return 0;
}

static int get_multicast_if(struct sock *sk, const struct user_option *o)
{
    be32_t a = ip_get4(&inet_of(sk)->rare->multicast_source);

    return option_out(o, &a, sizeof(a));
}

static int set_multicast_ttl(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    int value, error;

    if (sk->type == SOCK_STREAM) return -EINVAL;
    error = ranged(o, -1, 255, &value);
    if (error) return error;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->multicast_ttl = value < 0 ? 1 : (uint8_t)value;
    return 0;
}

static int get_multicast_ttl(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->rare->multicast_ttl);
}

static int set_multicast_loop(struct sock *sk, const struct user_option *o)
{
    int value, error = inet_option_in4(o, &value);

    if (error) return error;
    if (o->bytes < 1) return -EINVAL;
    inet_of(sk)->multicast_loop = value != 0;
    return 0;
}

static int get_multicast_loop(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->multicast_loop);
}

static int set_multicast_all(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, 0, 1, &value);

    if (!error) inet_of(sk)->multicast_all = value != 0;
    return error;
}

static int get_multicast_all(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->multicast_all);
}

static int set_local_port_range(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    uint32_t value;
    uint16_t low, high;

    if (o->bytes != (int)sizeof(value)) return -EINVAL;
    if (option_in(o, &value, sizeof(value))) return -EFAULT;
    low = (uint16_t)value;
    high = (uint16_t)(value >> 16);
    if (low && high && low > high) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->local_port_low = low;
    own->local_port_high = high;
    return 0;
}

static int get_local_port_range(struct sock *sk, const struct user_option *o)
{
    const struct inet_sock *is = inet_of(sk);

    return inet_option_out4(o, (int)(is->rare->local_port_low | (uint32_t)is->rare->local_port_high << 16));
}

static int get_protocol(struct sock *sk, const struct user_option *o)
{
    return inet_option_out4(o, inet_of(sk)->local_port); /* Linux: inet_num, which for raw socks is the protocol */
}

/* IP_PKTOPTIONS: what control messages of the last packet would be, for streams. */
static int get_packet_options(struct sock *sk, const struct user_option *o)
{
    const struct inet_sock *is = inet_of(sk);
    struct in_pktinfo info = { .ipi_ifindex = is->rare->multicast_ifindex, .ipi_spec_dst = { ip_get4(&is->local).raw }, .ipi_addr = { ip_get4(&is->local).raw } };
    uint8_t data[128] __attribute__((aligned(8)));
    struct user_msg msg = { .control = data, .control_bytes = (uint32_t)min_of((size_t)max_of(o->bytes, 0), sizeof(data)) };
    int ttl = is->rare->multicast_ttl, tos = is->tos;

    if (sk->type != SOCK_STREAM) return -ENOPROTOOPT;
    if (is->want_pktinfo) user_msg_put_control(&msg, SOL_IP, IP_PKTINFO, &info, sizeof(info));
    if (is->want_ttl) user_msg_put_control(&msg, SOL_IP, IP_TTL, &ttl, sizeof(ttl));
    if (is->want_tos) user_msg_put_control(&msg, SOL_IP, IP_TOS, &tos, sizeof(tos));
    return option_out(o, data, msg.control_used);
}

static const struct option_row rows[] = {
    { IP_TOS, "IP_TOS", set_tos, get_tos },
    { IP_TTL, "IP_TTL", set_ttl, get_ttl },
    { IP_HDRINCL, "IP_HDRINCL", set_header_included, get_header_included },
    { IP_OPTIONS, "IP_OPTIONS", inet_set_ip_options, inet_get_ip_options },
    { IP_ROUTER_ALERT, "IP_ROUTER_ALERT", set_router_alert, get_router_alert },
    { IP_RECVOPTS, "IP_RECVOPTS", set_recvopts, get_recvopts },
    { IP_RETOPTS, "IP_RETOPTS", set_retopts, get_retopts },
    { IP_PKTINFO, "IP_PKTINFO", set_pktinfo, get_pktinfo },
    { IP_PKTOPTIONS, "IP_PKTOPTIONS", NULL, get_packet_options },
    { IP_MTU_DISCOVER, "IP_MTU_DISCOVER", set_mtu_discover, get_mtu_discover },
    { IP_RECVERR, "IP_RECVERR", set_recverr, get_recverr },
    { IP_RECVTTL, "IP_RECVTTL", set_recvttl, get_recvttl },
    { IP_RECVTOS, "IP_RECVTOS", set_recvtos, get_recvtos },
    { IP_MTU, "IP_MTU", NULL, get_mtu },
    { IP_FREEBIND, "IP_FREEBIND", set_freebind, get_freebind },
    { IP_PASSSEC, "IP_PASSSEC", set_passsec, get_passsec },
    { IP_TRANSPARENT, "IP_TRANSPARENT", set_transparent, get_transparent },
    { IP_RECVORIGDSTADDR, "IP_RECVORIGDSTADDR", set_origdst, get_origdst },
    { IP_MINTTL, "IP_MINTTL", set_min_ttl, get_min_ttl },
    { IP_NODEFRAG, "IP_NODEFRAG", set_no_defragment, get_no_defragment },
    { IP_CHECKSUM, "IP_CHECKSUM", set_checksum, get_checksum },
    { IP_BIND_ADDRESS_NO_PORT, "IP_BIND_ADDRESS_NO_PORT", set_no_port, get_no_port },
    { IP_RECVFRAGSIZE, "IP_RECVFRAGSIZE", set_recv_fragment_size, get_recv_fragment_size },
    { IP_RECVERR_RFC4884, "IP_RECVERR_RFC4884", set_recverr_rfc4884, get_recverr_rfc4884 },
    { IP_MULTICAST_IF, "IP_MULTICAST_IF", set_multicast_if, get_multicast_if },
    { IP_MULTICAST_TTL, "IP_MULTICAST_TTL", set_multicast_ttl, get_multicast_ttl },
    { IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP", set_multicast_loop, get_multicast_loop },
    { IP_ADD_MEMBERSHIP, "IP_ADD_MEMBERSHIP", inet_set_membership4, NULL },
    { IP_DROP_MEMBERSHIP, "IP_DROP_MEMBERSHIP", inet_drop_membership4, NULL },
    { IP_UNBLOCK_SOURCE, "IP_UNBLOCK_SOURCE", inet_set_unblock_source4, NULL },
    { IP_BLOCK_SOURCE, "IP_BLOCK_SOURCE", inet_set_block_source4, NULL },
    { IP_ADD_SOURCE_MEMBERSHIP, "IP_ADD_SOURCE_MEMBERSHIP", inet_set_add_source4, NULL },
    { IP_DROP_SOURCE_MEMBERSHIP, "IP_DROP_SOURCE_MEMBERSHIP", inet_set_drop_source4, NULL },
    { IP_MSFILTER, "IP_MSFILTER", inet_set_msfilter4, inet_get_msfilter4 },
    { MCAST_JOIN_GROUP, "MCAST_JOIN_GROUP", inet_set_mcast_join, NULL },
    { MCAST_BLOCK_SOURCE, "MCAST_BLOCK_SOURCE", inet_set_mcast_block, NULL },
    { MCAST_UNBLOCK_SOURCE, "MCAST_UNBLOCK_SOURCE", inet_set_mcast_unblock, NULL },
    { MCAST_LEAVE_GROUP, "MCAST_LEAVE_GROUP", inet_set_mcast_leave, NULL },
    { MCAST_JOIN_SOURCE_GROUP, "MCAST_JOIN_SOURCE_GROUP", inet_set_mcast_join_source, NULL },
    { MCAST_LEAVE_SOURCE_GROUP, "MCAST_LEAVE_SOURCE_GROUP", inet_set_mcast_leave_source, NULL },
    { MCAST_MSFILTER, "MCAST_MSFILTER", inet_set_group_filter, inet_get_group_filter },
    { IP_MULTICAST_ALL, "IP_MULTICAST_ALL", set_multicast_all, get_multicast_all },
    { IP_UNICAST_IF, "IP_UNICAST_IF", set_unicast_if, get_unicast_if },
    { IP_LOCAL_PORT_RANGE, "IP_LOCAL_PORT_RANGE", set_local_port_range, get_local_port_range },
    { IP_PROTOCOL, "IP_PROTOCOL", NULL, get_protocol },
};
const struct option_level inet_options4 = { SOL_IP, "SOL_IP", rows, array_count(rows) };
