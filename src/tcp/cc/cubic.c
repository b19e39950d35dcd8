/* CUBIC (RFC 9438) with HyStart, in Linux's integers: after a reduction from W_max the window follows C (t - K)^3 + W_max,
 * but never less than Reno would have. Fixed point: time in 1/1024 s, C = 41/1024 (times 10 for the RTT scale), beta 717/1024. */
#include "tcp/cc/cc.h"
#include "tcp/tcp_net.h"

#define BETA 717u
#define BETA_ONE 1024u
#define RTT_SCALE 410u                                   /* C, scaled */
#define CUBE_FACTOR ((1ull << 40) / RTT_SCALE)
#define RENO_SCALE (8u * (BETA_ONE + BETA) / 3 / (BETA_ONE - BETA)) /* 3 (1 + beta) / (1 - beta), inverted, times 8 */
#define HYSTART_MIN_SAMPLES 8u
#define TICKS_SHIFT 10

struct cubic {
    uint32_t per;              /* acknowledged packets for one packet of growth */
    uint32_t last_max, last_cwnd, last_ms, origin, k, delay_min_us, ack_count, reno_cwnd;
    uint32_t epoch_ms; bool has_epoch;
    /* HyStart */
    uint8_t samples; bool found;
    seq_t end_seq;
    uint32_t current_rtt_us;
    uint64_t round_start_us, last_ack_us;
};
static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_past *)0)->cc_state), "fits the private room");

enum { DETECT_TRAIN = 1, DETECT_DELAY = 2 }; /* hystart_detect */

const struct cubic_parameters cubic_usual_parameters = {
    .fast_convergence = 1, .beta = BETA, .bic_scale = 41, .tcp_friendliness = 1, .hystart = 1, .hystart_detect = DETECT_TRAIN | DETECT_DELAY,
    .hystart_low_window = 16, .hystart_ack_delta_us = 2000,
};

int32_t *tcp_cubic_parameter(struct net *net, const char *name)
{
    struct cubic_parameters *p = &net->tcp->cubic;
    const struct { const char *name; int32_t *value; } all[] = {
        { "fast_convergence", &p->fast_convergence }, { "beta", &p->beta }, { "initial_ssthresh", &p->initial_ssthresh },
        { "bic_scale", &p->bic_scale }, { "tcp_friendliness", &p->tcp_friendliness }, { "hystart", &p->hystart },
        { "hystart_detect", &p->hystart_detect }, { "hystart_low_window", &p->hystart_low_window },
        { "hystart_ack_delta_us", &p->hystart_ack_delta_us },
    };

    for (size_t i = 0; i < array_count(all); i++)
        if (!strcmp(all[i].name, name)) return all[i].value;
    return NULL;
}

static const struct cubic_parameters *parameters(const struct tcp_sock *tp)
{
    const struct tcp_net *tn = net_of(tp)->tcp;

    return tn ? &tn->cubic : &cubic_usual_parameters;
}

static struct cubic *cubic_of(struct tcp_sock *tp) { return (struct cubic *)(void *)tp->flight->past.cc_state; }
static uint32_t now_ms(const struct tcp_sock *tp) { return (uint32_t)(tcp_now_ns(tp) / NS_PER_MS); }

static void reset(struct cubic *c)
{
    memset(c, 0, offsetof(struct cubic, samples));
    c->found = false;
}

static void round_begins(struct tcp_sock *tp)
{
    struct cubic *c = cubic_of(tp);

    c->round_start_us = c->last_ack_us = tcp_now_us(tp);
    c->end_seq = tp->snd.nxt;
    c->current_rtt_us = UINT32_MAX;
    c->samples = 0;
}

static void cubic_init(struct tcp_sock *tp)
{
    memset(cubic_of(tp), 0, sizeof(struct cubic));
    cubic_of(tp)->delay_min_us = tp->cc_rest;
    if (parameters(tp)->hystart) round_begins(tp);
    else if (parameters(tp)->initial_ssthresh) tp->snd.ssthresh_packets = (uint32_t)parameters(tp)->initial_ssthresh;
}

/* Before the first loss there is no curve, and rounds begin anew after a pause: only the least delay is worth keeping. */
static bool cubic_rest(struct tcp_sock *tp)
{
    const struct cubic *c = cubic_of(tp);

    tp->cc_rest = c->delay_min_us;
    return !c->has_epoch && !c->last_max && !c->found;
}

