/* Calls that go to weir or to the kernel this runs on, and a transcript of what came of them. For one test program. */
#ifndef WEIR_TEST_UNIX_CALLS_H
#define WEIR_TEST_UNIX_CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/sockios.h>
#include "ended.h"
#include "machine/machine.h"
#include <weir/socket.h>

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

/* Says what came of it and gives it back. */
static int said(const char *what, long result)
{
    int error = errno;
    say("%s: %ld", what, result);
    if (result < 0) say(" %s", strerrorname_np(error));
    say("\n");
    return (int)result;
}
#define SAY(expression) said(#expression, expression)

static int make(int type)
{
    return (int)CALL(weir_socket(task, AF_UNIX, type | SOCK_NONBLOCK, 0), socket(AF_UNIX, type | SOCK_NONBLOCK, 0));
}
static int make_of(int type, int protocol) { return (int)CALL(weir_socket(task, AF_UNIX, type, protocol), socket(AF_UNIX, type, protocol)); }
static void pair(int type, int fds[2])
{
    type |= SOCK_NONBLOCK;
    if (CALL(weir_socketpair(task, AF_UNIX, type, 0, fds), socketpair(AF_UNIX, type, 0, fds))) fds[0] = fds[1] = -1;
}
static int end(int fd) { return (int)CALL(weir_close(task, fd), close(fd)); }

/* "@abstract" or "path" */
static socklen_t name(struct sockaddr_un *a, const char *text)
{
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    strcpy(a->sun_path, text);
    if (text[0] == '@') a->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + (text[0] != '@'));
}
static int bind_bytes(int fd, const struct sockaddr_un *name, socklen_t n)
{
    char a[sizeof *name + 1]; /* one more may be read */
    memcpy(a, name, sizeof *name);
    return (int)CALL(weir_bind(task, fd, (const void *)a, n), bind(fd, (const void *)a, n));
}
static int do_bind(int fd, const char *text)
{
    struct sockaddr_un a;
    socklen_t n = name(&a, text);
    return bind_bytes(fd, &a, n);
}
static int do_connect(int fd, const char *text)
{
    struct sockaddr_un a;
    socklen_t n = name(&a, text);
    return (int)CALL(weir_connect(task, fd, (void *)&a, n), connect(fd, (void *)&a, n));
}
static int disconnect(int fd)
{
    struct sockaddr a = { .sa_family = AF_UNSPEC };
    return (int)CALL(weir_connect(task, fd, &a, sizeof a), connect(fd, &a, sizeof a));
}
static int do_listen(int fd, int backlog) { return (int)CALL(weir_listen(task, fd, backlog), listen(fd, backlog)); }
static int do_accept(int fd)
{
    return (int)CALL(weir_accept4(task, fd, NULL, NULL, SOCK_NONBLOCK), accept4(fd, NULL, NULL, SOCK_NONBLOCK));
}
static int accept_ok(int fd) { int got = do_accept(fd); return got < 0 ? got : (end(got), 0); }
static int do_shutdown(int fd, int how) { return (int)CALL(weir_shutdown(task, fd, how), shutdown(fd, how)); }
static int put(int fd, const char *text, int flags)
{
    flags |= MSG_NOSIGNAL;
    return (int)CALL(weir_send(task, fd, text, strlen(text), flags), send(fd, text, strlen(text), flags));
}
static int put_to(int fd, const char *text, const char *to)
{
    struct sockaddr_un a;
    socklen_t n = name(&a, to);
    return (int)CALL(weir_sendto(task, fd, text, strlen(text), MSG_NOSIGNAL, (void *)&a, n),
                     sendto(fd, text, strlen(text), MSG_NOSIGNAL, (void *)&a, n));
}
static char block[400000];
static int put_many(int fd, size_t bytes)
{
    return (int)CALL(weir_send(task, fd, block, bytes, MSG_NOSIGNAL), send(fd, block, bytes, MSG_NOSIGNAL));
}
static int take_many(int fd, size_t bytes, int flags)
{
    return (int)CALL(weir_recv(task, fd, block, bytes, flags), recv(fd, block, bytes, flags));
}

static void say_name(const struct sockaddr_un *a, socklen_t n)
{
    say(" name %u", (unsigned)n);
    if (n > offsetof(struct sockaddr_un, sun_path)) say(" %.108s", a->sun_path[0] ? a->sun_path : a->sun_path + 1);
}

