/* What an idle connection costs, all in: file, descriptor, socket, sock, tables, port, timers, queues (DESIGN section 6). */
#include "two_hosts.h"

#define CONNECTIONS 300
#define LIMIT_BYTES 1024

static int ends[2][CONNECTIONS];

static void exchange(int i, int from, int to)
{
    char buffer[2000] = { 0 };

    assert_int_equal(weir_send(hosts[from].task, ends[from][i], buffer, sizeof buffer, 0), sizeof buffer);
    run_for(10 * NS_PER_MS);
    assert_int_equal(weir_recv(hosts[to].task, ends[to][i], buffer, sizeof buffer, 0), sizeof buffer);
}

static void connections_up(bool with_traffic)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = { htonl(0x0a000002) } };

    for (int i = 0; i < CONNECTIONS; i++) {
        ends[0][i] = weir_socket(hosts[0].task, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        weir_connect(hosts[0].task, ends[0][i], (struct sockaddr *)&a, sizeof a);
        run_for(10 * NS_PER_MS);
        ends[1][i] = weir_accept4(hosts[1].task, listener, NULL, NULL, SOCK_NONBLOCK);
        assert_true(ends[1][i] >= 0);
        if (!with_traffic) continue;
        exchange(i, 0, 1);
        exchange(i, 1, 0);
    }
    run_for(3 * NS_PER_S);
}

static void check_cost(bool with_traffic)
{
    uint64_t before[2];

    hosts_up("delay=1ms", 1, 1500);
    connect_up(); /* neighbours and routes are known from here on */
    run_for(3 * NS_PER_S);
    for (int h = 0; h < 2; h++) before[h] = weir_machine_used_bytes(hosts[h].m);
    connections_up(with_traffic);
    for (int h = 0; h < 2; h++) {
        uint64_t each = (weir_machine_used_bytes(hosts[h].m) - before[h]) / CONNECTIONS;
        print_message("%s end: %u bytes\n", h ? "server's" : "client's", (unsigned)each);
        assert_true(each <= LIMIT_BYTES);
        for (int i = 0; i < CONNECTIONS; i++) assert_false(timer_is_armed(&sk_of(tcp_at(h, ends[h][i]))->timer));
    }
    hosts_down();
}

static void never_used(void **state) { (void)state; check_cost(false); }
static void after_an_exchange(void **state) { (void)state; check_cost(true); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(never_used), cmocka_unit_test(after_an_exchange) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
