/* The plain const tables that make a machine: which protocols, families, devices, rooms it has. */
#ifndef WEIR_MACHINE_COMPOSITION_H
#define WEIR_MACHINE_COMPOSITION_H

#include "machine/net.h"
#include "wire/address.h"

/* Of the rooms above: only pointers here, so that every room may see the tables. */
struct ethertype_handler;
struct device_listener;
struct ip_protocol;
struct icmp_error;
struct neighbour_host;
struct route;
struct diag_protocol;
struct net_device;
struct neighbour;
struct ip_address;
struct ip_route_row;

enum change { CHANGE_NEW, CHANGE_REPLACED, CHANGE_GONE };

struct composition {
    const struct ethertype_handler *ethertypes; size_t ethertype_count;
    const struct device_listener *device_listeners; size_t device_listener_count;
    const struct ip_protocol *const *ip_protocols;   /* indexed by number; NULL: none */
    const struct neighbour_host *neighbour_host;
    /* Upcalls of the ip room, each may be NULL. p begins at its transport header, p->ip is filled; borrowed. True: some
     * raw sock took a clone (every packet to this machine is offered, before its transport); a ping sock took the reply. */
    bool (*raw_deliver)(struct net *net, struct packet *p);
    bool (*ping_receive)(struct net *net, struct packet *p);
    /* IP_ROUTER_ALERT: would a raw sock take this packet, which is not for this machine? deliver: gives it to all that do. */
    bool (*raw_alert)(struct net *net, struct packet *p, bool deliver);
    /* As ip_protocol.error: to raw socks of any protocol; to ping socks when the quoted packet is an echo request. */
    void (*raw_error)(struct net *net, struct packet *p, const struct icmp_error *e);
    void (*ping_error)(struct net *net, struct packet *p, const struct icmp_error *e);
    void (*packet_stamped)(struct packet *p, uint8_t moment); /* PACKET_STAMP_SCHEDULED, _SENT: at the device; borrowed */
    void (*route_put)(struct route *r);              /* a freed packet gives its reference back */
    /* What changed, for those who listen to netlink's groups; called after the change (gone: before the memory goes). Each
     * may be NULL. */
    void (*neighbour_changed)(const struct neighbour *n, enum change change);
    void (*address_changed)(const struct ip_address *a, enum change change);
    void (*route_changed)(struct net *net, const struct ip_route_row *row, enum change change);
    /* A setting of an interface (NETCONFA_IFINDEX_ALL, _DEFAULT: of none); attribute: NETCONFA_*. */
    void (*config_changed)(struct net *net, uint8_t family, int32_t ifindex, uint16_t attribute, int32_t value);
    /* A router advertisement's prefix (32 bytes), and options that are for programs. */
    void (*prefix_heard)(struct net_device *d, const uint8_t *option);
    void (*option_heard)(struct net_device *d, const ip_addr_t *router, const uint8_t *option, uint32_t bytes);
    const struct diag_protocol *diag_protocols;      /* for `ss`; ends with a row of protocol 0 */
    const struct room *rooms; size_t room_count;     /* in start order */
};
extern const struct composition default_composition;

#endif
