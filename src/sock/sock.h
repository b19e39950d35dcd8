/* struct sock: what the protocol sees of a socket: queues, memory accounting, errors, callbacks; and struct proto, the
 * protocol's operations. Counted: the socket holds one reference, hash tables, timers and queued packets others. */
#ifndef WEIR_SOCK_SOCK_H
#define WEIR_SOCK_SOCK_H

#include "file/user_memory.h"
#include "file/task.h"
#include "machine/net.h"
#include "packet/packet.h"

struct sock;
struct socket;

/* Who owns (sock_own) as on Linux: the proto_ops around connect, disconnect, listen, shutdown and bind; the protocol itself
 * in sendmsg, recvmsg, accept, close, ioctl, setsockopt and getsockopt. */
struct proto {
    const char *name;                    /* as in /proc/net/protocols: "TCP" */
    size_t sock_bytes;                   /* size of the whole object that begins with struct sock */
    int (*admit)(const struct net *net, const struct task *t);   /* may this task have such a socket? NULL: anybody */
    int (*init)(struct sock *sk);
    void (*destroy)(struct sock *sk);    /* last reference: frees what init and life took */
    void (*close)(struct sock *sk);      /* the socket is gone (sk->socket == NULL): go on alone or end. The caller drops the socket's reference after */
    int (*bind)(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes); /* NULL: inet's */
    int (*connect)(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
    int (*disconnect)(struct sock *sk);
    /* A connected sock for the queue's head, one reference given. -EAGAIN, -EINVAL. */
    int (*accept)(struct sock *sk, struct sock **out);
    int (*listen)(struct sock *sk, int backlog);
    int (*shutdown)(struct sock *sk, int how);
    uint64_t (*linger)(struct sock *sk);  /* the last close() begins: ns it waits at most, 0: no (more); may be NULL */
    int (*ioctl)(struct sock *sk, unsigned command, int *value); /* SIOCINQ, SIOCOUTQ, ...; -ENOIOCTLCMD */
    int (*setsockopt)(struct sock *sk, int level, int name, const struct user_option *o);
    int (*getsockopt)(struct sock *sk, int level, int name, const struct user_option *o);
    long (*sendmsg)(struct sock *sk, struct user_msg *msg);
    long (*recvmsg)(struct sock *sk, struct user_msg *msg);
    uint32_t (*poll)(struct sock *sk);
    void (*backlog_receive)(struct sock *sk, struct packet *p);  /* a packet that came while the sock was owned; takes it */
    void (*release_work)(struct sock *sk);                       /* deferred work at sock_release, may be NULL */
    int (*get_port)(struct sock *sk, uint16_t port);             /* 0: pick; takes it in the inet port table. 0 or -EADDRINUSE */
    int (*hash)(struct sock *sk);
    void (*unhash)(struct sock *sk);
    void (*rehash)(struct sock *sk);
    void (*keepalive_changed)(struct sock *sk);                  /* SO_KEEPALIVE was set: sk->keep_open; may be NULL */
    void (*write_space)(struct sock *sk);                        /* there may be room to send; NULL: sock_is_writeable() decides */
    int (*set_receive_low_water)(struct sock *sk, int bytes);    /* SO_RCVLOWAT; NULL: the field is set */
    uint32_t (*stamp_base)(const struct sock *sk, bool of_written); /* SOF_TIMESTAMPING_OPT_ID: what keys count from; NULL: 0 */
    /* SOF_TIMESTAMPING_OPT_STATS: netlink attributes into `out`; returns their bytes. hops < 0: no ACK told. NULL: none */
    uint32_t (*stamp_statistics)(struct sock *sk, int hops, uint8_t *out, uint32_t room);
};

/* What few socks have or set: shared, sock_usual, until a sock writes one. */
struct sock_rare {
    struct packet_queue error_queue; /* ICMP errors, timestamps, zero-copy notices: MSG_ERRQUEUE */
    struct sock_filter_program *filter; /* SO_ATTACH_FILTER, or NULL */
    uint64_t receive_timeout_ns, send_timeout_ns; /* NS_NEVER: none */
    uint64_t max_pacing_rate;
    uint32_t linger_s, timestamping_flags, timestamp_key, busy_poll_us;
    int32_t incoming_cpu, peek_offset;
    uint16_t busy_poll_budget;
};
extern const struct sock_rare sock_usual;

struct sock {
    /* Identity. */
    const struct proto *proto;
    struct net *net;
    struct socket *socket;           /* NULL: orphan */
    struct wait_queue *wait;         /* the socket's, or NULL */
    const struct sock_rare *rare;    /* to write: sock_rare() */
    uint32_t references;
    uint16_t family;                 /* AF_INET, AF_INET6, AF_UNIX ... */
    uint8_t state;                   /* TCP's numbering (TCP_CLOSE = 7 ...), used by all families as on Linux */
    uint8_t type, protocol;          /* protocol > 255 is refused at creation */
    uint8_t shutdown;                /* SOCK_SHUT_* */
    uint8_t own_depth;               /* sock_own() nests; the outermost release runs the backlog */
    uint8_t txrehash;
    bool is_owned;                   /* a call works on it: packets go to the backlog */
    bool is_dead;                    /* orphan or closing: no wake-ups */
    /* Options of SOL_SOCKET. */
    bool reuse : 1, reuse_port : 1, keep_open : 1, broadcast : 1, no_check : 1, oob_inline : 1, linger : 1, dont_route : 1,
        receive_timestamp : 1, receive_timestamp_ns : 1, rxq_overflow : 1, debug : 1, pass_credentials : 1, filter_locked : 1,
        prefer_busy_poll : 1, receive_mark : 1, receive_priority : 1, wifi_status : 1, no_fcs : 1, sndbuf_locked : 1, rcvbuf_locked : 1,
        zero_copy : 1, no_linger_wait : 1, bind_address_no_port : 1, select_err_queue : 1, timestamp_is_new : 1;
    uint32_t priority, mark;
    int32_t bound_ifindex;
    int32_t err, err_soft;           /* positive errno; err is taken by SO_ERROR and the next call */
    uint32_t uid;                    /* owner at creation */
    int32_t receive_low_water;
    uint64_t cookie, inode;
    uint64_t receive_time_ns;        /* of the last packet handed out: SIOCGSTAMP */
    uint64_t drops;                  /* packets lost for this sock */
    /* Receive side. */
    struct packet_queue receive_queue;
    struct packet_queue backlog;
    uint32_t receive_buffer_bytes;   /* SO_RCVBUF as Linux stores it: doubled */
    uint32_t receive_used_bytes;     /* truesize of receive_queue and out-of-order queue (sk_rmem_alloc) */
    uint32_t backlog_bytes;
    /* Send side. */
    uint32_t send_buffer_bytes;      /* SO_SNDBUF, doubled */
    uint32_t send_used_bytes;        /* packets handed down and not freed (sk_wmem_alloc), truesize */
    uint32_t write_queued_bytes;     /* TCP: truesize of the write and retransmit queues (sk_wmem_queued) */
    uint32_t forward_allocated_bytes;
    uint32_t zero_copy_key;
    struct list all_node;               /* every sock of the namespace: net->sock */
    struct timer timer;                 /* one node for each sock; the protocol keeps its own deadlines */
};

/* sock.state: TCP's numbers; other families use ESTABLISHED for connected, CLOSE for not, LISTEN. */
enum sock_state { SOCK_ESTABLISHED = 1, SOCK_SYN_SENT, SOCK_SYN_RECV, SOCK_FIN_WAIT1, SOCK_FIN_WAIT2, SOCK_TIME_WAIT, SOCK_CLOSE,
    SOCK_CLOSE_WAIT, SOCK_LAST_ACK, SOCK_LISTEN, SOCK_CLOSING, SOCK_NEW_SYN_RECV };
#define SOCK_STATE_BIT(s) (1u << (s))

enum { SOCK_SHUT_RECEIVE = 1, SOCK_SHUT_SEND = 2, SOCK_SHUT_BOTH = 3 };

struct sock_net {                    /* net->sock */
    struct list all;                 /* struct sock.all_node, oldest first */
    uint32_t count;
    uint64_t next_cookie;
    uint64_t udp_bytes;              /* truesize that waits in UDP's receive queues: net.ipv4.udp_mem */
};
int sock_net_start(struct net *net);
void sock_net_stop(struct net *net);
/* proto->sock_bytes, cleared, one reference, defaults from the sysctls; not yet proto->init. NULL: no memory. */
struct sock *sock_create(struct net *net, const struct proto *proto, int family, int type, int protocol);
static inline struct sock *sock_get(struct sock *sk) { sk->references++; return sk; }
void sock_put(struct sock *sk);
/* For passive opens: a copy of the whole object (options, callbacks, the protocol's part) with one reference, empty queues,
 * no error, no timer, no socket, not in any table; the filter is shared out. What the protocol's part points to is the caller's
 * to sort out. Not proto->init. NULL: no memory. */
struct sock *sock_clone(const struct sock *of);
/* Ties to a socket (accept, create); wait is &s->wait. s->sock is set by the caller. */
void sock_graft(struct sock *sk, struct socket *s, struct wait_queue *wait);
void sock_orphan(struct sock *sk);

/* Call side: own, work, release. Release runs the backlog, then release_work; packets that arrive meanwhile are queued. */
void sock_own(struct sock *sk);
void sock_release(struct sock *sk);
/* Packet side: true: handled by the caller now; false: queued (or dropped) for the owner. Takes p when false. limit as Linux: rcvbuf + sndbuf + 64 KiB */
bool sock_backlog_pass(struct sock *sk, struct packet *p);

/* Receive accounting: charges p to the sock until it is freed. False: over the buffer, not charged. */
bool sock_charge_receive(struct sock *sk, struct packet *p);
void sock_charge_receive_always(struct sock *sk, struct packet *p); /* whoever calls has looked at the limits */
void sock_uncharge_receive(struct sock *sk, struct packet *p);
/* Queue for datagram protocols: filter, charge, append, data_ready. 0, or -ENOMEM/-ENOBUFS and p is the caller's still. */
int sock_queue_receive(struct sock *sk, struct packet *p);
void sock_queue_append(struct sock *sk, struct packet *p); /* the last step of it: p is charged already */
enum { SOCK_SCRATCH_DROPS = 0 };                           /* packet.scratch[] of a queued datagram: sk->drops then (SO_RXQ_OVFL) */
/* The next datagram, taken off the queue, or with MSG_PEEK left in it (borrowed then). NULL: *error is the pending error,
 * -EAGAIN, or 0 when the receive side is shut down and the call may wait. */
struct packet *sock_datagram_next(struct sock *sk, const struct user_msg *msg, int *error);
uint32_t sock_datagram_poll(struct sock *sk);
int sock_datagram_ioctl(struct sock *sk, unsigned command, int *value);
void sock_datagram_backlog(struct sock *sk, struct packet *p); /* datagrams skip it: their queue needs no owner */
/* Room to send one more: 0, the pending error, -EPIPE after shutdown, -EAGAIN when the send buffer is full. */
int sock_may_send(struct sock *sk);
/* Send accounting: p->sock = sk until freed, then write_space. */
void sock_charge_send(struct sock *sk, struct packet *p);
static inline bool sock_send_room(const struct sock *sk) { return sk->send_used_bytes < sk->send_buffer_bytes; }
bool sock_is_writeable(const struct sock *sk);   /* Linux: sock_writeable: less than half used */

int sock_take_error(struct sock *sk);            /* negative errno, clears err; 0: none */
void sock_report_error(struct sock *sk, int error); /* positive; sets err and calls error_report */
/* Copies packet bytes to the caller's buffers. 0 or -EFAULT. */
int sock_copy_out(const struct packet *p, uint32_t offset, struct user_iter *to, uint32_t bytes);
uint64_t sock_cookie(struct sock *sk);
struct sock_rare *sock_rare(struct sock *sk);    /* its own, to be written; NULL: no memory */
/* Upcalls. Run from the packet path: no calls into files. */
void sock_state_change(struct sock *sk);
void sock_data_ready(struct sock *sk);
void sock_write_space(struct sock *sk);
void sock_error_raised(struct sock *sk);
/* Wakes waiters of the socket and SIGIO/SIGURG owners. */
void sock_wake(struct sock *sk, uint32_t events);

/* Error queue (IP_RECVERR and friends): sock/error_queue.c */
struct sock_error {
    struct sock_extended_err ee;
    struct sockaddr_storage offender, destination; /* who sent the error (family 0: unknown); where the failed packet went */
    uint32_t offender_bytes, destination_bytes;
    struct packet_ip heard;          /* the IP header that brought the news; version 0: nobody but us said it */
    int32_t in_ifindex;
    bool has_no_time;                /* Linux: the clock of a notice without a packet is that of its reading */
    bool has_statistics;             /* the payload is SCM_TIMESTAMPING_OPT_STATS */
};
/* Queues a copy of the payload behind the ICMP error; p is borrowed. */
void sock_error_queue(struct sock *sk, const struct sock_error *e, const struct packet *payload, uint32_t payload_offset);
void sock_error_purge(struct sock *sk);
/* recvmsg(MSG_ERRQUEUE): the address of the failed packet in msg->name, sock_extended_err as control message of level/type,
 * after those that put_control adds (p: ip, in_ifindex and time_ns of the news, the payload from payload_offset on). */
long sock_error_receive(struct sock *sk, struct user_msg *msg, int level, int type,
                        void (*put_control)(struct sock *sk, struct user_msg *msg, const struct packet *p, uint32_t payload_offset));
/* Sends with MSG_ZEROCOPY, numbers first to last, are through, by copying: the notice that their buffers are free, joined to
 * the last one where possible. */
void sock_zero_copy_notice(struct sock *sk, uint32_t first, uint32_t last);
void sock_zero_copy_done(struct sock *sk);       /* of a datagram: the next number, now */

/* stamp.c: SO_TIMESTAMPING of what is sent. The machine has no hardware clocks: TX_HARDWARE only takes a key. */
#define SOCK_STAMP_WANTS (SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK | 1u << 18)
uint8_t sock_stamps_wanted(uint32_t flags);      /* PACKET_STAMP_* of SOF_TIMESTAMPING_TX_* */
/* p, on its way out, will tell sk, which it holds a reference of when it is charged to no sock. */
void sock_stamp_packet(struct sock *sk, struct packet *p, uint8_t stamps, uint32_t key);
void sock_packet_stamped(struct packet *p, uint8_t moment); /* composition.packet_stamped */
/* News for the error queue: now `tstype` (SCM_TSTAMP_*) came for key. payload: what it is about; hops: of the ACK, or -1. */
void sock_stamp(struct sock *sk, const struct packet *payload, uint32_t tstype, uint32_t key, int hops);

/* Filter (classic BPF): sock/filter.c. Attach: 0, -EINVAL (program not acceptable), -ENOMEM. Run: bytes to keep, 0: drop. */
int sock_filter_attach(struct sock *sk, const struct sock_filter *program, uint32_t length);
void sock_filter_detach(struct sock *sk);
const struct sock_filter *sock_filter_program(const struct sock *sk, uint32_t *length); /* NULL and 0: none */
void sock_filter_share(struct sock *sk);    /* after a copy of the struct: one more user of the program */
uint32_t sock_filter_run(const struct sock *sk, struct packet *p);

#endif
