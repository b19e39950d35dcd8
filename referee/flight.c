#include "referee/flight.h"

#include <stdlib.h>

#define ROOM_MAX (1u << 17)

static bool grow(struct flight *f)
{
    uint32_t room = f->room ? f->room * 2 : 16;
    struct sent_segment *at = room > ROOM_MAX ? NULL : malloc(room * sizeof *at);
    if (!at) return false;
    for (uint32_t i = 0; i < f->count; i++) at[i] = *flight_at(f, i);
    free(f->at);
    *f = (struct flight){ .at = at, .count = f->count, .room = room };
    return true;
}

struct sent_segment *flight_push(struct flight *f)
{
    if (f->count == f->room && !grow(f)) {
        f->count = 0;
        return NULL;
    }
    return flight_at(f, f->count++);
}

uint32_t flight_find(const struct flight *f, uint32_t seq)
{
    uint32_t low = 0, high = f->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if ((int32_t)(flight_at(f, middle)->end - seq) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

void flight_fini(struct flight *f)
{
    free(f->at);
    *f = (struct flight){ 0 };
}
