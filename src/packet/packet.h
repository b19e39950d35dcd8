/* struct packet (Linux: sk_buff): one packet on its way, in two parts.
 *
 *   head:  a small room inside the struct for protocol headers, grown downward by packet_push()
 *   body:  one slice of a counted, shared buffer: payload on the way out, the whole frame on the way in
 *
 * The bytes of the packet are head then body, then those of `more` (a chain of packets used only for their bytes: GRO,
 * reassembly). Cutting a packet in two (MSS, GSO) shares the buffer and copies nothing; a retransmission is a new head
 * over the same body. A shared body is never written. On the way in, parsers call packet_pull_check(n) to get n contiguous
 * bytes at packet_data(), then packet_pull(n) to step over a header.
 *
 * Ownership: a packet has one owner; a function that takes a packet takes it on every path. Freed by packet_consume()
 * (used up) or packet_drop() (with a reason, counted). Buffers are counted. */
#ifndef WEIR_PACKET_PACKET_H
#define WEIR_PACKET_PACKET_H

#include "base/list.h"
#include "base/rbtree.h"
#include "packet/drop.h"
#include "wire/address.h"

struct machine;
struct net;
struct net_device;
struct sock;
struct route;

#define PACKET_HEAD_BYTES 160 /* Ethernet 14 + IPv6 40 + extensions or IPv4 options 40 + TCP 60 */

/* Lies behind the packet it was made with, in one allocation, which goes when the last packet that uses it goes. */
struct packet_buffer {
    uint32_t references;
    uint32_t capacity_bytes;
    uint8_t bytes[];
};

enum packet_checksum {
    PACKET_CHECKSUM_NONE,     /* in: not verified. out: already complete */
    PACKET_CHECKSUM_VERIFIED, /* in: good, or never left this machine (loopback) */
    PACKET_CHECKSUM_PARTIAL,  /* out: L4 field holds the pseudo-header sum; the device or the last step completes it. A receiver takes it as verified */
};


/* What the IP layer learned or was told; host order where not an address. Valid from ip input to the transport. */
struct packet_ip {
    ip_addr_t source, destination;
    uint8_t version, tos, ttl, protocol; /* protocol: of the transport */
    uint32_t flow_label;                 /* IPv6, host order, 20 bits */
    uint16_t header_bytes;               /* with options or extension headers */
    uint16_t options_offset;             /* from network_offset; 0: none */
    bool was_fragmented;                 /* IPv6: came with a fragment header */
    bool has_router_alert;               /* IPv4: the option of RFC 2113 */
    uint16_t fragment_bytes;             /* largest fragment that this was joined of, with headers; 0: none */
};

/* Owned by the TCP room while a packet is in one of its queues. */
struct packet_tcp {
    seq_t seq, end_seq, ack;
    uint8_t flags;           /* TCP_FIN... */
    uint8_t sacked;          /* TCP's scoreboard bits */
    uint16_t gso_segments;
    uint32_t urgent;
    uint32_t stamp_key;      /* sequence number of the byte whose times are wanted */
    uint64_t sent_ns;        /* last transmission */
    uint64_t first_sent_ns;
    uint64_t delivered, delivered_ns; /* rate sample (cc) */
    uint32_t retransmits;
    uint32_t delivered_ce;
    uint8_t stamps;          /* PACKET_STAMP_* */
    bool is_ae, is_reflected; /* the third ECN flag; Accurate ECN: the flags answer the SYN */
    uint8_t user_pages;      /* MSG_ZEROCOPY: pieces of the program's pages in it, as Linux would hold them */
    struct tcp_zero_copy *zero_copy; /* whose notice waits for this packet; a reference, or NULL */
};

/* SO_TIMESTAMPING: which moments of a packet on its way out its sock wants to hear of. ACKED is TCP's own business. */
enum { PACKET_STAMP_SCHEDULED = 1, PACKET_STAMP_SENT = 2, PACKET_STAMP_ACKED = 4 };

