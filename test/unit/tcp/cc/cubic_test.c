#include "../bare_sock.h"
#include "tcp/cc/cc.h"

/* The largest root whose cube is not above a. */
static void cube_roots(void **state)
{
    (void)state;
    assert_int_equal(cubic_root(0), 0);
    for (uint64_t r = 1; r < 2000000; r = r * 3 / 2 + 1) {
        assert_int_equal(cubic_root(r * r * r), r);
        assert_int_equal(cubic_root(r * r * r - 1), r - 1);
    }
}

/* RFC 9438 §4.2 in doubles, with Linux's C = 41/1024 * 10 = 0.4: W(t) = C (t - K)^3 + W_max. */
static double curve(double t, double w_max, double start)
{
    double c = 0.4, wanted = (w_max - start) / c, k = 0;

    while (k * k * k < wanted) k += 0.0005;
    return c * (t - k) * (t - k) * (t - k) + w_max;
}

static void follows_the_curve(void **state)
{
    struct tcp_sock *tp = bare_sock();
    const uint64_t rtt_ms = 100;
    double w_max = 1000, start;

    (void)state;
    tp->cc.ops = &cubic_cc;
    cubic_cc.init(tp);
    tp->snd.cwnd_packets = 1000;
    tp->snd.ssthresh_packets = cubic_cc.ssthresh(tp);
    assert_int_equal(tp->snd.ssthresh_packets, 700);
    tp->snd.cwnd_packets = tp->snd.ssthresh_packets;
    start = tp->snd.cwnd_packets;
    for (uint64_t t = 0; t < 14000; t += rtt_ms) {
        /* A round trip's ACKs, spread over it. */
        uint32_t acks = tp->snd.cwnd_packets;
        for (uint32_t i = 0; i < acks; i++) {
            bare_machine.now_ns = 1000 * NS_PER_S + t * NS_PER_MS + rtt_ms * NS_PER_MS * i / acks;
            cubic_cc.on_acked(tp, seq(0), 1);
        }
        if (t > 500) { /* one round trip late at most */
            double late = curve((double)t / 1000, w_max, start), now = curve((double)(t + rtt_ms) / 1000, w_max, start);
            assert_true(tp->snd.cwnd_packets + 12 > late && tp->snd.cwnd_packets < now + 12);
        }
    }
    assert_true(tp->snd.cwnd_packets > 1000);
}

/* A second loss below the old maximum remembers less (fast convergence). */
static void fast_convergence(void **state)
{
    struct tcp_sock *tp = bare_sock();
    uint32_t *last_max = (uint32_t *)(void *)tp->flight->past.cc_state + 1;

    (void)state;
    tp->cc.ops = &cubic_cc;
    cubic_cc.init(tp);
    tp->snd.cwnd_packets = 1000;
    cubic_cc.ssthresh(tp);
    assert_int_equal(*last_max, 1000);
    tp->snd.cwnd_packets = 800;
    assert_int_equal(cubic_cc.ssthresh(tp), 560);
    assert_int_equal(*last_max, 680);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cube_roots), cmocka_unit_test(follows_the_curve), cmocka_unit_test(fast_convergence) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
