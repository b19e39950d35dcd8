#include "data_peer.h"

/* RFC 6298 §5.5: each timeout doubles the next. Without SACK there is no loss probe. */
static void timeout_doubles(void **state)
{
    static const uint64_t due_ms[] = { 200, 600, 1400, 3000, 6200 };
    uint64_t then;

    (void)state;
    open_connection(false, 60000);
    program_writes(100);
    hear_data(0, 100);
    then = peer.now_ns;
    peer_wait_ms(6300);
    for (unsigned i = 0; i < 5; i++) assert_int_equal(hear_data(0, 100).at_ns - then, due_ms[i] * MS);
    peer_hears_nothing();
    assert_int_equal(COUNTER(TcpExt, TCPTimeouts), 5);
    assert_int_equal(COUNTER(Tcp, RetransSegs), 5);
}

/* RFC 8985 §7: with SACK the last segment goes again first as a probe, and that is no timeout. */
static void tail_loss_probe(void **state)
{
    uint64_t then;

    (void)state;
    open_connection(true, 60000);
    program_writes(2500);
    hear_data(0, 1000);
    hear_data(1000, 1000);
    hear_data(2000, 500);
    then = peer.now_ns;
    peer_wait_ms(20);
    /* 2 ms, as timers of 1000 ticks a second have it: two ticks, and one more so as not to be early */
    assert_int_equal(hear_data(2000, 500).at_ns, (then / MS + 3) * MS);
    assert_int_equal(COUNTER(TcpExt, TCPLossProbes), 1);
    assert_int_equal(COUNTER(TcpExt, TCPTimeouts), 0);
    peer_acks(2500);
    peer_wait_ms(1000);
    peer_hears_nothing();
}

/* The tail was lost: the peer SACKs the probe, what lies before goes again without a timeout. */
static void probe_starts_recovery(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(3000);
    for (uint32_t i = 0; i < 3; i++) hear_data(i * 1000, 1000);
    peer_acks(1000);
    peer_wait_ms(8);
    hear_data(2000, 1000); /* the probe */
    peer_sacks(1000, 2000, 3000, 0, 0);
    peer_wait_ms(30);
    hear_data(1000, 1000);
    assert_int_equal(COUNTER(TcpExt, TCPTimeouts), 0);
    assert_int_equal(COUNTER(TcpExt, TCPSackRecovery), 1);
    peer_acks(3000);
    peer_wait_ms(1000);
    peer_hears_nothing();
}

static void after_a_timeout_slow_start(void **state)
{
    (void)state;
    open_connection(false, 60000);
    program_writes(10000);
    for (uint32_t i = 0; i < 10; i++) hear_data(i * 1000, 1000);
    peer_wait_ms(210);
    hear_data(0, 1000);
    peer_hears_nothing();
    assert_int_equal(tcp_of(peer_sock(fd))->snd.cwnd_packets, 1);
    assert_int_equal(tcp_of(peer_sock(fd))->snd.ssthresh_packets, 7);
    peer_acks(1000); /* F-RTO: new data would go first, but there is none */
    hear_data(1000, 1000);
    hear_data(2000, 1000);
    peer_hears_nothing();
}

/* Small packets go again together (tcp_retrans_collapse). */
static void small_ones_join(void **state)
{
    (void)state;
    open_connection(false, 60000);
    set_option(TCP_NODELAY, 1);
    for (uint32_t i = 0; i < 3; i++) {
        program_writes(100);
        hear_data(i * 100, 100);
    }
    peer_wait_ms(210);
    hear_data(0, 300);
    peer_hears_nothing();
    assert_int_equal(tcp_of(peer_sock(fd))->flight->packets_out, 1);
    peer_acks(300);
    assert_int_equal(tcp_of(peer_sock(fd))->flight->packets_out, 0);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, 0);
}

DATA_MAIN(DATA_TEST(small_ones_join), DATA_TEST(timeout_doubles), DATA_TEST(tail_loss_probe), DATA_TEST(probe_starts_recovery), DATA_TEST(after_a_timeout_slow_start))
