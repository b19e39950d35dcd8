/* Life of a packet: making, sharing, freeing. What is done to its bytes is in bytes.c. */
#include "machine/composition.h"
#include "machine/net.h"
#include "packet/packet.h"

static struct packet_buffer *own_buffer(struct packet *p) { return (void *)(p + 1); }

/* What packets with a buffer take, for nearly all one of three sizes: a small message or none, a frame of Ethernet, a small write
 * that may be added to. */
enum { OWN_BYTES = sizeof(struct packet) + sizeof(struct packet_buffer), SMALL = 768, FRAME = 2048, WRITE = 2560 };
static_assert(OWN_BYTES + 1514 <= FRAME && OWN_BYTES + 2048 <= WRITE, "what they are for");

static struct packet *with_buffer(struct packet *p, size_t bytes)
{
    if (p) *own_buffer(p) = (struct packet_buffer){ .references = 1, .capacity_bytes = (uint32_t)(bytes - OWN_BYTES) };
    return p;
}

/* A packet, uncleared, with an empty buffer behind it; capacity 0: without one. */
static struct packet *alloc_raw(struct machine *m, size_t capacity_bytes)
{
    size_t bytes = OWN_BYTES + capacity_bytes;
    if (capacity_bytes == 0) return memory_alloc(m->memory, sizeof(struct packet));
    if (bytes <= SMALL) return with_buffer(memory_alloc(m->memory, SMALL), SMALL);
    if (bytes <= FRAME) return with_buffer(memory_alloc(m->memory, FRAME), FRAME);
    if (bytes <= WRITE) return with_buffer(memory_alloc(m->memory, WRITE), WRITE);
    bytes = memory_round(bytes);
    return with_buffer(memory_alloc(m->memory, bytes), bytes);
}

static void free_with_buffer(struct machine *m, struct packet_buffer *b)
{
    struct packet *p = (struct packet *)(void *)b - 1;
    size_t bytes = OWN_BYTES + b->capacity_bytes;
    if (bytes == SMALL) memory_free(m->memory, p, SMALL);
    else if (bytes == FRAME) memory_free(m->memory, p, FRAME);
    else if (bytes == WRITE) memory_free(m->memory, p, WRITE);
    else memory_free(m->memory, p, bytes);
}

/* The memory of a packet and its hold of a buffer. */
static void free_packet(struct machine *m, struct packet *p)
{
    struct packet_buffer *b = p->buffer;
    bool is_last = b && --b->references == 0, is_own = b == own_buffer(p);
    if (is_last) free_with_buffer(m, b);
    if (!is_own) memory_free(m->memory, p, sizeof *p);
    else if (!is_last) memory_retire(p, sizeof *p);
}

/* All but its truesize. */
static inline struct packet *create(struct machine *m, size_t body_capacity_bytes)
{
    struct packet *p = alloc_raw(m, body_capacity_bytes);
    if (!p) return NULL;
    /* What follows, head[], is written before it is read. In pieces, for which a compiler makes plain stores. */
    enum { BYTES = offsetof(struct packet, head), PIECE = 64 };
    for (size_t i = 0; i + PIECE <= BYTES; i += PIECE) memset((uint8_t *)p + i, 0, PIECE);
    memset((uint8_t *)p + BYTES / PIECE * PIECE, 0, BYTES % PIECE);
    list_init(&p->node);
    p->machine = m;
    p->head_start = p->head_end = PACKET_HEAD_BYTES;
    if (body_capacity_bytes == 0) return p;
    p->buffer = own_buffer(p);
    p->body = p->buffer->bytes;
    return p;
}

struct packet *packet_create(struct machine *m, size_t body_capacity_bytes)
{
    struct packet *p = create(m, body_capacity_bytes);
    if (p) p->truesize_bytes = packet_truesize((uint32_t)body_capacity_bytes);
    return p;
}

/* Metadata of a new packet made of bytes of another. */
static void inherit(struct packet *p, const struct packet *of)
{
    p->net = of->net;
    p->protocol = of->protocol;
    p->ip = of->ip;
}

struct packet *packet_slice(struct packet *of, uint32_t offset, uint32_t length_bytes)
{
    struct packet *p = create(of->machine, 0);
    if (!p) return NULL;
    inherit(p, of);
    p->truesize_bytes = packet_truesize(length_bytes);
    if (length_bytes == 0) return p;
    of->buffer->references++;
    p->buffer = of->buffer;
    p->body = of->body + offset;
    p->body_bytes = length_bytes;
    return p;
}

