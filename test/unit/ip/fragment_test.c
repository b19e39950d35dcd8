#include "ip_hosts.h"

/* One IPv4 fragment into net 1, as if it came over the cable. */
static void fragment4(uint16_t id, uint32_t offset, uint32_t bytes, bool more)
{
    struct packet *p = packet_create(&hosts.machine, 20 + bytes);
    if (!p) return; /* a test of failing allocations */
    struct wire_ipv4 *h = (void *)packet_put(p, 20 + bytes);
    *h = (struct wire_ipv4){ .version_ihl = 0x45, .total_bytes = be16((uint16_t)(20 + bytes)), .id = be16(id), .ttl = 64, .protocol = TEST_PROTOCOL,
        .fragment = be16((uint16_t)(offset / 8 | (more ? IPV4_MF : 0))), .source = be32(0x0a000001), .destination = be32(0x0a000002) };
    h->checksum = checksum_fold(checksum_partial(h, 20, 0));
    for (uint32_t k = 0; k < bytes; k++) ((uint8_t *)(h + 1))[k] = (uint8_t)(offset + k);
    p->net = &hosts.nets[1];
    p->kind = PACKET_HOST;
    p->protocol = be16(ETH_P_IP);
    ip4_receive(hosts.eth[1], p);
    softirq_run(&hosts.machine);
}

static void fragment6(uint32_t id, uint32_t offset, uint32_t bytes, bool more)
{
    struct packet *p = packet_create(&hosts.machine, 48 + bytes);
    uint8_t *at = packet_put(p, 48 + bytes);
    struct wire_ipv6 *h = (void *)at;
    ip_addr_t from = a6(0xfd00, 1), to = a6(0xfd00, 2);
    *h = (struct wire_ipv6){ .version_class_flow = be32(6u << 28), .payload_bytes = be16((uint16_t)(8 + bytes)), .next_header = IPPROTO_FRAGMENT, .hop_limit = 64 };
    memcpy(h->source, from.bytes, 16);
    memcpy(h->destination, to.bytes, 16);
    *(struct wire_ipv6_fragment *)(void *)(at + 40) = (struct wire_ipv6_fragment){ .next_header = TEST_PROTOCOL, .offset_flags = be16((uint16_t)(offset | more)), .id = be32(id) };
    for (uint32_t k = 0; k < bytes; k++) at[48 + k] = (uint8_t)(offset + k);
    p->net = &hosts.nets[1];
    p->kind = PACKET_HOST;
    p->protocol = be16(ETH_P_IPV6);
    ip6_receive(hosts.eth[1], p);
    softirq_run(&hosts.machine);
}

static void any_order_makes_the_whole(void **state)
{
    (void)state;
    static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (uint16_t i = 0; i < 6; i++) {
        for (int k = 0; k < 3; k++) {
            uint8_t n = orders[i][k];
            assert_int_equal(hosts.got.count, 0);
            fragment4(i, n * 80u, n == 2 ? 33 : 80, n != 2);
        }
        hosts_check_message(193);
        for (int k = 0; k < 3; k++) {
            uint8_t n = orders[i][k];
            assert_int_equal(hosts.got.count, 0);
            fragment6(i, n * 80u, n == 2 ? 33 : 80, n != 2);
        }
        hosts_check_message(193);
    }
    assert_int_equal(hosts.nets[1].mib[MIB_Ip_ReasmOKs], 6);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip_ReasmReqds], 18);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip6_ReasmOKs], 6);
    hosts_run(61 * NS_PER_S); /* what is whole does not time out */
    assert_int_equal(hosts.nets[1].mib[MIB_Ip_ReasmTimeout] + hosts.nets[1].mib[MIB_Ip6_ReasmTimeout], 0);
}

static void an_overlap_kills_all_a_duplicate_only_itself(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    fragment4(1, 0, 80, true);
    fragment4(1, 0, 80, true);
    assert_int_equal(net->drops[DROP_DUP_FRAG], 1);
    fragment4(1, 80, 8, false);
    hosts_check_message(88);
    fragment4(2, 0, 80, true);
    fragment4(2, 72, 80, true);
    assert_int_equal(net->mib[MIB_IpExt_ReasmOverlaps], 1);
    assert_int_equal(net->mib[MIB_Ip_ReasmFails], 1);
    fragment4(2, 80, 8, false);
    assert_int_equal(hosts.got.count, 0);
    fragment6(2, 0, 80, true);
    fragment6(2, 72, 80, true);
    fragment6(2, 80, 8, false);
    assert_int_equal(hosts.got.count, 0);
    assert_int_equal(net->mib[MIB_Ip6_ReasmFails], 1);
}

