/* libweir-packetdrill.so as packetdrill uses it: loaded with the same flags, by a program that speaks TCP by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>

#include "drill/shared_object.h"

enum { HEADERS = 40, CLIENT_PORT = 50000, SERVER_PORT = 8080, SYN = 2, PSH = 8, ACK = 16, FIN = 1 };

static const char *path;
static struct packetdrill_interface stack;

static uint16_t checksum(const uint8_t *at, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i < bytes; i++) sum += (uint32_t)at[i] << (i & 1 ? 0 : 8);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put32(uint8_t *at, uint32_t v) { for (int i = 0; i < 4; i++) at[i] = (uint8_t)(v >> (24 - 8 * i)); }
static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A segment of the client at 192.0.2.1 with so many zero bytes. */
static void inject(uint8_t flags, uint32_t sequence, uint32_t ack, size_t payload_bytes)
{
    uint8_t p[HEADERS + 1500] = { 0x45,
                                  [8] = 64,
                                  [9] = IPPROTO_TCP,
                                  [12] = 192,
                                  0,
                                  2,
                                  1,
                                  192,
                                  168,
                                  0,
                                  1,
                                  [20] = CLIENT_PORT >> 8,
                                  CLIENT_PORT & 255,
                                  SERVER_PORT >> 8,
                                  SERVER_PORT & 255,
                                  [32] = 5 << 4,
                                  [33] = flags,
                                  [34] = 0x40 };
    size_t bytes = HEADERS + payload_bytes;
    uint32_t pseudo = IPPROTO_TCP + (uint32_t)(bytes - 20);
    p[2] = (uint8_t)(bytes >> 8);
    p[3] = (uint8_t)bytes;
    put32(p + 24, sequence);
    put32(p + 28, ack);
    for (int i = 12; i < 20; i += 2) pseudo += (uint32_t)p[i] << 8 | p[i + 1];
    uint16_t sum = checksum(p, 20, 0);
    p[10] = (uint8_t)(sum >> 8);
    p[11] = (uint8_t)sum;
    sum = checksum(p + 20, bytes - 20, pseudo);
    p[36] = (uint8_t)(sum >> 8);
    p[37] = (uint8_t)sum;
    assert_int_equal(stack.netdev_send(stack.userdata, p, bytes), 0);
}

struct segment { uint8_t flags; uint32_t sequence, ack; size_t payload_bytes; long long at_us; };

/* The next of TCP over IPv4; others (IPv6 looks for routers) are stepped over. No flags: nothing comes. */
static struct segment next_segment(void)
{
    static uint8_t p[70000];
    long long at_us;
    for (;;) {
        size_t bytes = sizeof p;
        assert_int_equal(stack.netdev_receive(stack.userdata, p, &bytes, &at_us), 0);
        if (!bytes) return (struct segment){ 0 };
        if (p[0] == 0x45 && p[9] == IPPROTO_TCP)
            return (struct segment){ p[33], get32(p + 24), get32(p + 28), bytes - 20 - (p[32] >> 4) * 4u, at_us };
    }
}

static long long now_us(void)
{
    struct timeval tv;
    assert_int_equal(stack.gettimeofday(stack.userdata, &tv, NULL), 0);
    return tv.tv_sec * 1000000ll + tv.tv_usec;
}

static int listening(void)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons(SERVER_PORT),
                                   .sin_addr.s_addr = inet_addr("192.168.0.1") };
    int fd = stack.socket(stack.userdata, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(stack.bind(stack.userdata, fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(stack.listen(stack.userdata, fd, 5), 0);
    return fd;
}

/* An accepted connection whose client's next number is 1. */
static int established(int listener, uint32_t *next)
{
    inject(SYN, 0, 0, 0);
    struct segment s = next_segment();
    assert_int_equal(s.flags, SYN | ACK);
    *next = s.sequence + 1;
    inject(ACK, 1, *next, 0);
    int fd = stack.accept(stack.userdata, listener, NULL, NULL);
    assert_true(fd >= 0 && fd != listener);
    return fd;
}

static int setup(void **state)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
    void (*init)(const char *, struct packetdrill_interface *);
    (void)state;
    if (!handle) fprintf(stderr, "%s\n", dlerror());
    assert_non_null(handle);
    *(void **)&init = dlsym(handle, "packetdrill_interface_init");
    assert_non_null(init);
    init("local=192.168.0.1/16,remote=192.0.2.0/24,mtu=1500,seed=3", &stack);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stack.free(stack.userdata);
    return 0;
}

static void a_connection_from_its_begin_to_its_end(void **state)
{
    uint32_t next;
    char bytes[3000] = { 0 };
    (void)state;
    int l = listening(), fd = established(l, &next);
    inject(ACK | PSH, 1, next, 1000);
    assert_int_equal(stack.read(stack.userdata, fd, bytes, sizeof bytes), 1000);
    assert_int_equal(stack.write(stack.userdata, fd, bytes, 500), 500);
    struct segment s;
    do s = next_segment(); while (!s.payload_bytes);
    assert_int_equal(s.payload_bytes, 500);
    assert_int_equal(s.sequence, next);
    assert_int_equal(s.ack, 1001);
    inject(ACK, 1001, next + 500, 0);
    assert_int_equal(stack.close(stack.userdata, fd), 0);
    s = next_segment();
    assert_int_equal(s.flags & FIN, FIN);
    inject(ACK, 1001, next + 501, 0);
    assert_int_equal(stack.close(stack.userdata, l), 0);
}

static void time_is_the_machines(void **state)
{
    struct timespec before, after;
    (void)state;
    long long then = now_us();
    assert_int_equal(now_us(), then + 1); /* a look takes a microsecond */
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(stack.usleep(stack.userdata, 3600u * 1000000), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_int_equal(now_us(), then + 2 + 3600ll * 1000000);
    assert_true(after.tv_sec - before.tv_sec < 30);
}

/* The SYN-ACK again, when its time has come. */
static void packets_have_the_time_they_left(void **state)
{
    (void)state;
    listening();
    inject(SYN, 0, 0, 0);
    struct segment first = next_segment(), second = next_segment();
    assert_int_equal(second.flags, SYN | ACK);
    assert_in_range(second.at_us - first.at_us, 1000000, 1050000);
}

static void nothing_that_comes_is_no_bytes(void **state)
{
    (void)state;
    assert_int_equal(next_segment().flags, 0);
}

static void descriptors_are_the_hosts(void **state)
{
    (void)state;
    int a = stack.socket(stack.userdata, AF_INET, SOCK_STREAM, 0), file = open("/dev/null", O_RDWR);
    int b = stack.socket(stack.userdata, AF_INET6, SOCK_STREAM, 0), e = stack.epoll_create(stack.userdata, 1);
    assert_true(a != b && b != file && a != file && e != a && e != b);
    assert_true(syscall(SYS_fcntl, a, F_GETFD) >= 0);
    assert_int_equal(stack.write(stack.userdata, file, "x", 1), 1); /* what is not the machine's is the host's */
    assert_int_equal(close(b), 0);                                   /* libc's, as packetdrill does at the end */
    assert_int_equal(stack.listen(stack.userdata, b, 1), -1);
    assert_int_equal(errno, EBADF);
    close(file);
}

static void libc_calls_of_the_program_are_led_here(void **state)
{
    union {
        struct tcp_info info;
        char room[512];
    } got = { .room = { 0 } }; /* the kernel's is longer than the header's */
    socklen_t bytes = sizeof got;
    uint32_t next, memory[9];
    (void)state;
    int fd = established(listening(), &next);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &got, &bytes), 0);
    assert_int_equal(got.info.tcpi_state, 1);
    assert_int_equal(bytes, 280); /* Linux 6.18's */
    bytes = sizeof memory;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes), 0);
    assert_int_equal(bytes, sizeof memory);
    clock_t tick = times(NULL);
    assert_true(times(NULL) > tick);
}

