/* Bugs of handshakes, of resets, and of where segments stand. */
#include "test/referee/plant.h"

#include <string.h>

static bool is_syn(const struct view *v) { return v->version == 4 && v->is_tcp && v->flags == TCP_FLAG_SYN; }
static bool is_synack(const struct view *v) { return v->version == 4 && v->is_tcp && v->flags == (TCP_FLAG_SYN | TCP_FLAG_ACK); }
static bool is_bare_rst(const struct view *v) { return v->is_tcp && v->flags == TCP_FLAG_RST; }
static bool is_refusal(const struct view *v) { return v->is_tcp && v->flags == (TCP_FLAG_RST | TCP_FLAG_ACK) && v->seq == 0; }
static bool is_abort(const struct view *v) { return v->is_tcp && v->flags == (TCP_FLAG_RST | TCP_FLAG_ACK) && v->seq != 0; }
static bool is_data(const struct view *v) { return v->version == 4 && v->is_tcp && v->payload_bytes > 100 && v->has_timestamp; }

static uint8_t *transport(struct sending *s) { return s->frame->bytes + (s->v->transport - s->v->frame); }

/* The MSS option moves into a segment of data, in place of the timestamps. */
static void misplace_mss(struct sending *s)
{
    static const uint8_t options[12] = { 2, 4, 5, 0xb4, 1, 1, 1, 1, 1, 1, 1, 1 };
    if (is_data(s->v)) memcpy(transport(s) + 20, options, 12);
}

static void forget_timestamps(struct sending *s) { if (is_data(s->v)) memset(transport(s) + 20, 1, 12); }

/* Every SYN that is repeated. */
static bool is_again(struct sending *s)
{
    if (!is_syn(s->v) || s->v->destination_port != 9) return false;
    return (*s->state)++ > 0;
}

static void new_isn(struct sending *s) { if (is_again(s)) transport(s)[4] ^= 0x40; }
static void new_mss(struct sending *s) { if (is_again(s)) transport(s)[22] ^= 2; }
static void send_syn_twice(struct sending *s) { s->is_repeated = is_again(s); }
static void send_synack_twice(struct sending *s) { s->is_repeated = is_synack(s->v); }
static void shrink_syn_window(struct sending *s) { if (is_syn(s->v)) transport(s)[14] = 0; }
static void ack_other_syn(struct sending *s) { if (is_synack(s->v)) transport(s)[11] ^= 5; }
static void send_rst_twice(struct sending *s) { s->is_repeated = is_refusal(s->v); }

static void ack_too_much(struct sending *s) { if (is_abort(s->v)) transport(s)[8] = (uint8_t)(transport(s)[8] + 1); }

static void fill_rst(struct sending *s)
{
    if (!is_refusal(s->v) || s->v->version != 4) return;
    memset(s->frame->bytes + s->frame->length, 'x', 5);
    s->frame->length += 5;
    s->frame->bytes[14 + 3] += 5;
}

static const struct segment syn = { .seq = 10000, .flags = TCP_FLAG_SYN, .window = 64240, .mss = 1460, .has_scale = true, .scale = 7,
                                    .has_sack_permitted = true, .has_timestamp = true, .tsval = 1000 };
static const struct segment plain_syn = { .seq = 10000, .flags = TCP_FLAG_SYN, .window = 64240, .mss = 1460 };
static const struct segment ack = { .seq = 10001, .ack = 20001, .flags = TCP_FLAG_ACK, .window = 502, .has_timestamp = true, .tsval = 1001, .tsecr = 1000 };

static struct segment with_flags(struct segment t, uint16_t flags) { t.flags = flags; return t; }
static struct segment with_bytes(struct segment t, unsigned bytes) { t.bytes = bytes; return t; }
static struct segment at_seq(struct segment t, uint32_t seq, uint32_t acked) { t.seq = seq; t.ack = acked; return t; }

static void answer_plain_syn(struct script *s, bool has_bug)
{
    struct segment answer = { .seq = 10000, .ack = 20001, .flags = TCP_FLAG_SYN | TCP_FLAG_ACK, .window = 65160, .mss = 1460, .has_sack_permitted = has_bug };
    script_gets(s, at_seq(plain_syn, 20000, 0));
    script_sends(s, answer);
}

static void unasked_timestamps(struct script *s, bool has_bug)
{
    struct segment t = { .seq = 10001, .ack = 20001, .flags = TCP_FLAG_ACK, .window = 65160, .has_timestamp = has_bug, .tsval = 1 };
    answer_plain_syn(s, false);
    script_gets(s, (struct segment){ .seq = 20001, .ack = 10001, .flags = TCP_FLAG_ACK, .window = 64240 });
    script_sends(s, with_bytes(t, 10));
}

