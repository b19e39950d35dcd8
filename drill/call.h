/* A system call of a script. Its row says how to make the real one of its arguments; what comes back is compared with
 * the result, then by the call's own check. All that it needs stays in its memory until the run is over. */
#ifndef DRILL_CALL_H
#define DRILL_CALL_H

#include "drill/running.h"

enum { CALL_NONE = -1 }; /* no call of the system: read() has the number 0 */

struct call_piece {
    struct call_piece *next;
    _Alignas(16) uint8_t bytes[];
};

struct call_under_way {
    struct call_under_way *next;
    struct run *run;
    const struct script_event *event;
    const struct script_call *script;
    int64_t time_ns, end_ns;              /* absolute; the end: of calls that wait */
    struct subject_call live;
    bool returns_fd;                      /* any fd will do for the script's */
    bool (*check)(struct call_under_way *c); /* when the result is right; NULL: no more to see */
    const struct expression *looked_at;   /* what the check compares with */
    void *output;                         /* where the call put what is compared */
    void *more;
    struct fd_pair *fd;                   /* of the first argument; NULL: it has none */
    struct call_piece *memory;
};

struct call_row {
    const char *name;
    bool (*prepare)(struct call_under_way *c); /* false: told why not */
};

bool call_fails(struct call_under_way *c, const char *format, ...) WEIR_PRINTF(2, 3);
void *call_memory(struct call_under_way *c, size_t bytes); /* zeros; NULL: no memory, told */
static inline uint64_t call_pointer(const void *p) { return (uint64_t)(uintptr_t)p; }

/* --- call_argument.c. All false when told. */
bool call_count(struct call_under_way *c, unsigned count);
bool call_number_of(struct call_under_way *c, const struct expression *e, int64_t low, int64_t high, int64_t *out);
bool call_int_of(struct call_under_way *c, const struct expression *e, int *out); /* 32 bits, signed or not */
bool call_int(struct call_under_way *c, unsigned index, int *out);
/* Into live.args[to], extended by its sign. */
bool call_pass_int(struct call_under_way *c, unsigned index, unsigned to);
bool call_bracketed(struct call_under_way *c, unsigned index, int64_t *out); /* [N] */
bool call_ellipsis(struct call_under_way *c, unsigned index);
bool call_is_ellipsis(const struct call_under_way *c, unsigned index);
bool call_list_of(struct call_under_way *c, const struct expression *e, const struct expression_list **out);
bool call_list(struct call_under_way *c, unsigned index, const struct expression_list **out);
bool call_fd(struct call_under_way *c, unsigned index, unsigned to); /* a live fd into live.args[to]; index 0: c->fd */
/* ... or NULL, of as many bytes as argument `count` says: into live.args[to] and the next. */
bool call_buffer(struct call_under_way *c, unsigned index, unsigned count, unsigned to);
bool call_iovec_of(struct call_under_way *c, const struct expression *e, struct iovec **out, size_t *count);
/* The address that connect() and the sends to one mean: the script's remote one, or only a family. Connects new
 * sockets. */
bool call_peer(struct call_under_way *c, int family, struct sockaddr_storage **out, socklen_t *bytes);

/* An address of the wire as this version of IP has it for programs. Its bytes. */
socklen_t call_address(const struct run *r, const ip_addr_t *address, uint16_t port, struct sockaddr_storage *out);

struct fd_pair *call_find_fd(struct run *r, int script_fd); /* NULL: none open */
bool call_new_fd(struct call_under_way *c, int script_fd, int live_fd, enum fd_kind kind, struct flow *flow);

/* --- Rows */
bool call_socket(struct call_under_way *c);
bool call_bind(struct call_under_way *c);
bool call_listen(struct call_under_way *c);
bool call_accept(struct call_under_way *c);
bool call_connect(struct call_under_way *c);
bool call_close(struct call_under_way *c);
bool call_shutdown(struct call_under_way *c);
bool call_read(struct call_under_way *c);
bool call_readv(struct call_under_way *c);
bool call_recv(struct call_under_way *c);
bool call_recvfrom(struct call_under_way *c);
bool call_recvmsg(struct call_under_way *c);
bool call_write(struct call_under_way *c);
bool call_writev(struct call_under_way *c);
bool call_send(struct call_under_way *c);
bool call_sendto(struct call_under_way *c);
bool call_sendmsg(struct call_under_way *c);
bool call_sendmmsg(struct call_under_way *c);
bool call_recvmmsg(struct call_under_way *c);
bool call_fcntl(struct call_under_way *c);
bool call_ioctl(struct call_under_way *c);
bool call_getsockopt(struct call_under_way *c);
bool call_setsockopt(struct call_under_way *c);
bool call_poll(struct call_under_way *c);
bool call_epoll_create(struct call_under_way *c);
bool call_epoll_ctl(struct call_under_way *c);
bool call_epoll_wait(struct call_under_way *c);
bool call_open(struct call_under_way *c);
bool call_pipe(struct call_under_way *c);
bool call_sendfile(struct call_under_way *c);
bool call_splice(struct call_under_way *c);
bool call_cap_set(struct call_under_way *c);

#endif
