#include "bare_sock.h"

static void first_sample(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    tcp_rtt_handshake_sample(tp, 30000);
    assert_int_equal(tp->rtt.srtt_us >> 3, 30000);
    assert_int_equal(tp->rtt.rttvar_us, 200000); /* not under the minimum RTO */
    assert_int_equal(tp->rtt.rto_ns, 230 * NS_PER_MS);
    tp = bare_sock();
    tcp_rtt_handshake_sample(tp, 500000); /* RFC 6298 §2.2: RTTVAR = R / 2, RTO = R + 4 RTTVAR */
    assert_int_equal(tp->rtt.rto_ns, 1500 * NS_PER_MS);
}

/* RFC 6298 §2.3's smoothing, against doubles: gains 1/8 and 1/4. */
static void smoothing(void **state)
{
    struct tcp_sock *tp = bare_sock();
    double srtt = 400000;

    (void)state;
    tcp_rtt_estimate(tp, 400000);
    for (int i = 0; i < 200; i++) {
        int64_t sample = 400000 + (i * 7919) % 100000;
        srtt += ((double)sample - srtt) / 8;
        tcp_rtt_estimate(tp, sample);
        assert_in_range(tp->rtt.srtt_us >> 3, (uint32_t)srtt - 10, (uint32_t)srtt + 10);
    }
    assert_in_range(tp->rtt.mdev_us >> 2, 15000, 35000);
}

/* The variance falls only once in a round trip, a quarter of the way. */
static void variance_falls_by_rounds(void **state)
{
    struct tcp_sock *tp = bare_sock();
    uint32_t before;

    (void)state;
    tcp_rtt_estimate(tp, 1000000);
    before = tp->rtt.rttvar_us;
    for (int i = 0; i < 10; i++) tcp_rtt_estimate(tp, 1000000);
    assert_int_equal(tp->rtt.rttvar_us, before);
    for (uint32_t i = 1; i < 40; i++) {
        tp->snd.una = seq(i * 10 + 1);
        tp->snd.nxt = seq(i * 10 + 5);
        tcp_rtt_estimate(tp, 1000000);
    }
    assert_int_equal(tp->rtt.rttvar_us >> 10, 200000 >> 10); /* the minimum RTO */
}

static void windowed_minimum(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    assert_int_equal(tcp_min_rtt_us(tp), UINT32_MAX);
    tcp_min_rtt_update(tp, 500);
    bare_machine.now_ns += 100 * NS_PER_S;
    tcp_min_rtt_update(tp, 700);
    assert_int_equal(tcp_min_rtt_us(tp), 500);
    bare_machine.now_ns += 100 * NS_PER_S;
    tcp_min_rtt_update(tp, 600);
    bare_machine.now_ns += 150 * NS_PER_S; /* the 500 has left the window of 300 s */
    tcp_min_rtt_update(tp, 800);
    assert_int_equal(tcp_min_rtt_us(tp), 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(first_sample), cmocka_unit_test(smoothing), cmocka_unit_test(variance_falls_by_rounds),
        cmocka_unit_test(windowed_minimum) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
