/* The script's numbers beside the live ones, through both handshakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drill/flow.h"

static char problem[256];
static const struct script_settings settings;

static void put_timestamp(struct script_packet *p, uint32_t value, uint32_t echo)
{
    p->tcp.option_bytes = 12;
    memcpy(p->tcp.options, (const uint8_t[]){ 1, 1, 8, 10 }, 4);
    store_be32(p->tcp.options + 4, value);
    store_be32(p->tcp.options + 8, echo);
}

static struct script_packet packet(bool is_inbound, uint16_t flags, uint32_t sequence, uint32_t ack)
{
    return (struct script_packet){
        .is_inbound = is_inbound, .protocol = SCRIPT_TCP, .tcp = { .flags = flags, .sequence = sequence, .ack = ack }
    };
}

static struct packet_seen seen_packet(const struct flow *f, uint16_t flags, uint32_t sequence, uint32_t ack)
{
    struct packet_seen s = { .version = 4,
        .said = packet(false, flags, sequence, ack),
        .source = f->local.address,
        .target = f->remote.address };
    s.said.source_port = f->local.port;
    s.said.target_port = f->remote.port;
    return s;
}

/* A listener's child: the script calls our first number 7000, it is 0x80000000; the peer's is 5000 for both. */
static struct flow answered(void)
{
    struct flow f = { .state = FLOW_CALLED,
        .protocol = IPPROTO_TCP,
        .remote_isn = 5000,
        .local = { ip_from4(be32(1)), 8080 },
        .remote = { ip_from4(be32(2)), 999 } };
    struct script_packet said = packet(false, SCRIPT_SYN | SCRIPT_ACK, 7000, 5001);
    struct packet_seen seen = seen_packet(&f, SCRIPT_SYN | SCRIPT_ACK, 0x80000000u, 5001);
    flow_expects(&f, &said);
    assert_true(flow_owns(&f, &seen));
    flow_saw(&f, &said, &seen);
    assert_int_equal(f.state, FLOW_ANSWERED);
    flow_to_script(&f, &seen);
    assert_int_equal(seen.said.tcp.sequence, 7000);
    assert_int_equal(seen.said.tcp.ack, 5001);
    return f;
}

static void a_child_learns_its_numbers(void **state)
{
    struct flow f = answered();
    struct script_packet p = packet(true, SCRIPT_ACK, 1, 1), live;
    (void)state;
    flow_gets(&f, &p);
    assert_int_equal(f.state, FLOW_CONFIRMED);
    assert_true(flow_to_live(&f, &settings, &p, &live, problem, sizeof problem));
    assert_int_equal(live.tcp.sequence, 5001);
    assert_int_equal(live.tcp.ack, 0x80000001u);
    assert_int_equal(live.source_port, 999);
    assert_int_equal(live.target_port, 8080);
    p.source_port = 7;
    assert_true(flow_to_live(&f, &settings, &p, &live, problem, sizeof problem));
    assert_int_equal(live.source_port, 7);
    struct packet_seen seen = seen_packet(&f, SCRIPT_ACK, 0x80000001u + 100, 5001 + 10);
    flow_to_script(&f, &seen);
    assert_int_equal(seen.said.tcp.sequence, 101);
    assert_int_equal(seen.said.tcp.ack, 11);
}

static void a_caller_learns_port_and_number(void **state)
{
    struct flow f = { .state = FLOW_CONNECTING, .protocol = IPPROTO_TCP, .remote = { ip_from4(be32(2)), 80 } };
    struct script_packet syn = packet(false, SCRIPT_SYN, 0, 0), answer = packet(true, SCRIPT_SYN | SCRIPT_ACK, 123, 1),
                         live;
    struct packet_seen seen = seen_packet(&f, SCRIPT_SYN, 0xdeadbeefu, 0), other = seen;
    (void)state;
    seen.source = ip_from4(be32(1));
    seen.said.source_port = 45678;
    assert_false(flow_owns(&f, &seen)); /* not expected yet */
    flow_expects(&f, &syn);
    other.said.target_port = 81;
    assert_false(flow_owns(&f, &other));
    assert_true(flow_owns(&f, &seen));
    assert_int_equal(f.local.port, 45678);
    flow_to_script(&f, &seen);
    assert_int_equal(seen.said.tcp.sequence, 0);
    flow_gets(&f, &answer);
    assert_int_equal(f.state, FLOW_CONNECTED);
    assert_true(flow_to_live(&f, &settings, &answer, &live, problem, sizeof problem));
    assert_int_equal(live.tcp.sequence, 123);
    assert_int_equal(live.tcp.ack, 0xdeadbef0u);
    seen = seen_packet(&f, SCRIPT_ACK, 0xdeadbef0u, 124);
    assert_true(flow_owns(&f, &seen));
    flow_to_script(&f, &seen);
    assert_int_equal(seen.said.tcp.sequence, 1);
    assert_int_equal(seen.said.tcp.ack, 1);
}

