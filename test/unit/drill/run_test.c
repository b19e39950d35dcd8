/* Every judgement seen failing: each script passes as it is, with every version of IP and several seeds, and fails at
 * the right line when one number in it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drill/run.h"

struct change {
    const char *from, *to;   /* the first place of it */
    unsigned line;           /* where it fails then */
    const char *says;        /* a part of the message */
};

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t room = strlen(text) + strlen(to) + 1;
    char *out = malloc(room);
    assert_non_null(at);
    snprintf(out, room, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static struct drill_result run_text(const char *text, enum ip_version version, uint64_t seed)
{
    struct drill_result result = { 0 };
    struct script_choice choice = { .version = version };
    struct script_error error = { 0 };
    struct run_options options = { .seed = seed };
    struct script *script = script_parse("test.pkt", text, strlen(text), &choice, &error);
    if (!script) fail_msg("line %u: %s", error.place.line, error.text);
    drill_run(script, &options, &result);
    script_destroy(script);
    return result;
}

static void passes(const char *text, enum ip_version version, uint64_t seed)
{
    struct drill_result r = run_text(text, version, seed);
    if (r.verdict != DRILL_PASSED)
        fail_msg("%s, seed %lu, line %u: %s\nexpected %s\nactual   %s\n%s", ip_version_name(version),
            (unsigned long)seed, r.place.line, r.message, r.expected, r.actual, r.why);
}

static void fails(const char *text, const struct change *c)
{
    char *broken = replaced(text, c->from, c->to);
    struct drill_result r = run_text(broken, IP_V4, 1);
    free(broken);
    if (r.verdict != DRILL_FAILED || r.place.line != c->line || !strstr(r.message, c->says))
        fail_msg("'%s' for '%s': expected line %u: ...%s..., got %s at line %u: %s", c->to, c->from, c->line, c->says,
            r.verdict == DRILL_FAILED ? "a failure" : "none", r.place.line, r.message);
}

static void judges(const char *text, const struct change *changes, size_t count)
{
    for (uint64_t seed = 1; seed <= 8; seed++) passes(text, IP_V4, seed);
    for (size_t i = 0; i < count; i++) fails(text, &changes[i]);
}
#define JUDGES(text, changes) judges(text, changes, sizeof(changes) / sizeof((changes)[0]))

static const char server[] =
    "--tcp_ts_tick_usecs=1000\n"
    "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "   +0 bind(3, ..., ...) = 0\n"
    "   +0 listen(3, 1) = 0\n"
    "   +0 < S 5000:5000(0) win 32792 <mss 1000,sackOK,TS val 700 ecr 0,nop,wscale 7>\n"
    "   +0 > [noecn] S. 7000:7000(0) ack 5001 win 65160 <mss 1460,sackOK,TS val 100 ecr 700,nop,wscale 10>\n"
    "  +.1 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 800 ecr 100>\n"
    "   +0 accept(3, ..., ...) = 4\n"
    "   +0 setsockopt(4, SOL_IP, IP_TOS, [32], 4) = 0\n"
    "   +0 write(4, ..., 2000) = 2000\n"
    "   +0 > [tos 0x20] P. 1:2001(2000) ack 1 win 64 <nop,nop,TS val 200 ecr 800>\n"
    "  +.1 < . 1:1(0) ack 2001 win 257 <nop,nop,TS val 900 ecr 200>\n"
    "  +.1 < . 1001:2001(1000) ack 2001 win 257 <nop,nop,TS val 901 ecr 200>\n"
    "   +0 > [ttl 64] . 2001:2001(0) ack 1 <nop,nop,TS val 400 ecr 900,nop,nop,sack 1001:2001>\n"
    "   +0 < [ce] . 1:1001(1000) ack 2001 win 257 <nop,nop,TS val 902 ecr 400>\n"
    "   *  > . 2001:2001(0) ack 2001 <nop,nop,TS val 400 ecr 902>\n"
    "  +.2 close(4) = 0\n"
    "   +0 > R. 2001:2001(0) ack 2001 <...>\n";

static void packets_are_judged(void **state)
{
    static const struct change changes[] = {
        { "S. 7000:7000(0) ack 5001", "S. 7000:7000(0) ack 5002", 6, "acknowledgment number: expected 5002" },
        { "S. 7000", "SE. 7000", 6, "ECE flag: expected set" },
        { "S. 7000", ". 7000", 6, "SYN flag: expected clear" },
        { "win 65160", "win 65161", 6, "window: expected 65161" },
        { "[noecn] S.", "[ect0] S.", 6, "ECN bits: expected 2" },
        { "[noecn] S.", "[ect01] S.", 6, "ECN bits: expected ECT(0) or ECT(1)" },
        { "<mss 1460,sackOK,TS val 100 ecr 700", "<mss 1461,sackOK,TS val 100 ecr 700", 6,
            "TCP option: expected mss 1461, got mss 1460" },
        { "nop,wscale 10>", "nop,wscale 9>", 6, "wscale 9" },
        { "<mss 1460,sackOK,TS val 100 ecr 700,nop,wscale 10>", "<mss 1460,nop,nop,sackOK,nop,wscale 10>", 6,
            "TCP options" },
        { "<mss 1460,sackOK,TS val 100 ecr 700,nop,wscale 10>", "<mss 1460>", 6, "TCP options" },
        { "<nop,nop,TS val 800 ecr 100>", "<nop,nop,TS val 800 ecr 99>", 7, "echoes nothing" },
        { "[tos 0x20]", "[tos 0x24]", 11, "type of service: expected 36" },
        { "P. 1:2001(2000) ack 1", ". 1:2001(2000) ack 1", 11, "PSH flag: expected clear" },
        { "P. 1:2001(2000) ack 1", "FP. 1:2001(2000) ack 1", 11, "FIN flag" },
        { "P. 1:2001(2000) ack 1", "RP. 1:2001(2000) ack 1", 11, "RST flag" },
        { "P. 1:2001(2000) ack 1", "P.U 1:2001(2000) ack 1", 11, "URG flag" },
        { "P. 1:2001(2000) ack 1", "P.W 1:2001(2000) ack 1", 11, "CWR flag" },
        { "P. 1:2001(2000) ack 1", "P.A 1:2001(2000) ack 1", 11, "AE flag" },
        { "P. 1:2001(2000) ack 1", "P.5 1:2001(2000) ack 1", 11, "ACE counter: expected 5" },
        { "P. 1:2001(2000) ack 1", "P 1:2001(2000)", 11, "ACK flag" },
        { "P. 1:2001(2000) ack 1", "P. 2:2002(2000) ack 1", 11, "sequence number: expected 2" },
        { "P. 1:2001(2000) ack 1", "P. 1:2000(1999) ack 1", 11, "payload length: expected 1999, got 2000" },
        { "P. 1:2001(2000) ack 1", "P. 1:2002(2001) ack 1", 11, "taken together" },
        { "ack 1 win 64", "ack 1 win 65", 11, "window" },
        { "TS val 200 ecr 800", "TS val 220 ecr 800", 11, "TSval: expected 220" },
        { "write(4, ..., 2000) = 2000\n   +0", "write(4, ..., 2000) = 2000\n +.02", 11,
            "timing: expected outbound packet at 0.120" },
        { "[ttl 64]", "[ttl 63]", 14, "TTL: expected 63" },
        { "sack 1001:2001>", "sack 1002:2001>", 14, "sack 1002:2001" },
        { "ack 2001 <nop,nop,TS val 400", "ack 2002 <nop,nop,TS val 400", 16, "acknowledgment number: expected 2002" },
        { "> R.", "> F.", 18, "FIN flag" },
        { "close(4) = 0\n   +0", "close(4) = 0\n+.005~+.1", 18, "timing: expected outbound packet between +0.005000" },
    };
    char *same_moment = replaced(server, "  +.2 close(4)", "  0.5 close(4)");
    (void)state;
    JUDGES(server, changes);
    passes(same_moment, IP_V4, 1);
    free(same_moment);
}

static const char client[] =
    "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "   +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
    "   +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
    "   +0 > S 0:0(0) <...>\n"
    "  +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n"
    "   +0 > . 1:1(0) ack 1\n"
    "   +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n"
    "   +0 getsockopt(3, IPPROTO_TCP, TCP_MAXSEG, [1000], [4]) = 0\n"
    "   +0 setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"reno\", 4) = 0\n"
    "   +0 getsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"reno\", [4]) = 0\n"
    "   +0 poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1\n"
    "   +0 epoll_create(1) = 5\n"
    "   +0 epoll_ctl(5, EPOLL_CTL_ADD, 3, {events=EPOLLOUT, fd=3}) = 0\n"
    "   +0 epoll_wait(5, {events=EPOLLOUT, fd=3}, 1, 0) = 1\n"
    "   +0 epoll_ctl(5, EPOLL_CTL_MOD, 3, {events=EPOLLOUT, u32=77}) = 0\n"
    "   +0 epoll_wait(5, {events=EPOLLOUT, u32=77}, 1, 0) = 1\n"
    "   +0 setsockopt(3, IPPROTO_TCP, TCP_INQ, [1], 4) = 0\n"
    "   +0 < P. 1:101(100) ack 1 win 65535\n"
    "   +0 > . 1:1(0) ack 101\n"
    "   +0 ioctl(3, SIOCINQ, [100]) = 0\n"
    "   +0 recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 40}], msg_flags=0,\n"
    "      msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=60}]}, 0) = 40\n"
    "   +0 readv(3, [{..., 10}, {..., 20}], 2) = 30\n"
    "   +0 recv(3, ..., 1000, 0) = 30\n"
    "   +0 read(3, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)\n"
    "   +0 writev(3, [{..., 10}, {..., 20}], 2) = 30\n"
    "   +0 > P. 1:31(30) ack 101\n"
    "   +0 fcntl(3, F_SETFL, O_RDWR) = 0\n"
    "  +0...0.1 read(3, ..., 1000) = 50\n"
    "  +.1 < P. 101:151(50) ack 31 win 65535\n"
    " +.04 > . 31:31(0) ack 151\n"
    "   +0 shutdown(3, SHUT_WR) = 0\n"
    "   +0 > F. 31:31(0) ack 151\n"
    "   +0 send(3, ..., 1, MSG_NOSIGNAL) = -1 EPIPE (Broken pipe)\n"
    "   +0 close(3) = 0\n";

static void calls_are_judged(void **state)
{
    static const struct change changes[] = {
        { "IPPROTO_TCP) = 3", "IPPROTO_TCP) = -1", 1, "expected the result -1, got" },
        { "SOCK_STREAM, IPPROTO_TCP", "SOCK_STREAM, 255", 1, "expected a result that is not negative" },
        { "= -1 EINPROGRESS", "= 0", 3, "expected the result 0, got -1" },
        { "EINPROGRESS", "EALREADY", 3, "expected the error EALREADY, got EINPROGRESS" },
        { "SO_ERROR, [0], [4]", "SO_ERROR, [1], [4]", 7, "expected the value 1, got 0" },
        { "[1000], [4]", "[1001], [4]", 8, "expected the value 1001, got 1000" },
        { "[1000], [4]", "[1000], [8]", 8, "expected a value of 8 bytes, got 4" },
        { "\"reno\", [4]", "\"cubi\", [4]", 10, "expected the value 'cubi', got 'reno'" },
        { "\"reno\", [4]", "\"reno\", [3]", 10, "4 bytes, its length is said to be 3" },
        { "revents=POLLOUT", "revents=POLLIN", 11, "revents of file descriptor 1" },
        { "1, 0) = 1\n   +0 epoll_create", "1, 0) = 0\n   +0 epoll_create", 11, "expected the result 0, got 1" },
        { "epoll_wait(5, {events=EPOLLOUT", "epoll_wait(5, {events=EPOLLIN", 14, "events: expected" },
        { "u32=77}, 1", "u32=78}, 1", 16, "u32: expected 0x4e, got 0x4d" },
        { "SIOCINQ, [100]", "SIOCINQ, [101]", 20, "expected the value 101, got 100" },
        { "msg_flags=0,", "msg_flags=MSG_TRUNC,", 21, "msg_flags: expected 0x20, got 0x0" },
        { "cmsg_data=60", "cmsg_data=61", 21, "control message 1: its data" },
        { "cmsg_level=SOL_TCP", "cmsg_level=SOL_UDP", 21, "control message 1: level" },
        { "cmsg_type=TCP_CM_INQ", "cmsg_type=1", 21, "control message 1: type" },
        { "0) = 40", "0) = 41", 21, "expected the result 41, got 40" },
        { "{..., 20}], 2) = 30", "{..., 20}], 3) = 30", 23, "3 pieces are said to be there, but 2 are" },
        { "readv(3", "readv(9", 23, "no file descriptor 9" },
        { "1000, 0) = 30", "1000, 0) = 31", 24, "expected the result 31" },
        { "EAGAIN (Res", "EINTR (Res", 25, "expected the error EINTR, got EAGAIN" },
        { "+0...0.1 read", "+0...0.2 read", 29, "timing: expected the end of the call" },
        { "+0...0.1 read(3, ..., 1000) = 50", "+0...0.1 read(3, ..., 1000) = 49", 29,
            "expected the result 49, got 50" },
        { "+0...0.1 read", "+0 read", 29, "expected to return at once" },
        { "= -1 EPIPE", "= 1", 34, "expected the result 1, got -1, EPIPE" },
        { "close(3) = 0", "close(3) = -1", 35, "expected the result -1, got 0" },
        { "shutdown(3, SHUT_WR)", "shut_down(3, SHUT_WR)", 32, "no system call shut_down()" },
        { "shutdown(3, SHUT_WR)", "shutdown(3)", 32, "expected 2 arguments, found 1" },
    };
    (void)state;
    JUDGES(client, changes);
    passes(client, IP_V4_MAPPED, 1);
    passes(client, IP_V6, 1);
}

/* A call that waits where none should: nothing will ever come. */
static void waiting_is_not_expected(void **state)
{
    static const char text[] =
        "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "   +0 bind(3, ..., ...) = 0\n"
        "   +0 listen(3, 1) = 0\n"
        "   +0 accept(3, ..., ...) = 4\n";
    static const char endless[] =
        "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "   +0 bind(3, ..., ...) = 0\n"
        "   +0 listen(3, 1) = 0\n"
        "   +0...5 accept(3, ..., ...) = 4\n";
    struct drill_result r = run_text(text, IP_V4, 1);
    (void)state;
    assert_int_equal(r.verdict, DRILL_FAILED);
    assert_int_equal(r.place.line, 4);
    assert_non_null(strstr(r.message, "expected to return at once"));
    r = run_text(endless, IP_V4, 1);
    assert_int_equal(r.verdict, DRILL_FAILED);
    assert_int_equal(r.place.line, 4);
    assert_non_null(strstr(r.message, "still waits"));
}

/* close() of a socket with SO_LINGER: until the FIN is acknowledged, or the time is over. */
static void close_lingers(void **state)
{
    static const char text[] =
        "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "   +0 bind(3, ..., ...) = 0\n"
        "   +0 listen(3, 1) = 0\n"
        "   +0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>\n"
        "   +0 > S. 0:0(0) ack 1 <...>\n"
        "  +.1 < . 1:1(0) ack 1 win 257\n"
        "   +0 accept(3, ..., ...) = 4\n"
        "   +0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=1}, 8) = 0\n"
        "   +0 write(4, ..., 500) = 500\n"
        "   +0 > P. 1:501(500) ack 1\n"
        "+0...0.05 close(4) = 0\n"
        "   +0 > F. 501:501(0) ack 1\n"
        " +.05 < . 1:1(0) ack 502 win 257\n"
        "  +2 close(3) = 0\n";
    static const struct change changes[] = {
        { "+0...0.05", "+0...0.15", 11, "timing: expected the end of the call" },
        { "linger=1}", "linger=0}", 11, "expected the end of the call at 0.150080 s, but it happened at 0.100090 s" },
        { "ack 502", "ack 501", 11, "but it happened at 1.100" },
    };
    (void)state;
    JUDGES(text, changes);
}

/* sendfile() from a file of this host, splice() into a pipe up to urgent data. */
static void files_and_pipes_are_moved(void **state)
{
    static const char text[] =
        "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "   +0 bind(3, ..., ...) = 0\n"
        "   +0 listen(3, 1) = 0\n"
        "   +0 < S 0:0(0) win 65535 <mss 1000>\n"
        "   +0 > S. 0:0(0) ack 1 <...>\n"
        "  +.1 < . 1:1(0) ack 1 win 65535\n"
        "   +0 accept(3, ..., ...) = 4\n"
        "   +0 open(\"FILE\", O_RDONLY) = 5\n"
        "   +0 sendfile(4, 5, [1000], 9000) = 4000\n"
        "   +0 > P. 1:4001(4000) ack 1\n"
        "   +0 pipe([6, 7]) = 0\n"
        "   +0 < U. 1:101(100) ack 4001 win 65535 urg 100\n"
        "   +0 splice(4, NULL, 7, NULL, 200, 0) = 99\n"
        "   +0 splice(4, NULL, 7, NULL, 1, 0) = 0\n"
        "   +0 splice(6, NULL, 4, NULL, 50, 0) = 50\n"
        "   * > P. 4001:4051(50) ack 101\n"
        "   +0 close(5) = 0\n";
    static const struct change changes[] = {
        { "[1000], 9000) = 4000", "[0], 9000) = 4000", 9, "expected the result 4000, got 5000" },
        { "\", O_RDONLY) = 5", "-no\", O_RDONLY) = 5", 8, "ENOENT" },
        { "200, 0) = 99", "200, 0) = 100", 13, "expected the result 100, got 99" },
        { "1, 0) = 0", "1, 0) = 1", 14, "expected the result 1, got 0" },
        { "50, 0) = 50", "50, 0) = 40", 15, "expected the result 40, got 50" },
    };
    char name[] = "/tmp/weir-drill-XXXXXX";
    int fd = mkstemp(name);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 5000), 0);
    close(fd);
    char *script = replaced(text, "FILE", name);
    JUDGES(script, changes);
    free(script);
    unlink(name);
}

