/* Answers that no queue stands behind: what they carry and how often. */
#include "peer.h"

static void reset_is_bare(void **state)
{
    (void)state;
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 5, .flags = S });
    struct seen s = peer_hear_flags(R | A);
    assert_int_equal(s.window, 0);
    assert_int_equal(s.options_bytes, 0);
}

static void nothing_answers_a_broadcast(void **state)
{
    (void)state;
    peer_listen(80, 5);
    peer_destination_last = 255;
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 5, .flags = S });
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5, .flags = S });
    peer_hears_nothing();
}

static void broken_checksums_are_counted(void **state)
{
    uint64_t sums = COUNTER(Tcp, InCsumErrors), errors = COUNTER(Tcp, InErrs);
    (void)state;
    peer_spoils_checksum = true;
    peer_say((struct say){ .from = 2000, .to = 99, .seq = 5, .flags = S });
    peer_hears_nothing();
    assert_counted(sums, Tcp, InCsumErrors, 1);
    assert_counted(errors, Tcp, InErrs, 1);
}

/* Each second's allowance lies between half and one and a half of the limit. */
static void challenges_have_an_allowance(void **state)
{
    struct net *net = peer_net();
    unsigned different = 0, last = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) assert_true(tcp_challenge_allowed(net)); /* no limit by default */
    net->sysctl.tcp_challenge_ack_limit = 100;
    for (int second = 0; second < 20; second++) {
        unsigned allowed = 0;
        while (tcp_challenge_allowed(net)) allowed++;
        assert_in_range(allowed, 50, 150);
        different += allowed != last;
        last = allowed;
        peer_wait_ms(1000);
    }
    assert_true(different > 10);
}

static void established_sock_challenges_a_syn_once_in_a_while(void **state)
{
    uint32_t ours;
    uint64_t challenges = COUNTER(TcpExt, TCPChallengeACK), skipped = COUNTER(TcpExt, TCPACKSkippedChallenge);
    (void)state;
    int l = peer_listen(80, 5);
    peer_accepts(l, 2000, 80, 500, &ours);
    for (int i = 0; i < 5; i++) peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours, .flags = S });
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.seq, ours);
    assert_int_equal(s.ack, 501);
    peer_hears_nothing();
    assert_counted(challenges, TcpExt, TCPChallengeACK, 1);
    assert_counted(skipped, TcpExt, TCPACKSkippedChallenge, 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reset_is_bare), T(nothing_answers_a_broadcast), T(broken_checksums_are_counted),
        T(challenges_have_an_allowance), T(established_sock_challenges_a_syn_once_in_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
