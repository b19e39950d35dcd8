#include "data_peer.h"

#include <linux/errqueue.h>

static void writes_without_copy(size_t bytes)
{
    static char buffer[20000];

    assert_int_equal(weir_send(peer.task, fd, buffer, bytes, MSG_ZEROCOPY), bytes);
    peer_step();
}

static void ask(void)
{
    int on = 1;

    open_connection(true, 60000);
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on), 0);
}

/* The next notice: numbers first to last; false: none. */
static bool notice(uint32_t *first, uint32_t *last)
{
    char control[128], data[8];
    struct iovec v = { data, sizeof data };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    long got = weir_recvmsg(peer.task, fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
    struct sock_extended_err e;

    if (got < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    assert_int_equal(got, 0);
    memcpy(&e, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof e);
    assert_int_equal(e.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
    assert_int_equal(e.ee_code, SO_EE_CODE_ZEROCOPY_COPIED);
    *first = e.ee_info;
    *last = e.ee_data;
    return true;
}

/* The buffer is the program's again when the last of its bytes is acknowledged, and not before. */
static void tells_when_acknowledged(void **state)
{
    uint32_t first, last;

    (void)state;
    ask();
    writes_without_copy(4000);
    assert_false(notice(&first, &last));
    peer_acks(3000);
    assert_false(notice(&first, &last));
    peer_acks(4000);
    assert_true(notice(&first, &last));
    assert_int_equal(first, 0);
    assert_int_equal(last, 0);
    assert_false(notice(&first, &last));
}

/* Notices nobody took yet become one range. */
static void ranges_are_joined(void **state)
{
    uint32_t first, last;

    (void)state;
    ask();
    for (uint32_t i = 1; i <= 3; i++) {
        writes_without_copy(1000);
        peer_acks(i * 1000);
    }
    assert_true(notice(&first, &last));
    assert_int_equal(first, 0);
    assert_int_equal(last, 2);
}

/* Linux: a packet refers to at most 17 pieces of pages; then the next begins, and the full one is pushed. */
static void pieces_fill_a_packet(void **state)
{
    static char bytes[64][64];
    struct iovec v[18];
    struct msghdr m = { .msg_iov = v, .msg_iovlen = 18 };
    int size = 200000;

    (void)state;
    ask();
    /* Each piece costs a page of the send buffer. */
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    for (unsigned i = 0; i < 18; i++) v[i] = (struct iovec){ bytes[i], 1 };
    assert_int_equal(weir_sendmsg(peer.task, fd, &m, MSG_ZEROCOPY), 18);
    peer_step();
    assert_int_equal(hear_data(0, 17).flags, A | P);
    peer_acks(17);
    hear_data(17, 1);
}

/* A send that takes nothing leaves its number to the next one. */
static void refused_send_has_no_number(void **state)
{
    uint32_t first, last;
    int size = 1, taken;
    static char buffer[100000];

    (void)state;
    ask();
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    taken = (int)weir_send(peer.task, fd, buffer, sizeof buffer, MSG_ZEROCOPY);
    assert_true(taken > 0 && taken < 100000);
    assert_int_equal(weir_send(peer.task, fd, buffer, 1, MSG_ZEROCOPY), -1);
    peer_step();
    for (int acked = 0; acked < taken;) {
        acked = acked + 5000 < taken ? acked + 5000 : taken;
        peer_acks((uint32_t)acked);
    }
    assert_int_equal(weir_send(peer.task, fd, buffer, 0, MSG_ZEROCOPY), 0);
    assert_int_equal(weir_send(peer.task, fd, buffer, 1, MSG_ZEROCOPY), 1);
    peer_step();
    peer_acks((uint32_t)taken + 1);
    assert_true(notice(&first, &last));
    assert_int_equal(first, 0);
    assert_int_equal(last, 1);
}

DATA_MAIN(DATA_TEST(tells_when_acknowledged), DATA_TEST(ranges_are_joined), DATA_TEST(pieces_fill_a_packet), DATA_TEST(refused_send_has_no_number))
