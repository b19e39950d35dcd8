#include "data_peer.h"

/* RFC 9293 §3.8.6.1: probes of a closed window, doubling; the window's opening sends what waits. */
static void zero_window(void **state)
{
    uint64_t then;

    (void)state;
    open_connection(true, 60000);
    program_writes(1000);
    hear_data(0, 1000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 1000, .flags = A, .window = 1 });
    tcp_of(peer_sock(fd))->snd.wnd = 0; /* the harness cannot say zero */
    program_writes(500);
    peer_hears_nothing();
    then = peer.now_ns;
    peer_wait_ms(1500);
    for (unsigned i = 0; i < 3; i++) {
        static const uint64_t due_ms[] = { 200, 600, 1400 };
        struct seen s = peer_hear_flags(A);
        assert_int_equal(at(&s), 999); /* one before SND.UNA, empty */
        assert_int_equal(s.payload_bytes, 0);
        assert_int_equal(s.at_ns - then, due_ms[i] * MS);
    }
    peer_hears_nothing();
    assert_int_equal(COUNTER(TcpExt, TCPWinProbe), 3);
    peer_acks(1000);
    hear_data(1000, 500);
}

/* The window takes the data but not the FIN behind it: the probe sends what fits. */
static void the_end_does_not_fit(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(1000);
    hear_data(0, 1000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 1000, .flags = A, .window = 1 });
    tcp_of(peer_sock(fd))->snd.wnd = 0;
    program_writes(500);
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    tcp_of(peer_sock(fd))->snd.wnd = 500;
    peer_hears_nothing();
    peer_wait_ms(250);
    struct seen s = peer_hear();
    assert_int_equal(at(&s), 1000);
    assert_int_equal(s.payload_bytes, 500);
    assert_false(s.flags & F);
    peer_acks(1500);
    s = peer_hear();
    assert_true(s.flags & F);
    assert_int_equal(at(&s), 1500);
}

static void keepalive(void **state)
{
    uint64_t then;
    int on = 1, error = 0;
    socklen_t bytes = sizeof error;

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_KEEPIDLE, 10);
    set_option(TCP_KEEPINTVL, 3);
    set_option(TCP_KEEPCNT, 2);
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
    then = peer.now_ns;
    peer_wait_ms(15000);
    for (unsigned i = 0; i < 2; i++) {
        struct seen s = peer_hear_flags(A);
        assert_int_equal(s.seq, ours - 1);
        assert_int_equal(s.at_ns - then, (10000 + i * 3000) * MS);
    }
    peer_hears_nothing();
    peer_wait_ms(2000);
    assert_true(peer_hear().flags & R);
    assert_int_equal(weir_getsockopt(peer.task, fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    assert_int_equal(error, ETIMEDOUT);
    assert_int_equal(COUNTER(TcpExt, TCPKeepAlive), 2);
}

static void keepalive_answered(void **state)
{
    int on = 1;

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_KEEPIDLE, 10);
    set_option(TCP_KEEPINTVL, 10);
    set_option(TCP_KEEPCNT, 1);
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
    for (unsigned i = 0; i < 5; i++) {
        peer_wait_ms(10000);
        assert_int_equal(peer_hear_flags(A).seq, ours - 1);
        peer_acks(0);
    }
    peer_hears_nothing();
}

/* The window takes less than a segment: the probe is as much as fits, whatever more there is to send behind it. */
static void a_small_window_is_filled(void **state)
{
    (void)state;
    open_connection(true, 4000);
    set_option(TCP_NODELAY, 1);
    program_writes(1000);
    hear_data(0, 1000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 1000, .flags = A, .window = 300 });
    for (unsigned i = 0; i < 3; i++) program_writes(1000);
    peer_hears_nothing();
    peer_wait_ms(250);
    hear_data(1000, 300);
    peer_hears_nothing();
}

DATA_MAIN(DATA_TEST(a_small_window_is_filled), DATA_TEST(zero_window), DATA_TEST(the_end_does_not_fit), DATA_TEST(keepalive), DATA_TEST(keepalive_answered))
