/* Waiting: a task whose calls park, wake-ups, time-outs, partial progress and giving up. */
#include "machine/hosts.h"

#include "syscall/call.h"

struct waiter { struct call call; int64_t result; unsigned ended; };
struct door { struct task task; unsigned sigpipes; bool nonblocking; };

static struct host h;
static struct door door;

static struct file *get_file(struct task *t, int fd)
{
    struct file *f = fd_table_get(&t->fds, fd);
    return f ? file_get(f) : NULL;
}

static int install_file(struct task *t, struct file *f, uint32_t flags)
{
    (void)flags;
    return fd_table_install(&t->fds, f, 0, 0);
}

static int close_file(struct task *t, int fd) { return fd_table_close(&t->fds, fd); }
static void signal_task(struct task *t, int signal) { container_of(t, struct door, task)->sigpipes += signal == 13; }
static bool is_nonblocking(struct task *t, struct file *f) { (void)f; return container_of(t, struct door, task)->nonblocking; }

static const struct task_ops ops = {
    .file_get = get_file, .file_install = install_file, .file_close = close_file, .signal = signal_task, .is_nonblocking = is_nonblocking,
};

static int setup(void **state)
{
    (void)state;
    host_open(&h, 1);
    struct machine *m = (struct machine *)h.machine;
    memset(&door, 0, sizeof door);
    door.task = (struct task){ .ops = &ops, .machine = m, .net = m->initial_net, .memory = &user_memory_direct };
    door.task.credentials.capabilities = UINT64_MAX;
    fd_table_init(&door.task.fds, m, 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fd_table_fini(&door.task.fds);
    host_close(&h);
    return 0;
}

static void done(struct call *c, int64_t result)
{
    struct waiter *w = container_of(c, struct waiter, call);
    w->result = result;
    w->ended++;
}

static int64_t start(struct waiter *w, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    *w = (struct waiter){ .call = { .task = &door.task, .number = number, .args = { a, b, c, d, e }, .done = done } };
    return call_start(&w->call);
}

#define U(x) ((uint64_t)(uintptr_t)(x))

static int64_t now(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct waiter w;
    int64_t result = start(&w, number, a, b, c, d, e);
    assert_true(result != CALL_PARKED);
    return result;
}

static int listener_on(uint16_t port)
{
    struct sockaddr_in a = loopback4(port);
    int fd = (int)now(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
    assert_int_equal(now(SYS_bind, (uint64_t)fd, U(&a), sizeof a, 0, 0), 0);
    assert_int_equal(now(SYS_listen, (uint64_t)fd, 5, 0, 0, 0), 0);
    return fd;
}

static void connect_pair(uint16_t port, uint64_t *client, uint64_t *server)
{
    struct sockaddr_in a = loopback4(port);
    uint64_t listener = (uint64_t)listener_on(port);
    *client = (uint64_t)now(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
    assert_int_equal(now(SYS_connect, *client, U(&a), sizeof a, 0, 0), 0); /* loopback: answered before the call ends */
    *server = (uint64_t)now(SYS_accept, listener, 0, 0, 0, 0);
    assert_int_equal(now(SYS_close, listener, 0, 0, 0, 0), 0);
}

static void a_read_waits_for_data(void **state)
{
    uint64_t client, server;
    struct waiter w;
    char data[16] = "";
    (void)state;
    connect_pair(8000, &client, &server);
    assert_true(start(&w, SYS_read, server, U(data), sizeof data, 0, 0) == CALL_PARKED);
    assert_int_equal(w.ended, 0);
    assert_int_equal(now(SYS_write, client, U("hello"), 5, 0, 0), 5);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, 5);
    assert_string_equal(data, "hello");
}

static void accept_wakes_one_of_many_in_order(void **state)
{
    struct sockaddr_in a = loopback4(8001);
    uint64_t listener = (uint64_t)listener_on(8001);
    struct waiter w[3];
    (void)state;
    for (int i = 0; i < 3; i++) assert_true(start(&w[i], SYS_accept, listener, 0, 0, 0, 0) == CALL_PARKED);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t fd = (uint64_t)now(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
        assert_int_equal(now(SYS_connect, fd, U(&a), sizeof a, 0, 0), 0);
        for (unsigned k = 0; k < 3; k++) assert_int_equal(w[k].ended, k <= i);
        assert_true(w[i].result >= 0);
    }
}

static void a_timeout_ends_the_wait(void **state)
{
    uint64_t fd = (uint64_t)now(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0);
    struct { int64_t s, us; } tv = { 1, 500000 };
    struct waiter w;
    char data[4];
    (void)state;
    assert_int_equal(now(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, U(&tv), sizeof tv), 0);
    assert_true(start(&w, SYS_recvfrom, fd, U(data), 4, 0, 0) == CALL_PARKED);
    host_pass(&h, 1499 * NS_PER_MS);
    assert_int_equal(w.ended, 0);
    host_pass(&h, 10 * NS_PER_MS);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, -EAGAIN);
}

static void wait_all_gathers_over_many_wakes(void **state)
{
    uint64_t client, server;
    struct waiter w;
    char data[10];
    (void)state;
    connect_pair(8002, &client, &server);
    assert_true(start(&w, SYS_recvfrom, server, U(data), 10, MSG_WAITALL, 0) == CALL_PARKED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(now(SYS_write, client, U("abc"), 3, 0, 0), 3);
        assert_int_equal(w.ended, 0);
        assert_int_equal(w.call.progress, 3 * (i + 1));
    }
    assert_int_equal(now(SYS_write, client, U("abc"), 3, 0, 0), 3);
    assert_int_equal(w.result, 10);
    assert_memory_equal(data, "abcabcabca", 10);
    /* The end of the stream ends the wait with what there is. */
    assert_true(start(&w, SYS_recvfrom, server, U(data), 10, MSG_WAITALL, 0) == CALL_PARKED);
    assert_int_equal(w.call.progress, 2);
    assert_int_equal(now(SYS_shutdown, client, SHUT_WR, 0, 0, 0), 0);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, 2);
}

