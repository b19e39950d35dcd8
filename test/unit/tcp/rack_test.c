#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

/* RFC 8985 §6.2 step 5: one SACK above a hole is not enough at once, a quarter of the round trip later it is. */
static void reordering_timer(void **state)
{
    uint64_t then;

    (void)state;
    round_trip_ms = 40;
    open_connection(true, 60000);
    program_writes(3000);
    for (uint32_t i = 0; i < 3; i++) hear_data(i * 1000, 1000);
    peer_wait_ms(40);
    peer_sacks(0, 1000, 2000, 0, 0);
    peer_hears_nothing();
    then = peer.now_ns;
    peer_wait_ms(30);
    /* A quarter of 40, and 2, in ticks and one more */
    assert_int_equal(hear_data(0, 1000).at_ns, (then / MS + 13) * MS);
    assert_int_equal(tp()->flight->ca_state, TCP_CA_Recovery);
    peer_hears_nothing();
    peer_acks(3000);
    assert_int_equal(tp()->flight->packets_out, 0);
}

/* A lost retransmission is found again by what was sent after it. */
static void retransmission_lost(void **state)
{
    (void)state;
    round_trip_ms = 40;
    open_connection(true, 60000);
    program_writes(20000);
    for (uint32_t i = 0; i < 10; i++) hear_data(i * 1000, 1000);
    peer_wait_ms(40);
    peer_sacks(0, 1000, 5000, 0, 0);
    hear_data(0, 1000); /* and it gets lost */
    while (peer.count) peer_hear();
    peer_sacks(0, 1000, 10000, 0, 0);
    while (peer.count) assert_true(peer_hear().seq - ours >= 10000);
    peer_wait_ms(41);
    peer_sacks(0, 1000, 11000, 0, 0); /* sent after the retransmission */
    hear_data(0, 1000);
    assert_int_equal(COUNTER(TcpExt, TCPLostRetransmit), 1);
    assert_int_equal(COUNTER(TcpExt, TCPTimeouts), 0);
}

DATA_MAIN(DATA_TEST(reordering_timer), DATA_TEST(retransmission_lost))
