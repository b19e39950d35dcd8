/* One event before the judges, and the table of them. A part is one idea of what must hold; its file holds its checks. */
#ifndef WEIR_REFEREE_JUDGE_H
#define WEIR_REFEREE_JUDGE_H

#include "referee/flow.h"
#include "referee/host.h"

struct judge {
    struct referee *referee;
    const struct referee_config *config;
    uint64_t *judged;                  /* how often each rule was put to the question */
    unsigned host, mtu_bytes;
    uint64_t now_ns, begin_ns;         /* begin_ns: of the first event */
    const struct view *view;           /* NULL: a call */
    struct flow *flow;                 /* of a whole TCP segment with a right checksum, as it was before the event; or NULL */
    struct host *memory;               /* of the host; never NULL */
    bool is_host_faulted;
    bool is_steady;                    /* flow is, and the order of its segments can be trusted */
    enum flow_weight weight;           /* of what was received */
    bool is_late;                      /* what is sent may have lain in a queue for longer than it takes the host to hear news */
    bool is_transit;                   /* a router's frame that is from or for someone else */
};

/* Whatever happened to the host in the last span_ns was shown. */
static inline bool judge_saw(const struct judge *j, uint64_t span_ns)
{
    return j->config->sees_all || j->now_ns - j->begin_ns >= span_ns;
}

/* What comes right after a neighbour was found had waited for it: its time and size are not those of now. */
static inline bool judge_is_late(const struct judge *j)
{
    return j->memory->resolved_ns && j->now_ns - j->memory->resolved_ns < 20000000;
}

/* Called before the flow takes note of the segment. Any may be NULL. */
struct rule_set {
    void (*sent)(struct judge *j);
    void (*sent_after)(struct judge *j); /* after the flow took note: it may have begun anew */
    void (*received)(struct judge *j); /* only with a right checksum; judges nothing, takes note */
    void (*call)(struct judge *j, const struct referee_call *call);
    void (*end)(struct judge *j);      /* for each flow */
    void (*host_end)(struct judge *j); /* for each host */
    bool needs_order;                  /* is asked nothing where frames may have changed order on their way here */
    bool sees_transit;                 /* is asked about a router's transit too */
    bool sees_spoilt;                  /* is told of segments with a wrong checksum too */
};

extern const struct rule_set packet_rules, udp_rules, fragment_rules, icmp_rules, neighbour_rules, handshake_rules, reset_rules,
    sequence_rules, acknowledge_rules, sack_rules, timing_rules, congestion_rules, probe_rules, ecn_rules, stream_rules;

void referee_violation(struct judge *j, enum referee_rule rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
struct flow *referee_flow(struct referee *r, const struct flow_key *key); /* NULL: none */

/* The rule is put to the question; what was seen is told when it does not hold. */
#define HOLD(j, rule, condition, ...)                                              \
    do {                                                                           \
        (j)->judged[rule]++;                                                       \
        if (__builtin_expect(!(condition), 0)) referee_violation((j), (rule), __VA_ARGS__); \
    } while (0)

#endif
