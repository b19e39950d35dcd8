/* One machine behind the library door, for tests of a room through the calls that programs make. */
#ifndef TEST_LIBRARY_NET_H
#define TEST_LIBRARY_NET_H

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <weir/device.h>
#include <weir/machine.h>
#include <weir/socket.h>

#include "ended.h"

static struct weir_env env;
static struct weir_machine *machine;
static struct weir_task *task;
static uint64_t now_ns;

static int library_setup(void **state)
{
    struct weir_machine_config config = { .seed = { 1, 2 }, .start_ns = 1000000000, .wall_ns = 1700000000000000000 };

    (void)state;
    assert_true(weir_env_map(&env, 1ull << 30));
    machine = weir_machine_create(&config, &env);
    assert_non_null(machine);
    task = weir_task_create(machine);
    assert_non_null(task);
    now_ns = config.start_ns;
    return 0;
}

static int library_teardown(void **state)
{
    (void)state;
    weir_task_destroy(task);
    end_machine(machine);
    weir_env_unmap(&env);
    return 0;
}

__attribute__((unused)) static void advance(uint64_t by_ns)
{
    now_ns += by_ns;
    weir_machine_step(machine, now_ns);
}

/* 127.0.0.1 or ::1. Length. */
__attribute__((unused)) static socklen_t loopback(struct sockaddr_storage *out, int family, uint16_t port)
{
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    if (family == AF_INET) memcpy(out, &sin, sizeof(sin));
    else memcpy(out, &sin6, sizeof(sin6));
    return family == AF_INET ? sizeof(sin) : sizeof(sin6);
}

__attribute__((unused)) static void bind_loopback(int fd, int family, uint16_t port)
{
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, family, port);

    assert_true(fd >= 0);
    assert_int_equal(weir_bind(task, fd, (struct sockaddr *)&a, bytes), 0);
}

#endif
