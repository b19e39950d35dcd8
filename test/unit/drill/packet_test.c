/* Packets made of fields and read back: the same fields, right checksums; and each field that differs is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drill/packet.h"
#include "wire/checksum.h"
#include "wire/headers.h"

static uint8_t bytes[PACKET_BYTES];
static char problem[256];

static ip_addr_t v4(uint8_t last) { return ip_from4(be32(0xc0000200u + last)); }
static ip_addr_t v6(uint8_t last) { ip_addr_t a = { .bytes = { 0x20, 1, 0x0d, 0xb8, [15] = last } }; return a; }

static struct script_packet tcp_packet(void)
{
    struct script_packet p = { .is_inbound = true,
        .protocol = SCRIPT_TCP,
        .source_port = 40000,
        .target_port = 8080,
        .payload_bytes = 301,
        .ip = { .tos_check = TOS_WHOLE, .tos = 0x29, .ttl = 77 },
        .tcp = { .flags = SCRIPT_ACK | SCRIPT_PSH | SCRIPT_AE,
            .has_window = true,
            .window = 1234,
            .urgent = 9,
            .sequence = 0xfffffff0u,
            .ack = 77,
            .option_bytes = 8,
            .options = { 2, 4, 5, 0xb4, 1, 3, 3, 7 } } };
    return p;
}

static struct packet_seen read_back(const struct script_packet *p, ip_addr_t from, ip_addr_t to)
{
    struct packet_seen seen;
    size_t count = packet_build(p, &from, &to, bytes);
    assert_true(count > 0);
    assert_int_equal(packet_read_seen(bytes, count, &seen, problem, sizeof problem), PACKET_READ);
    assert_true(ip_equal(&seen.source, &from));
    assert_true(ip_equal(&seen.target, &to));
    return seen;
}

static bool matches(const struct script_packet *expected, const struct packet_seen *seen)
{
    struct packet_rules rules = { 0 };
    return packet_matches(expected, seen, &rules, problem, sizeof problem);
}

/* The sum over pseudo-header and segment is that of a packet without errors. */
static void assert_transport_sum(size_t header, size_t address_at, size_t address_bytes, uint8_t protocol, size_t count)
{
    uint8_t tail[4] = { 0, protocol, (uint8_t)((count - header) >> 8), (uint8_t)(count - header) };
    uint32_t sum = checksum_partial(bytes + address_at, 2 * address_bytes, checksum_partial(tail, sizeof tail, 0));
    assert_int_equal(checksum_fold(checksum_partial(bytes + header, count - header, sum)).raw, 0);
}

static void what_is_built_reads_back(void **state)
{
    struct script_packet p = tcp_packet();
    (void)state;
    struct packet_seen seen = read_back(&p, v4(1), v4(2));
    assert_true(matches(&p, &seen));
    assert_transport_sum(20, 12, 4, IPPROTO_TCP, 20 + 28 + 301);
    p.ip.flow_label = 0x54321;
    seen = read_back(&p, v6(1), v6(2));
    assert_true(matches(&p, &seen));
    assert_int_equal(seen.said.ip.flow_label, 0x54321);
    assert_transport_sum(40, 8, 16, IPPROTO_TCP, 40 + 28 + 301);

    struct script_packet udp = { .protocol = SCRIPT_UDP, .payload_bytes = 11, .source_port = 1, .target_port = 2 };
    seen = read_back(&udp, v6(1), v6(2));
    assert_true(matches(&udp, &seen));
    assert_int_equal(seen.said.ip.ttl, 255);
    assert_transport_sum(40, 8, 16, IPPROTO_UDP, 40 + 8 + 11);
}