static const char datagrams[] =
    "    0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n"
    "   +0 connect(3, ..., ...) = 0\n"
    "   +0 sendto(3, ..., 1000, 0, ..., ...) = 1000\n"
    "   +0 > udp (1000)\n"
    "  +.1 < udp (500)\n"
    "   +0 recvfrom(3, ..., 2000, 0, ..., ...) = 500\n"
    "   +0 < icmp unreachable port_unreachable [udp (1000)]\n"
    "   +0 write(3, ..., 10) = -1 ECONNREFUSED (Connection refused)\n"
    "   +0 write(3, ..., 10) = 10\n"
    "   +0 > [ttl 64] udp (10)\n";

static void datagrams_are_judged(void **state)
{
    static const struct change changes[] = {
        { "> udp (1000)", "> udp (1001)", 4, "no packet left" },
        { "> udp (1000)", "> udp (999)", 4, "payload length: expected 999, got 1000" },
        { "= 500", "= 501", 6, "expected the result 501" },
        { "[ttl 64]", "[ttl 65]", 10, "TTL" },
        { "unreachable port_unreachable", "unreachable net_unreachable", 8, "got 10" },
    };
    (void)state;
    JUDGES(datagrams, changes);
    passes(datagrams, IP_V4_MAPPED, 1);
    passes(datagrams, IP_V6, 1);
}

