/* ECN: who marks what (RFC 3168), and Accurate ECN (RFC 9768): instead of one echo until the sender reacts, the receiver counts.
 * The three header flags AE, CWR and ECE of each segment but a SYN hold the count of CE-marked packets modulo 8, begun at 5; an
 * option (172, 174) holds 24 bits each of the bytes that came as ECT(0), CE and ECT(1). The SYN, the SYN-ACK and the ACK after
 * it say in those flags what the IP header of the segment they answer had, so that both see whether the path spoils it. */
#include "tcp/accecn.h"
#include "tcp/data.h"
#include "tcp/tcp_net.h"

enum { NOT_ECT, ECT1, ECT0, CE };
enum { ACE_FAILS_SENT = 1, ACE_FAILS_RECEIVED = 2, OPTION_FAILS_SENT = 4, OPTION_FAILS_RECEIVED = 8 }; /* tcpi_accecn_fail_mode */
enum { OPTION_NEVER, OPTION_EMPTY, OPTION_COUNTS, OPTION_ZEROED };                                   /* tcpi_accecn_opt_seen */
#define ACE_BEGIN 5u
#define ACE_MASK 7u
#define ACE_RESERVED 5u              /* in a SYN-ACK; agrees, and says that the SYN came as it was sent (RFC 9768 §3.1.3) */
#define ACE_HURRY 6u                 /* so many marks unsaid: an ACK at once */
#define FIELD_BYTES 3u
#define BYTES_MASK 0xffffffu
#define FULL_OPTION 2                /* tcp_ecn_option: with every segment */
#define WEIGHT 6u                    /* of the average of packets acknowledged at once, and its precision */
#define THINNED_ACKS (4u << WEIGHT)
#define OPTION_WATCH_BYTES ((1u << 23) - 1)

static struct tcp_accecn *state_of(struct tcp_sock *tp) { return &tp->flight->past.accecn; }
static uint8_t codepoint(const struct tcp_segment *seg) { return seg->packet->ip.tos & 3; }

uint8_t tcp_ace_of(const struct tcp_segment *seg)
{
    return (uint8_t)((seg->is_ae ? 4 : 0) | (seg->flags & TCP_CWR ? 2 : 0) | (seg->flags & TCP_ECE ? 1 : 0));
}

uint8_t tcp_ace_flags(uint8_t ace, bool *is_ae)
{
    *is_ae = ace & 4;
    return (uint8_t)((ace & 2 ? TCP_CWR : 0) | (ace & 1 ? TCP_ECE : 0));
}

/* What a SYN-ACK or the ACK after it says of the segment it answers (RFC 9768 table 2). */
uint8_t tcp_ace_of_codepoint(uint8_t ecn)
{
    static const uint8_t ace[] = { [NOT_ECT] = 2, [ECT1] = 3, [ECT0] = 4, [CE] = 6 };

    return ace[ecn & 3];
}

static uint8_t codepoint_of_ace(uint8_t ace)
{
    static const uint8_t ecn[] = { ECT0, ECT1, NOT_ECT, ECT1, ECT0, ECT1, CE, ECT1 };

    return ecn[ace & ACE_MASK];
}

/* Not-ECT never becomes anything, nothing becomes Not-ECT, and CE stays. */
static bool is_possible(uint8_t sent, uint8_t received)
{
    return sent == received || (sent != NOT_ECT && received != NOT_ECT && sent != CE);
}

static bool feedback_is_possible(struct tcp_sock *tp, uint8_t ace)
{
    if (!net_of(tp)->sysctl.tcp_ecn_fallback || is_possible(state_of(tp)->syn_sent, codepoint_of_ace(ace))) return true;
    state_of(tp)->fail_mode |= ACE_FAILS_RECEIVED;
    return false;
}

/* The first option with counters: a zero where there cannot be one was put there on the way. */
static uint8_t judge_option(const struct tcp_options *o)
{
    if (!o->accecn_count) return OPTION_EMPTY;
    if (!o->accecn[0] || (o->accecn_count >= 3 && !o->accecn[2])) return OPTION_ZEROED;
    return OPTION_COUNTS;
}

static void see_option(struct tcp_sock *tp, const struct tcp_options *o)
{
    struct tcp_accecn *a = state_of(tp);

    a->option_seen = judge_option(o);
    if (a->option_seen == OPTION_ZEROED) a->fail_mode |= OPTION_FAILS_RECEIVED;
}

/* --- opening */

