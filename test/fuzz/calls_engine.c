#include "test/fuzz/calls.h"
#include "test/fuzz/frames.h"
#include "test/fuzz/mutate.h"

#include "syscall/call.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define GUEST_BASE 0x10000u
enum { GUEST_BYTES = 1 << 16, PARKED_MAX = 8, FDS = 24 };

static struct fuzz_machine *machine;
static uint8_t guest[GUEST_BYTES];
static size_t guest_used;
static struct call parked[PARKED_MAX];
static bool is_parked[PARKED_MAX];
static bool may_park;              /* the next call */
static bool is_changed;            /* the system's own state: not only sockets */
static uint8_t last_frame[FRAME_BYTES_MAX];
static size_t last_frame_bytes;

/* --- the program's memory */

static bool is_guests(uint64_t at, size_t bytes)
{
    return at >= GUEST_BASE && at - GUEST_BASE <= GUEST_BYTES && bytes <= GUEST_BYTES - (at - GUEST_BASE);
}

static int guest_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
    (void)ctx;
    if (!is_guests(from, bytes)) return -EFAULT;
    memcpy(to, guest + (from - GUEST_BASE), bytes);
    return 0;
}

static int guest_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
    (void)ctx;
    if (!is_guests(to, bytes)) return -EFAULT;
    memcpy(guest + (to - GUEST_BASE), from, bytes);
    return 0;
}

static const struct user_memory guest_memory = { .copy_in = guest_in, .copy_out = guest_out };

/* Room for `bytes`, filled from `from` where given. The guest's address. */
static uint64_t place(const void *from, size_t bytes)
{
    size_t padded = (bytes + 15) & ~(size_t)15;
    if (padded > GUEST_BYTES - guest_used) return GUEST_BASE + GUEST_BYTES - 8; /* mostly outside */
    uint64_t at = GUEST_BASE + guest_used;
    if (from && bytes) memcpy(guest + guest_used, from, bytes);
    guest_used += padded;
    return at;
}

static uint64_t place_rest(struct input *in, size_t room)
{
    size_t got;
    const uint8_t *from = input_bytes(in, room, &got);
    uint64_t at = place(NULL, room);
    if (got && is_guests(at, got)) memcpy(guest + (at - GUEST_BASE), from, got);
    return at;
}

/* --- calls */

static void completed(struct call *c, int64_t result)
{
    is_parked[c - parked] = false;
    harness_note((uint64_t)result ^ 0x77);
}

static int64_t call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t args[6] = { a, b, c, d, e, f };
    int64_t result;
    unsigned slot = 0;
    while (slot < PARKED_MAX && is_parked[slot]) slot++;
    if (may_park && slot < PARKED_MAX) {
        parked[slot] = (struct call){ .task = (struct task *)machine->task, .number = number, .done = completed };
        memcpy(parked[slot].args, args, sizeof args);
        is_parked[slot] = true;
        result = call_start(&parked[slot]);
        if (result != CALL_PARKED) is_parked[slot] = false;
    } else {
        result = weir_syscall(machine->task, number, args);
    }
    harness_note((uint64_t)result);
    harness_settle(machine);
    return result;
}

static uint64_t fd_from(uint8_t byte) { return byte == 255 ? UINT64_MAX : byte % FDS; }

static uint16_t port_from(uint8_t byte)
{
    static const uint16_t ports[] = { 0, 80, 5000, 5001, 5002, 9000, 1, 65535 };
    return htons(ports[byte % 8]);
}

static size_t address4(uint8_t which, uint8_t port, uint8_t *to)
{
    static const uint32_t hosts[] = { 0, 0x7f000001, 0x0a000001, 0x0a000002, 0x0a0000ff, 0xffffffff, 0xe00000fb, 0x0b000001, 0x7f000002, 0x0a000003 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = port_from(port), .sin_addr.s_addr = htonl(hosts[which % 10]) };
    memcpy(to, &a, sizeof a);
    return sizeof a;
}

