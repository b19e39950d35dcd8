#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "machine/net.h"
#include "packet/packet.h"

static struct machine machine;

static int setup(void **state)
{
    (void)state;
    test_machine_init(&machine);
    return 0;
}

static int all_is_free(void **state)
{
    (void)state;
    int left = memory_used_bytes(machine.memory) != 0;
    test_machine_fini(&machine);
    return left;
}

static struct packet *counting(uint32_t bytes)
{
    struct packet *p = packet_create(&machine, bytes);
    uint8_t *at = packet_put(p, bytes);
    for (uint32_t i = 0; i < bytes; i++) at[i] = (uint8_t)i;
    return p;
}

static void slices_share_the_body(void **state)
{
    (void)state;
    struct packet *p = counting(100);
    uint8_t *body = p->body;
    struct packet *s = packet_slice(p, 20, 30);
    assert_ptr_equal(s->body, body + 20);
    assert_int_equal(packet_bytes(s), 30);
    assert_false(packet_is_private(p));
    assert_null(packet_put(p, 1)); /* shared: nobody writes */
    packet_consume(p);
    assert_true(packet_is_private(s));
    assert_int_equal(s->body[0], 20);
    packet_consume(s);
}

static void a_part_across_pieces_is_copied(void **state)
{
    (void)state;
    struct packet *p = counting(10);
    packet_chain(p, counting(10));
    uint8_t got[4], wanted[4] = { 8, 9, 0, 1 };
    struct packet *across = packet_part(p, 8, 4), *inside = packet_part(p, 12, 4);
    assert_true(packet_read(across, 0, got, 4));
    assert_memory_equal(got, wanted, 4);
    assert_true(packet_is_private(across));
    assert_ptr_equal(inside->body, p->more->body + 2);
    packet_consume(across);
    packet_consume(inside);
    packet_consume(p);
}

static void no_bytes_have_room_in_any_packet(void **state)
{
    (void)state;
    struct packet *p = packet_create(&machine, 0);
    assert_non_null(packet_put(p, 0));
    assert_null(packet_put(p, 1));
    packet_consume(p);
}

static unsigned released;
static void note_release(struct packet *p) { (void)p; released++; }

static void clones_are_not_charged_and_copies_are_private(void **state)
{
    (void)state;
    struct packet *p = counting(50);
    memcpy(packet_push(p, 4), "head", 4);
    packet_chain(p, counting(7));
    p->release = note_release;
    p->mark = 77;
    struct packet *clone = packet_clone(p), *copy = packet_copy(p);
    assert_int_equal(clone->mark, 77);
    assert_int_equal(packet_bytes(clone), 61);
    assert_int_equal(packet_bytes(copy), 61);
    assert_null(copy->more);
    uint8_t a[61], b[61], c[61];
    packet_read(p, 0, a, 61);
    packet_read(clone, 0, b, 61);
    packet_read(copy, 0, c, 61);
    assert_memory_equal(a, b, 61);
    assert_memory_equal(a, c, 61);
    packet_data(clone)[0] = 'H'; /* heads are each packet's own */
    assert_int_equal(packet_data(p)[0], 'h');
    assert_true(packet_is_private(copy));
    assert_false(packet_is_private(clone));
    released = 0;
    packet_consume(clone);
    packet_consume(copy);
    assert_int_equal(released, 0);
    packet_consume(p);
    assert_int_equal(released, 1);
}

static enum drop_reason seen;
static void see(void *ctx, const struct packet *p, enum drop_reason reason) { (void)ctx; (void)p; seen = reason; }

static void drops_are_counted_and_shown(void **state)
{
    (void)state;
    static struct net net;
    machine.on_drop = see;
    struct packet *p = counting(5);
    packet_drop(p, DROP_NOMEM);
    assert_int_equal(machine.drops[DROP_NOMEM], 1);
    p = counting(5);
    p->net = &net;
    packet_drop(p, DROP_TCP_CSUM);
    assert_int_equal(net.drops[DROP_TCP_CSUM], 1);
    assert_int_equal(seen, DROP_TCP_CSUM);
}

/* What SO_MEMINFO showed on Linux 6.18 for one datagram of each size on loopback. */
static void truesize_is_linux_s(void **state)
{
    (void)state;
    static const uint32_t seen_on_linux[][2] = {
        { 1, 832 }, { 100, 832 }, { 256, 1280 }, { 600, 1280 }, { 700, 2304 }, { 1472, 2304 }, { 2000, 4352 },
        { 4000, 8448 }, { 8000, 16640 }, { 16000, 16640 }, { 30000, 30832 }, { 65507, 66339 },
    };
    for (size_t i = 0; i < array_count(seen_on_linux); i++)
        assert_int_equal(packet_truesize(seen_on_linux[i][0]), seen_on_linux[i][1]);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct packet *p = counting(3000);
    packet_chain(p, counting(3000));
    memory_fail_at(machine.memory, memory_alloc_count(machine.memory) + 1);
    assert_null(packet_create(&machine, 10));
    memory_fail_at(machine.memory, memory_alloc_count(machine.memory) + 1);
    assert_null(packet_copy(p));
    memory_fail_at(machine.memory, memory_alloc_count(machine.memory) + 1);
    assert_null(packet_part(p, 2000, 2000));
    for (uint64_t n = 1; n <= 2; n++) { /* the packet, its chain */
        memory_fail_at(machine.memory, memory_alloc_count(machine.memory) + n);
        assert_null(packet_clone(p));
    }
    packet_consume(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slices_share_the_body, setup, all_is_free),
        cmocka_unit_test_setup_teardown(a_part_across_pieces_is_copied, setup, all_is_free),
        cmocka_unit_test_setup_teardown(no_bytes_have_room_in_any_packet, setup, all_is_free),
        cmocka_unit_test_setup_teardown(clones_are_not_charged_and_copies_are_private, setup, all_is_free),
        cmocka_unit_test_setup_teardown(drops_are_counted_and_shown, setup, all_is_free),
        cmocka_unit_test_setup_teardown(truesize_is_linux_s, setup, all_is_free),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, all_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
