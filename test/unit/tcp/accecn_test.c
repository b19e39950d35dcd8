/* RFC 9768's tables, and the reading of its counters. */
#include "bare_sock.h"
#include "tcp/accecn.h"
#include "tcp/tcp_net.h"

enum { NOT_ECT, ECT1, ECT0, CE };

static struct packet packet;
static struct tcp_segment segment;

static struct tcp_segment *heard(uint8_t ace, uint8_t codepoint, uint32_t bytes)
{
    memset(&segment, 0, sizeof segment);
    packet.ip.tos = codepoint;
    segment.packet = &packet;
    segment.seq = seq(1000);
    segment.end_seq = seq(1000 + bytes);
    segment.payload_bytes = bytes;
    segment.flags = TCP_ACK | tcp_ace_flags(ace, &segment.is_ae);
    assert_int_equal(tcp_ace_of(&segment), ace);
    return &segment;
}

static struct tcp_sock *asking(int64_t mode, struct packet *syn)
{
    struct tcp_sock *tp = bare_sock();

    bare_net.sysctl.tcp_ecn = mode;
    memset(syn, 0, sizeof *syn);
    syn->tcp.flags = TCP_SYN;
    tcp_ecn_send_syn(tp, syn);
    return tp;
}

static struct tcp_accecn *counts(struct tcp_sock *tp) { return &tp->flight->past.accecn; }

static struct tcp_sock *agreed(void)
{
    struct packet syn;
    struct tcp_sock *tp = asking(3, &syn);

    tcp_ecn_syn_ack_received(tp, heard(2, NOT_ECT, 0));
    assert_true(tp->is_ecn_ok && tp->is_accecn);
    tp->mss_cache = 1000;
    tp->is_sack_ok = true;
    return tp;
}

/* tcp_ecn: what our SYN asks for. */
static void what_a_syn_asks_for(void **state)
{
    static const uint8_t flags[] = { 0, TCP_ECE | TCP_CWR, 0, TCP_ECE | TCP_CWR, TCP_ECE | TCP_CWR, 0 };
    struct packet syn;

    (void)state;
    for (int64_t mode = 0; mode <= 5; mode++) {
        asking(mode, &syn);
        assert_int_equal(syn.tcp.flags, TCP_SYN | flags[mode]);
        assert_int_equal(syn.tcp.is_ae, mode == 3);
    }
}

/* RFC 9768 table 2, all eight answers to a SYN that asks for Accurate ECN; and those to one that asks for RFC 3168's. */
static void what_a_syn_ack_answers(void **state)
{
    static const bool is_ecn[] = { false, true, true, true, true, true, true, false };
    static const bool is_accurate[] = { false, false, true, true, true, true, true, false }; /* 5: reserved */
    struct packet syn;

    (void)state;
    for (uint8_t ace = 0; ace < 8; ace++) {
        struct tcp_sock *tp = asking(3, &syn);
        tcp_ecn_syn_ack_received(tp, heard(ace, NOT_ECT, 0));
        assert_int_equal(tp->is_ecn_ok, is_ecn[ace]);
        assert_int_equal(tp->is_accecn, is_accurate[ace]);
        tp = asking(1, &syn);
        tcp_ecn_syn_ack_received(tp, heard(ace, NOT_ECT, 0));
        assert_int_equal(tp->is_ecn_ok, (ace & 3) == 1);
        assert_false(tp->is_accecn);
    }
}

/* The second repetition goes without the flags; with RFC 3168's the first does. tcp_ecn_fallback 0: never. */
static void falls_back(void **state)
{
    struct packet syn;
    struct tcp_sock *tp = asking(3, &syn);

    (void)state;
    tp->retransmits = 1;
    tcp_ecn_fall_back(tp, &syn);
    assert_true(syn.tcp.is_ae);
    tp->retransmits = 2;
    tcp_ecn_fall_back(tp, &syn);
    assert_int_equal(syn.tcp.flags, TCP_SYN);
    assert_false(syn.tcp.is_ae);
    tp = asking(1, &syn);
    bare_net.sysctl.tcp_ecn_fallback = 0;
    tp->retransmits = 1;
    tcp_ecn_fall_back(tp, &syn);
    assert_int_equal(syn.tcp.flags, TCP_SYN | TCP_ECE | TCP_CWR);
    bare_net.sysctl.tcp_ecn_fallback = 1;
    tcp_ecn_fall_back(tp, &syn);
    assert_int_equal(syn.tcp.flags, TCP_SYN);
}

