/* The congestion control algorithms, and which a sock uses. */
#include "tcp/cc/cc.h"

const struct cc_ops *const cc_table[] = { &reno_cc, &bbr_cc, &cubic_cc, &dctcp_cc };
const size_t cc_table_count = array_count(cc_table);

const struct cc_ops *cc_find(const char *name)
{
    for (size_t i = 0; i < cc_table_count; i++)
        if (!strcmp(cc_table[i]->name, name)) return cc_table[i];
    return NULL;
}

/* Is the name in the space-separated list? */
static bool is_listed(const char *list, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *at = list; *at;) {
        size_t word = 0;
        while (at[word] && at[word] != ' ') word++;
        if (word == bytes && !memcmp(at, name, bytes)) return true;
        at += word;
        while (*at == ' ') at++;
    }
    return false;
}

int tcp_cc_select(struct tcp_sock *tp, const char *name, bool may_use_restricted)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    const struct cc_ops *ops;
    bool is_running = tcp_is_state(tp, ~(TCP_STATE_BIT(TCPS_CLOSE) | TCP_STATE_BIT(TCPS_LISTEN) | TCP_STATE_BIT(TCPS_SYN_SENT)));

    if (!name) name = c->tcp_congestion_control;
    ops = cc_find(*name ? name : "cubic");
    if (!ops) return -ENOENT;
    if (!may_use_restricted && !ops->non_restricted && !is_listed(c->tcp_allowed_congestion_control, name)) return -EPERM;
    if (ops == tp->cc.ops) return 0;
    if (is_running && !tcp_flight_begin(tp)) return -ENOMEM;
    if (tp->cc.ops && tp->cc.ops->release) tp->cc.ops->release(tp);
    if (tcp_has_flight(tp)) memset(tp->flight->past.cc_state, 0, sizeof(tp->flight->past.cc_state));
    tp->cc_rest = 0;
    tp->cc.ops = ops;
    if (is_running && ops->init) ops->init(tp);
    return 0;
}
