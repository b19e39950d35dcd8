#include "referee/ranges.h"

#include <stdlib.h>
#include <string.h>

static inline bool is_before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

/* The first range that ends at or after x. */
static uint32_t find(const struct ranges *s, uint32_t x)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (is_before(s->at[middle].right, x)) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool grow(struct ranges *s)
{
    uint32_t room = s->room ? s->room * 2 : 8;
    struct range *at = realloc(s->at, room * sizeof *at);
    if (!at) return false;
    s->at = at;
    s->room = room;
    return true;
}

bool ranges_add(struct ranges *s, uint32_t left, uint32_t right)
{
    if (!is_before(left, right)) return true;
    uint32_t first = find(s, left), last = first;
    while (last < s->count && !is_before(right, s->at[last].left)) {
        if (is_before(s->at[last].left, left)) left = s->at[last].left;
        if (is_before(right, s->at[last].right)) right = s->at[last].right;
        last++;
    }
    if (first == last && s->count == s->room && !grow(s)) return false;
    memmove(s->at + first + 1, s->at + last, (s->count - last) * sizeof *s->at);
    s->count = s->count - (last - first) + 1;
    s->at[first] = (struct range){ left, right };
    return true;
}

bool ranges_contain(const struct ranges *s, uint32_t left, uint32_t right)
{
    if (!is_before(left, right)) return true;
    uint32_t i = find(s, right);
    return i < s->count && !is_before(left, s->at[i].left);
}

bool ranges_touch(const struct ranges *s, uint32_t left, uint32_t right)
{
    uint32_t i = find(s, left + 1);
    return is_before(left, right) && i < s->count && is_before(s->at[i].left, right);
}

void ranges_cut_below(struct ranges *s, uint32_t left)
{
    uint32_t gone = 0;
    while (gone < s->count && !is_before(left, s->at[gone].right)) gone++;
    if (gone) {
        memmove(s->at, s->at + gone, (s->count - gone) * sizeof *s->at);
        s->count -= gone;
    }
    if (s->count && is_before(s->at[0].left, left)) s->at[0].left = left;
}

void ranges_fini(struct ranges *s)
{
    free(s->at);
    *s = (struct ranges){ 0 };
}
