/* struct task: a process as the machine sees it: credentials, namespace, and how its fd numbers become files. */
#ifndef WEIR_FILE_TASK_H
#define WEIR_FILE_TASK_H

#include "file/file.h"
#include "file/user_memory.h"

struct credentials {
    uint32_t uid, gid;      /* effective */
    int32_t pid;            /* thread group */
    uint64_t capabilities;  /* 1 << CAP_*; effective */
};
static inline bool credentials_can(const struct credentials *c, unsigned cap) { return c->capabilities >> cap & 1; }

struct task_ops {
    struct file *(*file_get)(struct task *t, int fd);   /* a reference; NULL: EBADF */
    /* Gives the file a number; takes the reference, also on failure. flags: O_CLOEXEC, O_NONBLOCK. fd or -errno. */
    int (*file_install)(struct task *t, struct file *f, uint32_t flags);
    /* Room for one more number? 0 or -EMFILE; asked before accept takes a connection from its queue. NULL: not known. */
    int (*may_install)(struct task *t);
    int (*file_close)(struct task *t, int fd);          /* 0 or -EBADF; doors whose fds live elsewhere: NULL */
    void (*signal)(struct task *t, int signal);         /* SIGPIPE, SIGURG, SIGIO; may be NULL */
    /* Asked only when a call would wait, for doors that keep O_NONBLOCK elsewhere. NULL: f->flags tells. */
    bool (*is_nonblocking)(struct task *t, struct file *f);
};

struct task {
    const struct task_ops *ops;
    struct machine *machine;
    struct net *net;
    struct credentials credentials;
    const struct user_memory *memory;
    void *door;             /* the door's own record */
    struct fd_table fds;    /* only where the door has none: fds.machine is NULL elsewhere */
};

#endif
