/* Machines, cables, addresses and routes of a scenario. Cable L is 10.0.L.0/24 and fd00:0:0:L::/64, its first end .1. Faults
 * stand behind the receiving device, so that what a host is seen to send is what it sent. */
#include "sim/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define ARENA_BYTES ((size_t)1 << 30)

/* A wrong checksum, in the referee's copy of the first TCP frame that goes out. */
static const void *spoil(struct run *run, const uint8_t *frame, size_t bytes, uint8_t copy[65600])
{
    if (run->options->plant != SIM_PLANT_REFEREE || run->has_planted || !digest_has_tcp_data(frame, bytes)) return frame;
    run->has_planted = true;
    memcpy(copy, frame, bytes);
    copy[bytes - 1] ^= 1;
    return copy;
}

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    static uint8_t copy[65600];
    struct node *n = ctx;
    struct run *run = n->run;
    unsigned port = (unsigned)(device[3] - '0');
    if (device[0] != 'e') return;
    digest_frame(run, n->number, is_outgoing, frame, bytes);
    if (run->options->on_frame && !run->is_mute)
        run->options->on_frame(run->options->ctx, n->name, device, now_ns, frame, bytes);
    if (!run_is_host(run, n->number)) return;
    adversary_see(run, n->number, port, is_outgoing, frame, bytes);
    if (run->is_mute) return;
    if (is_outgoing) frame = spoil(run, frame, bytes, copy);
    referee_frame(run->referee, n->number, is_outgoing, REFEREE_ETHERNET, run->cables[n->ports[port].link].mtu_bytes, now_ns, frame, bytes);
}

static const char *device_name(unsigned port)
{
    static const char names[SIM_PORTS][8] = { "eth0", "eth1", "eth2", "eth3", "eth4", "eth5", "eth6", "eth7", "eth8", "eth9" };
    return names[port];
}

static bool build_node(struct run *run, unsigned number)
{
    struct node *n = &run->nodes[number];
    struct weir_machine_config config = { .seed = { run->scenario.seed, number * 8 + run->scenario.profile_index },
                                          .start_ns = run->scenario.start_ns, .wall_ns = 1700000000ull * SIM_SECOND };
    *n = (struct node){ .run = run, .number = number };
    snprintf(n->name, sizeof n->name, "%s%u", run_is_host(run, number) ? "host" : "router", number);
    if (!weir_env_map(&n->env, ARENA_BYTES)) return false;
    n->machine = weir_machine_create(&config, &n->env);
    if (!n->machine) return false;
    n->keeper = weir_task_create(n->machine);
    if (!n->keeper) return false;
    n->control = weir_socket(n->keeper, AF_INET, SOCK_DGRAM, 0);
    weir_capture(n->machine, see, n);
    return n->control >= 0;
}

static bool build_link(struct run *run, unsigned number)
{
    const struct link_plan *plan = &run->scenario.links[number];
    struct cable *c = &run->cables[number];
    const char *names[2];
    for (unsigned e = 0; e < 2; e++) {
        struct node *n = &run->nodes[plan->nodes[e]];
        n->ports[n->port_count].link = (uint8_t)number;
        n->ports[n->port_count].end = (uint8_t)e;
        c->port[e] = (uint8_t)n->port_count;
        names[e] = device_name(n->port_count++);
    }
    c->mtu_bytes = plan->mtu_bytes;
    return weir_link(run->nodes[plan->nodes[0]].machine, names[0], run->nodes[plan->nodes[1]].machine, names[1], plan->mtu_bytes, NULL) == 0;
}

static bool write_sysctl(struct node *n, const char *path, const char *value)
{
    return weir_proc_write(n->keeper, path, value, strlen(value)) >= 0;
}

static bool set_sysctls(struct run *run, struct node *n)
{
    if (!run_is_host(run, n->number))
        return write_sysctl(n, "sys/net/ipv4/ip_forward", "1") && write_sysctl(n, "sys/net/ipv6/conf/all/forwarding", "1");
    for (unsigned i = 0; i < SIM_SYSCTLS; i++) {
        const struct sysctl_choice *c = &sim_sysctls[run->scenario.sysctls[n->number][i]];
        if (c->path && !write_sysctl(n, c->path, c->value)) return false;
    }
    return true;
}

