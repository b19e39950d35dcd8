/* The machine's memory: one arena in a reserved address range (DESIGN §1, principle 8), cut into size-class slabs. All
 * state of a machine comes from here, so that it can be measured, saved and copied. No call into the host but
 * `env->commit`, which makes a further piece of the reserved range usable. */
#ifndef WEIR_BASE_MEMORY_H
#define WEIR_BASE_MEMORY_H

#include "base/list.h"
#include "base/memory_front.h"

struct memory_config {
    void *base;                  /* reserved range, page-aligned */
    size_t reserved_bytes;
    bool (*commit)(void *ctx, void *base, size_t bytes); /* grows the usable prefix to `bytes`; false when there is no more */
    void *ctx;
    uint64_t fail_at;            /* the Nth allocation fails (counted from 1); 0: none. For fault tests. */
};

struct memory; /* lives at the start of the arena */

/* NULL when not even the first piece can be committed. */
struct memory *memory_create(const struct memory_config *config);
/* Everything handed out dies; the range goes back to who lent it. */
void memory_destroy(struct memory *m);
void *memory_alloc_any(struct memory *m, size_t bytes);
void memory_free_any(struct memory *m, void *p, size_t bytes);
#define MEMORY_IS_QUICK(bytes) (!MEMORY_IS_WATCHED && __builtin_constant_p(bytes) && (bytes) <= SMALL_MAX_BYTES)
/* 16-byte aligned, not cleared. NULL when there is no memory. */
static inline void *memory_alloc(struct memory *m, size_t bytes)
{
    void *p = MEMORY_IS_QUICK(bytes) ? memory_take_recent((struct memory_front *)(void *)m, bytes) : NULL;
    return p ? p : memory_alloc_any(m, bytes);
}
static inline void *memory_alloc_zero(struct memory *m, size_t bytes)
{
    void *p = memory_alloc(m, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}
/* bytes: as given to alloc. p may be NULL */
static inline void memory_free(struct memory *m, void *p, size_t bytes)
{
    if (!p || (MEMORY_IS_QUICK(bytes) && memory_give_recent((struct memory_front *)(void *)m, p, bytes))) return;
    memory_free_any(m, p, bytes);
}
/* The first bytes of an object, which nobody may use any more though it is not given back yet: for sanitizers. */
void memory_retire(void *p, size_t bytes);
size_t memory_round(size_t bytes);                         /* what an alloc of this size takes: asking for it all is free */
uint64_t memory_used_bytes(const struct memory *m);        /* handed out now */
uint64_t memory_committed_bytes(const struct memory *m);
uint64_t memory_alloc_count(const struct memory *m);       /* calls of alloc so far */
void memory_fail_at(struct memory *m, uint64_t nth);

/* The arena as bytes: what is handed out and what keeps order, not what is free. Pointers inside stay what they are, so an
 * image goes back to the addresses it came from. */
size_t memory_image_bytes(const struct memory *m);
void memory_save(struct memory *m, void *image);           /* memory_image_bytes() of room; the arena is as before */
void *memory_image_base(const void *image, size_t bytes);  /* where it belongs; NULL: no image */
/* The arena as it was, in config's range, which must be the saved one's; its commit and ctx are the new ones. NULL: it does
 * not fit, is no image, or no memory: then nothing was written. */
struct memory *memory_restore(const struct memory_config *config, const void *image, size_t bytes);

#endif
