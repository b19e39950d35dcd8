#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }
static void say(uint32_t seq, uint32_t ack, uint8_t flags, const char *data)
{
    peer_say((struct say){ .from = 999, .to = 80, .seq = seq, .ack = ack, .flags = flags, .window = 60000, .data = data });
}

/* RFC 5961 §3.2: only RCV.NXT itself resets; elsewhere in the window a challenge; outside nothing. */
static void resets(void **state)
{
    (void)state;
    open_connection(true, 60000);
    say(PEER(100), 0, R, NULL);
    assert_int_equal(peer_hear_flags(A).ack, PEER(0));
    assert_int_equal(COUNTER(TcpExt, TCPChallengeACK), 1);
    say(PEER(100), 0, R, NULL); /* limited: one in half a second */
    peer_hears_nothing();
    assert_int_equal(COUNTER(TcpExt, TCPACKSkippedChallenge), 1);
    say(PEER(100000), 0, R, NULL);
    peer_hears_nothing();
    assert_int_equal(tp()->inet.sk.state, TCPS_ESTABLISHED);
    say(PEER(0), 0, R, NULL);
    assert_int_equal(tp()->inet.sk.state, TCPS_CLOSE);
    peer_hears_nothing();
}

/* RFC 5961 §4.2 */
static void syn_in_a_connection(void **state)
{
    (void)state;
    open_connection(true, 60000);
    say(PEER(0), ours, S, NULL);
    assert_int_equal(peer_hear_flags(A).ack, PEER(0));
    assert_int_equal(COUNTER(TcpExt, TCPSYNChallenge), 1);
    assert_int_equal(tp()->inet.sk.state, TCPS_ESTABLISHED);
}

/* RFC 5961 §5.2; RFC 9293 §3.10.7.4, fifth */
static void unacceptable_acks(void **state)
{
    char got[10];

    (void)state;
    open_connection(true, 60000);
    program_writes(10);
    peer_forget();
    peer_acks(10);
    /* Older than anything acknowledged here; with another window, so that prediction does not take it. */
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours - 100, .flags = A, .window = 50000, .data = "old" });
    assert_int_equal(COUNTER(TcpExt, TCPChallengeACK), 1);
    say(PEER(0), ours + 11, A, "new");   /* never sent */
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), -1);
    say(PEER(0), ours + 5, A, "yes");    /* old, but of this connection: the data counts */
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 3);
}

static void no_flags_no_service(void **state)
{
    char got[10];

    (void)state;
    open_connection(true, 60000);
    say(PEER(0), ours, P, "abc");
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), -1);
    assert_int_equal(peer_net()->drops[DROP_TCP_FLAGS], 1);
}

/* RFC 1122 §4.2.2.13: data for a closed program is answered by a reset. */
static void data_after_close(void **state)
{
    (void)state;
    open_connection(true, 60000);
    weir_close(peer.task, fd);
    peer_step();
    assert_int_equal(peer_hear().flags & F, F);
    say(PEER(0), ours, A, "too late");
    assert_true(peer_hear().flags & R);
    assert_int_equal(COUNTER(TcpExt, TCPAbortOnData), 1);
}

/* The next data and a plain ACK take the short way; anything else the long one, and what needs new pages counts so too. */
static void prediction(void **state)
{
    uint64_t hits;
    char all[32];

    (void)state;
    open_connection(true, 60000);
    hits = COUNTER(TcpExt, TCPHPHits);
    peer_data(0, "abc"); /* the first: nothing is charged yet */
    assert_counted(hits, TcpExt, TCPHPHits, 0);
    peer_data(3, "d");
    assert_counted(hits, TcpExt, TCPHPHits, 1);
    peer_data(10, "hole");
    peer_data(4, "efghij");
    assert_counted(hits, TcpExt, TCPHPHits, 0);
    assert_int_equal(weir_recv(peer.task, fd, all, sizeof all, 0), 14);
    peer_data(14, "again");
    peer_data(19, "and again");
    assert_counted(hits, TcpExt, TCPHPHits, 1);
}

DATA_MAIN(DATA_TEST(resets), DATA_TEST(syn_in_a_connection), DATA_TEST(unacceptable_acks), DATA_TEST(no_flags_no_service),
    DATA_TEST(data_after_close), DATA_TEST(prediction))
