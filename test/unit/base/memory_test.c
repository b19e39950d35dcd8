#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/random.h"

#define RESERVED ((size_t)256 << 20)

struct arena { uint8_t *base; size_t usable, limit; };

static bool commit(void *ctx, void *base, size_t bytes)
{
    struct arena *a = ctx;
    assert_ptr_equal(base, a->base);
    if (bytes > a->limit) return false;
    if (mprotect(base, bytes, PROT_READ | PROT_WRITE)) return false;
    a->usable = bytes;
    return true;
}

static struct memory *create(struct arena *a, size_t limit)
{
    *a = (struct arena){ .limit = limit };
    a->base = mmap(NULL, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct memory_config config = { .base = a->base, .reserved_bytes = RESERVED, .commit = commit, .ctx = a };
    return memory_create(&config);
}

static void destroy(struct arena *a, struct memory *m)
{
    memory_destroy(m);
    munmap(a->base, RESERVED);
}

struct block { uint8_t *p; size_t bytes; uint8_t fill; };

static size_t some_size(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0: return random_below(r, 200000);
    case 3: return random_below(r, 16);
    case 1: return 65536 + random_below(r, 64);
    case 2: return 8000 + random_below(r, 400);
    default: return random_below(r, 2000);
    }
}

/* Blocks never overlap, keep their bytes, are aligned; when all are freed everything can be used for something else. */
static void random_life(void **state)
{
    (void)state;
    struct arena a;
    struct memory *m = create(&a, RESERVED);
    static struct block blocks[500];
    struct random r;
    uint64_t seed[2] = { 7, 8 }, live_bytes = 0;
    random_init(&r, seed, "memory");
    for (int step = 0; step < 30000; step++) {
        struct block *b = &blocks[random_below(&r, 500)];
        if (b->p) {
            assert_int_equal(b->p[0], b->fill);
            assert_int_equal(b->p[b->bytes - 1], b->fill);
            assert_int_equal(b->p[b->bytes / 2], b->fill);
            memory_free(m, b->p, b->bytes);
            live_bytes -= b->bytes;
            b->p = NULL;
        } else {
            b->bytes = some_size(&r) + 1;
            b->fill = (uint8_t)step;
            b->p = memory_alloc(m, b->bytes);
            assert_non_null(b->p);
            assert_int_equal((uintptr_t)b->p % 16, 0);
            assert_true(b->p >= a.base && b->p + b->bytes <= a.base + a.usable);
            memset(b->p, b->fill, b->bytes);
            live_bytes += b->bytes;
        }
        assert_true(memory_used_bytes(m) == live_bytes);
    }
    for (int i = 0; i < 500; i++) memory_free(m, blocks[i].p, blocks[i].bytes);
    memset(blocks, 0, sizeof blocks);
    assert_true(memory_used_bytes(m) == 0);
    /* What small objects gave back serves large ones: nothing new is committed. */
    uint64_t committed = memory_committed_bytes(m);
    uint8_t *large[200];
    size_t count = committed / 2 / 65536;
    assert_in_range(count, 5, 200);
    for (size_t i = 0; i < count; i++) assert_non_null(large[i] = memory_alloc(m, 65536));
    assert_true(memory_committed_bytes(m) == committed);
    for (size_t i = 0; i < count; i++) memory_free(m, large[i], 65536);
    destroy(&a, m);
}

static void same_calls_give_same_addresses(void **state)
{
    (void)state;
    struct arena a[2];
    struct memory *m[2] = { create(&a[0], RESERVED), create(&a[1], RESERVED) };
    uint8_t *p[2][100];
    for (int i = 0; i < 2; i++) {
        struct random r;
        uint64_t seed[2] = { 9, 10 };
        random_init(&r, seed, "same");
        for (int n = 0; n < 100; n++) p[i][n] = memory_alloc(m[i], random_below(&r, 30000));
    }
    for (int n = 0; n < 100; n++) assert_true(p[0][n] - a[0].base == p[1][n] - a[1].base);
    for (int i = 0; i < 2; i++) destroy(&a[i], m[i]);
}

static void ends_with_null_and_recovers(void **state)
{
    (void)state;
    struct arena a;
    struct memory *m = create(&a, (size_t)2 << 20);
    void *p[64] = { 0 };
    int n = 0;
    while (n < 64 && (p[n] = memory_alloc(m, 100000))) n++;
    assert_in_range(n, 10, 20);
    for (int round = 0; round < 3; round++) {
        memory_free(m, p[n - 1], 100000);
        p[n - 1] = memory_alloc(m, 100000);
        assert_non_null(p[n - 1]);
    }
    assert_null(memory_alloc(m, (size_t)1 << 40));
    for (int i = 0; i < n; i++) memory_free(m, p[i], 100000);
    assert_true(memory_used_bytes(m) == 0);
    destroy(&a, m);
}

static void crosses_zones(void **state)
{
    (void)state;
    struct arena a;
    struct memory *m = create(&a, RESERVED);
    enum { EACH = 30 << 20 };
    uint8_t *p[6];
    for (int i = 0; i < 6; i++) {
        p[i] = memory_alloc(m, EACH);
        assert_non_null(p[i]);
        p[i][0] = p[i][EACH - 1] = (uint8_t)i;
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(p[i][0], i);
        assert_int_equal(p[i][EACH - 1], i);
        memory_free(m, p[i], EACH);
    }
    destroy(&a, m);
}

static void fails_the_nth(void **state)
{
    (void)state;
    struct arena a;
    struct memory *m = create(&a, RESERVED);
    memory_fail_at(m, 3);
    assert_non_null(memory_alloc(m, 10));
    assert_non_null(memory_alloc(m, 10));
    assert_null(memory_alloc(m, 10));
    assert_non_null(memory_alloc(m, 10));
    assert_true(memory_alloc_count(m) == 4);
    destroy(&a, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_life),
        cmocka_unit_test(same_calls_give_same_addresses),
        cmocka_unit_test(ends_with_null_and_recovers),
        cmocka_unit_test(crosses_zones),
        cmocka_unit_test(fails_the_nth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
