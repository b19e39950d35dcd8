/* A classic BPF program, built rule by rule: one `if (nr == N)` block for each system call, each block ending in a
 * return. libseccomp compares whole 64-bit arguments; an fd argument is an int whose upper half may be anything, so only
 * its low word may be looked at, which is why the program is written out here.
 *
 * Order of the blocks is by how hot a call is; calls not named are allowed by the kernel's per-filter bitmap without
 * running the program at all. */
#include "runner/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp architecture known for this processor"
#endif

enum {
    PROGRAM_MAX = 512,
    X32_BIT = 0x40000000,
    FD_BASE_DEFAULT = 32, /* most programs have fewer files; some size tables by the count of their sockets */
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short length;
    unsigned fd_base;
};

static void emit(struct program *p, int code, uint32_t k, unsigned jump_true, unsigned jump_false)
{
    p->code[p->length++] =
        (struct sock_filter){ .code = (uint16_t)code, .jt = (uint8_t)jump_true, .jf = (uint8_t)jump_false, .k = k };
}

static void load_argument(struct program *p, unsigned index)
{
    size_t offset = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    offset += sizeof(uint32_t);
#endif
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_number(struct program *p)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
}

static void answer(struct program *p, uint32_t action)
{
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

static uint32_t with_errno(int error)
{
    return SECCOMP_RET_ERRNO | (uint32_t)error;
}

/* if (accumulator == value) return action */
static void answer_if_equal(struct program *p, uint32_t value, uint32_t action)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(p, action);
}

static void answer_if_at_least(struct program *p, uint32_t value, uint32_t action)
{
    emit(p, BPF_JMP | BPF_JGE | BPF_K, value, 0, 1);
    answer(p, action);
}

/* Opens the block of one system call and returns where it starts; close_block() makes the skip jump fit. */
static unsigned open_block(struct program *p, long number)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 0);
    return p->length;
}

static void close_block(struct program *p, unsigned start)
{
    p->code[start - 1].jf = (uint8_t)(p->length - start);
}

static void trap_always(struct program *p, long number)
{
    answer_if_equal(p, (uint32_t)number, SECCOMP_RET_USER_NOTIF);
}

static void refuse(struct program *p, long number, int error)
{
    answer_if_equal(p, (uint32_t)number, with_errno(error));
}

/* Trapped when the fd in argument `first` (or `second`) may be a weir socket. */
static void trap_on_fds(struct program *p, long number, unsigned first, unsigned second)
{
    unsigned start = open_block(p, number);

    load_argument(p, first);
    answer_if_at_least(p, p->fd_base, SECCOMP_RET_USER_NOTIF);
    if (second != first) {
        load_argument(p, second);
        answer_if_at_least(p, p->fd_base, SECCOMP_RET_USER_NOTIF);
    }
    answer(p, SECCOMP_RET_ALLOW);
    close_block(p, start);
}

static void trap_on_fd(struct program *p, long number)
{
    trap_on_fds(p, number, 0, 0);
}

/* AF_UNIX is the host's; the families the machine has are trapped; nothing else may reach the host. */
static void trap_socket(struct program *p)
{
    static const uint32_t served[] = { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
    unsigned start = open_block(p, SYS_socket);

    load_argument(p, 0);
    answer_if_equal(p, AF_UNIX, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
        answer_if_equal(p, served[i], SECCOMP_RET_USER_NOTIF);
    answer(p, with_errno(EAFNOSUPPORT));
    close_block(p, start);
}

/* A packet socket's ring. Most mappings are anonymous, with fd -1. */
static void trap_mmap(struct program *p)
{
    unsigned start = open_block(p, SYS_mmap);

    load_argument(p, 4);
    answer_if_equal(p, UINT32_MAX, SECCOMP_RET_ALLOW);
    answer_if_at_least(p, p->fd_base, SECCOMP_RET_USER_NOTIF);
    answer(p, SECCOMP_RET_ALLOW);
    close_block(p, start);
}

/* The backing fd does O_NONBLOCK, O_ASYNC and close-on-exec by itself. */
static void trap_ioctl(struct program *p)
{
    static const uint32_t native[] = { FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX };
    unsigned start = open_block(p, SYS_ioctl);

    load_argument(p, 1);
    for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
        answer_if_equal(p, native[i], SECCOMP_RET_ALLOW);
    load_argument(p, 0);
    answer_if_at_least(p, p->fd_base, SECCOMP_RET_USER_NOTIF);
    answer(p, SECCOMP_RET_ALLOW);
    close_block(p, start);
}

/* A duplicate must land in the weir range too. */
static void trap_fcntl(struct program *p)
{
    unsigned start = open_block(p, SYS_fcntl);

    load_argument(p, 1);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD, 2, 0);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD_CLOEXEC, 1, 0);
    answer(p, SECCOMP_RET_ALLOW);
    load_argument(p, 0);
    answer_if_at_least(p, p->fd_base, SECCOMP_RET_USER_NOTIF);
    answer(p, SECCOMP_RET_ALLOW);
    close_block(p, start);
}

/* A socket that leaves the weir range (inetd's dup2 onto 0, 1, 2) must be known before it does. */
static void trap_dup_onto(struct program *p, long number)
{
    unsigned start = open_block(p, number);

    load_argument(p, 0);
    emit(p, BPF_JMP | BPF_JGE | BPF_K, p->fd_base, 1, 0);
    answer(p, SECCOMP_RET_ALLOW);
    load_argument(p, 1);
    answer_if_at_least(p, p->fd_base, SECCOMP_RET_ALLOW);
    answer(p, SECCOMP_RET_USER_NOTIF);
    close_block(p, start);
}

