#include "packet/packet.h"

void packet_queue_init(struct packet_queue *q)
{
    list_init(&q->packets);
    q->count = q->bytes = 0;
}

void packet_queue_push(struct packet_queue *q, struct packet *p)
{
    list_add_tail(&q->packets, &p->node);
    q->count++;
    q->bytes += packet_bytes(p);
}

void packet_queue_push_head(struct packet_queue *q, struct packet *p)
{
    list_add_head(&q->packets, &p->node);
    q->count++;
    q->bytes += packet_bytes(p);
}

void packet_queue_remove(struct packet_queue *q, struct packet *p)
{
    list_remove(&p->node);
    q->count--;
    /* The owner may have cut the packet while it was queued (a stream read in part). */
    uint32_t bytes = packet_bytes(p);
    q->bytes = q->count == 0 ? 0 : q->bytes - min_of(bytes, q->bytes);
}

struct packet *packet_queue_pop(struct packet_queue *q)
{
    struct packet *p = packet_queue_peek(q);
    if (p) packet_queue_remove(q, p);
    return p;
}

void packet_queue_purge(struct packet_queue *q)
{
    struct packet *p;
    while ((p = packet_queue_pop(q))) packet_consume(p);
}
