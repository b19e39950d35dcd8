/* BBR, version 1 (Cardwell et al. 2016, as in Linux): sends at the greatest delivery rate of the last ten round trips, with
 * about two bandwidth-delay products in flight. STARTUP doubles until the rate grows no more, DRAIN empties the queue that
 * made, PROBE_BW tries a quarter more once in eight round trips, PROBE_RTT goes down to four packets when the least round
 * trip has not been seen for ten seconds. Long-term sampling finds token-bucket policers. Rates are packets in a microsecond
 * times 2^24, gains 256ths, times of the clock in milliseconds where the window is seconds. */
#include "tcp/cc/cc.h"

#define BW_SHIFT 24
#define BW_ONE (1u << BW_SHIFT)
#define GAIN_SHIFT 8
#define GAIN_ONE (1u << GAIN_SHIFT)
#define HIGH_GAIN (GAIN_ONE * 2885 / 1000 + 1)  /* 2 / ln 2: doubles in a round trip */
#define DRAIN_GAIN (GAIN_ONE * 1000 / 2885)
#define CWND_GAIN (GAIN_ONE * 2)
#define CYCLE_PHASES 8u
#define CYCLE_RANDOM 7u                         /* any phase but the one that drains begins */
#define BW_WINDOW_ROUNDS (CYCLE_PHASES + 2)
#define MIN_RTT_WINDOW_MS 10000u
#define PROBE_RTT_MS 200u
#define LEAST_CWND 4u
#define MARGIN_PERCENT 1u                       /* paced a little below, so that no queue stands */
#define LOW_RATE_BYTES_PER_S (1200000u >> 3)
#define FULL_GROWTH (GAIN_ONE * 5 / 4)
#define FULL_ROUNDS 3
#define LT_ROUNDS_LEAST 4u
#define LT_LOSS 50u                             /* of 256 */
#define LT_RATIO (GAIN_ONE / 8)
#define LT_DIFFERENCE_BYTES_PER_S (4000u / 8)
#define LT_USE_ROUNDS 48u
#define EXTRA_WINDOW_ROUNDS 5u
#define EXTRA_MOST_US 100000u
#define EPOCH_RESET_PACKETS (1u << 20)

enum bbr_mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

struct bbr {
    uint64_t cycle_ns, epoch_ns;                /* when the phase, the epoch of ACKs began */
    struct tcp_windowed bw;
    uint32_t min_rtt_us, min_rtt_ms, probe_rtt_done_ms, rounds, next_round_delivered;
    uint32_t lt_bw, lt_delivered, lt_ms, lt_lost, prior_cwnd, full_bw, epoch_acked;
    uint16_t extra_acked[2], pacing_gain, cwnd_gain;
    uint8_t mode, prev_ca_state, cycle_phase, full_rounds, lt_rounds, extra_rounds, extra_slot;
    bool round_starts : 1, conserves_packets : 1, is_restarting : 1, is_rtt_round_done : 1, is_pipe_full : 1, has_seen_rtt : 1,
        lt_is_sampling : 1, lt_is_used : 1, has_probe_rtt_end : 1;
};
static_assert(sizeof(struct bbr) <= sizeof(((struct tcp_past *)0)->cc_state), "fits the private room");

