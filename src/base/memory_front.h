/* What the memory gave back last, by size class, and its books: so much that an object of a size known to the compiler is handed
 * out and taken back without a call. Of memory.h, which says what is to be known of it. */
#ifndef WEIR_BASE_MEMORY_FRONT_H
#define WEIR_BASE_MEMORY_FRONT_H

#include "base/types.h"

#ifndef __has_feature /* clang's way to say it */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MEMORY_IS_POISONED true
#else
#define MEMORY_IS_POISONED false
#endif
#define MEMORY_IS_WATCHED (MEMORY_IS_POISONED || __has_feature(memory_sanitizer))

#define SMALL_MAX_BYTES 8192u
#define SMALL_CLASSES 32

struct free_object { struct free_object *next; };
/* Objects given back last, to be handed out first; their slabs count them as used. */
struct recent { struct free_object *first; uint32_t room; };
struct memory_front {                /* struct memory begins with it */
    uint64_t fail_at, alloc_count, used_bytes;
    struct recent recent[SMALL_CLASSES];
};

/* 16-byte steps to 128, then four classes for each doubling up to 8 KiB. */
static inline unsigned memory_class(size_t bytes)
{
    if (bytes <= 128) return bytes ? (unsigned)((bytes - 1) / 16) : 0;
    unsigned top = 63 - (unsigned)__builtin_clzll(bytes - 1); /* 7: 129-256 */
    return 8 + (top - 7) * 4 + ((unsigned)((bytes - 1) >> (top - 2)) & 3);
}
static inline uint32_t memory_class_bytes(unsigned class)
{
    if (class < 8) return (class + 1) * 16;
    return (5 + (class - 8) % 4) << (5 + (class - 8) / 4);
}

/* NULL: ask memory_alloc_any(). */
static inline void *memory_take_recent(struct memory_front *f, size_t bytes)
{
    struct recent *r = &f->recent[memory_class(bytes)];
    struct free_object *o = r->first;
    if (!o || f->alloc_count + 1 == f->fail_at) return NULL;
    f->alloc_count++;
    f->used_bytes += bytes;
    r->first = o->next;
    r->room++;
    return o;
}

/* False: tell memory_free_any(). */
static inline bool memory_give_recent(struct memory_front *f, void *p, size_t bytes)
{
    struct recent *r = &f->recent[memory_class(bytes)];
    struct free_object *o = p;
    if (!r->room) return false;
    f->used_bytes -= bytes;
    o->next = r->first;
    r->first = o;
    r->room--;
    return true;
}

#endif
