/* Lookup: tables that grow by one bucket, scores of listeners, SO_REUSEPORT groups. */
#include "peer.h"

struct thing { struct chain_node node; uint64_t hash; };

static uint64_t hash_of_thing(const struct tcp_net *tn, const struct chain_node *n)
{
    (void)tn;
    return ((const struct thing *)(const void *)n)->hash;
}

static int count_thing(void *ctx, struct chain_node *n)
{
    (void)n;
    ++*(unsigned *)ctx;
    return 0;
}

static int free_thing(void *ctx, struct chain_node *n)
{
    tcp_table_remove(ctx, n);
    return 0;
}

static void growth_loses_nothing(void **state)
{
    enum { MANY = 5000 };
    static struct thing things[MANY];
    struct tcp_table t;
    struct tcp_net *tn = peer_net()->tcp;
    unsigned seen = 0;
    (void)state;
    assert_int_equal(tcp_table_init(tn->net->machine, &t, hash_of_thing), 0);
    for (unsigned i = 0; i < MANY; i++) {
        things[i] = (struct thing){ .hash = i * 0x9e3779b97f4a7c15u >> 7 };
        tcp_table_add(tn, &t, &things[i].node);
    }
    assert_int_equal(t.count, MANY);
    assert_in_range(t.buckets, MANY, MANY + 1); /* one a time, never a rehash */
    tcp_table_each(&t, count_thing, &seen);
    assert_int_equal(seen, MANY);
    for (unsigned i = 0; i < MANY; i += 2) tcp_table_remove(&t, &things[i].node);
    tcp_table_remove(&t, &things[0].node); /* twice does no harm */
    assert_int_equal(t.count, MANY / 2);
    tcp_table_each(&t, free_thing, &t);
    assert_int_equal(t.count, 0);
    tcp_table_fini(tn->net->machine, &t);
}

static int listen_at(int family, const void *a, socklen_t bytes, bool reuse_port, bool v6only, const char *device)
{
    int one = 1, zero = 0, fd = weir_socket(peer.task, family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (reuse_port) weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (family == AF_INET6) weir_setsockopt(peer.task, fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only ? &one : &zero, sizeof one);
    if (device) assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)), 0);
    assert_int_equal(weir_bind(peer.task, fd, a, bytes), 0);
    assert_int_equal(weir_listen(peer.task, fd, 5), 0);
    return fd;
}

static struct tcp_sock *find(const ip_addr_t *local, uint16_t port, uint16_t from)
{
    ip_addr_t remote = ip_from4(be32(0x0a000002));
    struct tcp_tuple t = { local, &remote, port, from, (int32_t)device_find(peer_net(), "eth0")->ifindex };
    return tcp_find_listener(peer_net()->tcp, &t);
}

static void the_closest_listener_wins(void **state)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = be16(80).raw };
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = be16(80).raw, .sin_addr.s_addr = be32(0x0a000001).raw };
    struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = be16(81).raw };
    ip_addr_t local = ip_from4(be32(0x0a000001)), other = ip_from4(be32(INADDR_LOOPBACK)), six = ip_any6();
    (void)state;
    six.bytes[15] = 1;
    int wide = listen_at(AF_INET, &any, sizeof any, true, false, NULL);
    assert_ptr_equal(find(&local, 80, 1), peer_sock(wide));
    int device = listen_at(AF_INET, &any, sizeof any, true, false, "eth0");
    assert_ptr_equal(find(&local, 80, 1), peer_sock(device));
    int exact = listen_at(AF_INET, &here, sizeof here, true, false, NULL);
    assert_ptr_equal(find(&local, 80, 1), peer_sock(exact)); /* the address counts before the interface */
    assert_ptr_equal(find(&other, 80, 1), peer_sock(device));
    assert_null(find(&local, 82, 1));
    int dual = listen_at(AF_INET6, &any6, sizeof any6, false, false, NULL);
    assert_ptr_equal(find(&local, 81, 1), peer_sock(dual));
    assert_ptr_equal(find(&six, 81, 1), peer_sock(dual));
    assert_null(find(&six, 80, 1));
    weir_close(peer.task, dual);
    listen_at(AF_INET6, &any6, sizeof any6, false, true, NULL);
    assert_null(find(&local, 81, 1)); /* IPV6_V6ONLY */
}

static void a_group_shares_the_load(void **state)
{
    enum { GROUP = 5, TRIES = 5000 };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = be16(80).raw };
    ip_addr_t local = ip_from4(be32(0x0a000001));
    int fds[GROUP];
    unsigned got[GROUP] = { 0 };
    (void)state;
    for (int i = 0; i < GROUP; i++) fds[i] = listen_at(AF_INET, &any, sizeof any, true, false, NULL);
    for (unsigned from = 1; from <= TRIES; from++) {
        struct tcp_sock *tp = find(&local, 80, (uint16_t)from);
        assert_ptr_equal(find(&local, 80, (uint16_t)from), tp); /* the same peer always meets the same listener */
        for (int i = 0; i < GROUP; i++) got[i] += peer_sock(fds[i]) == sk_of(tp);
    }
    for (int i = 0; i < GROUP; i++) assert_in_range(got[i], TRIES / GROUP * 8 / 10, TRIES / GROUP * 12 / 10);
    for (int i = 0; i < GROUP - 1; i++) weir_close(peer.task, fds[i]);
    for (unsigned from = 1; from <= 50; from++) assert_ptr_equal(find(&local, 80, (uint16_t)from), peer_sock(fds[GROUP - 1]));
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = { T(growth_loses_nothing), T(the_closest_listener_wins), T(a_group_shares_the_load) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
