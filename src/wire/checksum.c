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

/* Fewer than eight bytes, in steps of a size that the compiler knows. */
static inline uint64_t sum_rest(const uint8_t *at, size_t bytes, uint64_t sum)
{
    uint32_t four = 0;
    uint16_t two = 0, one = 0;
    if (bytes & 4) memcpy(&four, at, 4);
    if (bytes & 2) memcpy(&two, at + (bytes & 4), 2);
    if (bytes & 1) memcpy(&one, at + (bytes & 6), 1);
    return add64(sum, (uint64_t)four + two + one);
}

static inline void copy_rest(uint8_t *to, const uint8_t *at, size_t bytes)
{
    if (bytes & 4) memcpy(to, at, 4);
    if (bytes & 2) memcpy(to + (bytes & 4), at + (bytes & 4), 2);
    if (bytes & 1) memcpy(to + (bytes & 6), at + (bytes & 6), 1);
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
    for (; length_bytes >= 8; at += 8, length_bytes -= 8) a = add64(a, load64(at));
    if (length_bytes) b = sum_rest(at, length_bytes, b);
    return fold32(add64(add64(a, b), add64(c, d)));
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
    for (; length_bytes >= 8; at += 8, to += 8, length_bytes -= 8) a = add64(a, copy64(to, at));
    if (length_bytes) {
        b = sum_rest(at, length_bytes, b);
        copy_rest(to, at, length_bytes);
    }
    return fold32(add64(add64(a, b), add64(c, d)));
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
