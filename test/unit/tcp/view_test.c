/* What /proc/net/tcp and sock_diag are told: one view for each thing in the tables, listeners first. */
#include "peer.h"

struct views { struct tcp_view v[16]; unsigned count, most; };

static int note(void *ctx, const struct tcp_view *v)
{
    struct views *s = ctx;
    s->v[s->count++] = *v;
    return s->most && s->count == s->most;
}

static struct views look(unsigned most)
{
    struct views s = { .most = most };
    tcp_each(peer_net(), note, &s);
    return s;
}

static void everything_once(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5);
    int gone = peer_accepts(l, 2000, 80, 500, &ours);
    weir_close(peer.task, gone);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = F | A });
    peer_hear_flags(A);
    int fd = peer_accepts(l, 2001, 80, 500, &ours);
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 501, .ack = ours, .flags = P | A, .data = "abc" });
    peer_say((struct say){ .from = 2002, .to = 80, .seq = 500, .flags = S });
    peer_say((struct say){ .from = 2003, .to = 80, .seq = 500, .flags = S });
    uint32_t waiting = peer.seen[(peer.first + peer.count - 1) % PEER_ROOM].seq + 1;
    peer_say((struct say){ .from = 2003, .to = 80, .seq = 501, .ack = waiting, .flags = A });
    struct views s = look(0);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.v[0].kind, TCP_VIEW_LISTENER);
    assert_ptr_equal(s.v[0].sk, peer_sock(l));
    assert_int_equal(s.v[0].state, TCPS_LISTEN);
    assert_int_equal(s.v[0].receive_queue, 1); /* in the accept queue */
    unsigned socks = 0, requests = 0, waits = 0;
    for (unsigned i = 1; i < s.count; i++) {
        const struct tcp_view *v = &s.v[i];
        assert_int_equal(v->local_port, 80);
        assert_true(v->kind != TCP_VIEW_LISTENER);
        socks += v->kind == TCP_VIEW_SOCK;
        if (v->kind == TCP_VIEW_SOCK && v->remote_port == 2001) {
            assert_ptr_equal(v->sk, peer_sock(fd));
            assert_int_equal(v->receive_queue, 3);
            assert_int_equal(v->state, TCPS_ESTABLISHED);
        }
        if (v->kind == TCP_VIEW_REQUEST) {
            requests++;
            assert_int_equal(v->remote_port, 2002);
            assert_int_equal(v->state, TCPS_SYN_RECV);
            assert_int_equal(v->timer, 1);
            assert_in_range(v->timer_left_ns, 1, NS_PER_S);
        }
        if (v->kind == TCP_VIEW_TIME_WAIT) {
            waits++;
            assert_null(v->sk);
            assert_int_equal(v->remote_port, 2000);
            assert_int_equal(v->state, TCPS_TIME_WAIT);
            assert_int_equal(v->timer, 3);
            assert_in_range(v->timer_left_ns, 59 * NS_PER_S, 61 * NS_PER_S);
        }
    }
    assert_int_equal(socks, 2);
    assert_int_equal(requests, 1);
    assert_int_equal(waits, 1);
}

static void a_visitor_may_stop(void **state)
{
    (void)state;
    for (uint16_t port = 80; port < 90; port++) peer_listen(port, 5);
    assert_int_equal(look(3).count, 3);
}

static void retransmission_shows_its_timer(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_write(peer.task, fd, "abcde", 5);
    peer_wait_ms(5000);
    struct views s = look(0);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.v[1].transmit_queue, 5);
    assert_int_equal(s.v[1].timer, 1);
    assert_true(s.v[1].retransmits >= 2);
    assert_true(s.v[1].timer_left_ns > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = { T(everything_once), T(a_visitor_may_stop), T(retransmission_shows_its_timer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