/* Integer cube root, rounded to nearest below within one: by bits, highest first. */
uint32_t cubic_root(uint64_t a)
{
    uint64_t root = 0;

    for (int bit = 20; bit >= 0; bit--) {
        uint64_t with = root | 1ull << bit;
        if (with * with * with <= a) root = with;
    }
    return (uint32_t)root;
}

static void begin_epoch(struct cubic *c, uint32_t cwnd, uint32_t acked, uint32_t ms)
{
    c->has_epoch = true;
    c->epoch_ms = ms;
    c->ack_count = acked;
    c->reno_cwnd = cwnd;
    if (c->last_max <= cwnd) {
        c->k = 0;
        c->origin = cwnd;
    } else {
        c->k = cubic_root(CUBE_FACTOR * (c->last_max - cwnd));
        c->origin = c->last_max;
    }
}

static void follow_curve(struct cubic *c, uint32_t cwnd, uint32_t ms)
{
    uint64_t t = (((uint64_t)(ms - c->epoch_ms) + c->delay_min_us / 1000) << TICKS_SHIFT) / 1000, offset, delta;
    uint64_t target;

    offset = t < c->k ? c->k - t : t - c->k;
    delta = RTT_SCALE * offset * offset * offset >> 40;
    if (t < c->k) target = delta < c->origin ? c->origin - delta : 0;
    else target = c->origin + delta;
    c->per = target > cwnd ? (uint32_t)(cwnd / (target - cwnd)) : 100 * cwnd;
    if (!c->last_max && c->per > 20) c->per = 20; /* nothing is known of the path yet: 5 % in a round trip at least */
}

/* Not less than Reno with the same beta would have (RFC 9438 §4.3). */
static void reno_friendly(struct cubic *c, uint32_t cwnd)
{
    uint32_t step = cwnd * RENO_SCALE >> 3;

    while (step && c->ack_count > step) {
        c->ack_count -= step;
        c->reno_cwnd++;
    }
    if (c->reno_cwnd > cwnd) c->per = min_of(c->per, cwnd / (c->reno_cwnd - cwnd));
}

static void update(struct tcp_sock *tp, uint32_t acked)
{
    struct cubic *c = cubic_of(tp);
    uint32_t cwnd = tp->snd.cwnd_packets, ms = now_ms(tp);

    c->ack_count += acked;
    if (c->last_cwnd == cwnd && ms - c->last_ms <= 1000 / 32) return;
    if (!c->has_epoch || ms != c->last_ms) {
        c->last_cwnd = cwnd;
        c->last_ms = ms;
        if (!c->has_epoch) begin_epoch(c, cwnd, acked, ms);
        follow_curve(c, cwnd, ms);
    }
    if (parameters(tp)->tcp_friendliness) reno_friendly(c, cwnd);
    c->per = max_of(c->per, 2u); /* at most half again in a round trip */
}

static void cubic_on_acked(struct tcp_sock *tp, seq_t ack, uint32_t acked)
{
    (void)ack;
    if (!tcp_is_cwnd_limited(tp)) return;
    if (tcp_in_slow_start(tp)) {
        acked = cc_slow_start(tp, acked);
        if (!acked) return;
    }
    update(tp, acked);
    cc_additive_increase(tp, cubic_of(tp)->per, acked);
}

static uint32_t cubic_ssthresh(struct tcp_sock *tp)
{
    struct cubic *c = cubic_of(tp);
    uint32_t cwnd = tp->snd.cwnd_packets;
    bool makes_room = cwnd < c->last_max && parameters(tp)->fast_convergence;

    c->has_epoch = false;
    /* Fast convergence: a flow that lost before it was back at W_max makes room. */
    c->last_max = cwnd;
    if (makes_room) c->last_max = (uint32_t)((uint64_t)cwnd * (BETA_ONE + BETA) / (2 * BETA_ONE));
    return max_of((uint32_t)((uint64_t)cwnd * BETA / BETA_ONE), 2u);
}

static void cubic_set_state(struct tcp_sock *tp, uint8_t state)
{
    if (state != TCP_CA_Loss) return;
    reset(cubic_of(tp));
    round_begins(tp);
}