void tcp_ecn_send_syn(struct tcp_sock *tp, struct packet *syn)
{
    int64_t mode = net_of(tp)->sysctl.tcp_ecn;
    bool wants_accurate = mode == 3;
    bool wants = mode == 1 || mode == 4 || wants_accurate || (tp->cc.ops && tp->cc.ops->needs_ecn);

    if (tp->inet.route && tp->inet.route->features_ecn) wants = true;

    tp->is_ecn_ok = wants && !wants_accurate;
    tp->is_accecn = wants_accurate; /* without is_ecn_ok: asked for, not yet agreed */
    tp->ecn_demand_cwr = tp->ecn_queue_cwr = tp->ecn_seen = false;
    *state_of(tp) = (struct tcp_accecn){ 0 };
    if (!wants) return;
    syn->tcp.flags |= TCP_ECE | TCP_CWR;
    syn->tcp.is_ae = wants_accurate;
}

/* RFC 3168 §6.1.1.1: perhaps it is the flags that somebody drops. */
void tcp_ecn_fall_back(struct tcp_sock *tp, struct packet *syn)
{
    const uint8_t asks = TCP_SYN | TCP_ECE | TCP_CWR;

    if ((syn->tcp.flags & (asks | TCP_ACK)) != asks || !net_of(tp)->sysctl.tcp_ecn_fallback) return;
    if (syn->tcp.is_ae && tp->retransmits <= 1) return; /* RFC 9768 §3.1.4.1: once more with them */
    syn->tcp.flags &= (uint8_t)~(TCP_ECE | TCP_CWR);
    syn->tcp.is_ae = false;
}

static void set_mode(struct tcp_sock *tp, bool is_ecn, bool is_accurate)
{
    tp->is_ecn_ok = is_ecn;
    tp->is_accecn = is_accurate;
}

static void agree_by_syn_ack(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct tcp_accecn *a = state_of(tp);

    set_mode(tp, true, true);
    a->syn_received = codepoint(seg);
    if (seg->options.has_accecn && a->option_seen < OPTION_COUNTS) {
        see_option(tp, &seg->options);
        a->demand = 2;
    }
    if (codepoint(seg) == CE && (tcp_ace_of(seg) == ACE_RESERVED || feedback_is_possible(tp, tcp_ace_of(seg)))) {
        a->received_ce++;
        a->received_ce_unsaid++;
    }
}

