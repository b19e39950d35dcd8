/* Two namespaces of one machine with everything up to the IP layer, joined by a cable, and a catch-all transport above:
 * for unit tests of ip/ and neighbour/. */
#ifndef WEIR_TEST_IP_HOSTS_H
#define WEIR_TEST_IP_HOSTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "device/capture.h"
#include "device/link.h"
#include "device/tap.h"
#include "ip/state.h"
#include "machine/composition.h"
#include "neighbour/neighbour.h"
#include "netfilter/hook.h"

#define TEST_PROTOCOL 253 /* RFC 3692: for experiments */

struct told { struct icmp_error e; ip_addr_t source, destination; uint8_t first_byte; };
struct frame { uint16_t bytes; bool is_outgoing; char device[IFNAMSIZ]; uint8_t at[2000]; };

struct hosts {
    struct machine machine;
    struct net nets[2];
    struct net_device *eth[2];          /* the ends of the cable */
    struct packet_queue got;            /* what the transport received */
    struct told told[16]; unsigned told_count;
    struct frame frames[64]; unsigned frame_count;
    struct capture captures[2];
    unsigned raw_count;
    bool wants_alert;                /* a raw sock with IP_ROUTER_ALERT */
    uint32_t alert_count, alert_bytes;
};
static struct hosts hosts;

void softirq_run_scheduled(struct machine *m)
{
    m->in_softirq = true;
    while (!list_is_empty(&m->softirq)) {
        struct softirq *work = list_first(&m->softirq, struct softirq, node);
        list_remove(&work->node);
        work->is_scheduled = false;
        if (work->run(work, 64)) softirq_schedule(m, work);
    }
    m->in_softirq = false;
}

static inline void hosts_catch(struct net *net, struct packet *p) { (void)net; packet_queue_push(&hosts.got, p); }
static inline void hosts_told(struct net *net, struct packet *p, const struct icmp_error *e)
{
    (void)net;
    if (hosts.told_count == array_count(hosts.told)) return;
    struct told *t = &hosts.told[hosts.told_count++];
    *t = (struct told){ .e = *e, .source = p->ip.source, .destination = p->ip.destination };
    packet_read(p, 0, &t->first_byte, 1);
}
static inline bool hosts_raw(struct net *net, struct packet *p) { (void)net; (void)p; hosts.raw_count++; return false; }

static const struct ip_protocol hosts_protocol = { .number = TEST_PROTOCOL, .receive = hosts_catch, .error = hosts_told };
static const struct ip_protocol *const hosts_protocols[256] = { [IPPROTO_ICMP] = &icmp4_protocol, [IPPROTO_IGMP] = &igmp_protocol,
    [IPPROTO_ICMPV6] = &icmp6_protocol, [TEST_PROTOCOL] = &hosts_protocol };
static const struct ethertype_handler hosts_ethertypes[] = { { ETH_P_IP, ip4_receive }, { ETH_P_IPV6, ip6_receive }, { ETH_P_ARP, arp_receive } };
static const struct device_listener hosts_listeners[] = { { ip_device_event } };
static inline bool hosts_alert(struct net *net, struct packet *p, bool is_delivery)
{
    (void)net;
    if (is_delivery) {
        hosts.alert_count++;
        hosts.alert_bytes = packet_bytes(p);
    }
    return hosts.wants_alert;
}
static const struct composition hosts_composition = { .ethertypes = hosts_ethertypes, .ethertype_count = 3, .device_listeners = hosts_listeners,
    .device_listener_count = 1, .ip_protocols = hosts_protocols, .neighbour_host = &ip_neighbour_host, .raw_deliver = hosts_raw, .raw_alert = hosts_alert, .route_put = route_put };

static inline void hosts_sysctls(struct net_sysctl *s)
{
#define SYSCTL(path, field, initial, low, high) s->field = initial;
#define SYSCTL_VECTOR(path, field, n, ...) \
    { static const int64_t values[n] = { __VA_ARGS__ }; memcpy(s->field, values, sizeof values); }
#include "machine/sysctl.def"
#undef SYSCTL
#undef SYSCTL_VECTOR
    memset(s->icmp6_ratemask, 0xff, 16);
    s->icmp6_ratemask[0] &= ~4u;
}

static inline void hosts_see(struct capture *c, struct net_device *d, const struct packet *p, bool is_outgoing)
{
    (void)c;
    if (hosts.frame_count == array_count(hosts.frames)) return;
    struct frame *f = &hosts.frames[hosts.frame_count++];
    f->bytes = (uint16_t)min_of(packet_bytes(p), (uint32_t)sizeof f->at);
    f->is_outgoing = is_outgoing;
    memcpy(f->device, d->name, IFNAMSIZ);
    packet_read(p, 0, f->at, f->bytes);
}

