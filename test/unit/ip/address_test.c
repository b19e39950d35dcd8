#include <stdio.h>

#include "ip_hosts.h"

struct listing { char text[4000]; size_t length; const struct net_device *only; };
static int list_row(void *ctx, const struct ip_route_row *row)
{
    struct listing *l = ctx;
    const uint8_t *b = row->destination.bytes + 12, *s = row->preferred_source.bytes + 12;
    if (row->device != l->only) return 0;
    l->length += (size_t)snprintf(l->text + l->length, sizeof l->text - l->length, "%u %u %d.%d.%d.%d/%d scope %d src %d.%d.%d.%d\n",
        row->table, row->kind, b[0], b[1], b[2], b[3], row->prefix_bits, row->scope, s[0], s[1], s[2], s[3]);
    return 0;
}
static const char *rows_of(const struct net_device *d)
{
    static struct listing l;
    l = (struct listing){ .only = d };
    ip_route_each(d->net, 4, list_row, &l);
    return l.text;
}

/* As `ip route show table all` of Linux 6.18 shows them for the same addresses. */
static void routes_follow_addresses_as_on_linux(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    ip_addr_t second = a4(10, 0, 0, 4);
    assert_string_equal(rows_of(net->loopback),
        "255 2 127.0.0.0/8 scope 254 src 127.0.0.1\n255 2 127.0.0.1/32 scope 254 src 127.0.0.1\n255 3 127.255.255.255/32 scope 253 src 127.0.0.1\n");
    assert_int_equal(ip_address_add(hosts.eth[0], &second, 24, NULL, 0, 0), 0);
    assert_int_equal(ip_address_find(hosts.eth[0], &second)->flags, IFA_F_SECONDARY | IFA_F_PERMANENT);
    const char *both = "254 1 10.0.0.0/24 scope 253 src 10.0.0.1\n255 2 10.0.0.1/32 scope 254 src 10.0.0.1\n"
        "255 2 10.0.0.4/32 scope 254 src 10.0.0.1\n255 3 10.0.0.255/32 scope 253 src 10.0.0.1\n";
    assert_string_equal(rows_of(hosts.eth[0]), both);
    device_set_up(hosts.eth[0], false);
    assert_string_equal(rows_of(hosts.eth[0]), "255 2 10.0.0.1/32 scope 254 src 10.0.0.1\n255 2 10.0.0.4/32 scope 254 src 10.0.0.1\n");
    assert_true(list_is_empty(&hosts.eth[0]->ip->addresses6));
    device_set_up(hosts.eth[0], true);
    assert_string_equal(rows_of(hosts.eth[0]), both);
}

static void the_primary_takes_its_secondaries_along(void **state)
{
    (void)state;
    ip_addr_t first = a4(10, 0, 0, 1), second = a4(10, 0, 0, 4);
    assert_int_equal(ip_address_add(hosts.eth[0], &second, 24, NULL, 0, 0), 0);
    assert_int_equal(ip_address_add(hosts.eth[0], &second, 24, NULL, 0, 0), -EEXIST);
    assert_int_equal(ip_address_remove(hosts.eth[0], &first, 16), -EADDRNOTAVAIL);
    assert_int_equal(ip_address_remove(hosts.eth[0], &first, 24), 0);
    assert_true(list_is_empty(&hosts.eth[0]->ip->addresses4));
    assert_string_equal(rows_of(hosts.eth[0]), "");
    assert_false(ip_is_local(&hosts.nets[0], &first));
}

static void or_leaves_them_the_place(void **state)
{
    (void)state;
    ip_addr_t first = a4(10, 0, 0, 1), second = a4(10, 0, 0, 4);
    hosts.eth[0]->ip->config4.promote_secondaries = 1;
    assert_int_equal(ip_address_add(hosts.eth[0], &second, 24, NULL, 0, 0), 0);
    assert_int_equal(ip_address_remove(hosts.eth[0], &first, 24), 0);
    assert_string_equal(rows_of(hosts.eth[0]), "254 1 10.0.0.0/24 scope 253 src 10.0.0.4\n255 2 10.0.0.4/32 scope 254 src 10.0.0.4\n255 3 10.0.0.255/32 scope 253 src 10.0.0.4\n");
}

