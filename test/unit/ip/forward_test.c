#include "ip_hosts.h"

/* Net 1 is a router with a further cable to nowhere behind it: 10.1.0.0/24 and fd01::/64 on a port that keeps its frames. */
static struct frame sent[16];
static unsigned sent_count;
static bool keep(void *ctx, struct packet *frame)
{
    (void)ctx;
    struct frame *f = &sent[sent_count++ % 16];
    f->bytes = (uint16_t)packet_bytes(frame);
    packet_read(frame, 0, f->at, min_of(f->bytes, (uint16_t)sizeof f->at));
    return true;
}

static struct net_device *port;

static int router_setup(void **state)
{
    hosts_setup(state);
    int error;
    struct net *b = &hosts.nets[1];
    struct tap_config config = { .mac = { { 2, 0, 0, 0, 0, 9 } }, .mtu_bytes = 1400, .send = keep };
    ip_addr_t four = a4(10, 1, 0, 1), six = a6(0xfd01, 1), far4 = a4(10, 1, 0, 2), far6 = a6(0xfd01, 2);
    port = device_create(b, &tap_device_ops, "eth1", &config, &error);
    device_set_up(port, true);
    ip_address_add(port, &four, 24, NULL, 0, 0);
    ip_address_add(port, &six, 64, NULL, IFA_F_NODAD, 0);
    b->sysctl.ip_forward = 1;
    b->ip->all6.forwarding = 1;
    struct mac_addr mac = { { 2, 0, 0, 0, 0, 10 } };
    struct neighbour *n[2] = { neighbour_lookup(port, &far4, true), neighbour_lookup(port, &far6, true) };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(neighbour_update(n[i], &mac, NUD_PERMANENT, NEIGHBOUR_ADMIN), 0);
        neighbour_put(n[i]);
    }
    struct ip_route_row rows[2] = { { .version = 4, .destination = a4(10, 1, 0, 0), .prefix_bits = 16, .has_gateway = true, .gateway = a4(10, 0, 0, 2) },
        { .version = 6, .destination = a6(0xfd01, 0), .prefix_bits = 32, .has_gateway = true, .gateway = a6(0xfd00, 2) } };
    for (int i = 0; i < 2; i++) assert_int_equal(ip_route_add(&hosts.nets[0], &rows[i], false), 0);
    hosts_run(5 * NS_PER_S);
    sent_count = 0;
    return 0;
}

static void send_far(bool six, uint32_t bytes, uint8_t ttl, uint8_t policy)
{
    ip_addr_t to = six ? a6(0xfd01, 2) : a4(10, 1, 0, 2);
    struct ip_send send = { .ttl = ttl, .fragment_policy = policy };
    assert_int_equal(hosts_send(0, &to, bytes, &send), 0);
    hosts_run(0);
}

/* RFC 2113: whoever asked for it has it, put together again, and nobody else. */
static void alerts_are_taken(void **state)
{
    static const uint8_t alert[4] = { IPOPT_RA, 4, 0, 0 };
    ip_addr_t to = a4(10, 1, 0, 2);
    struct ip_send send = { .ttl = 1, .options = alert, .options_bytes = sizeof(alert) };

    (void)state;
    for (uint32_t bytes = 100; bytes <= 3000; bytes += 2900) {
        hosts.alert_count = 0;
        hosts.wants_alert = true;
        assert_int_equal(hosts_send(0, &to, bytes, &send), 0);
        hosts_run(0);
        assert_int_equal(hosts.alert_count, 1);
        assert_int_equal(hosts.alert_bytes, bytes);
    }
    assert_int_equal(sent_count, 0);
    hosts.wants_alert = false;
    send.ttl = 9;
    assert_int_equal(hosts_send(0, &to, 100, &send), 0);
    hosts_run(0);
    assert_int_equal(hosts.alert_count, 1);
    assert_int_equal(sent_count, 1);
    hosts.wants_alert = true;
    send_far(false, 100, 9, 0);
    assert_int_equal(hosts.alert_count, 1); /* without the option */
    assert_int_equal(sent_count, 2);
}

static void hops_are_counted_down(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    send_far(false, 100, 9, 0);
    assert_int_equal(sent_count, 1);
    const struct wire_ipv4 *h = (const void *)(sent[0].at + 14);
    assert_int_equal(h->ttl, 8);
    assert_int_equal(checksum_fold(checksum_partial(h, 20, 0)).raw, 0);
    assert_int_equal(b->mib[MIB_Ip_ForwDatagrams], 1);
    send_far(true, 100, 9, 0);
    assert_int_equal(sent[1].at[14 + 7], 8);
    assert_int_equal(b->mib[MIB_Ip6_OutForwDatagrams], 1);
}

static void a_router_records_the_address_it_sends_from(void **state)
{
    (void)state;
    uint8_t options[16] = { 7, 15, 4 };
    ip_addr_t to = a4(10, 1, 0, 2);
    struct ip_send send = { .options = options, .options_bytes = 15 };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    const struct wire_ipv4 *h = (const void *)(sent[0].at + 14);
    assert_memory_equal(h + 1, "\7\17\14\12\0\0\1\12\1\0\1\0\0\0\0\0", 16);
    assert_int_equal(checksum_fold(checksum_partial(h, 36, 0)).raw, 0);
}

