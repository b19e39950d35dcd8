/* A seeded stream of numbers, eight bytes of state: one for each use, so that a draw more in one moves no other. */
#ifndef WEIR_SIM_RANDOM_H
#define WEIR_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random { uint64_t state; };

static inline uint64_t sim_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

enum sim_use { SIM_USE_SCENARIO = 1, SIM_USE_PROGRAMS, SIM_USE_ADVERSARY, SIM_USE_SAVES };

static inline struct sim_random sim_random(uint64_t seed, unsigned profile, enum sim_use use)
{
    return (struct sim_random){ sim_mix(seed * 0x9e3779b97f4a7c15ull + profile * 0x2545f4914f6cdd1dull + use) };
}

/* Below `below`; 0 for 0. The error against equal chances is below 2^-32 for all that is drawn here. */
static inline uint64_t draw(struct sim_random *r, uint64_t below)
{
    r->state += 0x9e3779b97f4a7c15ull;
    return below ? sim_mix(r->state) % below : 0;
}

static inline uint64_t draw_between(struct sim_random *r, uint64_t low, uint64_t high) { return low + draw(r, high - low + 1); }
static inline bool draw_chance(struct sim_random *r, unsigned percent) { return draw(r, 100) < percent; }

#endif
