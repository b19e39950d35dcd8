/* What the files of TCP's data half share among themselves: acknowledgement, recovery, transmission, receive queue, timers. */
#ifndef WEIR_TCP_DATA_H
#define WEIR_TCP_DATA_H

#include "tcp/tcp_sock.h"
#include "wire/headers.h"

/* packet->tcp.sacked: the scoreboard (Linux: TCPCB_*). */
enum { MARK_SACKED = 1, MARK_RETRANSMITTED = 2, MARK_LOST = 4, MARK_EVER_RETRANSMITTED = 8 };
/* tp->ack_pending (Linux: ICSK_ACK_*). */
enum { ACK_SCHEDULED = 1, ACK_TIMER = 2, ACK_PUSHED = 4, ACK_PUSHED2 = 8, ACK_NOW = 16, ACK_NO_MEMORY = 32 };
/* What one acknowledgement did, and how it is to be taken. */
enum {
    SAW_DATA = 1, SAW_WINDOW_UPDATE = 2, SAW_DATA_ACKED = 4, SAW_RETRANSMIT_ACKED = 8, SAW_SYN_ACKED = 0x10, SAW_SACKED = 0x20,
    SAW_ECE = 0x40, SAW_LOST_RETRANSMIT = 0x80, ON_SLOW_PATH = 0x100, SAW_ORIGINAL_SACKED = 0x200, SAW_UNA_ADVANCED = 0x400,
    SAW_DSACK = 0x800, SET_TIMER = 0x1000, SAW_RENEGING = 0x2000, UPDATE_TS_RECENT = 0x4000, NO_CHALLENGE = 0x8000,
    SAW_MAYBE_DELAYED = 0x10000, SAW_DSACK_TLP = 0x20000, SAW_TS_PROGRESS = 0x40000
};
#define SAW_ACKED (SAW_DATA_ACKED | SAW_SYN_ACKED)
#define NOT_DUPLICATE (SAW_DATA | SAW_WINDOW_UPDATE | SAW_ACKED)
#define SAW_PROGRESS (SAW_ACKED | SAW_SACKED)
enum retransmit_wish { RETRANSMIT_NONE, RETRANSMIT_LOST, RETRANSMIT_NEW };

struct ack_work {                    /* passes through the steps of one acknowledgement */
    const struct tcp_segment *seg;
    seq_t prior_una;
    uint32_t flags;                  /* SAW_* */
    uint32_t prior_in_flight, prior_delivered_count, mss_now;
    uint64_t first_sacked_ns, last_sacked_ns; /* send times of newly SACKed, never retransmitted packets; 0: none */
    uint32_t newly_sacked, newly_lost;        /* packets */
    uint32_t delivered_bytes, marked; /* by this ACK, SACKed or acknowledged; Accurate ECN: packets marked CE */
    seq_t reordered_at; bool is_reordered;    /* lowest never-retransmitted packet that was delivered late */
    uint32_t duplicate_acks;
    enum retransmit_wish wish;
    int64_t rtt_us;                  /* of the newest packet acknowledged or SACKed; -1: none (congestion control's) */
    /* Delivery rate: the most recently sent packet delivered by this ACK. */
    uint32_t rate_prior_delivered_ce; bool was_reneging;
    uint64_t rate_prior_delivered, rate_prior_ns, rate_sent_ns, rate_interval_send_us; bool rate_is_app_limited, rate_is_retransmit, has_rate;
    seq_t rate_end_seq;
};

