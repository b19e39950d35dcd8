/* Every allocation fails once: the scenario may end early, but nothing crashes and nothing is lost. After all sockets are
 * closed and time has passed, the machine holds exactly what it held before. */
#include "hosts.h"

#include "tcp/fastopen.h"

#define LONGER_THAN_ALL_TIMERS (2000 * NS_PER_S)

static void udp(struct weir_task *t)
{
    struct sockaddr_in a = loopback4(9000);
    char buffer[64];
    int x = weir_socket(t, AF_INET, SOCK_DGRAM, 0), y = weir_socket(t, AF_INET6, SOCK_DGRAM, 0), on = 1;
    weir_setsockopt(t, x, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    weir_bind(t, x, (struct sockaddr *)&a, sizeof a);
    struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(9000) };
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    weir_sendto(t, y, "hello", 5, 0, (struct sockaddr *)&mapped, sizeof mapped);
    weir_recv(t, x, buffer, sizeof buffer, 0);
    a.sin_port = htons(9999);
    weir_sendto(t, x, "nobody", 6, 0, (struct sockaddr *)&a, sizeof a);
    weir_recv(t, x, buffer, sizeof buffer, MSG_ERRQUEUE);
    weir_sendto(t, y, "left behind", 11, 0, (struct sockaddr *)&mapped, sizeof mapped);
}

static void tcp(struct weir_task *t)
{
    static char buffer[200000];
    struct sockaddr_in a = loopback4(8000);
    int listener = weir_socket(t, AF_INET, SOCK_STREAM, 0), client = weir_socket(t, AF_INET, SOCK_STREAM, 0);
    weir_bind(t, listener, (struct sockaddr *)&a, sizeof a);
    weir_listen(t, listener, 5);
    weir_connect(t, client, (struct sockaddr *)&a, sizeof a);
    int server = weir_accept4(t, listener, NULL, NULL, 0);
    weir_send(t, client, buffer, sizeof buffer, 0);
    weir_recv(t, server, buffer, 1000, MSG_PEEK);
    weir_recv(t, server, buffer, sizeof buffer / 2, 0);
    weir_shutdown(t, client, SHUT_WR);
    weir_send(t, server, "reply", 5, 0);
    weir_recv(t, client, buffer, sizeof buffer, 0);
    int waiting = weir_socket(t, AF_INET, SOCK_STREAM, 0);
    weir_connect(t, waiting, (struct sockaddr *)&a, sizeof a); /* never accepted */
    a.sin_port = htons(8001);
    int refused = weir_socket(t, AF_INET, SOCK_STREAM, 0);
    weir_connect(t, refused, (struct sockaddr *)&a, sizeof a);
}

static void files(struct weir_task *t)
{
    struct epoll_event event = { .events = EPOLLIN };
    struct pollfd p = { .events = POLLIN };
    char buffer[4096];
    int e = weir_epoll_create(t), fd = weir_socket(t, AF_INET, SOCK_DGRAM, 0);
    weir_epoll_ctl(t, e, EPOLL_CTL_ADD, fd, &event);
    int copy = weir_dup(t, fd);
    weir_close(t, fd);
    p.fd = copy;
    weir_poll(t, &p, 1);
    weir_epoll_wait(t, e, &event, 1);
    weir_proc_read(t, "net/udp", buffer, sizeof buffer);
    struct ip_mreq join = { .imr_multiaddr.s_addr = inet_addr("224.1.2.3"), .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };
    weir_setsockopt(t, copy, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join);
}

/* True: the run needed fewer allocations than `nth`. */
static bool run(void (*scenario)(struct weir_task *t), uint64_t nth, uint64_t *kept)
{
    struct host h;
    host_open(&h, 1);
    struct memory *memory = ((struct machine *)h.machine)->memory;
    host_pass(&h, LONGER_THAN_ALL_TIMERS);
    uint64_t before = memory_used_bytes(memory), count = memory_alloc_count(memory);
    memory_fail_at(memory, nth ? count + nth : 0);
    struct weir_task *t = weir_task_create(h.machine);
    if (t) {
        scenario(t);
        host_pass(&h, NS_PER_S);
        weir_task_destroy(t);
    }
    host_pass(&h, LONGER_THAN_ALL_TIMERS);
    bool is_through = memory_alloc_count(memory) < count + nth;
    tcp_metrics_flush(((struct machine *)h.machine)->initial_net, NULL); /* what is remembered of peers is not lost */
    *kept = memory_used_bytes(memory) - before;
    host_close(&h);
    return is_through;
}

/* A second time keeps nothing more. */
static void stays_the_same(void (*scenario)(struct weir_task *t))
{
    struct host h;
    uint64_t used[2];
    host_open(&h, 1);
    for (int round = 0; round < 2; round++) {
        struct weir_task *t = weir_task_create(h.machine);
        scenario(t);
        weir_task_destroy(t);
        host_pass(&h, LONGER_THAN_ALL_TIMERS);
        used[round] = weir_machine_used_bytes(h.machine);
    }
    assert_int_equal(used[0], used[1]);
    host_close(&h);
}

/* What a machine keeps although it is quiet (a cached route) it keeps without any failure too. */
static void each_allocation_may_fail(void (*scenario)(struct weir_task *t))
{
    uint64_t normal, kept;
    run(scenario, 0, &normal);
    for (uint64_t nth = 1;; nth++) {
        bool is_through = run(scenario, nth, &kept);
        if (kept > normal) fail_msg("allocation %llu failed: %llu bytes are lost", (unsigned long long)nth, (unsigned long long)(kept - normal));
        if (is_through) break;
        assert_true(nth < 5000);
    }
    stays_the_same(scenario);
}

static void udp_faults(void **state) { (void)state; each_allocation_may_fail(udp); }
static void tcp_faults(void **state) { (void)state; each_allocation_may_fail(tcp); }
static void file_faults(void **state) { (void)state; each_allocation_may_fail(files); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(udp_faults), cmocka_unit_test(tcp_faults), cmocka_unit_test(file_faults) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
