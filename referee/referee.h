/* The referee: watches what hosts send and receive and what their programs call, and says where TCP/IP as Linux does it was
 * broken. It shares no code with the stack that it judges: its own parser, its own idea of each connection. It sees a host
 * from outside: what was received may still have been dropped inside, so a rule asks for no more than what was received
 * allows. Rules: rules.def. Deterministic; one thread at a time. */
#ifndef WEIR_REFEREE_REFEREE_H
#define WEIR_REFEREE_REFEREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct referee;

enum referee_rule {
#define RULE(id, label, text) RULE_##id,
#include "referee/rules.def"
#undef RULE
    RULE_COUNT
};

/* What went wrong. Valid during the call only. */
struct referee_violation {
    enum referee_rule rule;
    unsigned host;
    uint64_t now_ns, frame;          /* frame: its number, from 1; 0: a call */
    const char *text;                /* what was seen, for people */
};

struct referee_config {
    bool has_offloads;               /* captured before segmentation: large frames and unfinished checksums are right */
    bool sees_all;                   /* every frame that a host sent or received is shown (no capture drops) */
    bool is_far;                     /* frames are seen elsewhere than at the host: they may be lost or change order between */
    bool has_queues;                 /* frames may lie in a device's queue for long before they are seen to be sent, or be lost in it unseen */
    bool has_calls;                  /* each call on a TCP socket that ends in a count, 0 or an error is told */
    void (*on_violation)(void *ctx, const struct referee_violation *v); /* may be NULL: only counted */
    void *ctx;
};

/* NULL: no memory. */
struct referee *referee_create(const struct referee_config *config);
void referee_destroy(struct referee *r);

enum referee_link { REFEREE_ETHERNET, REFEREE_IP }; /* what a frame begins with */
/* One frame as host sent or received it, in order of time. mtu_bytes: of the device, 0: not known. */
void referee_frame(struct referee *r, unsigned host, bool is_sent, enum referee_link link, unsigned mtu_bytes,
                   uint64_t now_ns, const void *frame, size_t bytes);

enum referee_call_kind { REFEREE_CONNECT, REFEREE_ACCEPT, REFEREE_SEND, REFEREE_RECV, REFEREE_SHUTDOWN, REFEREE_CLOSE,
                         REFEREE_SOCKOPT };
/* A call of a program of host on a TCP socket, when it has ended; CLOSE before it begins. Addresses are IPv6 or IPv4-mapped, network order. */
struct referee_call {
    enum referee_call_kind kind;
    uint8_t local[16], remote[16];
    uint16_t local_port, remote_port; /* host order */
    int64_t result;                   /* a count, 0, or -errno */
    const void *data;                 /* of SEND and RECV: what was taken or given; may be NULL */
    int argument, option_value;       /* SEND, RECV: flags; SHUTDOWN: how; SOCKOPT: level << 16 | name, and its value */
};
void referee_call(struct referee *r, unsigned host, uint64_t now_ns, const struct referee_call *call);
/* The host forgot everything (restart), or its memory failed: leniency where a rule needs memory, from now on. */
void referee_host_faulted(struct referee *r, unsigned host);
/* The host has this address. When some are told, no others are its own. IPv6, or IPv4-mapped; at most 64, including link-local. */
void referee_host_address(struct referee *r, unsigned host, const uint8_t address[16]);
/* The host forwards: frames from and for others than its told addresses are not judged as its own. */
void referee_host_routes(struct referee *r, unsigned host);
/* No more frames: what only time can show is judged. */
void referee_end(struct referee *r, uint64_t now_ns);

const char *referee_rule_name(enum referee_rule rule);  /* "TCP_ACK_NEVER_BACK" */
const char *referee_rule_label(enum referee_rule rule); /* "RFC 9293 §3.10.7.4" */
const char *referee_rule_text(enum referee_rule rule);
/* How often the rule was put to the question, and how often it was broken. */
uint64_t referee_judged(const struct referee *r, enum referee_rule rule);
uint64_t referee_broken(const struct referee *r, enum referee_rule rule);
uint64_t referee_violations(const struct referee *r);
uint64_t referee_frames(const struct referee *r);
uint64_t referee_flows(const struct referee *r); /* pairs of TCP addresses and ports; two where both ends are hosts */

#endif
