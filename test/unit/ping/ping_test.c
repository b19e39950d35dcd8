#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include <linux/icmp.h>

static int setup(void **state)
{
    library_setup(state);
    assert_true(weir_proc_write(task, "sys/net/ipv4/ping_group_range", "0 100", 5) >= 0);
    return 0;
}

static void echoes(int family, int protocol, uint8_t request, uint8_t reply)
{
    struct icmphdr echo = { .type = request, .un.echo = { .id = 0xffff, .sequence = htons(9) } }, got;
    struct sockaddr_storage a, name;
    socklen_t bytes = loopback(&a, family, 0), name_bytes = sizeof(name);
    int fd = weir_socket(task, family, SOCK_DGRAM, protocol);

    assert_true(fd >= 0);
    assert_int_equal(weir_sendto(task, fd, &echo, sizeof(echo), 0, (struct sockaddr *)&a, bytes), sizeof(echo));
    assert_int_equal(weir_recv(task, fd, &got, sizeof(got), 0), sizeof(got));
    assert_int_equal(got.type, reply);
    assert_int_equal(got.un.echo.sequence, htons(9));
    assert_int_equal(weir_getsockname(task, fd, (struct sockaddr *)&name, &name_bytes), 0);
    assert_int_equal(got.un.echo.id, ((struct sockaddr_in *)&name)->sin_port); /* the identifier is ours, not the program's */
    assert_int_equal(weir_recv(task, fd, &got, sizeof(got), 0), -1);           /* the request itself is not shown */
    echo.type = reply;
    assert_int_equal(weir_sendto(task, fd, &echo, sizeof(echo), 0, (struct sockaddr *)&a, bytes), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(weir_sendto(task, fd, &echo, 7, 0, (struct sockaddr *)&a, bytes), -1);
    assert_int_equal(errno, EINVAL);
}

static void echo_and_reply(void **state)
{
    (void)state;
    echoes(AF_INET, IPPROTO_ICMP, 8, 0);
    echoes(AF_INET6, IPPROTO_ICMPV6, 128, 129);
}

static void identifiers_are_ports(void **state)
{
    int one = weir_socket(task, AF_INET, SOCK_DGRAM, IPPROTO_ICMP), two = weir_socket(task, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, AF_INET, 300);
    int off = 0;

    (void)state;
    assert_int_equal(weir_bind(task, one, (struct sockaddr *)&a, bytes), 0);
    assert_int_equal(weir_setsockopt(task, two, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)), 0);
    assert_int_equal(weir_bind(task, two, (struct sockaddr *)&a, bytes), -1);
    assert_int_equal(errno, EADDRINUSE);
    weir_close(task, one);
    assert_int_equal(weir_bind(task, two, (struct sockaddr *)&a, bytes), 0);
}

static void only_for_the_groups_named(void **state)
{
    (void)state;
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(weir_socket(task, AF_INET, SOCK_DGRAM, IPPROTO_ICMP), -1);
    assert_int_equal(errno, EACCES);
    weir_task_credentials(task, 1000, 100, 0);
    assert_true(weir_socket(task, AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(echo_and_reply), TEST(identifiers_are_ports), TEST(only_for_the_groups_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