static void many_messages_are_judged(void **state)
{
    static const char text[] =
        "    0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n"
        "   +0 sendmmsg(3, [{msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0},\n"
        "      {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0}], 2, 0) = 2\n"
        "   +0 > udp (100)\n"
        "   +0 > udp (30)\n"
        "   +0 < udp (5)\n"
        "   +0 < udp (50)\n"
        "   +0 recvmmsg(3, [{msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0},\n"
        "      {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=MSG_TRUNC}], 2, 0, NULL) = 2\n";
    static const struct change changes[] = {
        { "], 2, 0) = 2", "], 3, 0) = 2", 2, "3 messages are said to be there, but 2 are" },
        { "> udp (30)", "> udp (29)", 5, "payload length: expected 29, got 30" },
        { "msg_flags=MSG_TRUNC", "msg_flags=0", 8, "msg_flags: expected 0x0, got 0x20" },
        { "NULL) = 2", "NULL) = 1", 8, "expected the result 1, got 2" },
    };
    (void)state;
    JUDGES(text, changes);
}

/* --non_fatal: told, and the script goes on. */
static void some_differences_are_only_told(void **state)
{
    char *soft = malloc(sizeof server + 64);
    (void)state;
    snprintf(soft, sizeof server + 64, "--non_fatal=packet\n--non_fatal=syscall\n%s", server);
    char *window = replaced(soft, "win 65160", "win 65161"), *both = replaced(window, "accept(3, ..., ...) = 4\n",
        "accept(3, ..., ...) = 4\n+0 read(4, ..., 1) = -1 EINTR (-)\n");
    struct drill_result r = run_text(window, IP_V4, 1);
    assert_int_equal(r.verdict, DRILL_PASSED);
    assert_int_equal(r.nonfatal, 1);
    assert_non_null(strstr(r.message, "window: expected 65161"));
    char *late = replaced(both, "+0 read(4, ..., 1)",
        "+0 ioctl(4, SIOCINQ, [7]) = 0\n+0 ioctl(4, SIOCINQ, [0]) = 7\n+0 recv(4, ..., 1, MSG_DONTWAIT)");
    r = run_text(late, IP_V4, 1);
    assert_int_equal(r.verdict, DRILL_PASSED);
    assert_int_equal(r.nonfatal, 4);
    free(soft);
    free(window);
    free(both);
    free(late);
}

