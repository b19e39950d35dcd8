/* SOL_TCP: what test/oracle compares with the kernel by value, here what an option does. */
#include "peer.h"

static int get(int fd, int name)
{
    int v = -1;
    socklen_t bytes = sizeof v;
    return weir_getsockopt(peer.task, fd, IPPROTO_TCP, name, &v, &bytes) ? -errno : v;
}
static int set(int fd, int name, int v) { return weir_setsockopt(peer.task, fd, IPPROTO_TCP, name, &v, sizeof v) ? -errno : 0; }

/* One timeout of 1 s, then 2, 4 ... at most 120 s. */
static void deferral_counts_in_timeouts(void **state)
{
    static const struct { int seconds; uint32_t timeouts; int back; } rows[] = {
        { -5, 0, 0 }, { 0, 0, 0 }, { 1, 1, 1 }, { 2, 2, 3 }, { 3, 2, 3 }, { 4, 3, 7 }, { 127, 7, 127 }, { 128, 8, 247 }, { 70000, 255, 29887 },
    };
    (void)state;
    for (size_t i = 0; i < array_count(rows); i++) {
        assert_int_equal(tcp_seconds_to_timeouts(rows[i].seconds), rows[i].timeouts);
        assert_int_equal(tcp_timeouts_to_seconds(rows[i].timeouts), rows[i].back);
    }
}

static void maxseg_limits_both_ways(void **state)
{
    static const uint8_t options[] = { 2, 4, 5, 180 };
    (void)state;
    int l = peer_listen(80, 5);
    assert_int_equal(set(l, TCP_MAXSEG, 87), -EINVAL);
    assert_int_equal(set(l, TCP_MAXSEG, 1000), 0);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S, .options = options, .options_bytes = 4 });
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.options[2] << 8 | s.options[3], 1000); /* what we announce */
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = s.seq + 1, .flags = A });
    int fd = weir_accept4(peer.task, l, NULL, NULL, 0);
    assert_int_equal(get(fd, TCP_MAXSEG), 1000); /* what we send */
}

static void info_has_linux_size_and_says_the_state(void **state)
{
    uint8_t raw[400] = { 0 };
    socklen_t bytes = sizeof raw;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_INFO, raw, &bytes), 0);
    assert_int_equal(bytes, 280);
    const struct tcp_info *i = (const void *)raw;
    assert_int_equal(i->tcpi_state, TCPS_ESTABLISHED);
    assert_int_equal(i->tcpi_snd_cwnd, 10);
    assert_int_equal(i->tcpi_segs_in, 2); /* the SYN too */
    assert_int_equal(i->tcpi_snd_wnd, 65535);
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 500, .flags = S });
    ours = peer_hear_flags(S | A).seq + 1;
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 501, .ack = ours, .flags = A });
    bytes = 104; /* what old programs ask for */
    assert_int_equal(weir_getsockopt(peer.task, l, IPPROTO_TCP, TCP_INFO, raw, &bytes), 0);
    assert_int_equal(bytes, 104);
    assert_int_equal(i->tcpi_state, TCPS_LISTEN);
    assert_int_equal(i->tcpi_unacked, 1); /* accept queue */
    assert_int_equal(i->tcpi_sacked, 5);  /* its limit */
}

static void size_is_looked_at_before_the_name(void **state)
{
    int v = 1;
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, 99, &v, 3), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(set(fd, 99, 1), -ENOPROTOOPT);
    assert_int_equal(get(fd, 99), -ENOPROTOOPT);
}

static void congestion_control_by_name(void **state)
{
    char name[16] = { 0 };
    socklen_t bytes = sizeof name;
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_CONGESTION, name, &bytes), 0);
    assert_string_equal(name, "reno");
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_ULP, "tls", 3), -1);
    assert_int_equal(errno, ENOENT);
}

static void own_limit_of_the_retransmission_timeout(void **state)
{
    struct sockaddr_in a = peer_address(80);
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(set(fd, 44, 999), -EINVAL);
    assert_int_equal(set(fd, 44, 2000), 0);
    assert_int_equal(get(fd, 44), 2000);
    assert_int_equal(set(fd, 45, 4000), -EINVAL);
    assert_int_equal(set(fd, 45, 8001), 0);
    assert_int_equal(get(fd, 45), 12000);
    peer_net()->sysctl.tcp_syn_linear_timeouts = 0;
    weir_connect(peer.task, fd, (void *)&a, sizeof a);
    peer_wait_ms(9500); /* SYNs at 0, 1, 3, 5, 7, 9 s */
    assert_int_equal(peer.count, 6);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(deferral_counts_in_timeouts), T(maxseg_limits_both_ways), T(info_has_linux_size_and_says_the_state),
        T(size_is_looked_at_before_the_name), T(congestion_control_by_name), T(own_limit_of_the_retransmission_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
