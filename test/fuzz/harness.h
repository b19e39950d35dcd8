/* What every fuzz target stands on: machines that go back to a saved state in microseconds, frames in and out, time, and the
 * checks that hold whatever the input is. A target is one file that defines `target`; libFuzzer or replay.c drives it. */
#ifndef WEIR_TEST_FUZZ_HARNESS_H
#define WEIR_TEST_FUZZ_HARNESS_H

#include "machine/machine.h"
#include "test/fuzz/record.h"

#include <weir/device.h>
#include <weir/socket.h>

#define SECOND_NS 1000000000ull

struct target {
    const char *name;
    unsigned ops;                                       /* record.op is below it */
    uint8_t op_flags;                                   /* bits of an op that are no part of it */
    size_t head_bytes;                                  /* before the first record */
    void (*set_up)(void);                               /* once: opens machines, brings them where each input begins */
    void (*run)(struct input *in);
    void (*fresh)(struct rng *rng, struct record *r);   /* a sensible record, out of nothing */
    bool (*mutate)(struct rng *rng, struct record *r);  /* false: bytes as bytes. NULL: always */
    bool has_honest_peer;                               /* frames are made by machines only: the referee asks all its rules */
};
extern const struct target target;

/* What an input may make the machine do without being wrong. */
struct fuzz_allowed {
    bool forged_sources;  /* programs with raw sockets say what they like */
    bool group_traffic;   /* programs send to groups and broadcast */
    unsigned frames_out;  /* by one frame, call or timer */
    uint64_t left_bytes;  /* when all is closed and 2000 s have passed: neighbours, routes learned */
};

struct fuzz_machine {
    struct weir_machine *machine;
    struct weir_task *task;
    unsigned index;                 /* 0: 10.0.0.1 and fd00::1 on 02:..:01, peer .2; 1: the other way round */
    struct fuzz_allowed allowed;
    bool sees_loopback;             /* its frames go by the checks too; slower */
    bool is_judged;
    bool peer_answers;              /* the harness answers who asks for the peer's link address */
    void (*on_frame)(struct fuzz_machine *f, const uint8_t *frame, size_t bytes); /* left the port "eth0"; or NULL */

    /* Below: the harness's own. */
    uint8_t *arena;
    struct fuzz_saved *saved;
    struct weir_task *first_task;
    unsigned frames_out, neighbour_questions;
    uint8_t asked[2][16];           /* IPv4 and IPv6: whose link address it wants to know */
    uint64_t used_at_end;           /* bytes, when a run that did nothing has ended */
};

/* A machine with the port "eth0", addresses usable, the peer known. is_judged: the referee sees its frames too. */
struct fuzz_machine *harness_open(unsigned index, bool is_judged);
/* Each input begins here. */
void harness_save(struct fuzz_machine *f);

/* One frame comes in, and its consequences. */
void harness_inject(struct fuzz_machine *f, const void *frame, size_t bytes);
/* The clock goes on, through every deadline on the way. */
void harness_advance(struct fuzz_machine *f, uint64_t ns);
void harness_step_to_deadline(struct fuzz_machine *f, uint64_t limit_ns);
/* After calls made otherwise: what they sent is judged, neighbours asked for answer. */
void harness_settle(struct fuzz_machine *f);
/* The program ends. */
void harness_close(struct fuzz_machine *f);
/* And time passes: memory must be what it was. */
void harness_end(struct fuzz_machine *f);

/* Every frame of every machine goes through here, loopback where sees_loopback is set. */
void harness_see_packet(struct fuzz_machine *f, const char *device, bool is_outgoing, const uint8_t *frame, size_t bytes);
/* What follows in this input is not for the referee. */
void harness_stop_judging(void);
/* What must be the same the next time: results of calls, bytes received. */
void harness_note(uint64_t value);
void harness_note_bytes(const void *bytes, size_t count);
uint64_t harness_digest(void);
_Noreturn void harness_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* libFuzzer's entry points; replay.c calls them too. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
