#include "base/random.h"

void random_init(struct random *r, const uint64_t seed[2], const char *use)
{
    struct siphash_key base = { { seed[0], seed[1] } };
    struct siphash_key turned = { { ~seed[1], seed[0] } };
    size_t length = strlen(use);
    r->key.k[0] = siphash(&base, use, length);
    r->key.k[1] = siphash(&turned, use, length);
    r->counter = 0;
}

uint64_t random_u64(struct random *r)
{
    return siphash_2u64(&r->key, r->counter++, 0);
}

uint32_t random_u32(struct random *r)
{
    return (uint32_t)(random_u64(r) >> 32);
}

uint32_t random_below(struct random *r, uint32_t bound)
{
    if (bound == 0) return 0;
    /* Lemire's method: refuse the few draws that would make small values likelier. */
    uint32_t refuse_below = (uint32_t)-bound % bound;
    uint64_t product;
    do product = (uint64_t)random_u32(r) * bound;
    while ((uint32_t)product < refuse_below);
    return (uint32_t)(product >> 32);
}

void random_bytes(struct random *r, void *out, size_t length_bytes)
{
    uint8_t *at = out;
    while (length_bytes > 0) {
        uint64_t word = random_u64(r);
        size_t n = min_of(length_bytes, sizeof word);
        memcpy(at, &word, n);
        at += n;
        length_bytes -= n;
    }
}

void random_key(struct random *r, struct siphash_key *key)
{
    key->k[0] = random_u64(r);
    key->k[1] = random_u64(r);
}
