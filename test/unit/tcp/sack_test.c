#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

static void ten_in_flight(bool sack)
{
    round_trip_ms = 40;
    open_connection(sack, 60000);
    program_writes(10000);
    for (uint32_t i = 0; i < 10; i++) hear_data(i * 1000, 1000);
    peer_wait_ms(40);
}

/* Three segments above a hole: it is lost (RFC 8985 §6.2, the DupThresh rule). */
static void third_sack_retransmits(void **state)
{
    (void)state;
    ten_in_flight(true);
    peer_sacks(0, 1000, 2000, 0, 0);
    peer_hears_nothing();
    assert_int_equal(tp()->flight->ca_state, TCP_CA_Disorder);
    peer_sacks(0, 1000, 3000, 0, 0);
    peer_hears_nothing();
    peer_sacks(0, 1000, 4000, 0, 0);
    hear_data(0, 1000);
    peer_hears_nothing();
    assert_int_equal(tp()->flight->ca_state, TCP_CA_Recovery);
    assert_int_equal(tp()->flight->sacked_out, 3);
    assert_int_equal(tp()->flight->lost_out, 1);
    assert_int_equal(tp()->flight->retrans_out, 1);
    assert_int_equal(tp()->snd.ssthresh_packets, 7); /* CUBIC: 717/1024 of 10 */
    assert_int_equal(COUNTER(TcpExt, TCPSackRecovery), 1);
    assert_int_equal(COUNTER(TcpExt, TCPFastRetrans), 1);
    peer_acks(10000);
    assert_int_equal(tp()->flight->ca_state, TCP_CA_Open);
    assert_int_equal(tp()->snd.cwnd_packets, 8); /* ssthresh, and one step on the curve */
    assert_int_equal(tp()->flight->packets_out, 0);
    assert_int_equal(tp()->flight->sacked_out + tp()->flight->lost_out + tp()->flight->retrans_out, 0);
}

static void two_holes_go_again_in_order(void **state)
{
    (void)state;
    ten_in_flight(true);
    peer_sacks(0, 1000, 2000, 0, 0);
    peer_sacks(0, 3000, 4000, 1000, 2000);
    peer_sacks(0, 3000, 7000, 1000, 2000);
    hear_data(0, 1000);
    assert_int_equal(tp()->flight->sacked_out, 5);
    assert_int_equal(tp()->flight->lost_out, 2);
    peer_sacks(0, 3000, 9000, 1000, 2000);
    hear_data(2000, 1000);
    peer_hears_nothing();
}

/* RFC 2018 §8: SACK is advice; a timeout may find that the peer has let go. */
static void invalid_blocks_are_ignored(void **state)
{
    (void)state;
    ten_in_flight(true);
    peer_sacks(0, 20000, 30000, 0, 0);   /* never sent */
    peer_sacks(0, 3000, 2000, 0, 0);     /* backwards */
    assert_int_equal(tp()->flight->sacked_out, 0);
    assert_int_equal(COUNTER(TcpExt, TCPSACKDiscard), 2);
    peer_hears_nothing();
}

/* The whole retransmission was needless: the peer says so, the window is given back (RFC 3708's idea). */
static void duplicate_sack_undoes(void **state)
{
    (void)state;
    ten_in_flight(true);
    peer_sacks(0, 1000, 4000, 0, 0);
    hear_data(0, 1000);
    peer_sacks(4000, 0, 1000, 0, 0); /* the original came late, then ours: D-SACK below the ACK */
    assert_int_equal(COUNTER(TcpExt, TCPDSACKRecv), 1);
    assert_int_equal(COUNTER(TcpExt, TCPDSACKUndo), 1);
    assert_int_equal(tp()->flight->ca_state, TCP_CA_Open);
    assert_true(tp()->snd.cwnd_packets >= 10);
}

/* RFC 6582: without SACK the third duplicate ACK retransmits, a partial ACK the next hole. */
static void newreno(void **state)
{
    (void)state;
    ten_in_flight(false);
    peer_acks(0);
    peer_acks(0);
    peer_hears_nothing();
    peer_acks(0);
    hear_data(0, 1000);
    peer_hears_nothing();
    assert_int_equal(COUNTER(TcpExt, TCPRenoRecovery), 1);
    peer_acks(4000);
    hear_data(4000, 1000);
    peer_hears_nothing();
    peer_acks(10000);
    assert_int_equal(tp()->flight->packets_out, 0);
}

DATA_MAIN(DATA_TEST(third_sack_retransmits), DATA_TEST(two_holes_go_again_in_order), DATA_TEST(invalid_blocks_are_ignored),
    DATA_TEST(duplicate_sack_undoes), DATA_TEST(newreno))
