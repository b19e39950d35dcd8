/* SYN cookies: a full SYN queue keeps accepting, guessers do not get in. */
#include "peer.h"

static const uint8_t rich[] = { 2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 99, 0, 0, 0, 0, 1, 3, 3, 9 };

/* Fills the SYN queue; what comes after gets cookies. */
static int flooded_listener(void)
{
    int l = peer_listen(80, 2);
    for (uint16_t i = 0; i < 3; i++) peer_say((struct say){ .from = (uint16_t)(1000 + i), .to = 80, .seq = 1, .flags = S });
    assert_int_equal(peer.count, 3);
    peer_forget();
    return l;
}

static void flood_is_answered_with_cookies(void **state)
{
    (void)state;
    int l = flooded_listener();
    uint64_t sent = COUNTER(TcpExt, SyncookiesSent), received = COUNTER(TcpExt, SyncookiesRecv), full = COUNTER(TcpExt, TCPReqQFullDoCookies);
    uint32_t isn[50];
    for (uint16_t i = 0; i < 50; i++) {
        peer_say((struct say){ .from = (uint16_t)(2000 + i), .to = 80, .seq = 500u + i, .flags = S });
        struct seen s = peer_hear_flags(S | A);
        isn[i] = s.seq;
        assert_int_equal(s.options_bytes, 4); /* MSS only: no room to remember more */
    }
    assert_counted(sent, TcpExt, SyncookiesSent, 50);
    assert_counted(full, TcpExt, TCPReqQFullDoCookies, 50);
    assert_int_equal(tcp_of(peer_sock(l))->listener->requests, 3); /* no state for the flood */
    peer_say((struct say){ .from = 2030, .to = 80, .seq = 531, .ack = isn[30] + 1, .flags = A });
    assert_counted(received, TcpExt, SyncookiesRecv, 1);
    int fd = weir_accept4(peer.task, l, NULL, NULL, 0);
    assert_true(fd >= 0);
    assert_int_equal(tcp_of(peer_sock(fd))->mss_clamp, 536);
    assert_false(tcp_of(peer_sock(fd))->is_wscale_ok);
    peer_hears_nothing();
}

static void options_live_in_the_timestamp(void **state)
{
    (void)state;
    int l = flooded_listener();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S, .options = rich, .options_bytes = sizeof rich });
    struct seen s = peer_hear_flags(S | A);
    bool has;
    uint32_t value = peer_timestamp(&s, &has);
    assert_true(has);
    uint8_t echo[12] = { 1, 1, 8, 10, 0, 0, 0, 120, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = s.seq + 1, .flags = A, .options = echo, .options_bytes = 12 });
    int fd = weir_accept4(peer.task, l, NULL, NULL, 0);
    assert_true(fd >= 0);
    const struct tcp_sock *tp = tcp_of(peer_sock(fd));
    assert_true(tp->is_sack_ok);
    assert_true(tp->is_timestamp_ok);
    assert_true(tp->is_wscale_ok);
    assert_int_equal(tp->snd.scale, 9);
    assert_int_equal(tp->mss_clamp, 1460);
    assert_int_equal(tp->ts_recent, 120);
}

static void forged_ack_is_reset(void **state)
{
    (void)state;
    int l = flooded_listener();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    uint32_t isn = peer_hear_flags(S | A).seq;
    uint64_t failed = COUNTER(TcpExt, SyncookiesFailed);
    for (uint32_t bit = 0; bit < 32; bit++) { /* the low bits hold the MSS index: 4 values pass by design */
        if (bit < 2) continue;
        peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = (isn + 1) ^ 1u << bit, .flags = A });
        peer_hear_flags(R);
    }
    assert_counted(failed, TcpExt, SyncookiesFailed, 30);
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 501, .ack = isn + 1, .flags = A }); /* another's cookie */
    peer_hear_flags(R);
    assert_int_equal(weir_accept4(peer.task, l, NULL, NULL, 0), -1);
}

static void cookie_ages(void **state)
{
    (void)state;
    int l = flooded_listener();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    uint32_t isn = peer_hear_flags(S | A).seq;
    peer_wait_ms(59000);
    peer_forget();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = isn + 1, .flags = A });
    assert_true(weir_accept4(peer.task, l, NULL, NULL, 0) >= 0);
    peer_wait_ms(1000);
    for (uint16_t i = 0; i < 3; i++) peer_say((struct say){ .from = (uint16_t)(1000 + i), .to = 80, .seq = 1, .flags = S });
    peer_forget();
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 500, .flags = S });
    isn = peer_hear_flags(S | A).seq;
    peer_wait_ms(119000); /* two minutes on: too old, though the overflow is still remembered */
    peer_forget();
    peer_say((struct say){ .from = 2001, .to = 80, .seq = 501, .ack = isn + 1, .flags = A });
    peer_hear_flags(R);
    assert_int_equal(weir_accept4(peer.task, l, NULL, NULL, 0), -1);
}

static void without_overflow_no_cookie_is_taken(void **state)
{
    (void)state;
    peer_listen(80, 5);
    uint64_t failed = COUNTER(TcpExt, SyncookiesFailed);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = 12345, .flags = A });
    assert_int_equal(peer_hear_flags(R).seq, 12345);
    assert_counted(failed, TcpExt, SyncookiesFailed, 0); /* not even looked at */
}

static void always_means_always(void **state)
{
    (void)state;
    peer_net()->sysctl.tcp_syncookies = 2;
    int l = peer_listen(80, 5);
    uint32_t ours;
    assert_true(peer_accepts(l, 2000, 80, 500, &ours) >= 0);
    assert_int_equal(COUNTER(TcpExt, SyncookiesSent), 1);
    assert_int_equal(peer_net()->tcp->requests.count, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(flood_is_answered_with_cookies), T(options_live_in_the_timestamp), T(forged_ack_is_reset), T(cookie_ages),
        T(without_overflow_no_cookie_is_taken), T(always_means_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
