/* A socket's source route on the wire (RFC 791 §3.1): MUST-51. */
#include "machine/hosts.h"
#include "wire/checksum.h"

static struct host host;
static uint8_t seen[128];
static size_t seen_bytes;

static bool keep(void *ctx, const struct weir_port_frame *packet)
{
    const uint8_t *at = packet->bytes;
    (void)ctx;
    if (at[0] >> 4 != 4 || (at[9] != IPPROTO_TCP && at[9] != IPPROTO_UDP)) return true;
    seen_bytes = packet->byte_count < sizeof seen ? packet->byte_count : sizeof seen;
    memcpy(seen, at, seen_bytes);
    return true;
}

static int start(void **state)
{
    (void)state;
    seen_bytes = 0;
    host_open(&host, 7);
    assert_int_equal(weir_tun_create(host.machine, "tun0", 1500, keep, NULL), 0);
    assert_int_equal(weir_address_add(host.machine, "tun0", "10.0.0.1/24"), 0);
    assert_int_equal(weir_route_add(host.machine, "default", "10.0.0.9", "tun0"), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* By 10.0.0.2 and 10.0.0.3 to 192.0.2.1. */
static const uint8_t route[] = { 131, 11, 4, 10, 0, 0, 2, 10, 0, 0, 3 };

static int routed(int type)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = inet_addr("192.0.2.1") };
    int fd = weir_socket(host.task, AF_INET, type | SOCK_NONBLOCK, 0);
    assert_int_equal(weir_setsockopt(host.task, fd, IPPROTO_IP, IP_OPTIONS, route, sizeof route), 0);
    (void)weir_connect(host.task, fd, (struct sockaddr *)&to, sizeof to);
    return fd;
}

static void check_route(void)
{
    static const uint8_t left[] = { 131, 11, 4, 10, 0, 0, 3, 192, 0, 2, 1 };
    assert_true(seen_bytes >= 32);
    assert_int_equal(seen[0], 0x48);
    assert_memory_equal(seen + 16, ((uint8_t[]){ 10, 0, 0, 2 }), 4); /* the first hop */
    assert_memory_equal(seen + 20, left, sizeof left);
}

/* The pseudo-header's destination is the true one, which a receiver at the end sees. */
static void check_transport(uint8_t protocol)
{
    size_t bytes = seen_bytes - 32;
    uint8_t pseudo[12] = { seen[12], seen[13], seen[14], seen[15], 192, 0, 2, 1, 0, protocol, (uint8_t)(bytes >> 8), (uint8_t)bytes };
    assert_int_equal(checksum_fold(checksum_partial(seen + 32, bytes, checksum_partial(pseudo, sizeof pseudo, 0))).raw, 0);
}

static void a_connection_is_opened_by_its_first_hop(void **state)
{
    (void)state;
    routed(SOCK_STREAM);
    check_route();
    check_transport(IPPROTO_TCP);
}

static void a_datagram_goes_the_same_way(void **state)
{
    (void)state;
    assert_int_equal(weir_send(host.task, routed(SOCK_DGRAM), "x", 1, 0), 1);
    check_route();
    check_transport(IPPROTO_UDP);
}

/* Options of one datagram stand in for all that the socket has. */
static void options_of_a_datagram_take_its_place(void **state)
{
    uint8_t control[CMSG_SPACE(4)] = { 0 };
    struct iovec iov = { "x", 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    (void)state;
    *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_RETOPTS };
    memcpy(CMSG_DATA(c), ((uint8_t[]){ 1, 1, 1, 1 }), 4);
    assert_int_equal(weir_sendmsg(host.task, routed(SOCK_DGRAM), &msg, 0), 1);
    assert_int_equal(seen[0], 0x46);
    assert_memory_equal(seen + 16, ((uint8_t[]){ 192, 0, 2, 1 }), 4);
}

static void the_option_is_told_as_it_was_given(void **state)
{
    uint8_t told[40];
    socklen_t bytes = sizeof told;
    (void)state;
    assert_int_equal(weir_getsockopt(host.task, routed(SOCK_STREAM), IPPROTO_IP, IP_OPTIONS, told, &bytes), 0);
    assert_int_equal(bytes, 12);
    assert_memory_equal(told, route, sizeof route);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_connection_is_opened_by_its_first_hop), T(a_datagram_goes_the_same_way),
        T(options_of_a_datagram_take_its_place), T(the_option_is_told_as_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
