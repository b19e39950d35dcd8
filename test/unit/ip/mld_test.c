#include "ip_hosts.h"

static unsigned sent_mld(const uint8_t *out[8], const struct wire_ipv6 *headers[8])
{
    unsigned n = 0;
    for (unsigned i = 0; i < hosts.frame_count && n < 8; i++) {
        const struct frame *f = &hosts.frames[i];
        if (!f->is_outgoing || f->at[12] != 0x86 || f->at[20] != IPPROTO_HOPOPTS) continue;
        headers[n] = (const void *)(f->at + 14);
        out[n++] = f->at + 14 + 48;
    }
    return n;
}

static void query(uint16_t ms, const ip_addr_t *group, uint32_t bytes)
{
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[1], bytes, &at);
    at[0] = 130;
    be16_t code = be16(ms);
    memcpy(at + 4, &code, 2);
    memcpy(at + 8, group->bytes, 16);
    ip_addr_t to = a6(0xff02, 1), from = ip_interface_identifier(hosts.eth[1], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } });
    struct ip_send send = { .source = from, .destination = to, .protocol = IPPROTO_ICMPV6, .ttl = 1 };
    assert_int_equal(icmp_send(&hosts.nets[1], p, &send, (int32_t)hosts.eth[1]->ifindex), 0);
}

static void joins_and_leaves_are_told_twice_as_version_2(void **state)
{
    (void)state;
    ip_addr_t group = a6(0xff05, 0x1234);
    const uint8_t *m[8];
    const struct wire_ipv6 *h[8];
    assert_int_equal(ip_group_join(hosts.eth[0], &group), 0);
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(m[i][0], 143);
        assert_memory_equal(m[i] + 4, "\0\0\0\1\4\0\0\0", 8);
        assert_memory_equal(m[i] + 12, group.bytes, 16);
        assert_int_equal(h[i]->hop_limit, 1);
        assert_int_equal(h[i]->source[0], 0xfe);
        assert_int_equal(h[i]->destination[15], 0x16);
        assert_memory_equal(h[i] + 1, "\72\0\5\2\0\0\1\0", 8);
        uint32_t sum = checksum_partial(h[i]->source, 32, 0);
        be32_t tail[2] = { be32(28), be32(58) };
        assert_int_equal(checksum_fold(checksum_partial(m[i], 28, checksum_partial(tail, 8, sum))).raw, 0);
    }
    hosts.frame_count = 0;
    ip_group_leave(hosts.eth[0], &group);
    hosts_run(5 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 2);
    assert_int_equal(m[0][8], 3);
}

static void queries_are_answered_in_their_version(void **state)
{
    (void)state;
    ip_addr_t group = a6(0xff05, 0x1234), any = ip_any6();
    const uint8_t *m[8];
    const struct wire_ipv6 *h[8];
    ip_group_join(hosts.eth[0], &group);
    hosts_run(5 * NS_PER_S);
    hosts.frame_count = 0;
    query(1000, &group, 28);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 1);
    assert_int_equal(m[0][8], 2);
    hosts.frame_count = 0;
    query(1000, &any, 28); /* every group but all-nodes: two solicited-node ones and ours */
    hosts_run(2 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 3);
    hosts.frame_count = 0;
    query(1000, &group, 24);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 1);
    assert_int_equal(m[0][0], 131);
    assert_memory_equal(h[0]->destination, group.bytes, 16);
    hosts.frame_count = 0;
    ip_group_leave(hosts.eth[0], &group);
    hosts_run(12 * NS_PER_S);
    assert_int_equal(sent_mld(m, h), 1);
    assert_int_equal(m[0][0], 132);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_and_leaves_are_told_twice_as_version_2, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(queries_are_answered_in_their_version, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