/* A machine at rest, its interfaces down: what it holds then it may hold at the end too. */
static void set_baselines(struct run *run)
{
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned l = 0; l < run->scenario.link_count; l++)
            for (unsigned e = 0; e < 2; e++) topology_set_up(run, l, e, pass);
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        struct node *n = &run->nodes[i];
        n->baseline_bytes = weir_machine_used_bytes(n->machine);
        n->task = weir_task_create(n->machine);
    }
}

bool topology_build(struct run *run)
{
    for (unsigned i = 0; i < run->scenario.node_count; i++)
        if (!build_node(run, i)) return false;
    for (unsigned i = 0; i < run->scenario.link_count; i++)
        if (!build_link(run, i)) return false;
    for (unsigned i = 0; i < run->scenario.node_count; i++)
        if (!set_sysctls(run, &run->nodes[i])) return false;
    set_baselines(run);
    return true;
}

/* The host may send from it from now on: IPv4-mapped, IPv6, and what IPv6 makes of the device's link-layer address. */
static void tell_addresses(struct run *run, unsigned link, unsigned end, const char *device)
{
    struct node *n = &run->nodes[run->scenario.links[link].nodes[end]];
    struct ifreq r = { 0 };
    strcpy(r.ifr_name, device);
    if (!run_is_host(run, n->number) || weir_ioctl(n->keeper, n->control, SIOCGIFHWADDR, &r)) return;
    const uint8_t *mac = (const uint8_t *)r.ifr_hwaddr.sa_data;
    const uint8_t own[3][16] = { { [10] = 0xff, 0xff, 10, 0, (uint8_t)link, (uint8_t)(end + 1) }, { 0xfd, [7] = (uint8_t)link, [15] = (uint8_t)(end + 1) },
                                 { 0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] } };
    for (unsigned i = 0; i < 3; i++) referee_host_address(run->referee, n->number, own[i]);
}

static void add_address(struct run *run, unsigned link, unsigned end)
{
    struct node *n = &run->nodes[run->scenario.links[link].nodes[end]];
    const char *device = device_name(run->cables[link].port[end]);
    char text[64];
    snprintf(text, sizeof text, "10.0.%u.%u/24", link, end + 1);
    if (run->scenario.has4) weir_address_add(n->machine, device, text);
    snprintf(text, sizeof text, "fd00:0:0:%u::%u/64", link, end + 1);
    if (run->scenario.has6) weir_address_add(n->machine, device, text);
    tell_addresses(run, link, end, device);
}

static void add_route(struct run *run, unsigned link, unsigned end, const char *to4, const char *to6)
{
    struct node *n = &run->nodes[run->scenario.links[link].nodes[end]];
    const char *device = device_name(run->cables[link].port[end]);
    char text[64];
    snprintf(text, sizeof text, "10.0.%u.%u", link, 2 - end);
    if (run->scenario.has4) weir_route_add(n->machine, to4, text, device);
    snprintf(text, sizeof text, "fd00:0:0:%u::%u", link, 2 - end);
    if (run->scenario.has6) weir_route_add(n->machine, to6, text, device);
}

void topology_configure_end(struct run *run, unsigned link, unsigned end)
{
    const struct scenario *s = &run->scenario;
    unsigned node = s->links[link].nodes[end], peer = s->links[link].nodes[!end];
    char to4[32], to6[32];
    loop_sync(run, node);
    add_address(run, link, end);
    if (!s->router_count) return;
    if (run_is_host(run, node)) {
        add_route(run, link, end, "default", "default6");
        return;
    }
    if (run_is_host(run, peer)) return;
    for (unsigned h = 0; h < s->host_count; h++) { /* routers stand in a row */
        bool is_beyond = peer > node ? s->router_of[h] > node : s->router_of[h] < node;
        snprintf(to4, sizeof to4, "10.0.%u.0/24", h);
        snprintf(to6, sizeof to6, "fd00:0:0:%u::/64", h);
        if (is_beyond) add_route(run, link, end, to4, to6);
    }
}

