/* Packets on the wire: making those that a script sends in, reading those that leave, comparing them with what a script
 * says. */
#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include "drill/script.h"
#include "wire/address.h"

enum { PACKET_BYTES = 65536 + 512 };

/* A packet as it was seen: what a script would say of it, and what no script says. */
struct packet_seen {
    uint64_t time_ns;
    struct script_packet said; /* ports, numbers and options are those of the wire until a flow has translated them */
    uint8_t version;                /* of the innermost IP header: 4, 6 */
    ip_addr_t source, target;       /* of it */
    uint8_t ip_header_bytes;
    uint8_t tcp_reserved;           /* the three bits that still mean nothing */
    uint32_t icmp_bytes;
    bool is_payload_zero;           /* scripts send and expect zeros */
};

enum packet_reading {
    PACKET_READ,
    PACKET_OTHER,   /* a protocol that no script speaks: passed over */
    PACKET_BAD,     /* why it cannot be is in problem */
};
enum packet_reading packet_read_seen(
    const uint8_t *bytes, size_t count, struct packet_seen *seen, char *problem, size_t problem_bytes);

/* The bytes of p, whose fields are those of the wire, from source to target. quoted_*: the ports of the packet that an
 * ICMP message quotes, as that packet had them. Returns their number; 0: it would be too large for IP. */
size_t packet_build(const struct script_packet *p, const ip_addr_t *source, const ip_addr_t *target, uint8_t *out);

/* What is looked at besides the fields. */
struct packet_rules {
    unsigned timestamp_tick_us;     /* 0: TSval is not looked at */
    uint64_t tolerance_ns;          /* for TSval: how far it may be off */
};
/* False: problem names the first field that differs, "window: expected 256, got 512". */
bool packet_matches(const struct script_packet *expected, const struct packet_seen *actual,
    const struct packet_rules *rules, char *problem, size_t problem_bytes);
/* Can `next` be the continuation of `before`, segments of one send? left_bytes: what the script still waits for, with
 * next. */
bool packet_continues(const struct packet_seen *before, const struct packet_seen *next, uint32_t left_bytes,
                      char *problem, size_t problem_bytes);
/* Makes one of both, in *all: the first's sequence number, the last's flags and time. */
void packet_join(struct packet_seen *all, const struct packet_seen *next);

/* One option after another of a TCP header: false at the end, or at one that is cut off. */
struct option_walk {
    uint8_t *at, *end;              /* at: the option; walk with next */
    uint8_t *next;
    uint8_t kind, bytes;
};
struct option_walk option_walk_begin(uint8_t *options, size_t bytes);
bool option_walk_next(struct option_walk *w);

static inline uint32_t load_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline void store_be32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(v >> (24 - 8 * i));
}

#endif
