#include "referee/host.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct host_table *t, unsigned host)
{
    unsigned room = t->room ? t->room : 16;
    while (room <= host) room *= 2;
    struct host **at = realloc(t->at, room * sizeof *at);
    if (!at) return false;
    memset(at + t->room, 0, (room - t->room) * sizeof *at);
    t->at = at;
    t->room = room;
    return true;
}

struct host *host_of(struct host_table *t, unsigned host)
{
    if (host >= t->room && !grow(t, host)) return NULL;
    if (!t->at[host]) t->at[host] = calloc(1, sizeof **t->at);
    return t->at[host];
}

void host_table_fini(struct host_table *t)
{
    for (unsigned i = 0; i < t->room; i++) {
        for (unsigned p = 0; t->at[i] && p < HOST_PIECES; p++) ranges_fini(&t->at[i]->pieces[p].sent);
        free(t->at[i]);
    }
    free(t->at);
}

bool host_owns(const struct host *h, const uint8_t address[16])
{
    for (unsigned i = 0; i < h->own_count; i++)
        if (memcmp(h->own[i], address, 16) == 0) return true;
    return h->own_count == 0;
}

static uint64_t stir(uint64_t h, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (; count; at += 8) {
        uint64_t word = 0;
        size_t n = count < 8 ? count : 8;
        memcpy(&word, at, n);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
        count -= n;
    }
    return h;
}

uint64_t trace_key(enum trace_kind kind, const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    uint64_t h = stir(stir(kind * 0xbf58476d1ce4e5b9ull, a, a_bytes) ^ b_bytes, b, b_bytes);
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ull;
    return (h ^ h >> 27) | 1; /* 0 is an empty place */
}

static struct trace_bucket *bucket_of(struct host *h, uint64_t key) { return &h->buckets[key >> 32 & (HOST_BUCKETS - 1)]; }

struct trace *trace_note(struct host *h, uint64_t key, uint64_t now_ns)
{
    struct trace_bucket *b = bucket_of(h, key);
    for (int i = 0; i < 2; i++)
        if (b->at[i].key == key) return &b->at[i];
    struct trace *older = &b->at[b->at[1].ns < b->at[0].ns];
    if (older->key) b->lost_ns = now_ns;
    *older = (struct trace){ .key = key };
    return older;
}

struct trace *trace_find(struct host *h, uint64_t key, uint64_t now_ns, uint64_t span_ns, bool *is_sure)
{
    struct trace_bucket *b = bucket_of(h, key);
    *is_sure = !b->lost_ns || now_ns - b->lost_ns > span_ns;
    for (int i = 0; i < 2; i++)
        if (b->at[i].key == key && now_ns - b->at[i].ns <= span_ns) return &b->at[i];
    return NULL;
}
