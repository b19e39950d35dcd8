#include "data_peer.h"

static void say_urgent(uint32_t offset, const char *data, uint16_t pointer)
{
    /* peer_say has no urgent field: the header is made here from a plain segment. */
    uint8_t frame[120] = { 0 }, *ip = frame + 14;
    size_t n = strlen(data), total = 40 + n;
    struct wire_tcp h = { .source = be16(999), .destination = be16(80), .sequence = be32(PEER(offset)), .acknowledgment = be32(ours),
        .offset_reserved = 0x50, .flags = A | P | TCP_URG, .window = be16(60000), .urgent = be16(pointer) };
    be16_t sum;

    peer_ip_header(ip, IPPROTO_TCP, total, 2);
    memcpy(ip + 20, &h, 20);
    memcpy(ip + 40, data, n);
    uint8_t pseudo[12] = { 10, 0, 0, 2, 10, 0, 0, 1, 0, 6, 0, (uint8_t)(20 + n) };
    sum = checksum_fold(checksum_partial(ip + 20, 20 + n, checksum_partial(pseudo, 12, 0)));
    memcpy(ip + 36, &sum, 2);
    peer_frame(ip, total);
}

static void byte_out_of_band(void **state)
{
    char got[20] = { 0 };
    int mark = -1;

    (void)state;
    open_connection(true, 60000);
    say_urgent(0, "abcde", 3); /* the urgent byte is "c" */
    assert_int_equal(weir_recv(peer.task, fd, got, 1, MSG_OOB), 1);
    assert_int_equal(got[0], 'c');
    assert_int_equal(weir_recv(peer.task, fd, got, 1, MSG_OOB), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 2); /* reading stops at the mark */
    assert_memory_equal(got, "ab", 2);
    assert_int_equal(weir_ioctl(peer.task, fd, SIOCATMARK, &mark), 0);
    assert_int_equal(mark, 1);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 2);
    assert_memory_equal(got, "de", 2);
}

static void sending(void **state)
{
    (void)state;
    open_connection(true, 60000);
    assert_int_equal(weir_send(peer.task, fd, "abc", 3, MSG_OOB), 3);
    peer_step();
    assert_int_equal(hear_data(0, 3).flags, A | P | TCP_URG);
    peer_acks(3);
    program_writes(3);
    assert_int_equal(hear_data(3, 3).flags, A | P);
}

DATA_MAIN(DATA_TEST(byte_out_of_band), DATA_TEST(sending))
