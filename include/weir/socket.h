/* Sockets of a machine for a C program that embeds it: the system calls of Linux with a task in front. Same arguments, same
 * results; a failure returns -1 and sets errno. No call waits: what would block fails with EAGAIN (connect: EINPROGRESS),
 * and weir_machine_step() brings on what it waits for. Linux: man pages of the same names in section 2. */
#ifndef WEIR_SOCKET_H
#define WEIR_SOCKET_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <weir/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mmsghdr; /* <sys/socket.h> under _GNU_SOURCE */
struct weir_task; /* a process of the machine: credentials and an fd table */

/* In the machine's first namespace, as root. NULL: ENOMEM. Ended by weir_task_destroy or with the machine. */
WEIR_API struct weir_task *weir_task_create(struct weir_machine *m);
WEIR_API void weir_task_destroy(struct weir_task *t); /* closes its files as exit() does; NULL: nothing */
WEIR_API void weir_task_credentials(struct weir_task *t, uint32_t uid, uint32_t gid, uint64_t capabilities);

WEIR_API int weir_socket(struct weir_task *t, int family, int type, int protocol);
WEIR_API int weir_socketpair(struct weir_task *t, int family, int type, int protocol, int fds[2]);
WEIR_API int weir_bind(struct weir_task *t, int fd, const struct sockaddr *a, socklen_t bytes);
WEIR_API int weir_listen(struct weir_task *t, int fd, int backlog);
WEIR_API int weir_accept4(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes, int flags);
WEIR_API int weir_connect(struct weir_task *t, int fd, const struct sockaddr *a, socklen_t bytes);
WEIR_API int weir_shutdown(struct weir_task *t, int fd, int how);
WEIR_API int weir_getsockname(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes);
WEIR_API int weir_getpeername(struct weir_task *t, int fd, struct sockaddr *a, socklen_t *bytes);
WEIR_API int weir_setsockopt(struct weir_task *t, int fd, int level, int name, const void *value, socklen_t bytes);
WEIR_API int weir_getsockopt(struct weir_task *t, int fd, int level, int name, void *value, socklen_t *bytes);
WEIR_API ssize_t weir_read(struct weir_task *t, int fd, void *buffer, size_t bytes);
WEIR_API ssize_t weir_write(struct weir_task *t, int fd, const void *buffer, size_t bytes);
WEIR_API ssize_t weir_send(struct weir_task *t, int fd, const void *buffer, size_t bytes, int flags);
WEIR_API ssize_t weir_recv(struct weir_task *t, int fd, void *buffer, size_t bytes, int flags);
WEIR_API ssize_t weir_sendto(struct weir_task *t, int fd, const void *buffer, size_t bytes, int flags, const struct sockaddr *a, socklen_t a_bytes);
WEIR_API ssize_t weir_recvfrom(struct weir_task *t, int fd, void *buffer, size_t bytes, int flags, struct sockaddr *a, socklen_t *a_bytes);
WEIR_API ssize_t weir_sendmsg(struct weir_task *t, int fd, const struct msghdr *msg, int flags);
WEIR_API ssize_t weir_recvmsg(struct weir_task *t, int fd, struct msghdr *msg, int flags);
WEIR_API int weir_sendmmsg(struct weir_task *t, int fd, struct mmsghdr *msgs, unsigned count, int flags);
WEIR_API int weir_recvmmsg(struct weir_task *t, int fd, struct mmsghdr *msgs, unsigned count, int flags);
WEIR_API int weir_ioctl(struct weir_task *t, int fd, unsigned long command, void *argument);
WEIR_API int weir_fcntl(struct weir_task *t, int fd, int command, long argument);
WEIR_API int weir_dup(struct weir_task *t, int fd);
WEIR_API int weir_close(struct weir_task *t, int fd);
WEIR_API int weir_poll(struct weir_task *t, struct pollfd *fds, nfds_t count);                 /* does not wait */
WEIR_API int weir_epoll_create(struct weir_task *t);
WEIR_API int weir_epoll_ctl(struct weir_task *t, int epfd, int op, int fd, struct epoll_event *event);
WEIR_API int weir_epoll_wait(struct weir_task *t, int epfd, struct epoll_event *events, int count); /* does not wait */
/* Any other system call of the table, by its SYS_* number; the result or -errno. */
WEIR_API long weir_syscall(struct weir_task *t, long number, const uint64_t args[6]);

/* Calls wake(ctx, events) when fd may have become ready (EPOLL* bits; 0: look). From within machine calls: only take note.
 * wake NULL takes it away. */
WEIR_API int weir_watch(struct weir_task *t, int fd, void (*wake)(void *ctx, uint32_t events), void *ctx);

/* A text of /proc/net or /proc/sys/net ("net/tcp", "sys/net/ipv4/tcp_rmem"). Bytes it needs (copied up to `bytes`), or -errno. */
WEIR_API long weir_proc_read(struct weir_task *t, const char *path, char *buffer, size_t bytes);
WEIR_API long weir_proc_write(struct weir_task *t, const char *path, const char *text, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
