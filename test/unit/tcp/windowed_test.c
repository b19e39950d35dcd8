#include "bare_sock.h"

/* The best of the window, and the next best when that grows too old. */
static void forgets_in_time(void **state)
{
    struct tcp_windowed w;

    (void)state;
    tcp_windowed_reset(&w, 0, 100);
    assert_int_equal(tcp_windowed_max(&w, 10, 1, 90), 100);
    assert_int_equal(tcp_windowed_max(&w, 10, 4, 80), 100);
    assert_int_equal(tcp_windowed_max(&w, 10, 8, 70), 100);
    assert_int_equal(tcp_windowed_max(&w, 10, 10, 60), 100);
    assert_int_equal(tcp_windowed_max(&w, 10, 11, 50), 80); /* that of 4: seen since the quarter of the window */
    assert_int_equal(tcp_windowed_max(&w, 10, 12, 200), 200);
    assert_int_equal(tcp_windowed_max(&w, 10, 40, 10), 10); /* nothing for longer than the window */
}

static void least_is_the_mirror(void **state)
{
    struct tcp_windowed w;

    (void)state;
    tcp_windowed_reset(&w, 0, 100);
    assert_int_equal(tcp_windowed_min(&w, 10, 3, 110), 100);
    assert_int_equal(tcp_windowed_min(&w, 10, 6, 120), 100);
    assert_int_equal(tcp_windowed_min(&w, 10, 11, 130), 110);
    assert_int_equal(tcp_windowed_min(&w, 10, 12, 90), 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forgets_in_time), cmocka_unit_test(least_is_the_mirror) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
