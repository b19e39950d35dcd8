/* What TCP keeps for a namespace: lookup tables, keys, counts; and the small structs of the states that need no whole sock:
 * struct tcp_request (half-open, SYN queue) and struct tcp_time_wait, 128 bytes each at most. */
#ifndef WEIR_TCP_TCP_NET_H
#define WEIR_TCP_TCP_NET_H

#include "tcp/fastopen.h"
#include "tcp/tcp_sock.h"
#include "wire/headers.h"

#define TCP_TIME_WAIT_NS (60 * NS_PER_S)       /* Linux: TCP_TIMEWAIT_LEN */
#define TCP_TIMEOUT_INIT_NS (1 * NS_PER_S)     /* RFC 6298 §2.1 */
#define TCP_COOKIE_LIFE_NS (120 * NS_PER_S)    /* Linux: a listener that did not overflow for so long takes no cookies */

/* A hash table that grows by one bucket for an insertion (linear hashing), so that no single packet pays for a rehash.
 * Segment 0 holds the first TCP_TABLE_FIRST buckets, segment k as many as all before it. */
#define TCP_TABLE_FIRST 256u
#define TCP_TABLE_SEGMENTS 20
struct tcp_table {
    struct chain *segments[TCP_TABLE_SEGMENTS];
    uint32_t buckets, count;
    uint64_t (*hash_of)(const struct tcp_net *tn, const struct chain_node *n);
};

/* A half-open connection (Linux: request_sock). The timer holds it; it holds a reference on the listener, whose local port
 * and options it uses. sent time: with no retransmission, timer.deadline_ns - 1 s. */
struct tcp_request {
    struct timer timer;              /* of a Fast Open child's: only its deadline */
    union { struct chain_node node; struct { struct tcp_sock *child; struct tcp_request *next; }; }; /* REQUEST_FASTOPEN: the latter */
    ip_addr_t local, remote;
    struct tcp_sock *listener;
    seq_t irs, iss;
    uint32_t ts_recent, bound_ifindex, receive_window;
    uint16_t last_answer_16ms;       /* to a segment out of place; 0: none. It does not live long enough to see it wrap */
    uint16_t remote_port, mss_bytes, bits;
    uint8_t timeouts, retransmits, tos, send_scale : 4, receive_scale : 4;
};
enum { REQUEST_SACK = 1, REQUEST_TIMESTAMP = 2, REQUEST_WINDOW_SCALE = 4, REQUEST_ECN = 8, REQUEST_ACKED = 16, REQUEST_SAVED_SYN = 32,
    REQUEST_COOKIE = 64 /* lives on the stack: made from a SYN cookie */,
    REQUEST_FASTOPEN = 128 /* its child is there: fastopen_server.c */, REQUEST_ACCEPTED = 256 /* and accept() gave it out */,
    REQUEST_ACCECN = 512 /* with REQUEST_ECN; above it the codepoint of the SYN */ };
#define REQUEST_CODEPOINT_SHIFT 10
#define REQUEST_REPEATED (1 << 12) /* the SYN-ACK has gone before */
#define REQUEST_ACE_FAILS (1 << 13) /* the SYN came again without the flags */
static_assert(sizeof(struct tcp_request) <= 128, "half-open: DESIGN section 6");

struct tcp_saved_syn { uint32_t bytes; uint8_t data[]; };
/* The form of a request when its listener saves SYNs. */
struct tcp_request_saved { struct tcp_request request; struct tcp_saved_syn *syn; };

/* TIME-WAIT, also FIN-WAIT-2 of an orphan (Linux: inet_timewait_sock). Its lifetime is a slot of tcp_net.time_wait_ring. */
struct tcp_time_wait {
    struct port_hold hold;           /* first; owner_bits: TIME_WAIT_* */
    struct chain_node node;
    struct list due;
    ip_addr_t remote;
    uint16_t remote_port, slot;
    seq_t snd_nxt, rcv_nxt;
    uint32_t receive_window, ts_recent, entered_ms, last_out_of_window_ms;
    uint8_t tos, receive_scale;
};
enum { TIME_WAIT_IS_FIN_WAIT2 = 1, TIME_WAIT_HAS_TIMESTAMP = 2, TIME_WAIT_IS6 = 4, TIME_WAIT_IS_SIGNED = 8 };
static_assert(sizeof(struct tcp_time_wait) <= 128, "TIME-WAIT: DESIGN section 6");
/* The form of one whose segments are signed. */
struct tcp_time_wait_signed { struct tcp_time_wait tw; struct tcp_md5_key key; };
static inline uint16_t time_wait_port(const struct tcp_time_wait *tw) { return tw->hold.bucket->port; }

