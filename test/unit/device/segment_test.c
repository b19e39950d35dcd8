#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/link.h"

static struct net_device *a, *b;

static void join(struct net_device **from, struct net_device **to)
{
    assert_int_equal(link_create(&wired.nets[0], "a", &wired.nets[1], "b", 1500, NULL, from, to), 0);
    device_set_up(*from, true);
    device_set_up(*to, true);
}

static void segments_have_headers_of_their_own(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct tcp_shape shape = { .sequence = 1000, .payload_bytes = 3500, .gso_bytes = 1000, .is_v6 = variant & 1,
            .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR, .is_partial = true, .is_in_head = variant & 2 };
        struct packet *p = wired_tcp(&wired.nets[0], a, &shape);
        struct packet_queue out;
        packet_queue_init(&out);
        assert_true(device_segment(p, &out));
        assert_int_equal(out.count, 4);
        for (uint32_t i = 0; i < 4; i++) {
            struct packet *s = packet_queue_pop(&out);
            packet_pull(s, 14);
            wired_check_tcp(s, 1000 + i * 1000, i < 3 ? 1000 : 500);
            assert_int_equal(wired_tcp_flags(s), TCP_ACK | (i == 0 ? TCP_CWR : 0) | (i == 3 ? TCP_PSH | TCP_FIN : 0));
            packet_consume(s);
        }
    }
}

/* The same frames, byte for byte, as when they are cut where they are. */
static void segments_are_copied_into_another_machine(void **state)
{
    (void)state;
    static struct machine other;
    test_machine_init(&other);
    for (int variant = 0; variant < 4; variant++) {
        struct tcp_shape shape = { .sequence = 1000, .payload_bytes = 3501, .gso_bytes = 1001, .is_v6 = variant & 1,
            .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR, .is_partial = true, .is_in_head = variant & 2 };
        struct packet_queue here, there;
        packet_queue_init(&here);
        packet_queue_init(&there);
        assert_true(device_segment(wired_tcp(&wired.nets[0], a, &shape), &here));
        assert_true(device_segment_into(wired_tcp(&wired.nets[0], a, &shape), &other, &there));
        assert_int_equal(there.count, 4);
        for (struct packet *p, *q; (p = packet_queue_pop(&here));) {
            uint8_t own[2000], copied[2000];
            q = packet_queue_pop(&there);
            assert_ptr_equal(q->machine, &other);
            assert_int_equal(packet_bytes(p), packet_bytes(q));
            packet_read(p, 0, own, packet_bytes(p));
            packet_read(q, 0, copied, packet_bytes(p));
            assert_memory_equal(own, copied, packet_bytes(p));
            packet_consume(p);
            packet_consume(q);
        }
    }
    test_machine_fini(&other);
}

static unsigned released;
static uint32_t released_bytes;
static void note_release(struct packet *p) { released++; released_bytes = p->truesize_bytes; }

static void the_sock_is_charged_until_the_last_segment_is_gone(void **state)
{
    (void)state;
    struct tcp_shape shape = { .payload_bytes = 2000, .gso_bytes = 1000, .flags = TCP_ACK };
    struct packet *p = wired_tcp(&wired.nets[0], a, &shape);
    struct packet_queue out;
    uint32_t charged = p->truesize_bytes;
    p->release = note_release;
    released = 0;
    packet_queue_init(&out);
    assert_true(device_segment(p, &out));
    assert_int_equal(released, 0);
    packet_consume(packet_queue_pop(&out));
    assert_int_equal(released, 0);
    packet_consume(packet_queue_pop(&out));
    assert_int_equal(released, 1);
    assert_int_equal(released_bytes, charged);
}

static void no_memory_leaves_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        struct tcp_shape shape = { .payload_bytes = 3000, .gso_bytes = 1000, .flags = TCP_ACK };
        struct packet *p = wired_tcp(&wired.nets[0], a, &shape);
        struct packet_queue out;
        packet_queue_init(&out);
        memory_fail_at(wired.machine.memory, memory_alloc_count(wired.machine.memory) + n);
        assert_false(device_segment(p, &out));
        assert_int_equal(out.count, 0);
    }
    assert_int_equal(wired.nets[0].drops[DROP_NOMEM], 3);
}

static void what_cannot_be_cut_is_dropped(void **state)
{
    (void)state;
    struct packet *p = packet_create(&wired.machine, 60);
    struct packet_queue out;
    packet_queue_init(&out);
    memset(packet_put(p, 60), 0, 60);
    p->net = &wired.nets[0];
    p->gso_bytes = 10;
    assert_false(device_segment(p, &out));
    assert_int_equal(wired.nets[0].drops[DROP_GRO_BAD], 1);
}

static int setup(void **state)
{
    wired_setup(state);
    join(&a, &b);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(segments_are_copied_into_another_machine, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(segments_have_headers_of_their_own, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(the_sock_is_charged_until_the_last_segment_is_gone, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(no_memory_leaves_nothing, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_cut_is_dropped, setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
