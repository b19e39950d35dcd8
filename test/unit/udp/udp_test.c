#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include "machine/machine.h"
#include "machine/net.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

static int families[] = { AF_INET, AF_INET6 };
#define for_each_family(f) for (int *f = families; f < families + 2; f++)

static int made(int family)
{
    int fd = weir_socket(task, family, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    return fd;
}

static ssize_t send_to(int fd, int family, uint16_t port, const void *data, size_t bytes)
{
    struct sockaddr_storage a;
    socklen_t a_bytes = loopback(&a, family, port);

    return weir_sendto(task, fd, data, bytes, 0, (struct sockaddr *)&a, a_bytes);
}

static void connect_to(int fd, int family, uint16_t port)
{
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, family, port);

    assert_int_equal(weir_connect(task, fd, (struct sockaddr *)&a, bytes), 0);
}

static void expect_nothing(int fd)
{
    char got[8];

    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void echoes_over_loopback(void **state)
{
    (void)state;
    for_each_family(f) {
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof(from);
        char got[32];
        int server = made(*f), client = made(*f);

        bind_loopback(server, *f, 7);
        assert_int_equal(send_to(client, *f, 7, "hello", 5), 5);
        assert_int_equal(weir_recvfrom(task, server, got, sizeof(got), 0, (struct sockaddr *)&from, &from_bytes), 5);
        assert_memory_equal(got, "hello", 5);
        assert_int_equal(from_bytes, *f == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_int_equal(weir_sendto(task, server, "world!", 6, 0, (struct sockaddr *)&from, from_bytes), 6);
        assert_int_equal(weir_recv(task, client, got, sizeof(got), 0), 6);
        assert_memory_equal(got, "world!", 6);
        expect_nothing(client);
        weir_close(task, server);
        weir_close(task, client);
    }
}

static void peek_and_truncation(void **state)
{
    char got[4];
    int server = made(AF_INET), client = made(AF_INET);
    struct iovec v = { got, sizeof(got) };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

    (void)state;
    bind_loopback(server, AF_INET, 9);
    send_to(client, AF_INET, 9, "abcdefgh", 8);
    assert_int_equal(weir_recv(task, server, got, 4, MSG_PEEK), 4);
    assert_int_equal(weir_recv(task, server, got, 4, MSG_PEEK | MSG_TRUNC), 8);
    assert_int_equal(weir_recvmsg(task, server, &m, 0), 4);
    assert_int_equal(m.msg_flags, MSG_TRUNC);
    assert_memory_equal(got, "abcd", 4);
    expect_nothing(server); /* the rest is gone */
    send_to(client, AF_INET, 9, "", 0);
    assert_int_equal(weir_recv(task, server, got, 4, 0), 0); /* an empty datagram is one */
    expect_nothing(server);
}

static void refused_by_icmp(void **state)
{
    (void)state;
    for_each_family(f) {
        int client = made(*f), error = 0;
        socklen_t bytes = sizeof(error);

        connect_to(client, *f, 99);
        assert_int_equal(weir_send(task, client, "x", 1, 0), 1);
        assert_int_equal(weir_getsockopt(task, client, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
        assert_int_equal(error, ECONNREFUSED);
        assert_int_equal(weir_send(task, client, "x", 1, 0), 1);
        assert_int_equal(weir_send(task, client, "x", 1, 0), -1);
        assert_int_equal(errno, ECONNREFUSED);
        weir_close(task, client);
    }
}

static void errors_queue_when_wanted(void **state)
{
    int client = made(AF_INET), on = 1;
    char data[8];
    union { struct cmsghdr first; char room[256]; } control;
    struct sockaddr_in name;
    struct iovec v = { data, sizeof(data) };
    struct msghdr m = { .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

    (void)state;
    assert_int_equal(weir_setsockopt(task, client, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
    assert_int_equal(send_to(client, AF_INET, 99, "abc", 3), 3); /* not connected: still told */
    assert_int_equal(weir_recvmsg(task, client, &m, MSG_ERRQUEUE), 3);
    assert_memory_equal(data, "abc", 3);
    assert_true(m.msg_flags & MSG_ERRQUEUE);
    assert_int_equal(ntohs(name.sin_port), 99);
    assert_int_equal(control.first.cmsg_level, IPPROTO_IP);
    assert_int_equal(control.first.cmsg_type, IP_RECVERR);
    assert_int_equal(control.first.cmsg_len, CMSG_LEN(32));
    assert_int_equal(*(uint32_t *)(void *)CMSG_DATA(&control.first), ECONNREFUSED);
    assert_int_equal(weir_recvmsg(task, client, &m, MSG_ERRQUEUE), -1);
    assert_int_equal(errno, EAGAIN);
}

static void connected_hears_only_its_peer(void **state)
{
    struct sockaddr_storage a;
    socklen_t bytes = sizeof(a);
    int one = made(AF_INET), peer = made(AF_INET), stranger = made(AF_INET);
    char got[8];

    (void)state;
    bind_loopback(one, AF_INET, 50);
    bind_loopback(peer, AF_INET, 51);
    connect_to(one, AF_INET, 51);
    assert_int_equal(send_to(stranger, AF_INET, 50, "no", 2), 2);
    expect_nothing(one);
    assert_int_equal(send_to(peer, AF_INET, 50, "yes", 3), 3);
    assert_int_equal(weir_recv(task, one, got, sizeof(got), 0), 3);
    /* AF_UNSPEC dissolves it; the bound address stays. */
    a.ss_family = AF_UNSPEC;
    assert_int_equal(weir_connect(task, one, (struct sockaddr *)&a, sizeof(struct sockaddr)), 0);
    assert_int_equal(send_to(stranger, AF_INET, 50, "now", 3), 3);
    assert_int_equal(weir_recv(task, one, got, sizeof(got), 0), 3);
    assert_int_equal(weir_getpeername(task, one, (struct sockaddr *)&a, &bytes), -1);
    assert_int_equal(errno, ENOTCONN);
}

static void dual_stack_sees_mapped(void **state)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(60) }, from;
    socklen_t bytes = sizeof(from);
    int server = made(AF_INET6), client = made(AF_INET), other = made(AF_INET), on = 1;
    char got[8];

    (void)state;
    assert_int_equal(weir_bind(task, server, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(send_to(client, AF_INET, 60, "v4", 2), 2);
    assert_int_equal(weir_recvfrom(task, server, got, sizeof(got), 0, (struct sockaddr *)&from, &bytes), 2);
    assert_true(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    assert_int_equal(weir_sendto(task, server, "back", 4, 0, (struct sockaddr *)&from, bytes), 4);
    assert_int_equal(weir_recv(task, client, got, sizeof(got), 0), 4);
    /* An IPv4 sock on its own port 61 leaves IPv6's alone when that is v6only. */
    weir_close(task, server);
    server = made(AF_INET6);
    assert_int_equal(weir_setsockopt(task, server, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
    assert_int_equal(weir_bind(task, server, (struct sockaddr *)&any, sizeof(any)), 0);
    bind_loopback(other, AF_INET, 60);
}

static void sizes_have_limits(void **state)
{
    static char big[65536];
    int fd = made(AF_INET), six = made(AF_INET6), policy = IP_PMTUDISC_DO;

    (void)state;
    bind_loopback(fd, AF_INET, 70);
    assert_int_equal(send_to(fd, AF_INET, 70, big, 65507), 65507);
    assert_int_equal(weir_recv(task, fd, big, sizeof(big), 0), 65507);
    assert_int_equal(send_to(fd, AF_INET, 70, big, 65508), -1);
    assert_int_equal(errno, EMSGSIZE);
    bind_loopback(six, AF_INET6, 70);
    assert_int_equal(send_to(six, AF_INET6, 70, big, 65527), 65527);
    assert_int_equal(weir_recv(task, six, big, sizeof(big), 0), 65527);
    assert_int_equal(send_to(six, AF_INET6, 70, big, 65528), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(weir_setsockopt(task, fd, IPPROTO_IP, IP_MTU_DISCOVER, &policy, sizeof(policy)), 0);
    assert_int_equal(send_to(fd, AF_INET, 70, big, 65507), 65507); /* lo's MTU is 65536 */
    assert_int_equal(send_to(fd, AF_INET, 0, big, 1), -1);
    assert_int_equal(errno, EINVAL); /* port 0 */
    assert_int_equal(weir_send(task, fd, big, 1, 0), -1);
    assert_int_equal(errno, EDESTADDRREQ);
}

static void cork_joins(void **state)
{
    struct sockaddr_storage a;
    int fd = made(AF_INET), to = made(AF_INET), on = 1, off = 0;
    socklen_t bytes = loopback(&a, AF_INET, 80);
    char got[32];

    (void)state;
    bind_loopback(to, AF_INET, 80);
    assert_int_equal(weir_sendto(task, fd, "one ", 4, MSG_MORE, (struct sockaddr *)&a, bytes), 4);
    expect_nothing(to);
    assert_int_equal(weir_sendto(task, fd, "two", 3, 0, (struct sockaddr *)&a, bytes), 3);
    assert_int_equal(weir_recv(task, to, got, sizeof(got), 0), 7);
    assert_memory_equal(got, "one two", 7);
    connect_to(fd, AF_INET, 80);
    assert_int_equal(weir_setsockopt(task, fd, SOL_UDP, UDP_CORK, &on, sizeof(on)), 0);
    weir_send(task, fd, "a", 1, 0);
    weir_send(task, fd, "b", 1, 0);
    expect_nothing(to);
    assert_int_equal(weir_setsockopt(task, fd, SOL_UDP, UDP_CORK, &off, sizeof(off)), 0);
    assert_int_equal(weir_recv(task, to, got, sizeof(got), 0), 2);
}

static void segments(void **state)
{
    char data[2500], got[3000];
    int segment = 1000;
    union { struct cmsghdr first; char room[64]; } control;
    struct iovec v = { got, sizeof(got) };

    (void)state;
    memset(data, 'x', sizeof(data));
    data[2400] = 'y';
    for_each_family(f) {
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        int from = made(*f), to = made(*f), on = 1;

        bind_loopback(to, *f, 90);
        assert_int_equal(weir_setsockopt(task, from, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
        assert_int_equal(send_to(from, *f, 90, data, sizeof(data)), sizeof(data));
        assert_int_equal(weir_recv(task, to, got, sizeof(got), 0), 1000);
        assert_int_equal(weir_recv(task, to, got, sizeof(got), 0), 1000);
        assert_int_equal(weir_recv(task, to, got, sizeof(got), 0), 500);
        assert_int_equal(got[400], 'y');
        expect_nothing(to);
        assert_int_equal(weir_setsockopt(task, to, SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
        assert_int_equal(send_to(from, *f, 90, data, sizeof(data)), sizeof(data));
        assert_int_equal(weir_recvmsg(task, to, &m, 0), sizeof(data));
        assert_int_equal(control.first.cmsg_type, UDP_GRO);
        assert_int_equal(*(int *)(void *)CMSG_DATA(&control.first), 1000);
        weir_close(task, from);
        weir_close(task, to);
    }
}

static void reuse_port_spreads(void **state)
{
    int servers[4], on = 1, got_any = 0;
    char got[8];

    (void)state;
    for (int i = 0; i < 4; i++) {
        servers[i] = made(AF_INET);
        assert_int_equal(weir_setsockopt(task, servers[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
        bind_loopback(servers[i], AF_INET, 100);
    }
    for (int i = 0; i < 64; i++) {
        int client = made(AF_INET);

        assert_int_equal(send_to(client, AF_INET, 100, "x", 1), 1);
        assert_int_equal(send_to(client, AF_INET, 100, "x", 1), 1); /* the same flow meets the same sock */
        weir_close(task, client);
    }
    for (int i = 0; i < 4; i++) {
        int n = 0;

        while (weir_recv(task, servers[i], got, sizeof(got), 0) == 1) n++;
        assert_int_equal(n % 2, 0);
        assert_true(n > 0);
        got_any += n;
    }
    assert_int_equal(got_any, 128);
}

static void buffer_limit_counts_drops(void **state)
{
    int to = made(AF_INET), from = made(AF_INET), small = 2304, received = 0;
    char got[8];

    (void)state;
    bind_loopback(to, AF_INET, 110);
    assert_int_equal(weir_setsockopt(task, to, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    for (int i = 0; i < 50; i++) assert_int_equal(send_to(from, AF_INET, 110, "x", 1), 1);
    while (weir_recv(task, to, got, sizeof(got), 0) == 1) received++;
    assert_int_equal(received, 5); /* as Linux 6.18 with the same buffer */
}

/* net.ipv4.udp_mem is for all socks together; below udp_rmem_min each still gets something. */
static void memory_of_all(void **state)
{
    static char big[60000];
    int from = made(AF_INET), received[2] = { 0, 0 }, large = 1 << 20;
    char got[8];

    (void)state;
    assert_true(weir_proc_write(task, "sys/net/ipv4/udp_mem", "1 1 1", 5) >= 0);
    for (int i = 0; i < 2; i++) {
        int to = made(AF_INET);

        bind_loopback(to, AF_INET, (uint16_t)(140 + i));
        weir_setsockopt(task, to, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
        for (int n = 0; n < 10; n++) send_to(from, AF_INET, (uint16_t)(140 + i), big, i ? 100 : sizeof(big));
        if (!i) continue;
        while (weir_recv(task, to, got, sizeof(got), 0) > 0) received[i]++;
    }
    assert_in_range(received[1], 4, 6); /* of ten: until udp_rmem_min is used */
}

static void groups(void **state)
{
    struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons(120), .sin_addr = { htonl(0xe0010203) } };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(120) };
    struct ip_mreqn join = { .imr_multiaddr = group.sin_addr, .imr_ifindex = 1 };
    int one = made(AF_INET), two = made(AF_INET), from = made(AF_INET), on = 1, off = 0;
    char got[8];

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = i ? two : one;

        assert_int_equal(weir_setsockopt(task, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(weir_bind(task, fd, (struct sockaddr *)&any, sizeof(any)), 0);
        assert_int_equal(weir_setsockopt(task, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
        assert_int_equal(weir_setsockopt(task, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), -1);
        assert_int_equal(errno, EADDRINUSE);
    }
    bind_loopback(from, AF_INET, 121);
    assert_int_equal(weir_setsockopt(task, from, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof(join)), 0);
    assert_int_equal(weir_sendto(task, from, "all", 3, 0, (struct sockaddr *)&group, sizeof(group)), 3);
    assert_int_equal(weir_recv(task, one, got, sizeof(got), 0), 3);
    assert_int_equal(weir_recv(task, two, got, sizeof(got), 0), 3);
    expect_nothing(one); /* once, though the loopback also brings it back */
    assert_int_equal(weir_setsockopt(task, two, IPPROTO_IP, IP_DROP_MEMBERSHIP, &join, sizeof(join)), 0);
    assert_int_equal(weir_setsockopt(task, two, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)), 0);
    assert_int_equal(weir_sendto(task, from, "one", 3, 0, (struct sockaddr *)&group, sizeof(group)), 3);
    assert_int_equal(weir_recv(task, one, got, sizeof(got), 0), 3);
    expect_nothing(two);
}

/* Memory for the copy of one of two receivers is lacking: counted as what a full buffer loses. */
static void a_group_without_memory(void **state)
{
    struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons(120), .sin_addr = { htonl(0xe0010203) } };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(120) };
    struct ip_mreqn join = { .imr_multiaddr = group.sin_addr, .imr_ifindex = 1 };
    int receivers[2] = { made(AF_INET), made(AF_INET) }, from = made(AF_INET), on = 1;
    uint64_t lost = 0, *mib = ((struct machine *)(void *)machine)->initial_net->mib;
    char got[8];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_setsockopt(task, receivers[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(weir_bind(task, receivers[i], (struct sockaddr *)&any, sizeof(any)), 0);
        assert_int_equal(weir_setsockopt(task, receivers[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
    }
    assert_int_equal(weir_setsockopt(task, from, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof(join)), 0);
    for (uint64_t nth = 1; nth <= 12; nth++) {
        weir_machine_fail_allocation(machine, nth);
        ssize_t sent = weir_sendto(task, from, "all", 3, 0, (struct sockaddr *)&group, sizeof(group));
        weir_machine_fail_allocation(machine, 0);
        int heard = 0;
        for (int i = 0; i < 2; i++) heard += weir_recv(task, receivers[i], got, sizeof(got), MSG_DONTWAIT) == 3;
        lost += sent == 3 && heard == 1;
    }
    assert_true(lost > 0);
    assert_int_equal(mib[MIB_Udp_RcvbufErrors], lost);
    assert_int_equal(mib[MIB_Udp_InErrors], lost);
}

static void control_messages(void **state)
{
    (void)state;
    for_each_family(f) {
        int level = *f == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, on = 1;
        int name = *f == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, type = *f == AF_INET ? IP_PKTINFO : IPV6_PKTINFO;
        int to = made(*f), from = made(*f);
        char got[8];
        union { struct cmsghdr first; char room[256]; } control;
        struct iovec v = { got, sizeof(got) };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        const struct cmsghdr *second;

        bind_loopback(to, *f, 130);
        assert_int_equal(weir_setsockopt(task, to, level, name, &on, sizeof(on)), 0);
        assert_int_equal(weir_setsockopt(task, to, level, *f == AF_INET ? IP_RECVTTL : IPV6_RECVHOPLIMIT, &on, sizeof(on)), 0);
        assert_int_equal(send_to(from, *f, 130, "x", 1), 1);
        assert_int_equal(weir_recvmsg(task, to, &m, 0), 1);
        assert_int_equal(control.first.cmsg_level, level);
        assert_int_equal(control.first.cmsg_type, type);
        second = CMSG_NXTHDR(&m, &control.first);
        assert_non_null(second);
        assert_int_equal(second->cmsg_type, *f == AF_INET ? IP_TTL : IPV6_HOPLIMIT);
        assert_int_equal(*(const int *)(const void *)CMSG_DATA(second), 64);
        weir_close(task, to);
        weir_close(task, from);
    }
}

/* Each is found, those too that were bound before the table grew. */
static void many_socks_are_all_found(void **state)
{
    enum { MANY = 600, FIRST_PORT = 2000 };
    int fds[MANY], from = made(AF_INET);
    (void)state;
    for (int i = 0; i < MANY; i++) {
        fds[i] = made(AF_INET);
        bind_loopback(fds[i], AF_INET, (uint16_t)(FIRST_PORT + i));
    }
    for (int i = 0; i < MANY; i++) {
        char got[4];
        assert_int_equal(send_to(from, AF_INET, (uint16_t)(FIRST_PORT + i), "x", 1), 1);
        assert_int_equal(weir_recv(task, fds[i], got, sizeof(got), 0), 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echoes_over_loopback), TEST(peek_and_truncation), TEST(refused_by_icmp), TEST(errors_queue_when_wanted),
        TEST(connected_hears_only_its_peer), TEST(dual_stack_sees_mapped), TEST(sizes_have_limits), TEST(cork_joins),
        TEST(segments), TEST(reuse_port_spreads), TEST(buffer_limit_counts_drops), TEST(memory_of_all), TEST(groups), TEST(a_group_without_memory), TEST(control_messages),
        TEST(many_socks_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