static void a_spent_hop_count_is_told_of(void **state)
{
    (void)state;
    for (int six = 0; six < 2; six++) {
        hosts.told_count = 0;
        send_far(six, 100, 1, 0);
        assert_int_equal(hosts.told_count, 1);
        assert_int_equal(hosts.told[0].e.type, six ? ICMPV6_TIME_EXCEED : ICMP_TIME_EXCEEDED);
        ip_addr_t router = six ? a6(0xfd00, 2) : a4(10, 0, 0, 2);
        assert_true(ip_equal(&hosts.told[0].e.offender, &router));
    }
    assert_int_equal(sent_count, 0);
    assert_int_equal(hosts.nets[1].drops[DROP_IP_TTL_EXPIRED], 2);
    assert_int_equal(hosts.nets[1].mib[MIB_Ip_InHdrErrors], 1);
}

static void a_narrow_way_is_told_of_or_packets_cut(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    send_far(false, 1450, 0, IP_PMTUDISC_DO);
    assert_int_equal(hosts.told_count, 1);
    assert_int_equal(hosts.told[0].e.code, ICMP_FRAG_NEEDED);
    assert_int_equal(hosts.told[0].e.info, 1400);
    assert_int_equal(b->mib[MIB_Ip_FragFails], 1);
    send_far(false, 1450, 0, IP_PMTUDISC_DONT);
    assert_int_equal(sent_count, 2);
    assert_int_equal(b->mib[MIB_Ip_FragCreates], 2);
    hosts.told_count = 0;
    send_far(true, 1450, 0, 0); /* routers never cut IPv6 */
    assert_int_equal(hosts.told_count, 1);
    assert_int_equal(hosts.told[0].e.type, ICMPV6_PKT_TOOBIG);
    assert_int_equal(hosts.told[0].e.info, 1400);
    assert_int_equal(b->mib[MIB_Ip6_InTooBigErrors], 1);
    assert_int_equal(b->mib[MIB_Ip6_FragFails], 1);
    assert_int_equal(sent_count, 2);
}

/* Segments that came merged are as long as each of them is. */
static void a_narrow_way_is_told_of_for_merged_segments(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    struct net_device *in = device_find(b, "eth0");
    for (uint16_t gso_bytes = 1361; gso_bytes >= 1360; gso_bytes--) {
        struct { struct wire_ethernet e; struct wire_ipv4 ip; struct wire_tcp tcp; uint8_t data[3000]; } __attribute__((packed)) frame = {
            .e = { .destination = in->mac, .type = be16(ETH_P_IP) },
            .ip = { .version_ihl = 0x45, .total_bytes = be16(3040), .fragment = be16(IPV4_DF), .ttl = 9, .protocol = IPPROTO_TCP,
                    .source = be32(0x0a000001), .destination = be32(0x0a010002) },
            .tcp = { .offset_reserved = 0x50, .flags = TCP_ACK },
        };
        struct device_offload merged = { .gso_bytes = gso_bytes, .gso_kind = PACKET_GSO_TCP, .checksum = PACKET_CHECKSUM_PARTIAL };
        frame.ip.checksum = checksum_fold(checksum_partial(&frame.ip, 20, 0));
        sent_count = 0;
        assert_true(device_inject_offloaded(in, &frame, sizeof frame, &merged));
        softirq_run(b->machine);
        hosts_run(0);
        assert_int_equal(b->mib[MIB_Ip_FragFails], 1);
        assert_int_equal(sent_count, gso_bytes > 1360 ? 0 : 3);
    }
}

static void a_router_goes_by_its_interface(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    ip_addr_t to = a4(10, 1, 0, 2);
    route_update_pmtu(b, &to, 1000); /* learned for its own traffic */
    send_far(false, 1100, 0, IP_PMTUDISC_DO);
    assert_int_equal(sent_count, 1);
    b->sysctl.ip_forward_use_pmtu = 1;
    send_far(false, 1100, 0, IP_PMTUDISC_DO);
    assert_int_equal(sent_count, 1);
    assert_int_equal(hosts.told[0].e.info, 1000);
}

static void no_way_and_no_router(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    ip_addr_t nowhere[2] = { a4(10, 1, 9, 9), a6(0xfd01, 2) };
    nowhere[1].bytes[4] = 7;
    for (int i = 0; i < 2; i++) {
        struct ip_send send = { 0 };
        hosts.told_count = 0;
        assert_int_equal(hosts_send(0, &nowhere[i], 10, &send), 0);
        hosts_run(0);
        assert_int_equal(hosts.told_count, 1);
        assert_int_equal(hosts.told[0].e.error, ENETUNREACH);
    }
    assert_int_equal(b->mib[MIB_IpExt_InNoRoutes], 1);
    assert_int_equal(b->mib[MIB_Ip6_InNoRoutes], 1);
    b->sysctl.ip_forward = 0;
    b->ip->all6.forwarding = 0;
    hosts.told_count = 0;
    send_far(false, 10, 0, 0);
    send_far(true, 10, 0, 0);
    assert_int_equal(sent_count, 0);
    assert_int_equal(hosts.told_count, 0);
    assert_int_equal(b->mib[MIB_Ip_InAddrErrors], 1);
    assert_int_equal(b->mib[MIB_Ip6_InAddrErrors], 1);
}

