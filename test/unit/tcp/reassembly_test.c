#include "data_peer.h"

static void assert_blocks(const struct seen *s, unsigned n, const uint32_t edges[][2])
{
    uint32_t start = 0, end = 0;

    assert_int_equal(sack_block(s, 99, &start, &end), n);
    for (unsigned i = 0; i < n; i++) {
        sack_block(s, i, &start, &end);
        assert_int_equal(start, edges[i][0]);
        assert_int_equal(end, edges[i][1]);
    }
}
#define BLOCKS(s, ...) do { \
        const uint32_t e[][2] = { __VA_ARGS__ }; \
        assert_blocks(s, sizeof e / sizeof e[0], e); \
    } while (0)

/* RFC 2018 §4: the block with the newest segment comes first. */
static void newest_block_first(void **state)
{
    struct seen s;

    (void)state;
    open_connection(true, 60000);
    peer_data(10, "abcde");
    s = peer_hear_flags(A);
    assert_int_equal(s.ack, PEER(0));
    BLOCKS(&s, { 10, 15 });
    peer_data(20, "abcde");
    s = peer_hear_flags(A);
    BLOCKS(&s, { 20, 25 }, { 10, 15 });
    peer_data(30, "abcde");
    s = peer_hear_flags(A);
    BLOCKS(&s, { 30, 35 }, { 20, 25 }, { 10, 15 });
    peer_data(15, "fghij"); /* joins two */
    peer_wait_ms(2);
    s = peer_hear_flags(A);
    BLOCKS(&s, { 10, 25 }, { 30, 35 });
    assert_int_equal(COUNTER(TcpExt, TCPOFOQueue), 4);
}

static void hole_filled(void **state)
{
    char got[40] = { 0 };

    (void)state;
    open_connection(true, 60000);
    peer_data(5, "fghij");
    peer_data(10, "klmno");
    peer_forget();
    peer_data(0, "abcde");
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.ack, PEER(15));
    assert_int_equal(s.options_bytes, 0);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 15);
    assert_string_equal(got, "abcdefghijklmno");
}

/* Overlaps: the stream is what came first, every byte once. */
static void overlaps(void **state)
{
    char got[40] = { 0 };

    (void)state;
    open_connection(true, 60000);
    peer_data(4, "ef");
    peer_data(8, "ij");
    peer_data(2, "cdefghijkl");  /* covers both */
    peer_data(3, "de");          /* held already */
    assert_int_equal(COUNTER(TcpExt, TCPOFOMerge), 3);
    peer_data(0, "abcd");
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 12);
    assert_string_equal(got, "abcdefghijkl");
}

static void fin_waits_for_its_turn(void **state)
{
    char got[40];

    (void)state;
    open_connection(true, 60000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(3), .ack = ours, .flags = A | F, .data = "def" });
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), -1);
    assert_int_equal(errno, EAGAIN);
    peer_forget();
    peer_data(0, "abc");
    assert_int_equal(peer_hear().ack, PEER(7));
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 6);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 0);
}

static void beyond_the_window(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_data(70000, "far");
    assert_int_equal(peer_hear_flags(A).ack, PEER(0));
    assert_int_equal(COUNTER(TcpExt, BeyondWindow), 1);
    assert_int_equal(tcp_of(peer_sock(fd))->rcv.nxt.v, PEER(0));
}

DATA_MAIN(DATA_TEST(newest_block_first), DATA_TEST(hole_filled), DATA_TEST(overlaps), DATA_TEST(fin_waits_for_its_turn), DATA_TEST(beyond_the_window))
