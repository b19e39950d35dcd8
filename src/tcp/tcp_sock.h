/* struct tcp_sock and what the files of this room share. RFC 9293 names in groups: snd, rcv. One place changes state:
 * tcp_set_state(). Written by the owner of the sock only: the call that owns it, or the packet path when nobody does. */
#ifndef WEIR_TCP_TCP_SOCK_H
#define WEIR_TCP_TCP_SOCK_H

#include "tcp/tcp.h"

#define TCP_TIMER_LEAST_NS (8 * NS_PER_MS) /* Linux: TCP_TIMEOUT_MIN, two ticks (at 250 Hz) */

/* States: linux/tcp.h's TCP_ESTABLISHED .. TCP_CLOSING, plus TCP_NEW_SYN_RECV for request socks. */
enum tcp_state { TCPS_ESTABLISHED = 1, TCPS_SYN_SENT, TCPS_SYN_RECV, TCPS_FIN_WAIT1, TCPS_FIN_WAIT2, TCPS_TIME_WAIT, TCPS_CLOSE,
    TCPS_CLOSE_WAIT, TCPS_LAST_ACK, TCPS_LISTEN, TCPS_CLOSING, TCPS_NEW_SYN_RECV };
#define TCP_STATE_BIT(s) (1u << (s))

/* ca_state: linux/tcp.h's TCP_CA_Open .. TCP_CA_Loss. */

struct tcp_options {                 /* of one segment, or what was agreed */
    bool has_timestamp, has_sack_permitted, has_window_scale, has_mss, has_fastopen;
    bool has_accecn, is_accecn_order1; uint8_t accecn_count; uint32_t accecn[3]; /* RFC 9768: option 174 (order 1) or 172, its counters in its order */
    uint32_t timestamp_value, timestamp_echo;
    uint16_t mss_bytes; uint8_t window_scale;
    uint8_t sack_count; struct { seq_t start, end; } sack[4];
    const uint8_t *md5; const uint8_t *fastopen; uint8_t fastopen_bytes; bool fastopen_is_experimental;
};
struct tcp_segment {                 /* a received segment, parsed, host order; passes from step to step */
    struct packet *packet;           /* begins at its payload once parsed */
    seq_t seq, ack, end_seq;         /* end_seq counts SYN and FIN */
    uint32_t window;                 /* unscaled field */
    uint16_t urgent; uint8_t flags; bool is_ae; uint32_t payload_bytes, header_bytes;
    uint16_t source_port, destination_port;
    struct tcp_options options;
};
struct tcp_ack_result {              /* what an acknowledgement tells congestion control (Linux: rate_sample) */
    seq_t ack;
    uint32_t acked_packets, lost_packets, prior_in_flight; /* acked: cumulatively or by SACK */
    int64_t rtt_us;                  /* -1: none */
    uint64_t prior_delivered;        /* of the sample: what was delivered when its packet left; 0: no sample */
    int64_t delivered_packets, interval_us; /* since then; -1: no sample */
    uint32_t delivered_ce;
    bool is_app_limited, is_ack_delayed;
};

/* The extreme of a window of time or of rounds: windowed.c. All zero: nothing measured. */
struct tcp_sample { uint32_t value, at; };
struct tcp_windowed { struct tcp_sample s[3]; };
void tcp_windowed_reset(struct tcp_windowed *w, uint32_t at, uint32_t value);
uint32_t tcp_windowed_max(struct tcp_windowed *w, uint32_t window, uint32_t at, uint32_t value);
uint32_t tcp_windowed_min(struct tcp_windowed *w, uint32_t window, uint32_t at, uint32_t value);

/* How Fast Open went. Each of the first three tells of our SYN; failure: TFO_* of linux/tcp.h. */
struct tcp_open {
    bool has_asked : 1, has_asked_experimentally : 1, has_data : 1, data_was_taken : 1 /* by the peer, or by us as a server */,
        is_requested : 1 /* a call opens this way */, is_on_trial : 1 /* the first since a pause (tcp_fastopen_disable) */, is_child : 1;
    uint8_t failure : 2;
};

