#include "ip_hosts.h"

static ip_addr_t parse6(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { be32_t w[4] = { be32(a), be32(b), be32(c), be32(d) }; return ip_from6(w); }

static void add6(ip_addr_t a, unsigned bits, uint32_t flags)
{
    assert_int_equal(ip_address_add(hosts.eth[0], &a, bits, NULL, IFA_F_NODAD, 0), 0);
    ip_address_find(hosts.eth[0], &a)->flags |= flags;
}

static void rfc_6724_rules(void **state)
{
    (void)state;
    ip_addr_t global = parse6(0x20010db8, 0, 0, 1), deprecated = parse6(0x20010db8, 0, 0, 2), six_to_four = parse6(0x20020a00, 0x00010000, 0, 1),
        near = parse6(0x20010db8, 0x00010000, 0, 1), got;
    add6(deprecated, 64, IFA_F_DEPRECATED);
    add6(global, 64, 0);
    add6(six_to_four, 64, 0);
    add6(near, 64, 0);
    struct { ip_addr_t to, source; } rows[] = {
        { deprecated, deprecated },                                /* 1: the same address */
        { parse6(0xfe800000, 0, 0, 99), ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } }) }, /* 2: scope */
        { parse6(0x20010db8, 0, 0, 77), global },                  /* 3: not the deprecated one */
        { parse6(0x20020b00, 0, 0, 1), six_to_four },              /* 6: the same label */
        { parse6(0x20010db8, 0x00010000, 0, 9), near },            /* 8: the longest common prefix */
        { a6(0xfd00, 9), a6(0xfd00, 1) },                          /* 6: unique local to unique local */
        { parse6(0xff020000, 0, 0, 1), ip_interface_identifier(hosts.eth[0], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } }) },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        assert_true(ip6_select_source(&hosts.nets[0], hosts.eth[0], &rows[i].to, &got));
        assert_true(ip_equal(&got, &rows[i].source));
    }
}

static void tentative_addresses_do_not_speak(void **state)
{
    (void)state;
    ip_addr_t a = parse6(0x20010db8, 0, 0, 1), to = parse6(0x20010db8, 0, 0, 2), got;
    assert_int_equal(ip_address_add(hosts.eth[0], &a, 64, NULL, 0, 0), 0);
    ip6_select_source(&hosts.nets[0], hosts.eth[0], &to, &got);
    assert_false(ip_equal(&got, &a));
    hosts_run(3 * NS_PER_S);
    ip6_select_source(&hosts.nets[0], hosts.eth[0], &to, &got);
    assert_true(ip_equal(&got, &a));
}

static void ipv4_takes_the_primary_of_the_subnet_within_scope(void **state)
{
    (void)state;
    ip_addr_t secondary = a4(10, 0, 0, 9), other = a4(172, 16, 0, 1), hidden = a4(192, 168, 0, 1), got;
    ip_address_add(hosts.eth[0], &secondary, 24, NULL, 0, RT_SCOPE_UNIVERSE);
    ip_address_add(hosts.eth[0], &other, 16, NULL, 0, RT_SCOPE_UNIVERSE);
    ip_address_add(hosts.eth[0], &hidden, 16, NULL, 0, RT_SCOPE_LINK);
    struct { ip_addr_t to, source; uint8_t scope; } rows[] = {
        { a4(10, 0, 0, 50), a4(10, 0, 0, 1), RT_SCOPE_UNIVERSE }, { a4(172, 16, 9, 9), other, RT_SCOPE_UNIVERSE },
        { a4(8, 8, 8, 8), a4(10, 0, 0, 1), RT_SCOPE_UNIVERSE }, { a4(192, 168, 3, 3), a4(10, 0, 0, 1), RT_SCOPE_UNIVERSE }, { a4(192, 168, 3, 3), hidden, RT_SCOPE_LINK },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        assert_true(ip4_select_source(&hosts.nets[0], hosts.eth[0], &rows[i].to, rows[i].scope, &got));
        assert_true(ip_equal(&got, &rows[i].source));
    }
    /* An interface without addresses borrows one. */
    assert_true(ip4_select_source(&hosts.nets[0], NULL, NULL, RT_SCOPE_UNIVERSE, &got));
    assert_true(ip_equal(&got, &(ip_addr_t){ .word = { 0, 0, IP_MAPPED_WORD2, be32(0x0a000001).raw } }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc_6724_rules, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(tentative_addresses_do_not_speak, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(ipv4_takes_the_primary_of_the_subnet_within_scope, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
