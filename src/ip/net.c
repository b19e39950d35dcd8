/* The room's part in the life of namespaces and interfaces. */
#include "ip/state.h"
#include "neighbour/neighbour.h"

static bool run_loop(struct softirq *work, int budget)
{
    struct ip_net *in = container_of(work, struct ip_net, loop_work);
    struct packet *p;
    while (budget-- > 0 && (p = packet_queue_pop(&in->loop)) != NULL) {
        struct net_device *d = device_by_index(in->net, (uint32_t)p->in_ifindex);
        if (!d) packet_drop(p, DROP_DEV_READY);
        else if (host16(p->protocol) == ETH_P_IP) ip4_receive(d, p);
        else ip6_receive(d, p);
    }
    return in->loop.count > 0;
}

int ip_net_start(struct net *net)
{
    struct machine *m = net->machine;
    struct ip_net *in = machine_alloc(m, sizeof(*in));
    if (!in) return -ENOMEM;
    in->net = net;
    in->generation = 1;
    ip_config_defaults(in);
    random_key(&m->random.ip_id, &in->id_key);
    random_key(&m->random.keys, &in->pmtu_key);
    packet_queue_init(&in->loop);
    list_init(&in->loop_work.node);
    in->loop_work.run = run_loop;
    net->ip = in;
    int error = ip_fragments_start(net);
    if (error) {
        net->ip = NULL;
        machine_free(m, in, sizeof(*in));
    }
    return error;
}

static void destroy_device(struct net_device *d)
{
    if (!d->ip) return;
    ip_addresses_flush(d);
    ip_groups_flush(d);
    machine_free(d->net->machine, d->ip, sizeof(*d->ip));
    d->ip = NULL;
}

void ip_net_stop(struct net *net)
{
    struct ip_net *in = net->ip;
    list_for_each(it, &net->devices) destroy_device(list_entry(it, struct net_device, node));
    packet_queue_purge(&in->loop);
    if (in->loop_work.is_scheduled) list_remove(&in->loop_work.node);
    ip_fragments_stop(net);
    ip_router_stop(net);
    route_cache_flush(net);
    pmtu_stop(net);
    ip_table_stop(net->machine, &in->table);
    net->ip = NULL;
    machine_free(net->machine, in, sizeof(*in));
}

static void create_device(struct net_device *d)
{
    struct net *net = d->net;
    struct ip_device *i = machine_alloc(net->machine, sizeof(*i));
    if (!i) return; /* the interface lives without IP */
    i->device = d;
    list_init(&i->addresses4);
    list_init(&i->addresses6);
    list_init(&i->groups4);
    list_init(&i->groups6);
    i->config4 = net->ip->default4;
    i->config6 = net->ip->default6;
    i->config6.mtu = (int32_t)d->mtu_bytes;
    if (d->flags & IFF_LOOPBACK) i->config6.accept_dad = -1;
    if (!d->header_bytes) i->config6.addr_gen_mode = IN6_ADDR_GEN_MODE_RANDOM;
    i->neighbour4 = neighbour_parameters(net, d, AF_INET);
    i->neighbour6 = neighbour_parameters(net, d, AF_INET6);
    d->ip = i;
}

static void device_up(struct net_device *d)
{
    ip_groups_device_up(d);
    ip_addresses_device_up(d);
}

static void device_down(struct net_device *d)
{
    ip_router_device_down(d);
    ip_addresses_device_down(d);
    ip_groups_device_down(d);
    neighbour_device_down(d);
    route_cache_flush(d->net);
}

void ip_device_event(struct net_device *d, enum device_event event)
{
    if (!d->net->ip) return;
    if (event == DEVICE_CREATED) {
        neighbour_device_created(d);
        create_device(d);
        return;
    }
    if (event == DEVICE_GONE) {
        if (d->ip) ip_router_device_down(d);
        destroy_device(d);
        route_cache_flush(d->net);
        neighbour_device_gone(d);
        return;
    }
    if (!d->ip) return;
    if (event == DEVICE_UP) device_up(d);
    if (event == DEVICE_DOWN) device_down(d);
    if (event == DEVICE_MTU) d->ip->config6.mtu = (int32_t)d->mtu_bytes;
    d->net->ip->generation++;
}
