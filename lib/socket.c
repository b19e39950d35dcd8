/* include/weir/socket.h over weir_syscall(): each is the system call of its name. errno is set here and nowhere else. */
#include <weir/socket.h>

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

static long ended(long result)
{
    if (result >= 0) return result;
    errno = (int)-result;
    return -1;
}

static long call(struct weir_task *t, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t args[6] = { a, b, c, d, e, f };
    return ended(weir_syscall(t, number, args));
}

static uint64_t p(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }
static uint64_t i(long value) { return (uint64_t)value; }

int weir_socket(struct weir_task *t, int family, int type, int protocol)
{
    return (int)call(t, SYS_socket, i(family), i(type), i(protocol), 0, 0, 0);
}

int weir_socketpair(struct weir_task *t, int family, int type, int protocol, int fds[2])
{
    return (int)call(t, SYS_socketpair, i(family), i(type), i(protocol), p(fds), 0, 0);
}

int weir_bind(struct weir_task *t, int fd, const struct sockaddr *a, socklen_t bytes)
{
    return (int)call(t, SYS_bind, i(fd), p(a), bytes, 0, 0, 0);
}

int weir_listen(struct weir_task *t, int fd, int backlog)
{
    return (int)call(t, SYS_listen, i(fd), i(backlog), 0, 0, 0, 0);
}

int weir_accept4(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes, int flags)
{
    return (int)call(t, SYS_accept4, i(fd), p(a), p(bytes), i(flags), 0, 0);
}

int weir_connect(struct weir_task *t, int fd, const struct sockaddr *a, socklen_t bytes)
{
    return (int)call(t, SYS_connect, i(fd), p(a), bytes, 0, 0, 0);
}

int weir_shutdown(struct weir_task *t, int fd, int how)
{
    return (int)call(t, SYS_shutdown, i(fd), i(how), 0, 0, 0, 0);
}

int weir_getsockname(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes)
{
    return (int)call(t, SYS_getsockname, i(fd), p(a), p(bytes), 0, 0, 0);
}

int weir_getpeername(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes)
{
    return (int)call(t, SYS_getpeername, i(fd), p(a), p(bytes), 0, 0, 0);
}

int weir_setsockopt(struct weir_task *t, int fd, int level, int name, const void *value, socklen_t bytes)
{
    return (int)call(t, SYS_setsockopt, i(fd), i(level), i(name), p(value), bytes, 0);
}

int weir_getsockopt(struct weir_task *t, int fd, int level, int name, void *value, socklen_t *bytes)
{
    return (int)call(t, SYS_getsockopt, i(fd), i(level), i(name), p(value), p(bytes), 0);
}

ssize_t weir_read(struct weir_task *t, int fd, void *buffer, size_t bytes)
{
    return call(t, SYS_read, i(fd), p(buffer), bytes, 0, 0, 0);
}

ssize_t weir_write(struct weir_task *t, int fd, const void *buffer, size_t bytes)
{
    return call(t, SYS_write, i(fd), p(buffer), bytes, 0, 0, 0);
}

ssize_t weir_send(struct weir_task *t, int fd, const void *buffer, size_t bytes, int flags)
{
    return weir_sendto(t, fd, buffer, bytes, flags, NULL, 0);
}

ssize_t weir_recv(struct weir_task *t, int fd, void *buffer, size_t bytes, int flags)
{
    return weir_recvfrom(t, fd, buffer, bytes, flags, NULL, NULL);
}

ssize_t weir_sendto(struct weir_task *t, int fd, const void *buffer, size_t bytes, int flags, const struct sockaddr *a, socklen_t a_bytes)
{
    return call(t, SYS_sendto, i(fd), p(buffer), bytes, i(flags), p(a), a_bytes);
}

ssize_t weir_recvfrom(struct weir_task *t, int fd, void *buffer, size_t bytes, int flags, struct sockaddr *a, socklen_t *a_bytes)
{
    return call(t, SYS_recvfrom, i(fd), p(buffer), bytes, i(flags), p(a), p(a_bytes));
}

ssize_t weir_sendmsg(struct weir_task *t, int fd, const struct msghdr *msg, int flags)
{
    return call(t, SYS_sendmsg, i(fd), p(msg), i(flags), 0, 0, 0);
}

ssize_t weir_recvmsg(struct weir_task *t, int fd, struct msghdr *msg, int flags)
{
    return call(t, SYS_recvmsg, i(fd), p(msg), i(flags), 0, 0, 0);
}

int weir_sendmmsg(struct weir_task *t, int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return (int)call(t, SYS_sendmmsg, i(fd), p(msgs), count, i(flags), 0, 0);
}

int weir_recvmmsg(struct weir_task *t, int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return (int)call(t, SYS_recvmmsg, i(fd), p(msgs), count, i(flags), 0, 0);
}

int weir_ioctl(struct weir_task *t, int fd, unsigned long command, void *argument)
{
    return (int)call(t, SYS_ioctl, i(fd), command, p(argument), 0, 0, 0);
}

int weir_fcntl(struct weir_task *t, int fd, int command, long argument)
{
    return (int)call(t, SYS_fcntl, i(fd), i(command), i(argument), 0, 0, 0);
}

int weir_dup(struct weir_task *t, int fd)
{
    return (int)call(t, SYS_dup, i(fd), 0, 0, 0, 0, 0);
}

int weir_close(struct weir_task *t, int fd)
{
    return (int)call(t, SYS_close, i(fd), 0, 0, 0, 0, 0);
}

int weir_poll(struct weir_task *t, struct pollfd *fds, nfds_t count)
{
    const struct timespec now = { 0, 0 };
    return (int)call(t, SYS_ppoll, p(fds), count, p(&now), 0, 0, 0);
}

int weir_epoll_create(struct weir_task *t)
{
    return (int)call(t, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
}

int weir_epoll_ctl(struct weir_task *t, int epfd, int op, int fd, struct epoll_event *event)
{
    return (int)call(t, SYS_epoll_ctl, i(epfd), i(op), i(fd), p(event), 0, 0);
}

int weir_epoll_wait(struct weir_task *t, int epfd, struct epoll_event *events, int count)
{
    return (int)call(t, SYS_epoll_pwait, i(epfd), p(events), i(count), 0, 0, 0);
}