static void a_large_write_goes_on_as_the_reader_reads(void **state)
{
    static char out[3000000], in[100000];
    uint64_t client, server, total = 0;
    struct waiter w;
    (void)state;
    for (size_t i = 0; i < sizeof out; i++) out[i] = (char)(i * 7 + i / 251);
    connect_pair(8003, &client, &server);
    int small = 8192;
    assert_int_equal(now(SYS_setsockopt, client, SOL_SOCKET, SO_SNDBUF, U(&small), 4), 0);
    assert_int_equal(now(SYS_setsockopt, server, SOL_SOCKET, SO_RCVBUF, U(&small), 4), 0);
    assert_true(start(&w, SYS_write, client, U(out), sizeof out, 0, 0) == CALL_PARKED);
    assert_true(w.call.progress > 0 && w.call.progress < sizeof out);
    for (int rounds = 0; total < sizeof out && rounds < 100000; rounds++) {
        int64_t n = now(SYS_recvfrom, server, U(in), sizeof in, MSG_DONTWAIT, 0);
        if (n == -EAGAIN) {
            host_pass(&h, 10 * NS_PER_MS);
            continue;
        }
        assert_true(n > 0);
        assert_memory_equal(in, out + total, (size_t)n);
        total += (uint64_t)n;
    }
    assert_int_equal(total, sizeof out);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, sizeof out);
}

static void a_cancelled_call_leaves_nothing_behind(void **state)
{
    uint64_t client, server;
    struct waiter w;
    char data[16];
    (void)state;
    connect_pair(8004, &client, &server);
    uint64_t used = weir_machine_used_bytes(h.machine);
    struct pollfd p = { .fd = (int)server, .events = POLLIN };
    assert_true(start(&w, SYS_ppoll, U(&p), 1, 0, 0, 0) == CALL_PARKED);
    call_cancel(&w.call);
    assert_true(start(&w, SYS_read, server, U(data), sizeof data, 0, 0) == CALL_PARKED);
    call_cancel(&w.call);
    assert_int_equal(weir_machine_used_bytes(h.machine), used);
    assert_int_equal(now(SYS_write, client, U("hello"), 5, 0, 0), 5);
    assert_int_equal(w.ended, 0);
    assert_int_equal(now(SYS_read, server, U(data), sizeof data, 0, 0), 5);
}

