/* Control messages of datagrams: what a sender asks for one datagram, and what a receiver wants to know about one. */
#include "inet/inet_ops.h"

/* --- in ------------------------------------------------------------------------------------------------------------ */

static int control_int(const struct cmsghdr *c, const uint8_t *data, int low, int high, int16_t *out)
{
    int value;

    if (c->cmsg_len != CMSG_LEN(sizeof(value))) return -EINVAL;
    memcpy(&value, data, sizeof(value));
    if (value < low || value > high) return -EINVAL;
    *out = (int16_t)value;
    return 0;
}

static int parse_socket_level(const struct sock *sk, const struct user_msg *msg, const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    uint32_t value = 0;

    if (c->cmsg_len >= CMSG_LEN(sizeof(value))) memcpy(&value, data, sizeof(value));
    switch (c->cmsg_type) {
    case SO_MARK:
        if (!credentials_can(msg->credentials, CAP_NET_RAW) && !credentials_can(msg->credentials, CAP_NET_ADMIN)) return -EPERM;
        if (c->cmsg_len != CMSG_LEN(sizeof(value))) return -EINVAL;
        out->mark = value;
        out->has_mark = true;
        return 0;
    case SO_PRIORITY:
        if (c->cmsg_len != CMSG_LEN(sizeof(value))) return -EINVAL;
        if (value > 6 && !credentials_can(msg->credentials, CAP_NET_RAW) && !credentials_can(msg->credentials, CAP_NET_ADMIN)) return -EPERM;
        out->priority = value;
        out->has_priority = true;
        return 0;
    case SO_TIMESTAMPING_OLD: case SO_TIMESTAMPING_NEW:
        if (c->cmsg_len != CMSG_LEN(sizeof(value))) return -EINVAL;
        if (value & ~(uint32_t)SOCK_STAMP_WANTS) return -EINVAL;
        out->stamp_flags = value;
        out->has_stamp_flags = true;
        return 0;
    case SCM_TS_OPT_ID:
        if (sk->type == SOCK_STREAM || !(sk->rare->timestamping_flags & SOF_TIMESTAMPING_OPT_ID)) return -EINVAL;
        if (c->cmsg_len != CMSG_LEN(sizeof(value))) return -EINVAL;
        out->stamp_key = value;
        out->has_stamp_key = true;
        return 0;
    case SCM_RIGHTS: case SCM_CREDENTIALS:
        return 0; /* mean nothing here, and Linux lets them pass */
    default:
        return -EINVAL;
    }
}

static int parse_pktinfo4(const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    struct in_pktinfo info;

    if (c->cmsg_len != CMSG_LEN(sizeof(info))) return -EINVAL;
    memcpy(&info, data, sizeof(info));
    if (info.ipi_ifindex) out->ifindex = info.ipi_ifindex;
    if (info.ipi_spec_dst.s_addr) {
        out->source = ip_from4((be32_t){ info.ipi_spec_dst.s_addr });
        out->has_source = true;
    }
    return 0;
}

enum { IP_PROTOCOL_NAME = 52 }; /* newer than Debian 12's headers */

static int parse_ip_level(const struct cmsghdr *c, const uint8_t *data, uint32_t bytes, struct inet_control *out)
{
    int16_t ignored;

    switch (c->cmsg_type) {
    case IP_RETOPTS:
        bytes = min_of(bytes, (uint32_t)sizeof(out->options));
        memcpy(out->options, data, bytes);
        return inet_check_ip_options(out->options, (uint8_t)bytes, &out->options_bytes) ? 0 : -EINVAL;
    case IP_PKTINFO:
        return parse_pktinfo4(c, data, out);
    case IP_TTL:
        return control_int(c, data, 1, 255, &out->ttl);
    case IP_PROTOCOL_NAME: /* for routing rules by protocol, of which there are none */
        return control_int(c, data, 1, 255, &ignored);
    case IP_TOS:
        if (c->cmsg_len == CMSG_LEN(1)) {
            out->tos = data[0];
            return 0;
        }
        return control_int(c, data, 0, 255, &out->tos);
    default:
        return -EINVAL;
    }
}

