/* Options, definitions, commands, code and times. */
#include "parsing.h"

static void test_defaults_of_each_version(void **state)
{
    static const struct { enum ip_version version; const char *local, *remote, *gateway; unsigned mtu,
        prefix; } rows[] = {
        { IP_V4, "192.168.0.1", "192.0.2.1", "192.168.0.1", 1500, 16 },
        { IP_V4_MAPPED, "192.168.0.1", "192.0.2.1", "192.168.0.1", 1500, 16 },
        { IP_V6, "fd3d:0a0b:17d6::1", "fd3d:fa7b:d17d::1", "fd3d:0a0b:17d6:8888::1", 1520, 48 },
    };
    struct script_error error;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct script_settings *s = &parse_as("0 f() = 0\n", rows[i].version, &error)->settings;

        assert_int_equal(s->version, rows[i].version);
        assert_string_equal(s->local_address, rows[i].local);
        assert_string_equal(s->remote_address, rows[i].remote);
        assert_string_equal(s->gateway_address, rows[i].gateway);
        assert_int_equal(s->mtu_bytes, rows[i].mtu);
        assert_int_equal(s->local_prefix, rows[i].prefix);
        assert_int_equal(s->bind_port, 8080);
        assert_int_equal(s->tolerance_ns, 4000000);
        assert_int_equal(s->tolerance_permille, 125);
    }
}

static void test_options_of_a_script(void **state)
{
    const struct script_settings *s = &parse("--mtu=1400\n--tolerance_usecs=10000 --tolerance_percent=5.5\n--strict_segments // why\n--tcp_ts_tick_usecs=1000\n"
        "--tcp_ts_ecr_scaled --mss=1000 --bind_port=5 --connect_port=6 --speed=100 --non_fatal=\"packet,syscall\" --is_anyip\n"
        "--local_ip=10.0.0.1 --remote_ip=10.1.0.0/16 --gateway_ip=10.0.0.2 --netmask_ip=255.0.0.0 --init_scripts=\"a.sh,b.sh\"\n0 f() = 0\n")->settings;

    (void)state;
    assert_int_equal(s->mtu_bytes, 1400);
    assert_int_equal(s->tolerance_ns, 10000000);
    assert_int_equal(s->tolerance_permille, 55);
    assert_true(s->is_strict_segments && s->is_timestamp_echo_scaled && s->is_anyip && s->is_nonfatal_packet &&
                s->is_nonfatal_call);
    assert_int_equal(s->timestamp_tick_us, 1000);
    assert_int_equal(s->mss_bytes, 1000);
    assert_int_equal(s->bind_port, 5);
    assert_int_equal(s->connect_port, 6);
    assert_int_equal(s->speed_mbits, 100);
    assert_string_equal(s->local_address, "10.0.0.1");
    assert_string_equal(s->remote_address, "10.1.0.0");
    assert_int_equal(s->remote_prefix, 16);
    assert_string_equal(s->gateway_address, "10.0.0.2");
    assert_int_equal(s->local_prefix, 8);
    assert_string_equal(s->init_scripts, "a.sh,b.sh");
}

static void test_a_script_for_ipv6_alone_has_an_ordinary_mtu(void **state)
{
    static const char text[] = "0 f() = 0\n";
    struct script_choice choice = { .version = IP_V6 };
    struct script_error error;

    (void)state;
    parsed = script_parse("dir/x-v6.pkt", text, strlen(text), &choice, &error);
    assert_int_equal(parsed->settings.mtu_bytes, 1500);
}

static void test_addresses_of_the_other_family_are_not_for_this_run(void **state)
{
    struct script_error error;

    (void)state;
    parse_as("--local_ip=10.0.0.1\n--remote_ip=10.0.0.2\n0 f() = 0\n", IP_V6, &error);
    assert_string_equal(parsed->settings.local_address, "fd3d:0a0b:17d6::1");
    assert_string_equal(parsed->settings.remote_address, "fd3d:fa7b:d17d::1");
}

