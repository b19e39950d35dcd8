/* The arena is cut into zones of 64 MiB, each beginning with a map of its 4 KiB pages. Runs of pages are kept as in a
 * segregated-fit allocator: free runs in lists by length, a bitmap over the lists, neighbours merged by looking at the map.
 * Requests up to 8 KiB come from slabs (runs cut into equal objects), larger ones are runs themselves. A slab that becomes
 * empty goes back, but the last of its class. A few objects of each class that were given back last wait before the slabs
 * for the next to ask. Everything is O(1) and depends on the sequence of calls alone.
 *
 * Under AddressSanitizer what is not handed out is poisoned, so a use after free in the arena is seen as one in a heap. Under
 * MemorySanitizer what is handed out uncleared counts as uninitialised. */
#include "base/memory_layout.h"

static uint32_t class_pages(unsigned class)
{
    uint32_t bytes = memory_class_bytes(class);
    return bytes <= 128 ? 4 : bytes <= 1024 ? 8 : 16;
}

/* Exact lists for short runs, then four for each doubling. */
static unsigned run_class(size_t pages)
{
    if (pages < 16) return (unsigned)pages;
    unsigned top = 63 - (unsigned)__builtin_clzll(pages);
    return 16 + (top - 4) * 4 + ((unsigned)(pages >> (top - 2)) & 3);
}

static void mark_run(struct zone *z, size_t first, size_t pages, enum page_state state)
{
    z->map[first] = z->map[first + pages - 1] = (struct page){ .pages = (uint16_t)pages, .state = (uint8_t)state };
}

static void list_run(struct memory *m, struct zone *z, size_t first, size_t pages)
{
    unsigned class = run_class(pages);
    struct list *node = page_address(z, first);
    mark_run(z, first, pages, PAGE_FREE);
    unpoison(node, sizeof *node);
    list_add_head(&m->runs[class], node);
    m->run_bitmap |= 1ull << class;
}

static void unlist_run(struct memory *m, struct zone *z, size_t first)
{
    unsigned class = run_class(z->map[first].pages);
    list_remove((struct list *)page_address(z, first));
    if (list_is_empty(&m->runs[class])) m->run_bitmap &= ~(1ull << class);
}

RARELY static void free_run(struct memory *m, struct zone *z, size_t first, size_t pages)
{
    poison(page_address(z, first), pages << PAGE_SHIFT);
    if (first > 0 && z->map[first - 1].state == PAGE_FREE) {
        size_t before = z->map[first - 1].pages;
        unlist_run(m, z, first - before);
        poison(page_address(z, first - before), sizeof(struct list));
        first -= before;
        pages += before;
    }
    if (first + pages < ZONE_PAGES && z->map[first + pages].state == PAGE_FREE) {
        size_t after = z->map[first + pages].pages;
        unlist_run(m, z, first + pages);
        poison(page_address(z, first + pages), sizeof(struct list));
        pages += after;
    }
    list_run(m, z, first, pages);
}

