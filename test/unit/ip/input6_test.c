#include "ip_hosts.h"

static void put_addresses(uint8_t *at, ip_addr_t source, ip_addr_t destination)
{
    memcpy(at + 8, source.bytes, 16);
    memcpy(at + 24, destination.bytes, 16);
}

/* `body` behind an IPv6 header with the given first next-header. */
static void receive(uint8_t next, const uint8_t *body, uint32_t bytes, ip_addr_t source, ip_addr_t destination)
{
    struct packet *p = packet_create(&hosts.machine, 40 + bytes);
    uint8_t *at = packet_put(p, 40 + bytes);
    memset(at, 0, 40);
    at[0] = 0x60;
    at[4] = (uint8_t)(bytes >> 8);
    at[5] = (uint8_t)bytes;
    at[6] = next;
    at[7] = 64;
    put_addresses(at, source, destination);
    memcpy(at + 40, body, bytes);
    p->net = &hosts.nets[1];
    p->kind = PACKET_HOST;
    p->protocol = be16(ETH_P_IPV6);
    ip6_receive(hosts.eth[1], p);
    hosts_run(0);
}

static void headers_are_walked_or_refused(void **state)
{
    (void)state;
    struct { uint8_t next; uint8_t body[32]; uint32_t bytes; bool passes; uint8_t type, code; uint32_t pointer; } rows[] = {
        { TEST_PROTOCOL, { 1, 2, 3 }, 3, true, 0, 0, 0 },
        { 0, { TEST_PROTOCOL, 0, 1, 4 }, 9, true, 0, 0, 0 },
        { 0, { 60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, TEST_PROTOCOL, 0, 0, 0 }, 25, true, 0, 0, 0 },
        { 0, { TEST_PROTOCOL, 0, 1, 4, 0, 9 }, 9, false, 0, 0, 0 },                        /* padding that is not zero */
        { 0, { TEST_PROTOCOL, 9, 1, 4 }, 9, false, 0, 0, 0 },                              /* longer than the packet */
        { 0, { TEST_PROTOCOL, 0, 0x1e, 4 }, 9, true, 0, 0, 0 },                            /* unknown: skip */
        { 0, { TEST_PROTOCOL, 0, 0x5e, 4 }, 9, false, 0, 0, 0 },                           /* unknown: drop */
        { 0, { TEST_PROTOCOL, 0, 0x9e, 4 }, 9, false, ICMPV6_PARAMPROB, ICMPV6_UNK_OPTION, 42 },
        { 60, { 0, 0, 1, 4, 0, 0, 0, 0, TEST_PROTOCOL, 0, 1, 4 }, 17, false, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, 40 }, /* hop-by-hop not first */
        { 43, { TEST_PROTOCOL, 0, 0, 1 }, 9, false, ICMPV6_PARAMPROB, ICMPV6_HDR_FIELD, 42 }, /* RFC 5095 */
        { 43, { TEST_PROTOCOL, 0, 253, 0 }, 9, true, 0, 0, 0 },
        { 59, { 0 }, 4, false, 0, 0, 0 },
        { 201, { 0 }, 4, false, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, 6 },
    };
    struct net *net = &hosts.nets[1];
    for (size_t i = 0; i < array_count(rows); i++) {
        uint64_t told = net->mib[MIB_Icmp6_OutParmProblems];
        net->ip->icmp_limits[0].tokens_ns = 0;
        hosts_run(2 * NS_PER_S); /* refills the rate limit */
        hosts.frame_count = 0;
        receive(rows[i].next, rows[i].body, rows[i].bytes, a6(0xfd00, 1), a6(0xfd00, 2));
        assert_int_equal(hosts.got.count, rows[i].passes);
        packet_queue_purge(&hosts.got);
        assert_int_equal(net->mib[MIB_Icmp6_OutParmProblems] - told, rows[i].type != 0);
        if (!rows[i].type) continue;
        const struct frame *f = NULL;
        for (unsigned k = 0; k < hosts.frame_count; k++) {
            if (hosts.frames[k].is_outgoing && hosts.frames[k].at[20] == 58 && hosts.frames[k].at[54] == rows[i].type) f = &hosts.frames[k];
        }
        assert_non_null(f);
        assert_int_equal(f->at[55], rows[i].code);
        assert_int_equal(f->at[61], rows[i].pointer);
    }
}

