#include "hosts.h"

#include "machine/net.h"

struct work { struct softirq irq; struct machine *m; unsigned runs, rounds; struct softirq *also; bool tries_nested; unsigned *order, place; };

static bool run(struct softirq *irq, int budget)
{
    struct work *w = container_of(irq, struct work, irq);
    assert_true(budget > 0);
    w->runs++;
    if (w->order) w->place = ++*w->order;
    if (w->also) softirq_schedule(w->m, w->also);
    if (w->tries_nested) softirq_run(w->m);
    return w->runs < w->rounds;
}

static void work_runs_in_order_and_never_inside_itself(void **state)
{
    struct host h;
    unsigned order = 0;
    (void)state;
    host_open(&h, 1);
    struct machine *m = (struct machine *)h.machine;
    struct work late = { .irq.run = run, .m = m, .order = &order }, first = { .irq.run = run, .m = m, .order = &order, .also = &late.irq, .tries_nested = true },
        second = { .irq.run = run, .m = m, .order = &order };
    softirq_schedule(m, &first.irq);
    softirq_schedule(m, &second.irq);
    softirq_schedule(m, &first.irq); /* once is enough */
    softirq_run(m);
    assert_int_equal(first.runs, 1);
    assert_int_equal(first.place, 1);
    assert_int_equal(second.place, 2);
    assert_int_equal(late.place, 3); /* what was scheduled by the first ran after it, not in it */
    host_close(&h);
}

static void endless_work_is_cut_and_goes_on_at_the_next_step(void **state)
{
    struct host h;
    (void)state;
    host_open(&h, 1);
    struct machine *m = (struct machine *)h.machine;
    struct work w = { .irq.run = run, .m = m, .rounds = UINT32_MAX };
    m->initial_net->sysctl.netdev_budget = 10;
    softirq_schedule(m, &w.irq);
    softirq_run(m);
    assert_int_equal(w.runs, 10);
    assert_int_equal(weir_machine_next_deadline(h.machine), weir_machine_now(h.machine)); /* work waits */
    weir_machine_step(h.machine, 0);
    assert_int_equal(w.runs, 20);
    w.rounds = 0;
    weir_machine_step(h.machine, 0);
    assert_true(weir_machine_next_deadline(h.machine) > weir_machine_now(h.machine));
    host_close(&h);
}

static void resumed_calls_wait_for_the_end(void **state)
{
    struct host h;
    unsigned order = 0;
    (void)state;
    host_open(&h, 1);
    struct machine *m = (struct machine *)h.machine;
    struct work call = { .irq.run = run, .m = m, .order = &order }, packet = { .irq.run = run, .m = m, .order = &order };
    machine_resume_later(m, &call.irq);
    softirq_schedule(m, &packet.irq);
    softirq_run(m);
    assert_int_equal(call.runs, 0); /* the packet path never runs calls */
    assert_int_equal(packet.runs, 1);
    machine_settle(m);
    assert_int_equal(call.runs, 1);
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_runs_in_order_and_never_inside_itself), cmocka_unit_test(endless_work_is_cut_and_goes_on_at_the_next_step),
        cmocka_unit_test(resumed_calls_wait_for_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
