#include "data_peer.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>

enum { ALL = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID };
struct told { uint32_t kind, key; long bytes; uint64_t ns; uint32_t statistics_bytes; uint8_t statistics[400]; };

static void ask(int flags)
{
    open_connection(true, 60000);
    assert_int_equal(weir_setsockopt(peer.task, fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), 0);
}

static bool hear_stamp(struct told *t)
{
    char control[1024], data[100];
    struct iovec v = { data, sizeof data };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };

    *t = (struct told){ .bytes = weir_recvmsg(peer.task, fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) };
    if (t->bytes < 0) return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            t->ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
        } else if (c->cmsg_level == SOL_SOCKET) {
            t->statistics_bytes = (uint32_t)(c->cmsg_len - CMSG_LEN(0));
            memcpy(t->statistics, CMSG_DATA(c), t->statistics_bytes);
        } else {
            struct sock_extended_err e;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            assert_int_equal(e.ee_errno, ENOMSG);
            assert_int_equal(e.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
            t->kind = e.ee_info;
            t->key = e.ee_data;
        }
    }
    return true;
}

static void expect(uint32_t kind, uint32_t key)
{
    struct told t;

    assert_true(hear_stamp(&t));
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.key, key);
    assert_true(t.ns > 0);
}

/* Only the last byte of a call has times, known by its offset since the option was set. */
static void last_byte_of_each_call(void **state)
{
    struct told t;

    (void)state;
    ask(ALL);
    program_writes(2000);
    expect(SCM_TSTAMP_SCHED, 1999);
    expect(SCM_TSTAMP_SND, 1999);
    peer_acks(1000);
    assert_false(hear_stamp(&t));
    peer_acks(2000);
    expect(SCM_TSTAMP_ACK, 1999);
    assert_false(hear_stamp(&t));
}

/* What does not fit the window takes its wish along to where it is sent. */
static void wish_waits_with_its_byte(void **state)
{
    struct told t;

    (void)state;
    ask(ALL);
    program_writes(11000);
    assert_false(hear_stamp(&t));
    peer_acks(10000);
    expect(SCM_TSTAMP_SCHED, 10999);
    expect(SCM_TSTAMP_SND, 10999);
    peer_acks(11000);
    expect(SCM_TSTAMP_ACK, 10999);
}

static void one_call_may_ask_by_control_data(void **state)
{
    uint32_t wish = SOF_TIMESTAMPING_TX_ACK, bad = SOF_TIMESTAMPING_SOFTWARE;
    union { struct cmsghdr h; char room[CMSG_SPACE(4)]; } c = { .h = { CMSG_LEN(4), SOL_SOCKET, SO_TIMESTAMPING } };
    struct iovec v = { thousand, 100 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
    struct told t;

    (void)state;
    ask(SOF_TIMESTAMPING_SOFTWARE);
    memcpy(CMSG_DATA(&c.h), &wish, 4);
    assert_int_equal(weir_sendmsg(peer.task, fd, &m, 0), 100);
    peer_step();
    assert_false(hear_stamp(&t));
    peer_acks(100);
    expect(SCM_TSTAMP_ACK, 0);
    memcpy(CMSG_DATA(&c.h), &bad, 4);
    assert_int_equal(weir_sendmsg(peer.task, fd, &m, 0), -1);
    assert_int_equal(errno, EINVAL);
}

/* OPT_TSONLY: nothing of the packet; OPT_STATS: what TCP knew, as netlink attributes. */
static void without_the_packet(void **state)
{
    struct nlattr first;
    struct told t;

    (void)state;
    ask(ALL | SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_STATS);
    program_writes(100);
    assert_true(hear_stamp(&t));
    assert_int_equal(t.statistics_bytes, 248); /* as Linux 6.18 */
    memcpy(&first, t.statistics, sizeof first);
    assert_int_equal(first.nla_type, TCP_NLA_BUSY);
    assert_int_equal(first.nla_len, 12);
    assert_true(hear_stamp(&t));
    peer_acks(100);
    assert_true(hear_stamp(&t));
    assert_int_equal(t.kind, SCM_TSTAMP_ACK);
    assert_int_equal(t.statistics_bytes, 256); /* the hops of the ACK too */
}

DATA_MAIN(DATA_TEST(last_byte_of_each_call), DATA_TEST(wish_waits_with_its_byte), DATA_TEST(one_call_may_ask_by_control_data), DATA_TEST(without_the_packet))