struct packet {
    struct list node;          /* in one queue; also free for the owner */
    union {
        struct rb_node tree;   /* TCP out-of-order queue, fragment queue */
        struct list by_time;   /* TCP: sent and unacknowledged, by last transmission */
    };
    struct machine *machine;
    struct net *net;
    struct net_device *device; /* in: received on. out: leaves by */
    struct sock *sock;         /* out: charged to; its destructor runs at the end */
    void (*release)(struct packet *p); /* accounting undo (sock_wfree, sock_rfree); NULL when not charged */
    struct route *route;       /* a reference, or NULL */
    uint8_t *body;             /* meaningless when body_bytes is 0 */
    struct packet_buffer *buffer;
    struct packet *more;       /* rest of the bytes; its own `more` continues the chain */
    struct packet *more_tail;  /* last of the chain */
    uint32_t body_bytes;
    uint32_t body_pulled;      /* bytes of the body stepped over since the head ran out */
    uint32_t more_bytes;       /* total of the chain */
    uint32_t truesize_bytes;   /* as Linux accounts it */
    uint16_t head_start, head_end; /* used part of head[] */
    uint16_t gso_bytes;        /* segment payload size; 0: not GSO */
    uint8_t gso_kind;          /* enum packet_gso */
    bool gso_keeps_cwr;        /* in each segment: a bit of Accurate ECN's counter */
    uint8_t checksum;          /* enum packet_checksum */
    uint8_t checksum_field;    /* PARTIAL, on the way out: its offset from transport_offset; 0: the headers must be read */
    uint8_t kind;              /* PACKET_HOST, _BROADCAST, _MULTICAST, _OTHERHOST, _OUTGOING of linux/if_packet.h */
    bool is_vlan, is_forwarded, is_cloned_for_capture, pushed_out;
    uint8_t stamps;            /* out, with a sock: PACKET_STAMP_* */
    bool confirms_neighbour;   /* out: its connection has heard from where it goes (Linux: dst_pending_confirm) */
    int32_t link_offset, network_offset, transport_offset; /* bytes before (<0) or after packet_data() start when set; kept right by push/pull */
    be16_t protocol;           /* EtherType */
    uint32_t mark, priority, hash;
    uint32_t stamp_key;        /* what the news of its stamps is known by */
    int32_t in_ifindex;
    uint64_t time_ns;          /* received or first sent; machine clock */
    struct packet_ip ip;
    union { struct packet_tcp tcp; uint64_t scratch[10]; };
    uint8_t head[PACKET_HEAD_BYTES];
};

enum packet_gso { PACKET_GSO_NONE, PACKET_GSO_TCP, PACKET_GSO_UDP };

/* A new packet with an empty head and a private body buffer of body_capacity (0: none) of which nothing is used yet.
 * NULL when there is no memory. */
struct packet *packet_create(struct machine *m, size_t body_capacity_bytes);
/* A new packet over a slice of `of`'s body: [offset, offset+length) counted from the start of the body. Empty head, no
 * chain, metadata not copied but protocol fields of `ip`. NULL when there is no memory. */
struct packet *packet_slice(struct packet *of, uint32_t offset, uint32_t length_bytes);
/* A new packet of these bytes of `of`, wherever they lie: shares them when in one body, else copies. Else as packet_slice. */
struct packet *packet_part(const struct packet *of, uint32_t offset, uint32_t length_bytes);
/* Full copy of metadata and head; the body is shared; a chain is shared too. Not charged to a sock; holds no route. */
struct packet *packet_clone(const struct packet *p);
/* As clone, but with a private linear body: may be written. */
struct packet *packet_copy(const struct packet *p);
void packet_consume(struct packet *p);
void packet_orphan(struct packet *p); /* ends the charge to a sock now */
void packet_move_charge(struct packet *to, struct packet *from); /* with what its sock wants to hear of; `to` has none */
void packet_scrub(struct packet *p);  /* forgets what belongs to the namespace it leaves: sock, route, mark, priority */
void packet_drop(struct packet *p, enum drop_reason reason); /* counts in p->net (or the machine) and tells the drop hook */

static inline uint32_t packet_head_bytes(const struct packet *p) { return (uint32_t)(p->head_end - p->head_start); }
static inline uint32_t packet_bytes(const struct packet *p) { return packet_head_bytes(p) + p->body_bytes + p->more_bytes; }
/* First byte of the packet: of the head if it holds any, else of the body. */
static inline uint8_t *packet_data(const struct packet *p)
{
    return p->head_end > p->head_start ? (uint8_t *)p->head + p->head_start : p->body;
}
static inline void packet_shift_offsets(struct packet *p, int32_t by)
{
    p->link_offset += by;
    p->network_offset += by;
    p->transport_offset += by;
}
/* Makes n more header bytes in front and returns them; NULL when the head is full. Bytes that were pulled come back with
 * what they held, so that a push also undoes a pull; writing them needs a packet_writable() where they may be shared. */
uint8_t *packet_push_slow(struct packet *p, uint32_t bytes);
static inline uint8_t *packet_push(struct packet *p, uint32_t bytes)
{
    if (bytes > p->head_start || (p->head_start == p->head_end && p->body_pulled > 0)) return packet_push_slow(p, bytes);
    p->head_start = (uint16_t)(p->head_start - bytes);
    packet_shift_offsets(p, (int32_t)bytes);
    return p->head + p->head_start;
}
/* True when the first n bytes are contiguous at packet_data(), gathering them into the head if needed; false when the
 * packet is shorter. n <= PACKET_HEAD_BYTES unless they already are contiguous. */
