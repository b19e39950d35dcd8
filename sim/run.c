/* A seed from birth to end. */
#include "sim/run.h"

#include <stdio.h>
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
    bool has_flaps = run->scenario.profile->deeds[SIM_DEED_FLAP];
    run->referee = referee_create(&(struct referee_config){ .sees_all = true, .has_queues = has_flaps, .has_calls = true, .on_violation = on_violation, .ctx = run });
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

/* What a check of the end has to find. */
static void plant_leaks(struct run *run)
{
    struct weir_task *keeper = run->nodes[0].keeper;
    struct sockaddr_storage a;
    socklen_t n = topology_address(run, 0, run->scenario.has6, 9, &a);
    if (run->options->plant == SIM_PLANT_SOCKET) weir_bind(keeper, weir_socket(keeper, a.ss_family, SOCK_DGRAM, 0), (void *)&a, n);
    for (unsigned i = 0; run->options->plant == SIM_PLANT_LEAK && i < 40; i++) weir_socket(keeper, AF_UNIX, SOCK_STREAM, 0);
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
    plant_leaks(run);
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

static void put_result(const struct run *run, struct sim_result *result)
{
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
}

/* events: how many the seed has, where saves are asked for. */
static void run_seed(const struct sim_options *options, struct sim_result *result, uint64_t events)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run) abort();
    *result = (struct sim_result){ .seed = options->seed, .profile = options->profile };
    run->options = options;
    run->result = result;
    scenario_draw(&run->scenario, options->seed, options->profile);
    scenario_describe(&run->scenario, result->scenario, sizeof result->scenario);
    run->now_ns = run->scenario.start_ns;
    run->programs_random = sim_random(options->seed, options->profile, SIM_USE_PROGRAMS);
    run->adversary_random = sim_random(options->seed, options->profile, SIM_USE_ADVERSARY);
    if (start(run)) {
        if (options->save_points) save_run(run, events);
        else while (loop_turn(run)) {}
        finish(run);
    }
    if (run->referee) referee_end(run->referee, run->now_ns);
    empty(run);
    put_result(run, result);
    topology_destroy(run);
    referee_destroy(run->referee);
    free(run);
}

void sim_run(const struct sim_options *options, struct sim_result *result)
{
    struct sim_options plain = *options;
    uint64_t events = 0;
    if (options->save_points) { /* once without, to know where there is something to save */
        plain.save_points = 0;
        plain.on_frame = NULL;
        run_seed(&plain, result, 0);
        events = result->events;
        if (result->has_failed) return;
    }
    uint64_t digest = result->digest;
    run_seed(options, result, events);
    if (!events || result->has_failed || result->digest == digest) return;
    result->has_failed = true;
    snprintf(result->failure, sizeof result->failure, "another digest than without saves: %016lx, %016lx", (unsigned long)result->digest, (unsigned long)digest);
}
