/* How the arena is laid out; for memory.c, which hands it out, and memory_image.c, which saves it. */
#ifndef WEIR_BASE_MEMORY_LAYOUT_H
#define WEIR_BASE_MEMORY_LAYOUT_H

#include "base/memory.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)
#define ZONE_SHIFT 26
#define ZONE_BYTES ((size_t)1 << ZONE_SHIFT)
#define ZONE_PAGES (ZONE_BYTES >> PAGE_SHIFT)
#define RUN_CLASSES 64
#define GROW_BYTES ((size_t)256 << 10)

enum page_state { PAGE_USED, PAGE_FREE, PAGE_SLAB };
/* pages: length of the run, at its first and last page. offset: of a slab's page from its first. */
struct page { uint16_t pages; uint8_t state, offset; };
struct zone { struct page map[ZONE_PAGES]; };

struct slab {
    struct list node;             /* of the class's partial list, while it has a free object */
    struct free_object *free;
    uint32_t used, untouched;     /* objects handed out; objects at the end never handed out yet */
    uint32_t class, pages;
};
#define SLAB_HEADER_BYTES 48
static_assert(sizeof(struct slab) <= SLAB_HEADER_BYTES, "objects begin after it, 16-byte aligned");

struct memory {
    struct memory_front front;    /* first */
    uint8_t *base;                /* of zone 0 */
    size_t reserved_bytes, committed_bytes;
    bool (*commit)(void *ctx, void *base, size_t bytes);
    void *ctx;
    uint64_t run_bitmap;
    struct list runs[RUN_CLASSES];
    struct list partial[SMALL_CLASSES];
};

#if MEMORY_IS_POISONED
void __asan_poison_memory_region(const volatile void *p, size_t bytes);
void __asan_unpoison_memory_region(const volatile void *p, size_t bytes);
#define poison(p, bytes) __asan_poison_memory_region(p, bytes)
#define unpoison(p, bytes) __asan_unpoison_memory_region(p, bytes)
#else
#define poison(p, bytes) ((void)(p), (void)(bytes))
#define unpoison(p, bytes) ((void)(p), (void)(bytes))
#endif
#if __has_feature(memory_sanitizer)
void __msan_poison(const volatile void *p, size_t bytes);
#define forget(p, bytes) __msan_poison(p, bytes)
#else
#define forget(p, bytes) ((void)(p), (void)(bytes))
#endif

static inline uint32_t recent_most(unsigned class) /* 64, and of large ones 64 KiB */
{
    uint32_t most = (64u << 10) / memory_class_bytes(class);
    return most < 64 ? most : 64;
}

static inline struct zone *zone_of(const struct memory *m, const void *p)
{
    size_t offset = (size_t)((const uint8_t *)p - m->base);
    return (struct zone *)(void *)(m->base + (offset >> ZONE_SHIFT << ZONE_SHIFT));
}

static inline size_t page_index(const struct zone *z, const void *p)
{
    return (size_t)((const uint8_t *)p - (const uint8_t *)z) >> PAGE_SHIFT;
}

static inline void *page_address(struct zone *z, size_t index)
{
    return (uint8_t *)z + (index << PAGE_SHIFT);
}

#endif