bool packet_gather(struct packet *p, uint32_t bytes);
static inline bool packet_pull_check(struct packet *p, uint32_t bytes)
{
    uint32_t head = packet_head_bytes(p);
    if (bytes <= (head ? head : p->body_bytes)) return true;
    return packet_gather(p, bytes);
}
/* As packet_pull_check, and the bytes may be written: headers in a shared body move to the head. */
bool packet_writable(struct packet *p, uint32_t bytes);
void packet_pull_slow(struct packet *p, uint32_t bytes);
static inline void packet_pull(struct packet *p, uint32_t bytes) /* steps over; any n <= packet_bytes */
{
    if (p->head_start != p->head_end || !bytes || bytes > p->body_bytes) {
        packet_pull_slow(p, bytes);
        return;
    }
    packet_shift_offsets(p, -(int32_t)bytes);
    p->body += bytes;
    p->body_bytes -= bytes;
    p->body_pulled += bytes;
}
bool packet_trim(struct packet *p, uint32_t bytes); /* cuts to this length from the end */
/* Copies out of any place of the packet; false when it is shorter. */
bool packet_read(const struct packet *p, uint32_t offset, void *out, uint32_t bytes);
/* Copies out and sums in one pass. The packet has that many bytes. */
uint32_t packet_copy_checksum(const struct packet *p, uint32_t offset, void *out, uint32_t bytes, uint32_t sum);
uint32_t packet_checksum(const struct packet *p, uint32_t offset, uint32_t bytes, uint32_t sum);
/* Calls visit for each contiguous piece of [offset, offset+bytes); stops at the first non-zero result and returns it. */
int packet_visit(const struct packet *p, uint32_t offset, uint32_t bytes, int (*visit)(void *ctx, const uint8_t *at, uint32_t n), void *ctx);
/* Appends `next`'s bytes as a chain; takes it. */
void packet_chain(struct packet *p, struct packet *next);
/* True when the body belongs to this packet alone and may be written. */
static inline bool packet_is_private(const struct packet *p) { return !p->buffer || p->buffer->references == 1; }
/* Room for n bytes at the end of a private body; NULL when it does not fit or is shared. */
uint8_t *packet_put(struct packet *p, uint32_t bytes);
uint32_t packet_tailroom(const struct packet *p);
/* What Linux accounts for a datagram with this payload (sk_buff, shared info, headers, allocator's rounding), so that
 * SO_RCVBUF and SO_SNDBUF hold as many as there. packet_create() sets it. */
uint32_t packet_truesize(uint32_t payload_bytes);

/* The byte at an offset from packet_data(); a negative one is among those stepped over. Valid until the next push, pull,
 * gather or free. */
static inline uint8_t *packet_at(const struct packet *p, int32_t offset)
{
    int32_t head = (int32_t)packet_head_bytes(p), pulled = (int32_t)p->body_pulled;
    if (offset >= head) return p->body + (offset - head);
    if (head > 0 || -offset > pulled) return (uint8_t *)p->head + p->head_start + offset + (head > 0 ? 0 : pulled);
    return p->body + offset;
}
static inline uint8_t *packet_link(const struct packet *p) { return packet_at(p, p->link_offset); }
static inline uint8_t *packet_network(const struct packet *p) { return packet_at(p, p->network_offset); }
static inline uint8_t *packet_transport(const struct packet *p) { return packet_at(p, p->transport_offset); }

struct packet_queue { struct list packets; uint32_t count; uint32_t bytes; };
static inline void packet_queue_init(struct packet_queue *q)
{
    list_init(&q->packets);
    q->count = q->bytes = 0;
}
static inline void packet_queue_push(struct packet_queue *q, struct packet *p)
{
    list_add_tail(&q->packets, &p->node);
    q->count++;
    q->bytes += packet_bytes(p);
}
void packet_queue_push_head(struct packet_queue *q, struct packet *p);
static inline struct packet *packet_queue_peek(const struct packet_queue *q)
{
    return q->count ? list_first(&q->packets, struct packet, node) : NULL;
}
static inline void packet_queue_remove(struct packet_queue *q, struct packet *p)
{
    list_remove(&p->node);
    q->count--;
    /* The owner may have cut the packet while it was queued (a stream read in part). */
    uint32_t bytes = packet_bytes(p);
    q->bytes = q->count == 0 ? 0 : q->bytes - min_of(bytes, q->bytes);
}
static inline struct packet *packet_queue_pop(struct packet_queue *q) /* NULL when empty */
{
    struct packet *p = packet_queue_peek(q);
    if (p) packet_queue_remove(q, p);
    return p;
}
static inline struct packet *packet_queue_last(const struct packet_queue *q)
{
    return q->count ? list_entry(q->packets.prev, struct packet, node) : NULL;
}
void packet_queue_purge(struct packet_queue *q);                 /* consumes all */

#endif
