/* Every way of ending, seen from both sides: states, RST or FIN, orphans. */
#include "peer.h"

struct open { int listener, fd; uint32_t ours, theirs; };

static struct open opened(void)
{
    struct open o;
    o.listener = peer_listen(80, 5);
    o.fd = peer_accepts(o.listener, 2000, 80, 500, &o.ours);
    o.theirs = 501;
    return o;
}

static void say(const struct open *o, uint8_t flags, uint32_t ours_acked, const char *data)
{
    peer_say((struct say){ .from = 2000, .to = 80, .seq = o->theirs, .ack = o->ours + ours_acked, .flags = flags, .data = data });
}
static uint8_t state_of(int fd) { return peer_sock(fd)->state; }
static unsigned socks(void) { return tcp_sock_count(peer_net()); }

static void we_close_first(void **state)
{
    (void)state;
    struct open o = opened();
    assert_int_equal(weir_shutdown(peer.task, o.fd, SHUT_WR), 0);
    peer_step();
    assert_int_equal(state_of(o.fd), TCPS_FIN_WAIT1);
    assert_int_equal(peer_hear_flags(F | A).seq, o.ours);
    say(&o, A, 1, NULL);
    assert_int_equal(state_of(o.fd), TCPS_FIN_WAIT2);
    say(&o, A, 1, "late"); /* the other half is still open */
    char got[8] = { 0 };
    assert_int_equal(weir_read(peer.task, o.fd, got, sizeof got), 4);
    o.theirs += 4;
    peer_wait_ms(300);
    peer_forget();
    say(&o, F | A, 1, NULL);
    assert_int_equal(peer_hear_flags(A).ack, o.theirs + 1);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    assert_int_equal(weir_read(peer.task, o.fd, got, sizeof got), 0);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 0);
}

static void peer_closes_first(void **state)
{
    char c;
    (void)state;
    struct open o = opened();
    say(&o, F | A, 0, NULL);
    assert_int_equal(state_of(o.fd), TCPS_CLOSE_WAIT);
    struct pollfd p = { .fd = o.fd, .events = POLLIN | POLLRDHUP | POLLOUT };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    assert_int_equal(p.revents, POLLIN | POLLRDHUP | POLLOUT);
    assert_int_equal(weir_read(peer.task, o.fd, &c, 1), 0);
    peer_wait_ms(300);
    peer_forget();
    weir_close(peer.task, o.fd);
    peer_step();
    assert_int_equal(peer_hear_flags(F | A).ack, o.theirs + 1);
    assert_int_equal(tcp_orphan_count(peer_net()), 1);
    o.theirs++;
    say(&o, A, 1, NULL);
    assert_int_equal(tcp_orphan_count(peer_net()), 0);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    assert_int_equal(socks(), 1); /* the listener */
}

static void both_close_at_once(void **state)
{
    (void)state;
    struct open o = opened();
    weir_shutdown(peer.task, o.fd, SHUT_WR);
    peer_step();
    peer_hear_flags(F | A);
    say(&o, F | A, 0, NULL); /* crossed with ours */
    assert_int_equal(state_of(o.fd), TCPS_CLOSING);
    assert_int_equal(peer_hear_flags(A).ack, o.theirs + 1);
    o.theirs++;
    say(&o, A, 1, NULL);
    assert_int_equal(state_of(o.fd), TCPS_CLOSE);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
}

