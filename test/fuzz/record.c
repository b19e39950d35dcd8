#include "test/fuzz/record.h"

#include <string.h>

uint8_t input_u8(struct input *in)
{
    if (!in->left) return 0;
    in->left--;
    return *in->at++;
}

uint16_t input_u16(struct input *in)
{
    unsigned low = input_u8(in);
    return (uint16_t)(low | (unsigned)input_u8(in) << 8);
}

uint32_t input_u32(struct input *in)
{
    uint32_t low = input_u16(in);
    return low | (uint32_t)input_u16(in) << 16;
}

const uint8_t *input_bytes(struct input *in, size_t wanted, size_t *got)
{
    const uint8_t *at = in->at;
    *got = wanted < in->left ? wanted : in->left;
    in->at += *got;
    in->left -= *got;
    return at;
}

bool input_next(struct input *in, uint8_t *op, struct input *payload)
{
    if (!in->left) return false;
    *op = input_u8(in);
    size_t bytes = input_u16(in);
    payload->at = input_bytes(in, bytes, &payload->left);
    return true;
}

uint32_t rng_below(struct rng *rng, uint32_t below)
{
    uint64_t x = rng->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    rng->state = x;
    return (uint32_t)((x >> 32) * below >> 32);
}

void record_begin(struct record *r, uint8_t op)
{
    r->op = op;
    r->bytes = 0;
}

void record_put(struct record *r, const void *bytes, size_t count)
{
    if (count > (size_t)(RECORD_BYTES_MAX - r->bytes)) return;
    memcpy(r->at + r->bytes, bytes, count);
    r->bytes = (uint16_t)(r->bytes + count);
}

void record_put8(struct record *r, unsigned value) { record_put(r, &(uint8_t){ (uint8_t)value }, 1); }

void record_put16(struct record *r, unsigned value)
{
    record_put8(r, value & 0xff);
    record_put8(r, value >> 8);
}

void record_put32(struct record *r, uint32_t value)
{
    record_put16(r, value & 0xffff);
    record_put16(r, value >> 16);
}
