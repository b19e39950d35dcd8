/* A profile: what kind of world the seeds draw. One row of the table in profile.c; to add one, add a row. */
#ifndef WEIR_SIM_PROFILE_H
#define WEIR_SIM_PROFILE_H

#include <stdint.h>

/* What the adversary does, in the order of the table in adversary.c. */
enum sim_deed { SIM_DEED_QUALITY, SIM_DEED_MTU, SIM_DEED_FLAP, SIM_DEED_FORGE, SIM_DEED_LIE, SIM_DEED_MEMORY, SIM_DEED_STALL, SIM_DEED_COUNT };
/* What programs do, in the order of the table in application.c. */
enum sim_kind { SIM_BULK, SIM_TURNS, SIM_SLOW_READER, SIM_SLOW_WRITER, SIM_HALF_CLOSE, SIM_ABORT, SIM_IDLE, SIM_SHORT, SIM_ECHO, SIM_KIND_COUNT };

struct range { uint32_t low, high; };

struct profile {
    const char *name, *text;
    struct range hosts, routers, applications;
    struct range delay_ms, rate_mbit;            /* rate 0: none */
    struct range healing_s;                      /* when the adversary stops */
    struct range deed_ms;                        /* from one deed to the next; 0, 0: an adversary that does nothing */
    unsigned loss_percent_max, duplicate_percent_max, corrupt_percent_max, reorder_percent_max;
    uint32_t limit_max;
    uint64_t stream_bytes_max;
    uint8_t deeds[SIM_DEED_COUNT];               /* weights */
    uint8_t kinds[SIM_KIND_COUNT];               /* weights */
};

extern const struct profile sim_profiles[];

#endif