static int parse_pktinfo6(struct sock *sk, const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    struct in6_pktinfo info;
    ip_addr_t a;

    if (c->cmsg_len < CMSG_LEN(sizeof(info))) return -EINVAL;
    memcpy(&info, data, sizeof(info));
    if (info.ipi6_ifindex) {
        if (sk->bound_ifindex && sk->bound_ifindex != (int32_t)info.ipi6_ifindex) return -EINVAL;
        if (!device_by_index(sk->net, info.ipi6_ifindex)) return -ENODEV;
        out->ifindex = (int32_t)info.ipi6_ifindex;
    }
    a = ip_from6(&info.ipi6_addr);
    if (ip_is_any6(&a)) return 0;
    if (ip_is_link_local(&a) && !ip_is4(&a) && !out->ifindex && !sk->bound_ifindex) return -EINVAL;
    if (!inet_of(sk)->freebind && !inet_of(sk)->transparent && !ip_is_local(sk->net, &a)) return -EINVAL;
    out->source = a;
    out->has_source = true;
    return 0;
}

/* An extension header: as long as it says, whatever follows it. */
static int parse_extension(const struct user_msg *msg, const struct cmsghdr *c, const uint8_t *data, const uint8_t **at, uint16_t *bytes)
{
    size_t given = c->cmsg_len - CMSG_LEN(0);

    if (given < 2 || given < (data[1] + 1u) * 8) return -EINVAL;
    if (!credentials_can(msg->credentials, CAP_NET_RAW)) return -EPERM;
    *at = data;
    *bytes = (uint16_t)((data[1] + 1u) * 8);
    return inet_check_extension(data, *bytes);
}

static int parse_ipv6_level(struct sock *sk, const struct user_msg *msg, const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    const uint8_t *ignored;
    uint16_t ignored_bytes;
    int16_t value = 0;
    be32_t flow;
    int error;

    switch (c->cmsg_type) {
    case IPV6_PKTINFO: case IPV6_2292PKTINFO:
        return parse_pktinfo6(sk, c, data, out);
    case IPV6_FLOWINFO:
        if (c->cmsg_len < CMSG_LEN(sizeof(flow))) return -EINVAL;
        memcpy(&flow, data, sizeof(flow));
        out->flow_label = host32(flow) & 0xfffff;
        return 0;
    case IPV6_HOPLIMIT: case IPV6_2292HOPLIMIT:
        return control_int(c, data, -1, 255, &out->ttl);
    case IPV6_TCLASS:
        return control_int(c, data, -1, 255, &out->tos);
    case IPV6_HOPOPTS: case IPV6_2292HOPOPTS:
        return parse_extension(msg, c, data, &out->hop, &out->hop_bytes);
    case IPV6_DSTOPTS: case IPV6_2292DSTOPTS:
        return parse_extension(msg, c, data, &out->destination_options, &out->destination_options_bytes);
    case IPV6_RTHDRDSTOPTS: /* Linux: goes out before a routing header only */
        return parse_extension(msg, c, data, &ignored, &ignored_bytes);
    case IPV6_DONTFRAG:
        error = control_int(c, data, 0, 1, &value);
        out->has_dont_fragment = !error;
        out->dont_fragment = value;
        return error;
    default:
        return -EINVAL;
    }
}

static int parse_udp_level(const struct sock *sk, const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    if (sk->protocol != IPPROTO_UDP) return 0;
    if (c->cmsg_type != UDP_SEGMENT || c->cmsg_len != CMSG_LEN(sizeof(out->gso_bytes))) return -EINVAL;
    memcpy(&out->gso_bytes, data, sizeof(out->gso_bytes));
    return 0;
}

/* IPV6_PKTINFO with mapped addresses, for a sock that speaks both. */
static int parse_mapped_pktinfo(const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    struct in6_pktinfo info;
    ip_addr_t a;

    if (c->cmsg_len < CMSG_LEN(sizeof(info))) return -EINVAL;
    memcpy(&info, data, sizeof(info));
    a = ip_from6(&info.ipi6_addr);
    if (!ip_is4(&a)) return -EINVAL;
    if (info.ipi6_ifindex) out->ifindex = (int32_t)info.ipi6_ifindex;
    out->source = a;
    out->has_source = !ip_is_any(&a);
    return 0;
}

