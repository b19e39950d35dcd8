/* The two send queues: written but not sent, and sent but not acknowledged, both in sequence order. Their packets hold payload
 * only; a header is built in the head of a clone for each transmission. */
#include "tcp/data.h"

void tcp_charge(struct tcp_sock *tp, int64_t bytes)
{
    struct sock *sk = sk_of(tp);

    sk->write_queued_bytes = (uint32_t)((int64_t)sk->write_queued_bytes + bytes);
    tcp_memory_update(tp);
}

struct packet *tcp_packet_new(struct tcp_sock *tp, uint32_t capacity_bytes)
{
    struct packet *p = packet_create(net_of(tp)->machine, capacity_bytes);

    if (!p) return NULL;
    p->net = net_of(tp);
    list_init(&p->by_time);
    p->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES;
    p->tcp = (struct packet_tcp){ .seq = tp->snd.write, .end_seq = tp->snd.write, .flags = TCP_ACK };
    return p;
}

void tcp_write_queue_add(struct tcp_sock *tp, struct packet *p)
{
    packet_queue_push(&tp->flight->write_queue, p);
    tcp_charge(tp, p->truesize_bytes);
    tcp_chrono_start(tp, CHRONO_BUSY);
}

void tcp_forget_packet(struct tcp_sock *tp, const struct packet *p)
{
    if (tp->flight->retransmit_hint == p) tp->flight->retransmit_hint = NULL;
    if (tp->flight->sack_hint == p) tp->flight->sack_hint = NULL;
}

void tcp_packet_free(struct tcp_sock *tp, struct packet_queue *q, struct packet *p)
{
    tcp_forget_packet(tp, p);
    packet_queue_remove(q, p);
    list_remove(&p->by_time);
    tcp_charge(tp, -(int64_t)p->truesize_bytes);
    if (p->tcp.zero_copy) tcp_zero_copy_put(p->tcp.zero_copy);
    packet_consume(p);
}

void tcp_packet_set_segments(struct packet *p, uint32_t mss)
{
    p->tcp.gso_segments = 1;
    p->gso_bytes = 0;
    if (p->body_bytes <= mss) return;
    p->tcp.gso_segments = (uint16_t)((p->body_bytes + mss - 1) / mss);
    p->gso_bytes = (uint16_t)mss;
}

/* A packet that is on the scoreboard changes its number of segments. */
void tcp_adjust_counts(struct tcp_sock *tp, const struct packet *p, uint32_t before, uint32_t now)
{
    uint32_t fewer = before - now; /* modulo 2^32: it may be more */

    tp->flight->packets_out -= fewer;
    if (p->tcp.sacked & MARK_SACKED) tp->flight->sacked_out -= fewer;
    if (p->tcp.sacked & MARK_RETRANSMITTED) tp->flight->retrans_out -= fewer;
    if (p->tcp.sacked & MARK_LOST) tp->flight->lost_out -= fewer;
    if (!tp->is_sack_ok && before > now) tp->flight->sacked_out -= min_of(tp->flight->sacked_out, fewer); /* Reno counts duplicates, not packets */
}

static void insert_after(struct packet_queue *q, struct packet *p, struct packet *rest)
{
    list_add_head(&p->node, &rest->node);
    q->count++;
}

bool tcp_packet_split(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t bytes, uint32_t mss)
{
    uint32_t rest_bytes = p->body_bytes - bytes;
    uint32_t segments = tcp_segments(p);
    struct packet *rest;

    assert(bytes < p->body_bytes || p->tcp.flags & TCP_FIN); /* the rest may be the end alone */
    rest = packet_slice(p, bytes, rest_bytes);
    if (!rest) return false;
    packet_trim(p, bytes);
    rest->net = p->net;
    rest->tcp = p->tcp;
    rest->tcp.seq = p->tcp.end_seq = seq_add(p->tcp.seq, bytes);
    rest->pushed_out = p->pushed_out; /* MSG_EOR: nothing more may be added */
    p->pushed_out = false;
    p->tcp.flags = p->tcp.flags & (uint8_t)~(TCP_FIN | TCP_PSH);
    rest->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES + rest_bytes;
    p->truesize_bytes -= rest_bytes;
    tcp_zero_copy_get(rest->tcp.zero_copy);
    tcp_stamp_split(p, rest);
    tcp_charge(tp, TCP_PACKET_OVERHEAD_BYTES);
    insert_after(q, p, rest);
    if (list_is_linked(&p->by_time)) list_add_head(&p->by_time, &rest->by_time);
    else list_init(&rest->by_time);
    tcp_packet_set_segments(p, mss);
    tcp_packet_set_segments(rest, mss);
    if (q == &tp->flight->retransmit_queue) tcp_adjust_counts(tp, p, segments, tcp_segments(p) + tcp_segments(rest));
    return true;
}