static inline struct net *net_of(const struct tcp_sock *tp) { return tp->inet.sk.net; }
static inline uint64_t tcp_now_ns(const struct tcp_sock *tp) { return tp->inet.sk.net->machine->now_ns; }
static inline uint64_t tcp_now_us(const struct tcp_sock *tp) { return tcp_now_ns(tp) / NS_PER_US; }
static inline bool tcp_is_state(const struct tcp_sock *tp, unsigned mask) { return TCP_STATE_BIT(tp->inet.sk.state) & mask; }
static inline uint32_t tcp_segments(const struct packet *p) { return p->tcp.gso_segments; }
static inline uint32_t tcp_left_out(const struct tcp_sock *tp) { return tp->flight->sacked_out + tp->flight->lost_out; }
static inline uint32_t tcp_in_flight(const struct tcp_sock *tp) { return tp->flight->packets_out - tcp_left_out(tp) + tp->flight->retrans_out; }
static inline seq_t tcp_window_end(const struct tcp_sock *tp) { return seq_add(tp->snd.una, tp->snd.wnd); }
static inline uint16_t tcp_header_bytes(const struct tcp_sock *tp, bool has_timestamp)
{
    return (uint16_t)(20 + (has_timestamp ? 12 : 0) + (tcp_md5_key(tp) ? TCP_MD5_OPTION_BYTES : 0));
}
static inline bool tcp_is_urgent_mode(const struct tcp_sock *tp) { return !seq_equal(tp->snd.una, tp->snd.up); }
static inline bool tcp_in_slow_start(const struct tcp_sock *tp) { return tp->snd.cwnd_packets < tp->snd.ssthresh_packets; }
static inline bool tcp_in_cwnd_reduction(const struct tcp_sock *tp) { return tp->flight->ca_state == TCP_CA_CWR || tp->flight->ca_state == TCP_CA_Recovery; }
static inline bool tcp_is_ecn_classic(const struct tcp_sock *tp) { return tp->is_ecn_ok && !tp->is_accecn; }
static inline bool tcp_is_first_in_queue(const struct packet_queue *q, const struct packet *p) { return q->packets.next == &p->node; }
static inline bool tcp_is_last_in_queue(const struct packet_queue *q, const struct packet *p) { return q->packets.prev == &p->node; }
static inline struct packet *tcp_queue_last(const struct packet_queue *q)
{
    return q->count ? list_last(&q->packets, struct packet, node) : NULL;
}
static inline struct packet *tcp_queue_next(const struct packet_queue *q, const struct packet *p)
{
    return p->node.next == &q->packets ? NULL : list_entry(p->node.next, struct packet, node);
}
/* Bytes the peer may still send under the window we announced (RFC 9293: RCV.WND). */
static inline uint32_t tcp_receive_window(const struct tcp_sock *tp)
{
    int32_t window = (int32_t)(tp->rcv.wup.v + tp->rcv.wnd - tp->rcv.nxt.v);
    return window < 0 ? 0 : (uint32_t)window;
}
static inline bool tcp_is_pingpong(const struct tcp_sock *tp) { return tp->pingpong >= net_of(tp)->sysctl.tcp_pingpong_thresh; }
static inline void tcp_set_pingpong(struct tcp_sock *tp, bool on)
{
    tp->pingpong = on ? (uint8_t)net_of(tp)->sysctl.tcp_pingpong_thresh : 0;
    tp->is_pingpong = on;
}
static inline bool tcp_is_cwnd_limited(const struct tcp_sock *tp)
{
    if (tp->is_cwnd_limited) return true;
    return tcp_in_slow_start(tp) && tp->snd.cwnd_packets < 2 * tp->flight->usage.max_packets_out;
}
/* ssthresh as slow start after idle keeps it (Linux: tcp_current_ssthresh). */
static inline uint32_t tcp_current_ssthresh(const struct tcp_sock *tp)
{
    uint32_t three_quarters = (tp->snd.cwnd_packets >> 1) + (tp->snd.cwnd_packets >> 2);
    return tcp_in_cwnd_reduction(tp) ? tp->snd.ssthresh_packets : max_of(tp->snd.ssthresh_packets, three_quarters);
}
static inline uint64_t tcp_notsent_lowat(const struct tcp_sock *tp)
{
    return tp->settings->notsent_lowat ? (uint32_t)tp->settings->notsent_lowat : (uint64_t)net_of(tp)->sysctl.tcp_notsent_lowat;
}
/* The program closed its side, and there was no memory for a FIN. */
static inline bool tcp_owes_fin(const struct tcp_sock *tp)
{
    const unsigned fin_due = TCP_STATE_BIT(TCPS_FIN_WAIT1) | TCP_STATE_BIT(TCPS_CLOSING) | TCP_STATE_BIT(TCPS_LAST_ACK);
    return tcp_is_state(tp, fin_due) && !tp->is_fin_sent;
}
#define RATE_APP_LIMITED (1ull << 63) /* in packet->tcp.delivered: the program, not the network, was slow when it left */
#define TCP_INFINITE_SSTHRESH 0x7fffffffu
#define TCP_INITIAL_CWND 10u         /* RFC 6928 */
#define TCP_MAX_QUICKACKS 16u
#define TCP_ATO_MIN_MS 40u
#define TCP_DELACK_MAX_MS 200u
#define TCP_HEADER_ROOM_BYTES 256u     /* what Linux 6.18 keeps free for headers in front of a segment */
#define TCP_GSO_MAX_BYTES (65536u - TCP_HEADER_ROOM_BYTES - 1u) /* and so leaves of 64 KiB for a large packet's payload */
#define TCP_PACKET_OVERHEAD_BYTES 832u /* truesize of an empty packet, as Linux 6.18 accounts it on x86-64 */
/* TCP_RTO_MAX_MS of the sock, or the namespace's */
static inline uint64_t tcp_rto_max_ns(const struct tcp_sock *tp)
{
    int64_t own_ms = tp->settings->rto_max_ms;
    return (uint64_t)(own_ms ? own_ms : net_of(tp)->sysctl.tcp_rto_max_ms) * NS_PER_MS;
}
#define TCP_RTO_MAX_NS(tp) tcp_rto_max_ns(tp)