static int parse_one(struct sock *sk, const struct user_msg *msg, const struct cmsghdr *c, const uint8_t *data, bool to4, struct inet_control *out)
{
    switch (c->cmsg_level) {
    case SOL_SOCKET: return parse_socket_level(sk, msg, c, data, out);
    case SOL_IP: return to4 ? parse_ip_level(c, data, (uint32_t)(c->cmsg_len - CMSG_LEN(0)), out) : 0;
    case SOL_IPV6:
        if (!to4) return parse_ipv6_level(sk, msg, c, data, out);
        return inet_is6(sk) && c->cmsg_type == IPV6_PKTINFO ? parse_mapped_pktinfo(c, data, out) : 0;
    case SOL_UDP: return parse_udp_level(sk, c, data, out);
    default: return 0;
    }
}

/* TCP looks at SOL_SOCKET only. */
static int parse_stream_one(const struct sock *sk, const struct user_msg *msg, const struct cmsghdr *c, const uint8_t *data, struct inet_control *out)
{
    return c->cmsg_level == SOL_SOCKET && parse_socket_level(sk, msg, c, data, out) ? -EINVAL : 0;
}

static int each_control(struct sock *sk, const struct user_msg *msg, bool to4, struct inet_control *out, bool is_stream)
{
    uint32_t at = 0;

    /* As on Linux, a rest too short for a header ends the list; a header with a bad length is an error. */
    while (msg->control_bytes - at >= sizeof(struct cmsghdr)) {
        struct cmsghdr c;
        int error;

        memcpy(&c, msg->control + at, sizeof(c));
        if (c.cmsg_len < sizeof(c) || c.cmsg_len > msg->control_bytes - at) return -EINVAL;
        if (is_stream) error = parse_stream_one(sk, msg, &c, msg->control + at + CMSG_LEN(0), out);
        else error = parse_one(sk, msg, &c, msg->control + at + CMSG_LEN(0), to4, out);
        if (error) return error;
        if (CMSG_ALIGN(c.cmsg_len) >= msg->control_bytes - at) break;
        at += (uint32_t)CMSG_ALIGN(c.cmsg_len);
    }
    return 0;
}

int inet_parse_control(struct sock *sk, const struct user_msg *msg, bool to4, struct inet_control *out)
{
    return each_control(sk, msg, to4, out, false);
}

int inet_parse_stream_control(struct sock *sk, const struct user_msg *msg, struct inet_control *out)
{
    return each_control(sk, msg, false, out, true);
}

/* --- out ----------------------------------------------------------------------------------------------------------- */

/* The address an answer would leave from (RFC 1122 §3.2.1.3): the destination when it is ours alone. */
static ip_addr_t answer_source(struct net *net, const struct packet *p)
{
    struct ip_flow flow = { .destination = p->ip.source, .source = ip_any4(), .out_ifindex = p->in_ifindex };
    struct route *r;
    int error;

    if (ip_address_kind(net, &p->ip.destination, 0) == IP_KIND_LOCAL) return p->ip.destination;
    r = route_output(net, &flow, &error);
    if (!r) return ip_any4();
    route_put(r);
    return flow.source;
}

/* What one packet tells: of an ICMP error, its own header; of one that was sent, where it left from. */
struct told { bool is_error, is_sent, has_port; uint16_t port; };

static void put_pktinfo4(struct sock *sk, struct user_msg *msg, const struct packet *p, const struct told *t)
{
    ip_addr_t spec = t->is_sent ? p->ip.source : t->is_error ? ip_any4() : answer_source(sk->net, p);
    struct in_pktinfo info = { .ipi_ifindex = p->in_ifindex, .ipi_spec_dst = { ip_get4(&spec).raw }, .ipi_addr = { ip_get4(&p->ip.destination).raw } };

    user_msg_put_control(msg, SOL_IP, IP_PKTINFO, &info, sizeof(info));
}

