/* UDP over IPv4 and IPv6 (RFC 768, RFC 8200 §8.1). */
#ifndef WEIR_UDP_UDP_H
#define WEIR_UDP_UDP_H

#include "inet/inet.h"

extern const struct proto udp_proto;
extern const struct ip_protocol udp_protocol;   /* a row of machine/protocols.c */
extern const struct option_level udp_options;   /* SOL_UDP */
int udp_net_start(struct net *net);
void udp_net_stop(struct net *net);
void udp_receive(struct net *net, struct packet *p);
void udp_error(struct net *net, struct packet *p, const struct icmp_error *e);

/* One line of /proc/net/udp; order of Linux's table: by port. Stops when visit returns non-zero. */
void udp_each(struct net *net, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx);
uint32_t udp_receive_queue_bytes(const struct sock *sk); /* truesize waiting, as /proc/net/udp and ss show it */
uint32_t udp_sock_count(const struct net *net);
uint64_t udp_memory_pages(const struct net *net);

#endif
