#include "test/referee/script.h"

#include <string.h>

static void put16(uint8_t *at, unsigned x) { at[0] = (uint8_t)(x >> 8); at[1] = (uint8_t)x; }
static void put32(uint8_t *at, uint32_t x) { put16(at, x >> 16); put16(at + 2, x & 0xffff); }

static uint32_t sum_of(const uint8_t *at, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i < bytes; i++) sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    put16(at, ~sum & 0xffff);
}

static void repair_transport(uint8_t *at, size_t bytes, unsigned protocol, uint32_t pseudo)
{
    size_t field = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
    if (bytes < field + 2 || (protocol != 6 && protocol != 17 && protocol != 1 && protocol != 2 && protocol != 58)) return;
    if (protocol == 17 && at[6] == 0 && at[7] == 0) return; /* there was none */
    put16(at + field, 0);
    put_sum(at + field, sum_of(at, bytes, protocol <= 2 ? 0 : pseudo + protocol + (uint32_t)bytes));
}

void frame_repair(struct frame *f)
{
    uint8_t *ip = f->bytes + 14;
    if (f->length >= 34 && f->bytes[12] == 8 && f->bytes[13] == 0) {
        size_t header = (ip[0] & 15u) * 4, total = (size_t)ip[2] << 8 | ip[3];
        if (header < 20 || header > f->length - 14) return;
        put16(ip + 10, 0);
        put_sum(ip + 10, sum_of(ip, header, 0));
        if (total > f->length - 14) total = f->length - 14;
        if (total > header && !(ip[6] & 0x3f) && !ip[7]) repair_transport(ip + header, total - header, ip[9], sum_of(ip + 12, 8, 0));
    } else if (f->length >= 54 && f->bytes[12] == 0x86) {
        size_t header = 40;
        unsigned next = ip[6];
        if (next == 0 && f->length >= 14 + 48) next = ip[40], header += (ip[41] + 1u) * 8;
        if (f->length > 14 + header) repair_transport(ip + header, f->length - 14 - header, next, sum_of(ip + 8, 32, 0));
    }
}

void script_at(struct script *s, uint64_t ms) { s->now_ns = ms * 1000000; }

struct referee *script_referee(struct script *s) { return s->referee; }

void script_frame(struct script *s, bool is_sent, const void *frame, size_t bytes)
{
    referee_frame(s->referee, 0, is_sent, REFEREE_ETHERNET, 1500, s->now_ns, frame, bytes);
}