struct cc_ops;
#define TCP_CC_WORDS 16

/* Accurate ECN's counts (RFC 9768); of what came and of what the peer says came, by IP codepoint less 1: ECT(1), ECT(0), CE. */
struct tcp_accecn {
    uint64_t option_sent_ns;
    uint32_t received_ce, received_bytes[3], delivered_bytes[3];
    uint16_t acked_average;          /* packets acknowledged at once, times 64 */
    uint8_t received_ce_unsaid, least_fields, demand; /* marks not told yet; counters the next option must hold; options owed */
    uint8_t option_seen, fail_mode, syn_sent, syn_received, last_received, estimated; /* codepoints; estimated: 0: unknown */
    bool reflects;                   /* the next ACK says how the SYN came */
    bool told_with_duplicate;        /* the last option went with a D-SACK */
};

/* What a connection remembers only when there was trouble, or much to send: in the flight, and kept when that is given back. */
struct tcp_past {
    uint64_t cc_state[TCP_CC_WORDS]; bool has_cc_state; /* private to the algorithm; worth keeping */
    uint16_t rto_count, rto_recoveries; uint32_t rto_total_ms; /* tcpi_total_rto* */
    uint32_t total_retrans, dsack_dups, reord_seen, rcv_ooopack, rehash;
    uint64_t bytes_retrans, window_limited_ns, buffer_limited_ns;
    struct tcp_accecn accecn;
};

/* What a connection needs while data moves, either way: made when something is sent or comes, given back when all has been
 * quiet for a while (flight.c). An idle connection has the empty one, tcp_no_flight, which may be read and never written. */
struct tcp_flight {
    /* Queues: written but unsent, and sent but unacknowledged, both in sequence order. transmit.c */
    struct packet_queue write_queue, retransmit_queue;
    struct list sent_by_time;        /* packets in flight that are not SACKed, oldest transmission first (RFC 8985) */
    /* Deadlines on the sock's timer node; NS_NEVER: not set. quiet_ns: when to look whether the flight is over. timers.c */
    struct { uint64_t retransmit_ns, probe_ns, delayed_ack_ns, loss_probe_ns, reorder_ns, pacing_ns, fin_wait2_ns, quiet_ns; } due;
    uint64_t compressed_ack_ns;      /* another */
    uint32_t packets_out, retrans_out, lost_out, sacked_out;
    struct packet *retransmit_hint;  /* first packet to look at for retransmission; NULL: the head */
    struct { seq_t start, end; } sack_cache[4]; struct packet *sack_hint; /* blocks of the last ACK; where they ended */
    seq_t high_seq, undo_marker, tlp_high_seq, highest_sack, rtt_next_seq; int32_t undo_retrans;
    uint8_t ca_state; bool tlp_retransmit, frto, is_reneging;
    uint32_t prior_cwnd, prior_ssthresh, prr_delivered, prr_out;
    uint64_t retrans_stamp_ns, rto_start_ns, first_sent_ns, delivered_ns, lost;
    uint64_t probe_stamp_ns;         /* when zero-window probing began; 0: not */
    struct { uint64_t sent_ns; seq_t end_seq; uint32_t rtt_us; bool advanced, dsack_seen; } rack;
    uint64_t rack_last_delivered;
    uint64_t transmitted_ns;         /* when the last segment of any kind left; 0: none in this flight */
    uint64_t paced_until_ns;         /* SO_MAX_PACING_RATE: no segment before */
    uint64_t chrono_since_ns; uint8_t chrono_kind; /* what sending waits for: chrono.c */
    /* Use of the congestion window since the last change (RFC 7661's idea, Linux's rules). push.c */
    struct { uint32_t used_packets, max_packets_out; seq_t seq; uint64_t stamp_ns; } usage;
    struct tcp_past past;

