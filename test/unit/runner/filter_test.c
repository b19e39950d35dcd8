/* Which calls are trapped. The listener is closed at once, so a trapped call fails with ENOSYS. Each case runs in a child. */
#include "runner/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BASE = 64, HIGH = 100 };

struct filter_case {
    const char *what;
    long (*call)(void);
    int error; /* 0: goes to the kernel and succeeds */
};

static char byte;

static long read_low(void) { return read(3, &byte, 1); }
static long read_high(void) { return read(HIGH, &byte, 1); }
static long write_low(void) { return write(3, "", 1); }
static long write_high(void) { return write(HIGH, "", 1); }
static long read_high_dirty(void) { return syscall(SYS_read, 0xffffffff00000000UL + HIGH, &byte, 1); }
static long send_low(void) { return send(3, "", 1, 0); }
static long socket_inet(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static long socket_inet6(void) { return socket(AF_INET6, SOCK_DGRAM, 0); }
static long socket_netlink(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }
static long socket_packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long socket_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static long socket_alg(void) { return socket(38, SOCK_SEQPACKET, 0); }
static long socket_vsock(void) { return socket(40, SOCK_STREAM, 0); }
static long dup_low(void) { return dup(3); }
static long dup_high(void) { return dup(HIGH); }
static long dup2_high_to_low(void) { return dup2(HIGH, 5); }
static long dup2_high_to_high(void) { return dup2(HIGH, HIGH + 1); }
static long dup2_low_to_high(void) { return dup2(3, HIGH + 1); }
static long dup3_high_to_low(void) { return dup3(HIGH, 5, 0); }
static long dupfd_high(void) { return fcntl(HIGH, F_DUPFD_CLOEXEC, 0); }
static long dupfd_low(void) { return fcntl(3, F_DUPFD_CLOEXEC, 0); }
static long getfl_high(void) { return fcntl(HIGH, F_GETFL); }
static long close_high(void) { return close(HIGH); }
static long open_any(void) { return open("/dev/null", O_RDONLY); }
static long map(int fd, int flags)
{
    return mmap(NULL, 4096, PROT_READ, flags, fd, 0) == MAP_FAILED ? -1 : 0;
}
static long map_low(void) { return map(3, MAP_SHARED) == -1 && errno == ENODEV ? 0 : -1; }
static long map_high(void) { return map(HIGH, MAP_SHARED); }
static long map_none(void) { return map(-1, MAP_PRIVATE | MAP_ANONYMOUS); }
static long uring(void) { return syscall(SYS_io_uring_setup, 1, NULL); }
static long undumpable(void) { return prctl(PR_SET_DUMPABLE, 0) ? -1 : prctl(PR_GET_DUMPABLE) == 1 ? 0 : -1; }
#if defined(__x86_64__)
static long x32_socket(void) { return syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0); }
static long i386_socket(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(359), "b"(AF_INET), "c"(SOCK_STREAM), "d"(0) : "memory");
    errno = (int)-result;
    return result < 0 ? -1 : result;
}
#endif

static const struct filter_case cases[] = {
    { "read low", read_low, 0 },
    { "read high", read_high, ENOSYS },
    { "read high, dirty upper half", read_high_dirty, ENOSYS },
    { "write low", write_low, 0 },
    { "write high", write_high, ENOSYS },
    { "send is always looked at", send_low, ENOSYS },
    { "socket AF_INET", socket_inet, ENOSYS },
    { "socket AF_INET6", socket_inet6, ENOSYS },
    { "socket AF_NETLINK", socket_netlink, ENOSYS },
    { "socket AF_PACKET", socket_packet, ENOSYS },
    { "socket AF_UNIX", socket_unix, 0 },
    { "socket AF_ALG", socket_alg, EAFNOSUPPORT },
    { "socket AF_VSOCK", socket_vsock, EAFNOSUPPORT },
    { "dup low", dup_low, 0 },
    { "dup high", dup_high, ENOSYS },
    { "dup2 high to low", dup2_high_to_low, ENOSYS },
    { "dup2 high to high", dup2_high_to_high, 0 },
    { "dup2 low to high", dup2_low_to_high, 0 },
    { "dup3 high to low", dup3_high_to_low, ENOSYS },
    { "F_DUPFD high", dupfd_high, ENOSYS },
    { "F_DUPFD low", dupfd_low, 0 },
    { "F_GETFL high", getfl_high, 0 },
    { "close high", close_high, 0 },
    { "mmap of a low fd", map_low, 0 },
    { "mmap of a high fd", map_high, ENOSYS },
    { "mmap of none", map_none, 0 },
    { "open", open_any, ENOSYS },
    { "io_uring", uring, ENOSYS },
    { "PR_SET_DUMPABLE 0", undumpable, 0 },
#if defined(__x86_64__)
    { "x32 socket", x32_socket, ENOSYS },
    { "i386 socket", i386_socket, ENOSYS },
#endif
};

/* 0: as expected. */
static int run_case(const struct filter_case *c)
{
    const struct filter_options options = { .fd_base = BASE, .keep_dumpable = true };
    int pair[2], listener;
    long result;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || write(pair[1], "", 1) != 1 || dup2(pair[0], HIGH) < 0 ||
        dup2(pair[0], 3) < 0)
        return 2;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    listener = filter_install(&options);
    if (listener < 0)
        return 3;
    close(listener);
    errno = 0;
    result = c->call();
    return c->error ? !(result == -1 && errno == c->error) : result < 0;
}

static void traps_what_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
            _exit(run_case(&cases[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0)
            fail_msg("%s: status %x", cases[i].what, status);
    }
}

static void a_second_supervisor_is_refused(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        const struct filter_options options = { .fd_base = BASE };

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (filter_install(&options) < 0)
            _exit(1);
        _exit(filter_install(&options) != -EBUSY);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void the_range_fits_the_limit(void **state)
{
    (void)state;
    assert_int_equal(filter_fd_base(1024), 32);
    assert_int_equal(filter_fd_base(1048576), 32);
    assert_int_equal(filter_fd_base(256), 32);
    assert_int_equal(filter_fd_base(64), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traps_what_it_should),
        cmocka_unit_test(a_second_supervisor_is_refused),
        cmocka_unit_test(the_range_fits_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