static void sack_blocks_move_along(void **state)
{
    struct flow f = answered();
    struct script_packet p = packet(true, SCRIPT_ACK, 1, 1), live;
    (void)state;
    p.tcp.option_bytes = 12;
    memcpy(p.tcp.options, (const uint8_t[]){ 1, 1, 5, 10, 0, 0, 3, 233, 0, 0, 7, 209 }, 12); /* 1001:2001 */
    assert_true(flow_to_live(&f, &settings, &p, &live, problem, sizeof problem));
    assert_int_equal(load_be32(live.tcp.options + 4), 0x80000000u + 1001);
    assert_int_equal(load_be32(live.tcp.options + 8), 0x80000000u + 2001);
    struct packet_seen seen = seen_packet(&f, SCRIPT_ACK, 0x80000001u, 5001);
    seen.said.tcp.option_bytes = 12;
    memcpy(seen.said.tcp.options, p.tcp.options, 12);
    store_be32(seen.said.tcp.options + 4, 5000 + 1001);
    store_be32(seen.said.tcp.options + 8, 5000 + 2001);
    flow_to_script(&f, &seen);
    assert_memory_equal(seen.said.tcp.options, p.tcp.options, 12);
}

static void echoes_are_those_of_what_left(void **state)
{
    struct flow f = answered();
    struct script_packet said = packet(false, SCRIPT_ACK, 1, 1), in = packet(true, SCRIPT_ACK, 1, 1), live;
    struct packet_seen seen = seen_packet(&f, SCRIPT_ACK, 1, 1);
    (void)state;
    put_timestamp(&said, 100, 5);
    put_timestamp(&seen.said, 0xfffffff0u, 5);
    put_timestamp(&in, 6, 100);
    assert_false(flow_to_live(&f, &settings, &in, &live, problem, sizeof problem));
    assert_non_null(strstr(problem, "TS ecr 100"));
    assert_true(flow_timestamp(&f, &said, &seen));
    assert_int_equal(load_be32(seen.said.tcp.options + 4), 100);
    assert_true(flow_to_live(&f, &settings, &in, &live, problem, sizeof problem));
    assert_int_equal(load_be32(live.tcp.options + 8), 0xfffffff0u);
    assert_int_equal(load_be32(live.tcp.options + 4), 6); /* the peer's are the script's */

    put_timestamp(&said, 150, 5); /* the clock went on by 48, not 50: over its wrap */
    put_timestamp(&seen.said, 0x20, 5);
    assert_true(flow_timestamp(&f, &said, &seen));
    assert_int_equal(load_be32(seen.said.tcp.options + 4), 148);
    put_timestamp(&in, 6, 150);
    assert_true(flow_to_live(&f, &settings, &in, &live, problem, sizeof problem));
    assert_int_equal(load_be32(live.tcp.options + 8), 0x20);

    struct script_settings scaled = { .is_timestamp_echo_scaled = true };
    put_timestamp(&in, 6, 110);
    assert_false(flow_to_live(&f, &settings, &in, &live, problem, sizeof problem));
    assert_true(flow_to_live(&f, &scaled, &in, &live, problem, sizeof problem));
    assert_int_equal(load_be32(live.tcp.options + 8), 0xfffffffau);
    flow_fini(&f);
}

static void quoted_numbers_move_along(void **state)
{
    struct flow f = answered();
    struct script_packet p = { .is_inbound = true,
        .protocol = SCRIPT_ICMP,
        .icmp = { .quoted = QUOTED_TCP, .quoted_sequence = 1 } },
                         live;
    (void)state;
    assert_true(flow_to_live(&f, &settings, &p, &live, problem, sizeof problem));
    assert_int_equal(live.icmp.quoted_sequence, 0x80000001u);
    p.icmp.quoted = QUOTED_UDP;
    assert_true(flow_to_live(&f, &settings, &p, &live, problem, sizeof problem));
    assert_int_equal(live.icmp.quoted_sequence, 1);
}

static void labels_are_the_same_or_not(void **state)
{
    struct flow f = { 0 };
    (void)state;
    assert_true(flow_label_matches(&f, 0, 5, problem, sizeof problem));
    assert_false(flow_label_matches(&f, 1, 0, problem, sizeof problem));
    assert_true(flow_label_matches(&f, 1, 0x111, problem, sizeof problem));
    assert_true(flow_label_matches(&f, 1, 0x111, problem, sizeof problem));
    assert_false(flow_label_matches(&f, 1, 0x112, problem, sizeof problem));
    assert_false(flow_label_matches(&f, 2, 0x111, problem, sizeof problem));
    assert_true(flow_label_matches(&f, 2, 0x222, problem, sizeof problem));
}

static void others_are_not_mine(void **state)
{
    struct flow f = answered();
    struct packet_seen seen = seen_packet(&f, SCRIPT_ACK, 1, 1);
    (void)state;
    assert_true(flow_owns(&f, &seen));
    seen.said.target_port++;
    assert_false(flow_owns(&f, &seen));
    seen = seen_packet(&f, SCRIPT_ACK, 1, 1);
    seen.target = ip_from4(be32(3));
    assert_false(flow_owns(&f, &seen));
    seen = seen_packet(&f, SCRIPT_ACK, 1, 1);
    seen.said.protocol = SCRIPT_UDP;
    assert_false(flow_owns(&f, &seen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_learns_its_numbers),
        cmocka_unit_test(a_caller_learns_port_and_number),
        cmocka_unit_test(sack_blocks_move_along),
        cmocka_unit_test(echoes_are_those_of_what_left),
        cmocka_unit_test(quoted_numbers_move_along),
        cmocka_unit_test(labels_are_the_same_or_not),
        cmocka_unit_test(others_are_not_mine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
