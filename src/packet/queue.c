#include "packet/packet.h"

void packet_queue_push_head(struct packet_queue *q, struct packet *p)
{
    list_add_head(&q->packets, &p->node);
    q->count++;
    q->bytes += packet_bytes(p);
}

void packet_queue_purge(struct packet_queue *q)
{
    struct packet *p;
    while ((p = packet_queue_pop(q))) packet_consume(p);
}
