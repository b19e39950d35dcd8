/* Frames out of nothing, and frames with one thing changed: a field, an option, an extension header, where they are cut. */
#include "test/fuzz/mutate.h"

#include "test/fuzz/frames.h"

#include <string.h>

struct piece { uint8_t bytes, at[24]; };

static const struct piece ipv4_options[] = {
    { 4, { 148, 4, 0, 0 } },                                     /* router alert */
    { 12, { 7, 11, 4 } },                                        /* record route */
    { 12, { 68, 12, 5, 0 } },                                    /* timestamps */
    { 12, { 68, 12, 5, 1, 10, 0, 0, 1 } },                       /* with addresses */
    { 12, { 68, 12, 5, 3, 10, 0, 0, 1 } },                       /* of these */
    { 12, { 131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 9 } },            /* loose source route */
    { 8, { 137, 7, 4, 10, 0, 0, 2 } },                           /* strict */
    { 12, { 134, 10, 0, 0, 0, 1, 1, 4, 0, 1 } },                 /* CIPSO */
    { 4, { 1, 1, 0, 0 } },
};
static const struct piece tcp_options[] = {
    { 4, { 2, 4, 5, 0xb4 } }, { 4, { 2, 4, 0, 48 } }, { 4, { 1, 3, 3, 7 } }, { 4, { 1, 3, 3, 15 } }, { 4, { 4, 2, 1, 1 } },
    { 12, { 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0 } }, { 12, { 1, 1, 5, 10 } }, { 20, { 1, 1, 5, 18 } }, { 4, { 34, 2, 1, 1 } },
    { 12, { 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1 } }, { 20, { 19, 18 } }, { 4, { 254, 4, 0xf9, 0x89 } }, { 4, { 1, 1, 1, 0 } }, { 4, { 8, 0, 3, 1 } },
};
/* First byte: the header's own number; the second becomes "next header". */
static const struct piece extensions[] = {
    { 9, { 0, 0, 0, 5, 2, 0, 0, 1, 0 } },                        /* router alert */
    { 9, { 0, 0, 0, 0xc2, 4, 0, 1, 0, 0 } },                     /* jumbo payload */
    { 9, { 0, 0, 0, 0x1e, 4 } }, { 9, { 0, 0, 0, 0x5e, 4 } }, { 9, { 60, 0, 0, 0x9e, 4 } }, { 9, { 60, 0, 0, 0xde, 4 } },
    { 9, { 60, 0, 0, 1, 4 } }, { 17, { 60, 0, 1, 1, 12 } },
    { 9, { 43, 0, 0, 0, 0 } }, { 9, { 43, 0, 0, 4, 1 } }, { 9, { 43, 0, 2, 0, 1 } }, { 9, { 43, 0, 2, 2, 1 } }, { 9, { 43, 0, 0, 3, 0 } },
    { 9, { 44, 0, 0, 0, 1, 0, 0, 0, 7 } }, { 9, { 44, 0, 0, 0, 0, 0, 0, 0, 7 } }, { 9, { 44, 0, 0, 0, 8, 0, 0, 0, 7 } },
    { 9, { 51, 0, 0 } }, { 9, { 135, 0, 0 } },
};
static const struct piece discovery_options[] = {
    { 8, { 1, 1, 2, 0, 0, 0, 0, 2 } }, { 8, { 2, 1, 2, 0, 0, 0, 0, 2 } }, { 8, { 5, 1, 0, 0, 0, 0, 5, 0xdc } }, { 8, { 14, 1, 1, 2, 3, 4, 5, 6 } },
    { 8, { 24, 1, 0, 0, 0, 0, 2, 0 } }, { 24, { 24, 3, 64, 8, 0, 0, 2, 0, 0xfd, 1 } }, { 24, { 25, 3, 0, 0, 0, 0, 2, 0, 0xfd, 0 } },
    { 8, { 1, 0 } }, { 16, { 1, 2 } },
};

#define PICK(rng, table) (&table[rng_below(rng, sizeof table / sizeof table[0])])

static void insert_bytes(struct record *r, size_t at, const void *bytes, size_t count)
{
    if (at > r->bytes || count > (size_t)(RECORD_BYTES_MAX - r->bytes)) return;
    memmove(r->at + at + count, r->at + at, r->bytes - at);
    memcpy(r->at + at, bytes, count);
    r->bytes = (uint16_t)(r->bytes + count);
}

