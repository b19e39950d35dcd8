/* Time: from one thing that is due to the next. Only machines that have something to do are stepped. */
#include "sim/run.h"

enum { INSTANT_EVENTS_MAX = 2000000 };

void loop_sync(struct run *run, unsigned node)
{
    struct weir_machine *m = run->nodes[node].machine;
    if (weir_machine_now(m) < run->now_ns) weir_machine_step(m, run->now_ns);
}

/* A machine's clock may stand behind while nothing is due on it; what reaches it then is due now. */
static uint64_t machines_next(const struct run *run)
{
    uint64_t next_ns = UINT64_MAX;
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        uint64_t due_ns = weir_machine_next_deadline(run->nodes[i].machine);
        if (due_ns < next_ns) next_ns = due_ns;
    }
    return next_ns < run->now_ns ? run->now_ns : next_ns;
}

static void step_due(struct run *run)
{
    for (unsigned i = 0; i < run->scenario.node_count; i++) {
        struct weir_machine *m = run->nodes[i].machine;
        if (weir_machine_next_deadline(m) <= run->now_ns) weir_machine_step(m, run->now_ns);
    }
}

static void go_to(struct run *run, uint64_t now_ns)
{
    run->events++;
    if (now_ns > run->now_ns) run->instant_events = 0;
    else if (++run->instant_events > INSTANT_EVENTS_MAX) run_fail(run, "time stands still: %u events at one instant", INSTANT_EVENTS_MAX);
    run->now_ns = now_ns;
    step_due(run);
}

void loop_until(struct run *run, uint64_t end_ns)
{
    uint64_t next_ns;
    while (!run->has_failed && (next_ns = machines_next(run)) <= end_ns) go_to(run, next_ns);
    if (end_ns > run->now_ns) go_to(run, end_ns);
}

static uint64_t program_due(const struct run *run, unsigned i)
{
    return run->programs[i].is_done ? UINT64_MAX : run->programs[i].next_ns;
}

static uint64_t programs_next(const struct run *run)
{
    uint64_t next_ns = UINT64_MAX;
    for (unsigned i = 0; i < run->scenario.application_count; i++) {
        uint64_t due_ns = program_due(run, i);
        if (due_ns < next_ns) next_ns = due_ns;
    }
    return next_ns;
}

static bool work(struct run *run)
{
    bool moved = false;
    for (unsigned i = 0; i < run->scenario.application_count && !run->has_failed; i++) {
        struct program *p = &run->programs[i];
        uint64_t bits = 7ull << (3 * i);
        bool is_due = run->ready & bits || program_due(run, i) <= run->now_ns;
        run->ready &= ~bits;
        if (p->is_done || !is_due) continue;
        moved |= run->scenario.applications[i].kind == SIM_ECHO ? datagram_work(run, i) : stream_work(run, i);
    }
    return moved;
}

static bool all_done(const struct run *run)
{
    for (unsigned i = 0; i < run->scenario.application_count; i++)
        if (!run->programs[i].is_done) return false;
    return true;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t stuck_next(const struct run *run)
{
    uint64_t next_ns = UINT64_MAX;
    for (unsigned i = 0; i < run->scenario.application_count; i++)
        if (!run->programs[i].is_done) next_ns = least(next_ns, run_stuck_ns(run, &run->programs[i]));
    return next_ns;
}

/* One event of the run. */
static void turn(struct run *run)
{
    work(run);
    uint64_t next_ns = least(machines_next(run), programs_next(run)), stuck_ns;
    if (run->ready) next_ns = run->now_ns;
    if (!run->is_healed) next_ns = least(next_ns, least(adversary_next(run), run->healing_ns));
    if (next_ns < run->now_ns) next_ns = run->now_ns;
    if (run->is_healed && (stuck_ns = stuck_next(run)) <= next_ns) {
        if (stuck_ns > run->now_ns) run->now_ns = stuck_ns;
        check_end(run);
        return;
    }
    go_to(run, next_ns);
    if (run->is_healed) return;
    if (run->now_ns >= run->healing_ns) adversary_heal(run);
    else if (run->now_ns >= adversary_next(run)) adversary_act(run);
}

bool loop_turn(struct run *run)
{
    if (run->has_failed || all_done(run)) return false;
    turn(run);
    return true;
}
