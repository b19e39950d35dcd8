#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/data.h"

static void assert_options(const struct tcp_options *o, const char *expected, size_t bytes)
{
    uint8_t out[60];

    memset(out, 0xee, sizeof out);
    assert_int_equal(tcp_write_options(out, o), bytes);
    assert_memory_equal(out, expected, bytes);
    assert_int_equal(out[bytes], 0xee);
}

/* As captured from Linux 6.18. */
static void syn_as_linux_writes_it(void **state)
{
    struct tcp_options o = { .has_mss = true, .mss_bytes = 1460, .has_timestamp = true, .timestamp_value = 0x01020304, .has_sack_permitted = true,
        .has_window_scale = true, .window_scale = 10 };

    (void)state;
    assert_options(&o, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x01\x02\x03\x04\x00\x00\x00\x00\x01\x03\x03\x0a", 20);
    o.has_timestamp = false;
    assert_options(&o, "\x02\x04\x05\xb4\x01\x01\x04\x02\x01\x03\x03\x0a", 12);
}

static void sack_blocks(void **state)
{
    struct tcp_options o = { .has_timestamp = true, .timestamp_value = 1, .timestamp_echo = 2, .sack_count = 2,
        .sack = { { { 0x10 }, { 0x20 } }, { { 0x30 }, { 0x40 } } } };

    (void)state;
    assert_options(&o, "\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02\x01\x01\x05\x12\0\0\0\x10\0\0\0\x20\0\0\0\x30\0\0\0\x40", 32);
}

static void fastopen_cookie_is_padded(void **state)
{
    struct tcp_options o = { .has_fastopen = true, .fastopen = (const uint8_t *)"12345678", .fastopen_bytes = 8 };

    (void)state;
    assert_options(&o, "\x22\x0a" "12345678\x01\x01", 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(syn_as_linux_writes_it), cmocka_unit_test(sack_blocks), cmocka_unit_test(fastopen_cookie_is_padded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
