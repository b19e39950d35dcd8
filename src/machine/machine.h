/* struct machine: one deterministic universe (Linux: the kernel). The library door shows it as struct weir_machine. Context header: any room may include it. What a room
 * keeps for itself hangs from struct net behind a pointer of the room's own type. */
#ifndef WEIR_MACHINE_MACHINE_H
#define WEIR_MACHINE_MACHINE_H

#include <weir/machine.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/wheel.h"
#include "packet/drop.h"

struct net;
struct packet;
struct composition;

struct machine {
    uint64_t now_ns;             /* monotonic; one entry sees one now */
    uint64_t wall_offset_ns;     /* CLOCK_REALTIME - now_ns */
    struct memory *memory;
    struct wheel wheel;
    struct weir_env env;
    const struct composition *composition; /* the const tables of machine/ */
    struct list nets;            /* struct net.node */
    struct list tasks;           /* struct weir_task.node: of the library door */
    struct library_capture *capture; /* weir_capture(), or NULL */
    struct library_port *ports;      /* weir_port_create() */
    struct net *initial_net;
    struct list softirq;         /* struct softirq.node: scheduled work, run at the outermost exit */
    bool in_softirq;
    struct list resumes;         /* struct softirq.node: parked calls to run again when nothing else is on its way */
    bool is_settling;
    uint32_t next_ifindex_unused;
    uint64_t next_inode;         /* for files the door gave no inode */
    uint64_t drops[DROP_REASON_COUNT]; /* of packets that had no namespace yet */
    void (*on_drop)(void *ctx, const struct packet *p, enum drop_reason reason); /* observer, or NULL */
    void *on_drop_ctx;
    /* One stream for each use. */
    struct { struct random isn, ports, keys, link, ip_id, jitter, other; } random;
    struct siphash_key hash_key; /* of lookup tables */
};

/* Ends all that was made in it. Returns the bytes that were not given back, 0: a leak is a bug. */
uint64_t machine_empty(struct machine *m);

static inline void *machine_alloc(struct machine *m, size_t bytes) { return memory_alloc_zero(m->memory, bytes); }
static inline void machine_free(struct machine *m, void *p, size_t bytes) { memory_free(m->memory, p, bytes); }

/* Deferred work (Linux: softirq, NAPI): scheduled from anywhere, run when the outermost call or event ends, so that a
 * loopback packet is delivered before the system call returns, yet never by recursion. */
struct softirq {
    struct list node;
    bool is_scheduled;
    bool (*run)(struct softirq *work, int budget); /* true: more is left, run again */
};
static inline void softirq_schedule(struct machine *m, struct softirq *work)
{
    if (work->is_scheduled) return;
    work->is_scheduled = true;
    list_add_tail(&m->softirq, &work->node);
}
/* Runs what is scheduled, unless already inside; bounded by net.core.netdev_budget rounds, the rest waits for
 * machine_step(). Device transmit calls it, as local_bh_enable does on Linux. */
void softirq_run_scheduled(struct machine *m);
static inline void softirq_run(struct machine *m)
{
    if (!m->in_softirq && !list_is_empty(&m->softirq)) softirq_run_scheduled(m);
}

/* For work that takes socks as a system call does (parked calls): unlike softirq work it never runs inside another call
 * or the packet path, only from machine_settle(). */
static inline void machine_resume_later(struct machine *m, struct softirq *work)
{
    if (work->is_scheduled) return;
    work->is_scheduled = true;
    list_add_tail(&m->resumes, &work->node);
}
/* At the end of the outermost call or event: softirq work, then resumed calls, until nothing is left or the bound is met. */
void machine_settle_all(struct machine *m);
static inline void machine_settle(struct machine *m)
{
    if (!list_is_empty(&m->softirq) || !list_is_empty(&m->resumes)) machine_settle_all(m);
}

#endif
