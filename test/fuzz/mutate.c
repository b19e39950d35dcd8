/* libFuzzer's custom mutator: an input is a list of records; one of them changes, or the list does. */
#include "test/fuzz/mutate.h"

#include "test/fuzz/harness.h"

#include <string.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
/* libFuzzer is not instrumented: MemorySanitizer does not see it write. */
#define is_written(at, bytes) __msan_unpoison(at, bytes)
#else
#define is_written(at, bytes) ((void)(at), (void)(bytes))
#endif

/* Only there when libFuzzer drives. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out, size_t max_size,
                                 unsigned seed);

enum { HEAD_MAX = 16 };

struct record_list { uint8_t head[HEAD_MAX]; struct record records[RECORDS_MAX]; unsigned count; };

static void read_list(struct record_list *list, const uint8_t *data, size_t size)
{
    struct input in = { data, size }, payload;
    uint8_t op;
    size_t got;
    const uint8_t *head = input_bytes(&in, target.head_bytes, &got);
    memset(list->head, 0, sizeof list->head);
    if (got) memcpy(list->head, head, got);
    list->count = 0;
    while (list->count < RECORDS_MAX && input_next(&in, &op, &payload)) {
        struct record *r = &list->records[list->count++];
        r->op = (uint8_t)((op & target.op_flags) | (op & ~target.op_flags & 0xff) % target.ops);
        r->bytes = (uint16_t)(payload.left < RECORD_BYTES_MAX ? payload.left : RECORD_BYTES_MAX);
        memcpy(r->at, payload.at, r->bytes);
    }
}

static size_t write_list(const struct record_list *list, uint8_t *data, size_t max_size)
{
    size_t size = target.head_bytes;
    if (max_size < size) return 0;
    memcpy(data, list->head, size);
    for (unsigned i = 0; i < list->count; i++) {
        const struct record *r = &list->records[i];
        if (max_size - size < RECORD_HEADER_BYTES + (size_t)r->bytes) break;
        data[size] = r->op;
        data[size + 1] = (uint8_t)r->bytes;
        data[size + 2] = (uint8_t)(r->bytes >> 8);
        memcpy(data + size + RECORD_HEADER_BYTES, r->at, r->bytes);
        size += RECORD_HEADER_BYTES + (size_t)r->bytes;
    }
    return size;
}

void mutate_bytes(struct rng *rng, struct record *r, size_t from)
{
    (void)rng;
    if (from > r->bytes) return;
    r->bytes = (uint16_t)(from + LLVMFuzzerMutate(r->at + from, r->bytes - from, RECORD_BYTES_MAX - from));
    is_written(&r->bytes, sizeof r->bytes);
    is_written(r->at, r->bytes);
}

void mutate_number(struct rng *rng, uint8_t *at, size_t bytes)
{
    static const uint32_t interesting[] = { 0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 20, 28, 39, 40, 41, 47, 48, 63, 64, 127, 128, 255, 256, 512,
        536, 1024, 1279, 1280, 1281, 1460, 1500, 4095, 4096, 16383, 32767, 32768, 65495, 65507, 65534, 65535, 65536, 0x7fffffff,
        0x80000000, 0xfffffffe, 0xffffffff };
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++) value = value << 8 | at[i];
    switch (rng_below(rng, 4)) {
    case 0: value ^= 1u << rng_below(rng, (uint32_t)bytes * 8); break;
    case 1: value += rng_below(rng, 17) - 8; break;
    case 2: value = interesting[rng_below(rng, sizeof interesting / sizeof interesting[0])]; break;
    default: value = rng_below(rng, UINT32_MAX); break;
    }
    for (size_t i = bytes; i-- > 0; value >>= 8) at[i] = (uint8_t)value;
}

static void insert_at(struct record_list *list, unsigned at, const struct record *r)
{
    if (list->count == RECORDS_MAX) return;
    memmove(&list->records[at + 1], &list->records[at], (list->count - at) * sizeof list->records[0]);
    list->records[at] = *r;
    list->count++;
}

static void delete_at(struct record_list *list, unsigned at)
{
    list->count--;
    memmove(&list->records[at], &list->records[at + 1], (list->count - at) * sizeof list->records[0]);
}

static void insert_fresh(struct rng *rng, struct record_list *list)
{
    static struct record r;
    record_begin(&r, 0);
    target.fresh(rng, &r);
    insert_at(list, rng_below(rng, list->count + 1), &r);
}

static void change_one(struct rng *rng, struct record *r)
{
    for (unsigned n = 1 + rng_below(rng, 3); n > 0; n--) {
        if (rng_one_in(rng, 20) || !target.mutate || !target.mutate(rng, r)) mutate_bytes(rng, r, 0);
    }
}

static void change_list(struct rng *rng, struct record_list *list)
{
    static struct record copy;
    unsigned at = list->count ? rng_below(rng, list->count) : 0;
    if (target.head_bytes && rng_one_in(rng, 10)) {
        mutate_number(rng, list->head + rng_below(rng, (uint32_t)target.head_bytes), 1);
        return;
    }
    if (!list->count) {
        insert_fresh(rng, list);
        return;
    }
    switch (rng_below(rng, 12)) {
    case 0:
        copy = list->records[at];
        insert_at(list, rng_below(rng, list->count + 1), &copy);
        break;
    case 1: delete_at(list, at); break;
    case 2: {
        unsigned other = rng_below(rng, list->count);
        copy = list->records[at];
        list->records[at] = list->records[other];
        list->records[other] = copy;
        break;
    }
    case 3: case 4: insert_fresh(rng, list); break;
    case 5: list->records[at].op = (uint8_t)rng_below(rng, target.ops); break;
    default: change_one(rng, &list->records[at]); break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static struct record_list list;
    is_written(data, size);
    struct rng rng = { seed * 0x9e3779b97f4a7c15ull + 1 };
    rng_below(&rng, 2);
    read_list(&list, data, size);
    for (unsigned n = 1 + (rng_one_in(&rng, 4) ? rng_below(&rng, 4) : 0); n > 0; n--) change_list(&rng, &list);
    return write_list(&list, data, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out, size_t max_size,
                                 unsigned seed)
{
    static struct record_list lists[2];
    is_written(a, a_size), is_written(b, b_size);
    struct rng rng = { seed * 0x9e3779b97f4a7c15ull + 1 };
    read_list(&lists[0], a, a_size);
    read_list(&lists[1], b, b_size);
    if (lists[0].count) lists[0].count = rng_below(&rng, lists[0].count + 1);
    for (unsigned i = lists[1].count ? rng_below(&rng, lists[1].count) : 0; i < lists[1].count; i++)
        insert_at(&lists[0], lists[0].count, &lists[1].records[i]);
    return write_list(&lists[0], out, max_size);
}
