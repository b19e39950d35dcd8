/* struct file: an open file description, counted; and the fd table of doors that have none of their own. */
#ifndef WEIR_FILE_FILE_H
#define WEIR_FILE_FILE_H

#include "file/wait.h"

struct file;
struct machine;
struct net;
struct task;
struct user_msg;

struct file_ops {
    const char *name;
    /* 0 or more: bytes; -EAGAIN: nothing now (the caller decides about waiting); other -errno. Progress is in `msg`. */
    long (*read)(struct file *f, struct user_msg *msg);
    long (*write)(struct file *f, struct user_msg *msg);
    uint32_t (*poll)(struct file *f);                     /* EPOLL* bits true now */
    int (*ioctl)(struct file *f, const struct task *t, unsigned command, uint64_t argument); /* NULL: ENOTTY */
    void (*release)(struct file *f);                      /* last reference is gone; frees private state */
    struct wait_queue *(*wait_queue)(struct file *f);     /* whose wakes mean this file; NULL member: always ready */
};

struct file {
    const struct file_ops *ops;
    struct machine *machine;
    void *private_data;      /* struct socket for sockets, struct epoll for epolls */
    uint32_t references;
    uint32_t flags;          /* O_NONBLOCK, O_ASYNC, O_APPEND, access mode */
    uint64_t inode;          /* shown by /proc/net; the door may set it before first use */
    int32_t owner_pid;       /* F_SETOWN */
    struct list epoll_items; /* of the epolls that watch this file; they let go when the last reference does */
    void *door;              /* the door's own record of this file, or NULL */
};

struct file *file_create(struct machine *m, const struct file_ops *ops, void *private_data, uint32_t flags); /* one reference; NULL: no memory */
static inline struct file *file_get(struct file *f) { f->references++; return f; }
void file_put(struct file *f);
uint32_t file_poll(struct file *f);
struct wait_queue *file_wait_queue(struct file *f); /* NULL: readiness never changes */

#define FD_CLOSE_ON_EXEC 1u
struct fd_entry { struct file *file; uint32_t flags; };
struct fd_table {
    struct machine *machine;
    struct fd_entry *entries;
    uint32_t capacity, limit, lowest_free; /* limit: RLIMIT_NOFILE */
};
int fd_table_init(struct fd_table *t, struct machine *m, uint32_t limit);
void fd_table_fini(struct fd_table *t);                                  /* closes all */
struct file *fd_table_get(struct fd_table *t, int fd);                   /* borrowed; NULL: EBADF */
int fd_table_install(struct fd_table *t, struct file *f, uint32_t flags, int at_least); /* takes the reference; fd or -EMFILE (-EINVAL past limit for at_least) */
int fd_table_set(struct fd_table *t, int fd, struct file *f, uint32_t flags);           /* dup2: closes what was there */
int fd_table_close(struct fd_table *t, int fd);                          /* 0 or -EBADF */

#endif
