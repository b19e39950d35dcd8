#include "fake_file.h"

struct waiter { struct wait_entry entry; unsigned woken; uint32_t events; struct wait_entry *removes; bool leaves; struct wait_queue *joins; };

static void wake(struct wait_entry *e, uint32_t events)
{
    struct waiter *w = container_of(e, struct waiter, entry);
    w->woken++;
    w->events = events;
    if (w->leaves) wait_remove(e);
    if (w->removes) wait_remove(w->removes);
    if (w->joins) wait_add(w->joins, e);
}

static struct waiter waiter(bool exclusive)
{
    return (struct waiter){ .entry = { .wake = wake, .is_exclusive = exclusive } };
}

static void every_common_entry_and_one_exclusive_are_woken(void **state)
{
    struct wait_queue q;
    struct waiter common[2] = { waiter(false), waiter(false) }, exclusive[3] = { waiter(true), waiter(true), waiter(true) };
    (void)state;
    wait_queue_init(&q);
    wait_add(&q, &exclusive[0].entry);
    wait_add(&q, &common[0].entry);
    wait_add(&q, &exclusive[1].entry);
    wait_add(&q, &common[1].entry);
    wait_add(&q, &exclusive[2].entry);
    for (unsigned round = 0; round < 6; round++) {
        wait_wake(&q, EPOLLIN);
        for (unsigned i = 0; i < 2; i++) assert_int_equal(common[i].woken, round + 1);
        for (unsigned i = 0; i < 3; i++) assert_int_equal(exclusive[i].woken, (round + 3 - i) / 3); /* by turns */
    }
    assert_int_equal(common[0].events, EPOLLIN);
}

static void a_callback_may_remove_itself_and_others(void **state)
{
    struct wait_queue q;
    struct waiter first = waiter(false), second = waiter(false), third = waiter(false);
    (void)state;
    wait_queue_init(&q);
    wait_add(&q, &third.entry);
    wait_add(&q, &second.entry);
    wait_add(&q, &first.entry); /* woken first */
    first.leaves = true;
    first.removes = &second.entry;
    wait_wake(&q, 0);
    assert_int_equal(first.woken, 1);
    assert_int_equal(second.woken, 0);
    assert_int_equal(third.woken, 1);
    wait_wake(&q, 0);
    assert_int_equal(first.woken, 1);
    assert_int_equal(third.woken, 2);
    wait_remove(&third.entry);
    wait_remove(&third.entry); /* harmless */
    assert_true(wait_is_empty(&q));
}

static void what_joins_during_a_wake_waits_for_the_next(void **state)
{
    struct wait_queue q;
    struct waiter again = waiter(false);
    (void)state;
    wait_queue_init(&q);
    wait_add(&q, &again.entry);
    again.leaves = true;
    again.joins = &q;
    wait_wake(&q, 0);
    assert_int_equal(again.woken, 1);
    wait_wake(&q, 0);
    assert_int_equal(again.woken, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_common_entry_and_one_exclusive_are_woken),
        cmocka_unit_test(a_callback_may_remove_itself_and_others),
        cmocka_unit_test(what_joins_during_a_wake_waits_for_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
