/* The same calls on weir and on the kernel this runs on (in a network namespace of its own): every result has to be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/socket.h>

#include "ended.h"

static struct weir_env env;
static struct weir_machine *machine;
static struct weir_task *task; /* NULL: the kernel */
static char transcripts[2][1 << 16], *at;

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    at += vsnprintf(at, 1000, format, args);
    va_end(args);
}

#define CALL(weir, host) (task ? (long)(weir) : (long)(host))

static int said(const char *what, long result)
{
    int error = errno;
    say("%s: %ld", what, result);
    if (result < 0) say(" %s", strerrorname_np(error));
    say("\n");
    return (int)result;
}
#define SAY(expression) said(#expression, expression)

static int make(int family, int type, int protocol)
{
    return (int)CALL(weir_socket(task, family, type, protocol), socket(family, type, protocol));
}
static int packet_socket(int type, int protocol) { return make(AF_PACKET, type | SOCK_NONBLOCK, htons((uint16_t)protocol)); }
static int end(int fd) { return (int)CALL(weir_close(task, fd), close(fd)); }
static int bind_bytes(int fd, const void *a, socklen_t n) { return (int)CALL(weir_bind(task, fd, a, n), bind(fd, a, n)); }
static int do_bind(int fd, int ifindex, int protocol)
{
    struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_protocol = htons((uint16_t)protocol) };
    return bind_bytes(fd, &a, sizeof a);
}
static int put(int fd, const void *data, size_t bytes) { return (int)CALL(weir_send(task, fd, data, bytes, 0), send(fd, data, bytes, 0)); }
static int put_to(int fd, const void *data, size_t bytes, const void *a, socklen_t n)
{
    return (int)CALL(weir_sendto(task, fd, data, bytes, 0, a, n), sendto(fd, data, bytes, 0, a, n));
}
static int set(int fd, int option, const void *v, socklen_t n)
{
    return (int)CALL(weir_setsockopt(task, fd, SOL_PACKET, option, v, n), setsockopt(fd, SOL_PACKET, option, v, n));
}
static int set_int(int fd, int option, int v) { return set(fd, option, &v, sizeof v); }

static int drain(int fd)
{
    int n = 0;
    char data[2048];
    while (CALL(weir_recv(task, fd, data, sizeof data, MSG_DONTWAIT), recv(fd, data, sizeof data, MSG_DONTWAIT)) >= 0) n++;
    return n;
}

static void take(int fd, size_t bytes, int flags)
{
    unsigned char data[2048];
    char control[256] __attribute__((aligned(8)));
    struct sockaddr_ll from = { 0 };
    struct iovec v = { data, bytes };
    struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
                        .msg_controllen = sizeof control };
    long n = CALL(weir_recvmsg(task, fd, &m, flags), recvmsg(fd, &m, flags));
    said("take", n);
    if (n < 0) return;
    say("  flags %x name %u: %04x if %d hatype %d pkttype %d halen %d [%02x]", (unsigned)m.msg_flags, (unsigned)m.msg_namelen,
        ntohs(from.sll_protocol), from.sll_ifindex, from.sll_hatype, from.sll_pkttype, from.sll_halen, from.sll_addr[0]);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct tpacket_auxdata aux;
        say(" [%d/%d %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
        if (c->cmsg_level != SOL_PACKET) continue;
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        say(" status %x len %u snap %u mac %d net %d]", aux.tp_status, aux.tp_len, aux.tp_snaplen, aux.tp_mac, aux.tp_net);
    }
    if (!(m.msg_flags & MSG_TRUNC) && n >= 40) say(" ...%02x%02x%02x%02x", data[n - 4], data[n - 3], data[n - 2], data[n - 1]);
    say("\n");
}

static void ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLWRBAND, 0 };
    (void)CALL(weir_poll(task, &p, 1), poll(&p, 1, 0));
    say("  ready %x\n", (unsigned)p.revents);
}

static void statistics(int fd)
{
    struct tpacket_stats s = { 0 };
    socklen_t n = sizeof s;
    said("statistics", CALL(weir_getsockopt(task, fd, SOL_PACKET, PACKET_STATISTICS, &s, &n), getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &n)));
    say("  %u %u\n", s.tp_packets, s.tp_drops);
}

