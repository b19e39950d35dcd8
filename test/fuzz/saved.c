/* Of a fresh machine's arena most is free. Under ASan the shadow tells which pages hold nothing at all: they need no
 * copying, which makes a reset twice as fast. Without ASan every page is copied.
 *
 * The copying must not be seen by the sanitizers, as free objects are poisoned: hence the instruction, and no memcpy(). */
#include "test/fuzz/saved.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SHADOW_SHIFT 3
void __asan_get_shadow_mapping(size_t *scale, size_t *offset);
#elif __has_feature(memory_sanitizer) && defined(__x86_64__)
#define SHADOW_SHIFT 0
#endif
#define UNSEEN __attribute__((no_sanitize("address", "undefined"), noinline))

enum { PAGE_BYTES = 4096 };

struct span { size_t offset, bytes; };
struct fuzz_saved {
    uint8_t *arena, *copy, *shadow_copy;
    size_t bytes;
    struct span *spans;
    size_t span_count;
};

UNSEEN static void copy(void *to, const void *from, size_t bytes)
{
#ifdef __x86_64__
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
#else
    volatile uint64_t *t = to;
    for (const uint64_t *f = from; bytes >= sizeof *t; bytes -= sizeof *t) *t++ = *f++;
#endif
}

#ifdef SHADOW_SHIFT
static uint8_t *shadow_of(const uint8_t *p)
{
#if SHADOW_SHIFT
    size_t scale, offset;
    __asan_get_shadow_mapping(&scale, &offset);
    return (uint8_t *)(((uintptr_t)p >> scale) + offset);
#else
    return (uint8_t *)((uintptr_t)p ^ 0x500000000000); /* MemorySanitizer's for x86-64 */
#endif
}
#endif

/* Nothing in this page may be touched. */
UNSEEN static bool is_unused(const uint8_t *page)
{
#if defined SHADOW_SHIFT && SHADOW_SHIFT
    const uint8_t *shadow = shadow_of(page);
    for (size_t i = 0; i < PAGE_BYTES >> SHADOW_SHIFT; i++)
        if (shadow[i] != 0xf7) return false; /* poisoned by hand */
    return true;
#else
    (void)page;
    return false;
#endif
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void find_spans(struct fuzz_saved *s)
{
    for (size_t at = 0; at < s->bytes; at += PAGE_BYTES) {
        struct span *last = s->span_count ? &s->spans[s->span_count - 1] : NULL;
        if (is_unused(s->arena + at)) continue;
        if (last && last->offset + last->bytes == at) last->bytes += PAGE_BYTES;
        else s->spans[s->span_count++] = (struct span){ at, PAGE_BYTES };
    }
}

struct fuzz_saved *saved_create(uint8_t *arena, size_t bytes)
{
    struct fuzz_saved *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    *s = (struct fuzz_saved){ .arena = arena, .bytes = bytes, .copy = map(bytes), .spans = calloc(bytes / PAGE_BYTES, sizeof *s->spans) };
    if (!s->copy || !s->spans) return NULL;
    find_spans(s);
    for (size_t i = 0; i < s->span_count; i++)
        copy(s->copy + s->spans[i].offset, arena + s->spans[i].offset, s->spans[i].bytes);
#ifdef SHADOW_SHIFT
    s->shadow_copy = map(bytes >> SHADOW_SHIFT);
    if (!s->shadow_copy) return NULL;
    copy(s->shadow_copy, shadow_of(arena), bytes >> SHADOW_SHIFT);
#endif
    return s;
}

void saved_restore(const struct fuzz_saved *s)
{
    for (size_t i = 0; i < s->span_count; i++)
        copy(s->arena + s->spans[i].offset, s->copy + s->spans[i].offset, s->spans[i].bytes);
#ifdef SHADOW_SHIFT
    copy(shadow_of(s->arena), s->shadow_copy, s->bytes >> SHADOW_SHIFT);
#endif
}