/* A path that changes a SYN's codepoint as none may: no ECT any more, yet we go on telling. */
static void impossible_feedback(void **state)
{
    struct packet syn;
    struct tcp_sock *tp = asking(3, &syn);

    (void)state;
    tcp_ecn_syn_ack_received(tp, heard(3, CE, 0)); /* we sent Not-ECT, it came as ECT(1) */
    assert_int_equal(counts(tp)->fail_mode, 2);
    assert_int_equal(counts(tp)->received_ce, 0);
    assert_false(tcp_accecn_is_ect(tp));
    tp = asking(3, &syn);
    tcp_ecn_syn_ack_received(tp, heard(2, CE, 0));
    assert_int_equal(counts(tp)->fail_mode, 0);
    assert_int_equal(counts(tp)->received_ce, 1);
    assert_true(tcp_accecn_is_ect(tp));
}

/* Table 4: the ACK that ends the handshake, as the server takes it. */
static void third_acks(void **state)
{
    struct tcp_request r = { .bits = REQUEST_ECN | REQUEST_ACCECN };

    (void)state;
    for (uint8_t ace = 0; ace < 8; ace++) {
        struct tcp_sock *tp = bare_sock();
        bool is_lawful = ace == 2 || ace == 1 || ace == 5 || ace == 7;
        tcp_ecn_child(tp, &r, heard(ace, ECT0, 0));
        assert_true(tp->is_ecn_ok && tp->is_accecn);
        assert_int_equal(counts(tp)->fail_mode, is_lawful ? 0 : 2);
    }
}

static void counts_what_comes(void **state)
{
    struct tcp_sock *tp = agreed();

    (void)state;
    tp->ack_pending = 0;
    tcp_accecn_received(tp, heard(5, ECT0, 1000));
    assert_int_equal(tp->ack_pending & ACK_NOW, ACK_NOW); /* a change */
    tp->ack_pending = 0;
    tcp_accecn_received(tp, heard(5, ECT0, 1000));
    assert_int_equal(tp->ack_pending & ACK_NOW, 0);
    tcp_accecn_received(tp, heard(5, CE, 500));
    tcp_accecn_received(tp, heard(5, CE, 0)); /* ACKs count as packets */
    assert_int_equal(counts(tp)->received_ce, 2);
    assert_int_equal(counts(tp)->received_bytes[ECT0 - 1], 2000);
    assert_int_equal(counts(tp)->received_bytes[CE - 1], 500);
    assert_int_equal(counts(tp)->least_fields, 3);
}

static uint32_t acknowledged(struct tcp_sock *tp, uint8_t ace, uint32_t packets, uint32_t bytes)
{
    struct ack_work w = { .seg = heard(ace, NOT_ECT, 0), .flags = ON_SLOW_PATH | SAW_DATA_ACKED, .delivered_bytes = bytes };

    return tcp_accecn_process(tp, &w, packets);
}

/* Three bits that begin at 5, go round, and are read with caution when more than seven packets were acknowledged. */
static void reads_the_counter(void **state)
{
    struct tcp_sock *tp = agreed();

    (void)state;
    assert_int_equal(acknowledged(tp, 5, 1, 1000), 0);
    assert_int_equal(acknowledged(tp, 6, 1, 1000), 1);
    assert_int_equal(acknowledged(tp, 1, 4, 4000), 3); /* 6 -> 9 */
    assert_int_equal(tp->delivered_ce, 4);
    assert_int_equal(acknowledged(tp, 1, 10, 10000), 8); /* none, or eight: the safe reading */
    assert_int_equal(tp->delivered_ce, 12);
}

