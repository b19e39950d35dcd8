/* The plain const tables that make a machine: which protocols, families, devices, rooms it has. */
#ifndef WEIR_MACHINE_COMPOSITION_H
#define WEIR_MACHINE_COMPOSITION_H

#include "device/net_device.h"
#include "ip/ip.h"
#include "neighbour/neighbour.h"
#include "socket/socket.h"

struct composition {
    const struct ethertype_handler *ethertypes; size_t ethertype_count;
    const struct device_listener *device_listeners; size_t device_listener_count;
    const struct ip_protocol *const *ip_protocols;   /* indexed by number; NULL: none */
    const struct neighbour_host *neighbour_host;
    const struct room *rooms; size_t room_count;     /* in start order */
};
extern const struct composition default_composition;

#endif
