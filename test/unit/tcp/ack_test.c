#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

/* RFC 3168 §6.1.2: an echo of congestion reduces the window once in a round trip, and CWR says so. */
static void congestion_echo(void **state)
{
    static const uint8_t mss[] = { 2, 4, 1000 >> 8, 1000 & 255, 1, 1, 4, 2 };
    int listener = peer_listen(80, 5);

    (void)state;
    offered = 60000;
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER_ISN, .flags = S | TCP_ECE | TCP_CWR, .options = mss, .options_bytes = 8 });
    ours = peer_hear_flags(S | A | TCP_ECE).seq + 1;
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A });
    fd = weir_accept4(peer.task, listener, NULL, NULL, SOCK_NONBLOCK);
    program_writes(20000);
    for (uint32_t i = 0; i < 10; i++) hear_data(i * 1000, 1000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 2000, .flags = A | TCP_ECE });
    assert_int_equal(tp()->flight->ca_state, TCP_CA_CWR);
    assert_int_equal(tp()->snd.ssthresh_packets, 7);
    for (uint32_t acked = 3000; !peer.count && acked <= 10000; acked += 1000)
        peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + acked, .flags = A | TCP_ECE });
    assert_true(peer_hear().flags & TCP_CWR);
    assert_int_equal(tp()->snd.ssthresh_packets, 7); /* not again for the same window */
    assert_int_equal(COUNTER(Tcp, RetransSegs), 0);
}

/* RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from changing the window. */
static void old_segments_do_not_change_the_window(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(10);
    peer_forget();
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 10, .flags = A, .window = 30000 });
    assert_int_equal(tp()->snd.wnd, 30000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A, .window = 500 });
    assert_int_equal(tp()->snd.wnd, 30000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours + 10, .flags = A, .window = 40000 });
    assert_int_equal(tp()->snd.wnd, 40000);
}

/* Slow start counts what is acknowledged (RFC 3465 with Linux's L), and only while the window is in use. */
static void growth(void **state)
{
    (void)state;
    open_connection(true, 60000);
    program_writes(10000);
    while (peer.count) peer_hear();
    peer_acks(4000);
    assert_int_equal(tp()->snd.cwnd_packets, 14);
    peer_acks(10000);
    assert_int_equal(tp()->snd.cwnd_packets, 20);
    program_writes(1000);
    peer_forget();
    peer_acks(11000);
    assert_int_equal(tp()->snd.cwnd_packets, 20); /* one of twenty was used */
    assert_int_equal(tp()->bytes_acked, 11000);
    assert_int_equal(tp()->delivered, 12); /* and the SYN */
}

DATA_MAIN(DATA_TEST(congestion_echo), DATA_TEST(old_segments_do_not_change_the_window), DATA_TEST(growth))
