/* BBR over a model of a path: a bottleneck that takes one packet in so many microseconds, a delay, and a buffer without end. */
#include "../bare_sock.h"
#include "tcp/cc/cc.h"

enum { MSS = 1000, RING = 8192 };
struct path { uint64_t packet_us, delay_us, free_at_us; };
struct sent { uint64_t at_us, acked_us, delivered_then, delivered_then_us; bool is_app_limited; };

static struct sent ring[RING];
static uint64_t head, tail; /* of ring: oldest unacknowledged, next to send */

static uint64_t now_us(void) { return bare_machine.now_ns / NS_PER_US; }

static struct tcp_sock *begin(void)
{
    struct tcp_sock *tp = bare_sock();

    head = tail = 0;
    tp->inet.sk.rare = &(const struct sock_rare){ .max_pacing_rate = UINT64_MAX };
    tp->mss_cache = MSS;
    tp->snd.cwnd_packets = 10;
    tp->data_segs_out = 100;
    tp->delivered = 1;
    tp->flight->delivered_ns = bare_machine.now_ns;
    tp->cc.ops = &bbr_cc;
    bbr_cc.init(tp);
    return tp;
}

static void send_one(struct tcp_sock *tp, struct path *path)
{
    struct sent *s = &ring[tail++ % RING];
    uint64_t begins_us = max_of(now_us(), path->free_at_us);

    if (!tp->flight->packets_out) tp->flight->delivered_ns = bare_machine.now_ns;
    path->free_at_us = begins_us + path->packet_us;
    *s = (struct sent){ now_us(), path->free_at_us + path->delay_us, tp->delivered, tp->flight->delivered_ns / NS_PER_US, tp->app_limited != 0 };
    tp->flight->packets_out++;
    tcp_pacing_sent(tp, MSS);
}

static void acknowledge_one(struct tcp_sock *tp)
{
    const struct sent *s = &ring[head++ % RING];
    struct tcp_ack_result r = { .acked_packets = 1, .rtt_us = (int64_t)(now_us() - s->at_us), .prior_in_flight = tp->flight->packets_out,
                                .prior_delivered = s->delivered_then, .is_app_limited = s->is_app_limited };

    tp->delivered++;
    if (tp->app_limited && tp->delivered > tp->app_limited) tp->app_limited = 0;
    tp->flight->packets_out--;
    tp->flight->delivered_ns = bare_machine.now_ns;
    r.delivered_packets = (int64_t)(tp->delivered - s->delivered_then);
    r.interval_us = (int64_t)(now_us() - s->delivered_then_us);
    tcp_rtt_estimate(tp, r.rtt_us);
    tcp_min_rtt_update(tp, (uint32_t)r.rtt_us);
    bbr_cc.control(tp, &r);
}

static void run(struct tcp_sock *tp, struct path *path, uint64_t for_us)
{
    for (uint64_t end_us = now_us() + for_us; now_us() < end_us; bare_machine.now_ns += 20 * NS_PER_US) {
        while (head < tail && ring[head % RING].acked_us <= now_us()) acknowledge_one(tp);
        while (tp->flight->packets_out < tp->snd.cwnd_packets && tp->flight->paced_until_ns <= bare_machine.now_ns) send_one(tp, path);
    }
}

static struct tcp_bbr_info told(struct tcp_sock *tp)
{
    union tcp_cc_info_out out;
    int attribute = 0;

    assert_int_equal(bbr_cc.info(tp, &out, &attribute), sizeof(struct tcp_bbr_info));
    assert_int_equal(attribute, INET_DIAG_BBRINFO);
    return out.bbr;
}

/* The rate is set from the initial window in a millisecond, and by 2.89 at most while it starts. */
static void begins_fast(void **state)
{
    struct tcp_sock *tp = begin();

    (void)state;
    assert_true(tp->is_paced);
    assert_int_equal(tp->pacing_rate_bytes_per_s, 28578488);
    assert_int_equal(told(tp).bbr_pacing_gain, 739);
    assert_int_equal(told(tp).bbr_min_rtt, UINT32_MAX);
    assert_int_equal(tp->snd.ssthresh_packets, TCP_INFINITE_SSTHRESH);
}

/* 10 packets in a millisecond, 20 ms: a product of 200. The rate is found, the queue drained, and the gains go round. */
static void finds_rate_and_delay(void **state)
{
    struct tcp_sock *tp = begin();
    struct path path = { 100, 20000, 0 };
    bool seen_more = false, seen_less = false, seen_even = false;

    (void)state;
    run(tp, &path, 1000000);
    assert_true(told(tp).bbr_bw_lo > 9500000 && told(tp).bbr_bw_lo < 10500000);
    assert_true(told(tp).bbr_min_rtt >= 20000 && told(tp).bbr_min_rtt <= 20200);
    assert_int_equal(told(tp).bbr_cwnd_gain, 512);
    assert_true(tp->snd.ssthresh_packets < TCP_INFINITE_SSTHRESH); /* DRAIN was entered */
    for (unsigned i = 0; i < 400; i++) {
        run(tp, &path, 1000);
        seen_more |= told(tp).bbr_pacing_gain == 320;
        seen_less |= told(tp).bbr_pacing_gain == 192;
        seen_even |= told(tp).bbr_pacing_gain == 256;
        assert_true(tp->snd.cwnd_packets >= 380 && tp->snd.cwnd_packets <= 460);
    }
    assert_true(seen_more && seen_less && seen_even);
}

/* Ten seconds without a lower round trip: down to four packets for 200 ms, and back. */
static void looks_for_the_round_trip(void **state)
{
    struct tcp_sock *tp = begin();
    struct path path = { 1000, 20000, 0 };
    unsigned low_ms = 0;

    (void)state;
    run(tp, &path, 9000000);
    for (unsigned i = 0; i < 3000; i++) {
        run(tp, &path, 1000);
        low_ms += tp->snd.cwnd_packets == 4;
    }
    assert_true(low_ms >= 200 && low_ms <= 300);
    assert_true(tp->snd.cwnd_packets >= 40);
}

/* The bottleneck gets twice as wide: found by probing, an eighth of a second and a quarter at a time. */
static void follows_a_wider_path(void **state)
{
    struct tcp_sock *tp = begin();
    struct path path = { 200, 10000, 0 };

    (void)state;
    run(tp, &path, 1000000);
    assert_in_range(told(tp).bbr_bw_lo, 4700000, 5300000);
    path.packet_us = 100;
    run(tp, &path, 1000000);
    assert_in_range(told(tp).bbr_bw_lo, 9400000, 10600000);
}

/* Recovery conserves packets in its first round and then restores the window. */
static void restores_after_recovery(void **state)
{
    struct tcp_sock *tp = begin();
    struct path path = { 100, 20000, 0 };
    uint32_t before;

    (void)state;
    run(tp, &path, 1000000);
    before = tp->snd.cwnd_packets;
    assert_int_equal(bbr_cc.ssthresh(tp), tp->snd.ssthresh_packets);
    tp->flight->ca_state = TCP_CA_Recovery;
    acknowledge_one(tp);
    assert_int_equal(tp->snd.cwnd_packets, tp->flight->packets_out + 1);
    tp->flight->ca_state = TCP_CA_Open;
    acknowledge_one(tp);
    assert_in_range(tp->snd.cwnd_packets, before * 9 / 10, before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_fast), cmocka_unit_test(finds_rate_and_delay), cmocka_unit_test(looks_for_the_round_trip),
        cmocka_unit_test(follows_a_wider_path), cmocka_unit_test(restores_after_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
