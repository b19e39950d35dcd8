#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "wire/checksum.h"

/* RFC 1071 §4.1, word by word. */
static uint16_t naive(const uint8_t *at, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; i++) sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void equals_the_naive_sum(void **state)
{
    (void)state;
    struct random r;
    uint64_t seed[2] = { 11, 12 };
    uint8_t data[400], copy[400];
    random_init(&r, seed, "checksum");
    for (int round = 0; round < 3000; round++) {
        size_t offset = random_below(&r, 16), bytes = random_below(&r, 384), cut = random_below(&r, (uint32_t)bytes + 1);
        random_bytes(&r, data, sizeof data);
        if (round % 7 == 0) memset(data, 0xff, sizeof data);
        uint16_t wanted = naive(data + offset, bytes);
        assert_int_equal(host16(checksum_fold(checksum_partial(data + offset, bytes, 0))), wanted);
        memset(copy, 0x55, sizeof copy);
        assert_int_equal(host16(checksum_fold(checksum_copy(copy + 3, data + offset, bytes, 0))), wanted);
        assert_memory_equal(copy + 3, data + offset, bytes);
        assert_int_equal(copy[3 + bytes], 0x55);
        uint32_t first = checksum_partial(data + offset, cut, 0);
        uint32_t rest = checksum_partial(data + offset + cut, bytes - cut, 0);
        assert_int_equal(host16(checksum_fold(checksum_block_add(first, rest, cut))), wanted);
    }
}

static void replaces_words(void **state)
{
    (void)state;
    uint8_t data[20] = { 0x45, 0, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
    be16_t check = checksum_fold(checksum_partial(data, 20, 0));
    be32_t from, to = be32(0xc0a80105);
    memcpy(&from, data + 12, 4);
    memcpy(data + 12, &to, 4);
    assert_int_equal(host16(checksum_replace32(check, from, to)), naive(data, 20));
    check = checksum_fold(checksum_partial(data, 20, 0));
    be16_t ttl_from, ttl_to = be16(63 << 8 | 6);
    memcpy(&ttl_from, data + 8, 2);
    memcpy(data + 8, &ttl_to, 2);
    assert_int_equal(host16(checksum_replace16(check, ttl_from, ttl_to)), naive(data, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_naive_sum),
        cmocka_unit_test(replaces_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