static void icmp_quotes_the_other_way(void **state)
{
    struct script_packet p = { .protocol = SCRIPT_ICMP,
        .source_port = 40000,
        .target_port = 8080,
        .icmp = { .type = 3,
            .code = 4,
            .mtu = 840,
            .quoted = QUOTED_TCP,
            .quoted_sequence = 0x01020304,
            .quoted_bytes = 1000 } };
    (void)state;
    ip_addr_t quoted_source = v4(2);
    struct packet_seen seen = read_back(&p, v4(1), quoted_source);
    assert_true(matches(&p, &seen));
    assert_int_equal(checksum_fold(checksum_partial(bytes + 20, 8 + 28, 0)).raw, 0);
    struct wire_ipv4 quoted;
    memcpy(&quoted, bytes + 28, sizeof quoted);
    assert_int_equal(host16(quoted.total_bytes), 20 + 20 + 1000);
    assert_int_equal(quoted.source.raw, ip_get4(&quoted_source).raw);
    static const uint8_t tail[] = { 8080 >> 8, 8080 & 0xff, 40000 >> 8, 40000 & 0xff, 1, 2, 3, 4 };
    assert_memory_equal(bytes + 48, tail, sizeof tail);
    assert_int_equal(load_be32(bytes + 24), 840);
    p.icmp.code = 3;
    assert_false(matches(&p, &seen));
    assert_string_equal(problem, "ICMP code: expected 3 (0x3), got 4 (0x4)");
}

static void tunnels_lie_around(void **state)
{
    struct script_packet p = tcp_packet();
    (void)state;
    p.layer_count = 3;
    p.layers[0] = (struct script_layer){
        .kind = LAYER_IPV4, .fields = { .ttl = 9 }, .source.s6_addr = { 10, 0, 0, 1 }, .target.s6_addr = { 10, 0, 0, 2 }
    };
    p.layers[1] =
        (struct script_layer){ .kind = LAYER_GRE, .gre = { .flags = GRE_KEY | GRE_SEQUENCE, .key = 5, .sequence = 6 } };
    p.layers[2] = (struct script_layer){ .kind = LAYER_MPLS,
        .mpls = { .count = 2, .labels = { { 100, 3, 64, false }, { 200, 0, 63, true } } } };
    struct packet_seen seen = read_back(&p, v6(1), v6(2));
    assert_int_equal(bytes[9], IPPROTO_GRE);
    assert_int_equal(bytes[20 + 2] << 8 | bytes[20 + 3], 0x8847);
    assert_true(matches(&p, &seen));

    struct { void *field; size_t size; const char *says; } changes[] = {
        { &p.layers[0].fields.ttl, 1, "TTL" },
        { &p.layers[1].gre.key, 4, "GRE key" },
        { &p.layers[1].gre.sequence, 4, "GRE sequence number" },
        { &p.layers[2].mpls.labels[1].label, 4, "MPLS label" },
        { &p.layers[2].mpls.labels[0].ttl, 1, "MPLS TTL" },
        { &p.layers[2].mpls.labels[0].traffic_class, 1, "MPLS traffic class" },
        { &p.layers[2].mpls.count, 4, "number of MPLS labels" },
        { &p.layers[1].gre.flags, 2, "GRE flags" },
        { &p.layers[0].kind, 4, "header 1" },
        { &p.layer_count, 4, "headers around" },
    };
    for (size_t i = 0; i < array_count(changes); i++) {
        uint8_t *low = changes[i].field, old = *low;
        *low = (uint8_t)(*low ^ 1);
        assert_false(matches(&p, &seen));
        assert_non_null(strstr(problem, changes[i].says));
        *low = old;
    }
    assert_true(matches(&p, &seen));
}

/* A byte of the packet that left is another one. */
static void each_byte_counts(void **state)
{
    static const struct { size_t at; uint8_t flip; const char *says; } changes[] = {
        { 1, 4, "type of service" },
        { 8, 1, "TTL" },
        { 20 + 4, 1, "sequence number" },
        { 20 + 8, 1, "acknowledgment number" },
        { 20 + 12, 2, "reserved bits" },
        { 20 + 12, 1, "AE flag" },
        { 20 + 13, 1, "FIN flag" },
        { 20 + 13, 2, "SYN flag" },
        { 20 + 13, 0x80, "CWR flag" },
        { 20 + 15, 1, "window" },
        { 20 + 19, 1, "urgent pointer" },
        { 20 + 23, 1, "TCP option" },
        { 20 + 20, 8, "TCP options" },
        { 20 + 28, 1, "payload: expected zeros" },
        { 20 + 28 + 300, 1, "payload: expected zeros" },
    };
    struct script_packet p = tcp_packet();
    ip_addr_t from = v4(1), to = v4(2);
    (void)state;
    for (size_t i = 0; i < array_count(changes); i++) {
        struct packet_seen seen;
        size_t count = packet_build(&p, &from, &to, bytes);
        bytes[changes[i].at] ^= changes[i].flip;
        be16_t sum = { 0 };
        memcpy(bytes + 10, &sum, 2);
        sum = checksum_fold(checksum_partial(bytes, 20, 0));
        memcpy(bytes + 10, &sum, 2);
        assert_int_equal(packet_read_seen(bytes, count, &seen, problem, sizeof problem), PACKET_READ);
        assert_false(matches(&p, &seen));
        assert_non_null(strstr(problem, changes[i].says));
    }
}

