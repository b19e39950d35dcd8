/* The neighbour state machine (NUD; RFC 4861 §7.3), fed by ARP and neighbour discovery. */
#ifndef WEIR_NEIGHBOUR_NEIGHBOUR_H
#define WEIR_NEIGHBOUR_NEIGHBOUR_H

#include "device/net_device.h"

struct neighbour_parameters { /* net.ipv{4,6}.neigh.<if> */
    int64_t base_reachable_time_ms, retrans_time_ms, delay_first_probe_time_s, gc_stale_time_s, locktime_ms,
        unres_qlen_bytes, ucast_solicit, mcast_solicit, mcast_resolicit, app_solicit;
};
struct neighbour {                 /* counted: the table holds one reference */
    struct chain_node table_node;
    struct list all_node;
    uint32_t references;
    struct net_device *device;
    ip_addr_t address;
    struct mac_addr mac;
    uint16_t state;                /* NUD_* of linux/neighbour.h */
    uint8_t flags, kind;
    bool is_router;
    uint32_t probes;
    uint64_t updated_ns, confirmed_ns, used_ns;
    struct timer timer;
    struct packet_queue pending;   /* packets that wait for the address */
    const struct neighbour_parameters *parameters;
};
int neighbour_net_start(struct net *net);
void neighbour_net_stop(struct net *net);
struct neighbour *neighbour_lookup(
    struct net_device *d, const ip_addr_t *address, bool create); /* one reference or NULL */
static inline struct neighbour *neighbour_get(struct neighbour *n) { n->references++; return n; }
void neighbour_put(struct neighbour *n);
/* p begins at its network header with p->protocol set. Sends or queues until resolved. Takes p. 0 or -EHOSTUNREACH. */
int neighbour_output(struct neighbour *n, struct packet *p);
void neighbour_confirm(struct neighbour *n);  /* upper layers saw progress (TCP ACK of new data) */
/* What an ARP or ND message told; NULL mac: none. override/router as in RFC 4861. */
enum {
    NEIGHBOUR_OVERRIDE = 1,
    NEIGHBOUR_WEAK_OVERRIDE = 2,
    NEIGHBOUR_IS_ROUTER = 4,
    NEIGHBOUR_SET_ROUTER = 8,
    NEIGHBOUR_ADMIN = 16
};
int neighbour_update(struct neighbour *n, const struct mac_addr *mac, uint16_t new_state, uint32_t flags);
void neighbour_remove(struct neighbour *n); /* out of the table, as `ip neigh del`; the caller keeps its reference */
void neighbour_device_created(struct net_device *d);
void neighbour_device_gone(struct net_device *d);
void neighbour_device_down(struct net_device *d);   /* forgets what is not permanent */
void neighbour_each(struct net *net, int family, int (*visit)(void *ctx, const struct neighbour *n), void *ctx);
/* Of an interface, family AF_INET or AF_INET6; d NULL: "default" of the namespace. Borrowed; NULL: no such one. */
struct neighbour_parameters *neighbour_parameters(struct net *net, struct net_device *d, int family);
void arp_receive(struct net_device *d, struct packet *p);    /* EtherType handler */
/* Asked by the ip room when it sees an ND message; p begins at the ICMPv6 header, checksum and hop limit 255 verified.
 * Takes p. */
void ndp_receive(struct net_device *d, struct packet *p);
/* Solicits a target: source any is duplicate address detection (RFC 4862 §5.4.2). */
void ndp_solicit(struct net_device *d, const ip_addr_t *source, const ip_addr_t *destination, const ip_addr_t *target);
void ndp_advertise(struct net_device *d, const ip_addr_t *source, const ip_addr_t *destination, const ip_addr_t *target,
    bool is_solicited, bool override);
void arp_announce(struct net_device *d, const ip_addr_t *address); /* gratuitous, arp_notify */
/* What the interface's settings (net.ipv{4,6}.conf) say of messages that nobody asked for. */
enum {
    NEIGHBOUR_DROP_GRATUITOUS_ARP = 1,
    NEIGHBOUR_DROP_UNSOLICITED_ADVERT = 2,
    NEIGHBOUR_LEARN_FROM_ADVERT = 4,
    NEIGHBOUR_ALWAYS_TELL_MAC = 8
};
/* What the room above answers (is this address ours on this device? may the sender be answered?). A row of
 * machine/protocols.c. */
struct neighbour_host {
    bool (*is_ours)(struct net_device *d, const ip_addr_t *target);      /* in use: may be answered for */
    bool (*is_tentative)(struct net_device *d, const ip_addr_t *target); /* being checked for a duplicate */
    /* May an ARP request be answered? By arp_ignore, arp_filter, proxy_arp. */
    bool (*answers_arp)(struct net_device *d, const ip_addr_t *sender, const ip_addr_t *target);
    uint32_t (*policy)(struct net_device *d);                                               /* NEIGHBOUR_DROP_... */
    bool (*accepts_arp)(
        struct net_device *d, const ip_addr_t *sender); /* arp_accept: an unknown sender may be remembered */
    bool (*is_router)(struct net_device *d);                                                /* IPv6 forwarding */
    /* Source of a solicitation: that of the packet that waits (may be NULL), if it is ours. */
    bool (*source_for)(struct net_device *d, const struct packet *waiting, const ip_addr_t *target, ip_addr_t *source);
    void (*duplicate)(struct net_device *d, const ip_addr_t *target);                       /* DAD failed */
    void (*unreachable)(struct net_device *d, struct packet *p); /* resolution failed: takes p */
    /* Sends an ICMPv6 message (p begins at it, checksum zero) with hop limit 255. Takes p. */
    void (*send)(struct net_device *d, struct packet *p, const ip_addr_t *source, const ip_addr_t *destination);
    void (*router_advertisement)(struct net_device *d, struct packet *p);
    void (*redirect)(struct net_device *d, struct packet *p);
};

#endif
