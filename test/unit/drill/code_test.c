/* Assertions. Where python3 is missing there is nothing to test but that it is said. */
#include "drill/code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char message[512];

static int set_up(void **state)
{
    struct code *code = code_create(false);

    if (!code_start(code)) {
        code_destroy(code);
        skip();
    }
    code_begin(code, "x.pkt");
    *state = code;
    return 0;
}

static int tear_down(void **state)
{
    code_destroy(*state);
    return 0;
}

static enum code_verdict run(struct code *code, const char *text)
{
    static struct code_values values;

    values.count = 0;
    code_values_add(&values, "tcpi_snd_cwnd", 10);
    message[0] = '\0';
    return code_run(code, 40, text, &values, message, sizeof message);
}

static void test_what_holds_and_what_fails(void **state)
{
    assert_int_equal(run(*state, "assert tcpi_snd_cwnd == 10"), CODE_HELD);
    assert_int_equal(run(*state, "x = 1\nassert tcpi_snd_cwnd == 11, 'no'"), CODE_FAILED);
    assert_string_equal(message, "line 41: AssertionError: no: assert tcpi_snd_cwnd == 11, 'no' (tcpi_snd_cwnd = 10)");
    assert_int_equal(run(*state, "assert tcpi_nonsense"), CODE_FAILED);
    assert_int_equal(run(*state, "assert ("), CODE_FAILED);
    assert_non_null(strstr(message, "SyntaxError, line 4"));
    assert_int_equal(run(*state, "assert True; \\\n"), CODE_HELD);
}

static void test_names_last_as_long_as_a_script(void **state)
{
    assert_int_equal(run(*state, "kept = 5"), CODE_HELD);
    assert_int_equal(run(*state, "assert kept == 5"), CODE_HELD);
    code_begin(*state, "y.pkt");
    assert_int_equal(run(*state, "assert kept == 5"), CODE_FAILED);
}

static void test_one_that_went_away_is_followed_by_another(void **state)
{
    assert_int_equal(run(*state, "import os; os._exit(0)"), CODE_NOBODY);
    assert_int_equal(run(*state, "assert True"), CODE_HELD);
}

static uint64_t find(const struct code_values *values, const char *name)
{
    for (unsigned i = 0; i < values->count; i++)
        if (strcmp(values->rows[i].name, name) == 0)
            return values->rows[i].value;
    fail_msg("no %s", name);
    return 0;
}

static void test_fields_of_tcp_info(void **state)
{
    static struct code_values values;
    uint8_t info[280];

    (void)state;
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)i;
    values.count = 0;
    code_values_tcp_info(&values, info, sizeof info);
    assert_int_equal(find(&values, "tcpi_retransmits"), 2);
    assert_int_equal(find(&values, "tcpi_snd_wscale"), 6);
    assert_int_equal(find(&values, "tcpi_delivery_rate_app_limited"), 1);
    assert_int_equal(find(&values, "tcpi_snd_cwnd"), 0x53525150);
    assert_int_equal(find(&values, "tcpi_total_rto_recoveries"), 0xf3f2);
    assert_int_equal(find(&values, "TCP_CA_Loss"), 4);
    values.count = 0;
    code_values_tcp_info(&values, info, 84);
    for (unsigned i = 0; i < values.count; i++)
        assert_string_not_equal(values.rows[i].name, "tcpi_advmss");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_holds_and_what_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_last_as_long_as_a_script, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_went_away_is_followed_by_another, set_up, tear_down),
        cmocka_unit_test(test_fields_of_tcp_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
