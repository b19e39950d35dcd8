/* SipHash-2-4 (Aumasson, Bernstein): keyed hash for lookup tables and secrets. Pure. */
#ifndef WEIR_BASE_SIPHASH_H
#define WEIR_BASE_SIPHASH_H

#include "base/types.h"

struct siphash_key { uint64_t k[2]; };

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length_bytes);
uint64_t siphash_2u64(const struct siphash_key *key, uint64_t a, uint64_t b);
uint64_t siphash_4u64(const struct siphash_key *key, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/* Fewer rounds (SipHash-1-3), for hash tables where the output is never shown. */
uint64_t siphash_table(const struct siphash_key *key, const uint64_t *words, size_t count);

#endif
