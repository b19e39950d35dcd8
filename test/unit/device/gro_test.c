#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "device/link.h"

static struct net_device *a, *b;

static int setup(void **state)
{
    wired_setup(state);
    assert_int_equal(link_create(&wired.nets[0], "a", &wired.nets[1], "b", 1500, NULL, &a, &b), 0);
    device_set_up(a, true);
    device_set_up(b, true);
    return 0;
}

static void send_tcp(const struct tcp_shape *shape)
{
    struct packet *p = wired_tcp(&wired.nets[0], b, shape);
    device_transmit(a, p);
}

/* What goes out as one large packet comes in as one, byte for byte, over a wire of 1,500-byte frames. */
static void cut_and_merged_is_the_same(void **state)
{
    (void)state;
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        struct tcp_shape shape = { .sequence = 4000, .payload_bytes = 60000, .gso_bytes = 1000, .is_v6 = is_v6,
            .flags = TCP_ACK | TCP_PSH, .is_partial = true, .is_in_head = true };
        send_tcp(&shape);
        assert_int_equal(wired.got.count, 1);
        struct packet *p = packet_queue_pop(&wired.got);
        wired_check_tcp(p, 4000, 60000);
        assert_int_equal(p->gso_bytes, 1000);
        assert_int_equal(p->gso_kind, PACKET_GSO_TCP);
        assert_int_equal(p->checksum, PACKET_CHECKSUM_VERIFIED);
        assert_int_equal(wired_tcp_flags(p), TCP_ACK | TCP_PSH);
        packet_consume(p);
    }
    assert_int_equal(b->stats.rx_packets, 120);
}

static void queue_all(const struct tcp_shape *shapes, size_t count)
{
    wired.machine.in_softirq = true; /* they come in one poll */
    for (size_t i = 0; i < count; i++) send_tcp(&shapes[i]);
    wired.machine.in_softirq = false;
    softirq_run(&wired.machine);
}

static void expect(uint32_t sequence, uint32_t payload_bytes)
{
    struct packet *p = packet_queue_pop(&wired.got);
    assert_non_null(p);
    wired_check_tcp(p, sequence, payload_bytes);
    packet_consume(p);
}

static void what_differs_is_not_merged_and_keeps_its_order(void **state)
{
    (void)state;
    const struct tcp_shape shapes[] = {
        { .sequence = 1000, .payload_bytes = 1000, .flags = TCP_ACK },
        { .sequence = 2000, .payload_bytes = 1000, .flags = TCP_ACK },
        { .sequence = 5000, .payload_bytes = 1000, .flags = TCP_ACK },            /* a gap */
        { .sequence = 6000, .payload_bytes = 1000, .flags = TCP_ACK | TCP_URG },  /* urgent */
        { .sequence = 7000, .payload_bytes = 500, .flags = TCP_ACK },
        { .sequence = 7500, .payload_bytes = 1000, .flags = TCP_ACK },            /* longer than the first */
        { .sequence = 8500, .payload_bytes = 0, .flags = TCP_ACK },               /* no data */
    };
    queue_all(shapes, array_count(shapes));
    expect(1000, 2000);
    expect(5000, 1000);
    expect(6000, 1000);
    expect(7000, 500);
    expect(7500, 1000);
    expect(8500, 0);
    assert_int_equal(wired.got.count, 0);
}

static void a_short_segment_or_push_ends_the_merging(void **state)
{
    (void)state;
    const struct tcp_shape shapes[] = {
        { .sequence = 1000, .payload_bytes = 1000, .flags = TCP_ACK },
        { .sequence = 2000, .payload_bytes = 1000, .flags = TCP_ACK | TCP_PSH },
        { .sequence = 3000, .payload_bytes = 1000, .flags = TCP_ACK },
        { .sequence = 4000, .payload_bytes = 600, .flags = TCP_ACK },
        { .sequence = 4600, .payload_bytes = 600, .flags = TCP_ACK },
    };
    queue_all(shapes, array_count(shapes));
    expect(1000, 2000);
    expect(3000, 1600);
    struct packet *p = packet_queue_peek(&wired.got);
    assert_int_equal(p->gso_bytes, 0); /* alone: an ordinary packet */
    expect(4600, 600);
}

static void a_bad_checksum_is_left_for_tcp_to_count(void **state)
{
    (void)state;
    struct tcp_shape shape = { .sequence = 1000, .payload_bytes = 1000, .flags = TCP_ACK };
    struct packet *p = wired_tcp(&wired.nets[0], b, &shape);
    p->body[200] ^= 1;
    wired.machine.in_softirq = true;
    device_transmit(a, p);
    shape.sequence = 2000;
    send_tcp(&shape);
    wired.machine.in_softirq = false;
    softirq_run(&wired.machine);
    assert_int_equal(wired.got.count, 2);
    p = packet_queue_pop(&wired.got);
    assert_int_equal(p->checksum, PACKET_CHECKSUM_NONE);
    packet_consume(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cut_and_merged_is_the_same, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(what_differs_is_not_merged_and_keeps_its_order, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(a_short_segment_or_push_ends_the_merging, setup, wired_teardown),
        cmocka_unit_test_setup_teardown(a_bad_checksum_is_left_for_tcp_to_count, setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
