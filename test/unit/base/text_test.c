#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/text.h"

/* The C library's printf is the model. */
#define same(...) do { \
        char wanted[256], got[256]; \
        int n = snprintf(wanted, sizeof wanted, __VA_ARGS__); \
        assert_int_equal(text_format(got, sizeof got, __VA_ARGS__), n); \
        assert_string_equal(got, wanted); \
    } while (0)

static void formats_as_printf(void **state)
{
    (void)state;
    same("plain");
    same("%d %i %u", -7, 8, 9u);
    same("%5d|%-5d|%05d|%+d|% d|%.3d|%8.3d|%-8.3d|", 42, 42, -42, 42, 42, 7, 7, -7);
    same("%x %X %08X %2.2x %04x", 0xbeefu, 0xbeefu, 0x1au, 5u, 0xabcdu);
    same("%ld %lu %lld %llu %zu", -5000000000L, 5000000000UL, -1LL, ~0ULL, sizeof(int));
    same("%c%c|%5c|%-5c|", 'a', 'b', 'c', 'd');
    same("%s|%10s|%-10s|%.2s|%*s|%.*s|", "abc", "abc", "abc", "abc", 6, "abc", 1, "abc");
    same("%-*s|%*d|", 7, "ab", -6, 5);
    same("%hhu %hu %hd", (unsigned char)200, (unsigned short)60000, (short)-3);
    same("100%% %d", 0);
    same("%.0d|%u", 0, 0u);
    same("%4d: %08X:%04X %02X %08X:%08X %02X:%08lX", 12, 0x0100007fu, 80u, 10u, 0u, 0u, 1u, 250ul);
    same("%ld", INT64_MIN);
}

static void never_overruns(void **state)
{
    (void)state;
    char room[8] = "#######";
    struct text t = text_in(room, 5);
    text_printf(&t, "%s", "abcdefgh");
    assert_int_equal(t.length, 5);
    assert_true(t.is_cut);
    assert_memory_equal(room, "abcde##", 7);
    assert_int_equal(text_format(room, 4, "%d", 123456), 3);
    assert_string_equal(room, "123");
}

static void parses_numbers(void **state)
{
    (void)state;
    int64_t v = -1;
    assert_int_equal(text_parse_i64("123 ", 4, &v), 3);
    assert_int_equal(v, 123);
    assert_int_equal(text_parse_i64("-0x1f", 5, &v), 5);
    assert_int_equal(v, -31);
    assert_int_equal(text_parse_i64("010", 3, &v), 3);
    assert_int_equal(v, 8);
    assert_int_equal(text_parse_i64("0", 1, &v), 1);
    assert_int_equal(v, 0);
    assert_int_equal(text_parse_i64("x", 1, &v), 0);
    assert_int_equal(text_parse_i64("", 0, &v), 0);
    assert_int_equal(text_parse_i64("9223372036854775808", 19, &v), 0);
    assert_int_equal(text_parse_i64("-9223372036854775808", 20, &v), 20);
    assert_true(v == INT64_MIN);
    assert_int_equal(text_parse_i64("99999999999999999999", 20, &v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_as_printf),
        cmocka_unit_test(never_overruns),
        cmocka_unit_test(parses_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
