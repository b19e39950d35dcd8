#include "hosts.h"

#include <stdio.h>

static void every_word_is_understood(void **state)
{
    struct weir_link_faults f;
    const char *bad = NULL;
    (void)state;
    assert_int_equal(weir_link_faults_parse("delay=30ms,jitter=1.5ms,loss=1%,reorder=2%,duplicate=0.1%,corrupt=0.01%,rate=100mbit,"
        "limit=1000,seed=7", &f, &bad), 0);
    assert_int_equal(f.delay_ns, 30000000);
    assert_int_equal(f.jitter_ns, 1500000);
    assert_int_equal(f.loss, 42949672);
    assert_int_equal(f.reorder, 85899345);
    assert_int_equal(f.duplicate, 4294967);
    assert_int_equal(f.corrupt, 429496);
    assert_int_equal(f.rate_bits_per_s, 100000000);
    assert_int_equal(f.limit_packets, 1000);
    assert_int_equal(f.seed, 7);
    assert_int_equal(weir_link_faults_parse("loss=100%", &f, &bad), 0);
    assert_int_equal(f.loss, UINT32_MAX);
    assert_int_equal(f.delay_ns, 0);
    assert_int_equal(weir_link_faults_parse("", &f, &bad), 0);
}

static void what_is_not_understood_is_pointed_at(void **state)
{
    static const char *const wrong[] = { "loss=101%", "loss=1", "loss", "loss=%", "delay=5", "delay=5parsec", "rate=1mbitx", "colour=red",
        "limit=5000000000", "delay=-1ms", "loss=0.0001%", "seed=99999999999999999999999" };
    struct weir_link_faults f;
    (void)state;
    for (size_t i = 0; i < array_count(wrong); i++) {
        char text[64];
        const char *bad = NULL;
        snprintf(text, sizeof text, "delay=1ms,%s", wrong[i]);
        assert_int_equal(weir_link_faults_parse(text, &f, &bad), -EINVAL);
        assert_ptr_equal(bad, text + 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_understood), cmocka_unit_test(what_is_not_understood_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
