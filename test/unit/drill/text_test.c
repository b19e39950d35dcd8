/* Packets from the wire, in packetdrill's notation. */
#include "drill/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t syn_ack[] = {
    0x45, 0x02, 0x00, 0x34, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 168, 0, 1,
    0x1f, 0x90, 0x04, 0xd2, 0, 0, 0x03, 0xe8, 0, 0, 0x07, 0xd1, 0x80, 0x12, 0x01, 0x00, 0, 0, 0, 0,
    2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 8,
};

static void test_a_segment(void **state)
{
    struct text_shift shift = { .sequence = 1000, .ack = 2000, .has_ports = true };
    char text[TEXT_BYTES];

    (void)state;
    text_packet(syn_ack, sizeof syn_ack, false, false, &shift, text, sizeof text);
    assert_string_equal(text, "> [ect0] 8080 > 1234 S. 0:0(0) ack 1 win 256 <mss 1460,nop,nop,sackOK,nop,wscale 8>");
    shift.has_ports = false;
    text_packet(syn_ack, sizeof syn_ack, true, true, &shift, text, sizeof text);
    assert_string_equal(text, "< [ect0] S.0 0:0(0) ack 1 win 256 <mss 1460,nop,nop,sackOK,nop,wscale 8>");
}

static void test_options_are_shifted(void **state)
{
    static const uint8_t options[] = { 1, 1, 8, 10, 0, 0, 0, 110, 0, 0, 0, 220, 1, 1, 5, 10, 0, 0, 8, 0x35, 0, 0, 12,
        0x1d, 77, 3, 0xab };
    struct text_shift shift = { .ack = 2000, .timestamp = 100, .echo = 200 };
    char text[TEXT_BYTES];

    (void)state;
    text_options(options, sizeof options, &shift, text, sizeof text);
    assert_string_equal(text, "nop,nop,TS val 10 ecr 20,nop,nop,sack 101:1101,kind 77 0xab");
    text_options((const uint8_t[]){ 2, 9, 1 }, 3, &shift, text, sizeof text);
    assert_string_equal(text, "broken 0x020901");
}

static void test_what_is_broken(void **state)
{
    static const struct text_shift none;
    char text[TEXT_BYTES];

    (void)state;
    for (size_t bytes = 0; bytes < sizeof syn_ack; bytes++)
        text_packet(syn_ack, bytes, false, false, &none, text, sizeof text);
    text_packet(syn_ack, 0, false, false, &none, text, sizeof text);
    assert_string_equal(text, "> a broken IP header");
    text_packet(syn_ack, 30, false, false, &none, text, sizeof text);
    assert_string_equal(text, "> [ect0] a broken TCP header");
    text_packet(syn_ack, sizeof syn_ack, false, false, &none, text, 8);
    assert_string_equal(text, "> [ect0");
}

static void test_times(void **state)
{
    char text[32];

    (void)state;
    text_time(1500000999, false, text, sizeof text);
    assert_string_equal(text, "1.500000");
    text_time(10000, true, text, sizeof text);
    assert_string_equal(text, "+0.000010");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_segment), cmocka_unit_test(test_options_are_shifted),
        cmocka_unit_test(test_what_is_broken),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
