/* The only way to a program's memory: a library call, a trapped process and a shared ring look the same (DESIGN §3). */
#ifndef WEIR_FILE_USER_MEMORY_H
#define WEIR_FILE_USER_MEMORY_H

#include "base/types.h"

struct user_memory {
    /* Both copy all or nothing: 0, or -EFAULT (or -EINTR when the program gave the call up: nothing may happen then). */
    int (*copy_in)(void *ctx, void *to, uint64_t from, size_t bytes);
    int (*copy_out)(void *ctx, uint64_t to, const void *from, size_t bytes);
    void *ctx;
};

static inline int user_in(const struct user_memory *u, void *to, uint64_t from, size_t bytes)
{
    return bytes ? u->copy_in(u->ctx, to, from, bytes) : 0;
}
static inline int user_out(const struct user_memory *u, uint64_t to, const void *from, size_t bytes)
{
    return bytes ? u->copy_out(u->ctx, to, from, bytes) : 0;
}

/* The caller's own address space (library door, tests) . */
extern const struct user_memory user_memory_direct;

struct user_iovec { uint64_t base, bytes; };

/* A cursor over a program's buffers. */
struct user_iter {
    const struct user_memory *memory;
    const struct user_iovec *vec; /* caller's array; count entries left, the first from `skip` */
    uint32_t count;
    uint64_t skip;
    uint64_t left;                /* bytes left in all */
};
static inline void user_iter_init(struct user_iter *it, const struct user_memory *memory, const struct user_iovec *vec, uint32_t count)
{
    *it = (struct user_iter){ .memory = memory, .vec = vec, .count = count };
    for (uint32_t i = 0; i < count; i++) it->left += vec[i].bytes;
}
int user_iter_in_pieces(struct user_iter *it, void *to, size_t bytes);
int user_iter_out_pieces(struct user_iter *it, const void *from, size_t bytes);
/* Do the next so many bytes lie in one buffer, as nearly always? */
static inline bool user_iter_is_one_piece(const struct user_iter *it, size_t bytes)
{
    return it->count && bytes <= it->vec->bytes - it->skip;
}
static inline int user_iter_in(struct user_iter *it, void *to, size_t bytes) /* advances; 0 or -EFAULT. bytes <= left */
{
    if (!user_iter_is_one_piece(it, bytes)) return user_iter_in_pieces(it, to, bytes);
    if (user_in(it->memory, to, it->vec->base + it->skip, bytes)) return -EFAULT;
    it->skip += bytes;
    it->left -= bytes;
    return 0;
}
static inline int user_iter_out(struct user_iter *it, const void *from, size_t bytes)
{
    if (!user_iter_is_one_piece(it, bytes)) return user_iter_out_pieces(it, from, bytes);
    if (user_out(it->memory, it->vec->base + it->skip, from, bytes)) return -EFAULT;
    it->skip += bytes;
    it->left -= bytes;
    return 0;
}
void user_iter_advance(struct user_iter *it, uint64_t bytes);
uint64_t user_iter_piece(struct user_iter *it, uint64_t *at);           /* what lies in one piece at the cursor: its address and bytes */
/* Copies in and adds to an Internet checksum over what this call copied, in one pass. */
int user_iter_in_checksum(struct user_iter *it, void *to, size_t bytes, uint32_t *sum);

/* A send that opens its connection: it waits for that; it is open; it failed, and what was taken before is lost. */
enum user_msg_opening { USER_MSG_NOT_OPENING, USER_MSG_OPENS, USER_MSG_OPEN, USER_MSG_LOST };

/* One message of sendmsg/recvmsg (Linux: msghdr), name and control data already in the core's memory. */
struct user_msg {
    struct user_iter data;
    uint32_t flags;                        /* MSG_* in */
    uint32_t out_flags;                    /* MSG_* out: MSG_TRUNC, MSG_CTRUNC, MSG_OOB, MSG_EOR, MSG_ERRQUEUE */
    bool is_nonblocking;                   /* O_NONBLOCK or MSG_DONTWAIT: only for protocols that act on it (autocork, ENOBUFS) */
    uint32_t name_bytes;
    uint8_t *control;                      /* send: whole control data; receive: room, control_used grows */
    uint32_t control_bytes, control_used;
    uint64_t done_bytes;                   /* progress over retries of one blocking call */
    uint8_t opening;                       /* USER_MSG_*, kept over retries: TCP Fast Open */
    const struct credentials *credentials; /* of the caller */
    struct task *task;
    struct sockaddr_storage name;          /* in for send (name_bytes > 0), out for receive; else not even cleared */
};
/* Appends a control message; sets MSG_CTRUNC when it does not fit, cutting it as Linux's put_cmsg does. */
void user_msg_put_control(struct user_msg *msg, int level, int type, const void *data, uint32_t bytes);

/* A socket option's value in the program's memory. */
struct user_option {
    const struct user_memory *memory;
    uint64_t value;        /* address */
    uint64_t length_out;   /* get: address of the int length; 0 for set */
    int32_t bytes;         /* given length */
    const struct credentials *credentials;
};
int option_in(const struct user_option *o, void *to, size_t bytes);    /* -EINVAL when shorter, -EFAULT */
int option_int(const struct user_option *o, int *out);                 /* at least 4 bytes, as most options */
/* Copies min(given, bytes) and writes the length, as Linux's getsockopt does. 0 or -EFAULT. */
int option_out(const struct user_option *o, const void *from, size_t bytes);
int option_out_int(const struct user_option *o, int value);

#endif
