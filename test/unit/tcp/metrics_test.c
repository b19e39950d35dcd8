/* What is remembered of peers: saved when a connection ends, used by the next. */
#include "data_peer.h"

static const struct tcp_metrics *of_peer(uint8_t host)
{
    ip_addr_t us = ip_from4(be32(0x0a000001)), them = ip_from4(be32(0x0a000000u | host));
    return tcp_metrics_find(peer_net(), &us, &them);
}

/* A connection of this round trip, ended by both sides. */
static void live(unsigned trip_ms)
{
    round_trip_ms = trip_ms;
    open_connection(true, 65535);
    struct tcp_sock *tp = tcp_of(peer_sock(fd));
    uint32_t srtt_us = tp->rtt.srtt_us;
    weir_close(peer.task, fd - 1); /* the listener */
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 1, .flags = F | A, .window = offered });
    peer_hear_flags(A);
    assert_non_null(of_peer(2));
    assert_true(of_peer(2)->srtt_us >= srtt_us - srtt_us / 8);
    peer_wait_ms(61000);
}

static void a_round_trip_is_believed_at_once_when_longer(void **state)
{
    (void)state;
    assert_null(of_peer(2));
    live(80);
    uint32_t first = of_peer(2)->srtt_us;
    assert_in_range(first, 60000 << 3, 80000 << 3);
    live(400);
    assert_in_range(of_peer(2)->srtt_us, 340000 << 3, 400000 << 3);
    uint32_t long_one = of_peer(2)->srtt_us;
    live(8);
    assert_in_range(of_peer(2)->srtt_us, long_one - long_one / 8, long_one); /* a shorter one slowly */
}

static void the_first_rto_is_of_what_is_remembered(void **state)
{
    (void)state;
    live(400);
    uint64_t rtt_us = of_peer(2)->srtt_us >> 3;
    round_trip_ms = 8;
    open_connection(true, 65535);
    const struct tcp_sock *tp = tcp_of(peer_sock(fd));
    assert_int_equal(tp->rtt.rto_ns, 3 * rtt_us * NS_PER_US);
    assert_true(tp->rtt.srtt_us >> 3 < 10000);
}

static void after_an_hour_it_is_forgotten(void **state)
{
    (void)state;
    live(400);
    peer_wait_ms(3601000);
    assert_int_equal(of_peer(2)->srtt_us, 0);
}

static void it_need_not_be_saved(void **state)
{
    (void)state;
    assert_int_equal(weir_proc_write(peer.task, "sys/net/ipv4/tcp_no_metrics_save", "1", 1), 1);
    open_connection(true, 65535);
    struct tcp_sock *tp = tcp_of(peer_sock(fd));
    tcp_metrics_save(tp);
    assert_null(of_peer(2));
    peer_net()->sysctl.tcp_no_metrics_save = 0;
    tcp_metrics_save(tp);
    assert_non_null(of_peer(2));
    ip_addr_t them = ip_from4(be32(0x0a000003));
    tcp_metrics_flush(peer_net(), &them);
    assert_non_null(of_peer(2));
    them = ip_from4(be32(0x0a000002));
    tcp_metrics_flush(peer_net(), &them);
    assert_null(of_peer(2));
    assert_int_equal(peer_net()->tcp->metrics_count, 0);
}

static void reordering_and_windows(void **state)
{
    (void)state;
    open_connection(true, 65535);
    struct tcp_sock *tp = tcp_of(peer_sock(fd));
    tp->reordering = 17;
    tp->snd.cwnd_packets = 40;
    tcp_metrics_save(tp);
    assert_int_equal(of_peer(2)->reordering, 17);
    assert_int_equal(of_peer(2)->cwnd_packets, 40);
    assert_int_equal(of_peer(2)->ssthresh_packets, 0);
    peer_net()->sysctl.tcp_no_ssthresh_metrics_save = 0;
    tp->snd.ssthresh_packets = 20;
    tcp_metrics_save(tp);
    assert_int_equal(of_peer(2)->ssthresh_packets, 20); /* at least half of the window */
    assert_int_equal(of_peer(2)->cwnd_packets, 40);
    tp->backoff = 1; /* it did not hold */
    tcp_metrics_save(tp);
    assert_int_equal(of_peer(2)->srtt_us, 0);
    tp->reordering = 3;
    tcp_metrics_begin(tp);
    assert_int_equal(tp->reordering, 17);
    assert_int_equal(tp->snd.ssthresh_packets, 20);
}

/* Strangers push each other out, and no more than that. */
static void a_chain_is_bounded(void **state)
{
    (void)state;
    open_connection(true, 65535);
    struct tcp_sock *tp = tcp_of(peer_sock(fd));
    ip_addr_t real = tp->inet.remote;
    for (uint32_t i = 0; i < 20000; i++) {
        tp->inet.remote = ip_from4(be32(0x0b000000 + i));
        peer.now_ns = ((struct machine *)(void *)peer.m)->now_ns += 1000;
        assert_non_null(tcp_metrics_of(tp, true));
    }
    assert_in_range(peer_net()->tcp->metrics_count, 5000, 6 * TCP_METRICS_CHAINS);
    assert_non_null(tcp_metrics_of(tp, false)); /* the latest is there */
    tp->inet.remote = real;
}

static int setup(void **state)
{
    round_trip_ms = 0;
    return peer_setup(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_round_trip_is_believed_at_once_when_longer), T(the_first_rto_is_of_what_is_remembered), T(after_an_hour_it_is_forgotten),
        T(it_need_not_be_saved), T(reordering_and_windows), T(a_chain_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