static void name(int fd)
{
    struct sockaddr_ll a = { 0 };
    socklen_t n = sizeof a;
    said("own", CALL(weir_getsockname(task, fd, (void *)&a, &n), getsockname(fd, (void *)&a, &n)));
    say("  %u %04x if %d hatype %d halen %d\n", (unsigned)n, ntohs(a.sll_protocol), a.sll_ifindex, a.sll_hatype, a.sll_halen);
    said("peer", CALL(weir_getpeername(task, fd, (void *)&a, &n), getpeername(fd, (void *)&a, &n)));
}

/* One UDP datagram over loopback, to a socket that takes it. */
static int udp[2];
static void open_udp(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(4000), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (int i = 0; i < 2; i++) udp[i] = make(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind_bytes(udp[0], &a, sizeof a);
    (void)CALL(weir_connect(task, udp[1], (void *)&a, sizeof a), connect(udp[1], (void *)&a, sizeof a));
}
static void datagram(const char *text) { put(udp[1], text, strlen(text)); }

static void creating(void)
{
    SAY(make(AF_PACKET, SOCK_STREAM, 0));
    SAY(make(AF_PACKET, SOCK_SEQPACKET, 0));
    int fd = packet_socket(SOCK_RAW, 0);
    struct sockaddr_ll a = { .sll_family = AF_INET, .sll_ifindex = 1 };
    name(fd);
    datagram("unseen");
    take(fd, 100, 0); /* no protocol: nothing comes */
    SAY(bind_bytes(fd, &a, sizeof a));
    SAY(bind_bytes(fd, &a, 10));
    SAY(do_bind(fd, 77, ETH_P_ALL));
    SAY(do_bind(fd, 1, ETH_P_IP));
    name(fd);
    SAY((int)CALL(weir_connect(task, fd, (void *)&a, sizeof a), connect(fd, (void *)&a, sizeof a)));
    SAY((int)CALL(weir_listen(task, fd, 1), listen(fd, 1)));
    SAY((int)CALL(weir_shutdown(task, fd, SHUT_RD), shutdown(fd, SHUT_RD)));
    end(fd);
}

static void receiving(void)
{
    int all = packet_socket(SOCK_RAW, ETH_P_ALL), ip = packet_socket(SOCK_DGRAM, ETH_P_IP), six = packet_socket(SOCK_RAW, ETH_P_IPV6);
    ready(all);
    datagram("first");
    ready(all);
    int waiting = -1;
    SAY((int)CALL(weir_ioctl(task, all, FIONREAD, &waiting), ioctl(all, FIONREAD, &waiting)));
    say("  waiting %d\n", waiting);
    take(all, 20, MSG_PEEK);
    take(all, 20, MSG_TRUNC);
    SAY(set_int(all, PACKET_AUXDATA, 1)); /* not before: on Linux a look with MSG_PEEK spoils tp_len of the next */
    take(all, 200, 0);
    take(ip, 200, 0);
    take(ip, 200, 0);
    take(six, 200, 0);
    take(all, 200, MSG_OOB);
    SAY(set_int(all, PACKET_IGNORE_OUTGOING, 2));
    SAY(set_int(all, PACKET_IGNORE_OUTGOING, 1));
    datagram("in only");
    take(all, 200, 0);
    take(all, 200, 0);
    statistics(all);
    statistics(all);
    end(six);
    end(ip);
    end(all);
}

static void filtering(void)
{
    int fd = packet_socket(SOCK_RAW, ETH_P_ALL);
    struct sock_filter keep[] = { { BPF_RET | BPF_K, 0, 0, 30 } }, none[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
    struct sock_filter incoming[] = { { BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE) },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING }, { BPF_RET | BPF_K, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0xffff } };
    struct sock_fprog programs[] = { { 1, keep }, { 1, none }, { 4, incoming } };
    set_int(fd, PACKET_AUXDATA, 1);
    for (int i = 0; i < 3; i++) {
        SAY((int)CALL(weir_setsockopt(task, fd, SOL_SOCKET, SO_ATTACH_FILTER, &programs[i], sizeof programs[i]),
                      setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &programs[i], sizeof programs[i])));
        datagram("filtered");
        take(fd, 200, 0);
        take(fd, 200, 0);
        statistics(fd);
    }
    end(fd);
}

