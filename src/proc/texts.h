/* The fillers of /proc/net's texts, one file for each kind; joined in tree.c. */
#ifndef WEIR_PROC_TEXTS_H
#define WEIR_PROC_TEXTS_H

#include "base/text.h"
#include "sock/sock.h"

/* text_tcp.c */
void proc_tcp4(struct net *net, struct text *t);
void proc_tcp6(struct net *net, struct text *t);
/* text_datagram.c */
void proc_udp4(struct net *net, struct text *t);
void proc_udp6(struct net *net, struct text *t);
void proc_udplite4(struct net *net, struct text *t);
void proc_udplite6(struct net *net, struct text *t);
void proc_raw4(struct net *net, struct text *t);
void proc_raw6(struct net *net, struct text *t);
void proc_icmp4(struct net *net, struct text *t);
void proc_icmp6(struct net *net, struct text *t);
/* text_families.c */
void proc_netlink(struct net *net, struct text *t);
void proc_sockstat(struct net *net, struct text *t);
void proc_sockstat6(struct net *net, struct text *t);
void proc_protocols(struct net *net, struct text *t);
/* text_counters.c */
void proc_snmp(struct net *net, struct text *t);
void proc_netstat(struct net *net, struct text *t);
void proc_snmp6(struct net *net, struct text *t);
void proc_softnet_stat(struct net *net, struct text *t);
/* text_devices.c */
void proc_dev(struct net *net, struct text *t);
void proc_if_inet6(struct net *net, struct text *t);
void proc_arp(struct net *net, struct text *t);
void proc_igmp(struct net *net, struct text *t);
void proc_igmp6(struct net *net, struct text *t);
void proc_dev_mcast(struct net *net, struct text *t);
void proc_ptype(struct net *net, struct text *t);
void proc_psched(struct net *net, struct text *t);
/* text_routes.c */
void proc_route(struct net *net, struct text *t);
void proc_ipv6_route(struct net *net, struct text *t);
void proc_rt_cache(struct net *net, struct text *t);
/* text_weir.c: what Linux has not */
void proc_listeners(struct net *net, struct text *t);
void proc_drops(struct net *net, struct text *t);

/* What %pK shows of a sock: the same as long as it lives, telling nothing. */
unsigned long proc_pointer(struct net *net, uint64_t which);
/* Pads a line that began at `start` with blanks to `width` and ends it (Linux: seq_setwidth, seq_pad). */
void proc_end_line(struct text *t, size_t start, size_t width);
/* Calls visit for every sock of the namespace, oldest first. */
void proc_each_sock(struct net *net, void (*visit)(void *ctx, struct sock *sk), void *ctx);
/* 100 to the second, as all times in /proc (USER_HZ). */
static inline unsigned long proc_clock(uint64_t ns) { return (unsigned long)(ns / 10000000); }

#endif
