/* struct socket: what the fd side sees; struct proto_ops: what its family does with the calls; the family table. Knows no
 * protocol. A socket dies at close; its sock may live on. */
#ifndef WEIR_SOCKET_SOCKET_H
#define WEIR_SOCKET_SOCKET_H

#include "file/task.h"
#include "machine/net.h"

struct sock;
struct socket;

enum socket_state { SOCKET_UNCONNECTED = 1, SOCKET_CONNECTING, SOCKET_CONNECTED, SOCKET_DISCONNECTING }; /* as Linux's SS_* */

/* Whose name: an accepted peer has one even if its connection ended since. */
enum socket_name { SOCKET_NAME_OWN, SOCKET_NAME_PEER, SOCKET_NAME_ACCEPTED };

struct socket {
    uint8_t state;                   /* enum socket_state */
    int16_t type;                    /* SOCK_STREAM ... */
    const struct proto_ops *ops;
    struct sock *sock;
    struct file *file;               /* back pointer, not counted */
    struct wait_queue wait;
    struct net *net;
};

/* No operation waits: what would block returns -EAGAIN and is run again when poll() shows what it waits for; connect
 * returns -EINPROGRESS and is asked again. All return 0, a count, or -errno. */
struct proto_ops {
    int family;
    void (*release)(struct socket *s);                       /* close: detaches the sock */
    int (*bind)(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
    int (*connect)(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags);
    int (*socketpair)(struct socket *a, struct socket *b);
    /* *accepted becomes a grafted, connected socket without a file. -EAGAIN: queue empty. */
    int (*accept)(struct socket *s, struct socket *accepted, uint32_t flags);
    int (*getname)(struct socket *s, struct sockaddr_storage *a, enum socket_name which); /* length, or -errno */
    uint32_t (*poll)(struct socket *s);
    int (*ioctl)(struct socket *s, const struct task *t, unsigned command, uint64_t argument); /* -ENOIOCTLCMD: not ours */
    int (*listen)(struct socket *s, const struct task *t, int backlog);
    int (*shutdown)(struct socket *s, int how);              /* SHUT_* */
    uint64_t (*linger)(struct socket *s);                    /* the last close() begins: ns it waits at most, 0: no (more); may be NULL */
    int (*setsockopt)(struct socket *s, int level, int name, const struct user_option *o);
    int (*getsockopt)(struct socket *s, int level, int name, const struct user_option *o);
    long (*sendmsg)(struct socket *s, struct user_msg *msg); /* bytes taken by this try; msg->data advanced */
    long (*recvmsg)(struct socket *s, struct user_msg *msg); /* one try; flags as given; no waiting for MSG_WAITALL */
};

struct net_family {
    int family;
    const char *name;
    /* Fills socket->ops and sock. kern: made by the machine itself. -errno as Linux's socket(). */
    int (*create)(struct net *net, struct socket *s, const struct task *t, int protocol);
};
extern const struct net_family *const net_families[]; /* machine/families.c; ends with NULL */

/* A socket without a file. */
int socket_create(struct net *net, const struct task *t, int family, int type, int protocol, struct socket **out);
struct socket *socket_alloc(struct net *net);            /* for accept; freed by socket_destroy */
void socket_destroy(struct socket *s);                    /* ops->release, then free */
/* Wraps in a file; flags O_NONBLOCK. NULL: no memory (the socket is destroyed). */
struct file *socket_file(struct socket *s, uint32_t flags);
struct socket *socket_from_file(const struct file *f);    /* NULL: ENOTSOCK */
extern const struct file_ops socket_file_ops;
/* The door's number for the socket (/proc/net, st_ino), when it is not the machine's own. */
void socket_set_inode(struct socket *s, uint64_t inode);
int socket_ioctl(struct file *f, const struct task *t, unsigned command, uint64_t argument); /* file_ops.ioctl */

/* SOL_SOCKET, the same for all families; socket/option.c. The per-level tables have this form too (inet, tcp, ipv6). What
 * only AF_UNIX knows (SO_PEERCRED and its kin) is asked of its ops at level SOL_SOCKET. */
int socket_setsockopt(struct socket *s, int level, int name, const struct user_option *o);
int socket_getsockopt(struct socket *s, int level, int name, const struct user_option *o);

/* A row of an option table: a plain integer field, or functions. docs/support.md is generated from the tables. */
struct option_row {
    int name;
    const char *text;              /* "TCP_NODELAY" */
    int (*set)(struct sock *sk, const struct user_option *o);  /* NULL: ENOPROTOOPT */
    int (*get)(struct sock *sk, const struct user_option *o);  /* NULL: ENOPROTOOPT */
};
struct option_level { int level; const char *text; const struct option_row *rows; size_t count; };
extern const struct option_level socket_option_level;
int option_table_set(const struct option_level *t, struct sock *sk, int name, const struct user_option *o);
int option_table_get(const struct option_level *t, struct sock *sk, int name, const struct user_option *o);

#endif
