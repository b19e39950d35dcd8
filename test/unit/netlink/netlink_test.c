#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "library_net.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

static union { struct nlmsghdr header; uint8_t bytes[32768]; } answer;

static int opened(int protocol)
{
    int fd = weir_socket(task, AF_NETLINK, SOCK_RAW, protocol);

    assert_true(fd >= 0);
    return fd;
}

static ssize_t ask(int fd, uint16_t type, uint16_t flags, const void *body, size_t bytes)
{
    struct { struct nlmsghdr h; uint8_t body[256]; } request = { .h = { (uint32_t)(sizeof(struct nlmsghdr) + bytes), type, (uint16_t)(NLM_F_REQUEST | flags), 42, 0 } };
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

    memcpy(request.body, body, bytes);
    if (weir_sendto(task, fd, &request, request.h.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) return -1;
    return weir_recv(task, fd, answer.bytes, sizeof(answer.bytes), 0);
}

/* The NLMSG_ERROR's error. */
static int error_of(ssize_t bytes)
{
    assert_true(bytes >= (ssize_t)(sizeof(struct nlmsghdr) + sizeof(int)));
    assert_int_equal(answer.header.nlmsg_type, NLMSG_ERROR);
    return -*(int *)(void *)NLMSG_DATA(&answer.header);
}

static const struct rtattr *attribute(const struct nlmsghdr *h, size_t header_bytes, unsigned short type)
{
    const uint8_t *at = (const uint8_t *)h + NLMSG_HDRLEN + NLMSG_ALIGN(header_bytes), *end = (const uint8_t *)h + h->nlmsg_len;

    while (at < end) {
        const struct rtattr *a = (const struct rtattr *)(const void *)at;

        if (a->rta_type == type) return a;
        at += RTA_ALIGN(a->rta_len);
    }
    return NULL;
}

static void link_dump(void **state)
{
    struct ifinfomsg h = { 0 };
    int fd = opened(NETLINK_ROUTE);
    ssize_t bytes = ask(fd, RTM_GETLINK, NLM_F_DUMP, &h, sizeof(h));
    const struct ifinfomsg *link = NLMSG_DATA(&answer.header);
    const struct nlmsghdr *next;

    (void)state;
    assert_true(bytes > 0);
    assert_int_equal(answer.header.nlmsg_type, RTM_NEWLINK);
    assert_int_equal(answer.header.nlmsg_seq, 42);
    assert_true(answer.header.nlmsg_flags & NLM_F_MULTI);
    assert_int_equal(link->ifi_index, 1);
    assert_string_equal(RTA_DATA(attribute(&answer.header, sizeof(h), IFLA_IFNAME)), "lo");
    assert_int_equal(*(uint32_t *)RTA_DATA(attribute(&answer.header, sizeof(h), IFLA_MTU)), 65536);
    next = (const struct nlmsghdr *)(const void *)(answer.bytes + NLMSG_ALIGN(answer.header.nlmsg_len));
    assert_int_equal(next->nlmsg_type, NLMSG_DONE);
}

static void missing_link_is_an_error(void **state)
{
    struct ifinfomsg h = { .ifi_index = 99 };
    int fd = opened(NETLINK_ROUTE);

    (void)state;
    assert_int_equal(error_of(ask(fd, RTM_GETLINK, 0, &h, sizeof(h))), ENODEV);
    assert_int_equal(answer.header.nlmsg_len, 16 + 4 + 16 + sizeof(h)); /* with the whole request */
    h.ifi_index = 0;
    assert_int_equal(error_of(ask(fd, RTM_GETLINK, 0, &h, sizeof(h))), EINVAL);
    assert_int_equal(error_of(ask(fd, RTM_GETTCLASS, NLM_F_ACK, &h, sizeof(h))), EOPNOTSUPP);
}

struct address_request { struct ifaddrmsg h; struct rtattr a; uint32_t address; };

static void addresses_come_and_go(void **state)
{
    struct address_request r = { { AF_INET, 24, 0, 0, 1 }, { 8, IFA_LOCAL }, htonl(0x0a010203) };
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = { htonl(0x0a010203) } };
    int fd = opened(NETLINK_ROUTE);

    (void)state;
    assert_int_equal(weir_bind(task, weir_socket(task, AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&sin, sizeof(sin)), -1);
    assert_int_equal(error_of(ask(fd, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &r, sizeof(r))), 0);
    assert_int_equal(weir_bind(task, weir_socket(task, AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(error_of(ask(fd, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &r, sizeof(r))), EEXIST);
    assert_int_equal(error_of(ask(fd, RTM_DELADDR, NLM_F_ACK, &r, sizeof(r))), 0);
    assert_int_equal(error_of(ask(fd, RTM_DELADDR, NLM_F_ACK, &r, sizeof(r))), EADDRNOTAVAIL);
    assert_int_equal(weir_bind(task, weir_socket(task, AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&sin, sizeof(sin)), -1);
}

static void changes_need_the_capability(void **state)
{
    struct address_request r = { { AF_INET, 24, 0, 0, 1 }, { 8, IFA_LOCAL }, htonl(0x0a010203) };
    int fd = opened(NETLINK_ROUTE);

    (void)state;
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(error_of(ask(fd, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &r, sizeof(r))), EPERM);
}

static void route_get(void **state)
{
    struct { struct rtmsg h; struct rtattr a; uint32_t to; } r = { { .rtm_family = AF_INET, .rtm_dst_len = 32 }, { 8, RTA_DST }, htonl(0x7f000009) };
    int fd = opened(NETLINK_ROUTE);
    const struct rtmsg *got = NLMSG_DATA(&answer.header);

    (void)state;
    assert_true(ask(fd, RTM_GETROUTE, 0, &r, sizeof(r)) > 0);
    assert_int_equal(answer.header.nlmsg_type, RTM_NEWROUTE);
    assert_int_equal(got->rtm_type, RTN_LOCAL);
    assert_int_equal(*(uint32_t *)RTA_DATA(attribute(&answer.header, sizeof(r.h), RTA_OIF)), 1);
    r.to = htonl(0x08080808);
    assert_int_equal(error_of(ask(fd, RTM_GETROUTE, 0, &r, sizeof(r))), ENETUNREACH);
}

/* Two hundred sockets take several packets; each is shown once. */
static void long_dumps_go_on(void **state)
{
    struct inet_diag_req_v2 r = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_UDP, .idiag_states = ~0u };
    int fd = opened(NETLINK_SOCK_DIAG), seen[200] = { 0 }, packets = 0;
    bool done = false;
    ssize_t bytes;

    (void)state;
    for (uint16_t i = 0; i < 200; i++) bind_loopback(weir_socket(task, AF_INET, SOCK_DGRAM, 0), AF_INET, (uint16_t)(1000 + i));
    for (bytes = ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof(r)); !done; bytes = weir_recv(task, fd, answer.bytes, sizeof(answer.bytes), 0)) {
        uint8_t *at = answer.bytes;

        assert_true(bytes > 0);
        packets++;
        while (bytes > 0) {
            const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)at;
            const struct inet_diag_msg *d = NLMSG_DATA(h);

            if (h->nlmsg_type == NLMSG_DONE) {
                done = true;
                break;
            }
            assert_int_equal(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
            seen[ntohs(d->id.idiag_sport) - 1000]++;
            at += NLMSG_ALIGN(h->nlmsg_len);
            bytes -= NLMSG_ALIGN(h->nlmsg_len);
        }
        if (done) break;
    }
    assert_true(packets > 1);
    for (int i = 0; i < 200; i++) assert_int_equal(seen[i], 1);
}

static void diag_filters(void **state)
{
    struct inet_diag_req_v2 r = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1u << 10, .id = { .idiag_sport = htons(81) } };
    int fd = opened(NETLINK_SOCK_DIAG), one = weir_socket(task, AF_INET, SOCK_STREAM, 0), two = weir_socket(task, AF_INET, SOCK_STREAM, 0);
    const struct inet_diag_msg *d = NLMSG_DATA(&answer.header);

    (void)state;
    bind_loopback(one, AF_INET, 80);
    bind_loopback(two, AF_INET, 81);
    assert_int_equal(weir_listen(task, one, 3), 0);
    assert_int_equal(weir_listen(task, two, 3), 0);
    assert_true(ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof(r)) > 0);
    assert_int_equal(ntohs(d->id.idiag_sport), 81);
    assert_int_equal(d->idiag_state, 10);
    assert_int_equal(d->idiag_wqueue, 3);
    assert_int_equal(((struct nlmsghdr *)(void *)(answer.bytes + NLMSG_ALIGN(answer.header.nlmsg_len)))->nlmsg_type, NLMSG_DONE);
    r.sdiag_protocol = 132;
    assert_int_equal(error_of(ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof(r))), ENOENT);
}

