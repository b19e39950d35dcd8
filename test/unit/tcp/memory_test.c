#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

/* 4 KiB pages for what the queues hold, with Linux's 832 bytes for each packet. */
static void pages_follow_the_queues(void **state)
{
    char got[4000];

    (void)state;
    open_connection(true, 60000);
    assert_int_equal(tcp_memory_pages(peer_net()), 0);
    program_writes(1000);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, 1832);
    assert_int_equal(peer_sock(fd)->forward_allocated_bytes, 4096 - 1832);
    assert_int_equal(tcp_memory_pages(peer_net()), 1);
    program_writes(3000);
    assert_int_equal(tcp_memory_pages(peer_net()), 2);
    peer_acks(4000);
    assert_int_equal(tcp_memory_pages(peer_net()), 0);
    peer_data(0, thousand);
    assert_true(tcp_memory_pages(peer_net()) > 0);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 1000);
    assert_int_equal(tcp_memory_pages(peer_net()), 0);
    program_writes(1000);
    weir_close(peer.task, fd);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(1000), .ack = 0, .flags = R });
    assert_int_equal(tcp_memory_pages(peer_net()), 0);
}

/* Past the hard limit a sock that holds something gets no more. */
static void hard_limit(void **state)
{
    char buffer[30000] = { 0 };

    (void)state;
    open_connection(true, 60000);
    for (unsigned i = 0; i < 3; i++) peer_net()->sysctl.tcp_mem[i] = 2 + i;
    for (unsigned i = 0; i < 5 && weir_send(peer.task, fd, buffer, 10000, 0) > 0; i++) {}
    assert_int_equal(weir_send(peer.task, fd, buffer, 10000, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(COUNTER(TcpExt, TCPMemoryPressures), 1);
    assert_true(tcp_memory_pages(peer_net()) < 12);
    peer_step();
    for (uint32_t i = 1; i <= 30 && tp()->flight->packets_out; i++) peer_acks(i * 1000);
    peer_acks(seq_diff(tp()->snd.nxt, seq(ours)));
    assert_int_equal(tcp_memory_pages(peer_net()), 0);
    assert_int_equal(COUNTER(TcpExt, TCPMemoryPressuresChrono), 1);
}

DATA_MAIN(DATA_TEST(pages_follow_the_queues), DATA_TEST(hard_limit))
