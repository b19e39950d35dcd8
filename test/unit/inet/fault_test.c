/* Every allocation fails once: nothing breaks, nothing stays behind, and the next try works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include "machine/machine.h"
#include <linux/filter.h>
#include <linux/rtnetlink.h>

static struct memory *memory_of_machine(void)
{
    return ((struct machine *)machine)->memory;
}

static void join(int fd, int family)
{
    struct ip_mreqn m = { .imr_multiaddr = { htonl(0xe0010203) }, .imr_ifindex = 1 };
    struct ipv6_mreq m6 = { .ipv6mr_multiaddr = { { { 0xff, 0x12, [15] = 9 } } }, .ipv6mr_interface = 1 };

    if (family == AF_INET) weir_setsockopt(task, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
    else weir_setsockopt(task, fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof(m6));
}

static bool use_datagrams(int family)
{
    struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 100) };
    struct sock_fprog program = { 1, code };
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, family, 7);
    int server = weir_socket(task, family, SOCK_DGRAM, 0), client = weir_socket(task, family, SOCK_DGRAM, 0), on = 1;
    char got[64];
    bool arrived;

    weir_bind(task, server, (struct sockaddr *)&a, bytes);
    weir_setsockopt(task, client, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
    weir_setsockopt(task, server, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    weir_setsockopt(task, client, IPPROTO_IP, IP_OPTIONS, "\1\1\1\1", 4);
    join(server, family);
    weir_sendto(task, client, "corked ", 7, MSG_MORE, (struct sockaddr *)&a, bytes);
    weir_sendto(task, client, "together", 8, 0, (struct sockaddr *)&a, bytes);
    arrived = weir_recv(task, server, got, sizeof(got), 0) == 15;
    bytes = loopback(&a, family, 99);
    weir_connect(task, client, (struct sockaddr *)&a, bytes);
    weir_send(task, client, "refused", 7, 0);
    weir_recv(task, client, got, sizeof(got), MSG_ERRQUEUE);
    weir_close(task, server);
    weir_close(task, client);
    return arrived;
}

static bool use_raw(int family)
{
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, family, 0);
    int fd = weir_socket(task, family, SOCK_RAW, 200);
    char got[64];
    bool arrived;

    weir_sendto(task, fd, "data", 4, 0, (struct sockaddr *)&a, bytes);
    arrived = weir_recv(task, fd, got, sizeof(got), 0) > 0;
    weir_close(task, fd);
    return arrived;
}

static bool use_netlink(void)
{
    struct { struct nlmsghdr h; struct ifinfomsg i; } request = { { sizeof(request), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, { 0 } };
    int fd = weir_socket(task, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    char got[4096];
    bool arrived;

    weir_send(task, fd, &request, sizeof(request), 0);
    arrived = weir_recv(task, fd, got, sizeof(got), 0) > 500;
    weir_close(task, fd);
    return arrived;
}

static bool use_all(void)
{
    int good = use_datagrams(AF_INET) + use_raw(AF_INET) + use_datagrams(AF_INET6) + use_raw(AF_INET6) + use_netlink();

    return good == 5; /* all are used, whatever fails */
}

static void each_allocation_fails_once(void **state)
{
    uint64_t before, total, used;

    (void)state;
    assert_true(use_all());
    advance(1000000000000);
    used = memory_used_bytes(memory_of_machine());
    before = memory_alloc_count(memory_of_machine());
    assert_true(use_all());
    total = memory_alloc_count(memory_of_machine()) - before;
    assert_true(total > 30);
    for (uint64_t k = 1; k <= total; k++) {
        memory_fail_at(memory_of_machine(), memory_alloc_count(memory_of_machine()) + k);
        use_all();
        memory_fail_at(memory_of_machine(), 0);
        assert_true(use_all());
        advance(1000000000000);
        assert_int_equal(memory_used_bytes(memory_of_machine()), used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(each_allocation_fails_once, library_setup, library_teardown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
