/* Eight levels of 64 slots, one nanosecond a slot on level 0, 64 times more on each next: 2^48 ns, the rest waits in `far`.
 *
 * The place of a timer depends only on its deadline and on the wheel's time: the level of the highest six-bit digit in which
 * the two differ. Entering a slot of a higher level moves its timers down, so timers of one deadline are always in one slot,
 * in the order of arming, and a slot of level 0 holds one deadline only: no sorting, exact, O(1).
 *
 * An overdue timer is put at the present and fires in the next run. One that a callback arms inside a run, for a time the
 * run covers, waits in `late` for the run after it: a timer that keeps arming itself for "now" cannot hold a run up. */
#include "base/wheel.h"

#define DIGIT_BITS 6
#define WHEEL_BITS (DIGIT_BITS * WHEEL_LEVELS)

void wheel_init(struct wheel *w, uint64_t now_ns)
{
    *w = (struct wheel){ .now_ns = now_ns };
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int slot = 0; slot < WHEEL_SLOTS; slot++) list_init(&w->slots[level][slot]);
    list_init(&w->far);
    list_init(&w->firing);
    list_init(&w->late);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now_ns))
{
    list_init(&t->node);
    t->deadline_ns = NS_NEVER;
    t->order = 0;
    t->fire = fire;
}

static unsigned digit_of(uint64_t time_ns, unsigned level)
{
    return (unsigned)(time_ns >> (level * DIGIT_BITS)) & (WHEEL_SLOTS - 1);
}

static void place(struct wheel *w, struct timer *t)
{
    uint64_t at = max_of(t->deadline_ns, w->now_ns);
    uint64_t difference = at ^ w->now_ns;
    if (difference >> WHEEL_BITS) {
        list_add_tail(&w->far, &t->node); /* quiet_until_ns is within this span */
        return;
    }
    unsigned level = difference ? (63 - (unsigned)__builtin_clzll(difference)) / DIGIT_BITS : 0;
    unsigned slot = digit_of(at, level);
    w->quiet_until_ns = min_of(w->quiet_until_ns, at >> (level * DIGIT_BITS) << (level * DIGIT_BITS));
    struct list *before = &w->slots[level][slot];
    /* Overdue timers share the slot of the present: keep them in deadline order. */
    if (level == 0)
        while (before->prev != &w->slots[0][slot] && list_entry(before->prev, struct timer, node)->deadline_ns > t->deadline_ns)
            before = before->prev;
    list_add_before(before, &t->node);
    w->occupied[level] |= 1ull << slot;
}

/* Takes the timer out of its list; a slot that became empty is marked so. */
static void unlink_timer(struct wheel *w, struct timer *t)
{
    struct list *head = t->node.next;
    bool was_last = head == t->node.prev;
    list_remove(&t->node);
    uintptr_t offset = (uintptr_t)head - (uintptr_t)w->slots;
    if (!was_last || offset >= sizeof w->slots) return;
    size_t index = offset / sizeof *head;
    w->occupied[index / WHEEL_SLOTS] &= ~(1ull << index % WHEEL_SLOTS);
}

void timer_arm(struct wheel *w, struct timer *t, uint64_t deadline_ns)
{
    timer_cancel(w, t);
    if (deadline_ns == NS_NEVER) return;
    t->deadline_ns = deadline_ns;
    t->order = w->next_order++;
    w->armed_count++;
    if (w->is_running && deadline_ns <= w->run_ns) list_add_tail(&w->late, &t->node);
    else place(w, t);
}

void timer_cancel(struct wheel *w, struct timer *t)
{
    if (!timer_is_armed(t)) return;
    unlink_timer(w, t);
    t->deadline_ns = NS_NEVER;
    w->armed_count--;
}

struct place { unsigned level, slot; uint64_t start_ns; };

/* The earliest occupied slot. Lower levels lie before higher ones; the present's own slot counts on level 0 only. */
static bool find_first(const struct wheel *w, struct place *found)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned here = digit_of(w->now_ns, level);
        uint64_t ahead = w->occupied[level] & (~0ull << here);
        if (ahead == 0) continue;
        unsigned slot = (unsigned)__builtin_ctzll(ahead);
        unsigned shift = level * DIGIT_BITS;
        uint64_t high = w->now_ns >> shift >> DIGIT_BITS << DIGIT_BITS << shift;
        *found = (struct place){ level, slot, high | (uint64_t)slot << shift };
        return true;
    }
    return false;
}

static void move_down(struct wheel *w, struct list *timers)
{
    struct list moving;
    list_init(&moving);
    list_splice_tail(&moving, timers);
    while (!list_is_empty(&moving)) {
        struct timer *t = list_first(&moving, struct timer, node);
        list_remove(&t->node);
        place(w, t);
    }
}

static void fire_slot(struct wheel *w, unsigned slot)
{
    list_splice_tail(&w->firing, &w->slots[0][slot]);
    w->occupied[0] &= ~(1ull << slot);
    while (!list_is_empty(&w->firing)) {
        struct timer *t = list_first(&w->firing, struct timer, node);
        list_remove(&t->node);
        t->deadline_ns = NS_NEVER;
        w->armed_count--;
        t->fire(t, w->run_ns);
    }
}

static uint64_t far_minimum(const struct wheel *w)
{
    uint64_t least = NS_NEVER;
    list_for_each(it, &w->far) least = min_of(least, list_entry(it, struct timer, node)->deadline_ns);
    return least;
}

/* Nothing is due in the 2^48 ns around the present: goes on to the next such span, but not past now_ns. False: is there. */
static bool enter_next_span(struct wheel *w, uint64_t now_ns)
{
    if (now_ns >> WHEEL_BITS == w->now_ns >> WHEEL_BITS) return false;
    uint64_t next = min_of(far_minimum(w), now_ns);
    w->now_ns = next >> WHEEL_BITS << WHEEL_BITS;
    move_down(w, &w->far);
    return true;
}

static uint64_t span_end(uint64_t now_ns) { return ((now_ns >> WHEEL_BITS) + 1) << WHEEL_BITS; }

void wheel_run_due(struct wheel *w, uint64_t now_ns)
{
    if (now_ns < w->now_ns) now_ns = w->now_ns;
    w->run_ns = now_ns;
    w->is_running = true;
    for (;;) {
        struct place p;
        bool has_first = find_first(w, &p);
        if (!has_first || p.start_ns > now_ns) {
            if (enter_next_span(w, now_ns)) continue;
            w->quiet_until_ns = has_first ? p.start_ns : span_end(now_ns);
            break;
        }
        w->now_ns = p.start_ns;
        if (p.level > 0) {
            w->occupied[p.level] &= ~(1ull << p.slot);
            move_down(w, &w->slots[p.level][p.slot]);
            continue;
        }
        fire_slot(w, p.slot);
    }
    w->is_running = false;
    w->now_ns = now_ns;
    move_down(w, &w->late);
}

uint64_t wheel_next_deadline(const struct wheel *w)
{
    struct place p;
    if (!find_first(w, &p)) return far_minimum(w);
    if (p.level == 0) return p.start_ns;
    /* A short slot is worth a look: it saves the caller a useless wake-up at every level on the way down. */
    uint64_t least = NS_NEVER;
    unsigned seen = 0;
    list_for_each(it, &w->slots[p.level][p.slot]) {
        if (++seen > 32) return p.start_ns;
        least = min_of(least, list_entry(it, struct timer, node)->deadline_ns);
    }
    return least;
}
