/* Parsing: every option, and every way of being malformed. Who gets a segment is tested where the receivers are. */
#include "peer.h"

static struct packet *segment(const uint8_t *options, uint8_t bytes, uint8_t flags, const char *data)
{
    struct wire_tcp h = { .source = be16(1), .destination = be16(2), .sequence = be32(100), .acknowledgment = be32(200),
        .offset_reserved = (uint8_t)((20 + bytes) / 4 << 4), .flags = flags, .window = be16(300), .urgent = be16(4) };
    uint32_t all = 20u + bytes + (uint32_t)strlen(data);
    struct packet *p = packet_create(peer_net()->machine, all);
    uint8_t *at = packet_put(p, all);
    memcpy(at, &h, 20);
    if (bytes) memcpy(at + 20, options, bytes);
    memcpy(at + 20 + bytes, data, strlen(data));
    return p;
}

static struct tcp_segment parsed(const uint8_t *options, uint8_t bytes, uint8_t flags)
{
    struct tcp_segment seg;
    assert_true(tcp_parse(segment(options, bytes, flags, ""), &seg));
    packet_consume(seg.packet);
    return seg;
}

static void fixed_part(void **state)
{
    struct tcp_segment seg;
    (void)state;
    assert_true(tcp_parse(segment(NULL, 0, S | F | A, "hello"), &seg));
    assert_int_equal(seg.seq.v, 100);
    assert_int_equal(seg.ack.v, 200);
    assert_int_equal(seg.end_seq.v, 107); /* five bytes, SYN, FIN */
    assert_int_equal(seg.window, 300);
    assert_int_equal(seg.urgent, 4);
    assert_int_equal(seg.payload_bytes, 5);
    assert_int_equal(seg.source_port, 1);
    assert_int_equal(seg.destination_port, 2);
    assert_memory_equal(packet_data(seg.packet), "hello", 5); /* the packet begins at its payload */
    packet_consume(seg.packet);
}

static void every_option(void **state)
{
    static const uint8_t o[] = { 2, 4, 5, 180, 3, 3, 20, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0, 34, 6, 1, 2, 3, 4, 0, 0, 0 };
    (void)state;
    struct tcp_segment seg = parsed(o, 28, S);
    assert_true(seg.options.has_mss);
    assert_int_equal(seg.options.mss_bytes, 1460);
    assert_true(seg.options.has_window_scale);
    assert_int_equal(seg.options.window_scale, 14); /* RFC 7323 §2.3: no more */
    assert_true(seg.options.has_sack_permitted);
    assert_true(seg.options.has_timestamp);
    assert_int_equal(seg.options.timestamp_value, 256);
    assert_int_equal(seg.options.timestamp_echo, 512);
    assert_true(seg.options.has_fastopen);
    assert_int_equal(seg.options.fastopen_bytes, 4);
    seg = parsed(o, 28, A); /* of these only the timestamp counts outside a SYN */
    assert_false(seg.options.has_mss || seg.options.has_window_scale || seg.options.has_sack_permitted);
    assert_true(seg.options.has_timestamp);
}

static void sack_blocks(void **state)
{
    static const uint8_t o[] = { 1, 1, 5, 18, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40 };
    static const uint8_t bad[] = { 1, 1, 5, 17, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 1 };
    (void)state;
    struct tcp_segment seg = parsed(o, 20, A);
    assert_int_equal(seg.options.sack_count, 2);
    assert_int_equal(seg.options.sack[0].start.v, 10);
    assert_int_equal(seg.options.sack[1].end.v, 40);
    assert_int_equal(parsed(bad, 20, A).options.sack_count, 0); /* not whole blocks */
}

static void aligned_timestamp_takes_the_short_way(void **state)
{
    static const uint8_t o[] = { 1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 8 };
    (void)state;
    struct tcp_segment seg = parsed(o, 12, A);
    assert_true(seg.options.has_timestamp);
    assert_int_equal(seg.options.timestamp_value, 7);
    assert_int_equal(seg.options.timestamp_echo, 8);
    assert_int_equal(seg.options.sack_count, 0);
}

static void malformed_options_end_the_list(void **state)
{
    static const uint8_t rows[][8] = {
        { 2, 0, 5, 180, 4, 2, 0, 0 },  /* length 0 */
        { 2, 1, 5, 180, 4, 2, 0, 0 },  /* length 1 */
        { 2, 40, 5, 180, 4, 2, 0, 0 }, /* longer than what is left */
        { 1, 1, 1, 1, 1, 1, 1, 4 },    /* a kind without its length */
    };
    (void)state;
    for (size_t i = 0; i < array_count(rows); i++) {
        struct tcp_segment seg = parsed(rows[i], 8, S);
        assert_false(seg.options.has_mss || seg.options.has_sack_permitted);
    }
    static const uint8_t zero_mss[] = { 2, 4, 0, 0 }, wrong_size[] = { 2, 3, 5, 1, 4, 2, 0, 0 };
    assert_false(parsed(zero_mss, 4, S).options.has_mss);
    assert_false(parsed(wrong_size, 8, S).options.has_mss);
    assert_true(parsed(wrong_size, 8, S).options.has_sack_permitted); /* stepped over, not the end */
}

static void short_headers_are_refused(void **state)
{
    struct tcp_segment seg;
    (void)state;
    struct packet *p = packet_create(peer_net()->machine, 20);
    memset(packet_put(p, 19), 0x55, 19);
    assert_false(tcp_parse(p, &seg));
    packet_consume(p);
    for (uint8_t words = 0; words < 16; words++) {
        p = segment(NULL, 0, A, "");
        packet_data(p)[12] = (uint8_t)(words << 4);
        assert_int_equal(tcp_parse(p, &seg), words == 5);
        packet_consume(p);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(fixed_part), T(every_option), T(sack_blocks), T(aligned_timestamp_takes_the_short_way), T(malformed_options_end_the_list),
        T(short_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
