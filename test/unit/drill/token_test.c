#include "drill/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *text;
    unsigned count;
    struct { enum token_kind kind; const char *text; } tokens[8];
};

static const struct row rows[] = {
    { "1:1001(1000)", 6, { { TOKEN_NUMBER, "1" }, { TOKEN_SIGN, ":" }, { TOKEN_NUMBER, "1001" }, { TOKEN_SIGN, "(" }, { TOKEN_NUMBER, "1000" }, { TOKEN_SIGN, ")" } } },
    { "0...0.25 x", 4, { { TOKEN_NUMBER, "0" }, { TOKEN_ELLIPSIS, "..." }, { TOKEN_FRACTION, "0.25" }, { TOKEN_WORD, "x" } } },
    { "0.1...12", 3, { { TOKEN_FRACTION, "0.1" }, { TOKEN_ELLIPSIS, "..." }, { TOKEN_NUMBER, "12" } } },
    { "+.01", 2, { { TOKEN_SIGN, "+" }, { TOKEN_FRACTION, ".01" } } },
    { "SP.5 F.", 4, { { TOKEN_WORD, "SP" }, { TOKEN_FRACTION, ".5" }, { TOKEN_WORD, "F" }, { TOKEN_SIGN, "." } } },
    { "-1 - 2-3", 4, { { TOKEN_NUMBER, "-1" }, { TOKEN_SIGN, "-" }, { TOKEN_NUMBER, "2" }, { TOKEN_NUMBER, "-3" } } },
    { "0x1F 0xzz", 2, { { TOKEN_HEX, "0x1F" }, { TOKEN_WORD, "0xzz" } } },
    { "3021b9d889017eeb", 1, { { TOKEN_WORD, "3021b9d889017eeb" } } },
    { "\"a\\\"b\" `c d`", 2, { { TOKEN_STRING, "a\\\"b" }, { TOKEN_BACKTICK, "c d" } } },
    { "%{  assert 1 == 1\t}%", 1, { { TOKEN_CODE, "assert 1 == 1" } } },
    { "--name_2=x", 3, { { TOKEN_OPTION, "name_2" }, { TOKEN_SIGN, "=" }, { TOKEN_WORD, "x" } } },
    { "192.0.2.1 > 10.0.0.1:", 4, { { TOKEN_IPV4, "192.0.2.1" }, { TOKEN_SIGN, ">" }, { TOKEN_IPV4, "10.0.0.1" }, { TOKEN_SIGN, ":" } } },
    { "2001:DB8::1 > ::1:", 4, { { TOKEN_IPV6, "2001:DB8::1" }, { TOKEN_SIGN, ">" }, { TOKEN_IPV6, "::1" }, { TOKEN_SIGN, ":" } } },
    { "1:2:3:4:5:6:7:8 ::ffff:1.2.3.4", 2, { { TOKEN_IPV6, "1:2:3:4:5:6:7:8" }, { TOKEN_IPV6, "::ffff:1.2.3.4" } } },
    { "fd:: fe80::1:2", 2, { { TOKEN_IPV6, "fd::" }, { TOKEN_IPV6, "fe80::1:2" } } },
    { "sack 1:2 3:4", 7, { { TOKEN_WORD, "sack" }, { TOKEN_NUMBER, "1" }, { TOKEN_SIGN, ":" }, { TOKEN_NUMBER, "2" }, { TOKEN_NUMBER, "3" }, { TOKEN_SIGN, ":" }, { TOKEN_NUMBER, "4" } } },
    { "a // b\n/* c\n * d **/ e", 2, { { TOKEN_WORD, "a" }, { TOKEN_WORD, "e" } } },
    { "sequence# present", 2, { { TOKEN_WORD, "sequence#" }, { TOKEN_WORD, "present" } } },
};

static void test_longest_token_wins(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct lexer l;

        lexer_init(&l, rows[r].text, strlen(rows[r].text));
        for (unsigned i = 0; i < rows[r].count; i++) {
            struct token t = lexer_next(&l);

            assert_int_equal(t.kind, rows[r].tokens[i].kind);
            assert_int_equal(t.bytes, strlen(rows[r].tokens[i].text));
            assert_memory_equal(t.text, rows[r].tokens[i].text, t.bytes);
        }
        assert_int_equal(lexer_next(&l).kind, TOKEN_END);
    }
}

static void test_places_count_lines_and_bytes(void **state)
{
    static const char text[] = "a\n  bc /* x\n y */ d\n\t\"e\nf\" g";
    static const struct script_place places[] = { { 1, 1 }, { 2, 3 }, { 3, 7 }, { 4, 2 }, { 5, 4 }, { 5, 5 } };
    struct lexer l;

    (void)state;
    lexer_init(&l, text, strlen(text));
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct token t = lexer_next(&l);

        assert_int_equal(t.place.line, places[i].line);
        assert_int_equal(t.place.column, places[i].column);
    }
}

static void test_numbers(void **state)
{
    static const struct { const char *text; int64_t number; } numbers[] = {
        { "4294967295", 4294967295 }, { "-12", -12 }, { "0xff", 255 }, { "0xffffffffffffffff", -1 },
        { "99999999999999999999", INT64_MAX }, { "007", 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct lexer l;

        lexer_init(&l, numbers[i].text, strlen(numbers[i].text));
        assert_int_equal(lexer_next(&l).number, numbers[i].number);
    }
}

static void test_what_does_not_end(void **state)
{
    static const char *const broken[] = { "\"abc", "`abc", "%{ abc }", "/* abc" };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct lexer l;

        lexer_init(&l, broken[i], strlen(broken[i]));
        assert_int_equal(lexer_next(&l).kind, TOKEN_BROKEN);
        assert_int_equal(lexer_next(&l).kind, TOKEN_END);
    }
}

static void test_definitions_replace_words(void **state)
{
    static const struct definition definitions[] = { { "A", "12" }, { "B", "\"text\"" }, { "C", "`ls`" },
        { "D", "word" }, { "E", "0x10" },
        { "mss", "7" }, { "A", "13" } };
    static const char text[] = "A B C D E mss AA";
    static const struct { enum token_kind kind; const char *text; int64_t number; } expected[] = {
        { TOKEN_NUMBER, "13", 13 }, { TOKEN_STRING, "text", 0 }, { TOKEN_BACKTICK, "ls", 0 }, { TOKEN_WORD, "word", 0 },
        { TOKEN_HEX, "0x10", 16 }, { TOKEN_WORD, "mss", 0 }, { TOKEN_WORD, "AA", 0 },
    };
    struct lexer l;

    (void)state;
    lexer_init(&l, text, strlen(text));
    l.definitions = definitions;
    l.definition_count = sizeof definitions / sizeof definitions[0];
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct token t = lexer_next(&l);

        assert_int_equal(t.kind, expected[i].kind);
        assert_int_equal(t.bytes, strlen(expected[i].text));
        assert_memory_equal(t.text, expected[i].text, t.bytes);
        if (t.kind == TOKEN_NUMBER || t.kind == TOKEN_HEX)
            assert_int_equal(t.number, expected[i].number);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_token_wins), cmocka_unit_test(test_places_count_lines_and_bytes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_what_does_not_end), cmocka_unit_test(test_definitions_replace_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
