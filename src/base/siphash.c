#include "base/siphash.h"

static inline struct siphash_state start(const struct siphash_key *key)
{
    return (struct siphash_state){ key->k[0] ^ 0x736f6d6570736575ull, key->k[1] ^ 0x646f72616e646f6dull,
                           key->k[0] ^ 0x6c7967656e657261ull, key->k[1] ^ 0x7465646279746573ull };
}

static inline void absorb(struct siphash_state *s, uint64_t word)
{
    s->v3 ^= word;
    siphash_round(s);
    siphash_round(s);
    s->v0 ^= word;
}

static inline uint64_t finish(struct siphash_state *s)
{
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++) siphash_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length_bytes)
{
    const uint8_t *at = data;
    struct siphash_state s = start(key);
    uint64_t last = (uint64_t)length_bytes << 56;
    size_t left = length_bytes;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        absorb(&s, word);
    }
    for (size_t i = 0; i < left; i++) last |= (uint64_t)at[i] << (8 * i);
    absorb(&s, last);
    return finish(&s);
}

uint64_t siphash_2u64(const struct siphash_key *key, uint64_t a, uint64_t b)
{
    struct siphash_state s = start(key);
    absorb(&s, a);
    absorb(&s, b);
    absorb(&s, (uint64_t)16 << 56);
    return finish(&s);
}

uint64_t siphash_4u64(const struct siphash_key *key, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct siphash_state s = start(key);
    absorb(&s, a);
    absorb(&s, b);
    absorb(&s, c);
    absorb(&s, d);
    absorb(&s, (uint64_t)32 << 56);
    return finish(&s);
}
