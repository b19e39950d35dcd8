/* Active open: what connect() sends, and all that may come back. */
#include "peer.h"

static int begin(uint16_t to, struct seen *syn)
{
    struct sockaddr_in a = peer_address(to);
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, EINPROGRESS);
    peer_step();
    *syn = peer_hear_flags(S);
    return fd;
}

static int error_of(int fd)
{
    int error = -1;
    socklen_t bytes = sizeof error;
    assert_int_equal(weir_getsockopt(peer.task, fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    return error;
}

static void syn_ack_establishes(void **state)
{
    struct seen syn;
    uint64_t opens = COUNTER(Tcp, ActiveOpens);
    (void)state;
    int fd = begin(80, &syn);
    struct sockaddr_in a = peer_address(80);
    assert_int_equal(syn.destination_port, 80);
    assert_int_equal(syn.payload_bytes, 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, EALREADY);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 900, .ack = syn.seq + 1, .flags = S | A });
    struct seen s = peer_hear_flags(A);
    assert_int_equal(s.seq, syn.seq + 1);
    assert_int_equal(s.ack, 901);
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    assert_int_equal(p.revents, POLLOUT);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, EISCONN);
    assert_counted(opens, Tcp, ActiveOpens, 1);
    assert_int_equal(COUNTER(Tcp, CurrEstab), 1);
}

/* MUST-67: the MSS of a repeated SYN follows the device's MTU. */
static void repeated_syn_fits_the_mtu_of_now(void **state)
{
    struct seen syn;
    struct ifreq r = { .ifr_name = "eth0", .ifr_mtu = 1400 };
    (void)state;
    int fd = begin(80, &syn);
    assert_memory_equal(syn.options, "\2\4\5\264", 4);
    assert_int_equal(weir_ioctl(peer.task, fd, SIOCSIFMTU, &r), 0);
    peer_wait_ms(1100);
    assert_memory_equal(peer_hear_flags(S).options, "\2\4\5\120", 4);
}

static void reset_refuses(void **state)
{
    struct seen syn;
    uint64_t fails = COUNTER(Tcp, AttemptFails);
    (void)state;
    int fd = begin(80, &syn);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .ack = syn.seq, .flags = R | A }); /* not of our SYN */
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_SENT);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .flags = R }); /* nor an RST without ACK */
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_SENT);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .ack = syn.seq + 1, .flags = R | A });
    assert_int_equal(peer_sock(fd)->state, TCPS_CLOSE);
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(error_of(fd), ECONNREFUSED);
    assert_counted(fails, Tcp, AttemptFails, 1);
}

static void icmp_is_believed_when_it_quotes_our_syn(void **state)
{
    struct seen syn;
    uint64_t strange = COUNTER(TcpExt, OutOfWindowIcmps);
    (void)state;
    int fd = begin(80, &syn);
    peer_unreachable(1, syn.source_port, 80, syn.seq - 1);
    assert_counted(strange, TcpExt, OutOfWindowIcmps, 1);
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_SENT);
    peer_unreachable(1, syn.source_port, 80, syn.seq);
    assert_int_equal(peer_sock(fd)->state, TCPS_CLOSE);
    assert_int_equal(error_of(fd), EHOSTUNREACH);
}

static void silence_times_out(void **state)
{
    static const uint64_t at_s[] = { 1, 3 };
    struct seen syn;
    int tries = 2;
    (void)state;
    struct sockaddr_in a = peer_address(80);
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    peer_net()->sysctl.tcp_syn_linear_timeouts = 0;
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries), 0);
    uint64_t start = peer.now_ns;
    weir_connect(peer.task, fd, (void *)&a, sizeof a);
    peer_step();
    syn = peer_hear_flags(S);
    peer_wait_ms(6900);
    for (unsigned i = 0; i < 2; i++) {
        struct seen s = peer_hear_flags(S);
        assert_int_equal(s.seq, syn.seq);
        assert_int_equal((s.at_ns - start) / NS_PER_S, at_s[i]);
    }
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_SENT);
    peer_wait_ms(200);
    peer_hears_nothing();
    assert_int_equal(peer_sock(fd)->state, TCPS_CLOSE);
    assert_int_equal(error_of(fd), ETIMEDOUT);
}