void script_packet(struct script *s, bool is_sent, const void *packet, size_t bytes)
{
    static const uint8_t head[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 }, back[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
    struct frame f = { .length = bytes + 14 };
    memcpy(f.bytes, is_sent ? head : back, 12);
    memcpy(f.bytes + 14, packet, bytes);
    put16(f.bytes + 12, f.bytes[14] >> 4 == 4 ? 0x0800 : 0x86dd);
    uint8_t *d = f.bytes + 14 + (f.bytes[14] >> 4 == 4 ? 16 : 24);
    if (f.bytes[14] >> 4 == 4 && d[0] >> 4 == 14) memcpy(f.bytes, (uint8_t[]){ 1, 0, 0x5e, d[1] & 0x7f, d[2], d[3] }, 6);
    if (f.bytes[14] >> 4 == 4 && d[0] == 255) memset(f.bytes, 255, 6);
    if (f.bytes[14] >> 4 == 6 && d[0] == 255) memcpy(f.bytes, (uint8_t[]){ 0x33, 0x33, d[12], d[13], d[14], d[15] }, 6);
    frame_repair(&f);
    script_frame(s, is_sent, f.bytes, f.length);
}

static unsigned put_options(uint8_t *at, const struct segment *t)
{
    uint8_t *o = at;
    if (t->mss) { *o++ = 2; *o++ = 4; put16(o, t->mss); o += 2; }
    if (t->has_scale) { *o++ = 3; *o++ = 3; *o++ = t->scale; *o++ = 1; }
    if (t->has_sack_permitted) { *o++ = 4; *o++ = 2; *o++ = 1; *o++ = 1; }
    if (t->has_timestamp) { *o++ = 1; *o++ = 1; *o++ = 8; *o++ = 10; put32(o, t->tsval); put32(o + 4, t->tsecr); o += 8; }
    if (t->sack_count) {
        *o++ = 1; *o++ = 1; *o++ = 5; *o++ = (uint8_t)(2 + 8 * t->sack_count);
        for (unsigned i = 0; i < t->sack_count; i++, o += 8) { put32(o, t->sack[i].left); put32(o + 4, t->sack[i].right); }
    }
    return (unsigned)(o - at);
}

static void put_segment(struct script *s, bool is_sent, const struct segment *t)
{
    uint8_t packet[FRAME_BYTES] = { 0 };
    unsigned header = t->is_v6 ? 40 : 20, local = t->local_port ? t->local_port : 1000, remote = t->remote_port ? t->remote_port : 2000;
    uint8_t *h = packet + header;
    unsigned tcp = 20 + put_options(h + 20, t), total = header + tcp + t->bytes;
    if (t->is_v6) {
        packet[0] = 0x60;
        put16(packet + 4, total - 40);
        packet[6] = 6;
        packet[7] = 64;
        packet[8] = packet[24] = 0xfd;
        packet[23] = is_sent ? 1 : 2;
        packet[39] = is_sent ? 2 : 1;
    } else {
        packet[0] = 0x45;
        packet[1] = t->tos;
        put16(packet + 2, total);
        put16(packet + 6, 0x4000);
        packet[8] = 64;
        packet[9] = 6;
        packet[12] = packet[16] = 10;
        packet[15] = is_sent ? 1 : 2;
        packet[19] = is_sent ? 2 : 1;
    }
    put16(h, is_sent ? local : remote);
    put16(h + 2, is_sent ? remote : local);
    put32(h + 4, t->seq);
    put32(h + 8, t->ack);
    h[12] = (uint8_t)(tcp << 2 | (t->flags >> 8 & 1));
    h[13] = (uint8_t)t->flags;
    put16(h + 14, t->window);
    put16(h + 18, t->urgent);
    for (unsigned i = 0; i < t->bytes; i++) h[tcp + i] = (uint8_t)((t->seq + i) % 251 + t->other);
    script_packet(s, is_sent, packet, total);
}

void script_sends(struct script *s, struct segment segment) { put_segment(s, true, &segment); }
void script_gets(struct script *s, struct segment segment) { put_segment(s, false, &segment); }

void script_call(struct script *s, struct referee_call call)
{
    static const uint8_t local[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 }, remote[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 };
    memcpy(call.local, local, 16);
    memcpy(call.remote, remote, 16);
    if (!call.local_port) call.local_port = 1000;
    if (!call.remote_port) call.remote_port = 2000;
    referee_call(s->referee, 0, s->now_ns, &call);
}

void script_handshake(struct script *s, bool is_passive)
{
    struct segment syn = { .seq = 10000, .flags = TCP_FLAG_SYN, .window = 64240, .mss = 1460, .has_scale = true, .scale = 7,
                           .has_sack_permitted = true, .has_timestamp = true, .tsval = 1000 };
    struct segment answer = syn, ack = { .seq = 10001, .ack = 20001, .flags = TCP_FLAG_ACK, .window = 502, .has_timestamp = true, .tsval = 1001, .tsecr = 1000 };
    answer.seq = 20000;
    answer.flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
    answer.ack = 10001;
    answer.window = 65160;
    answer.tsecr = 1000;
    script_at(s, 1000);
    if (is_passive) {
        syn.seq = 20000, answer.seq = 10000, answer.ack = 20001, ack.seq = 20001, ack.ack = 10001;
        script_gets(s, syn);
        script_sends(s, answer);
        script_at(s, 1001);
        script_gets(s, ack);
        return;
    }
    script_sends(s, syn);
    script_at(s, 1001);
    script_gets(s, answer);
    script_sends(s, ack);
}
