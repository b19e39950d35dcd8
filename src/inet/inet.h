/* AF_INET and AF_INET6: struct inet_sock, the addresses and options every internet protocol has, the port tables, and the
 * proto_ops. A dual-stack sock is one that may hold IPv4-mapped addresses: the address type does the rest. */
#ifndef WEIR_INET_INET_H
#define WEIR_INET_INET_H

#include "ip/ip.h"
#include "sock/sock.h"
#include "socket/socket.h"

/* Options of SOL_IP and SOL_IPV6 that few programs set: shared, inet_usual, until a sock writes one. */
struct inet_rare {
    struct inet_options *options;    /* compiled IP_OPTIONS, or NULL; owned */
    struct inet_extensions *extensions; /* IPV6_HOPOPTS, DSTOPTS, RTHDR to send; owned, or NULL */
    struct inet_membership *memberships; /* joined groups; owned list */
    ip_addr_t multicast_source, sticky_source6; int32_t sticky_ifindex6; /* sticky: IPV6_PKTINFO as an option */
    int32_t multicast_ifindex, multicast_ifindex6, unicast_ifindex, unicast_ifindex6;
    uint32_t frag_size6;
    uint32_t icmp_filter, icmp6_filter[8]; /* raw ICMP_FILTER */
    uint16_t local_port_low, local_port_high; /* IP_LOCAL_PORT_RANGE */
    uint16_t source_preferences6;    /* IPV6_PREFER_SRC_* as given */
    int32_t checksum_offset;         /* raw IPV6_CHECKSUM; -1: none */
    int16_t multicast_hops; uint8_t multicast_ttl;
};
extern const struct inet_rare inet_usual;

struct inet_sock {
    struct sock sk;                  /* first */
    /* Lookup key; ports in host order, 0: none. */
    ip_addr_t local;                 /* bound or chosen source (Linux: inet_rcv_saddr); any when unbound */
    ip_addr_t source;                /* what goes out (inet_saddr): as local, but for multicast binds */
    ip_addr_t remote;
    uint16_t local_port, remote_port;
    uint16_t ip_id;                  /* of the next IPv4 packet while connected */
    uint16_t former_port;            /* given back by a closed connection, still its name (Linux: inet_sport outlives inet_num) */
    struct chain_node port_node;     /* in its port bucket */
    struct port_bucket *port_bucket;
    struct chain_node lookup_node;   /* the protocol's established or bound table */
    const struct inet_rare *rare;    /* to write: inet_rare() */
    struct route *route;             /* cached for remote; check with route_is_current() */
    /* Options of SOL_IP and SOL_IPV6. */
    bool is_v6only : 1, is_any_bound : 1, recv_error : 1, recv_error6 : 1, header_included : 1, transparent : 1, freebind : 1,
        node_fragment : 1, multicast_loop : 1, multicast_loop6 : 1, multicast_all : 1, multicast_all6 : 1, recv_error_rfc4884 : 1,
        recv_error6_rfc4884 : 1, defer_connect : 1, auto_flow_label : 1, auto_flow_label_set : 1, send_flow : 1, no_default_source : 1,
        router_alert : 1;
    bool is_address_locked : 1, is_port_locked : 1; /* bound by the program: disconnect keeps them */
    /* Control messages wanted: IP_PKTINFO, IP_TTL, ... */
    bool want_pktinfo : 1, want_ttl : 1, want_tos : 1, want_options : 1, want_passec : 1, want_origdst : 1, want_checksum : 1,
        want_fragsize : 1, want_pktinfo6 : 1, want_hoplimit6 : 1, want_tclass6 : 1, want_hopopts6 : 1, want_dstopts6 : 1, want_rthdr6 : 1,
        want_flowlabel6 : 1, want_origdst6 : 1, want_fragsize6 : 1, want_2292_pktinfo6 : 1, want_2292_hoplimit6 : 1, want_path_mtu6 : 1,
        want_return_options : 1, dont_fragment6 : 1, want_2292_hopopts6 : 1, want_2292_dstopts6 : 1, want_2292_rthdr6 : 1;
    uint8_t tos, min_ttl, tclass, min_hops;
    int16_t ttl, hops;               /* -1: default */
    uint8_t pmtu_policy, pmtu_policy6; /* IP_PMTUDISC_* */
    uint32_t flow_label;
};
static inline struct inet_sock *inet_of(const struct sock *sk) { return (struct inet_sock *)(uintptr_t)sk; }
struct inet_rare *inet_rare(struct inet_sock *is); /* its own, to be written; NULL: no memory */
static inline bool inet_is6(const struct sock *sk) { return sk->family == AF_INET6; }
/* May this sock speak IPv4? */
static inline bool inet_takes4(const struct sock *sk) { return sk->family == AF_INET || !inet_of(sk)->is_v6only; }

