/* Fast Open, passive: what a client sees of it, and the program. */
#include "fastopen_peer.h"

static uint8_t with_cookie[12];

static struct say syn(uint16_t from, uint32_t seq, const uint8_t *options, uint8_t options_bytes, const char *data)
{
    return (struct say){ .from = from, .to = 80, .seq = seq, .flags = S, .window = 4000, .options = options, .options_bytes = options_bytes, .data = data };
}

/* A listener with this limit; the cookie that it gives out is in with_cookie. */
static int server(int limit)
{
    uint8_t cookie[16];
    bool is_experimental;
    set_sysctl("tcp_fastopen", "3");
    int l = peer_listen(80, 5);
    assert_int_equal(weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN, &limit, sizeof limit), 0);
    peer_say(syn(1000, 100, no_cookie, 4, NULL));
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.ack, 101);
    assert_int_equal(cookie_of(&s, cookie, &is_experimental), 8);
    assert_false(is_experimental);
    memcpy(with_cookie, (uint8_t[12]){ 34, 10, [10] = 1, [11] = 1 }, sizeof with_cookie);
    memcpy(with_cookie + 2, cookie, 8);
    peer_say((struct say){ .from = 1000, .to = 80, .seq = 101, .flags = R });
    return l;
}

static struct seen open_with_data(uint16_t from, const char *data)
{
    peer_say(syn(from, 5000, with_cookie, 12, data));
    return peer_hear_flags(S | A);
}

static int accepted(int l)
{
    int fd = weir_accept4(peer.task, l, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

static void data_in_the_syn_are_read_and_answered_before_the_handshake_ends(void **state)
{
    char buffer[16];
    uint64_t passive = COUNTER(TcpExt, TCPFastOpenPassive);
    (void)state;
    int l = server(5);
    struct seen s = open_with_data(2000, "hello");
    assert_int_equal(s.ack, 5006);
    int fd = accepted(l);
    assert_int_equal(info_of(fd).tcpi_state, TCPS_SYN_RECV);
    assert_int_equal(info_of(fd).tcpi_options & (TCPI_OPT_SYN_DATA | 128), TCPI_OPT_SYN_DATA | 128);
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    assert_int_equal(weir_poll(peer.task, &p, 1), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT);
    assert_int_equal(weir_recv(peer.task, fd, buffer, sizeof buffer, 0), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(weir_send(peer.task, fd, "world!", 6, 0), 6);
    peer_step();
    struct seen data = peer_hear_flags(A | P);
    assert_int_equal(data.seq, s.seq + 1);
    assert_int_equal(data.payload_bytes, 6);
    assert_int_equal(info_of(fd).tcpi_delivered, 0);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5006, .ack = s.seq + 7, .flags = A });
    assert_int_equal(info_of(fd).tcpi_state, TCPS_ESTABLISHED);
    assert_int_equal(info_of(fd).tcpi_delivered, 2); /* SYN-ACK and data */
    assert_null(tcp_of(peer_sock(fd))->flight->request);
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 0);
    peer_wait_ms(5000);
    peer_hears_nothing();
    assert_counted(passive, TcpExt, TCPFastOpenPassive, 1);
}

static void a_strange_cookie_gets_the_right_one(void **state)
{
    uint8_t strange[12] = { 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1 }, cookie[16];
    uint64_t fails = COUNTER(TcpExt, TCPFastOpenPassiveFail);
    bool is_experimental;
    (void)state;
    server(5);
    peer_say(syn(2000, 5000, strange, 12, "hello"));
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.ack, 5001);
    assert_int_equal(cookie_of(&s, cookie, &is_experimental), 8);
    assert_memory_equal(cookie, with_cookie + 2, 8);
    assert_counted(fails, TcpExt, TCPFastOpenPassiveFail, 1);
}

static void the_old_option_is_answered_with_the_old_option(void **state)
{
    static const uint8_t old[] = { 254, 4, 0xf9, 0x89 };
    uint8_t cookie[16];
    bool is_experimental;
    (void)state;
    server(5);
    peer_say(syn(2000, 5000, old, 4, NULL));
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(cookie_of(&s, cookie, &is_experimental), 8);
    assert_true(is_experimental);
    assert_memory_equal(cookie, with_cookie + 2, 8);
    peer_wait_ms(1100); /* what is repeated says nothing of it */
    s = peer_hear_flags(S | A);
    assert_int_equal(cookie_of(&s, cookie, &is_experimental), -1);
}

static void the_key_before_still_opens(void **state)
{
    uint64_t alternative = COUNTER(TcpExt, TCPFastOpenPassiveAltKey);
    uint8_t cookie[16];
    bool is_experimental;
    (void)state;
    set_sysctl("tcp_fastopen_key", "1-2-3-4");
    server(5);
    set_sysctl("tcp_fastopen_key", "5-6-7-8,1-2-3-4");
    struct seen s = open_with_data(2000, "x");
    assert_int_equal(s.ack, 5002);
    assert_int_equal(cookie_of(&s, cookie, &is_experimental), 8);
    assert_memory_not_equal(cookie, with_cookie + 2, 8);
    assert_counted(alternative, TcpExt, TCPFastOpenPassiveAltKey, 1);
}

static void no_cookie_where_none_is_wanted(void **state)
{
    int on = 1;
    (void)state;
    int l = server(5);
    peer_say(syn(2000, 5000, NULL, 0, "hello"));
    assert_int_equal(peer_hear_flags(S | A).ack, 5001);
    assert_int_equal(weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on), 0);
    peer_say(syn(2001, 5000, NULL, 0, "hello"));
    assert_int_equal(peer_hear_flags(S | A).ack, 5006);
}

