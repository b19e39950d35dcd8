#include "syscall/calls.h"

/* name, arguments, which of them is the file (-1: none), function */
#define ROWS(ROW) \
    ROW(socket, 3, -1, sys_socket) \
    ROW(socketpair, 4, -1, sys_socketpair) \
    ROW(bind, 3, 0, sys_bind) \
    ROW(listen, 2, 0, sys_listen) \
    ROW(accept, 3, 0, sys_accept) \
    ROW(accept4, 4, 0, sys_accept4) \
    ROW(connect, 3, 0, sys_connect) \
    ROW(shutdown, 2, 0, sys_shutdown) \
    ROW(getsockname, 3, 0, sys_getsockname) \
    ROW(getpeername, 3, 0, sys_getpeername) \
    ROW(setsockopt, 5, 0, sys_setsockopt) \
    ROW(getsockopt, 5, 0, sys_getsockopt) \
    ROW(sendto, 6, 0, sys_sendto) \
    ROW(sendmsg, 3, 0, sys_sendmsg) \
    ROW(sendmmsg, 4, 0, sys_sendmmsg) \
    ROW(recvfrom, 6, 0, sys_recvfrom) \
    ROW(recvmsg, 3, 0, sys_recvmsg) \
    ROW(recvmmsg, 5, 0, sys_recvmmsg) \
    ROW(read, 3, 0, sys_read) \
    ROW(readv, 3, 0, sys_readv) \
    ROW(write, 3, 0, sys_write) \
    ROW(writev, 3, 0, sys_writev) \
    ROW(pread64, 4, 0, sys_no_seek) \
    ROW(preadv, 5, 0, sys_no_seek) \
    ROW(preadv2, 6, 0, sys_preadv2) \
    ROW(pwrite64, 4, 0, sys_no_seek) \
    ROW(pwritev, 5, 0, sys_no_seek) \
    ROW(pwritev2, 6, 0, sys_pwritev2) \
    ROW(lseek, 3, 0, sys_no_seek) \
    ROW(ioctl, 3, 0, sys_ioctl) \
    ROW(fcntl, 3, 0, sys_fcntl) \
    ROW(dup, 1, 0, sys_dup) \
    ROW(dup3, 3, 0, sys_dup3) \
    ROW(close, 1, 0, sys_close) \
    ROW(ppoll, 5, -1, sys_ppoll) \
    ROW(pselect6, 6, -1, sys_pselect) \
    ROW(epoll_create1, 1, -1, sys_epoll_create1) \
    ROW(epoll_ctl, 4, 0, sys_epoll_ctl) \
    ROW(epoll_pwait, 6, 0, sys_epoll_pwait) \
    ROW(epoll_pwait2, 6, 0, sys_epoll_pwait2)

#ifdef SYS_poll /* older calls, which newer architectures have no more */
#define OLD_ROWS(ROW) \
    ROW(dup2, 2, 0, sys_dup2) \
    ROW(poll, 3, -1, sys_poll) \
    ROW(select, 5, -1, sys_select) \
    ROW(epoll_create, 1, -1, sys_epoll_create) \
    ROW(epoll_wait, 4, 0, sys_epoll_wait)
#else
#define OLD_ROWS(ROW)
#endif

#define TABLE_ROW(name, arguments, fd, run) { SYS_##name, #name, arguments, fd, run },
const struct syscall_row syscall_table[] = { ROWS(TABLE_ROW) OLD_ROWS(TABLE_ROW) };
const size_t syscall_table_count = array_count(syscall_table);

/* By number: one more than the place in the table. */
#define PLACE(name, arguments, fd, run) PLACE_##name,
#define PLACE_OF(name, arguments, fd, run) [SYS_##name] = PLACE_##name,
enum { PLACE_NONE, ROWS(PLACE) OLD_ROWS(PLACE) };
static const uint8_t place_of[] = { ROWS(PLACE_OF) OLD_ROWS(PLACE_OF) };

const struct syscall_row *syscall_find(long number)
{
    if (number < 0 || (size_t)number >= array_count(place_of) || !place_of[number]) return NULL;
    return &syscall_table[place_of[number] - 1];
}
