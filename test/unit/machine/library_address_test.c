#include "hosts.h"

#include "machine/library.h"

static void addresses_are_read_as_inet_pton_reads_them(void **state)
{
    static const char *const texts[] = {
        "127.0.0.1", "0.0.0.0", "255.255.255.255", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", "", "1.2.3.4 ", "::", "::1", "1::",
        "fe80::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1", "1:", "::ffff:1.2.3.4", "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "12345::", "g::", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", ":::", "fd00::abcd:EF01",
    };
    (void)state;
    for (size_t i = 0; i < array_count(texts); i++) {
        uint8_t want[16];
        ip_addr_t got;
        struct in_addr four;
        bool is_four = inet_pton(AF_INET, texts[i], &four) == 1, is_six = inet_pton(AF_INET6, texts[i], want) == 1;
        assert_int_equal(library_parse_address(texts[i], strlen(texts[i]), &got), is_four || is_six);
        if (is_four) assert_int_equal(ip_get4(&got).raw, four.s_addr);
        if (is_six) assert_memory_equal(got.bytes, want, 16);
    }
}

static void prefixes_stay_in_their_family(void **state)
{
    ip_addr_t a;
    unsigned bits;
    (void)state;
    assert_true(library_parse_prefix("10.0.0.0/8", &a, &bits));
    assert_int_equal(bits, 8);
    assert_true(library_parse_prefix("10.0.0.1", &a, &bits));
    assert_int_equal(bits, 32);
    assert_true(library_parse_prefix("fd00::/64", &a, &bits));
    assert_int_equal(bits, 64);
    assert_false(library_parse_prefix("10.0.0.0/33", &a, &bits));
    assert_false(library_parse_prefix("fd00::/129", &a, &bits));
    assert_false(library_parse_prefix("10.0.0.0/", &a, &bits));
    assert_false(library_parse_prefix("10.0.0.0/x", &a, &bits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_inet_pton_reads_them), cmocka_unit_test(prefixes_stay_in_their_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
