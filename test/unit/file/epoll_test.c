#include "fake_file.h"

#include "file/epoll.h"

struct fixture { struct machine m; struct file *epoll_file, *file; struct epoll *epoll; struct fake fake; };
static struct fixture x;

static int setup(void **state)
{
    (void)state;
    test_machine_init(&x.m);
    x.epoll_file = epoll_file_create(&x.m, 0);
    x.epoll = epoll_from_file(x.epoll_file);
    x.file = fake_create(&x.m, &x.fake);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (x.file) file_put(x.file);
    file_put(x.epoll_file);
    int leaked = memory_used_bytes(x.m.memory) != 0;
    test_machine_fini(&x.m);
    return leaked;
}

static int control(int op, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    return epoll_control(x.epoll, op, x.file, fd, &event);
}

struct events { struct epoll_event list[8]; int fail_at; };

static int put(void *ctx, int index, const struct epoll_event *event)
{
    struct events *e = ctx;
    if (index + 1 == e->fail_at) return -EFAULT;
    e->list[index] = *event;
    return 0;
}

/* The events of the first ready item; 0: none. */
static uint32_t collect(void)
{
    struct events e = { 0 };
    return epoll_collect(x.epoll, 8, put, &e) ? e.list[0].events : 0;
}

static void level_triggered_tells_as_long_as_it_is_true(void **state)
{
    (void)state;
    x.fake.mask = EPOLLIN;
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN | EPOLLOUT), 0);
    assert_int_equal(collect(), EPOLLIN);
    assert_int_equal(collect(), EPOLLIN);
    x.fake.mask = 0;
    assert_int_equal(collect(), 0);
    fake_set(&x.fake, EPOLLOUT | EPOLLHUP, EPOLLOUT);
    assert_int_equal(collect(), EPOLLOUT | EPOLLHUP); /* ERR and HUP need not be asked for */
}

static void edge_triggered_tells_once_for_each_wake(void **state)
{
    (void)state;
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN | EPOLLET), 0);
    assert_int_equal(collect(), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLIN);
    assert_int_equal(collect(), EPOLLIN);
    assert_int_equal(collect(), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLOUT); /* not asked for */
    assert_int_equal(collect(), 0);
    fake_set(&x.fake, EPOLLIN, 0); /* look again */
    assert_int_equal(collect(), EPOLLIN);
    assert_int_equal(control(EPOLL_CTL_MOD, 3, EPOLLIN | EPOLLET), 0); /* MOD arms anew */
    assert_int_equal(collect(), EPOLLIN);
}

static void one_shot_is_spent_until_modified(void **state)
{
    (void)state;
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN | EPOLLONESHOT), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLIN);
    assert_int_equal(collect(), EPOLLIN);
    fake_set(&x.fake, EPOLLIN | EPOLLHUP, EPOLLIN);
    assert_int_equal(collect(), 0);
    assert_int_equal(control(EPOLL_CTL_MOD, 3, EPOLLIN), 0);
    assert_int_equal(collect(), EPOLLIN | EPOLLHUP);
}

static void control_refuses_as_linux(void **state)
{
    (void)state;
    assert_int_equal(control(EPOLL_CTL_MOD, 3, EPOLLIN), -ENOENT);
    assert_int_equal(control(EPOLL_CTL_DEL, 3, 0), -ENOENT);
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN), 0);
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN), -EEXIST);
    assert_int_equal(control(EPOLL_CTL_ADD, 4, EPOLLIN), 0); /* a second number of the same file */
    assert_int_equal(control(EPOLL_CTL_MOD, 3, EPOLLIN | EPOLLEXCLUSIVE), -EINVAL);
    assert_int_equal(control(EPOLL_CTL_ADD, 5, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), -EINVAL);
    assert_int_equal(control(99, 3, EPOLLIN), -EINVAL);
    assert_int_equal(control(EPOLL_CTL_DEL, 3, 0), 0);
    assert_int_equal(control(EPOLL_CTL_DEL, 3, 0), -ENOENT);
    struct epoll_event event = { .events = EPOLLIN };
    assert_int_equal(epoll_control(x.epoll, EPOLL_CTL_ADD, x.epoll_file, 9, &event), -EINVAL);
}

static void a_closed_file_leaves(void **state)
{
    (void)state;
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLIN);
    file_put(x.file);
    x.file = NULL;
    assert_int_equal(x.fake.released, 1);
    assert_int_equal(collect(), 0);
}

static void a_refused_event_is_not_lost(void **state)
{
    struct events e = { .fail_at = 1 };
    (void)state;
    assert_int_equal(control(EPOLL_CTL_ADD, 3, EPOLLIN | EPOLLET), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLIN);
    assert_int_equal(epoll_collect(x.epoll, 8, put, &e), -EFAULT);
    assert_int_equal(collect(), EPOLLIN);
}

static void ready_files_take_turns(void **state)
{
    struct fake more[3];
    struct file *files[3];
    int seen[4] = { 0 };
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = i };
        files[i] = fake_create(&x.m, &more[i]);
        more[i].mask = EPOLLIN;
        assert_int_equal(epoll_control(x.epoll, EPOLL_CTL_ADD, files[i], i, &event), 0);
    }
    for (int round = 0; round < 6; round++) {
        struct events e = { 0 };
        assert_int_equal(epoll_collect(x.epoll, 1, put, &e), 1);
        seen[e.list[0].data.fd]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seen[i], 2);
        file_put(files[i]);
    }
}

/* Checked against Linux 6.18: four epolls in a chain may be watched by a fifth, not by a sixth; loops never. */
static void chains_are_bounded_and_loops_refused(void **state)
{
    struct file *chain[6];
    struct epoll_event event = { .events = EPOLLIN };
    (void)state;
    for (int i = 0; i < 6; i++) chain[i] = epoll_file_create(&x.m, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(epoll_control(epoll_from_file(chain[i + 1]), EPOLL_CTL_ADD, chain[i], i, &event), 0);
    assert_int_equal(epoll_control(epoll_from_file(chain[5]), EPOLL_CTL_ADD, chain[4], 4, &event), -ELOOP);
    assert_int_equal(epoll_control(epoll_from_file(chain[0]), EPOLL_CTL_ADD, chain[2], 2, &event), -ELOOP);
    /* A wake climbs to the top. */
    assert_int_equal(epoll_control(epoll_from_file(chain[0]), EPOLL_CTL_ADD, x.file, 9, &event), 0);
    assert_int_equal(file_poll(chain[4]), 0);
    fake_set(&x.fake, EPOLLIN, EPOLLIN);
    assert_int_equal(file_poll(chain[4]) & EPOLLIN, EPOLLIN);
    for (int i = 0; i < 6; i++) file_put(chain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(level_triggered_tells_as_long_as_it_is_true, setup, teardown),
        cmocka_unit_test_setup_teardown(edge_triggered_tells_once_for_each_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shot_is_spent_until_modified, setup, teardown),
        cmocka_unit_test_setup_teardown(control_refuses_as_linux, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_file_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_event_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(ready_files_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_are_bounded_and_loops_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
