#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/link.h"

static void carrier_needs_both_ends(void **state)
{
    (void)state;
    struct net_device *a, *b;
    assert_int_equal(link_create(&wired.nets[0], "a", &wired.nets[1], "b", 1400, NULL, &a, &b), 0);
    assert_int_equal(a->mtu_bytes, 1400);
    assert_int_not_equal(memcmp(&a->mac, &b->mac, 6), 0);
    assert_int_equal(a->mac.bytes[0] & 3, 2);
    device_set_up(a, true);
    assert_int_equal(a->flags & IFF_RUNNING, 0);
    device_set_up(b, true);
    assert_int_equal(a->flags & IFF_RUNNING, IFF_RUNNING);
    assert_int_equal(b->flags & IFF_RUNNING, IFF_RUNNING);
    assert_int_equal(wired.events[DEVICE_CARRIER], 1); /* a's; b's came with its up */
    device_set_up(b, false);
    assert_int_equal(a->flags & IFF_RUNNING, 0);
    struct tcp_shape shape = { .payload_bytes = 1, .flags = TCP_ACK };
    device_transmit(a, wired_tcp(&wired.nets[0], b, &shape));
    assert_int_equal(wired.nets[0].drops[DROP_LINK_DOWN], 1);
}

static void destroying_one_end_takes_the_other(void **state)
{
    (void)state;
    struct net_device *a, *b;
    assert_int_equal(link_create(&wired.nets[0], "a", &wired.nets[1], "b", 0, NULL, &a, &b), 0);
    device_destroy(b);
    assert_null(device_find(&wired.nets[0], "a"));
    assert_int_equal(wired.events[DEVICE_GONE], 2);
}

static void joins_two_machines_by_copying(void **state)
{
    (void)state;
    static struct machine other;
    static struct net far;
    struct net_device *a, *b;
    test_machine_init(&other);
    other.composition = &wired_composition;
    far = (struct net){ .machine = &other, .sysctl.netdev_max_backlog = 1000 };
    list_init(&far.devices);
    assert_int_equal(link_create(&wired.nets[0], "a", &far, "b", 1500, NULL, &a, &b), 0);
    device_set_up(a, true);
    device_set_up(b, true);
    struct tcp_shape shape = { .sequence = 9, .payload_bytes = 700, .flags = TCP_ACK, .is_partial = true, .is_in_head = true };
    device_transmit(a, wired_tcp(&wired.nets[0], b, &shape));
    assert_int_equal(wired.got.count, 0); /* it is the other machine's turn */
    softirq_run(&other);
    struct packet *p = packet_queue_pop(&wired.got);
    assert_ptr_equal(p->machine, &other);
    wired_check_tcp(p, 9, 700);
    packet_consume(p);
    device_destroy(b);
    assert_int_equal(memory_used_bytes(other.memory), 0);
    test_machine_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carrier_needs_both_ends, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(destroying_one_end_takes_the_other, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(joins_two_machines_by_copying, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
