/* Between the machine's half of the guardian and its process. */
#ifndef RUNNER_GUARDIAN_PROCESS_H
#define RUNNER_GUARDIAN_PROCESS_H

#include "runner/task.h"

#include <stdint.h>
#include <sys/types.h>

enum { GUARD_SLOTS = 65536 };

/* An unanswered notification. run 0: none. */
struct guard_slot {
    uint64_t id;
    uint32_t run;
    int number; /* of the system call */
};

struct guard_memory {
    struct copy_watch copy;
    struct guard_slot expected;
    struct guard_slot slots[GUARD_SLOTS];
};

/* Holds the listeners that come over the socket, each with the run's number. */
_Noreturn void guardian_be(int socket, pid_t machine, struct guard_memory *memory);

#endif
