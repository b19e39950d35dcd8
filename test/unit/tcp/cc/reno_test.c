#include "../bare_sock.h"
#include "tcp/cc/cc.h"

static void slow_start_then_one_in_a_round_trip(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    tp->snd.ssthresh_packets = 16;
    reno_cc.on_acked(tp, seq(0), 4);
    assert_int_equal(tp->snd.cwnd_packets, 14);
    reno_cc.on_acked(tp, seq(0), 2);
    assert_int_equal(tp->snd.cwnd_packets, 16);
    for (int i = 0; i < 15; i++) reno_cc.on_acked(tp, seq(0), 1);
    assert_int_equal(tp->snd.cwnd_packets, 16);
    reno_cc.on_acked(tp, seq(0), 1);
    assert_int_equal(tp->snd.cwnd_packets, 17);
    reno_cc.on_acked(tp, seq(0), 17);
    assert_int_equal(tp->snd.cwnd_packets, 18);
}

static void half_at_a_loss(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    tp->snd.cwnd_packets = 21;
    assert_int_equal(reno_cc.ssthresh(tp), 10);
    tp->snd.cwnd_packets = 3;
    assert_int_equal(reno_cc.ssthresh(tp), 2);
}

static void no_growth_while_not_used(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    tp->is_cwnd_limited = false;
    tp->flight->usage.max_packets_out = 3;
    reno_cc.on_acked(tp, seq(0), 5);
    assert_int_equal(tp->snd.cwnd_packets, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slow_start_then_one_in_a_round_trip), cmocka_unit_test(half_at_a_loss),
        cmocka_unit_test(no_growth_while_not_used) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
