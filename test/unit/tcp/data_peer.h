/* An open connection to the peer of peer.h: 1000-byte MSS, SACK if wanted, no timestamps, no window scaling, and a
 * round trip of round_trip_ms. Sequence numbers as seen from the first data byte: at(n) ours, PEER(n) the peer's. */
#ifndef TEST_TCP_DATA_PEER_H
#define TEST_TCP_DATA_PEER_H

#include "peer.h"
#include <errno.h>

static int fd;
static uint32_t ours;
static uint16_t offered;      /* the peer's window */
static unsigned round_trip_ms; /* of the handshake; 0 unless the test says so before */
#define PEER_ISN 5000u
#define PEER(n) (PEER_ISN + 1u + (uint32_t)(n))
#define MS NS_PER_MS
static char thousand[1001];

static inline uint32_t at(const struct seen *s) { return s->seq - ours; }
static inline void open_connection(bool sack, uint16_t window)
{
    static const uint8_t with_sack[] = { 2, 4, 1000 >> 8, 1000 & 255, 1, 1, 4, 2 };
    int listener = peer_listen(80, 5);

    offered = window;
    memset(thousand, 'x', 1000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER_ISN, .flags = S, .window = window, .options = with_sack, .options_bytes = sack ? 8 : 4 });
    ours = peer_hear_flags(S | A).seq + 1;
    if (round_trip_ms) peer_wait_ms(round_trip_ms);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A, .window = window });
    fd = weir_accept4(peer.task, listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    peer_hears_nothing();
}
static inline void peer_data(uint32_t offset, const char *data)
{
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(offset), .ack = ours, .flags = A | P, .window = offered, .data = data });
}
static inline void peer_acks(uint32_t offset)
{
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + offset, .flags = A, .window = offered });
}
/* An ACK with up to two SACK blocks of ours. */
static inline void peer_sacks(uint32_t ack, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint8_t o[20] = { 1, 1, 5, (uint8_t)(c == d ? 10 : 18) };
    uint32_t edges[4] = { ours + a, ours + b, ours + c, ours + d };

    for (unsigned i = 0; i < 4; i++) {
        be32_t v = be32(edges[i]);
        memcpy(o + 4 + 4 * i, &v, 4);
    }
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + ack, .flags = A, .window = offered, .options = o, .options_bytes = (uint8_t)(c == d ? 12 : 20) });
}
static inline void program_writes(size_t bytes)
{
    static char buffer[100000];

    assert_true(bytes <= sizeof buffer);
    assert_int_equal(weir_send(peer.task, fd, buffer, bytes, 0), bytes);
    peer_step();
}
static inline struct seen hear_data(uint32_t offset, uint32_t bytes)
{
    struct seen s = peer_hear();

    assert_int_equal(at(&s), offset);
    assert_int_equal(s.payload_bytes, bytes);
    return s;
}
/* SACK block i of an ACK, as offsets of the peer's; returns how many there are. */
static inline unsigned sack_block(const struct seen *s, unsigned i, uint32_t *start, uint32_t *end)
{
    for (uint32_t k = 0; k < s->options_bytes;) {
        const uint8_t *o = s->options + k;
        if (*o == 1) { k++; continue; }
        if (*o == 5) {
            be32_t v[2];
            unsigned n = (o[1] - 2u) / 8;
            if (i >= n) return n;
            memcpy(v, o + 2 + 8 * i, 8);
            *start = host32(v[0]) - PEER(0);
            *end = host32(v[1]) - PEER(0);
            return n;
        }
        if (!*o) break;
        k += o[1];
    }
    return 0;
}
static inline void set_option(int name, int value)
{
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, name, &value, sizeof value), 0);
}
#define DATA_TEST(t) cmocka_unit_test_setup_teardown(t, peer_setup, peer_teardown)
#define DATA_MAIN(...) \
    int main(void) \
    { \
        const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }
#endif
