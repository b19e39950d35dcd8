/* IPv6 extension headers of a received packet. Of the ip room. */
#ifndef WEIR_IP_EXTENSION6_H
#define WEIR_IP_EXTENSION6_H

#include "packet/packet.h"

/* Options of a hop-by-hop or destination header of `bytes` that lies at offset `at` of contiguous bytes. False: drop
 * (told by ICMP where due). */
bool ip6_options_ok(struct net *net, struct packet *p, uint32_t at, uint32_t bytes, bool is_hop_by_hop);
bool ip6_has_router_alert(const struct packet *p, uint32_t at, uint32_t bytes);

#endif
