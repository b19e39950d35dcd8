#include "ip_hosts.h"

/* The IGMP messages that left eth0 of net 0, as bytes behind the IP header. */
static unsigned sent_igmp(const uint8_t *out[8], const struct wire_ipv4 *headers[8])
{
    unsigned n = 0;
    for (unsigned i = 0; i < hosts.frame_count && n < 8; i++) {
        const struct frame *f = &hosts.frames[i];
        if (!f->is_outgoing || f->at[12] != 8 || f->at[13] || f->at[23] != IPPROTO_IGMP || f->at[29] != 1) continue;
        headers[n] = (const void *)(f->at + 14);
        out[n++] = f->at + 14 + (f->at[14] & 15) * 4;
    }
    return n;
}

static void query(uint8_t code, const char *group4, uint32_t bytes)
{
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[1], bytes, &at);
    at[0] = 0x11;
    at[1] = code;
    memcpy(at + 4, group4, 4);
    be16_t check = checksum_fold(packet_checksum(p, 0, bytes, 0));
    memcpy(at + 2, &check, 2);
    ip_addr_t to = a4(224, 0, 0, 1);
    struct ip_flow flow = { .destination = to, .out_ifindex = (int32_t)hosts.eth[1]->ifindex };
    int error;
    struct route *r = route_output(&hosts.nets[1], &flow, &error);
    struct ip_send send = { .source = a4(10, 0, 0, 2), .destination = to, .protocol = IPPROTO_IGMP, .ttl = 1 };
    assert_int_equal(ip_output(&hosts.nets[1], p, r, &send), 0);
    route_put(r);
}

static void joins_and_leaves_are_told_twice_as_version_3(void **state)
{
    (void)state;
    ip_addr_t group = a4(239, 1, 2, 3);
    const uint8_t *m[8];
    const struct wire_ipv4 *h[8];
    assert_int_equal(ip_group_join(hosts.eth[0], &group), 0);
    assert_int_equal(ip_group_join(hosts.eth[0], &group), 0);
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 2);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(m[i] + 4, "\0\0\0\1\4\0\0\0\357\1\2\3", 12); /* one record: change to exclude nothing */
        assert_int_equal(m[i][0], 0x22);
        assert_int_equal(checksum_fold(checksum_partial(m[i], 16, 0)).raw, 0);
        assert_int_equal(h[i]->ttl, 1);
        assert_int_equal(h[i]->tos, 0xc0);
        assert_int_equal(h[i]->version_ihl, 0x46);
        assert_int_equal(host32(h[i]->destination), 0xe0000016);
        assert_memory_equal(h[i] + 1, "\224\4\0\0", 4);
    }
    hosts.frame_count = 0;
    ip_group_leave(hosts.eth[0], &group);
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 0); /* one user is left */
    ip_group_leave(hosts.eth[0], &group);
    assert_false(ip_group_has(hosts.eth[0], &group));
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 2);
    assert_int_equal(m[0][8], 3);
    assert_int_equal(ip_group_leave(hosts.eth[0], &group), -EADDRNOTAVAIL);
}

static void queries_are_answered_in_their_version(void **state)
{
    (void)state;
    ip_addr_t group = a4(239, 1, 2, 3);
    const uint8_t *m[8];
    const struct wire_ipv4 *h[8];
    ip_group_join(hosts.eth[0], &group);
    hosts_run(5 * NS_PER_S);
    hosts.frame_count = 0;
    query(100, "\0\0\0\0", 12);
    hosts_run(11 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 1);
    assert_int_equal(m[0][0], 0x22);
    assert_int_equal(m[0][8], 2); /* is exclude */
    hosts.frame_count = 0;
    query(10, "\357\1\2\4", 8); /* another group: not ours, but the querier speaks version 2 */
    query(10, "\357\1\2\3", 8);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 1);
    assert_int_equal(m[0][0], 0x16);
    assert_int_equal(host32(h[0]->destination), 0xef010203);
    hosts.frame_count = 0;
    ip_group_leave(hosts.eth[0], &group);
    hosts_run(12 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 1);
    assert_int_equal(m[0][0], 0x17);
    assert_int_equal(host32(h[0]->destination), 0xe0000002);
}

static void all_hosts_is_joined_and_not_told(void **state)
{
    (void)state;
    ip_addr_t all = a4(224, 0, 0, 1);
    const uint8_t *m[8];
    const struct wire_ipv4 *h[8];
    assert_true(ip_group_has(hosts.eth[0], &all));
    query(10, "\0\0\0\0", 12);
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_igmp(m, h), 0);
}

static void multicast_goes_only_to_members(void **state)
{
    (void)state;
    ip_addr_t group = a4(239, 1, 2, 3);
    struct ip_flow flow = { .destination = group, .out_ifindex = (int32_t)hosts.eth[0]->ifindex };
    int error;
    struct ip_send send = { .source = a4(10, 0, 0, 1), .destination = group, .protocol = TEST_PROTOCOL };
    struct route *r = route_output(&hosts.nets[0], &flow, &error);
    ip_output(&hosts.nets[0], hosts_message(0, 9), r, &send);
    hosts_run(0);
    assert_int_equal(hosts.got.count, 0);
    ip_group_join(hosts.eth[1], &group);
    ip_output(&hosts.nets[0], hosts_message(0, 9), r, &send);
    hosts_run(0);
    hosts_check_message(9);
    assert_int_equal(hosts.nets[1].mib[MIB_IpExt_InMcastPkts], 1);
    route_put(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_and_leaves_are_told_twice_as_version_3, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(queries_are_answered_in_their_version, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(all_hosts_is_joined_and_not_told, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(multicast_goes_only_to_members, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
