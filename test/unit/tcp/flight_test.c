#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }
static struct memory *memory(void) { return ((struct machine *)(void *)peer.m)->memory; }
static uint64_t used_bytes(void) { return memory_used_bytes(memory()); }

/* What tcp_info tells of the whole life is the same after the flight; memory goes back; the next data flies again. */
static void quiet_ends_it(void **state)
{
    struct tcp_info before, after;
    socklen_t bytes = sizeof before;
    char buffer[16];
    uint64_t active;

    (void)state;
    round_trip_ms = 40;
    open_connection(true, 60000);
    assert_true(tcp_has_flight(tp()));
    program_writes(500);
    hear_data(0, 500);
    peer_wait_ms(40);
    peer_acks(500);
    peer_data(0, "hello");
    assert_int_equal(weir_recv(peer.task, fd, buffer, sizeof buffer, 0), 5);
    peer_wait_ms(900);
    peer_forget();
    assert_true(tcp_has_flight(tp())); /* pauses do not end it */
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_INFO, &before, &bytes), 0);
    assert_true(before.tcpi_delivery_rate_app_limited); /* Linux: of the last sample, which the program's slowness made */
    active = used_bytes();
    peer_wait_ms(200);
    assert_false(tcp_has_flight(tp()));
    assert_int_equal(active - used_bytes(), sizeof(struct tcp_flight));
    assert_false(timer_is_armed(&sk_of(tp())->timer));
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_INFO, &after, &bytes), 0);
    before.tcpi_last_data_sent = after.tcpi_last_data_sent;
    before.tcpi_last_data_recv = after.tcpi_last_data_recv;
    before.tcpi_last_ack_recv = after.tcpi_last_ack_recv;
    assert_memory_equal(&before, &after, sizeof before);
    program_writes(300);
    assert_true(tcp_has_flight(tp()));
    hear_data(500, 300);
    peer_wait_ms(5000);
    assert_true(tcp_has_flight(tp())); /* not acknowledged */
}

static void unread_data_keeps_it(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_data(0, "unread");
    peer_wait_ms(5000);
    assert_true(tcp_has_flight(tp()));
}

/* Half a second between challenges, whatever else is quiet meanwhile. */
static void a_challenge_is_remembered(void **state)
{
    const struct say forged = { .from = 999, .to = 80, .seq = PEER(100), .flags = S, .window = 100 };

    (void)state;
    open_connection(true, 60000);
    peer_wait_ms(900);
    peer_say(forged);
    peer_hear_flags(A);
    peer_wait_ms(300); /* more than a second of quiet, but for what was forged */
    peer_say(forged);
    peer_hears_nothing();
    peer_wait_ms(2100);
    assert_false(tcp_has_flight(tp()));
    peer_say(forged);
    peer_hear_flags(A);
}

/* A curve since a loss is not forgotten: it waits in a small block. */
static void the_curve_is_kept(void **state)
{
    uint64_t curve[TCP_CC_WORDS];

    (void)state;
    open_connection(true, 60000);
    program_writes(3000);
    for (uint32_t i = 0; i < 3; i++) hear_data(i * 1000, 1000);
    peer_acks(1000);
    peer_wait_ms(8); /* a loss probe */
    peer_sacks(1000, 2000, 3000, 0, 0);
    peer_wait_ms(30);
    peer_forget();
    peer_acks(3000);
    memcpy(curve, tp()->flight->past.cc_state, sizeof curve);
    peer_wait_ms(2100);
    assert_false(tcp_has_flight(tp()));
    assert_non_null(tp()->past);
    assert_memory_equal(curve, tp()->past->cc_state, sizeof curve);
    program_writes(10);
    assert_null(tp()->past);
}

/* Without memory for a flight nothing breaks: the caller hears of it, the peer says it again, a FIN goes later. */
static void no_memory(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_wait_ms(2100);
    assert_false(tcp_has_flight(tp()));
    memory_fail_at(memory(), memory_alloc_count(memory()) + 1);
    errno = 0;
    assert_int_equal(weir_send(peer.task, fd, "x", 1, 0), -1);
    assert_int_equal(errno, ENOBUFS);
    memory_fail_at(memory(), memory_alloc_count(memory()) + 1);
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    peer_hears_nothing();
    peer_wait_ms(20);
    peer_hear_flags(A | TCP_FIN);
}

DATA_MAIN(DATA_TEST(quiet_ends_it), DATA_TEST(unread_data_keeps_it), DATA_TEST(a_challenge_is_remembered), DATA_TEST(the_curve_is_kept), DATA_TEST(no_memory))
