#include "ip_hosts.h"

static void an_address_is_asked_for_and_then_ours(void **state)
{
    (void)state;
    ip_addr_t a = a6(0xfd05, 1);
    assert_int_equal(ip_address_add(hosts.eth[0], &a, 64, NULL, 0, 0), 0);
    struct ip_address *have = ip_address_find(hosts.eth[0], &a);
    assert_true(have->flags & IFA_F_TENTATIVE);
    assert_false(ip_is_local(&hosts.nets[0], &a));
    hosts_run(2 * NS_PER_S);
    assert_false(have->flags & IFA_F_TENTATIVE);
    assert_true(ip_is_local(&hosts.nets[0], &a));
    unsigned probes = 0;
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        const struct frame *f = &hosts.frames[i];
        if (!f->is_outgoing || f->at[20] != IPPROTO_ICMPV6 || f->at[54] != 135) continue;
        probes++;
        assert_int_equal(f->bytes, 14 + 40 + 24); /* no link-layer address option */
        assert_memory_equal(f->at, "\63\63\377\0\0\1", 6);
        assert_int_equal(f->at[21], 255);
        for (int k = 22; k < 38; k++) assert_int_equal(f->at[k], 0);
    }
    assert_int_equal(probes, 1);
}

static void an_address_of_another_stays_unused(void **state)
{
    (void)state;
    ip_addr_t a = a6(0xfd00, 2); /* net 1 has it */
    assert_int_equal(ip_address_add(hosts.eth[0], &a, 64, NULL, 0, 0), 0);
    hosts_run(3 * NS_PER_S);
    const struct ip_address *have = ip_address_find(hosts.eth[0], &a);
    assert_int_equal(have->flags, IFA_F_PERMANENT | IFA_F_TENTATIVE | IFA_F_DADFAILED);
    assert_false(ip_is_local(&hosts.nets[0], &a));
    assert_true(ip_is_local(&hosts.nets[1], &a));
}

static void of_two_who_ask_one_gives_way(void **state)
{
    (void)state;
    ip_addr_t a = a6(0xfd06, 9);
    for (int i = 0; i < 2; i++) {
        hosts.eth[i]->ip->config6.dad_transmits = 3;
        assert_int_equal(ip_address_add(hosts.eth[i], &a, 64, NULL, 0, 0), 0);
    }
    hosts_run(5 * NS_PER_S);
    unsigned failed = 0, in_use = 0;
    for (int i = 0; i < 2; i++) {
        failed += (ip_address_find(hosts.eth[i], &a)->flags & IFA_F_DADFAILED) != 0;
        in_use += ip_is_local(&hosts.nets[i], &a);
    }
    assert_int_equal(failed, 1);
    assert_int_equal(in_use, 1);
}

static void lifetimes_end(void **state)
{
    (void)state;
    ip_addr_t a = a6(0xfd07, 1);
    uint64_t now = hosts.machine.now_ns;
    assert_int_equal(ip_address_add(hosts.eth[0], &a, 64, NULL, 0, 0), 0);
    ip_address_lifetimes(ip_address_find(hosts.eth[0], &a), now + 100 * NS_PER_S, now + 50 * NS_PER_S);
    hosts_run(49 * NS_PER_S);
    assert_int_equal(ip_address_find(hosts.eth[0], &a)->flags, 0);
    hosts_run(2 * NS_PER_S);
    assert_int_equal(ip_address_find(hosts.eth[0], &a)->flags, IFA_F_DEPRECATED);
    hosts_run(50 * NS_PER_S);
    assert_null(ip_address_find(hosts.eth[0], &a));
    assert_false(ip_is_local(&hosts.nets[0], &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_is_asked_for_and_then_ours, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_address_of_another_stays_unused, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(of_two_who_ask_one_gives_way, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(lifetimes_end, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