    /* Out-of-order segments, by sequence. reassembly.c */
    struct rb_root out_of_order; struct packet *out_of_order_last;
    struct { seq_t start, end; } sacks[4], duplicate_sack; uint8_t sack_count; bool has_duplicate_sack;
    uint8_t compressed_acks, dup_acks_sent; seq_t compressed_ack_nxt;
    bool saw_timestamp; uint32_t rcv_tsecr; /* of the segment that is being worked on */
    bool is_write_pending;           /* a call waits to write when the handshake ends: the ACK can wait for its data */
    struct tcp_request *request;     /* of a Fast Open child whose SYN-ACK is not answered; owned */
    const struct tcp_fastopen_cookie *fastopen_cookie; /* of the SYN that is being sent */
    uint32_t last_segment_bytes, receive_rtt_last_echo;
    uint64_t out_of_window_ack_ns;   /* when the last rate-limited duplicate ACK went */
    /* Receive buffer auto-tuning. window.c */
    struct { seq_t seq, rtt_seq; uint64_t time_ns, rtt_time_ns; } tune;
};
extern const struct tcp_flight tcp_no_flight;

struct tcp_md5_key {                 /* TCP_MD5SIG: of a peer or many; owned by a sock's settings, or a TIME-WAIT */
    struct tcp_md5_key *next;
    ip_addr_t address;
    uint8_t prefix_bits;
    bool is_domain_bound;            /* TCP_MD5SIG_FLAG_IFINDEX: only in the main routing domain */
    uint8_t key_bytes, key[TCP_MD5SIG_MAXKEYLEN];
};

/* Options of SOL_TCP that few set: shared while they are as they begin. */
struct tcp_settings {
    int32_t user_timeout_ms, keepalive_idle_s, keepalive_interval_s, keepalive_probes, syn_retries, linger2_s, defer_accept_s,
        notsent_lowat, rto_max_ms, rto_min_us, delack_max_us, save_syn, fastopen_connect, fastopen_no_cookie,
        fastopen_limit;              /* TCP_FASTOPEN of a listener */
    struct tcp_saved_syn *saved_syn; /* TCP_SAVED_SYN, or NULL */
    struct tcp_md5_key *md5_keys;    /* or NULL */
    struct tcp_fastopen_keys *fastopen_keys; /* TCP_FASTOPEN_KEY, or NULL: the namespace's */
    /* Path MTU by probing (RFC 4821): MTUs, probe_bytes: of the one in flight, or 0. mtu_probe.c */
    struct { bool is_on; uint32_t low_bytes, high_bytes, probe_bytes; seq_t probe_start, probe_end; uint64_t since_ns; } mtu;
};

struct tcp_sock {
    struct inet_sock inet;           /* first */
    struct tcp_flight *flight;       /* &tcp_no_flight while idle */
    const struct tcp_settings *settings;

    /* Send sequence space. reo_wnd: RACK's window, in quarters of the least round trip; recoveries it lasts. */
    struct { seq_t una, nxt, wl1, up, write, push, small; uint32_t wnd, max_wnd, cwnd_packets, ssthresh_packets, cwnd_cnt; uint8_t scale, reo_wnd_steps, reo_wnd_persist; } snd;
    /* Receive sequence space. wup: right edge base of the last advertised window; copied: next byte for the program.
     * ratio: payload to truesize of arriving packets, of 256. */
    struct { seq_t nxt, wup, copied; uint32_t wnd, ssthresh_bytes, window_clamp, mss_estimate, advmss; uint8_t scale, ratio; struct tcp_open open; } rcv;
    seq_t last_ack_sent, urgent_seq;

