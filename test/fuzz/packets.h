/* The packet targets: an input is frames, time and a little work for the programs that hold sockets. They differ in the
 * frames they begin with. */
#ifndef WEIR_TEST_FUZZ_PACKETS_H
#define WEIR_TEST_FUZZ_PACKETS_H

#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

enum packets_op { PACKETS_FRAME, PACKETS_FRAME_AGAIN, PACKETS_TIME, PACKETS_PROGRAMS, PACKETS_OPS };

/* Sockets of every kind that takes packets, in the two families. */
void packets_set_up(void);
void packets_run(struct input *in);
bool packets_mutate(struct rng *rng, struct record *r);
/* Mostly a frame of the kind. */
void packets_fresh(struct rng *rng, struct record *r, enum frame_kind kind);

#define PACKETS_TARGET(title, kind)                                                                         \
    static void fresh(struct rng *rng, struct record *r) { packets_fresh(rng, r, kind); }                   \
    const struct target target = { .name = title, .ops = PACKETS_OPS, .set_up = packets_set_up, .run = packets_run, \
                                   .fresh = fresh, .mutate = packets_mutate }

#endif
