/* The segments that a host sent and that are not acknowledged, in the order of their sequence numbers. */
#ifndef WEIR_REFEREE_FLIGHT_H
#define WEIR_REFEREE_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct sent_segment {
    uint32_t seq, end;
    uint64_t first_ns, last_ns;                 /* sent the first and the last time */
    uint16_t sends;
    bool is_sacked, is_merged;                  /* is_merged: sent again as a part of the one before */
};

struct flight { struct sent_segment *at; uint32_t head, count, room; }; /* a ring; room is a power of two */

static inline struct sent_segment *flight_at(const struct flight *f, uint32_t i) { return &f->at[(f->head + i) & (f->room - 1)]; }
/* NULL: no memory, or more than anyone keeps in flight; then all is forgotten. */
struct sent_segment *flight_push(struct flight *f);
/* The first segment that ends after seq; count when there is none. */
uint32_t flight_find(const struct flight *f, uint32_t seq);
static inline void flight_pop(struct flight *f) { f->head++, f->count--; }
void flight_fini(struct flight *f);

#endif
