/* listen(): who may, what the second one changes; what a listener makes of strange segments. */
#include "peer.h"

static void unbound_sock_gets_a_port(void **state)
{
    struct sockaddr_in a;
    socklen_t bytes = sizeof a;
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_listen(peer.task, fd, 5), 0);
    assert_int_equal(weir_getsockname(peer.task, fd, (void *)&a, &bytes), 0);
    assert_in_range(host16((be16_t){ a.sin_port }), 32768, 60999);
}

static void connected_sock_may_not_listen(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    assert_int_equal(weir_listen(peer.task, fd, 5), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(weir_accept4(peer.task, fd, NULL, NULL, 0), -1);
    assert_int_equal(errno, EINVAL);
}

static void two_listeners_need_reuseport(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(80).raw };
    int one = 1, fds[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        fds[i] = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
        weir_setsockopt(peer.task, fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        assert_int_equal(weir_bind(peer.task, fds[i], (void *)&a, sizeof a), 0); /* nobody listens yet */
    }
    assert_int_equal(weir_listen(peer.task, fds[0], 5), 0);
    assert_int_equal(weir_listen(peer.task, fds[1], 5), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(peer_sock(fds[1])->state, TCPS_CLOSE);
}

static void strange_segments_make_nothing(void **state)
{
    static const struct { uint8_t flags; uint32_t ack; uint8_t answer; } rows[] = {
        { F, 0, 0 }, { 0, 0, 0 }, { S | F, 0, 0 }, { S | R, 0, 0 }, { R, 0, 0 }, { R | A, 7, 0 }, { S | A, 7, R }, { A, 7, R }, { F | A, 7, R },
    };
    (void)state;
    int l = peer_listen(80, 5);
    for (size_t i = 0; i < array_count(rows); i++) {
        peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .ack = rows[i].ack, .flags = rows[i].flags });
        if (rows[i].answer) assert_int_equal(peer_hear_flags(rows[i].answer).seq, rows[i].ack);
        peer_hears_nothing();
    }
    assert_int_equal(peer_net()->tcp->requests.count, 0);
    assert_int_equal(COUNTER(TcpExt, ListenDrops), 0); /* not counted as lost connections */
    assert_int_equal(peer_sock(l)->references, 2);     /* the socket's and the table's */
}

static void shutdown_ends_listening(void **state)
{
    (void)state;
    int l = peer_listen(80, 5);
    assert_int_equal(weir_shutdown(peer.task, l, SHUT_WR), 0); /* means nothing for a listener */
    assert_int_equal(peer_sock(l)->state, TCPS_LISTEN);
    assert_int_equal(weir_shutdown(peer.task, l, SHUT_RD), 0);
    assert_int_equal(peer_sock(l)->state, TCPS_CLOSE);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    peer_hear_flags(R | A);
    assert_int_equal(weir_listen(peer.task, l, 5), 0); /* and may begin anew, its port kept */
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    peer_hear_flags(S | A);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(unbound_sock_gets_a_port), T(connected_sock_may_not_listen), T(two_listeners_need_reuseport), T(strange_segments_make_nothing),
        T(shutdown_ends_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