static void destroyed_with_an_error(void **state)
{
    struct inet_diag_req_v2 r = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_UDP, .id = { .idiag_sport = htons(90), .idiag_src = { htonl(INADDR_LOOPBACK) } } };
    int fd = opened(NETLINK_SOCK_DIAG), victim = weir_socket(task, AF_INET, SOCK_DGRAM, 0);
    char got[8];

    (void)state;
    bind_loopback(victim, AF_INET, 90);
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(error_of(ask(fd, SOCK_DESTROY, NLM_F_ACK, &r, sizeof(r))), EPERM);
    assert_int_equal(weir_recv(task, victim, got, sizeof(got), 0), -1);
    assert_int_equal(errno, EAGAIN);
    weir_task_credentials(task, 0, 0, ~0ull);
    assert_int_equal(error_of(ask(fd, SOCK_DESTROY, NLM_F_ACK, &r, sizeof(r))), 0);
    assert_int_equal(weir_recv(task, victim, got, sizeof(got), 0), -1);
    assert_int_equal(errno, ECONNABORTED);
    r.id.idiag_sport = htons(91);
    assert_int_equal(error_of(ask(fd, SOCK_DESTROY, NLM_F_ACK, &r, sizeof(r))), ENOENT);
}

static void names_and_options(void **state)
{
    struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = 77 };
    socklen_t bytes = sizeof(a);
    int fd = opened(NETLINK_ROUTE), other = opened(NETLINK_ROUTE), on = 1;

    (void)state;
    assert_int_equal(weir_bind(task, fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(weir_bind(task, other, (struct sockaddr *)&a, sizeof(a)), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(weir_getsockname(task, fd, (struct sockaddr *)&a, &bytes), 0);
    assert_int_equal(a.nl_pid, 77);
    assert_int_equal(weir_setsockopt(task, fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)), 0);
    assert_int_equal(weir_setsockopt(task, fd, SOL_NETLINK, 99, &on, sizeof(on)), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    assert_int_equal(weir_socket(task, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), -1);
    assert_int_equal(errno, EPROTONOSUPPORT);
    assert_int_equal(weir_socket(task, AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), -1);
    assert_int_equal(errno, ESOCKTNOSUPPORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(link_dump), TEST(missing_link_is_an_error), TEST(addresses_come_and_go), TEST(changes_need_the_capability), TEST(route_get),
        TEST(long_dumps_go_on), TEST(diag_filters), TEST(destroyed_with_an_error), TEST(names_and_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
