/* The accept queue: order, overflow, what becomes of what nobody accepts. */
#include "peer.h"

static uint32_t open_half(uint16_t from)
{
    peer_say((struct say){ .from = from, .to = 80, .seq = 500, .flags = S });
    return peer_hear_flags(S | A).seq;
}
static void finish(uint16_t from, uint32_t isn) { peer_say((struct say){ .from = from, .to = 80, .seq = 501, .ack = isn + 1, .flags = A }); }

static void children_are_accepted_in_order(void **state)
{
    struct sockaddr_in a;
    socklen_t bytes;
    (void)state;
    int l = peer_listen(80, 5);
    uint32_t first = open_half(2000), second = open_half(2001);
    uint64_t opens = COUNTER(Tcp, PassiveOpens), open_now = COUNTER(Tcp, CurrEstab);
    finish(2001, second);
    finish(2000, first);
    struct pollfd p = { .fd = l, .events = POLLIN };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    for (uint16_t port = 2001; port >= 2000; port--) {
        bytes = sizeof a;
        assert_true(weir_accept4(peer.task, l, (void *)&a, &bytes, 0) >= 0);
        assert_int_equal(host16((be16_t){ a.sin_port }), port);
    }
    assert_int_equal(weir_accept4(peer.task, l, NULL, NULL, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_counted(opens, Tcp, PassiveOpens, 2);
    assert_counted(open_now, Tcp, CurrEstab, 2);
    struct tcp_listener_stats stats;
    assert_true(tcp_listener_stats(peer_sock(l), &stats));
    assert_int_equal(stats.established, 2);
    assert_int_equal(stats.accepted, 2);
    assert_int_equal(stats.accept_queue, 0);
    assert_int_equal(stats.accept_queue_highest, 2);
}

/* limit 1: two fit. The third stays half-open, its peer believing it is open, and gets in when there is room. */
static void overflow_keeps_the_request(void **state)
{
    (void)state;
    int l = peer_listen(80, 1);
    peer_net()->sysctl.tcp_syncookies = 0;
    uint32_t first = open_half(2000), second = open_half(2001);
    finish(2000, first);
    uint32_t third = open_half(2002);
    finish(2001, second);
    uint64_t overflows = COUNTER(TcpExt, ListenOverflows), drops = COUNTER(TcpExt, ListenDrops);
    finish(2002, third);
    assert_counted(overflows, TcpExt, ListenOverflows, 1);
    assert_counted(drops, TcpExt, ListenDrops, 1);
    peer_say((struct say){ .from = 2003, .to = 80, .seq = 500, .flags = S }); /* and no new one is begun */
    peer_hears_nothing();
    assert_counted(overflows, TcpExt, ListenOverflows, 1);
    struct tcp_listener_stats stats;
    assert_true(tcp_listener_stats(peer_sock(l), &stats));
    assert_int_equal(stats.accept_overflows, 1);
    assert_int_equal(stats.syns_dropped_accept_queue, 1);
    assert_true(weir_accept4(peer.task, l, NULL, NULL, 0) >= 0);
    finish(2002, third);
    assert_true(weir_accept4(peer.task, l, NULL, NULL, 0) >= 0);
    assert_true(weir_accept4(peer.task, l, NULL, NULL, 0) >= 0);
    peer_hears_nothing();
}

static void overflow_may_abort(void **state)
{
    (void)state;
    int l = peer_listen(80, 1);
    peer_net()->sysctl.tcp_abort_on_overflow = 1;
    uint32_t first = open_half(2000), second = open_half(2001);
    finish(2000, first);
    uint32_t third = open_half(2002);
    finish(2001, second);
    peer_hears_nothing();
    finish(2002, third);
    assert_int_equal(peer_hear_flags(R).seq, third + 1);
    assert_int_equal(tcp_of(peer_sock(l))->listener->requests, 0);
}

static void closing_the_listener_resets_the_unaccepted(void **state)
{
    (void)state;
    int l = peer_listen(80, 5);
    finish(2000, open_half(2000));
    uint32_t second = open_half(2001);
    finish(2001, second);
    weir_close(peer.task, l);
    peer_step();
    assert_int_equal(peer.count, 2);
    peer_hear_flags(R | A);
    assert_int_equal(peer_hear_flags(R | A).seq, second + 1);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 0);
    assert_int_equal(tcp_sock_count(peer_net()), 0);
}

static void a_new_limit_comes_with_the_next_listen(void **state)
{
    (void)state;
    int l = peer_listen(80, 100);
    struct tcp_listener_stats stats;
    peer_net()->sysctl.somaxconn = 7;
    assert_true(tcp_listener_stats(peer_sock(l), &stats));
    assert_int_equal(stats.accept_queue_limit, 100);
    assert_int_equal(weir_listen(peer.task, l, 100), 0);
    assert_true(tcp_listener_stats(peer_sock(l), &stats));
    assert_int_equal(stats.accept_queue_limit, 7);
}

static void child_takes_after_its_listener(void **state)
{
    int on = 1, idle = 77, got = 0;
    socklen_t bytes = sizeof got;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5);
    weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    int fd = peer_accepts(l, 2000, 80, 500, &ours);
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_KEEPIDLE, &got, &bytes), 0);
    assert_int_equal(got, 77);
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_NODELAY, &got, &bytes), 0);
    assert_int_equal(got, 1);
    assert_int_equal(peer_sock(fd)->state, TCPS_ESTABLISHED);
    assert_int_equal(tcp_of(peer_sock(fd))->rtt.srtt_us > 0, 1);
}

static void reset_before_accept_is_told_after(void **state)
{
    char c;
    (void)state;
    int l = peer_listen(80, 5);
    uint32_t isn = open_half(2000);
    finish(2000, isn);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = isn + 1, .flags = R | A });
    int fd = weir_accept4(peer.task, l, NULL, NULL, 0);
    assert_true(fd >= 0);
    assert_int_equal(weir_read(peer.task, fd, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(children_are_accepted_in_order), T(overflow_keeps_the_request), T(overflow_may_abort),
        T(closing_the_listener_resets_the_unaccepted), T(a_new_limit_comes_with_the_next_listen), T(child_takes_after_its_listener),
        T(reset_before_accept_is_told_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