static bool commit_to(struct memory *m, size_t bytes)
{
    bytes = min_of((bytes + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES, m->reserved_bytes);
    if (bytes <= m->committed_bytes) return true;
    if (!m->commit(m->ctx, m->base, bytes)) return false;
    m->committed_bytes = bytes;
    return true;
}

/* Makes a free run of at least `pages` at the end of what is committed; a run never crosses into another zone. */
static bool grow(struct memory *m, size_t pages)
{
    size_t map_bytes = sizeof(struct zone);
    if (pages > ZONE_PAGES - (map_bytes >> PAGE_SHIFT) - (sizeof(struct memory) >> PAGE_SHIFT) - 1) return false;
    for (;;) {
        size_t old = m->committed_bytes;
        size_t into = old & (ZONE_BYTES - 1);
        bool is_new_zone = into == 0;
        size_t wanted = (pages << PAGE_SHIFT) + (is_new_zone ? map_bytes : 0);
        bool fits = into + wanted <= ZONE_BYTES;
        size_t target = fits ? old + max_of(wanted, min_of(old / 8, ZONE_BYTES - into)) : old - into + ZONE_BYTES;
        target = min_of(target, old - into + ZONE_BYTES);
        if (fits && old + wanted > m->reserved_bytes) return false;
        if (!commit_to(m, target) && !(fits && commit_to(m, old + wanted))) return false;
        struct zone *z = (struct zone *)(void *)(m->base + (old - into));
        if (is_new_zone) {
            unpoison(z, map_bytes);
            memset(z, 0, map_bytes);
        }
        size_t first = (into + (is_new_zone ? map_bytes : 0)) >> PAGE_SHIFT;
        size_t end = (m->committed_bytes - (old - into)) >> PAGE_SHIFT;
        if (end > first) free_run(m, z, first, end - first);
        if (fits) return true;
    }
}

RARELY static void *alloc_run(struct memory *m, size_t pages, enum page_state state)
{
    /* A list holds runs at least as long as its shortest; searching from the next longer class, any run fits. */
    unsigned class = run_class(pages);
    if (pages >= 16 && run_class(pages - 1) == class) class++;
    for (;;) {
        uint64_t fitting = class < RUN_CLASSES ? m->run_bitmap >> class << class : 0;
        if (!fitting) {
            if (!grow(m, pages + pages / 4 + 1)) return NULL;
            continue;
        }
        struct list *run = m->runs[__builtin_ctzll(fitting)].next;
        struct zone *z = zone_of(m, run);
        size_t first = page_index(z, run), length = z->map[first].pages;
        unlist_run(m, z, first);
        if (length > pages) list_run(m, z, first + pages, length - pages);
        mark_run(z, first, pages, state);
        return run;
    }
}

static struct slab *create_slab(struct memory *m, unsigned class)
{
    size_t pages = class_pages(class);
    struct slab *s = alloc_run(m, pages, PAGE_SLAB);
    if (!s) return NULL;
    struct zone *z = zone_of(m, s);
    size_t first = page_index(z, s);
    for (size_t i = 0; i < pages; i++)
        z->map[first + i] = (struct page){ .pages = (uint16_t)pages, .state = PAGE_SLAB, .offset = (uint8_t)i };
    unpoison(s, sizeof *s);
    *s = (struct slab){ .class = class, .pages = (uint32_t)pages };
    s->untouched = (uint32_t)(((pages << PAGE_SHIFT) - SLAB_HEADER_BYTES) / memory_class_bytes(class));
    list_add_head(&m->partial[class], &s->node);
    return s;
}

RARELY static void *alloc_from_slab(struct memory *m, unsigned class, size_t bytes)
{
    struct slab *s = list_is_empty(&m->partial[class]) ? create_slab(m, class)
                                                       : list_first(&m->partial[class], struct slab, node);
    if (!s) return NULL;
    void *p = s->free;
    if (p) {
        unpoison(p, bytes > sizeof(struct free_object) ? bytes : sizeof(struct free_object));
        s->free = s->free->next;
    } else {
        size_t total = ((s->pages << PAGE_SHIFT) - SLAB_HEADER_BYTES) / memory_class_bytes(class);
        p = (uint8_t *)s + SLAB_HEADER_BYTES + (total - s->untouched) * memory_class_bytes(class);
        s->untouched--;
        unpoison(p, bytes);
    }
    s->used++;
    if (!s->free && !s->untouched) list_remove(&s->node);
    return p;
}

RARELY static void free_to_slab(struct memory *m, unsigned class, void *p, size_t bytes)
{
    struct zone *z = zone_of(m, p);
    size_t index = page_index(z, p);
    struct slab *s = page_address(z, index - z->map[index].offset);
    struct free_object *o = p;
    if (!s->free && !s->untouched) list_add_head(&m->partial[class], &s->node);
    if (bytes < sizeof *o) unpoison(p, sizeof *o);
    o->next = s->free;
    s->free = o;
    poison(p, memory_class_bytes(class));
    if (--s->used > 0 || (s->node.next == &m->partial[class] && s->node.prev == &m->partial[class])) return;
    list_remove(&s->node);
    size_t first = page_index(z, s);
    for (size_t i = 0; i < s->pages; i++) z->map[first + i] = (struct page){ 0 };
    free_run(m, z, first, s->pages);
}

static void *alloc_small(struct memory *m, size_t bytes)
{
    unsigned class = memory_class(bytes);
    struct recent *r = &m->front.recent[class];
    struct free_object *o = r->first;
    if (!o) return alloc_from_slab(m, class, bytes);
    unpoison(o, bytes > sizeof *o ? bytes : sizeof *o);
    r->first = o->next;
    r->room++;
    return o;
}

static void free_small(struct memory *m, void *p, size_t bytes)
{
    unsigned class = memory_class(bytes);
    struct recent *r = &m->front.recent[class];
    struct free_object *o = p;
    if (!r->room) {
        free_to_slab(m, class, p, bytes);
        return;
    }
    if (bytes < sizeof *o) unpoison(p, sizeof *o);
    o->next = r->first;
    r->first = o;
    r->room--;
    poison(p, memory_class_bytes(class));
}

size_t memory_round(size_t bytes)
{
    return bytes <= SMALL_MAX_BYTES ? memory_class_bytes(memory_class(bytes)) : (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT << PAGE_SHIFT;
}

void *memory_alloc_any(struct memory *m, size_t bytes)
{
    if (++m->front.alloc_count == m->front.fail_at) return NULL;
    void *p;
    if (bytes <= SMALL_MAX_BYTES) {
        p = alloc_small(m, bytes);
    } else if (bytes > ZONE_BYTES) {
        return NULL;
    } else {
        p = alloc_run(m, (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT, PAGE_USED);
        if (p) unpoison(p, bytes);
    }
    if (!p) return NULL;
    forget(p, bytes);
    m->front.used_bytes += bytes;
    return p;
}

void memory_free_any(struct memory *m, void *p, size_t bytes)
{
    m->front.used_bytes -= bytes;
    if (bytes <= SMALL_MAX_BYTES) {
        free_small(m, p, bytes);
        return;
    }
    struct zone *z = zone_of(m, p);
    free_run(m, z, page_index(z, p), (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT);
}

void memory_retire(void *p, size_t bytes)
{
    poison((uint8_t *)p + sizeof(struct free_object), bytes - sizeof(struct free_object)); /* giving it back writes there */
}

struct memory *memory_create(const struct memory_config *config)
{
    size_t own_bytes = (sizeof(struct memory) + PAGE_BYTES - 1) >> PAGE_SHIFT << PAGE_SHIFT;
    size_t reserved_bytes = config->reserved_bytes >> PAGE_SHIFT << PAGE_SHIFT;
    size_t first_bytes = sizeof(struct zone) + own_bytes;
    size_t committed_bytes = (first_bytes + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    if (reserved_bytes < committed_bytes || !config->commit(config->ctx, config->base, committed_bytes)) return NULL;
    struct zone *z = config->base;
    unpoison(z, first_bytes);
    memset(z, 0, sizeof *z);
    struct memory *m = page_address(z, sizeof(struct zone) >> PAGE_SHIFT);
    *m = (struct memory){ .base = config->base, .reserved_bytes = reserved_bytes, .committed_bytes = committed_bytes,
                          .commit = config->commit, .ctx = config->ctx, .front.fail_at = config->fail_at };
    for (unsigned i = 0; i < RUN_CLASSES; i++) list_init(&m->runs[i]);
    for (unsigned i = 0; i < SMALL_CLASSES; i++) {
        list_init(&m->partial[i]);
        m->front.recent[i].room = recent_most(i);
    }
    free_run(m, z, first_bytes >> PAGE_SHIFT, (committed_bytes - first_bytes) >> PAGE_SHIFT);
    return m;
}

void memory_destroy(struct memory *m)
{
    unpoison(m->base, m->committed_bytes);
}

uint64_t memory_used_bytes(const struct memory *m) { return m->front.used_bytes; }
uint64_t memory_committed_bytes(const struct memory *m) { return m->committed_bytes; }
uint64_t memory_alloc_count(const struct memory *m) { return m->front.alloc_count; }
void memory_fail_at(struct memory *m, uint64_t nth) { m->front.fail_at = nth; }
