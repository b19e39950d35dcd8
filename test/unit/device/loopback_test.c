#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"

static struct net_device *loopback_up(void)
{
    int error;
    struct net_device *d = device_create(&wired.nets[0], &loopback_device_ops, "lo", NULL, &error);
    device_set_up(d, true);
    return d;
}

static unsigned released;
static void note_release(struct packet *p) { (void)p; released++; }

static void delivers_before_transmit_returns_and_leaves_offloads(void **state)
{
    (void)state;
    struct net_device *d = loopback_up();
    struct tcp_shape shape = { .sequence = 5, .payload_bytes = 30000, .gso_bytes = 1000, .flags = TCP_ACK, .is_partial = true, .is_in_head = true };
    struct packet *p = wired_tcp(&wired.nets[0], d, &shape);
    p->release = note_release;
    released = 0;
    device_transmit(d, p);
    assert_int_equal(released, 1);
    assert_int_equal(wired.got.count, 1);
    p = packet_queue_peek(&wired.got);
    assert_int_equal(p->checksum, PACKET_CHECKSUM_PARTIAL);
    assert_int_equal(p->gso_bytes, 1000);
    assert_int_equal(p->kind, PACKET_HOST);
    assert_int_equal(host16(p->protocol), ETH_P_IP);
    assert_int_equal(p->network_offset, 0);
    assert_ptr_equal(p->device, d);
    assert_int_equal(p->in_ifindex, d->ifindex);
    wired_check_tcp(p, 5, 30000);
    assert_int_equal(d->stats.rx_packets, 1);
    assert_int_equal(d->stats.tx_bytes, 52 + 30000); /* without the Ethernet header, as Linux counts on lo */
    assert_int_equal(d->stats.rx_bytes, d->stats.tx_bytes);
}

static void down_or_full_drops_with_a_reason(void **state)
{
    (void)state;
    struct net_device *d = loopback_up();
    struct tcp_shape shape = { .payload_bytes = 1, .flags = TCP_ACK };
    wired.nets[0].sysctl.netdev_max_backlog = 2;
    wired.machine.in_softirq = true; /* nothing is delivered meanwhile */
    for (int i = 0; i < 3; i++) device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    wired.machine.in_softirq = false;
    softirq_run(&wired.machine);
    assert_int_equal(wired.got.count, 2);
    assert_int_equal(wired.nets[0].drops[DROP_FULL_RING], 1);
    assert_int_equal(d->stats.rx_dropped, 1);
    device_set_up(d, false);
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(wired.nets[0].drops[DROP_DEV_READY], 1);
    assert_int_equal(d->stats.tx_dropped, 1);
}

static void frames_of_no_handler_and_runts_are_dropped(void **state)
{
    (void)state;
    struct net_device *d = loopback_up();
    uint8_t frame[60] = { [12] = 0x88, [13] = 0xcc };
    assert_true(device_inject(d, frame, sizeof frame));
    assert_true(device_inject(d, frame, 13));
    softirq_run(&wired.machine);
    assert_int_equal(wired.nets[0].drops[DROP_UNHANDLED_PROTO], 1);
    assert_int_equal(wired.nets[0].drops[DROP_PKT_TOO_SMALL], 1);
    assert_int_equal(d->stats.rx_errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivers_before_transmit_returns_and_leaves_offloads, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(down_or_full_drops_with_a_reason, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(frames_of_no_handler_and_runts_are_dropped, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
