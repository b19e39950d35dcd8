/* Linked into every unit test. FAIL_ALLOCATION=K: the K-th allocation of each machine fails; 0: none does. With it, every machine
 * that ends says on standard error how many allocations it made: "allocations N". FAIL_TRACE: and the one that fails says where, by the sanitizer's stack trace. */
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"

__attribute__((weak)) void __sanitizer_print_stack_trace(void);
void *__real_memory_alloc_any(struct memory *m, size_t bytes); /* every one that fails comes here */
void *__wrap_memory_alloc_any(struct memory *m, size_t bytes);
struct memory *__real_memory_create(const struct memory_config *config);
struct memory *__wrap_memory_create(const struct memory_config *config);
void __real_memory_destroy(struct memory *m);
void __wrap_memory_destroy(struct memory *m);

struct memory *__wrap_memory_create(const struct memory_config *config)
{
    const char *nth = getenv("FAIL_ALLOCATION");
    if (nth) setvbuf(stdout, NULL, _IONBF, 0); /* what a test said stands before what a sanitizer says */
    struct memory_config failing = *config;
    if (nth && !failing.fail_at) failing.fail_at = strtoull(nth, NULL, 0);
    return __real_memory_create(&failing);
}

void __wrap_memory_destroy(struct memory *m)
{
    if (getenv("FAIL_ALLOCATION")) fprintf(stderr, "allocations %lu\n", memory_alloc_count(m));
    __real_memory_destroy(m);
}

static void *got(void *p)
{
    if (!p && __sanitizer_print_stack_trace && getenv("FAIL_TRACE")) {
        fprintf(stderr, "no memory for:\n");
        __sanitizer_print_stack_trace();
    }
    return p;
}

void *__wrap_memory_alloc_any(struct memory *m, size_t bytes) { return got(__real_memory_alloc_any(m, bytes)); }
