#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/tun.h"

static struct packet_queue sent;
static bool is_full;

static bool keep(void *ctx, struct packet *p)
{
    (void)ctx;
    struct packet *copy = is_full ? NULL : packet_clone(p);
    if (copy) packet_queue_push(&sent, copy);
    return copy;
}

static struct net_device *tun_up(void)
{
    int error;
    struct tun_config config = { .send = keep };
    struct net_device *d = device_create(&wired.nets[0], &tun_device_ops, "tun0", &config, &error);
    packet_queue_init(&sent);
    is_full = false;
    device_set_up(d, true);
    return d;
}

static struct packet *bare_tcp(struct net_device *d, const struct tcp_shape *shape)
{
    struct packet *p = wired_tcp(&wired.nets[0], d, shape);
    packet_pull(p, ETH_HLEN);
    return p;
}

static void is_as_linux_makes_it(void **state)
{
    (void)state;
    const struct net_device *d = tun_up();
    assert_int_equal(d->flags, IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST);
    assert_int_equal(d->hardware_type, ARPHRD_NONE);
    assert_int_equal(d->tx_queue_packets, 500);
    assert_int_equal(d->mtu_bytes, 1500);
}

static void sends_whole_with_a_complete_checksum(void **state)
{
    (void)state;
    struct net_device *d = tun_up();
    for (int v6 = 0; v6 < 2; v6++) {
        struct tcp_shape shape = { .payload_bytes = 10000,
                                   .gso_bytes = 1448,
                                   .flags = TCP_ACK,
                                   .is_partial = true,
                                   .is_in_head = v6,
                                   .is_v6 = v6 };
        struct packet *p = bare_tcp(d, &shape);
        assert_true(device_push_header(d, p, NULL)); /* there is none */
        device_transmit(d, p);
        p = packet_queue_pop(&sent);
        assert_int_equal(sent.count, 0);
        assert_int_equal(p->gso_bytes, 1448);
        assert_int_equal(p->checksum, PACKET_CHECKSUM_NONE);
        wired_check_tcp(p, 0, 10000);
        packet_consume(p);
    }
    assert_int_equal(d->stats.tx_packets, 2);
    assert_int_equal(d->stats.tx_bytes, 20 + 40 + 2 * (32 + 10000));
}

static void is_cut_before_when_told_to(void **state)
{
    (void)state;
    struct net_device *d = tun_up();
    struct tcp_shape shape = { .payload_bytes = 3000, .gso_bytes = 1448, .flags = TCP_ACK, .is_partial = true };
    d->features &= ~(uint32_t)DEVICE_GSO;
    device_transmit(d, bare_tcp(d, &shape));
    assert_int_equal(sent.count, 3);
    for (uint32_t at = 0; at < 3000; at += 1448) {
        struct packet *p = packet_queue_pop(&sent);
        wired_check_tcp(p, at, min_of(1448u, 3000 - at));
        packet_consume(p);
    }
}

static void counts_what_is_not_taken(void **state)
{
    (void)state;
    struct net_device *d = tun_up();
    is_full = true;
    device_transmit(d, bare_tcp(d, &(struct tcp_shape){ .payload_bytes = 1 }));
    assert_int_equal(d->stats.tx_packets, 0);
    assert_int_equal(d->stats.tx_dropped, 1);
}

static void takes_either_version_and_nothing_else(void **state)
{
    (void)state;
    static const uint8_t v4[40] = { 0x45 }, v6[60] = { 0x60 }, neither[40] = { 0x35 };
    struct net_device *d = tun_up();
    assert_true(device_inject(d, v4, sizeof v4));
    assert_true(device_inject(d, v6, sizeof v6));
    assert_true(device_inject(d, neither, sizeof neither));
    softirq_run(&wired.machine);
    assert_int_equal(wired.got.count, 2);
    assert_int_equal(d->stats.rx_dropped, 1);
    struct packet *p = packet_queue_peek(&wired.got);
    assert_int_equal(p->kind, PACKET_HOST);
    assert_int_equal(host16(p->protocol), ETH_P_IP);
    assert_int_equal(packet_bytes(p), sizeof v4);
    assert_int_equal(p->network_offset, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, wired_setup, wired_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(is_as_linux_makes_it), T(sends_whole_with_a_complete_checksum), T(is_cut_before_when_told_to),
        T(counts_what_is_not_taken), T(takes_either_version_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
