#include "test/fuzz/frames.h"

#include <string.h>

unsigned frames_get16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }
uint32_t frames_get32(const uint8_t *at) { return (uint32_t)frames_get16(at) << 16 | frames_get16(at + 2); }

void frames_put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void frames_put32(uint8_t *at, uint32_t value)
{
    frames_put16(at, value >> 16);
    frames_put16(at + 2, value & 0xffff);
}

static uint32_t add(const uint8_t *at, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i + 1 < bytes; i += 2) sum += frames_get16(at + i);
    return bytes & 1 ? sum + ((uint32_t)at[bytes - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint16_t frames_sum(const uint8_t *at, size_t bytes, uint32_t sum) { return fold(add(at, bytes, sum)); }

/* Walks IPv6's extension headers to the transport, or as far as they go. */
static void parse_chain(const uint8_t *frame, struct frame_view *v)
{
    uint8_t next = frame[v->network + 6];
    size_t at = v->network + 40;
    while (next == 0 || next == 43 || next == 44 || next == 60 || next == 51) {
        if (v->end - at < 8) break;
        if (next == 44 && (frames_get16(frame + at + 2) & 0xfff9)) v->is_fragment = true;
        size_t bytes = next == 44 ? 8 : next == 51 ? (frame[at + 1] + 2u) * 4 : (frame[at + 1] + 1u) * 8;
        next = frame[at];
        if (bytes > v->end - at) break;
        at += bytes;
        if (v->is_fragment) break;
    }
    v->protocol = next;
    v->transport = at;
}

bool frames_parse(const uint8_t *frame, size_t bytes, struct frame_view *v)
{
    memset(v, 0, sizeof *v);
    v->network = ETHERNET_BYTES;
    if (bytes >= 34 && frames_get16(frame + 12) == 0x0800) {
        size_t header = (frame[14] & 15u) * 4, total = frames_get16(frame + 16);
        if (header < 20 || header > bytes - 14) return false;
        v->version = 4;
        v->protocol = frame[23];
        v->is_fragment = frames_get16(frame + 20) & 0x3fff;
        v->transport = 14 + header;
        v->end = 14 + (total < header ? header : total > bytes - 14 ? bytes - 14 : total);
        return true;
    }
    if (bytes < 54 || frames_get16(frame + 12) != 0x86dd) return false;
    v->version = 6;
    v->end = 54u + frames_get16(frame + 18);
    if (v->end > bytes) v->end = bytes;
    parse_chain(frame, v);
    return true;
}

static size_t checksum_field(uint8_t protocol)
{
    return protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
}

uint16_t frames_transport_sum(const uint8_t *frame, const struct frame_view *v)
{
    size_t bytes = v->end - v->transport;
    uint32_t sum = v->version == 6 ? add(frame + v->network + 8, 32, 0) : v->protocol == 1 ? 0 : add(frame + v->network + 12, 8, 0);
    if (v->version == 6 || v->protocol != 1) sum += v->protocol + (uint32_t)bytes;
    if (v->protocol == 2) sum = 0; /* IGMP has no pseudo-header */
    return frames_sum(frame + v->transport, bytes, sum);
}

void frames_mend_checksums(uint8_t *frame, size_t bytes)
{
    struct frame_view v;
    if (!frames_parse(frame, bytes, &v)) return;
    if (v.version == 4) {
        frames_put16(frame + 24, 0);
        frames_put16(frame + 24, frames_sum(frame + 14, v.transport - 14, 0));
    }
    bool has_sum = v.protocol == 6 || v.protocol == 17 || v.protocol == 1 || v.protocol == 2 || v.protocol == 58;
    size_t field = checksum_field(v.protocol);
    if (v.is_fragment || !has_sum || v.end - v.transport < field + 2) return;
    frames_put16(frame + v.transport + field, 0);
    unsigned sum = frames_transport_sum(frame, &v);
    frames_put16(frame + v.transport + field, v.protocol == 17 && !sum ? 0xffff : sum);
}

void frames_mend(uint8_t *frame, size_t bytes)
{
    struct frame_view v;
    if (bytes >= 34 && frames_get16(frame + 12) == 0x0800) {
        size_t header = (frame[14] & 15u) * 4;
        frame[14] = (uint8_t)(0x40 | (header < 20 || header > bytes - 14 ? 5 : frame[14] & 15u));
        frames_put16(frame + 16, (unsigned)(bytes - 14));
    } else if (bytes >= 54 && frames_get16(frame + 12) == 0x86dd) {
        frame[14] = (uint8_t)(0x60 | (frame[14] & 15));
        frames_put16(frame + 18, (unsigned)(bytes - 54));
    }
    if (!frames_parse(frame, bytes, &v)) return;
    size_t left = v.end - v.transport;
    if (v.protocol == 17 && left >= 8 && !v.is_fragment) frames_put16(frame + v.transport + 4, (unsigned)left);
    if (v.protocol == 6 && left >= 20) {
        unsigned words = frame[v.transport + 12] >> 4;
        if (words < 5 || words * 4u > left) frame[v.transport + 12] = 0x50;
    }
    frames_mend_checksums(frame, bytes);
}

size_t frames_build(uint8_t *frame, unsigned version, unsigned from, unsigned to, uint8_t protocol, const void *payload, size_t bytes)
{
    static const uint8_t mac[5] = { 2 };
    size_t header = version == 4 ? 20 : 40;
    memset(frame, 0, ETHERNET_BYTES + header);
    memcpy(frame, mac, 5);
    memcpy(frame + 6, mac, 5);
    frame[5] = (uint8_t)to;
    frame[11] = (uint8_t)from;
    frames_put16(frame + 12, version == 4 ? 0x0800 : 0x86dd);
    uint8_t *ip = frame + ETHERNET_BYTES;
    if (version == 4) {
        ip[0] = 0x45;
        ip[8] = 64;
        ip[9] = protocol;
        frames_put32(ip + 12, 0x0a000000 | from);
        frames_put32(ip + 16, 0x0a000000 | to);
    } else {
        ip[0] = 0x60;
        ip[6] = protocol;
        ip[7] = protocol == 58 ? 255 : 64;
        ip[8] = ip[24] = 0xfd;
        ip[23] = (uint8_t)from;
        ip[39] = (uint8_t)to;
    }
    if (bytes) memcpy(ip + header, payload, bytes);
    frames_mend(frame, ETHERNET_BYTES + header + bytes);
    return ETHERNET_BYTES + header + bytes;
}