static void splices(void **state)
{
    static char bytes[1000];
    uint32_t next;
    int fds[2];
    loff_t none = 0; /* as packetdrill says NULL */
    (void)state;
    int fd = established(listening(), &next);
    assert_int_equal(stack.pipe(stack.userdata, fds), 0);
    inject(ACK | PSH, 1, next, 600);
    assert_int_equal(stack.splice(stack.userdata, fd, &none, fds[1], &none, 1000, 0), 600);
    assert_int_equal(stack.splice(stack.userdata, fds[0], &none, fd, &none, 400, 0), 400);
    assert_int_equal(stack.read(stack.userdata, fds[0], bytes, sizeof bytes), 200);
    struct segment s;
    do s = next_segment(); while (!s.payload_bytes);
    assert_int_equal(s.payload_bytes, 400);
    close(fds[0]);
    close(fds[1]);
}

struct reader { int fd; _Atomic pid_t tid; ssize_t got; long long at_us; };

static void *read_and_ask_the_time(void *ctx)
{
    struct reader *r = ctx;
    char bytes[100];
    r->tid = (pid_t)syscall(SYS_gettid);
    r->got = stack.read(stack.userdata, r->fd, bytes, sizeof bytes);
    r->at_us = now_us();
    return NULL;
}

static bool sleeps(pid_t tid)
{
    char name[64], state = 0;
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", (int)tid);
    FILE *f = fopen(name, "re");
    if (f && fscanf(f, "%*d %*s %c", &state) != 1) state = 0;
    if (f) fclose(f);
    return state == 'S';
}

/* The clock stands still until it has asked for the time, however far the main thread lets it run; many times, for it is a
 * race where it does not. */
static void a_thread_waits_in_the_host(void **state)
{
    pthread_t thread;
    struct reader r = { 0 };
    uint32_t next;
    (void)state;
    r.fd = established(listening(), &next);
    for (uint32_t i = 0; i < 40; i++) {
        r.tid = 0;
        assert_int_equal(pthread_create(&thread, NULL, read_and_ask_the_time, &r), 0);
        while (!r.tid || !sleeps(r.tid)) sched_yield();
        stack.usleep(stack.userdata, 5000000);
        long long then = now_us();
        inject(ACK | PSH, 1 + 10 * i, next, 10);
        stack.usleep(stack.userdata, 5000000);
        pthread_join(thread, NULL);
        assert_int_equal(r.got, 10);
        assert_int_equal(r.at_us, then);
    }
}

/* Nobody moves the clock but the one who waits: it goes on to the time limit. */
static void a_call_of_the_main_thread_brings_time_on(void **state)
{
    const struct timeval limit = { .tv_sec = 100 };
    uint32_t next;
    char byte;
    (void)state;
    int fd = established(listening(), &next);
    assert_int_equal(stack.setsockopt(stack.userdata, fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    long long then = now_us();
    assert_int_equal(stack.recv(stack.userdata, fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_in_range(now_us() - then, 100000000, 100010000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        T(a_connection_from_its_begin_to_its_end),
        T(time_is_the_machines),
        T(packets_have_the_time_they_left),
        T(nothing_that_comes_is_no_bytes),
        T(descriptors_are_the_hosts),
        T(libc_calls_of_the_program_are_led_here),
        T(splices),
        T(a_thread_waits_in_the_host),
        T(a_call_of_the_main_thread_brings_time_on),
    };
    if (count != 2) return 2;
#if defined(__SANITIZE_ADDRESS__)
    puts("the sanitizers' allocator does not go with RTLD_DEEPBIND");
    return 77;
#endif
    path = arguments[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