static const char control_messages[] =
    "    0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n"
    "   +0 setsockopt(3, SOL_IP, IP_RECVERR, [1], 4) = 0\n"
    "   +0 connect(3, ..., ...) = 0\n"
    "   +0 write(3, ..., 1000) = 1000\n"
    "   +0 > udp (1000)\n"
    "  +.1 < icmp unreachable frag_needed mtu 900 [udp (1000)]\n"
    "   +0 recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 2000}], msg_flags=MSG_ERRQUEUE,\n"
    "      msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=EMSGSIZE, "
    "ee_origin=SO_EE_ORIGIN_ICMP,\n"
    "      ee_type=3, ee_code=4, ee_info=900, ee_data=0}}]}, MSG_ERRQUEUE) = 0\n"
    "   +0 setsockopt(3, SOL_SOCKET, SO_TIMESTAMPING, [SOF_TIMESTAMPING_RX_SOFTWARE|SOF_TIMESTAMPING_SOFTWARE], 4) = "
    "0\n"
    "  +.1 < udp (100)\n"
    "  +.1 recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 2000}], msg_flags=0,\n"
    "      msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, "
    "cmsg_data={scm_sec=0,scm_nsec=200000000}}]}, 0) = 100\n";

static void control_messages_are_judged(void **state)
{
    static const struct change changes[] = {
        { "ee_errno=EMSGSIZE", "ee_errno=EPERM", 7, "ee_errno: expected 1, got 90" },
        { "ee_origin=SO_EE_ORIGIN_ICMP", "ee_origin=3", 7, "ee_origin" },
        { "ee_type=3", "ee_type=4", 7, "ee_type" },
        { "ee_code=4", "ee_code=5", 7, "ee_code" },
        { "ee_info=900", "ee_info=901", 7, "ee_info" },
        { "ee_data=0", "ee_data=1", 7, "ee_data" },
        { "mtu 900", "mtu 901", 7, "ee_info: expected 900, got 901" },
        { "scm_nsec=200000000", "scm_nsec=205000000", 12, "the timestamp: expected 0.205000 s, got 0.200" },
        { ",\n      msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, "
          "cmsg_data={scm_sec=0,scm_nsec=200000000}}]}",
            "}", 12, "msg_flags" },
        { "cmsg_level=SOL_IP,", "cmsg_level=SOL_IPV6,", 7, "control message 1" },
    };
    (void)state;
    JUDGES(control_messages, changes);
}

