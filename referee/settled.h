/* A number that the host was told and surely knows by now: a busy host may still have the news in a queue. */
#ifndef WEIR_REFEREE_SETTLED_H
#define WEIR_REFEREE_SETTLED_H

#include <stdbool.h>
#include <stdint.h>

#define SETTLED_AFTER_NS 10000000ull

struct settled { uint32_t value, next; uint64_t next_ns; bool has_value, has_next; };

static inline bool is_before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool is_after(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }

static inline bool settled_has(struct settled *s, uint64_t now_ns)
{
    if (s->has_next && now_ns - s->next_ns >= SETTLED_AFTER_NS) {
        s->value = s->next;
        s->has_value = true;
        s->has_next = false;
    }
    return s->has_value;
}

static inline void settled_put(struct settled *s, uint32_t value, uint64_t now_ns)
{
    settled_has(s, now_ns);
    if (s->has_next || (s->has_value && !is_after(value, s->value))) return;
    s->next = value;
    s->next_ns = now_ns;
    s->has_next = true;
}

/* What it was told just now it may have refused. */
static inline void settled_doubt(struct settled *s, uint64_t now_ns)
{
    settled_has(s, now_ns);
    s->has_next = false;
}

#endif
