#include "two_hosts.h"

#define SECONDS 1000000000ull

/* Whole transfers over links with seeded faults: every byte, once, in order, and the end. */
static void transfer(const char *faults, uint64_t seed, uint64_t bytes, bool sack, bool timestamps)
{
    hosts_up(faults, seed, 1500);
    net_at(1)->sysctl.tcp_sack = sack;
    net_at(1)->sysctl.tcp_timestamps = timestamps;
    connect_up();
    struct stream s = { .from = 0, .from_fd = client, .to = 1, .to_fd = server, .total = bytes, .write_bytes = 9000, .read_bytes = 7000 };
    stream_run(&s, 3600 * SECONDS);
    hosts_down();
}

static void clean_link(void **state)
{
    (void)state;
    hosts_up("delay=5ms", 1, 1500);
    connect_up();
    struct stream s = { .from = 0, .from_fd = client, .to = 1, .to_fd = server, .total = 300000, .write_bytes = 9000, .read_bytes = 7000 };
    stream_run(&s, 10 * SECONDS);
    assert_int_equal(counter(0, Tcp, RetransSegs), 0);
    assert_int_equal(counter(1, TcpExt, TCPOFOQueue), 0);
    hosts_down();
}
static void loss(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) transfer("delay=5ms,loss=3%", seed, 200000, true, true);
}
static void loss_without_sack(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) transfer("delay=5ms,loss=3%", seed, 200000, false, true);
}
static void loss_without_timestamps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) transfer("delay=5ms,loss=3%", seed, 200000, true, false);
}
static void everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        transfer("delay=10ms,jitter=5ms,loss=4%,duplicate=4%,reorder=4%,corrupt=1%", seed, 150000, true, true);
}
static void reorder_only(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) transfer("delay=5ms,reorder=10%", seed, 300000, true, true);
}

static unsigned arp_frames;

static void count_arp(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    const uint8_t *at = frame;

    (void)ctx; (void)now_ns; (void)device;
    if (is_outgoing && bytes > 14 && at[12] == 8 && at[13] == 6) arp_frames++;
}

/* Acknowledged data says that the neighbour is there: nobody needs to ask (RFC 4861 §7.3.1). */
static void progress_confirms_the_neighbour(void **state)
{
    char byte = 'x';

    (void)state;
    hosts_up("delay=1ms", 1, 1500);
    connect_up();
    arp_frames = 0;
    for (int i = 0; i < 2; i++) weir_capture(hosts[i].m, count_arp, NULL);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(weir_send(hosts[0].task, client, &byte, 1, 0), 1);
        run_for(NS_PER_S / 2);
        assert_int_equal(weir_recv(hosts[1].task, server, &byte, 1, 0), 1);
        assert_int_equal(weir_send(hosts[1].task, server, &byte, 1, 0), 1);
        run_for(NS_PER_S / 2);
        assert_int_equal(weir_recv(hosts[0].task, client, &byte, 1, 0), 1);
    }
    assert_int_equal(arp_frames, 0);
    hosts_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(clean_link), cmocka_unit_test(loss), cmocka_unit_test(loss_without_sack),
        cmocka_unit_test(loss_without_timestamps), cmocka_unit_test(everything), cmocka_unit_test(reorder_only),
        cmocka_unit_test(progress_confirms_the_neighbour) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
