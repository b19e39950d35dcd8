#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "packet/packet.h"

static struct machine machine;

static struct packet *of_bytes(uint32_t bytes)
{
    struct packet *p = packet_create(&machine, bytes);
    packet_put(p, bytes);
    return p;
}

static void keeps_order_count_and_bytes(void **state)
{
    (void)state;
    test_machine_init(&machine);
    struct packet_queue q;
    packet_queue_init(&q);
    assert_null(packet_queue_pop(&q));
    assert_null(packet_queue_peek(&q));
    struct packet *a = of_bytes(10), *b = of_bytes(20), *c = of_bytes(30);
    packet_queue_push(&q, b);
    packet_queue_push(&q, c);
    packet_queue_push_head(&q, a);
    assert_int_equal(q.count, 3);
    assert_int_equal(q.bytes, 60);
    packet_queue_remove(&q, b);
    assert_ptr_equal(packet_queue_peek(&q), a);
    assert_ptr_equal(packet_queue_pop(&q), a);
    assert_ptr_equal(packet_queue_pop(&q), c);
    assert_int_equal(q.count | q.bytes, 0);
    packet_queue_push(&q, a);
    packet_queue_push(&q, c);
    packet_queue_purge(&q);
    assert_int_equal(q.count, 0);
    packet_consume(b);
    assert_int_equal(memory_used_bytes(machine.memory), 0);
    test_machine_fini(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_order_count_and_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
