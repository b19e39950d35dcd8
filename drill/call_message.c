/* sendmsg() and recvmsg(): the header, pieces, control messages. */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/netlink.h>
#include <sys/syscall.h>

#include "drill/call.h"

enum { CONTROL_ROOM = 4096 };

/* Statistics that come with a timestamp, as netlink attributes: how long each is, and how it is compared. */
enum nla_kind { NLA_NONE, NLA_8, NLA_32, NLA_64, NLA_TIME };
static const struct { enum nla_kind kind; const char *name; } statistics[] = {
    [TCP_NLA_PAD] = { NLA_32, "PAD" },
    [TCP_NLA_BUSY] = { NLA_TIME, "BUSY" },
    [TCP_NLA_RWND_LIMITED] = { NLA_TIME, "RWND_LIMITED" },
    [TCP_NLA_SNDBUF_LIMITED] = { NLA_TIME, "SNDBUF_LIMITED" },
    [TCP_NLA_DATA_SEGS_OUT] = { NLA_64, "DATA_SEGS_OUT" },
    [TCP_NLA_TOTAL_RETRANS] = { NLA_64, "TOTAL_RETRANS" },
    [TCP_NLA_PACING_RATE] = { NLA_64, "PACING_RATE" },
    [TCP_NLA_DELIVERY_RATE] = { NLA_64, "DELIVERY_RATE" },
    [TCP_NLA_SND_CWND] = { NLA_32, "SND_CWND" },
    [TCP_NLA_REORDERING] = { NLA_32, "REORDERING" },
    [TCP_NLA_MIN_RTT] = { NLA_32, "MIN_RTT" },
    [TCP_NLA_RECUR_RETRANS] = { NLA_8, "RECUR_RETRANS" },
    [TCP_NLA_DELIVERY_RATE_APP_LMT] = { NLA_8, "DELIVERY_RATE_APP_LMT" },
    [TCP_NLA_SNDQ_SIZE] = { NLA_32, "SNDQ_SIZE" },
    [TCP_NLA_CA_STATE] = { NLA_8, "CA_STATE" },
    [TCP_NLA_SND_SSTHRESH] = { NLA_32, "SND_SSTHRESH" },
    [TCP_NLA_DELIVERED] = { NLA_32, "DELIVERED" },
    [TCP_NLA_DELIVERED_CE] = { NLA_32, "DELIVERED_CE" },
    [TCP_NLA_BYTES_SENT] = { NLA_64, "BYTES_SENT" },
    [TCP_NLA_BYTES_RETRANS] = { NLA_64, "BYTES_RETRANS" },
    [TCP_NLA_DSACK_DUPS] = { NLA_32, "DSACK_DUPS" },
    [TCP_NLA_REORD_SEEN] = { NLA_32, "REORD_SEEN" },
    [TCP_NLA_SRTT] = { NLA_32, "SRTT" },
};
static const uint8_t nla_bytes[] = { [NLA_8] = 1, [NLA_32] = 4, [NLA_64] = 8, [NLA_TIME] = 8 };
#define NLA_ANY UINT32_MAX /* what "..." stands for in the bytes, of every length */
enum { NLA_HEADER = sizeof(struct nlattr) }; /* a multiple of 4 */

static size_t nla_room(size_t bytes) { return (bytes + 3) & ~(size_t)3; }

struct message {
    struct msghdr live, expected;  /* the latter: what a recvmsg() is to give */
    uint8_t controls[2][CONTROL_ROOM];
};

