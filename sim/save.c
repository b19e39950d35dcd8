/* A run can be saved at any event: its machines as images, all else as one struct. Saved, it goes on for a while; brought
 * back, it must go the same way again. The referee has no way back: it looks away the second time. */
#include "sim/run.h"

#include <stdlib.h>
#include <string.h>

enum { AWHILE_EVENTS = 300 };

struct saved { struct run run; void *images[SIM_NODES]; size_t bytes[SIM_NODES]; };

static bool save(struct run *run, struct saved *s)
{
    s->run = *run;
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        size_t bytes = weir_machine_image_bytes(run->nodes[i].machine);
        void *room = realloc(s->images[i], bytes);
        if (!room) return false;
        s->images[i] = room;
        s->bytes[i] = bytes;
        if (weir_machine_save(run->nodes[i].machine, room, bytes)) return false;
    }
    return true;
}

static bool restore(struct run *run, const struct saved *s)
{
    *run = s->run;
    for (unsigned i = run->options->plant == SIM_PLANT_RESTORE; i < run->scenario.node_count; i++)
        if (weir_machine_restore(&run->nodes[i].env, s->images[i], s->bytes[i]) != run->nodes[i].machine) return false;
    return true;
}

static void check_point(struct run *run, struct saved *s, uint64_t events)
{
    uint64_t turns = 0;
    if (!save(run, s)) {
        run_fail(run, "the run cannot be saved");
        return;
    }
    while (turns < events && loop_turn(run)) turns++;
    if (run->has_failed) return;
    uint64_t digest = run->digest, now_ns = run->now_ns, frames = run->frames;
    if (!restore(run, s)) {
        run_fail(run, "the run cannot be restored");
        return;
    }
    run->is_mute = true;
    for (uint64_t i = 0; i < turns; i++) loop_turn(run);
    run->is_mute = false;
    if (run->has_failed) {
        char what[1000];
        memcpy(what, run->result->failure, sizeof what - 1);
        what[sizeof what - 1] = '\0';
        run->has_failed = false;
        run_fail(run, "restored, it goes another way: %s", what);
        return;
    }
    if (run->digest != digest || run->now_ns != now_ns || run->frames != frames)
        run_fail(run, "restored, it goes another way: digest %016lx, it was %016lx, %lu events after event %lu", (unsigned long)run->digest,
                 (unsigned long)digest, (unsigned long)turns, (unsigned long)s->run.events);
    else run->result->save_points++;
}

void save_run(struct run *run, uint64_t events)
{
    struct sim_random random = sim_random(run->scenario.seed, run->scenario.profile_index, SIM_USE_SAVES);
    struct saved *saved = calloc(1, sizeof *saved);
    uint64_t each = events / run->options->save_points;
    if (!saved) abort();
    for (unsigned i = 0; i < run->options->save_points && !run->has_failed; i++) {
        uint64_t ahead = 1 + draw(&random, AWHILE_EVENTS < each ? AWHILE_EVENTS : each + 1), skip = draw(&random, each > ahead ? each - ahead + 1 : 1);
        while (skip && loop_turn(run)) skip--;
        check_point(run, saved, ahead);
    }
    while (loop_turn(run)) {}
    for (unsigned i = 0; i < SIM_NODES; i++) free(saved->images[i]);
    free(saved);
}