/* zero_copy.c */
struct tcp_zero_copy; /* the notice that one or more sends wait for; counted: one reference for each packet and the call itself */
/* For a send of that many bytes. goes_on: not its first part. NULL: no memory, or told already. */
struct tcp_zero_copy *tcp_zero_copy_begin(struct tcp_sock *tp, uint64_t bytes, bool goes_on);
struct tcp_zero_copy *tcp_zero_copy_get(struct tcp_zero_copy *z);
void tcp_zero_copy_put(struct tcp_zero_copy *z);     /* the last one tells */
void tcp_zero_copy_abort(struct tcp_zero_copy *z);
/* How much of the next bytes p would take by reference, and as how many pieces of pages. 0: p is full. */
uint32_t tcp_zero_copy_room(const struct packet *p, struct user_iter *from, uint32_t bytes, uint32_t *pages);
#define TCP_USER_PAGE_BYTES 4096u

/* mtu_probe.c */
void tcp_mtu_probe_init(struct tcp_sock *tp);
uint32_t tcp_mtu_probe_bound(struct tcp_sock *tp, uint32_t pmtu_bytes, uint32_t mss); /* of tcp_sync_mss(), when probing is on */
void tcp_mtu_black_hole(struct tcp_sock *tp);
int tcp_mtu_probe(struct tcp_sock *tp);              /* 1: sent; 0: nothing may go now; -1: go on as usual */
void tcp_mtu_probe_acked(struct tcp_sock *tp);       /* SND.UNA advanced */
bool tcp_mtu_probe_lost(struct tcp_sock *tp);        /* a loss was found: true: it was the probe, and is dealt with */
void tcp_mtu_probe_forget(struct tcp_sock *tp);      /* a retransmission: it will not be known what happened to it */
uint32_t tcp_mss_of_mtu(const struct tcp_sock *tp, uint32_t mtu_bytes);
uint32_t tcp_mtu_of_mss(const struct tcp_sock *tp, uint32_t mss_bytes);
uint32_t tcp_network_header_bytes(const struct tcp_sock *tp);

