#include "wire/checksum.h"

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return v;
}

/* One's complement addition: the carry comes back in. */
static inline uint64_t add64(uint64_t a, uint64_t b)
{
    uint64_t s;
    return s = a + b, s + (s < a);
}

static inline uint32_t fold32(uint64_t sum)
{
    sum = (sum & 0xffffffffu) + (sum >> 32);
    return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static uint64_t sum_tail(const uint8_t *at, size_t bytes, uint64_t sum)
{
    for (; bytes >= 8; at += 8, bytes -= 8) sum = add64(sum, load64(at));
    if (!bytes) return sum;
    uint64_t last = 0;
    memcpy(&last, at, bytes);
    return add64(sum, last);
}

uint32_t checksum_partial(const void *data, size_t length_bytes, uint32_t sum)
{
    const uint8_t *at = data;
    uint64_t a = sum, b = 0, c = 0, d = 0;
    if (length_bytes == 0) return sum;
    for (; length_bytes >= 32; at += 32, length_bytes -= 32) { /* four sums: no waiting for the last carry */
        a = add64(a, load64(at));
        b = add64(b, load64(at + 8));
        c = add64(c, load64(at + 16));
        d = add64(d, load64(at + 24));
    }
    return fold32(sum_tail(at, length_bytes, add64(add64(a, b), add64(c, d))));
}

static inline uint64_t copy64(uint8_t *to, const uint8_t *from)
{
    uint64_t v;
    memcpy(&v, from, 8);
    memcpy(to, &v, 8);
    return v;
}

uint32_t checksum_copy(void *dst, const void *src, size_t length_bytes, uint32_t sum)
{
    const uint8_t *at = src;
    uint8_t *to = dst;
    uint64_t a = sum, b = 0, c = 0, d = 0;
    if (length_bytes == 0) return sum;
    for (; length_bytes >= 32; at += 32, to += 32, length_bytes -= 32) {
        a = add64(a, copy64(to, at));
        b = add64(b, copy64(to + 8, at + 8));
        c = add64(c, copy64(to + 16, at + 16));
        d = add64(d, copy64(to + 24, at + 24));
    }
    if (length_bytes) memcpy(to, at, length_bytes);
    return fold32(sum_tail(at, length_bytes, add64(add64(a, b), add64(c, d))));
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m') */
be16_t checksum_replace16(be16_t check, be16_t from, be16_t to)
{
    return checksum_fold((uint32_t)(uint16_t)~check.raw + (uint16_t)~from.raw + to.raw);
}

be16_t checksum_replace32(be16_t check, be32_t from, be32_t to)
{
    return checksum_fold(checksum_add(checksum_add((uint16_t)~check.raw, ~from.raw), to.raw));
}
