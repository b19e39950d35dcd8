/* Multicast groups of an interface, counted by users. When the routers are told is in group_report.c. */
#include "ip/group_report.h"
#include "ip/state.h"

static struct list *groups_of(struct ip_device *i, const ip_addr_t *a) { return ip_is4(a) ? &i->groups4 : &i->groups6; }

static struct ip_group *find(struct net_device *d, const ip_addr_t *group)
{
    if (!d->ip) return NULL;
    list_for_each(it, groups_of(d->ip, group)) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        if (ip_equal(&g->address, group)) return g;
    }
    return NULL;
}

static void destroy(struct ip_group *g)
{
    struct machine *m = g->device->net->machine;
    timer_cancel(&m->wheel, &g->timer);
    list_remove(&g->node);
    machine_free(m, g, sizeof(*g));
}

static void fire(struct timer *t, uint64_t now_ns)
{
    struct ip_group *g = container_of(t, struct ip_group, timer);
    (void)now_ns;
    ip_group_report_fire(g);
    if (!g->users && !g->reports_left) destroy(g);
}

static void tell_joined(struct ip_group *g)
{
    if (g->device->flags & IFF_UP) (void)ip_group_report_change(g);
}

int ip_group_join(struct net_device *d, const ip_addr_t *group)
{
    struct ip_group *g = find(d, group);
    if (g) {
        if (!g->users++) tell_joined(g);
        return 0;
    }
    if (!d->ip || !(g = machine_alloc(d->net->machine, sizeof(*g)))) return -ENOBUFS;
    g->device = d;
    g->address = *group;
    g->users = 1;
    timer_init(&g->timer, fire);
    list_add_head(groups_of(d->ip, group), &g->node);
    tell_joined(g);
    return 0;
}

int ip_group_leave(struct net_device *d, const ip_addr_t *group)
{
    struct ip_group *g = find(d, group);
    if (!g || !g->users) return -EADDRNOTAVAIL;
    if (--g->users) return 0;
    if (!(d->flags & IFF_UP) || !ip_group_report_change(g)) destroy(g);
    return 0;
}

bool ip_group_has(struct net_device *d, const ip_addr_t *group)
{
    const struct ip_group *g = find(d, group);
    return g && g->users;
}

static const ip_addr_t all_nodes_link = { .bytes = { 0xff, 2, [15] = 1 } },
                       all_nodes_interface = { .bytes = { 0xff, 1, [15] = 1 } };

void ip_groups_device_up(struct net_device *d)
{
    ip_addr_t all_systems = ip_from4(be32(INADDR_ALLHOSTS_GROUP));
    (void)ip_group_join(d, &all_systems); /* no memory: the interface does without, as on Linux */
    if (!d->ip->config6.disable_ipv6) {
        (void)ip_group_join(d, &all_nodes_interface);
        (void)ip_group_join(d, &all_nodes_link);
    }
    list_for_each(it, &d->ip->groups4) tell_joined(list_entry(it, struct ip_group, node));
    list_for_each(it, &d->ip->groups6) tell_joined(list_entry(it, struct ip_group, node));
}

static void stop_telling(struct list *groups)
{
    list_for_each_safe(it, tmp, groups) {
        struct ip_group *g = list_entry(it, struct ip_group, node);
        timer_cancel(&g->device->net->machine->wheel, &g->timer);
        if (!g->users) destroy(g);
    }
}

void ip_groups_device_down(struct net_device *d)
{
    ip_addr_t all_systems = ip_from4(be32(INADDR_ALLHOSTS_GROUP));
    stop_telling(&d->ip->groups4);
    stop_telling(&d->ip->groups6);
    (void)ip_group_leave(d, &all_systems);
    (void)ip_group_leave(d, &all_nodes_interface);
    (void)ip_group_leave(d, &all_nodes_link);
}

void ip_groups_flush(struct net_device *d)
{
    list_for_each_safe(it, tmp, &d->ip->groups4) destroy(list_entry(it, struct ip_group, node));
    list_for_each_safe(it, tmp, &d->ip->groups6) destroy(list_entry(it, struct ip_group, node));
}
