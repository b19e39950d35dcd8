/* The IP layer as transports see it, v4 and v6 side by side: routes and source selection, output, input demultiplexing,
 * ICMP errors. Addresses are ip_addr_t; the version of a flow is that of its destination. */
#ifndef WEIR_IP_IP_H
#define WEIR_IP_IP_H

#include "device/net_device.h"
#include "machine/net.h"
#include "packet/packet.h"

int ip_net_start(struct net *net);
void ip_net_stop(struct net *net);

enum route_kind {
    ROUTE_UNICAST = 1,
    ROUTE_LOCAL,
    ROUTE_BROADCAST,
    ROUTE_ANYCAST,
    ROUTE_MULTICAST,
    ROUTE_BLACKHOLE,
    ROUTE_UNREACHABLE,
    ROUTE_PROHIBIT
}; /* as RTN_* */

/* A resolved destination (Linux: dst_entry). Counted. Stale when its generation is behind: route_check(). */
struct route {
    uint32_t references;
    uint32_t generation;
    struct net *net;
    struct net_device *device;       /* out; the loopback for local ones. A reference */
    struct neighbour *neighbour;     /* looked up at first output; a reference, or NULL */
    ip_addr_t gateway;               /* next hop; the destination itself when on link */
    bool has_gateway;
    uint8_t kind;                    /* enum route_kind */
    uint8_t version;
    uint32_t mtu_bytes;              /* path MTU now: route_mtu() */
    uint64_t mtu_expires_ns;         /* NS_NEVER: no exception learned */
    uint32_t advmss_bytes, hop_limit, window, initcwnd, initrwnd, rto_min_ms;
    bool is_mtu_locked, features_ecn, quick_ack, needs_no_cookie; /* the last: of TCP Fast Open */
    ip_addr_t preferred_source;
};

struct ip_flow {                     /* what is asked, and what the answer fills in */
    ip_addr_t source, destination;   /* source: any = choose; filled in */
    int32_t out_ifindex;             /* 0: any */
    uint32_t mark, uid, flow_label;
    uint8_t protocol, tos;
    be16_t source_port, destination_port;
    bool any_source_allowed;         /* IP_TRANSPARENT, IP_FREEBIND, IP_HDRINCL: source need not be ours */
    bool dont_route;                 /* SO_DONTROUTE, MSG_DONTROUTE */
};
/* One reference, or NULL and *error: -ENETUNREACH, -EHOSTUNREACH, -EACCES (prohibit), -EINVAL, -ENODEV, -ENOBUFS. */
struct route *route_output(struct net *net, struct ip_flow *flow, int *error);
void route_put(struct route *r);
static inline struct route *route_get(struct route *r) { r->references++; return r; }
bool route_is_current(const struct route *r);
uint32_t route_learned_mtu(struct route *r);
static inline uint32_t route_mtu(struct route *r)            /* bytes of the IP packet */
{
    bool is_plain = r->version == 4 && !r->mtu_bytes && r->mtu_expires_ns == NS_NEVER;
    return is_plain ? min_of(r->device->mtu_bytes, 65535u) : route_learned_mtu(r);
}
uint32_t route_advmss(struct route *r);                      /* MSS to announce: MTU - headers */
/* A lower path MTU was learned (ICMP): kept for route.mtu_expires by destination. */
void route_update_pmtu(struct net *net, const ip_addr_t *destination, uint32_t mtu_bytes);

/* Options of one transmission; zeros are defaults. */
struct ip_send {
    ip_addr_t source, destination;   /* both set; same version */
    uint8_t protocol, tos, ttl;      /* ttl 0: the route's or the namespace's default (multicast: 1) */
    uint8_t fragment_policy;         /* IP_PMTUDISC_* (0 DONT .. 5 OMIT): DF and local fragmentation */
    uint32_t flow_label, mark, priority;
    uint32_t mtu_bytes;              /* IPV6_MTU: at most so many in a fragment; 0: no such wish */
    const uint8_t *options;
    uint8_t options_bytes;           /* IPv4 options, already compiled */
    ip_addr_t first_hop;             /* source routing: goes into the header, and destination into the option; all zero: none */
    const uint8_t *extension;
    uint16_t extension_bytes;
    uint8_t extension_first;         /* IPv6 extension headers before the transport, first's number */
    bool is_header_included;         /* raw IP_HDRINCL */
    bool multicast_loop;
    bool no_auto_flow_label;         /* IPV6_AUTOFLOWLABEL off */
    struct sock *sock;               /* for accounting and hooks; may be NULL */
    uint16_t *connection_id;         /* IPv4 identification counter of a connected sock, or NULL */
};
/* The packet begins at its transport header. Adds the IP header, passes OUTPUT and POSTROUTING, fragments when allowed,
 * resolves the neighbour, transmits. Takes p; the route is borrowed. 0, or -EMSGSIZE, -ENETUNREACH, -EPERM (hook),
 * -ENOBUFS. */
