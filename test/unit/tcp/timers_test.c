#include "data_peer.h"

static int pending_error(void)
{
    int error = -1;
    socklen_t bytes = sizeof error;

    assert_int_equal(weir_getsockopt(peer.task, fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    return error;
}

/* TCP_USER_TIMEOUT (RFC 5482): that long after the first retransmission, and no later. */
static void user_timeout(void **state)
{
    (void)state;
    open_connection(false, 60000);
    set_option(TCP_USER_TIMEOUT, 1000);
    program_writes(10);
    peer_wait_ms(1100);
    assert_int_equal(pending_error(), 0);
    peer_wait_ms(200);
    assert_int_equal(pending_error(), ETIMEDOUT);
    assert_int_equal(COUNTER(TcpExt, TCPAbortOnTimeout), 1);
}

/* tcp_retries2 = 15: 924.6 s by Linux's model after the first retransmission, checked when a timer fires. */
static void retries2(void **state)
{
    (void)state;
    round_trip_ms = 10; /* RTO 0.21 s: the 16th timer is past the limit */
    open_connection(false, 60000);
    program_writes(10);
    peer_wait_ms(924000);
    assert_int_equal(pending_error(), 0);
    peer_wait_ms(30000);
    assert_int_equal(pending_error(), ETIMEDOUT);
    assert_int_equal(COUNTER(Tcp, RetransSegs), 15);
}

DATA_MAIN(DATA_TEST(user_timeout), DATA_TEST(retries2))
