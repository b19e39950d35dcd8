#include "machine/net.h"

#define WEIGHT 64 /* packets of one device in one round (Linux: dev_weight) */

void softirq_run_scheduled(struct machine *m)
{
    m->in_softirq = true;
    int64_t rounds = m->initial_net ? m->initial_net->sysctl.netdev_budget : 300;
    while (rounds-- > 0 && !list_is_empty(&m->softirq)) {
        struct softirq *work = list_first(&m->softirq, struct softirq, node);
        list_remove(&work->node);
        work->is_scheduled = false;
        if (work->run(work, WEIGHT)) softirq_schedule(m, work);
    }
    m->in_softirq = false;
}

void machine_settle_all(struct machine *m)
{
    if (m->is_settling) return;
    m->is_settling = true;
    softirq_run(m);
    for (int rounds = 1000; rounds > 0 && !list_is_empty(&m->resumes); rounds--) {
        struct softirq *work = list_first(&m->resumes, struct softirq, node);
        list_remove(&work->node);
        work->is_scheduled = false;
        work->run(work, WEIGHT);
        softirq_run(m);
    }
    m->is_settling = false;
}
