#include "drill/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 16 * 1024 };

struct chunk {
    struct chunk *next;
    size_t used, bytes;
    _Alignas(max_align_t) unsigned char data[];
};

struct script_memory {
    struct chunk *first;
};

struct script_memory *script_memory_create(void)
{
    return calloc(1, sizeof(struct script_memory));
}

void script_memory_destroy(struct script_memory *memory)
{
    struct chunk *next;

    if (!memory)
        return;
    for (struct chunk *c = memory->first; c; c = next) {
        next = c->next;
        free(c);
    }
    free(memory);
}

static struct chunk *chunk_create(size_t bytes)
{
    struct chunk *c = calloc(1, sizeof *c + bytes);

    if (c)
        c->bytes = bytes;
    return c;
}

void *script_alloc(struct script_memory *memory, size_t bytes)
{
    size_t rounded = (bytes + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct chunk *c = memory->first;

    if (rounded < bytes)
        return NULL;
    if (!c || c->bytes - c->used < rounded) {
        c = chunk_create(rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES);
        if (!c)
            return NULL;
        c->next = memory->first;
        memory->first = c;
    }
    c->used += rounded;
    return c->data + c->used - rounded;
}

char *script_copy(struct script_memory *memory, const char *text, size_t bytes)
{
    char *copy = script_alloc(memory, bytes + 1);

    if (copy && bytes)
        memcpy(copy, text, bytes);
    return copy;
}
