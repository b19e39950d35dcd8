/* TIME-WAIT: how long, what it answers, who may take its place. */
#include "peer.h"

struct ended { int listener; uint32_t ours, theirs; };

static const uint8_t stamp[12] = { 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };

/* A connection that we closed first: theirs is the sequence number after the peer's FIN. */
static struct ended ended(bool has_timestamp)
{
    struct ended e = { .listener = peer_listen(80, 5) };
    static const uint8_t syn_options[] = { 1, 1, 8, 10, 0, 0, 0, 255, 0, 0, 0, 0 };
    uint8_t options = has_timestamp ? 12 : 0;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S, .options = syn_options, .options_bytes = options });
    e.ours = peer_hear_flags(S | A).seq + 1;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = e.ours, .flags = A, .options = stamp, .options_bytes = options });
    int fd = weir_accept4(peer.task, e.listener, NULL, NULL, 0);
    assert_true(fd >= 0);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    e.ours++;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = e.ours, .flags = F | A, .options = stamp, .options_bytes = options });
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.ack, 502);
    e.theirs = 502;
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    return e;
}

static void it_lasts_a_minute(void **state)
{
    uint64_t waits = COUNTER(TcpExt, TW);
    (void)state;
    ended(false);
    assert_counted(waits, TcpExt, TW, 1);
    peer_wait_ms(59900);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_wait_ms(400);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    peer_hears_nothing();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 502, .ack = 7, .flags = A });
    peer_hear_flags(R);
}

static void repeated_fin_is_acked_and_starts_anew(void **state)
{
    (void)state;
    struct ended e = ended(false);
    peer_wait_ms(50000);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs - 1, .ack = e.ours, .flags = F | A });
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.seq, e.ours);
    assert_int_equal(s.ack, e.theirs);
    peer_wait_ms(50000);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_wait_ms(11000);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

static void answers_are_limited(void **state)
{
    (void)state;
    struct ended e = ended(false);
    uint64_t skipped = COUNTER(TcpExt, TCPACKSkippedTimeWait);
    for (int i = 0; i < 10; i++) peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs - 50, .ack = e.ours, .flags = A });
    assert_int_equal(peer.count, 1);
    assert_counted(skipped, TcpExt, TCPACKSkippedTimeWait, 9);
}

static void reset_kills_unless_rfc1337(void **state)
{
    (void)state;
    struct ended e = ended(false);
    peer_net()->sysctl.tcp_rfc1337 = 1;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs, .flags = R });
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_net()->sysctl.tcp_rfc1337 = 0;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs + 1, .flags = R }); /* not in sequence */
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs, .flags = R });
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    peer_hears_nothing();
}

static void newer_syn_begins_anew(void **state)
{
    (void)state;
    struct ended e = ended(false);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs - 100, .flags = S }); /* older: an old duplicate */
    assert_int_equal(peer_hear_flags(A).ack, e.theirs);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs + 10, .flags = S });
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.ack, e.theirs + 11);
    assert_int_equal(s.seq, e.ours + 65535 + 2); /* beyond all that the old connection sent */
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs + 11, .ack = s.seq + 1, .flags = A });
    assert_true(weir_accept4(peer.task, e.listener, NULL, NULL, 0) >= 0);
}

static void newer_timestamp_excuses_an_older_sequence(void **state)
{
    static const uint8_t later[12] = { 1, 1, 8, 10, 0, 0, 1, 1, 0, 0, 0, 0 };
    (void)state;
    struct ended e = ended(true);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs - 100, .flags = S, .options = later, .options_bytes = 12 });
    peer_hear_flags(S | A);
}

static void older_timestamp_does_not(void **state)
{
    static const uint8_t earlier[12] = { 1, 1, 8, 10, 0, 0, 0, 200, 0, 0, 0, 0 };
    uint64_t paws = COUNTER(TcpExt, PAWSTimewait);
    (void)state;
    struct ended e = ended(true);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = e.theirs + 10, .flags = S, .options = earlier, .options_bytes = 12 });
    struct seen s = peer_hear_flags(A);
    bool has;
    peer_timestamp(&s, &has);
    assert_true(has);
    assert_counted(paws, TcpExt, PAWSTimewait, 1);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
}

static void the_limit_of_buckets_holds(void **state)
{
    uint64_t over = COUNTER(TcpExt, TCPTimeWaitOverflow);
    uint32_t ours;
    (void)state;
    peer_net()->sysctl.tcp_max_tw_buckets = 0;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = F | A });
    peer_step();
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
    assert_counted(over, TcpExt, TCPTimeWaitOverflow, 1);
    assert_int_equal(tcp_sock_count(peer_net()), 1);
}

static void orphans_half_takes_only_a_fin(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = A });
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = A }); /* again: nothing new */
    peer_hears_nothing();
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = F | A });
    assert_int_equal(peer_hear_flags(A).ack, 502);
    peer_wait_ms(59000); /* now truly TIME-WAIT, counted from here */
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    peer_wait_ms(1500);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

static void data_for_a_closed_half_is_reset(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = A });
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours + 1, .flags = A, .data = "no" });
    peer_hear_flags(R);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

static void the_port_stays_taken(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(80).raw };
    (void)state;
    struct ended e = ended(false);
    weir_close(peer.task, e.listener);
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, EADDRINUSE);
    peer_wait_ms(61000);
    assert_int_equal(weir_bind(peer.task, fd, (void *)&a, sizeof a), 0);
}

static void connect_may_replace_ours_with_timestamps(void **state)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = be16(5555).raw }, to = peer_address(80);
    int one = 1;
    static const uint8_t syn_ack[12] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    weir_bind(peer.task, fd, (void *)&from, sizeof from);
    weir_connect(peer.task, fd, (void *)&to, sizeof to);
    peer_step();
    uint32_t ours = peer_hear_flags(S).seq + 1;
    peer_say((struct say){ .from = 80, .to = 5555, .seq = 900, .ack = ours, .flags = S | A, .options = syn_ack, .options_bytes = 12 });
    peer_hear_flags(A);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 80, .to = 5555, .seq = 901, .ack = ours + 1, .flags = F | A, .options = syn_ack, .options_bytes = 12 });
    peer_hear_flags(A);
    assert_int_equal(tcp_time_wait_count(peer_net()), 1);
    uint64_t recycled = COUNTER(TcpExt, TWRecycled);
    fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(weir_bind(peer.task, fd, (void *)&from, sizeof from), 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&to, sizeof to), -1);
    assert_int_equal(errno, EINPROGRESS);
    peer_step();
    assert_int_equal(peer_hear_flags(S).seq, ours + 1 + 65535 + 2);
    assert_counted(recycled, TcpExt, TWRecycled, 1);
    assert_int_equal(tcp_time_wait_count(peer_net()), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_lasts_a_minute), T(repeated_fin_is_acked_and_starts_anew), T(answers_are_limited), T(reset_kills_unless_rfc1337),
        T(newer_syn_begins_anew), T(newer_timestamp_excuses_an_older_sequence), T(older_timestamp_does_not),
        T(the_limit_of_buckets_holds), T(orphans_half_takes_only_a_fin), T(data_for_a_closed_half_is_reset),
        T(the_port_stays_taken), T(connect_may_replace_ours_with_timestamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
