#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/md5.h"

static void expect(const char *text, size_t piece_bytes, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[MD5_BYTES];
    struct md5 m;
    size_t bytes = strlen(text);

    md5_init(&m);
    for (size_t at = 0; at < bytes; at += piece_bytes) md5_add(&m, text + at, min_of(piece_bytes, bytes - at));
    md5_end(&m, digest);
    for (unsigned i = 0; i < MD5_BYTES; i++) {
        assert_int_equal(digits[digest[i] >> 4], hex[2 * i]);
        assert_int_equal(digits[digest[i] & 15], hex[2 * i + 1]);
    }
}

/* RFC 1321 §A.5 */
static void gives_the_published_digests(void **state)
{
    (void)state;
    expect("", 64, "d41d8cd98f00b204e9800998ecf8427e");
    expect("a", 64, "0cc175b9c0f1b6a831c399e269772661");
    expect("message digest", 64, "f96b697d7cb7938d525a2f31aaf161d0");
    expect("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 64, "d174ab98d277d9f5a5611c2c9f419d9f");
    expect("12345678901234567890123456789012345678901234567890123456789012345678901234567890", 80, "57edf4a22be3c955ac49da2e2107b67a");
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 80; piece++)
        expect("12345678901234567890123456789012345678901234567890123456789012345678901234567890", piece, "57edf4a22be3c955ac49da2e2107b67a");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gives_the_published_digests), cmocka_unit_test(pieces_make_no_difference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
