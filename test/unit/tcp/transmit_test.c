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

DATA_MAIN(DATA_TEST(fin_rides_on_the_last_data), DATA_TEST(lost_fin_goes_again), DATA_TEST(fin_alone_is_left), DATA_TEST(no_sample_from_the_handshake))
