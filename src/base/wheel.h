/* Hierarchical timer wheel: add, move and cancel in O(1). Exact: a timer fires in the first wheel_run() whose now_ns is at
 * or past its deadline, in deadline order, ties in the order of arming. Callbacks may arm, move and cancel any timer. */
#ifndef WEIR_BASE_WHEEL_H
#define WEIR_BASE_WHEEL_H

#include "base/list.h"

struct timer {
    struct list node;
    uint64_t deadline_ns; /* NS_NEVER when not armed */
    uint64_t order;       /* of arming: breaks ties */
    void (*fire)(struct timer *t, uint64_t now_ns);
};

#define WHEEL_LEVELS 8
#define WHEEL_SLOTS 64

struct wheel {
    uint64_t now_ns;
    uint64_t run_ns;                 /* where the running wheel_run() ends */
    bool is_running;
    uint64_t quiet_until_ns;         /* before this there is nothing to do: no timer is due, no slot is entered */
    uint64_t next_order;
    uint64_t occupied[WHEEL_LEVELS]; /* one bit for each slot */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list far;                 /* beyond the last level */
    struct list firing;              /* the slot whose callbacks are running */
    struct list late;                /* armed by a callback for a time at or before run_ns: due in the next run */
    uint64_t armed_count;
};

void wheel_init(struct wheel *w, uint64_t now_ns);
void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now_ns));
void timer_arm(struct wheel *w, struct timer *t, uint64_t deadline_ns); /* moves it when already armed */
void timer_cancel(struct wheel *w, struct timer *t);                    /* harmless when not armed */
static inline bool timer_is_armed(const struct timer *t) { return t->deadline_ns != NS_NEVER; }
void wheel_run_due(struct wheel *w, uint64_t now_ns);
static inline void wheel_run(struct wheel *w, uint64_t now_ns)
{
    if (now_ns >= w->now_ns && now_ns < w->quiet_until_ns) w->now_ns = now_ns; /* as nearly always */
    else wheel_run_due(w, now_ns);
}
/* A time not later than the earliest deadline, and later than now unless something is overdue; NS_NEVER when nothing is
 * armed. Mostly exact. */
uint64_t wheel_next_deadline(const struct wheel *w);

#endif
