/* socket, bind, connect, options and ioctls: results and errors as the kernel's. */
#include "sides.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/un.h>

static bool has_kernel;

static struct sockaddr_in in4(const char *address, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, address, &a.sin_addr);
    return a;
}

static struct sockaddr_in6 in6(const char *address, uint16_t port)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    inet_pton(AF_INET6, address, &a.sin6_addr);
    return a;
}

static void creation(struct side *s)
{
    static const int families[] = { -1, AF_UNSPEC, AF_INET, AF_INET6, AF_APPLETALK, 45, 46, 1000 };
    static const int types[] = { 0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, 6, 11, 15 };
    static const int protocols[] = { -1, 0, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, 255, 256, 1000 };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (size_t p = 0; p < sizeof protocols / sizeof *protocols; p++) {
                char what[64];
                snprintf(what, sizeof what, "socket %d %d %d", families[f], types[t], protocols[p]);
                int fd = OPEN(s, what, SYS_socket, families[f], types[t], protocols[p]);
                if (fd >= 0) DO(s, SYS_close, fd);
            }
    OPEN(s, "bad flag", SYS_socket, AF_INET, SOCK_STREAM | 0x100, 0);
    int fd = OPEN(s, "flags", SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CALL(s, "F_GETFD", SYS_fcntl, fd, F_GETFD);
    CALL(s, "F_GETFL", SYS_fcntl, fd, F_GETFL);
    int pair[2];
    CALL(s, "inet pair", SYS_socketpair, AF_INET, SOCK_STREAM, 0, U(pair));
}

static void test_creation(void **state) { (void)state; compare(creation, has_kernel); }

static void wrong_descriptors(struct side *s)
{
    struct sockaddr_in a = in4("127.0.0.1", 0);
    socklen_t length = sizeof a;
    int value = 1;
    CALL(s, "bind", SYS_bind, 900, U(&a), sizeof a);
    CALL(s, "listen", SYS_listen, -1, 1);
    CALL(s, "accept", SYS_accept, 900, 0, 0);
    CALL(s, "connect", SYS_connect, 900, U(&a), sizeof a);
    CALL(s, "getsockname", SYS_getsockname, 900, U(&a), U(&length));
    CALL(s, "sendto", SYS_sendto, 900, U("x"), 1, 0, 0, 0);
    CALL(s, "recvfrom", SYS_recvfrom, 900, U(&a), 1, 0, 0, 0);
    CALL(s, "setsockopt", SYS_setsockopt, 900, SOL_SOCKET, SO_REUSEADDR, U(&value), 4);
    CALL(s, "close", SYS_close, 900);
    int e = OPEN(s, "epoll", SYS_epoll_create1, 0);
    CALL(s, "bind epoll", SYS_bind, e, U(&a), sizeof a);
    CALL(s, "connect epoll", SYS_connect, e, U(&a), sizeof a);
    CALL(s, "connect epoll, bad address", SYS_connect, e, 8, sizeof a);
    CALL(s, "sendto epoll", SYS_sendto, e, U("x"), 1, 0, 0, 0);
    CALL(s, "read epoll", SYS_read, e, U(&a), 1);
    CALL(s, "write epoll", SYS_write, e, U("x"), 1);
    CALL(s, "ioctl epoll", SYS_ioctl, e, FIONREAD, U(&value));
}

static void test_wrong_descriptors(void **state) { (void)state; compare(wrong_descriptors, has_kernel); }

static void binding(struct side *s)
{
    struct sockaddr_in a = in4("127.0.0.1", 5001), any = in4("0.0.0.0", 5001), foreign = in4("192.0.2.1", 5001);
    struct sockaddr_in6 six = in6("::1", 5001), any6 = in6("::", 5001), mapped = in6("::ffff:127.0.0.1", 5002);
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "x" };
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        int x = OPEN(s, "socket", SYS_socket, AF_INET, type, 0), y = OPEN(s, "socket", SYS_socket, AF_INET, type, 0);
        int z = OPEN(s, "socket6", SYS_socket, AF_INET6, type, 0);
        CALL(s, "negative", SYS_bind, x, U(&a), -1);
        CALL(s, "long", SYS_bind, x, U(&a), 129);
        CALL(s, "short", SYS_bind, x, U(&a), 15);
        CALL(s, "fault", SYS_bind, x, 8, sizeof a);
        CALL(s, "family", SYS_bind, x, U(&un), sizeof un);
        CALL(s, "family6", SYS_bind, x, U(&six), sizeof six);
        CALL(s, "foreign", SYS_bind, x, U(&foreign), sizeof foreign);
        CALL(s, "bind", SYS_bind, x, U(&a), sizeof a);
        CALL(s, "again", SYS_bind, x, U(&a), sizeof a);
        CALL(s, "taken", SYS_bind, y, U(&a), sizeof a);
        CALL(s, "taken any", SYS_bind, y, U(&any), sizeof any);
        CALL(s, "short6", SYS_bind, z, U(&six), 20);
        CALL(s, "four on six", SYS_bind, z, U(&a), sizeof a);
        CALL(s, "taken dual", SYS_bind, z, U(&any6), sizeof any6);
        CALL(s, "mapped", SYS_bind, z, U(&mapped), sizeof mapped);
        DO(s, SYS_close, x);
        CALL(s, "free now", SYS_bind, y, U(&any), sizeof any);
        DO(s, SYS_close, y);
        DO(s, SYS_close, z);
    }
}

