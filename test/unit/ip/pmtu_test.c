#include "ip_hosts.h"

static struct route *ask(ip_addr_t to)
{
    struct ip_flow flow = { .destination = to, .source = ip_any6() };
    int error;
    struct route *r = route_output(&hosts.nets[0], &flow, &error);
    assert_non_null(r);
    return r;
}

static void a_lower_mtu_holds_for_its_time(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2) };
    for (int i = 0; i < 2; i++) {
        struct route *before = ask(to[i]);
        route_update_pmtu(&hosts.nets[0], &to[i], 1300);
        assert_false(route_is_current(before)); /* who holds it asks again */
        struct route *r = ask(to[i]);
        assert_int_equal(route_mtu(r), 1300);
        assert_false(r->is_mtu_locked);
        route_update_pmtu(&hosts.nets[0], &to[i], 1400); /* only ever lower */
        struct route *same = ask(to[i]);
        assert_int_equal(route_mtu(same), 1300);
        hosts_run(599 * NS_PER_S);
        assert_int_equal(route_mtu(r), 1300);
        hosts_run(2 * NS_PER_S);
        assert_false(route_is_current(r));
        assert_int_equal(route_mtu(r), 1500);
        route_put(before);
        route_put(r);
        route_put(same);
    }
}

static void floors_are_linux_s(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2), to6 = a6(0xfd00, 2);
    route_update_pmtu(&hosts.nets[0], &to, 100);
    route_update_pmtu(&hosts.nets[0], &to6, 100);
    struct route *r = ask(to), *r6 = ask(to6);
    assert_int_equal(route_mtu(r), 552);
    assert_true(r->is_mtu_locked); /* and DF goes off */
    assert_int_equal(route_mtu(r6), 1500); /* not believed */
    route_put(r);
    route_put(r6);
}

static void a_flood_of_destinations_is_bounded(void **state)
{
    (void)state;
    struct ip_route_row all = { .version = 4, .destination = ip_any4(), .has_gateway = true, .gateway = a4(10, 0, 0, 2) };
    assert_int_equal(ip_route_add(&hosts.nets[0], &all, false), 0);
    ip_addr_t first = a4(10, 0, 0, 2);
    route_update_pmtu(&hosts.nets[0], &first, 1000);
    uint64_t before = memory_used_bytes(hosts.machine.memory);
    for (uint32_t i = 0; i < 20000; i++) {
        ip_addr_t to = ip_from4(be32(0x08000000 + i));
        route_update_pmtu(&hosts.nets[0], &to, 1000);
    }
    assert_true(memory_used_bytes(hosts.machine.memory) - before < 1024 * 300); /* the route cache, full */
    ip_addr_t last = ip_from4(be32(0x08000000 + 19999));
    struct route *r = ask(last);
    assert_int_equal(route_mtu(r), 1000);
    route_put(r);
}

static void a_redirect_changes_the_gateway(void **state)
{
    (void)state;
    struct ip_route_row all = { .version = 4, .destination = ip_any4(), .has_gateway = true, .gateway = a4(10, 0, 0, 2) };
    assert_int_equal(ip_route_add(&hosts.nets[0], &all, false), 0);
    ip_addr_t to = a4(9, 9, 9, 9), better = a4(10, 0, 0, 3);
    pmtu_learn_redirect(&hosts.nets[0], &to, &better);
    struct route *r = ask(to), *other = ask(a4(9, 9, 9, 8));
    assert_true(r->has_gateway && ip_equal(&r->gateway, &better));
    assert_true(ip_equal(&other->gateway, &all.gateway));
    route_put(r);
    route_put(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lower_mtu_holds_for_its_time, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(floors_are_linux_s, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_destinations_is_bounded, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_redirect_changes_the_gateway, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