int inet_net_start(struct net *net);
void inet_net_stop(struct net *net);

/* One row joins a socket type and protocol to its proto and proto_ops (Linux: inetsw); machine/protocols.c. */
struct inet_row {
    int16_t type; uint8_t protocol;  /* protocol 0 matches any asked (RAW) */
    const struct proto *proto;
    const struct proto_ops *ops;
    bool needs_net_raw, is_default_for_type;
    uint8_t families;                /* 1: AF_INET, 2: AF_INET6, 3: both */
};
extern const struct inet_row inet_rows[];
extern const size_t inet_row_count;
extern const struct net_family inet_family, inet6_family;
extern const struct proto_ops inet_stream_ops, inet_dgram_ops, inet_raw_ops;

/* Ports: inet/port.c. One bucket for each (protocol table, port); Linux's conflict rules with SO_REUSEADDR, SO_REUSEPORT
 * (same UID), listeners, wildcard and dual-stack addresses. */
struct port_table;                   /* one for TCP, one for UDP (and UDP-Lite) */
struct port_bucket { struct chain_node node; struct port_table *table; uint16_t port; bool is_connect_only; /* taken by port_connect() alone: other connects share it, bind(0) leaves it */ struct chain owners, holds; };
/* Keeps a port taken when its sock is gone (TIME-WAIT). bind() meets it as a sock that is not listening, with these
 * addresses and flags; the bucket lives while it has owners or holds. */
struct port_hold { struct chain_node node; struct port_bucket *bucket; ip_addr_t local; int32_t bound_ifindex; bool reuse, reuse_port, is_v6only; uint8_t owner_bits; /* free for the holder */ };
void port_hold(struct port_hold *h, const struct inet_sock *is); /* fills h and joins the bucket of `is` */
void port_unhold(struct port_hold *h);
struct port_table *port_table_create(struct machine *m);
void port_table_destroy(struct machine *m, struct port_table *t);
/* port 0: picks one of ip_local_port_range (IP_LOCAL_PORT_RANGE, reserved ports left out). Sets local_port. 0 or -EADDRINUSE. */
int port_bind(struct port_table *t, struct inet_sock *is, uint16_t port);
void port_release(struct inet_sock *is);
struct port_bucket *port_find(const struct port_table *t, uint16_t port); /* NULL: nobody */
/* Shares the bucket of a listener with its child. */
int port_inherit(struct inet_sock *child, const struct inet_sock *listener);
/* For connect(): an ephemeral port by RFC 6056 algorithm 3 over the tuple, Linux's parity rule; check says whether the
 * 4-tuple is free (it may replace a TIME-WAIT), sharing ports between destinations. 0 or -EADDRNOTAVAIL. */
int port_connect(struct port_table *t, struct inet_sock *is, bool (*check)(void *ctx, struct inet_sock *is, uint16_t port), void *ctx);
bool port_is_privileged(const struct net *net, const struct credentials *c, uint16_t port); /* true: EACCES */

/* connect() of a stream without its waiting; a: NULL from a send that names nobody. 0, -EINPROGRESS, -EALREADY, -errno. Owned. */
int inet_stream_open(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, bool is_send);