static void test_binding(void **state) { (void)state; compare(binding, has_kernel); }

static void note_option(struct side *s, const char *what, int fd, int level, int name, int room)
{
    uint8_t value[128];
    memset(value, 0xee, sizeof value);
    int length = room;
    long result = DO(s, SYS_getsockopt, fd, level, name, U(value), U(&length));
    note(s, "%s get %d: %s length %d:", what, name, result < 0 ? strerrorname_np((int)-result) : "ok", length);
    for (int i = 0; i < length && result == 0 && i < 128; i++) note(s, " %02x", value[i]);
    note(s, "\n");
}

/* Not compared: what names sizes or identities of this machine, and what only other builds of the kernel have. */
static bool is_comparable(int name)
{
    switch (name) {
    case SO_COOKIE: case SO_NETNS_COOKIE: case SO_MEMINFO: case SO_INCOMING_CPU: case SO_TXTIME: case SO_ATTACH_BPF:
    case SO_ATTACH_REUSEPORT_CBPF: case SO_ATTACH_REUSEPORT_EBPF: case SO_DETACH_REUSEPORT_BPF:
    case SO_PEERSEC: case 77: case 78: case 79: case 80: case 81: return false;
    default: return true;
    }
}

static void options_of(struct side *s, int fd, const char *what)
{
    static const int values[] = { 0, 1, -1, 5, 2047, 4608, 100000, 1 << 30 };
    for (int name = 0; name < 90; name++) {
        if (!is_comparable(name)) continue;
        note_option(s, what, fd, SOL_SOCKET, name, 64);
        note_option(s, what, fd, SOL_SOCKET, name, 4);
        note_option(s, what, fd, SOL_SOCKET, name, 2);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            long result = DO(s, SYS_setsockopt, fd, SOL_SOCKET, name, U(&values[i]), sizeof values[i]);
            note(s, "%s set %d = %d: %s\n", what, name, values[i], result < 0 ? strerrorname_np((int)-result) : "ok");
            note_option(s, what, fd, SOL_SOCKET, name, 16);
        }
        int one = 1;
        long result = DO(s, SYS_setsockopt, fd, SOL_SOCKET, name, U(&one), 3);
        note(s, "%s set short %d: %s\n", what, name, result < 0 ? strerrorname_np((int)-result) : "ok");
        result = DO(s, SYS_setsockopt, fd, SOL_SOCKET, name, 8, 4);
        note(s, "%s set fault %d: %s\n", what, name, result < 0 ? strerrorname_np((int)-result) : "ok");
    }
    struct { int64_t s, us; } times[] = { { 1, 5 }, { -1, 0 }, { 0, 1000000 }, { 0, -1 }, { 5, 999999 }, { 0, 0 } };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        CALL(s, "SO_RCVTIMEO", SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, U(&times[i]), sizeof times[i]);
        note_option(s, what, fd, SOL_SOCKET, SO_RCVTIMEO, 16);
    }
    struct linger linger = { 1, 7 };
    CALL(s, "SO_LINGER", SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, U(&linger), sizeof linger);
    note_option(s, what, fd, SOL_SOCKET, SO_LINGER, 16);
    CALL(s, "SO_BINDTODEVICE", SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, U("lo"), 3);
    note_option(s, what, fd, SOL_SOCKET, SO_BINDTODEVICE, 16);
    note_option(s, what, fd, SOL_SOCKET, SO_BINDTODEVICE, 8);
    CALL(s, "SO_BINDTODEVICE", SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, U("nope"), 5);
    CALL(s, "negative", SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, U(&linger), -1);
    CALL(s, "level", SYS_setsockopt, fd, 12345, SO_REUSEADDR, U(&linger), 4);
    note_option(s, what, fd, 12345, 1, 4);
    note_option(s, what, fd, SOL_SOCKET, SO_TYPE, -1);
}

