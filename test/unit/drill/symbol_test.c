#include "drill/symbol.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

static void test_values(void **state)
{
    static const struct { const char *name; int64_t value; } rows[] = {
        { "SOCK_STREAM", SOCK_STREAM }, { "SO_REUSEADDR", SO_REUSEADDR }, { "IPPROTO_TCP", 6 }, { "TCP_CA_Open", 0 },
        { "TCP_INQ", 36 }, { "TCP_RTO_MAX_MS", 44 }, { "MSG_ZEROCOPY", 0x4000000 }, { "EPOLLET", 0x80000000 },
        { "SOL_TCP", 6 }, { "IPV6_RECVERR", IPV6_RECVERR }, { "SIOCINQ", 0x541B }, { "TCP_LISTEN", 10 }, { "NULL", 0 },
    };
    int64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(symbol_find(rows[i].name, &value));
        assert_int_equal(value, rows[i].value);
    }
    assert_false(symbol_find("SO_", &value));
    assert_false(symbol_find("", &value));
    assert_true(symbol_find_bytes("EPOLLINX", 7, &value));
}

static void test_names_of_errors(void **state)
{
    (void)state;
    assert_string_equal(symbol_errno(EAGAIN), "EAGAIN");
    assert_string_equal(symbol_errno(EINVAL), "EINVAL");
    assert_string_equal(symbol_errno(EOPNOTSUPP), "EOPNOTSUPP");
    assert_string_equal(symbol_errno(EPERM), "EPERM");
    assert_null(symbol_errno(4000));
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_names_of_errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
