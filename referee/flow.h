/* What one host's wire tells of one TCP connection: its own half by what it sent, the peer's half by what reached it. */
#ifndef WEIR_REFEREE_FLOW_H
#define WEIR_REFEREE_FLOW_H

#include "referee/bytes.h"
#include "referee/flight.h"
#include "referee/ranges.h"
#include "referee/settled.h"
#include "referee/view.h"

struct flow_key { uint8_t local[16], remote[16]; uint16_t local_port, remote_port; uint32_t host; };

/* What the host knows, because segments told it that it had no reason to refuse; by and by, since a host may be busy. */
struct sure {
    struct settled una;                         /* acknowledged by the peer */
    struct settled ts_recent;                   /* RFC 7323 §4.3: TS.Recent is this or newer */
    uint32_t nxt;                               /* received in order at least so far */
    bool has_nxt;
};

struct sequence_part {
    struct settled edge;                        /* of the window, when the peer took some of it back */
    uint32_t window_seq;                        /* the peer's sequence number when it last told of its window: SND.WL1 */
    uint32_t urgent;
    bool has_shrunk, has_urgent;
};

/* acknowledge.c: acknowledgments that the host owes, and since when. 0: none. */
struct acknowledge_part {
    uint64_t in_order_ns, out_of_order_ns, duplicate_ns;
    uint32_t in_order_end, duplicate_end, held; /* held: segments past a gap */
    bool has_refused;                           /* a segment that PAWS refuses: these bytes */
    uint32_t refused_seq, refused_end;
    bool has_clock;                             /* the first TSval after the SYN, and when */
    uint32_t clock_tsval;
    uint64_t clock_ns;
};

/* sack.c */
#define STRANGE_KEPT 4
struct sack_part {
    struct ranges duplicated;                   /* what came more than once; of what lies below lost_below it is not known */
    uint32_t lost_below;
    bool has_lost;
    struct view_sack strange[STRANGE_KEPT];     /* what came from more than half a window space before */
    unsigned strange_count;
    bool has_newest;                            /* the segment out of order that came last, all of it new */
    uint32_t newest_seq, newest_end;
    uint64_t newest_ns;
    bool is_owed;                               /* it began a gap and there was much room: it is not told of yet */
};

/* timing.c */
struct timing_part {
    uint64_t min_rtt_ns, max_rtt_ns;            /* from the first sending to the acknowledgment; min of what was sent once */
    uint64_t received;                          /* segments that came */
    uint64_t sent, left, duplicates;            /* packets of new data; those that were acknowledged or SACKed; acknowledgments that say nothing new */
    bool has_evidence, has_probed, has_repeated; /* has_evidence: what stands before evidence_until may be lost */
    bool has_pieces;                            /* some went again in pieces: Linux counts each */
    uint32_t evidence_until;
    uint64_t evidence_end_ns;
    uint32_t head_seq, silent_sends;            /* the first of the flight: sent again this often with nothing received between */
    uint64_t head_received, head_gap_ns;
    struct view_sack blocks[4];                 /* the last ones, to look at none twice */
    unsigned block_count;
};
struct congestion_part {
    uint64_t data_ns, burst_received, timeout_received;
    uint32_t burst, timeout_sends;
    bool is_burst, is_timeout;
};
struct probe_part { uint64_t heard_ns, probe_ns, wait_ns; uint32_t window_seq; bool is_closed, is_open; }; /* when the peer was surely heard, the last probe, its wait */
struct ecn_part {
    bool has_asked, is_negotiated, is_odd, has_cwr;
    uint64_t ce_ns, sure_ce_ns, cwr_ns, any_cwr_ns; /* marks that came, CWR that came: any, or surely taken */
    uint64_t owed_ns;                           /* ECE came and CWR is owed */
    uint32_t cwr_end;
};

/* stream.c: what programs wrote and read. */
#define STREAM_FINS 4
struct stream_part {
    uint32_t written, read;                     /* bytes, modulo 2^32 */
    bool has_written, has_error, has_read_shut, owes_reset, has_last, has_last_push;
    bool is_blind;                              /* what is read can no longer be told from what came */
    uint32_t last_end;                          /* of the last segment with new data */
    uint64_t ended_ns;                          /* closed, or shut for writing; 0: not yet */
    uint32_t fins[STREAM_FINS];                 /* where a FIN stood */
    unsigned fin_count;
    struct bytes *bytes;                        /* came and is not read; valid where held */
    struct ranges held;
};

/* Sequence numbers are those of the wire. What needs a SYN is valid when has_syn. */
struct half {
    bool has_syn, has_fin, has_rst, has_sent;   /* has_sent: any segment at all */
    bool has_scale, has_sack_permitted, has_timestamp, has_mss; /* in its SYN */
    bool has_ack, has_data;
    uint8_t scale;
    uint16_t mss;
    uint32_t isn, nxt, fin_seq;                 /* nxt: the highest end of a segment */
    uint32_t ack, right_edge;                   /* the highest acknowledgment that it gave; the window's edge, flow.c says which */
    uint32_t window;                            /* the last one, scaled */
    uint32_t max_window;                        /* the largest ever, scaled */
    uint32_t tsval, tsecr;                      /* the newest */
    uint64_t syn_ns, last_ns, segments, bytes;
};

