#include "ip_hosts.h"

static struct neighbour *entry(int i, ip_addr_t a)
{
    struct neighbour *n = neighbour_lookup(hosts.eth[i], &a, false);
    if (n) neighbour_put(n); /* the table keeps it */
    return n;
}

static void talk(ip_addr_t to)
{
    struct ip_send send = { 0 };
    assert_int_equal(hosts_send(0, &to, 10, &send), 0);
    hosts_run(0);
    packet_queue_purge(&hosts.got);
}

static unsigned solicitations(bool unicast)
{
    unsigned n = 0;
    for (unsigned i = 0; i < hosts.frame_count; i++) {
        const struct frame *f = &hosts.frames[i];
        bool asks = f->is_outgoing && ((f->at[12] == 8 && f->at[13] == 6 && f->at[21] == 1) ||
                                       (f->at[12] == 0x86 && f->at[20] == 58 && f->at[54] == 135 && f->at[62] != 0xfe)); /* not for the link-local one */
        if (asks && !memcmp(f->at + 6, hosts.eth[0]->mac.bytes, 6)) n += unicast == !(f->at[0] & 1);
    }
    return n;
}

static void an_entry_lives_as_linux_s_do(void **state)
{
    (void)state;
    ip_addr_t to[] = { a4(10, 0, 0, 2), a6(0xfd00, 2) };
    for (int i = 0; i < 2; i++) {
        hosts.frame_count = 0;
        hosts.eth[0]->ip->neighbour4->base_reachable_time_ms = hosts.eth[0]->ip->neighbour6->base_reachable_time_ms = 30000;
        assert_null(entry(0, to[i]));
        talk(to[i]);
        struct neighbour *n = entry(0, to[i]);
        assert_int_equal(n->state, NUD_REACHABLE);
        assert_memory_equal(n->mac.bytes, hosts.eth[1]->mac.bytes, 6);
        assert_int_equal(solicitations(false), 1);
        hosts_run(120 * NS_PER_S); /* longer than any reachable time */
        assert_int_equal(n->state, NUD_STALE);
        talk(to[i]);
        assert_int_equal(n->state, NUD_DELAY);
        assert_int_equal(solicitations(true), 0);
        hosts_run(5 * NS_PER_S + NS_PER_MS); /* delay_first_probe_time, then a unicast probe, answered */
        assert_int_equal(n->state, NUD_REACHABLE);
        assert_int_equal(solicitations(true), 1);
    }
}

static void progress_above_saves_the_probe(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    talk(to);
    struct neighbour *n = entry(0, to);
    hosts_run(120 * NS_PER_S);
    hosts.frame_count = 0;
    talk(to);
    assert_int_equal(n->state, NUD_DELAY);
    neighbour_confirm(n);
    assert_int_equal(n->state, NUD_DELAY); /* until its time is up */
    hosts_run(6 * NS_PER_S);
    assert_int_equal(n->state, NUD_REACHABLE);
    assert_int_equal(solicitations(true), 0);
}

static void a_neighbour_that_went_silent_fails(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    talk(to);
    struct neighbour *n = entry(0, to);
    hosts_run(120 * NS_PER_S);
    device_set_up(hosts.eth[1], false);
    hosts.frame_count = 0;
    talk(to);
    hosts_run(9 * NS_PER_S);
    assert_int_equal(n->state, NUD_FAILED);
    assert_int_equal(solicitations(true), 3);
    device_set_up(hosts.eth[1], true);
    hosts.frame_count = 0;
    talk(to);
    assert_int_equal(n->state, NUD_REACHABLE);
    assert_int_equal(solicitations(false), 1);
}

static void what_waits_is_bounded_and_goes_in_order(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    device_set_up(hosts.eth[1], false);
    hosts.eth[0]->ip->neighbour4->unres_qlen_bytes = 500;
    for (unsigned i = 0; i < 20; i++) {
        struct ip_send send = { .tos = (uint8_t)(i << 2) };
        assert_int_equal(hosts_send(0, &to, 80, &send), 0);
    }
    assert_int_equal(hosts.nets[0].drops[DROP_NEIGH_QUEUEFULL], 15);
    device_set_up(hosts.eth[1], true);
    hosts_run(1100 * NS_PER_MS);
    assert_int_equal(hosts.got.count, 5);
    for (unsigned i = 15; i < 20; i++) {
        struct packet *p = packet_queue_pop(&hosts.got);
        assert_int_equal(p->ip.tos >> 2, i);
        packet_consume(p);
    }
}

static void permanent_entries_hear_only_the_administrator(void **state)
{
    (void)state;
    ip_addr_t to = a4(10, 0, 0, 2);
    struct mac_addr fixed = { { 2, 1, 1, 1, 1, 1 } }, other = { { 2, 2, 2, 2, 2, 2 } };
    struct neighbour *n = neighbour_lookup(hosts.eth[0], &to, true);
    assert_int_equal(neighbour_update(n, &fixed, NUD_PERMANENT, NEIGHBOUR_ADMIN), 0);
    assert_int_equal(neighbour_update(n, &other, NUD_REACHABLE, NEIGHBOUR_OVERRIDE), -EPERM);
    assert_memory_equal(n->mac.bytes, fixed.bytes, 6);
    hosts_run(1000 * NS_PER_S);
    assert_int_equal(n->state, NUD_PERMANENT);
    device_set_up(hosts.eth[0], false);
    assert_ptr_equal(entry(0, to), n);
    assert_int_equal(neighbour_update(n, NULL, NUD_FAILED, NEIGHBOUR_ADMIN), 0);
    neighbour_put(n);
}

static void an_address_may_move_by_override_only(void **state)
{
    (void)state;
    ip_addr_t to = a6(0xfd00, 2);
    struct mac_addr other = { { 2, 2, 2, 2, 2, 2 } };
    talk(to);
    struct neighbour *n = entry(0, to);
    assert_int_equal(neighbour_update(n, &other, NUD_STALE, 0), 0);
    assert_memory_equal(n->mac.bytes, hosts.eth[1]->mac.bytes, 6);
    assert_int_equal(n->state, NUD_REACHABLE);
    assert_int_equal(neighbour_update(n, &other, NUD_REACHABLE, NEIGHBOUR_WEAK_OVERRIDE), 0); /* RFC 4861 §7.2.5: doubt, keep */
    assert_int_equal(n->state, NUD_STALE);
    assert_memory_equal(n->mac.bytes, hosts.eth[1]->mac.bytes, 6);
    assert_int_equal(neighbour_update(n, &other, NUD_REACHABLE, NEIGHBOUR_OVERRIDE), 0);
    assert_memory_equal(n->mac.bytes, other.bytes, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_lives_as_linux_s_do, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(progress_above_saves_the_probe, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(a_neighbour_that_went_silent_fails, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_bounded_and_goes_in_order, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(permanent_entries_hear_only_the_administrator, hosts_setup, hosts_teardown),
        cmocka_unit_test_setup_teardown(an_address_may_move_by_override_only, hosts_setup, hosts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