struct packet *packet_part(const struct packet *of, uint32_t offset, uint32_t length_bytes)
{
    uint32_t at = packet_head_bytes(of);
    if (offset >= at && offset + length_bytes <= at + of->body_bytes)
        return packet_slice((struct packet *)of, offset - at, length_bytes);
    at += of->body_bytes;
    for (struct packet *e = of->more; e; e = e->more) {
        at += packet_head_bytes(e);
        if (offset >= at && offset + length_bytes <= at + e->body_bytes) {
            struct packet *p = packet_slice(e, offset - at, length_bytes);
            if (p) inherit(p, of);
            return p;
        }
        at += e->body_bytes;
    }
    struct packet *p = packet_create(of->machine, length_bytes);
    if (!p) return NULL;
    inherit(p, of);
    if (packet_read(of, offset, packet_put(p, length_bytes), length_bytes)) return p;
    packet_consume(p);
    return NULL;
}

/* Metadata and head, without what is counted or linked, and a buffer behind it as in alloc_raw(), not yet used. */
static struct packet *copy_packet(const struct packet *from, size_t capacity_bytes)
{
    struct packet *p = alloc_raw(from->machine, capacity_bytes);
    if (!p) return NULL;
    memcpy(p, from, offsetof(struct packet, head));
    memcpy(p->head, from->head, from->head_end);
    list_init(&p->node);
    p->tree = (struct rb_node){ 0 };
    p->sock = NULL;
    p->release = NULL;
    p->route = NULL;
    p->buffer = NULL;
    p->more = p->more_tail = NULL;
    return p;
}

static struct packet *clone_one(const struct packet *from)
{
    struct packet *p = copy_packet(from, 0);
    if (!p) return NULL;
    p->buffer = from->buffer;
    if (p->buffer) p->buffer->references++;
    return p;
}

struct packet *packet_clone(const struct packet *from)
{
    struct packet *p = clone_one(from);
    if (!p) return NULL;
    p->more_bytes = 0;
    for (const struct packet *e = from->more; e; e = e->more) {
        struct packet *piece = clone_one(e);
        if (!piece) {
            packet_consume(p);
            return NULL;
        }
        packet_chain(p, piece);
    }
    return p;
}

struct packet *packet_copy(const struct packet *from)
{
    uint32_t keep = packet_head_bytes(from) > 0 ? 0 : from->body_pulled; /* headers behind the data stay readable */
    uint32_t bytes = from->body_bytes + from->more_bytes;
    struct packet *p = copy_packet(from, keep + bytes);
    if (!p) return NULL;
    p->body_bytes = p->more_bytes = 0;
    if (keep + bytes == 0) return p;
    p->buffer = own_buffer(p);
    p->body = p->buffer->bytes + keep;
    if (keep > 0) memcpy(p->buffer->bytes, from->body - keep, keep);
    packet_read(from, packet_head_bytes(from), p->body, bytes);
    p->body_bytes = bytes;
    return p;
}

void packet_orphan(struct packet *p)
{
    void (*release)(struct packet *) = p->release;
    p->release = NULL;
    if (release) release(p);
    p->sock = NULL;
}

void packet_move_charge(struct packet *to, struct packet *from)
{
    to->sock = from->sock;
    to->release = from->release;
    to->truesize_bytes = from->truesize_bytes; /* what will be given back */
    to->stamps = from->stamps;
    to->stamp_key = from->stamp_key;
    from->sock = NULL;
    from->release = NULL;
    from->stamps = 0;
}

static void forget_route(struct packet *p)
{
    const struct composition *c = p->machine->composition;
    if (p->route && c && c->route_put) c->route_put(p->route);
    p->route = NULL;
}

void packet_scrub(struct packet *p)
{
    packet_orphan(p);
    forget_route(p);
    p->mark = p->priority = p->hash = 0;
    p->is_forwarded = false;
}

void packet_consume(struct packet *p)
{
    while (p) {
        struct packet *next = p->more;
        struct machine *m = p->machine;
        if (p->release) packet_orphan(p);
        if (p->route) forget_route(p);
        free_packet(m, p);
        p = next;
    }
}

void packet_drop(struct packet *p, enum drop_reason reason)
{
    struct machine *m = p->machine;
    if (p->net) p->net->drops[reason]++;
    else m->drops[reason]++;
    if (m->on_drop) m->on_drop(m->on_drop_ctx, p, reason);
    packet_consume(p);
}

/* Linux 6.18: sk_buff 256 bytes, skb_shared_info 320, an IPv4 datagram's headers and link room 59. Small ones come from a
 * cache of their own, others from power-of-two slabs; above 16,064 bytes the payload lies in page fragments. */
uint32_t packet_truesize(uint32_t payload_bytes)
{
    const uint32_t struct_bytes = 256, shared_info = 320, small_head = 576, linear_max = 16064;
    uint32_t linear = (payload_bytes + 59 + 63) & ~63u;
    if (linear + shared_info <= small_head) return struct_bytes + small_head;
    if (linear > linear_max) return struct_bytes + small_head + payload_bytes;
    uint32_t slab = 1u << (32 - __builtin_clz(linear + shared_info - 1));
    return struct_bytes + slab;
}