static void test_a_script_names_its_version(void **state)
{
    (void)state;
    assert_false(parse("0 f() = 0\n")->has_version);
    assert_true(parse("--ip_version=ipv4-mapped-ipv6\n0 f() = 0\n")->has_version);
    assert_int_equal(parsed->version, IP_V4_MAPPED);
    assert_int_equal(parsed->settings.version, IP_V4);
}

static void test_the_user_wins(void **state)
{
    static const char text[] = "--mtu=1400\n--define=X=5\n--define=Y=\"own\"\n0 f(X, Y, Z) = 0\n";
    static const struct script_option options[] = { { "mtu", "1300" }, { "define", "X=7" }, { "define", "Z=z" } };
    struct script_choice choice = { .version = IP_V4, .option_count = 3, .options = options };
    struct script_error error;
    const struct expression_list *list;

    (void)state;
    parsed = script_parse("x.pkt", text, strlen(text), &choice, &error);
    assert_non_null(parsed);
    list = &parsed->events[0].call->arguments;
    assert_int_equal(parsed->settings.mtu_bytes, 1300);
    assert_int_equal(list->items[0]->number, 7);
    assert_string_equal(list->items[1]->string.text, "own");
    assert_int_equal(list->items[2]->kind, EXPRESSION_WORD);
    assert_string_equal(list->items[2]->string.text, "z");
}

static void test_commands_and_code(void **state)
{
    (void)state;
    parse("--define=INIT=`first one`\nINIT\n0 `echo a\necho b`\n+0 %{ assert a\nassert b }%\n`the end`\n");
    assert_string_equal(parsed->init_command, "first one");
    assert_string_equal(parsed->cleanup_command, "the end");
    assert_int_equal(parsed->cleanup_place.line, 7);
    assert_int_equal(parsed->event_count, 2);
    assert_int_equal(parsed->events[0].kind, EVENT_COMMAND);
    assert_string_equal(parsed->events[0].command, "echo a\necho b");
    assert_string_equal(parsed->events[1].code, "assert a\nassert b");
    assert_int_equal(parsed->events[1].place.line, 5);
    assert_string_equal(parsed->directory, "dir");
}

static void test_times(void **state)
{
    static const struct { enum event_time_kind kind; int64_t from_ns, to_ns; } times[] = {
        { TIME_ABSOLUTE, 500000000, 0 }, { TIME_RELATIVE, 1000, 0 }, { TIME_ANY, 0, 0 },
        { TIME_ABSOLUTE_RANGE, 1000000000, 2000000000 }, { TIME_RELATIVE_RANGE, 10000000, 20000000 },
        { TIME_ABSOLUTE, 12345678901, 0 },
    };

    (void)state;
    parse(".5 f() = 0\n+0.000001 f() = 0\n* > . 1:1(0)\n1~2.0 > . 1:1(0)\n+.01~+0.02 > . 1:1(0)\n12.3456789012 f() = 0\n");
    assert_int_equal(parsed->event_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(parsed->events[i].time_kind, times[i].kind);
        assert_int_equal(parsed->events[i].time_ns, times[i].from_ns);
        assert_int_equal(parsed->events[i].time_end_ns, times[i].to_ns);
    }
}

static void test_lines(void **state)
{
    const char *line;

    (void)state;
    parse("// one\n0 f() = 0\r\n");
    assert_int_equal(script_line(parsed, 2, &line), 9);
    assert_memory_equal(line, "0 f() = 0", 9);
    assert_int_equal(script_line(parsed, 9, &line), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_defaults_of_each_version, end_script),
        cmocka_unit_test_teardown(test_options_of_a_script, end_script),
        cmocka_unit_test_teardown(test_a_script_for_ipv6_alone_has_an_ordinary_mtu, end_script),
        cmocka_unit_test_teardown(test_addresses_of_the_other_family_are_not_for_this_run, end_script),
        cmocka_unit_test_teardown(test_a_script_names_its_version, end_script),
        cmocka_unit_test_teardown(test_the_user_wins, end_script),
        cmocka_unit_test_teardown(test_commands_and_code, end_script),
        cmocka_unit_test_teardown(test_times, end_script),
        cmocka_unit_test_teardown(test_lines, end_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
