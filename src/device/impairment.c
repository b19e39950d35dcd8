/* Like Linux's netem: each packet gets a time to leave at; one timer for the head of the queue. Times never go down along
 * the queue (jitter does not reorder); a packet that "reorder" hits overtakes all that wait. Rate comes first: a packet
 * leaves the sender when the one before it is out, and is delayed from then. */
#include "device/impairment.h"

#define DEFAULT_LIMIT_PACKETS 1000

struct impairment {
    struct machine *machine;
    struct impairment_config config;
    void (*deliver)(void *ctx, struct packet *p);
    void *ctx;
    struct random random;
    struct packet_queue queue;
    struct timer timer;
    uint64_t sent_ns;          /* when the last packet is out of the sender */
};

enum { SCRATCH_DUE_NS = 0 };   /* packet.scratch[]: its own while the packet is here */

static uint64_t due_of(const struct packet *p) { return p->scratch[SCRATCH_DUE_NS]; }

static void fire(struct timer *t, uint64_t now_ns)
{
    struct impairment *i = container_of(t, struct impairment, timer);
    struct machine *m = i->machine;
    struct packet *p;
    bool was_inside = m->in_softirq;
    m->in_softirq = true; /* as on Linux: what a delivery sends back is not delivered before it is done */
    while ((p = packet_queue_peek(&i->queue)) && due_of(p) <= now_ns) {
        packet_queue_remove(&i->queue, p);
        i->deliver(i->ctx, p);
    }
    if (p) timer_arm(&m->wheel, &i->timer, due_of(p));
    m->in_softirq = was_inside;
    softirq_run(m);
}

struct impairment *impairment_create(struct machine *m, const struct impairment_config *config,
                                     void (*deliver)(void *ctx, struct packet *p), void *ctx)
{
    struct impairment *i = machine_alloc(m, sizeof *i);
    if (!i) return NULL;
    uint64_t seed[2] = { config->seed, random_u64(&m->random.link) };
    if (config->seed) seed[1] = 0; /* a seed of one's own: the same faults in any machine */
    i->machine = m;
    i->config = *config;
    if (i->config.limit_packets == 0) i->config.limit_packets = DEFAULT_LIMIT_PACKETS;
    i->deliver = deliver;
    i->ctx = ctx;
    random_init(&i->random, seed, "impairment");
    packet_queue_init(&i->queue);
    timer_init(&i->timer, fire);
    return i;
}

void impairment_destroy(struct impairment *i)
{
    struct packet *p;
    timer_cancel(&i->machine->wheel, &i->timer);
    while ((p = packet_queue_pop(&i->queue))) packet_drop(p, DROP_LINK_DOWN);
    machine_free(i->machine, i, sizeof *i);
}

/* Draws only for faults that are on: turning one on does not move the others' draws within a packet of no fault. */
static bool strikes(struct impairment *i, uint32_t probability)
{
    return probability > 0 && (probability == UINT32_MAX || random_u32(&i->random) < probability);
}

/* Flips one bit. The frame's checksums are complete before it gets here. Takes p. */
static struct packet *corrupt(struct impairment *i, struct packet *p)
{
    uint32_t bytes = packet_bytes(p);
    struct packet *copy = packet_copy(p);
    packet_consume(p);
    if (!copy || bytes == 0) return copy;
    uint32_t bit = random_below(&i->random, bytes * 8), at = bit / 8, head = packet_head_bytes(copy);
    uint8_t *byte = at < head ? copy->head + copy->head_start + at : copy->body + (at - head);
    *byte ^= (uint8_t)(1u << bit % 8);
    copy->checksum = PACKET_CHECKSUM_NONE;
    return copy;
}

static uint64_t delay_of(struct impairment *i)
{
    const struct impairment_config *c = &i->config;
    if (c->jitter_ns == 0) return c->delay_ns;
    uint64_t low = c->delay_ns > c->jitter_ns ? c->delay_ns - c->jitter_ns : 0;
    return low + random_u64(&i->random) % (c->delay_ns + c->jitter_ns - low + 1);
}

/* When the packet is out of the sender. */
static uint64_t serialise(struct impairment *i, const struct packet *p)
{
    uint64_t now_ns = i->machine->now_ns;
    if (i->config.rate_bits_per_s == 0) return now_ns;
    uint64_t bits = (uint64_t)packet_bytes(p) * 8;
    i->sent_ns = max_of(i->sent_ns, now_ns) + bits * NS_PER_S / i->config.rate_bits_per_s;
    return i->sent_ns;
}

static void enqueue(struct impairment *i, struct packet *p)
{
    uint64_t now_ns = i->machine->now_ns;
    if (i->queue.count >= i->config.limit_packets) {
        packet_drop(p, DROP_LINK_QUEUE);
        return;
    }
    bool overtakes = strikes(i, i->config.reorder);
    uint64_t due_ns = serialise(i, p) + (overtakes ? 0 : delay_of(i));
    if (due_ns <= now_ns && (overtakes || i->queue.count == 0)) {
        i->deliver(i->ctx, p);
        return;
    }
    struct packet *last = i->queue.count ? list_last(&i->queue.packets, struct packet, node) : NULL;
    if (overtakes) {
        p->scratch[SCRATCH_DUE_NS] = due_ns;
        struct list *before = &i->queue.packets;
        while (before->prev != &i->queue.packets && due_of(list_entry(before->prev, struct packet, node)) > due_ns)
            before = before->prev;
        list_add_before(before, &p->node);
        i->queue.count++;
        i->queue.bytes += packet_bytes(p);
    } else {
        p->scratch[SCRATCH_DUE_NS] = last ? max_of(due_ns, due_of(last)) : due_ns;
        packet_queue_push(&i->queue, p);
    }
    timer_arm(&i->machine->wheel, &i->timer, due_of(packet_queue_peek(&i->queue)));
}

void impairment_push(struct impairment *i, struct packet *p)
{
    const struct impairment_config *c = &i->config;
    if (strikes(i, c->loss)) {
        packet_drop(p, DROP_LINK_LOSS);
        return;
    }
    packet_orphan(p); /* on the wire: no longer the sender's memory */
    struct packet *twin = strikes(i, c->duplicate) ? packet_clone(p) : NULL;
    if (strikes(i, c->corrupt)) {
        p = corrupt(i, p);
        if (!p) i->machine->drops[DROP_NOMEM]++;
    }
    if (p) enqueue(i, p);
    if (twin) enqueue(i, twin);
}