static void crossed_syns_open_both(void **state)
{
    struct seen syn;
    (void)state;
    int fd = begin(80, &syn);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 900, .flags = S });
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.seq, syn.seq);
    assert_int_equal(s.ack, 901);
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_RECV);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 901, .ack = syn.seq + 1, .flags = A });
    assert_int_equal(peer_sock(fd)->state, TCPS_ESTABLISHED);
    assert_int_equal(weir_write(peer.task, fd, "x", 1), 1);
    peer_step();
    s = peer_hear_flags(P | A);
    assert_int_equal(s.seq, syn.seq + 1);
    assert_int_equal(s.window, 63); /* scaled though we were offered none: as on Linux 6.18 */
}

static void wrong_acknowledgement_is_reset(void **state)
{
    struct seen syn;
    (void)state;
    int fd = begin(80, &syn);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 900, .ack = syn.seq + 2, .flags = S | A });
    struct seen s = peer_hear_flags(R);
    assert_int_equal(s.seq, syn.seq + 2);
    assert_int_equal(peer_sock(fd)->state, TCPS_SYN_SENT);
}

static void no_route_is_told_at_once(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(80).raw, .sin_addr.s_addr = be32(0xc0000201).raw };
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, ENETUNREACH);
    a.sin_addr.s_addr = be32(0xe0000001).raw;
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, ENETUNREACH);
    a.sin_family = AF_INET6;
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, 8), -1);
    assert_int_equal(errno, EINVAL);
}

static void unspec_disconnects(void **state)
{
    struct seen syn;
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    struct sockaddr_in a = peer_address(81);
    (void)state;
    int fd = begin(80, &syn);
    peer_say((struct say){ .from = 80, .to = syn.source_port, .seq = 900, .ack = syn.seq + 1, .flags = S | A });
    peer_hear_flags(A);
    assert_int_equal(weir_connect(peer.task, fd, &none, sizeof none), 0);
    peer_step();
    assert_int_equal(peer_hear_flags(R | A).seq, syn.seq + 1);
    assert_int_equal(peer_sock(fd)->state, TCPS_CLOSE);
    error_of(fd);
    assert_int_equal(weir_connect(peer.task, fd, (void *)&a, sizeof a), -1); /* and may connect again */
    assert_int_equal(errno, EINPROGRESS);
    peer_step();
    assert_int_equal(peer_hear_flags(S).destination_port, 81);
}

/* RFC 6528: unguessable, yet growing for the same pair. */
static void isns_of_pairs_differ(void **state)
{
    struct seen a, b;
    (void)state;
    begin(80, &a);
    begin(81, &b);
    uint32_t distance = b.seq - a.seq;
    assert_true(distance > 1000000 && distance < UINT32_MAX - 1000000);
}

static void a_sock_may_connect_to_itself(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(7777).raw, .sin_addr.s_addr = be32(INADDR_LOOPBACK).raw };
    char c = 0;
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(peer.task, fd, (void *)&a, sizeof a), 0);
    int r = weir_connect(peer.task, fd, (void *)&a, sizeof a);
    assert_true(r == 0 || errno == EINPROGRESS);
    peer_step();
    assert_int_equal(peer_sock(fd)->state, TCPS_ESTABLISHED);
    assert_int_equal(weir_write(peer.task, fd, "z", 1), 1);
    peer_step();
    assert_int_equal(weir_read(peer.task, fd, &c, 1), 1);
    assert_int_equal(c, 'z');
}

static void a_taken_pair_is_not_given_twice(void **state)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = be16(5555).raw, .sin_addr.s_addr = be32(0x0a000001).raw }, to = peer_address(80);
    int one = 1;
    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
        weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        assert_int_equal(weir_bind(peer.task, fd, (void *)&from, sizeof from), 0);
        assert_int_equal(weir_connect(peer.task, fd, (void *)&to, sizeof to), -1);
        assert_int_equal(errno, i ? EADDRNOTAVAIL : EINPROGRESS);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(syn_ack_establishes), T(reset_refuses), T(icmp_is_believed_when_it_quotes_our_syn), T(silence_times_out),
        T(repeated_syn_fits_the_mtu_of_now), T(reset_refuses), T(icmp_is_believed_when_it_quotes_our_syn), T(silence_times_out),
        T(crossed_syns_open_both), T(wrong_acknowledgement_is_reset), T(no_route_is_told_at_once), T(unspec_disconnects),
        T(isns_of_pairs_differ), T(a_sock_may_connect_to_itself), T(a_taken_pair_is_not_given_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
