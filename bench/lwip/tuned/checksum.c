/* The one's complement sum in 64-bit lanes, which the compiler makes vectors of; lwIP's own goes by 16 or 32 bits. */
#include <stdint.h>
#include <string.h>

uint16_t bench_checksum(const void *data, int bytes);

uint16_t bench_checksum(const void *data, int bytes)
{
    const uint8_t *at = data;
    uint64_t sums[8] = { 0 }, sum = 0;
    for (; bytes >= 32; at += 32, bytes -= 32) {
        uint32_t words[8];
        memcpy(words, at, sizeof words);
        for (int i = 0; i < 8; i++) sums[i] += words[i];
    }
    for (int i = 0; i < 8; i++) sum += sums[i];
    for (; bytes >= 4; at += 4, bytes -= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        sum += word;
    }
    uint32_t last = 0;
    memcpy(&last, at, (size_t)bytes);
    sum += last;
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