    /* Agreed at the handshake. */
    bool is_sack_ok : 1, is_timestamp_ok : 1, is_wscale_ok : 1, is_ecn_ok : 1, is_accecn : 1;
    /* Options of SOL_TCP and modes. */
    bool is_nodelay : 1, is_corked : 1, is_nonagle_pushed : 1, thin_linear : 1, inq_wanted : 1, is_cwnd_limited : 1,
        is_fin_sent : 1, is_fin_received : 1, has_urgent_signal : 1, is_pingpong : 1, is_ack_deferred : 1;
    bool ecn_demand_cwr : 1, ecn_queue_cwr : 1, ecn_seen : 1; /* RFC 3168: we echo ECE; we owe CWR; peer's ECT was seen */
    bool is_fast_path : 1;           /* header prediction */
    bool is_paced : 1;               /* congestion control asked for it, once */
    bool rate_is_app_limited : 1;    /* of the sample in `rate`; before the first, too */
    bool heard_progress : 1;         /* the next segment confirms the neighbour it goes by */
    bool is_orphan : 1;              /* closed by its program, goes on alone: counted in tcp_net, holds a reference on itself */
    bool is_writer_waiting : 1;      /* somebody found no room to write (Linux: SOCK_NOSPACE): set by send and poll */
    uint8_t retransmits, backoff, probes_out, ack_pending, quick_acks;
    uint8_t pingpong;                /* sends that answered data within the ACK timeout: interactive at tcp_pingpong_thresh */
    uint16_t header_bytes;           /* fixed part and the timestamp option of a segment without SACK */
    uint16_t user_mss, mss_clamp;
    uint16_t urgent_data;            /* 0x000 none, 0x100 valid byte, 0x200 not yet, 0x400 read */
    uint32_t mss_cache, pmtu_cookie, ato_ms, fast_path_window; /* the window field that header prediction expects */
    uint32_t memory_pages;           /* part of net->tcp->memory_pages */
    uint64_t keepalive_due_ns;       /* the one deadline of an idle connection; NS_NEVER: not set */
    uint64_t last_received_ns, last_sent_ns, last_ack_received_ns;

    /* RTT, in microseconds, scaled as Linux (srtt << 3, rttvar << 2). rtt.c */
    struct { uint32_t srtt_us, mdev_us, mdev_max_us, rttvar_us; uint64_t rto_ns; } rtt;
    struct tcp_windowed min_rtt;
    /* Timestamps (RFC 7323). */
    uint32_t ts_recent, ts_offset; uint64_t ts_recent_stamp_ns;

    uint32_t reordering, delivered_ce, app_limited;
    uint32_t cc_rest;                /* what congestion control keeps while idle, when that is enough */
    struct { uint32_t delivered, interval_us; } rate; /* last good delivery rate sample */
    struct { const struct cc_ops *ops; } cc;
    struct tcp_past *past;           /* while idle: kept, or NULL */
    uint64_t pacing_rate_bytes_per_s;
    uint64_t delivered, bytes_acked, bytes_received, bytes_sent, busy_ns;
    uint32_t segs_in, segs_out, data_segs_in, data_segs_out;
    struct { uint32_t rtt_us, space; } tune; /* what receive buffer auto-tuning found */

    /* Listener. listen.c: SYN queue (hash of request socks in tcp_net, counted here) and accept queue. */
    struct tcp_listener *listener;   /* NULL unless TCPS_LISTEN */
    struct tcp_sock *accept_next;    /* in the accept queue of its listener */
};
static_assert(sizeof(struct tcp_sock) <= 768, "an idle connection takes 1 KiB all in: DESIGN section 6; and 768 is a size of base/memory.c");
static inline struct tcp_sock *tcp_of(const struct sock *sk) { return (struct tcp_sock *)(uintptr_t)sk; }
static inline struct sock *sk_of(const struct tcp_sock *tp) { return (struct sock *)(uintptr_t)tp; }

union tcp_cc_info_out { struct tcpvegas_info vegas; struct tcp_dctcp_info dctcp; struct tcp_bbr_info bbr; };

