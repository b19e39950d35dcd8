/* The same calls on this host's kernel and on a weir machine: a scenario writes down what each call gave, and the two
 * records must be equal. The kernel's side runs in a network namespace of its own. */
#ifndef WEIR_TEST_SIDES_H
#define WEIR_TEST_SIDES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <weir/socket.h>

#include "ended.h"

#define RECORD_BYTES (1u << 20)

struct side {
    struct weir_machine *machine; /* NULL: the kernel */
    struct weir_task *task;
    struct weir_env env;
    char *record;
    size_t length;
};

/* A datagram from this socket to itself, on the loopback of the kernel's side. */
static int kernel_marker;

/* The kernel delivers over loopback from a queue of each processor, in order, but perhaps later than the call that sent:
 * so on one processor what was sent before a marker has arrived when the marker has. Each answer queues behind the marker
 * of its cause, hence one for each packet of the longest exchange that one call starts (SYN, SYN-ACK, ACK, and its answer). */
static inline void kernel_settle(void)
{
    enum { HOPS = 4, LIMIT_MS = 60000 };
    for (int i = 0; i < HOPS; i++) {
        struct pollfd p = { .fd = kernel_marker, .events = POLLIN };
        char c = 0;
        assert_int_equal(send(kernel_marker, &c, 1, 0), 1);
        assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
        assert_int_equal(recv(kernel_marker, &c, 1, 0), 1);
    }
}

static inline long side_call(struct side *s, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    if (s->machine) return weir_syscall(s->task, number, (const uint64_t[6]){ a, b, c, d, e, f });
    long result = syscall(number, a, b, c, d, e, f);
    if (result < 0) result = -errno;
    kernel_settle();
    return result;
}

static inline void note(struct side *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void note(struct side *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s->length += (size_t)vsnprintf(s->record + s->length, RECORD_BYTES - s->length, format, args);
    va_end(args);
    assert_true(s->length < RECORD_BYTES);
}

#define U(x) ((uint64_t)(uintptr_t)(x))
/* One call, its result written down: CALL(s, "what", SYS_x, arguments...). */
#define CALL_6(s, number, a, b, c, d, e, f, ...) side_call(s, number, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))
#define DO(s, number, ...) CALL_6(s, number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL(s, what, number, ...) __extension__ ({ \
    long result_ = DO(s, number, __VA_ARGS__); \
    if (result_ < 0) note(s, "%d %s: %s\n", __LINE__, what, strerrorname_np((int)-result_)); \
    else note(s, "%d %s: %ld\n", __LINE__, what, result_); \
    result_; })
/* The same for calls that give a number: only that they did is written down. */
#define OPEN(s, what, number, ...) __extension__ ({ \
    long result_ = DO(s, number, __VA_ARGS__); \
    note(s, "%d %s: %s\n", __LINE__, what, result_ < 0 ? strerrorname_np((int)-result_) : "fd"); \
    (int)result_; })

static inline bool open_marker(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof a;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    kernel_marker = socket(AF_INET, SOCK_DGRAM, 0);
    return sched_setaffinity(0, sizeof one, &one) == 0 && bind(kernel_marker, (struct sockaddr *)&a, sizeof a) == 0
           && getsockname(kernel_marker, (struct sockaddr *)&a, &length) == 0 && connect(kernel_marker, (struct sockaddr *)&a, sizeof a) == 0;
}

static inline bool kernel_is_ready(void)
{
    struct utsname name;
    int major, minor;
    if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2 || major != 6 || minor < 18) return false;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return false;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    bool is_up = ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    close(fd);
    return is_up && open_marker();
}

static inline void side_open(struct side *s, bool is_weir)
{
    memset(s, 0, sizeof *s);
    s->record = malloc(RECORD_BYTES);
    s->record[0] = 0;
    if (!is_weir) return;
    struct weir_machine_config config = { .seed = { 1, 2 }, .start_ns = 1000000000, .wall_ns = 1700000000000000000 };
    assert_true(weir_env_map(&s->env, (size_t)1 << 32));
    s->machine = weir_machine_create(&config, &s->env);
    assert_non_null(s->machine);
    s->task = weir_task_create(s->machine);
}

static inline void side_close(struct side *s)
{
    if (s->machine) {
        end_machine(s->machine);
        weir_env_unmap(&s->env);
    }
    free(s->record);
}

/* Prints the lines that differ and counts them. */
static inline unsigned count_differences(const struct side *kernel, const struct side *weir)
{
    const char *a = kernel->record, *b = weir->record;
    assert_int_equal(strlen(a), kernel->length); /* a NUL would hide the rest */
    assert_int_equal(strlen(b), weir->length);
    unsigned differences = 0;
    while (*a || *b) {
        size_t n = strcspn(a, "\n"), k = strcspn(b, "\n");
        if (n != k || memcmp(a, b, n)) {
            differences++;
            print_message("kernel %.*s\n  weir %.*s\n", (int)n, a, (int)k, b);
        }
        a += n + (a[n] == '\n');
        b += k + (b[k] == '\n');
    }
    return differences;
}

/* Runs the scenario once on both and compares line by line. Without a kernel to compare with the scenario runs on weir alone,
 * where sanitizers and assertions still look on, and the test counts as skipped. */
static inline void compare(void (*scenario)(struct side *s), bool has_kernel)
{
    struct side weir, kernel;
    side_open(&weir, true);
    scenario(&weir);
    if (!has_kernel) {
        side_close(&weir);
        skip();
    }
    side_open(&kernel, false);
    scenario(&kernel);
    unsigned differences = count_differences(&kernel, &weir);
    side_close(&kernel);
    side_close(&weir);
    assert_int_equal(differences, 0);
}

#endif
