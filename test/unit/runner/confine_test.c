/* Each in a child: the confinement is for good. */
#include "runner/confine.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int status_of(int (*act)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        /* Not _exit(): before that a sanitizer makes calls of its own, which a confined process may not. */
        syscall(SYS_exit_group, confine_process() < 0 ? 99 : act());
    }
    waitpid(pid, &status, 0);
    return status;
}

static int work(void)
{
    int pair[2];
    char byte;

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || write(pair[0], "x", 1) != 1 || read(pair[1], &byte, 1) != 1;
}

static int open_a_network_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int start_a_program(void) { return execl("/bin/true", "true", (char *)NULL); }
static int mount_something(void) { return mount("none", "/mnt", "tmpfs", 0, NULL) == -1 && errno == EPERM ? 0 : 1; }

static void work_goes_on(void **state)
{
    (void)state;
    assert_int_equal(status_of(work), 0);
}

static void the_unthinkable_kills(void **state)
{
    (void)state;
    assert_int_equal(WTERMSIG(status_of(open_a_network_socket)), SIGSYS);
    assert_int_equal(WTERMSIG(status_of(start_a_program)), SIGSYS);
}

static void the_unknown_is_refused(void **state)
{
    (void)state;
    assert_int_equal(status_of(mount_something), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_goes_on),
        cmocka_unit_test(the_unthinkable_kills),
        cmocka_unit_test(the_unknown_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
