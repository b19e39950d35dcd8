/* The end of a machine, which must find all memory given back. */
#ifndef WEIR_TEST_ENDED_H
#define WEIR_TEST_ENDED_H

#include <weir/machine.h>

struct machine;
uint64_t machine_empty(struct machine *m); /* src/machine/machine.h, which does not go with the C library's network headers */

static inline void end_machine(struct weir_machine *machine)
{
    assert_int_equal(machine_empty((struct machine *)machine), 0);
    weir_machine_destroy(machine);
}

#endif
