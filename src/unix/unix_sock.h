/* What the files of this room share. Nothing here is called from the packet path: a message goes straight into the other
 * sock's receive queue and stays charged to its sender until it is read. */
#ifndef WEIR_UNIX_UNIX_SOCK_H
#define WEIR_UNIX_UNIX_SOCK_H

#include "sock/sock.h"
#include "socket/socket.h"
#include "unix/unix.h"

#define UNIX_NAME_BUCKETS 256
#define UNIX_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)
#define UNIX_RIGHTS_MOST 253 /* Linux: SCM_MAX_FD */

/* A name; counted: the bound sock, socks accepted from it and messages on their way hold it. */
struct unix_address {
    struct machine *machine;
    uint32_t references;
    uint32_t bytes;              /* of the sockaddr, as getsockname tells */
    struct sockaddr_un name;
};

/* Files on their way in a message. */
struct unix_rights {
    struct list node;            /* of unix_net.dead */
    uint32_t count;
    struct file *files[UNIX_RIGHTS_MOST];
};

struct unix_net {
    struct chain names[UNIX_NAME_BUCKETS];
    struct siphash_key key;
    struct list dead;            /* struct unix_rights to close; iteratively, since a closed socket may hold more of them */
    bool is_burying;
    uint32_t in_flight;          /* references to AF_UNIX sockets in messages */
};

struct unix_sock {
    struct sock sock;            /* first */
    struct chain_node name_node;
    struct unix_address *address; /* NULL: unnamed */
    struct sock *peer;           /* a reference, or NULL */
    struct list waiters;         /* unix_sock.waiting of those who wait for room in our queue */
    struct list waiting;
    struct packet *oob;          /* of receive_queue: the urgent byte not read yet */
    uint32_t backlog_most;       /* messages (datagram) or connections (listener) that may queue, less one */
    struct credentials peer_credentials;
    bool has_peer_credentials;
    bool refuses_rights;         /* SO_PASSRIGHTS off */
    bool is_embryo;              /* connected, not accepted yet */
    bool is_reachable;           /* of the collector */
    struct list collect_node;    /* of the collector */
    uint32_t in_flight;          /* messages that carry our file */
};

static inline struct unix_sock *unix_of(struct sock *sk) { return (struct unix_sock *)(void *)sk; }

/* packet.scratch[] of a message */
enum { UNIX_SCRATCH_ADDRESS, UNIX_SCRATCH_RIGHTS, UNIX_SCRATCH_PID, UNIX_SCRATCH_IDS, UNIX_SCRATCH_IS_OOB };

/* name.c */
/* 0 or -EINVAL. *a: the name's bytes with their length normalised as Linux does. */
int unix_check_name(const struct sockaddr_storage *a, uint32_t bytes, struct sockaddr_un *name, uint32_t *name_bytes);
int unix_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
int unix_autobind(struct sock *sk);                 /* 0 also when it has a name */
void unix_forget_name(struct sock *sk);
/* The sock bound to the name, borrowed. -ENOENT (path), -ECONNREFUSED (abstract), -EPROTOTYPE. */
int unix_find(struct net *net, const struct sockaddr_un *name, uint32_t bytes, int type, struct sock **out);
void unix_address_put(struct unix_address *a);
int unix_getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which);
void unix_copy_name(struct user_msg *msg, const struct unix_address *a);

/* message.c */
struct unix_send { struct unix_rights *rights; struct credentials credentials; bool has_credentials; };
int unix_read_control(const struct user_msg *msg, struct unix_send *out); /* 0 or -errno, nothing kept on failure */
void unix_drop_control(struct net *net, struct unix_send *send);
/* A message of these bytes from msg, charged to sk; linear_bytes as Linux lays it out, for the truesize. Takes the rights.
 * NULL: *error is -EAGAIN, the pending error, -EPIPE, -ENOBUFS, -EFAULT. */
struct packet *unix_make_message(struct sock *sk, struct user_msg *msg, uint32_t bytes, uint32_t linear_bytes, int *error);
void unix_attach_control(struct packet *p, struct sock *sk, struct sock *to, struct unix_send *send, const struct user_msg *msg);
/* Who sent it; what SCM_CREDENTIALS tells. Messages of different senders are not read as one. */
struct unix_sender { int32_t pid; uint32_t uid, gid; };
struct unix_sender unix_sender_of(const struct packet *p);
static inline bool unix_same_sender(const struct unix_sender *a, const struct unix_sender *b)
{
    return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}
struct unix_rights *unix_rights_of(const struct packet *p);
void unix_give_control(struct sock *sk, const struct unix_sender *sender, const struct unix_rights *rights, struct user_msg *msg);
void unix_take_rights(struct packet *p);                     /* they were given: a message read in part has no more */
void unix_bury(struct net *net, struct unix_rights *rights); /* closes the files; takes rights */
void unix_collect(struct net *net);                          /* closes sockets that only messages in dead sockets hold */

/* peer.c */
void unix_wait_for(struct unix_sock *u, struct unix_sock *room_in);
void unix_wake_waiters(struct unix_sock *u);
void unix_set_peer(struct sock *sk, struct sock *peer);      /* takes no reference: makes its own */
void unix_release_sock(struct sock *sk);
bool unix_is_full(const struct sock *sk);                    /* its queue */
bool unix_is_writeable(const struct sock *sk);
int unix_shutdown(struct socket *s, int how);
int unix_socketpair(struct socket *a, struct socket *b);

extern const struct proto_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;
extern const struct proto unix_stream_proto, unix_dgram_proto;

/* stream.c, dgram.c */
int unix_listen(struct socket *s, const struct task *t, int backlog);
int unix_accept(struct socket *s, struct socket *accepted, uint32_t flags);
int unix_stream_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags);
long unix_stream_sendmsg(struct socket *s, struct user_msg *msg);
long unix_stream_recvmsg(struct socket *s, struct user_msg *msg);
uint32_t unix_stream_poll(struct socket *s);
uint64_t unix_queued_bytes(const struct sock *sk);           /* SIOCINQ */
bool unix_at_mark(const struct sock *sk);
int unix_dgram_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags);
long unix_dgram_sendmsg(struct socket *s, struct user_msg *msg);
long unix_dgram_recvmsg(struct socket *s, struct user_msg *msg);
long unix_seqpacket_sendmsg(struct socket *s, struct user_msg *msg);
long unix_seqpacket_recvmsg(struct socket *s, struct user_msg *msg);
uint32_t unix_dgram_poll(struct socket *s);
void unix_dgram_disconnected(struct sock *sk, struct sock *other);

#endif
