#include "referee/view.h"

#include <string.h>

#define ETHERNET_BYTES 14
enum { PROTOCOL_HOP_BY_HOP = 0, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ROUTING = 43, PROTOCOL_FRAGMENT = 44,
       PROTOCOL_ICMPV6 = 58, PROTOCOL_DESTINATION = 60 };
enum { KIND_END, KIND_NOP, KIND_MSS, KIND_SCALE, KIND_SACK_PERMITTED, KIND_SACK, KIND_TIMESTAMP = 8 };

static void map_ipv4(uint8_t to[16], const uint8_t from[4])
{
    memset(to, 0, 10);
    to[10] = to[11] = 0xff;
    memcpy(to + 12, from, 4);
}

uint16_t view_sum(const uint8_t *at, size_t bytes, uint64_t sum)
{
    for (; bytes >= 8; at += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum += word;
        sum += sum < word;
    }
    uint64_t last = 0;
    memcpy(&last, at, bytes);
    sum += last;
    sum += sum < last;
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

uint16_t view_transport_sum(const struct view *v)
{
    uint8_t pseudo[40] = { 0 };
    size_t n = v->version == 4 ? 4 : 16;
    memcpy(pseudo, v->source + 16 - n, n);
    memcpy(pseudo + n, v->destination + 16 - n, n);
    pseudo[2 * n + 1] = v->protocol;
    pseudo[2 * n + 2] = (uint8_t)(v->transport_bytes >> 8);
    pseudo[2 * n + 3] = (uint8_t)v->transport_bytes;
    return view_sum(v->transport, v->transport_bytes, (uint16_t)~view_sum(pseudo, 2 * n + 4, 0));
}

static void parse_sack(struct view *v, const uint8_t *at, unsigned bytes)
{
    for (; bytes >= 8 && v->sack_count < 4; at += 8, bytes -= 8)
        v->sack[v->sack_count++] = (struct view_sack){ view_load32(at), view_load32(at + 4) };
}

static void parse_option(struct view *v, const uint8_t *at)
{
    switch (at[0]) {
    case KIND_MSS:
        v->has_mss = at[1] == 4;
        if (v->has_mss) v->mss = view_load16(at + 2);
        else v->are_options_right = false;
        break;
    case KIND_SCALE:
        v->has_scale = at[1] == 3;
        if (v->has_scale) v->scale = at[2];
        else v->are_options_right = false;
        break;
    case KIND_SACK_PERMITTED:
        v->has_sack_permitted = at[1] == 2;
        v->are_options_right &= v->has_sack_permitted;
        break;
    case KIND_SACK:
        v->are_options_right &= at[1] >= 10 && at[1] % 8 == 2;
        parse_sack(v, at + 2, at[1] - 2u);
        break;
    case KIND_TIMESTAMP:
        v->has_timestamp = at[1] == 10;
        v->are_options_right &= v->has_timestamp;
        if (!v->has_timestamp) break;
        v->tsval = view_load32(at + 2);
        v->tsecr = view_load32(at + 6);
        break;
    default:
        break;
    }
}

static void parse_options(struct view *v)
{
    const uint8_t *at = v->transport + 20, *end = v->transport + v->header_bytes;
    v->are_options_right = v->is_padding_zero = true;
    while (at < end && *at != KIND_END) {
        if (*at == KIND_NOP) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at) {
            v->are_options_right = false;
            return;
        }
        parse_option(v, at);
        at += at[1];
    }
    for (; at < end; at++) v->is_padding_zero &= *at == 0;
}

static void parse_tcp(struct view *v)
{
    const uint8_t *h = v->transport;
    v->is_tcp = true;
    if (v->transport_bytes < 20) return;
    v->header_bytes = (uint8_t)(h[12] >> 4 << 2);
    if (v->header_bytes < 20 || v->header_bytes > v->transport_bytes) return;
    v->is_tcp_whole = true;
    v->seq = view_load32(h + 4);
    v->ack = view_load32(h + 8);
    v->flags = (uint16_t)((h[12] & 1) << 8 | h[13]);
    v->window = view_load16(h + 14);
    v->urgent = view_load16(h + 18);
    v->payload = h + v->header_bytes;
    v->payload_bytes = v->transport_bytes - v->header_bytes;
    parse_options(v);
}