/* Shared by the protocols. */
bool inet_may_bind4(struct inet_sock *is, const ip_addr_t *a);                           /* false: EADDRNOTAVAIL */
/* An IPv6 address that is neither any nor mapped: may it be bound? Sets bound_ifindex from the scope. -EINVAL, -ENODEV, -EADDRNOTAVAIL */
int inet_check_scope6(struct inet_sock *is, const ip_addr_t *a, uint32_t scope_id);
/* sockaddr -> address, port, scope id. 0, -EINVAL (short), -EAFNOSUPPORT. */
int inet_parse_address(const struct sock *sk, const struct sockaddr_storage *a, uint32_t bytes, ip_addr_t *out, uint16_t *port, int32_t *scope_ifindex, uint32_t *flow_label);
/* address, port -> sockaddr of the sock's family (mapped for AF_INET6). Length. */
uint32_t inet_put_address(const struct sock *sk, struct sockaddr_storage *out, const ip_addr_t *a, uint16_t port, int32_t ifindex);
void inet_flow(const struct inet_sock *is, struct ip_flow *flow);                       /* from options and addresses */
void inet_flow_to(const struct inet_sock *is, const ip_addr_t *destination, struct ip_flow *flow); /* for sendto() */
/* send->destination is set already. */
void inet_send_options(const struct inet_sock *is, struct ip_send *send, uint8_t version); /* from options */
/* The cached route, renewed when stale. Borrowed; NULL and *error. */
struct route *inet_route(struct inet_sock *is, int *error);
void inet_route_reset(struct inet_sock *is);
/* SOL_IP / SOL_IPV6 options; called by the protocols' get/setsockopt for these levels. */
int inet_setsockopt(struct sock *sk, int level, int name, const struct user_option *o);
int inet_getsockopt(struct sock *sk, int level, int name, const struct user_option *o);
/* What a datagram's sender asked in msg->control (IP_PKTINFO, IP_TTL, IP_TOS, IPV6_*, SO_MARK, SO_TIMESTAMPING...). */
struct inet_control { ip_addr_t source; bool has_source; int32_t ifindex; int16_t ttl, tos; uint32_t mark, priority; uint16_t gso_bytes;
    uint8_t options[40], options_bytes; const uint8_t *hop, *destination_options; uint16_t hop_bytes, destination_options_bytes; uint32_t flow_label; bool has_mark, has_priority, dont_fragment, has_dont_fragment;
    uint32_t stamp_flags, stamp_key; bool has_stamp_flags, has_stamp_key; /* SO_TIMESTAMPING of this send; its own number */ };
/* to4: the destination is an IPv4 address, so that SOL_IP counts, else SOL_IPV6. 0, -EINVAL (malformed, out of range, not this level's), -EPERM. */
int inet_parse_control(struct sock *sk, const struct user_msg *msg, bool to4, struct inet_control *out);
int inet_parse_stream_control(struct sock *sk, const struct user_msg *msg, struct inet_control *out); /* 0 or -EINVAL */
enum { INET_EXTENSION_BYTES = 96 }; /* of IPv6 extension headers: what a packet's head has room for */
/* Where a datagram goes and how; inet/datagram.c. Set gso_bytes before, to the sock's own. */
struct inet_path {
    ip_addr_t source, destination;
    uint16_t destination_port, gso_bytes;
    struct route *route;             /* a reference: inet_path_put, also after failure */
    struct ip_send send;
    uint8_t options[40];             /* what send.options points to when control data brought it */
    uint8_t options_bytes;
    uint8_t extension[INET_EXTENSION_BYTES], extension_bytes; /* likewise, of send.extension */
    bool dont_fragment6;             /* IPV6_DONTFRAG, of the sock or the control data */
    bool has_stamp_key; uint32_t stamp_key, stamp_flags; /* SOF_TIMESTAMPING_* for this datagram */
};
/* From msg's name and control data. -EDESTADDRREQ, -EINVAL, -EACCES (broadcast), route errors ... */
int inet_path_find(struct sock *sk, struct user_msg *msg, struct inet_path *path);
void inet_path_put(struct inet_path *path);
uint32_t inet_path_mtu(const struct inet_path *path);
bool inet_path_may_fragment(const struct inet_path *path);
uint32_t inet_path_header_bytes(const struct inet_path *path);     /* of the IP header with options */
/* May so many bytes from the transport header on go? -EMSGSIZE, with a notice in the error queue. */
int inet_path_check_size(struct sock *sk, const struct inet_path *path, uint64_t transport_bytes);
/* A packet with that many bytes of the caller's. -EFAULT, -ENOBUFS. */
int inet_copy_in(struct sock *sk, struct user_msg *msg, uint32_t bytes, struct packet **out);
/* SO_TIMESTAMPING: the times of this packet, which is charged to sk, that the program wants. Takes the sock's next number. */
void inet_path_stamp(struct sock *sk, struct packet *p, const struct inet_path *path);
/* The packet that sock_datagram_next gave, with all that comes along. Takes p, but not from under a MSG_PEEK. Bytes copied,
 * or -EFAULT; *bytes: what the packet held. */