/* One place only; a RST of what was accepted keeps it for a minute. */
static void resets_use_up_fast_open_and_nothing_else(void **state)
{
    uint64_t overflows = COUNTER(TcpExt, TCPFastOpenListenOverflow);
    (void)state;
    int l = server(1);
    assert_int_equal(open_with_data(2000, "a").ack, 5002);
    accepted(l);
    assert_int_equal(open_with_data(2001, "b").ack, 5001); /* full */
    assert_counted(overflows, TcpExt, TCPFastOpenListenOverflow, 1);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5002, .flags = R });
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 1);
    assert_int_equal(open_with_data(2002, "c").ack, 5001);
    peer_wait_ms(61000);
    peer_forget();
    assert_int_equal(open_with_data(2003, "d").ack, 5002);
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 1);
    assert_null(tcp_of(peer_sock(l))->listener->reset_first);
}

static void a_reset_before_accept_leaves_what_was_said(void **state)
{
    char buffer[16];
    struct sockaddr_in name;
    socklen_t bytes = sizeof name;
    (void)state;
    int l = server(5);
    open_with_data(2000, "hello");
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5006, .flags = R });
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 0);
    int fd = weir_accept4(peer.task, l, (void *)&name, &bytes, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(weir_recv(peer.task, fd, buffer, sizeof buffer, 0), 5);
    assert_int_equal(outcome(weir_recv(peer.task, fd, buffer, sizeof buffer, 0)), -ECONNRESET);
}

static void the_syn_ack_is_repeated_once_more_than_without(void **state)
{
    static const uint64_t at_s[] = { 1, 3, 7 };
    char byte;
    (void)state;
    set_sysctl("tcp_synack_retries", "2");
    int l = server(5);
    uint64_t start = peer.now_ns;
    struct seen first = open_with_data(2000, "x");
    int fd = accepted(l);
    assert_int_equal(weir_send(peer.task, fd, "data", 4, 0), 4);
    peer_step();
    peer_hear_flags(A | P);
    peer_wait_ms(14900);
    for (unsigned i = 0; i < array_count(at_s); i++) {
        struct seen s = peer_hear_flags(S | A); /* and nothing else before it is answered */
        assert_int_equal(s.seq, first.seq);
        assert_int_equal(s.ack, 5002);
        assert_int_equal((s.at_ns - start) / NS_PER_S, at_s[i]);
    }
    assert_int_equal(info_of(fd).tcpi_total_retrans, 3);
    peer_wait_ms(200);
    peer_hears_nothing();
    assert_int_equal(weir_recv(peer.task, fd, &byte, 1, 0), 1);
    assert_int_equal(outcome(weir_recv(peer.task, fd, &byte, 1, 0)), -ETIMEDOUT);
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 0);
}

static void a_closed_listener_resets_and_an_accepted_child_goes_on(void **state)
{
    (void)state;
    int l = server(5);
    struct seen taken = open_with_data(2000, "x");
    int fd = accepted(l);
    struct seen waiting = open_with_data(2001, "y");
    weir_close(peer.task, l);
    peer_step();
    struct seen s = peer_hear_flags(R | A);
    assert_int_equal(s.destination_port, 2001);
    assert_int_equal(s.seq, waiting.seq + 1);
    peer_wait_ms(1100);
    s = peer_hear_flags(S | A); /* from a port whose listener is gone */
    assert_int_equal(s.source_port, 80);
    assert_int_equal(s.seq, taken.seq);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5002, .ack = taken.seq + 1, .flags = A });
    assert_int_equal(info_of(fd).tcpi_state, TCPS_ESTABLISHED);
}

static void closing_before_the_handshake_ends(void **state)
{
    char byte;
    (void)state;
    int l = server(5);
    struct seen s = open_with_data(2000, "x");
    int fd = accepted(l);
    assert_int_equal(weir_recv(peer.task, fd, &byte, 1, 0), 1);
    weir_close(peer.task, fd);
    peer_step();
    struct seen fin = peer_hear_flags(F | A);
    assert_int_equal(fin.seq, s.seq + 1);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5002, .ack = s.seq + 2, .flags = A });
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 0);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 5002, .ack = s.seq + 2, .flags = F | A });
    peer_hear_flags(A);
}

/* Only an ICMP about the SYN-ACK itself, and only before accept(). */
static void unreachable_ends_what_nobody_accepted(void **state)
{
    char byte;
    (void)state;
    int l = server(5);
    struct seen s = open_with_data(2000, "x");
    peer_unreachable(1, 80, 2000, s.seq - 1);
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 1);
    peer_unreachable(1, 80, 2000, s.seq);
    assert_int_equal(tcp_of(peer_sock(l))->listener->fastopen_pending, 0);
    int fd = accepted(l);
    assert_int_equal(weir_recv(peer.task, fd, &byte, 1, 0), 1);
    assert_int_equal(outcome(weir_recv(peer.task, fd, &byte, 1, 0)), -EHOSTUNREACH);
    s = open_with_data(2001, "y");
    fd = accepted(l);
    peer_unreachable(1, 80, 2001, s.seq);
    assert_int_equal(info_of(fd).tcpi_state, TCPS_SYN_RECV);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(data_in_the_syn_are_read_and_answered_before_the_handshake_ends), T(a_strange_cookie_gets_the_right_one),
        T(the_old_option_is_answered_with_the_old_option), T(the_key_before_still_opens), T(no_cookie_where_none_is_wanted),
        T(resets_use_up_fast_open_and_nothing_else), T(a_reset_before_accept_leaves_what_was_said),
        T(the_syn_ack_is_repeated_once_more_than_without), T(a_closed_listener_resets_and_an_accepted_child_goes_on),
        T(closing_before_the_handshake_ends), T(unreachable_ends_what_nobody_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
