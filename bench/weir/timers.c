/* timers [count=1000000]: the timer wheel alone (src/base/wheel.h): armed for random times in two minutes, moved to other ones, all
 * fired in steps of a millisecond. Nanoseconds for each. */
#include "base/wheel.h"

#include "measure.h"

#define SECOND_NS 1000000000ull

static uint64_t fired;

static void fire(struct timer *t, uint64_t now_ns)
{
    (void)t, (void)now_ns;
    fired++;
}

int main(int argc, char **argv)
{
    size_t count = (size_t)number(argc, argv, "count", 1000000);
    struct timer *timers = malloc(count * sizeof *timers);
    static struct wheel wheel;
    uint64_t seed = 88172645463325252;
    must(timers, "malloc");
    wheel_init(&wheel, SECOND_NS);
    for (size_t i = 0; i < count; i++) timer_init(&timers[i], fire);
    struct stopwatch clock = stopwatch_start();
    for (size_t i = 0; i < count; i++) timer_arm(&wheel, &timers[i], SECOND_NS + random_next(&seed) % (120 * SECOND_NS));
    double armed_s = cpu_s_since(&clock);
    for (size_t i = 0; i < count; i++) timer_arm(&wheel, &timers[random_next(&seed) % count], SECOND_NS + random_next(&seed) % (120 * SECOND_NS));
    double moved_s = cpu_s_since(&clock);
    for (uint64_t now_ns = SECOND_NS; now_ns <= 121 * SECOND_NS; now_ns += 1000000) wheel_run(&wheel, now_ns);
    double fired_s = cpu_s_since(&clock);
    must(fired == count, "some did not fire");
    report(&clock, "arm_ns", armed_s * 1e9 / (double)count, "move_ns", (moved_s - armed_s) * 1e9 / (double)count, "fire_ns",
           (fired_s - moved_s) * 1e9 / (double)count, NULL);
    return 0;
}
