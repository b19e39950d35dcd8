/* What streams carry: a sequence of bytes with a prime period, so that no shift by a segment, a page or a power of two looks
 * right. Kept once more behind itself: any block is one piece of memory, to send from and to compare with. */
#include "sim/run.h"

#define PERIOD 65521u

const uint8_t *pattern_at(uint32_t key, uint64_t offset)
{
    static uint8_t bytes[PERIOD + SIM_BLOCK_BYTES];
    if (!bytes[0]) {
        for (uint32_t i = 0; i < PERIOD; i++) bytes[i] = (uint8_t)(sim_mix(i + 1) | !i);
        for (uint32_t i = PERIOD; i < sizeof bytes; i++) bytes[i] = bytes[i - PERIOD];
    }
    return bytes + (key * 7919ull + offset) % PERIOD;
}