static void insert_ipv4_option(struct rng *rng, struct record *r, size_t ip)
{
    const struct piece *p = PICK(rng, ipv4_options);
    if ((r->at[ip] & 15u) * 4 + p->bytes > 60) return;
    insert_bytes(r, ip + 20, p->at, p->bytes);
    r->at[ip] = (uint8_t)(r->at[ip] + p->bytes / 4);
}

/* At the front, or behind the first extension header. */
static void insert_extension(struct rng *rng, struct record *r, size_t ip)
{
    struct piece p = *PICK(rng, extensions);
    size_t at = ip + 40, next = ip + 6;
    uint8_t first = r->at[next];
    if ((first == 0 || first == 60 || first == 43) && rng_one_in(rng, 2) && at + 8 < r->bytes) {
        next = at;
        at += (r->at[at + 1] + 1u) * 8;
        if (at >= r->bytes) return;
    }
    p.at[1] = r->at[next];
    r->at[next] = p.at[0];
    insert_bytes(r, at, p.at + 1, p.bytes - 1u);
}

static void insert_tcp_option(struct rng *rng, struct record *r, size_t tcp)
{
    struct piece p = *PICK(rng, tcp_options);
    if (tcp + 20 > r->bytes || (r->at[tcp + 12] >> 4) * 4u + p.bytes > 60) return;
    if (p.at[0] == 1 && p.at[2] == 5) mutate_number(rng, p.at + 4, 4);
    insert_bytes(r, tcp + 20, p.at, p.bytes);
    r->at[tcp + 12] = (uint8_t)(r->at[tcp + 12] + (p.bytes / 4 << 4));
}

static void insert_something(struct rng *rng, struct record *r, size_t from, const struct frame_view *v)
{
    const struct piece *p;
    if (v->protocol == 6 && rng_one_in(rng, 2)) {
        insert_tcp_option(rng, r, from + v->transport);
    } else if (v->protocol == 58 && rng_one_in(rng, 2)) {
        p = PICK(rng, discovery_options);
        insert_bytes(r, r->bytes, p->at, p->bytes);
    } else if (v->version == 4) {
        insert_ipv4_option(rng, r, from + v->network);
    } else {
        insert_extension(rng, r, from + v->network);
    }
}

/* Any 1, 2 or 4 bytes, aligned, of a part of the frame. */
static void change_field(struct rng *rng, struct record *r, size_t from, size_t to)
{
    static const uint8_t widths[] = { 1, 1, 2, 2, 4 };
    size_t width = widths[rng_below(rng, sizeof widths)];
    if (to > r->bytes) to = r->bytes;
    if (to < from + width) return;
    mutate_number(rng, r->at + from + rng_below(rng, (uint32_t)((to - from) / width)) * width, width);
}

static void resize(struct rng *rng, struct record *r, size_t from)
{
    static const uint16_t sizes[] = { 14, 34, 42, 54, 60, 62, 74, 100, 590, 1294, 1514 };
    size_t size = rng_one_in(rng, 2) ? PICK(rng, sizes)[0] : (size_t)(r->bytes - from) + rng_below(rng, 33) - 16;
    if (size > FRAME_BYTES_MAX || from + size > RECORD_BYTES_MAX) return;
    if (from + size > r->bytes) memset(r->at + r->bytes, 0x61, from + size - r->bytes);
    r->bytes = (uint16_t)(from + size);
}

/* An address somebody may care about. */
static void change_address(struct rng *rng, struct record *r, size_t from, const struct frame_view *v)
{
    static const uint32_t v4[] = { 0, 0x0a000001, 0x0a000002, 0x0a000003, 0x0a0000ff, 0x7f000001, 0xe0000001, 0xe00000fb, 0xffffffff, 0xf0000001, 0x0b000001 };
    static const struct piece v6[] = {
        { 16, { 0 } }, { 16, { [15] = 1 } }, { 16, { 0xfd, [15] = 1 } }, { 16, { 0xfd, [15] = 2 } }, { 16, { 0xfd, [15] = 3 } },
        { 16, { 0xfe, 0x80, [8] = 0, [11] = 0xff, [12] = 0xfe, [15] = 1 } }, { 16, { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe, [15] = 2 } },
        { 16, { 0xff, 2, [15] = 1 } }, { 16, { 0xff, 2, [11] = 1, [12] = 0xff, [15] = 1 } }, { 16, { 0xff, 1, [15] = 1 } },
        { 16, { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 } }, { 16, { 0x20, 1, [15] = 9 } },
    };
    if (v->version == 4) frames_put32(r->at + from + v->network + 12 + 4 * rng_below(rng, 2), *PICK(rng, v4));
    else memcpy(r->at + from + v->network + 8 + 16 * rng_below(rng, 2), PICK(rng, v6)->at, 16);
}

