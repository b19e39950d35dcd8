/* The table of states: where each event leads, over both IP versions on the loopback; and the counters that follow. */
#include "peer.h"

struct pair { int listener, client, server; };

static struct pair connected(int family)
{
    struct sockaddr_storage a = { .ss_family = (sa_family_t)family };
    socklen_t bytes = sizeof a;
    struct pair p = { .listener = weir_socket(peer.task, family, SOCK_STREAM, 0), .client = weir_socket(peer.task, family, SOCK_STREAM, 0) };
    if (family == AF_INET6) ((struct sockaddr_in6 *)&a)->sin6_addr = (struct in6_addr){ { { [15] = 1 } } };
    else ((struct sockaddr_in *)&a)->sin_addr.s_addr = be32(INADDR_LOOPBACK).raw;
    bytes = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    assert_int_equal(weir_bind(peer.task, p.listener, (void *)&a, bytes), 0);
    assert_int_equal(weir_listen(peer.task, p.listener, 5), 0);
    bytes = sizeof a;
    assert_int_equal(weir_getsockname(peer.task, p.listener, (void *)&a, &bytes), 0);
    weir_connect(peer.task, p.client, (void *)&a, bytes);
    peer_step();
    p.server = weir_accept4(peer.task, p.listener, NULL, NULL, 0);
    assert_true(p.server >= 0);
    return p;
}

static uint8_t state_of(int fd) { return peer_sock(fd)->state; }

static void walk(int family)
{
    uint64_t resets = COUNTER(Tcp, EstabResets);
    struct pair p = connected(family);
    assert_int_equal(state_of(p.client), TCPS_ESTABLISHED);
    assert_int_equal(state_of(p.server), TCPS_ESTABLISHED);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 2);
    weir_shutdown(peer.task, p.client, SHUT_WR);
    peer_step();
    assert_int_equal(state_of(p.client), TCPS_FIN_WAIT2);
    assert_int_equal(state_of(p.server), TCPS_CLOSE_WAIT);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 1); /* CLOSE-WAIT counts as open */
    weir_shutdown(peer.task, p.server, SHUT_WR);
    peer_step();
    assert_int_equal(state_of(p.client), TCPS_CLOSE); /* its TIME-WAIT lives in a struct of its own */
    assert_int_equal(state_of(p.server), TCPS_CLOSE);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 0);
    assert_counted(resets, Tcp, EstabResets, 0);
    peer_wait_ms(61000);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

static void orderly_close4(void **state) { (void)state; walk(AF_INET); }
static void orderly_close6(void **state) { (void)state; walk(AF_INET6); }

static void abort_reaches_the_other_side(void **state)
{
    struct linger now = { 1, 0 };
    char c;
    (void)state;
    struct pair p = connected(AF_INET6);
    uint64_t resets = COUNTER(Tcp, EstabResets), sent = COUNTER(Tcp, OutRsts);
    weir_setsockopt(peer.task, p.client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    weir_close(peer.task, p.client);
    peer_step();
    assert_int_equal(state_of(p.server), TCPS_CLOSE);
    assert_int_equal(weir_read(peer.task, p.server, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_counted(resets, Tcp, EstabResets, 2);
    assert_counted(sent, Tcp, OutRsts, 1);
}

/* RFC 9293 §3.10.7.4 and Linux: the error depends on the state the RST meets. */
static void reset_in_close_wait_is_a_broken_pipe(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours, .flags = F | A });
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 502, .flags = R });
    assert_int_equal(state_of(fd), TCPS_CLOSE);
    assert_int_equal(peer_sock(fd)->err, EPIPE);
}

static void abort_by_the_machine(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    tcp_abort(tcp_of(peer_sock(fd)), ECONNABORTED);
    peer_step();
    assert_int_equal(peer_hear_flags(R | A).seq, ours);
    assert_int_equal(state_of(fd), TCPS_CLOSE);
    assert_int_equal(peer_sock(fd)->err, ECONNABORTED);
    tcp_abort(tcp_of(peer_sock(fd)), ECONNABORTED); /* a second time means nothing */
    peer_hears_nothing();
}

static void closed_name_stays(void **state)
{
    struct sockaddr_in before, after;
    socklen_t bytes = sizeof before;
    struct linger now = { 1, 0 };
    (void)state;
    struct pair p = connected(AF_INET);
    assert_int_equal(weir_getsockname(peer.task, p.client, (void *)&before, &bytes), 0);
    weir_setsockopt(peer.task, p.server, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    weir_close(peer.task, p.server);
    peer_step();
    assert_int_equal(state_of(p.client), TCPS_CLOSE);
    assert_int_equal(weir_getsockname(peer.task, p.client, (void *)&after, &bytes), 0);
    assert_int_equal(after.sin_port, before.sin_port);
    assert_null(tcp_of(peer_sock(p.client))->inet.port_bucket); /* but the port is free */
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(orderly_close4), T(orderly_close6), T(abort_reaches_the_other_side), T(reset_in_close_wait_is_a_broken_pipe),
        T(abort_by_the_machine), T(closed_name_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