/* timestamping.c */
int tcp_stamp_flags(struct tcp_sock *tp, struct user_msg *msg, uint32_t *flags); /* SOF_TIMESTAMPING_* for this call; -EINVAL */
void tcp_stamp_request(struct tcp_sock *tp, uint32_t flags);
void tcp_stamp_split(struct packet *p, struct packet *rest);
void tcp_stamp_join(struct packet *p, const struct packet *next);
void tcp_stamp_acked(struct tcp_sock *tp, const struct packet *p, seq_t prior_una, int hops);
uint32_t tcp_stamp_base(const struct sock *sk, bool of_written);
uint32_t tcp_stamp_statistics(struct sock *sk, int hops, uint8_t *out, uint32_t room);

/* mss.c: tcp_mss_now(), tcp_sync_mss(), tcp_size_goal(). queue.c: the two send queues */
struct packet *tcp_packet_new(struct tcp_sock *tp, uint32_t capacity_bytes);      /* empty, charged to nothing; NULL: no memory */
void tcp_write_queue_add(struct tcp_sock *tp, struct packet *p);                  /* at the tail, charged */
void tcp_packet_free(struct tcp_sock *tp, struct packet_queue *q, struct packet *p); /* off the queue, uncharged */
/* Cuts p, which is in q, after `bytes`; the rest follows it there. False: no memory, nothing changed. */
bool tcp_packet_split(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t bytes, uint32_t mss);
/* Moves p, which is in q, into a larger body that is its own. The packet in its place; NULL: no memory, nothing changed. */
struct packet *tcp_packet_enlarge(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t capacity_bytes);
/* Moves up to so many bytes of the packet behind p in the write queue into p (Linux: tcp_grow_skb). The packet in p's place. */
struct packet *tcp_packet_grow(struct tcp_sock *tp, struct packet *p, uint32_t most_bytes);
void tcp_packet_cut_front(struct tcp_sock *tp, struct packet_queue *q, struct packet *p, uint32_t bytes);
void tcp_packet_set_segments(struct packet *p, uint32_t mss);
void tcp_adjust_counts(struct tcp_sock *tp, const struct packet *p, uint32_t before, uint32_t now); /* segments of p, in flight */
void tcp_charge(struct tcp_sock *tp, int64_t bytes);                              /* write_queued_bytes */
void tcp_forget_packet(struct tcp_sock *tp, const struct packet *p);              /* hints that point to it */

/* memory.c: tcp_mem */
void tcp_charge_pages(struct tcp_sock *tp, uint32_t pages);
static inline void tcp_memory_update(struct tcp_sock *tp) /* the queues hold more or less than before */
{
    const uint32_t page_bytes = 4096;
    struct sock *sk = &tp->inet.sk;
    uint32_t used = sk->write_queued_bytes + sk->receive_used_bytes, pages = (used + page_bytes - 1) / page_bytes;

    if (pages != tp->memory_pages) tcp_charge_pages(tp, pages);
    sk->forward_allocated_bytes = pages * page_bytes - used;
}
bool tcp_memory_allows(const struct tcp_sock *tp, bool is_send);
bool tcp_under_pressure(const struct tcp_sock *tp);
bool tcp_is_memory_tight(const struct tcp_sock *tp);  /* past the first number: buffers stop growing */

