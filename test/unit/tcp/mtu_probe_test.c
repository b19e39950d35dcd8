#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

/* A connection of 1000-byte segments whose search begins at 500, with room for a probe in its congestion window. */
static void open_searching(int64_t kind)
{
    peer_net()->sysctl.tcp_mtu_probing = kind;
    peer_net()->sysctl.tcp_base_mss = 500;
    open_connection(true, 60000);
    tp()->snd.cwnd_packets = 20;
    tcp_sync_mss(tp(), tp()->pmtu_cookie); /* as when the peer's window first grows */
}

/* Halfway between what is known to pass (500) and the most there may be (1000): 750. When it is acknowledged, that is the MSS. */
static void larger_segment_is_tried(void **state)
{
    (void)state;
    open_searching(2);
    program_writes(6000);
    hear_data(0, 750);
    for (uint32_t i = 0; i < 10; i++) hear_data(750 + i * 500, 500);
    hear_data(5750, 250);
    assert_int_equal(tp()->snd.cwnd_packets, 19); /* the probe stands for two */
    peer_acks(6000);
    assert_int_equal(tp()->mss_cache, 750);
    assert_int_equal(tp()->settings->mtu.low_bytes, 790);
    assert_int_equal(tp()->settings->mtu.probe_bytes, 0);
}

/* Only the probe is missing: it was too large. The window stays, the bytes go again in usual segments. */
static void lost_probe_is_no_congestion(void **state)
{
    uint32_t cwnd;

    (void)state;
    open_searching(2);
    program_writes(6000);
    peer_forget();
    cwnd = tp()->snd.cwnd_packets;
    peer_sacks(0, 750, 3750, 0, 0);
    hear_data(0, 500);
    hear_data(500, 250);
    assert_int_equal(tp()->snd.cwnd_packets, cwnd + 1);
    assert_int_equal(tp()->settings->mtu.high_bytes, 789);
    assert_int_equal(peer_net()->mib[MIB_TcpExt_TCPMTUPFail], 1);
    assert_int_equal(peer_net()->mib[MIB_TcpExt_TCPMTUPSuccess], 0);
}

/* Nobody says what is too large: after tcp_retries1 timeouts the segments shrink, and halve with each further one. */
static void black_hole_shrinks_segments(void **state)
{
    (void)state;
    open_searching(1);
    program_writes(1000);
    hear_data(0, 1000);
    assert_false(tp()->settings->mtu.is_on);
    for (unsigned i = 0; i < 10 && !tp()->settings->mtu.is_on; i++) peer_wait_ms(3000);
    assert_true(tp()->settings->mtu.is_on);
    assert_int_equal(tp()->mss_cache, 500);
    for (unsigned i = 0; i < 30 && tp()->mss_cache == 500; i++) peer_wait_ms(1000);
    assert_int_equal(tp()->mss_cache, 250);
    peer_net()->sysctl.tcp_mtu_probe_floor = 200;
    peer_wait_ms(60000);
    assert_int_equal(tp()->mss_cache, 200);
}

static void off_by_default(void **state)
{
    (void)state;
    open_connection(true, 60000);
    tp()->snd.cwnd_packets = 20;
    program_writes(6000);
    for (uint32_t i = 0; i < 6; i++) hear_data(i * 1000, 1000);
}

DATA_MAIN(DATA_TEST(larger_segment_is_tried), DATA_TEST(lost_probe_is_no_congestion), DATA_TEST(black_hole_shrinks_segments), DATA_TEST(off_by_default))