/* Lifetimes of TIME-WAIT: a calendar of 512 slots of 2^27 ns (134 ms), together 68 s: O(1) for any mix of lifetimes. */
#define TIME_WAIT_SLOTS 512u
#define TIME_WAIT_SLOT_SHIFT 27

#define TCP_METRICS_CHAINS 1024u

struct tcp_offset_answer { uint64_t words[5]; uint32_t offset; };

struct tcp_net {
    struct net *net;
    struct port_table *ports;
    struct tcp_table established, listening, time_wait, requests;
    struct siphash_key isn_key, timestamp_key, cookie_key[2], table_key, reuseport_key;
    struct tcp_offset_answer last_offset; /* isn.c */
    struct list time_wait_ring[TIME_WAIT_SLOTS];
    uint64_t time_wait_slot;         /* next slot to fire, counted from time 0 */
    struct timer time_wait_timer;
    uint32_t time_wait_count, orphans, sock_count;
    uint64_t memory_pages, pressure_since_ms; bool is_under_pressure; /* tcp_mem accounting: memory.c */
    struct cubic_parameters cubic;
    uint64_t challenge_second; uint32_t challenge_count; /* RFC 5961 limit of the namespace */
    struct chain metrics[TCP_METRICS_CHAINS]; uint32_t metrics_count; /* metrics.c */
    struct {
        struct tcp_fastopen_keys keys;
        uint64_t disabled_ns; uint32_t disabled_times; /* tcp_fastopen_disable() */
        struct tcp_fastopen_opening *opening; /* the send whose call is running and opens its connection, or NULL */
    } fastopen;
};

/* SO_REUSEPORT listeners of one address and port; each holds it. */
struct tcp_reuseport { uint32_t count, capacity; uint64_t overflow_ns; struct tcp_sock *socks[]; };

struct tcp_listener {
    struct tcp_sock *accept_first, **accept_end; /* accept queue, by accept_next */
    uint32_t accept_count, limit;    /* Linux: sk_ack_backlog, sk_max_ack_backlog */
    uint32_t requests, young;        /* SYN queue; young: never retransmitted */
    uint64_t overflow_ns;            /* last SYN cookie sent; 0: never */
    uint32_t fastopen_pending;       /* Fast Open children in SYN-RECEIVED, and those on the list of resets */
    struct tcp_request *reset_first, *reset_last; /* REQUEST_FASTOPEN, ended by a RST, oldest first */
    struct tcp_reuseport *reuseport; /* or NULL */
    struct tcp_listener_stats stats;
};
static inline bool tcp_accept_queue_is_full(const struct tcp_listener *l) { return l->accept_count > l->limit; }
/* Linux 6.18, tried: limit + 1 requests are answered, the next is dropped or gets a cookie. */
static inline bool tcp_syn_queue_is_full(const struct tcp_listener *l) { return l->requests > l->limit; }

/* table.c. Lookups are for a packet's view: local is its destination. All borrowed. */
int tcp_table_init(struct machine *m, struct tcp_table *t, uint64_t (*hash_of)(const struct tcp_net *, const struct chain_node *));
void tcp_table_fini(struct machine *m, struct tcp_table *t);
void tcp_table_add(struct tcp_net *tn, struct tcp_table *t, struct chain_node *n);
void tcp_table_remove(struct tcp_table *t, struct chain_node *n);
struct tcp_tuple { const ip_addr_t *local, *remote; uint16_t local_port, remote_port; int32_t ifindex; };
uint64_t tcp_tuple_hash(const struct tcp_net *tn, const struct tcp_tuple *t);
struct tcp_sock *tcp_find_established(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash);
struct tcp_time_wait *tcp_find_time_wait(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash);
struct tcp_request *tcp_find_request(struct tcp_net *tn, const struct tcp_tuple *t, uint64_t hash);
struct tcp_sock *tcp_find_listener(struct tcp_net *tn, const struct tcp_tuple *t);
uint64_t tcp_hash_of_sock(const struct tcp_net *tn, const struct chain_node *n);
uint64_t tcp_hash_of_listener(const struct tcp_net *tn, const struct chain_node *n);
uint64_t tcp_hash_of_time_wait(const struct tcp_net *tn, const struct chain_node *n);
uint64_t tcp_hash_of_request(const struct tcp_net *tn, const struct chain_node *n);
/* Visits each node until visit returns non-zero, which is returned. The visitor may remove the node it is given. */
int tcp_table_each(struct tcp_table *t, int (*visit)(void *ctx, struct chain_node *n), void *ctx);