static struct bbr *bbr_of(struct tcp_sock *tp) { return (struct bbr *)(void *)tp->flight->past.cc_state; }
static uint32_t now_ms(const struct tcp_sock *tp) { return (uint32_t)(tcp_now_ns(tp) / NS_PER_MS); }
static bool is_after(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static uint32_t max_bw(const struct bbr *b) { return b->bw.s[0].value; }
static uint32_t bandwidth(const struct bbr *b) { return b->lt_is_used ? b->lt_bw : max_bw(b); }

static uint64_t bytes_per_second(const struct tcp_sock *tp, uint64_t bw, uint32_t gain)
{
    bw = bw * tp->mss_cache * gain >> GAIN_SHIFT;
    return bw * (1000000 / 100 * (100 - MARGIN_PERCENT)) >> BW_SHIFT;
}

static uint64_t rate_for(const struct tcp_sock *tp, uint64_t bw, uint32_t gain)
{
    return min_of(bytes_per_second(tp, bw, gain), tp->inet.sk.rare->max_pacing_rate);
}

/* Before there is a sample: the window in a round trip. */
static void pace_by_round_trip(struct tcp_sock *tp)
{
    uint32_t rtt_us = 1000;

    if (tp->rtt.srtt_us) {
        rtt_us = max_of(tp->rtt.srtt_us >> 3, 1u);
        bbr_of(tp)->has_seen_rtt = true;
    }
    tp->pacing_rate_bytes_per_s = rate_for(tp, (uint64_t)tp->snd.cwnd_packets * BW_ONE / rtt_us, HIGH_GAIN);
}

static void set_pacing_rate(struct tcp_sock *tp, uint32_t bw, uint32_t gain)
{
    struct bbr *b = bbr_of(tp);
    uint64_t rate = rate_for(tp, bw, gain);

    if (!b->has_seen_rtt && tp->rtt.srtt_us) pace_by_round_trip(tp);
    if (b->is_pipe_full || rate > tp->pacing_rate_bytes_per_s) tp->pacing_rate_bytes_per_s = max_of(rate, 1ull);
}

static uint32_t bbr_min_tso_segments(struct tcp_sock *tp)
{
    return tp->pacing_rate_bytes_per_s < LOW_RATE_BYTES_PER_S ? 1 : 2;
}

static uint32_t segments_goal(struct tcp_sock *tp)
{
    uint64_t bytes = min_of(tp->pacing_rate_bytes_per_s >> 10, (uint64_t)TCP_GSO_MAX_BYTES);

    return min_of(max_of((uint32_t)(bytes / tp->mss_cache), bbr_min_tso_segments(tp)), 127u);
}

static void save_cwnd(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);
    bool is_good = b->prev_ca_state < TCP_CA_Recovery && b->mode != PROBE_RTT;

    b->prior_cwnd = is_good ? tp->snd.cwnd_packets : max_of(b->prior_cwnd, tp->snd.cwnd_packets);
}

/* --- how much in flight */

static uint32_t product(const struct bbr *b, uint32_t bw, uint32_t gain)
{
    if (b->min_rtt_us == UINT32_MAX) return TCP_INITIAL_CWND; /* nothing is known yet */
    return (uint32_t)((((uint64_t)bw * b->min_rtt_us * gain >> GAIN_SHIFT) + BW_ONE - 1) / BW_ONE);
}

/* Room for whole large packets on their way at both ends, an even number, and a little more when probing for more. */
static uint32_t with_budget(struct tcp_sock *tp, uint32_t cwnd)
{
    const struct bbr *b = bbr_of(tp);

    cwnd = (cwnd + 3 * segments_goal(tp) + 1) & ~1u;
    return b->mode == PROBE_BW && b->cycle_phase == 0 ? cwnd + 2 : cwnd;
}

static uint32_t wanted_in_flight(struct tcp_sock *tp, uint32_t bw, uint32_t gain)
{
    return with_budget(tp, product(bbr_of(tp), bw, gain));
}

/* What will be in flight when the next packet may leave. */
static uint32_t in_flight_at_departure(struct tcp_sock *tp, uint32_t in_flight)
{
    const struct bbr *b = bbr_of(tp);
    uint32_t delivered = (uint32_t)((uint64_t)bandwidth(b) * (tcp_pacing_delay_ns(tp) / NS_PER_US) >> BW_SHIFT);

    if (b->pacing_gain > GAIN_ONE) in_flight += segments_goal(tp);
    return delivered >= in_flight ? 0 : in_flight - delivered;
}

/* ACKs that come in bunches must not stop the sender between them. */
static uint32_t aggregation_cwnd(const struct bbr *b)
{
    uint32_t most = (uint32_t)((uint64_t)bandwidth(b) * EXTRA_MOST_US / BW_ONE);

    return b->is_pipe_full ? min_of((uint32_t)max_of(b->extra_acked[0], b->extra_acked[1]), most) : 0;
}

