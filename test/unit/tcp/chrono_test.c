#include "data_peer.h"

static void assert_times(uint64_t busy_ms, uint64_t window_ms, uint64_t buffer_ms)
{
    struct tcp_info i = { 0 };
    socklen_t bytes = sizeof i;

    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_INFO, &i, &bytes), 0);
    assert_int_equal(i.tcpi_busy_time, busy_ms * 1000);
    assert_int_equal(i.tcpi_rwnd_limited, window_ms * 1000);
    assert_int_equal(i.tcpi_sndbuf_limited, buffer_ms * 1000);
}

static void what_sending_waits_for(void **state)
{
    (void)state;
    open_connection(false, 2000);
    peer_wait_ms(50);
    program_writes(1000);
    peer_wait_ms(30);
    assert_times(30, 0, 0);
    peer_acks(1000);
    peer_wait_ms(100);
    assert_times(30, 0, 0);
    program_writes(5000); /* more than the window takes */
    peer_wait_ms(20);
    assert_times(50, 20, 0);
    peer_acks(3000);
    peer_acks(5000);
    peer_acks(6000);
    peer_wait_ms(20);
    assert_times(50, 20, 0);
}

DATA_MAIN(DATA_TEST(what_sending_waits_for))
