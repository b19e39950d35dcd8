/* Every form of argument: read, and written again by text_expression(). */
#include "drill/text.h"

#include "parsing.h"

#include <errno.h>

static const struct { const char *source, *text; } forms[] = {
    { "...", NULL }, { "-5", NULL }, { "0x10", "16" }, { "SOCK_STREAM", NULL }, { "O_RDWR|O_NONBLOCK|1", NULL },
    { "\"abc\"", NULL }, { "\"a\\x00\\n\\t\\\\\\\"\"", "\"a\\x00\\x0a\\x09\\\\\\\"\"" },
    { "\"ab\" \"cd\"", "\"abcd\"" }, { "\"abc\"...", NULL }, { "tcpi_x = 3", NULL }, { "[]", NULL },
    { "[1, ..., \"a\"]", NULL }, { "{1, 2}", NULL }, { "{{1, 2}, 3}", NULL }, { "inet_addr(\"1.0.0.0\")", "1" },
    { "inet6_addr(\"2001:db8::1\")", NULL },
    { "{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr(\"192.0.2.1\")}", NULL },
    { "{sa_family = AF_INET6, sin_port = htons(1), sin_addr = inet_addr(\"::1\")}", NULL }, { "{..., 10}", NULL },
    { "{..., \"abc\"}", NULL }, { "{msg_name(...)=..., msg_iov(2)=[{..., 1}, {..., 2}], msg_flags=0}", NULL },
    { "{msg_name(...)=..., msg_iov(1)=[{..., 0}], msg_flags=MSG_ERRQUEUE, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, "
      "cmsg_data={ee_errno=0, ee_origin=SO_EE_ORIGIN_ZEROCOPY, ee_type=0, ee_code=0, ee_info=0, ee_data=1}}]}", NULL },
    { "{cmsg_level=1, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0, scm_nsec=10000000}}", NULL },
    { "{fd=3, events=POLLIN}", NULL }, { "{fd=3, events=POLLIN, revents=POLLIN|POLLOUT}", NULL },
    { "{events=EPOLLIN, fd=4}", NULL }, { "{events=0, ptr=4}", NULL }, { "{events=0, u32=4}", NULL },
    { "{events=0, u64=4}", NULL }, { "{onoff=1, linger=0}", NULL }, { "{(label 1, tc 2, [S], ttl 3)}", "{1 labels}" },
    { "{flags 0x2000, sum 0, off 0, key 7, seq 0}", "{flags 0x2000, key 0x7}" },
};

static void test_forms_of_arguments(void **state)
{
    char source[1024], text[TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct script_call *call;

        snprintf(source, sizeof source, "f(%s) = 0", forms[i].source);
        call = parse_one_call(source);
        assert_int_equal(call->arguments.count, 1);
        text_expression(call->arguments.items[0], text, sizeof text);
        assert_string_equal(text, forms[i].text ? forms[i].text : forms[i].source);
    }
}

static void test_result_error_and_note(void **state)
{
    const struct script_call *call = parse_one_call("read(3, ..., 100) = -1 EAGAIN (Resource temporarily unavailable)");

    (void)state;
    assert_string_equal(call->name, "read");
    assert_int_equal(call->arguments.count, 3);
    assert_int_equal(call->result->number, -1);
    assert_int_equal(call->error, EAGAIN);
    assert_string_equal(call->error_name, "EAGAIN");
    assert_string_equal(call->note, "Resource temporarily unavailable");
    assert_false(call->is_blocking);
    call = parse_one_call("fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)");
    assert_null(call->error_name);
    assert_string_equal(call->note, "flags O_RDWR");
    assert_int_equal(parse_one_call("close(3) = 0")->arguments.count, 1);
    assert_int_equal(parse_one_call("f() = ...")->arguments.count, 0);
}

static void test_blocking_calls_end_later(void **state)
{
    const struct script_call *call;

    (void)state;
    parse("1...1.25 accept(3, ..., ...) = 4\n+0...0.5 read(4, ..., 1) = 1\n");
    call = parsed->events[0].call;
    assert_true(call->is_blocking);
    assert_int_equal(parsed->events[0].time_ns, 1000000000);
    assert_int_equal(call->end_ns, 1250000000);
    assert_int_equal(parsed->events[1].time_kind, TIME_RELATIVE);
    assert_int_equal(parsed->events[1].call->end_ns, 500000000);
}

static void test_values_of_expressions(void **state)
{
    const struct expression *e;
    const char *unknown;
    int64_t value;

    (void)state;
    e = parse_one_call("f(POLLIN|POLLOUT|0x100) = 0")->arguments.items[0];
    assert_true(expression_number(e, &value, &unknown));
    assert_int_equal(value, 0x105);
    e = parse_one_call("f(POLLIN|NO_SUCH_NAME) = 0")->arguments.items[0];
    assert_false(expression_number(e, &value, &unknown));
    assert_string_equal(unknown, "NO_SUCH_NAME");
    e = parse_one_call("f(\"x\") = 0")->arguments.items[0];
    assert_false(expression_number(e, &value, &unknown));
    assert_null(unknown);
}

static void test_a_string_keeps_its_zero_bytes(void **state)
{
    const struct expression *e = parse_one_call("write(3, \"a\\x00b\", 3) = 3")->arguments.items[1];

    (void)state;
    assert_int_equal(e->string.bytes, 3);
    assert_memory_equal(e->string.text, "a\0b", 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_forms_of_arguments, end_script),
        cmocka_unit_test_teardown(test_result_error_and_note, end_script),
        cmocka_unit_test_teardown(test_blocking_calls_end_later, end_script),
        cmocka_unit_test_teardown(test_values_of_expressions, end_script),
        cmocka_unit_test_teardown(test_a_string_keeps_its_zero_bytes, end_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