static void say_control(const struct cmsghdr *c)
{
    struct ucred u;
    say(" [%d/%d %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
    if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof u)) {
        memcpy(&u, CMSG_DATA(c), sizeof u);
        say(" pid %d uid %d gid %d", u.pid == (task ? 1 : getpid()) ? -1 : u.pid, (int)u.uid, (int)u.gid);
    }
    for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int got;
        memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
        say(" fd %s", put(got, "r", 0) == 1 ? "works" : "dead");
        end(got);
    }
    say("]");
}

/* recvmsg with all that comes along. */
static void take(int fd, size_t bytes, int flags, size_t control_bytes)
{
    char data[256] = "", control[512] __attribute__((aligned(8)));
    struct sockaddr_un from = { 0 };
    struct iovec v = { data, bytes };
    struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1,
                        .msg_control = control_bytes ? control : NULL, .msg_controllen = control_bytes };
    long n = CALL(weir_recvmsg(task, fd, &m, flags), recvmsg(fd, &m, flags));
    said("take", n);
    if (n < 0) return;
    say("  '%.*s' flags %x", (int)n, data, (unsigned)m.msg_flags & ~(unsigned)MSG_CMSG_CLOEXEC);
    say_name(&from, m.msg_namelen);
    say(" control %zu", (size_t)m.msg_controllen);
    for (struct cmsghdr *c = control_bytes ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c)) say_control(c);
    say("\n");
}

static int give(int fd, const char *text, const int *fds, int count, const struct ucred *u)
{
    char control[2048] __attribute__((aligned(8))) = { 0 };
    struct iovec v = { (char *)text, strlen(text) };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
    struct cmsghdr *c = (void *)control;
    if (count) {
        *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN((size_t)count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
        m.msg_controllen += CMSG_SPACE((size_t)count * sizeof(int));
    }
    if (u) {
        c = (void *)(control + m.msg_controllen);
        *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof *u), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS };
        memcpy(CMSG_DATA(c), u, sizeof *u);
        m.msg_controllen += CMSG_SPACE(sizeof *u);
    }
    return (int)CALL(weir_sendmsg(task, fd, &m, MSG_NOSIGNAL), sendmsg(fd, &m, MSG_NOSIGNAL));
}

static void ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND, 0 };
    (void)CALL(weir_poll(task, &p, 1), poll(&p, 1, 0));
    say("  ready %x\n", (unsigned)p.revents);
}

static void names(int fd)
{
    for (int peer = 0; peer < 2; peer++) {
        struct sockaddr_un a = { 0 };
        socklen_t n = sizeof a;
        long r = peer ? CALL(weir_getpeername(task, fd, (void *)&a, &n), getpeername(fd, (void *)&a, &n))
                      : CALL(weir_getsockname(task, fd, (void *)&a, &n), getsockname(fd, (void *)&a, &n));
        said(peer ? "peer" : "own", r);
        if (r == 0 && n != 8) say_name(&a, n); /* 8: an automatic one */
        if (r == 0) say(" %d\n", (int)n);
    }
}

static int get(int fd, int option)
{
    int v = -1;
    socklen_t n = sizeof v;
    return CALL(weir_getsockopt(task, fd, SOL_SOCKET, option, &v, &n), getsockopt(fd, SOL_SOCKET, option, &v, &n)) ? -1 : v;
}
static int set_at(int fd, int level, int option, int v)
{
    return (int)CALL(weir_setsockopt(task, fd, level, option, &v, sizeof v), setsockopt(fd, level, option, &v, sizeof v));
}
static int set(int fd, int option, int v) { return set_at(fd, SOL_SOCKET, option, v); }
static int control(int fd, unsigned long command)
{
    int v = -1;
    long r = CALL(weir_ioctl(task, fd, command, &v), ioctl(fd, command, &v));
    return r ? (int)r : v;
}
static void peer_of(int fd)
{
    struct ucred u = { 0 };
    socklen_t n = sizeof u;
    said("peercred", CALL(weir_getsockopt(task, fd, SOL_SOCKET, SO_PEERCRED, &u, &n), getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n)));
    say("  %d %d %d\n", u.pid == (task ? 1 : getpid()) ? -1 : u.pid, (int)u.uid, (int)u.gid);
}

#endif
