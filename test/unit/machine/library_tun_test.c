#include "hosts.h"
#include "wire/checksum.h"
#include "wire/headers.h"

/* A machine behind a tun, and us at the other end of it, who answers by hand. */
enum { KEEP_PACKETS = 64 };
static struct host host;
static struct kept { uint8_t bytes[66000]; size_t byte_count; uint16_t gso_bytes; } kept[KEEP_PACKETS];
static unsigned kept_count;

static bool keep(void *ctx, const struct weir_port_frame *packet)
{
    const uint8_t *at = packet->bytes;
    (void)ctx;
    assert_false(packet->is_checksum_partial);
    if (at[0] != 0x45 || at[9] != IPPROTO_TCP) return true; /* IPv6 looks for routers */
    assert_true(kept_count < KEEP_PACKETS && packet->byte_count <= sizeof kept[0].bytes);
    struct kept *k = &kept[kept_count++];
    memcpy(k->bytes, packet->bytes, packet->byte_count);
    k->byte_count = packet->byte_count;
    k->gso_bytes = packet->gso_bytes;
    return true;
}

static uint32_t word_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t tcp_bytes)
{
    uint8_t rest[4] = { 0, IPPROTO_TCP, (uint8_t)(tcp_bytes >> 8), (uint8_t)tcp_bytes };
    return checksum_partial(rest, 4, checksum_partial(ip + 12, 8, 0));
}

static void send_segment(uint32_t sequence, uint32_t acknowledgment, uint8_t flags)
{
    uint8_t p[20 + 24] = {
        0x45,        [3] = sizeof p, [8] = 64,    [9] = IPPROTO_TCP, [12] = 10,     [15] = 2,     [16] = 10,
        [19] = 1,    [20] = 80,      [22] = 0x1f, [23] = 0x90,       [32] = 6 << 4, [33] = flags, [34] = 0xff,
        [35] = 0xff, [40] = 1,       [41] = 3,    [42] = 3,          [43] = 7
    };
    for (int i = 0; i < 4; i++) {
        p[24 + i] = (uint8_t)(sequence >> (24 - 8 * i));
        p[28 + i] = (uint8_t)(acknowledgment >> (24 - 8 * i));
    }
    be16_t sum = checksum_fold(checksum_partial(p, 20, 0));
    memcpy(p + 10, &sum, 2);
    sum = checksum_fold(checksum_partial(p + 20, sizeof p - 20, pseudo_sum(p, sizeof p - 20)));
    memcpy(p + 36, &sum, 2);
    struct weir_port_frame frame = { .bytes = p, .byte_count = sizeof p };
    assert_int_equal(weir_tun_receive(host.machine, "tun0", &frame), 0);
    host_pass(&host, 1000000);
}

/* An established connection; the number its next byte has. */
static uint32_t establish(int *fd)
{
    struct sockaddr_in a = loopback4(8080);
    int l = weir_socket(host.task, AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = inet_addr("10.0.0.1");
    assert_int_equal(weir_bind(host.task, l, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(host.task, l, 1), 0);
    send_segment(100, 0, TCP_SYN);
    assert_int_equal(kept_count, 1);
    uint32_t next = word_at(kept[0].bytes + 24) + 1;
    send_segment(101, next, TCP_ACK);
    *fd = weir_accept4(host.task, l, NULL, NULL, 0);
    assert_true(*fd >= 0);
    kept_count = 0;
    return next;
}

static int setup(void **state)
{
    (void)state;
    host_open(&host, 1);
    kept_count = 0;
    assert_int_equal(weir_tun_create(host.machine, "tun0", 0, keep, NULL), 0);
    assert_int_equal(weir_address_add(host.machine, "tun0", "10.0.0.1/24"), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

static void a_large_write_leaves_as_one_packet(void **state)
{
    static uint8_t data[4 * 536];
    int fd;
    (void)state;
    uint32_t next = establish(&fd);
    assert_int_equal(weir_send(host.task, fd, data, sizeof data, 0), (ssize_t)sizeof data);
    assert_int_equal(kept_count, 1);
    assert_int_equal(kept[0].byte_count, 40 + sizeof data);
    assert_int_equal(kept[0].gso_bytes, 536);
    assert_int_equal(word_at(kept[0].bytes + 24), next);
    uint32_t sum = pseudo_sum(kept[0].bytes, 20 + sizeof data);
    assert_int_equal(checksum_fold(checksum_partial(kept[0].bytes + 20, 20 + sizeof data, sum)).raw, 0);
}

static void is_cut_when_told_to(void **state)
{
    static uint8_t data[5000];
    int fd;
    (void)state;
    establish(&fd);
    assert_int_equal(weir_tun_offload(host.machine, "tun0", false), 0);
    assert_int_equal(weir_send(host.task, fd, data, sizeof data, 0), (ssize_t)sizeof data);
    assert_int_equal(kept_count, 10);
    assert_int_equal(kept[0].byte_count, 40 + 536);
    assert_int_equal(kept[0].gso_bytes, 0);
}

static void a_full_queue_lets_nothing_pass(void **state)
{
    int fd;
    (void)state;
    establish(&fd);
    assert_int_equal(weir_device_block(host.machine, "tun0", true), 0);
    assert_int_equal(weir_send(host.task, fd, "x", 1, 0), 1);
    assert_int_equal(kept_count, 0);
    assert_int_equal(weir_device_block(host.machine, "tun0", false), 0);
    host_pass(&host, 2000000000);
    assert_true(kept_count > 0);
    assert_int_equal(weir_device_block(host.machine, "tun9", false), -ENODEV);
}

static void nonsense_is_refused(void **state)
{
    static const uint8_t junk[40] = { 0x17 };
    struct weir_port_frame frame = { .bytes = junk, .byte_count = sizeof junk };
    (void)state;
    assert_int_equal(weir_tun_create(host.machine, "tun1", 0, NULL, NULL), -EINVAL);
    assert_int_equal(weir_tun_create(host.machine, "tun1", 67, keep, NULL), -EINVAL);
    assert_int_equal(weir_tun_create(host.machine, "tun0", 0, keep, NULL), -EEXIST);
    assert_int_equal(weir_tun_offload(host.machine, "tun9", true), -ENODEV);
    assert_int_equal(weir_tun_offload(host.machine, "lo", true), -EOPNOTSUPP);
    assert_int_equal(weir_tun_receive(host.machine, "tun9", &frame), -ENODEV);
    assert_int_equal(weir_tun_receive(host.machine, "lo", &frame), -EINVAL);
    for (frame.byte_count = 0; frame.byte_count <= sizeof junk; frame.byte_count++)
        assert_int_equal(weir_tun_receive(host.machine, "tun0", &frame), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = { T(a_large_write_leaves_as_one_packet), T(is_cut_when_told_to),
                                        T(a_full_queue_lets_nothing_pass), T(nonsense_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
