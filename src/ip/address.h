/* Addresses, routes and groups of a namespace: what `ip addr`, `ip route` and joins change. */
#ifndef WEIR_IP_ADDRESS_H
#define WEIR_IP_ADDRESS_H

#include "ip/ip.h"

struct ip_address {                  /* one address of an interface; owned by its ip_device */
    struct list node;
    struct net_device *device;
    ip_addr_t local, peer, broadcast;
    uint8_t prefix_bits, scope;      /* RT_SCOPE_* */
    uint32_t flags;                  /* IFA_F_* */
    uint64_t valid_until_ns, preferred_until_ns; /* NS_NEVER: forever */
    uint64_t created_ns, changed_ns;
    char label[IFNAMSIZ];
};
struct ip4_config {                  /* net.ipv4.conf.<if>; "all" and "default" hang from ip_net */
    int32_t forwarding, accept_redirects, accept_source_route, arp_accept, arp_announce, arp_filter, arp_ignore,
        arp_notify, proxy_arp, rp_filter, route_localnet, send_redirects, secure_redirects, shared_media,
        drop_gratuitous_arp, drop_unicast_in_l2_multicast, accept_local, force_igmp_version, promote_secondaries,
        bc_forwarding, igmpv2_unsolicited_report_interval, igmpv3_unsolicited_report_interval; /* ms */
};
struct ip6_config {
    int32_t forwarding, hop_limit, mtu, accept_ra, accept_redirects, autoconf, dad_transmits, router_solicitations,
        router_solicitation_interval, router_solicitation_delay, disable_ipv6, accept_dad, force_mld_version,
        drop_unicast_in_l2_multicast, drop_unsolicited_na, suppress_frag_ndisc, accept_untracked_na, addr_gen_mode,
        accept_ra_defrtr, accept_ra_mtu, accept_ra_pinfo, accept_ra_min_hop_limit, accept_ra_min_lft,
        accept_ra_from_local, ra_defrtr_metric, ra_honor_pio_life, max_addresses, router_solicitation_max_interval,
        force_forwarding, force_tllao, ndisc_notify, ndisc_tclass, use_oif_addrs_only,
        mldv1_unsolicited_report_interval, mldv2_unsolicited_report_interval; /* ms */
};
struct ip_device {                   /* net_device->ip */
    struct net_device *device;
    struct list addresses4, addresses6;  /* struct ip_address.node, in order of addition */
    struct list groups4, groups6;        /* struct ip_group */
    struct ip4_config config4;
    struct ip6_config config6;
    uint64_t igmp_v1_until_ns, igmp_v2_until_ns, mld_v1_until_ns; /* an older querier was heard */
    struct neighbour_parameters *neighbour4, *neighbour6;
};
/* conf/all and conf/default of the namespace. Writing a field of "all" that Linux hands on to the interfaces is the
 * caller's work. */
struct ip4_config *ip4_config_all(struct net *net), *ip4_config_default(struct net *net);
struct ip6_config *ip6_config_all(struct net *net), *ip6_config_default(struct net *net);
/* After disable_ipv6 or mtu of an interface was written: takes its IPv6 addresses away or gives it a link-local one
 * again. */
void ip6_config_changed(struct net_device *d);
/* 0 or -EEXIST, -EINVAL, -ENOBUFS. Adds the connected and local routes. IPv6 starts duplicate address detection unless
 * loopback or IFA_F_NODAD. */
int ip_address_add(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits, const ip_addr_t *broadcast,
    uint32_t flags, uint8_t scope);
/* The same with lifetimes; `wanted` is copied. Its device, local, peer, broadcast, prefix_bits, scope, flags, lifetimes count. */
int ip_address_insert(const struct ip_address *wanted);
/* New lifetimes, and for IPv6 new flags of the administrator, of an address that is there. -EADDRNOTAVAIL */
int ip_address_change(const struct ip_address *wanted);
int ip_address_remove(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits); /* 0 or -EADDRNOTAVAIL */

struct ip_route_row {                /* one row of the table (Linux: fib_info + fib_alias / fib6_info) */
    struct list node;
    ip_addr_t destination; uint8_t prefix_bits, version;
    uint32_t table, metric; uint8_t kind, scope, protocol; /* RTN_, RT_SCOPE_, RTPROT_ */
    struct net_device *device; ip_addr_t gateway; bool has_gateway; ip_addr_t preferred_source;
    uint32_t mtu_bytes, advmss_bytes, hop_limit, window, initcwnd, initrwnd, rto_min_ms, features, quick_ack, fastopen_no_cookie;
    bool is_mtu_locked;
    uint8_t tos; uint64_t expires_ns;
    uint32_t references; uint64_t use_count;
};
/* What becomes of a row that is there already: it stays (-EEXIST), it goes, or there must be one (-ENOENT): `ip route add`,
 * replace, change. */
enum route_existing { ROUTE_ADD, ROUTE_REPLACE, ROUTE_CHANGE };
/* Copies the row. 0, -EEXIST, -ENOENT, -ENETUNREACH, -EINVAL, -ENODEV. */
int ip_route_add(struct net *net, const struct ip_route_row *row, enum route_existing existing);
int ip_route_remove(struct net *net, const struct ip_route_row *row);   /* -ESRCH */
/* Rows in the order `ip route` and /proc/net/route show them; stops when visit returns non-zero. */
void ip_route_each(
    struct net *net, uint8_t version, int (*visit)(void *ctx, const struct ip_route_row *row), void *ctx);

struct ip_group {                    /* of ip_device.groups4 and groups6 */
    struct list node;
    struct net_device *device;
    ip_addr_t address;
    uint32_t users;                  /* 0: left, and still being told to the routers: not a member any more */
    struct timer timer;              /* the next report */
    bool is_answering;               /* the timer waits to answer a query */
    uint8_t reports_left;            /* unsolicited ones still to send */
    bool is_last_reporter;           /* we told the routers: a leave must be told too */
};
/* Multicast membership of an interface, counted by users; IGMP and MLD reports follow. include/exclude source filters
 * per sock are kept by inet. */
int ip_group_join(struct net_device *d, const ip_addr_t *group);         /* 0 or -ENOBUFS */
int ip_group_leave(struct net_device *d, const ip_addr_t *group);
bool ip_group_has(struct net_device *d, const ip_addr_t *group);

#endif
