/* What the files of this room share. */
#ifndef WEIR_INET_INET_OPS_H
#define WEIR_INET_INET_OPS_H

#include "inet/inet.h"

enum { SOCKADDR_IN6_RFC2133_BYTES = 24 }; /* without sin6_scope_id: still taken */

/* inet.c */
void inet_release(struct socket *s);
int inet_getname(struct socket *s, struct sockaddr_storage *a, bool peer);
int inet_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
int inet_shutdown(struct socket *s, int how);

/* stream_ops.c, used by datagrams too */
uint32_t inet_poll(struct socket *s);
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
void inet_apply_extensions(const struct inet_sock *is, struct ip_send *send);
int inet_set_options4(struct inet_sock *is, const uint8_t *bytes, uint32_t length);

#endif