static void ignore_undumpable(struct program *p)
{
    unsigned start = open_block(p, SYS_prctl);

    load_argument(p, 0);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 1, 0);
    answer(p, SECCOMP_RET_ALLOW);
    load_argument(p, 1);
    answer_if_equal(p, 0, with_errno(0));
    answer(p, SECCOMP_RET_ALLOW);
    close_block(p, start);
}

/* 32-bit calls would pass the native numbers by: they get no network at all. Numbers are i386's. */
static void refuse_foreign(struct program *p)
{
#if defined(__x86_64__)
    enum { I386_SOCKETCALL = 102, I386_RECVMMSG = 337, I386_SENDMMSG = 345, I386_SOCKET = 359, I386_SHUTDOWN = 373 };
    unsigned start;

    emit(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0);
    answer(p, with_errno(ENOSYS));
    load_number(p);
    refuse(p, I386_SOCKETCALL, ENOSYS);
    refuse(p, I386_RECVMMSG, ENOSYS);
    refuse(p, I386_SENDMMSG, ENOSYS);
    refuse(p, SYS_io_uring_setup, ENOSYS); /* one number everywhere */
    emit(p, BPF_JMP | BPF_JGE | BPF_K, I386_SOCKET, 0, 0);
    start = p->length;
    emit(p, BPF_JMP | BPF_JGT | BPF_K, I386_SHUTDOWN, 1, 0);
    answer(p, with_errno(ENOSYS));
    close_block(p, start);
    answer(p, SECCOMP_RET_ALLOW);
#else
    answer(p, with_errno(ENOSYS));
#endif
}

static void check_architecture(struct program *p)
{
    unsigned start;

    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch), 0, 0);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 0);
    start = p->length;
    /* jt must skip the foreign block; jf falls into it. */
    refuse_foreign(p);
    p->code[start - 1].jt = (uint8_t)(p->length - start);
    load_number(p);
#if defined(__x86_64__)
    answer_if_at_least(p, X32_BIT, with_errno(ENOSYS));
#endif
}

static void add_data_calls(struct program *p)
{
    trap_on_fd(p, SYS_read);
    trap_on_fd(p, SYS_write);
    trap_on_fd(p, SYS_readv);
    trap_on_fd(p, SYS_writev);
    trap_always(p, SYS_recvfrom);
    trap_always(p, SYS_sendto);
    trap_always(p, SYS_recvmsg);
    trap_always(p, SYS_sendmsg);
    trap_always(p, SYS_recvmmsg);
    trap_always(p, SYS_sendmmsg);
    trap_on_fds(p, SYS_sendfile, 0, 1);
    trap_on_fds(p, SYS_splice, 0, 2);
    trap_on_fd(p, SYS_preadv2);
    trap_on_fd(p, SYS_pwritev2);
    trap_always(p, SYS_io_submit);
}

static void add_socket_calls(struct program *p)
{
    static const long always[] = {
        SYS_connect,     SYS_accept4,  SYS_bind,       SYS_listen,     SYS_getsockname,
        SYS_getpeername, SYS_shutdown, SYS_getsockopt, SYS_setsockopt, SYS_openat,
#ifdef SYS_accept
        SYS_accept,
#endif
#ifdef SYS_open
        SYS_open,
#endif
#ifdef SYS_openat2
        SYS_openat2,
#endif
    };

    trap_socket(p);
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        trap_always(p, always[i]);
    trap_ioctl(p);
    trap_mmap(p);
    trap_fcntl(p);
    trap_on_fd(p, SYS_dup);
#ifdef SYS_dup2
    trap_dup_onto(p, SYS_dup2);
#endif
    trap_dup_onto(p, SYS_dup3);
}

/* What a thread may do is read once; these tell that it may be something else afterwards. */
static void add_identity_calls(struct program *p)
{
    static const long changing[] = {
        SYS_setuid,   SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid,
        SYS_setfsgid, SYS_capset, SYS_unshare,  SYS_setns,    SYS_execve,    SYS_execveat,
    };

    for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++)
        trap_always(p, changing[i]);
}

static void build(struct program *p, const struct filter_options *options)
{
    memset(p, 0, sizeof(*p));
    p->fd_base = options->fd_base;
    check_architecture(p);
    add_data_calls(p);
    add_socket_calls(p);
    add_identity_calls(p);
    refuse(p, SYS_io_uring_setup, ENOSYS);
    refuse(p, SYS_io_uring_enter, ENOSYS);
    refuse(p, SYS_io_uring_register, ENOSYS);
    if (options->keep_dumpable)
        ignore_undumpable(p);
    answer(p, SECCOMP_RET_ALLOW);
}

unsigned filter_fd_base(unsigned long long nofile_limit)
{
    return nofile_limit >= 4ULL * FD_BASE_DEFAULT ? FD_BASE_DEFAULT : (unsigned)(nofile_limit / 4);
}

int filter_install(const struct filter_options *options)
{
    struct program program;
    struct sock_fprog fprog;
    long listener;

    build(&program, options);
    fprog = (struct sock_fprog){ .len = program.length, .filter = program.code };
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &fprog);
    return listener < 0 ? -errno : (int)listener;
}