/* The tuple is used again, after a close in which the peer was the last. */
static void close_first(struct script *s)
{
    script_handshake(s, false);
    struct segment fin = with_flags(ack, TCP_FLAG_FIN | TCP_FLAG_ACK), peers = at_seq(fin, 20001, 10002);
    script_at(s, 1100);
    script_sends(s, fin);
    script_at(s, 1200);
    script_gets(s, peers);
    script_sends(s, at_seq(ack, 10002, 20002));
}

static void connect_again(struct script *s, uint64_t ms, bool is_behind)
{
    struct segment t = syn;
    script_at(s, ms);
    t.seq = 10000 + (uint32_t)((ms - 1000) * 1000000 / 64) - (is_behind ? 5000000 : 0);
    t.tsval = (uint32_t)ms;
    script_sends(s, t);
}

static void go_back(struct script *s, bool has_bug)
{
    close_first(s);
    connect_again(s, 70000, has_bug);
}

static void come_back_soon(struct script *s, bool has_bug)
{
    close_first(s);
    connect_again(s, has_bug ? 5000 : 62000, false);
}

static void accept_old_syn(struct script *s, bool has_bug)
{
    close_first(s);
    struct segment old = at_seq(syn, has_bug ? 19000 : 25000, 0), answer = with_flags(syn, TCP_FLAG_SYN | TCP_FLAG_ACK);
    old.tsval = has_bug ? 900 : 3000;
    script_at(s, 3000);
    script_gets(s, old);
    script_sends(s, at_seq(answer, 500000, old.seq + 1));
}

static void many_syns(struct script *s, bool has_bug)
{
    static const unsigned at_s[] = { 1, 2, 3, 4, 5, 6, 8, 12, 20, 36, 68, 132 };
    for (unsigned i = 0; i < (has_bug ? 12 : 11); i++) {
        script_at(s, at_s[i] * 1000);
        script_sends(s, syn);
    }
}

static void many_synacks(struct script *s, bool has_bug)
{
    script_at(s, 1000);
    script_gets(s, at_seq(syn, 20000, 0));
    for (unsigned i = 0; i < (has_bug ? 8 : 6); i++) {
        script_at(s, 1000u << i);
        script_sends(s, at_seq(with_flags(syn, TCP_FLAG_SYN | TCP_FLAG_ACK), 10000, 20001));
    }
}

static void data_in_syn(struct script *s, bool has_bug) { script_sends(s, with_bytes(syn, has_bug ? 10 : 0)); }

static void data_too_soon(struct script *s, bool has_bug)
{
    struct segment answer = at_seq(with_flags(syn, TCP_FLAG_SYN | TCP_FLAG_ACK), 10000, 20001);
    script_at(s, 1000);
    script_gets(s, at_seq(syn, 20000, 0));
    script_sends(s, answer);
    if (!has_bug) script_gets(s, at_seq(ack, 20001, 10001));
    script_sends(s, with_bytes(ack, 10));
}

static void reset_unprovoked(struct script *s, bool has_bug)
{
    if (!has_bug) script_gets(s, at_seq(ack, 20001, 10001));
    script_sends(s, (struct segment){ .seq = 10001, .flags = TCP_FLAG_RST });
}

static void reset_of_reset(struct script *s, bool has_bug)
{
    script_gets(s, at_seq(ack, 20001, 10001));
    script_sends(s, (struct segment){ .seq = 10001, .flags = TCP_FLAG_RST });
    script_gets(s, (struct segment){ .seq = 20001, .flags = TCP_FLAG_RST });
    if (has_bug) script_sends(s, (struct segment){ .seq = 10001, .flags = TCP_FLAG_RST });
}

static void talk_after_reset(struct script *s, bool has_bug)
{
    script_handshake(s, false);
    script_sends(s, with_flags(ack, TCP_FLAG_RST | TCP_FLAG_ACK));
    if (has_bug) script_sends(s, ack);
}

static void challenge_often(struct script *s, bool has_bug)
{
    script_handshake(s, false);
    for (unsigned i = 0; i < 5; i++) {
        script_at(s, 2000 + i * (has_bug ? 50 : 500));
        script_gets(s, (struct segment){ .seq = 20100, .flags = TCP_FLAG_RST });
        script_sends(s, ack);
    }
}

/* A connection stands; the host sends 10 bytes, then t. */
static void send_more(struct script *s, struct segment t)
{
    script_handshake(s, false);
    script_at(s, 1010);
    script_sends(s, with_bytes(ack, 10));
    script_at(s, 1020);
    script_sends(s, t);
}

static void leave_gap(struct script *s, bool has_bug) { send_more(s, with_bytes(at_seq(ack, has_bug ? 10111 : 10011, 20001), 10)); }
static void ack_less(struct script *s, bool has_bug) { send_more(s, at_seq(ack, 10011, has_bug ? 19990 : 20001)); }
static void ack_more(struct script *s, bool has_bug) { send_more(s, at_seq(ack, 10011, has_bug ? 20101 : 20001)); }
static void send_large(struct script *s, bool has_bug) { send_more(s, with_bytes(at_seq(ack, 10011, 20001), has_bug ? 1449 : 1448)); }