/* In the first round of a recovery one packet for each that is delivered; afterwards the window of before. True: *cwnd holds. */
static bool recover_or_restore(struct tcp_sock *tp, const struct tcp_ack_result *r, uint32_t *cwnd)
{
    struct bbr *b = bbr_of(tp);
    uint8_t before = b->prev_ca_state, state = tp->flight->ca_state;
    uint32_t now = tp->snd.cwnd_packets;

    if (r->lost_packets) now = now > r->lost_packets ? now - r->lost_packets : 1;
    if (state == TCP_CA_Recovery && before != TCP_CA_Recovery) {
        b->conserves_packets = true;
        b->next_round_delivered = (uint32_t)tp->delivered;
        now = tcp_in_flight(tp) + r->acked_packets;
    } else if (before >= TCP_CA_Recovery && state < TCP_CA_Recovery) {
        now = max_of(now, b->prior_cwnd);
        b->conserves_packets = false;
    }
    b->prev_ca_state = state;
    *cwnd = b->conserves_packets ? max_of(now, tcp_in_flight(tp) + r->acked_packets) : now;
    return b->conserves_packets;
}

static void set_cwnd(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);
    uint32_t cwnd = tp->snd.cwnd_packets;

    if (r->acked_packets && !recover_or_restore(tp, r, &cwnd)) {
        uint32_t target = with_budget(tp, product(b, bandwidth(b), b->cwnd_gain) + aggregation_cwnd(b));
        if (b->is_pipe_full) cwnd = min_of(cwnd + r->acked_packets, target);
        else if (cwnd < target || tp->delivered < TCP_INITIAL_CWND) cwnd += r->acked_packets;
        cwnd = max_of(cwnd, LEAST_CWND);
    }
    tp->snd.cwnd_packets = b->mode == PROBE_RTT ? min_of(cwnd, LEAST_CWND) : cwnd;
}

/* --- the cycle of pacing gains */

static uint32_t cycle_gain(const struct bbr *b)
{
    static const uint16_t first_gains[] = { GAIN_ONE * 5 / 4, GAIN_ONE * 3 / 4 };

    return b->lt_is_used || b->cycle_phase >= array_count(first_gains) ? GAIN_ONE : first_gains[b->cycle_phase];
}

/* A phase lasts a least round trip; probing goes on until it had an effect, draining ends when it had. */
static bool phase_is_over(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);
    bool is_full_length = (int64_t)(tp->flight->delivered_ns - b->cycle_ns) > (int64_t)((uint64_t)b->min_rtt_us * NS_PER_US);
    uint32_t in_flight;

    if (b->pacing_gain == GAIN_ONE) return is_full_length;
    in_flight = in_flight_at_departure(tp, r->prior_in_flight);
    if (b->pacing_gain > GAIN_ONE)
        return is_full_length && (r->lost_packets || in_flight >= wanted_in_flight(tp, max_bw(b), b->pacing_gain));
    return is_full_length || in_flight <= wanted_in_flight(tp, max_bw(b), GAIN_ONE);
}

static void next_phase(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    b->cycle_phase = (b->cycle_phase + 1) & (CYCLE_PHASES - 1);
    b->cycle_ns = tp->flight->delivered_ns;
}

static void enter_probe_bw(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    b->mode = PROBE_BW;
    b->cycle_phase = (uint8_t)(CYCLE_PHASES - 1 - random_below(&net_of(tp)->machine->random.other, CYCLE_RANDOM));
    next_phase(tp);
}

static void resume(struct tcp_sock *tp)
{
    if (bbr_of(tp)->is_pipe_full) enter_probe_bw(tp);
    else bbr_of(tp)->mode = STARTUP;
}

/* --- long-term rate: much loss in intervals of equal rate is a policer's doing */

static uint32_t delivered_ms(const struct tcp_sock *tp) { return (uint32_t)(tp->flight->delivered_ns / NS_PER_MS); }

static void begin_lt_interval(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    b->lt_ms = delivered_ms(tp);
    b->lt_delivered = (uint32_t)tp->delivered;
    b->lt_lost = (uint32_t)tp->flight->lost;
    b->lt_rounds = 0;
}

