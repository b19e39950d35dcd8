#include "machine/hosts.h"

#include "socket/security.h"

struct recorder { struct security_hook hook; unsigned asked[SECURITY_POINTS]; int answer; struct security_request last; };

static int record(struct security_hook *h, enum security_point at, const struct security_request *r)
{
    struct recorder *x = container_of(h, struct recorder, hook);
    x->asked[at]++;
    x->last = *r;
    return x->answer;
}

static void use(struct weir_task *t, int *client, int *server)
{
    struct sockaddr_in a = loopback4(8000);
    char c = 'x';
    int listener = weir_socket(t, AF_INET, SOCK_STREAM, 0);
    *client = weir_socket(t, AF_INET, SOCK_STREAM, 0);
    weir_bind(t, listener, (struct sockaddr *)&a, sizeof a);
    weir_listen(t, listener, 1);
    weir_connect(t, *client, (struct sockaddr *)&a, sizeof a);
    *server = weir_accept4(t, listener, NULL, NULL, 0);
    weir_send(t, *client, &c, 1, 0);
    weir_recv(t, *server, &c, 1, 0);
}

static void every_call_is_asked_about_once(void **state)
{
    struct host h;
    struct recorder x[SECURITY_POINTS] = { 0 };
    static const unsigned wanted[SECURITY_POINTS] = { [SECURITY_SOCKET] = 2, [SECURITY_BIND] = 1, [SECURITY_LISTEN] = 1,
        [SECURITY_CONNECT] = 1, [SECURITY_ACCEPT] = 1, [SECURITY_SENDMSG] = 1, [SECURITY_RECVMSG] = 1 };
    int client, server;
    (void)state;
    host_open(&h, 1);
    struct net *net = ((struct machine *)h.machine)->initial_net;
    for (int at = 0; at < SECURITY_POINTS; at++) {
        x[at].hook.check = record;
        security_add(net, (enum security_point)at, &x[at].hook);
    }
    use(h.task, &client, &server);
    assert_true(server >= 0);
    for (int at = 0; at < SECURITY_POINTS; at++) assert_int_equal(x[at].asked[at], wanted[at]);
    assert_int_equal(x[SECURITY_SOCKET].last.family, AF_INET);
    assert_int_equal(x[SECURITY_SOCKET].last.type, SOCK_STREAM);
    assert_int_equal(x[SECURITY_BIND].last.address_bytes, sizeof(struct sockaddr_in));
    for (int at = 0; at < SECURITY_POINTS; at++) security_remove(&x[at].hook);
    use(h.task, &client, &server);
    for (int at = 0; at < SECURITY_POINTS; at++) assert_int_equal(x[at].asked[at], wanted[at]);
    host_close(&h);
}

static void a_refusal_is_the_calls_error(void **state)
{
    struct host h;
    struct recorder no = { .hook.check = record, .answer = -EACCES }, never = { .hook.check = record };
    struct sockaddr_in a = loopback4(8001);
    (void)state;
    host_open(&h, 1);
    struct net *net = ((struct machine *)h.machine)->initial_net;
    security_add(net, SECURITY_CONNECT, &no.hook);
    security_add(net, SECURITY_CONNECT, &never.hook); /* the first refusal decides */
    int fd = weir_socket(h.task, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_connect(h.task, fd, (struct sockaddr *)&a, sizeof a), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(never.asked[SECURITY_CONNECT], 0);
    socklen_t length = sizeof a;
    assert_int_equal(weir_getpeername(h.task, fd, (struct sockaddr *)&a, &length), -1); /* nothing was done */
    assert_int_equal(errno, ENOTCONN);
    security_add(net, SECURITY_SOCKET, &(struct recorder){ .hook.check = record, .answer = -EPERM }.hook);
    assert_int_equal(weir_socket(h.task, AF_INET, SOCK_DGRAM, 0), -1);
    assert_int_equal(errno, EPERM);
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_is_asked_about_once), cmocka_unit_test(a_refusal_is_the_calls_error) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