static void addresses_that_cannot_be_are_dropped(void **state)
{
    (void)state;
    struct { ip_addr_t source, destination; enum mib counter; } rows[] = {
        { a6(0xff02, 5), a6(0xfd00, 2), MIB_Ip6_InHdrErrors }, { a6(0, 1), a6(0xfd00, 2), MIB_Ip6_InHdrErrors }, { a6(0xfd00, 1), a6(0, 1), MIB_Ip6_InHdrErrors },
        { a6(0xfd00, 1), a6(0xff01, 1), MIB_Ip6_InHdrErrors }, { a6(0xfd00, 1), a6(0xff00, 1), MIB_Ip6_InHdrErrors },
        { a4(10, 0, 0, 1), a6(0xfd00, 2), MIB_Ip6_InHdrErrors }, { a6(0xfd00, 1), a4(10, 0, 0, 2), MIB_Ip6_InNoRoutes },
        { a6(0xfd00, 1), a4(224, 0, 0, 1), MIB_Ip6_InNoRoutes },
        { a6(0xfd00, 1), a6(0xfd00, 77), MIB_Ip6_InAddrErrors }, { a6(0xfd00, 1), a6(0xff05, 7), MIB_Ip6_InMcastPkts },
    };
    struct net *net = &hosts.nets[1];
    for (size_t i = 0; i < array_count(rows); i++) {
        uint64_t before = net->mib[rows[i].counter];
        receive(TEST_PROTOCOL, (const uint8_t *)"x", 1, rows[i].source, rows[i].destination);
        assert_int_equal(net->mib[rows[i].counter], before + 1);
        assert_int_equal(hosts.got.count, 0);
    }
    net->ip->all6.disable_ipv6 = 1;
    receive(TEST_PROTOCOL, (const uint8_t *)"x", 1, a6(0xfd00, 1), a6(0xfd00, 2));
    assert_int_equal(net->drops[DROP_IPV6DISABLED], 1);
}

static void the_transport_learns_what_the_header_said(void **state)
{
    (void)state;
    ip_addr_t to = a6(0xfd00, 2);
    struct ip_send send = { .tos = 0xb9, .flow_label = 0x12345, .ttl = 77 };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    const struct packet *p = packet_queue_peek(&hosts.got);
    assert_int_equal(p->ip.tos, 0xb9);
    assert_int_equal(p->ip.flow_label, 0x12345);
    assert_int_equal(p->ip.ttl, 77);
    assert_int_equal(p->ip.header_bytes, 40);
    assert_int_equal(p->ip.version, 6);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip6_InECT1Pkts], 1);
    hosts_check_message(10);
}

/* Whatever comes in, the machine goes on and keeps nothing but what its tables may hold. */
static void mutated_frames_do_no_harm(void **state)
{
    (void)state;
    static uint8_t seeds[24][256];
    static uint16_t lengths[24];
    static const uint8_t options[][12] = { { 7, 11, 4 }, { 68, 12, 5, 1 }, { 131, 7, 4, 9, 9, 9, 9 } };
    struct random r = hosts.machine.random.other;
    unsigned n = 0;
    ip_addr_t to4 = a4(10, 0, 0, 2), to6 = a6(0xfd00, 2), group = a6(0xff05, 9);
    for (unsigned i = 0; i < 3; i++) {
        struct ip_send send = { .options = options[i], .options_bytes = 12 };
        hosts_send(0, &to4, 40, &send);
    }
    struct ip_send cut = { .fragment_policy = IP_PMTUDISC_WANT }, cut6 = cut;
    hosts_send(0, &to4, 1600, &cut);
    hosts_send(0, &to6, 1600, &cut6);
    struct ip_send unknown = { .protocol = 200 }, unknown6 = { .protocol = 200 };
    hosts_send(0, &to4, 30, &unknown);
    hosts_send(0, &to6, 30, &unknown6);
    ip_group_join(hosts.eth[0], &group);
    ip_addr_t group4 = a4(239, 1, 1, 1);
    ip_group_join(hosts.eth[0], &group4);
    ip_addr_t extra = a6(0xfd44, 1);
    ip_address_add(hosts.eth[0], &extra, 64, NULL, 0, 0);
    hosts_run(7 * NS_PER_S);
    for (unsigned i = 0; i < hosts.frame_count && n < array_count(seeds); i++) {
        if (!hosts.frames[i].is_outgoing) continue;
        lengths[n] = min_of(hosts.frames[i].bytes, (uint16_t)256);
        memcpy(seeds[n], hosts.frames[i].at, lengths[n]);
        n++;
    }
    assert_true(n > 10);
    packet_queue_purge(&hosts.got);
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t frame[256];
        unsigned which = random_below(&r, n), bytes = lengths[which];
        memcpy(frame, seeds[which], bytes);
        for (unsigned k = random_below(&r, 6); k > 0; k--) frame[14 + random_below(&r, bytes - 14)] = (uint8_t)random_u32(&r);
        if (random_below(&r, 4) == 0) bytes = 14 + random_below(&r, bytes - 13);
        if (frame[12] == 8 && frame[13] == 0 && bytes >= 34 && random_below(&r, 8)) { /* most with a good header checksum */
            struct wire_ipv4 *h = (void *)(frame + 14);
            h->checksum.raw = 0;
            if ((h->version_ihl & 15u) * 4 + 14 <= bytes) h->checksum = checksum_fold(checksum_partial(h, (h->version_ihl & 15u) * 4, 0));
        }
        int end = (int)random_below(&r, 2);
        memcpy(frame, hosts.eth[end]->mac.bytes, 6);
        device_inject(hosts.eth[end], frame, bytes);
        hosts_run(random_below(&r, 50) ? 0 : NS_PER_MS * 100);
        packet_queue_purge(&hosts.got);
        hosts.told_count = 0;
    }
    hosts_run(100 * NS_PER_S);
    ip_addr_t check = a4(10, 0, 0, 2);
    struct ip_send send = { 0 };
    assert_int_equal(hosts_send(1, &check, 33, &send), 0); /* to itself: still alive */
    hosts_run(0);
    hosts_check_message(33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_are_walked_or_refused, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_are_dropped, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_transport_learns_what_the_header_said, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(mutated_frames_do_no_harm, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
