#include "ip_hosts.h"

/* From net 0 to nobody's protocol in net 1: an error about it comes back. */
static void unknown_protocols_are_told_of(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2), to6 = a6(0xfd00, 2);
    struct ip_send send = { .protocol = 200 }, send6 = { .protocol = 200 };
    assert_int_equal(hosts_send(0, &to, 40, &send), 0);
    assert_int_equal(hosts_send(0, &to6, 40, &send6), 0);
    hosts_run(0);
    struct net *a = &hosts.nets[0], *b = &hosts.nets[1];
    assert_int_equal(b->mib[MIB_Ip_InUnknownProtos], 1);
    assert_int_equal(b->mib[MIB_Ip6_InUnknownProtos], 1);
    assert_int_equal(b->mib[MIB_Icmp_OutDestUnreachs], 1);
    assert_int_equal(b->mib[MIB_Icmp6_OutParmProblems], 1);
    assert_int_equal(a->mib[MIB_Icmp_InDestUnreachs], 1);
    assert_int_equal(a->icmp_types_in[ICMP_DEST_UNREACH], 1);
    assert_int_equal(a->mib[MIB_Icmp6_InParmProblems], 1);
    assert_int_equal(hosts.raw_count >= 4, true);
}

static void send_error_about(int i, const ip_addr_t *to, uint8_t type, uint8_t code, uint32_t info)
{
    struct ip_send send = { 0 };
    assert_int_equal(hosts_send(0, to, 600, &send), 0);
    hosts_run(0);
    struct packet *p = packet_queue_pop(&hosts.got);
    assert_non_null(p);
    (void)i;
    icmp_send_error(p, type, code, info);
    packet_consume(p);
    hosts_run(0);
}

static void errors_reach_the_transport_with_what_they_mean(void **state)
{
    (void)state;
    struct { bool six; uint8_t type, code; uint32_t info, told_info; int error; bool is_fatal; } rows[] = {
        { false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 0, ECONNREFUSED, true }, { false, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0, EHOSTUNREACH, false },
        { false, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1300, 1300, EMSGSIZE, false }, { false, ICMP_PARAMETERPROB, 0, 20u << 24, 20, EPROTO, true },
        { false, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, 0, EHOSTUNREACH, false }, { true, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0, 0, ECONNREFUSED, true },
        { true, ICMPV6_PKT_TOOBIG, 0, 1400, 1400, EMSGSIZE, false }, { true, ICMPV6_TIME_EXCEED, 0, 0, 0, EHOSTUNREACH, false },
        { true, ICMPV6_PARAMPROB, 0, 40, 40, EPROTO, true }, { true, ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, 0, 0, EACCES, true },
    };
    ip_addr_t to[2] = { a4(10, 0, 0, 2), a6(0xfd00, 2) }, from[2] = { a4(10, 0, 0, 1), a6(0xfd00, 1) };
    for (size_t i = 0; i < array_count(rows); i++) {
        hosts.told_count = 0;
        send_error_about(1, &to[rows[i].six], rows[i].type, rows[i].code, rows[i].info);
        assert_int_equal(hosts.told_count, 1);
        const struct told *t = &hosts.told[0];
        assert_int_equal(t->e.version, rows[i].six ? 6 : 4);
        assert_int_equal(t->e.type, rows[i].type);
        assert_int_equal(t->e.code, rows[i].code);
        assert_int_equal(t->e.info, rows[i].told_info);
        assert_int_equal(t->e.error, rows[i].error);
        assert_int_equal(t->e.is_fatal, rows[i].is_fatal);
        assert_true(ip_equal(&t->e.offender, &to[rows[i].six]));
        assert_true(ip_equal(&t->source, &from[rows[i].six]));
        assert_true(ip_equal(&t->destination, &to[rows[i].six]));
        assert_int_equal(t->first_byte, 0);
    }
}

static const struct frame *last_frame(uint16_t type, uint8_t protocol)
{
    for (unsigned i = hosts.frame_count; i-- > 0;) {
        const struct frame *f = &hosts.frames[i];
        if (f->is_outgoing && (f->at[12] << 8 | f->at[13]) == type && f->at[type == ETH_P_IP ? 23 : 20] == protocol) return f;
    }
    return NULL;
}

static void quotes_are_as_long_as_linux_makes_them(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2), to6 = a6(0xfd00, 2);
    send_error_about(1, &to, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
    const struct frame *f = last_frame(ETH_P_IP, IPPROTO_ICMP);
    assert_int_equal(f->bytes, 14 + 576);
    assert_int_equal(f->at[15], 0xc0); /* precedence: internetwork control */
    hosts.frame_count = 0;
    struct ip_send send = { 0 };
    hosts_send(0, &to6, 1400, &send);
    hosts_run(0);
    struct packet *p = packet_queue_pop(&hosts.got);
    assert_non_null(p);
    icmp_send_error(p, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
    packet_consume(p);
    hosts_run(0);
    f = last_frame(ETH_P_IPV6, IPPROTO_ICMPV6);
    assert_int_equal(f->bytes, 14 + 1280);
}

static void nothing_is_said_about_errors_and_multicasts(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    struct ip_send send = { .protocol = 200, .source = a4(10, 0, 0, 1) };
    ip_addr_t all = a4(10, 0, 0, 255), group = a4(224, 0, 0, 1), to = a4(10, 0, 0, 2);
    assert_int_equal(hosts_send(0, &all, 10, &send), 0);
    assert_int_equal(hosts_send(0, &group, 10, &send), 0);
    hosts_run(0);
    assert_int_equal(b->mib[MIB_Ip_InUnknownProtos], 2);
    assert_int_equal(b->mib[MIB_Icmp_OutMsgs], 0);
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[0], 36, &at); /* an error message with a strange quote */
    at[0] = ICMP_DEST_UNREACH;
    at[8] = 0x45;
    struct ip_send how = { .destination = to, .protocol = IPPROTO_ICMP };
    how.source = ip_any4();
    assert_int_equal(icmp_send(&hosts.nets[0], p, &how, 0), 0);
    hosts_run(0);
    assert_int_equal(b->mib[MIB_Icmp_InDestUnreachs], 1);
    assert_int_equal(b->mib[MIB_Icmp_OutMsgs], 0);
}

