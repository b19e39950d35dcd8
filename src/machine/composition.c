#include "machine/composition.h"

#include "inet/inet.h"
#include "machine/library.h"
#include "machine/tables.h"
#include "neighbour/neighbour.h"
#include "netfilter/hook.h"
#include "socket/security.h"
#include "tcp/tcp.h"
#ifdef HAS_UDP
#include "udp/udp.h"
#endif
#ifdef HAS_RAW
#include "raw/raw.h"
#endif
#ifdef HAS_PING
#include "ping/ping.h"
#endif
#ifdef HAS_UNIX
#include "unix/unix.h"
#endif
#ifdef HAS_NETLINK
#include "netlink/netlink.h"
#endif
#ifdef HAS_AFPACKET
#include "afpacket/afpacket.h"
#endif

static const struct ethertype_handler ethertypes[] = {
#ifdef HAS_IP
    { ETH_P_IP, ip4_receive },
    { ETH_P_IPV6, ip6_receive },
#endif
#ifdef HAS_NEIGHBOUR
    { ETH_P_ARP, arp_receive },
#endif
};

static const struct device_listener device_listeners[] = {
#ifdef HAS_IP
    { ip_device_event },
#endif
#ifdef HAS_AFPACKET
    { afpacket_device_event },
#endif
    { library_device_event },
};

/* In start order: a room may use what stands before it. */
static const struct room rooms[] = {
    { "security", security_net_start, security_net_stop },
#ifdef HAS_NEIGHBOUR
    { "neighbour", neighbour_net_start, neighbour_net_stop },
#endif
#ifdef HAS_NETFILTER
    { "netfilter", netfilter_net_start, netfilter_net_stop },
#endif
#ifdef HAS_IP
    { "ip", ip_net_start, ip_net_stop },
#endif
    { "sock", sock_net_start, sock_net_stop },
    { "inet", inet_net_start, inet_net_stop },
#ifdef HAS_TCP
    { "tcp", tcp_net_start, tcp_net_stop },
#endif
#ifdef HAS_UDP
    { "udp", udp_net_start, udp_net_stop },
#endif
#ifdef HAS_RAW
    { "raw", raw_net_start, raw_net_stop },
#endif
#ifdef HAS_PING
    { "ping", ping_net_start, ping_net_stop },
#endif
#ifdef HAS_UNIX
    { "unix", unix_net_start, unix_net_stop },
#endif
#ifdef HAS_NETLINK
    { "netlink", netlink_net_start, netlink_net_stop },
#endif
#ifdef HAS_AFPACKET
    { "afpacket", afpacket_net_start, afpacket_net_stop },
#endif
};

const struct composition default_composition = {
    .ethertypes = ethertypes, .ethertype_count = array_count(ethertypes),
    .device_listeners = device_listeners, .device_listener_count = array_count(device_listeners),
    .ip_protocols = ip_protocols,
#ifdef HAS_IP
    .neighbour_host = &ip_neighbour_host,
    .route_put = route_put,
#endif
#ifdef HAS_RAW
    .raw_deliver = raw_deliver,
    .raw_error = raw_error,
#endif
#ifdef HAS_PING
    .ping_receive = ping_receive,
    .ping_error = ping_error,
#endif
    .diag_protocols = diag_protocols,
    .rooms = rooms, .room_count = array_count(rooms),
};