static void set_clock_back(struct script *s, bool has_bug)
{
    struct segment t = at_seq(ack, 10011, 20001);
    t.tsval = has_bug ? 900 : 1020;
    send_more(s, t);
}

static void echo_future(struct script *s, bool has_bug)
{
    struct segment t = at_seq(ack, 10011, 20001);
    t.tsecr = has_bug ? 2000 : 1000;
    send_more(s, t);
}

static void shrink_window(struct script *s, bool has_bug)
{
    struct segment t = at_seq(ack, 10011, 20001);
    t.window = has_bug ? 400 : 502;
    send_more(s, t);
}

static void talk_after_fin(struct script *s, bool has_bug)
{
    send_more(s, with_flags(at_seq(ack, 10011, 20001), TCP_FLAG_FIN | TCP_FLAG_ACK));
    script_at(s, 1030);
    script_sends(s, with_bytes(at_seq(ack, 10012, 20001), has_bug ? 10 : 0));
}

static void overrun_window(struct script *s, bool has_bug) { send_more(s, with_bytes(at_seq(ack, has_bug ? 80011 : 10011, 20001), 10)); }

#define FLIP(r, when, at, bits) { .rule = RULE_##r, .on = when, .base = AT_TRANSPORT, .offset = at, .flip = bits }
#define POKE(r, when, at, becomes) { .rule = RULE_##r, .on = when, .base = AT_TRANSPORT, .offset = at, .value = becomes }
#define BUG(r, how) { .rule = RULE_##r, .bug = how }
#define SCRIPT(r, how) { .rule = RULE_##r, .script = how }

const struct plant_row plants_tcp[] = {
    POKE(SYN_HAS_MSS, is_syn, 20, 253),
    POKE(SYN_MSS_FITS, is_syn, 22, 0xff),
    BUG(OPTIONS_ONLY_IN_SYN, misplace_mss),
    POKE(SYN_SCALE_LIMIT, is_syn, 39, 15),
    SCRIPT(SYNACK_ONLY_ASKED, answer_plain_syn),
    BUG(SYN_SAME_ISN, new_isn),
    BUG(TIMESTAMP_ALWAYS, forget_timestamps),
    SCRIPT(TIMESTAMP_NEVER_UNASKED, unasked_timestamps),
    BUG(SYN_SAME_OPTIONS, new_mss),
    SCRIPT(SYN_ISN_ADVANCES, go_back),
    BUG(SYN_SPACING, send_syn_twice),
    SCRIPT(SYN_COUNT, many_syns),
    BUG(SYNACK_SPACING, send_synack_twice),
    SCRIPT(SYNACK_COUNT, many_synacks),
    BUG(SYNACK_ACKS_SYN, ack_other_syn),
    SCRIPT(SYN_NO_DATA, data_in_syn),
    BUG(SYN_WINDOW_UNSCALED, shrink_syn_window),
    SCRIPT(DATA_AFTER_HANDSHAKE, data_too_soon),
    SCRIPT(TIME_WAIT_KEPT, come_back_soon),
    SCRIPT(TIME_WAIT_NEWER_SYN, accept_old_syn),
    SCRIPT(RST_HAS_CAUSE, reset_unprovoked),
    SCRIPT(RST_NOT_FOR_RST, reset_of_reset),
    BUG(RST_NOT_FOR_RST, send_rst_twice),
    FLIP(RST_SEQ_OF_CAUSE, is_bare_rst, 7, 1),
    FLIP(RST_ACKS_CAUSE, is_refusal, 11, 1),
    FLIP(RST_SEQ_SENT, is_abort, 5, 0x10),
    BUG(RST_ACK_RECEIVED, ack_too_much),
    BUG(RST_NO_DATA, fill_rst),
    SCRIPT(RST_ENDS, talk_after_reset),
    SCRIPT(CHALLENGE_ACK_RATE, challenge_often),
    SCRIPT(SEQ_NO_GAP, leave_gap),
    SCRIPT(SEQ_NOTHING_AFTER_FIN, talk_after_fin),
    SCRIPT(SEQ_WITHIN_WINDOW, overrun_window),
    SCRIPT(SEQ_SIZE_WITHIN_MSS, send_large),
    SCRIPT(ACK_NEVER_BACK, ack_less),
    SCRIPT(ACK_ONLY_RECEIVED, ack_more),
    SCRIPT(WINDOW_NEVER_SHRINKS, shrink_window),
    SCRIPT(TIMESTAMP_NEVER_BACK, set_clock_back),
    SCRIPT(TIMESTAMP_ECHO_SEEN, echo_future),
    { .rule = RULE_COUNT }
};