static void parse_transport(struct view *v)
{
    if (v->is_later_fragment) return;
    if ((v->protocol == PROTOCOL_TCP || v->protocol == PROTOCOL_UDP) && v->transport_bytes >= 4) {
        v->source_port = view_load16(v->transport);
        v->destination_port = view_load16(v->transport + 2);
    }
    if (v->protocol == PROTOCOL_TCP && !v->is_fragment) parse_tcp(v);
    if (v->protocol == PROTOCOL_UDP && v->transport_bytes >= 8) {
        v->payload = v->transport + 8;
        v->payload_bytes = v->transport_bytes - 8;
    }
}

static void parse_ipv4(struct view *v, size_t bytes)
{
    const uint8_t *h = v->network;
    v->version = 4;
    if (bytes < 20) return;
    uint32_t header = (uint32_t)(h[0] & 15) * 4;
    v->network_bytes = view_load16(h + 2);
    v->are_lengths_right = header >= 20 && header <= v->network_bytes && v->network_bytes <= bytes;
    if (!v->are_lengths_right) return;
    v->tos = h[1];
    v->ttl = h[8];
    v->protocol = h[9];
    map_ipv4(v->source, h + 12);
    map_ipv4(v->destination, h + 16);
    v->fragment_id = view_load16(h + 4);
    uint16_t field = view_load16(h + 6);
    v->has_dont_fragment = field & 0x4000;
    v->has_more_fragments = field & 0x2000;
    v->fragment_offset_bytes = (field & 0x1fffu) * 8;
    v->is_later_fragment = v->fragment_offset_bytes != 0;
    v->is_fragment = v->is_later_fragment || v->has_more_fragments;
    v->transport = h + header;
    v->transport_bytes = v->network_bytes - header;
    parse_transport(v);
}

/* Follows the extension headers; false: they do not fit. */
static bool skip_extensions(struct view *v, const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        uint32_t bytes;
        switch (v->protocol) {
        case PROTOCOL_HOP_BY_HOP:
        case PROTOCOL_ROUTING:
        case PROTOCOL_DESTINATION:
            if (end - at < 8) return false;
            bytes = (at[1] + 1u) * 8;
            break;
        case PROTOCOL_FRAGMENT:
            if (end - at < 8) return false;
            bytes = 8;
            v->fragment_header = at;
            v->fragment_offset_bytes = view_load16(at + 2) & 0xfff8u;
            v->has_more_fragments = at[3] & 1;
            v->fragment_id = view_load32(at + 4);
            v->is_later_fragment = v->fragment_offset_bytes != 0;
            v->is_fragment = v->is_later_fragment || v->has_more_fragments;
            break;
        default:
            v->transport = at;
            v->transport_bytes = (uint32_t)(end - at);
            return true;
        }
        if (bytes > (size_t)(end - at)) return false;
        v->protocol = at[0];
        at += bytes;
        if (!v->is_later_fragment) continue;
        v->transport = at;
        v->transport_bytes = (uint32_t)(end - at);
        return true;
    }
}

static void parse_ipv6(struct view *v, size_t bytes)
{
    const uint8_t *h = v->network;
    v->version = 6;
    if (bytes < 40) return;
    v->network_bytes = 40u + view_load16(h + 4);
    v->tos = (uint8_t)(view_load16(h) >> 4);
    v->flow_label = view_load32(h) & 0xfffff;
    v->ttl = h[7];
    v->protocol = h[6];
    memcpy(v->source, h + 8, 16);
    memcpy(v->destination, h + 24, 16);
    v->are_lengths_right = v->network_bytes <= bytes && skip_extensions(v, h + 40, h + v->network_bytes);
    if (v->are_lengths_right) parse_transport(v);
}

void view_parse(struct view *v, enum referee_link link, const void *frame, size_t bytes)
{
    memset(v, 0, sizeof *v);
    v->frame = v->network = frame;
    v->frame_bytes = bytes;
    if (link == REFEREE_ETHERNET) {
        if (bytes < ETHERNET_BYTES) return;
        v->ethernet = frame;
        v->ethertype = view_load16(v->ethernet + 12);
        v->network = v->ethernet + ETHERNET_BYTES;
        bytes -= ETHERNET_BYTES;
        if (v->ethertype != 0x0800 && v->ethertype != 0x86dd) return;
    }
    if (bytes == 0) return;
    if (v->network[0] >> 4 == 4) parse_ipv4(v, bytes);
    else if (v->network[0] >> 4 == 6) parse_ipv6(v, bytes);
}