/* transmit.c, push.c */
bool tcp_write_xmit(struct tcp_sock *tp, uint32_t mss, uint32_t nonagle, int push_one); /* true: queued data waits for a window probe */
void tcp_push_pending(struct tcp_sock *tp, uint32_t mss, uint32_t nonagle);
void tcp_push_one(struct tcp_sock *tp, uint32_t mss);
uint32_t tcp_nonagle(const struct tcp_sock *tp);
enum { NAGLE_OFF = 1, NAGLE_CORK = 2, NAGLE_PUSH = 4 };
/* What one packet can hold of segments of this size and still be an IP packet. */
uint32_t tcp_most_at_once(uint32_t mss);
uint32_t tcp_size_goal(struct tcp_sock *tp, uint32_t mss, bool may_be_large);
void tcp_cwnd_restart(struct tcp_sock *tp, uint64_t idle_ns);
void tcp_slow_start_after_idle_check(struct tcp_sock *tp);
uint32_t tcp_initial_cwnd(struct tcp_sock *tp);
void tcp_data_send_check(struct tcp_sock *tp);       /* after an ACK: push, and make room for writers */
void tcp_check_space(struct tcp_sock *tp);
void tcp_sndbuf_expand(struct tcp_sock *tp);
uint32_t tcp_tso_segments(struct tcp_sock *tp, uint32_t mss); /* of one packet, as the pacing rate has it (Linux: tcp_tso_segs) */
void tcp_new_data_sent(struct tcp_sock *tp, struct packet *p); /* from the write queue to the retransmit queue */
void tcp_minshall_update(struct tcp_sock *tp, uint32_t mss, const struct packet *p);
int tcp_send_pure(struct tcp_sock *tp, seq_t at, uint8_t flags); /* a segment without payload */

/* pacing.c */
bool tcp_is_paced(const struct tcp_sock *tp);
uint64_t tcp_pacing_rate(const struct tcp_sock *tp); /* bytes per second; UINT64_MAX: no limit */
void tcp_update_pacing_rate(struct tcp_sock *tp);
bool tcp_pacing_holds(struct tcp_sock *tp);          /* true: wait; the timer will push */
void tcp_pacing_sent(struct tcp_sock *tp, uint32_t bytes);
uint64_t tcp_pacing_delay_ns(const struct tcp_sock *tp);

/* delivery.c */
void tcp_count_delivered(struct tcp_sock *tp, uint32_t packets, bool ece);
void tcp_rate_packet_sent(struct tcp_sock *tp, struct packet *p);
void tcp_rate_packet_delivered(struct tcp_sock *tp, struct packet *p, struct ack_work *w);
void tcp_rate_sample(struct tcp_sock *tp, const struct ack_work *w, uint32_t delivered, uint32_t lost, struct tcp_ack_result *r);

/* chrono.c */
enum tcp_chrono { CHRONO_IDLE, CHRONO_BUSY, CHRONO_WINDOW, CHRONO_BUFFER };
void tcp_chrono_start(struct tcp_sock *tp, enum tcp_chrono kind);
void tcp_chrono_stop(struct tcp_sock *tp, enum tcp_chrono kind);

/* ack.c */
/* 1: taken; 0: old; negative: -DROP_* */
int tcp_ack(struct tcp_sock *tp, const struct tcp_segment *seg, uint32_t flags);
void tcp_rearm_rto(struct tcp_sock *tp);
void tcp_set_xmit_timer(struct tcp_sock *tp);
uint64_t tcp_rto_delta_us(const struct tcp_sock *tp); /* may be "negative": treat as int64 */

/* sack.c */
void tcp_sack_tag(struct tcp_sock *tp, struct ack_work *w);
void tcp_check_reordering(struct tcp_sock *tp, seq_t low, bool by_timestamp);
void tcp_highest_sack_advance(struct tcp_sock *tp, const struct packet *p);
static inline seq_t tcp_highest_sack_seq(const struct tcp_sock *tp) { return tp->flight->sacked_out ? tp->flight->highest_sack : tp->snd.una; }

