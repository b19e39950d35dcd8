#include "ip_hosts.h"

static const struct mac_addr stranger = { { 2, 9, 9, 9, 9, 9 } };

/* An ARP message into eth0 of net 1 from a stranger. */
static void arp(uint16_t operation, ip_addr_t sender, ip_addr_t target, uint8_t kind)
{
    struct packet *p = packet_create(&hosts.machine, 28);
    struct wire_arp *h = (void *)packet_put(p, 28);
    *h = (struct wire_arp){ .hardware = be16(1), .protocol = be16(ETH_P_IP), .hardware_bytes = 6, .protocol_bytes = 4, .operation = be16(operation),
        .sender_mac = stranger, .sender_ip = ip_get4(&sender), .target_ip = ip_get4(&target) };
    p->net = &hosts.nets[1];
    p->kind = kind;
    hosts.frame_count = 0;
    arp_receive(hosts.eth[1], p);
    hosts_run(0);
}

static const struct wire_arp *answer(void)
{
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        const struct frame *f = &hosts.frames[i];
        if (f->is_outgoing && f->at[12] == 8 && f->at[13] == 6 && f->at[21] == 2) return (const void *)(f->at + 14);
    }
    return NULL;
}

static struct neighbour *known(ip_addr_t a)
{
    struct neighbour *n = neighbour_lookup(hosts.eth[1], &a, false);
    if (n) neighbour_put(n);
    return n;
}

static void requests_for_us_are_answered_and_teach(void **state)
{
    (void)state;
    ip_addr_t sender = a4(10, 0, 0, 9), us = a4(10, 0, 0, 2);
    arp(ARPOP_REQUEST, sender, us, PACKET_BROADCAST);
    const struct wire_arp *h = answer();
    assert_non_null(h);
    assert_memory_equal(h->sender_mac.bytes, hosts.eth[1]->mac.bytes, 6);
    assert_memory_equal(h->target_mac.bytes, stranger.bytes, 6);
    assert_int_equal(host32(h->sender_ip), 0x0a000002);
    assert_int_equal(host32(h->target_ip), 0x0a000009);
    assert_int_equal(known(sender)->state, NUD_STALE);
}

static void probes_are_answered_and_teach_nothing(void **state)
{
    (void)state;
    arp(ARPOP_REQUEST, ip_any4(), a4(10, 0, 0, 2), PACKET_BROADCAST);
    assert_non_null(answer());
    assert_null(known(ip_any4()));
}

static void others_are_left_alone(void **state)
{
    (void)state;
    struct { ip_addr_t sender, target; } rows[] = { { a4(10, 0, 0, 9), a4(10, 0, 0, 77) }, { a4(10, 0, 0, 9), a4(127, 0, 0, 1) },
        { a4(10, 0, 0, 9), a4(224, 0, 0, 1) }, { a4(224, 0, 0, 1), a4(10, 0, 0, 2) }, { a4(10, 0, 0, 9), a4(10, 0, 0, 255) } };
    for (size_t i = 0; i < array_count(rows); i++) {
        arp(ARPOP_REQUEST, rows[i].sender, rows[i].target, PACKET_BROADCAST);
        assert_null(answer());
        assert_null(known(rows[i].sender));
    }
    arp(ARPOP_REPLY, a4(10, 0, 0, 9), a4(10, 0, 0, 2), PACKET_HOST); /* nobody asked */
    assert_null(known(a4(10, 0, 0, 9)));
    arp(ARPOP_REQUEST, a4(10, 0, 0, 9), a4(10, 0, 0, 2), PACKET_OTHERHOST);
    assert_null(answer());
}

static void arp_ignore_is_obeyed(void **state)
{
    (void)state;
    ip_addr_t elsewhere = a4(172, 16, 0, 1);
    assert_int_equal(ip_address_add(hosts.nets[1].loopback, &elsewhere, 32, NULL, 0, 0), 0);
    arp(ARPOP_REQUEST, a4(10, 0, 0, 9), elsewhere, PACKET_BROADCAST);
    assert_non_null(answer()); /* Linux's weak host model */
    hosts.eth[1]->ip->config4.arp_ignore = 1;
    arp(ARPOP_REQUEST, a4(10, 0, 0, 9), elsewhere, PACKET_BROADCAST);
    assert_null(answer());
    hosts.eth[1]->ip->config4.arp_ignore = 2;
    arp(ARPOP_REQUEST, a4(10, 0, 0, 9), a4(10, 0, 0, 2), PACKET_BROADCAST);
    assert_non_null(answer());
    arp(ARPOP_REQUEST, a4(10, 9, 0, 9), a4(10, 0, 0, 2), PACKET_BROADCAST);
    assert_null(answer());
    hosts.eth[1]->ip->config4.arp_ignore = 8;
    arp(ARPOP_REQUEST, a4(10, 0, 0, 9), a4(10, 0, 0, 2), PACKET_BROADCAST);
    assert_null(answer());
}

static void gratuitous_arp_teaches_when_asked(void **state)
{
    (void)state;
    ip_addr_t one = a4(10, 0, 0, 9), far = a4(10, 3, 0, 9), other = a4(10, 0, 0, 10);
    arp(ARPOP_REQUEST, one, one, PACKET_BROADCAST);
    assert_null(known(one));
    hosts.eth[1]->ip->config4.arp_accept = 2; /* of our subnets */
    arp(ARPOP_REQUEST, far, far, PACKET_BROADCAST);
    assert_null(known(far));
    arp(ARPOP_REQUEST, one, one, PACKET_BROADCAST);
    assert_int_equal(known(one)->state, NUD_STALE);
    hosts.eth[1]->ip->config4.arp_accept = 1;
    arp(ARPOP_REQUEST, far, far, PACKET_BROADCAST);
    assert_non_null(known(far));
    hosts.eth[1]->ip->config4.drop_gratuitous_arp = 1;
    arp(ARPOP_REQUEST, other, other, PACKET_BROADCAST);
    assert_null(known(other));
}

static void an_interface_announces_itself_when_asked(void **state)
{
    (void)state;
    device_set_up(hosts.eth[1], false);
    hosts.eth[1]->ip->config4.arp_notify = 1;
    hosts.frame_count = 0;
    device_set_up(hosts.eth[1], true);
    unsigned told = 0;
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        const struct frame *f = &hosts.frames[i];
        told += f->is_outgoing && f->at[12] == 8 && f->at[13] == 6 && !memcmp(f->at + 28, f->at + 38, 4) && f->at[31] == 2;
    }
    assert_int_equal(told, 1);
}

static void a_new_claim_is_believed_only_after_the_locktime(void **state)
{
    (void)state;
    ip_addr_t peer = a4(10, 0, 0, 1), us = a4(10, 0, 0, 2);
    struct ip_send send = { 0 };
    hosts_send(1, &peer, 10, &send);
    hosts_run(0);
    assert_memory_equal(known(peer)->mac.bytes, hosts.eth[0]->mac.bytes, 6);
    arp(ARPOP_REPLY, peer, us, PACKET_HOST);
    assert_memory_equal(known(peer)->mac.bytes, hosts.eth[0]->mac.bytes, 6);
    hosts_run(2 * NS_PER_S);
    arp(ARPOP_REPLY, peer, us, PACKET_HOST);
    assert_memory_equal(known(peer)->mac.bytes, stranger.bytes, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_for_us_are_answered_and_teach, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(probes_are_answered_and_teach_nothing, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(others_are_left_alone, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(arp_ignore_is_obeyed, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(gratuitous_arp_teaches_when_asked, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_interface_announces_itself_when_asked, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_new_claim_is_believed_only_after_the_locktime, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
