/* struct net: a network namespace. Context header: any room may include it. */
#ifndef WEIR_MACHINE_NET_H
#define WEIR_MACHINE_NET_H

#include "machine/machine.h"

/* Counters (Linux: SNMP MIBs), one row each in mib.def. */
enum mib {
#define MIB(group, name) MIB_##group##_##name,
#include "machine/mib.def"
#undef MIB
    MIB_COUNT
};
#define count_add(net, group, name, n) ((net)->mib[MIB_##group##_##name] += (uint64_t)(n))
#define count(net, group, name) count_add(net, group, name, 1)

struct net_sysctl {
#define SYSCTL(path, field, initial, low, high) int64_t field;
#define SYSCTL_VECTOR(path, field, n, ...) int64_t field[n];
#include "machine/sysctl.def"
#undef SYSCTL
#undef SYSCTL_VECTOR
    char tcp_congestion_control[16];         /* default for new sockets */
    char tcp_allowed_congestion_control[256];
    uint32_t local_reserved_ports[65536 / 32]; /* bitmap */
    uint32_t icmp6_ratemask[8];
};

struct hook_list;

struct net {
    struct list node;              /* of machine->nets */
    struct machine *machine;
    uint64_t inode, cookie;        /* NS inode, SO_NETNS_COOKIE */
    uint64_t mib[MIB_COUNT];
    uint64_t icmp_types_in[256], icmp_types_out[256], icmp6_types_in[256], icmp6_types_out[256];
    uint64_t drops[DROP_REASON_COUNT];
    struct net_sysctl sysctl;
    struct list devices;           /* struct net_device.node, by ifindex */
    uint32_t next_ifindex;
    struct net_device *loopback;
    /* State of each room; made by its row in machine/composition.c, NULL before. */
    struct neighbour_net *neighbour;
    struct netfilter_net *netfilter;
    struct ip_net *ip;             /* addresses, routes, fragments, icmp limits, groups */
    struct sock_net *sock;         /* accounting */
    struct security_net *security; /* hooks of socket/security.c */
    struct inet_net *inet;         /* port tables */
    struct tcp_net *tcp;
    struct udp_net *udp;
    struct raw_net *raw;
    struct ping_net *ping;
    struct unix_net *unix_;
    struct netlink_net *netlink;
    struct afpacket_net *afpacket;
};

/* A room's part in the life of a namespace; a row in machine/composition.c, started in order, ended in reverse. */
struct room {
    const char *name;
    int (*net_start)(struct net *net);  /* 0 or -errno; leaves nothing behind on failure */
    void (*net_stop)(struct net *net);
};

struct net *net_create(struct machine *m);  /* NULL: no memory. Loopback exists and is up with 127.0.0.1/8 and ::1/128 */
void net_destroy(struct net *net);

#endif
