/* Fast Open, active: what a server sees of it, and the program. */
#include "fastopen_peer.h"

static const uint8_t mss_and_cookie[] = { 2, 4, 4, 0, 34, 6, 0xab, 0xcd, 0x12, 0x34, 1, 1 }, only_mss[] = { 2, 4, 4, 0 }; /* 1024 */
static char bytes[4000];

static int new_socket(void)
{
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    return fd;
}

static long send_open(int fd, size_t count)
{
    struct sockaddr_in a = peer_address(80);
    long r = outcome(weir_sendto(peer.task, fd, bytes, count, MSG_OPEN, (void *)&a, sizeof a));
    peer_step();
    return r;
}

static void answer(const struct seen *syn, uint32_t ack, const uint8_t *options, uint8_t options_bytes)
{
    peer_say((struct say){ .from = 80, .to = syn->source_port, .seq = 900, .ack = ack, .flags = S | A, .options = options, .options_bytes = options_bytes });
}

/* Asks for a cookie and gets it. */
static void learn_cookie(void)
{
    uint8_t cookie[16];
    bool is_experimental;
    int fd = new_socket();
    assert_int_equal(send_open(fd, 10), -EINPROGRESS);
    struct seen syn = peer_hear_flags(S);
    assert_int_equal(syn.payload_bytes, 0);
    assert_int_equal(cookie_of(&syn, cookie, &is_experimental), 0);
    answer(&syn, syn.seq + 1, mss_and_cookie, 12);
    peer_hear_flags(A);
    assert_int_equal(info_of(fd).tcpi_fastopen_client_fail, TFO_COOKIE_UNAVAILABLE);
    weir_close(peer.task, fd);
    peer_step();
    peer_hear_flags(F | A);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 901, .flags = R });
}

static void the_second_time_data_go_with_the_syn(void **state)
{
    uint64_t active = COUNTER(TcpExt, TCPFastOpenActive);
    uint8_t cookie[16];
    bool is_experimental;
    (void)state;
    learn_cookie();
    int fd = new_socket();
    assert_int_equal(send_open(fd, 4000), 984); /* the MSS said last time, less 40 for options on the way */
    struct seen syn = peer_hear_flags(S);
    assert_int_equal(syn.payload_bytes, 984);
    assert_int_equal(cookie_of(&syn, cookie, &is_experimental), 4);
    assert_memory_equal(cookie, mss_and_cookie + 6, 4);
    assert_int_equal(send_open(fd, 1), -EALREADY);
    assert_int_equal(outcome(weir_send(peer.task, fd, bytes, 1, 0)), -EAGAIN);
    answer(&syn, syn.seq + 985, only_mss, 4);
    assert_int_equal(peer_hear_flags(A).seq, syn.seq + 985);
    assert_int_equal(info_of(fd).tcpi_options & TCPI_OPT_SYN_DATA, TCPI_OPT_SYN_DATA);
    assert_int_equal(info_of(fd).tcpi_delivered, 1);
    assert_counted(active, TcpExt, TCPFastOpenActive, 1);
    assert_int_equal(send_open(fd, 1), 1);
    assert_int_equal(send_open(fd, 1), -EISCONN);
}

static void what_was_not_taken_goes_again_at_once(void **state)
{
    uint64_t fails = COUNTER(TcpExt, TCPFastOpenActiveFail);
    (void)state;
    learn_cookie();
    int fd = new_socket();
    assert_int_equal(send_open(fd, 500), 500);
    struct seen syn = peer_hear_flags(S), s;
    answer(&syn, syn.seq + 101, only_mss, 4);
    s = peer_hear_flags(A | P);
    assert_int_equal(s.seq, syn.seq + 101);
    assert_int_equal(s.payload_bytes, 400);
    assert_int_equal(info_of(fd).tcpi_options & TCPI_OPT_SYN_DATA, 0);
    assert_int_equal(info_of(fd).tcpi_fastopen_client_fail, TFO_DATA_NOT_ACKED);
    assert_counted(fails, TcpExt, TCPFastOpenActiveFail, 1);
}

static void a_syn_is_repeated_bare(void **state)
{
    uint8_t cookie[16];
    bool is_experimental;
    (void)state;
    learn_cookie();
    int fd = new_socket();
    assert_int_equal(send_open(fd, 500), 500);
    peer_hear_flags(S);
    peer_wait_ms(1050);
    struct seen syn = peer_hear_flags(S);
    assert_int_equal(syn.payload_bytes, 0);
    assert_int_equal(cookie_of(&syn, cookie, &is_experimental), -1);
    answer(&syn, syn.seq + 1, only_mss, 4);
    assert_int_equal(peer_hear_flags(A | P).payload_bytes, 500);
    assert_int_equal(info_of(fd).tcpi_fastopen_client_fail, TFO_SYN_RETRANSMITTED);
    assert_int_equal(tcp_metrics_of(tcp_of(peer_sock(fd)), false)->fastopen.lost_syns, 1);
}

