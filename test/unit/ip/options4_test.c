#include "ip_hosts.h"

/* Parses `options` behind a header of 20 bytes. */
static unsigned parse(const uint8_t *options, unsigned bytes, bool is_input, uint8_t out[60], struct ip4_options *o)
{
    ip_addr_t stamp = a4(10, 0, 0, 2);
    memset(out, 0, 60);
    memcpy(out + 20, options, bytes);
    return ip4_options_parse(&hosts.nets[1], out, 20 + bytes, is_input, &stamp, o);
}

static void faults_are_pointed_at(void **state)
{
    (void)state;
    struct { uint8_t options[12]; unsigned bytes, fault; } rows[] = {
        { { 7, 7, 3, 0, 0, 0, 0, 0 }, 8, 23 }, { { 7, 17, 4, 0 }, 8, 21 }, { { 7, 1, 4, 0 }, 4, 21 }, { { 1, 1, 1, 7 }, 4, 24 },
        { { 68, 8, 9, 0xf0, 0, 0, 0, 0 }, 8, 24 }, { { 68, 8, 4, 0, 0, 0, 0, 0 }, 8, 23 }, { { 68, 3, 5, 0 }, 4, 22 }, { { 131, 7, 3, 0, 0, 0, 0, 0 }, 8, 23 },
        { { 131, 2, 0, 0 }, 4, 22 }, { { 7, 6, 4, 0, 0, 0, 0, 0 }, 8, 23 }, { { 148, 3, 0, 0 }, 4, 22 },
        { { 0, 99, 99, 99 }, 4, 0 }, { { 1, 1, 0, 0 }, 4, 0 }, { { 0x9e, 4, 0, 0 }, 4, 0 }, { { 148, 4, 0, 0 }, 4, 0 },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        uint8_t header[60];
        struct ip4_options o;
        assert_int_equal(parse(rows[i].options, rows[i].bytes, true, header, &o), rows[i].fault);
    }
}

static void routes_and_times_are_recorded(void **state)
{
    (void)state;
    uint8_t header[60];
    struct ip4_options o;
    const uint8_t record[12] = { 7, 11, 4 }, full[8] = { 7, 7, 8, 1, 2, 3, 4 }, stamp[12] = { 68, 12, 5, 1 }, crowded[8] = { 68, 8, 9, 0x20 };
    assert_int_equal(parse(record, 12, true, header, &o), 0);
    assert_memory_equal(header + 20, "\7\13\10\12\0\0\2\0\0\0\0\0", 12);
    assert_true(o.needs_address);
    assert_int_equal(parse(record, 12, false, header, &o), 0);
    assert_memory_equal(header + 23, "\0\0\0\0", 4);
    assert_int_equal(parse(full, 8, true, header, &o), 0);
    assert_memory_equal(header + 20, full, 8);
    assert_int_equal(parse(stamp, 12, true, header, &o), 0);
    assert_int_equal(header[22], 13);
    assert_memory_equal(header + 24, "\12\0\0\2", 4);
    be32_t time = ip4_time_of_day(&hosts.nets[1]);
    assert_memory_equal(header + 28, &time, 4);
    assert_int_equal(parse(crowded, 8, true, header, &o), 0);
    assert_int_equal(header[23], 0x30); /* one more host without room */
}

static void source_routes_are_refused_by_a_host(void **state)
{
    (void)state;
    uint8_t options[8] = { 131, 7, 4, 9, 9, 9, 9 };
    ip_addr_t to = a4(10, 0, 0, 2);
    struct ip_send send = { .options = options, .options_bytes = 8 };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(hosts.got.count, 0);
    assert_int_equal(hosts.nets[1].drops[DROP_IP_OPTIONS], 1);
}

static void the_sender_records_itself_and_the_receiver_too(void **state)
{
    (void)state;
    uint8_t options[12] = { 7, 11, 4 };
    ip_addr_t to = a4(10, 0, 0, 2);
    struct ip_send send = { .options = options, .options_bytes = 11 };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    struct packet *p = packet_queue_peek(&hosts.got);
    uint8_t got[12];
    assert_non_null(p);
    struct packet *whole = icmp_quoted(p);
    assert_int_equal(p->ip.header_bytes, 32);
    assert_int_equal(p->ip.options_offset, 20);
    packet_read(whole, 20, got, 12);
    assert_memory_equal(got, "\7\13\14\12\0\0\1\12\0\0\2\0", 12);
    packet_consume(whole);
    hosts_check_message(10);
}

static void what_an_answer_carries_on(void **state)
{
    (void)state;
    uint8_t out[40];
    const uint8_t both[] = { 1, 68, 8, 5, 0, 0, 0, 0, 0, 7, 7, 8, 1, 2, 3, 4, 7, 7, 4, 0, 0, 0, 0, 0 }, broken[] = { 7, 7, 3, 0, 0, 0, 0, 0 };
    assert_int_equal(ip4_options_echo(both, sizeof both, out), 15);
    assert_memory_equal(out, "\7\7\10\1\2\3\4\104\10\5\0\0\0\0\0", 15);
    assert_int_equal(ip4_options_echo(broken, sizeof broken, out), 0);
}

/* A router puts its way out into the last record that it made on the way in, and into nothing else that looks like it. */
static void a_router_changes_only_its_own_record(void **state)
{
    (void)state;
    ip_addr_t out = a4(10, 1, 0, 1);
    struct { uint8_t before[8], after[8]; } rows[] = {
        { { 7, 7, 8, 10, 0, 0, 2 }, { 7, 7, 8, 10, 1, 0, 1 } },                     /* recorded by this host */
        { { 7, 7, 8, 10, 0, 0, 1 }, { 7, 7, 8, 10, 0, 0, 1 } },                     /* by another one */
        { { 7, 7, 12, 10, 0, 0, 2 }, { 7, 7, 12, 10, 0, 0, 2 } },                   /* its pointer lies far behind */
        { { 68, 8, 9, 0, 10, 0, 0, 2 }, { 68, 8, 9, 0, 10, 0, 0, 2 } },             /* a timestamp */
        { { 1, 7, 7, 8, 10, 0, 0, 2 }, { 1, 7, 7, 8, 10, 1, 0, 1 } },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        uint8_t header[32] = { 0x47 };
        memcpy(header + 20, rows[i].before, 8);
        ip4_options_forward(&hosts.nets[1], header, 28, &out);
        assert_memory_equal(header + 20, rows[i].after, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(faults_are_pointed_at, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(routes_and_times_are_recorded, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(source_routes_are_refused_by_a_host, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_sender_records_itself_and_the_receiver_too, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_router_changes_only_its_own_record, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(what_an_answer_carries_on, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
