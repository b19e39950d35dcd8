#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wired_net.h"
#include "netfilter/hook.h"

struct noting { struct netfilter_hook hook; enum netfilter_verdict verdict; };
static int order[16];
static unsigned ran;

static enum netfilter_verdict note(struct netfilter_hook *h, struct packet *p, const struct netfilter_state *state)
{
    struct noting *n = container_of(h, struct noting, hook);
    (void)state;
    order[ran++] = h->priority;
    if (n->verdict == NETFILTER_STOLEN) packet_consume(p);
    return n->verdict;
}

static struct packet *some(void)
{
    struct packet *p = packet_create(&wired.machine, 10);
    p->net = &wired.nets[0];
    return p;
}

static void hooks_run_by_priority_and_the_first_refusal_ends_it(void **state)
{
    (void)state;
    struct net *net = &wired.nets[0];
    struct netfilter_state at = { .net = net, .point = NETFILTER_INPUT, .version = 4 };
    struct noting late = { { .priority = 100, .run = note }, NETFILTER_ACCEPT }, early = late, middle = late;
    early.hook.priority = -100;
    middle.hook.priority = 0;
    assert_int_equal(netfilter_net_start(net), 0);
    netfilter_add(net, NETFILTER_INPUT, 4, &late.hook);
    netfilter_add(net, NETFILTER_INPUT, 4, &early.hook);
    netfilter_add(net, NETFILTER_INPUT, 4, &middle.hook);
    struct packet *p = some();
    ran = 0;
    assert_true(netfilter_pass(p, &at));
    assert_int_equal(ran, 3);
    assert_int_equal(order[0], -100);
    assert_int_equal(order[1], 0);
    assert_int_equal(order[2], 100);
    at.version = 6;
    assert_true(netfilter_pass(p, &at));
    assert_int_equal(ran, 3);
    at.version = 4;
    middle.verdict = NETFILTER_DROP;
    assert_false(netfilter_pass(p, &at));
    assert_int_equal(ran, 5);
    assert_int_equal(net->drops[DROP_NETFILTER_DROP], 1);
    middle.verdict = NETFILTER_STOLEN;
    assert_false(netfilter_pass(some(), &at));
    assert_int_equal(net->drops[DROP_NETFILTER_DROP], 1);
    netfilter_remove(&middle.hook);
    p = some();
    assert_true(netfilter_pass(p, &at));
    packet_consume(p);
    netfilter_net_stop(net);
    assert_null(net->netfilter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hooks_run_by_priority_and_the_first_refusal_ends_it, wired_setup, wired_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