int ip_output(struct net *net, struct packet *p, struct route *r, const struct ip_send *send);

/* Who gets packets for this machine, by transport number; a row of machine/protocols.c, for both IP versions. */
struct icmp_error {
    uint8_t version, type, code;     /* as received */
    uint32_t info;                   /* next-hop MTU, parameter pointer */
    int error;                       /* positive errno; 0: none (redirect) */
    bool is_fatal;                   /* hard error by Linux's table */
    ip_addr_t offender;              /* who sent the ICMP message */
    struct packet_ip heard;          /* its IP header, and where it came in */
    int32_t in_ifindex;
    uint8_t datagram_words;          /* RFC 4884: length of the quoted datagram, in 4 bytes (IPv6: 8); 0: not told */
};
struct ip_protocol {
    uint8_t number;
    /* p begins at the transport header, p->ip is filled; the IP header lies before it (network_offset < 0). Takes p. */
    void (*receive)(struct net *net, struct packet *p);
    /* An ICMP error about a packet we sent: p begins at the transport header of the quoted packet (at least 8 bytes),
     * p->ip holds its addresses (source is ours). Borrowed. */
    void (*error)(struct net *net, struct packet *p, const struct icmp_error *e);
    bool takes_any_policy;
};

/* The room's own protocols and its part in tables of machine/protocols.c. */
extern const struct ip_protocol icmp4_protocol, icmp6_protocol, igmp_protocol;
struct neighbour_host;
extern const struct neighbour_host ip_neighbour_host;
/* A device_listener; tells the neighbour room too. */
void ip_device_event(struct net_device *d, enum device_event event);

/* Every EtherType handler of the room. */
void ip4_receive(struct net_device *d, struct packet *p);
void ip6_receive(struct net_device *d, struct packet *p);

/* Sends an ICMP/ICMPv6 error about a received packet, rate-limited, never about an error or a multicast. p is borrowed
 * and begins anywhere at or after its network header. type and code are of the packet's own version. */
void icmp_send_error(struct packet *p, uint8_t type, uint8_t code, uint32_t info);

/* What kind of address it is for this namespace. */
enum ip_scope_kind { IP_KIND_UNICAST, IP_KIND_LOCAL, IP_KIND_BROADCAST, IP_KIND_MULTICAST, IP_KIND_ANY };
enum ip_scope_kind ip_address_kind(struct net *net, const ip_addr_t *a, int32_t ifindex);
bool ip_is_local(struct net *net, const ip_addr_t *a);        /* ours, on any interface */

/* Pseudo-header sum for transports (RFC 9293 §3.1, RFC 8200 §8.1). Partial, not complemented. */
uint32_t ip_pseudo_sum(const ip_addr_t *source, const ip_addr_t *destination, uint8_t protocol, uint32_t bytes);
/* Finishes, or leaves PARTIAL, the transport checksum at offset `field` of a packet at its transport header. */
void ip_transport_checksum(struct packet *p, const ip_addr_t *source, const ip_addr_t *destination, uint8_t protocol,
    uint32_t field_offset, bool partial_allowed);
/* True: good or known good. */
bool ip_transport_verify(struct packet *p, uint8_t protocol);

/* Next IP id for a destination (RFC 6864; Linux: keyed per-destination counters); fragment id for IPv6 likewise. */
uint16_t ip_next_id(struct net *net, const struct ip_send *send, uint32_t segments);
uint32_t ip6_fragment_id(struct net *net, const ip_addr_t *source, const ip_addr_t *destination);

#endif