/* What each part keeps of a connection; a new incarnation begins with zeros. */
struct packet_part { uint16_t id; uint8_t tos, tos_changes; bool has_id, has_tos; };
#define RESET_RING 16
struct reset_part {
    uint32_t acks[RESET_RING], ends[RESET_RING];    /* of the last segments that came: their ACK; or, without one, their end */
    uint32_t ack_count, end_count, received, answers; /* received: no RST; answers: RSTs sent where nobody listens */
    uint64_t challenge_ns;
    bool has_aborted, is_provoked, has_other;       /* has_other: something came that is answered anyway */
    bool has_forgotten;                             /* TIME-WAIT counts its challenges anew */
};
struct handshake_part {
    uint64_t last_ns;                               /* of the last SYN sent */
    uint32_t syns, asked, timeouts;                 /* SYNs or SYN-ACKs sent; SYNs that came; sent without one that came */
    uint16_t window;
    unsigned mtu_bytes;                             /* of the device, at the first SYN */
    bool has_asked_since, was_delayed, has_judged_window, is_fast_open, closed_first, has_data_come;
};

struct flow {
    struct flow_key key;
    struct flow *next;                          /* in the hash chain */
    struct half local, remote;
    struct half next_remote;                    /* a SYN received, of which it is not known whether it begins a new connection */
    struct ranges received;                     /* sequence space that reached the host, SYN and FIN included, not yet acknowledged */
    bool is_whole;                              /* seen from its first SYN: negotiation is known */
    bool is_passive;                            /* the local half answered */
    bool is_maybe_over;                         /* a RST went either way: the host may have forgotten it */
    bool is_reborn;                             /* the tuple had a connection before */
    uint32_t previous_isn, previous_nxt;        /* of the local half, when reborn */
    uint64_t previous_end_ns;
    struct packet_part packet;
    struct handshake_part handshake;
    struct reset_part reset;
    bool has_spoken;                            /* sent what only a connection that stands sends */
    bool has_clock;
    int64_t clock_ms;                           /* TSval less the time: what came soonest to the wire */
    uint8_t mac[6];                             /* it sends from; zeros: no Ethernet */
    struct sure sure;
    struct flight flight;                       /* what was sent and is not acknowledged */
    struct bytes *sent_bytes;                   /* not yet acknowledged */
    struct sequence_part sequence;
    struct acknowledge_part acknowledge;
    struct sack_part sack;
    struct timing_part timing;
    struct congestion_part congestion;
    struct probe_part probe;
    struct ecn_part ecn;
    struct stream_part stream;
    void *parts[8];                             /* what the parts keep, struct rule_set.flow_slot; malloc'd, freed with the flow */
};

struct flow_table { struct flow **buckets; uint32_t bucket_count, count; };

bool flow_table_init(struct flow_table *t);
void flow_table_fini(struct flow_table *t);
/* The connection of a TCP segment that host sent or received; made when new. NULL: no memory. */
struct flow *flow_of(struct flow_table *t, uint32_t host, const struct view *v, bool is_sent);
struct flow *flow_find(struct flow_table *t, const struct flow_key *key); /* NULL: none */
void flow_table_each(struct flow_table *t, void (*visit)(void *ctx, struct flow *f), void *ctx); /* in no order that means anything */
/* Takes note of a segment, after it was judged. */
void flow_note_sent(struct flow *f, const struct view *v, uint64_t now_ns);
void flow_note_received(struct flow *f, const struct view *v, uint64_t now_ns);
static inline bool flow_has_timestamps(const struct flow *f) { return f->local.has_timestamp && f->remote.has_timestamp; }
/* The host keeps what comes out of order for sure: small segments fill a small buffer, and are dropped without a word. */
static inline bool flow_has_room(const struct flow *f) { return f->local.window >= 16384 && f->local.window >= f->local.max_window / 2; }
static inline bool flow_has_sack(const struct flow *f) { return f->local.has_sack_permitted && f->remote.has_sack_permitted; }
static inline bool flow_has_scale(const struct flow *f) { return f->local.has_scale && f->remote.has_scale; }
/* Both SYNs crossed and what they say is known. */
static inline bool flow_is_negotiated(const struct flow *f) { return f->is_whole && f->local.has_syn && f->remote.has_syn; }

/* No doubt about which connection the host's segments belong to. */
static inline bool flow_is_steady(const struct flow *f)
{
    return flow_is_negotiated(f) && !f->is_maybe_over && !f->next_remote.has_syn;
}
/* A SYN-ACK may answer the SYN that came last, and its data where Fast Open took it. */
static inline bool flow_may_answer_next(const struct flow *f, const struct view *v)
{
    return v->flags & TCP_FLAG_ACK && f->next_remote.has_syn && v->ack - (f->next_remote.isn + 1) <= UINT16_MAX;
}
/* OLD: answered, and nothing of it taken, not even its acknowledgment. */
enum flow_weight { FLOW_UNSURE, FLOW_SURE, FLOW_OLD, FLOW_REFUSED };
/* Whether a host in its right mind takes what it received, told before note is taken of it. */
/* How long what the host sends lay in a queue on its way here, by its timestamps. UINT64_MAX: not known. */
uint64_t flow_lag_ns(struct flow *f, const struct view *v, uint64_t now_ns);
enum flow_weight flow_weigh(struct flow *f, const struct view *v, uint64_t now_ns);
/* Takes note of a segment that the host surely took, before flow_note_received. */
void flow_note_sure(struct flow *f, const struct view *v, uint64_t now_ns);
/* count: of all that were ever put into the ring. */
static inline bool reset_ring_has(const uint32_t ring[RESET_RING], uint32_t count, uint32_t x)
{
    for (uint32_t i = 0; i < (count < RESET_RING ? count : RESET_RING); i++)
        if (ring[i] == x) return true;
    return false;
}

#endif
