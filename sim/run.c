/* A seed from birth to end. */
#include "sim/run.h"

#include <stdlib.h>
#include <string.h>
#include "machine/machine.h"

#define WARM_UP_NS (4 * SIM_SECOND)       /* IPv6 addresses are usable by then */
#define REST_NS (800 * SIM_SECOND)        /* what is left on its own ends: TIME-WAIT, orphans, fragments, path MTUs */

static void on_violation(void *ctx, const struct referee_violation *v)
{
    struct run *run = ctx;
    run_fail(run, "referee: host%u, frame %lu: %s (%s): %s", v->host, (unsigned long)v->frame, referee_rule_name(v->rule), referee_rule_label(v->rule), v->text);
}

static bool start(struct run *run)
{
    run->referee = referee_create(&(struct referee_config){ .sees_all = true, .on_violation = on_violation, .ctx = run });
    if (!run->referee || !topology_build(run)) {
        run_fail(run, "the scenario could not be built");
        return false;
    }
    for (unsigned i = 0; i < run->scenario.host_count && run->scenario.lacks_memory; i++) referee_host_faulted(run->referee, i);
    topology_configure(run);
    loop_until(run, run->now_ns + WARM_UP_NS);
    run->began_ns = run->now_ns;
    run->healing_ns = run->now_ns + run->scenario.healing_ns;
    for (unsigned i = 0; i < run->scenario.application_count; i++) run->programs[i] = (struct program){ .listener = -1, .next_ns = run->now_ns };
    adversary_start(run);
    return !run->has_failed;
}

/* Nothing is left when all is closed: not a socket, not a byte. */
static void finish(struct run *run)
{
    if (!run->is_healed) adversary_heal(run);
    for (unsigned i = 0; i < run->scenario.application_count; i++) program_close_all(run, i);
    loop_until(run, run->now_ns + REST_NS);
    if (run->has_failed) return;
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        struct node *n = &run->nodes[i];
        loop_sync(run, i);
        weir_task_destroy(n->task);
        n->task = NULL;
        weir_close(n->keeper, n->control);
    }
    check_sockets(run);
    for (unsigned i = 0; i < run->scenario.node_count; i++) run->nodes[i].control = weir_socket(run->nodes[i].keeper, 2, 2, 0);
    for (unsigned l = 0; l < run->scenario.link_count; l++)
        for (unsigned e = 0; e < 2; e++) topology_set_up(run, l, e, false);
    loop_until(run, run->now_ns + SIM_SECOND);
    check_memory(run);
}

/* All that machines hold must come back when they end. */
static void empty(struct run *run)
{
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        struct machine *m = (struct machine *)run->nodes[i].machine;
        uint64_t left = m ? machine_empty(m) : 0;
        if (left) run_fail(run, "%s: %lu bytes were not given back", run->nodes[i].name, (unsigned long)left);
    }
}

void sim_run(const struct sim_options *options, struct sim_result *result)
{
    struct run *run = calloc(1, sizeof *run);
    *result = (struct sim_result){ .seed = options->seed, .profile = options->profile };
    if (!run) abort();
    run->options = options;
    run->result = result;
    scenario_draw(&run->scenario, options->seed, options->profile);
    scenario_describe(&run->scenario, result->scenario, sizeof result->scenario);
    run->now_ns = run->scenario.start_ns;
    run->programs_random = sim_random(options->seed, options->profile, SIM_USE_PROGRAMS);
    run->adversary_random = sim_random(options->seed, options->profile, SIM_USE_ADVERSARY);
    if (start(run)) {
        loop_run(run);
        finish(run);
    }
    if (run->referee) referee_end(run->referee, run->now_ns);
    empty(run);
    result->has_failed = run->has_failed;
    result->digest = run->digest;
    result->frames = run->frames;
    result->segments = run->segments;
    result->bytes = run->bytes;
    result->connections = run->connections;
    result->events = run->events;
    result->deeds = run->deeds;
    result->simulated_ns = run->now_ns - run->scenario.start_ns;
    for (unsigned i = 0; i < RULE_COUNT && run->referee; i++) result->judged += referee_judged(run->referee, (enum referee_rule)i);
    topology_destroy(run);
    referee_destroy(run->referee);
    free(run);
}
