/* What a host is known to be, and what it received and sent besides TCP, kept for as long as an answer may refer to it. */
#ifndef WEIR_REFEREE_HOST_H
#define WEIR_REFEREE_HOST_H

#include "referee/ranges.h"
#include "referee/view.h"

/* Something that happened, found again by what it was. Two in a bucket: the older gives way, and is remembered as lost. */
struct trace { uint64_t key, ns; int64_t count; };
struct trace_bucket { struct trace at[2]; uint64_t lost_ns; };
/* A datagram whose fragments are being sent. */
struct pieces { uint64_t key, last_ns; struct ranges sent; uint32_t total_bytes; bool has_waited; /* for a neighbour */ };

#define HOST_BUCKETS 512
#define HOST_ADDRESSES 64
#define HOST_PIECES 8

struct host {
    bool has_faulted, is_router;
    bool has_asked_options;                     /* it was sent IPv4 options, or its programs may have set some */
    bool may_fragment;                          /* its programs may have chosen to let routers fragment, or a path is very small */
    bool has_echo_pieces, has_tcp_pieces;       /* echo requests, segments came in fragments: what they said is not known */
    bool may_repeat_syn, may_fast_open;         /* its programs may have chosen so */
    bool has_segment_pieces;                    /* TCP segments came in fragments, and are not seen as segments */
    uint64_t solicited_ns;                      /* when it last asked for a neighbour, 0: never; until it knows what it sends may be lost */
    unsigned unanswered;                        /* times that it asked since a neighbour answered */
    uint64_t given_up_ns;                       /* when it last may have given a neighbour up, and lost what waited for it; 0: never */
    uint64_t icmp_error_ns;                     /* when the last ICMP error came, 0: never */
    uint64_t known_ns, late_ns;                 /* when timestamps last told how long its segments lay in a queue, and that it was long */
    uint32_t socket_options;                    /* what its programs may have set: bits HOST_SETS_* */
    unsigned own_count;
    uint8_t own[HOST_ADDRESSES][16];            /* told addresses; none: not known */
    uint64_t resolved_ns;                       /* when it last learned of a neighbour, 0: never */
    struct pieces pieces[HOST_PIECES];
    struct trace_bucket buckets[HOST_BUCKETS];
};

/* A listener's options are inherited, so what one socket was told may hold for any. */
/* BUFFERS: all that bounds how much is sent or held. */
enum { HOST_SETS_TIMERS = 1, HOST_SETS_KEEPALIVE = 2, HOST_SETS_NAGLE = 4, HOST_SETS_BUFFERS = 8, HOST_SETS_OTHER = 16 };

struct host_table { struct host **at; unsigned room; };

struct host *host_of(struct host_table *t, unsigned host); /* made when new. NULL: no memory */
void host_table_fini(struct host_table *t);
bool host_owns(const struct host *h, const uint8_t address[16]); /* true when nothing was told */

enum trace_kind { TRACE_PACKET = 1, TRACE_FLAWED, TRACE_ECHO, TRACE_ARP_ASKED, TRACE_ARP_SENT, TRACE_SOLICITED, TRACE_SOLICIT_SENT,
                  TRACE_ERROR_SENT };
uint64_t trace_key(enum trace_kind kind, const void *a, size_t a_bytes, const void *b, size_t b_bytes);
/* The trace of key, made when new with count 0 and ns 0. */
struct trace *trace_note(struct host *h, uint64_t key, uint64_t now_ns);
/* NULL: it did not happen, or it was lost since; *is_sure: it did not happen within span_ns. */
struct trace *trace_find(struct host *h, uint64_t key, uint64_t now_ns, uint64_t span_ns, bool *is_sure);

static inline bool is_multicast(const struct view *v, const uint8_t a[16])
{
    return v->version == 4 ? a[12] >> 4 == 14 : a[0] == 0xff;
}
static inline bool is_broadcast(const struct view *v, const uint8_t a[16]) { return v->version == 4 && view_load32(a + 12) == 0xffffffff; }
static inline bool is_any(const struct view *v, const uint8_t a[16])
{
    static const uint8_t zero[16];
    return v->version == 4 ? view_load32(a + 12) == 0 : memcmp(a, zero, 16) == 0;
}
static inline bool is_loopback(const struct view *v, const uint8_t a[16])
{
    static const uint8_t one[16] = { [15] = 1 };
    return v->version == 4 ? a[12] == 127 : memcmp(a, one, 16) == 0;
}

#endif
