#include "hosts.h"

struct noted { unsigned wakes; uint32_t events; };

static void note(void *ctx, uint32_t events)
{
    struct noted *n = ctx;
    n->wakes++;
    n->events |= events;
}

static void a_watch_tells_until_it_is_taken_away(void **state)
{
    struct host h;
    struct noted n = { 0 };
    struct sockaddr_in a = loopback4(9000);
    (void)state;
    host_open(&h, 1);
    int x = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0), y = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_bind(h.task, x, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_watch(h.task, x, note, &n), 0);
    assert_int_equal(weir_sendto(h.task, y, "hi", 2, 0, (struct sockaddr *)&a, sizeof a), 2);
    assert_int_equal(n.wakes, 1);
    assert_true(n.events & POLLIN);
    assert_int_equal(weir_watch(h.task, x, NULL, NULL), 0);
    assert_int_equal(weir_sendto(h.task, y, "hi", 2, 0, (struct sockaddr *)&a, sizeof a), 2);
    assert_int_equal(n.wakes, 1);
    assert_int_equal(weir_watch(h.task, 77, note, &n), -EBADF);
    assert_int_equal(weir_watch(h.task, x, note, &n), 0);
    assert_int_equal(weir_close(h.task, x), 0); /* the watch goes with it */
    host_close(&h);
}

static void errors_are_told_by_errno(void **state)
{
    struct host h;
    (void)state;
    host_open(&h, 1);
    assert_int_equal(weir_socket(h.task, 1000, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(weir_close(h.task, 3), -1);
    assert_int_equal(errno, EBADF);
    int fd = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_recv(h.task, fd, &fd, 1, 0), -1); /* no call waits */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(weir_syscall(h.task, 100000, (uint64_t[6]){ 0 }), -ENOSYS);
    host_close(&h);
}

static void a_task_that_ends_closes_its_files(void **state)
{
    struct host h;
    struct sockaddr_in a = loopback4(9000);
    (void)state;
    host_open(&h, 1);
    uint64_t before = weir_machine_used_bytes(h.machine);
    struct weir_task *t = weir_task_create(h.machine);
    for (int i = 0; i < 100; i++) assert_int_equal(weir_socket(t, AF_INET, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0), i);
    assert_int_equal(weir_bind(t, 0, (struct sockaddr *)&a, sizeof a), 0);
    weir_task_destroy(t);
    assert_int_equal(weir_machine_used_bytes(h.machine), before);
    int fd = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_bind(h.task, fd, (struct sockaddr *)&a, sizeof a), 0);
    host_close(&h);
}

static void credentials_are_looked_at(void **state)
{
    struct host h;
    struct sockaddr_in a = loopback4(80);
    (void)state;
    host_open(&h, 1);
    weir_task_credentials(h.task, 1000, 1000, 0);
    int fd = weir_socket(h.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(h.task, fd, (struct sockaddr *)&a, sizeof a), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(weir_socket(h.task, AF_INET, SOCK_RAW, IPPROTO_ICMP), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(weir_proc_write(h.task, "sys/net/ipv4/tcp_sack", "0", 1), -EACCES);
    host_close(&h);
}

static void addresses_and_routes_by_name(void **state)
{
    struct host a, b;
    char text[4096];
    (void)state;
    host_open(&a, 1);
    host_open(&b, 2);
    assert_int_equal(weir_link(a.machine, "eth0", b.machine, "eth1", 1400, NULL), 0);
    assert_int_equal(weir_address_add(a.machine, "eth0", "10.1.2.3/24"), 0);
    assert_int_equal(weir_address_add(a.machine, "eth0", "10.1.2.3/24"), -EEXIST);
    assert_int_equal(weir_address_add(a.machine, "eth0", "10.1.2.300/24"), -EINVAL);
    assert_int_equal(weir_address_add(a.machine, "none", "10.1.2.3/24"), -ENODEV);
    assert_int_equal(weir_route_add(a.machine, "default", "10.1.2.1", NULL), 0);
    assert_int_equal(weir_route_add(a.machine, "10.9.0.0/16", NULL, "eth0"), 0);
    assert_int_equal(weir_route_add(a.machine, "10.9.0.0/16", NULL, "eth9"), -ENODEV);
    long length = weir_proc_read(a.task, "net/route", text, sizeof text);
    assert_true(length > 0 && length < (long)sizeof text);
    text[length] = 0;
    assert_non_null(strstr(text, "eth0\t00000000\t0102010A\t0003\t"));
    assert_non_null(strstr(text, "eth0\t0000090A\t00000000\t0001\t"));
    assert_non_null(strstr(text, "eth0\t0002010A\t00000000\t0001\t"));
    host_close(&a);
    host_close(&b);
}

static bool take_nothing(void *ctx, const void *frame, size_t bytes)
{
    (void)ctx, (void)frame, (void)bytes;
    return false;
}

static void nonsense_is_refused_and_nothing_may_be_destroyed(void **state)
{
    struct host a;
    const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
    (void)state;
    host_open(&a, 1);
    assert_int_equal(weir_port_create(a.machine, "e0", mac, 67, take_nothing, NULL), -EINVAL);
    assert_int_equal(weir_port_create(a.machine, "e0", mac, 65536, take_nothing, NULL), -EINVAL);
    assert_int_equal(weir_port_create(a.machine, "e0", mac, 68, take_nothing, NULL), 0);
    assert_int_equal(weir_port_create(a.machine, "e1", mac, 0, take_nothing, NULL), 0);
    weir_task_destroy(NULL);
    weir_machine_destroy(NULL);
    host_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_tells_until_it_is_taken_away), cmocka_unit_test(errors_are_told_by_errno),
        cmocka_unit_test(a_task_that_ends_closes_its_files), cmocka_unit_test(credentials_are_looked_at),
        cmocka_unit_test(addresses_and_routes_by_name), cmocka_unit_test(nonsense_is_refused_and_nothing_may_be_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
