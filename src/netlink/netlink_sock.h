/* struct netlink_sock, the writer of messages and the dumps: what the files of this room share.
 *
 * A request is answered into the receive queue of the sock that asked. A dump is a walk that stops when a packet is full and
 * goes on, when the program has read it, after as many entries as were given before (so do Linux's). */
#ifndef WEIR_NETLINK_NETLINK_SOCK_H
#define WEIR_NETLINK_NETLINK_SOCK_H

#include "netlink/netlink.h"

struct netlink_dump_run;
typedef int (*netlink_dump_fn)(struct netlink_dump_run *run);  /* 0, or -errno found in the request */

enum { NETLINK_REQUEST_MAX_BYTES = 512, NETLINK_GROUP_WORDS = 2, NETLINK_NOTICE_MAX_BYTES = 3776 };

struct netlink_dump {
    netlink_dump_fn walk;            /* NULL: none is going on */
    uint32_t given;                  /* entries so far */
    uint16_t flags;                  /* NLM_F_DUMP_FILTERED */
    union { struct nlmsghdr header; uint8_t bytes[NETLINK_REQUEST_MAX_BYTES]; } request;
};

struct netlink_sock {
    struct sock sk;                  /* first */
    struct list node;                /* netlink_net.socks */
    uint32_t port_id;                /* 0: not bound */
    uint32_t peer_port_id, peer_groups;
    uint32_t groups[NETLINK_GROUP_WORDS], group_count; /* group_count: 0 before the first join */
    bool is_bound, wants_pktinfo, wants_ext_ack, wants_cap_ack, wants_strict, broadcast_error, no_enobufs, listen_all;
    bool is_congested;               /* a message was lost: nothing more until the queue is empty */
    uint32_t longest_read_bytes;     /* how large a packet the program takes */
    struct netlink_dump dump;
};
static inline struct netlink_sock *netlink_of(const struct sock *sk) { return (struct netlink_sock *)(uintptr_t)sk; }

/* packet.scratch[] of a queued message, after sock's own */
enum { NETLINK_SCRATCH_PORT = 1, NETLINK_SCRATCH_GROUP };

struct netlink_asker { struct netlink_sock *ns; const struct nlmsghdr *request; };
struct netlink_net { struct list socks; uint32_t rover; struct netlink_asker asker; /* of the request being handled */ };

/* Writes messages one after the other into a packet. A message that does not fit is taken back: netlink_end says false. */
struct netlink_writer { struct packet *p; uint32_t message_at; bool is_full; };
bool netlink_writer_init(struct netlink_writer *w, struct machine *m, uint32_t bytes);
void netlink_begin(struct netlink_writer *w, const struct nlmsghdr *request, uint16_t type, uint16_t flags, uint32_t port_id, const void *header, uint32_t header_bytes);
void netlink_put(struct netlink_writer *w, uint16_t type, const void *data, uint32_t bytes);
static inline void netlink_put_u8(struct netlink_writer *w, uint16_t type, uint8_t v) { netlink_put(w, type, &v, sizeof(v)); }
static inline void netlink_put_u32(struct netlink_writer *w, uint16_t type, uint32_t v) { netlink_put(w, type, &v, sizeof(v)); }
void netlink_put_raw(struct netlink_writer *w, const void *data, uint32_t bytes);   /* no attribute around it */
void netlink_put_text(struct netlink_writer *w, uint16_t type, const char *text);
void netlink_put_address(struct netlink_writer *w, uint16_t type, const ip_addr_t *a); /* 4 or 16 bytes */
uint32_t netlink_nest(struct netlink_writer *w, uint16_t type);
void netlink_nest_end(struct netlink_writer *w, uint32_t at);
bool netlink_end(struct netlink_writer *w);

struct netlink_dump_run {
    struct netlink_sock *ns;
    struct net *net;
    const struct nlmsghdr *request;
    struct netlink_writer out;
    uint32_t seen;                   /* entries met in this walk */
    bool is_full;
    uint16_t flags;                  /* NLM_F_MULTI, NLM_F_DUMP_FILTERED */
};
/* One entry: true: write it, then netlink_dump_entry_end(), whose result the walk returns to its visitor (non-zero: stop). */
bool netlink_dump_entry(struct netlink_dump_run *run, uint16_t type, const void *header, uint32_t header_bytes);
int netlink_dump_entry_end(struct netlink_dump_run *run);
int netlink_dump_start(struct netlink_sock *ns, const struct nlmsghdr *request, netlink_dump_fn walk); /* 0 or -errno */
void netlink_dump_continue(struct netlink_sock *ns);

/* Attributes of a request. Missing: NULL. Payload length in *bytes. */
const void *netlink_attribute(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, uint32_t *bytes);
bool netlink_attribute_u32(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, uint32_t *out);
bool netlink_attribute_address(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, int family, ip_addr_t *out);
static inline uint32_t netlink_payload_bytes(const struct nlmsghdr *h) { return h->nlmsg_len - (uint32_t)NLMSG_HDRLEN; }

/* A request handler. 0: done (acknowledged when asked for), -errno; *text: why, for NETLINK_EXT_ACK. */
struct netlink_context { struct netlink_sock *ns; struct net *net; const struct credentials *credentials; const char *text; };
typedef int (*netlink_handler)(struct netlink_context *c, const struct nlmsghdr *request);
/* Sends the packet of a finished writer to the asker. */
void netlink_answer(struct netlink_sock *ns, struct netlink_writer *w);

/* Notifications of NETLINK_ROUTE: begin; true: write the attributes, then end. */
struct netlink_notice { struct net *net; struct netlink_writer out; uint32_t group; struct netlink_sock *echo_to; };
enum netlink_naming {                /* whose request made the change, as far as Linux tells it */
    NETLINK_NAMES_NOBODY,
    NETLINK_NAMES_PORT,              /* nlmsg_pid */
    NETLINK_NAMES_REQUEST,           /* nlmsg_pid and nlmsg_seq; NLM_F_ECHO works */
};
bool netlink_notice_begin(struct netlink_notice *n, struct net *net, uint32_t group, uint16_t type, uint16_t flags, enum netlink_naming naming, const void *header, uint32_t header_bytes);
void netlink_notice_end(struct netlink_notice *n);
uint32_t netlink_group_count(int protocol);
bool netlink_has_listeners(const struct net *net, int protocol, uint32_t group);
/* A copy of p for each member but the one of that port and the sender. */
void netlink_multicast(struct net *net, int protocol, const struct packet *p, uint32_t group, uint32_t excluded_port_id, const struct netlink_sock *from);
void netlink_overrun(struct netlink_sock *ns); /* a message was lost */

int rtnetlink_handle(struct netlink_context *c, const struct nlmsghdr *request);
int sock_diag_handle(struct netlink_context *c, const struct nlmsghdr *request);

/* link.c address.c routes.c neighbours.c */
int rtnetlink_get_link(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_dump_links(struct netlink_dump_run *run);
int rtnetlink_set_link(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_dump_addresses(struct netlink_dump_run *run);
int rtnetlink_new_address(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_delete_address(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_get_route(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_dump_routes(struct netlink_dump_run *run);
int rtnetlink_new_route(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_delete_route(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_dump_neighbours(struct netlink_dump_run *run);
int rtnetlink_new_neighbour(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_delete_neighbour(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_get_config(struct netlink_context *c, const struct nlmsghdr *request);
int rtnetlink_dump_configs(struct netlink_dump_run *run);
int rtnetlink_dump_rules(struct netlink_dump_run *run);

#endif