static void forget_lt(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    b->lt_bw = 0;
    b->lt_is_used = b->lt_is_sampling = false;
    begin_lt_interval(tp);
}

static void end_lt_interval(struct tcp_sock *tp, uint32_t bw)
{
    struct bbr *b = bbr_of(tp);

    if (b->lt_bw) {
        uint32_t apart = bw > b->lt_bw ? bw - b->lt_bw : b->lt_bw - bw;
        bool is_like = (uint64_t)apart * GAIN_ONE <= (uint64_t)LT_RATIO * b->lt_bw;
        if (is_like || bytes_per_second(tp, apart, GAIN_ONE) <= LT_DIFFERENCE_BYTES_PER_S) {
            b->lt_bw = (uint32_t)(((uint64_t)bw + b->lt_bw) >> 1);
            b->lt_is_used = true;
            b->pacing_gain = GAIN_ONE;
            b->lt_rounds = 0;
            return;
        }
    }
    b->lt_bw = bw;
    begin_lt_interval(tp);
}

/* An interval begins and ends with a loss, and is four to sixteen rounds long. */
static void sample_lt(struct tcp_sock *tp, bool has_loss, bool is_app_limited)
{
    struct bbr *b = bbr_of(tp);
    uint32_t lost, delivered, ms;

    if (b->lt_is_used) {
        if (b->mode == PROBE_BW && b->round_starts && ++b->lt_rounds >= LT_USE_ROUNDS) {
            forget_lt(tp);
            enter_probe_bw(tp);
        }
        return;
    }
    if (!b->lt_is_sampling) {
        if (!has_loss) return;
        begin_lt_interval(tp);
        b->lt_is_sampling = true;
    }
    if (is_app_limited) {
        forget_lt(tp);
        return;
    }
    if (b->round_starts) b->lt_rounds++;
    if (b->lt_rounds < LT_ROUNDS_LEAST) return;
    if (b->lt_rounds > 4 * LT_ROUNDS_LEAST) {
        forget_lt(tp);
        return;
    }
    if (!has_loss) return;
    lost = (uint32_t)tp->flight->lost - b->lt_lost;
    delivered = (uint32_t)tp->delivered - b->lt_delivered;
    if (!delivered || (uint64_t)lost << GAIN_SHIFT < (uint64_t)LT_LOSS * delivered) return;
    ms = delivered_ms(tp) - b->lt_ms;
    if ((int32_t)ms < 1) return;
    if (ms >= UINT32_MAX / 1000) forget_lt(tp);
    else end_lt_interval(tp, (uint32_t)((uint64_t)delivered * BW_ONE / (ms * 1000ull)));
}

/* --- the model of the path */

static void update_bandwidth(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);
    uint64_t bw;

    b->round_starts = false;
    if (r->delivered_packets < 0 || r->interval_us <= 0) return;
    if (!is_after(b->next_round_delivered, (uint32_t)r->prior_delivered)) {
        b->next_round_delivered = (uint32_t)tp->delivered;
        b->rounds++;
        b->round_starts = true;
        b->conserves_packets = false;
    }
    sample_lt(tp, r->lost_packets > 0, r->is_app_limited);
    bw = (uint64_t)r->delivered_packets * BW_ONE / (uint64_t)r->interval_us;
    if (!r->is_app_limited || bw >= max_bw(b)) tcp_windowed_max(&b->bw, BW_WINDOW_ROUNDS, b->rounds, (uint32_t)bw);
}

