/* An fd handed to a child that waits in a trapped call. */
#include "runner/filter.h"
#include "runner/handover.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BASE = 64, HIGH = 100, NEW = 101 };

/* The child's trapped dup() answers with the new fd, out of which it reads. */
static int child(int report)
{
    const struct filter_options options = { .fd_base = BASE };
    int listener, fd;
    char byte;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    listener = filter_install(&options);
    if (write(report, &listener, sizeof(listener)) != sizeof(listener))
        return 1;
    fd = dup(HIGH);
    dup2(fd, 0); /* trapped numbers cannot be read from here */
    return fd == NEW && read(0, &byte, 1) == 1 && byte == 'x' ? 0 : 2;
}

static int wait_for_notification(int listener, struct seccomp_notif *notification)
{
    *notification = (struct seccomp_notif){ 0 };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification);
}

static void let_go(int listener, uint64_t id)
{
    struct seccomp_notif_resp response = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

    assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
}

static void hand_over_with(struct handover_thread *thread)
{
    int report[2], data[2], number, listener, status;
    struct seccomp_notif notification;
    struct handover_job job;
    pid_t pid;

    assert_int_equal(pipe(report), 0);
    assert_int_equal(pipe(data), 0);
    assert_int_equal(write(data[1], "x", 1), 1);
    pid = fork();
    if (pid == 0)
        _exit(child(report[1]));
    assert_int_equal(read(report[0], &number, sizeof(number)), sizeof(number));
    listener = (int)syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, pid, 0), number, 0);
    assert_true(listener >= 0);
    assert_int_equal(wait_for_notification(listener, &notification), 0);
    job = (struct handover_job){
        .listener = listener,
        .add = { .id = notification.id, .srcfd = (uint32_t)data[0], .newfd = NEW,
                 .flags = SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND },
    };
    if (!handover_give(thread, &job)) {
        struct pollfd done = { .fd = handover_fd(thread), .events = POLLIN };

        assert_int_equal(poll(&done, 1, 5000), 1);
        assert_ptr_equal(handover_take(thread), &job);
    }
    assert_int_equal(job.error, 0);
    assert_int_equal(wait_for_notification(listener, &notification), 0); /* dup2 onto 0 */
    let_go(listener, notification.id);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(listener);
}

static void at_once_without_a_thread(void **state)
{
    (void)state;
    hand_over_with(NULL);
}

static void with_a_thread(void **state)
{
    struct handover_thread *thread = handover_start();

    (void)state;
    assert_non_null(thread);
    assert_null(handover_take(thread));
    hand_over_with(thread);
    handover_stop(thread);
}

static void a_failure_is_told(void **state)
{
    struct handover_job job = { .listener = -1 };

    (void)state;
    assert_true(handover_give(NULL, &job));
    assert_int_equal(job.error, -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once_without_a_thread),
        cmocka_unit_test(with_a_thread),
        cmocka_unit_test(a_failure_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
