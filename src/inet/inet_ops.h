/* What the files of this room share. */
#ifndef WEIR_INET_INET_OPS_H
#define WEIR_INET_INET_OPS_H

#include "inet/inet.h"

enum { SOCKADDR_IN6_RFC2133_BYTES = 24 }; /* without sin6_scope_id: still taken */

/* inet.c */
void inet_release(struct socket *s);
int inet_getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which);
int inet_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
int inet_shutdown(struct socket *s, int how);

/* stream_ops.c, used by datagrams too */
uint32_t inet_poll(struct socket *s);
int inet_interface_ioctl(struct net *net, const struct task *t, unsigned command, uint64_t argument); /* interface.c; -ENOIOCTLCMD */
int inet_ioctl(struct socket *s, const struct task *t, unsigned command, uint64_t argument);
int inet_ops_setsockopt(struct socket *s, int level, int name, const struct user_option *o);
int inet_ops_getsockopt(struct socket *s, int level, int name, const struct user_option *o);
long inet_sendmsg(struct socket *s, struct user_msg *msg);
long inet_recvmsg(struct socket *s, struct user_msg *msg);
int inet_no_socketpair(struct socket *a, struct socket *b);

/* option4.c, option6.c: the tables of SOL_IP and SOL_IPV6, and what their owned parts add to a packet */
extern const struct option_level inet_options4, inet_options6;
void inet_free_options(struct inet_sock *is);
void inet_apply_options4(const struct inet_sock *is, struct ip_send *send);
bool inet_first_hop(const struct inet_sock *is, ip_addr_t *hop, bool *is_strict); /* of a source route; false: there is none */
/* IPv4 options as a program gives them: pads them to whole words. False: not acceptable. */
bool inet_check_ip_options(uint8_t data[40], uint8_t given_bytes, uint8_t *bytes);
int inet_set_ip_options(struct sock *sk, const struct user_option *o);
int inet_get_ip_options(struct sock *sk, const struct user_option *o);
/* extension6.c */
void inet_free_extensions(struct inet_sock *is);
void inet_sticky_extensions(const struct inet_sock *is, const uint8_t **hop, uint32_t *hop_bytes, const uint8_t **destination, uint32_t *destination_bytes);
/* Hop-by-hop then destination options, linked, before the transport. Bytes written. */
uint32_t inet_join_extensions(uint8_t *out, const uint8_t *hop, uint32_t hop_bytes, const uint8_t *destination, uint32_t destination_bytes,
                              uint8_t protocol, uint8_t *first);
int inet_check_extension(const uint8_t *data, uint32_t bytes);
void inet_put_extensions(const struct inet_sock *is, struct user_msg *msg, const struct packet *p);
int inet_set_hopopts(struct sock *sk, const struct user_option *o);
int inet_get_hopopts(struct sock *sk, const struct user_option *o);
int inet_set_rthdrdstopts(struct sock *sk, const struct user_option *o);
int inet_get_rthdrdstopts(struct sock *sk, const struct user_option *o);
int inet_set_dstopts(struct sock *sk, const struct user_option *o);
int inet_get_dstopts(struct sock *sk, const struct user_option *o);
int inet_set_rthdr(struct sock *sk, const struct user_option *o);
int inet_get_rthdr(struct sock *sk, const struct user_option *o);
int inet_set_pktinfo6(struct sock *sk, const struct user_option *o);
int inet_get_path_mtu(struct sock *sk, const struct user_option *o);
void inet_note_path_mtu(struct inet_sock *is, const ip_addr_t *destination, uint32_t mtu_bytes); /* for IPV6_RECVPATHMTU */
void inet_apply_extensions(const struct inet_sock *is, struct ip_send *send);

/* Values of SOL_IP: an int, or one byte when the program gave fewer than four; nothing is 0. */
int inet_option_in4(const struct user_option *o, int *value);
int inet_option_out4(const struct user_option *o, int value);

/* multicast.c. ifindex 0: by interface address, else by the route to the group. */
int inet_group_join(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface, uint32_t mode);
int inet_group_leave(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface);
/* mode: the one the operation belongs to (BLOCK, UNBLOCK: EXCLUDE; ADD, DROP: INCLUDE). */
int inet_group_source(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface, const ip_addr_t *source, uint32_t mode, bool add);
int inet_group_set_filter(struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface, uint32_t mode, const ip_addr_t *sources, uint32_t count);
const struct inet_membership *inet_group_find(const struct inet_sock *is, const ip_addr_t *group, int32_t ifindex, const ip_addr_t *interface);
/* The options of both levels that work on groups (IP_ADD_MEMBERSHIP ... MCAST_MSFILTER). */
int inet_set_membership4(struct sock *sk, const struct user_option *o);
int inet_drop_membership4(struct sock *sk, const struct user_option *o);
int inet_set_membership6(struct sock *sk, const struct user_option *o);
int inet_drop_membership6(struct sock *sk, const struct user_option *o);
int inet_set_block_source4(struct sock *sk, const struct user_option *o);
int inet_set_unblock_source4(struct sock *sk, const struct user_option *o);
int inet_set_add_source4(struct sock *sk, const struct user_option *o);
int inet_set_drop_source4(struct sock *sk, const struct user_option *o);
int inet_set_mcast_join(struct sock *sk, const struct user_option *o);
int inet_set_mcast_leave(struct sock *sk, const struct user_option *o);
int inet_set_mcast_join_source(struct sock *sk, const struct user_option *o);
int inet_set_mcast_leave_source(struct sock *sk, const struct user_option *o);
int inet_set_mcast_block(struct sock *sk, const struct user_option *o);
int inet_set_mcast_unblock(struct sock *sk, const struct user_option *o);
int inet_set_msfilter4(struct sock *sk, const struct user_option *o);
int inet_get_msfilter4(struct sock *sk, const struct user_option *o);
int inet_set_group_filter(struct sock *sk, const struct user_option *o);
int inet_get_group_filter(struct sock *sk, const struct user_option *o);

#endif
