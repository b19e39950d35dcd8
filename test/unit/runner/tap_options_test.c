#include "runner/tap_options.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_whole_tap(void **state)
{
    struct tap_options tap;
    uint8_t address[16];

    (void)state;
    assert_null(tap_options_parse("tap0,192.0.2.2/24,2001:db8::2/64,gw=192.0.2.1,gw=2001:db8::1,mac=02:00:00:00:00:0a",
                                  &tap));
    assert_string_equal(tap.name, "tap0");
    assert_int_equal(tap.address_count, 2);
    assert_int_equal(tap.addresses[0].family, AF_INET);
    assert_int_equal(tap.addresses[0].prefix_bits, 24);
    assert_memory_equal(tap.addresses[0].bytes, "\xc0\x00\x02\x02", 4);
    assert_int_equal(tap.addresses[1].family, AF_INET6);
    assert_int_equal(tap.addresses[1].prefix_bits, 64);
    assert_int_equal(tap.gateway4.family, AF_INET);
    assert_memory_equal(tap.gateway4.bytes, "\xc0\x00\x02\x01", 4);
    inet_pton(AF_INET6, "2001:db8::1", address);
    assert_int_equal(tap.gateway6.family, AF_INET6);
    assert_memory_equal(tap.gateway6.bytes, address, 16);
    assert_true(tap.has_mac);
    assert_int_equal(tap.mac[5], 0x0a);
    assert_false(tap.no_offload);
    assert_null(tap_options_parse("tap0,192.0.2.2/24,offload=off", &tap));
    assert_true(tap.no_offload);
}

static void a_name_is_enough(void **state)
{
    struct tap_options tap;

    (void)state;
    assert_null(tap_options_parse("tap0", &tap));
    assert_int_equal(tap.address_count, 0);
    assert_int_equal(tap.gateway4.family, 0);
    assert_false(tap.has_mac);
}

static void what_is_wrong_is_said(void **state)
{
    static const char *const wrong[] = {
        "", ",10.0.0.1/8", "a-name-much-too-long,10.0.0.1/8", "tap0,10.0.0.1", "tap0,10.0.0.1/33", "tap0,::1/129",
        "tap0,10.0.0/8", "tap0,10.0.0.1/", "tap0,10.0.0.1/-1", "tap0,gw=nowhere", "tap0,offload=maybe", "tap0,mac=1:2:3", "tap0,mac=01:0:0:0:0:0",
        "tap0,mac=02:0:0:0:0:0:0",
    };
    struct tap_options tap;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (!tap_options_parse(wrong[i], &tap))
            fail_msg("'%s' was taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_tap),
        cmocka_unit_test(a_name_is_enough),
        cmocka_unit_test(what_is_wrong_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