struct packet *tcp_packet_enlarge(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t capacity_bytes)
{
    struct packet *larger = tcp_packet_new(tp, capacity_bytes);

    if (!larger) return NULL;
    if (p->body_bytes) memcpy(packet_put(larger, p->body_bytes), p->body, p->body_bytes);
    larger->tcp = p->tcp;
    p->tcp.zero_copy = NULL; /* its reference went along */
    larger->pushed_out = p->pushed_out;
    larger->truesize_bytes = p->truesize_bytes;
    larger->gso_bytes = p->gso_bytes;
    tcp_charge(tp, larger->truesize_bytes);
    insert_after(q, p, larger);
    q->bytes += larger->body_bytes;
    if (list_is_linked(&p->by_time)) list_add_head(&p->by_time, &larger->by_time);
    tcp_packet_free(tp, q, p);
    return larger;
}

static bool may_take_from(const struct packet *p, const struct packet *next)
{
    return next && !p->pushed_out && !p->tcp.zero_copy && !next->tcp.zero_copy && next->body_bytes;
}

/* What next had beside its bytes, all of which p has now. */
static void take_rest(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, struct packet *next)
{
    p->tcp.end_seq = next->tcp.end_seq; /* a FIN counts */
    p->tcp.flags |= next->tcp.flags;
    p->pushed_out = next->pushed_out;
    tcp_stamp_join(p, next);
    tcp_packet_free(tp, q, next);
}

struct packet *tcp_packet_grow(struct tcp_sock *tp, struct packet *p, uint32_t most_bytes)
{
    struct packet_queue *q = &tp->flight->write_queue;
    struct packet *next = tcp_queue_next(q, p);
    uint32_t bytes;

    if (!may_take_from(p, next)) return p;
    bytes = min_of(most_bytes, next->body_bytes);
    if (!packet_is_private(p) || packet_tailroom(p) < bytes) {
        struct packet *larger = tcp_packet_enlarge(tp, q, p, p->body_bytes + bytes);
        if (!larger) return p;
        p = larger;
    }
    memcpy(packet_put(p, bytes), next->body, bytes);
    q->bytes += bytes;
    p->tcp.end_seq = seq_add(p->tcp.end_seq, bytes);
    p->truesize_bytes += bytes;
    tcp_charge(tp, bytes);
    tcp_packet_cut_front(tp, q, next, bytes);
    if (!next->body_bytes) take_rest(tp, q, p, next);
    return p;
}

void tcp_packet_cut_front(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t bytes)
{
    packet_pull(p, bytes);
    q->bytes -= bytes;
    p->tcp.seq = seq_add(p->tcp.seq, bytes);
    p->truesize_bytes -= bytes;
    tcp_charge(tp, -(int64_t)bytes);
}

void tcp_purge_write_queue(struct tcp_sock *tp)
{
    struct packet *p;

    tp->backoff = 0;
    if (!tcp_has_flight(tp)) return;
    while ((p = packet_queue_peek(&tp->flight->write_queue))) tcp_packet_free(tp, &tp->flight->write_queue, p);
    while ((p = packet_queue_peek(&tp->flight->retransmit_queue))) tcp_packet_free(tp, &tp->flight->retransmit_queue, p);
    tp->flight->packets_out = tp->flight->sacked_out = tp->flight->lost_out = tp->flight->retrans_out = 0;
    tcp_chrono_stop(tp, CHRONO_BUSY);
    tcp_pending_clear(tp);
}

void tcp_purge_queues(struct tcp_sock *tp)
{
    tcp_purge_write_queue(tp);
    tcp_out_of_order_purge(tp);
}
