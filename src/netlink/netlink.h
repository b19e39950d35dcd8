/* AF_NETLINK: what `ip` and `ss` speak. NETLINK_ROUTE and NETLINK_SOCK_DIAG; other protocols as on a kernel without them. */
#ifndef WEIR_NETLINK_NETLINK_H
#define WEIR_NETLINK_NETLINK_H

#include "inet/inet.h"
#include "machine/composition.h"

extern const struct net_family netlink_family;
int netlink_net_start(struct net *net);
void netlink_net_stop(struct net *net);

/* What a socket looks like to `ss` (struct inet_diag_msg), for the protocols of the rows below. Ports in host order. */
struct diag_view {
    struct sock *sk;                 /* NULL: a time-wait or a request, which have no sock of their own */
    uint8_t family, state, timer, retransmits;
    ip_addr_t local, remote;
    uint16_t local_port, remote_port;
    int32_t ifindex;
    uint32_t uid, receive_queue, send_queue;
    uint64_t expires_ns, inode;
};
/* A row of machine/diag.c: netlink knows no transport. */
struct diag_protocol {
    uint8_t protocol;
    void (*each)(struct net *net, int (*visit)(void *ctx, const struct diag_view *v), void *ctx); /* both families */
    uint32_t (*info)(struct sock *sk, void *out, uint32_t bytes);    /* INET_DIAG_INFO; NULL: none */
    const char *(*congestion)(struct sock *sk);                      /* INET_DIAG_CONG; NULL: none */
    /* What the algorithm tells of itself (TCP_CC_INFO), when its own bit is wanted; bytes, and *attribute. NULL: none. */
    uint32_t (*congestion_info)(struct sock *sk, uint32_t wanted, void *out, uint32_t bytes, int *attribute);
    int (*destroy)(struct sock *sk);                                 /* `ss -K`: ends it with ECONNABORTED; NULL: EOPNOTSUPP */
};

/* Rows of machine/composition.c: what changed becomes notifications. */
struct neighbour;
struct ip_address;
struct ip_route_row;
void rtnetlink_device_event(struct net_device *d, enum device_event event);
void rtnetlink_device_gone_event(struct net_device *d, enum device_event event);
void rtnetlink_neighbour_changed(const struct neighbour *n, enum change change);
void rtnetlink_address_changed(const struct ip_address *a, enum change change);
void rtnetlink_route_changed(struct net *net, const struct ip_route_row *row, enum change change);
void rtnetlink_config_changed(struct net *net, uint8_t family, int32_t ifindex, uint16_t attribute, int32_t value);
void rtnetlink_prefix_heard(struct net_device *d, const uint8_t *option);
void rtnetlink_option_heard(struct net_device *d, const ip_addr_t *router, const uint8_t *option, uint32_t bytes);

/* One line of /proc/net/netlink. */
struct netlink_view { const struct sock *sk; uint8_t protocol; uint32_t port_id, groups; bool is_dumping; };
bool netlink_view(const struct sock *sk, struct netlink_view *out);  /* false: not a netlink sock */

#endif
