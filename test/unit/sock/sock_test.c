#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include "sock/sock.h"

static int received, released, destroyed;
static bool owned_while_received;

static void receive(struct sock *sk, struct packet *p)
{
    received++;
    owned_while_received = sk->is_owned;
    packet_consume(p);
}

static void release_work(struct sock *sk)
{
    (void)sk;
    released++;
}

static void destroy(struct sock *sk)
{
    (void)sk;
    destroyed++;
}

static const struct proto fake = { .name = "FAKE", .sock_bytes = sizeof(struct sock) + 64, .destroy = destroy, .backlog_receive = receive, .release_work = release_work };
static struct net *net;

static int setup(void **state)
{
    library_setup(state);
    net = ((struct machine *)machine)->initial_net;
    received = released = destroyed = 0;
    return 0;
}

static struct sock *made(void)
{
    struct sock *sk = sock_create(net, &fake, AF_INET, SOCK_STREAM, 250);

    assert_non_null(sk);
    return sk;
}

static struct packet *packet_of(uint32_t bytes)
{
    struct packet *p = packet_create(net->machine, bytes);

    assert_non_null(p);
    packet_put(p, bytes);
    p->net = net;
    return p;
}

static void packets_wait_for_the_outermost_release(void **state)
{
    struct sock *sk = made();
    struct packet *p = packet_of(10);

    (void)state;
    assert_true(sock_backlog_pass(sk, p)); /* nobody owns it: the caller goes on */
    sock_own(sk);
    sock_own(sk);
    assert_false(sock_backlog_pass(sk, p));
    sock_release(sk);
    assert_int_equal(received, 0);
    assert_true(sk->is_owned);
    sock_release(sk);
    assert_int_equal(received, 1);
    assert_true(owned_while_received);
    assert_int_equal(released, 1);
    assert_false(sk->is_owned);
    assert_int_equal(sk->backlog_bytes, 0);
    sock_put(sk);
    assert_int_equal(destroyed, 1);
}

static void the_backlog_has_a_limit(void **state)
{
    struct sock *sk = made();
    uint64_t drops = net->drops[DROP_SOCKET_BACKLOG];
    int taken = 0;

    (void)state;
    sk->receive_buffer_bytes = sk->send_buffer_bytes = 1000;
    sock_own(sk);
    for (int i = 0; i < 100; i++) sock_backlog_pass(sk, packet_of(10000));
    taken = (int)sk->backlog.count;
    assert_in_range(taken, 5, 8); /* 67,536 bytes of truesize, and one over */
    assert_int_equal(sk->drops, 100 - taken);
    assert_int_equal(net->drops[DROP_SOCKET_BACKLOG] - drops, 100 - taken);
    sock_release(sk);
    assert_int_equal(received, taken);
    sock_put(sk);
}

static void charges_end_with_the_packet(void **state)
{
    struct sock *sk = made();
    struct packet *p = packet_of(100), *q = packet_of(100);

    (void)state;
    assert_true(sock_charge_receive(sk, p));
    assert_int_equal(sk->receive_used_bytes, p->truesize_bytes);
    sock_charge_send(sk, p); /* changes hands */
    assert_int_equal(sk->receive_used_bytes, 0);
    assert_int_equal(sk->send_used_bytes, p->truesize_bytes);
    assert_int_equal(sk->references, 2);
    packet_consume(p);
    assert_int_equal(sk->send_used_bytes, 0);
    assert_int_equal(sk->references, 1);
    sk->receive_buffer_bytes = 0;
    assert_false(sock_charge_receive(sk, q));
    packet_consume(q);
    sock_put(sk);
}

static void a_clone_starts_clean(void **state)
{
    struct sock *sk = made(), *child;

    (void)state;
    sk->priority = 6;
    sk->err = EPIPE;
    ((uint8_t *)sk)[sizeof(*sk) + 3] = 0x5a;
    sock_cookie(sk);
    packet_queue_push(&sk->receive_queue, packet_of(1));
    sock_own(sk);
    child = sock_clone(sk);
    assert_int_equal(child->priority, 6);
    assert_int_equal(((uint8_t *)child)[sizeof(*child) + 3], 0x5a); /* the protocol's part too */
    assert_int_equal(child->err, 0);
    assert_int_equal(child->receive_queue.count, 0);
    assert_false(child->is_owned);
    assert_int_equal(child->references, 1);
    assert_true(sock_cookie(child) != sock_cookie(sk));
    sock_release(sk);
    sock_put(child);
    assert_int_equal(sk->receive_queue.count, 1);
    sock_put(sk);
    assert_int_equal(destroyed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_wait_for_the_outermost_release), TEST(the_backlog_has_a_limit), TEST(charges_end_with_the_packet), TEST(a_clone_starts_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