static void mend(struct rng *rng, struct record *r, size_t from)
{
    unsigned care = rng_below(rng, 20);
    if (r->bytes < from) return;
    if (care < 16) frames_mend(r->at + from, r->bytes - from);
    else if (care < 18) frames_mend_checksums(r->at + from, r->bytes - from);
}

void mutate_frame(struct rng *rng, struct record *r, size_t from)
{
    struct frame_view v;
    if (r->bytes < from + ETHERNET_BYTES) {
        mutate_bytes(rng, r, from);
        return;
    }
    bool is_ip = frames_parse(r->at + from, r->bytes - from, &v);
    unsigned what = is_ip ? rng_below(rng, 16) : 20 + rng_below(rng, 3);
    switch (what) {
    case 0: change_field(rng, r, from, from + ETHERNET_BYTES); break;
    case 1: case 2: case 3: change_field(rng, r, from + v.network, from + v.transport); break;
    case 4: case 5: case 6: case 7: change_field(rng, r, from + v.transport, from + v.transport + 24); break;
    case 8: case 9: mutate_bytes(rng, r, from + v.transport); break;
    case 10: case 11: insert_something(rng, r, from, &v); break;
    case 12: resize(rng, r, from); break;
    case 13: change_address(rng, r, from, &v); break;
    case 14: mutate_bytes(rng, r, from + v.network); break;
    case 15: change_field(rng, r, from + v.transport, r->bytes); break;
    case 20: change_field(rng, r, from, from + ETHERNET_BYTES); break;
    default: change_field(rng, r, from + ETHERNET_BYTES, r->bytes); break;
    }
    mend(rng, r, from);
}

/* --- out of nothing */

static size_t fresh_transport(struct rng *rng, enum frame_kind kind, unsigned version, uint8_t *at)
{
    static const uint16_t ports[] = { 7, 5000, 5001, 80, 9 };
    static const uint8_t types4[] = { 8, 0, 3, 3, 3, 4, 5, 11, 12, 13, 17, 42 }, types6[] = { 128, 129, 1, 2, 3, 4, 130, 131, 132, 143, 160 };
    static const uint8_t discovery[] = { 133, 134, 135, 136, 137 };
    static const uint8_t discovery_bytes[] = { 8, 16, 24, 24, 40 };
    memset(at, 0, 64);
    size_t bytes = 8 + rng_below(rng, 40), which = rng_below(rng, 5);
    switch (kind) {
    case FRAME_ICMP:
        at[0] = version == 4 ? *PICK(rng, types4) : *PICK(rng, types6);
        at[1] = (uint8_t)rng_below(rng, 6);
        return bytes;
    case FRAME_ND:
        at[0] = discovery[which];
        if (which == 1) at[4] = 64;
        if (which == 1) frames_put16(at + 6, 1800);
        if (which >= 2) at[8] = 0xfd;
        if (which >= 2) at[23] = (uint8_t)(1 + rng_below(rng, 3));
        if (which == 3) at[4] = (uint8_t)(rng_below(rng, 8) << 5);
        if (which == 4) at[24] = 0xfd;
        memcpy(at + discovery_bytes[which], PICK(rng, discovery_options)->at, 8);
        return discovery_bytes[which] + 8u;
    case FRAME_TCP:
        frames_put16(at, 1024 + rng_below(rng, 4));
        frames_put16(at + 2, *PICK(rng, ports));
        frames_put32(at + 4, 1000);
        at[12] = 0x50;
        at[13] = rng_one_in(rng, 2) ? 2 : (uint8_t)rng_below(rng, 64);
        frames_put16(at + 14, 65535);
        return 20 + (rng_one_in(rng, 2) ? rng_below(rng, 20) : 0);
    default:
        frames_put16(at, 1024 + rng_below(rng, 4));
        frames_put16(at + 2, *PICK(rng, ports));
        return bytes;
    }
}