/* rack.c */
void tcp_rack_advance(struct tcp_sock *tp, uint8_t marks, seq_t end_seq, uint64_t sent_ns);
bool tcp_rack_mark_lost(struct tcp_sock *tp);        /* true: the reordering timer was set */
void tcp_rack_update_window(struct tcp_sock *tp, const struct ack_work *w);
void tcp_rack_timeout(struct tcp_sock *tp);
int64_t tcp_rack_time_left_us(struct tcp_sock *tp, const struct packet *p, uint32_t window_us);
void tcp_newreno_mark_lost(struct tcp_sock *tp, bool una_advanced);
void tcp_mark_lost(struct tcp_sock *tp, struct packet *p);

/* reno.c (duplicates of a peer without SACK stand for packets) */
void tcp_reno_remove_sacks(struct tcp_sock *tp, uint32_t acked, bool ece);
void tcp_reno_add_sack(struct tcp_sock *tp, uint32_t duplicates, bool ece);
void tcp_reno_reset_sack(struct tcp_sock *tp);

/* recovery.c */
void tcp_fast_retransmit_alert(struct tcp_sock *tp, struct ack_work *w);
void tcp_enter_loss(struct tcp_sock *tp);
void tcp_enter_recovery(struct tcp_sock *tp, bool by_ece);
void tcp_enter_cwr(struct tcp_sock *tp);
void tcp_init_cwnd_reduction(struct tcp_sock *tp);
void tcp_end_cwnd_reduction(struct tcp_sock *tp);
void tcp_cwnd_reduction(struct tcp_sock *tp, uint32_t newly_acked_sacked, uint32_t newly_lost, uint32_t flags);
void tcp_set_ca_state(struct tcp_sock *tp, uint8_t state);
void tcp_retransmit_recovery(struct tcp_sock *tp, enum retransmit_wish wish);
void tcp_simple_retransmit(struct tcp_sock *tp);     /* path MTU went down */
void tcp_retransmit_without_congestion(struct tcp_sock *tp); /* what is marked lost, for another reason than a full queue */
void tcp_undo_after_syn_ack(struct tcp_sock *tp);    /* of a Fast Open child, when its SYN-ACK is answered */
void tcp_process_tlp_ack(struct tcp_sock *tp, seq_t ack, uint32_t flags);

/* retransmit.c */
int tcp_retransmit_packet(struct tcp_sock *tp, struct packet **p, uint32_t segments); /* 0 or -errno; *p may be replaced by a larger one */
void tcp_retransmit_queue(struct tcp_sock *tp);      /* what is lost, as the congestion window allows */
bool tcp_schedule_loss_probe(struct tcp_sock *tp, bool advancing_rto);
void tcp_send_loss_probe(struct tcp_sock *tp);

/* rtt.c */
void tcp_rtt_estimate(struct tcp_sock *tp, int64_t rtt_us);
void tcp_rto_from_rtt(struct tcp_sock *tp);
bool tcp_ack_update_rtt(struct tcp_sock *tp, struct ack_work *w, int64_t seq_rtt_us, int64_t sack_rtt_us, int64_t ca_rtt_us);
uint32_t tcp_min_rtt_us(const struct tcp_sock *tp);
void tcp_min_rtt_update(struct tcp_sock *tp, uint32_t rtt_us);
uint64_t tcp_rto_min_us(const struct tcp_sock *tp);

/* timers.c */
enum tcp_pending { PENDING_RETRANSMIT, PENDING_LOSS_PROBE, PENDING_REORDER, PENDING_PROBE };
void tcp_pending_arm(struct tcp_sock *tp, enum tcp_pending what, uint64_t delay_ns); /* one at a time, as on Linux */
void tcp_pending_clear(struct tcp_sock *tp);
static inline bool tcp_pending_any(const struct tcp_sock *tp)
{
    return (tp->flight->due.retransmit_ns & tp->flight->due.loss_probe_ns & tp->flight->due.reorder_ns & tp->flight->due.probe_ns) != NS_NEVER;
}
void tcp_timers_no_later(struct tcp_sock *tp, uint64_t due_ns); /* a deadline was set; the others count already */
void tcp_timer_fire(struct timer *t, uint64_t now_ns);
bool tcp_retries_exhausted(struct tcp_sock *tp, uint32_t boundary, uint64_t timeout_ms);
void tcp_write_error(struct tcp_sock *tp);           /* gives the connection up: ETIMEDOUT or the soft error */
void tcp_count_timeout(struct tcp_sock *tp);         /* tcpi_retransmits, tcpi_total_rto */
uint32_t tcp_orphan_retries(const struct tcp_sock *tp, bool alive);