static void tcp_options(struct side *s) { options_of(s, OPEN(s, "tcp", SYS_socket, AF_INET, SOCK_STREAM, 0), "tcp"); }
static void udp_options(struct side *s) { options_of(s, OPEN(s, "udp", SYS_socket, AF_INET6, SOCK_DGRAM, 0), "udp6"); }
static void test_tcp_options(void **state) { (void)state; compare(tcp_options, has_kernel); }
static void test_udp_options(void **state) { (void)state; compare(udp_options, has_kernel); }

static void note_ifreq(struct side *s, const char *what, int fd, unsigned long command, struct ifreq *r)
{
    long result = DO(s, SYS_ioctl, fd, command, U(r));
    note(s, "%s: %s", what, result < 0 ? strerrorname_np((int)-result) : "ok");
    for (int i = 0; i < 24 && result == 0; i++) note(s, " %02x", ((uint8_t *)&r->ifr_ifru)[i]);
    note(s, "\n");
}

static void ioctls(struct side *s)
{
    static const struct { const char *name; unsigned long command; } gets[] = {
        { "SIOCGIFFLAGS", SIOCGIFFLAGS }, { "SIOCGIFMETRIC", SIOCGIFMETRIC }, { "SIOCGIFMTU", SIOCGIFMTU }, { "SIOCGIFINDEX", SIOCGIFINDEX },
        { "SIOCGIFTXQLEN", SIOCGIFTXQLEN }, { "SIOCGIFMAP", SIOCGIFMAP }, { "SIOCGIFHWADDR", SIOCGIFHWADDR }, { "SIOCGIFSLAVE", SIOCGIFSLAVE },
        { "SIOCGIFADDR", SIOCGIFADDR }, { "SIOCGIFNETMASK", SIOCGIFNETMASK }, { "SIOCGIFBRDADDR", SIOCGIFBRDADDR }, { "SIOCGIFDSTADDR", SIOCGIFDSTADDR },
    };
    int fd = OPEN(s, "socket", SYS_socket, AF_INET, SOCK_DGRAM, 0);
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++) {
        struct ifreq lo = { .ifr_name = "lo" }, none = { .ifr_name = "none" };
        note_ifreq(s, gets[i].name, fd, gets[i].command, &lo);
        note_ifreq(s, gets[i].name, fd, gets[i].command, &none);
        CALL(s, "fault", SYS_ioctl, fd, gets[i].command, 8);
    }
    struct ifreq name = { .ifr_ifindex = 1 };
    CALL(s, "SIOCGIFNAME", SYS_ioctl, fd, SIOCGIFNAME, U(&name));
    note(s, "%s\n", name.ifr_name);
    name.ifr_ifindex = 99;
    CALL(s, "SIOCGIFNAME", SYS_ioctl, fd, SIOCGIFNAME, U(&name));
    struct ifreq list[8];
    struct ifconf conf = { .ifc_len = sizeof list, .ifc_req = list };
    CALL(s, "SIOCGIFCONF", SYS_ioctl, fd, SIOCGIFCONF, U(&conf));
    note(s, "%d %s %s\n", conf.ifc_len, list[0].ifr_name, inet_ntoa(((struct sockaddr_in *)&list[0].ifr_addr)->sin_addr));
    conf.ifc_req = NULL;
    CALL(s, "SIOCGIFCONF length", SYS_ioctl, fd, SIOCGIFCONF, U(&conf));
    note(s, "%d\n", conf.ifc_len);
    int value = 77;
    CALL(s, "unknown", SYS_ioctl, fd, 0x1234, U(&value));
    CALL(s, "TCGETS", SYS_ioctl, fd, 0x5401, U(&value));
    CALL(s, "FIONREAD", SYS_ioctl, fd, FIONREAD, U(&value));
    note(s, "%d\n", value);
    CALL(s, "SIOCOUTQ", SYS_ioctl, fd, SIOCOUTQ, U(&value));
    note(s, "%d\n", value);
    CALL(s, "SIOCATMARK", SYS_ioctl, fd, SIOCATMARK, U(&value));
    CALL(s, "SIOCGPGRP", SYS_ioctl, fd, SIOCGPGRP, U(&value));
    note(s, "%d\n", value);
    struct timeval tv;
    CALL(s, "SIOCGSTAMP", SYS_ioctl, fd, SIOCGSTAMP, U(&tv));
    value = 1;
    CALL(s, "FIONBIO", SYS_ioctl, fd, FIONBIO, U(&value));
    CALL(s, "F_GETFL", SYS_fcntl, fd, F_GETFL);
    CALL(s, "FIOASYNC", SYS_ioctl, fd, FIOASYNC, U(&value));
    CALL(s, "FIONBIO fault", SYS_ioctl, fd, FIONBIO, 8);
    CALL(s, "FIOCLEX", SYS_ioctl, fd, FIOCLEX, 0);
    CALL(s, "F_GETFD", SYS_fcntl, fd, F_GETFD);
    CALL(s, "F_DUPFD", SYS_fcntl, fd, F_DUPFD, 100);
    CALL(s, "fcntl", SYS_fcntl, fd, 12345, 0);
    CALL(s, "lseek", SYS_lseek, fd, 0, 0);
    CALL(s, "pread", SYS_pread64, fd, U(&tv), 4, 0);
    CALL(s, "preadv", SYS_preadv, fd, U(&tv), 0, 0);
}

