/* Sending, receiving and readiness: what the kernel and weir give for the same calls, byte counts, flags and masks. */
#include "sides.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>

static bool has_kernel;

static struct sockaddr_in in4(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void note_poll(struct side *s, const char *what, int fd)
{
    struct pollfd p = { .fd = fd, .events = (short)0x3fff };
    struct timespec now = { 0, 0 };
    long result = DO(s, SYS_ppoll, U(&p), 1, U(&now), 0, 0);
    note(s, "%s poll: %ld %x\n", what, result, p.revents);
}

static void note_message(struct side *s, const char *what, int fd, size_t room, int flags)
{
    uint8_t data[256] = { 0 }, control[256] = { 0 };
    struct sockaddr_in name;
    struct iovec vec[2] = { { data, room / 2 }, { data + room / 2, room - room / 2 } };
    struct msghdr h = { .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = vec, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control };
    memset(&name, 0, sizeof name);
    long result = DO(s, SYS_recvmsg, fd, U(&h), flags | MSG_DONTWAIT);
    note(s, "%s recvmsg %zu %x: %s%ld flags %x name %u %d control %zu:", what, room, flags, result < 0 ? strerrorname_np((int)-result) : "",
        result < 0 ? 0 : result, h.msg_flags, h.msg_namelen, name.sin_family, h.msg_controllen);
    for (long i = 0; i < result && i < (long)room; i++) note(s, data[i] ? "%c" : "<%d>", data[i]);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c && result >= 0; c = CMSG_NXTHDR(&h, c)) {
        note(s, " [%d %d %zu]", c->cmsg_level, c->cmsg_type, c->cmsg_len);
        if (c->cmsg_level != SOL_IP) continue;
        for (size_t i = 0; i < c->cmsg_len - sizeof *c && i < 16; i++) note(s, " %02x", CMSG_DATA(c)[i]);
    }
    note(s, "\n");
}