static size_t address6(uint8_t which, uint8_t port, uint8_t *to)
{
    static const uint8_t hosts[][16] = {
        { 0 }, { [15] = 1 }, { 0xfd, [15] = 1 }, { 0xfd, [15] = 2 }, { [10] = 0xff, 0xff, 127, 0, 0, 1 }, { [10] = 0xff, 0xff, 10, 0, 0, 2 },
        { 0xff, 2, [15] = 0xfb }, { 0xfe, 0x80, [15] = 2 }, { 0x20, 1, [15] = 1 }, { [10] = 0xff, 0xff }, { 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1 },
    };
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = port_from(port), .sin6_scope_id = which >> 6 };
    memcpy(&a.sin6_addr, hosts[which % 11], 16);
    memcpy(to, &a, sizeof a);
    return sizeof a;
}

static size_t address_else(uint8_t which, uint8_t more, uint8_t *to)
{
    struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = which & 3, .nl_groups = more };
    struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(which & 4 ? 0x0800 : 3), .sll_ifindex = which & 3, .sll_halen = 6, .sll_addr = { 2, [5] = 2 } };
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = { 0, (char)('a' + (which & 3)) } };
    switch (more % 4) {
    case 0: memcpy(to, &nl, sizeof nl); return sizeof nl;
    case 1: memcpy(to, &ll, sizeof ll); return sizeof ll;
    case 2: memcpy(to, &un, sizeof un); return 4 + (which >> 6);
    default: memset(to, 0, 16); return which % 17;
    }
}

/* Three bytes of input: a socket address and its length. */
static uint64_t place_address(struct input *in, uint64_t *bytes)
{
    uint8_t kind = input_u8(in), which = input_u8(in), port = input_u8(in), at[128];
    size_t n = kind % 8 < 3 ? address4(which, port, at) : kind % 8 < 6 ? address6(which, port, at) : address_else(which, port, at);
    *bytes = kind & 0x80 ? (uint64_t)(kind & 0x7f) : n;
    if (kind == 0x7f) return 0;
    return place(at, n);
}

static uint64_t flags_from(uint16_t bits)
{
    static const int flags[] = { MSG_OOB, MSG_PEEK, MSG_DONTROUTE, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR, MSG_WAITALL, MSG_CONFIRM, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_MORE,
        MSG_WAITFORONE, MSG_ZEROCOPY, MSG_FASTOPEN, MSG_CMSG_CLOEXEC, MSG_CTRUNC };
    uint64_t all = 0;
    for (unsigned i = 0; i < 16; i++)
        if (bits >> i & 1) all |= (uint64_t)flags[i];
    return all;
}

static int level_from(uint8_t byte)
{
    static const int levels[] = { SOL_SOCKET, SOL_IP, SOL_IPV6, IPPROTO_TCP, IPPROTO_UDP, 255, 58, 263, 270, 1000 };
    return levels[byte % 10];
}

/* --- messages */

/* Control messages: (level, type, bytes, data)..., or raw. */
static uint64_t place_control(struct input *in, bool is_raw, uint64_t *bytes)
{
    uint8_t at[1024];
    size_t used = 0, got;
    if (is_raw) {
        *bytes = in->left;
        return place_rest(in, in->left);
    }
    while (in->left && used + CMSG_SPACE(256) < sizeof at) {
        struct cmsghdr h = { .cmsg_level = level_from(input_u8(in)), .cmsg_type = input_u8(in) };
        const uint8_t *data = input_bytes(in, input_u8(in), &got);
        h.cmsg_len = CMSG_LEN(got);
        memset(at + used, 0, CMSG_SPACE(got));
        memcpy(at + used, &h, sizeof h);
        if (got) memcpy(at + used + CMSG_LEN(0), data, got);
        used += CMSG_SPACE(got);
    }
    *bytes = used;
    return place(at, used);
}

