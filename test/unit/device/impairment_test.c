#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/impairment.h"

struct arrival { uint32_t number; uint64_t at_ns; };
static struct arrival arrivals[20000];
static unsigned arrived;

static void arrive(void *ctx, struct packet *p)
{
    (void)ctx;
    arrivals[arrived++] = (struct arrival){ p->mark, wired.machine.now_ns };
    packet_consume(p);
}

static struct packet *numbered(uint32_t number, uint32_t bytes)
{
    struct packet *p = packet_create(&wired.machine, bytes);
    memset(packet_put(p, bytes), 0, bytes);
    p->net = &wired.nets[0];
    p->mark = number;
    return p;
}

static struct impairment *impaired(const struct impairment_config *config)
{
    arrived = 0;
    return impairment_create(&wired.machine, config, arrive, NULL);
}

static void drain(void)
{
    uint64_t next;
    while ((next = wheel_next_deadline(&wired.machine.wheel)) != NS_NEVER) wired_run(next);
}

static void delay_and_jitter_keep_order_and_bounds(void **state)
{
    (void)state;
    struct impairment *i = impaired(&(struct impairment_config){ .delay_ns = 30 * NS_PER_MS, .jitter_ns = 5 * NS_PER_MS, .seed = 7 });
    for (uint32_t n = 0; n < 500; n++) {
        impairment_push(i, numbered(n, 100));
        wired_run(wired.machine.now_ns + NS_PER_MS);
    }
    drain();
    assert_int_equal(arrived, 500);
    bool has_early = false, has_late = false;
    for (uint32_t n = 0; n < 500; n++) {
        uint64_t delay_ns = arrivals[n].at_ns - n * NS_PER_MS;
        assert_int_equal(arrivals[n].number, n);
        assert_in_range(delay_ns, 25 * NS_PER_MS, 35 * NS_PER_MS);
        has_early |= delay_ns < 28 * NS_PER_MS;
        has_late |= delay_ns > 32 * NS_PER_MS;
    }
    assert_true(has_early && has_late);
    impairment_destroy(i);
}

static void rate_serialises(void **state)
{
    (void)state;
    struct impairment *i = impaired(&(struct impairment_config){ .rate_bits_per_s = 8000000, .delay_ns = NS_PER_MS }); /* 1 us a byte */
    for (uint32_t n = 0; n < 5; n++) impairment_push(i, numbered(n, 1000));
    drain();
    for (uint32_t n = 0; n < 5; n++) assert_int_equal(arrivals[n].at_ns, (n + 1) * 1000 * NS_PER_US + NS_PER_MS);
    impairment_destroy(i);
}

static void loss_and_duplication_are_about_as_asked(void **state)
{
    (void)state;
    struct impairment *i = impaired(&(struct impairment_config){ .loss = UINT32_MAX / 10, .duplicate = UINT32_MAX / 20, .seed = 3 });
    for (uint32_t n = 0; n < 5000; n++) impairment_push(i, numbered(n, 50));
    uint64_t lost = wired.nets[0].drops[DROP_LINK_LOSS];
    assert_in_range(lost, 400, 600);
    assert_in_range(arrived - (5000 - lost), 170, 290);
    impairment_destroy(i);
    i = impaired(&(struct impairment_config){ .loss = UINT32_MAX });
    for (uint32_t n = 0; n < 100; n++) impairment_push(i, numbered(n, 50));
    assert_int_equal(arrived, 0);
    impairment_destroy(i);
}

static void reordered_packets_overtake(void **state)
{
    (void)state;
    struct impairment *i = impaired(&(struct impairment_config){ .delay_ns = 10 * NS_PER_MS, .reorder = UINT32_MAX / 4, .seed = 5 });
    for (uint32_t n = 0; n < 400; n++) impairment_push(i, numbered(n, 50));
    unsigned overtook = arrived;
    assert_in_range(overtook, 60, 140);
    drain();
    assert_int_equal(arrived, 400);
    impairment_destroy(i);
}