static void datagrams(struct side *s)
{
    struct sockaddr_in a = in4(6001), b = in4(6002), nobody = in4(6099), zero = in4(0), wrong = in4(6001);
    int x = OPEN(s, "x", SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), y = OPEN(s, "y", SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    static char big[70000];
    int on = 1;
    note_poll(s, "new", x);
    CALL(s, "no destination", SYS_sendto, x, U("a"), 1, 0, 0, 0);
    CALL(s, "bind", SYS_bind, x, U(&a), sizeof a);
    CALL(s, "bind", SYS_bind, y, U(&b), sizeof b);
    CALL(s, "empty", SYS_recvfrom, x, U(big), 10, 0, 0, 0);
    CALL(s, "port 0", SYS_sendto, y, U("a"), 1, 0, U(&zero), sizeof zero);
    CALL(s, "short name", SYS_sendto, y, U("a"), 1, 0, U(&a), 4);
    CALL(s, "long name", SYS_sendto, y, U("a"), 1, 0, U(&a), 200);
    CALL(s, "bad name", SYS_sendto, y, U("a"), 1, 0, 8, sizeof a);
    wrong.sin_family = AF_INET6;
    CALL(s, "family", SYS_sendto, y, U("a"), 1, 0, U(&wrong), sizeof wrong);
    CALL(s, "bad data", SYS_sendto, y, 8, 100, 0, U(&a), sizeof a);
    CALL(s, "too long", SYS_sendto, y, U(big), sizeof big, 0, U(&a), sizeof a);
    CALL(s, "longest", SYS_sendto, y, U(big), 65507, 0, U(&a), sizeof a);
    CALL(s, "longest", SYS_recvfrom, x, U(big), sizeof big, 0, 0, 0);
    CALL(s, "one more", SYS_sendto, y, U(big), 65508, 0, U(&a), sizeof a);
    CALL(s, "hello", SYS_sendto, y, U("hello"), 5, 0, U(&a), sizeof a);
    note_poll(s, "one waits", x);
    CALL(s, "FIONREAD", SYS_ioctl, x, FIONREAD, U(&on));
    note(s, "%d\n", on);
    note_message(s, "peek", x, 2, MSG_PEEK);
    note_message(s, "peek all", x, 2, MSG_PEEK | MSG_TRUNC);
    note_message(s, "cut", x, 2, 0);
    CALL(s, "nothing", SYS_sendto, y, 0, 0, 0, U(&a), sizeof a);
    note_poll(s, "empty one waits", x);
    note_message(s, "empty", x, 10, 0);
    for (int option = 1; option < 30; option++) {
        on = 1;
        if (option == IP_PKTINFO || option == IP_RECVTTL || option == IP_RECVTOS || option == IP_RECVORIGDSTADDR)
            CALL(s, "want", SYS_setsockopt, x, SOL_IP, option, U(&on), sizeof on);
    }
    CALL(s, "hello", SYS_sendto, y, U("hello"), 5, 0, U(&a), sizeof a);
    note_message(s, "with control", x, 10, 0);
    CALL(s, "read 0", SYS_read, x, U(big), 0);
    CALL(s, "write", SYS_write, x, U("a"), 1);
    for (int option = IP_PKTINFO; option < 30; option++) {
        on = option == IP_RECVERR;
        if (option == IP_PKTINFO || option == IP_RECVTTL || option == IP_RECVTOS || option == IP_RECVORIGDSTADDR || option == IP_RECVERR)
            CALL(s, "only errors", SYS_setsockopt, x, SOL_IP, option, U(&on), sizeof on);
    }
    CALL(s, "connect", SYS_connect, x, U(&nobody), sizeof nobody);
    CALL(s, "refused later", SYS_write, x, U("a"), 1);
    note_poll(s, "refused", x);
    CALL(s, "refused now", SYS_write, x, U("a"), 1);
    note_message(s, "error", x, 10, MSG_ERRQUEUE);
    note_message(s, "no more", x, 10, MSG_ERRQUEUE);
    note_poll(s, "after", x);
    CALL(s, "from another", SYS_sendto, y, U("stranger"), 8, 0, U(&a), sizeof a);
    note_message(s, "not connected to", x, 10, 0);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    CALL(s, "disconnect", SYS_connect, x, U(&none), sizeof none);
    CALL(s, "shutdown", SYS_shutdown, x, SHUT_RDWR);
    CALL(s, "connect", SYS_connect, x, U(&b), sizeof b);
    CALL(s, "shutdown", SYS_shutdown, x, SHUT_WR);
    note_poll(s, "shut", x);
    CALL(s, "write", SYS_write, x, U("a"), 1);
    CALL(s, "oob", SYS_sendto, y, U("a"), 1, MSG_OOB, U(&a), sizeof a);
    CALL(s, "shutdown", SYS_shutdown, x, SHUT_RD);
    CALL(s, "read at end", SYS_read, x, U(big), 10);
}

static void test_datagrams(void **state) { (void)state; compare(datagrams, has_kernel); }

static void headers(struct side *s)
{
    struct sockaddr_in a = in4(6003);
    int x = OPEN(s, "x", SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    static struct iovec many[1025];
    char data[64] = "data";
    CALL(s, "bind", SYS_bind, x, U(&a), sizeof a);
    CALL(s, "connect", SYS_connect, x, U(&a), sizeof a);
    struct iovec vec = { data, 4 }, negative = { data, (size_t)-1 };
    struct msghdr h = { .msg_iov = &vec, .msg_iovlen = 1 };
    CALL(s, "header fault", SYS_sendmsg, x, 8, 0);
    CALL(s, "ok", SYS_sendmsg, x, U(&h), 0);
    h.msg_iov = many;
    h.msg_iovlen = 1025;
    CALL(s, "too many", SYS_sendmsg, x, U(&h), 0);
    CALL(s, "too many", SYS_recvmsg, x, U(&h), 0);
    CALL(s, "too many", SYS_writev, x, U(many), 1025);
    CALL(s, "too many", SYS_readv, x, U(many), 1025);
    CALL(s, "none", SYS_writev, x, U(many), 0); /* sends nothing, where write() sends an empty datagram */
    CALL(s, "many empty", SYS_writev, x, U(many), 1024);
    CALL(s, "none, strange flags", SYS_pwritev2, x, U(many), 0, -1l, 0, 0x10000);
    CALL(s, "many empty", SYS_readv, x, U(many), 1024);
    CALL(s, "none, strange flags", SYS_preadv2, x, U(many), 0, -1l, 0, 0x10000);
    CALL(s, "strange flags", SYS_pwritev2, x, U(&vec), 1, -1l, 0, 0x10000);
    CALL(s, "too many, strange flags", SYS_preadv2, x, U(many), 1025, -1l, 0, 0x10000);
    CALL(s, "position", SYS_preadv2, x, U(many), 1025, 0, 0, 0x10000);
    h.msg_iovlen = 1024;
    CALL(s, "many empty", SYS_sendmsg, x, U(&h), 0);
    h.msg_iov = &negative;
    h.msg_iovlen = 1;
    CALL(s, "negative", SYS_sendmsg, x, U(&h), 0);
    CALL(s, "negative", SYS_writev, x, U(&negative), 1);
    h.msg_iov = (void *)8;
    CALL(s, "iov fault", SYS_sendmsg, x, U(&h), 0);
    h.msg_iov = &vec;
    h.msg_name = &a;
    h.msg_namelen = (socklen_t)-1;
    CALL(s, "name length", SYS_sendmsg, x, U(&h), 0);
    CALL(s, "name length", SYS_recvmsg, x, U(&h), 0);
    struct sockaddr_storage roomy = { 0 };
    memcpy(&roomy, &a, sizeof a);
    h.msg_name = &roomy;
    h.msg_namelen = 500;
    CALL(s, "long name", SYS_sendmsg, x, U(&h), 0);
    h.msg_name = &a;
    h.msg_namelen = sizeof a;
    h.msg_control = (void *)8;
    h.msg_controllen = 16;
    CALL(s, "control fault", SYS_sendmsg, x, U(&h), 0);
    uint8_t control[64] = { 0 };
    struct cmsghdr bad = { .cmsg_len = 100, .cmsg_level = SOL_IP, .cmsg_type = IP_TTL };
    memcpy(control, &bad, sizeof bad);
    h.msg_control = control;
    h.msg_controllen = sizeof control;
    CALL(s, "control length", SYS_sendmsg, x, U(&h), 0);
    bad.cmsg_len = sizeof bad + 4;
    bad.cmsg_type = 12345;
    memcpy(control, &bad, sizeof bad);
    CALL(s, "control type", SYS_sendmsg, x, U(&h), 0);
    h.msg_controllen = (size_t)1 << 32;
    CALL(s, "control too long", SYS_sendmsg, x, U(&h), 0);
    note_message(s, "what came", x, 32, 0);
    note_message(s, "what came", x, 32, 0);
    struct mmsghdr batch[3] = { { .msg_hdr = { .msg_iov = &vec, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &vec, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = (void *)8, .msg_iovlen = 1 } } };
    CALL(s, "sendmmsg", SYS_sendmmsg, x, U(batch), 3, 0);
    note(s, "%u %u\n", batch[0].msg_len, batch[1].msg_len);
    CALL(s, "sendmmsg", SYS_sendmmsg, x, U(batch + 2), 1, 0);
    CALL(s, "sendmmsg none", SYS_sendmmsg, x, U(batch), 0, 0);
    CALL(s, "recvmmsg", SYS_recvmmsg, x, U(batch), 2, 0, 0);
    CALL(s, "recvmmsg", SYS_recvmmsg, x, U(batch), 2, 0, 0);
    CALL(s, "recvmmsg", SYS_recvmmsg, x, U(batch), 2, 0, 0);
    struct timespec bad_time = { 0, -1 };
    CALL(s, "recvmmsg time", SYS_recvmmsg, x, U(batch), 2, 0, U(&bad_time));
}

static void test_headers(void **state) { (void)state; compare(headers, has_kernel); }

struct connection { int listener, client, server; };

static struct connection connection_open(struct side *s, uint16_t port)
{
    struct connection c;
    struct sockaddr_in a = in4(port);
    int on = 1;
    c.listener = OPEN(s, "listener", SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c.client = OPEN(s, "client", SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CALL(s, "reuse", SYS_setsockopt, c.listener, SOL_SOCKET, SO_REUSEADDR, U(&on), sizeof on);
    CALL(s, "bind", SYS_bind, c.listener, U(&a), sizeof a);
    CALL(s, "listen", SYS_listen, c.listener, 5);
    CALL(s, "accept", SYS_accept4, c.listener, 0, 0, SOCK_NONBLOCK);
    note_poll(s, "quiet listener", c.listener);
    CALL(s, "connect", SYS_connect, c.client, U(&a), sizeof a);
    note_poll(s, "listener", c.listener);
    note_poll(s, "client", c.client);
    c.server = OPEN(s, "accept", SYS_accept4, c.listener, 0, 0, SOCK_NONBLOCK);
    note_poll(s, "server", c.server);
    return c;
}

static void streams(struct side *s)
{
    struct connection c = connection_open(s, 6010);
    struct sockaddr_in a = in4(6010), got;
    char data[64];
    socklen_t length = sizeof got;
    CALL(s, "connect again", SYS_connect, c.client, U(&a), sizeof a);
    CALL(s, "connect third", SYS_connect, c.client, U(&a), sizeof a);
    CALL(s, "connect accepted", SYS_connect, c.server, U(&a), sizeof a);
    CALL(s, "listen accepted", SYS_listen, c.server, 5);
    CALL(s, "listen connected", SYS_listen, c.client, 5);
    CALL(s, "bind connected", SYS_bind, c.client, U(&a), sizeof a);
    CALL(s, "accept connected", SYS_accept4, c.client, 0, 0, 0);
    CALL(s, "peer", SYS_getpeername, c.client, U(&got), U(&length));
    note(s, "%x %d\n", got.sin_addr.s_addr, ntohs(got.sin_port));
    CALL(s, "empty", SYS_recvfrom, c.server, U(data), 10, 0, 0, 0);
    CALL(s, "send", SYS_sendto, c.client, U("hello world"), 11, 0, U(&a), sizeof a);
    note_poll(s, "data", c.server);
    CALL(s, "FIONREAD", SYS_ioctl, c.server, FIONREAD, U(data));
    note(s, "%d\n", *(int *)data);
    note_message(s, "peek", c.server, 5, MSG_PEEK);
    note_message(s, "read", c.server, 5, 0);
    note_message(s, "throw away", c.server, 2, MSG_TRUNC);
    note_message(s, "wait for all", c.server, 30, MSG_WAITALL);
    note_message(s, "nothing", c.server, 5, 0);
    CALL(s, "send 0", SYS_sendto, c.client, U(data), 0, 0, 0, 0);
    CALL(s, "writev", SYS_writev, c.client, U(((struct iovec[]){ { (char *)"ab", 2 }, { NULL, 0 }, { (char *)"cd", 2 } })), 3);
    CALL(s, "readv", SYS_readv, c.server, U(((struct iovec[]){ { data, 1 }, { data + 1, 8 } })), 2);
    CALL(s, "oob", SYS_sendto, c.client, U("xyz"), 3, MSG_OOB, 0, 0);
    note_poll(s, "urgent", c.server);
    CALL(s, "at mark", SYS_ioctl, c.server, SIOCATMARK, U(data));
    note(s, "%d\n", *(int *)data);
    note_message(s, "urgent byte", c.server, 5, MSG_OOB);
    note_message(s, "urgent byte again", c.server, 5, MSG_OOB);
    note_message(s, "before the mark", c.server, 5, 0);
    CALL(s, "at mark", SYS_ioctl, c.server, SIOCATMARK, U(data));
    note(s, "%d\n", *(int *)data);
    note_message(s, "error queue", c.server, 5, MSG_ERRQUEUE);
    CALL(s, "shutdown", SYS_shutdown, c.client, SHUT_WR);
    note_poll(s, "half closed server", c.server);
    note_poll(s, "half closed client", c.client);
    CALL(s, "end", SYS_recvfrom, c.server, U(data), 10, 0, 0, 0);
    CALL(s, "broken", SYS_sendto, c.client, U("a"), 1, MSG_NOSIGNAL, 0, 0);
    CALL(s, "broken", SYS_write, c.client, U("a"), 1);
    CALL(s, "other way", SYS_write, c.server, U("still"), 5);
    note_message(s, "other way", c.client, 10, 0);
    DO(s, SYS_close, c.server);
    note_poll(s, "closed", c.client);
    CALL(s, "end", SYS_read, c.client, U(data), 10);
    CALL(s, "shutdown closed", SYS_shutdown, c.client, SHUT_WR);
    DO(s, SYS_close, c.client);
    DO(s, SYS_close, c.listener);
}

static void test_streams(void **state) { (void)state; compare(streams, has_kernel); }

static void note_error(struct side *s, int fd)
{
    int error = 77, length = sizeof error;
    DO(s, SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, U(&error), U(&length));
    note(s, "SO_ERROR %d\n", error);
}

static void note_state(struct side *s, int fd)
{
    uint8_t info[256] = { 0 };
    int length = sizeof info;
    DO(s, SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, U(info), U(&length));
    note(s, "state %d, length %d\n", info[0], length);
}

static void endings(struct side *s)
{
    char data[64];
    struct connection c = connection_open(s, 6020);
    CALL(s, "unread", SYS_write, c.client, U("unread"), 6);
    DO(s, SYS_close, c.server); /* with data unread: a reset */
    note_poll(s, "reset", c.client);
    note_state(s, c.client);
    CALL(s, "read reset", SYS_read, c.client, U(data), 10);
    CALL(s, "read after", SYS_read, c.client, U(data), 10);
    CALL(s, "write after", SYS_write, c.client, U("a"), 1);
    note_error(s, c.client);
    DO(s, SYS_close, c.client);
    DO(s, SYS_close, c.listener);

    c = connection_open(s, 6021);
    struct linger now = { 1, 0 };
    CALL(s, "linger", SYS_setsockopt, c.client, SOL_SOCKET, SO_LINGER, U(&now), sizeof now);
    CALL(s, "data", SYS_write, c.client, U("data"), 4);
    DO(s, SYS_close, c.client);
    note_poll(s, "aborted", c.server);
    note_error(s, c.server);
    CALL(s, "read aborted", SYS_read, c.server, U(data), 10);
    DO(s, SYS_close, c.server);
    DO(s, SYS_close, c.listener);

    c = connection_open(s, 6022);
    DO(s, SYS_close, c.listener);
    CALL(s, "outlives", SYS_write, c.client, U("data"), 4);
    CALL(s, "outlives", SYS_read, c.server, U(data), 10);
    CALL(s, "both", SYS_shutdown, c.client, SHUT_RDWR);
    note_state(s, c.client);
    note_state(s, c.server);
    note_poll(s, "both shut", c.client);
    CALL(s, "peer goes on", SYS_write, c.server, U("data"), 4);
    note_poll(s, "peer", c.server);
    CALL(s, "peer goes on", SYS_write, c.server, U("data"), 4);
    note_error(s, c.server);
    DO(s, SYS_close, c.server);
    DO(s, SYS_close, c.client);

    struct sockaddr_in nobody = in4(6029), none = { .sin_family = AF_UNSPEC };
    int fd = OPEN(s, "socket", SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    note_poll(s, "new", fd);
    CALL(s, "read new", SYS_read, fd, U(data), 10);
    CALL(s, "write new", SYS_write, fd, U("a"), 1);
    CALL(s, "refused", SYS_connect, fd, U(&nobody), sizeof nobody);
    note_poll(s, "refused", fd);
    note_error(s, fd);
    note_poll(s, "refused", fd);
    CALL(s, "again", SYS_connect, fd, U(&nobody), sizeof nobody);
    CALL(s, "again", SYS_connect, fd, U(&nobody), sizeof nobody);
    CALL(s, "unspecified", SYS_connect, fd, U(&none), sizeof none);
    note_poll(s, "unspecified", fd);
    CALL(s, "listen", SYS_listen, fd, 1);
    note_state(s, fd);
    CALL(s, "read listening", SYS_read, fd, U(data), 10);
    CALL(s, "write listening", SYS_write, fd, U("a"), 1);
    CALL(s, "connect listening", SYS_connect, fd, U(&nobody), sizeof nobody);
    CALL(s, "shutdown listening", SYS_shutdown, fd, SHUT_RD);
    note_poll(s, "no more", fd);
    note_state(s, fd);
    CALL(s, "accept no more", SYS_accept, fd, 0, 0);
}

static void test_endings(void **state) { (void)state; compare(endings, has_kernel); }

static void note_epoll(struct side *s, const char *what, int e)
{
    struct epoll_event events[4];
    memset(events, 0, sizeof events);
    long count = DO(s, SYS_epoll_pwait, e, U(events), 4, 0, 0, 0);
    note(s, "%s epoll: %ld", what, count);
    for (long i = 0; i < count; i++) note(s, " %x:%d", events[i].events, events[i].data.fd);
    note(s, "\n");
}

static void readiness(struct side *s)
{
    struct connection c = connection_open(s, 6030);
    char data[64];
    int e = OPEN(s, "epoll", SYS_epoll_create1, 0), f = OPEN(s, "epoll", SYS_epoll_create1, 0);
    struct epoll_event edge = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = 1 };
    struct epoll_event level = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = 2 }, once = { .events = EPOLLOUT | EPOLLONESHOT, .data.fd = 3 };
    CALL(s, "add", SYS_epoll_ctl, e, EPOLL_CTL_ADD, c.server, U(&edge));
    CALL(s, "add", SYS_epoll_ctl, f, EPOLL_CTL_ADD, c.server, U(&level));
    CALL(s, "add", SYS_epoll_ctl, f, EPOLL_CTL_ADD, c.client, U(&once));
    CALL(s, "add twice", SYS_epoll_ctl, f, EPOLL_CTL_ADD, c.client, U(&once));
    CALL(s, "add missing", SYS_epoll_ctl, f, EPOLL_CTL_ADD, 900, U(&once));
    CALL(s, "add itself", SYS_epoll_ctl, f, EPOLL_CTL_ADD, f, U(&once));
    CALL(s, "not an epoll", SYS_epoll_ctl, c.client, EPOLL_CTL_ADD, f, U(&once));
    CALL(s, "fault", SYS_epoll_ctl, f, EPOLL_CTL_MOD, c.client, 8);
    CALL(s, "operation", SYS_epoll_ctl, f, 77, c.client, U(&once));
    CALL(s, "wait for none", SYS_epoll_pwait, f, U(data), 0, 0, 0, 0);
    CALL(s, "wait on no epoll", SYS_epoll_pwait, c.client, U(data), 1, 0, 0, 0);
    note_epoll(s, "edge", e);
    note_epoll(s, "edge", e);
    note_epoll(s, "level", f);
    note_epoll(s, "level", f);
    CALL(s, "write", SYS_write, c.client, U("abcdef"), 6);
    note_epoll(s, "edge", e);
    note_epoll(s, "edge", e);
    note_epoll(s, "level", f);
    CALL(s, "read some", SYS_read, c.server, U(data), 2);
    note_epoll(s, "edge", e);
    note_epoll(s, "level", f);
    CALL(s, "write", SYS_write, c.client, U("g"), 1);
    note_epoll(s, "edge", e);
    CALL(s, "read rest", SYS_read, c.server, U(data), 20);
    note_epoll(s, "level", f);
    CALL(s, "rearm", SYS_epoll_ctl, f, EPOLL_CTL_MOD, c.client, U(&once));
    note_epoll(s, "rearmed", f);
    CALL(s, "shutdown", SYS_shutdown, c.client, SHUT_WR);
    note_epoll(s, "edge", e);
    note_epoll(s, "level", f);
    int inner = OPEN(s, "inner", SYS_epoll_create1, 0);
    CALL(s, "nest", SYS_epoll_ctl, inner, EPOLL_CTL_ADD, f, U(&level));
    note_epoll(s, "nested", inner);
    DO(s, SYS_close, c.server);
    note_epoll(s, "closed", e);
    note_epoll(s, "closed", f);
    CALL(s, "delete", SYS_epoll_ctl, f, EPOLL_CTL_DEL, c.client, 0);
    CALL(s, "delete", SYS_epoll_ctl, f, EPOLL_CTL_DEL, c.client, 0);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(c.client, &in);
    FD_SET(c.client, &out);
    FD_SET(c.listener, &in);
    struct timespec now = { 0, 0 }, bad = { 0, 2000000000 };
    int most = (c.client > c.listener ? c.client : c.listener) + 1;
    CALL(s, "select", SYS_pselect6, most, U(&in), U(&out), 0, U(&now), 0);
    note(s, "%d %d %d\n", FD_ISSET(c.client, &in) != 0, FD_ISSET(c.client, &out) != 0, FD_ISSET(c.listener, &in) != 0);
    CALL(s, "select", SYS_pselect6, -1, 0, 0, 0, U(&now), 0);
    CALL(s, "select", SYS_pselect6, 0, 0, 0, 0, U(&bad), 0);
    FD_SET(50, &in);
    CALL(s, "select closed", SYS_pselect6, 51, U(&in), 0, 0, U(&now), 0);
    struct pollfd p[3] = { { c.client, POLLIN, 0 }, { -5, POLLIN, 7 }, { 900, POLLIN, 0 } };
    CALL(s, "poll", SYS_ppoll, U(p), 3, U(&now), 0, 0);
    note(s, "%x %x %x\n", p[0].revents, p[1].revents, p[2].revents);
    CALL(s, "poll fault", SYS_ppoll, 8, 3, U(&now), 0, 0);
}

static void test_readiness(void **state) { (void)state; compare(readiness, has_kernel); }

static void full_buffers(struct side *s)
{
    struct connection c = connection_open(s, 6040);
    static char data[65536];
    int small = 8192;
    CALL(s, "SO_SNDBUF", SYS_setsockopt, c.client, SOL_SOCKET, SO_SNDBUF, U(&small), sizeof small);
    long sent = 0, got = 0, n;
    while ((n = DO(s, SYS_write, c.client, U(data), sizeof data)) > 0) sent += n;
    note(s, "full: %s, more than a window: %d\n", strerrorname_np((int)-n), sent > 65536);
    note_poll(s, "full", c.client);
    while ((n = DO(s, SYS_read, c.server, U(data), sizeof data)) > 0) got += n;
    note(s, "drained: %s\n", strerrorname_np((int)-n));
    note_poll(s, "drained", c.client);
    DO(s, SYS_shutdown, c.client, SHUT_WR);
    while ((n = DO(s, SYS_read, c.server, U(data), sizeof data)) > 0) got += n;
    note(s, "all: %d, then %ld\n", got == sent, n);
}

static void test_full_buffers(void **state) { (void)state; compare(full_buffers, has_kernel); }

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    has_kernel = kernel_is_ready();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams), cmocka_unit_test(test_headers), cmocka_unit_test(test_streams),
        cmocka_unit_test(test_endings), cmocka_unit_test(test_readiness), cmocka_unit_test(test_full_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
