#include "ip_hosts.h"

static void reaches_itself_before_the_call_returns(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(127, 0, 0, 1), a4(127, 9, 9, 9), a4(10, 0, 0, 1), a6(0, 1), a6(0xfd00, 1) };
    for (size_t i = 0; i < array_count(to); i++) {
        struct ip_send send = { 0 };
        assert_int_equal(hosts_send(0, &to[i], 100, &send), 0);
        assert_int_equal(hosts.got.count, 1);
        struct packet *p = packet_queue_peek(&hosts.got);
        assert_true(ip_equal(&p->ip.destination, &to[i]));
        assert_true(ip_equal(&p->ip.source, &send.source));
        assert_int_equal(p->ip.ttl, 64);
        assert_int_equal(p->ip.protocol, TEST_PROTOCOL);
        hosts_check_message(100);
    }
    assert_int_equal(hosts.nets[0].mib[MIB_Ip_InDelivers], 3);
    assert_int_equal(hosts.nets[0].mib[MIB_Ip_OutRequests] - hosts.nets[0].mib[MIB_IpExt_OutMcastPkts], 3);
    assert_int_equal(hosts.frame_count, 0);
}

static void crosses_the_cable_after_resolving_the_neighbour(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2) };
    for (size_t i = 0; i < array_count(to); i++) {
        struct ip_send send = { 0 };
        assert_int_equal(hosts_send(0, &to[i], 1400, &send), 0);
        hosts_run(0);
        hosts_check_message(1400);
    }
}

static void cuts_what_is_too_long_and_puts_it_together(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2) };
    for (size_t i = 0; i < array_count(to); i++) {
        struct ip_send send = { .fragment_policy = IP_PMTUDISC_WANT };
        assert_int_equal(hosts_send(0, &to[i], 60000, &send), 0);
        hosts_run(0);
        hosts_check_message(60000);
        send.fragment_policy = IP_PMTUDISC_DO;
        assert_int_equal(hosts_send(0, &to[i], 1481, &send), -EMSGSIZE);
    }
    assert_int_equal(hosts.nets[0].mib[MIB_Ip_FragOKs], 1);
    assert_int_equal(hosts.nets[0].mib[MIB_Ip_FragCreates], 41);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip_ReasmOKs], 1);
    assert_int_equal(hosts.nets[0].mib[MIB_Ip6_FragOKs], 1);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip6_ReasmOKs], 1);
}

static const struct wire_ipv4 *last_header(void)
{
    const struct frame *last = NULL;
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        if (hosts.frames[i].is_outgoing && hosts.frames[i].at[12] == 8 && hosts.frames[i].at[13] == 0) last = &hosts.frames[i];
    }
    assert_non_null(last);
    return (const void *)(last->at + 14);
}

static void header_says_what_was_asked(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    struct ip_send send = { .tos = 0x10, .ttl = 7, .fragment_policy = IP_PMTUDISC_DO };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    const struct wire_ipv4 *h = last_header();
    assert_int_equal(h->version_ihl, 0x45);
    assert_int_equal(h->tos, 0x10);
    assert_int_equal(host16(h->total_bytes), 30);
    assert_int_equal(host16(h->fragment), IPV4_DF);
    assert_int_equal(host16(h->id), 0); /* no sock: Linux sends id 0 with DF */
    assert_int_equal(h->ttl, 7);
    assert_int_equal(checksum_fold(checksum_partial(h, 20, 0)).raw, 0);
    hosts_check_message(10);
}

/* Linux: with DF or without, each packet of a connection has the next number. */
static void a_connection_counts_by_itself(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    uint16_t id = 65535;
    for (unsigned i = 0; i < 2; i++) {
        struct ip_send send = { .fragment_policy = IP_PMTUDISC_DO, .connection_id = &id };
        assert_int_equal(hosts_send(0, &to, 10, &send), 0);
        hosts_run(0);
        assert_int_equal(host16(last_header()->id), (uint16_t)(65535 + i));
        hosts_check_message(10);
    }
    assert_int_equal(id, 1);
}

