#include "machine/composition.h"

#include "afpacket/afpacket.h"
#include "inet/inet.h"
#include "machine/library.h"
#include "machine/tables.h"
#include "neighbour/neighbour.h"
#include "netfilter/hook.h"
#include "netlink/netlink.h"
#include "ping/ping.h"
#include "raw/raw.h"
#include "socket/security.h"
#include "tcp/tcp.h"
#include "udp/udp.h"
#include "unix/unix.h"

static const struct ethertype_handler ethertypes[] = {
    { ETH_P_IP, ip4_receive },
    { ETH_P_IPV6, ip6_receive },
    { ETH_P_ARP, arp_receive },
};

static const struct device_listener device_listeners[] = {
    { rtnetlink_device_event }, /* first: the interface, then what follows from it */
    { ip_device_event },
    { afpacket_device_event },
    { library_device_event },
    { rtnetlink_device_gone_event },
};

/* In start order: a room may use what stands before it. */
static const struct room rooms[] = {
    { "security", security_net_start, security_net_stop },
    { "neighbour", neighbour_net_start, neighbour_net_stop },
    { "netfilter", netfilter_net_start, netfilter_net_stop },
    { "ip", ip_net_start, ip_net_stop },
    { "sock", sock_net_start, sock_net_stop },
    { "inet", inet_net_start, inet_net_stop },
    { "tcp", tcp_net_start, tcp_net_stop },
    { "udp", udp_net_start, udp_net_stop },
    { "raw", raw_net_start, raw_net_stop },
    { "ping", ping_net_start, ping_net_stop },
    { "unix", unix_net_start, unix_net_stop },
    { "netlink", netlink_net_start, netlink_net_stop },
    { "afpacket", afpacket_net_start, afpacket_net_stop },
};

const struct composition default_composition = {
    .ethertypes = ethertypes, .ethertype_count = array_count(ethertypes),
    .device_listeners = device_listeners, .device_listener_count = array_count(device_listeners),
    .ip_protocols = ip_protocols,
    .neighbour_host = &ip_neighbour_host,
    .packet_stamped = sock_packet_stamped,
    .route_put = route_put,
    .raw_deliver = raw_deliver,
    .raw_alert = raw_alert,
    .raw_error = raw_error,
    .ping_receive = ping_receive,
    .ping_error = ping_error,
    .neighbour_changed = rtnetlink_neighbour_changed,
    .address_changed = rtnetlink_address_changed,
    .route_changed = rtnetlink_route_changed,
    .config_changed = rtnetlink_config_changed,
    .prefix_heard = rtnetlink_prefix_heard,
    .option_heard = rtnetlink_option_heard,
    .diag_protocols = diag_protocols,
    .rooms = rooms, .room_count = array_count(rooms),
};
