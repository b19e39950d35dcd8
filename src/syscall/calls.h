/* What the files of this room share: the run functions of the table, and how arguments come in and results go out. */
#ifndef WEIR_SYSCALL_CALLS_H
#define WEIR_SYSCALL_CALLS_H

#include "sock/sock.h"
#include "socket/security.h"
#include "socket/socket.h"
#include "syscall/call.h"

#define IO_BYTES_MAX 0x7ffff000u /* Linux: MAX_RW_COUNT */
#define VECTOR_FAST 8

int64_t sys_socket(struct call *c), sys_socketpair(struct call *c), sys_bind(struct call *c), sys_listen(struct call *c),
    sys_shutdown(struct call *c), sys_getsockname(struct call *c), sys_getpeername(struct call *c),
    sys_setsockopt(struct call *c), sys_getsockopt(struct call *c);                                  /* address.c */
int64_t sys_connect(struct call *c), sys_accept(struct call *c), sys_accept4(struct call *c);        /* connect.c */
int64_t sys_sendto(struct call *c), sys_sendmsg(struct call *c), sys_write(struct call *c), sys_writev(struct call *c),
    sys_pwritev2(struct call *c);                                                                    /* send.c */
int64_t sys_recvfrom(struct call *c), sys_recvmsg(struct call *c), sys_read(struct call *c), sys_readv(struct call *c),
    sys_preadv2(struct call *c);                                                                     /* receive.c */
int64_t sys_sendmmsg(struct call *c), sys_recvmmsg(struct call *c);                                  /* multi.c */
int64_t sys_close(struct call *c);                                                                   /* close.c */
int64_t sys_dup(struct call *c), sys_dup2(struct call *c), sys_dup3(struct call *c),
    sys_fcntl(struct call *c), sys_ioctl(struct call *c), sys_no_seek(struct call *c);               /* descriptor.c */
int64_t sys_poll(struct call *c), sys_ppoll(struct call *c), sys_select(struct call *c), sys_pselect(struct call *c); /* poll.c */
int64_t sys_epoll_create(struct call *c), sys_epoll_create1(struct call *c), sys_epoll_ctl(struct call *c),
    sys_epoll_wait(struct call *c), sys_epoll_pwait(struct call *c), sys_epoll_pwait2(struct call *c); /* epoll.c */

/* import.c */
/* c->file as a socket; NULL: ENOTSOCK. */
static inline struct socket *call_socket(const struct call *c) { return socket_from_file(c->file); }
/* An address argument. 0, -EINVAL (length), -EFAULT. */
int import_address(const struct task *t, uint64_t from, int bytes, struct sockaddr_storage *out);
/* Linux: move_addr_to_user: cut to the length found at length_at, which gets the whole length. */
int export_address(const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint64_t to, uint64_t length_at);
/* Of poll: a negative time is for ever. */
static inline uint64_t milliseconds(int ms)
{
    if (ms < 0) return NS_NEVER;
    return (uint32_t)ms * NS_PER_MS;
}
/* A timespec; NULL pointer: NS_NEVER. -EFAULT, -EINVAL. */
int import_timespec(const struct task *t, uint64_t from, uint64_t *ns);

struct vector { struct user_iovec *entries; uint32_t count, allocated; struct user_iovec fast[VECTOR_FAST]; };
/* too_many: what more than UIO_MAXIOV entries are (-EINVAL, -EMSGSIZE). Undone by vector_fini, which is harmless after an error. */
int vector_import(const struct task *t, uint64_t from, uint64_t count, int too_many, struct vector *out);
void vector_single(struct vector *v, uint64_t base, uint64_t bytes);
bool vector_is_empty(const struct vector *v);
void vector_fini(const struct task *t, struct vector *v);

/* message.c: one message with all its tries. *done: bytes of earlier tries, kept in the call. */
int64_t message_send(struct call *c, struct socket *s, struct user_msg *msg, uint64_t *done);
int64_t message_receive(struct call *c, struct socket *s, struct user_msg *msg, uint64_t *done);
void message_init(struct call *c, struct user_msg *msg, const struct vector *v, uint32_t flags);
/* sendmsg and recvmsg of a struct msghdr at `header`, with all its parts; the byte count is the result. */
int64_t send_header(struct call *c, struct socket *s, uint64_t header, uint32_t flags, uint64_t *done);
int64_t receive_header(struct call *c, struct socket *s, uint64_t header, uint32_t flags, uint64_t *done, uint32_t *out_flags);

#endif
