/* A frame, taken apart for judging. Nothing is copied: pointers go into the frame. All numbers in host order. */
#ifndef WEIR_REFEREE_VIEW_H
#define WEIR_REFEREE_VIEW_H

#include "referee/referee.h"

#include <string.h>

struct view_sack { uint32_t left, right; };

struct view {
    const uint8_t *frame, *network, *transport, *payload;
    size_t frame_bytes;
    uint32_t network_bytes;            /* of the IP packet, as its header says */
    uint32_t transport_bytes;          /* header and payload; of this fragment */
    uint32_t payload_bytes;
    uint8_t source[16], destination[16]; /* IPv6, or IPv4-mapped */
    const uint8_t *ethernet;           /* NULL: none */
    uint16_t ethertype;
    uint8_t version;                   /* 4 or 6; 0: not IP */
    uint8_t protocol, ttl, tos;
    bool is_fragment, is_later_fragment, has_more_fragments, has_dont_fragment;
    bool are_lengths_right;            /* of the IP header */
    const uint8_t *fragment_header;    /* of IPv6; NULL: none */
    uint32_t fragment_id, fragment_offset_bytes, flow_label;
    uint16_t source_port, destination_port;
    /* TCP; valid when is_tcp */
    bool is_tcp, is_tcp_whole;         /* whole: its header and options could be read */
    uint32_t seq, ack;
    uint16_t window, urgent;
    uint16_t flags;                    /* TCP_FLAG_* */
    uint8_t header_bytes, scale, sack_count;
    uint16_t mss;
    bool has_mss, has_scale, has_sack_permitted, has_timestamp, are_options_right, is_padding_zero;
    uint32_t tsval, tsecr;
    struct view_sack sack[4];
};

enum { TCP_FLAG_FIN = 0x01, TCP_FLAG_SYN = 0x02, TCP_FLAG_RST = 0x04, TCP_FLAG_PSH = 0x08, TCP_FLAG_ACK = 0x10,
       TCP_FLAG_URG = 0x20, TCP_FLAG_ECE = 0x40, TCP_FLAG_CWR = 0x80, TCP_FLAG_AE = 0x100 };

void view_parse(struct view *v, enum referee_link link, const void *frame, size_t bytes);
/* The one's complement sum over transport header, payload and pseudo header: 0 when the checksum is right. */
uint16_t view_transport_sum(const struct view *v);
uint16_t view_sum(const uint8_t *at, size_t bytes, uint64_t sum); /* folded and complemented */
/* Sequence space that the segment takes: its payload, SYN and FIN. */
static inline uint32_t view_seq_bytes(const struct view *v)
{
    return v->payload_bytes + !!(v->flags & TCP_FLAG_SYN) + !!(v->flags & TCP_FLAG_FIN);
}
static inline uint16_t view_load16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline uint32_t view_load32(const uint8_t *at) { return (uint32_t)view_load16(at) << 16 | view_load16(at + 2); }

#endif
