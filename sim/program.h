/* Shared by the engines of programs. */
#ifndef WEIR_SIM_PROGRAM_H
#define WEIR_SIM_PROGRAM_H

#include "sim/run.h"

/* The referee and the digest hear of each call that ended, and of close before it begins. Addresses and ports are put in. */
void program_tell(struct run *run, unsigned program, unsigned side, struct referee_call call);
void program_close(struct run *run, unsigned program, unsigned side);
void program_at(struct program *p, uint64_t due_ns);                         /* looks again at due_ns, or before */
bool program_is_stalled(struct run *run, unsigned program, unsigned side);
void program_next_round(struct run *run, unsigned program);                  /* closes; another connection, or done */

#endif
