/* Each row of the table in backing.h, as poll() and edge-triggered epoll on the program's end tell it. */
#include "runner/backing.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct backing backing;
    int end; /* the program's */
    int epoll;
};

static int set_up(void **state)
{
    static struct fixture f;
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

    assert_int_equal(backing_create(&f.backing, BACKING_STREAM, true, &f.end), 0);
    f.epoll = epoll_create1(0);
    assert_int_equal(epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.end, &event), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->end >= 0)
        close(f->end);
    close(f->epoll);
    backing_destroy(&f->backing);
    return 0;
}

static int level(const struct fixture *f)
{
    struct pollfd end = { .fd = f->end, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

    poll(&end, 1, 0);
    return end.revents;
}

/* The events of the next edge, 0: none. */
static uint32_t edge(const struct fixture *f)
{
    struct epoll_event event;

    return epoll_wait(f->epoll, &event, 1, 0) == 1 ? event.events : 0;
}

static void a_new_socket_is_writable(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(level(f), POLLOUT);
    assert_int_equal(edge(f), EPOLLOUT);
    assert_int_equal(edge(f), 0);
}

static void readable_comes_and_goes(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLIN | EPOLLOUT, true, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT);
    backing_show(&f->backing, EPOLLOUT, false, f->end);
    assert_int_equal(level(f), POLLOUT);
    assert_int_equal(f->backing.wake_bytes, 0);
}

static void draining_waits_for_the_programs_end(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLIN | EPOLLOUT, true, -1);
    backing_show(&f->backing, EPOLLOUT, false, -1);
    assert_true(f->backing.is_postponed);
    assert_int_equal(level(f), POLLIN | POLLOUT);
    backing_show(&f->backing, EPOLLOUT, false, f->end);
    assert_false(f->backing.is_postponed);
    assert_int_equal(level(f), POLLOUT);
}

static void each_arrival_is_an_edge(void **state)
{
    struct fixture *f = *state;

    edge(f);
    backing_show(&f->backing, EPOLLIN | EPOLLOUT, true, -1);
    assert_int_equal(edge(f), EPOLLIN | EPOLLOUT);
    assert_int_equal(edge(f), 0);
    backing_show(&f->backing, EPOLLIN | EPOLLOUT, true, -1);
    assert_int_equal(edge(f), EPOLLIN | EPOLLOUT);
    backing_show(&f->backing, EPOLLIN | EPOLLOUT, false, -1); /* looked at, nothing came */
    assert_int_equal(edge(f), 0);
    backing_show(&f->backing, EPOLLIN | EPOLLOUT, false, f->end); /* a call read a part */
    assert_int_equal(f->backing.wake_bytes, 1);
    assert_int_equal(edge(f), 0);
}

static void edges_for_a_program_that_never_reads_are_bounded(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 1000; i++)
        backing_show(&f->backing, EPOLLIN | EPOLLOUT, true, -1);
    assert_int_equal(f->backing.wake_bytes, 16);
    backing_show(&f->backing, EPOLLOUT, false, f->end);
    assert_int_equal(level(f), POLLOUT);
}

static void writable_goes_and_comes_as_an_edge(void **state)
{
    struct fixture *f = *state;

    edge(f);
    backing_show(&f->backing, 0, false, f->end);
    assert_int_equal(level(f), 0);
    assert_int_equal(edge(f), 0);
    backing_show(&f->backing, EPOLLOUT, false, -1);
    assert_int_equal(level(f), POLLOUT);
    assert_int_equal(edge(f), EPOLLOUT);
}

static void the_peers_end_is_shown_and_the_close_still_seen(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLIN | EPOLLOUT | EPOLLRDHUP, true, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT | POLLRDHUP);
    assert_false(backing_is_closed(&f->backing));
    backing_show(&f->backing, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP, false, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    assert_false(backing_is_closed(&f->backing));
    close(f->end);
    f->end = -1;
    assert_true(backing_is_closed(&f->backing));
}

static void a_reset_is_an_error_and_the_close_still_seen(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR, true, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    assert_false(backing_is_closed(&f->backing));
    close(f->end);
    f->end = -1;
    assert_true(backing_is_closed(&f->backing));
}

static void an_unconnected_socket_may_still_connect(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLOUT | EPOLLHUP, false, f->end);
    assert_int_equal(level(f), POLLOUT);
    assert_false(f->backing.is_hung_up);
}

static void an_error_without_an_end_wakes_readers_and_writers(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, 0, false, f->end);
    backing_show(&f->backing, EPOLLERR, true, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT);
}

static void urgent_data_is_priority(void **state)
{
    struct fixture *f = *state;

    backing_show(&f->backing, EPOLLIN | EPOLLOUT | EPOLLPRI, true, -1);
    assert_int_equal(level(f), POLLIN | POLLOUT | POLLPRI);
    backing_show(&f->backing, EPOLLOUT, false, f->end);
    assert_int_equal(level(f), POLLOUT);
}

static void the_last_close_is_seen(void **state)
{
    struct fixture *f = *state;
    int copy = dup(f->end);

    close(f->end);
    f->end = -1;
    assert_false(backing_is_closed(&f->backing));
    close(copy);
    assert_true(backing_is_closed(&f->backing));
}

static void a_broken_pipe_is_the_kernels(void **state)
{
    struct fixture *f = *state;

    backing_break_pipe(f->end);
    assert_int_equal(send(f->end, "", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
}

static void data_can_flow_both_ways(void **state)
{
    struct fixture *f = *state;
    char bytes[8] = "";

    backing_show(&f->backing, EPOLLIN, true, f->end);
    backing_open_flow(&f->backing, f->end);
    assert_int_equal(write(f->end, "up", 2), 2);
    assert_int_equal(recv(f->backing.machine_end, bytes, sizeof(bytes), 0), 2);
    assert_string_equal(bytes, "up");
    assert_int_equal(send(f->backing.machine_end, "down", 4, 0), 4);
    assert_int_equal(read(f->end, bytes, sizeof(bytes)), 4);
    assert_string_equal(bytes, "down");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_socket_is_writable),
        TEST(readable_comes_and_goes),
        TEST(draining_waits_for_the_programs_end),
        TEST(each_arrival_is_an_edge),
        TEST(edges_for_a_program_that_never_reads_are_bounded),
        TEST(writable_goes_and_comes_as_an_edge),
        TEST(the_peers_end_is_shown_and_the_close_still_seen),
        TEST(a_reset_is_an_error_and_the_close_still_seen),
        TEST(an_unconnected_socket_may_still_connect),
        TEST(an_error_without_an_end_wakes_readers_and_writers),
        TEST(urgent_data_is_priority),
        TEST(the_last_close_is_seen),
        TEST(a_broken_pipe_is_the_kernels),
        TEST(data_can_flow_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