static void put_int(struct user_msg *msg, int level, int type, int value)
{
    user_msg_put_control(msg, level, type, &value, sizeof(value));
}

static void put_original_destination(struct sock *sk, struct user_msg *msg, const struct packet *p, uint16_t port, int level, int type)
{
    struct sockaddr_storage a;
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = be16(port).raw };

    if (level == SOL_IP) {
        sin.sin_addr.s_addr = ip_get4(&p->ip.destination).raw;
        user_msg_put_control(msg, level, type, &sin, sizeof(sin));
        return;
    }
    inet_put_address(sk, &a, &p->ip.destination, port, p->in_ifindex);
    user_msg_put_control(msg, level, type, &a, sizeof(struct sockaddr_in6));
}

static void put_options4(struct user_msg *msg, const struct packet *p, int type)
{
    uint32_t bytes = p->ip.header_bytes > 20 ? p->ip.header_bytes - 20u : 0;

    if (bytes && p->network_offset < 0) user_msg_put_control(msg, SOL_IP, type, packet_network(p) + 20, bytes);
}

static void put_control4(struct sock *sk, struct user_msg *msg, const struct packet *p, const struct told *t)
{
    const struct inet_sock *is = inet_of(sk);

    if (is->want_pktinfo) put_pktinfo4(sk, msg, p, t);
    if (is->want_ttl) put_int(msg, SOL_IP, IP_TTL, p->ip.ttl);
    if (is->want_tos) user_msg_put_control(msg, SOL_IP, IP_TOS, &p->ip.tos, sizeof(p->ip.tos));
    if (is->want_options) put_options4(msg, p, IP_RECVOPTS);
    if (is->want_return_options) put_options4(msg, p, IP_RETOPTS);
    if (is->want_origdst && t->has_port) put_original_destination(sk, msg, p, t->port, SOL_IP, IP_ORIGDSTADDR);
    if (is->want_fragsize && p->ip.fragment_bytes) put_int(msg, SOL_IP, IP_RECVFRAGSIZE, p->ip.fragment_bytes);
}

static void put_pktinfo6(struct user_msg *msg, const struct packet *p, int type)
{
    struct in6_pktinfo info = { .ipi6_ifindex = (unsigned)p->in_ifindex };

    memcpy(&info.ipi6_addr, p->ip.destination.bytes, 16);
    user_msg_put_control(msg, SOL_IPV6, type, &info, sizeof(info));
}

static void put_control6(struct sock *sk, struct user_msg *msg, const struct packet *p, const struct told *t)
{
    const struct inet_sock *is = inet_of(sk);

    if (is->want_hoplimit6) put_int(msg, SOL_IPV6, IPV6_HOPLIMIT, p->ip.ttl);
    if (is->want_tclass6) put_int(msg, SOL_IPV6, IPV6_TCLASS, p->ip.tos);
    if (is->want_flowlabel6 && (p->ip.flow_label || p->ip.tos)) {
        be32_t flow = be32((uint32_t)p->ip.tos << 20 | p->ip.flow_label);

        user_msg_put_control(msg, SOL_IPV6, IPV6_FLOWINFO, &flow, sizeof(flow));
    }
    inet_put_extensions(is, msg, p);
    if (is->want_2292_pktinfo6) put_pktinfo6(msg, p, IPV6_2292PKTINFO);
    if (is->want_2292_hoplimit6) put_int(msg, SOL_IPV6, IPV6_2292HOPLIMIT, p->ip.ttl);
    if (is->want_origdst6 && t->has_port) put_original_destination(sk, msg, p, t->port, SOL_IPV6, IPV6_ORIGDSTADDR);
    if (is->want_fragsize6 && p->ip.fragment_bytes) put_int(msg, SOL_IPV6, IPV6_RECVFRAGSIZE, p->ip.fragment_bytes);
}

