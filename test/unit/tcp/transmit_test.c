#include "data_peer.h"

static void fin_rides_on_the_last_data(void **state)
{
    (void)state;
    open_connection(true, 60000);
    set_option(TCP_CORK, 1);
    program_writes(500);
    peer_hears_nothing();
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    peer_step();
    assert_int_equal(hear_data(0, 500).flags, A | P | F);
    peer_acks(501);
    assert_int_equal(peer_sock(fd)->state, TCPS_FIN_WAIT2);
}

static void lost_fin_goes_again(void **state)
{
    (void)state;
    open_connection(false, 60000);
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    peer_step();
    assert_int_equal(hear_data(0, 0).flags, A | F);
    peer_wait_ms(210);
    assert_int_equal(hear_data(0, 0).flags, A | F);
    peer_acks(1);
    peer_wait_ms(1000);
    peer_hears_nothing();
}

/* Data partly acknowledged, FIN with it: what is left is the FIN alone. */
static void fin_alone_is_left(void **state)
{
    (void)state;
    open_connection(false, 60000);
    set_option(TCP_CORK, 1);
    program_writes(500);
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    peer_step();
    hear_data(0, 500);
    peer_acks(500);
    peer_wait_ms(450);
    struct seen s = hear_data(500, 0);
    assert_true(s.flags & F);
    peer_acks(501);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, 0);
}

/* RFC 6298 §5.7: without a sample from the handshake, three seconds. */
static void no_sample_from_the_handshake(void **state)
{
    int listener = peer_listen(80, 5);
    uint64_t then;

    (void)state;
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER_ISN, .flags = S });
    ours = peer_hear_flags(S | A).seq + 1;
    peer_wait_ms(1100);
    peer_hear_flags(S | A);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A });
    fd = weir_accept4(peer.task, listener, NULL, NULL, SOCK_NONBLOCK);
    program_writes(10);
    hear_data(0, 10);
    then = peer.now_ns;
    peer_wait_ms(3100);
    assert_int_equal(hear_data(0, 10).at_ns - then, 3000 * MS);
}

/* The peer took back 50 bytes of the window in which 1000 lie. */
static uint32_t seq_of_ack_after_shrinking(void)
{
    for (unsigned i = 0; i < 2; i++) {
        program_writes(500);
        hear_data(i * 500, 500);
    }
    peer_data(0, "peer");
    peer_hear_flags(A);
    offered = 950;
    peer_data(4, "peer");
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.payload_bytes, 0);
    return at(&s);
}

static void an_ack_stands_in_the_window(void **state)
{
    (void)state;
    open_connection(false, 1000);
    assert_int_equal(seq_of_ack_after_shrinking(), 950);
}

/* Linux takes its own window scale for how precise the peer's window is: here the peer's is 0. */
static void an_ack_overlooks_what_rounding_hides(void **state)
{
    static const uint8_t options[] = { 2, 4, 1000 >> 8, 1000 & 255, 1, 3, 3, 0 };
    int listener = peer_listen(80, 5);

    (void)state;
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER_ISN, .flags = S, .window = 1000, .options = options, .options_bytes = sizeof options });
    ours = peer_hear_flags(S | A).seq + 1;
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A, .window = 1000 });
    fd = weir_accept4(peer.task, listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(1u << tcp_of(peer_sock(fd))->rcv.scale > 50);
    assert_int_equal(seq_of_ack_after_shrinking(), 1000);
}

/* The sock has no route and does not hear that the MTU shrank: nothing leaves that is longer, large sends included. */
static void no_segment_is_longer_than_the_mtu(void **state)
{
    struct net_device *device;
    uint32_t heard = 0;

    (void)state;
    open_connection(true, 60000);
    device = tcp_of(peer_sock(fd))->inet.route->device;
    device->mtu_bytes = 600;
    inet_route_reset(&tcp_of(peer_sock(fd))->inet);
    program_writes(4000);
    for (unsigned turns = 0; turns < 30 && heard < 4000; turns++) {
        peer_wait_ms(50);
        while (peer.count) {
            struct seen s = peer_hear();
            assert_true(s.payload_bytes <= 560);
            if (at(&s) == heard) heard += s.payload_bytes;
        }
        peer_acks(heard);
    }
    assert_int_equal(heard, 4000);
}

DATA_MAIN(DATA_TEST(no_segment_is_longer_than_the_mtu), DATA_TEST(an_ack_stands_in_the_window), DATA_TEST(an_ack_overlooks_what_rounding_hides), DATA_TEST(fin_rides_on_the_last_data), DATA_TEST(lost_fin_goes_again), DATA_TEST(fin_alone_is_left), DATA_TEST(no_sample_from_the_handshake))
