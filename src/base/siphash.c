#include "base/siphash.h"

struct state { uint64_t v0, v1, v2, v3; };

static inline uint64_t rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static inline void round_once(struct state *s)
{
    s->v0 += s->v1; s->v1 = rotate(s->v1, 13) ^ s->v0; s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3; s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3; s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1; s->v1 = rotate(s->v1, 17) ^ s->v2; s->v2 = rotate(s->v2, 32);
}

static inline struct state start(const struct siphash_key *key)
{
    return (struct state){ key->k[0] ^ 0x736f6d6570736575ull, key->k[1] ^ 0x646f72616e646f6dull,
                           key->k[0] ^ 0x6c7967656e657261ull, key->k[1] ^ 0x7465646279746573ull };
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    round_once(s);
    round_once(s);
    s->v0 ^= word;
}

static inline uint64_t finish(struct state *s)
{
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++) round_once(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length_bytes)
{
    const uint8_t *at = data;
    struct state s = start(key);
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
    struct state s = start(key);
    absorb(&s, a);
    absorb(&s, b);
    absorb(&s, (uint64_t)16 << 56);
    return finish(&s);
}

uint64_t siphash_4u64(const struct siphash_key *key, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct state s = start(key);
    absorb(&s, a);
    absorb(&s, b);
    absorb(&s, c);
    absorb(&s, d);
    absorb(&s, (uint64_t)32 << 56);
    return finish(&s);
}

uint64_t siphash_table(const struct siphash_key *key, const uint64_t *words, size_t count)
{
    struct state s = start(key);
    for (size_t i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)(count * 8) << 56;
        s.v3 ^= word;
        round_once(&s);
        s.v0 ^= word;
    }
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++) round_once(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
