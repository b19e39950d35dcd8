#include "data_peer.h"

static char got[100];

static void peek_reads_twice(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_data(0, "abc");
    peer_data(3, "def");
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, MSG_PEEK), 6);
    assert_memory_equal(got, "abcdef", 6);
    assert_int_equal(weir_recv(peer.task, fd, got, 4, 0), 4);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 2);
    assert_memory_equal(got, "ef", 2);
}

/* MSG_TRUNC on a stream throws away without copying (tcp(7)). */
static void truncate_discards(void **state)
{
    (void)state;
    open_connection(true, 60000);
    peer_data(0, "abcdef");
    memset(got, 'z', sizeof got);
    assert_int_equal(weir_recv(peer.task, fd, got, 4, MSG_TRUNC), 4);
    assert_int_equal(got[0], 'z');
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 2);
    assert_memory_equal(got, "ef", 2);
}

static void end_of_file(void **state)
{
    int unread = -1;

    (void)state;
    open_connection(true, 60000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = A | F | P, .data = "bye" });
    assert_int_equal(weir_ioctl(peer.task, fd, SIOCINQ, &unread), 0);
    assert_int_equal(unread, 3);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 3);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), 0);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, MSG_PEEK), 0);
}

static void nothing_there(void **state)
{
    (void)state;
    open_connection(true, 60000);
    assert_int_equal(weir_recv(peer.task, fd, got, sizeof got, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(weir_recv(peer.task, fd, got, 1, MSG_OOB), -1);
    assert_int_equal(errno, EINVAL);
}

/* TCP_INQ: what is left, with every read. */
static void unread_in_control_message(void **state)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec v = { got, 4 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *c;
    int left;

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_INQ, 1);
    peer_data(0, "abcdefg");
    assert_int_equal(weir_recvmsg(peer.task, fd, &m, 0), 4);
    c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    assert_int_equal(c->cmsg_level, IPPROTO_TCP);
    assert_int_equal(c->cmsg_type, TCP_CM_INQ);
    memcpy(&left, CMSG_DATA(c), sizeof left);
    assert_int_equal(left, 3);
}

/* Reading what filled the window opens it again, and the peer is told. */
static void window_update(void **state)
{
    static char all[60000];
    uint32_t sent = 0, window = 60000;

    (void)state;
    peer_net()->sysctl.tcp_rmem[1] = peer_net()->sysctl.tcp_rmem[2] = 16000;
    open_connection(true, 60000);
    while (window >= 1000 && sent < 60000) {
        peer_data(sent, thousand);
        sent += 1000;
        peer_wait_ms(250);
        while (peer.count) window = peer_hear().window;
    }
    assert_true(window < 1000);
    assert_int_equal(weir_recv(peer.task, fd, all, sizeof all, 0), sent);
    peer_step();
    assert_true(peer_hear_flags(A).window >= 4000);
}

DATA_MAIN(DATA_TEST(peek_reads_twice), DATA_TEST(truncate_discards), DATA_TEST(end_of_file), DATA_TEST(nothing_there), DATA_TEST(unread_in_control_message), DATA_TEST(window_update))
