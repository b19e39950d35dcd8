#include "data_peer.h"

static struct tcp_sock *tp(void) { return tcp_of(peer_sock(fd)); }

/* Small writes gather in one packet while it cannot go; the bytes stay in order however the packet grows. */
static void writes_gather(void **state)
{
    static char text[1500];

    (void)state;
    open_connection(true, 60000);
    set_option(TCP_CORK, 1);
    for (unsigned i = 0; i < 9; i++) program_writes(100);
    peer_hears_nothing();
    assert_int_equal(tp()->flight->write_queue.count, 1);
    memset(text, 'y', sizeof text);
    assert_int_equal(weir_send(peer.task, fd, text, 1500, 0), 1500);
    peer_step();
    hear_data(0, 1000);
    hear_data(1000, 1000);
    set_option(TCP_CORK, 0);
    peer_step();
    hear_data(2000, 400);
}

static void more_is_a_cork_for_one_call(void **state)
{
    (void)state;
    open_connection(true, 60000);
    assert_int_equal(weir_send(peer.task, fd, "abc", 3, MSG_MORE), 3);
    peer_step();
    peer_hears_nothing();
    assert_int_equal(weir_send(peer.task, fd, "def", 3, 0), 3);
    peer_step();
    assert_int_equal(hear_data(0, 6).flags, A | P);
}

/* MSG_EOR: nothing is added to that record's last packet. */
static void end_of_record(void **state)
{
    (void)state;
    open_connection(true, 60000);
    set_option(TCP_CORK, 1);
    assert_int_equal(weir_send(peer.task, fd, "abc", 3, MSG_EOR), 3);
    assert_int_equal(weir_send(peer.task, fd, "def", 3, 0), 3);
    set_option(TCP_CORK, 0);
    peer_step();
    hear_data(0, 3);
    peer_acks(3);
    hear_data(3, 3);
}

static uint32_t writable(void)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    weir_poll(peer.task, &p, 1);
    return p.revents & POLLOUT;
}

/* A full buffer refuses; room is announced when a third of it is free (Linux: sk_stream_write_space). */
static void full_buffer(void **state)
{
    int bytes = 20000;
    static char block[4000];
    uint32_t total = 0;
    ssize_t r;

    (void)state;
    open_connection(true, 5000);
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    assert_true(writable());
    while ((r = weir_send(peer.task, fd, block, sizeof block, 0)) > 0) total += (uint32_t)r;
    assert_int_equal(errno, EAGAIN);
    assert_true(total >= 20000 && total <= 50000); /* SO_SNDBUF doubled, with overhead */
    assert_false(writable());
    peer_step();
    for (uint32_t acked = 0; acked < total;) {
        bool was = writable();
        acked += 1000;
        peer_acks(acked > total ? total : acked);
        peer_forget();
        if (!was && writable()) {
            uint32_t used = peer_sock(fd)->write_queued_bytes, room = peer_sock(fd)->send_buffer_bytes - used;
            assert_true(room >= used / 2);
        }
    }
    assert_true(writable());
}

static void unsent_low_water(void **state)
{
    (void)state;
    open_connection(true, 5000);
    set_option(TCP_NOTSENT_LOWAT, 3000);
    program_writes(8000);
    assert_false(writable()); /* at least 3000 are not sent */
    assert_int_equal(weir_send(peer.task, fd, "x", 1, 0), -1); /* the last packet has grown to what waits, and is full */
    assert_int_equal(errno, EAGAIN);
    peer_acks(4000);
    peer_acks(5000);
    assert_true(writable());
}

static void errors(void **state)
{
    int error = 0;
    socklen_t bytes = sizeof error;

    (void)state;
    open_connection(true, 60000);
    peer_say((struct say){ .from = 999, .to = 80, .seq = PEER(0), .ack = ours, .flags = R | A });
    assert_int_equal(weir_send(peer.task, fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(weir_send(peer.task, fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(weir_getsockopt(peer.task, fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    assert_int_equal(error, 0);
}

DATA_MAIN(DATA_TEST(writes_gather), DATA_TEST(more_is_a_cork_for_one_call), DATA_TEST(end_of_record), DATA_TEST(full_buffer), DATA_TEST(unsent_low_water), DATA_TEST(errors))
