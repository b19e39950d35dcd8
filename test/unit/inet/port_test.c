#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "library_net.h"

static uint16_t port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t bytes = sizeof(a);

    assert_int_equal(weir_getsockname(task, fd, (struct sockaddr *)&a, &bytes), 0);
    return ntohs(a.sin_port);
}

static int bound(int type, uint32_t address, uint16_t port, int reuse_address, int reuse_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(address) } };
    int fd = weir_socket(task, AF_INET, type, 0);

    assert_true(fd >= 0);
    weir_setsockopt(task, fd, SOL_SOCKET, SO_REUSEADDR, &reuse_address, sizeof(int));
    weir_setsockopt(task, fd, SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof(int));
    if (weir_bind(task, fd, (struct sockaddr *)&a, sizeof(a)) == 0) return fd;
    weir_close(task, fd);
    return -1;
}

static void set_range(int low, int high)
{
    char text[32];
    int bytes = snprintf(text, sizeof(text), "%d %d", low, high);

    assert_true(weir_proc_write(task, "sys/net/ipv4/ip_local_port_range", text, (size_t)bytes) >= 0);
}

/* Linux: bind(0) begins at odd offsets of the range, connect() at even ones. */
static void picked_ports_are_odd_offsets(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        uint16_t port = port_of(bound(SOCK_STREAM, INADDR_LOOPBACK, 0, 0, 0));

        assert_in_range(port, 32768, 60999);
        assert_int_equal((port - 32768) % 2, 1);
    }
}

static void every_port_of_the_range_can_be_had(void **state)
{
    uint32_t seen = 0;
    int fd;

    (void)state;
    set_range(40000, 40007);
    for (int i = 0; i < 8; i++) {
        fd = bound(SOCK_STREAM, INADDR_LOOPBACK, 0, 0, 0);
        assert_true(fd >= 0);
        seen |= 1u << (port_of(fd) - 40000);
    }
    assert_int_equal(seen, 0xff);
    assert_int_equal(bound(SOCK_STREAM, INADDR_LOOPBACK, 0, 0, 0), -1);
    assert_int_equal(errno, EADDRINUSE);
    weir_close(task, fd);
    assert_true(bound(SOCK_STREAM, INADDR_LOOPBACK, 0, 0, 0) >= 0);
    assert_true(bound(SOCK_DGRAM, INADDR_LOOPBACK, 0, 0, 0) >= 0); /* UDP counts its own */
}

static void reserved_ports_are_left_out(void **state)
{
    (void)state;
    set_range(40000, 40003);
    assert_true(weir_proc_write(task, "sys/net/ipv4/ip_local_reserved_ports", "40001-40002", 11) >= 0);
    for (int i = 0; i < 2; i++) {
        uint16_t port = port_of(bound(SOCK_DGRAM, INADDR_LOOPBACK, 0, 0, 0));

        assert_true(port == 40000 || port == 40003);
    }
    assert_int_equal(bound(SOCK_DGRAM, INADDR_LOOPBACK, 0, 0, 0), -1);
    assert_true(bound(SOCK_DGRAM, INADDR_LOOPBACK, 40001, 0, 0) >= 0); /* by name they may be had */
}

static void reuse_address_stops_at_listeners(void **state)
{
    int first = bound(SOCK_STREAM, INADDR_ANY, 500, 1, 0), second = bound(SOCK_STREAM, INADDR_ANY, 500, 1, 0);

    (void)state;
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(weir_listen(task, first, 5), 0);
    assert_int_equal(weir_listen(task, second, 5), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(bound(SOCK_STREAM, INADDR_LOOPBACK, 500, 1, 0), -1);
    weir_close(task, first);
    assert_int_equal(weir_listen(task, second, 5), 0);
}

static void reuse_port_is_for_one_user(void **state)
{
    (void)state;
    assert_true(bound(SOCK_STREAM, INADDR_ANY, 2500, 0, 1) >= 0);
    assert_true(bound(SOCK_STREAM, INADDR_ANY, 2500, 0, 1) >= 0);
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(bound(SOCK_STREAM, INADDR_ANY, 2500, 0, 1), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(bound(SOCK_STREAM, INADDR_ANY, 80, 0, 1), -1);
    assert_int_equal(errno, EACCES);
}

static void interfaces_keep_claims_apart(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(600) };
    int on_lo = weir_socket(task, AF_INET, SOCK_DGRAM, 0), anywhere = weir_socket(task, AF_INET, SOCK_DGRAM, 0);

    (void)state;
    assert_int_equal(weir_setsockopt(task, on_lo, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
    assert_int_equal(weir_bind(task, on_lo, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(weir_bind(task, anywhere, (struct sockaddr *)&a, sizeof(a)), -1); /* unbound overlaps with all */
    assert_int_equal(errno, EADDRINUSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(picked_ports_are_odd_offsets), TEST(every_port_of_the_range_can_be_had), TEST(reserved_ports_are_left_out),
        TEST(reuse_address_stops_at_listeners), TEST(reuse_port_is_for_one_user), TEST(interfaces_keep_claims_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