static uint64_t place_iovec(uint16_t bytes, uint8_t pieces)
{
    struct iovec iov[4];
    unsigned count = pieces % 4 + 1u;
    uint64_t at = place(NULL, bytes);
    for (unsigned i = 0; i < count; i++)
        iov[i] = (struct iovec){ (void *)(uintptr_t)(at + bytes / count * i), i + 1 < count ? bytes / count : bytes - bytes / count * i };
    if (pieces & 0x80) iov[0].iov_base = (void *)(uintptr_t)16; /* nobody's */
    return place(iov, count * sizeof iov[0]);
}

static uint64_t place_message(struct input *in, bool is_send)
{
    struct { struct msghdr msg; unsigned length; } twice[2];
    struct msghdr msg;
    uint64_t bytes;
    memset(twice, 0, sizeof twice); /* padding too: all of it may be read back */
    memset(&msg, 0, sizeof msg);
    uint8_t how = input_u8(in), pieces = input_u8(in);
    uint16_t length = input_u16(in);
    msg.msg_name = (void *)(uintptr_t)place_address(in, &bytes);
    msg.msg_namelen = (socklen_t)bytes;
    if (how & 1) msg.msg_name = NULL;
    msg.msg_iovlen = pieces % 4 + 1u;
    msg.msg_iov = (void *)(uintptr_t)place_iovec(length, pieces);
    if (is_send) {
        msg.msg_control = (void *)(uintptr_t)place_control(in, how & 2, &bytes);
        msg.msg_controllen = bytes;
    } else {
        msg.msg_controllen = input_u16(in) & 1023;
        msg.msg_control = (void *)(uintptr_t)place(NULL, msg.msg_controllen);
    }
    if (how & 4) msg.msg_control = NULL;
    if (how & 8) msg.msg_iov = (void *)(uintptr_t)(GUEST_BASE + GUEST_BYTES - 4);
    for (int i = 0; i < 2; i++) memcpy(&twice[i].msg, &msg, sizeof msg);
    return place(twice, sizeof twice);
}

static void run_message(struct input *in, bool is_send)
{
    uint64_t fd = fd_from(input_u8(in)), flags = flags_from(input_u16(in));
    uint8_t how = input_u8(in);
    uint64_t at = place_message(in, is_send);
    if (how & 1) call(is_send ? SYS_sendmmsg : SYS_recvmmsg, fd, at, 2, flags, 0, 0);
    else call(is_send ? SYS_sendmsg : SYS_recvmsg, fd, at, flags, 0, 0, 0);
}

static void run_simple_data(struct input *in, bool is_send)
{
    uint64_t fd = fd_from(input_u8(in)), bytes, length_at;
    uint64_t flags = flags_from(input_u16(in));
    uint8_t how = input_u8(in);
    uint16_t length = input_u16(in);
    uint64_t address = place_address(in, &bytes);
    if (how & 1) address = 0;
    uint64_t data = is_send ? place_rest(in, length) : place(NULL, length);
    if (how & 2) {
        call(is_send ? SYS_write : SYS_read, fd, data, length, 0, 0, 0);
    } else if (is_send) {
        call(SYS_sendto, fd, data, length, flags, address, address ? bytes : 0);
    } else {
        length_at = place(&(uint32_t){ (uint32_t)bytes }, 4);
        call(SYS_recvfrom, fd, data, length, flags, address, length_at);
    }
}

/* --- the rest, one function a record */

static void run_socket(struct input *in)
{
    static const int families[] = { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_INET, AF_INET6, 45 };
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM, SOCK_RDM, 0 };
    static const int protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, 4, 255, 0x0300, 136, 1, 253 };
    int family = families[input_u8(in) % 8];
    uint8_t type = input_u8(in);
    int protocol = protocols[input_u8(in) % 12];
    uint64_t type_bits = (uint64_t)types[type % 8] | (type & 0x80 ? SOCK_CLOEXEC : 0) | (type & 0x40 ? 0 : SOCK_NONBLOCK);
    if (family == AF_NETLINK) is_changed = true;
    if (family == AF_UNIX && type & 0x20) call(SYS_socketpair, AF_UNIX, type_bits, 0, place(NULL, 8), 0, 0);
    else call(SYS_socket, (uint64_t)family, type_bits, (uint64_t)protocol, 0, 0, 0);
}