/* request.c */
void tcp_request_receive(struct tcp_request *r, struct tcp_segment *seg);                /* takes the packet */
void tcp_connection_request(struct tcp_sock *listener, struct tcp_segment *seg, bool has_isn, seq_t isn); /* a SYN; takes it */
void tcp_request_drop(struct tcp_request *r);                                            /* out of the table, freed */
void tcp_request_free(struct tcp_request *r);                                            /* that is in no table */
int tcp_request_send_syn_ack(struct tcp_request *r, const struct tcp_fastopen_cookie *cookie); /* NULL: none */
int tcp_request_repeat(struct tcp_request *r);                                           /* the SYN-ACK */
bool tcp_request_admits(struct tcp_request *r, struct tcp_segment *seg); /* a segment for its Fast Open child; false: it goes no further */
uint64_t tcp_request_sent_ns(const struct tcp_request *r);                               /* while it was not repeated */
uint32_t tcp_request_ts_offset(const struct tcp_request *r);
struct route *tcp_request_route(const struct tcp_request *r);                            /* a reference, or NULL */
void tcp_request_choose_window(struct tcp_request *r, struct route *route);
/* accept.c: the child in SYN-RECV, in the accept queue's keeping. NULL: overflow or no memory (counted). */
struct tcp_sock *tcp_child_create(struct tcp_request *r, const struct tcp_segment *seg);
void tcp_child_receive(struct tcp_sock *listener, struct tcp_sock *child, struct tcp_segment *seg); /* takes the packet */
void tcp_listen_stop(struct tcp_sock *listener);
int tcp_listen_start(struct sock *sk, int backlog);
int tcp_accept(struct sock *sk, struct sock **out);
/* cookie.c */
seq_t tcp_cookie_make(struct tcp_sock *listener, const struct tcp_segment *seg, uint16_t *mss_bytes);
uint32_t tcp_cookie_timestamp(const struct tcp_request *r, uint32_t now_ms);
/* A request rebuilt from the ACK of a cookie. False: not one of ours. */
bool tcp_cookie_check(struct tcp_sock *listener, const struct tcp_segment *seg, struct tcp_request *out);
/* connect.c, close.c */
int tcp_connect(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes);
int tcp_disconnect(struct sock *sk);
void tcp_close(struct sock *sk);
int tcp_shutdown(struct sock *sk, int how);
uint64_t tcp_linger(struct sock *sk);
void tcp_destroy_orphan(struct tcp_sock *tp);                /* a dead sock in CLOSE: gives up what it holds */
uint64_t tcp_fin_time_ns(const struct tcp_sock *tp);
/* time_wait.c */
void tcp_time_wait_receive(struct net *net, struct tcp_time_wait *tw, struct tcp_segment *seg); /* takes the packet */
void tcp_time_wait_end(struct tcp_net *tn, struct tcp_time_wait *tw);
void tcp_time_wait_fire(struct timer *t, uint64_t now_ns);
uint64_t tcp_time_wait_left_ns(const struct tcp_net *tn, const struct tcp_time_wait *tw);
/* option.c, poll.c */
uint32_t tcp_seconds_to_timeouts(int32_t seconds);           /* how many timeouts, 1 s doubling to 120 s, last so long */
int32_t tcp_timeouts_to_seconds(uint32_t timeouts);
int tcp_setsockopt(struct sock *sk, int level, int name, const struct user_option *o);
int tcp_getsockopt(struct sock *sk, int level, int name, const struct user_option *o);
uint32_t tcp_poll(struct sock *sk);
/* reply.c: a segment that no queue stands behind. */
struct tcp_reply {
    ip_addr_t source, destination; uint16_t source_port, destination_port;
    seq_t seq, ack; uint16_t window; uint8_t flags, tos; bool is_ae;
    int32_t out_ifindex; struct tcp_options options;
    const struct inet_sock *like;    /* options of this sock for the IP layer, and its keys; or NULL */
    const struct tcp_md5_key *md5;   /* signs it; found by tcp_reply_send() when there is `like` */
};
int tcp_reply_send(struct net *net, const struct tcp_reply *r); /* 0 or -errno */
/* Every answer to an unacceptable segment: true: keep silent now (tcp_invalid_ratelimit, RFC 5961 in spirit). */
bool tcp_answer_is_limited(struct net *net, const struct tcp_segment *seg, uint32_t *last_ms);
bool tcp_challenge_is_limited(struct net *net, uint32_t *last_ms); /* the same for challenges: whatever they carry */
bool tcp_paws_rejects(uint32_t ts_recent, uint32_t timestamp, bool is_rst);
static inline uint32_t tcp_clock_ms(const struct machine *m) { return (uint32_t)(m->now_ns / NS_PER_MS); }

#endif
