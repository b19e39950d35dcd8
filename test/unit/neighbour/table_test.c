#include "ip_hosts.h"

static void lookups_find_what_was_made(void **state)
{
    (void)state;
    ip_addr_t a = a4(10, 0, 0, 50);
    assert_null(neighbour_lookup(hosts.eth[0], &a, false));
    struct neighbour *n = neighbour_lookup(hosts.eth[0], &a, true);
    assert_int_equal(n->references, 2);
    assert_ptr_equal(neighbour_lookup(hosts.eth[0], &a, false), n);
    assert_null(neighbour_lookup(hosts.nets[0].loopback, &a, false)); /* of another interface */
    neighbour_put(n);
    neighbour_put(n);
    assert_int_equal(n->references, 1);
}

static int count_one(void *ctx, const struct neighbour *n) { (void)n; ++*(unsigned *)ctx; return 0; }

static void the_table_is_bounded_and_idle_entries_give_way(void **state)
{
    (void)state;
    unsigned made = 0, present = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        ip_addr_t a = ip_from4(be32(0x0a000100 + i));
        struct neighbour *n = neighbour_lookup(hosts.eth[0], &a, true);
        if (!n) continue;
        made++;
        neighbour_put(n);
    }
    assert_int_equal(made, 1024);
    hosts_run(6 * NS_PER_S);
    ip_addr_t a = a4(10, 99, 0, 1);
    struct neighbour *n = neighbour_lookup(hosts.eth[0], &a, true);
    assert_non_null(n);
    neighbour_put(n);
    neighbour_each(&hosts.nets[0], AF_INET, count_one, &present);
    assert_int_equal(present, 513);
}

static void a_held_entry_outlives_its_interface(void **state)
{
    (void)state;
    ip_addr_t a = a4(10, 0, 0, 2);
    struct ip_send send = { 0 };
    hosts_send(0, &a, 10, &send);
    hosts_run(0);
    struct neighbour *n = neighbour_lookup(hosts.eth[0], &a, false);
    device_set_up(hosts.eth[0], false);
    assert_null(neighbour_lookup(hosts.eth[0], &a, false));
    struct packet *p = hosts_message(0, 10);
    assert_int_equal(neighbour_output(n, p), -EHOSTUNREACH);
    assert_int_equal(hosts.nets[0].drops[DROP_NEIGH_DEAD], 1);
    neighbour_put(n);
}

static void parameters_are_by_interface_and_family(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct neighbour_parameters *four = neighbour_parameters(net, hosts.eth[0], AF_INET), *six = neighbour_parameters(net, hosts.eth[0], AF_INET6);
    assert_ptr_not_equal(four, six);
    assert_ptr_equal(four, hosts.eth[0]->ip->neighbour4);
    assert_ptr_equal(six, hosts.eth[0]->ip->neighbour6);
    assert_int_equal(four->base_reachable_time_ms, 30000);
    assert_int_equal(four->locktime_ms, 1000);
    assert_int_equal(six->locktime_ms, 0);
    assert_ptr_not_equal(neighbour_parameters(net, NULL, AF_INET), four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lookups_find_what_was_made, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_table_is_bounded_and_idle_entries_give_way, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_held_entry_outlives_its_interface, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(parameters_are_by_interface_and_family, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
