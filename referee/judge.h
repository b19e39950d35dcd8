/* One event before the judges, and the table of them. A part is one idea of what must hold; its file holds its checks. */
#ifndef WEIR_REFEREE_JUDGE_H
#define WEIR_REFEREE_JUDGE_H

#include "referee/flow.h"

struct judge {
    struct referee *referee;
    const struct referee_config *config;
    unsigned host, mtu_bytes;
    uint64_t now_ns;
    const struct view *view;           /* NULL: a call */
    struct flow *flow;                 /* of a whole TCP segment with a right checksum, as it was before the event; or NULL */
    bool is_host_faulted;
};

/* Called before the flow takes note of the segment. Any may be NULL. */
struct rule_set {
    void (*sent)(struct judge *j);
    void (*received)(struct judge *j); /* only what has a right checksum; judges nothing, takes note */
    void (*call)(struct judge *j, const struct referee_call *call);
    void (*end)(struct judge *j);      /* for each flow */
};

extern const struct rule_set packet_rules, handshake_rules, sequence_rules;

void referee_violation(struct judge *j, enum referee_rule rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
void referee_count(struct judge *j, enum referee_rule rule);

/* The rule is put to the question; what was seen is told when it does not hold. */
#define HOLD(j, rule, condition, ...)                                              \
    do {                                                                           \
        referee_count((j), (rule));                                                \
        if (__builtin_expect(!(condition), 0)) referee_violation((j), (rule), __VA_ARGS__); \
    } while (0)

#endif
