#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>

static int raw(int family, int protocol)
{
    int fd = weir_socket(task, family, SOCK_RAW, protocol);

    assert_true(fd >= 0);
    return fd;
}

static ssize_t send_to(int fd, int family, const void *data, size_t bytes)
{
    struct sockaddr_storage a;
    socklen_t a_bytes = loopback(&a, family, 0);

    return weir_sendto(task, fd, data, bytes, 0, (struct sockaddr *)&a, a_bytes);
}

static uint16_t checksum(const void *data, size_t bytes)
{
    const uint8_t *b = data;
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < bytes; i += 2) sum += (uint32_t)(b[i] << 8 | b[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* An unknown protocol: IPv4 comes with its header, IPv6 without. */
static void every_sock_gets_a_copy(void **state)
{
    uint8_t got[64];
    int one = raw(AF_INET, 200), two = raw(AF_INET, 200), other = raw(AF_INET, 201), six = raw(AF_INET6, 200);

    (void)state;
    assert_int_equal(send_to(one, AF_INET, "data", 4), 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_recv(task, i ? two : one, got, sizeof(got), 0), 24);
        assert_int_equal(got[0], 0x45);
        assert_int_equal(got[9], 200);
        assert_memory_equal(got + 20, "data", 4);
    }
    assert_int_equal(weir_recv(task, other, got, sizeof(got), 0), -1);
    assert_int_equal(weir_recv(task, six, got, sizeof(got), 0), -1);
    assert_int_equal(send_to(six, AF_INET6, "data6", 5), 5);
    assert_int_equal(weir_recv(task, six, got, sizeof(got), 0), 5);
}

static void echo_comes_back(void **state)
{
    struct icmphdr echo = { .type = ICMP_ECHO, .un.echo = { .id = htons(77), .sequence = htons(1) } };
    struct icmp6_hdr echo6 = { .icmp6_type = ICMP6_ECHO_REQUEST };
    uint8_t got[64];
    int fd = raw(AF_INET, IPPROTO_ICMP), six = raw(AF_INET6, IPPROTO_ICMPV6);

    (void)state;
    echo.checksum = checksum(&echo, sizeof(echo));
    assert_int_equal(send_to(fd, AF_INET, &echo, sizeof(echo)), sizeof(echo));
    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), 28); /* the request, on its way in */
    assert_int_equal(got[20], ICMP_ECHO);
    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), 28);
    assert_int_equal(got[20], ICMP_ECHOREPLY);
    /* The checksum of ICMPv6 is put by us (RFC 3542 §3.1). */
    assert_int_equal(send_to(six, AF_INET6, &echo6, sizeof(echo6)), sizeof(echo6));
    assert_int_equal(weir_recv(task, six, got, sizeof(got), 0), 8);
    assert_int_equal(weir_recv(task, six, got, sizeof(got), 0), 8);
    assert_int_equal(got[0], ICMP6_ECHO_REPLY);
}

static void filters_keep_types_away(void **state)
{
    struct icmphdr echo = { .type = ICMP_ECHO };
    uint32_t filter = ~(1u << ICMP_ECHOREPLY);
    uint8_t got[64];
    int fd = raw(AF_INET, IPPROTO_ICMP);

    (void)state;
    assert_int_equal(weir_setsockopt(task, fd, 255, 1, &filter, sizeof(filter)), 0);
    echo.checksum = checksum(&echo, sizeof(echo));
    assert_int_equal(send_to(fd, AF_INET, &echo, sizeof(echo)), sizeof(echo));
    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), 28);
    assert_int_equal(got[20], ICMP_ECHOREPLY);
    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), -1);
}

static void own_header_is_completed(void **state)
{
    struct { struct iphdr ip; char data[4]; } packet = { .ip = { .version = 4, .ihl = 5, .ttl = 9, .protocol = 200, .daddr = htonl(INADDR_LOOPBACK) }, .data = "abc" };
    struct { struct iphdr ip; char data[4]; } got;
    int out = raw(AF_INET, IPPROTO_RAW), in = raw(AF_INET, 200);

    (void)state;
    assert_int_equal(send_to(out, AF_INET, &packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(weir_recv(task, in, &got, sizeof(got), 0), sizeof(got));
    assert_int_equal(got.ip.ttl, 9);
    assert_int_equal(ntohl(got.ip.saddr), INADDR_LOOPBACK); /* source, length, id and checksum are filled in */
    assert_int_equal(ntohs(got.ip.tot_len), sizeof(packet));
    assert_int_equal(checksum(&got.ip, sizeof(got.ip)), 0);
    assert_string_equal(got.data, "abc");
    assert_int_equal(send_to(out, AF_INET, &packet, 10), -1);
    assert_int_equal(errno, EINVAL);
}

static void checksum6_where_asked(void **state)
{
    uint8_t packet[8] = { 1, 2, 0xff, 0xff, 5, 6, 7, 8 }, got[8];
    int fd = raw(AF_INET6, 200), offset = 2, odd = 3;

    (void)state;
    assert_int_equal(weir_setsockopt(task, fd, IPPROTO_IPV6, IPV6_CHECKSUM, &odd, sizeof(odd)), -1);
    assert_int_equal(weir_setsockopt(task, fd, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof(offset)), 0);
    assert_int_equal(send_to(fd, AF_INET6, packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(weir_recv(task, fd, got, sizeof(got), 0), sizeof(got));
    assert_true(got[2] != 0xff || got[3] != 0xff);
    assert_memory_equal(got + 4, packet + 4, 4);
}

static void needs_the_capability(void **state)
{
    (void)state;
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(weir_socket(task, AF_INET, SOCK_RAW, IPPROTO_ICMP), -1);
    assert_int_equal(errno, EPERM);
}

static void nobody_means_protocol_unreachable(void **state)
{
    struct iphdr packet = { .version = 4, .ihl = 5, .ttl = 9, .protocol = 202, .daddr = htonl(INADDR_LOOPBACK) };
    int out = raw(AF_INET, IPPROTO_RAW), in = raw(AF_INET, IPPROTO_ICMP);
    uint8_t got[128];

    (void)state;
    assert_int_equal(send_to(out, AF_INET, &packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(weir_recv(task, in, got, sizeof(got), 0), 20 + 8 + 20);
    assert_int_equal(got[20], ICMP_DEST_UNREACH);
    assert_int_equal(got[21], ICMP_PROT_UNREACH);
    raw(AF_INET, 202);
    assert_int_equal(send_to(out, AF_INET, &packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(weir_recv(task, in, got, sizeof(got), 0), -1); /* now somebody is there */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_sock_gets_a_copy), TEST(echo_comes_back), TEST(filters_keep_types_away), TEST(own_header_is_completed),
        TEST(checksum6_where_asked), TEST(needs_the_capability), TEST(nobody_means_protocol_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