/* A server that does not answer is asked the old way, once. */
static void the_old_option_is_tried_once(void **state)
{
    static const bool is_old[] = { false, true, false, false };
    uint8_t cookie[16];
    bool is_experimental;
    (void)state;
    for (unsigned i = 0; i < array_count(is_old); i++) {
        int fd = new_socket();
        assert_int_equal(send_open(fd, 10), -EINPROGRESS);
        struct seen syn = peer_hear_flags(S);
        assert_int_equal(cookie_of(&syn, cookie, &is_experimental), 0);
        assert_int_equal(is_experimental, is_old[i]);
        answer(&syn, syn.seq + 1, only_mss, 4);
        weir_close(peer.task, fd);
        peer_step();
        peer_forget();
    }
}

static void connect_waits_for_the_first_write(void **state)
{
    struct sockaddr_in a = peer_address(80);
    int on = 1;
    (void)state;
    learn_cookie();
    int fd = new_socket();
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on), 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), 0);
    peer_step();
    peer_hears_nothing();
    assert_int_equal(outcome(weir_connect(peer.task, fd, (void *)&a, sizeof a)), -EISCONN);
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    assert_int_equal(p.revents, POLLOUT);
    assert_int_equal(outcome(weir_recv(peer.task, fd, bytes, 1, 0)), -EAGAIN);
    assert_int_equal(weir_send(peer.task, fd, bytes, 500, 0), 500);
    peer_step();
    struct seen syn = peer_hear_flags(S);
    assert_int_equal(syn.payload_bytes, 500);
    assert_int_equal(weir_poll(peer.task, &p, 1), 0);
    answer(&syn, syn.seq + 501, only_mss, 4);
    peer_hear_flags(A);
    assert_int_equal(weir_send(peer.task, fd, bytes, 5, 0), 5);
}

static void misuse(void **state)
{
    struct sockaddr_in a = peer_address(80), nobody = { .sin_family = AF_UNSPEC };
    int on = 1, two = 2;
    (void)state;
    int fd = new_socket(), l = peer_listen(80, 1);
    assert_int_equal(outcome(weir_sendto(peer.task, fd, bytes, 1, MSG_OPEN, NULL, 0)), -EINVAL);
    assert_int_equal(outcome(weir_sendto(peer.task, fd, bytes, 1, MSG_OPEN, (void *)&nobody, sizeof nobody)), -EOPNOTSUPP);
    assert_int_equal(outcome(weir_sendto(peer.task, l, bytes, 1, MSG_OPEN, (void *)&a, sizeof a)), -EISCONN);
    assert_int_equal(outcome(weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)), -EINVAL);
    set_sysctl("tcp_fastopen", "0");
    assert_int_equal(send_open(fd, 1), -EOPNOTSUPP);
    assert_int_equal(outcome(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)), -EOPNOTSUPP);
    assert_int_equal(outcome(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &two, sizeof two)), -EINVAL);
}

static void refused(void **state)
{
    (void)state;
    learn_cookie();
    int fd = new_socket();
    assert_int_equal(send_open(fd, 500), 500);
    struct seen syn = peer_hear_flags(S);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .ack = syn.seq + 1, .flags = R | A });
    assert_int_equal(outcome(weir_send(peer.task, fd, bytes, 1, 0)), -ECONNREFUSED);
}

/* Three timeouts in a row: something on the way does not bear it. Each pause is twice the one before. */
static void a_black_hole_pauses_it(void **state)
{
    uint64_t holes = COUNTER(TcpExt, TCPFastOpenBlackhole);
    (void)state;
    set_sysctl("tcp_fastopen_blackhole_timeout_sec", "60");
    learn_cookie();
    for (unsigned i = 0; i < 2; i++) {
        int fd = new_socket();
        assert_int_equal(send_open(fd, 500), 500);
        peer_wait_ms(3050);
        assert_counted(holes, TcpExt, TCPFastOpenBlackhole, 1);
        weir_close(peer.task, fd);
        fd = new_socket();
        peer_forget();
        assert_int_equal(send_open(fd, 500), -EINPROGRESS);
        struct seen syn = peer_hear_flags(S);
        assert_int_equal(syn.payload_bytes, 0);
        weir_close(peer.task, fd);
        peer_wait_ms(i ? 119000 : 60000);
        peer_forget();
        if (i) assert_int_equal(send_open(new_socket(), 500), -EINPROGRESS);
    }
    set_sysctl("tcp_fastopen_blackhole_timeout_sec", "60");
    assert_int_equal(send_open(new_socket(), 500), 500);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_second_time_data_go_with_the_syn), T(what_was_not_taken_goes_again_at_once), T(a_syn_is_repeated_bare),
        T(the_old_option_is_tried_once), T(connect_waits_for_the_first_write), T(misuse), T(refused), T(a_black_hole_pauses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
