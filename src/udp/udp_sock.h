/* struct udp_sock and what the files of this room share. */
#ifndef WEIR_UDP_UDP_SOCK_H
#define WEIR_UDP_UDP_SOCK_H

#include "udp/udp.h"
#include "wire/headers.h"

struct udp_sock {
    struct inet_sock inet;           /* first */
    bool is_corked;                  /* UDP_CORK */
    bool takes_gro, no_check6_send, no_check6_receive;
    uint16_t gso_bytes;              /* UDP_SEGMENT */
    struct packet *pending;          /* corked datagram so far, from its payload on; NULL: none */
    struct inet_path pending_path;    /* valid with pending */
};
static inline struct udp_sock *udp_of(const struct sock *sk) { return (struct udp_sock *)(uintptr_t)sk; }

struct udp_net {
    struct port_table *ports;
    struct chain *slots;             /* inet_sock.lookup_node, by local address and port, or by all four when connected */
    uint32_t slot_count, sock_count; /* slot_count: a power of two */
    struct siphash_key key, group_key;
};

/* packet.scratch[] of a queued datagram, after SOCK_SCRATCH_DROPS */
enum { UDP_SCRATCH_PORTS = 1, UDP_SCRATCH_GRO = 2 }; /* source port; segment size of a merged datagram */

#define udp_count(net, version, name) ((version) == 4 ? count(net, Udp, name) : count(net, Udp6, name))

/* table.c */
int udp_get_port(struct sock *sk, uint16_t port);
void udp_rehash(struct sock *sk);
void udp_unhash(struct sock *sk);
/* The sock a datagram from remote to local is for. Borrowed; NULL: none. */
struct sock *udp_lookup(struct net *net, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port, int32_t ifindex);
/* send.c */
long udp_sendmsg(struct sock *sk, struct user_msg *msg);
int udp_push_pending(struct udp_sock *us);
void udp_drop_pending(struct udp_sock *us);
/* receive.c */
long udp_recvmsg(struct sock *sk, struct user_msg *msg);

#endif
