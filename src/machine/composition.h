/* The plain const tables that make a machine: which protocols, families, devices, rooms it has. */
#ifndef WEIR_MACHINE_COMPOSITION_H
#define WEIR_MACHINE_COMPOSITION_H

#include "machine/net.h"

/* Of the rooms above: only pointers here, so that every room may see the tables. */
struct ethertype_handler;
struct device_listener;
struct ip_protocol;
struct icmp_error;
struct neighbour_host;
struct route;
struct diag_protocol;

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
    void (*route_put)(struct route *r);              /* a freed packet gives its reference back */
    const struct diag_protocol *diag_protocols;      /* for `ss`; ends with a row of protocol 0 */
    const struct room *rooms; size_t room_count;     /* in start order */
};
extern const struct composition default_composition;

#endif