static void kinds_of_addresses(void **state)
{
    (void)state;
    struct { ip_addr_t a; enum ip_scope_kind kind; } rows[] = {
        { a4(0, 0, 0, 0), IP_KIND_ANY }, { ip_any6(), IP_KIND_ANY }, { a4(127, 3, 2, 1), IP_KIND_LOCAL }, { a4(10, 0, 0, 1), IP_KIND_LOCAL },
        { a4(10, 0, 0, 2), IP_KIND_UNICAST }, { a4(10, 0, 0, 255), IP_KIND_BROADCAST }, { a4(255, 255, 255, 255), IP_KIND_BROADCAST },
        { a4(0, 0, 0, 5), IP_KIND_BROADCAST }, { a4(224, 0, 0, 1), IP_KIND_MULTICAST }, { a6(0xff02, 1), IP_KIND_MULTICAST },
        { a6(0, 1), IP_KIND_LOCAL }, { a6(0xfd00, 1), IP_KIND_LOCAL }, { a6(0xfd00, 2), IP_KIND_UNICAST }, { a4(127, 255, 255, 255), IP_KIND_BROADCAST },
    };
    for (size_t i = 0; i < array_count(rows); i++) assert_int_equal(ip_address_kind(&hosts.nets[0], &rows[i].a, 0), rows[i].kind);
    assert_int_equal(ip_address_kind(&hosts.nets[0], &rows[3].a, 1), IP_KIND_UNICAST); /* not on the loopback */
}

static void an_interface_gets_its_link_local_address(void **state)
{
    (void)state;
    const uint8_t *mac = hosts.eth[0]->mac.bytes;
    ip_addr_t a = { .bytes = { 0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] } };
    const struct ip_address *have = ip_address_find(hosts.eth[0], &a);
    assert_non_null(have);
    assert_int_equal(have->prefix_bits, 64);
    assert_int_equal(have->scope, RT_SCOPE_LINK);
    assert_int_equal(have->flags, IFA_F_PERMANENT);
    assert_true(ip_is_local(&hosts.nets[0], &a));
    ip_addr_t group = ip_solicited_node(&a);
    assert_true(ip_group_has(hosts.eth[0], &group));
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    ip_addr_t bad4[] = { a4(224, 0, 0, 1), a4(255, 255, 255, 255) }, bad6[] = { a6(0xff02, 1), ip_any6() }, fine = a4(9, 9, 9, 9);
    for (int i = 0; i < 2; i++) assert_int_equal(ip_address_add(hosts.eth[0], &bad4[i], 24, NULL, 0, 0), -EINVAL);
    for (int i = 0; i < 2; i++) assert_int_equal(ip_address_add(hosts.eth[0], &bad6[i], 64, NULL, 0, 0), -EADDRNOTAVAIL);
    assert_int_equal(ip_address_add(hosts.eth[0], &fine, 33, NULL, 0, 0), -EINVAL);
    hosts.eth[0]->ip->config6.disable_ipv6 = 1;
    ip_addr_t six = a6(0xfd01, 1);
    assert_int_equal(ip_address_add(hosts.eth[0], &six, 64, NULL, 0, 0), -EACCES);
}

static void ipv6_can_be_taken_away_and_given_back(void **state)
{
    (void)state;
    ip_addr_t six = a6(0xfd00, 1);
    hosts.eth[0]->ip->config6.disable_ipv6 = 1;
    ip6_config_changed(hosts.eth[0]);
    assert_true(list_is_empty(&hosts.eth[0]->ip->addresses6));
    assert_false(ip_is_local(&hosts.nets[0], &six));
    hosts.eth[0]->ip->config6.disable_ipv6 = 0;
    ip6_config_changed(hosts.eth[0]);
    hosts_run(3 * NS_PER_S);
    ip_addr_t mine = ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } });
    assert_true(ip_is_local(&hosts.nets[0], &mine));
}

/* Every allocation of adding an address fails once: no half-added address, nothing leaked. */
static void survives_every_failed_allocation(void **state)
{
    (void)state;
    ip_addr_t a[] = { a4(10, 9, 0, 1), a6(0xfd09, 1) };
    for (int k = 0; k < 2; k++) {
        for (uint64_t nth = 1;; nth++) {
            uint64_t before = memory_used_bytes(hosts.machine.memory);
            memory_fail_at(hosts.machine.memory, memory_alloc_count(hosts.machine.memory) + nth);
            int error = ip_address_add(hosts.eth[0], &a[k], k ? 64 : 24, NULL, IFA_F_NODAD, 0);
            memory_fail_at(hosts.machine.memory, 0);
            if (!error) {
                assert_true(nth > 2); /* some did fail */
                break;
            }
            assert_int_equal(error, -ENOBUFS);
            assert_null(ip_address_find(hosts.eth[0], &a[k]));
            assert_false(ip_is_local(&hosts.nets[0], &a[k]));
            hosts_run(3 * NS_PER_S); /* a group left is told to the routers first */
            assert_true(memory_used_bytes(hosts.machine.memory) <= before + 1024); /* the hash may have grown */
            assert_true(nth < 20);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_follow_addresses_as_on_linux, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_primary_takes_its_secondaries_along, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(or_leaves_them_the_place, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(kinds_of_addresses, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_interface_gets_its_link_local_address, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(bad_addresses_are_refused, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(ipv6_can_be_taken_away_and_given_back, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