/* Congestion control: one file each in tcp/cc/, one row in tcp/cc/cc_table.c (Linux: tcp_congestion_ops). */
struct cc_ops {
    const char *name; bool needs_ecn, non_restricted;
    void (*init)(struct tcp_sock *tp);
    void (*release)(struct tcp_sock *tp);
    /* The flight ends: true: its state may be forgotten, but for tp->cc_rest, from which init() goes on. NULL: there is none. */
    bool (*rest)(struct tcp_sock *tp);
    uint32_t (*ssthresh)(struct tcp_sock *tp);                                   /* packets */
    void (*on_acked)(struct tcp_sock *tp, seq_t ack, uint32_t acked_packets);    /* Linux: cong_avoid */
    void (*set_state)(struct tcp_sock *tp, uint8_t new_state);
    void (*on_ack)(struct tcp_sock *tp);                                         /* of every ACK, before it is judged */
    void (*event)(struct tcp_sock *tp, int event);                               /* CC_EVENT_* */
    void (*packets_acked)(struct tcp_sock *tp, uint32_t packets, int64_t rtt_us);
    uint32_t (*undo_cwnd)(struct tcp_sock *tp);
    uint32_t (*min_tso_segments)(struct tcp_sock *tp);                           /* NULL: tcp_min_tso_segs */
    uint32_t sndbuf_windows;                                                     /* congestion windows the send buffer holds; 0: 2 */
    /* TCP_CC_INFO, and for ss: bytes written to out, which has room for any; *attribute: INET_DIAG_*. NULL: none. */
    uint32_t (*info)(struct tcp_sock *tp, union tcp_cc_info_out *out, int *attribute);
    void (*control)(struct tcp_sock *tp, const struct tcp_ack_result *ack);      /* BBR-like: sets cwnd and pacing itself */
};
enum { CC_EVENT_TX_START, CC_EVENT_CWND_RESTART, CC_EVENT_COMPLETE_CWR, CC_EVENT_LOSS, CC_EVENT_ECN_NO_CE, CC_EVENT_ECN_IS_CE };
extern const struct cubic_parameters cubic_usual_parameters;
extern const struct cc_ops *const cc_table[]; extern const size_t cc_table_count;
const struct cc_ops *cc_find(const char *name);
int tcp_cc_select(struct tcp_sock *tp, const char *name, bool may_use_restricted); /* 0, -ENOENT, -EPERM */

/* --- files of the connection half (tcp-control) ------------------------------------------------------------------- */
/* table.c: established, listening and time-wait socks by keyed hash of the tuple; request socks too. */
int tcp_hash_established(struct tcp_sock *tp); void tcp_unhash(struct tcp_sock *tp); int tcp_hash_listening(struct tcp_sock *tp);
/* state.c */
void tcp_set_state(struct tcp_sock *tp, uint8_t state);
void tcp_done(struct tcp_sock *tp);                        /* to CLOSE, wakes, ends an orphan */
void tcp_reset_received(struct tcp_sock *tp);              /* RST accepted: error by state */
void tcp_fail(struct tcp_sock *tp, int error);             /* positive errno: reports and ends (timeouts) */
/* isn.c */ seq_t tcp_new_isn(struct net *net, const ip_addr_t *l, uint16_t lp, const ip_addr_t *r, uint16_t rp); uint32_t tcp_new_ts_offset(struct net *net, const ip_addr_t *l, uint16_t lp, const ip_addr_t *r, uint16_t rp);
/* input.c (demux) */
uint32_t tcp_now_ts_ms(const struct tcp_sock *tp);         /* timestamp clock with offset */
bool tcp_parse(struct packet *p, struct tcp_segment *seg); /* header and options; false: malformed */
void tcp_sock_receive(struct sock *sk, struct packet *p);  /* proto->backlog_receive too: p begins at its TCP header; by state */
/* listen.c / request.c / cookie.c / accept.c / connect.c / close.c / time_wait.c */
void tcp_listen_receive(struct sock *listener, struct tcp_segment *seg);                 /* takes the packet */
void tcp_syn_sent_receive(struct tcp_sock *tp, struct tcp_segment *seg);                 /* takes the packet */
void tcp_time_wait_enter(struct tcp_sock *tp, uint8_t substate, uint64_t lifetime_ns);   /* sock is replaced by the small struct */
void tcp_fin_received(struct tcp_sock *tp);                /* data half: in-order FIN reached */
/* Data half: SND.UNA passed our FIN. False: the connection ended here (done, or replaced by TIME-WAIT): consume the segment,
 * touch tp no more (input.c holds a reference while a segment is worked on, so reading tp->inet.sk.state stays safe). */
