#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/address.h"

static ip_addr_t v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return ip_from4(be32((uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | d));
}

static void prefixes_of_both_versions(void **state)
{
    (void)state;
    ip_addr_t a = v4(10, 1, 2, 3), net = v4(10, 1, 0, 0), other = v4(10, 2, 0, 0), any = ip_any4();
    assert_true(ip_in_prefix(&a, &net, 16));
    assert_false(ip_in_prefix(&a, &net, 32));
    assert_false(ip_in_prefix(&a, &other, 16));
    assert_true(ip_in_prefix(&a, &other, 14));
    assert_false(ip_in_prefix(&a, &other, 15));
    assert_true(ip_in_prefix(&a, &any, 0));
    ip_addr_t six = ip_any6(), net6 = ip_any6();
    six.bytes[0] = net6.bytes[0] = 0xfd;
    six.bytes[8] = 0x81;
    net6.bytes[8] = 0x80;
    assert_true(ip_in_prefix(&six, &net6, 71));
    assert_false(ip_in_prefix(&six, &net6, 72));
    ip_addr_t any6 = ip_any6();
    assert_true(ip_in_prefix(&six, &any6, 0));
    assert_false(ip_in_prefix(&a, &any6, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(prefixes_of_both_versions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
