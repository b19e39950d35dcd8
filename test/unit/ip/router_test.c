#include "ip_hosts.h"

/* A router advertisement from net 1's link-local address to all nodes. */
static void advertise(uint16_t lifetime_s, uint8_t prefix, uint32_t valid_s, uint32_t preferred_s, uint32_t mtu)
{
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[1], 16 + 8 + 8 + 32, &at);
    assert_non_null(p);
    ip_addr_t to = a6(0xff02, 1), from = ip_interface_identifier(hosts.eth[1], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } });
    be16_t life = be16(lifetime_s);
    be32_t words[3] = { be32(mtu), be32(valid_s), be32(preferred_s) };
    at[0] = 134;
    at[4] = 33; /* hop limit */
    memcpy(at + 6, &life, 2);
    at[16] = 1;
    at[17] = 1;
    memcpy(at + 18, hosts.eth[1]->mac.bytes, 6);
    at[24] = 5;
    at[25] = 1;
    memcpy(at + 28, &words[0], 4);
    at[32] = 3;
    at[33] = 4;
    at[34] = 64;
    at[35] = 0xc0;
    memcpy(at + 36, &words[1], 8);
    at[48] = 0x20;
    at[49] = prefix;
    ip_neighbour_host.send(hosts.eth[1], p, &from, &to);
    hosts_run(0);
}

static ip_addr_t far(void) { return (ip_addr_t){ .bytes = { 0x26, 1, [15] = 9 } }; }

static struct route *ask(ip_addr_t to, int *error)
{
    struct ip_flow flow = { .destination = to, .source = ip_any6() };
    return route_output(&hosts.nets[0], &flow, error);
}

static void a_host_configures_itself(void **state)
{
    (void)state;
    int error;
    assert_null(ask(far(), &error));
    advertise(1800, 7, 3600, 1800, 1400);
    struct route *r = ask(far(), &error);
    ip_addr_t router = ip_interface_identifier(hosts.eth[1], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } });
    assert_non_null(r);
    assert_true(r->has_gateway && ip_equal(&r->gateway, &router));
    assert_int_equal(route_mtu(r), 1400);
    route_put(r);
    ip_addr_t mine = ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0x20, 7 } });
    hosts_run(3 * NS_PER_S);
    const struct ip_address *a = ip_address_find(hosts.eth[0], &mine);
    assert_non_null(a);
    assert_true(ip_is_local(&hosts.nets[0], &mine));
    assert_int_equal(a->prefix_bits, 64);
    assert_false(a->flags & IFA_F_PERMANENT);
    assert_int_equal(hosts.eth[0]->ip->config6.hop_limit, 33);
    struct neighbour *n = neighbour_lookup(hosts.eth[0], &router, false);
    assert_non_null(n);
    assert_true(n->is_router);
    neighbour_put(n);
}

static void what_was_learned_ends_with_its_lifetime(void **state)
{
    (void)state;
    int error;
    advertise(100, 7, 7300, 7250, 1500);
    hosts_run(99 * NS_PER_S);
    struct route *r = ask(far(), &error);
    assert_non_null(r);
    hosts_run(2 * NS_PER_S);
    assert_false(route_is_current(r));
    route_put(r);
    assert_null(ask(far(), &error));
    ip_addr_t near = { .bytes = { 0x20, 7, [15] = 1 } }, mine = ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0x20, 7 } });
    r = ask(near, &error);
    assert_non_null(r);
    assert_false(r->has_gateway);
    route_put(r);
    hosts_run(7200 * NS_PER_S);
    assert_null(ask(near, &error));
    assert_null(ip_address_find(hosts.eth[0], &mine));
}

static void a_router_that_leaves_says_so(void **state)
{
    (void)state;
    int error;
    advertise(1800, 7, 3600, 1800, 1500);
    advertise(0, 7, 3600, 1800, 1500);
    assert_null(ask(far(), &error));
}

static void lies_are_bounded(void **state)
{
    (void)state;
    uint64_t before = memory_used_bytes(hosts.machine.memory);
    for (int i = 0; i < 250; i++) advertise(1800, (uint8_t)i, 3600, 1800, 1500);
    unsigned addresses = 0;
    list_for_each(it, &hosts.eth[0]->ip->addresses6) addresses++;
    assert_int_equal(addresses, 16);
    assert_true(memory_used_bytes(hosts.machine.memory) - before < 200000);
    advertise(1800, 255, 3600, 1800, 1000); /* below the minimum: no MTU */
    assert_int_equal(hosts.eth[0]->ip->config6.mtu, 1500);
}

static void each_part_can_be_left_out(void **state)
{
    (void)state;
    struct ip6_config *c = &hosts.eth[0]->ip->config6;
    ip_addr_t mine = ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0x20, 7 } });
    int error;
    c->accept_ra_defrtr = c->accept_ra_mtu = c->accept_ra_pinfo = 0;
    c->accept_ra_min_hop_limit = 50;
    advertise(1800, 7, 3600, 1800, 1400);
    assert_null(ask(far(), &error));
    assert_int_equal(c->mtu, 1500);
    assert_int_equal(c->hop_limit, 64);
    assert_null(ip_address_find(hosts.eth[0], &mine));
    c->accept_ra_defrtr = c->accept_ra_pinfo = 1;
    c->accept_ra_min_lft = 2000;
    advertise(1800, 7, 1999, 1800, 1400);
    assert_null(ask(far(), &error));
    assert_null(ip_address_find(hosts.eth[0], &mine));
    advertise(2000, 7, 2000, 1800, 1400);
    struct route *r = ask(far(), &error);
    assert_non_null(r);
    assert_non_null(ip_address_find(hosts.eth[0], &mine));
    route_put(r);
}

static void a_forwarding_host_does_not_listen(void **state)
{
    (void)state;
    int error;
    hosts.eth[0]->ip->config6.forwarding = 1;
    advertise(1800, 7, 3600, 1800, 1500);
    assert_null(ask(far(), &error));
}

static void a_fresh_link_is_asked_for_routers(void **state)
{
    (void)state;
    unsigned asked = 0;
    device_set_up(hosts.eth[0], false);
    hosts.frame_count = 0;
    device_set_up(hosts.eth[0], true);
    hosts_run(12 * NS_PER_S);
    for (unsigned i = 0; i < hosts.frame_count; i++) asked += hosts.frames[i].is_outgoing && hosts.frames[i].at[20] == 58 && hosts.frames[i].at[54] == 133;
    assert_in_range(asked, 2, 3); /* after a second at most, then 4 s, then 8 s */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_host_configures_itself, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(what_was_learned_ends_with_its_lifetime, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_router_that_leaves_says_so, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(lies_are_bounded, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(each_part_can_be_left_out, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_forwarding_host_does_not_listen, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_fresh_link_is_asked_for_routers, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