/* RFC 9768 table 2, the rows of a client. */
void tcp_ecn_syn_ack_received(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (!tp->is_ecn_ok && !tp->is_accecn) return;
    if (!tp->is_accecn) { /* only RFC 3168's was asked for */
        set_mode(tp, (seg->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE, false);
        return;
    }
    switch (tcp_ace_of(seg)) {
    case 0: case 7: set_mode(tp, false, false); break;  /* no ECN, or it throws our own flags back */
    case 1: set_mode(tp, true, false); break;           /* RFC 3168's */
    default: agree_by_syn_ack(tp, seg);
    }
}

void tcp_ecn_send_first_ack(struct tcp_sock *tp)
{
    state_of(tp)->reflects = tp->is_accecn;
    tcp_send_ack(tp);
    if (tcp_has_flight(tp)) state_of(tp)->reflects = false;
}

/* Crossed SYNs. */
void tcp_ecn_syn_received(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint8_t ace = tcp_ace_of(seg);

    if (tp->is_accecn && ace && ace != 3) {
        set_mode(tp, true, true);
        state_of(tp)->syn_received = state_of(tp)->last_received = codepoint(seg);
    } else {
        set_mode(tp, (tp->is_ecn_ok || tp->is_accecn) && ace == 3, false);
    }
}

/* The SYN-ACK of crossed SYNs. */
void tcp_ecn_send_syn_ack(struct tcp_sock *tp, struct packet *p)
{
    bool is_ae = false;

    p->tcp.flags &= (uint8_t)~TCP_CWR;
    if (tp->is_accecn) p->tcp.flags |= tcp_ace_flags(tcp_ace_of_codepoint(state_of(tp)->syn_received), &is_ae);
    else if (tp->is_ecn_ok) p->tcp.flags |= TCP_ECE;
    p->tcp.is_ae = is_ae;
}

/* The ACK that completes a passive open (RFC 9768 table 4). */
static void third_ack(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct tcp_accecn *a = state_of(tp);
    uint8_t ace = tcp_ace_of(seg);

    if (ace == 0) { /* somebody takes the flags away */
        if (!seg->options.sack_count) a->fail_mode |= ACE_FAILS_RECEIVED;
        return;
    }
    if (ace == 7 || ace == 5 || ace == 1) return; /* unused, yet lawful */
    if (!seq_equal(seg->seq, seg->end_seq) || seg->options.sack_count) return;
    if (feedback_is_possible(tp, ace) && codepoint_of_ace(ace) == CE && !tp->delivered_ce) tp->delivered_ce++;
}

void tcp_ecn_child(struct tcp_sock *tp, const struct tcp_request *r, const struct tcp_segment *seg)
{
    struct tcp_accecn *a = state_of(tp);
    uint8_t syn = r->bits >> REQUEST_CODEPOINT_SHIFT & 3;

    set_mode(tp, r->bits & REQUEST_ECN, r->bits & REQUEST_ACCECN);
    if (!tp->is_accecn) return;
    *a = (struct tcp_accecn){ .syn_received = syn, .last_received = syn, .demand = 1 };
    if (r->bits & REQUEST_ACE_FAILS) a->fail_mode |= ACE_FAILS_RECEIVED;
    if (r->retransmits > 1) a->fail_mode |= ACE_FAILS_SENT;
    third_ack(tp, seg);
    if (seg->options.has_accecn) see_option(tp, &seg->options);
    tcp_accecn_received(tp, seg);
}

/* --- counting what comes */

static void count_bytes(struct tcp_accecn *a, uint8_t ecn, uint32_t bytes)
{
    static const uint8_t field_of[] = { [ECT1] = 1, [CE] = 2, [ECT0] = 3 }; /* how long the option has to be to tell */
    uint32_t before = a->received_bytes[ecn - 1];

    a->received_bytes[ecn - 1] += bytes;
    a->least_fields = max_of(a->least_fields, field_of[ecn]);
    if ((a->received_bytes[ecn - 1] ^ before) >> 22) a->demand = max_of(a->demand, (uint8_t)1); /* before it wraps around */
}

void tcp_accecn_received(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct tcp_accecn *a = state_of(tp);
    uint8_t ecn = codepoint(seg);
    const struct packet *p = seg->packet;
    uint32_t marks = p->gso_bytes ? max_of((seg->payload_bytes + p->gso_bytes - 1) / p->gso_bytes, 1u) : 1;

    if (!tp->is_accecn || !tp->is_ecn_ok) return;
    if (ecn != NOT_ECT) {
        tp->ecn_seen = true;
        if (ecn == CE) {
            a->received_ce += marks;
            a->received_ce_unsaid = (uint8_t)min_of(a->received_ce_unsaid + marks, 15u);
        }
        if (seg->payload_bytes) count_bytes(a, ecn, seg->payload_bytes);
    }
    if (ecn == a->last_received && ecn != CE) return;
    if (ecn != a->last_received) tp->ack_pending |= ACK_NOW; /* RFC 9768 §3.2.2.5.1: at a change, and once more */
    a->last_received = ecn;
    a->demand = 2;
}

void tcp_accecn_syn_again(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct tcp_accecn *a = state_of(tp);

    a->syn_received = codepoint(seg);
    if (seg->options.has_accecn && a->option_seen < OPTION_COUNTS) see_option(tp, &seg->options);
    a->demand = max_of(a->demand, (uint8_t)1);
    a->reflects = true;
}

void tcp_accecn_data_again(struct tcp_sock *tp, seq_t at)
{
    struct tcp_accecn *a = state_of(tp);

    if (!a->told_with_duplicate || !seq_equal(at, tp->flight->duplicate_sack.start)) return;
    a->fail_mode |= OPTION_FAILS_SENT;
}

/* --- what is sent */

void tcp_accecn_header(struct tcp_sock *tp, const struct packet *p, struct wire_tcp *h)
{
    struct tcp_accecn *a = state_of(tp);
    bool is_ae = p->tcp.is_ae;

    h->flags &= (uint8_t)~(TCP_CWR | TCP_ECE);
    if (p->tcp.is_reflected) { /* says how the SYN-ACK came */
        h->flags |= tcp_ace_flags(tcp_ace_of_codepoint(a->syn_received), &is_ae);
    } else {
        h->flags |= tcp_ace_flags((uint8_t)(a->received_ce + ACE_BEGIN) & ACE_MASK, &is_ae);
        a->received_ce_unsaid = 0;
    }
    if (is_ae) h->offset_reserved |= 1;
}

bool tcp_accecn_is_ect(const struct tcp_sock *tp) { return !(tp->flight->past.accecn.fail_mode & ACE_FAILS_RECEIVED); }

/* tcp_ecn_option_beacon: so many times in a round trip, whatever happens. */
static bool is_beacon_due(const struct tcp_sock *tp)
{
    uint64_t since_us = (tcp_now_ns(tp) - tp->flight->past.accecn.option_sent_ns) / NS_PER_US;
    uint64_t often = (uint64_t)net_of(tp)->sysctl.tcp_ecn_option_beacon;

    return often && since_us * often >= tp->rtt.srtt_us >> 3;
}

/* As many counters as fit into room bytes beside options that leave up to `spare` bytes of padding: the bytes it takes beyond
 * those, with *count; 0 with *count 4: it does not fit with `least`. */
static uint32_t fit(uint32_t least, uint32_t room, uint32_t spare, uint8_t *count)
{
    for (int n = 3; n >= (int)least; n--) {
        uint32_t bytes = 2 + FIELD_BYTES * (uint32_t)n, over = bytes & 3;
        bytes = over <= spare ? bytes - over : (bytes + 3) & ~3u;
        *count = (uint8_t)n;
        if (bytes <= room) return bytes;
    }
    *count = 4;
    return 0;
}

uint32_t tcp_accecn_option_bytes(const struct tcp_sock *tp, uint32_t used_bytes, uint8_t *sacks, uint8_t *count)
{
    uint32_t bytes;
    const struct tcp_accecn *a = &tp->flight->past.accecn;
    int64_t mode = net_of(tp)->sysctl.tcp_ecn_option;

    *count = 4;
    if (!tp->is_accecn || !tp->is_ecn_ok || !mode || !a->option_seen || a->fail_mode & OPTION_FAILS_SENT) return 0;
    if (mode < FULL_OPTION && !a->demand && !is_beacon_due(tp)) return 0;
    bytes = fit(a->least_fields, 40 - used_bytes, *sacks ? 2 : 0, count);
    if (*count > 3 && *sacks > 2) { /* the oldest block has been told often enough */
        bytes = fit(a->least_fields, 40 - used_bytes + 8, 2, count);
        if (*count > 3) return 0;
        --*sacks;
        return bytes - 8;
    }
    return bytes;
}

static void fill(struct tcp_options *o, uint8_t count, const uint32_t *bytes)
{
    o->has_accecn = count <= 3;
    if (!o->has_accecn) return;
    o->accecn_count = count;
    o->accecn[0] = (bytes[ECT1 - 1] + 1) & BYTES_MASK;
    o->accecn[1] = bytes[CE - 1] & BYTES_MASK;
    o->accecn[2] = (bytes[ECT0 - 1] + 1) & BYTES_MASK;
}

void tcp_accecn_option(struct tcp_sock *tp, struct tcp_options *o, uint32_t used_bytes, bool has_duplicate)
{
    struct tcp_accecn *a;
    uint8_t count;

    tcp_accecn_option_bytes(tp, used_bytes, &o->sack_count, &count);
    a = state_of(tp);
    a->told_with_duplicate = count <= 3 && has_duplicate;
    if (count > 3) return;
    fill(o, count, a->received_bytes);
    a->least_fields = 0;
    a->option_sent_ns = tcp_now_ns(tp);
    if (a->demand) a->demand--;
}

void tcp_accecn_syn_ack_option(const struct net *net, struct tcp_options *o, uint32_t used_bytes)
{
    static const uint32_t none[3];
    uint32_t spare = o->has_sack_permitted && !o->has_timestamp ? 2 : o->has_window_scale ? 1 : 0;
    uint8_t count;

    if (!net->sysctl.tcp_ecn_option || used_bytes + 2 > 40) return;
    fit(0, 40 - used_bytes, spare, &count);
    fill(o, count, none);
}

/* --- what the peer tells */

/* One counter of the option: how far it went on; a little back: it was told late. */
static int32_t take_counter(uint32_t *count, uint32_t value, uint32_t begin)
{
    int32_t delta = (int32_t)(((value - begin - *count) & BYTES_MASK) << 8) >> 8;

    *count += (uint32_t)delta;
    return delta;
}

/* An ACK without the option: all went to where the last went, when that is known. */
static bool estimate(struct tcp_sock *tp, uint32_t delivered_bytes)
{
    struct tcp_accecn *a = state_of(tp);

    if (!a->option_seen) { /* from here on a counter could have wrapped around unseen */
        if (tp->bytes_sent >= OPTION_WATCH_BYTES) {
            a->option_seen = OPTION_ZEROED;
            a->fail_mode |= OPTION_FAILS_RECEIVED;
        }
        return false;
    }
    if (!a->estimated) return false;
    a->delivered_bytes[a->estimated - 1] += delivered_bytes;
    return true;
}

/* True: the byte counters can be trusted with this ACK. */
static bool take_option(struct tcp_sock *tp, const struct tcp_options *o, bool is_slow, uint32_t delivered_bytes)
{
    static const uint8_t order[2][3] = { { ECT0, CE, ECT1 }, { ECT1, CE, ECT0 } };
    struct tcp_accecn *a = state_of(tp);
    uint8_t before = a->estimated;
    bool is_good = before != 0, is_first = true, is_ambiguous = false;

    if (a->fail_mode & OPTION_FAILS_RECEIVED) return false;
    if (!is_slow || !o->has_accecn) return estimate(tp, delivered_bytes);
    if (a->option_seen < OPTION_COUNTS) see_option(tp, o);
    for (unsigned i = 0; i < o->accecn_count; i++) {
        uint8_t ecn = order[o->is_accecn_order1][i];
        int32_t delta = take_counter(&a->delivered_bytes[ecn - 1], o->accecn[i], ecn == CE ? 0 : 1);
        bool is_second = delta && ecn != before && !is_first;
        if (delta && ecn != before && is_first) {
            a->estimated = ecn;
            is_first = false;
        }
        if (delta < 0 || is_second) {
            is_good = false;
            is_ambiguous = true;
        }
    }
    if (is_ambiguous) a->estimated = 0;
    return is_good;
}

static void average_acked(struct tcp_accecn *a, uint32_t packets)
{
    uint32_t average = a->acked_average;

    if (!packets) return;
    average = average ? ((average << WEIGHT) - average + (packets << WEIGHT)) >> WEIGHT : packets << WEIGHT;
    a->acked_average = (uint16_t)min_of(average, 0xffffu);
}

/* More than seven packets were delivered: the three bits may have gone round. The safe reading is the most that fits. */
static uint32_t disambiguate(struct tcp_sock *tp, uint32_t delta, uint32_t packets, uint32_t bytes, bool has_bytes, uint32_t ce_bytes)
{
    uint32_t safe = packets - ((packets - delta) & ACE_MASK);
    bool is_calm = TCP_STATE_BIT(tp->flight->ca_state) & (TCP_STATE_BIT(TCP_CA_Open) | TCP_STATE_BIT(TCP_CA_CWR));

    if (!has_bytes) return state_of(tp)->acked_average > THINNED_ACKS ? delta : safe;
    if (!ce_bytes) return delta;
    if (packets >= 2 * (ACE_MASK + 1) && (tp->is_sack_ok || is_calm)) {
        uint64_t marks;
        if (bytes <= ce_bytes) return safe;
        marks = ((uint64_t)ce_bytes * packets + bytes - 1) / bytes;
        return (uint32_t)min_of((uint64_t)safe, delta + (marks & ~(uint64_t)ACE_MASK));
    }
    if (ce_bytes > delta * tp->mss_cache) return safe;
    return ce_bytes < safe * tp->mss_cache >> 1 ? delta : safe;
}

/* Packets that this ACK says were marked. */
uint32_t tcp_accecn_process(struct tcp_sock *tp, struct ack_work *w, uint32_t packets)
{
    struct tcp_accecn *a = state_of(tp);
    uint32_t ce_bytes = a->delivered_bytes[CE - 1], delta;
    bool is_slow = w->flags & ON_SLOW_PATH, has_bytes;

    if (!(w->flags & (SAW_PROGRESS | SAW_TS_PROGRESS))) return 0; /* an old ACK, or nobody can tell */
    has_bytes = take_option(tp, &w->seg->options, is_slow, w->delivered_bytes);
    average_acked(a, packets);
    if (!is_slow && packets <= ACE_MASK) return 0;
    if (w->flags & SAW_SYN_ACKED) return 0; /* the flags said something else there */
    if (a->received_ce_unsaid >= ACE_HURRY) tp->ack_pending |= ACK_NOW;
    delta = (tcp_ace_of(w->seg) - ACE_BEGIN - tp->delivered_ce) & ACE_MASK;
    ce_bytes = a->delivered_bytes[CE - 1] - ce_bytes;
    if (packets > ACE_MASK) delta = disambiguate(tp, delta, packets, w->delivered_bytes, has_bytes, ce_bytes);
    if (!delta) return 0;
    tp->delivered_ce += delta;
    w->flags |= SAW_ECE;
    return delta;
}