static inline void hosts_run(uint64_t by_ns)
{
    uint64_t until = hosts.machine.now_ns + by_ns;
    softirq_run(&hosts.machine);
    for (uint64_t next; (next = wheel_next_deadline(&hosts.machine.wheel)) <= until;) {
        hosts.machine.now_ns = max_of(next, hosts.machine.now_ns);
        wheel_run(&hosts.machine.wheel, hosts.machine.now_ns);
        softirq_run(&hosts.machine);
    }
    hosts.machine.now_ns = until;
    wheel_run(&hosts.machine.wheel, until);
    softirq_run(&hosts.machine);
}

static inline ip_addr_t a4(unsigned a, unsigned b, unsigned c, unsigned d) { return ip_from4(be32(a << 24 | b << 16 | c << 8 | d)); }
static inline ip_addr_t a6(unsigned first, unsigned last) { return (ip_addr_t){ .bytes = { (uint8_t)(first >> 8), (uint8_t)first, [14] = (uint8_t)(last >> 8), (uint8_t)last } }; }

static inline void hosts_net_start(struct net *net)
{
    int error;
    net->machine = &hosts.machine;
    net->next_ifindex = 1;
    list_init(&net->devices);
    hosts_sysctls(&net->sysctl);
    assert_int_equal(neighbour_net_start(net), 0);
    assert_int_equal(netfilter_net_start(net), 0);
    assert_int_equal(ip_net_start(net), 0);
    list_add_tail(&hosts.machine.nets, &net->node);
    net->loopback = device_create(net, &loopback_device_ops, "lo", NULL, &error);
    assert_non_null(net->loopback);
    assert_int_equal(device_set_up(net->loopback, true), 0);
}

static inline int hosts_setup(void **state)
{
    (void)state;
    memset(&hosts, 0, sizeof hosts);
    test_machine_init(&hosts.machine);
    hosts.machine.composition = &hosts_composition;
    hosts.machine.now_ns = 1000 * NS_PER_S;
    wheel_init(&hosts.machine.wheel, hosts.machine.now_ns);
    random_key(&hosts.machine.random.keys, &hosts.machine.hash_key);
    packet_queue_init(&hosts.got);
    for (int i = 0; i < 2; i++) hosts_net_start(&hosts.nets[i]);
    assert_int_equal(link_create(&hosts.nets[0], "eth0", &hosts.nets[1], "eth0", 1500, NULL, &hosts.eth[0], &hosts.eth[1]), 0);
    for (int i = 0; i < 2; i++) {
        ip_addr_t four = a4(10, 0, 0, (unsigned)i + 1), six = a6(0xfd00, (unsigned)i + 1);
        assert_int_equal(device_set_up(hosts.eth[i], true), 0);
        assert_int_equal(ip_address_add(hosts.eth[i], &four, 24, NULL, 0, RT_SCOPE_UNIVERSE), 0);
        assert_int_equal(ip_address_add(hosts.eth[i], &six, 64, NULL, IFA_F_NODAD, RT_SCOPE_UNIVERSE), 0);
    }
    hosts_run(10 * NS_PER_S); /* duplicate address detection and reports are over */
    for (int i = 0; i < 2; i++) {
        hosts.captures[i].see = hosts_see;
        capture_add(hosts.eth[i], &hosts.captures[i]);
    }
    return 0;
}

/* Fails when something was left behind. */
static inline int hosts_teardown(void **state)
{
    (void)state;
    packet_queue_purge(&hosts.got);
    for (int i = 0; i < 2; i++) {
        struct net *net = &hosts.nets[i];
        while (!list_is_empty(&net->devices)) device_destroy(list_last(&net->devices, struct net_device, node));
        ip_net_stop(net);
        netfilter_net_stop(net);
        neighbour_net_stop(net);
    }
    int left = memory_used_bytes(hosts.machine.memory) != 0;
    test_machine_fini(&hosts.machine);
    return left;
}

/* A transport message of n bytes 0, 1, 2 ... from net i. */
static inline struct packet *hosts_message(int i, uint32_t n)
{
    struct packet *p = packet_create(&hosts.machine, n);
    uint8_t *at = packet_put(p, n);
    for (uint32_t k = 0; k < n; k++) at[k] = (uint8_t)k;
    p->net = &hosts.nets[i];
    return p;
}

static inline int hosts_send(int i, const ip_addr_t *to, uint32_t n, struct ip_send *send)
{
    struct ip_flow flow = { .destination = *to, .source = send->source };
    int error;
    struct route *r = route_output(&hosts.nets[i], &flow, &error);
    if (!r) return error;
    send->source = flow.source;
    send->destination = flow.destination;
    if (!send->protocol) send->protocol = TEST_PROTOCOL;
    error = ip_output(&hosts.nets[i], hosts_message(i, n), r, send);
    route_put(r);
    return error;
}

static inline void hosts_check_message(uint32_t n)
{
    assert_int_equal(hosts.got.count, 1);
    struct packet *p = packet_queue_pop(&hosts.got);
    assert_int_equal(packet_bytes(p), n);
    uint8_t b;
    for (uint32_t k = 0; k < n; k++) {
        packet_read(p, k, &b, 1);
        assert_int_equal(b, (uint8_t)k);
    }
    packet_consume(p);
}

#endif
