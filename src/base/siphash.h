/* SipHash-2-4 (Aumasson, Bernstein): keyed hash for lookup tables and secrets. Pure. */
#ifndef WEIR_BASE_SIPHASH_H
#define WEIR_BASE_SIPHASH_H

#include "base/types.h"

struct siphash_key { uint64_t k[2]; };

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length_bytes);
uint64_t siphash_2u64(const struct siphash_key *key, uint64_t a, uint64_t b);
uint64_t siphash_4u64(const struct siphash_key *key, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
struct siphash_state { uint64_t v0, v1, v2, v3; };

static inline uint64_t siphash_rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static inline void siphash_round(struct siphash_state *s)
{
    s->v0 += s->v1; s->v1 = siphash_rotate(s->v1, 13) ^ s->v0; s->v0 = siphash_rotate(s->v0, 32);
    s->v2 += s->v3; s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3; s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1; s->v1 = siphash_rotate(s->v1, 17) ^ s->v2; s->v2 = siphash_rotate(s->v2, 32);
}

/* Fewer rounds (SipHash-1-3), for hash tables where the output is never shown. Inline: the count is a constant. */
static inline uint64_t siphash_table(const struct siphash_key *key, const uint64_t *words, size_t count)
{
    struct siphash_state s = { key->k[0] ^ 0x736f6d6570736575ull, key->k[1] ^ 0x646f72616e646f6dull,
                               key->k[0] ^ 0x6c7967656e657261ull, key->k[1] ^ 0x7465646279746573ull };
    for (size_t i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)(count * 8) << 56;
        s.v3 ^= word;
        siphash_round(&s);
        s.v0 ^= word;
    }
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++) siphash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
/* For caches of one entry a place, where who finds two keys that meet has won nothing but a second lookup. */
static inline uint64_t hash_of_place(const struct siphash_key *key, uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ key->k[0]) * 0x9e3779b97f4a7c15ull;
    x = ((x ^ x >> 32) + (b ^ key->k[1])) * 0xbf58476d1ce4e5b9ull;
    return x ^ x >> 32;
}

#endif
