#include "hosts.h"

#include <stdlib.h>

/* Two machines whose ports hand whole segments to each other: what left one is given to the other in the next turn. */
enum { QUEUE_FRAMES = 256, TRANSFER_BYTES = 1 << 20 };
struct kept { struct weir_port_frame frame; uint8_t bytes[66000]; };
static struct end { struct host host; struct kept *queue; unsigned count; } ends[2];
static uint32_t largest_bytes, most_gso_bytes, partial_count, seen_bytes;

static bool keep(void *ctx, const struct weir_port_frame *frame)
{
    struct end *from = ctx;
    struct kept *k = &from->queue[from->count];
    if (from->count == QUEUE_FRAMES) return false;
    from->count++;
    k->frame = *frame;
    assert_true(frame->byte_count <= sizeof k->bytes);
    memcpy(k->bytes, frame->bytes, frame->byte_count);
    k->frame.bytes = k->bytes;
    if (frame->byte_count > largest_bytes) largest_bytes = (uint32_t)frame->byte_count;
    if (frame->gso_bytes > most_gso_bytes) most_gso_bytes = frame->gso_bytes;
    partial_count += frame->is_checksum_partial;
    if (frame->gso_bytes) {
        assert_int_equal(frame->gso_protocol, IPPROTO_TCP);
        assert_int_equal(frame->ip_version, 4);
        assert_int_equal(frame->checksum_start, 14 + 20);
        assert_int_equal(frame->checksum_offset, 16);
        assert_int_equal(frame->header_bytes, 14 + 20 + 32);
    }
    return true;
}

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    (void)ctx, (void)now_ns, (void)device, (void)frame;
    if (!is_outgoing && bytes > seen_bytes) seen_bytes = (uint32_t)bytes;
}

static void turn(void)
{
    static struct kept carried[QUEUE_FRAMES];
    for (unsigned i = 0; i < 2; i++) {
        unsigned count = ends[i].count;
        memcpy(carried, ends[i].queue, count * sizeof carried[0]);
        ends[i].count = 0;
        for (unsigned f = 0; f < count; f++) {
            carried[f].frame.bytes = carried[f].bytes;
            assert_int_equal(weir_port_receive_frame(ends[!i].host.machine, "e0", &carried[f].frame), 0);
        }
    }
    for (unsigned i = 0; i < 2; i++) host_pass(&ends[i].host, 1000000);
}

static int setup(void **state)
{
    (void)state;
    largest_bytes = most_gso_bytes = partial_count = seen_bytes = 0;
    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t mac[6] = { 2, 0, 0, 0, 0, i };
        struct end *e = &ends[i];
        host_open(&e->host, i + 1);
        e->queue = malloc(QUEUE_FRAMES * sizeof *e->queue);
        e->count = 0;
        assert_int_equal(weir_port_create_offloading(e->host.machine, "e0", mac, 0, keep, e), 0);
        assert_int_equal(weir_address_add(e->host.machine, "e0", i ? "10.0.0.2/24" : "10.0.0.1/24"), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        host_close(&ends[i].host);
        free(ends[i].queue);
    }
    return 0;
}

static uint8_t byte_at(size_t i) { return (uint8_t)(i * 7 + (i >> 11)); }

/* A transfer from machine 0 to machine 1, byte for byte. */
static void transfer(void)
{
    static uint8_t out[TRANSFER_BYTES], in[65536];
    struct sockaddr_in a = loopback4(9000);
    struct weir_task *from = ends[0].host.task, *to = ends[1].host.task;
    size_t sent = 0, got = 0;
    for (size_t i = 0; i < sizeof out; i++) out[i] = byte_at(i);
    int l = weir_socket(to, AF_INET, SOCK_STREAM, 0), c = weir_socket(from, AF_INET, SOCK_STREAM, 0), s = -1;
    a.sin_addr.s_addr = inet_addr("10.0.0.2");
    assert_int_equal(weir_bind(to, l, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(to, l, 1), 0);
    assert_int_equal(weir_connect(from, c, (struct sockaddr *)&a, sizeof a), -1);
    for (unsigned turns = 0; got < sizeof out && turns < 5000; turns++) {
        turn();
        if (s < 0) s = weir_accept4(to, l, NULL, NULL, 0);
        ssize_t n = weir_send(from, c, out + sent, sizeof out - sent, 0);
        if (n > 0) sent += (size_t)n;
        if (s >= 0) n = weir_recv(to, s, in, sizeof in, 0);
        if (s < 0 || n <= 0) continue;
        assert_memory_equal(in, out + got, (size_t)n);
        got += (size_t)n;
    }
    assert_int_equal(got, sizeof out);
}

static void segments_and_open_checksums_cross_whole(void **state)
{
    (void)state;
    transfer();
    assert_true(largest_bytes > 10000);
    assert_int_equal(most_gso_bytes, 1448);
    assert_true(partial_count > 10);
}

/* They act on what a wire would carry: frames of the MTU with complete checksums. */
static void faults_cut_first(void **state)
{
    struct weir_link_faults faults = { .corrupt = UINT32_MAX / 1000, .seed = 3 };
    (void)state;
    assert_int_equal(weir_device_faults(ends[1].host.machine, "e0", false, &faults), 0);
    weir_capture(ends[1].host.machine, see, NULL);
    transfer();
    assert_true(largest_bytes > 1514);
    assert_int_equal(seen_bytes, 1514);
}

static void faults_on_the_way_out_too(void **state)
{
    struct weir_link_faults faults = { .corrupt = UINT32_MAX / 1000, .seed = 3 };
    (void)state;
    assert_int_equal(weir_device_faults(ends[0].host.machine, "e0", true, &faults), 0);
    assert_int_equal(weir_device_faults(ends[1].host.machine, "e0", true, &faults), 0);
    transfer();
    assert_int_equal(largest_bytes, 1514);
    assert_int_equal(most_gso_bytes, 0);
    assert_int_equal(partial_count, 0);
}

static void nonsense_is_refused(void **state)
{
    const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 }, junk[200] = { 2, [5] = 1, [12] = 8, 0, 0x45 };
    struct weir_machine *m = ends[1].host.machine;
    struct weir_port_frame f = { .bytes = junk, .byte_count = sizeof junk, .gso_bytes = 10, .gso_protocol = IPPROTO_TCP, .ip_version = 4 };
    (void)state;
    assert_int_equal(weir_port_create_offloading(m, "e1", mac, 0, NULL, NULL), -EINVAL);
    assert_int_equal(weir_port_create_offloading(m, "e1", mac, 67, keep, NULL), -EINVAL);
    assert_int_equal(weir_port_receive_frame(m, "e9", &f), -ENODEV);
    for (unsigned partial = 0; partial < 2; partial++) {
        for (size_t bytes = 1; bytes <= sizeof junk; bytes++) {
            f.byte_count = bytes;
            f.is_checksum_partial = partial;
            assert_int_equal(weir_port_receive_frame(m, "e0", &f), 0);
        }
    }
    transfer(); /* it goes on */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(segments_and_open_checksums_cross_whole), T(faults_cut_first), T(faults_on_the_way_out_too), T(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
