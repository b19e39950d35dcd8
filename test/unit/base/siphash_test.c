#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/siphash.h"

static struct siphash_key counting_key(void)
{
    uint8_t bytes[16];
    struct siphash_key key;
    for (uint8_t i = 0; i < 16; i++) bytes[i] = i;
    memcpy(&key, bytes, 16);
    return key;
}

/* The first, the fifteenth and the last of the vectors in the authors' reference: input 00 01 02 ... */
static void gives_the_published_vectors(void **state)
{
    (void)state;
    struct siphash_key key = counting_key();
    uint8_t in[64];
    for (uint8_t i = 0; i < 64; i++) in[i] = i;
    assert_true(siphash(&key, in, 0) == 0x726fdb47dd0e0e31ull);
    assert_true(siphash(&key, in, 8) == 0x93f5f5799a932462ull);
    assert_true(siphash(&key, in, 15) == 0xa129ca6149be45e5ull);
}

static void word_forms_equal_the_byte_form(void **state)
{
    (void)state;
    struct siphash_key key = counting_key();
    uint64_t words[4] = { 1, 0x0123456789abcdefull, ~0ull, 42 };
    assert_true(siphash_2u64(&key, words[0], words[1]) == siphash(&key, words, 16));
    assert_true(siphash_4u64(&key, words[0], words[1], words[2], words[3]) == siphash(&key, words, 32));
}

static void table_form_depends_on_key_count_and_every_word(void **state)
{
    (void)state;
    struct siphash_key key = counting_key(), other = { { 7, 8 } };
    uint64_t words[3] = { 0, 0, 0 };
    uint64_t base = siphash_table(&key, words, 3);
    assert_true(base != siphash_table(&other, words, 3));
    assert_true(base != siphash_table(&key, words, 2));
    for (int i = 0; i < 3; i++) {
        words[i] = 1;
        assert_true(base != siphash_table(&key, words, 3));
        words[i] = 0;
    }
    assert_true(base == siphash_table(&key, words, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_vectors),
        cmocka_unit_test(word_forms_equal_the_byte_form),
        cmocka_unit_test(table_form_depends_on_key_count_and_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
