/* When the receive buffer is full of small packets in large boxes: their bytes are copied together (Linux: tcp_collapse). */
#include "tcp/data.h"

#define COLLAPSED_BYTES 4096u

static bool is_wasteful(const struct packet *p)
{
    return !(p->tcp.flags & (TCP_SYN | TCP_FIN)) && p->truesize_bytes > 2 * packet_bytes(p) && packet_bytes(p) < COLLAPSED_BYTES / 2;
}

/* How many packets from p on fit together; *bytes: of their payload. */
static uint32_t run_length(const struct packet_queue *q, const struct packet *p, uint32_t *bytes)
{
    uint32_t n = 0;

    *bytes = 0;
    for (; p && is_wasteful(p) && *bytes + packet_bytes(p) <= COLLAPSED_BYTES; p = tcp_queue_next(q, p), n++) *bytes += packet_bytes(p);
    return n;
}

/* Replaces the n packets from p on by one. False: no memory. */
static bool join(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t n, uint32_t bytes)
{
    struct packet *one = packet_create(net_of(tp)->machine, bytes);
    seq_t end = p->tcp.end_seq;

    if (!one) return false;
    one->net = p->net;
    one->tcp = p->tcp;
    one->ip = p->ip;
    one->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES + bytes;
    list_add_before(&p->node, &one->node);
    q->count++;
    for (uint32_t i = 0; i < n; i++) {
        struct packet *next = tcp_queue_next(q, p);
        uint32_t piece = packet_bytes(p);
        uint8_t *at = packet_put(one, piece);
        end = p->tcp.end_seq;
        if (at) packet_read(p, 0, at, piece);
        packet_queue_remove(q, p);
        packet_consume(p);
        count(net_of(tp), TcpExt, TCPRcvCollapsed);
        p = next;
    }
    q->bytes += bytes;
    one->tcp.end_seq = end;
    sock_charge_receive_always(sk_of(tp), one);
    tcp_memory_update(tp);
    return true;
}

void tcp_collapse(struct tcp_sock *tp)
{
    struct packet_queue *q = &sk_of(tp)->receive_queue;
    struct packet *p = packet_queue_peek(q);

    while (p && sk_of(tp)->receive_used_bytes > sk_of(tp)->receive_buffer_bytes) {
        uint32_t bytes, n = run_length(q, p, &bytes);
        struct packet *next = tcp_queue_next(q, p);
        for (uint32_t i = 1; i < n; i++) next = tcp_queue_next(q, next);
        if (n > 1 && !join(tp, q, p, n, bytes)) return;
        p = next;
    }
}
