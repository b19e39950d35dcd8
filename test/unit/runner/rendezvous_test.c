#include "runner/rendezvous.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char runtime[] = "/tmp/weir-rendezvous-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(runtime) || setenv("XDG_RUNTIME_DIR", runtime, 1);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", runtime);
    return system(command);
}

static void names(void **state)
{
    (void)state;
    assert_true(rendezvous_name_is_valid("default"));
    assert_true(rendezvous_name_is_valid("a.b_c-1"));
    assert_false(rendezvous_name_is_valid(""));
    assert_false(rendezvous_name_is_valid(".hidden"));
    assert_false(rendezvous_name_is_valid("-m"));
    assert_false(rendezvous_name_is_valid("a/b"));
    assert_false(rendezvous_name_is_valid("../up"));
}

static void one_claims_others_connect(void **state)
{
    int lock, listener, other_lock, other_listener, connection;

    (void)state;
    assert_int_equal(rendezvous_connect("one"), -ECONNREFUSED);
    assert_int_equal(rendezvous_claim("one", &lock, &listener), 0);
    assert_int_equal(rendezvous_claim("one", &other_lock, &other_listener), -EEXIST);
    connection = rendezvous_connect("one");
    assert_true(connection >= 0);
    close(connection);
    close(listener);
    close(lock); /* died without withdrawing: the socket's name is stale */
    assert_int_equal(rendezvous_connect("one"), -ECONNREFUSED);
    assert_int_equal(rendezvous_claim("one", &lock, &listener), 0);
    rendezvous_withdraw("one");
    close(listener);
    close(lock);
}

static void a_long_directory_is_no_obstacle(void **state)
{
    char path[256];
    int lock, listener, connection;

    (void)state;
    snprintf(path, sizeof(path), "%s/%0150d", runtime, 7);
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("XDG_RUNTIME_DIR", path, 1);
    assert_int_equal(rendezvous_claim("three", &lock, &listener), 0);
    connection = rendezvous_connect("three");
    assert_true(connection >= 0);
    close(connection);
    close(listener);
    rendezvous_withdraw("three");
    assert_int_equal(rendezvous_connect("three"), -ECONNREFUSED);
    close(lock);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
}

static void the_socket_is_private(void **state)
{
    char path[128];
    struct stat status;
    int lock, listener;

    (void)state;
    assert_int_equal(rendezvous_claim("two", &lock, &listener), 0);
    snprintf(path, sizeof(path), "%s/weir/two.sock", runtime);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s/weir", runtime);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    rendezvous_withdraw("two");
    close(listener);
    close(lock);
}

static void a_directory_open_to_others_is_refused(void **state)
{
    char path[128];

    (void)state;
    assert_int_equal(rendezvous_directory(path, sizeof(path)), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(rendezvous_directory(path, sizeof(path)), -EPERM);
    assert_int_equal(chmod(path, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(one_claims_others_connect),
        cmocka_unit_test(a_long_directory_is_no_obstacle),
        cmocka_unit_test(the_socket_is_private),
        cmocka_unit_test(a_directory_open_to_others_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
