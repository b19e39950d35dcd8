#include "bare_sock.h"

static struct tcp_sock *sock_with(uint32_t clamp, uint16_t header_bytes)
{
    struct tcp_sock *tp = bare_sock();

    tp->inet.remote = ip_from4(be32(0x0a000002));
    tp->mss_clamp = (uint16_t)clamp;
    tp->header_bytes = header_bytes;
    return tp;
}

static void from_the_path(void **state)
{
    struct tcp_sock *tp = sock_with(65535, 20);

    (void)state;
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 1460);
    tp = sock_with(65535, 32);
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 1448);
    tp->inet.remote = ip_from6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 1428);
    tp = sock_with(536, 20);
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 536);
    tcp_sync_mss(tp, 60);
    assert_int_equal(tp->mss_cache, 48); /* tcp_min_snd_mss */
}

static void half_of_the_window(void **state)
{
    struct tcp_sock *tp = sock_with(65535, 20);

    (void)state;
    tp->snd.max_wnd = 1000;
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 500);
    tp->snd.max_wnd = 400; /* tiny windows are filled whole */
    tcp_sync_mss(tp, 1500);
    assert_int_equal(tp->mss_cache, 400);
}

static void sack_blocks_take_room(void **state)
{
    struct tcp_sock *tp = sock_with(65535, 32);

    (void)state;
    tcp_sync_mss(tp, 1500);
    tp->is_sack_ok = true;
    assert_int_equal(tcp_mss_now(tp), 1448);
    tp->flight->sack_count = 1;
    assert_int_equal(tcp_mss_now(tp), 1436);
    tp->flight->sack_count = 4; /* three fit beside timestamps */
    assert_int_equal(tcp_mss_now(tp), 1420);
}

static void large_packets(void **state)
{
    struct tcp_sock *tp = sock_with(65535, 32);

    (void)state;
    tp->snd.max_wnd = 1 << 20;
    assert_int_equal(tcp_size_goal(tp, 1448, true), 65160); /* 45 segments */
    assert_int_equal(tcp_size_goal(tp, 1448, false), 1448);
    tp->snd.max_wnd = 10000;
    assert_int_equal(tcp_size_goal(tp, 1448, true), 4344);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(from_the_path), cmocka_unit_test(half_of_the_window), cmocka_unit_test(sack_blocks_take_room),
        cmocka_unit_test(large_packets) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
