/* A stretch of a byte stream, by sequence number. Owned by a flow: one allocation, free() ends it. NULL is an empty one. */
#ifndef WEIR_REFEREE_BYTES_H
#define WEIR_REFEREE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes { uint32_t base, top, room; uint8_t at[]; }; /* holds base up to top; a ring, room is a power of two */

/* Puts what stands at top or past it; after a gap all else is forgotten. Forgets all when there is no memory. */
void bytes_put(struct bytes **b, uint32_t seq, const uint8_t *from, uint32_t count);
/* Puts what may stand anywhere from base on, and sets base. What was never put holds anything. */
void bytes_place(struct bytes **b, uint32_t base, uint32_t seq, const uint8_t *from, uint32_t count);
/* What of it is held is the same. */
bool bytes_match(const struct bytes *b, uint32_t seq, const uint8_t *with, uint32_t count);
void bytes_drop_below(struct bytes *b, uint32_t seq);

#endif
