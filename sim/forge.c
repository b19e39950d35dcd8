/* Frames that nobody sent: an attacker who cannot see (a random sequence number) and one on the path (the right one), and
 * what ICMP can claim. Nothing here may change a stream's bytes: data and FIN are forged only where they must be refused. */
#include "sim/run.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { FORGED_BYTES_MAX = 700 };

struct forged { uint8_t bytes[FORGED_BYTES_MAX]; size_t length; bool is6; };

static void put16(uint8_t *at, uint32_t v) { at[0] = (uint8_t)(v >> 8), at[1] = (uint8_t)v; }
static void put32(uint8_t *at, uint32_t v) { put16(at, v >> 16), put16(at + 2, v & 0xffff); }
static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static uint32_t sum_of(const uint8_t *at, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i < bytes; i++) sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static size_t network_bytes(bool is6) { return is6 ? 40 : 20; }
static uint8_t *transport(struct forged *f) { return f->bytes + 14 + network_bytes(f->is6); }

/* Lengths and checksums as the bytes now are. field: of the transport's checksum. */
static void finish(struct forged *f, unsigned protocol, size_t field)
{
    uint8_t *ip = f->bytes + 14, *t = transport(f);
    uint32_t bytes = (uint32_t)(f->length - 14 - network_bytes(f->is6)), pseudo = protocol + bytes;
    if (f->is6) {
        put16(ip + 4, bytes);
        ip[6] = (uint8_t)protocol;
        pseudo = sum_of(ip + 8, 32, pseudo);
    } else {
        put16(ip + 2, bytes + 20);
        ip[9] = (uint8_t)protocol;
        put16(ip + 10, 0);
        put16(ip + 10, fold(sum_of(ip, 20, 0)));
        pseudo = protocol == 1 ? 0 : sum_of(ip + 12, 8, pseudo);
    }
    put16(t + field, 0);
    put16(t + field, fold(sum_of(t, bytes, pseudo)));
}