static void unread_data_means_reset(void **state)
{
    (void)state;
    struct open o = opened();
    uint64_t aborts = COUNTER(TcpExt, TCPAbortOnClose);
    say(&o, P | A, 0, "unread");
    peer_forget();
    weir_close(peer.task, o.fd);
    peer_step();
    struct seen s = peer_hear_flags(R | A);
    assert_int_equal(s.source_port, 80);
    assert_int_equal(s.seq, o.ours);
    assert_counted(aborts, TcpExt, TCPAbortOnClose, 1);
    assert_int_equal(socks(), 1);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

static void zero_linger_means_reset(void **state)
{
    struct linger now = { 1, 0 };
    (void)state;
    struct open o = opened();
    uint64_t aborts = COUNTER(TcpExt, TCPAbortOnData), resets = COUNTER(Tcp, EstabResets);
    weir_setsockopt(peer.task, o.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(R | A);
    assert_counted(aborts, TcpExt, TCPAbortOnData, 1);
    assert_counted(resets, Tcp, EstabResets, 1);
    assert_int_equal(socks(), 1);
}

static void orphan_in_fin_wait2_becomes_small(void **state)
{
    (void)state;
    struct open o = opened();
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(F | A);
    assert_int_equal(tcp_orphan_count(peer_net()), 1);
    say(&o, A, 1, NULL);
    assert_int_equal(tcp_orphan_count(peer_net()), 0);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    assert_int_equal(socks(), 1);
    peer_wait_ms(61000);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    peer_hears_nothing();
}

static void data_for_an_orphan_is_reset(void **state)
{
    (void)state;
    struct open o = opened();
    uint64_t aborts = COUNTER(TcpExt, TCPAbortOnData);
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(F | A);
    say(&o, P | A, 1, "too late");
    assert_int_equal(peer_hear_flags(R).seq, o.ours + 1);
    assert_counted(aborts, TcpExt, TCPAbortOnData, 1);
    assert_int_equal(socks(), 1);
}

static void nor_need_it_acknowledge_the_fin(void **state)
{
    (void)state;
    struct open o = opened();
    uint64_t aborts = COUNTER(TcpExt, TCPAbortOnData);
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(F | A);
    say(&o, P | A, 0, "too late");
    assert_int_equal(peer_hear_flags(R).seq, o.ours);
    assert_counted(aborts, TcpExt, TCPAbortOnData, 1);
    assert_int_equal(socks(), 1);
}

static void no_linger2_no_wait(void **state)
{
    int none = -1;
    (void)state;
    struct open o = opened();
    weir_setsockopt(peer.task, o.fd, IPPROTO_TCP, TCP_LINGER2, &none, sizeof none);
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(F | A);
    say(&o, A, 1, NULL);
    assert_int_equal(peer_hear_flags(R).seq, o.ours + 1);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    assert_int_equal(socks(), 1);
}

static void too_many_orphans_are_reset(void **state)
{
    (void)state;
    struct open o = opened();
    peer_net()->sysctl.tcp_max_orphans = 0;
    uint64_t aborts = COUNTER(TcpExt, TCPAbortOnMemory);
    weir_close(peer.task, o.fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_hear_flags(R | A);
    assert_counted(aborts, TcpExt, TCPAbortOnMemory, 1);
    assert_int_equal(socks(), 1);
}

static void reset_is_reported_once(void **state)
{
    char c;
    (void)state;
    struct open o = opened();
    say(&o, R | A, 0, NULL);
    assert_int_equal(state_of(o.fd), TCPS_CLOSE);
    struct pollfd p = { .fd = o.fd, .events = POLLIN | POLLOUT };
    weir_poll(peer.task, &p, 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(weir_read(peer.task, o.fd, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(weir_read(peer.task, o.fd, &c, 1), 0);
    assert_int_equal(weir_write(peer.task, o.fd, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
}

static void no_sock_no_mercy(void **state)
{
    (void)state;
    uint64_t resets = COUNTER(Tcp, OutRsts);
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 500, .flags = S });
    struct seen s = peer_hear_flags(R | A);
    assert_int_equal(s.seq, 0);
    assert_int_equal(s.ack, 501);
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 500, .ack = 77, .flags = A, .data = "abc" });
    s = peer_hear_flags(R);
    assert_int_equal(s.seq, 77);
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 500, .flags = F, .data = "abc" });
    s = peer_hear_flags(R | A);
    assert_int_equal(s.ack, 504);
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 500, .flags = R });
    peer_hears_nothing();
    assert_counted(resets, Tcp, OutRsts, 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(we_close_first), T(peer_closes_first), T(both_close_at_once), T(unread_data_means_reset), T(zero_linger_means_reset),
        T(orphan_in_fin_wait2_becomes_small), T(data_for_an_orphan_is_reset), T(nor_need_it_acknowledge_the_fin), T(no_linger2_no_wait), T(too_many_orphans_are_reset),
        T(reset_is_reported_once), T(no_sock_no_mercy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
