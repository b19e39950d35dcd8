#include "runner/openpath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *base, *path, *canonical; /* canonical NULL: the host's */
};

static const struct row rows[] = {
    { "/", "/proc/net/tcp", "/proc/net/tcp" },
    { "/", "/proc/self/net/tcp6", "/proc/net/tcp6" },
    { "/", "/proc/thread-self/net/dev", "/proc/net/dev" },
    { "/", "/proc/1234/net/udp", "/proc/net/udp" },
    { "/", "/proc/1234/task/77/net/snmp", "/proc/net/snmp" },
    { "/", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward" },
    { "/", "//proc/./net//tcp", "/proc/net/tcp" },
    { "/", "/proc/sys/../net/tcp", "/proc/net/tcp" },
    { "/proc/net", "tcp", "/proc/net/tcp" },
    { "/proc/77", "net/tcp", "/proc/net/tcp" },
    { "/proc/sys", "net/core/somaxconn", "/proc/sys/net/core/somaxconn" },
    { "/home", "../proc/net/tcp", "/proc/net/tcp" },
    { "/", "/proc/net", NULL },
    { "/", "/proc/network", NULL },
    { "/", "/proc/12x/net/tcp", NULL },
    { "/", "/proc/sys/kernel/net", NULL },
    { "/", "/proc/sys/network/a", NULL },
    { "/", "/proc/12/task/net/tcp", NULL },
    { "/", "/etc/network/interfaces", NULL },
    { "/home", "proc/net/tcp", NULL },
};

static void names_the_machines_own_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char canonical[64] = "";
        bool is_served = openpath_canonical(rows[i].base, rows[i].path, canonical, sizeof(canonical));

        assert_int_equal(is_served, rows[i].canonical != NULL);
        if (is_served)
            assert_string_equal(canonical, rows[i].canonical);
        if (is_served)
            assert_true(openpath_may_be_served(rows[i].path));
    }
}

static void refuses_what_does_not_fit(void **state)
{
    char canonical[8], path[2 * OPENPATH_MAX];

    (void)state;
    assert_false(openpath_canonical("/", "/proc/net/tcp", canonical, sizeof(canonical)));
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_false(openpath_canonical("/proc/net", path, canonical, sizeof(canonical)));
}

static void most_paths_are_told_at_a_glance(void **state)
{
    (void)state;
    assert_false(openpath_may_be_served("/usr/lib/libc.so.6"));
    assert_false(openpath_may_be_served("/proc/self/maps"));
    assert_false(openpath_may_be_served("/etc/network"));
    assert_true(openpath_may_be_served("tcp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_machines_own_texts),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(most_paths_are_told_at_a_glance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
