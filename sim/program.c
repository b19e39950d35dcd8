/* What streams and datagrams have in common: watches, closing, rounds. */
#include "sim/program.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void wake(void *ctx, uint32_t events)
{
    struct watcher *w = ctx;
    (void)events;
    w->run->ready |= w->bit;
}

void program_watch(struct run *run, unsigned program, unsigned which, int fd, bool *has_watch)
{
    struct watcher *w = &run->watchers[program * 3 + which];
    const struct application_plan *a = &run->scenario.applications[program];
    *w = (struct watcher){ run, 1ull << (program * 3 + which) };
    *has_watch = weir_watch(run->nodes[a->hosts[which != 0]].task, fd, wake, w) == 0;
    run->ready |= w->bit;
}

static void copy_address(uint8_t out[16], const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
        return;
    }
    memset(out, 0, 16);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, &((const struct sockaddr_in *)a)->sin_addr, 4);
}

void program_tell(struct run *run, unsigned program, unsigned side, struct referee_call call)
{
    const struct application_plan *plan = &run->scenario.applications[program];
    const struct end *e = &run->programs[program].connection.ends[side];
    struct sockaddr_storage a;
    digest_result(run, program << 8 | side << 7 | 2u << 4 | call.kind, (uint64_t)call.result);
    if (run->is_mute) return;
    call.local_port = e->local_port;
    call.remote_port = e->remote_port;
    topology_address(run, plan->hosts[side], plan->is6, 0, &a);
    copy_address(call.local, &a);
    topology_address(run, plan->hosts[!side], plan->is6, 0, &a);
    copy_address(call.remote, &a);
    referee_call(run->referee, plan->hosts[side], run->now_ns, &call);
}

void program_close(struct run *run, unsigned program, unsigned side)
{
    struct end *e = &run->programs[program].connection.ends[side];
    unsigned host = run->scenario.applications[program].hosts[side];
    if (e->fd < 0) return;
    loop_sync(run, host);
    if (run->scenario.applications[program].kind != SIM_ECHO) program_tell(run, program, side, (struct referee_call){ .kind = REFEREE_CLOSE });
    int result = weir_close(run->nodes[host].task, e->fd);
    if (result) run_fail(run, "program %u: close: %s", program, strerrorname_np(errno));
    e->fd = -1;
    e->is_closed = true;
    digest_result(run, program << 4 | side << 3 | 1, (uint64_t)result);
}

void program_close_all(struct run *run, unsigned program)
{
    struct program *p = &run->programs[program];
    unsigned server = run->scenario.applications[program].hosts[1];
    for (unsigned side = 0; side < 2; side++) program_close(run, program, side);
    if (p->listener < 0) return;
    loop_sync(run, server);
    weir_close(run->nodes[server].task, p->listener);
    p->listener = -1;
}

void program_at(struct program *p, uint64_t due_ns)
{
    if (due_ns < p->next_ns) p->next_ns = due_ns;
}

bool program_is_stalled(struct run *run, unsigned program, unsigned side)
{
    uint64_t until_ns = run->nodes[run->scenario.applications[program].hosts[side]].stall_ns;
    if (run->is_healed || until_ns <= run->now_ns) return false;
    program_at(&run->programs[program], until_ns < run->healing_ns ? until_ns : run->healing_ns);
    return true;
}

void program_next_round(struct run *run, unsigned program)
{
    struct program *p = &run->programs[program];
    unsigned first = (unsigned)draw(&run->programs_random, 2);
    program_close(run, program, first);
    program_close(run, program, !first);
    p->is_open = false;
    if (++p->round < run->scenario.applications[program].repeats && run->scenario.applications[program].kind != SIM_ECHO) {
        p->next_ns = run->now_ns;
        return;
    }
    program_close_all(run, program);
    p->is_done = true;
}