static void swap(uint8_t *a, uint8_t *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

/* So that it goes to who sent it: as an answer. */
static void turn_round(struct forged *f)
{
    uint8_t *ip = f->bytes + 14;
    swap(f->bytes, f->bytes + 6, 6);
    if (f->is6) swap(ip + 8, ip + 24, 16);
    else swap(ip + 12, ip + 16, 4);
}

static void inject(struct run *run, const struct seen *s, const struct forged *f)
{
    static const char names[SIM_PORTS][8] = { "eth0", "eth1", "eth2", "eth3", "eth4", "eth5", "eth6", "eth7", "eth8", "eth9" };
    loop_sync(run, s->node);
    weir_port_receive(run->nodes[s->node].machine, names[s->port], f->bytes, f->length);
}

/* Whose connection that is gets an excuse; is_opening: only while its handshake goes on, when no window protects it. ports: of
 * the segment, in its own order. */
static void excuse(struct run *run, const uint8_t *ports, enum excuse why, bool is_opening)
{
    uint32_t a = get16(ports), b = get16(ports + 2);
    for (unsigned i = 0; i < run->scenario.application_count; i++) {
        struct connection *c = &run->programs[i].connection;
        uint32_t client = c->ends[0].local_port, server = run->scenario.applications[i].port;
        if (is_opening && c->ends[0].is_connected && c->ends[1].is_connected) continue;
        if ((a == client && b == server) || (b == client && a == server)) c->excuses |= why;
    }
}

static const struct seen *some_seen(struct run *run)
{
    const struct seen *s = &run->seen[draw(&run->adversary_random, SIM_SEEN)];
    return s->bytes ? s : NULL;
}

/* A segment to the host that the seen one came to, or that sent it (then as its peer would answer). Sequence number and
 * acknowledgment are the ones that the host expects next, as far as this segment tells. */
static size_t begin_segment(struct forged *f, const struct seen *s)
{
    f->is6 = s->head[12] == 0x86;
    size_t header = 14 + network_bytes(f->is6), most = s->bytes - header, own = (size_t)(s->head[header + 12] >> 4) * 4;
    uint32_t payload = f->is6 ? get16(s->head + 18) - (uint32_t)own : get16(s->head + 16) - 20 - (uint32_t)own;
    memcpy(f->bytes, s->head, s->bytes);
    if (own > most) own = 20;
    f->length = header + own;
    uint8_t *t = transport(f);
    uint32_t seq = get32(t + 4) + payload + !!(t[13] & (SYN | FIN)), ack = get32(t + 8);
    if (s->is_outgoing) {
        turn_round(f);
        swap(t, t + 2, 2);
        uint32_t keep = seq;
        seq = ack;
        ack = keep;
        for (size_t i = 20; i + 10 <= own; i += t[i] == 1 ? 1 : t[i + 1] ? t[i + 1] : own) /* its timestamps too */
            if (t[i] == 8) swap(t + i + 2, t + i + 6, 4);
    }
    put32(t + 4, seq);
    put32(t + 8, ack);
    return own;
}

static void add_payload(struct run *run, struct forged *f)
{
    size_t bytes = draw_between(&run->adversary_random, 1, 400);
    memset(f->bytes + f->length, 0xee, bytes);
    f->length += bytes;
}

/* Far from any window. */
static void move_away(struct run *run, uint8_t *t) { put32(t + 4, get32(t + 4) + (1u << 30) + (uint32_t)draw(&run->adversary_random, 1u << 31)); }

void forge_segment(struct run *run)
{
    static const uint8_t blind[] = { RST, RST | ACK, SYN, SYN | ACK, ACK, FIN | ACK, PSH | ACK };
    const struct seen *s = some_seen(run);
    struct forged forged, *f = &forged;
    if (!s) return;
    size_t own = begin_segment(f, s);
    uint8_t *t = transport(f);
    bool has_ack = t[13] & ACK;
    (void)own;
    switch (draw(&run->adversary_random, 6)) {
    case 0: case 1: /* blind */
        t[13] = blind[draw(&run->adversary_random, sizeof blind)];
        move_away(run, t);
        if (t[13] & (PSH | FIN)) add_payload(run, f);
        if (t[13] & (SYN | RST)) excuse(run, t, EXCUSE_FORGED, true);
        break;
    case 2: /* in the window, seldom exact: resets and SYNs */
        t[13] = draw_chance(&run->adversary_random, 50) ? RST : draw_chance(&run->adversary_random, 50) ? SYN : RST | ACK;
        put32(t + 4, get32(t + 4) + (draw_chance(&run->adversary_random, 30) ? 0 : (uint32_t)draw(&run->adversary_random, 60000)));
        excuse(run, t, EXCUSE_FORGED, false);
        break;
    case 3: /* an acknowledgment of what was never sent, or long ago */
        if (!has_ack) return;
        t[13] = ACK;
        put32(t + 8, get32(t + 8) + (draw_chance(&run->adversary_random, 50) ? 1u << 30 : (uint32_t)-70000));
        break;
    case 4: /* a window that closes, or opens wide; acknowledging no more than the peer did */
        if (!has_ack || s->is_outgoing || t[13] & (SYN | RST)) return;
        t[13] = ACK;
        put16(t + 14, draw_chance(&run->adversary_random, 50) ? 0 : 65535);
        break;
    default: /* LAND: from itself to itself */
        t[13] = SYN;
        if (f->is6) memcpy(f->bytes + 14 + 8, f->bytes + 14 + 24, 16);
        else memcpy(f->bytes + 14 + 12, f->bytes + 14 + 16, 4);
        memcpy(t, t + 2, 2);
        break;
    }
    finish(f, 6, 16);
    inject(run, s, f);
}

/* An error about a segment that the host sent, or that looks so. */
void forge_icmp(struct run *run)
{
    static const struct { uint8_t type, code; } lies4[] = { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 3, 3 }, { 3, 4 }, { 3, 4 }, { 3, 4 }, { 3, 5 }, { 3, 13 },
                                                            { 4, 0 }, { 5, 0 }, { 5, 1 }, { 11, 0 }, { 11, 1 }, { 12, 0 } };
    static const struct { uint8_t type, code; } lies6[] = { { 1, 0 }, { 1, 1 }, { 1, 3 }, { 1, 4 }, { 2, 0 }, { 2, 0 }, { 2, 0 }, { 3, 0 }, { 3, 1 }, { 4, 0 } };
    static const uint32_t mtus[] = { 0, 1, 67, 68, 296, 552, 576, 1279, 1280, 1400, 1500, 9000, 65535 };
    const struct seen *s = some_seen(run);
    struct forged forged, *f = &forged;
    if (!s || !s->is_outgoing) return;
    f->is6 = s->head[12] == 0x86;
    size_t header = 14 + network_bytes(f->is6), quoted = s->bytes - 14;
    memcpy(f->bytes, s->head, header);
    turn_round(f);
    uint8_t *t = transport(f);
    memcpy(t + 8, s->head + 14, quoted);
    f->length = header + 8 + quoted;
    memset(t, 0, 8);
    uint64_t row = draw(&run->adversary_random, f->is6 ? sizeof lies6 / sizeof lies6[0] : sizeof lies4 / sizeof lies4[0]);
    uint32_t mtu = mtus[draw(&run->adversary_random, sizeof mtus / sizeof mtus[0])];
    t[0] = f->is6 ? lies6[row].type : lies4[row].type;
    t[1] = f->is6 ? lies6[row].code : lies4[row].code;
    if (f->is6 && t[0] == 2) put32(t + 4, mtu);
    else if (!f->is6 && t[0] == 3 && t[1] == 4) put16(t + 6, mtu);
    else if (!f->is6 && t[0] == 5) put32(t + 4, draw_chance(&run->adversary_random, 50) ? get32(f->bytes + 14 + 16) : 0xc0000201);
    if (draw_chance(&run->adversary_random, 40)) move_away(run, t + 8 + network_bytes(f->is6)); /* a made-up segment */
    excuse(run, t + 8 + network_bytes(f->is6), EXCUSE_LIED, false);
    finish(f, f->is6 ? 58 : 1, 2);
    inject(run, s, f);
}