bool tcp_our_fin_acked(struct tcp_sock *tp, const struct tcp_segment *seg);
void tcp_fin_wait2_expired(struct tcp_sock *tp);           /* timers.c: due.fin_wait2_ns passed */
bool tcp_out_of_resources(struct tcp_sock *tp, bool send_reset); /* timers.c, orphans: too many orphans or no memory; true: ended */
void tcp_abort(struct tcp_sock *tp, int error);            /* sends RST, ends */
/* reply.c: segments without a connection's queues */
void tcp_send_reset_for(struct net *net, const struct tcp_segment *seg);                  /* RFC 9293 §3.10.7.1 */
void tcp_send_reset(struct tcp_sock *tp);                                                /* active reset of a connection */

bool tcp_challenge_allowed(struct net *net);                /* takes one of this second's allowance (RFC 5961 §7) */

/* flight.c. Whoever sends or receives begins with tcp_flight_begin(); false: no memory. */
bool tcp_flight_create(struct tcp_sock *tp);
static inline bool tcp_has_flight(const struct tcp_sock *tp) { return tp->flight != &tcp_no_flight; }
static inline bool tcp_flight_begin(struct tcp_sock *tp) { return tcp_has_flight(tp) || tcp_flight_create(tp); }
void tcp_flight_init(const struct tcp_sock *tp, struct tcp_flight *f);
static inline const struct tcp_past *tcp_past(const struct tcp_sock *tp) { return tp->past ? tp->past : &tp->flight->past; }
void tcp_flight_check(struct tcp_sock *tp);                /* due.quiet_ns: ends it when all is quiet */
void tcp_flight_destroy(struct tcp_sock *tp);              /* with the past */
/* settings.c */
struct tcp_settings *tcp_settings_own(struct tcp_sock *tp); /* to be written; NULL: no memory */
bool tcp_settings_copy(struct tcp_sock *tp, const struct tcp_settings *of); /* for a child. False: no memory */
void tcp_settings_release(struct tcp_sock *tp);
extern const struct tcp_settings tcp_usual_settings;
/* md5.c */
int tcp_md5_set(struct sock *sk, const struct user_option *o);          /* TCP_MD5SIG */
int tcp_md5_set_extended(struct sock *sk, const struct user_option *o); /* TCP_MD5SIG_EXT */
const struct tcp_md5_key *tcp_md5_find(const struct tcp_sock *tp, const ip_addr_t *remote); /* NULL: unsigned */
bool tcp_md5_inherit(struct tcp_sock *child, const struct tcp_sock *listener); /* false: no memory */
void tcp_md5_release(struct machine *m, struct tcp_md5_key *k);         /* with all behind it */
/* p begins at its TCP header; false: dropped. */
bool tcp_md5_admits(const struct tcp_sock *tp, struct packet *p, uint32_t header_bytes);
bool tcp_md5_is_signed(const struct tcp_md5_key *k, const struct packet *p, uint32_t header_bytes);
/* Fills in the signature when the header has room for one. */
void tcp_md5_sign(const struct tcp_md5_key *k, struct packet *p, const ip_addr_t *source, const ip_addr_t *destination);
/* The key for the peer of a connection; NULL for all but very few. */
static inline const struct tcp_md5_key *tcp_md5_key(const struct tcp_sock *tp)
{
    return tp->settings->md5_keys ? tcp_md5_find(tp, &tp->inet.remote) : NULL;
}
enum { TCP_MD5_OPTION_BYTES = 20 };  /* with padding */

