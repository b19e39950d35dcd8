#include "machine/net.h"

#include "ip/address.h"
#include "machine/composition.h"

static void init_sysctls(struct net_sysctl *s)
{
#define SYSCTL(path, field, initial, low, high) s->field = initial;
#define SYSCTL_VECTOR(path, field, n, ...) \
    { static const int64_t values[n] = { __VA_ARGS__ }; memcpy(s->field, values, sizeof values); }
#include "machine/sysctl.def"
#undef SYSCTL
#undef SYSCTL_VECTOR
    memcpy(s->tcp_congestion_control, "cubic", sizeof "cubic");
    memcpy(s->tcp_allowed_congestion_control, "reno cubic", sizeof "reno cubic");
    /* Linux: every ICMPv6 error but Packet Too Big is limited: types 0-1 and 3-127. */
    memset(s->icmp6_ratemask, 0xff, 4 * sizeof s->icmp6_ratemask[0]);
    s->icmp6_ratemask[0] &= ~(1u << 2);
}

static int start_rooms(struct net *net)
{
    const struct composition *c = net->machine->composition;
    for (size_t i = 0; i < c->room_count; i++) {
        int error = c->rooms[i].net_start(net);
        if (!error) continue;
        while (i-- > 0) c->rooms[i].net_stop(net);
        return error;
    }
    return 0;
}

static void stop_rooms(struct net *net)
{
    const struct composition *c = net->machine->composition;
    for (size_t i = c->room_count; i-- > 0;) c->rooms[i].net_stop(net);
}

static int add_loopback_address(struct net_device *lo, ip_addr_t address, unsigned prefix_bits)
{
    int error = ip_address_add(lo, &address, prefix_bits, NULL, IFA_F_PERMANENT, RT_SCOPE_HOST);
    return error == -EEXIST ? 0 : error; /* the ip room may have given them when lo came up */
}

static int start_loopback(struct net *net)
{
    int error;
    ip_addr_t one6 = ip_any6();
    one6.bytes[15] = 1;
    net->loopback = device_create(net, &loopback_device_ops, "lo", NULL, &error);
    if (!net->loopback) return error;
    if ((error = device_set_up(net->loopback, true))) goto destroy_device;
    if ((error = add_loopback_address(net->loopback, ip_from4(be32(0x7f000001)), 8))) goto destroy_device;
    if ((error = add_loopback_address(net->loopback, one6, 128))) goto destroy_device;
    return 0;

destroy_device:
    device_destroy(net->loopback);
    net->loopback = NULL;
    return error;
}

static void destroy_devices(struct net *net)
{
    while (!list_is_empty(&net->devices)) device_destroy(list_last(&net->devices, struct net_device, node));
    net->loopback = NULL;
}

struct net *net_create(struct machine *m)
{
    struct net *net = machine_alloc(m, sizeof *net);
    if (!net) return NULL;
    net->machine = m;
    net->inode = 0xf0000000u + m->next_inode++; /* Linux numbers namespaces from PROC_DYNAMIC_FIRST */
    net->cookie = m->next_inode;
    net->next_ifindex = 1;
    list_init(&net->devices);
    init_sysctls(&net->sysctl);
    if (start_rooms(net)) goto free_net;
    if (start_loopback(net)) goto stop;
    list_add_tail(&m->nets, &net->node);
    return net;

stop:
    stop_rooms(net);
free_net:
    machine_free(m, net, sizeof *net);
    return NULL;
}

void net_destroy(struct net *net)
{
    struct machine *m = net->machine;
    destroy_devices(net);
    stop_rooms(net);
    list_remove(&net->node);
    if (m->initial_net == net) m->initial_net = NULL;
    machine_free(m, net, sizeof *net);
}
