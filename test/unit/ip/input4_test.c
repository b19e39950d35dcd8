#include "ip_hosts.h"

struct shape { uint8_t version_ihl, ttl, protocol, tos; uint16_t total, payload; uint32_t source, destination; bool bad_sum; uint8_t kind; };

static void receive(const struct shape *s)
{
    uint32_t bytes = 20u + s->payload;
    struct packet *p = packet_create(&hosts.machine, bytes);
    struct wire_ipv4 *h = (void *)packet_put(p, bytes);
    memset(h, 0, bytes);
    *h = (struct wire_ipv4){ .version_ihl = s->version_ihl ? s->version_ihl : 0x45, .total_bytes = be16(s->total ? s->total : (uint16_t)bytes),
        .ttl = s->ttl ? s->ttl : 64, .protocol = s->protocol ? s->protocol : TEST_PROTOCOL, .tos = s->tos,
        .source = be32(s->source ? s->source : 0x0a000001), .destination = be32(s->destination ? s->destination : 0x0a000002) };
    if (s->source == 1) h->source.raw = 0;
    h->checksum = checksum_fold(checksum_partial(h, min_of((h->version_ihl & 15u) * 4, bytes), 0));
    if (s->bad_sum) h->checksum.raw ^= 1;
    p->net = &hosts.nets[1];
    p->kind = s->kind;
    p->protocol = be16(ETH_P_IP);
    ip4_receive(hosts.eth[1], p);
    hosts_run(0);
}

/* What Linux 6.18 counts for each fault (test of both columns: the counter and the reason). */
static void every_fault_is_counted_as_linux_counts_it(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    struct { struct shape s; enum mib counter; enum drop_reason why; } rows[] = {
        { { .version_ihl = 0x55 }, MIB_Ip_InHdrErrors, DROP_IP_INHDR },
        { { .version_ihl = 0x44 }, MIB_Ip_InHdrErrors, DROP_IP_INHDR },
        { { .version_ihl = 0x4f }, MIB_Ip_InHdrErrors, DROP_IP_INHDR },
        { { .bad_sum = true }, MIB_IpExt_InCsumErrors, DROP_IP_CSUM },
        { { .total = 400 }, MIB_IpExt_InTruncatedPkts, DROP_PKT_TOO_SMALL },
        { { .total = 19 }, MIB_Ip_InHdrErrors, DROP_IP_INHDR },
        { { .source = 0xe0000005 }, MIB_Ip_InReceives, DROP_IP_INVALID_SOURCE },
        { { .source = 0xffffffff }, MIB_Ip_InReceives, DROP_IP_INVALID_SOURCE },
        { { .source = 1 }, MIB_Ip_InReceives, DROP_IP_INVALID_SOURCE },
        { { .source = 0x7f000001 }, MIB_Ip_InReceives, DROP_IP_LOCALNET },
        { { .destination = 0x7f000001 }, MIB_Ip_InReceives, DROP_IP_LOCALNET },
        { { .source = 0x0a000002 }, MIB_Ip_InReceives, DROP_IP_LOCAL_SOURCE },
        { { .destination = 0x00000005 }, MIB_Ip_InReceives, DROP_IP_INVALID_DEST },
        { { .destination = 0x08080808 }, MIB_Ip_InAddrErrors, DROP_IP_INADDRERRORS },
        { { .destination = 0xef010101 }, MIB_Ip_InReceives, DROP_IP_INVALID_DEST },
        { { .kind = PACKET_OTHERHOST }, MIB_COUNT, DROP_OTHERHOST },
        { { .protocol = 200 }, MIB_Ip_InUnknownProtos, DROP_IP_NOPROTO },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        uint64_t counted = rows[i].counter == MIB_COUNT ? 0 : net->mib[rows[i].counter], dropped = net->drops[rows[i].why];
        receive(&rows[i].s);
        assert_int_equal(hosts.got.count, 0);
        assert_int_equal(net->drops[rows[i].why], dropped + 1);
        if (rows[i].counter != MIB_COUNT) assert_int_equal(net->mib[rows[i].counter], counted + 1);
    }
}

static void padding_is_cut_and_ecn_counted(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    struct shape s = { .payload = 40, .total = 30 };
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        uint64_t before = net->mib[MIB_IpExt_InNoECTPkts + ecn];
        s.tos = ecn;
        receive(&s);
        assert_int_equal(net->mib[MIB_IpExt_InNoECTPkts + ecn], before + 1);
        struct packet *p = packet_queue_pop(&hosts.got);
        assert_int_equal(packet_bytes(p), 10);
        assert_int_equal(p->ip.tos, ecn);
        assert_int_equal(p->in_ifindex, hosts.eth[1]->ifindex);
        packet_consume(p);
    }
}

static void the_reverse_path_is_checked_when_asked(void **state)
{
    (void)state;
    struct net *net = &hosts.nets[1];
    struct shape stranger = { .source = 0x14000001 }, elsewhere = { .source = 0x15000001 };
    receive(&stranger);
    assert_int_equal(hosts.got.count, 1);
    packet_queue_purge(&hosts.got);
    hosts.eth[1]->ip->config4.rp_filter = 1;
    receive(&stranger); /* no way back */
    assert_int_equal(net->mib[MIB_TcpExt_IPReversePathFilter], 1);
    struct ip_route_row row = { .version = 4, .destination = a4(21, 0, 0, 0), .prefix_bits = 16, .device = net->loopback };
    assert_int_equal(ip_route_add(net, &row, false), 0);
    receive(&elsewhere); /* the way back is another */
    assert_int_equal(net->mib[MIB_TcpExt_IPReversePathFilter], 2);
    net->ip->all4.rp_filter = 2; /* loose: any way back will do; the larger of both counts */
    receive(&elsewhere);
    receive(&stranger);
    assert_int_equal(net->mib[MIB_TcpExt_IPReversePathFilter], 3);
    assert_int_equal(hosts.got.count, 1);
    packet_queue_purge(&hosts.got);
}

static void broadcasts_reach_everybody(void **state)
{
    (void)state;
    struct shape rows[] = { { .destination = 0x0a0000ff }, { .destination = 0xffffffff }, { .destination = 0xffffffff, .source = 1 } };
    for (size_t i = 0; i < array_count(rows); i++) {
        rows[i].kind = PACKET_BROADCAST;
        receive(&rows[i]);
        assert_int_equal(hosts.got.count, 1);
        assert_int_equal(packet_queue_peek(&hosts.got)->kind, PACKET_BROADCAST);
        packet_queue_purge(&hosts.got);
    }
    assert_int_equal(hosts.nets[1].mib[MIB_IpExt_InBcastPkts], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_fault_is_counted_as_linux_counts_it, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(padding_is_cut_and_ecn_counted, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_reverse_path_is_checked_when_asked, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(broadcasts_reach_everybody, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
