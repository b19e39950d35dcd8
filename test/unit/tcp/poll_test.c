/* Readiness in every state that differs. */
#include "peer.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM)
#define EVERYTHING (READABLE | WRITABLE | POLLPRI | POLLRDHUP)

static int ready(int fd)
{
    struct pollfd p = { .fd = fd, .events = EVERYTHING };
    weir_poll(peer.task, &p, 1);
    return p.revents;
}

static void fresh_sock_is_hung_up(void **state)
{
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ready(fd), WRITABLE | POLLHUP);
}

static void listener_is_readable_with_a_child(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5);
    assert_int_equal(ready(l), 0);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 500, .flags = S });
    assert_int_equal(ready(l), 0); /* half-open is not ready */
    ours = peer_hear_flags(S | A).seq + 1;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours, .flags = A });
    assert_int_equal(ready(l), READABLE);
    assert_true(weir_accept4(peer.task, l, NULL, NULL, 0) >= 0);
    assert_int_equal(ready(l), 0);
}

static void opening_is_not_ready(void **state)
{
    struct sockaddr_in a = peer_address(80);
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    weir_connect(peer.task, fd, (void *)&a, sizeof a);
    peer_step();
    assert_int_equal(ready(fd), 0);
}

static void low_water_mark_holds_back(void **state)
{
    int mark = 5;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    assert_int_equal(ready(fd), WRITABLE);
    weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours, .flags = P | A, .data = "abcd" });
    assert_int_equal(ready(fd), WRITABLE);
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 505, .ack = ours, .flags = P | A, .data = "e" });
    assert_int_equal(ready(fd), WRITABLE | READABLE);
}

static void shutdown_shows(void **state)
{
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_shutdown(peer.task, fd, SHUT_WR);
    assert_int_equal(ready(fd), WRITABLE); /* a write would fail at once */
    weir_shutdown(peer.task, fd, SHUT_RD);
    assert_int_equal(ready(fd), WRITABLE | READABLE | POLLRDHUP | POLLHUP);
}

static void full_send_buffer_is_not_writable(void **state)
{
    static char block[65536];
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    while (weir_send(peer.task, fd, block, sizeof block, MSG_DONTWAIT) > 0) continue;
    assert_int_equal(ready(fd), 0);
}

static void unsent_limit_is_obeyed(void **state)
{
    static char block[20000];
    int limit = 1000;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, sizeof limit);
    assert_int_equal(ready(fd), WRITABLE);
    weir_send(peer.task, fd, block, sizeof block, MSG_DONTWAIT); /* more than the first window takes */
    assert_int_equal(ready(fd), 0);
}

static void urgent_byte_alone_is_no_data(void **state)
{
    uint8_t got;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), fd = peer_accepts(l, 2000, 80, 500, &ours);
    peer_urgent = 1;
    peer_say((struct say){ .from = 2000, .to = 80, .seq = 501, .ack = ours, .flags = P | A | TCP_URG, .data = "!" });
    assert_int_equal(ready(fd), WRITABLE | POLLPRI);
    assert_int_equal(weir_recv(peer.task, fd, &got, 1, MSG_OOB), 1);
    assert_int_equal(got, '!');
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(fresh_sock_is_hung_up), T(listener_is_readable_with_a_child), T(opening_is_not_ready), T(low_water_mark_holds_back),
        T(shutdown_shows), T(full_send_buffer_is_not_writable), T(unsent_limit_is_obeyed), T(urgent_byte_alone_is_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