/* What an ICMP error quotes: a packet that the machine may have sent. */
static size_t quote(struct rng *rng, unsigned version, uint8_t *at)
{
    static const uint16_t ports[] = { 5001, 5002, 80 };
    uint8_t frame[FRAME_BYTES_MAX], transport[8] = { 0 };
    frames_put16(transport, *PICK(rng, ports));
    frames_put16(transport + 2, 9000);
    size_t n = frames_build(frame, version, 1, 2, rng_one_in(rng, 3) ? 6 : 17, transport, sizeof transport) - ETHERNET_BYTES;
    memcpy(at, frame + ETHERNET_BYTES, n);
    return n;
}

static void fresh_arp(struct rng *rng, struct record *r)
{
    uint8_t frame[60] = { 2, [6] = 2, [11] = 2, [12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [22] = 2, [27] = 2, [28] = 10, [31] = 2,
                          [38] = 10, [41] = 1 };
    if (rng_one_in(rng, 3)) memset(frame, 0xff, 6);
    else frame[5] = 1;
    frame[21] = (uint8_t)(1 + rng_below(rng, 2));
    frame[31] = (uint8_t)rng_below(rng, 6);
    frame[41] = rng_one_in(rng, 4) ? frame[31] : 1;
    record_put(r, frame, 42);
}

/* Pieces of one packet: the same id, an offset of the IPv4 header's or of a fragment header. */
static void make_fragment(struct rng *rng, struct record *r, size_t from, unsigned version)
{
    size_t ip = from + ETHERNET_BYTES;
    unsigned offset = rng_below(rng, 6) * (rng_one_in(rng, 4) ? 180 : 1), more = rng_below(rng, 2);
    if (version == 4) {
        frames_put16(r->at + ip + 4, rng_below(rng, 3));
        frames_put16(r->at + ip + 6, (more << 13) | offset);
    } else {
        uint8_t header[8] = { r->at[ip + 6], [7] = (uint8_t)rng_below(rng, 3) };
        frames_put16(header + 2, offset << 3 | more);
        r->at[ip + 6] = 44;
        insert_bytes(r, ip + 40, header, sizeof header);
    }
    frames_mend(r->at + from, r->bytes - from);
}

void fresh_frame(struct rng *rng, struct record *r, enum frame_kind kind)
{
    static const uint8_t protocols[] = { 6, 17, 1, 2, 0, 4, 41, 47, 50, 58, 59, 132, 253 };
    uint8_t frame[FRAME_BYTES_MAX], payload[256];
    size_t from = r->bytes;
    if (kind == FRAME_ARP) {
        fresh_arp(rng, r);
        return;
    }
    unsigned version = kind == FRAME_IPV4 ? 4 : kind == FRAME_IPV6 || kind == FRAME_ND ? 6 : rng_one_in(rng, 2) ? 4 : 6;
    uint8_t protocol = kind == FRAME_TCP ? 6 : kind == FRAME_UDP ? 17 : kind == FRAME_ND ? 58 : kind == FRAME_ICMP ? (version == 4 ? 1 : 58)
                     : *PICK(rng, protocols);
    enum frame_kind inner = protocol == 6 ? FRAME_TCP : protocol == 17 ? FRAME_UDP : protocol == 1 ? FRAME_ICMP : kind == FRAME_IPV6 ? FRAME_ICMP : kind;
    size_t bytes = fresh_transport(rng, inner, version, payload);
    bool is_error = inner == FRAME_ICMP && (version == 4 ? protocol == 1 && (payload[0] == 3 || payload[0] == 4 || payload[0] == 5 || payload[0] == 11 || payload[0] == 12)
                                                         : protocol == 58 && payload[0] < 128);
    if (is_error) bytes = 8 + quote(rng, version, payload + 8);
    record_put(r, frame, frames_build(frame, version, 2, 1, protocol, payload, bytes));
    if (kind == FRAME_IPV4 || kind == FRAME_IPV6) {
        struct frame_view v;
        if (rng_one_in(rng, 2)) make_fragment(rng, r, from, version);
        if (rng_one_in(rng, 2) && frames_parse(r->at + from, r->bytes - from, &v)) insert_something(rng, r, from, &v);
        frames_mend(r->at + from, r->bytes - from);
    }
}
