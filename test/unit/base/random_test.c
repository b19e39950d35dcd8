#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

static const uint64_t seed[2] = { 1, 2 };

static void same_seed_and_use_give_the_same_stream(void **state)
{
    (void)state;
    struct random a, b, other;
    random_init(&a, seed, "ports");
    random_init(&b, seed, "ports");
    random_init(&other, seed, "isn");
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t drawn = random_u64(&a);
        assert_true(drawn == random_u64(&b));
        differs |= drawn != random_u64(&other);
    }
    assert_true(differs);
}

static void below_is_in_range_and_even(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed, "even");
    unsigned seen[7] = { 0 };
    for (int i = 0; i < 7000; i++) {
        uint32_t v = random_below(&r, 7);
        assert_in_range(v, 0, 6);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++) assert_in_range(seen[i], 850, 1150);
    assert_int_equal(random_below(&r, 0), 0);
    assert_int_equal(random_below(&r, 1), 0);
}

static void bytes_fill_exactly(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed, "bytes");
    uint8_t out[16];
    memset(out, 0, sizeof out);
    random_bytes(&r, out, 13);
    unsigned zeros = 0;
    for (int i = 0; i < 13; i++) zeros += out[i] == 0;
    assert_in_range(zeros, 0, 3);
    assert_int_equal(out[13] | out[14] | out[15], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_and_use_give_the_same_stream),
        cmocka_unit_test(below_is_in_range_and_even),
        cmocka_unit_test(bytes_fill_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