/* What relative times count from, ranges, and what tolerance is. */
static void times_are_judged(void **state)
{
    static const char waiting[] =
        "--tolerance_usecs=1000\n"
        "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "   +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
        "   +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
        "   +0 > S 0:0(0) <...>\n"
        "   +1 > S 0:0(0) <...>\n"
        "  2.0 > S 0:0(0) <...>\n"
        "+.5~+1.5 > S 0:0(0) <...>\n"
        "  +.5 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n"
        "   +0 > . 1:1(0) ack 1\n"
        "  +.1 < . 1:101(100) ack 1 win 65535\n"
        "   +0 > . 1:1(0) ack 101\n"
        "  +.1 < . 101:201(100) ack 1 win 65535\n"
        "+0~+.1 > . 1:1(0) ack 201\n"
        "  100 close(3) = 0\n";
    static const struct change changes[] = {
        { "   +1 > S", " +0.8 > S", 6, "timing: expected outbound packet at 0.8" },
        { "   +1 > S", " +1.2 > S", 6, "timing: expected outbound packet at 1.2" }, /* an eighth of 1.2 is not 0.2 */
        { "  2.0 > S", "  2.5 > S", 7, "timing: expected outbound packet at 2.5" },
        { "+.5~+1.5", "+2~+3", 8, "timing: expected outbound packet between +2.000000 and +3.000000" },
        { "+.5~+1.5", "+.1~+.2", 8, "timing" },
        { "  100 close", "  3.6 close", 15,
            "timing: expected the start of the call at 3.600000 s, but it happened at 3.7" },
        { "+.5~+1.5 > S", "  1.9 > S", 8, "goes backwards" },
        { "    0 socket", "    1 socket", 2, "not at time 0" },
    };
    (void)state;
    JUDGES(waiting, changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_judged),
        cmocka_unit_test(calls_are_judged),
        cmocka_unit_test(waiting_is_not_expected),
        cmocka_unit_test(close_lingers),
        cmocka_unit_test(files_and_pipes_are_moved),
        cmocka_unit_test(datagrams_are_judged),
        cmocka_unit_test(many_messages_are_judged),
        cmocka_unit_test(some_differences_are_only_told),
        cmocka_unit_test(control_messages_are_judged),
        cmocka_unit_test(times_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
