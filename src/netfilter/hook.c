#include "netfilter/hook.h"

int netfilter_net_start(struct net *net)
{
    struct netfilter_net *n = machine_alloc(net->machine, sizeof *n);
    if (!n) return -ENOMEM;
    for (int point = 0; point < NETFILTER_POINTS; point++)
        for (int version = 0; version < 2; version++) list_init(&n->hooks[point][version]);
    net->netfilter = n;
    return 0;
}

void netfilter_net_stop(struct net *net)
{
    struct netfilter_net *n = net->netfilter;
    for (int point = 0; n && point < NETFILTER_POINTS; point++)
        for (int version = 0; version < 2; version++)
            list_for_each_safe(it, tmp, &n->hooks[point][version]) list_remove(it);
    machine_free(net->machine, n, sizeof *n);
    net->netfilter = NULL;
}

static struct list *hooks_at(struct net *net, enum netfilter_point point, uint8_t version)
{
    return &net->netfilter->hooks[point][version == 6];
}

void netfilter_add(struct net *net, enum netfilter_point point, uint8_t version, struct netfilter_hook *h)
{
    struct list *hooks = hooks_at(net, point, version), *before = hooks;
    while (before->prev != hooks && list_entry(before->prev, struct netfilter_hook, node)->priority > h->priority)
        before = before->prev;
    list_add_before(before, &h->node);
}

void netfilter_remove(struct netfilter_hook *h)
{
    list_remove(&h->node);
}

bool netfilter_run(struct packet *p, const struct netfilter_state *state)
{
    list_for_each_safe(it, tmp, hooks_at(state->net, state->point, state->version)) {
        struct netfilter_hook *h = list_entry(it, struct netfilter_hook, node);
        enum netfilter_verdict verdict = h->run(h, p, state);
        if (verdict == NETFILTER_ACCEPT) continue;
        if (verdict == NETFILTER_DROP) packet_drop(p, DROP_NETFILTER_DROP);
        return false;
    }
    return true;
}
