#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include "device/net_device.h"
#include "machine/machine.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

enum { BOTH = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID };
struct news { long bytes; uint32_t kind, key; uint64_t ns; };
static int sender, receiver;
static struct sockaddr_storage to;
static socklen_t to_bytes;

static int setup(void **state)
{
    int flags = BOTH;

    if (library_setup(state)) return -1;
    sender = weir_socket(task, AF_INET, SOCK_DGRAM, 0);
    receiver = weir_socket(task, AF_INET, SOCK_DGRAM, 0);
    assert_true(sender >= 0 && receiver >= 0);
    bind_loopback(receiver, AF_INET, 5000);
    to_bytes = loopback(&to, AF_INET, 5000);
    assert_int_equal(weir_setsockopt(task, sender, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), 0);
    return 0;
}

static void send_bytes(size_t bytes)
{
    static char data[60000];

    assert_int_equal(weir_sendto(task, sender, data, bytes, 0, (void *)&to, to_bytes), bytes);
    weir_machine_step(machine, now_ns);
}

static bool hear(struct news *n)
{
    char control[512], data[60000];
    struct iovec v = { data, sizeof data };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };

    *n = (struct news){ .bytes = weir_recvmsg(task, sender, &m, MSG_ERRQUEUE | MSG_DONTWAIT) };
    if (n->bytes < 0) return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct sock_extended_err e;
        struct timespec ts;

        if (c->cmsg_level == SOL_SOCKET) {
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            n->ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
            continue;
        }
        memcpy(&e, CMSG_DATA(c), sizeof e);
        assert_int_equal(e.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
        n->kind = e.ee_info;
        n->key = e.ee_data;
    }
    return true;
}

static void expect(uint32_t kind, uint32_t key, long bytes)
{
    struct news n;

    assert_true(hear(&n));
    assert_int_equal(n.kind, kind);
    assert_int_equal(n.key, key);
    assert_int_equal(n.bytes, bytes);
    assert_true(n.ns >= 1700000000000000000ull);
}

/* Each datagram has a number; its times come with the packet as the device had it, link header and all. */
static void datagrams_are_numbered(void **state)
{
    struct news n;

    (void)state;
    send_bytes(3);
    send_bytes(4);
    expect(SCM_TSTAMP_SCHED, 0, 14 + 20 + 8 + 3);
    expect(SCM_TSTAMP_SND, 0, 14 + 20 + 8 + 3);
    expect(SCM_TSTAMP_SCHED, 1, 14 + 20 + 8 + 4);
    expect(SCM_TSTAMP_SND, 1, 14 + 20 + 8 + 4);
    assert_false(hear(&n));
}

/* Linux: of a datagram in fragments, the first tells. */
static void first_fragment_tells(void **state)
{
    struct news n;

    (void)state;
    device_find(((struct machine *)(void *)machine)->initial_net, "lo")->mtu_bytes = 1500;
    send_bytes(20000);
    expect(SCM_TSTAMP_SCHED, 0, 1514);
    expect(SCM_TSTAMP_SND, 0, 1514);
    assert_false(hear(&n));
}

static void without_the_packet(void **state)
{
    int flags = BOTH | SOF_TIMESTAMPING_OPT_TSONLY;

    (void)state;
    assert_int_equal(weir_setsockopt(task, sender, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), 0);
    send_bytes(3);
    expect(SCM_TSTAMP_SCHED, 0, 0);
    expect(SCM_TSTAMP_SND, 0, 0);
}

/* A socket that closes with a packet on its way is not asked any more. */
static void closed_sock_hears_nothing(void **state)
{
    (void)state;
    send_bytes(10);
    assert_int_equal(weir_close(task, sender), 0);
    weir_machine_step(machine, now_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(datagrams_are_numbered, setup, library_teardown),
        cmocka_unit_test_setup_teardown(first_fragment_tells, setup, library_teardown),
        cmocka_unit_test_setup_teardown(without_the_packet, setup, library_teardown),
        cmocka_unit_test_setup_teardown(closed_sock_hears_nothing, setup, library_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
