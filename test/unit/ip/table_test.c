#include <stdio.h>

#include "ip_hosts.h"

static struct ip_route_row row4(ip_addr_t to, unsigned bits, uint32_t metric)
{
    return (struct ip_route_row){ .destination = to, .prefix_bits = (uint8_t)bits, .version = 4, .table = RT_TABLE_MAIN, .kind = RTN_UNICAST,
        .metric = metric, .device = hosts.eth[0] };
}

static void masks_keep_the_prefix_only(void **state)
{
    (void)state;
    ip_addr_t a = a4(255, 255, 255, 255), b = { .quad = { ~0ull, ~0ull } };
    for (unsigned bits = 0; bits <= 128; bits++) {
        ip_addr_t m = ip_masked(&b, bits);
        unsigned ones = 0;
        for (unsigned i = 0; i < 128; i++) ones += m.bytes[i / 8] >> (7 - i % 8) & 1;
        assert_int_equal(ones, bits);
        if (bits > 32) continue;
        m = ip_masked(&a, bits);
        assert_true(ip_is4(&m));
        assert_int_equal(host32(ip_get4(&m)), bits ? ~0u << (32 - bits) : 0);
    }
}

/* Against a list walked from end to end. */
static void longest_prefix_wins_as_in_a_naive_table(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    enum { ROWS = 300 };
    static struct ip_route_row rows[ROWS];
    struct random r = hosts.machine.random.other;
    unsigned n = 0;
    while (n < ROWS) {
        unsigned bits = 8 + random_below(&r, 25);
        ip_addr_t to = ip_from4(be32(0x14000000u | (random_u32(&r) & 0x00030303u)));
        to = ip_masked(&to, bits);
        rows[n] = row4(to, bits, random_below(&r, 3));
        if (!ip_table_add(net, &rows[n], false)) n++;
        else if (n > 200) break;
    }
    for (unsigned i = 0; i < 2000; i++) {
        ip_addr_t a = ip_from4(be32(0x14000000u | (random_u32(&r) & 0x00030303u)));
        const struct ip_route_row *best = NULL, *got = ip_table_lookup(net, IP_TABLE_MAIN, &a, 0);
        for (unsigned k = 0; k < n; k++) {
            if (!ip_in_prefix(&a, &rows[k].destination, rows[k].prefix_bits)) continue;
            if (!best || rows[k].prefix_bits > best->prefix_bits || (rows[k].prefix_bits == best->prefix_bits && rows[k].metric < best->metric)) best = &rows[k];
        }
        assert_int_equal(!best, !got);
        if (!best) continue;
        assert_int_equal(best->prefix_bits, got->prefix_bits);
        assert_int_equal(best->metric, got->metric);
    }
    for (unsigned k = 0; k < n; k++) assert_int_equal(ip_table_remove(net, &rows[k]), 0);
    assert_null(ip_table_lookup(net, IP_TABLE_MAIN, &rows[0].destination, 0));
}

static void a_second_equal_row_is_refused_or_replaces(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct ip_route_row row = row4(a4(192, 168, 0, 0), 16, 5);
    assert_int_equal(ip_route_add(net, &row, false), 0);
    assert_int_equal(ip_route_add(net, &row, false), -EEXIST);
    row.mtu_bytes = 1000;
    assert_int_equal(ip_route_add(net, &row, ROUTE_REPLACE), 0);
    assert_int_equal(ip_route_add(net, &row, ROUTE_CHANGE), 0);
    row.metric++;
    assert_int_equal(ip_route_add(net, &row, ROUTE_CHANGE), -ENOENT);
    row.metric--;
    ip_addr_t a = a4(192, 168, 3, 4);
    assert_int_equal(ip_fib_lookup(net, &a, 0)->mtu_bytes, 1000);
    assert_int_equal(ip_route_remove(net, &row), 0);
    assert_int_equal(ip_route_remove(net, &row), -ESRCH);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct ip_route_row row = row4(a4(192, 168, 0, 1), 16, 0);
    assert_int_equal(ip_route_add(net, &row, false), -EINVAL); /* bits behind the prefix */
    row = row4(a4(192, 168, 0, 0), 33, 0);
    assert_int_equal(ip_route_add(net, &row, false), -EINVAL);
    row = row4(a4(192, 168, 0, 0), 16, 0);
    row.has_gateway = true;
    row.gateway = a4(172, 16, 0, 1);
    assert_int_equal(ip_route_add(net, &row, false), -ENETUNREACH); /* not on link */
    row.gateway = a4(224, 0, 0, 1);
    assert_int_equal(ip_route_add(net, &row, false), -EINVAL);
    row.has_gateway = false;
    row.device = NULL;
    assert_int_equal(ip_route_add(net, &row, false), -ENODEV);
}

static void an_own_address_may_be_the_gateway(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct ip_route_row row = row4(a4(192, 168, 0, 0), 16, 0);
    row.has_gateway = true;
    row.gateway = a4(10, 0, 0, 1);
    assert_int_equal(ip_route_add(net, &row, false), 0);
    assert_int_equal(ip_route_remove(net, &row), 0);
    row.gateway = a4(127, 0, 0, 9); /* on the loopback, but not by this device */
    assert_int_equal(ip_route_add(net, &row, false), -ENETUNREACH);
    row.device = NULL;
    assert_int_equal(ip_route_add(net, &row, false), 0);
    assert_ptr_equal(ip_fib_lookup(net, &row.destination, 0)->device, net->loopback);
    row.device = net->loopback;
    assert_int_equal(ip_route_remove(net, &row), 0);
}

struct listing { char text[2000]; size_t length; };
static int list_row(void *ctx, const struct ip_route_row *row)
{
    struct listing *l = ctx;
    if (row->table != RT_TABLE_MAIN) return 0;
    l->length += (size_t)snprintf(l->text + l->length, sizeof l->text - l->length, "%02x%02x/%d ", row->destination.bytes[row->version == 4 ? 12 : 0],
        row->destination.bytes[row->version == 4 ? 13 : 1], row->prefix_bits);
    return 0;
}

static void rows_come_in_the_order_linux_shows(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct listing l = { 0 };
    struct ip_route_row rows[] = { row4(a4(20, 0, 0, 0), 8, 0), row4(ip_any4(), 0, 0), row4(a4(20, 0, 0, 0), 16, 0), row4(a4(20, 1, 0, 0), 16, 0) };
    for (size_t i = 0; i < array_count(rows); i++) assert_int_equal(ip_route_add(net, &rows[i], false), 0);
    ip_route_each(net, 4, list_row, &l);
    assert_string_equal(l.text, "0000/0 0a00/24 1400/16 1400/8 1401/16 ");
    struct ip_route_row six = { .version = 6, .prefix_bits = 0, .device = hosts.eth[0], .destination = ip_any6() };
    assert_int_equal(ip_route_add(net, &six, false), 0);
    six.destination = a6(0x2001, 0);
    six.prefix_bits = 16;
    assert_int_equal(ip_route_add(net, &six, false), 0);
    l = (struct listing){ 0 };
    ip_route_each(net, 6, list_row, &l);
    assert_string_equal(l.text, "2001/16 fd00/64 fe80/64 0000/0 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_keep_the_prefix_only),
        cmocka_unit_test_setup_teardown(longest_prefix_wins_as_in_a_naive_table, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_second_equal_row_is_refused_or_replaces, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_own_address_may_be_the_gateway, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(rows_come_in_the_order_linux_shows, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
