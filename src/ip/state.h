/* What the ip room keeps for a namespace, and the functions its files share. Not for other rooms. */
#ifndef WEIR_IP_STATE_H
#define WEIR_IP_STATE_H

#include "base/siphash.h"
#include "ip/table.h"
#include "machine/composition.h"
#include "wire/checksum.h"
#include "wire/headers.h"

#define ROUTE_CACHE_SLOTS 1024
#define PMTU_SLOTS 256
#define PMTU_DEPTH 8
#define IP_ID_SLOTS 2048
#define ICMP_LIMIT_SLOTS 256
#define INPUT_PAIRS 256

#define IPV6_MIN_MTU 1280u        /* RFC 8200 §5 */
enum {
    IPOPT_END = 0,
    IPOPT_NOOP = 1,
    IPOPT_RR = 7,
    IPOPT_TIMESTAMP = 68,
    IPOPT_LSRR = 131,
    IPOPT_SSRR = 137,
    IPOPT_RA = 148
}; /* IPv4 options */
enum { IPOPT_TS_TSONLY = 0, IPOPT_TS_TSANDADDR = 1, IPOPT_TS_PRESPEC = 3 };
#define IPOPT_COPIED(o) ((o) & 0x80)

struct route_entry {             /* what route.c hands out; r first */
    struct route r;
    ip_addr_t destination;       /* key of the cache */
    int32_t out_ifindex;
    bool dont_route;
    uint32_t input_ifindex;      /* local ones: the interface that has the address (IPv6 names it to the receiver) */
};
struct pmtu_exception {
    ip_addr_t destination;
    uint32_t mtu_bytes;
    bool is_locked;
    uint64_t expires_ns;
    ip_addr_t gateway;
    bool has_gateway;
};
struct input_pair { uint32_t source, destination, generation, ifindex; }; /* IPv4: input4.c */
struct kind_slot { ip_addr_t address; uint32_t generation; uint8_t kind; };
struct redirect_limit { ip_addr_t peer; uint64_t last_ns; uint32_t sent; };
struct icmp_limit { ip_addr_t peer; uint64_t tokens_ns, updated_ns; };

struct ip_net {
    struct net *net;
    struct ip4_config all4, default4;
    struct ip6_config all6, default6;
    struct ip_table table;
    uint32_t generation;         /* of routes; moves with every change that may alter an answer */
    struct kind_slot kinds[256]; /* address.c */
    struct input_pair pairs[INPUT_PAIRS];
    struct route *cache[ROUTE_CACHE_SLOTS];
    struct route **last_answer;  /* in cache, or NULL */
    struct pmtu_exception *pmtu; /* PMTU_SLOTS * PMTU_DEPTH, made with the first exception */
    struct siphash_key id_key;
    uint32_t ids[IP_ID_SLOTS];
    struct siphash_key pmtu_key;
    struct icmp_limit icmp_limits[ICMP_LIMIT_SLOTS];
    struct redirect_limit redirects[64];
    uint64_t icmp_credit, icmp_credit_ns; /* net.ipv4.icmp_msgs_per_sec */
    struct packet_queue loop;    /* copies of our own multicasts and broadcasts on their way in */
    struct softirq loop_work;
    struct fragments *fragments;
    struct router *routers;
};

static inline struct ip_device *ip_device_of(const struct net_device *d) { return d->ip; }
static inline uint64_t ip_now(const struct net *net) { return net->machine->now_ns; }

static inline void ip_tell_address(const struct ip_address *a, enum change change)
{
    const struct composition *c = a->device->net->machine->composition;
    if (c && c->address_changed) c->address_changed(a, change);
}
static inline void ip_tell_route(struct net *net, const struct ip_route_row *row, enum change change)
{
    const struct composition *c = net->machine->composition;
    if (c && c->route_changed) c->route_changed(net, row, change);
}

/* config.c */
void ip_config_defaults(struct ip_net *in);

/* address.c */
struct ip_address_entry { struct ip_address a; struct timer timer; uint8_t probes_left; }; /* a first */
void ip_addresses_device_up(struct net_device *d);
void ip_addresses_device_down(struct net_device *d);
void ip_addresses_flush(struct net_device *d);
/* New lifetimes, told to who listens. */
void ip_address_lifetimes(struct ip_address *a, uint64_t valid_until_ns, uint64_t preferred_until_ns);
/* An IPv6 address that the machine gives itself. */
int ip_address_configure(struct net_device *d, const ip_addr_t *local, unsigned prefix_bits, uint32_t flags,
    uint64_t valid_until_ns, uint64_t preferred_until_ns);
uint8_t ip_local_row_kind(struct net *net, const ip_addr_t *a);
/* Exact local address on the device, or NULL. */
struct ip_address *ip_address_find(struct net_device *d, const ip_addr_t *a);
struct ip_address *ip_address_find_anywhere(struct net *net, const ip_addr_t *a);
/* Puts an address that was tentative into use: its local route. */
void ip_address_activate(struct ip_address *a);
void ip_address_failed(struct ip_address *a);          /* DAD found another owner */
ip_addr_t ip_interface_identifier(const struct net_device *d, const ip_addr_t *prefix); /* EUI-64 behind a /64 */

/* dad.c */
void ip_dad_start(struct ip_address *a);
void ip_dad_stop(struct ip_address *a);
void ip_dad_fire(struct timer *t, uint64_t now_ns);
ip_addr_t ip_solicited_node(const ip_addr_t *a);

/* source.c */
bool ip4_select_source(
    struct net *net, const struct net_device *d, const ip_addr_t *toward, uint8_t scope, ip_addr_t *out);
bool ip6_select_source(struct net *net, const struct net_device *d, const ip_addr_t *destination, ip_addr_t *out);

