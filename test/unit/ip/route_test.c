#include "ip_hosts.h"

static struct route *ask(ip_addr_t to, ip_addr_t source, int32_t ifindex, int *error, ip_addr_t *chosen)
{
    struct ip_flow flow = { .destination = to, .source = source, .out_ifindex = ifindex };
    struct route *r = route_output(&hosts.nets[0], &flow, error);
    *chosen = flow.source;
    return r;
}

static void errors_are_linux_s(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[0];
    struct ip_route_row rows[] = {
        { .version = 4, .destination = a4(11, 0, 0, 0), .prefix_bits = 8, .kind = RTN_BLACKHOLE }, { .version = 4, .destination = a4(12, 0, 0, 0), .prefix_bits = 8, .kind = RTN_UNREACHABLE },
        { .version = 4, .destination = a4(13, 0, 0, 0), .prefix_bits = 8, .kind = RTN_PROHIBIT },
    };
    for (size_t i = 0; i < array_count(rows); i++) assert_int_equal(ip_route_add(net, &rows[i], false), 0);
    struct { ip_addr_t to, source; int32_t ifindex; int error; } cases[] = {
        { a4(8, 8, 8, 8), ip_any4(), 0, -ENETUNREACH }, { a6(0x2001, 1), ip_any6(), 0, -ENETUNREACH }, { a4(11, 0, 0, 1), ip_any4(), 0, -EINVAL },
        { a4(12, 0, 0, 1), ip_any4(), 0, -EHOSTUNREACH }, { a4(13, 0, 0, 1), ip_any4(), 0, -EACCES }, { a4(10, 0, 0, 2), a4(1, 2, 3, 4), 0, -EINVAL },
        { a4(10, 0, 0, 2), a4(224, 0, 0, 1), 0, -EINVAL }, { a4(10, 0, 0, 2), a4(127, 0, 0, 1), 0, -EINVAL }, { a4(10, 0, 0, 2), ip_any4(), 77, -ENODEV },
    };
    for (size_t i = 0; i < array_count(cases); i++) {
        int error = 0;
        ip_addr_t chosen;
        assert_null(ask(cases[i].to, cases[i].source, cases[i].ifindex, &error, &chosen));
        assert_int_equal(error, cases[i].error);
    }
    assert_int_equal(net->mib[MIB_Ip_OutNoRoutes], 1);
}

static void sources_are_chosen_as_on_linux(void **state)
{
    (void)state;
    struct { ip_addr_t to, source; uint8_t kind; } cases[] = {
        { a4(10, 0, 0, 2), a4(10, 0, 0, 1), ROUTE_UNICAST }, { a4(127, 0, 0, 9), a4(127, 0, 0, 1), ROUTE_LOCAL }, { a4(10, 0, 0, 1), a4(10, 0, 0, 1), ROUTE_LOCAL },
        { a4(10, 0, 0, 255), a4(10, 0, 0, 1), ROUTE_BROADCAST }, { a6(0xfd00, 2), a6(0xfd00, 1), ROUTE_UNICAST }, { a6(0, 1), a6(0, 1), ROUTE_LOCAL },
        { ip_any4(), a4(127, 0, 0, 1), ROUTE_LOCAL }, { ip_any6(), a6(0, 1), ROUTE_LOCAL },
    };
    for (size_t i = 0; i < array_count(cases); i++) {
        int error = 0;
        ip_addr_t chosen;
        struct route *r = ask(cases[i].to, ip_any6(), 0, &error, &chosen);
        assert_non_null(r);
        assert_int_equal(r->kind, cases[i].kind);
        assert_true(ip_equal(&chosen, &cases[i].source));
        assert_ptr_equal(r->device, r->kind == ROUTE_LOCAL ? hosts.nets[0].loopback : hosts.eth[0]);
        route_put(r);
    }
}

static void one_route_serves_all_who_ask_until_something_changes(void **state)
{
    (void)state;
    int error;
    ip_addr_t chosen, extra = a4(10, 7, 0, 1);
    struct route *a = ask(a4(10, 0, 0, 2), ip_any4(), 0, &error, &chosen), *b = ask(a4(10, 0, 0, 2), ip_any4(), 0, &error, &chosen);
    assert_ptr_equal(a, b);
    assert_true(route_is_current(a));
    ip_address_add(hosts.eth[0], &extra, 24, NULL, 0, 0);
    assert_false(route_is_current(a));
    struct route *c = ask(a4(10, 0, 0, 2), ip_any4(), 0, &error, &chosen);
    assert_ptr_not_equal(a, c);
    route_put(a);
    route_put(b);
    route_put(c);
}

static void mtu_and_mss_of_a_path(void **state)
{
    (void)state;
    struct { ip_addr_t to; uint32_t mtu, mss; } cases[] = { { a4(127, 0, 0, 1), 65535, 65495 }, { a6(0, 1), 65536, 65476 }, { a4(10, 0, 0, 2), 1500, 1460 }, { a6(0xfd00, 2), 1500, 1440 } };
    for (size_t i = 0; i < array_count(cases); i++) {
        int error;
        ip_addr_t chosen;
        struct route *r = ask(cases[i].to, ip_any6(), 0, &error, &chosen);
        assert_int_equal(route_mtu(r), cases[i].mtu);
        assert_int_equal(route_advmss(r), cases[i].mss);
        route_put(r);
    }
}

static void a_bound_device_and_dontroute_are_obeyed(void **state)
{
    (void)state;
    int error;
    ip_addr_t chosen;
    struct ip_route_row all = { .version = 4, .destination = ip_any4(), .has_gateway = true, .gateway = a4(10, 0, 0, 2) };
    struct route *r = ask(a4(8, 8, 8, 8), ip_any4(), (int32_t)hosts.eth[0]->ifindex, &error, &chosen); /* no route: taken to be on link */
    assert_false(r->has_gateway);
    assert_true(ip_equal(&r->gateway, &(ip_addr_t){ .word = { 0, 0, IP_MAPPED_WORD2, 0x08080808 } }));
    route_put(r);
    assert_int_equal(ip_route_add(&hosts.nets[0], &all, false), 0);
    r = ask(a4(8, 8, 8, 8), ip_any4(), 0, &error, &chosen);
    assert_true(r->has_gateway && ip_equal(&r->gateway, &all.gateway));
    route_put(r);
    struct ip_flow flow = { .destination = a4(8, 8, 8, 8), .source = ip_any4(), .dont_route = true };
    assert_null(route_output(&hosts.nets[0], &flow, &error));
    assert_int_equal(error, -ENETUNREACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errors_are_linux_s, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(sources_are_chosen_as_on_linux, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(one_route_serves_all_who_ask_until_something_changes, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(mtu_and_mss_of_a_path, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_bound_device_and_dontroute_are_obeyed, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
