/* The simulation: one seed draws hosts, routers, cables, programs and an adversary, lets them run in virtual time and checks
 * what must hold whatever the network does. Same seed, same profile: same packets, on every compiler. Nothing here reads a
 * clock or draws from libc; a run is one struct that can be copied. */
#ifndef WEIR_SIM_SIM_H
#define WEIR_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Deeds of which a check has to speak: for the tests of the checks. */
enum sim_plant { SIM_PLANT_NONE, SIM_PLANT_FLIP, SIM_PLANT_STUCK, SIM_PLANT_LEAK, SIM_PLANT_SOCKET, SIM_PLANT_ERRNO, SIM_PLANT_REFEREE,
                 SIM_PLANT_RESTORE };

struct sim_options {
    uint64_t seed;
    unsigned profile;               /* below sim_profile_count() */
    unsigned save_points;           /* how often the whole run is saved, goes on, is restored and goes on again */
    enum sim_plant plant;
    /* Every frame that a node sends or receives; NULL: nobody looks. wall_ns: nanoseconds since 1970. */
    void (*on_frame)(void *ctx, const char *node, const char *device, uint64_t wall_ns, const void *frame, size_t bytes);
    void *ctx;
};

enum { SIM_TEXT_BYTES = 6000 };

struct sim_result {
    uint64_t seed;
    uint32_t profile;
    bool has_failed;
    uint32_t save_points;           /* passed */
    uint64_t digest;                /* over all frames and all that programs saw */
    uint64_t frames, segments;      /* segments: with data, as hosts sent them */
    uint64_t bytes;                 /* that programs received */
    uint64_t connections, simulated_ns, events, judged, deeds;
    char scenario[SIM_TEXT_BYTES];  /* in lines, for people */
    char failure[SIM_TEXT_BYTES];   /* what failed; empty: nothing */
};

void sim_run(const struct sim_options *options, struct sim_result *result);

unsigned sim_profile_count(void);
const char *sim_profile_name(unsigned profile);
const char *sim_profile_text(unsigned profile);
/* The profile of a seed when none is asked for. */
unsigned sim_profile_of(uint64_t seed);

#endif