static void run_option(struct input *in, bool is_set)
{
    uint64_t fd = fd_from(input_u8(in));
    int level = level_from(input_u8(in));
    uint64_t name = input_u8(in);
    uint16_t length = input_u16(in);
    uint64_t value = place_rest(in, length & 1023);
    if (length == 0xffff) value = 8;
    if (is_set) call(SYS_setsockopt, fd, (uint64_t)level, name, value, length & 0x8000 ? UINT64_MAX : length & 1023, 0);
    else call(SYS_getsockopt, fd, (uint64_t)level, name, value, place(&(int){ length & 0x8000 ? -1 : length & 1023 }, 4), 0);
}

static void run_ioctl(struct input *in)
{
    static const unsigned commands[] = { SIOCATMARK, SIOCADDRT, SIOCDELRT, SIOCGIFADDR, SIOCSIFADDR, SIOCGIFBRDADDR, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFINDEX,
        SIOCGIFMTU, SIOCGIFNAME, SIOCGIFNETMASK, SIOCGIFTXQLEN, SIOCGPGRP, SIOCGSTAMP, SIOCINQ, SIOCOUTQ, SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFNETMASK, SIOCSPGRP, FIONBIO, FIOASYNC,
        SIOCGARP, SIOCSARP, SIOCDARP, SIOCSIFHWADDR, SIOCSIFTXQLEN, SIOCETHTOOL, SIOCGIFMAP, SIOCSIFDSTADDR, SIOCSIFBRDADDR };
    uint64_t fd = fd_from(input_u8(in));
    uint8_t which = input_u8(in), device = input_u8(in);
    uint64_t command = which < 200 ? commands[which % (sizeof commands / sizeof commands[0])] : 0x8900u + which;
    uint64_t argument = place_rest(in, 160);
    if (device & 1 && is_guests(argument, 16)) memcpy(guest + (argument - GUEST_BASE), device & 2 ? "eth0\0\0\0\0\0\0\0\0\0\0\0" : "lo\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    if (command == SIOCGIFCONF) {
        struct ifconf conf;
        memset(&conf, 0, sizeof conf);
        conf.ifc_len = device;
        conf.ifc_buf = (char *)(uintptr_t)place(NULL, 256);
        argument = place(&conf, sizeof conf);
    }
    is_changed = true;
    call(SYS_ioctl, fd, command, device == 255 ? 4 : argument, 0, 0, 0);
}

static void run_epoll(struct input *in)
{
    uint8_t what = input_u8(in);
    uint64_t epoll = fd_from(input_u8(in)), fd = fd_from(input_u8(in));
    uint32_t event[3] = { input_u32(in), (uint32_t)fd, 0 };
    switch (what % 4) {
    case 0: call(SYS_epoll_create1, 0, 0, 0, 0, 0, 0); break;
    case 1: case 2: call(SYS_epoll_ctl, epoll, 1 + (what >> 2) % 3, fd, place(event, 12), 0, 0); break;
    default: call(SYS_epoll_pwait, epoll, place(NULL, 256), 1 + (what >> 2) % 16, what & 0x80 ? 1000 : 0, 0, 0); break;
    }
}

static void run_poll(struct input *in)
{
    struct pollfd fds[8];
    unsigned count = input_u8(in) % 9;
    for (unsigned i = 0; i < count; i++) {
        fds[i] = (struct pollfd){ .fd = (int)fd_from(input_u8(in)) };
        fds[i].events = (short)input_u16(in);
    }
    uint64_t timeout = input_u16(in);
    call(SYS_poll, place(fds, count * sizeof fds[0]), count, timeout, 0, 0, 0);
}

