/* When the routers of a link are told of a group: the same for IGMP (RFC 3376 §5) and MLD (RFC 3810 §6). A change is told at
 * once and then again, at random times; a query is answered at a random time within its limit, unless another host of the
 * link has answered (the older versions). */
#include "ip/group_report.h"

#include "ip/state.h"

static const struct group_reporter *reporter_of(const struct ip_group *g)
{
    return ip_is4(&g->address) ? &igmp_reporter : &mld_reporter;
}

static void arm(struct ip_group *g, uint32_t within_ms)
{
    struct machine *m = g->device->net->machine;
    timer_arm(&m->wheel, &g->timer, m->now_ns + random_below(&m->random.jitter, max_of(within_ms, 1u)) * NS_PER_MS);
}

bool ip_group_report_change(struct ip_group *g)
{
    const struct group_reporter *r = reporter_of(g);
    if (!r->is_reported(g)) return false;
    g->reports_left = r->robustness(g->device);
    g->is_answering = false;
    arm(g, 1);
    return true;
}

void ip_group_report_fire(struct ip_group *g)
{
    const struct group_reporter *r = reporter_of(g);
    bool is_answer = g->is_answering, tells_leaves;
    g->is_answering = false;
    r->report(g, !g->users ? GROUP_TO_INCLUDE : is_answer ? GROUP_IS_EXCLUDE : GROUP_TO_EXCLUDE);
    if (!is_answer && g->reports_left) g->reports_left--;
    uint32_t next_ms = r->unsolicited_ms(g->device, &tells_leaves);
    if (g->reports_left && (tells_leaves || g->users)) arm(g, next_ms);
    else g->reports_left = 0;
}

void ip_group_report_within(struct ip_group *g, uint32_t within_ms)
{
    struct machine *m = g->device->net->machine;
    if (!reporter_of(g)->is_reported(g) || !g->users) return;
    if (timer_is_armed(&g->timer) && g->timer.deadline_ns <= m->now_ns + (uint64_t)within_ms * NS_PER_MS) return;
    g->is_answering = true;
    arm(g, within_ms);
}

void ip_group_report_heard(struct ip_group *g)
{
    if (!g->is_answering) return;
    timer_cancel(&g->device->net->machine->wheel, &g->timer);
    g->is_answering = g->is_last_reporter = false;
}
