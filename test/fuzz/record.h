/* An input is a list of records: an op, a length, that many bytes. Any bytes are an input: what is cut short is taken as far
 * as it goes, what is missing reads as zeroes. */
#ifndef WEIR_TEST_FUZZ_RECORD_H
#define WEIR_TEST_FUZZ_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_BYTES_MAX = 2048, RECORD_HEADER_BYTES = 3, RECORDS_MAX = 96 };

struct record { uint8_t op; uint16_t bytes; uint8_t at[RECORD_BYTES_MAX]; };

struct input { const uint8_t *at; size_t left; };

/* The next record of `in`: its op and a cursor over its bytes. False: no more. */
bool input_next(struct input *in, uint8_t *op, struct input *payload);
uint8_t input_u8(struct input *in);
uint16_t input_u16(struct input *in);
uint32_t input_u32(struct input *in);
/* Up to `bytes` of what is left. */
const uint8_t *input_bytes(struct input *in, size_t wanted, size_t *got);

/* xorshift; seeded by libFuzzer for each mutation. */
struct rng { uint64_t state; };
uint32_t rng_below(struct rng *rng, uint32_t below);
static inline bool rng_one_in(struct rng *rng, uint32_t n) { return rng_below(rng, n) == 0; }

/* Builds a record's bytes; what does not fit is left out. */
void record_begin(struct record *r, uint8_t op);
void record_put(struct record *r, const void *bytes, size_t count);
void record_put8(struct record *r, unsigned value);
void record_put16(struct record *r, unsigned value);
void record_put32(struct record *r, uint32_t value);

#endif
