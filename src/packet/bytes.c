/* The bytes of a packet: head, then body, then the chain. Stepping over headers keeps them where they are, behind
 * packet_data(), so that upper layers can still look at them; gathering and pushing carry them along. */
#include "packet/packet.h"
#include "wire/checksum.h"

/* Moves what the head holds, and the stepped-over bytes before it, toward its start. */
static void make_head_room_behind(struct packet *p, uint32_t bytes)
{
    uint32_t room = PACKET_HEAD_BYTES - p->head_end;
    if (room >= bytes) return;
    uint32_t shift = bytes - room;
    memmove(p->head, p->head + shift, p->head_end - shift);
    p->head_start = (uint16_t)(p->head_start - shift);
    p->head_end = (uint16_t)(p->head_end - shift);
}

/* Stepped-over bytes of the body become stepped-over bytes of the (empty) head: as many as are wanted and fit. */
static void pulled_body_to_head(struct packet *p, uint32_t bytes)
{
    bytes = min_of(bytes, p->body_pulled);
    if (bytes == p->body_pulled && p->head_end + bytes <= PACKET_HEAD_BYTES) {
        memcpy(p->head + p->head_end, p->body - bytes, bytes); /* the head's own bytes stay in front */
        p->head_start = p->head_end = (uint16_t)(p->head_end + bytes);
    } else {
        uint32_t before = bytes == p->body_pulled ? min_of(p->head_end, PACKET_HEAD_BYTES - bytes) : 0;
        memmove(p->head + PACKET_HEAD_BYTES - bytes - before, p->head + p->head_end - before, before);
        memcpy(p->head + PACKET_HEAD_BYTES - bytes, p->body - bytes, bytes);
        p->head_start = p->head_end = PACKET_HEAD_BYTES;
    }
    p->body_pulled = 0;
}

uint8_t *packet_push_slow(struct packet *p, uint32_t bytes)
{
    if (p->head_start == p->head_end && p->body_pulled > 0) {
        if (bytes <= p->body_pulled && packet_is_private(p)) {
            p->body -= bytes;
            p->body_bytes += bytes;
            p->body_pulled -= bytes;
            packet_shift_offsets(p, (int32_t)bytes);
            return p->body;
        }
        pulled_body_to_head(p, PACKET_HEAD_BYTES);
    }
    if (bytes > p->head_start) {
        uint32_t shift = PACKET_HEAD_BYTES - p->head_end;
        if (bytes > p->head_start + shift) return NULL;
        memmove(p->head + shift, p->head, p->head_end);
        p->head_start = (uint16_t)(p->head_start + shift);
        p->head_end = PACKET_HEAD_BYTES;
    }
    p->head_start = (uint16_t)(p->head_start - bytes);
    packet_shift_offsets(p, (int32_t)bytes);
    return p->head + p->head_start;
}

/* Moves the first bytes behind the head into it. There are that many, and room was made. */
static void gather(struct packet *p, uint32_t bytes)
{
    uint32_t at = packet_head_bytes(p);
    packet_read(p, at, p->head + p->head_end, bytes);
    uint32_t from_body = min_of(bytes, p->body_bytes), rest = bytes - from_body;
    p->body += from_body;
    p->body_bytes -= from_body;
    if (rest > 0) {
        uint16_t start = p->head_start;
        p->head_start = p->head_end; /* so that the pull reaches the chain */
        int32_t link = p->link_offset, network = p->network_offset, transport = p->transport_offset;
        packet_pull(p, rest);
        p->link_offset = link;
        p->network_offset = network;
        p->transport_offset = transport;
        p->head_start = start;
    }
    p->body_pulled = 0;
    p->head_end = (uint16_t)(p->head_end + bytes);
}

static bool gather_to(struct packet *p, uint32_t bytes)
{
    if (bytes > PACKET_HEAD_BYTES) return false;
    uint32_t head = packet_head_bytes(p);
    if (head == 0) {
        if (p->body_pulled > 0) pulled_body_to_head(p, PACKET_HEAD_BYTES - bytes);
    }
    make_head_room_behind(p, bytes - head);
    gather(p, bytes - head);
    return true;
}

