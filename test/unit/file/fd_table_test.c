#include "fake_file.h"

static struct machine m;

static void the_lowest_free_number_is_given(void **state)
{
    struct fd_table t;
    struct fake fakes[200];
    (void)state;
    test_machine_init(&m);
    fd_table_init(&t, &m, 1000);
    for (int i = 0; i < 200; i++) assert_int_equal(fd_table_install(&t, fake_create(&m, &fakes[i]), 0, 0), i);
    assert_int_equal(fd_table_close(&t, 70), 0);
    assert_int_equal(fd_table_close(&t, 5), 0);
    assert_int_equal(fakes[5].released, 1);
    assert_int_equal(fd_table_close(&t, 5), -EBADF);
    assert_null(fd_table_get(&t, 5));
    assert_int_equal(fd_table_install(&t, fake_create(&m, &fakes[5]), 0, 6), 70);
    assert_int_equal(fd_table_install(&t, fake_create(&m, &fakes[70]), 0, 0), 5);
    struct fake last;
    assert_int_equal(fd_table_install(&t, fake_create(&m, &last), 0, 0), 200);
    fd_table_fini(&t);
    assert_int_equal(last.released, 1);
    assert_int_equal(memory_used_bytes(m.memory), 0);
    test_machine_fini(&m);
}

static void the_limit_holds_and_the_reference_is_taken_on_every_path(void **state)
{
    struct fd_table t;
    struct fake a, b;
    (void)state;
    test_machine_init(&m);
    fd_table_init(&t, &m, 1);
    assert_int_equal(fd_table_install(&t, fake_create(&m, &a), 0, 0), 0);
    assert_int_equal(fd_table_install(&t, fake_create(&m, &b), 0, 0), -EMFILE);
    assert_int_equal(b.released, 1);
    assert_int_equal(fd_table_install(&t, fake_create(&m, &b), 0, 1), -EINVAL);
    assert_int_equal(b.released, 1);
    assert_int_equal(fd_table_set(&t, 1, fake_create(&m, &b), 0), -EBADF);
    assert_int_equal(fd_table_set(&t, 0, fake_create(&m, &b), FD_CLOSE_ON_EXEC), 0);
    assert_int_equal(a.released, 1);
    assert_int_equal(t.entries[0].flags, FD_CLOSE_ON_EXEC);
    fd_table_fini(&t);
    assert_int_equal(b.released, 1);
    assert_int_equal(memory_used_bytes(m.memory), 0);
    test_machine_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_free_number_is_given),
        cmocka_unit_test(the_limit_holds_and_the_reference_is_taken_on_every_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