static void a_group_member_hears_its_own_multicast(void **state)
{
    (void)state;
    ip_addr_t group = a4(224, 1, 2, 3);
    struct ip_flow flow = { .destination = group, .out_ifindex = (int32_t)hosts.eth[0]->ifindex };
    int error;
    assert_int_equal(ip_group_join(hosts.eth[0], &group), 0);
    struct route *r = route_output(&hosts.nets[0], &flow, &error);
    assert_non_null(r);
    assert_int_equal(r->kind, ROUTE_MULTICAST);
    struct ip_send send = { .source = flow.source, .destination = group, .protocol = TEST_PROTOCOL };
    assert_int_equal(ip_output(&hosts.nets[0], hosts_message(0, 20), r, &send), 0);
    hosts_run(0);
    assert_int_equal(hosts.got.count, 0);
    send.multicast_loop = true;
    assert_int_equal(ip_output(&hosts.nets[0], hosts_message(0, 20), r, &send), 0);
    hosts_run(0);
    assert_int_equal(packet_queue_peek(&hosts.got)->ip.ttl, 1);
    hosts_check_message(20);
    route_put(r);
}

/* A life in short: neighbours, fragments, errors, groups, routes, an interface down and up. */
static void live(void)
{
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2), a4(127, 0, 0, 1), a4(10, 0, 0, 99) }, group = a4(239, 1, 1, 1), group6 = a6(0xff05, 1), more = a6(0xfd66, 1);
    for (size_t i = 0; i < array_count(to); i++) {
        struct ip_send send = { .fragment_policy = IP_PMTUDISC_WANT }, unknown = { .protocol = 200 };
        struct ip_flow flow = { .destination = to[i], .source = ip_any6() };
        int error;
        struct route *r = route_output(&hosts.nets[0], &flow, &error);
        struct packet *p = packet_create(&hosts.machine, 2000);
        if (p) packet_put(p, 2000);
        send.source = unknown.source = flow.source;
        send.destination = unknown.destination = to[i];
        send.protocol = TEST_PROTOCOL;
        if (r && p) (void)ip_output(&hosts.nets[0], p, r, i & 1 ? &unknown : &send);
        else if (p) packet_consume(p);
        route_put(r);
        hosts_run(NS_PER_MS);
        packet_queue_purge(&hosts.got);
    }
    (void)ip_group_join(hosts.eth[0], &group);
    (void)ip_group_join(hosts.eth[0], &group6);
    (void)ip_address_add(hosts.eth[0], &more, 64, NULL, 0, 0);
    route_update_pmtu(&hosts.nets[0], &to[0], 1000);
    hosts_run(5 * NS_PER_S);
    (void)ip_group_leave(hosts.eth[0], &group);
    device_set_up(hosts.eth[0], false);
    device_set_up(hosts.eth[0], true);
    hosts_run(5 * NS_PER_S);
}

static void every_allocation_may_fail_once(void **state)
{
    for (uint64_t nth = 1;; nth++) {
        assert_int_equal(hosts_setup(state), 0);
        uint64_t start = memory_alloc_count(hosts.machine.memory);
        memory_fail_at(hosts.machine.memory, start + nth);
        live();
        bool is_over = memory_alloc_count(hosts.machine.memory) < start + nth;
        memory_fail_at(hosts.machine.memory, 0);
        assert_int_equal(hosts_teardown(state), 0); /* nothing is left behind */
        if (is_over) {
            assert_true(nth > 50);
            break;
        }
        assert_true(nth < 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reaches_itself_before_the_call_returns, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(crosses_the_cable_after_resolving_the_neighbour, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(cuts_what_is_too_long_and_puts_it_together, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(header_says_what_was_asked, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_connection_counts_by_itself, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_group_member_hears_its_own_multicast, hosts_setup, hosts_teardown),
        cmocka_unit_test(every_allocation_may_fail_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
