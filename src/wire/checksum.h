/* The Internet checksum (RFC 1071) as 32-bit partial sums that may be added in any order. Sums are in the order of the
 * bytes in memory; fold and complement give the field as it goes on the wire. Pure. */
#ifndef WEIR_WIRE_CHECKSUM_H
#define WEIR_WIRE_CHECKSUM_H

#include "base/types.h"

uint32_t checksum_partial(const void *data, size_t length_bytes, uint32_t sum);
/* Copies and sums in one pass. */
uint32_t checksum_copy(void *dst, const void *src, size_t length_bytes, uint32_t sum);
/* The same for a few 32-bit words, such as a header's, without a call. */
static inline uint32_t checksum_words(const void *data, size_t words, uint32_t sum)
{
    const uint8_t *at = data;
    uint64_t wide = sum;
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        memcpy(&word, at + 4 * i, 4);
        wide += word;
    }
    wide = (wide & 0xffffffffu) + (wide >> 32);
    return (uint32_t)wide + (uint32_t)(wide >> 32);
}
static inline uint32_t checksum_add(uint32_t a, uint32_t b) { uint32_t s = a + b; return s + (s < a); }
/* Adds the sum of a block that began at an odd or even offset of the whole. */
static inline uint32_t checksum_block_add(uint32_t sum, uint32_t block, size_t offset)
{
    return checksum_add(sum, offset & 1 ? __builtin_bswap32(block) : block);
}
static inline be16_t checksum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (be16_t){ (uint16_t)~sum };
}
/* Replaces a 16- or 32-bit word in a finished checksum (RFC 1624). */
be16_t checksum_replace16(be16_t check, be16_t from, be16_t to);
be16_t checksum_replace32(be16_t check, be32_t from, be32_t to);

#endif
