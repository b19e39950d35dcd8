#include "data_peer.h"

static void first_data_is_acknowledged_at_once(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_data(0, "abc");
    assert_int_equal(peer_hear_flags(A).ack, PEER(3));
}

static void interactive_data_waits_for_the_answer_or_40_ms(void **state)
{
    uint64_t then;

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_QUICKACK, 0);
    peer_data(0, "abc");
    peer_hears_nothing();
    then = peer.now_ns;
    peer_wait_ms(39);
    peer_hears_nothing();
    peer_wait_ms(10);
    struct seen ack = peer_hear_flags(A);
    assert_int_equal(ack.ack, PEER(3));
    assert_int_equal(ack.at_ns - then, 40 * MS);
    assert_int_equal(COUNTER(TcpExt, DelayedACKs), 1);
}

static void answer_carries_the_ack(void **state)
{
    (void)state;
    open_connection(true, 60000);
    set_option(TCP_QUICKACK, 0);
    peer_data(0, "abc");
    program_writes(10);
    assert_int_equal(hear_data(0, 10).ack, PEER(3));
    peer_wait_ms(45);
    peer_hears_nothing();
}

/* RFC 9293 MUST-58: every second full segment; Linux: when the reader has made room for them. */
static void two_full_segments_are_acknowledged_when_read(void **state)
{
    char buffer[4000];

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_QUICKACK, 0);
    for (uint32_t i = 0; i < 6; i++) { /* six of 1000 bytes: the estimate of the peer's segment settles */
        peer_data(i * 1000, thousand);
        while (weir_recv(peer.task, fd, buffer, sizeof buffer, 0) > 0) {}
        peer_forget();
    }
    set_option(TCP_QUICKACK, 0);
    peer_wait_ms(300);
    peer_forget();
    set_option(TCP_QUICKACK, 0);
    peer_data(6000, thousand);
    peer_hears_nothing();
    peer_data(7000, thousand);
    peer_hears_nothing();
    assert_int_equal(weir_recv(peer.task, fd, buffer, sizeof buffer, 0), 2000);
    peer_step();
    assert_int_equal(peer_hear_flags(A).ack, PEER(8000));
}

static void old_data_is_answered_at_once_and_reported_twice_received(void **state)
{
    uint32_t start, end;

    (void)state;
    open_connection(true, 60000);
    peer_data(0, "abcdef");
    peer_forget();
    peer_data(0, "abc");
    struct seen ack = peer_hear_flags(A);
    assert_int_equal(ack.ack, PEER(6));
    assert_int_equal(sack_block(&ack, 0, &start, &end), 1);
    assert_int_equal(start, 0);
    assert_int_equal(end, 3);
    assert_int_equal(COUNTER(TcpExt, TCPDSACKOldSent), 1);
}

DATA_MAIN(DATA_TEST(first_data_is_acknowledged_at_once), DATA_TEST(interactive_data_waits_for_the_answer_or_40_ms),
    DATA_TEST(answer_carries_the_ack), DATA_TEST(two_full_segments_are_acknowledged_when_read),
    DATA_TEST(old_data_is_answered_at_once_and_reported_twice_received))