bool packet_gather(struct packet *p, uint32_t bytes)
{
    if (bytes <= packet_head_bytes(p)) return true;
    if (bytes > packet_bytes(p)) return false;
    return gather_to(p, bytes);
}

bool packet_writable(struct packet *p, uint32_t bytes)
{
    if (!packet_pull_check(p, bytes)) return false;
    if (bytes <= packet_head_bytes(p) || packet_is_private(p)) return true;
    return gather_to(p, bytes);
}

void packet_pull_slow(struct packet *p, uint32_t bytes)
{
    packet_shift_offsets(p, -(int32_t)bytes);
    uint32_t take = min_of(bytes, packet_head_bytes(p));
    p->head_start = (uint16_t)(p->head_start + take);
    bytes -= take;
    take = min_of(bytes, p->body_bytes);
    if (take) p->body += take; /* a packet without a body has none to point at */
    p->body_bytes -= take;
    if (p->head_start == p->head_end) p->body_pulled += take;
    bytes -= take;
    while (bytes > 0 && p->more) {
        struct packet *e = p->more;
        uint32_t has = packet_head_bytes(e) + e->body_bytes;
        take = min_of(bytes, has);
        bytes -= take;
        p->more_bytes -= take;
        if (take < has) {
            packet_pull(e, take);
            return;
        }
        p->more = e->more;
        if (!p->more) p->more_tail = NULL;
        e->more = NULL;
        packet_consume(e);
    }
}

static void trim_one(struct packet *p, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    if (bytes < head) {
        p->head_end = (uint16_t)(p->head_start + bytes);
        p->body_bytes = 0;
    } else {
        p->body_bytes = bytes - head;
    }
}

bool packet_trim(struct packet *p, uint32_t bytes)
{
    if (bytes > packet_bytes(p)) return false;
    uint32_t own = packet_head_bytes(p) + p->body_bytes;
    struct packet *last = p;
    uint32_t left = bytes;
    while (left > own) { /* the chain holds the rest: there is a next */
        left -= own;
        last = last->more;
        own = packet_head_bytes(last) + last->body_bytes;
    }
    trim_one(last, left);
    struct packet *cut = last->more;
    last->more = NULL;
    packet_consume(cut);
    p->more_tail = last == p ? NULL : last;
    p->more_bytes = bytes - packet_head_bytes(p) - p->body_bytes;
    return true;
}

uint32_t packet_tailroom(const struct packet *p)
{
    if (!p->buffer || p->more || !packet_is_private(p)) return 0;
    return (uint32_t)(p->buffer->bytes + p->buffer->capacity_bytes - (p->body + p->body_bytes));
}

uint8_t *packet_put(struct packet *p, uint32_t bytes)
{
    if (bytes > packet_tailroom(p)) return NULL;
    if (!p->buffer) return p->head; /* no bytes: any place will do, but NULL would say there is no room */
    uint8_t *at = p->body + p->body_bytes;
    p->body_bytes += bytes;
    return at;
}

void packet_chain(struct packet *p, struct packet *next)
{
    uint32_t bytes = packet_bytes(next);
    if (p->more_tail) p->more_tail->more = next;
    else p->more = next;
    p->more_tail = next->more_tail ? next->more_tail : next;
    p->more_bytes += bytes;
    next->more_tail = NULL;
    next->more_bytes = 0;
}

int packet_visit(const struct packet *p, uint32_t offset, uint32_t bytes,
                 int (*visit)(void *ctx, const uint8_t *at, uint32_t n), void *ctx)
{
    for (; p && bytes > 0; p = p->more) {
        const uint8_t *starts[2] = { p->head + p->head_start, p->body };
        uint32_t lengths[2] = { packet_head_bytes(p), p->body_bytes };
        for (int i = 0; i < 2 && bytes > 0; i++) {
            if (offset >= lengths[i]) {
                offset -= lengths[i];
                continue;
            }
            uint32_t n = min_of(lengths[i] - offset, bytes);
            int stop = visit(ctx, starts[i] + offset, n);
            if (stop) return stop;
            offset = 0;
            bytes -= n;
        }
    }
    return 0;
}