static void errors_are_limited_by_peer_and_in_all(void **state)
{
    (void)state;
    struct net *b = &hosts.nets[1];
    ip_addr_t to = a4(10, 0, 0, 2);
    for (int i = 0; i < 10; i++) {
        struct ip_send send = { .protocol = 200 };
        hosts_send(0, &to, 10, &send);
        hosts_run(0);
    }
    assert_int_equal(b->mib[MIB_Icmp_OutDestUnreachs], 6); /* a burst of six, then one each icmp_ratelimit */
    assert_int_equal(b->mib[MIB_Icmp_OutRateLimitHost], 4);
    hosts_run(NS_PER_S);
    for (int i = 0; i < 3; i++) {
        struct ip_send send = { .protocol = 200 };
        hosts_send(0, &to, 10, &send);
        hosts_run(0);
    }
    assert_int_equal(b->mib[MIB_Icmp_OutDestUnreachs], 7);
    b->sysctl.icmp_msgs_burst = 0;
    struct ip_send send = { .protocol = 200 };
    hosts_run(NS_PER_S);
    hosts_send(0, &to, 10, &send);
    hosts_run(0);
    assert_int_equal(b->mib[MIB_Icmp_OutRateLimitGlobal], 1);
}

static struct packet *echo(int i, bool six, uint32_t bytes)
{
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[i], bytes, &at);
    at[0] = six ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
    for (uint32_t k = 8; k < bytes; k++) at[k] = (uint8_t)k;
    return p;
}

static void echo_is_answered(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2), a4(10, 0, 0, 1), a6(0, 1) };
    for (size_t i = 0; i < array_count(to); i++) {
        bool six = !ip_is4(&to[i]);
        struct ip_send how = { .source = ip_any6(), .destination = to[i], .protocol = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP };
        if (!six) how.source = ip_any4();
        assert_int_equal(icmp_send(&hosts.nets[0], echo(0, six, 3000), &how, 0), 0);
        hosts_run(0);
    }
    assert_int_equal(hosts.nets[0].mib[MIB_Icmp_InEchoReps], 2);
    assert_int_equal(hosts.nets[0].mib[MIB_Icmp6_InEchoReplies], 2);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp_InEchos], 1);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp6_OutEchoReplies], 1);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp6_InEchos], 1);
    hosts.nets[1].sysctl.icmp_echo_ignore_all = 1;
    struct ip_send how = { .source = ip_any4(), .destination = to[0], .protocol = IPPROTO_ICMP };
    icmp_send(&hosts.nets[0], echo(0, false, 8), &how, 0);
    hosts_run(0);
    assert_int_equal(hosts.nets[0].mib[MIB_Icmp_InEchoReps], 2);
}

static void a_broken_checksum_is_counted(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2), to6 = a6(0xfd00, 2);
    struct ip_send send = { .protocol = IPPROTO_ICMP }, send6 = { .protocol = IPPROTO_ICMPV6 };
    hosts_send(0, &to, 20, &send);
    hosts_send(0, &to6, 20, &send6);
    hosts_run(0);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp_InCsumErrors], 1);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp_InErrors], 1);
    assert_int_equal(hosts.nets[1].mib[MIB_Icmp6_InCsumErrors], 1);
}

static void a_silent_neighbour_is_told_of_after_three_seconds(void **state)
{
    (void)state;
    ip_addr_t nobody[] = { a4(10, 0, 0, 77), a6(0xfd00, 77) };
    for (int i = 0; i < 2; i++) {
        struct ip_send send = { 0 };
        hosts.told_count = 0;
        assert_int_equal(hosts_send(0, &nobody[i], 20, &send), 0);
        hosts_run(2 * NS_PER_S + 900 * NS_PER_MS);
        assert_int_equal(hosts.told_count, 0);
        hosts_run(200 * NS_PER_MS);
        assert_int_equal(hosts.told_count, 1);
        assert_int_equal(hosts.told[0].e.error, EHOSTUNREACH);
        assert_true(ip_equal(&hosts.told[0].destination, &nobody[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_protocols_are_told_of, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(errors_reach_the_transport_with_what_they_mean, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(quotes_are_as_long_as_linux_makes_them, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_about_errors_and_multicasts, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(errors_are_limited_by_peer_and_in_all, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(echo_is_answered, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_broken_checksum_is_counted, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_silent_neighbour_is_told_of_after_three_seconds, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
