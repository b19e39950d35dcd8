/* A machine with one or two bare namespaces and a catch-all above the devices, for unit tests of device/ and netfilter/. */
#ifndef WEIR_TEST_WIRED_NET_H
#define WEIR_TEST_WIRED_NET_H

#include "arena.h"
#include "device/net_device.h"
#include "machine/composition.h"
#include "wire/checksum.h"
#include "wire/headers.h"

struct wired { struct machine machine; struct net nets[2]; struct packet_queue got; unsigned events[8]; };

static struct wired wired;

/* As machine/softirq.c, without a budget. */
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

static inline void wired_catch(struct net_device *d, struct packet *p) { (void)d; packet_queue_push(&wired.got, p); }
static inline void wired_event(struct net_device *d, enum device_event event) { (void)d; wired.events[event]++; }

static const struct ethertype_handler wired_ethertypes[] = { { ETH_P_IP, wired_catch }, { ETH_P_IPV6, wired_catch } };
static const struct device_listener wired_listeners[] = { { wired_event } };
static const struct composition wired_composition = {
    .ethertypes = wired_ethertypes, .ethertype_count = 2, .device_listeners = wired_listeners, .device_listener_count = 1,
};

static inline int wired_setup(void **state)
{
    (void)state;
    memset(&wired, 0, sizeof wired);
    test_machine_init(&wired.machine);
    wired.machine.composition = &wired_composition;
    packet_queue_init(&wired.got);
    for (int i = 0; i < 2; i++) {
        struct net *net = &wired.nets[i];
        net->machine = &wired.machine;
        net->sysctl.netdev_max_backlog = 1000;
        list_init(&net->devices);
    }
    return 0;
}

/* Fails when something was left behind. */
static inline int wired_teardown(void **state)
{
    (void)state;
    packet_queue_purge(&wired.got);
    for (int i = 0; i < 2; i++)
        while (!list_is_empty(&wired.nets[i].devices))
            device_destroy(list_first(&wired.nets[i].devices, struct net_device, node));
    int left = memory_used_bytes(wired.machine.memory) != 0;
    test_machine_fini(&wired.machine);
    return left;
}

static inline void wired_run(uint64_t now_ns)
{
    wired.machine.now_ns = now_ns;
    wheel_run(&wired.machine.wheel, now_ns);
    softirq_run(&wired.machine);
}

struct tcp_shape { uint32_t sequence; uint8_t flags; uint16_t payload_bytes, gso_bytes; bool is_v6, is_partial, is_in_head; };

static inline uint32_t wired_pseudo(const uint8_t *ip, bool is_v6, uint8_t protocol, uint32_t bytes)
{
    be32_t tail[2] = { be32(bytes), be32(protocol) };
    uint32_t sum = checksum_partial(tail, 8, 0);
    return is_v6 ? checksum_partial(ip + 8, 32, sum) : checksum_partial(ip + 12, 8, sum);
}