static void put_control(struct sock *sk, struct user_msg *msg, const struct packet *p, const struct told *t)
{
    if (inet_is6(sk) && inet_of(sk)->want_pktinfo6) put_pktinfo6(msg, p, IPV6_PKTINFO);
    if (p->ip.version == 4) put_control4(sk, msg, p, t);
    else put_control6(sk, msg, p, t);
}

void inet_put_control(struct sock *sk, struct user_msg *msg, const struct packet *p)
{
    struct told t = { .has_port = true, .port = inet_of(sk)->local_port };

    put_control(sk, msg, p, &t);
}

static uint64_t stamp_of(const struct sock *sk, const struct packet *p)
{
    return p->time_ns ? p->time_ns : sk->net->machine->now_ns;
}

/* Both halves are 64-bit on every machine we build for, in the old and the new shape. */
struct wire_time { int64_t seconds, fraction; };

static void put_receive_time(struct sock *sk, struct user_msg *msg, uint64_t wall_ns)
{
    struct wire_time t = { (int64_t)(wall_ns / NS_PER_S), (int64_t)(wall_ns % NS_PER_S) };

    if (sk->receive_timestamp_ns) {
        user_msg_put_control(msg, SOL_SOCKET, sk->timestamp_is_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD, &t, sizeof(t));
        return;
    }
    t.fraction /= (int64_t)NS_PER_US;
    user_msg_put_control(msg, SOL_SOCKET, sk->timestamp_is_new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD, &t, sizeof(t));
}

static void put_times(struct sock *sk, struct user_msg *msg, uint64_t stamp_ns, bool is_stamped)
{
    uint64_t wall_ns = stamp_ns + sk->net->machine->wall_offset_ns;
    struct wire_time times[3] = { { 0, 0 } };

    if (sk->receive_timestamp || sk->receive_timestamp_ns) put_receive_time(sk, msg, wall_ns);
    if ((sk->rare->timestamping_flags & SOF_TIMESTAMPING_SOFTWARE) && (is_stamped || sk->rare->timestamping_flags & SOF_TIMESTAMPING_RX_SOFTWARE)) {
        times[0] = (struct wire_time){ (int64_t)(wall_ns / NS_PER_S), (int64_t)(wall_ns % NS_PER_S) };
        user_msg_put_control(msg, SOL_SOCKET, sk->timestamp_is_new ? SO_TIMESTAMPING_NEW : SO_TIMESTAMPING_OLD, times, sizeof(times));
    }
}

void inet_put_times(struct sock *sk, struct user_msg *msg, uint64_t stamp_ns)
{
    put_times(sk, msg, stamp_ns, false);
}

void inet_put_timestamps(struct sock *sk, struct user_msg *msg, struct packet *p)
{
    uint32_t drops = (uint32_t)p->scratch[SOCK_SCRATCH_DROPS];

    sk->receive_time_ns = stamp_of(sk, p);
    inet_put_times(sk, msg, sk->receive_time_ns);
    if (sk->receive_mark) user_msg_put_control(msg, SOL_SOCKET, SO_MARK, &p->mark, sizeof(p->mark));
    if (sk->receive_priority) user_msg_put_control(msg, SOL_SOCKET, SO_PRIORITY, &p->priority, sizeof(p->priority));
    if (sk->rxq_overflow && drops) user_msg_put_control(msg, SOL_SOCKET, SO_RXQ_OVFL, &drops, sizeof(drops));
}

/* Linux takes the port of IP_ORIGDSTADDR from where the transport header of the news would be, and finds the payload there. */
void inet_put_error_control(struct sock *sk, struct user_msg *msg, const struct packet *p, uint32_t payload_offset)
{
    struct told t = { .is_error = true };
    struct sock_error e;
    be16_t port;

    sk->receive_time_ns = stamp_of(sk, p);
    put_times(sk, msg, sk->receive_time_ns, p->time_ns != 0);
    if (!p->ip.version) return;
    t.is_sent = packet_read(p, 0, &e, sizeof(e)) && e.ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
    t.has_port = packet_read(p, payload_offset + 2, &port, sizeof(port));
    if (t.has_port) t.port = host16(port);
    put_control(sk, msg, p, &t);
}
