#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/capture.h"
#include "device/link.h"
#include "device/tap.h"

static struct net_device *loopback(void)
{
    int error;
    struct net_device *d = device_create(&wired.nets[0], &loopback_device_ops, "lo", NULL, &error);
    assert_non_null(d);
    return d;
}

static bool accept_all(void *ctx, struct packet *p) { (void)ctx; (void)p; return true; }

static struct net_device *tap(const char *name, int *error)
{
    struct tap_config config = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .send = accept_all };
    return device_create(&wired.nets[0], &tap_device_ops, name, &config, error);
}

static void names_are_chosen_and_checked_as_linux_does(void **state)
{
    (void)state;
    int error;
    struct net_device *lo = loopback();
    assert_int_equal(lo->ifindex, 1);
    struct net_device *a = tap("eth%d", &error), *b = tap("eth%d", &error);
    assert_string_equal(a->name, "eth0");
    assert_string_equal(b->name, "eth1");
    assert_int_equal(b->ifindex, 3);
    device_destroy(a);
    a = tap("eth%d", &error);
    assert_string_equal(a->name, "eth0"); /* the number is free again, the index is not */
    assert_int_equal(a->ifindex, 4);
    static const struct { const char *name; int error; } bad[] = {
        { "", -EINVAL }, { "a/b", -EINVAL }, { "a b", -EINVAL }, { ".", -EINVAL }, { "..", -EINVAL }, { "a:1", -EINVAL },
        { "sixteen-letters-", -EINVAL }, { "eth0", -EEXIST }, { "x%s", -EINVAL }, { "%d%d", -EINVAL },
    };
    for (size_t i = 0; i < array_count(bad); i++) {
        assert_null(tap(bad[i].name, &error));
        assert_int_equal(error, bad[i].error);
    }
    assert_ptr_equal(device_find(&wired.nets[0], "eth1"), b);
    assert_null(device_find(&wired.nets[0], "eth2"));
    assert_ptr_equal(device_by_index(&wired.nets[0], 3), b);
    assert_null(device_by_index(&wired.nets[0], 2));
}

static void up_down_and_mtu_are_told_once(void **state)
{
    (void)state;
    struct net_device *d = loopback();
    assert_int_equal(wired.events[DEVICE_CREATED], 1);
    assert_int_equal(device_set_up(d, true), 0);
    assert_int_equal(device_set_up(d, true), 0);
    assert_int_equal(wired.events[DEVICE_UP], 1);
    assert_int_equal(d->flags & (IFF_UP | IFF_RUNNING), IFF_UP | IFF_RUNNING);
    assert_int_equal(device_set_mtu(d, 65536), 0);
    assert_int_equal(wired.events[DEVICE_MTU], 0);
    assert_int_equal(device_set_mtu(d, 1500), 0);
    assert_int_equal(wired.events[DEVICE_MTU], 1);
    device_set_up(d, false);
    assert_int_equal(wired.events[DEVICE_DOWN], 1);
    assert_int_equal(d->flags & (IFF_UP | IFF_RUNNING), 0);
    int error;
    struct net_device *t = tap("t", &error);
    assert_int_equal(device_set_mtu(t, 67), -EINVAL);
    assert_int_equal(device_set_mtu(t, 65536), -EINVAL);
    assert_int_equal(device_set_mtu(t, 68), 0);
    device_get(t);
    device_destroy(t);
    assert_int_equal(wired.events[DEVICE_GONE], 1);
    assert_null(device_find(&wired.nets[0], "t"));
    assert_int_equal(device_set_up(t, true), -ENODEV);
    device_put(t);
}

static void failed_allocations_leave_nothing(void **state)
{
    (void)state;
    struct memory *m = wired.machine.memory;
    int error;
    uint64_t used = memory_used_bytes(m);
    struct net_device *a, *b;
    struct impairment_config faults = { .loss = 1 };
    for (uint64_t n = 1; n <= 6; n++) {
        memory_fail_at(m, memory_alloc_count(m) + n);
        assert_int_equal(link_create(&wired.nets[0], "a", &wired.nets[1], "b", 1500, &faults, &a, &b), -ENOMEM);
        assert_int_equal(memory_used_bytes(m), used);
    }
    memory_fail_at(m, memory_alloc_count(m) + 1);
    assert_null(tap("t", &error));
    assert_int_equal(error, -ENOMEM);
}

struct watcher { struct capture capture; unsigned in, out, bytes; };

static void watch(struct capture *c, struct net_device *d, const struct packet *p, bool is_outgoing)
{
    struct watcher *w = container_of(c, struct watcher, capture);
    (void)d;
    if (is_outgoing) w->out++;
    else w->in++;
    w->bytes += packet_bytes(p);
}

static void captures_see_both_ways_until_removed(void **state)
{
    (void)state;
    struct net_device *d = loopback();
    struct watcher w = { .capture.see = watch };
    device_set_up(d, true);
    capture_add(d, &w.capture);
    struct tcp_shape shape = { .payload_bytes = 10, .flags = TCP_ACK };
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(w.in, 1);
    assert_int_equal(w.out, 1);
    assert_int_equal(w.bytes, 2 * (14 + 20 + 32 + 10));
    capture_remove(&w.capture);
    device_transmit(d, wired_tcp(&wired.nets[0], d, &shape));
    assert_int_equal(w.in + w.out, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_chosen_and_checked_as_linux_does, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(up_down_and_mtu_are_told_once, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(failed_allocations_leave_nothing, wired_setup, wired_teardown),
        cmocka_unit_test_setup_teardown(captures_see_both_ways_until_removed, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
