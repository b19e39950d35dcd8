/* Seeded generators, one for each use (STYLE §5): a draw added in one does not move another. The stream is SipHash over a
 * counter, so that outputs do not betray the key. */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include "base/siphash.h"

struct random { struct siphash_key key; uint64_t counter; };

/* `use` separates streams drawn from one seed; any constant string. */
void random_init(struct random *r, const uint64_t seed[2], const char *use);
uint64_t random_u64(struct random *r);
uint32_t random_u32(struct random *r);
uint32_t random_below(struct random *r, uint32_t bound); /* uniform in [0, bound); 0 when bound is 0 */
void random_bytes(struct random *r, void *out, size_t length_bytes);
void random_key(struct random *r, struct siphash_key *key);

#endif
