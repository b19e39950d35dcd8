#include "socket/security.h"

int security_net_start(struct net *net)
{
    net->security = machine_alloc(net->machine, sizeof *net->security);
    if (!net->security) return -ENOMEM;
    for (int i = 0; i < SECURITY_POINTS; i++) list_init(&net->security->hooks[i]);
    return 0;
}

void security_net_stop(struct net *net)
{
    machine_free(net->machine, net->security, sizeof *net->security);
    net->security = NULL;
}

void security_add(struct net *net, enum security_point at, struct security_hook *h)
{
    list_add_tail(&net->security->hooks[at], &h->node);
}

void security_remove(struct security_hook *h)
{
    list_remove(&h->node);
}

int security_ask(struct net *net, enum security_point at, const struct security_request *r)
{
    list_for_each_safe(it, next, &net->security->hooks[at]) {
        struct security_hook *h = list_entry(it, struct security_hook, node);
        int error = h->check(h, at, r);
        if (error) return error;
    }
    return 0;
}
