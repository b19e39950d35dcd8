#include "fake_file.h"

#include "wire/checksum.h"

static uint64_t at(const void *p) { return (uint64_t)(uintptr_t)p; }

static void the_cursor_crosses_entries(void **state)
{
    char a[3] = "abc", b[1] = "d", c[4] = "efgh", out[8];
    struct user_iovec vec[] = { { at(a), 3 }, { at(b), 0 }, { at(b), 1 }, { at(c), 4 } };
    struct user_iter it;
    (void)state;
    user_iter_init(&it, &user_memory_direct, vec, 4);
    assert_int_equal(it.left, 8);
    assert_int_equal(user_iter_in(&it, out, 2), 0);
    user_iter_advance(&it, 1);
    assert_int_equal(user_iter_in(&it, out + 2, 3), 0);
    assert_memory_equal(out + 2, "def", 3);
    assert_int_equal(it.left, 2);
    assert_int_equal(user_iter_out(&it, "XY", 2), 0);
    assert_memory_equal(c, "efXY", 4);
    assert_int_equal(it.left, 0);
}

static void a_fault_leaves_the_cursor(void **state)
{
    char a[4] = "abcd", out[8];
    struct user_iovec vec[] = { { at(a), 4 }, { 16, 4 } };
    struct user_iter it;
    (void)state;
    user_iter_init(&it, &user_memory_direct, vec, 2);
    assert_int_equal(user_iter_in(&it, out, 6), -EFAULT);
    assert_int_equal(it.left, 8);
    assert_int_equal(user_iter_in(&it, out, 4), 0);
    assert_int_equal(user_iter_out(&it, "x", 1), -EFAULT);
    assert_int_equal(it.left, 4);
}

static void the_sum_of_pieces_is_the_sum_of_the_whole(void **state)
{
    uint8_t data[61], copy[61];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 + 11);
    for (size_t cut = 1; cut < 30; cut++) {
        struct user_iovec vec[] = { { at(data), cut }, { at(data + cut), 1 }, { at(data + cut + 1), sizeof data - cut - 1 } };
        struct user_iter it;
        uint32_t sum = 0;
        user_iter_init(&it, &user_memory_direct, vec, 3);
        assert_int_equal(user_iter_in_checksum(&it, copy, sizeof copy, &sum), 0);
        assert_memory_equal(copy, data, sizeof data);
        assert_int_equal(checksum_fold(sum).raw, checksum_fold(checksum_partial(data, sizeof data, 0)).raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_crosses_entries),
        cmocka_unit_test(a_fault_leaves_the_cursor),
        cmocka_unit_test(the_sum_of_pieces_is_the_sum_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