static uint32_t ones;
static int count_ones(void *ctx, const uint8_t *at, uint32_t n)
{
    (void)ctx;
    for (uint32_t i = 0; i < n; i++) ones += (uint32_t)__builtin_popcount(at[i]);
    return 0;
}
static void count_bits(void *ctx, struct packet *p)
{
    (void)ctx;
    ones = 0;
    packet_visit(p, 0, packet_bytes(p), count_ones, NULL);
    arrived += ones == 1;
    packet_consume(p);
}

static void corruption_flips_one_bit_of_a_copy(void **state)
{
    (void)state;
    struct impairment_config config = { .corrupt = UINT32_MAX };
    struct impairment *i = impairment_create(&wired.machine, &config, count_bits, NULL);
    arrived = 0;
    struct packet *kept = numbered(0, 300);
    for (int n = 0; n < 100; n++) impairment_push(i, packet_clone(kept));
    assert_int_equal(arrived, 100);
    ones = 0;
    packet_visit(kept, 0, 300, count_ones, NULL);
    assert_int_equal(ones, 0);
    packet_consume(kept);
    impairment_destroy(i);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    struct impairment *i = impaired(&(struct impairment_config){ .delay_ns = NS_PER_S, .limit_packets = 10 });
    for (uint32_t n = 0; n < 15; n++) impairment_push(i, numbered(n, 50));
    assert_int_equal(wired.nets[0].drops[DROP_LINK_QUEUE], 5);
    impairment_destroy(i);
    assert_int_equal(wired.nets[0].drops[DROP_LINK_DOWN], 10);
    assert_int_equal(wired.machine.wheel.armed_count, 0);
}

static uint64_t digest(uint64_t seed)
{
    struct impairment_config config = { .delay_ns = NS_PER_MS, .jitter_ns = NS_PER_MS, .loss = UINT32_MAX / 5,
        .duplicate = UINT32_MAX / 5, .reorder = UINT32_MAX / 5, .seed = seed };
    struct impairment *i = impaired(&config);
    uint64_t began_ns = wired.machine.now_ns, sum = 0;
    for (uint32_t n = 0; n < 300; n++) impairment_push(i, numbered(n, 50));
    drain();
    for (unsigned n = 0; n < arrived; n++) sum = sum * 31 + arrivals[n].number + (arrivals[n].at_ns - began_ns);
    impairment_destroy(i);
    return sum;
}

static void the_same_seed_gives_the_same_faults(void **state)
{
    (void)state;
    uint64_t first = digest(42);
    assert_true(first == digest(42));
    assert_true(first != digest(43));
}

static void a_device_can_be_impaired_both_ways(void **state)
{
    (void)state;
    int error;
    struct net_device *d = device_create(&wired.nets[0], &loopback_device_ops, "lo", NULL, &error);
    device_set_up(d, true);
    struct impairment_config delay = { .delay_ns = NS_PER_MS }, corrupt = { .corrupt = UINT32_MAX };
    assert_int_equal(device_impair(d, true, &delay), 0);
    struct tcp_shape shape = { .payload_bytes = 3000, .gso_bytes = 1000, .flags = TCP_ACK, .is_partial = true };
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(wired.got.count, 0);
    wired_run(NS_PER_MS);
    assert_int_equal(wired.got.count, 3); /* frames as on a wire, checksums done */
    wired_check_tcp(packet_queue_peek(&wired.got), 0, 1000);
    packet_queue_purge(&wired.got);
    assert_int_equal(device_impair(d, true, NULL), 0);
    assert_int_equal(device_impair(d, false, &corrupt), 0);
    shape.gso_bytes = 0;
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(device_impair(d, false, NULL), 0);
    assert_int_equal(d->stats.tx_packets, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delay_and_jitter_keep_order_and_bounds, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(rate_serialises, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(loss_and_duplication_are_about_as_asked, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(reordered_packets_overtake, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(corruption_flips_one_bit_of_a_copy, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_faults, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(a_device_can_be_impaired_both_ways, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
