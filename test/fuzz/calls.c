#include "test/fuzz/calls.h"

static void set_up(void) { calls_set_up(false); }
static void run(struct input *in) { calls_run(in, CALLS_OPS); }
static void fresh(struct rng *rng, struct record *r) { calls_fresh(rng, r, CALLS_OPS); }

const struct target target = { .name = "calls", .ops = CALLS_OPS,
                               .op_flags = 0x80, .set_up = set_up, .run = run, .fresh = fresh, .mutate = calls_mutate };
