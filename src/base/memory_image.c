/* An image is a header, then extents: what the map says is in use, and of each free run the list node at its beginning. */
#include "base/memory_layout.h"

#define IMAGE_MAGIC 0x31676d6972696577ull /* "weirimg1" */

struct image { uint64_t magic, base, committed_bytes, image_bytes; };
struct extent { uint64_t offset, bytes; };
struct writer { uint8_t *at; size_t bytes; }; /* at NULL: only counts */

static void put(struct writer *w, const void *from, size_t bytes)
{
    if (w->at) memcpy(w->at + w->bytes, from, bytes);
    w->bytes += bytes;
}

static void put_extent(struct writer *w, const struct memory *m, const void *from, size_t bytes)
{
    put(w, &(struct extent){ (uint64_t)((const uint8_t *)from - m->base), bytes }, sizeof(struct extent));
    put(w, from, bytes);
}

/* Calls visit for each run of the arena, in order. */
static void each_run(const struct memory *m, void (*visit)(void *ctx, void *run, size_t bytes, enum page_state state), void *ctx)
{
    for (uint8_t *at = m->base; at < m->base + m->committed_bytes; at += ZONE_BYTES) {
        struct zone *z = (struct zone *)(void *)at;
        size_t end = min_of(ZONE_BYTES, (size_t)(m->base + m->committed_bytes - at)) >> PAGE_SHIFT;
        visit(ctx, z, sizeof *z, PAGE_USED);
        for (size_t i = sizeof *z >> PAGE_SHIFT, pages; i < end; i += pages) {
            pages = max_of(z->map[i].pages, 1); /* struct memory's own pages are not in the map */
            visit(ctx, page_address(z, i), pages << PAGE_SHIFT, z->map[i].state);
        }
    }
}

struct saving { const struct memory *memory; struct writer writer; };

static void save_run(void *ctx, void *run, size_t bytes, enum page_state state)
{
    struct saving *s = ctx;
    put_extent(&s->writer, s->memory, run, state == PAGE_FREE ? sizeof(struct list) : bytes);
}

static size_t write_image(const struct memory *m, uint8_t *image)
{
    struct saving s = { m, { image, sizeof(struct image) } };
    each_run(m, save_run, &s);
    return s.writer.bytes;
}

/* Poisons what is free again, after all of the arena was open. */
static void close_run(void *ctx, void *run, size_t bytes, enum page_state state)
{
    struct slab *s = run;
    (void)ctx;
    if (state == PAGE_FREE) poison((uint8_t *)run + sizeof(struct list), bytes - sizeof(struct list));
    if (state != PAGE_SLAB) return;
    size_t object = memory_class_bytes(s->class), total = (bytes - SLAB_HEADER_BYTES) / object;
    poison((uint8_t *)run + SLAB_HEADER_BYTES + (total - s->untouched) * object, s->untouched * object);
    for (struct free_object *o = s->free, *next; o; o = next) {
        next = o->next;
        poison(o, object);
    }
}

static void close_free(const struct memory *m)
{
    each_run(m, close_run, NULL);
    for (unsigned class = 0; class < SMALL_CLASSES; class++) {
        for (struct free_object *o = m->front.recent[class].first, *next; o; o = next) {
            next = o->next;
            poison(o, memory_class_bytes(class));
        }
    }
}

size_t memory_image_bytes(const struct memory *m) { return write_image(m, NULL); }

void memory_save(struct memory *m, void *image)
{
    unpoison(m->base, m->committed_bytes);
    struct image header = { IMAGE_MAGIC, (uint64_t)(uintptr_t)m->base, m->committed_bytes, write_image(m, image) };
    memcpy(image, &header, sizeof header);
    if (MEMORY_IS_POISONED) close_free(m);
}

static bool read_header(struct image *header, const void *image, size_t bytes)
{
    if (bytes < sizeof *header) return false;
    memcpy(header, image, sizeof *header);
    return header->magic == IMAGE_MAGIC && header->image_bytes == bytes;
}

void *memory_image_base(const void *image, size_t bytes)
{
    struct image header;
    return read_header(&header, image, bytes) ? (void *)(uintptr_t)header.base : NULL;
}

struct memory *memory_restore(const struct memory_config *config, const void *image, size_t bytes)
{
    struct image header;
    if (!read_header(&header, image, bytes) || (uint64_t)(uintptr_t)config->base != header.base) return NULL;
    if (header.committed_bytes > config->reserved_bytes) return NULL;
    if (!config->commit(config->ctx, config->base, header.committed_bytes)) return NULL;
    unpoison(config->base, header.committed_bytes);
    for (const uint8_t *at = (const uint8_t *)image + sizeof header, *end = (const uint8_t *)image + bytes; at < end;) {
        struct extent e;
        memcpy(&e, at, sizeof e);
        at += sizeof e;
        memcpy((uint8_t *)config->base + e.offset, at, e.bytes);
        at += e.bytes;
    }
    struct memory *m = page_address(config->base, sizeof(struct zone) >> PAGE_SHIFT);
    m->commit = config->commit;
    m->ctx = config->ctx;
    m->reserved_bytes = config->reserved_bytes >> PAGE_SHIFT << PAGE_SHIFT;
    if (MEMORY_IS_POISONED) close_free(m);
    return m;
}
