#include "data_peer.h"

/* RFC 9293 §3.7.4 (Nagle), with Minshall's rule: a small segment waits for an unacknowledged small one. */
static void second_small_write_waits(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(10);
    hear_data(0, 10);
    program_writes(20);
    program_writes(30);
    peer_hears_nothing();
    peer_acks(10);
    hear_data(10, 50);
    peer_hears_nothing();
}

static void nodelay_does_not_wait(void **state)
{
    (void)state;
    open_connection(true, 60000);
    set_option(TCP_NODELAY, 1);
    program_writes(10);
    program_writes(20);
    hear_data(0, 10);
    hear_data(10, 20);
}

static void cork_gathers(void **state)
{
    (void)state;
    open_connection(true, 60000);
    set_option(TCP_CORK, 1);
    program_writes(700);
    peer_hears_nothing();
    program_writes(700);
    hear_data(0, 1000);
    peer_hears_nothing();
    set_option(TCP_CORK, 0);
    peer_step();
    assert_int_equal(hear_data(1000, 400).flags, A | P);
}

static void initial_window_is_ten(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(20000);
    for (uint32_t i = 0; i < 10; i++) hear_data(i * 1000, 1000);
    peer_hears_nothing();
    peer_acks(2000); /* slow start: two acknowledged, four go */
    for (uint32_t i = 10; i < 14; i++) hear_data(i * 1000, 1000);
    peer_hears_nothing();
}

/* The peer's window bounds what is in flight; a part that does not fill a segment is not split off. */
static void peer_window_is_respected(void **state)
{
    (void)state;
    open_connection(true, 4500);
    program_writes(10000);
    for (uint32_t i = 0; i < 4; i++) hear_data(i * 1000, 1000);
    peer_hears_nothing();
}

/* RFC 5681 §4.1 */
static void idle_restarts_slow_start(void **state)
{
    struct tcp_sock *tp;

    (void)state;
    open_connection(true, 60000);
    tp = tcp_of(peer_sock(fd));
    for (uint32_t i = 0; i < 20; i++) {
        program_writes(10000);
        peer_acks((i + 1) * 10000);
    }
    tp->snd.cwnd_packets = 40;
    peer_wait_ms(10000);
    peer_forget();
    program_writes(100);
    assert_int_equal(tp->snd.cwnd_packets, 10);
}

DATA_MAIN(DATA_TEST(second_small_write_waits), DATA_TEST(nodelay_does_not_wait), DATA_TEST(cork_gathers), DATA_TEST(initial_window_is_ten),
    DATA_TEST(peer_window_is_respected), DATA_TEST(idle_restarts_slow_start))