/* Idle time is not time on the curve. */
static void cubic_event(struct tcp_sock *tp, int event)
{
    struct cubic *c = cubic_of(tp);
    uint32_t ms = now_ms(tp);

    if (event != CC_EVENT_TX_START || !c->has_epoch) return;
    c->epoch_ms += ms - (uint32_t)(tp->last_sent_ns / NS_PER_MS);
    if ((int32_t)(c->epoch_ms - ms) > 0) c->epoch_ms = ms;
}

static uint64_t ack_delay_us(const struct tcp_sock *tp)
{
    uint64_t rate = tcp_pacing_rate(tp);

    return rate ? min_of(1000ull, (uint64_t)TCP_GSO_MAX_BYTES * 4 * 1000000 / rate) : 0;
}

static void leave_slow_start(struct tcp_sock *tp, bool by_train)
{
    struct net *net = net_of(tp);
    uint32_t cwnd = tp->snd.cwnd_packets;

    cubic_of(tp)->found = true;
    if (by_train) {
        count(net, TcpExt, TCPHystartTrainDetect);
        count_add(net, TcpExt, TCPHystartTrainCwnd, cwnd);
    } else {
        count(net, TcpExt, TCPHystartDelayDetect);
        count_add(net, TcpExt, TCPHystartDelayCwnd, cwnd);
    }
    tp->snd.ssthresh_packets = cwnd;
}

/* The round's ACKs follow each other closely for as long as half the least round trip: the path is full of them. */
static void look_at_train(struct tcp_sock *tp)
{
    struct cubic *c = cubic_of(tp);
    uint64_t now_us = tcp_now_us(tp), train_us = c->delay_min_us + ack_delay_us(tp);

    if (now_us - c->last_ack_us > (uint64_t)parameters(tp)->hystart_ack_delta_us) return;
    c->last_ack_us = now_us;
    if (!tcp_is_paced(tp)) train_us >>= 1; /* pacing itself stretches a train over half a round trip */
    if (now_us - c->round_start_us > train_us) leave_slow_start(tp, true);
}

/* The least of a round's first delays lies an eighth over the least ever: a queue grows. */
static void look_at_delay(struct tcp_sock *tp, uint32_t delay_us)
{
    struct cubic *c = cubic_of(tp);
    uint32_t rise_us = clamp_of(c->delay_min_us >> 3, 4000u, 16000u);

    c->current_rtt_us = min_of(c->current_rtt_us, delay_us);
    if (c->samples < HYSTART_MIN_SAMPLES) c->samples++;
    else if (c->current_rtt_us > c->delay_min_us + rise_us) leave_slow_start(tp, false);
}

/* HyStart (Ha, Rhee 2011): slow start ends before the first loss. */
static void hystart(struct tcp_sock *tp, uint32_t delay_us)
{
    if (seq_after(tp->snd.una, cubic_of(tp)->end_seq)) round_begins(tp);
    if (tp->snd.cwnd_packets < (uint32_t)parameters(tp)->hystart_low_window) return;
    if (parameters(tp)->hystart_detect & DETECT_TRAIN) look_at_train(tp);
    if (parameters(tp)->hystart_detect & DETECT_DELAY) look_at_delay(tp, delay_us);
}

static void cubic_packets_acked(struct tcp_sock *tp, uint32_t packets, int64_t rtt_us)
{
    struct cubic *c = cubic_of(tp);
    uint32_t delay_us = rtt_us > 0 ? (uint32_t)rtt_us : 1;

    (void)packets;
    if (rtt_us < 0) return;
    if (c->has_epoch && now_ms(tp) - c->epoch_ms < 1000) return; /* right after a recovery delays say little */
    if (!c->delay_min_us || delay_us < c->delay_min_us) c->delay_min_us = delay_us;
    if (!c->found && tcp_in_slow_start(tp) && parameters(tp)->hystart) hystart(tp, delay_us);
}

const struct cc_ops cubic_cc = {
    .name = "cubic", .init = cubic_init, .rest = cubic_rest, .ssthresh = cubic_ssthresh, .on_acked = cubic_on_acked, .set_state = cubic_set_state,
    .event = cubic_event, .packets_acked = cubic_packets_acked, .undo_cwnd = reno_undo_cwnd,
};