/* How many more than the rate explains were acknowledged in an epoch. */
static void update_aggregation(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);
    uint64_t epoch_us;
    uint32_t expected, extra;

    if (!r->acked_packets || r->delivered_packets < 0 || r->interval_us <= 0) return;
    if (b->round_starts) {
        b->extra_rounds++;
        if (b->extra_rounds >= EXTRA_WINDOW_ROUNDS) {
            b->extra_rounds = 0;
            b->extra_slot = !b->extra_slot;
            b->extra_acked[b->extra_slot] = 0;
        }
    }
    epoch_us = (tp->flight->delivered_ns - b->epoch_ns) / NS_PER_US;
    expected = (uint32_t)((uint64_t)bandwidth(b) * epoch_us / BW_ONE);
    if (b->epoch_acked <= expected || b->epoch_acked + r->acked_packets >= EPOCH_RESET_PACKETS) {
        b->epoch_acked = expected = 0;
        b->epoch_ns = tp->flight->delivered_ns;
    }
    b->epoch_acked = min_of(b->epoch_acked + r->acked_packets, EPOCH_RESET_PACKETS - 1);
    extra = min_of(b->epoch_acked - expected, tp->snd.cwnd_packets);
    if (extra > b->extra_acked[b->extra_slot]) b->extra_acked[b->extra_slot] = (uint16_t)min_of(extra, (uint32_t)UINT16_MAX);
}

/* Three rounds in which the rate grew by less than a quarter: there is no more. */
static void check_pipe(struct bbr *b, const struct tcp_ack_result *r)
{
    if (b->is_pipe_full || !b->round_starts || r->is_app_limited) return;
    if (max_bw(b) >= (uint32_t)((uint64_t)b->full_bw * FULL_GROWTH >> GAIN_SHIFT)) {
        b->full_bw = max_bw(b);
        b->full_rounds = 0;
        return;
    }
    b->is_pipe_full = ++b->full_rounds >= FULL_ROUNDS;
}

static void check_drain(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    if (b->mode == STARTUP && b->is_pipe_full) {
        b->mode = DRAIN;
        tp->snd.ssthresh_packets = wanted_in_flight(tp, max_bw(b), GAIN_ONE);
    }
    if (b->mode == DRAIN && in_flight_at_departure(tp, tcp_in_flight(tp)) <= wanted_in_flight(tp, max_bw(b), GAIN_ONE)) enter_probe_bw(tp);
}

static void check_probe_rtt_end(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    if (!b->has_probe_rtt_end || !is_after(now_ms(tp), b->probe_rtt_done_ms)) return;
    b->min_rtt_ms = now_ms(tp);
    tp->snd.cwnd_packets = max_of(tp->snd.cwnd_packets, b->prior_cwnd);
    resume(tp);
}

static void probe_rtt(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);
    uint32_t end = (uint32_t)tp->delivered + tcp_in_flight(tp);

    tp->app_limited = end ? end : 1; /* the low rate is our own doing */
    if (!b->has_probe_rtt_end && tcp_in_flight(tp) <= LEAST_CWND) {
        b->has_probe_rtt_end = true;
        b->probe_rtt_done_ms = now_ms(tp) + PROBE_RTT_MS;
        b->is_rtt_round_done = false;
        b->next_round_delivered = (uint32_t)tp->delivered;
    } else if (b->has_probe_rtt_end) {
        if (b->round_starts) b->is_rtt_round_done = true;
        if (b->is_rtt_round_done) check_probe_rtt_end(tp);
    }
}

static void update_min_rtt(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);
    bool is_old = is_after(now_ms(tp), b->min_rtt_ms + MIN_RTT_WINDOW_MS);

    if (r->rtt_us >= 0 && (r->rtt_us < (int64_t)b->min_rtt_us || (is_old && !r->is_ack_delayed))) {
        b->min_rtt_us = (uint32_t)r->rtt_us;
        b->min_rtt_ms = now_ms(tp);
    }
    if (is_old && !b->is_restarting && b->mode != PROBE_RTT) {
        b->mode = PROBE_RTT;
        save_cwnd(tp);
        b->has_probe_rtt_end = false;
    }
    if (b->mode == PROBE_RTT) probe_rtt(tp);
    if (r->delivered_packets > 0) b->is_restarting = false;
}

static void update_gains(struct bbr *b)
{
    static const uint16_t pacing[] = { [STARTUP] = HIGH_GAIN, [DRAIN] = DRAIN_GAIN, [PROBE_RTT] = GAIN_ONE };
    static const uint16_t cwnd[] = { [STARTUP] = HIGH_GAIN, [DRAIN] = HIGH_GAIN, [PROBE_BW] = CWND_GAIN, [PROBE_RTT] = GAIN_ONE };

    b->pacing_gain = b->mode == PROBE_BW ? (uint16_t)cycle_gain(b) : pacing[b->mode];
    b->cwnd_gain = cwnd[b->mode];
}

