/* A machine with nothing but memory, for unit tests of the lower rooms. */
#ifndef WEIR_TEST_ARENA_H
#define WEIR_TEST_ARENA_H

#include <sys/mman.h>

#include "machine/machine.h"

#define TEST_ARENA_BYTES ((size_t)256 << 20)

static inline bool test_arena_commit(void *ctx, void *base, size_t bytes)
{
    (void)ctx;
    return mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0;
}

/* The machine is cleared but for memory, wheel and lists. */
static inline void test_machine_init(struct machine *m)
{
    void *base = mmap(NULL, TEST_ARENA_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct memory_config config = { .base = base, .reserved_bytes = TEST_ARENA_BYTES, .commit = test_arena_commit };
    uint64_t seed[2] = { 1, 2 };
    memset(m, 0, sizeof *m);
    m->memory = memory_create(&config);
    m->env.arena = base;
    wheel_init(&m->wheel, 0);
    list_init(&m->nets);
    list_init(&m->softirq);
    random_init(&m->random.isn, seed, "isn");
    random_init(&m->random.ports, seed, "ports");
    random_init(&m->random.keys, seed, "keys");
    random_init(&m->random.link, seed, "link");
    random_init(&m->random.ip_id, seed, "ip_id");
    random_init(&m->random.jitter, seed, "jitter");
    random_init(&m->random.other, seed, "other");
}

static inline void test_machine_fini(struct machine *m)
{
    memory_destroy(m->memory);
    munmap(m->env.arena, TEST_ARENA_BYTES);
}

#endif
