#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/tap.h"

static struct packet_queue sent;
static bool is_full;

static bool keep(void *ctx, struct packet *p)
{
    (void)ctx;
    struct packet *copy = is_full ? NULL : packet_clone(p);
    if (copy) packet_queue_push(&sent, copy);
    return copy;
}

static struct net_device *tap_up(bool takes_all)
{
    int error;
    struct tap_config config = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .takes_checksum_and_gso = takes_all, .send = keep };
    struct net_device *d = device_create(&wired.nets[0], &tap_device_ops, "tap0", &config, &error);
    packet_queue_init(&sent);
    is_full = false;
    device_set_up(d, true);
    return d;
}

static void sends_and_counts(void **state)
{
    (void)state;
    struct net_device *d = tap_up(false);
    struct tcp_shape shape = { .payload_bytes = 100, .flags = TCP_ACK, .is_partial = true };
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(sent.count, 1);
    assert_int_equal(packet_queue_peek(&sent)->checksum, PACKET_CHECKSUM_NONE);
    packet_pull(packet_queue_peek(&sent), 14);
    wired_check_tcp(packet_queue_peek(&sent), 0, 100);
    is_full = true;
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(d->stats.tx_packets, 1);
    assert_int_equal(d->stats.tx_bytes, 166);
    assert_int_equal(d->stats.tx_dropped, 1);
    assert_int_equal(wired.nets[0].drops[DROP_TAP_FULL], 1);
    packet_queue_purge(&sent);
}

static void a_door_that_takes_offloads_gets_them(void **state)
{
    (void)state;
    struct net_device *d = tap_up(true);
    struct tcp_shape shape = { .payload_bytes = 5000, .gso_bytes = 1448, .flags = TCP_ACK, .is_partial = true };
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(sent.count, 1);
    assert_int_equal(packet_queue_peek(&sent)->gso_bytes, 1448);
    packet_queue_purge(&sent);
}

static void says_for_whom_a_frame_is(void **state)
{
    (void)state;
    static const struct { uint8_t to[6]; uint8_t kind; } cases[] = {
        { { 2, 0, 0, 0, 0, 1 }, PACKET_HOST }, { { 2, 0, 0, 0, 0, 2 }, PACKET_OTHERHOST },
        { { 255, 255, 255, 255, 255, 255 }, PACKET_BROADCAST }, { { 0x33, 0x33, 0, 0, 0, 1 }, PACKET_MULTICAST },
    };
    struct net_device *d = tap_up(false);
    for (size_t i = 0; i < array_count(cases); i++) {
        uint8_t frame[60] = { [12] = 0x08 };
        memcpy(frame, cases[i].to, 6);
        assert_true(device_inject(d, frame, sizeof frame));
        softirq_run(&wired.machine);
        struct packet *p = packet_queue_pop(&wired.got);
        assert_int_equal(p->kind, cases[i].kind);
        packet_consume(p);
    }
    assert_int_equal(d->stats.multicast, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_and_counts, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(a_door_that_takes_offloads_gets_them, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(says_for_whom_a_frame_is, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
