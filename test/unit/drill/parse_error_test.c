/* Where each error is, and what is said of it. */
#include "parsing.h"

static const struct { const char *source; unsigned line, column; const char *text; } errors[] = {
    { "", 1, 1, "expected an event: a time, '+' and a time, or '*', found the end of the file" },
    { "0 socket(..., SOCK_STREAM, 6 = 3\n", 1, 30, "expected ',' or ')', found '='" },
    { "\n  0 socket(...) 3\n", 2, 17, "expected '=', found '3'" },
    { "0 < S 0:0(0) win 70000\n", 1, 18, "expected a window from 0 to 65535, found 70000" },
    { "0 < S 0:0(0) <mss 1000>\n", 1, 14, "expected 'win': an inbound packet tells its window, found '<'" },
    { "0 > . 1:1002(1000) ack 1\n", 1, 7, "expected sequence numbers that are 1000 apart, found 1:1002" },
    { "0 > . 1:4294967296(0)\n", 1, 9, "expected a sequence number from 0 to 4294967295, found 4294967296" },
    { "0 > . 1:1(0) ack\n+0 > . 1:1(0)\n", 2, 1, "expected an ack number, found '+'" },
    { "0 > S 0:0(0) <mss 1460,foo>\n", 1, 24, "expected a TCP option: mss, wscale, sackOK, sack, TS, nop, eol, FO, FOEXP, md5 or ECN, found 'foo'" },
    { "0 > S 0:0(0) <wscale 7>\n", 1, 14, "expected TCP options that fill a multiple of 4 bytes, found 3 bytes" },
    { "0 > S 0:0(0) <FO 123,nop>\n", 1, 18, "expected a cookie: pairs of hexadecimal digits, at most 38, found '123'" },
    { "0 > . 1:1(0) <sack 1:2 3:4 5:6 7:8 9:10>\n", 1, 40, "expected at most 40 bytes of TCP options, found '>'" },
    { "0 > SQ 0:0(0)\n", 1, 5, "expected TCP flags of the letters .FSRPUEWA, or a digit from 0 to 7 for ACE, found 'SQ'" },
    { "0 > E.5 0:0(0)\n", 1, 6, "expected TCP flags of the letters .FSRPUEWA, or a digit from 0 to 7 for ACE, found '.5'" },
    { "0 < [ect01] . 1:1(0) win 1\n", 1, 5, "expected one value for the ECN bits of an inbound packet, found 'ect01'" },
    { "0 > [tos 5] . 1:1(0)\n", 1, 10, "expected a hexadecimal tos byte, found '5'" },
    { "0 < . 1:1(0) win 1 <...>\n", 1, 21, "expected TCP options: '...' is for outbound packets, found '...'" },
    { "0 < icmp nonsense\n", 1, 10, "expected the name of an ICMP message, found 'nonsense'" },
    { "* < . 1:1(0) win 1\n", 1, 1, "expected an outbound packet after '*', found another kind of event" },
    { "0~1 close(3) = 0\n", 1, 1, "expected an outbound packet after a range of times, found another kind of event" },
    { "2~1 > . 1:1(0)\n", 1, 1, "expected a range of times that goes forward, found one that ends before it begins" },
    { "+1~2 > . 1:1(0)\n", 1, 4, "expected '+', found '2'" },
    { "-1 close(3) = 0\n", 1, 1, "expected a time from 0 to 1000000000, found -1" },
    { "0 close(3) = -1 EFOO (x)\n", 1, 17, "expected the name of an error, or the next event, found 'EFOO'" },
    { "0 close(3) = -1 EBADF\n+0 close(4) = 0\n", 2, 1, "expected '(' and the text of the error, found '+'" },
    { "0 f({fd=3, foo=1}) = 0\n", 1, 12, "expected 'events', found 'foo'" },
    { "0 f(\"\\q\") = 0\n", 1, 5, "expected a string whose escapes are \\\\ \\\" \\f \\n \\r \\t \\v \\0 or \\x and two digits, found '\"\\q\"'" },
    { "0 f(\"abc) = 0\n", 1, 5, "expected a closing '\"', found the end of the file" },
    { "0 `ls\n", 1, 3, "expected a closing '`', found the end of the file" },
    { "0 %{ assert 1\n", 1, 3, "expected a closing '}%', found the end of the file" },
    { "/* never\n", 1, 1, "expected a closing '*/', found the end of the file" },
    { "0 f() = 0\n`cleanup`\n0 f() = 0\n", 3, 1, "expected the end of the file after the last command, found '0'" },
    { "--nonsense=3\n0 f() = 0\n", 1, 1, "expected an option of packetdrill, found '--nonsense'" },
    { "--mtu=5\n0 f() = 0\n", 1, 1, "expected a number of bytes from 68 to 65535 for --mtu, found '5'" },
    { "--strict_segments=5\n0 f() = 0\n", 1, 1, "expected no value for --strict_segments, found '5'" },
    { "\n--bind_port\n0 f() = 0\n", 2, 1, "expected a port for --bind_port, found nothing" },
    { "0 ?\n", 1, 3, "expected a packet ('<' or '>'), a system call, a `command` or %{ code }%, found '?'" },
};

static void test_places_and_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct script_error error = { 0 };

        assert_null(parse_as(errors[i].source, IP_V4, &error));
        assert_string_equal(error.text, errors[i].text);
        assert_int_equal(error.place.line, errors[i].line);
        assert_int_equal(error.place.column, errors[i].column);
    }
}

/* Cut anywhere, a script is an error or a shorter script; never a crash. */
static void test_every_beginning_of_a_script(void **state)
{
    static const char text[] = "--mtu=1500\n`init`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+.1 < [ect0] S 0:0(0) win 5 <mss 5,TS val 1 ecr 2>\n"
        "* > icmp unreachable frag_needed mtu 5 [1:2(1)]\n0...1 f({msg_name(...)=...,msg_iov(1)=[{...,1}],msg_flags=0,msg_control=[]}) = -1 EIO (x)\n"
        "+0 > ipv4 1.2.3.4 > 5.6.7.8: gre flags [none], sum 0, off 0, key 0, seq 0: mpls (label 1, tc 2, [S], ttl 3): udp (5)\n"
        "+0~+1 > .5 1:1(0) ack 1 <ECN e0b 1,nop,nop,nop>\n0 %{ assert True }%\n`end`\n";

    (void)state;
    for (size_t bytes = 0; bytes < sizeof text; bytes++) {
        struct script_choice choice = { .version = IP_V4 };
        struct script_error error = { 0 };

        script_destroy(script_parse("x.pkt", text, bytes, &choice, &error));
    }
}

static void test_a_file_that_is_not_there(void **state)
{
    struct script_choice choice = { .version = IP_V4 };
    struct script_error error = { .place = { 7, 7 } };

    (void)state;
    assert_null(script_read("/nonexistent/x.pkt", &choice, &error));
    assert_int_equal(error.place.line, 0);
    assert_string_equal(error.text, "No such file or directory");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_places_and_texts, end_script),
        cmocka_unit_test(test_every_beginning_of_a_script),
        cmocka_unit_test(test_a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