long inet_datagram_give(struct sock *sk, struct user_msg *msg, struct packet *p, uint32_t *bytes);
/* The control messages a receiver asked for, from p->ip and its socket options. */
void inet_put_control(struct sock *sk, struct user_msg *msg, const struct packet *p);
void inet_put_timestamps(struct sock *sk, struct user_msg *msg, struct packet *p);
static inline bool inet_wants_times(const struct sock *sk)
{
    return sk->receive_timestamp || sk->receive_timestamp_ns || sk->rare->timestamping_flags;
}
void inet_put_times(struct sock *sk, struct user_msg *msg, uint64_t stamp_ns); /* SO_TIMESTAMP and SO_TIMESTAMPING alone; machine time */
/* What of these an entry of the error queue gives besides: inet_error_receive() */
void inet_put_error_control(struct sock *sk, struct user_msg *msg, const struct packet *p, uint32_t payload_offset);
/* IPV6_RECVPATHMTU: true when a send that did not fit left a notice: it is what recvmsg() gives, with no data. */
bool inet_take_path_mtu(struct sock *sk, struct user_msg *msg);
/* Multicast delivery filter: does this sock take a datagram for the group from the source? */
bool inet_group_accepts(const struct inet_sock *is, const ip_addr_t *group, const ip_addr_t *source, int32_t ifindex);
void inet_leave_all_groups(struct inet_sock *is);
struct inet_membership { /* one joined group of a sock; with its source filter */
    struct inet_membership *next;
    ip_addr_t group, interface;      /* interface: the address the program named it by (IPv4), or any */
    int32_t ifindex;
    uint32_t mode;                   /* MCAST_EXCLUDE, MCAST_INCLUDE */
    uint32_t source_count, source_capacity;
    ip_addr_t *sources;
};
void inet_sock_fini(struct inet_sock *is);    /* route, options, groups: from proto->destroy */
/* A listener's child: sock_clone() with inet's pointers sorted out (no port, no table, no groups, no route; options as a
 * child's start empty). NULL: no memory. */
struct inet_sock *inet_sock_clone(const struct inet_sock *listener);
/* connect() and disconnect() of datagram protocols: route, source address, state; proto->rehash when the address changed. */
int inet_datagram_connect(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
int inet_datagram_disconnect(struct sock *sk);
int inet_autobind(struct sock *sk);            /* 0 or -EAGAIN: no port */
/* ICMP error for a datagram sock: IP_RECVERR queue, err for connected ones, PMTU. inet/error.c */
/* A send that cannot go (EMSGSIZE): a notice in the error queue when IP_RECVERR wants it. */
void inet_local_error(struct sock *sk, int error, const ip_addr_t *destination, uint16_t port, uint32_t info);
/* recvmsg(MSG_ERRQUEUE) of the sock's family. */
long inet_error_receive(struct sock *sk, struct user_msg *msg);
/* payload_offset: what of the quoted packet the error queue shows, from p's beginning. */
void inet_datagram_error(struct sock *sk, struct packet *p, const struct icmp_error *e, uint16_t destination_port, uint32_t payload_offset);

#endif