static void link_local_addresses_stay_on_their_link(void **state)
{
    (void)state;
    ip_addr_t source = ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } });
    ip_addr_t to = a6(0xfd01, 2);
    struct ip_send send = { .source = source };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(sent_count, 0);
    assert_int_equal(hosts.told_count, 1);
    assert_int_equal(hosts.told[0].e.code, ICMPV6_NOT_NEIGHBOUR);
}

static void a_better_router_of_the_link_is_named_and_used(void **state)
{
    (void)state;
    struct net *a = &hosts.nets[0], *b = &hosts.nets[1];
    ip_addr_t far = a4(10, 9, 0, 1), better = a4(10, 0, 0, 3);
    struct mac_addr mac = { { 2, 0, 0, 0, 0, 33 } };
    struct ip_route_row via_b = { .version = 4, .destination = a4(10, 9, 0, 0), .prefix_bits = 16, .has_gateway = true, .gateway = a4(10, 0, 0, 2) }, via_better = via_b;
    via_better.gateway = better;
    assert_int_equal(ip_route_add(a, &via_b, false), 0);
    assert_int_equal(ip_route_add(b, &via_better, false), 0);
    for (int i = 0; i < 2; i++) {
        struct neighbour *n = neighbour_lookup(hosts.eth[i], &better, true);
        neighbour_update(n, &mac, NUD_PERMANENT, NEIGHBOUR_ADMIN);
        neighbour_put(n);
    }
    struct ip_send send = { 0 };
    assert_int_equal(hosts_send(0, &far, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(b->mib[MIB_Icmp_OutRedirects], 1);
    assert_int_equal(a->mib[MIB_Icmp_InRedirects], 1);
    struct ip_flow flow = { .destination = far, .source = ip_any4() };
    int error;
    struct route *r = route_output(a, &flow, &error);
    assert_true(ip_equal(&r->gateway, &better));
    route_put(r);
    /* A host that will not listen is told nine times at most. */
    a->ip->all4.accept_redirects = hosts.eth[0]->ip->config4.accept_redirects = 0;
    pmtu_stop(a);
    a->ip->generation++;
    for (int i = 0; i < 100; i++) {
        struct ip_send again = { 0 };
        assert_int_equal(hosts_send(0, &far, 10, &again), 0);
        hosts_run(200 * NS_PER_MS);
    }
    assert_in_range(b->mib[MIB_Icmp_OutRedirects], 7, 9);
}

static void directed_broadcasts_pass_only_when_allowed(void **state)
{
    (void)state;
    ip_addr_t all = a4(10, 1, 0, 255);
    struct ip_send send = { 0 };
    assert_int_equal(hosts_send(0, &all, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(sent_count, 0);
    packet_queue_purge(&hosts.got);
    hosts.nets[1].ip->all4.bc_forwarding = hosts.eth[1]->ip->config4.bc_forwarding = 1;
    assert_int_equal(hosts_send(0, &all, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(sent_count, 1);
    assert_memory_equal(sent[0].at, "\377\377\377\377\377\377", 6);
    packet_queue_purge(&hosts.got);
}

static enum netfilter_verdict refuse(struct netfilter_hook *h, struct packet *p, const struct netfilter_state *s)
{
    (void)h;
    (void)p;
    assert_ptr_equal(s->in, hosts.eth[1]);
    assert_ptr_equal(s->out, port);
    return NETFILTER_DROP;
}

static void the_forward_hook_may_refuse(void **state)
{
    (void)state;
    struct netfilter_hook h = { .run = refuse };
    netfilter_add(&hosts.nets[1], NETFILTER_FORWARD, 4, &h);
    send_far(false, 10, 0, 0);
    assert_int_equal(sent_count, 0);
    assert_int_equal(hosts.nets[1].drops[DROP_NETFILTER_DROP], 1);
    netfilter_remove(&h);
    send_far(false, 10, 0, 0);
    assert_int_equal(sent_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hops_are_counted_down, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(alerts_are_taken, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_router_records_the_address_it_sends_from, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_spent_hop_count_is_told_of, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_narrow_way_is_told_of_or_packets_cut, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_narrow_way_is_told_of_for_merged_segments, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_router_goes_by_its_interface, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(no_way_and_no_router, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(link_local_addresses_stay_on_their_link, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_better_router_of_the_link_is_named_and_used, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(directed_broadcasts_pass_only_when_allowed, router_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(the_forward_hook_may_refuse, router_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
