#include "ip_hosts.h"

static ip_addr_t link_local(int i) { return ip_interface_identifier(hosts.eth[i], &(ip_addr_t){ .bytes = { 0xfe, 0x80 } }); }

/* A message of net 0's interface, into net 1's. */
static void say(uint8_t type, uint8_t flags, ip_addr_t target, uint8_t option, uint8_t option_length, ip_addr_t from, ip_addr_t to)
{
    uint8_t *at;
    struct packet *p = icmp_make(&hosts.nets[0], option ? 32 : 24, &at);
    at[0] = type;
    at[4] = flags;
    memcpy(at + 8, target.bytes, 16);
    if (option) {
        at[24] = option;
        at[25] = option_length;
        memcpy(at + 26, "\2\7\7\7\7\7", 6);
    }
    hosts.frame_count = 0;
    ip_neighbour_host.send(hosts.eth[0], p, &from, &to);
    hosts_run(0);
}

static const uint8_t *advert(void)
{
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        const struct frame *f = &hosts.frames[i];
        if (f->is_outgoing && f->at[12] == 0x86 && f->at[20] == 58 && f->at[54] == 136 && !memcmp(f->at + 6, hosts.eth[1]->mac.bytes, 6)) return f->at;
    }
    return NULL;
}

static struct neighbour *known(ip_addr_t a)
{
    struct neighbour *n = neighbour_lookup(hosts.eth[1], &a, false);
    if (n) neighbour_put(n);
    return n;
}

static void solicitations_are_answered_by_rfc_4861(void **state)
{
    (void)state;
    ip_addr_t us = a6(0xfd00, 2), from = link_local(0), group = ip_solicited_node(&us), nodes = a6(0xff02, 1);
    say(135, 0, us, 1, 1, from, group);
    const uint8_t *f = advert();
    assert_non_null(f);
    assert_int_equal(f[21], 255);
    assert_memory_equal(f + 38, from.bytes, 16);
    assert_int_equal(f[58], 0x60); /* solicited, override */
    assert_memory_equal(f + 62, us.bytes, 16);
    assert_memory_equal(f + 78, "\2\1", 2);
    assert_memory_equal(f + 80, hosts.eth[1]->mac.bytes, 6);
    assert_int_equal(known(from)->state, NUD_DELAY); /* stale, and used for the answer */
    assert_memory_equal(known(from)->mac.bytes, "\2\7\7\7\7\7", 6);
    say(135, 0, us, 0, 0, ip_any6(), group); /* somebody checks for a duplicate */
    f = advert();
    assert_int_equal(f[58], 0x20);
    assert_memory_equal(f + 38, nodes.bytes, 16);
    hosts.eth[1]->ip->config6.forwarding = 1;
    say(135, 0, us, 1, 1, from, group);
    assert_int_equal(advert()[58], 0xe0); /* a router */
}

static void bad_messages_are_not(void **state)
{
    (void)state;
    ip_addr_t us = a6(0xfd00, 2), from = link_local(0), group = ip_solicited_node(&us), nodes = a6(0xff02, 1);
    struct { uint8_t type; ip_addr_t target; uint8_t option, length; ip_addr_t from, to; enum drop_reason why; } rows[] = {
        { 135, us, 1, 0, from, group, DROP_IPV6_NDISC_BAD_OPTIONS }, { 135, us, 1, 9, from, group, DROP_IPV6_NDISC_BAD_OPTIONS },
        { 135, nodes, 1, 1, from, group, DROP_IPV6_NDISC_BAD_CODE }, { 135, us, 1, 1, ip_any6(), group, DROP_IPV6_NDISC_BAD_OPTIONS },
        { 135, us, 0, 0, ip_any6(), nodes, DROP_IPV6_NDISC_BAD_CODE }, { 135, a6(0xfd00, 3), 1, 1, from, group, DROP_IPV6_NDISC_NS_OTHERHOST },
        { 136, nodes, 2, 1, from, us, DROP_IPV6_NDISC_BAD_CODE },
    };
    for (size_t i = 0; i < array_count(rows); i++) {
        uint64_t before = hosts.nets[1].drops[rows[i].why];
        say(rows[i].type, 0, rows[i].target, rows[i].option, rows[i].length, rows[i].from, rows[i].to);
        if (rows[i].type == 135) assert_null(advert());
        assert_int_equal(hosts.nets[1].drops[rows[i].why], before + 1);
    }
}

static void advertisements_change_only_who_is_known(void **state)
{
    (void)state;
    ip_addr_t peer = a6(0xfd00, 1), us = a6(0xfd00, 2), stranger = a6(0xfd00, 9), nodes = a6(0xff02, 1);
    struct ip_send send = { 0 };
    say(136, 0x20, stranger, 2, 1, link_local(0), nodes);
    assert_null(known(stranger));
    hosts_send(1, &peer, 10, &send);
    hosts_run(0);
    assert_int_equal(known(peer)->state, NUD_REACHABLE);
    say(136, 0x40, peer, 2, 1, peer, us); /* solicited, no override, another address */
    assert_int_equal(known(peer)->state, NUD_STALE);
    assert_memory_equal(known(peer)->mac.bytes, hosts.eth[0]->mac.bytes, 6);
    say(136, 0xe0, peer, 2, 1, peer, us);
    assert_int_equal(known(peer)->state, NUD_REACHABLE);
    assert_memory_equal(known(peer)->mac.bytes, "\2\7\7\7\7\7", 6);
    assert_true(known(peer)->is_router);
    say(136, 0x20, peer, 2, 1, peer, nodes);
    assert_false(known(peer)->is_router);
}

/* Linux: without a packet that waits a solicitation comes from the link-local address; without one there is none. */
static void solicitations_come_from_the_link(void **state)
{
    (void)state;
    ip_addr_t peer = a6(0xfd00, 2), source = ip_any6(), own = link_local(0);
    assert_true(ip_neighbour_host.source_for(hosts.eth[0], NULL, &peer, &source));
    assert_memory_equal(source.bytes, own.bytes, 16);
    list_for_each(it, &hosts.eth[0]->ip->addresses6) list_entry(it, struct ip_address, node)->flags |= IFA_F_TENTATIVE;
    assert_false(ip_neighbour_host.source_for(hosts.eth[0], NULL, &peer, &source));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(solicitations_are_answered_by_rfc_4861, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(bad_messages_are_not, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(advertisements_change_only_who_is_known, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(solicitations_come_from_the_link, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
