/* Looks into a child of the test. */
#include "runner/task.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct task_table table;
    struct task_ref *task;
    int pipe[2];
    char text[32];
};

static struct fixture f;

static int set_up(void **state)
{
    pid_t pid;

    (void)state;
    strcpy(f.text, "in the child");
    if (pipe(f.pipe) < 0 || (pid = fork()) < 0)
        return -1;
    if (pid == 0)
        for (;;)
            pause();
    f.task = task_get(&f.table, pid, NULL);
    return f.task ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (f.task) {
        kill(f.task->tid, SIGKILL);
        waitpid(f.task->tid, NULL, 0);
    }
    task_table_fini(&f.table);
    close(f.pipe[0]);
    close(f.pipe[1]);
    return 0;
}

static void is_found_again(void **state)
{
    (void)state;
    assert_ptr_equal(task_find(&f.table, f.task->tid), f.task);
    assert_ptr_equal(task_get(&f.table, f.task->tid, NULL), f.task);
    assert_int_equal(f.task->tgid, f.task->tid);
    assert_int_equal(f.table.count, 1);
}

static void fds_are_duplicated(void **state)
{
    struct stat theirs, ours;
    int copy = task_duplicate_fd(f.task, f.pipe[0]);

    (void)state;
    assert_true(copy >= 0);
    fstat(copy, &theirs);
    fstat(f.pipe[0], &ours);
    assert_int_equal(theirs.st_ino, ours.st_ino);
    close(copy);
    assert_int_equal(task_duplicate_fd(f.task, 999), -EBADF);
    assert_int_equal(task_duplicate_fd(f.task, -1), -EBADF);
    assert_true(task_fd_in_use(f.task, (unsigned)f.pipe[1]));
    assert_false(task_fd_in_use(f.task, 999));
}

static void memory_is_read_and_written(void **state)
{
    char text[32] = "";

    (void)state;
    assert_int_equal(task_write(f.task, (uint64_t)(uintptr_t)f.text, "theirs", 7), 0);
    assert_string_equal(f.text, "in the child");
    assert_int_equal(task_read(f.task, text, (uint64_t)(uintptr_t)f.text, 7), 0);
    assert_string_equal(text, "theirs");
    assert_int_equal(task_read(f.task, text, 0, 1), -EFAULT);
    assert_int_equal(task_write(f.task, 0, "x", 1), -EFAULT);
}

static void a_string_may_end_before_an_unmapped_page(void **state)
{
    char *pages, text[8192];
    pid_t pid;
    int status;

    (void)state;
    pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    strcpy(pages + 4096 - 4, "net");
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    {
        struct task_ref *task = task_get(&f.table, pid, NULL);

        assert_int_equal(task_read_string(task, text, (uint64_t)(uintptr_t)(pages + 4092), sizeof(text)), 3);
        assert_string_equal(text, "net");
        memset(pages, 'a', 4096);
        assert_int_equal(task_read_string(task, text, (uint64_t)(uintptr_t)f.text, 3), -ENAMETOOLONG);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    munmap(pages, 4096);
}

static void the_dead_answer_as_such(void **state)
{
    (void)state;
    kill(f.task->tid, SIGKILL);
    waitpid(f.task->tid, NULL, 0);
    assert_int_equal(task_duplicate_fd(f.task, 0), -ESRCH);
    assert_int_not_equal(task_load_credentials(f.task), 0);
    task_drop(&f.table, f.task);
    f.task = NULL;
    assert_int_equal(f.table.count, 0);
}

static void credentials_are_the_programs(void **state)
{
    (void)state;
    assert_int_equal(task_load_credentials(f.task), 0);
    assert_int_equal(f.task->credentials.euid, geteuid());
    assert_int_equal(f.task->credentials.egid, getegid());
    assert_true(f.task->has_credentials);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_found_again),
        TEST(fds_are_duplicated),
        TEST(memory_is_read_and_written),
        TEST(a_string_may_end_before_an_unmapped_page),
        TEST(the_dead_answer_as_such),
        TEST(credentials_are_the_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
