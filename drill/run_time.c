/* When things happen. Relative times count from the end of the event before, but in a row of inbound packets from the
 * time the one before was due, so that small errors do not add up. What happens may be late or early by the larger of a
 * fixed tolerance and a share of the distance from the event before: the coarseness of a kernel's timers. */
#include "drill/running.h"

#include <stdio.h>

static bool is_inbound_packet(const struct script_event *e) { return e->kind == EVENT_PACKET && e->packet->is_inbound; }
static bool is_absolute(enum event_time_kind kind) { return kind == TIME_ABSOLUTE || kind == TIME_ABSOLUTE_RANGE; }

bool run_settle_time(struct run *r)
{
    const struct script_event *e = r->event, *last = r->last_event;
    r->time_ns = e->time_ns;
    r->time_end_ns = e->time_end_ns;
    r->offset_ns = 0;
    if (!last && e->time_ns != 0) return run_fails(r, e->place, "the first event is not at time 0");
    if (is_absolute(e->time_kind)) {
        if (!last || !is_absolute(last->time_kind) || e->time_ns >= r->last_time_ns) return true;
        return run_fails(r, e->place, "time goes backwards, from %.6f to %.6f", (double)r->last_time_ns / 1e9,
            (double)e->time_ns / 1e9);
    }
    if (last && is_inbound_packet(last) && is_inbound_packet(e)) r->offset_ns = r->last_time_ns;
    else r->offset_ns = run_script_time(r, r->subject->ops->now(r->subject));
    r->time_ns += r->offset_ns;
    r->time_end_ns += r->offset_ns;
    return true;
}

int64_t run_last_time(const struct run *r) { return r->last_event ? r->last_time_ns : -1; }

static double seconds(int64_t ns) { return (double)ns / 1e9; }

bool run_time_matches(const struct run *r, enum event_time_kind kind, int64_t time_ns, int64_t end_ns, uint64_t live_ns,
    int64_t last_ns, const char *what, char *problem, size_t bytes)
{
    bool is_range = kind == TIME_ABSOLUTE_RANGE || kind == TIME_RELATIVE_RANGE;
    int64_t actual_ns = run_script_time(r, live_ns), tolerance_ns = (int64_t)r->settings->tolerance_ns;
    if (kind == TIME_ANY) return true;
    if (last_ns >= 0) {
        int64_t share_ns = (time_ns - last_ns) / 1000 * (int64_t)r->settings->tolerance_permille;
        if (share_ns > tolerance_ns) tolerance_ns = share_ns;
    }
    if (actual_ns >= time_ns - tolerance_ns && actual_ns <= (is_range ? end_ns : time_ns) + tolerance_ns) return true;
    if (kind == TIME_ABSOLUTE_RANGE)
        snprintf(problem, bytes,
            "timing: expected %s between %.6f and %.6f s, but it happened at %.6f s; tolerance %.6f s", what,
            seconds(time_ns), seconds(end_ns), seconds(actual_ns), seconds(tolerance_ns));
    else if (kind == TIME_RELATIVE_RANGE)
        snprintf(problem, bytes,
            "timing: expected %s between +%.6f and +%.6f s, but it happened at %+.6f s; tolerance %.6f s", what,
            seconds(time_ns - r->offset_ns), seconds(end_ns - r->offset_ns), seconds(actual_ns - r->offset_ns),
            seconds(tolerance_ns));
    else
        snprintf(problem, bytes, "timing: expected %s at %.6f s, but it happened at %.6f s; tolerance %.6f s", what,
            seconds(time_ns), seconds(actual_ns), seconds(tolerance_ns));
    return false;
}

bool run_wait_for_event(struct run *r, const char *what)
{
    char problem[PROBLEM_BYTES];
    r->subject->ops->wait(r->subject, run_live_time(r, r->time_ns));
    if (!run_look_at_waiting(r)) return false;
    if (!r->event_count) return true;
    if (run_time_matches(r, r->event->time_kind, r->time_ns, r->time_end_ns, r->subject->ops->now(r->subject),
            run_last_time(r), what, problem, sizeof problem))
        return true;
    return run_fails(r, r->event->place, "%s", problem);
}