/* Any call of the table with any arguments. */
static void run_any(struct input *in)
{
    const struct syscall_row *row = &syscall_table[input_u8(in) % syscall_table_count];
    uint64_t args[6];
    for (unsigned i = 0; i < 6; i++) {
        uint8_t kind = input_u8(in);
        switch (kind % 6) {
        case 0: args[i] = input_u8(in); break;
        case 1: args[i] = fd_from(input_u8(in)); break;
        case 2: args[i] = GUEST_BASE + input_u16(in) % 512; break;
        case 3: args[i] = input_u32(in); break;
        case 4: args[i] = UINT64_MAX - input_u8(in); break;
        default: args[i] = (uint64_t)input_u32(in) << 32 | input_u8(in); break;
        }
    }
    is_changed = true; /* it may be a message to netlink */
    place_rest(in, 512);
    call(row->number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void run_proc(struct input *in)
{
    static const char *const names[] = { "tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "dev", "snmp", "snmp6", "netstat", "sockstat", "sockstat6", "arp", "route",
        "ipv6_route", "if_inet6", "igmp", "igmp6", "protocols", "packet", "netlink", "unix", "ptype", "dev_mcast", "fib_trie", "weir/drops", "weir/listeners" };
    static char text[65536];
    char path[64];
    snprintf(path, sizeof path, "net/%s", names[input_u8(in) % (sizeof names / sizeof names[0])]);
    long n = weir_proc_read(machine->task, path, text, sizeof text);
    if (n > 0) harness_note_bytes(text, n < (long)sizeof text ? (size_t)n : sizeof text);
}

/* The last frame the machine sent comes back as an answer: ends swapped; for TCP numbers moved on. */
static void run_reflect(struct input *in)
{
    uint8_t frame[FRAME_BYTES_MAX + 256], flags = input_u8(in), how = input_u8(in);
    struct frame_view v;
    if (!frames_parse(last_frame, last_frame_bytes, &v) || v.end - v.transport < 20) return;
    memcpy(frame, last_frame, last_frame_bytes);
    memcpy(frame, last_frame + 6, 6);
    memcpy(frame + 6, last_frame, 6);
    size_t at = v.version == 4 ? 26 : 22, bytes = v.version == 4 ? 4 : 16;
    memcpy(frame + at, last_frame + at + bytes, bytes);
    memcpy(frame + at + bytes, last_frame + at, bytes);
    uint8_t *to = frame + v.transport;
    const uint8_t *from = last_frame + v.transport;
    size_t end = v.end;
    if (v.protocol == 6 || v.protocol == 17) {
        memcpy(to, from + 2, 2);
        memcpy(to + 2, from, 2);
    }
    if (v.protocol == 6) {
        size_t header = (from[12] >> 4) * 4u, payload = v.end - v.transport > header ? v.end - v.transport - header : 0, added;
        frames_put32(to + 8, frames_get32(from + 4) + (uint32_t)payload + !!(from[13] & 2) + (from[13] & 1u) + (how & 0x80 ? how & 3u : 0));
        memcpy(to + 4, from + 8, 4);
        to[13] = flags & 0x80 ? (uint8_t)(flags & 0x7f) : (uint8_t)(from[13] & 2 ? 0x12 : 0x10);
        frames_put16(to + 14, 65535);
        const uint8_t *data = input_bytes(in, 200, &added);
        end = v.transport + header;
        if (added && end + added <= sizeof frame) memcpy(frame + end, data, added);
        end += added;
    } else if (v.protocol == 1 || v.protocol == 58) {
        to[0] = v.protocol == 1 ? 0 : 129;
    }
    if (end > FRAME_BYTES_MAX) end = FRAME_BYTES_MAX;
    frames_mend(frame, end);
    harness_inject(machine, frame, end);
}

static void run_time(struct input *in)
{
    static const uint64_t times_ns[] = { 1000, 1000000, 40000000, 200000000, SECOND_NS, 5 * SECOND_NS, 61 * SECOND_NS, 200 * SECOND_NS };
    harness_advance(machine, times_ns[input_u8(in) & 7]);
}

static void cancel(unsigned slot)
{
    if (!is_parked[slot]) return;
    is_parked[slot] = false;
    call_cancel(&parked[slot]);
}

static void run_named(struct input *in, unsigned op)
{
    uint64_t fd = fd_from(input_u8(in)), bytes, address = place_address(in, &bytes);
    uint8_t more = input_u8(in);
    switch (op) {
    case CALLS_BIND: call(SYS_bind, fd, address, bytes, 0, 0, 0); break;
    case CALLS_CONNECT: call(SYS_connect, fd, address, bytes, 0, 0, 0); break;
    case CALLS_ACCEPT: call(SYS_accept4, fd, more & 1 ? address : 0, place(&(uint32_t){ (uint32_t)bytes }, 4), more & 2 ? SOCK_NONBLOCK : 0, 0, 0); break;
    default: call(more & 1 ? SYS_getsockname : SYS_getpeername, fd, address, place(&(uint32_t){ (uint32_t)bytes }, 4), 0, 0, 0); break;
    }
}

static void run_small(struct input *in, unsigned op)
{
    uint8_t a = input_u8(in), b = input_u8(in);
    uint32_t c = input_u32(in);
    struct memory *memory = ((struct machine *)machine->machine)->memory;
    switch (op) {
    case CALLS_LISTEN: call(SYS_listen, fd_from(a), b, 0, 0, 0, 0); break;
    case CALLS_SHUTDOWN: call(SYS_shutdown, fd_from(a), b % 4, 0, 0, 0, 0); break;
    case CALLS_CLOSE: call(SYS_close, fd_from(a), 0, 0, 0, 0, 0); break;
    case CALLS_DUP: call(b & 1 ? SYS_dup : SYS_dup3, fd_from(a), fd_from(b), b & 2 ? O_CLOEXEC : 0, 0, 0, 0); break;
    case CALLS_FCNTL: call(SYS_fcntl, fd_from(a), b % 16, c % 32, 0, 0, 0); break;
    case CALLS_CANCEL: cancel(a % PARKED_MAX); break;
    case CALLS_NO_MEMORY: memory_fail_at(memory, memory_alloc_count(memory) + 1 + a % 64); break;
    case CALLS_CREDENTIALS: weir_task_credentials(machine->task, a & 1 ? 1000 : 0, a & 1 ? 1000 : 0, a & 1 ? 0 : UINT64_MAX); break;
    default: break;
    }
}

static void run_record(struct input *in, unsigned op)
{
    size_t bytes;
    switch (op) {
    case CALLS_SETSOCKOPT: run_option(in, true); break;
    case CALLS_GETSOCKOPT: run_option(in, false); break;
    case CALLS_IOCTL: run_ioctl(in); break;
    case CALLS_SENDMSG: run_message(in, true); break;
    case CALLS_RECVMSG: run_message(in, false); break;
    case CALLS_SOCKET: run_socket(in); break;
    case CALLS_SEND: run_simple_data(in, true); break;
    case CALLS_RECEIVE: run_simple_data(in, false); break;
    case CALLS_EPOLL: run_epoll(in); break;
    case CALLS_POLL: run_poll(in); break;
    case CALLS_ANY: run_any(in); break;
    case CALLS_PROC: run_proc(in); break;
    case CALLS_TIME: run_time(in); break;
    case CALLS_REFLECT: run_reflect(in); break;
    case CALLS_FRAME: {
        const uint8_t *frame = input_bytes(in, FRAME_BYTES_MAX, &bytes);
        harness_inject(machine, frame, bytes);
        break;
    }
    case CALLS_BIND: case CALLS_CONNECT: case CALLS_ACCEPT: case CALLS_NAMES: run_named(in, op); break;
    default: run_small(in, op); break;
    }
}

/* The op's highest bit: this call may wait. */
void calls_run(struct input *in, unsigned ops)
{
    struct input payload;
    uint8_t op;
    memset(guest, 0, sizeof guest);
    memset(is_parked, 0, sizeof is_parked);
    last_frame_bytes = 0;
    is_changed = false;
    while (input_next(in, &op, &payload)) {
        guest_used = 0;
        may_park = op & 0x80;
        run_record(&payload, (op & 0x7f) % ops);
    }
    for (unsigned i = 0; i < PARKED_MAX; i++) cancel(i);
    harness_note_bytes(guest, sizeof guest / 16);
    harness_close(machine);
    if (!is_changed && (harness_digest() & 7) == 1) harness_end(machine);
}

/* --- where each input begins */

static void keep_frame(struct fuzz_machine *f, const uint8_t *frame, size_t bytes)
{
    struct frame_view v;
    (void)f;
    if (bytes > sizeof last_frame || !frames_parse(frame, bytes, &v)) return;
    memcpy(last_frame, frame, bytes);
    last_frame_bytes = bytes;
}

static void open_sockets(void)
{
    static const int kinds[][3] = {
        { AF_INET, SOCK_STREAM, 0 }, { AF_INET6, SOCK_STREAM, 0 }, { AF_INET, SOCK_DGRAM, 0 }, { AF_INET6, SOCK_DGRAM, 0 }, { AF_INET, SOCK_RAW, 255 },
        { AF_INET, SOCK_RAW, 1 }, { AF_INET6, SOCK_RAW, 58 }, { AF_INET6, SOCK_RAW, 253 }, { AF_INET, SOCK_DGRAM, 1 }, { AF_INET6, SOCK_DGRAM, 58 },
        { AF_PACKET, SOCK_RAW, 0x0300 }, { AF_PACKET, SOCK_DGRAM, 0x0008 }, { AF_UNIX, SOCK_DGRAM, 0 }, { AF_INET, SOCK_STREAM, 0 }, { AF_INET6, SOCK_STREAM, 0 },
        { AF_INET, SOCK_DGRAM, 0 }, { AF_INET6, SOCK_DGRAM, 0 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int fd = weir_socket(machine->task, kinds[i][0], kinds[i][1] | SOCK_NONBLOCK, kinds[i][2]);
        if (kinds[i][0] != AF_UNIX && fd < 0) harness_fail("no socket %zu: errno %d", i, errno);
        uint8_t a[32];
        if (i == 13) weir_bind(machine->task, fd, (void *)a, (socklen_t)address4(0, 1, a));
        if (i == 14) weir_bind(machine->task, fd, (void *)a, (socklen_t)address6(0, 3, a));
        if (i == 13 || i == 14) weir_listen(machine->task, fd, 2);
        if (i == 15) weir_connect(machine->task, fd, (void *)a, (socklen_t)address4(3, 5, a));
        if (i == 16) weir_connect(machine->task, fd, (void *)a, (socklen_t)address6(3, 5, a));
    }
}

void calls_set_up(bool sockets_too)
{
    static const char all_groups[] = "0 2147483647";
    machine = harness_open(0, false);
    machine->allowed.forged_sources = machine->allowed.group_traffic = true;
    machine->allowed.frames_out = 4000;
    machine->allowed.left_bytes = 40 << 10;
    machine->sees_loopback = true;
    machine->on_frame = keep_frame;
    weir_proc_write(machine->task, "sys/net/ipv4/ping_group_range", all_groups, sizeof all_groups - 1);
    if (sockets_too) open_sockets();
    ((struct task *)machine->task)->memory = &guest_memory;
    harness_save(machine);
}

/* --- mutation */

static void put_address(struct rng *rng, struct record *r)
{
    record_put8(r, rng_below(rng, rng_one_in(rng, 8) ? 256 : 6));
    record_put8(r, rng_below(rng, rng_one_in(rng, 8) ? 256 : 11));
    record_put8(r, rng_below(rng, 8));
}

static void put_option(struct rng *rng, struct record *r)
{
    record_put8(r, rng_below(rng, FDS));
    record_put8(r, rng_below(rng, 10));
    record_put8(r, rng_below(rng, 90));
    record_put16(r, rng_one_in(rng, 3) ? rng_below(rng, 300) : 4);
    for (uint32_t n = 1 + rng_below(rng, 5); n > 0; n--) record_put32(r, rng_one_in(rng, 2) ? rng_below(rng, 3) : rng_below(rng, UINT32_MAX));
}

static void put_message(struct rng *rng, struct record *r)
{
    static const uint8_t types[] = { 1, 2, 4, 8, 21, 37, 50, 52, 57, 59, 61, 67, 7, 103, 31 };
    record_put8(r, rng_below(rng, FDS));
    record_put16(r, rng_one_in(rng, 3) ? 1u << rng_below(rng, 16) : 16);
    record_put8(r, rng_one_in(rng, 6));
    record_put8(r, rng_one_in(rng, 4) ? rng_below(rng, 256) : rng_below(rng, 2));
    record_put8(r, rng_below(rng, 4));
    record_put16(r, rng_one_in(rng, 4) ? rng_below(rng, 9000) : rng_below(rng, 100));
    put_address(rng, r);
    for (uint32_t n = rng_below(rng, 3); n > 0; n--) {
        uint32_t bytes = rng_one_in(rng, 3) ? rng_below(rng, 60) : 4 + 4 * rng_below(rng, 5);
        record_put8(r, rng_below(rng, 6));
        record_put8(r, types[rng_below(rng, sizeof types)]);
        record_put8(r, bytes);
        for (uint32_t i = 0; i < bytes; i++) record_put8(r, rng_one_in(rng, 2) ? 0 : rng_below(rng, 256));
    }
}

void calls_fresh(struct rng *rng, struct record *r, unsigned ops)
{
    uint32_t op = rng_below(rng, ops);
    record_begin(r, (uint8_t)(op | (rng_one_in(rng, 5) ? 0x80 : 0)));
    switch (op) {
    case CALLS_SETSOCKOPT: case CALLS_GETSOCKOPT: put_option(rng, r); return;
    case CALLS_SENDMSG: case CALLS_RECVMSG: put_message(rng, r); return;
    case CALLS_FRAME: fresh_frame(rng, r, rng_below(rng, FRAME_KINDS)); return;
    case CALLS_BIND: case CALLS_CONNECT: case CALLS_ACCEPT: case CALLS_NAMES:
        record_put8(r, rng_below(rng, 6));
        put_address(rng, r);
        return;
    case CALLS_SEND: case CALLS_RECEIVE:
        record_put8(r, rng_below(rng, 8));
        record_put16(r, rng_one_in(rng, 3) ? 1u << rng_below(rng, 16) : 0);
        record_put8(r, rng_below(rng, 4));
        record_put16(r, rng_one_in(rng, 3) ? rng_below(rng, 60000) : rng_below(rng, 100));
        put_address(rng, r);
        return;
    case CALLS_SOCKET:
        record_put8(r, rng_below(rng, 8));
        record_put8(r, rng_below(rng, 4));
        record_put8(r, rng_one_in(rng, 2) ? 0 : rng_below(rng, 12));
        return;
    default:
        for (uint32_t n = 1 + rng_below(rng, 12); n > 0; n--) record_put8(r, rng_one_in(rng, 3) ? rng_below(rng, 256) : rng_below(rng, 8));
        return;
    }
}

bool calls_mutate(struct rng *rng, struct record *r)
{
    if (r->op == CALLS_FRAME && r->bytes > ETHERNET_BYTES) {
        mutate_frame(rng, r, 0);
        return true;
    }
    if (!r->bytes || rng_one_in(rng, 3)) return false;
    if (rng_one_in(rng, 8)) r->op ^= 0x80;
    else mutate_number(rng, r->at + rng_below(rng, r->bytes), 1);
    return true;
}
