#include "peer.h"

static struct tcp_sock *tp(int fd) { return tcp_of(peer_sock(fd)); }
static int set(int fd, int name, int v) { return weir_setsockopt(peer.task, fd, IPPROTO_TCP, name, &v, sizeof v) ? -errno : 0; }

static void shared_until_set(void **state)
{
    (void)state;
    int a = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0), b = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_ptr_equal(tp(a)->settings, &tcp_usual_settings);
    assert_int_equal(set(a, TCP_KEEPIDLE, 0), -EINVAL);
    assert_ptr_equal(tp(a)->settings, &tcp_usual_settings);
    assert_int_equal(set(a, TCP_KEEPIDLE, 77), 0);
    assert_int_equal(tp(a)->settings->keepalive_idle_s, 77);
    assert_int_equal(tp(b)->settings->keepalive_idle_s, 0);
    struct memory *m = ((struct machine *)(void *)peer.m)->memory;
    memory_fail_at(m, memory_alloc_count(m) + 1);
    assert_int_equal(set(b, TCP_USER_TIMEOUT, 500), -ENOMEM);
}

static void a_child_has_its_own(void **state)
{
    (void)state;
    int l = peer_listen(80, 5);
    uint32_t ours;
    assert_int_equal(set(l, TCP_KEEPCNT, 3), 0);
    int child = peer_accepts(l, 999, 80, 5000, &ours);
    assert_ptr_not_equal(tp(child)->settings, tp(l)->settings);
    assert_int_equal(tp(child)->settings->keepalive_probes, 3);
    assert_int_equal(set(child, TCP_KEEPCNT, 4), 0);
    assert_int_equal(tp(l)->settings->keepalive_probes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shared_until_set, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(a_child_has_its_own, peer_setup, peer_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
