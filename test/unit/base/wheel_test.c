#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/wheel.h"

#define TIMERS 200

struct probe { struct timer timer; uint64_t wanted_ns, order; bool is_armed; };

static struct wheel wheel;
static struct probe probes[TIMERS];
static struct random draws;
static uint64_t order, last_deadline_ns, last_order, fired;

static void note(struct timer *t, uint64_t now_ns)
{
    struct probe *p = container_of(t, struct probe, timer);
    assert_true(p->is_armed);
    assert_true(p->wanted_ns <= now_ns);
    assert_true(p->wanted_ns > last_deadline_ns || (p->wanted_ns == last_deadline_ns && p->order > last_order));
    last_deadline_ns = p->wanted_ns;
    last_order = p->order;
    p->is_armed = false;
    fired++;
}

static void arm(struct probe *p, uint64_t deadline_ns)
{
    timer_arm(&wheel, &p->timer, deadline_ns);
    p->wanted_ns = deadline_ns;
    p->order = ++order;
    p->is_armed = true;
}

static uint64_t earliest(void)
{
    uint64_t least = NS_NEVER;
    for (int i = 0; i < TIMERS; i++)
        if (probes[i].is_armed) least = min_of(least, probes[i].wanted_ns);
    return least;
}

/* Against a model that knows every deadline: nothing fires early, late, twice or out of order. */
static void agrees_with_a_model(void **state)
{
    (void)state;
    uint64_t seed[2] = { 5, 6 }, now_ns = 1234567;
    random_init(&draws, seed, "wheel");
    wheel_init(&wheel, now_ns);
    for (int i = 0; i < TIMERS; i++) timer_init(&probes[i].timer, note);
    for (int step = 0; step < 20000; step++) {
        struct probe *p = &probes[random_below(&draws, TIMERS)];
        uint64_t span = 1ull << random_below(&draws, 52);
        switch (random_below(&draws, 4)) {
        case 0: case 1:
            arm(p, now_ns + random_u64(&draws) % span);
            break;
        case 2:
            timer_cancel(&wheel, &p->timer);
            p->is_armed = false;
            break;
        default:
            now_ns += random_below(&draws, 3) ? random_u64(&draws) % min_of(span, 1ull << 40) : 0;
            if (random_below(&draws, 4) == 0 && earliest() != NS_NEVER) now_ns = max_of(now_ns, earliest());
            last_deadline_ns = last_order = 0;
            wheel_run(&wheel, now_ns);
            assert_true(earliest() > now_ns);
        }
        uint64_t next = wheel_next_deadline(&wheel);
        assert_true(next <= earliest());
        assert_true((next == NS_NEVER) == (earliest() == NS_NEVER));
        if (earliest() > now_ns) assert_true(next > now_ns);
    }
    assert_true(fired > 1000);
    uint64_t armed = 0;
    for (int i = 0; i < TIMERS; i++) armed += probes[i].is_armed;
    assert_true(wheel.armed_count == armed);
}

struct chain_timer { struct timer timer; struct timer *victim; int fired; uint64_t again_in_ns; };

static void act(struct timer *t, uint64_t now_ns)
{
    struct chain_timer *c = container_of(t, struct chain_timer, timer);
    c->fired++;
    if (c->victim) timer_cancel(&wheel, c->victim);
    if (c->again_in_ns != NS_NEVER) timer_arm(&wheel, t, now_ns + c->again_in_ns);
}

static void callbacks_may_cancel_and_rearm(void **state)
{
    (void)state;
    struct chain_timer first = { .again_in_ns = NS_NEVER }, second = first, again = { .again_in_ns = 0 };
    wheel_init(&wheel, 0);
    timer_init(&first.timer, act);
    timer_init(&second.timer, act);
    timer_init(&again.timer, act);
    first.victim = &second.timer;
    timer_arm(&wheel, &first.timer, 1000);
    timer_arm(&wheel, &second.timer, 1000);
    timer_arm(&wheel, &again.timer, 1000);
    wheel_run(&wheel, 999);
    assert_int_equal(first.fired, 0);
    wheel_run(&wheel, 5000);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    /* Armed for "now" again and again: the run ends all the same. */
    assert_int_equal(again.fired, 1);
    assert_true(timer_is_armed(&again.timer));
    assert_true(wheel_next_deadline(&wheel) == 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(callbacks_may_cancel_and_rearm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
