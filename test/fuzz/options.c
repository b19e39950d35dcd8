/* Options, ioctls and control messages on sockets of every kind. */
#include "test/fuzz/calls.h"

static void set_up(void) { calls_set_up(true); }
static void run(struct input *in) { calls_run(in, CALLS_OPTIONS_OPS); }
static void fresh(struct rng *rng, struct record *r) { calls_fresh(rng, r, CALLS_OPTIONS_OPS); }

const struct target target = { .name = "options", .ops = CALLS_OPTIONS_OPS,
                               .op_flags = 0x80, .set_up = set_up, .run = run, .fresh = fresh, .mutate = calls_mutate };