static void contradicting_ends_are_refused(void **state)
{
    (void)state;
    fragment4(1, 80, 80, false);
    fragment4(1, 240, 8, true); /* behind the end */
    fragment4(1, 0, 80, true);
    assert_int_equal(hosts.got.count, 0);
    fragment4(2, 80, 80, false);
    fragment4(2, 80, 88, false); /* another end */
    fragment4(2, 0, 80, true);
    assert_int_equal(hosts.got.count, 0);
    assert_int_equal(hosts.nets[1].drops[DROP_FRAG_BAD], 4); /* each took one piece with it */
    fragment4(3, 65528, 80, false); /* would pass 65535 */
    fragment4(3, 0, 65528 % 60000, true);
    assert_int_equal(hosts.got.count, 0);
}

static void time_runs_out_and_the_sender_hears_of_it(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    fragment4(1, 80, 80, true);       /* no first fragment: nothing to quote */
    fragment4(2, 0, 80, true);
    hosts_run(29 * NS_PER_S);
    assert_int_equal(net->mib[MIB_Ip_ReasmTimeout], 0);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(net->mib[MIB_Ip_ReasmTimeout], 2);
    assert_int_equal(net->mib[MIB_Ip_ReasmFails], 2);
    assert_int_equal(net->mib[MIB_Icmp_OutTimeExcds], 1);
    fragment6(1, 0, 80, true);
    hosts_run(59 * NS_PER_S);
    assert_int_equal(net->mib[MIB_Ip6_ReasmTimeout], 0);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(net->mib[MIB_Ip6_ReasmTimeout], 1);
    assert_int_equal(net->mib[MIB_Icmp6_OutTimeExcds], 1);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    uint64_t before = memory_used_bytes(hosts.machine.memory);
    net->sysctl.ipfrag_high_thresh = 100000;
    for (uint16_t id = 0; id < 2000; id++) fragment4(id, 0, 80, true);
    assert_true(net->drops[DROP_FRAG_MEMORY] > 1000);
    assert_true(memory_used_bytes(hosts.machine.memory) - before < 300000);
    hosts_run(31 * NS_PER_S);
    fragment4(1, 0, 80, true);
    fragment4(1, 80, 8, false);
    hosts_check_message(88);
}

static void an_atomic_fragment_stands_alone(void **state)
{
    (void)state;
    fragment6(1, 0, 80, true);
    fragment6(1, 0, 50, false); /* RFC 6946: whole in itself, same id */
    hosts_check_message(50);
    fragment6(1, 80, 8, false);
    hosts_check_message(88);
}

static void malformed_ipv6_fragments_are_told_of(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    fragment6(1, 0, 81, true);
    assert_int_equal(net->mib[MIB_Icmp6_OutParmProblems], 1);
    fragment6(2, 65528, 80, false);
    assert_int_equal(net->mib[MIB_Icmp6_OutParmProblems], 2);
    assert_int_equal(net->mib[MIB_Ip6_InHdrErrors], 2);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    uint64_t before = memory_used_bytes(hosts.machine.memory);
    for (uint64_t nth = 1; nth < 12; nth++) {
        memory_fail_at(hosts.machine.memory, memory_alloc_count(hosts.machine.memory) + nth);
        fragment4((uint16_t)nth, 0, 80, true);
        if (nth > 5) fragment4((uint16_t)nth, 80, 8, false);
        memory_fail_at(hosts.machine.memory, 0);
        packet_queue_purge(&hosts.got);
    }
    hosts_run(31 * NS_PER_S);
    assert_true(memory_used_bytes(hosts.machine.memory) < before + 1024); /* a route and a neighbour for the ICMP errors */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order_makes_the_whole, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_overlap_kills_all_a_duplicate_only_itself, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(contradicting_ends_are_refused, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(time_runs_out_and_the_sender_hears_of_it, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(memory_is_bounded, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_atomic_fragment_stands_alone, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(malformed_ipv6_fragments_are_told_of, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
