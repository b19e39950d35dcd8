/* SOCK_RAW over IPv4 and IPv6: programs that speak a transport protocol themselves. */
#ifndef WEIR_RAW_RAW_H
#define WEIR_RAW_RAW_H

#include "inet/inet.h"

extern const struct proto raw_proto;
extern const struct option_level raw_options, raw_options6, raw_icmp6_options; /* SOL_RAW on IPv4, on IPv6, SOL_ICMPV6 */
int raw_net_start(struct net *net);
void raw_net_stop(struct net *net);
/* Upcalls of the ip room (machine/composition.h). */
bool raw_deliver(struct net *net, struct packet *p);
bool raw_alert(struct net *net, struct packet *p, bool is_delivery);
void raw_error(struct net *net, struct packet *p, const struct icmp_error *e);
/* One line of /proc/net/raw and raw6, by protocol. */
void raw_each(struct net *net, int family, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx);
uint32_t raw_sock_count(const struct net *net, int family);

#endif
