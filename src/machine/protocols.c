#include "inet/inet.h"
#include "machine/tables.h"
#include "ping/ping.h"
#include "raw/raw.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

enum { FOR_4 = 1, FOR_6 = 2, FOR_BOTH = 3 };

/* What socket(2) of AF_INET and AF_INET6 can make (Linux: inetsw_array). */
const struct inet_row inet_rows[] = {
    { SOCK_STREAM, IPPROTO_TCP, &tcp_proto, &inet_stream_ops, false, true, FOR_BOTH },
    { SOCK_DGRAM, IPPROTO_UDP, &udp_proto, &inet_dgram_ops, false, true, FOR_BOTH },
    { SOCK_DGRAM, IPPROTO_ICMP, &ping_proto, &inet_dgram_ops, false, false, FOR_4 },
    { SOCK_DGRAM, IPPROTO_ICMPV6, &ping_proto, &inet_dgram_ops, false, false, FOR_6 },
    { SOCK_RAW, IPPROTO_IP, &raw_proto, &inet_raw_ops, true, false, FOR_BOTH },
};
const size_t inet_row_count = array_count(inet_rows);

static const struct ip_protocol tcp_protocol = { .number = IPPROTO_TCP, .receive = tcp_receive, .error = tcp_error };

const struct ip_protocol *const ip_protocols[256] = {
    [IPPROTO_ICMP] = &icmp4_protocol,
    [IPPROTO_IGMP] = &igmp_protocol,
    [IPPROTO_ICMPV6] = &icmp6_protocol,
    [IPPROTO_TCP] = &tcp_protocol,
    [IPPROTO_UDP] = &udp_protocol,
};
