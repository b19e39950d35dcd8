/* The five netfilter hook points, and the security hook points of the call side. Empty by default; rules come by rows. */
#ifndef WEIR_NETFILTER_HOOK_H
#define WEIR_NETFILTER_HOOK_H

#include "machine/net.h"
#include "packet/packet.h"

enum netfilter_point { NETFILTER_PREROUTING, NETFILTER_INPUT, NETFILTER_FORWARD, NETFILTER_OUTPUT, NETFILTER_POSTROUTING, NETFILTER_POINTS };
enum netfilter_verdict { NETFILTER_DROP, NETFILTER_ACCEPT, NETFILTER_STOLEN };

struct netfilter_state { struct net *net; enum netfilter_point point; uint8_t version; struct net_device *in, *out; struct sock *sock; };

struct netfilter_hook {
    struct list node;
    int priority; /* lower first, as Linux's NF_IP_PRI_* */
    /* ACCEPT: p goes on (and may have been changed). DROP: the caller drops it. STOLEN: the hook took it. */
    enum netfilter_verdict (*run)(struct netfilter_hook *h, struct packet *p, const struct netfilter_state *state);
    void *ctx;
};
struct netfilter_net { struct list hooks[NETFILTER_POINTS][2]; }; /* IPv4, IPv6; by priority */
int netfilter_net_start(struct net *net);
void netfilter_net_stop(struct net *net);
void netfilter_add(struct net *net, enum netfilter_point point, uint8_t version, struct netfilter_hook *h);
void netfilter_remove(struct netfilter_hook *h);
/* True: go on. False: p is gone (dropped with NETFILTER_DROP or stolen). Packet begins at its network header. */
bool netfilter_run(struct packet *p, const struct netfilter_state *state);
static inline bool netfilter_has(const struct net *net, enum netfilter_point point, uint8_t version)
{
    return net->netfilter && !list_is_empty(&net->netfilter->hooks[point][version == 6]);
}
static inline bool netfilter_pass(struct packet *p, const struct netfilter_state *state)
{
    return !netfilter_has(state->net, state->point, state->version) || netfilter_run(p, state);
}
/* The same of the fields of a state, which is made only where somebody will look at it. */
#define NETFILTER_PASS(p, net_, point_, version_, ...) \
    (!netfilter_has(net_, point_, version_) || \
     netfilter_run(p, &(struct netfilter_state){ .net = (net_), .point = (point_), .version = (version_), __VA_ARGS__ }))

#endif