static void poll_select_and_epoll_wait(void **state)
{
    uint64_t client, server;
    struct waiter w[3];
    struct epoll_event event = { .events = EPOLLIN }, got;
    (void)state;
    connect_pair(8005, &client, &server);
    struct pollfd p[2] = { { .fd = (int)client, .events = POLLIN }, { .fd = (int)server, .events = POLLIN } };
    uint64_t set = 1ull << server, e = (uint64_t)now(SYS_epoll_create1, 0, 0, 0, 0, 0);
    assert_int_equal(now(SYS_epoll_ctl, e, EPOLL_CTL_ADD, server, U(&event), 0), 0);
    assert_true(start(&w[0], SYS_ppoll, U(p), 2, 0, 0, 0) == CALL_PARKED);
    assert_true(start(&w[1], SYS_pselect6, server + 1, U(&set), 0, 0, 0) == CALL_PARKED);
    assert_true(start(&w[2], SYS_epoll_pwait, e, U(&got), 1, 5000, 0) == CALL_PARKED);
    assert_int_equal(now(SYS_write, client, U("x"), 1, 0, 0), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i].ended, 1);
        assert_int_equal(w[i].result, 1);
    }
    assert_int_equal(p[0].revents, 0);
    assert_int_equal(p[1].revents, POLLIN);
    assert_int_equal(set, 1ull << server);
    char c;
    assert_int_equal(now(SYS_read, server, U(&c), 1, 0, 0), 1);
    assert_true(start(&w[2], SYS_epoll_pwait, e, U(&got), 1, 5000, 0) == CALL_PARKED);
    host_pass(&h, 5001 * NS_PER_MS);
    assert_int_equal(w[2].result, 0);
}

static void a_broken_pipe_signals_unless_told_not_to(void **state)
{
    uint64_t client, server;
    (void)state;
    connect_pair(8006, &client, &server);
    assert_int_equal(now(SYS_shutdown, client, SHUT_WR, 0, 0, 0), 0);
    assert_int_equal(now(SYS_sendto, client, U("x"), 1, MSG_NOSIGNAL, 0), -EPIPE);
    assert_int_equal(door.sigpipes, 0);
    assert_int_equal(now(SYS_write, client, U("x"), 1, 0, 0), -EPIPE);
    assert_int_equal(door.sigpipes, 1);
}

static void the_door_says_what_does_not_wait(void **state)
{
    uint64_t client, server;
    char data[4];
    (void)state;
    connect_pair(8007, &client, &server);
    door.nonblocking = true;
    assert_int_equal(now(SYS_read, server, U(data), 4, 0, 0), -EAGAIN);
}

static void connect_waits_and_times_out(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
    struct { int64_t s, us; } tv = { 2, 0 };
    struct waiter w;
    struct host other;
    (void)state;
    host_open(&other, 2);
    assert_int_equal(weir_link(h.machine, "eth0", other.machine, "eth0", 1500, NULL), 0);
    assert_int_equal(weir_address_add(h.machine, "eth0", "10.0.0.1/24"), 0);
    inet_pton(AF_INET, "10.0.0.2", &a.sin_addr); /* nobody there */
    uint64_t fd = (uint64_t)now(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
    assert_true(start(&w, SYS_connect, fd, U(&a), sizeof a, 0, 0) == CALL_PARKED);
    host_pass(&h, 20 * NS_PER_S);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, -EHOSTUNREACH); /* ARP gave up */
    fd = (uint64_t)now(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
    assert_int_equal(now(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, U(&tv), sizeof tv), 0);
    assert_true(start(&w, SYS_connect, fd, U(&a), sizeof a, 0, 0) == CALL_PARKED);
    host_pass(&h, 2001 * NS_PER_MS);
    assert_int_equal(w.result, -EINPROGRESS);
    host_close(&other);
}

static void a_closed_file_outlives_the_call_that_waits_on_it(void **state)
{
    uint64_t client, server;
    struct waiter w;
    char data[16];
    (void)state;
    connect_pair(8008, &client, &server);
    assert_true(start(&w, SYS_read, server, U(data), sizeof data, 0, 0) == CALL_PARKED);
    assert_int_equal(now(SYS_close, server, 0, 0, 0, 0), 0); /* another thread closes: the read goes on, as on Linux */
    assert_int_equal(now(SYS_write, client, U("late"), 4, 0, 0), 4);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.result, 4);
    assert_int_equal(now(SYS_read, server, U(data), 1, 0, 0), -EBADF);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_read_waits_for_data), T(accept_wakes_one_of_many_in_order), T(a_timeout_ends_the_wait), T(wait_all_gathers_over_many_wakes),
        T(a_large_write_goes_on_as_the_reader_reads), T(a_cancelled_call_leaves_nothing_behind), T(poll_select_and_epoll_wait),
        T(a_broken_pipe_signals_unless_told_not_to), T(the_door_says_what_does_not_wait), T(connect_waits_and_times_out),
        T(a_closed_file_outlives_the_call_that_waits_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