void topology_configure(struct run *run)
{
    for (unsigned l = 0; l < run->scenario.link_count; l++)
        for (unsigned e = 0; e < 2; e++) topology_configure_end(run, l, e);
}

static void control(struct run *run, unsigned link, unsigned end, unsigned long command, int value)
{
    struct node *n = &run->nodes[run->scenario.links[link].nodes[end]];
    struct ifreq r = { 0 };
    loop_sync(run, n->number);
    strcpy(r.ifr_name, device_name(run->cables[link].port[end]));
    if (command == SIOCSIFFLAGS) {
        weir_ioctl(n->keeper, n->control, SIOCGIFFLAGS, &r);
        r.ifr_flags = (short)(value ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    } else {
        r.ifr_mtu = value;
    }
    if (weir_ioctl(n->keeper, n->control, command, &r) && errno != ENOMEM) run_fail(run, "%s: ioctl %lx: %s", n->name, command, strerrorname_np(errno));
}

void topology_set_up(struct run *run, unsigned link, unsigned end, bool up) { control(run, link, end, SIOCSIFFLAGS, up); }

void topology_set_mtu(struct run *run, unsigned link, uint32_t mtu_bytes)
{
    if (mtu_bytes > run->cables[link].mtu_bytes) run->cables[link].mtu_bytes = mtu_bytes; /* the larger one counts in between */
    for (unsigned e = 0; e < 2; e++) control(run, link, e, SIOCSIFMTU, (int)mtu_bytes);
    run->cables[link].mtu_bytes = mtu_bytes;
}

void topology_set_faults(struct run *run, unsigned link, unsigned end, const struct weir_link_faults *faults)
{
    struct node *n = &run->nodes[run->scenario.links[link].nodes[end]];
    struct weir_link_faults own;
    if (faults) {
        own = *faults;
        own.seed += end;
        faults = &own;
    }
    loop_sync(run, n->number);
    weir_device_faults(n->machine, device_name(run->cables[link].port[end]), false, faults);
}

void topology_perfect(struct run *run)
{
    for (unsigned l = 0; l < run->scenario.link_count; l++) {
        const struct weir_link_faults delay = { .delay_ns = run->scenario.links[l].faults.delay_ns / 2, .limit_packets = 100000, .seed = 1 };
        for (unsigned e = 0; e < 2; e++) {
            if (run->cables[l].up_ns[e]) topology_set_up(run, l, e, true);
            run->cables[l].up_ns[e] = 0;
            topology_set_faults(run, l, e, delay.delay_ns ? &delay : NULL);
        }
        if (run->cables[l].mtu_bytes != run->scenario.links[l].mtu_bytes) topology_set_mtu(run, l, run->scenario.links[l].mtu_bytes);
    }
    topology_configure(run);
}

void topology_destroy(struct run *run)
{
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        struct node *n = &run->nodes[i];
        weir_machine_destroy(n->machine);
        if (n->env.arena) weir_env_unmap(&n->env);
    }
}

socklen_t topology_address(const struct run *run, unsigned host, bool is6, uint16_t port, struct sockaddr_storage *a)
{
    unsigned link = run->scenario.router_count ? host : 0, low = run->scenario.router_count ? 1 : host + 1;
    memset(a, 0, sizeof *a);
    a->ss_family = is6 ? AF_INET6 : AF_INET;
    if (!is6) {
        struct sockaddr_in *in = (void *)a;
        in->sin_port = htons(port);
        in->sin_addr.s_addr = htonl(0x0a000000 | link << 8 | low);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)a;
    in6->sin6_port = htons(port);
    in6->sin6_addr.s6_addr[0] = 0xfd;
    in6->sin6_addr.s6_addr[7] = (uint8_t)link;
    in6->sin6_addr.s6_addr[15] = (uint8_t)low;
    return sizeof *in6;
}