static void what_is_no_packet_is_told(void **state)
{
    struct script_packet p = tcp_packet();
    ip_addr_t from = v4(1), to = v4(2);
    struct packet_seen seen;
    (void)state;
    size_t count = packet_build(&p, &from, &to, bytes);
    bytes[10] ^= 1;
    assert_int_equal(packet_read_seen(bytes, count, &seen, problem, sizeof problem), PACKET_BAD);
    assert_non_null(strstr(problem, "checksum of the IPv4 header"));
    for (size_t cut = 0; cut < count; cut++) {
        packet_build(&p, &from, &to, bytes);
        assert_int_equal(packet_read_seen(bytes, cut, &seen, problem, sizeof problem), PACKET_BAD);
    }
    from = v6(1), to = v6(2);
    packet_build(&p, &from, &to, bytes);
    bytes[6] = IPPROTO_ESP;
    assert_int_equal(packet_read_seen(bytes, 40 + 28 + 301, &seen, problem, sizeof problem), PACKET_OTHER);
    p.payload_bytes = UINT16_MAX;
    assert_int_equal(packet_build(&p, &from, &to, bytes), 0);
}

static void segments_of_one_send_are_joined(void **state)
{
    struct packet_seen all = { .version = 4,
        .ip_header_bytes = 20,
        .is_payload_zero = true,
        .said = { .protocol = SCRIPT_TCP,
            .payload_bytes = 1000,
            .tcp = { .flags = SCRIPT_ACK | SCRIPT_CWR, .sequence = 1, .ack = 5, .window = 9 } } },
                       last = all, next = all;
    (void)state;
    next.said.tcp.sequence = 1001;
    next.said.tcp.flags = SCRIPT_ACK | SCRIPT_PSH;
    next.said.payload_bytes = 500;
    next.time_ns = 7;
    assert_true(packet_continues(&last, &next, 500, problem, sizeof problem));
    assert_false(packet_continues(&last, &next, 501, problem, sizeof problem)); /* not the last, and shorter */
    packet_join(&all, &next);
    assert_int_equal(all.said.payload_bytes, 1500);
    assert_int_equal(all.said.tcp.sequence, 1);
    assert_int_equal(all.said.tcp.flags, SCRIPT_ACK | SCRIPT_PSH | SCRIPT_CWR);
    assert_int_equal(all.time_ns, 7);

    struct { void *field; const char *says; } changes[] = {
        { &next.said.tcp.sequence, "sequence number" },
        { &next.said.tcp.ack, "acknowledgment number" },
        { &next.said.tcp.window, "window" },
        { &next.said.tcp.urgent, "urgent pointer" },
        { &next.said.tcp.option_bytes, "TCP header length" },
        { &next.said.ip.ttl, "TTL" },
        { &next.tcp_reserved, "reserved bits" },
    };
    for (size_t i = 0; i < array_count(changes); i++) {
        *(uint8_t *)changes[i].field ^= 1;
        assert_false(packet_continues(&last, &next, 500, problem, sizeof problem));
        assert_non_null(strstr(problem, changes[i].says));
        *(uint8_t *)changes[i].field ^= 1;
    }
    next.said.tcp.flags |= SCRIPT_RST;
    assert_false(packet_continues(&last, &next, 500, problem, sizeof problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_reads_back),
        cmocka_unit_test(icmp_quotes_the_other_way),
        cmocka_unit_test(tunnels_lie_around),
        cmocka_unit_test(each_byte_counts),
        cmocka_unit_test(what_is_no_packet_is_told),
        cmocka_unit_test(segments_of_one_send_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