static void sending(void)
{
    static unsigned char frame[70000];
    int fd = packet_socket(SOCK_RAW, ETH_P_ALL), flat = packet_socket(SOCK_DGRAM, 0), watch = packet_socket(SOCK_RAW, ETH_P_ALL);
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = 1, .sll_protocol = htons(0x88b5), .sll_halen = 6,
                              .sll_addr = { 2, 4, 6, 8, 10, 12 } };
    memset(frame, 7, sizeof frame);
    memcpy(frame + 12, "\x88\xb6", 2);
    SAY(put(fd, frame, 60));
    SAY(do_bind(fd, 1, ETH_P_ALL));
    SAY(put(fd, frame, 60));
    SAY(put(fd, frame, 10));
    SAY(put(fd, frame, 65536 + 15));
    take(fd, 200, 0); /* its own: only as it comes back */
    take(fd, 200, 0);
    take(watch, 200, 0);
    take(watch, 200, 0);
    SAY(put_to(flat, frame, 20, &to, sizeof to));
    take(watch, 200, 0);
    take(watch, 200, 0);
    to.sll_halen = 200;
    SAY(put_to(flat, frame, 20, &to, sizeof to));
    SAY(put_to(flat, frame, 20, &to, 12));
    to.sll_halen = 6;
    to.sll_ifindex = 9;
    SAY(put_to(flat, frame, 20, &to, sizeof to));
    SAY(put(flat, frame, 20));
    say("left %d\n", drain(watch));
    end(fd);
    end(flat);
    end(watch);
}

static void options(void)
{
    int fd = packet_socket(SOCK_RAW, ETH_P_ALL);
    struct packet_mreq m = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
    SAY(set(fd, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(set(fd, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(set(fd, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    SAY(set(fd, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    SAY(set(fd, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    m.mr_ifindex = 50;
    SAY(set(fd, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(set(fd, PACKET_ADD_MEMBERSHIP, &m, 8));
    m.mr_ifindex = 1;
    m.mr_alen = 9;
    SAY(set(fd, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(set_int(fd, 9999, 1));
    SAY((int)CALL(weir_setsockopt(task, fd, 6, 1, &m, 4), setsockopt(fd, 6, 1, &m, 4)));
    SAY(set_int(fd, PACKET_ORIGDEV, 1));
    end(fd);
}

/* As many frames fit into the receive buffer; the rest are counted. */
static void overflowing(void)
{
    int fd = packet_socket(SOCK_RAW, ETH_P_ALL), small = 4096;
    char text[600];
    memset(text, 'x', sizeof text);
    text[599] = 0;
    SAY((int)CALL(weir_setsockopt(task, fd, SOL_SOCKET, SO_RCVBUF, &small, 4), setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, 4)));
    for (int i = 0; i < 10; i++) datagram(text);
    statistics(fd);
    say("kept %d\n", drain(fd));
    end(fd);
}

static void run_all(void)
{
    open_udp();
    creating();
    receiving();
    filtering();
    sending();
    options();
    overflowing();
    end(udp[0]);
    end(udp[1]);
}

static bool own_namespace(void)
{
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    if (unshare(CLONE_NEWNET)) return false;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool is_up = ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    close(fd);
    return is_up;
}

static void compare(const char *a, const char *b)
{
    const char *begin = a;
    for (int line = 1; *a || *b; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n)) {
            const char *from = a - begin > 800 ? a - 800 : begin;
            fprintf(stderr, "%.*s\n", (int)(a - from), from);
            fail_msg("line %d: Linux '%.*s', weir '%.*s'", line, (int)n, a, (int)m, b);
        }
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
}

static void equals_the_kernel(void **state)
{
    (void)state;
    if (!own_namespace()) skip();
    task = NULL;
    at = transcripts[0];
    run_all();

    struct weir_machine_config config = { .seed = { 1, 2 } };
    assert_true(weir_env_map(&env, 0));
    machine = weir_machine_create(&config, &env);
    assert_non_null(machine);
    task = weir_task_create(machine);
    assert_non_null(task);
    at = transcripts[1];
    run_all();
    compare(transcripts[0], transcripts[1]);
    weir_task_destroy(task);
    end_machine(machine);
    weir_env_unmap(&env);
}

static void needs_the_capability(void **state)
{
    (void)state;
    struct weir_machine_config config = { .seed = { 1, 2 } };
    assert_true(weir_env_map(&env, 0));
    machine = weir_machine_create(&config, &env);
    task = weir_task_create(machine);
    weir_task_credentials(task, 1000, 1000, 0);
    assert_int_equal(weir_socket(task, AF_PACKET, SOCK_RAW, 0), -1);
    assert_int_equal(errno, EPERM);
    end_machine(machine);
    weir_env_unmap(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(equals_the_kernel), cmocka_unit_test(needs_the_capability) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