static void bbr_control(struct tcp_sock *tp, const struct tcp_ack_result *r)
{
    struct bbr *b = bbr_of(tp);

    update_bandwidth(tp, r);
    update_aggregation(tp, r);
    if (b->mode == PROBE_BW && phase_is_over(tp, r)) next_phase(tp);
    check_pipe(b, r);
    check_drain(tp);
    update_min_rtt(tp, r);
    update_gains(b);
    set_pacing_rate(tp, bandwidth(b), b->pacing_gain);
    set_cwnd(tp, r);
}

static void bbr_init(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    memset(b, 0, sizeof(*b));
    tp->snd.ssthresh_packets = TCP_INFINITE_SSTHRESH;
    b->next_round_delivered = (uint32_t)tp->delivered;
    b->prev_ca_state = TCP_CA_Open;
    b->min_rtt_us = tcp_min_rtt_us(tp);
    b->min_rtt_ms = now_ms(tp);
    b->pacing_gain = b->cwnd_gain = HIGH_GAIN;
    b->epoch_ns = tcp_now_ns(tp);
    pace_by_round_trip(tp);
    forget_lt(tp);
    tp->is_paced = true;
}

/* The model is worth more than the memory it takes. */
static bool bbr_rest(struct tcp_sock *tp)
{
    bbr_of(tp)->lt_lost -= (uint32_t)tp->flight->lost; /* which begins at 0 again */
    return false;
}

static uint32_t bbr_ssthresh(struct tcp_sock *tp)
{
    save_cwnd(tp);
    return tp->snd.ssthresh_packets;
}

static uint32_t bbr_undo_cwnd(struct tcp_sock *tp)
{
    struct bbr *b = bbr_of(tp);

    b->full_bw = 0; /* the pause was spurious, and so was the rate of it */
    b->full_rounds = 0;
    forget_lt(tp);
    return tp->snd.cwnd_packets;
}

static void bbr_set_state(struct tcp_sock *tp, uint8_t state)
{
    struct bbr *b = bbr_of(tp);

    if (state != TCP_CA_Loss) return;
    b->prev_ca_state = TCP_CA_Loss;
    b->full_bw = 0;
    b->round_starts = true; /* a timeout is the end of a round */
    sample_lt(tp, true, false);
}

static void bbr_event(struct tcp_sock *tp, int event)
{
    struct bbr *b = bbr_of(tp);

    if (event != CC_EVENT_TX_START || !tp->app_limited) return;
    b->is_restarting = true;
    b->epoch_ns = tcp_now_ns(tp);
    b->epoch_acked = 0;
    if (b->mode == PROBE_BW) set_pacing_rate(tp, bandwidth(b), GAIN_ONE);
    else if (b->mode == PROBE_RTT) check_probe_rtt_end(tp);
}

static uint32_t bbr_info(struct tcp_sock *tp, union tcp_cc_info_out *out, int *attribute)
{
    const struct bbr *b = (const struct bbr *)(const void *)tcp_past(tp)->cc_state;
    uint64_t rate = (uint64_t)bandwidth(b) * tp->mss_cache * 1000000 >> BW_SHIFT;

    out->bbr = (struct tcp_bbr_info){ .bbr_bw_lo = (uint32_t)rate, .bbr_bw_hi = (uint32_t)(rate >> 32), .bbr_min_rtt = b->min_rtt_us,
                                      .bbr_pacing_gain = b->pacing_gain, .bbr_cwnd_gain = b->cwnd_gain };
    *attribute = INET_DIAG_BBRINFO;
    return sizeof(out->bbr);
}

const struct cc_ops bbr_cc = {
    .name = "bbr", .init = bbr_init, .rest = bbr_rest, .ssthresh = bbr_ssthresh, .set_state = bbr_set_state, .event = bbr_event,
    .undo_cwnd = bbr_undo_cwnd, .control = bbr_control, .min_tso_segments = bbr_min_tso_segments, .sndbuf_windows = 3, .info = bbr_info,
};
