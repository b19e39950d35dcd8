#include "runner/fd_numbers.h"
#include "runner/task.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { BASE = 200 };

static int set_up(void **state)
{
    static struct task_table table;

    *state = task_get(&table, getpid(), NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    struct task_ref *task = *state;

    fd_numbers_fini(&task->numbers);
    return 0;
}

static void lowest_free_number_first(void **state)
{
    struct task_ref *task = *state;
    int taken = fcntl(0, F_DUPFD, BASE + 1);

    assert_int_equal(taken, BASE + 1);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + 2);
    close(taken);
}

static void a_number_given_back_is_used_again(void **state)
{
    struct task_ref *task = *state;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + i);
        assert_int_equal(dup2(0, BASE + i), BASE + i);
        fd_numbers_installed(&task->numbers, (unsigned)(BASE + i));
    }
    close(BASE + 1);
    fd_numbers_release(&task->numbers, BASE + 1);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + 1);
    close(BASE);
    close(BASE + 2);
}

static void one_on_its_way_is_not_given_twice(void **state)
{
    struct task_ref *task = *state;

    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + 1);
}

/* The server that accepts, forks and closes. */
static void the_last_one_is_looked_at_again(void **state)
{
    struct task_ref *task = *state;

    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
    assert_int_equal(dup2(0, BASE), BASE);
    fd_numbers_installed(&task->numbers, BASE);
    close(BASE);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
}

/* Closed, given to another whose fd is on its way; only then the first one's end is noticed. */
static void an_end_noticed_late_gives_nothing_away(void **state)
{
    struct task_ref *task = *state;

    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
    fd_numbers_installed(&task->numbers, BASE); /* and closed again: the number is free */
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
    fd_numbers_release(&task->numbers, BASE);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + 1);
    fd_numbers_cancel(&task->numbers, BASE);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE);
}

static void at_least_is_honoured(void **state)
{
    struct task_ref *task = *state;

    assert_int_equal(fd_numbers_choose(&task->numbers, task, BASE + 50, BASE), BASE + 50);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 3, BASE), BASE);
}

static void keeps_away_from_open_when_the_low_numbers_are_full(void **state)
{
    struct task_ref *task = *state;

    assert_int_equal(dup2(0, BASE - 1), BASE - 1);
    assert_int_equal(fd_numbers_choose(&task->numbers, task, 0, BASE), BASE + 8);
    close(BASE - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lowest_free_number_first),
        TEST(a_number_given_back_is_used_again),
        TEST(one_on_its_way_is_not_given_twice),
        TEST(the_last_one_is_looked_at_again),
        TEST(an_end_noticed_late_gives_nothing_away),
        TEST(at_least_is_honoured),
        TEST(keeps_away_from_open_when_the_low_numbers_are_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
