/* Datagram sockets of ICMP and ICMPv6: echo requests without privileges; the echo identifier is the port. */
#ifndef WEIR_PING_PING_H
#define WEIR_PING_PING_H

#include "inet/inet.h"

extern const struct proto ping_proto;
int ping_net_start(struct net *net);
void ping_net_stop(struct net *net);
/* Upcalls of the ip room (machine/composition.h). */
bool ping_receive(struct net *net, struct packet *p);
void ping_error(struct net *net, struct packet *p, const struct icmp_error *e);
/* One line of /proc/net/icmp and icmp6. */
void ping_each(struct net *net, int family, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx);
uint32_t ping_sock_count(const struct net *net, int family);

#endif