/* A TCP frame with a timestamp option, 10.0.0.1:1000 -> 10.0.0.2:2000, headers in the head or all in the body. */
static inline struct packet *wired_tcp(struct net *net, struct net_device *d, const struct tcp_shape *shape)
{
    uint8_t frame[14 + 40 + 32 + 65536] = { 0 };
    uint32_t ip_bytes = shape->is_v6 ? 40 : 20, headers = 14 + ip_bytes + 32, bytes = headers + shape->payload_bytes;
    struct wire_ethernet *e = (void *)frame;
    uint8_t *ip = frame + 14;
    struct wire_tcp *tcp = (void *)(ip + ip_bytes);
    e->destination = d->mac;
    e->type = be16(shape->is_v6 ? ETH_P_IPV6 : ETH_P_IP);
    if (shape->is_v6) {
        *(struct wire_ipv6 *)(void *)ip = (struct wire_ipv6){ .version_class_flow = be32(0x60000000),
            .payload_bytes = be16((uint16_t)(bytes - 54)), .next_header = IPPROTO_TCP, .hop_limit = 64,
            .source = { [15] = 1 }, .destination = { [15] = 2 } };
    } else {
        struct wire_ipv4 *h = (void *)ip;
        *h = (struct wire_ipv4){ .version_ihl = 0x45, .total_bytes = be16((uint16_t)(bytes - 14)),
            .id = be16((uint16_t)(100 + shape->sequence / 1000)), .fragment = be16(IPV4_DF), .ttl = 64,
            .protocol = IPPROTO_TCP, .source = be32(0x0a000001), .destination = be32(0x0a000002) };
        h->checksum = checksum_fold(checksum_partial(h, 20, 0));
    }
    *tcp = (struct wire_tcp){ .source = be16(1000), .destination = be16(2000), .sequence = be32(shape->sequence),
        .acknowledgment = be32(7), .offset_reserved = 8 << 4, .flags = shape->flags, .window = be16(500) };
    memcpy(tcp + 1, "\1\1\10\12\0\0\0\5\0\0\0\6", 12);
    for (uint32_t i = 0; i < shape->payload_bytes; i++) frame[headers + i] = (uint8_t)((shape->sequence + i) * 7);
    uint32_t sum = wired_pseudo(ip, shape->is_v6, IPPROTO_TCP, bytes - 14 - ip_bytes);
    tcp->checksum = shape->is_partial ? (be16_t){ (uint16_t)~checksum_fold(sum).raw }
                                      : checksum_fold(checksum_partial(tcp, bytes - 14 - ip_bytes, sum));
    struct packet *p = packet_create(net->machine, bytes);
    p->net = net;
    p->protocol = e->type;
    p->checksum = shape->is_partial ? PACKET_CHECKSUM_PARTIAL : PACKET_CHECKSUM_NONE;
    p->gso_bytes = shape->gso_bytes;
    p->gso_kind = shape->gso_bytes ? PACKET_GSO_TCP : PACKET_GSO_NONE;
    if (shape->is_in_head) {
        memcpy(packet_push(p, headers), frame, headers);
        memcpy(packet_put(p, shape->payload_bytes), frame + headers, shape->payload_bytes);
    } else {
        memcpy(packet_put(p, bytes), frame, bytes);
    }
    return p;
}

/* Asserts good IP and TCP checksums of a packet at its network header, and the payload that wired_tcp() wrote. */
static inline void wired_check_tcp(struct packet *p, uint32_t sequence, uint32_t payload_bytes)
{
    uint8_t bytes[66000];
    uint32_t n = packet_bytes(p);
    assert_true(packet_read(p, 0, bytes, n));
    bool is_v6 = bytes[0] >> 4 == 6;
    uint32_t ip_bytes = is_v6 ? 40 : 20;
    struct wire_tcp *tcp = (void *)(bytes + ip_bytes);
    assert_int_equal(n, ip_bytes + 32 + payload_bytes);
    if (is_v6) assert_int_equal(host16(((struct wire_ipv6 *)(void *)bytes)->payload_bytes), n - 40);
    else assert_int_equal(host16(((struct wire_ipv4 *)(void *)bytes)->total_bytes), n);
    if (!is_v6) assert_int_equal(checksum_fold(checksum_partial(bytes, 20, 0)).raw, 0);
    assert_int_equal(host32(tcp->sequence), sequence);
    for (uint32_t i = 0; i < payload_bytes; i++) assert_int_equal(bytes[ip_bytes + 32 + i], (uint8_t)((sequence + i) * 7));
    if (p->checksum != PACKET_CHECKSUM_NONE) return;
    uint32_t sum = wired_pseudo(bytes, is_v6, IPPROTO_TCP, n - ip_bytes);
    assert_int_equal(checksum_fold(checksum_partial(tcp, n - ip_bytes, sum)).raw, 0);
}

static inline uint8_t wired_tcp_flags(const struct packet *p)
{
    uint8_t first, flags = 0;
    packet_read(p, 0, &first, 1);
    packet_read(p, (first >> 4 == 6 ? 40u : 20u) + 13, &flags, 1);
    return flags;
}

#endif
