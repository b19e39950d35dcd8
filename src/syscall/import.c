#include "syscall/calls.h"

#define VECTOR_MAX 1024 /* Linux: UIO_MAXIOV */

int import_address(const struct task *t, uint64_t from, int bytes, struct sockaddr_storage *out)
{
    if (bytes < 0 || (size_t)bytes > sizeof *out) return -EINVAL;
    return user_in(t->memory, out, from, (size_t)bytes);
}

int export_address(const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint64_t to, uint64_t length_at)
{
    int32_t room;
    int error = user_in(t->memory, &room, length_at, sizeof room);
    if (error) return error;
    if (room < 0) return -EINVAL;
    error = user_out(t->memory, to, a, min_of((uint32_t)room, bytes));
    return error ? error : user_out(t->memory, length_at, &bytes, sizeof bytes);
}

int import_timespec(const struct task *t, uint64_t from, uint64_t *ns)
{
    struct { int64_t s, ns; } ts;
    *ns = NS_NEVER;
    if (!from) return 0;
    int error = user_in(t->memory, &ts, from, sizeof ts);
    if (error) return error;
    if (ts.s < 0 || ts.ns < 0 || ts.ns >= (int64_t)NS_PER_S) return -EINVAL;
    if ((uint64_t)ts.s < NS_NEVER / NS_PER_S - 1) *ns = (uint64_t)ts.s * NS_PER_S + (uint64_t)ts.ns;
    return 0;
}

/* Linux cuts the whole to MAX_RW_COUNT, entry by entry. */
static int check_entries(struct vector *v)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        if ((int64_t)v->entries[i].bytes < 0) return -EINVAL;
        v->entries[i].bytes = min_of(v->entries[i].bytes, IO_BYTES_MAX - total);
        total += v->entries[i].bytes;
    }
    return 0;
}

int vector_import(const struct task *t, uint64_t from, uint64_t count, int too_many, struct vector *out)
{
    out->allocated = 0;
    out->count = 0;
    out->entries = out->fast;
    if (count > VECTOR_MAX) return too_many;
    size_t bytes = count * sizeof *out->entries;
    if (count > VECTOR_FAST) {
        out->entries = memory_alloc(t->machine->memory, bytes);
        if (!out->entries) return -ENOMEM;
        out->allocated = (uint32_t)count;
    }
    out->count = (uint32_t)count;
    int error = user_in(t->memory, out->entries, from, bytes);
    return error ? error : check_entries(out);
}

void vector_single(struct vector *v, uint64_t base, uint64_t bytes)
{
    v->fast[0] = (struct user_iovec){ base, min_of(bytes, IO_BYTES_MAX) };
    v->entries = v->fast;
    v->count = 1;
    v->allocated = 0;
}

bool vector_is_empty(const struct vector *v)
{
    for (uint32_t i = 0; i < v->count; i++) {
        if (v->entries[i].bytes) return false;
    }
    return true;
}

void vector_fini(const struct task *t, struct vector *v)
{
    if (v->allocated) machine_free(t->machine, v->entries, v->allocated * sizeof *v->entries);
    v->allocated = 0;
}
