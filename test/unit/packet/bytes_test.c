#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "packet/packet.h"
#include "wire/checksum.h"

static struct machine machine;
static struct random draws;

/* The model: all bytes in a row; the packet begins at `start`. */
static uint8_t model[4096];
static uint32_t start, end;

static void same(struct packet *p)
{
    uint8_t got[4096];
    assert_int_equal(packet_bytes(p), end - start);
    assert_true(packet_read(p, 0, got, end - start));
    assert_memory_equal(got, model + start, end - start);
    assert_false(packet_read(p, 1, got, end - start));
    uint32_t from = random_below(&draws, end - start + 1), n = random_below(&draws, end - start - from + 1);
    assert_int_equal(checksum_fold(packet_checksum(p, from, n, 0)).raw,
                     checksum_fold(checksum_partial(model + start + from, n, 0)).raw);
}

static struct packet *make(void)
{
    static const uint32_t sizes[] = { 0, 1, 13, 40, 200, 700 };
    struct packet *p = NULL;
    start = end = 1000;
    for (uint32_t pieces = 1 + random_below(&draws, 3); pieces > 0; pieces--) {
        uint32_t bytes = sizes[random_below(&draws, array_count(sizes))];
        struct packet *piece = packet_create(&machine, bytes);
        random_bytes(&draws, model + end, bytes);
        if (bytes > 0) memcpy(packet_put(piece, bytes), model + end, bytes);
        end += bytes;
        if (p) packet_chain(p, piece);
        else p = piece;
    }
    return p;
}

static void push(struct packet *p)
{
    uint32_t n = 1 + random_below(&draws, 40);
    uint8_t *at = packet_push(p, n);
    if (!at) return;
    start -= n;
    random_bytes(&draws, model + start, n);
    if (packet_writable(p, n)) {
        memcpy(packet_data(p), model + start, n);
        return;
    }
    packet_read(p, 0, model + start, n); /* the head is full: what came back stands */
}

static void any_order_of_operations_agrees_with_a_flat_model(void **state)
{
    (void)state;
    uint64_t seed[2] = { 13, 14 };
    test_machine_init(&machine);
    random_init(&draws, seed, "bytes");
    for (int round = 0; round < 4000; round++) {
        struct packet *p = make(), *kept = NULL;
        uint8_t before[4096];
        uint32_t kept_start = 0, kept_end = 0;
        for (int step = 0; step < 12; step++) {
            uint32_t n = random_below(&draws, end - start + 2);
            switch (random_below(&draws, 7)) {
            case 0: push(p); break;
            case 1: n = min_of(min_of(n, end - start), 60); packet_pull(p, n); start += n; break;
            case 2: n = min_of(n, 100); assert_int_equal(packet_pull_check(p, n), n <= end - start);
                if (n <= end - start) assert_memory_equal(packet_data(p), model + start, n);
                break;
            case 3: if (packet_trim(p, n)) end = start + n; else assert_true(n > end - start); break;
            case 4: if (!kept) {
                    kept = packet_clone(p);
                    kept_start = start; kept_end = end;
                    memcpy(before, model, sizeof model);
                }
                break;
            case 5: {
                struct packet *copy = packet_copy(p);
                packet_consume(p);
                p = copy;
                break;
            }
            default: n = min_of(n, end - start); {
                uint32_t from = random_below(&draws, end - start - n + 1);
                struct packet *part = packet_part(p, from, n);
                uint8_t got[4096];
                assert_true(packet_read(part, 0, got, n));
                assert_memory_equal(got, model + start + from, n);
                packet_consume(part);
            }
            }
            same(p);
        }
        packet_consume(p);
        if (kept) { /* nothing that was done to p shows in its clone */
            memcpy(model, before, sizeof model);
            start = kept_start; end = kept_end;
            same(kept);
            packet_consume(kept);
        }
        assert_int_equal(memory_used_bytes(machine.memory), 0);
    }
    test_machine_fini(&machine);
}

/* Headers stay readable behind the data wherever they lie: in the head, in the body, or after gathering. */
static void stepped_over_headers_stay_readable(void **state)
{
    (void)state;
    test_machine_init(&machine);
    for (int in_head = 0; in_head < 2; in_head++) {
        for (int body_headers = 0; body_headers < 2; body_headers++) {
            struct packet *p = packet_create(&machine, 400);
            uint8_t *at = packet_put(p, in_head ? 300 : 334);
            if (in_head) at = packet_push(p, 34);
            memset(at, 'e', 14);
            memset(at + 14, 'i', 20);
            if (!in_head) memset(at + 34, 't', 300);
            else memset(p->body, 't', 300);
            packet_pull(p, 14);
            p->network_offset = 0;
            packet_pull(p, 20);
            p->transport_offset = 0;
            assert_int_equal(packet_network(p)[0], 'i');
            assert_int_equal(packet_network(p)[19], 'i');
            if (body_headers) packet_pull(p, 8);
            assert_int_equal(packet_transport(p)[0], 't');
            assert_int_equal(packet_network(p)[0], 'i');
            packet_consume(packet_clone(p));
            struct packet *hold = packet_clone(p);
            assert_true(packet_writable(p, 20)); /* shared: moves to the head */
            assert_true(packet_head_bytes(p) >= 20);
            assert_int_equal(packet_network(p)[0], 'i');
            assert_int_equal(packet_network(p)[19], 'i');
            assert_int_equal(packet_transport(p)[0], 't');
            packet_consume(hold);
            uint8_t *back = packet_push(p, body_headers ? 28 : 20);
            assert_int_equal(back[0], 'i');
            assert_int_equal(back[20], 't');
            assert_int_equal(p->network_offset, 0);
            packet_consume(p);
        }
    }
    assert_int_equal(memory_used_bytes(machine.memory), 0);
    test_machine_fini(&machine);
}

static int stop_at_second(void *ctx, const uint8_t *at, uint32_t n)
{
    (void)at;
    (void)n;
    return ++*(int *)ctx == 2 ? -7 : 0;
}

static void visits_pieces_until_stopped(void **state)
{
    (void)state;
    test_machine_init(&machine);
    struct packet *p = packet_create(&machine, 10);
    packet_put(p, 10);
    packet_push(p, 5);
    struct packet *q = packet_create(&machine, 10);
    packet_put(q, 10);
    packet_chain(p, q);
    int seen = 0;
    assert_int_equal(packet_visit(p, 0, 25, stop_at_second, &seen), -7);
    assert_int_equal(seen, 2);
    seen = 5;
    assert_int_equal(packet_visit(p, 6, 19, stop_at_second, &seen), 0);
    assert_int_equal(seen, 7);
    packet_consume(p);
    test_machine_fini(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_operations_agrees_with_a_flat_model),
        cmocka_unit_test(stepped_over_headers_stay_readable),
        cmocka_unit_test(visits_pieces_until_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