/* Where the bytes lie when they lie in one piece, as nearly all do; else NULL. */
static const uint8_t *in_one_piece(const struct packet *p, uint32_t offset, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    if (bytes > 0 && offset >= head && (uint64_t)offset + bytes <= (uint64_t)head + p->body_bytes) return p->body + (offset - head);
    return (uint64_t)offset + bytes <= head ? p->head + p->head_start + offset : NULL;
}

/* Bytes that begin in the head and end in the body, as those of an outgoing packet do: how many are the head's; 0: others. */
static uint32_t head_part(const struct packet *p, uint32_t offset, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    return offset < head && (uint64_t)offset + bytes <= (uint64_t)head + p->body_bytes ? head - offset : 0;
}

static int copy_piece(void *ctx, const uint8_t *at, uint32_t n)
{
    uint8_t **to = ctx;
    memcpy(*to, at, n);
    *to += n;
    return 0;
}

bool packet_read(const struct packet *p, uint32_t offset, void *out, uint32_t bytes)
{
    uint32_t all = packet_bytes(p);
    if (bytes > all || offset > all - bytes) return false;
    const uint8_t *at = in_one_piece(p, offset, bytes);
    if (at) {
        if (bytes) memcpy(out, at, bytes);
        return true;
    }
    uint8_t *to = out;
    uint32_t first = head_part(p, offset, bytes);
    if (first) {
        memcpy(to, p->head + p->head_start + offset, first);
        memcpy(to + first, p->body, bytes - first);
        return true;
    }
    packet_visit(p, offset, bytes, copy_piece, &to);
    return true;
}

struct copying { uint8_t *to; uint32_t sum; size_t offset; };

static int copy_and_sum_piece(void *ctx, const uint8_t *at, uint32_t n)
{
    struct copying *c = ctx;
    c->sum = checksum_block_add(c->sum, checksum_copy(c->to + c->offset, at, n, 0), c->offset);
    c->offset += n;
    return 0;
}

uint32_t packet_copy_checksum(const struct packet *p, uint32_t offset, void *out, uint32_t bytes, uint32_t sum)
{
    struct copying c = { .to = out, .sum = sum };
    const uint8_t *at = in_one_piece(p, offset, bytes);
    if (at) return checksum_copy(out, at, bytes, sum);
    uint32_t first = head_part(p, offset, bytes);
    if (first) {
        sum = checksum_copy(out, p->head + p->head_start + offset, first, sum);
        return checksum_block_add(sum, checksum_copy(c.to + first, p->body, bytes - first, 0), first);
    }
    packet_visit(p, offset, bytes, copy_and_sum_piece, &c);
    return c.sum;
}

struct summing { uint32_t sum; size_t offset; };

static int sum_piece(void *ctx, const uint8_t *at, uint32_t n)
{
    struct summing *s = ctx;
    s->sum = checksum_block_add(s->sum, checksum_partial(at, n, 0), s->offset);
    s->offset += n;
    return 0;
}

uint32_t packet_checksum(const struct packet *p, uint32_t offset, uint32_t bytes, uint32_t sum)
{
    struct summing s = { .sum = sum };
    if (!bytes) return sum; /* there may be no body at all */
    if (p->head_start == p->head_end && bytes <= p->body_bytes && offset <= p->body_bytes - bytes)
        return checksum_partial(p->body + offset, bytes, sum); /* as all that comes from a wire */
    const uint8_t *at = in_one_piece(p, offset, bytes);
    if (at) return checksum_partial(at, bytes, sum);
    uint32_t first = head_part(p, offset, bytes);
    if (first) {
        sum = checksum_partial(p->head + p->head_start + offset, first, sum);
        return checksum_block_add(sum, checksum_partial(p->body, bytes - first, 0), first);
    }
    packet_visit(p, offset, bytes, sum_piece, &s);
    return s.sum;
}
