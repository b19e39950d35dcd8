#include "test/fuzz/packets.h"

#include "test/fuzz/frames.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { SOCKETS_MAX = 16, WAITS_MAX = 3 };

static struct fuzz_machine *machine;
static int fds[SOCKETS_MAX];
static unsigned fd_count;

static socklen_t address(int family, unsigned host, unsigned port, struct sockaddr_storage *a)
{
    memset(a, 0, sizeof *a);
    a->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *in = (void *)a;
        in->sin_port = htons((uint16_t)port);
        in->sin_addr.s_addr = host ? htonl(0x0a000000 | host) : 0;
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)a;
    in6->sin6_port = htons((uint16_t)port);
    if (host) in6->sin6_addr.s6_addr[0] = 0xfd;
    in6->sin6_addr.s6_addr[15] = (uint8_t)host;
    return sizeof *in6;
}

static int open_socket(int family, int type, int protocol, unsigned port)
{
    struct sockaddr_storage a;
    int fd = weir_socket(machine->task, family, type | SOCK_NONBLOCK, protocol), one = 1;
    if (fd < 0) harness_fail("no socket of type %d, protocol %d", type, protocol);
    if (family == AF_INET) {
        weir_setsockopt(machine->task, fd, SOL_IP, IP_RECVERR, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IP, IP_PKTINFO, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IP, IP_RECVOPTS, &one, sizeof one);
    } else {
        weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_RECVERR, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_RECVHOPOPTS, &one, sizeof one);
        weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_RECVRTHDR, &one, sizeof one);
    }
    if (port && weir_bind(machine->task, fd, (void *)&a, address(family, 0, port, &a))) harness_fail("port %u is not to be had", port);
    fds[fd_count++] = fd;
    return fd;
}

void packets_set_up(void)
{
    struct sockaddr_storage a;
    static const char all_groups[] = "0 2147483647";
    machine = harness_open(0, false);
    weir_proc_write(machine->task, "sys/net/ipv4/ping_group_range", all_groups, sizeof all_groups - 1);
    machine->allowed.left_bytes = 24 << 10;
    for (int family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
        int icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
        open_socket(family, SOCK_DGRAM, 0, 5000);
        int connected = open_socket(family, SOCK_DGRAM, 0, 5001);
        if (weir_connect(machine->task, connected, (void *)&a, address(family, 2, 9000, &a))) harness_fail("connect");
        open_socket(family, SOCK_RAW, icmp, 0);
        open_socket(family, SOCK_RAW, IPPROTO_UDP, 0);
        open_socket(family, SOCK_DGRAM, icmp, family == AF_INET ? 7 : 8);
        if (weir_listen(machine->task, open_socket(family, SOCK_STREAM, 0, 80), 4)) harness_fail("listen");
    }
    harness_settle(machine);
    harness_save(machine);
}

static void receive(int fd, int flags)
{
    uint8_t data[256], control[512];
    struct sockaddr_storage name;
    struct iovec iov = { data, sizeof data };
    struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                          .msg_controllen = sizeof control };
    ssize_t n = weir_recvmsg(machine->task, fd, &msg, flags);
    harness_note((uint64_t)n);
    if (n < 0) return;
    harness_note_bytes(data, n < (ssize_t)sizeof data ? (size_t)n : sizeof data);
    harness_note_bytes(control, msg.msg_controllen);
}

/* All read what there is: data, errors. */
static void let_programs_work(uint8_t how)
{
    struct sockaddr_storage a;
    for (unsigned i = 0; i < fd_count; i++) receive(fds[i], (how + i) & 1 ? 0 : MSG_ERRQUEUE);
    int family = how & 2 ? AF_INET : AF_INET6;
    if (how & 4) weir_sendto(machine->task, fds[family == AF_INET ? 0 : fd_count / 2], "hello", 5, 0, (void *)&a, address(family, 2 + (how >> 6), 9000, &a));
    harness_settle(machine);
}

void packets_run(struct input *in)
{
    static const uint64_t times_ns[] = { 1000000, 40000000, 200000000, SECOND_NS, 3 * SECOND_NS, 31 * SECOND_NS, 61 * SECOND_NS, 700 * SECOND_NS };
    static const uint8_t *last;
    struct input payload;
    size_t last_bytes = 0;
    unsigned waits = 0;
    uint8_t op;
    while (input_next(in, &op, &payload)) {
        switch (op % PACKETS_OPS) {
        case PACKETS_FRAME:
            last = payload.at;
            last_bytes = payload.left;
            harness_inject(machine, last, last_bytes);
            break;
        case PACKETS_FRAME_AGAIN:
            if (last_bytes) harness_inject(machine, last, last_bytes);
            break;
        case PACKETS_TIME:
            if (waits++ < WAITS_MAX) harness_advance(machine, times_ns[input_u8(&payload) & 7]);
            break;
        default: let_programs_work(input_u8(&payload)); break;
        }
    }
    if ((harness_digest() & 31) == 1) harness_end(machine); /* costs more than all before */
}

bool packets_mutate(struct rng *rng, struct record *r)
{
    if (r->op != PACKETS_FRAME) return false;
    mutate_frame(rng, r, 0);
    return true;
}

void packets_fresh(struct rng *rng, struct record *r, enum frame_kind kind)
{
    uint32_t which = rng_below(rng, 10);
    record_begin(r, which < 7 ? PACKETS_FRAME : (uint8_t)(which - 6));
    if (which < 7) fresh_frame(rng, r, rng_one_in(rng, 8) ? rng_below(rng, FRAME_KINDS) : kind);
    else record_put8(r, rng_below(rng, 256));
}
