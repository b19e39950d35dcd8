/* The digest of a run: every frame that a host sent, in full; of every other frame its ends, time and length; every result of
 * a program. Four lanes of steps that lose nothing, so that it costs little beside the copy of the frame. */
#include "sim/run.h"

#include <string.h>

static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

#define LANE 0x9e3779b97f4a7c15ull

static uint64_t hash(const uint8_t *at, size_t bytes)
{
    uint64_t lanes[4] = { bytes, 1, 2, 3 };
    size_t done = 0;
    for (; done + 32 <= bytes; done += 32)
        for (unsigned i = 0; i < 4; i++) lanes[i] = (lanes[i] ^ load(at + done + 8 * i)) * LANE;
    for (unsigned i = 0; i < 4; i++) lanes[i] ^= lanes[i] >> 32;
    for (; done < bytes; done += 8) {
        uint64_t word = 0;
        memcpy(&word, at + done, bytes - done < 8 ? bytes - done : 8);
        lanes[0] = (lanes[0] ^ word) * LANE;
        lanes[0] ^= lanes[0] >> 32;
    }
    return sim_mix(lanes[0]) ^ sim_mix(lanes[1] + 1) ^ sim_mix(lanes[2] + 2) ^ sim_mix(lanes[3] + 3);
}

/* What a node received or forwards, a host sent or the cable spoilt: its ends tell enough. */
#define ENDS_BYTES 64

bool digest_has_tcp_data(const uint8_t *f, size_t bytes)
{
    if (bytes < 54) return false;
    if (f[12] == 8 && f[13] == 0) {
        size_t header = (f[14] & 15u) * 4, total = (size_t)f[16] << 8 | f[17];
        return f[23] == 6 && 14 + header + 12 < bytes && total > header + (size_t)(f[14 + header + 12] >> 4) * 4;
    }
    return f[12] == 0x86 && f[20] == 6 && bytes > 54 + 12 && ((size_t)f[18] << 8 | f[19]) > (size_t)(f[54 + 12] >> 4) * 4;
}

void digest_frame(struct run *run, unsigned node, bool is_outgoing, const void *frame, size_t bytes)
{
    const uint8_t *at = frame;
    bool is_new = is_outgoing && run_is_host(run, node);
    uint64_t h = is_new || bytes <= 2 * ENDS_BYTES ? hash(at, bytes) : hash(at, ENDS_BYTES) ^ hash(at + bytes - ENDS_BYTES, ENDS_BYTES) ^ bytes;
    run->frames++;
    if (is_new && digest_has_tcp_data(at, bytes)) run->segments++;
    digest_result(run, (uint64_t)node << 1 | is_outgoing, h);
}

void digest_result(struct run *run, uint64_t what, uint64_t value)
{
    run->digest = sim_mix(run->digest ^ what ^ run->now_ns << 8) * 0xbf58476d1ce4e5b9ull + value;
}
