/* What happens to the network and to hosts until it heals: one row of the table for each kind of deed. Forgeries are made in
 * forge.c from frames that were seen. */
#include "sim/run.h"

#include <string.h>

static unsigned some_link(struct run *run) { return (unsigned)draw(&run->adversary_random, run->scenario.link_count); }
static unsigned some_host(struct run *run) { return (unsigned)draw(&run->adversary_random, run->scenario.host_count); }

static void change_quality(struct run *run)
{
    unsigned link = some_link(run), end = (unsigned)draw(&run->adversary_random, 2);
    struct weir_link_faults f = scenario_draw_faults(&run->adversary_random, run->scenario.profile);
    topology_set_faults(run, link, end, &f);
}

static void change_mtu(struct run *run)
{
    unsigned link = some_link(run);
    topology_set_mtu(run, link, scenario_draw_mtu(&run->adversary_random, run->scenario.has6));
}

static void flap(struct run *run)
{
    unsigned link = some_link(run), end = (unsigned)draw(&run->adversary_random, 2);
    struct cable *c = &run->cables[link];
    if (c->up_ns[end]) return;
    c->up_ns[end] = run->now_ns + draw_between(&run->adversary_random, 1, 10000) * SIM_MS;
    topology_set_up(run, link, end, false);
    unsigned node = run->scenario.links[link].nodes[end];
    if (run_is_host(run, node)) referee_host_faulted(run->referee, node); /* what it sends now is lost before the wire */
}

/* One of the next allocations of a host fails; the referee knows which hosts that can be. */
static void fail_memory(struct run *run)
{
    unsigned host = some_host(run);
    uint64_t nth = draw_between(&run->adversary_random, 1, 200);
    if (!run->scenario.lacks_memory) return;
    weir_machine_fail_allocation(run->nodes[host].machine, nth);
    run->nodes[host].lacks_memory = true;
    for (unsigned i = 0; i < run->scenario.application_count; i++) {
        const struct application_plan *a = &run->scenario.applications[i];
        if (a->hosts[0] == host || a->hosts[1] == host) run->programs[i].connection.excuses |= EXCUSE_MEMORY;
    }
}

static void stall(struct run *run)
{
    unsigned host = some_host(run);
    run->nodes[host].stall_ns = run->now_ns + draw_between(&run->adversary_random, 1, 8000) * SIM_MS;
}

static void (*const deeds[])(struct run *run) = {
    [SIM_DEED_QUALITY] = change_quality, [SIM_DEED_MTU] = change_mtu, [SIM_DEED_FLAP] = flap, [SIM_DEED_FORGE] = forge_segment,
    [SIM_DEED_LIE] = forge_icmp, [SIM_DEED_MEMORY] = fail_memory, [SIM_DEED_STALL] = stall,
};
_Static_assert(sizeof deeds / sizeof deeds[0] == SIM_DEED_COUNT, "a row for each deed");

static void draw_next(struct run *run)
{
    struct range r = run->scenario.profile->deed_ms;
    run->deed_ns = r.high ? run->now_ns + draw_between(&run->adversary_random, r.low, r.high) * SIM_MS + draw(&run->adversary_random, SIM_MS) : UINT64_MAX;
}

void adversary_start(struct run *run)
{
    for (unsigned l = 0; l < run->scenario.link_count; l++)
        for (unsigned e = 0; e < 2; e++) topology_set_faults(run, l, e, &run->scenario.links[l].faults);
    draw_next(run);
}

uint64_t adversary_next(const struct run *run)
{
    uint64_t next_ns = run->deed_ns;
    for (unsigned l = 0; l < run->scenario.link_count; l++)
        for (unsigned e = 0; e < 2; e++)
            if (run->cables[l].up_ns[e] && run->cables[l].up_ns[e] < next_ns) next_ns = run->cables[l].up_ns[e];
    return next_ns;
}

static void end_flaps(struct run *run)
{
    for (unsigned l = 0; l < run->scenario.link_count; l++)
        for (unsigned e = 0; e < 2; e++) {
            if (!run->cables[l].up_ns[e] || run->cables[l].up_ns[e] > run->now_ns) continue;
            run->cables[l].up_ns[e] = 0;
            topology_set_up(run, l, e, true);
            topology_configure_end(run, l, e);
        }
}

void adversary_act(struct run *run)
{
    const uint8_t *weights = run->scenario.profile->deeds;
    unsigned sum = 0, deed = 0;
    end_flaps(run);
    if (run->now_ns < run->deed_ns) return;
    for (unsigned i = 0; i < SIM_DEED_COUNT; i++) sum += weights[i];
    uint64_t at = draw(&run->adversary_random, sum);
    while (at >= weights[deed]) at -= weights[deed++];
    deeds[deed](run);
    run->deeds++;
    draw_next(run);
}

/* Every program looks again: its pauses are over. */
void adversary_heal(struct run *run)
{
    run->is_healed = true;
    for (unsigned i = 0; i < run->scenario.node_count; i++) weir_machine_fail_allocation(run->nodes[i].machine, 0);
    topology_perfect(run);
    for (unsigned i = 0; i < run->scenario.application_count; i++) {
        struct end *ends = run->programs[i].connection.ends;
        for (unsigned side = 0; side < 2; side++) ends[side].wake_ns = ends[side].read_ns = 0;
        run->ready |= 1ull << (3 * i);
    }
}

void adversary_see(struct run *run, unsigned node, unsigned port, bool is_outgoing, const uint8_t *frame, size_t bytes)
{
    const uint8_t *weights = run->scenario.profile->deeds;
    if (!(weights[SIM_DEED_FORGE] | weights[SIM_DEED_LIE]) || run->is_healed || bytes < 54) return;
    bool is4 = frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == 6 && !(frame[20] & 0x3f) && !frame[21];
    bool is6 = frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 6 && bytes >= 74;
    if (!is4 && !is6) return;
    struct seen *s = &run->seen[run->seen_next++ % SIM_SEEN];
    *s = (struct seen){ .bytes = (uint16_t)(bytes < SIM_SEEN_BYTES ? bytes : SIM_SEEN_BYTES), .frame_bytes = (uint16_t)bytes,
                        .node = (uint8_t)node, .port = (uint8_t)port, .is_outgoing = is_outgoing };
    memcpy(s->head, frame, s->bytes);
}