/* route.c */
void route_cache_flush(struct net *net);
static inline struct route_entry *route_entry_of(struct route *r) { return container_of(r, struct route_entry, r); }
/* As route_output, but a failure counts nowhere. */
struct route *route_find(struct net *net, struct ip_flow *flow, int *error);
uint32_t route_device_mtu(const struct route *r);

/* pmtu.c */
const struct pmtu_exception *pmtu_find(struct net *net, const ip_addr_t *destination);
void pmtu_learn_redirect(struct net *net, const ip_addr_t *destination, const ip_addr_t *gateway);
void pmtu_stop(struct net *net);

/* output.c */
int ip_send_down(struct packet *p, struct route *r);   /* begins at its IP header; neighbour, device. Takes p */
void ip_finish_partial(struct packet *p, uint8_t protocol); /* completes the transport checksum at transport_offset */
int ip4_build(struct net *net, struct packet *p, struct route *r, const struct ip_send *send);
int ip4_finish(
    struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes, bool may_fragment, struct sock *sock);
int ip6_finish(
    struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes, bool may_fragment, struct sock *sock);
/* split.c: cut at mtu_bytes, each piece to ip_send_down. Takes p. */
int ip4_split(struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes);
int ip6_split(struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes);

/* deliver.c */
/* At the transport, p->ip filled; named_at: of the byte that names the protocol (IPv6). Takes p. */
void ip_deliver(struct net *net, struct packet *p, uint32_t named_at);
bool ip_offer_raw(struct net *net, struct packet *p);
bool ip_has_handler(const struct net *net, uint8_t number);
struct net_device *ip_input_device(struct net *net, const struct packet *p); /* by in_ifindex; borrowed or NULL */
/* input4.c: at the IP header, addressed to us; reassembly, INPUT, transport. Takes p. */
void ip4_deliver_local(struct net *net, struct packet *p);

/* forward.c: take p, which begins at its IP header. */
void ip4_forward(struct net *net, struct packet *p, struct route *r);
void ip6_forward(struct net *net, struct packet *p, struct route *r);
/* Route of a received packet that is not for us; one reference or NULL and *error. */
struct route *route_forward(struct net *net, const ip_addr_t *destination, int *error);

/* fragment.c */
int ip_fragments_start(struct net *net);
void ip_fragments_stop(struct net *net);
/* Takes a fragment that begins at its IP header; the whole packet, at its IP header, when it is complete, else NULL. */
struct packet *ip4_reassemble(struct net *net, struct packet *p);
/* header_offset: of the fragment header; previous_offset: of the byte that names it. */
struct packet *ip6_reassemble(struct net *net, struct packet *p, uint32_t header_offset, uint32_t previous_offset);

/* options4.c */
struct ip4_options {
    uint8_t bytes;
    bool is_source_routed, is_strict, is_source_route_end, router_alert, needs_address, needs_time;
    uint8_t source_route, record_route, timestamp;
};
/* Checks and, for a received packet, fills in record route and timestamp. 0, or the offset of the fault + 1 (parameter
 * problem). */
unsigned ip4_options_parse(struct net *net, uint8_t *header, unsigned header_bytes, bool is_input,
    const ip_addr_t *stamp, struct ip4_options *out);

/* A router records the address that the packet leaves by, in the slot filled on the way in. */
void ip4_options_forward(struct net *net, uint8_t *header, unsigned header_bytes, const ip_addr_t *out_source);
/* What of a received header's options an answer carries on. Bytes written. */
unsigned ip4_options_echo(const uint8_t *options, unsigned bytes, uint8_t out[40]);
be32_t ip4_time_of_day(const struct net *net); /* milliseconds since midnight UT, for options and ICMP timestamps */

/* icmp.c */
/* May this message go to the peer now? Counts what it refuses. */
bool icmp_allowed(
    struct net *net, uint8_t version, uint8_t type, uint8_t code, const ip_addr_t *peer, bool is_loopback);
/* Our ICMP message: p begins at its header, checksum zero. send->source any: the route's. Takes p. 0 or -errno */
int icmp_send(struct net *net, struct packet *p, struct ip_send *send, int32_t out_ifindex);
/* A packet with room for `bytes` written, which are cleared; *at: where. NULL: no memory. */
struct packet *icmp_make(struct net *net, uint32_t bytes, uint8_t **at);
struct packet *icmp_quoted(const struct packet *p);       /* a clone that begins at its network header, or NULL */
void icmp_count_out(struct net *net, uint8_t version, uint8_t type);
void icmp4_count_in(struct net *net, uint8_t type);
void icmp6_count_in(struct net *net, uint8_t type);
void icmp4_error(const struct packet *quoted, uint8_t type, uint8_t code, uint32_t info);
void icmp6_error(const struct packet *quoted, uint8_t type, uint8_t code, uint32_t info);
/* icmp_quote.c: an error about a packet of ours: p begins at the quoted IP header. Finds its transport and tells it.
 * Takes p. */
void icmp4_tell(struct net *net, struct packet *p, struct icmp_error *e);
void icmp6_tell(struct net *net, struct packet *p, struct icmp_error *e);

/* group.c, igmp.c, mld.c */
void ip_groups_device_up(struct net_device *d);
void ip_groups_device_down(struct net_device *d);
void ip_groups_flush(struct net_device *d);
void mld_receive(struct net *net, struct packet *p, uint8_t type);

/* router.c: what router advertisements and redirects told */
void ip_router_device_up(struct net_device *d);
void ip_router_device_down(struct net_device *d);
void ip_router_stop(struct net *net);
void ip_router_advertised(struct net_device *d, struct packet *p);
void ip_redirected6(struct net_device *d, struct packet *p);

#endif