static bool put_statistic(struct call_under_way *c, const struct expression *e, uint8_t *out, size_t room, size_t *used)
{
    int64_t key, value = NLA_ANY;
    if (e->kind != EXPRESSION_ASSIGN) return call_fails(c, "statistics are NAME=N");
    if (!call_number_of(c, e->left, 0, array_count(statistics) - 1, &key)) return false;
    if (e->right->kind != EXPRESSION_ELLIPSIS && !call_number_of(c, e->right, INT64_MIN, INT64_MAX, &value))
        return false;
    uint8_t bytes = nla_bytes[statistics[key].kind];
    struct nlattr a = { .nla_len = (uint16_t)(NLA_HEADER + bytes), .nla_type = (uint16_t)key };
    if (*used + nla_room(a.nla_len) > room) return call_fails(c, "too many statistics");
    memcpy(out + *used, &a, sizeof a);
    memcpy(out + *used + NLA_HEADER, &value, bytes);
    *used += nla_room(a.nla_len);
    return true;
}

static bool put_error(struct call_under_way *c, const struct expression *e, uint8_t *out)
{
    int number, origin, type, code, info, data;
    if (!call_int_of(c, e->error.number, &number) || !call_int_of(c, e->error.origin, &origin) ||
        !call_int_of(c, e->error.type, &type))
        return false;
    if (!call_int_of(c, e->error.code, &code) || !call_int_of(c, e->error.info, &info) ||
        !call_int_of(c, e->error.data, &data))
        return false;
    struct sock_extended_err error = { .ee_errno = (uint32_t)number,
        .ee_origin = (uint8_t)origin,
        .ee_type = (uint8_t)type,
        .ee_code = (uint8_t)code,
        .ee_info = (uint32_t)info,
        .ee_data = (uint32_t)data };
    memcpy(out, &error, sizeof error);
    return true;
}

