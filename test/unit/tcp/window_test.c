#include "bare_sock.h"

/* What Linux 6.18 offers by default: 64240 over Ethernet, 65495 over loopback, scale 10. */
static void first_window(void **state)
{
    struct tcp_sock *tp = bare_sock();
    uint32_t clamp = 0;
    uint8_t scale;

    (void)state;
    assert_int_equal(tcp_initial_window(tp, 65536, 1460, true, &scale, &clamp), 64240);
    assert_int_equal(scale, 10);
    assert_int_equal(clamp, 65535 << 10);
    clamp = 0;
    assert_int_equal(tcp_initial_window(tp, 65536, 65495, true, &scale, &clamp), 65495);
    clamp = 0;
    assert_int_equal(tcp_initial_window(tp, 65536, 1460, false, &scale, &clamp), 64240);
    assert_int_equal(scale, 0);
    assert_int_equal(clamp, 65535);
}

static struct tcp_sock *receiver(uint32_t used_bytes)
{
    struct tcp_sock *tp = bare_sock();

    tp->inet.sk.receive_buffer_bytes = 131072;
    tp->inet.sk.receive_used_bytes = used_bytes;
    tp->rcv.window_clamp = 65536;
    tp->rcv.ssthresh_bytes = 65536;
    tp->rcv.mss_estimate = 1448;
    tp->rcv.wnd = 65536;
    return tp;
}

/* RFC 9293 §3.8.6.2.2: rather none than a silly one. */
static void no_silly_window(void **state)
{
    (void)state;
    assert_int_equal(tcp_window_to_offer(receiver(0)), 65536);
    assert_int_equal(tcp_window_to_offer(receiver(131072 - 2 * 1447)), 0);   /* under one segment */
    assert_int_equal(tcp_window_to_offer(receiver(131072 - 2 * 4000)), 0);   /* under a sixteenth */
    assert_true(tcp_window_to_offer(receiver(131072 - 2 * 5000)) > 0);
}

static void multiples_of_segments_without_scaling(void **state)
{
    struct tcp_sock *tp = receiver(100000);

    (void)state;
    tp->rcv.wnd = 0;
    assert_int_equal(tcp_window_to_offer(tp) % 1448, 0);
}

/* RFC 9293 §3.8.6: what was offered is not taken back. */
static void right_edge_stays(void **state)
{
    struct tcp_sock *tp = receiver(131072);

    (void)state;
    tp->rcv.scale = 10;
    tp->rcv.wup = seq(1000);
    tp->rcv.nxt = seq(1000 + 20480);
    assert_int_equal(tcp_select_window(tp), (65536 - 20480) >> 10);
    assert_int_equal(bare_net.mib[MIB_TcpExt_TCPWantZeroWindowAdv], 1);
    tp->rcv.nxt = seq(1000 + 65536);
    tp->rcv.wup = seq(1000);
    tp->rcv.wnd = 65536;
    assert_int_equal(tcp_select_window(tp), 0);
    assert_int_equal(bare_net.mib[MIB_TcpExt_TCPToZeroWindowAdv], 1);
    tp->inet.sk.receive_used_bytes = 0;
    assert_int_equal(tcp_select_window(tp), 64);
    assert_int_equal(bare_net.mib[MIB_TcpExt_TCPFromZeroWindowAdv], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(first_window), cmocka_unit_test(no_silly_window),
        cmocka_unit_test(multiples_of_segments_without_scaling), cmocka_unit_test(right_edge_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