static void test_ioctls(void **state) { (void)state; compare(ioctls, has_kernel); }

static void names(struct side *s)
{
    struct sockaddr_in a = in4("127.0.0.1", 5003), got;
    int fd = OPEN(s, "socket", SYS_socket, AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof got;
    memset(&got, 0, sizeof got);
    CALL(s, "getsockname", SYS_getsockname, fd, U(&got), U(&length));
    note(s, "%d %d %x\n", length, got.sin_family, got.sin_addr.s_addr);
    CALL(s, "bind", SYS_bind, fd, U(&a), sizeof a);
    length = 6;
    memset(&got, 0xaa, sizeof got);
    CALL(s, "cut", SYS_getsockname, fd, U(&got), U(&length));
    note(s, "%d %d %d %x\n", length, got.sin_family, got.sin_port, got.sin_addr.s_addr);
    length = (socklen_t)-1;
    CALL(s, "negative", SYS_getsockname, fd, U(&got), U(&length));
    CALL(s, "fault", SYS_getsockname, fd, 8, U(&length));
    CALL(s, "fault", SYS_getsockname, fd, U(&got), 8);
    length = sizeof got;
    CALL(s, "getpeername", SYS_getpeername, fd, U(&got), U(&length));
    CALL(s, "shutdown", SYS_shutdown, fd, SHUT_RDWR);
    CALL(s, "shutdown how", SYS_shutdown, fd, 7);
    CALL(s, "accept", SYS_accept, fd, 0, 0);
    CALL(s, "accept4 flags", SYS_accept4, fd, 0, 0, 0x100);
    int udp = OPEN(s, "socket", SYS_socket, AF_INET, SOCK_DGRAM, 0);
    CALL(s, "listen udp", SYS_listen, udp, 1);
    CALL(s, "accept udp", SYS_accept, udp, 0, 0);
    CALL(s, "shutdown udp", SYS_shutdown, udp, SHUT_RD);
}

static void test_names(void **state) { (void)state; compare(names, has_kernel); }

int main(void)
{
    has_kernel = kernel_is_ready();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creation), cmocka_unit_test(test_wrong_descriptors), cmocka_unit_test(test_binding),
        cmocka_unit_test(test_tcp_options), cmocka_unit_test(test_udp_options), cmocka_unit_test(test_ioctls),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