/* --- files of the data half (tcp-data) ----------------------------------------------------------------------------- */
/* receive.c: states with a connection, SYN_RECV (child made) and later, in the RFC's order. Takes the packet. */
void tcp_synchronized_receive(struct tcp_sock *tp, struct tcp_segment *seg);
void tcp_init_transfer(struct tcp_sock *tp);               /* at ESTABLISHED: buffers, cwnd, cc, metrics */
void tcp_sock_defaults(struct tcp_sock *tp);               /* from proto->init and for children */
/* ack.c: the peer acknowledged our SYN (SYN_SENT): off the retransmit queue, SND.UNA, RTT sample, timer stopped. */
void tcp_syn_acked(struct tcp_sock *tp, const struct tcp_segment *seg);
/* ack.c sack.c recovery.c rtt.c */ void tcp_rtt_handshake_sample(struct tcp_sock *tp, int64_t rtt_us);
/* transmit.c */
void tcp_push(struct tcp_sock *tp, bool force_partial);     /* sends what windows, Nagle, cork allow */
int tcp_transmit(struct tcp_sock *tp, struct packet *p, bool is_retransmission);
void tcp_init_receive_mss(struct tcp_sock *tp); /* the guess before anything came */
/* What a segment without data carries: SND.NXT, or the window's edge where the peer took it back by more than rounding. */
seq_t tcp_acceptable_seq(const struct tcp_sock *tp);
void tcp_send_ack(struct tcp_sock *tp); void tcp_send_delayed_ack(struct tcp_sock *tp); void tcp_send_challenge_ack(struct tcp_sock *tp);
void tcp_queue_fin(struct tcp_sock *tp);                    /* FIN at the end of the write queue, then push */
int tcp_send_syn(struct tcp_sock *tp);                      /* builds, queues and sends our SYN; retransmitted by the timer */
void tcp_send_syn_ack(struct tcp_sock *tp);                 /* simultaneous open */
uint32_t tcp_mss_now(struct tcp_sock *tp); void tcp_sync_mss(struct tcp_sock *tp, uint32_t pmtu_bytes);
uint32_t tcp_select_window(struct tcp_sock *tp);            /* field to send, scaled; moves rcv.wup */
extern const uint8_t tcp_md5_blank[16];                    /* of a signature that is filled in later */
uint32_t tcp_write_options(uint8_t *out, const struct tcp_options *o);
void tcp_simple_retransmit(struct tcp_sock *tp);           /* recovery.c: the path MTU went down, after tcp_sync_mss() */
void tcp_set_quickack(struct tcp_sock *tp, int value);     /* delack.c: TCP_QUICKACK */
uint32_t tcp_min_rtt_us(const struct tcp_sock *tp);
/* timers.c */
void tcp_timers_rearm(struct tcp_sock *tp); void tcp_timers_clear(struct tcp_sock *tp); void tcp_retransmit_arm(struct tcp_sock *tp, uint64_t rto_ns); void tcp_keepalive_arm(struct tcp_sock *tp);
/* window.c */ uint32_t tcp_receive_space(const struct tcp_sock *tp); void tcp_receive_consumed(struct tcp_sock *tp, uint32_t bytes); /* may send a window update */
uint32_t tcp_initial_window(struct tcp_sock *tp, uint32_t space, uint32_t mss, bool wscale_ok, uint8_t *scale, uint32_t *clamp);
/* send.c, recv.c: proto sendmsg and recvmsg */
long tcp_sendmsg(struct sock *sk, struct user_msg *msg); long tcp_recvmsg(struct sock *sk, struct user_msg *msg);
void tcp_purge_write_queue(struct tcp_sock *tp);          /* written and unacknowledged data, and what counts it */
/* chrono.c: tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited */
void tcp_busy_times(const struct tcp_sock *tp, uint64_t *busy_us, uint64_t *window_limited_us, uint64_t *buffer_limited_us);
void tcp_release_work(struct sock *sk);                     /* proto release_work: ACKs put off while the backlog ran */
bool tcp_has_send_room(const struct tcp_sock *tp);          /* poll: EPOLLOUT (Linux: sk_stream_is_writeable) */
uint32_t tcp_unread_bytes(struct tcp_sock *tp);             /* SIOCINQ, FIONREAD */
void tcp_set_quickack(struct tcp_sock *tp, int value);      /* TCP_QUICKACK */
bool tcp_is_quickack(const struct tcp_sock *tp);
void tcp_set_nodelay(struct tcp_sock *tp, bool on); void tcp_set_cork(struct tcp_sock *tp, bool on);
void tcp_memory_release(struct tcp_sock *tp);               /* memory.c; from proto->destroy: nothing is charged any more */
void tcp_purge_queues(struct tcp_sock *tp);               /* all queues of packets, both directions, and their counts */

#endif
