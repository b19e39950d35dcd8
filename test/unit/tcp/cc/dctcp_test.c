#include "../bare_sock.h"
#include "tcp/cc/cc.h"

static struct tcp_sock *begin(void)
{
    struct tcp_sock *tp = bare_sock();

    tp->is_ecn_ok = true;
    tp->mss_cache = 1000;
    tp->cc.ops = &dctcp_cc;
    dctcp_cc.init(tp);
    return tp;
}

static struct tcp_dctcp_info told(struct tcp_sock *tp)
{
    union tcp_cc_info_out out;
    int attribute = 0;

    assert_int_equal(dctcp_cc.info(tp, &out, &attribute), sizeof(struct tcp_dctcp_info));
    assert_int_equal(attribute, INET_DIAG_DCTCPINFO);
    return out.dctcp;
}

/* A round trip of 100 packets, of which so many were marked. */
static void round_trip(struct tcp_sock *tp, uint32_t marked)
{
    tp->snd.nxt = seq_add(tp->snd.nxt, 100000);
    tp->snd.una = tp->snd.nxt;
    tp->delivered += 100;
    tp->delivered_ce += marked;
    dctcp_cc.on_ack(tp);
}

/* RFC 8257 §3.3: begins at the worst, falls by a sixteenth, and rises by a sixteenth of the share marked. */
static void share_is_averaged(void **state)
{
    struct tcp_sock *tp = begin();

    (void)state;
    assert_int_equal(told(tp).dctcp_alpha, 1024);
    round_trip(tp, 0);
    assert_int_equal(told(tp).dctcp_alpha, 960);
    round_trip(tp, 50);
    assert_int_equal(told(tp).dctcp_alpha, 960 - 60 + 32);
    for (int i = 0; i < 200; i++) round_trip(tp, 0);
    assert_int_equal(told(tp).dctcp_alpha, 0);
    for (int i = 0; i < 200; i++) round_trip(tp, 25);
    assert_in_range(told(tp).dctcp_alpha, 240, 271); /* a quarter of 1024, as far as whole numbers get */
}

/* By half of the share; a loss by half of all. */
static void reduces_by_the_share(void **state)
{
    struct tcp_sock *tp = begin();

    (void)state;
    tp->snd.cwnd_packets = 100;
    assert_int_equal(dctcp_cc.ssthresh(tp), 50);
    for (int i = 0; i < 200; i++) round_trip(tp, 0);
    assert_int_equal(dctcp_cc.ssthresh(tp), 100);
    dctcp_cc.event(tp, CC_EVENT_LOSS);
    assert_int_equal(tp->snd.ssthresh_packets, 50);
    tp->snd.cwnd_packets = 60;
    assert_int_equal(dctcp_cc.undo_cwnd(tp), 100);
}

/* Each change of the mark is told at once, and stays until the next. */
static void echoes_each_change(void **state)
{
    struct tcp_sock *tp = begin();

    (void)state;
    tp->ack_pending = 0;
    dctcp_cc.event(tp, CC_EVENT_ECN_NO_CE);
    assert_int_equal(tp->ack_pending, 0);
    dctcp_cc.event(tp, CC_EVENT_ECN_IS_CE);
    assert_int_equal(tp->ack_pending, ACK_NOW);
    assert_true(tp->ecn_demand_cwr);
    tp->ack_pending = 0;
    dctcp_cc.event(tp, CC_EVENT_ECN_IS_CE);
    assert_int_equal(tp->ack_pending, 0);
    dctcp_cc.event(tp, CC_EVENT_ECN_NO_CE);
    assert_int_equal(tp->ack_pending, ACK_NOW);
    assert_false(tp->ecn_demand_cwr);
}

/* Without ECN it is Reno, and says so. */
static void reno_without_ecn(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    tp->cc.ops = &dctcp_cc;
    dctcp_cc.init(tp);
    tp->snd.cwnd_packets = 100;
    assert_int_equal(dctcp_cc.ssthresh(tp), 50);
    assert_int_equal(told(tp).dctcp_enabled, 0);
    dctcp_cc.event(tp, CC_EVENT_ECN_IS_CE);
    assert_false(tp->ecn_demand_cwr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_is_averaged), cmocka_unit_test(reduces_by_the_share), cmocka_unit_test(echoes_each_change),
        cmocka_unit_test(reno_without_ecn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
