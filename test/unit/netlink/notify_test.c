#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "library_net.h"
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* A port whose other end is this file: 10.0.0.1 on port0, everything that leaves is dropped. */
static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 9 };
static int listener;
static union { struct nlmsghdr header; uint8_t bytes[8192]; } told;

static bool swallow(void *ctx, const void *frame, size_t bytes)
{
    (void)ctx;
    (void)frame;
    (void)bytes;
    return true;
}

static int setup(void **state)
{
    library_setup(state);
    listener = weir_socket(task, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
    assert_int_equal(weir_port_create(machine, "port0", our_mac, 1500, swallow, NULL), 0);
    assert_int_equal(weir_address_add(machine, "port0", "10.0.0.1/24"), 0);
    return 0;
}

static void join(int group)
{
    assert_int_equal(weir_setsockopt(task, listener, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    assert_int_equal(weir_bind(task, listener, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_groups = group <= 32 ? 1u << (group - 1) : 0 },
                               sizeof(struct sockaddr_nl)), 0);
}

/* The next notification's type, 0: none; its body in told. */
static uint16_t next(void)
{
    ssize_t bytes = weir_recv(task, listener, told.bytes, sizeof(told), MSG_DONTWAIT);

    return bytes > 0 ? told.header.nlmsg_type : 0;
}

static void send_to_peer(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = { htonl(0x0a000009) } };
    int fd = weir_socket(task, AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(weir_sendto(task, fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    weir_close(task, fd);
}

static void peer_answers(void)
{
    uint8_t frame[42] = { 0 };
    static const uint8_t arp[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 };

    memcpy(frame, our_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    memcpy(frame + 12, arp, sizeof(arp));
    memcpy(frame + 22, peer_mac, 6);
    memcpy(frame + 28, (const uint8_t[]){ 10, 0, 0, 9 }, 4);
    memcpy(frame + 32, our_mac, 6);
    memcpy(frame + 38, (const uint8_t[]){ 10, 0, 0, 1 }, 4);
    assert_int_equal(weir_port_receive(machine, "port0", frame, sizeof(frame)), 0);
    advance(1000000);
}

static uint16_t state_told(void) { return ((const struct ndmsg *)NLMSG_DATA(&told.header))->ndm_state; }

/* Linux says nothing when it begins to ask, and tells of what came of it. */
static void a_neighbour_answers_and_grows_stale(void **state)
{
    (void)state;
    join(RTNLGRP_NEIGH);
    send_to_peer();
    assert_int_equal(next(), 0);
    peer_answers();
    assert_int_equal(next(), RTM_NEWNEIGH);
    assert_int_equal(state_told(), NUD_REACHABLE);
    assert_int_equal(told.header.nlmsg_pid, 0);
    assert_int_equal(next(), 0);
    for (int i = 0; i < 120; i++) advance(1000000000);
    assert_int_equal(next(), RTM_NEWNEIGH);
    assert_int_equal(state_told(), NUD_STALE);
    assert_int_equal(next(), 0);
}

static void a_neighbour_that_is_silent_fails(void **state)
{
    (void)state;
    join(RTNLGRP_NEIGH);
    send_to_peer();
    for (int i = 0; i < 5; i++) advance(1000000000);
    assert_int_equal(next(), RTM_NEWNEIGH);
    assert_int_equal(state_told(), NUD_FAILED);
    assert_int_equal(next(), 0);
}

static uint32_t flags_told(void) { return ((const struct ifaddrmsg *)NLMSG_DATA(&told.header))->ifa_flags; }

/* Before duplicate address detection, and after it. */
static void an_address_is_told_twice(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) advance(1000000000);
    join(RTNLGRP_IPV6_IFADDR);
    assert_int_equal(weir_address_add(machine, "port0", "fd00::1/64"), 0);
    assert_int_equal(next(), RTM_NEWADDR);
    assert_true(flags_told() & IFA_F_TENTATIVE);
    assert_int_equal(next(), 0);
    for (int i = 0; i < 5; i++) advance(1000000000);
    assert_int_equal(next(), RTM_NEWADDR);
    assert_false(flags_told() & IFA_F_TENTATIVE);
    assert_int_equal(next(), 0);
}

static uint16_t icmp6_checksum(const uint8_t *ip, size_t bytes)
{
    uint32_t sum = 58 + (uint32_t)bytes;

    for (size_t i = 8; i < 40 + bytes; i += 2) sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* From fe80::9 to all nodes: a prefix (on link, not for addresses) and a DNS server. */
static void advertise(void)
{
    static const uint8_t to[6] = { 0x33, 0x33, 0, 0, 0, 1 }, router[16] = { 0xfe, 0x80, [15] = 9 }, all[16] = { 0xff, 2, [15] = 1 };
    static const uint8_t advert[16] = { 134, 0, 0, 0, 64, 0, 7, 8 }, prefix[32] = { 3, 4, 64, 0x80, 0, 0, 1, 0, 0, 0, 0, 100, [16] = 0xfd, 7 };
    static const uint8_t dns[24] = { 25, 3, [7] = 60, [8] = 0xfd, 7, [23] = 53 };
    uint8_t frame[14 + 40 + 72] = { 0 };
    uint8_t *ip = frame + 14, *icmp = ip + 40;
    uint16_t sum;

    memcpy(frame, to, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    memcpy(ip, (const uint8_t[]){ 0x60, 0, 0, 0, 0, 72, 58, 255 }, 8);
    memcpy(ip + 8, router, 16);
    memcpy(ip + 24, all, 16);
    memcpy(icmp, advert, sizeof(advert));
    memcpy(icmp + 16, prefix, sizeof(prefix));
    memcpy(icmp + 48, dns, sizeof(dns));
    sum = icmp6_checksum(ip, 72);
    memcpy(icmp + 2, &sum, 2);
    assert_int_equal(weir_port_receive(machine, "port0", frame, sizeof(frame)), 0);
    advance(1000000);
}

static void routers_are_heard(void **state)
{
    const struct nduseroptmsg *option = NLMSG_DATA(&told.header);
    const struct prefixmsg *prefix = NLMSG_DATA(&told.header);
    int group = RTNLGRP_ND_USEROPT;

    (void)state;
    for (int i = 0; i < 5; i++) advance(1000000000);
    join(RTNLGRP_IPV6_PREFIX);
    assert_int_equal(weir_setsockopt(task, listener, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    advertise();
    assert_int_equal(next(), RTM_NEWPREFIX);
    assert_int_equal(prefix->prefix_len, 64);
    assert_int_equal(prefix->prefix_flags, 1);
    assert_int_equal(next(), RTM_NEWNDUSEROPT);
    assert_int_equal(option->nduseropt_opts_len, 24);
    assert_int_equal(((const uint8_t *)(option + 1))[0], 25);
    assert_int_equal(next(), 0);
}

/* What a router told is told once; when it is told again only its end moves. */
static void routes_of_routers_are_told_once(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) advance(1000000000);
    join(RTNLGRP_IPV6_ROUTE);
    advertise();
    assert_int_equal(next(), RTM_NEWROUTE);
    assert_int_equal(next(), RTM_NEWROUTE);
    assert_int_equal(next(), 0);
    advertise();
    assert_int_equal(next(), 0);
}

static void overrun_is_an_error_once(void **state)
{
    int one = 1;

    (void)state;
    join(RTNLGRP_IPV4_IFADDR);
    assert_int_equal(weir_setsockopt(task, listener, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one)), 0);
    for (int i = 1; i < 50; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.9.9.%d/32", i);
        assert_int_equal(weir_address_add(machine, "port0", text), 0);
    }
    assert_int_equal(weir_recv(task, listener, told.bytes, sizeof(told), MSG_DONTWAIT), -1);
    assert_int_equal(errno, ENOBUFS);
    while (next()) continue;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(weir_address_add(machine, "port0", "10.9.9.99/32"), 0);
    assert_int_equal(next(), RTM_NEWADDR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_neighbour_answers_and_grows_stale), TEST(a_neighbour_that_is_silent_fails), TEST(an_address_is_told_twice),
        TEST(routers_are_heard), TEST(routes_of_routers_are_told_once), TEST(overrun_is_an_error_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