/* probe.c */
void tcp_check_probe_timer(struct tcp_sock *tp);
void tcp_send_probe0(struct tcp_sock *tp);
uint64_t tcp_probe0_when_ns(const struct tcp_sock *tp, uint64_t max_ns);
int tcp_write_wakeup(struct tcp_sock *tp, bool is_keepalive);
void tcp_ack_probe(struct tcp_sock *tp);             /* a window update while probing */
void tcp_probe_timeout(struct tcp_sock *tp);
void tcp_keepalive_timeout(struct tcp_sock *tp);

/* window.c */
uint32_t tcp_window_to_offer(struct tcp_sock *tp);   /* bytes; Linux: __tcp_select_window */
uint32_t tcp_window_from_space(const struct tcp_sock *tp, uint32_t space);
uint32_t tcp_full_space(const struct tcp_sock *tp);
void tcp_measure_segment(struct tcp_sock *tp, const struct tcp_segment *seg);
void tcp_grow_window(struct tcp_sock *tp, const struct packet *p);
void tcp_clamp_window(struct tcp_sock *tp);
void tcp_receive_rtt_by_window(struct tcp_sock *tp);
void tcp_receive_rtt_by_echo(struct tcp_sock *tp, const struct tcp_segment *seg);
void tcp_receive_space_adjust(struct tcp_sock *tp);
void tcp_receive_buffer_grow(struct tcp_sock *tp, uint32_t copied);
void tcp_receive_buffers_init(struct tcp_sock *tp);

/* delack.c */
void tcp_event_data_received(struct tcp_sock *tp, const struct tcp_segment *seg);
void tcp_ack_send_check(struct tcp_sock *tp);        /* after input: now, delayed or compressed */
void tcp_enter_quickack(struct tcp_sock *tp, uint32_t max);
bool tcp_is_ack_scheduled(const struct tcp_sock *tp);
void tcp_delack_timeout(struct tcp_sock *tp);
void tcp_compressed_ack_flush(struct tcp_sock *tp);
void tcp_ack_with_data(struct tcp_sock *tp);
void tcp_ack_sent(struct tcp_sock *tp, seq_t acked);
void tcp_data_sent(struct tcp_sock *tp);
bool tcp_out_of_window_limited(struct tcp_sock *tp, const struct tcp_segment *seg, enum mib skipped); /* true: say nothing now */
void tcp_send_duplicate_ack(struct tcp_sock *tp, const struct tcp_segment *seg);

/* reassembly.c */
/* Takes seg->packet: to the receive queue, the out-of-order queue, or dropped. */
void tcp_data_queue(struct tcp_sock *tp, struct tcp_segment *seg);
void tcp_set_duplicate_sack(struct tcp_sock *tp, seq_t start, seq_t end);
void tcp_out_of_order_purge(struct tcp_sock *tp);
void tcp_process_fin(struct tcp_sock *tp);           /* the peer's FIN is next */
void tcp_collapse(struct tcp_sock *tp);              /* collapse.c */
void tcp_receive_append(struct tcp_sock *tp, struct packet *p);  /* in sequence, trimmed: at the end of the receive queue */
void tcp_fast_path_check(struct tcp_sock *tp);
void tcp_fast_path_on(struct tcp_sock *tp);

/* urgent.c */
void tcp_urgent(struct tcp_sock *tp, const struct tcp_segment *seg);
long tcp_receive_urgent(struct tcp_sock *tp, struct user_msg *msg);
#endif
