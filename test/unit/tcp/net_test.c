/* Many connections: numbers, and that a namespace gives back all it took. */
#include "peer.h"

enum { MANY = 3000 };

static void thousands_come_and_go(void **state)
{
    static int clients[MANY], servers[MANY];
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(80).raw, .sin_addr.s_addr = be32(INADDR_LOOPBACK).raw };
    (void)state;
    int l = peer_listen(80, 10);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            clients[i] = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
            assert_true(clients[i] >= 0);
            weir_connect(peer.task, clients[i], (void *)&a, sizeof a);
            peer_step();
            servers[i] = weir_accept4(peer.task, l, NULL, NULL, 0);
            assert_true(servers[i] >= 0);
        }
        assert_int_equal(tcp_sock_count(peer_net()), 2 * MANY + 1);
        assert_int_equal(peer_net()->tcp->established.count, 2 * MANY);
        assert_int_equal(COUNTER(Tcp, CurrEstab), 2 * MANY);
        for (unsigned i = 0; i < MANY; i++) {
            weir_close(peer.task, clients[i]);
            weir_close(peer.task, servers[i]);
        }
        peer_step();
        assert_int_equal(tcp_time_wait_count(peer_net()), MANY);
        assert_int_equal(tcp_sock_count(peer_net()), 1);
        assert_int_equal(tcp_orphan_count(peer_net()), 0);
        peer_wait_ms(61000);
        assert_int_equal(tcp_time_wait_count(peer_net()), 0);
        assert_int_equal(peer_net()->tcp->established.count, 0);
    }
    assert_int_equal(COUNTER(TcpExt, ListenDrops), 0);
}

/* Ending the machine ends what is half-way: requests, orphans, TIME-WAITs, children nobody accepted (teardown checks). */
static void ended_in_the_middle(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    peer_hear_flags(S | A);
    int orphan = peer_accepts(l, 2001, 80, 500, &ours);
    weir_close(peer.task, orphan);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 2002, .to = 80, .seq = 500, .flags = S });
    ours = peer_hear_flags(S | A).seq + 1;
    peer_say((struct say){ .from = 2002, .to = 80, .seq = 501, .ack = ours, .flags = A });
    assert_int_equal(tcp_orphan_count(peer_net()), 1);
    assert_int_equal(peer_net()->tcp->requests.count, 1);
    assert_int_equal(tcp_sock_count(peer_net()), 3);
}

/* Same seed, same bytes; another seed, other ISNs. */
static void isns_follow_the_seed(void **state)
{
    ip_addr_t l = ip_from4(be32(0x0a000001)), r = ip_from4(be32(0x0a000002));
    struct net *net = peer_net();
    (void)state;
    seq_t first = tcp_new_isn(net, &l, 80, &r, 2000);
    assert_true(seq_equal(first, tcp_new_isn(net, &l, 80, &r, 2000)));
    assert_false(seq_equal(first, tcp_new_isn(net, &l, 80, &r, 2001)));
    peer_wait_ms(1);
    assert_int_equal(seq_diff(tcp_new_isn(net, &l, 80, &r, 2000), first), NS_PER_MS / 64); /* RFC 6528: one step each 64 ns */
    uint32_t offset = tcp_new_ts_offset(net, &l, 80, &r, 2000);
    assert_int_equal(tcp_new_ts_offset(net, &l, 80, &r, 2000), offset);
    assert_true(tcp_new_ts_offset(net, &r, 2000, &l, 80) != offset);
    assert_true(tcp_new_ts_offset(net, &l, 80, &r, 2001) != offset);
    net->sysctl.tcp_timestamps = 2;
    assert_int_equal(tcp_new_ts_offset(net, &l, 80, &r, 2000), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = { T(thousands_come_and_go), T(ended_in_the_middle), T(isns_follow_the_seed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
