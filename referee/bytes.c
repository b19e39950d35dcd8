#include "referee/bytes.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096u
#define ROOM_MAX (1u << 26)

static bool is_before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

static void copy_in(struct bytes *b, uint32_t seq, const uint8_t *from, uint32_t count)
{
    uint32_t at = seq & (b->room - 1), first = b->room - at < count ? b->room - at : count;
    memcpy(b->at + at, from, first);
    memcpy(b->at, from + first, count - first);
}

static struct bytes *grow(struct bytes *old, uint32_t need)
{
    uint32_t room = ROOM_MIN;
    while (room < need) room *= 2;
    struct bytes *b = room > ROOM_MAX ? NULL : malloc(sizeof *b + room);
    if (b) *b = (struct bytes){ .room = room };
    if (b && old) {
        b->base = old->base;
        b->top = old->top;
        for (uint32_t seq = old->base; seq != old->top;) {
            uint32_t at = seq & (old->room - 1), count = old->room - at < old->top - seq ? old->room - at : old->top - seq;
            copy_in(b, seq, old->at + at, count);
            seq += count;
        }
    }
    free(old);
    return b;
}

void bytes_put(struct bytes **bytes, uint32_t seq, const uint8_t *from, uint32_t count)
{
    struct bytes *b = *bytes;
    if (b && (is_before(b->top, seq) || b->base == b->top)) b->base = b->top = seq;
    uint32_t known = b && is_before(seq, b->top) ? b->top - seq : 0;
    if (known >= count) return;
    uint32_t base = b ? b->base : seq, need = seq + count - base;
    if (!b || need > b->room) {
        b = *bytes = grow(b, need);
        if (!b) return;
        if (b->base == b->top) b->base = b->top = seq;
    }
    copy_in(b, seq + known, from + known, count - known);
    b->top = seq + count;
}

void bytes_place(struct bytes **bytes, uint32_t base, uint32_t seq, const uint8_t *from, uint32_t count)
{
    struct bytes *b = *bytes;
    uint32_t end = seq + count;
    if (b && is_before(b->base, base)) b->base = base;
    if (b && is_before(b->top, b->base)) b->top = b->base;
    if (!b || end - b->base > b->room) {
        if (b && b->base == b->top) b->base = b->top = base;
        b = *bytes = grow(b, end - base);
        if (!b) return;
    }
    if (b->base == b->top) b->base = b->top = base;
    copy_in(b, seq, from, count);
    if (is_before(b->top, end)) b->top = end;
}

bool bytes_match(const struct bytes *b, uint32_t seq, const uint8_t *with, uint32_t count)
{
    if (!b) return true;
    uint32_t end = seq + count;
    if (is_before(seq, b->base)) with += b->base - seq, seq = b->base;
    if (is_before(b->top, end)) end = b->top;
    if (!is_before(seq, end)) return true;
    uint32_t at = seq & (b->room - 1), n = end - seq, first = b->room - at < n ? b->room - at : n;
    return memcmp(b->at + at, with, first) == 0 && memcmp(b->at, with + first, n - first) == 0;
}

void bytes_drop_below(struct bytes *b, uint32_t seq)
{
    if (!b || !is_before(b->base, seq)) return;
    b->base = is_before(b->top, seq) ? b->top : seq;
}
