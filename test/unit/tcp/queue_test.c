#include "data_peer.h"
#include "tcp/data.h"

/* Fields of the queue's packets after cutting; the counters follow (Linux: tcp_fragment, tcp_adjust_pcount). */
static void split_keeps_the_counts(void **state)
{
    struct tcp_sock *tp;
    struct packet *p, *rest;
    uint32_t queued;

    (void)state;
    open_connection(true, 60000);
    tp = tcp_of(peer_sock(fd));
    program_writes(3000);
    p = packet_queue_peek(&tp->flight->retransmit_queue);
    assert_int_equal(tcp_segments(p), 3);
    assert_int_equal(tp->flight->packets_out, 3);
    queued = peer_sock(fd)->write_queued_bytes;
    assert_true(tcp_packet_split(tp, &tp->flight->retransmit_queue, p, 500, 1000)); /* 500 and 2500: four segments now */
    rest = tcp_queue_next(&tp->flight->retransmit_queue, p);
    assert_int_equal(p->body_bytes, 500);
    assert_int_equal(rest->body_bytes, 2500);
    assert_int_equal(rest->tcp.seq.v, ours + 500);
    assert_int_equal(p->tcp.end_seq.v, ours + 500);
    assert_int_equal(rest->tcp.end_seq.v, ours + 3000);
    assert_false(p->tcp.flags & P);
    assert_true(rest->tcp.flags & P);
    assert_int_equal(tp->flight->packets_out, 4);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, queued + 832);
    tcp_packet_cut_front(tp, &tp->flight->retransmit_queue, rest, 500);
    assert_int_equal(rest->tcp.seq.v, ours + 1000);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, queued + 832 - 500);
    peer_acks(3000);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, 0);
    assert_true(list_is_empty(&tp->flight->sent_by_time));
}

static void enlarged_packet_takes_the_place(void **state)
{
    struct tcp_sock *tp;
    struct packet *p;

    (void)state;
    open_connection(true, 60000);
    tp = tcp_of(peer_sock(fd));
    program_writes(2000);
    p = packet_queue_peek(&tp->flight->retransmit_queue);
    p = tcp_packet_enlarge(tp, &tp->flight->retransmit_queue, p, 4000);
    assert_non_null(p);
    assert_ptr_equal(packet_queue_peek(&tp->flight->retransmit_queue), p);
    assert_true(packet_is_private(p));
    assert_int_equal(p->body_bytes, 2000);
    assert_int_equal(tp->flight->retransmit_queue.count, 1);
    assert_int_equal(peer_sock(fd)->write_queued_bytes, 2832);
    assert_true(list_is_linked(&p->by_time));
    peer_acks(2000);
    assert_int_equal(tp->flight->retransmit_queue.count, 0);
}

DATA_MAIN(DATA_TEST(split_keeps_the_counts), DATA_TEST(enlarged_packet_takes_the_place))
