/* Every form of packet: read, and written again by text_expected(). */
#include "drill/text.h"

#include "parsing.h"

static const struct { const char *source, *text; } forms[] = {
    { "> . 1:1(0) ack 1", NULL },
    { "> P. 1:1001(1000) ack 1", NULL },
    { "< S 0:0(0) win 32792 <mss 1000,nop,wscale 7>", NULL },
    { "> S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 8>", NULL },
    { "> - 1:1(0)", NULL },
    { "> R 1:1(0)", NULL },
    { "> F. 4294967295:0(1) ack 1", NULL },
    { "> FSRP.U 0:0(0) ack 4294967295 urg 5", NULL },
    { "> SEWA 0:0(0)", NULL },
    { "> S.EW 0:0(0) ack 1", NULL },
    { "> .5 1:11(10) ack 1", NULL },
    { "> P.0 1:11(10) ack 1", NULL },
    { "> S7 0:0(0)", NULL },
    { "> . 1:1(0) ack 1 <...>", NULL },
    { "> . 1:1(0) ack 1 <nop,nop,TS val 100 ecr 4294967295>", NULL },
    { "> . 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001>", NULL },
    { "> S 0:0(0) <mss 1460,nop,nop,sackOK,FO,nop,nop>", NULL },
    { "> S 0:0(0) <FO TFO_COOKIE,nop,nop>", "> S 0:0(0) <FO 3021b9d889017eeb,nop,nop>" },
    { "> S 0:0(0) <FO 1234567890123456,eol,eol>", NULL },
    { "> S 0:0(0) <FOEXP>", NULL },
    { "> S 0:0(0) <FOEXP 3021b9d8>", NULL },
    { "> S 0:0(0) <nop,nop,md5 000102030405060708090a0b0c0d0e0f>", NULL },
    { "> . 1:1(0) ack 1 <ECN e0b 1,nop,nop,nop>", NULL },
    { "> . 1:1(0) ack 1 <ECN e1b 1 ceb 0 e0b 16777215,nop>", NULL },
    { "> [ect0] . 1:1(0) ack 1", NULL },
    { "> [ect01] . 1:1(0) ack 1", NULL },
    { "> (noecn) . 1:1(0) ack 1", "> [noecn] . 1:1(0) ack 1" },
    { "< [ce] . 1:1(0) ack 1 win 0", NULL },
    { "> [tos 0x2e] . 1:1(0) ack 1", NULL },
    { "> [ect1, flowlabel 0xabcde] . 1:1(0) ack 1", NULL },
    { "> [flowlabel 0x5] . 1:1(0) ack 1", NULL },
    { "< [ttl 64] . 1:1(0) ack 1 win 5", NULL },
    { "> 1234 > 80 . 1:1(0) ack 1", NULL },
    { "< udp (1000)", NULL },
    { "> udp 1234 > 53 (12)", NULL },
    { "> [tos 0x10] udp (5)", NULL },
    { "< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]", "< icmp type_3 code_4 mtu 1200 [1:1461(1460)]" },
    { "< icmp echo_request id 7 [raw (30)]", "< icmp type_8 code_0 id 7 [raw (30)]" },
    { "< icmp unreachable port_unreachable [udp (8)]", "< icmp type_3 code_3 [udp (8)]" },
    { "< icmp type_40 code_9", "< icmp type_40 code_9 [0:0(0)]" },
    { "< icmp unreachable CODE [1:1(0)]", "< icmp type_3 code_1 [1:1(0)]" },
    { "> ipv4 192.0.2.1 > 10.0.0.1: . 1:1(0) ack 1", NULL },
    { "< ipv6 [ect0] 2001:db8::1 > ::1: . 1:1(0) ack 1 win 5", NULL },
    { "> ipv4 1.2.3.4 > 5.6.7.8: gre: . 1:1(0) ack 1",
      "> ipv4 1.2.3.4 > 5.6.7.8: gre flags 0x0, sum 0x0, off 0x0, key 0x0, seq 0: . 1:1(0) ack 1" },
    { "> gre flags [key present, sequence# present], sum 0x0, off 0, key=0x5, seq 9: udp (1)",
      "> gre flags 0x3000, sum 0x0, off 0x0, key 0x5, seq 9: udp (1)" },
    { "> mpls (label 0, tc 1, ttl 5) (label 1048575, tc 7, [S], ttl 255): . 1:1(0) ack 1",
      "> mpls (label 0, tc 1, ttl 5) (label 1048575, tc 7, [S], ttl 255): . 1:1(0) ack 1" },
};

static void test_forms(void **state)
{
    char text[TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        text_expected(parse_one_packet(forms[i].source), text, sizeof text);
        assert_string_equal(text, forms[i].text ? forms[i].text : forms[i].source);
    }
}

static void test_fields_of_a_segment(void **state)
{
    const struct script_packet *p = parse_one_packet("< [ect0] 1 > 2 SP.5 10:30(20) ack 7 win 8 urg 9 <mss 5,nop,wscale 3>");
    static const uint8_t options[] = { 2, 4, 0, 5, 1, 3, 3, 3 };

    (void)state;
    assert_true(p->is_inbound);
    assert_int_equal(p->protocol, SCRIPT_TCP);
    assert_int_equal(p->ip.tos_check, TOS_ECN);
    assert_int_equal(p->ip.tos, 2);
    assert_int_equal(p->source_port, 1);
    assert_int_equal(p->target_port, 2);
    assert_int_equal(p->payload_bytes, 20);
    assert_int_equal(p->tcp.flags, SCRIPT_SYN | SCRIPT_PSH | SCRIPT_ACK | SCRIPT_ECE | SCRIPT_AE);
    assert_true(p->tcp.has_ace && p->tcp.has_window && !p->tcp.is_any_options);
    assert_int_equal(p->tcp.sequence, 10);
    assert_int_equal(p->tcp.ack, 7);
    assert_int_equal(p->tcp.window, 8);
    assert_int_equal(p->tcp.urgent, 9);
    assert_int_equal(p->tcp.option_bytes, sizeof options);
    assert_memory_equal(p->tcp.options, options, sizeof options);
}

static void test_names_of_the_other_version_are_skipped(void **state)
{
    struct script_error error;

    (void)state;
    assert_non_null(parse_as("0 < icmp packet_too_big mtu 1300 [0:0(0)]\n", IP_V4, &error));
    assert_string_equal(parsed->unsupported, "IPv4 has no ICMP message 'packet_too_big'");
    assert_non_null(parse_as("0 < icmp packet_too_big mtu 1300 [0:0(0)]\n", IP_V6, &error));
    assert_null(parsed->unsupported);
    assert_int_equal(parsed->events[0].packet->icmp.type, 2);
    assert_int_equal(parsed->events[0].packet->icmp.mtu, 1300);
}

static void test_psp_is_skipped_whatever_follows(void **state)
{
    (void)state;
    parse("--psp_udp_port=1000\n0 > S 0:0(0) <mss UNKNOWN>\n");
    assert_non_null(parsed->unsupported);
    parse("0 > encap psp spi 0x5 . 1:1(0) ack 1\n");
    assert_non_null(parsed->unsupported);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_forms, end_script),
        cmocka_unit_test_teardown(test_fields_of_a_segment, end_script),
        cmocka_unit_test_teardown(test_names_of_the_other_version_are_skipped, end_script),
        cmocka_unit_test_teardown(test_psp_is_skipped_whatever_follows, end_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