/* The option tells bytes: no more than those can have been marked. */
static void option_disambiguates(void **state)
{
    struct tcp_sock *tp = agreed();
    struct ack_work w = { .flags = ON_SLOW_PATH | SAW_DATA_ACKED };

    (void)state;
    counts(tp)->estimated = ECT0;
    w.seg = heard(5, NOT_ECT, 0);
    segment.options.has_accecn = true;
    segment.options.accecn_count = 3;
    segment.options.accecn[0] = 10001; /* order 0: ECT(0), CE, ECT(1) */
    segment.options.accecn[1] = 0;
    segment.options.accecn[2] = 1;
    w.delivered_bytes = 10000;
    assert_int_equal(tcp_accecn_process(tp, &w, 10), 0);
    assert_int_equal(counts(tp)->delivered_bytes[ECT0 - 1], 10000);
    assert_int_equal(counts(tp)->option_seen, 2);
    segment.options.accecn[0] = 5001; /* told late: nothing is certain now, but that this path thins out ACKs */
    assert_int_equal(tcp_accecn_process(tp, &w, 10), 0);
    counts(tp)->acked_average = 64; /* or did not */
    assert_int_equal(tcp_accecn_process(tp, &w, 10), 8);
}

/* A zero where none can be was written by somebody on the way. */
static void zeroed_option(void **state)
{
    struct packet syn;
    struct tcp_sock *tp = asking(3, &syn);

    (void)state;
    heard(2, NOT_ECT, 0);
    segment.options.has_accecn = true;
    segment.options.accecn_count = 3;
    tcp_ecn_syn_ack_received(tp, &segment);
    assert_int_equal(counts(tp)->option_seen, 3);
    assert_int_equal(counts(tp)->fail_mode, 8);
}

/* Which counters fit beside others, in whole words: what is over stands in others' padding. */
static void option_fits(void **state)
{
    struct tcp_sock *tp = agreed();
    struct { uint32_t used; uint8_t sacks, least, count, left; uint32_t bytes; } rows[] = {
        { 0, 0, 0, 3, 0, 12 }, { 12, 0, 0, 3, 0, 12 }, { 32, 0, 0, 2, 0, 8 }, { 36, 0, 0, 0, 0, 4 }, { 36, 2, 0, 1, 2, 4 },
        { 40, 2, 0, 0, 2, 0 }, { 32, 0, 3, 4, 0, 0 }, { 36, 4, 3, 3, 3, 4 }, { 40, 3, 2, 2, 2, 0 }, { 40, 3, 3, 4, 3, 0 },
    };

    (void)state;
    counts(tp)->option_seen = 2;
    for (size_t i = 0; i < array_count(rows); i++) {
        uint8_t sacks = rows[i].sacks, count;
        counts(tp)->least_fields = rows[i].least;
        assert_int_equal(tcp_accecn_option_bytes(tp, rows[i].used, &sacks, &count), rows[i].bytes);
        assert_int_equal(count, rows[i].count);
        assert_int_equal(sacks, rows[i].left);
    }
}

/* tcp_ecn_option: 0 never, 1 when something changed or the beacon is due, 2 always; and none for a peer that sent none. */
static void when_the_option_goes(void **state)
{
    struct tcp_sock *tp = agreed();
    uint8_t sacks = 0, count;

    (void)state;
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 0);
    counts(tp)->option_seen = 1;
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 12);
    bare_net.sysctl.tcp_ecn_option = 1;
    tp->rtt.srtt_us = 30000 << 3;
    counts(tp)->option_sent_ns = bare_machine.now_ns;
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 0);
    bare_machine.now_ns += 10 * NS_PER_MS; /* three times in a round trip */
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 12);
    counts(tp)->option_sent_ns = bare_machine.now_ns;
    counts(tp)->demand = 1;
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 12);
    bare_net.sysctl.tcp_ecn_option = 0;
    assert_int_equal(tcp_accecn_option_bytes(tp, 0, &sacks, &count), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_syn_asks_for), cmocka_unit_test(what_a_syn_ack_answers), cmocka_unit_test(falls_back),
        cmocka_unit_test(impossible_feedback), cmocka_unit_test(third_acks), cmocka_unit_test(counts_what_comes),
        cmocka_unit_test(reads_the_counter), cmocka_unit_test(option_disambiguates), cmocka_unit_test(zeroed_option),
        cmocka_unit_test(option_fits), cmocka_unit_test(when_the_option_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