/* What is in one control message; *bytes: how much. */
static bool put_data(
    struct call_under_way *c, const struct expression *e, int level, uint8_t *out, size_t room, size_t *bytes)
{
    int number;
    struct scm_timestamping stamps = { 0 };
    *bytes = 0;
    switch (e->kind) {
    case EXPRESSION_TIMESTAMP:
        stamps.ts[0] = (struct timespec){ e->timestamp.seconds, e->timestamp.nanoseconds };
        memcpy(out, &stamps, *bytes = sizeof stamps);
        return true;
    case EXPRESSION_ERROR:
        *bytes = sizeof(struct sock_extended_err) +
            (level == SOL_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        return put_error(c, e, out);
    case EXPRESSION_LIST: case EXPRESSION_GROUP:
        for (unsigned i = 0; i < e->list.count; i++)
            if (!put_statistic(c, e->list.items[i], out, room, bytes)) return false;
        return true;
    default:
        if (!call_int_of(c, e, &number)) return false;
        memcpy(out, &number, *bytes = sizeof number);
        return true;
    }
}

/* The control messages of a list, one after another in the kernel's form. */
static bool put_controls(struct call_under_way *c, const struct expression *e, uint8_t *out, size_t *used)
{
    const struct expression_list *list;
    *used = 0;
    if (!call_list_of(c, e, &list)) return false;
    for (unsigned i = 0; i < list->count; i++) {
        const struct expression *item = list->items[i];
        struct cmsghdr h;
        size_t bytes;
        if (item->kind != EXPRESSION_CMSG)
            return call_fails(c, "control messages are {cmsg_level=, cmsg_type=, cmsg_data=}");
        if (*used + CMSG_SPACE(512) > CONTROL_ROOM) return call_fails(c, "too many control messages");
        if (!call_int_of(c, item->cmsg.level, &h.cmsg_level) || !call_int_of(c, item->cmsg.type, &h.cmsg_type))
            return false;
        if (!put_data(c, item->cmsg.data, h.cmsg_level, out + *used + CMSG_LEN(0), CONTROL_ROOM - *used - CMSG_LEN(0),
                &bytes))
            return false;
        h.cmsg_len = CMSG_LEN(bytes);
        memcpy(out + *used, &h, sizeof h);
        *used += CMSG_SPACE(bytes);
    }
    return true;
}

static struct message *make_message(struct call_under_way *c, const struct expression *e)
{
    struct message *m = call_memory(c, sizeof *m);
    size_t pieces, control_bytes;
    int said, flags;
    if (!m) return NULL;
    if (e->kind != EXPRESSION_MSGHDR) {
        call_fails(c, "expected {msg_name(...)=..., msg_iov(N)=[...], msg_flags=N}");
        return NULL;
    }
    if (!call_iovec_of(c, e->msghdr.iov, &m->live.msg_iov, &pieces) || !call_int_of(c, e->msghdr.iov_count, &said))
        return NULL;
    if (said < 0 || (size_t)said != pieces) {
        call_fails(c, "msg_iov has %zu pieces, not %d", pieces, said);
        return NULL;
    }
    m->live.msg_iovlen = pieces;
    if (e->msghdr.flags && !call_int_of(c, e->msghdr.flags, &flags)) return NULL;
    m->expected.msg_flags = e->msghdr.flags ? flags : 0;
    if (!e->msghdr.control) return m;
    if (!put_controls(c, e->msghdr.control, m->controls[0], &control_bytes)) return NULL;
    memcpy(m->controls[1], m->controls[0], sizeof m->controls[1]);
    m->live.msg_control = m->controls[0];
    m->expected.msg_control = m->controls[1];
    m->live.msg_controllen = m->expected.msg_controllen = control_bytes;
    return m;
}

static struct message *make_outgoing(struct call_under_way *c, const struct expression *e)
{
    struct sockaddr_storage *address;
    struct message *m = make_message(c, e);
    if (!m) return NULL;
    if (m->expected.msg_flags) {
        call_fails(c, "what is sent has no msg_flags");
        return NULL;
    }
    if (!e->msghdr.name) return m;
    if (!call_peer(c, -1, &address, &m->live.msg_namelen)) return NULL;
    m->live.msg_name = address;
    return m;
}

static struct message *make_incoming(struct call_under_way *c, const struct expression *e)
{
    struct message *m = make_message(c, e);
    if (!m) return NULL;
    m->live.msg_flags = m->expected.msg_flags;
    m->live.msg_name = call_memory(c, sizeof(struct sockaddr_storage));
    m->live.msg_namelen = sizeof(struct sockaddr_storage);
    return m->live.msg_name ? m : NULL;
}

bool call_sendmsg(struct call_under_way *c)
{
    if (!call_count(c, 3) || !call_fd(c, 0, 0) || !call_pass_int(c, 2, 2)) return false;
    struct message *m = make_outgoing(c, c->script->arguments.items[1]);
    if (!m) return false;
    c->live.args[1] = call_pointer(&m->live);
    c->live.number = SYS_sendmsg;
    return true;
}

static bool error_matches(struct call_under_way *c, unsigned i, const uint8_t *expected, const uint8_t *actual)
{
    struct sock_extended_err e, a;
    memcpy(&e, expected, sizeof e);
    memcpy(&a, actual, sizeof a);
    const struct { const char *name; uint32_t expected, actual; } fields[] = {
        { "ee_errno", e.ee_errno, a.ee_errno },
        { "ee_origin", e.ee_origin, a.ee_origin },
        { "ee_type", e.ee_type, a.ee_type },
        { "ee_code", e.ee_code, a.ee_code },
        { "ee_info", e.ee_info, a.ee_info },
        { "ee_data", e.ee_data, a.ee_data },
    };
    for (size_t f = 0; f < array_count(fields); f++)
        if (fields[f].expected != fields[f].actual)
            return call_fails(c, "control message %u: %s: expected %u, got %u", i, fields[f].name, fields[f].expected,
                fields[f].actual);
    return true;
}

static bool stamps_match(struct call_under_way *c, unsigned i, const uint8_t *expected, const uint8_t *actual)
{
    const struct run *r = c->run;
    struct scm_timestamping e, a;
    memcpy(&e, expected, sizeof e);
    memcpy(&a, actual, sizeof a);
    int64_t expected_ns = e.ts[0].tv_sec * (int64_t)NS_PER_S + e.ts[0].tv_nsec;
    int64_t actual_ns = run_script_time(r, (uint64_t)a.ts[0].tv_sec * NS_PER_S + (uint64_t)a.ts[0].tv_nsec),
            off_ns = expected_ns - actual_ns;
    if (!expected_ns || (uint64_t)(off_ns < 0 ? -off_ns : off_ns) <= r->settings->tolerance_ns) return true;
    return call_fails(c, "control message %u: the timestamp: expected %.6f s, got %.6f s", i, (double)expected_ns / 1e9,
        (double)actual_ns / 1e9);
}

static bool statistic_matches(const struct run *r, enum nla_kind kind, uint64_t expected, uint64_t actual)
{
    int64_t off_us = (int64_t)(expected - actual);
    switch (kind) {
    case NLA_8: return (uint8_t)expected == UINT8_MAX || (uint8_t)expected == (uint8_t)actual;
    case NLA_32: return (uint32_t)expected == NLA_ANY || (uint32_t)expected == (uint32_t)actual;
    case NLA_64: return expected == NLA_ANY || expected == actual;
    case NLA_TIME: /* a zero means just that */
        return expected == NLA_ANY ||
            (expected ? (uint64_t)(off_us < 0 ? -off_us : off_us) * NS_PER_US <= r->settings->tolerance_ns : !actual);
    case NLA_NONE: break;
    }
    return false;
}

static bool statistics_match(struct call_under_way *c, const uint8_t *expected, const uint8_t *actual, size_t bytes)
{
    for (size_t at = 0; at + NLA_HEADER <= bytes;) {
        struct nlattr e, a;
        uint64_t ev = 0, av = 0;
        memcpy(&e, expected + at, sizeof e);
        memcpy(&a, actual + at, sizeof a);
        if (e.nla_type != a.nla_type)
            return call_fails(c, "statistics: expected type %u, got %u", e.nla_type, a.nla_type);
        if (e.nla_len != a.nla_len)
            return call_fails(c, "statistics: expected %u bytes of type %u, got %u", e.nla_len, e.nla_type, a.nla_len);
        memcpy(&ev, expected + at + NLA_HEADER, nla_bytes[statistics[e.nla_type].kind]);
        memcpy(&av, actual + at + NLA_HEADER, nla_bytes[statistics[e.nla_type].kind]);
        if (!statistic_matches(c->run, statistics[e.nla_type].kind, ev, av))
            return call_fails(c, "TCP_NLA_%s: expected %llu, got %llu", statistics[e.nla_type].name,
                (unsigned long long)ev, (unsigned long long)av);
        at += nla_room(e.nla_len);
    }
    return true;
}

static bool control_matches(struct call_under_way *c, unsigned i, const struct cmsghdr *e, const struct cmsghdr *a)
{
    size_t bytes = e->cmsg_len - CMSG_LEN(0);
    const uint8_t *expected = CMSG_DATA((struct cmsghdr *)(uintptr_t)e),
                  *actual = CMSG_DATA((struct cmsghdr *)(uintptr_t)a);
    if (e->cmsg_level != a->cmsg_level)
        return call_fails(c, "control message %u: level: expected %d, got %d", i, e->cmsg_level, a->cmsg_level);
    if (e->cmsg_type != a->cmsg_type)
        return call_fails(c, "control message %u: type: expected %d, got %d", i, e->cmsg_type, a->cmsg_type);
    if (e->cmsg_len != a->cmsg_len)
        return call_fails(c, "control message %u: length: expected %zu, got %zu", i, e->cmsg_len, a->cmsg_len);
    if ((e->cmsg_level == SOL_IP && e->cmsg_type == IP_RECVERR) ||
        (e->cmsg_level == SOL_IPV6 && e->cmsg_type == IPV6_RECVERR))
        return error_matches(c, i, expected, actual);
    if (e->cmsg_level == SOL_SOCKET && e->cmsg_type == SO_TIMESTAMPING) return stamps_match(c, i, expected, actual);
    if (e->cmsg_level == SOL_SOCKET && e->cmsg_type == SCM_TIMESTAMPING_OPT_STATS)
        return statistics_match(c, expected, actual, bytes);
    return !memcmp(expected, actual, bytes) || call_fails(c, "control message %u: its data is not the expected one", i);
}

static bool message_matches(struct call_under_way *c, struct message *m)
{
    struct cmsghdr *e = CMSG_FIRSTHDR(&m->expected), *a = CMSG_FIRSTHDR(&m->live);
    unsigned i = 0;
    if (m->live.msg_flags != m->expected.msg_flags)
        return call_fails(
            c, "msg_flags: expected 0x%x, got 0x%x", (unsigned)m->expected.msg_flags, (unsigned)m->live.msg_flags);
    for (; e && a && e->cmsg_len && a->cmsg_len; e = CMSG_NXTHDR(&m->expected, e), a = CMSG_NXTHDR(&m->live, a))
        if (!control_matches(c, ++i, e, a)) return false;
    if (!e == !a) return true;
    return call_fails(c, e ? "only %u control messages came" : "more than %u control messages came", i);
}

static bool received_matches(struct call_under_way *c) { return message_matches(c, c->output); }

bool call_recvmsg(struct call_under_way *c)
{
    if (!call_count(c, 3) || !call_fd(c, 0, 0) || !call_pass_int(c, 2, 2)) return false;
    struct message *m = make_incoming(c, c->script->arguments.items[1]);
    if (!m) return false;
    c->output = m;
    c->check = received_matches;
    c->live.args[1] = call_pointer(&m->live);
    c->live.number = SYS_recvmsg;
    return true;
}

/* --- sendmmsg(fd, [{msg_name...}, ...], N, flags), and recvmmsg() with a fifth argument, which is NULL. */

struct messages {
    struct mmsghdr *live;
    struct message *each[];
};

static bool make_messages(struct call_under_way *c, bool is_incoming)
{
    const struct expression_list *list;
    int said;
    if (!call_fd(c, 0, 0) || !call_list(c, 1, &list) || !call_int(c, 2, &said) || !call_pass_int(c, 3, 3)) return false;
    if (said < 0 || (unsigned)said != list->count)
        return call_fails(c, "%d messages are said to be there, but %u are", said, list->count);
    struct messages *all = call_memory(c, sizeof *all + list->count * sizeof all->each[0]);
    if (!all || !(all->live = call_memory(c, list->count * sizeof *all->live))) return false;
    for (unsigned i = 0; i < list->count; i++) {
        all->each[i] = is_incoming ? make_incoming(c, list->items[i]) : make_outgoing(c, list->items[i]);
        if (!all->each[i]) return false;
        all->live[i].msg_hdr = all->each[i]->live;
    }
    c->output = all;
    c->live.args[1] = call_pointer(all->live);
    c->live.args[2] = list->count;
    return true;
}

bool call_sendmmsg(struct call_under_way *c)
{
    if (!call_count(c, 4) || !make_messages(c, false)) return false;
    c->live.number = SYS_sendmmsg;
    return true;
}

static bool all_received_match(struct call_under_way *c)
{
    struct messages *all = c->output;
    for (int64_t i = 0; i < c->live.result; i++) {
        all->each[i]->live = all->live[i].msg_hdr;
        if (!message_matches(c, all->each[i])) return false;
    }
    return true;
}

bool call_recvmmsg(struct call_under_way *c)
{
    int timeout;
    if (!call_count(c, 5) || !make_messages(c, true) || !call_int(c, 4, &timeout)) return false;
    if (timeout) return call_fails(c, "its time-out can only be NULL");
    c->check = all_received_match;
    c->live.number = SYS_recvmmsg;
    return true;
}
