/* ICMP errors about a connection: believed in window, soft once it is open; the path MTU moves the segment size. */
#include "peer.h"

struct open { int fd; uint32_t ours; };

static struct open opened(void)
{
    static const uint8_t options[] = { 2, 4, 5, 180 };
    int l = peer_listen(80, 5);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S, .options = options, .options_bytes = 4 });
    struct open o = { .ours = peer_hear_flags(S | A).seq + 1 };
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = o.ours, .flags = A });
    o.fd = weir_accept4(peer.task, l, NULL, NULL, 0);
    assert_true(o.fd >= 0);
    return o;
}

static int error_of(int fd)
{
    int error = -1;
    socklen_t bytes = sizeof error;
    assert_int_equal(weir_getsockopt(peer.task, fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    return error;
}

static void open_connection_only_remembers(void **state)
{
    (void)state;
    struct open o = opened();
    weir_write(peer.task, o.fd, "x", 1);
    peer_step();
    peer_unreachable(1, 80, 2000, o.ours);
    assert_int_equal(peer_sock(o.fd)->state, TCPS_ESTABLISHED);
    assert_int_equal(peer_sock(o.fd)->err, 0); /* no call fails, but SO_ERROR tells, once */
    assert_int_equal(error_of(o.fd), EHOSTUNREACH);
    assert_int_equal(error_of(o.fd), 0);
}

static void unless_it_asked_for_errors(void **state)
{
    int one = 1;
    (void)state;
    struct open o = opened();
    assert_int_equal(weir_setsockopt(peer.task, o.fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one), 0);
    weir_write(peer.task, o.fd, "x", 1);
    peer_step();
    peer_unreachable(1, 80, 2000, o.ours);
    assert_int_equal(peer_sock(o.fd)->state, TCPS_ESTABLISHED);
    assert_int_equal(error_of(o.fd), EHOSTUNREACH);
}

static void out_of_window_is_counted_and_forgotten(void **state)
{
    uint64_t strange = COUNTER(TcpExt, OutOfWindowIcmps), unknown = COUNTER(Icmp, InErrors);
    (void)state;
    struct open o = opened();
    peer_unreachable(1, 80, 2000, o.ours + 1);
    peer_unreachable(1, 80, 2000, o.ours - 1);
    assert_counted(strange, TcpExt, OutOfWindowIcmps, 2);
    assert_int_equal(peer_sock(o.fd)->err_soft, 0);
    peer_unreachable(1, 80, 2001, o.ours); /* no such connection */
    assert_counted(unknown, Icmp, InErrors, 1);
}

static void smaller_path_makes_smaller_segments(void **state)
{
    static char block[1460];
    (void)state;
    struct open o = opened();
    weir_write(peer.task, o.fd, block, sizeof block);
    peer_step();
    assert_int_equal(peer_hear().payload_bytes, 1460);
    peer_mtu = 1000;
    peer_unreachable(4, 80, 2000, o.ours);
    struct seen first = peer_hear(), second = peer_hear(); /* what was lost for its size goes again at once, cut */
    assert_int_equal(first.seq, o.ours);
    assert_int_equal(first.payload_bytes, 960);
    assert_int_equal(second.payload_bytes, 500);
    assert_int_equal(tcp_of(peer_sock(o.fd))->mss_cache, 960);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(open_connection_only_remembers), T(unless_it_asked_for_errors), T(out_of_window_is_counted_and_forgotten),
        T(smaller_path_makes_smaller_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
