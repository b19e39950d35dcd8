/* TCP against one end. The input is a small program: segments whose numbers are offsets from where the connections really
 * are, ICMP errors about them, calls of the application, time. What the machine sends is read, so that the next segment can
 * be about it. What either application sends is a known pattern: bytes that arrive in another place are found. */
#include "test/fuzz/frames.h"
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <string.h>

enum { OP_SEGMENT, OP_SEGMENT_NEXT, OP_CALL, OP_TIME, OP_ICMP, OPS };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };
enum { FLOWS = 8, ENDS = 16, SEGMENT_FIXED_BYTES = 16, NOBODY = 0xff };
enum segment_bit {
    WITH_TIMESTAMP = 1, WITH_SACK = 2, WITH_MSS = 4, WITH_SCALE = 8, WITH_RAW = 16, WITH_CE = 32, WITH_BAD_SUM = 64, WITH_LIES = 128,
};

/* A connection as the peer knows it. seq numbers in host order. */
struct flow {
    uint16_t their_port, our_port;
    uint8_t version;
    uint32_t iss, sent_end;              /* ours; behind the last byte we sent */
    uint32_t their_iss, their_next, their_ack, their_window, their_timestamp, acked;
    bool saw_syn, has_lied;
};
struct end { int fd; uint8_t flow; uint64_t received, sent; };
struct state { struct flow flows[FLOWS]; struct end ends[ENDS]; };

static struct fuzz_machine *machine;
static struct state state, state_at_start;

static uint8_t our_byte(uint32_t offset) { return (uint8_t)(offset * 13 + (offset >> 8)); }
static uint8_t their_byte(uint32_t offset) { return (uint8_t)(offset * 7 + (offset >> 7) + 51); }

/* --- what the machine sends */

static struct flow *flow_of(uint8_t version, unsigned their_port, unsigned our_port)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *f = &state.flows[i];
        if (f->version == version && f->their_port == their_port && f->our_port == our_port) return f;
    }
    return NULL;
}

static void read_options(struct flow *f, const uint8_t *at, size_t bytes)
{
    while (bytes >= 2 && at[0]) {
        size_t length = at[0] == 1 ? 1 : at[1];
        if (length == 0 || (at[0] != 1 && length < 2) || length > bytes) harness_fail("TCP options that end nowhere leave");
        if (at[0] == 8 && length == 10) f->their_timestamp = frames_get32(at + 2);
        at += length;
        bytes -= length;
    }
}

static void check_payload(const struct flow *f, uint32_t seq, const uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes && f->saw_syn; i++)
        if (at[i] != their_byte(seq + (uint32_t)i - f->their_iss - 1)) harness_fail("a wrong byte leaves, %u behind the SYN", seq + (uint32_t)i - f->their_iss - 1);
}

static void see_frame(struct fuzz_machine *m, const uint8_t *frame, size_t bytes)
{
    struct frame_view v;
    (void)m;
    if (!frames_parse(frame, bytes, &v) || v.protocol != 6 || v.is_fragment || v.end - v.transport < 20) return;
    const uint8_t *tcp = frame + v.transport;
    struct flow *f = flow_of(v.version, frames_get16(tcp), frames_get16(tcp + 2));
    size_t header = (tcp[12] >> 4) * 4u;
    if (header < 20 || header > v.end - v.transport) harness_fail("a TCP header of %zu bytes leaves", header);
    if (!f) return;
    uint8_t flags = tcp[13];
    uint32_t seq = frames_get32(tcp + 4);
    size_t payload = v.end - v.transport - header;
    read_options(f, tcp + 20, header - 20);
    if (flags & RST) return;
    if (flags & SYN) {
        f->their_iss = seq;
        f->their_next = seq + 1;
        f->saw_syn = true;
    }
    check_payload(f, seq + !!(flags & SYN), tcp + header, payload);
    uint32_t end = seq + (uint32_t)payload + !!(flags & SYN) + !!(flags & FIN);
    if ((int32_t)(end - f->their_next) > 0) f->their_next = end;
    if (!(flags & ACK)) return;
    f->their_ack = frames_get32(tcp + 8);
    f->their_window = frames_get16(tcp + 14);
    if (!f->has_lied && !(flags & SYN) && (int32_t)(f->their_ack - f->sent_end) > 0) harness_fail("bytes are acknowledged that were never sent");
}

/* --- what the input sends */

static size_t put_options(struct flow *f, uint8_t *at, uint8_t bits, uint16_t sack, struct input *raw)
{
    size_t n = 0, raw_bytes;
    if (bits & WITH_MSS) {
        memcpy(at + n, (uint8_t[]){ 2, 4, (uint8_t)(sack >> 8 & 7), (uint8_t)(sack | 64) }, 4);
        n += 4;
    }
    if (bits & WITH_SCALE) {
        memcpy(at + n, (uint8_t[]){ 3, 3, (uint8_t)(sack & 15), 4, 2, 1, 1, 1 }, 8);
        n += 8;
    }
    if (bits & WITH_TIMESTAMP) {
        memcpy(at + n, (uint8_t[]){ 1, 1, 8, 10 }, 4);
        frames_put32(at + n + 4, (uint32_t)(weir_machine_now(machine->machine) / 1000000));
        frames_put32(at + n + 8, f->their_timestamp);
        n += 12;
    }
    if (bits & WITH_SACK) {
        uint32_t left = f->acked + (sack & 0xff) * 100u, right = left + (sack >> 8) * 100u;
        memcpy(at + n, (uint8_t[]){ 1, 1, 5, 10 }, 4);
        frames_put32(at + n + 4, left);
        frames_put32(at + n + 8, right);
        n += 12;
    }
    if (!(bits & WITH_RAW)) return n;
    const uint8_t *from = input_bytes(raw, 40 - n, &raw_bytes);
    if (raw_bytes) memcpy(at + n, from, raw_bytes);
    memset(at + n + raw_bytes, 0, 3);
    return (n + raw_bytes + 3) & ~(size_t)3 & 0x3f;
}

static uint32_t pick_seq(const struct flow *f, uint8_t base)
{
    switch (base % 6) {
    case 0: return f->their_ack ? f->their_ack : f->iss;
    case 1: return f->sent_end;
    case 2: return f->iss;
    case 3: return f->their_ack + f->their_window;
    case 4: return f->iss + 1;
    default: return 0;
    }
}

static uint32_t pick_ack(const struct flow *f, uint8_t base)
{
    switch (base % 5) {
    case 0: return f->their_next;
    case 1: return f->acked;
    case 2: return f->their_iss + 1;
    case 3: return f->their_next - (f->their_next - f->acked) / 2;
    default: return 0;
    }
}

static void note_sent(struct flow *f, uint32_t seq, uint8_t flags, uint32_t length, uint8_t bits)
{
    uint32_t end = seq + length + !!(flags & SYN) + !!(flags & FIN);
    if (bits & WITH_BAD_SUM) return;
    if (seq - f->iss > 1u << 30 || ((flags & SYN) && seq != f->iss)) f->has_lied = true;
    if ((bits & WITH_LIES) && length) f->has_lied = true;
    if ((int32_t)(end - f->sent_end) > 0) f->sent_end = end;
}

static void send_segment(struct flow *f, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t window, uint8_t bits, size_t length, uint16_t sack,
                         struct input *raw)
{
    uint8_t frame[FRAME_BYTES_MAX + 64], tcp[FRAME_BYTES_MAX] = { 0 };
    size_t header = 20 + put_options(f, tcp + 20, bits, sack, raw), most = FRAME_BYTES_MAX - 14 - 40 - header;
    if (length > most) length = most;
    frames_put16(tcp, f->our_port);
    frames_put16(tcp + 2, f->their_port);
    frames_put32(tcp + 4, seq);
    frames_put32(tcp + 8, flags & ACK ? ack : 0);
    tcp[12] = (uint8_t)(header << 2);
    tcp[13] = flags;
    frames_put16(tcp + 14, window);
    if (flags & URG) frames_put16(tcp + 18, sack);
    for (size_t i = 0; i < length; i++)
        tcp[header + i] = (uint8_t)(our_byte(seq + !!(flags & SYN) + (uint32_t)i - f->iss - 1) ^ (bits & WITH_LIES ? 0x55 : 0));
    note_sent(f, seq, flags, (uint32_t)length, bits);
    if ((flags & (SYN | ACK)) == SYN && f->their_port != 80) harness_stop_judging(); /* crossed SYNs: Linux scales windows as nobody agreed to */
    if ((flags & ACK) && (int32_t)(ack - f->acked) > 0 && (int32_t)(ack - f->their_next) <= 0) f->acked = ack;
    size_t n = frames_build(frame, f->version, 2, 1, 6, tcp, header + length);
    if (bits & WITH_CE) frame[f->version == 4 ? 15 : 15] |= f->version == 4 ? 3 : 0x30;
    if (bits & WITH_CE) frames_mend_checksums(frame, n);
    if (bits & WITH_BAD_SUM) frame[n - length - header + 16] ^= 1;
    harness_inject(machine, frame, n);
}

static uint32_t extended(uint16_t offset) { return offset < 0x8000 ? offset : 0xffff0000u | offset; }

static void run_segment(struct input *in, bool is_next)
{
    struct flow *f = &state.flows[input_u8(in) % FLOWS];
    uint8_t flags = input_u8(in), seq_base = input_u8(in);
    uint32_t seq_offset = extended(input_u16(in));
    uint8_t ack_base = input_u8(in);
    uint32_t ack_offset = extended(input_u16(in));
    uint16_t window = input_u16(in);
    uint8_t bits = input_u8(in);
    uint16_t length = input_u16(in), sack = input_u16(in);
    uint32_t seq = pick_seq(f, seq_base) + seq_offset, ack = pick_ack(f, ack_base) + ack_offset;
    if (is_next) { /* what a good peer sends next: in order, everything acknowledged */
        seq = f->sent_end;
        ack = f->their_next;
        flags = (uint8_t)((flags & (PSH | FIN)) | ACK);
        bits &= WITH_TIMESTAMP;
    }
    send_segment(f, flags, seq, ack, window, bits, length % 1500, sack, in);
}

static void run_icmp(struct input *in)
{
    static const struct { uint8_t v4[2], v6[2]; } kinds[] = {
        { { 3, 4 }, { 2, 0 } }, { { 3, 3 }, { 1, 4 } }, { { 3, 1 }, { 1, 0 } }, { { 3, 2 }, { 4, 1 } }, { { 4, 0 }, { 3, 0 } }, { { 11, 0 }, { 3, 0 } }, { { 12, 0 }, { 4, 0 } }, { { 3, 13 }, { 1, 1 } },
    };
    struct flow *f = &state.flows[input_u8(in) % FLOWS];
    unsigned kind = input_u8(in) % 8;
    uint16_t mtu = input_u16(in), offset = input_u16(in);
    uint8_t tcp[20] = { [12] = 0x50, [13] = ACK }, quoted[FRAME_BYTES_MAX], icmp[128] = { 0 }, frame[FRAME_BYTES_MAX];
    frames_put16(tcp, f->their_port);
    frames_put16(tcp + 2, f->our_port);
    frames_put32(tcp + 4, (offset & 1 ? f->acked : f->their_next) + (offset >> 1) - 1);
    size_t n = frames_build(quoted, f->version, 1, 2, 6, tcp, sizeof tcp) - ETHERNET_BYTES;
    memcpy(icmp, f->version == 4 ? kinds[kind].v4 : kinds[kind].v6, 2);
    frames_put16(icmp + 6, mtu);
    memcpy(icmp + 8, quoted + ETHERNET_BYTES, n);
    harness_inject(machine, frame, frames_build(frame, f->version, 2, 1, f->version == 4 ? 1 : 58, icmp, 8 + n));
}

/* --- what the application does */

static void receive(struct end *e, size_t wanted, int flags)
{
    static uint8_t data[65536];
    ssize_t n = weir_recv(machine->task, e->fd, data, wanted, flags);
    harness_note((uint64_t)n);
    if (n <= 0) return;
    bool is_judged = e->flow < FLOWS && !state.flows[e->flow].has_lied && !(flags & MSG_TRUNC);
    for (ssize_t i = 0; i < n && is_judged; i++)
        if (data[i] != our_byte((uint32_t)(e->received + (uint64_t)i))) harness_fail("byte %lu arrives wrong", e->received + (uint64_t)i);
    if (!(flags & MSG_PEEK)) e->received += (uint64_t)n;
}

static void transmit(struct end *e, size_t bytes, int flags)
{
    static uint8_t data[65536];
    for (size_t i = 0; i < bytes; i++) data[i] = their_byte((uint32_t)(e->sent + i));
    ssize_t n = weir_send(machine->task, e->fd, data, bytes, flags | MSG_NOSIGNAL);
    harness_note((uint64_t)n);
    if (n > 0) e->sent += (uint64_t)n;
}

static struct end *free_end(void)
{
    for (unsigned i = 0; i < ENDS; i++)
        if (state.ends[i].fd < 0) return &state.ends[i];
    return NULL;
}

static void accept_one(const struct end *listener)
{
    struct sockaddr_in6 a;
    socklen_t n = sizeof a;
    struct end *e = free_end();
    int fd = e ? weir_accept4(machine->task, listener->fd, (void *)&a, &n, SOCK_NONBLOCK) : -1;
    if (fd < 0) return;
    struct flow *f = flow_of(a.sin6_family == AF_INET ? 4 : 6, 80, ntohs(a.sin6_port));
    *e = (struct end){ .fd = fd, .flow = f ? (uint8_t)(f - state.flows) : NOBODY };
}

static void set_option(const struct end *e, uint16_t which)
{
    static const struct { int level, name; } options[] = {
        { IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, TCP_CORK }, { IPPROTO_TCP, TCP_KEEPIDLE }, { IPPROTO_TCP, TCP_KEEPINTVL },
        { SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_SNDBUF }, { IPPROTO_TCP, TCP_QUICKACK }, { IPPROTO_TCP, TCP_MAXSEG },
        { IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_WINDOW_CLAMP }, { IPPROTO_TCP, TCP_DEFER_ACCEPT }, { IPPROTO_TCP, TCP_SYNCNT },
        { IPPROTO_TCP, TCP_LINGER2 }, { IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS }, { IPPROTO_TCP, TCP_NOTSENT_LOWAT }, { SOL_SOCKET, SO_RCVLOWAT },
        { IPPROTO_TCP, TCP_SAVE_SYN }, { SOL_SOCKET, SO_LINGER }, { IPPROTO_TCP, TCP_CONGESTION }, { IPPROTO_TCP, TCP_FASTOPEN }, { SOL_SOCKET, SO_MAX_PACING_RATE },
    };
    unsigned i = which % (sizeof options / sizeof options[0]);
    bool is_listener = e < state.ends + 2; /* as on Linux, a SYN-ACK said again tells its new MSS: the referee expects the old */
    if (is_listener && options[i].level == IPPROTO_TCP && options[i].name == TCP_MAXSEG) return;
    int values[2] = { which >> 5, which >> 13 };
    const void *value = options[i].name == TCP_CONGESTION && options[i].level == IPPROTO_TCP ? (which & 64 ? "reno\0\0\0" : "cubic\0\0") : (const void *)values;
    weir_setsockopt(machine->task, e->fd, options[i].level, options[i].name, value, options[i].name == SO_LINGER || value != values ? 8 : 4);
}

static void run_call(struct input *in)
{
    uint8_t what = input_u8(in);
    struct end *e = &state.ends[input_u8(in) % ENDS];
    uint16_t argument = input_u16(in);
    if (e->fd < 0) return;
    switch (what % 10) {
    case 0: transmit(e, argument, 0); break;
    case 1: transmit(e, argument % 100, argument & 128 ? MSG_OOB : argument & 256 ? MSG_MORE : 0); break;
    case 2: receive(e, argument, 0); break;
    case 3: receive(e, argument & 0xfff, argument & 0x8000 ? MSG_PEEK : argument & 0x4000 ? MSG_TRUNC : argument & 0x2000 ? MSG_OOB : 0); break;
    case 4: weir_shutdown(machine->task, e->fd, argument % 3); break;
    case 5:
        weir_close(machine->task, e->fd);
        e->fd = -1;
        break;
    case 6: accept_one(e); break;
    case 7: {
        uint8_t info[256];
        socklen_t n = sizeof info;
        weir_getsockopt(machine->task, e->fd, IPPROTO_TCP, TCP_INFO, info, &n);
        break;
    }
    default: set_option(e, argument); break;
    }
    harness_settle(machine);
}

static void run_time(struct input *in)
{
    static const uint64_t times_ns[] = { 100000, 1000000, 40000000, 200000000, SECOND_NS, 5 * SECOND_NS, 61 * SECOND_NS };
    uint8_t what = input_u8(in);
    if (what & 8) harness_step_to_deadline(machine, 200 * SECOND_NS);
    else harness_advance(machine, times_ns[what % 7]);
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op;
    state = state_at_start;
    while (input_next(in, &op, &payload)) {
        switch (op % OPS) {
        case OP_SEGMENT: run_segment(&payload, false); break;
        case OP_SEGMENT_NEXT: run_segment(&payload, true); break;
        case OP_CALL: run_call(&payload); break;
        case OP_TIME: run_time(&payload); break;
        default: run_icmp(&payload); break;
        }
    }
    if ((harness_digest() & 15) == 1) harness_end(machine);
}

/* --- where each input begins */

static int open_socket(int family, uint16_t local, uint16_t remote)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const void *a = family == AF_INET ? (void *)&in : (void *)&in6;
    socklen_t n = family == AF_INET ? sizeof in : sizeof in6;
    int fd = weir_socket(machine->task, family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, queue = 16;
    weir_setsockopt(machine->task, fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
    weir_setsockopt(machine->task, fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof one);
    in.sin_port = in6.sin6_port = htons(local);
    if (weir_bind(machine->task, fd, a, n)) harness_fail("bind");
    if (!remote) {
        weir_setsockopt(machine->task, fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue);
        if (weir_listen(machine->task, fd, 3)) harness_fail("listen");
        return fd;
    }
    in.sin_port = in6.sin6_port = htons(remote);
    in.sin_addr.s_addr = htonl(0x0a000002);
    in6.sin6_addr.s6_addr[0] = 0xfd;
    in6.sin6_addr.s6_addr[15] = 2;
    weir_connect(machine->task, fd, a, n);
    harness_settle(machine);
    return fd;
}

static void handshake(unsigned flow, bool is_passive)
{
    struct input none = { 0 };
    struct flow *f = &state.flows[flow];
    uint8_t bits = flow & 1 ? WITH_MSS : WITH_MSS | WITH_SCALE | WITH_TIMESTAMP;
    send_segment(f, is_passive ? SYN : SYN | ACK, f->iss, f->their_next, 65535, bits, 0, 0x5b4, &none);
    if (is_passive) send_segment(f, ACK, f->sent_end, f->their_next, 65535, bits & WITH_TIMESTAMP, 0, 0, &none);
}

static void set_up(void)
{
    static const struct { uint16_t theirs, ours; uint8_t version; } flows[FLOWS] = {
        { 80, 1000, 4 }, { 80, 1000, 6 }, { 5002, 9000, 4 }, { 5002, 9000, 6 }, { 80, 1001, 4 }, { 80, 1001, 6 }, { 5003, 9001, 4 }, { 80, 1002, 4 },
    };
    static const char cookieless[] = "515"; /* fast open for both sides, also without a cookie */
    machine = harness_open(0, true);
    machine->allowed.left_bytes = 24 << 10;
    machine->allowed.frames_out = 3000;
    machine->on_frame = see_frame;
    weir_proc_write(machine->task, "sys/net/ipv4/tcp_fastopen", cookieless, sizeof cookieless - 1);
    for (unsigned i = 0; i < ENDS; i++) state.ends[i] = (struct end){ .fd = -1, .flow = NOBODY };
    for (unsigned i = 0; i < FLOWS; i++)
        state.flows[i] = (struct flow){ .their_port = flows[i].theirs, .our_port = flows[i].ours, .version = flows[i].version,
                                        .iss = 0xfffff000 + i * 0x1000000, .sent_end = 0xfffff000 + i * 0x1000000 };
    state.ends[0].fd = open_socket(AF_INET, 80, 0);
    state.ends[1].fd = open_socket(AF_INET6, 80, 0);
    handshake(0, true);
    handshake(1, true);
    accept_one(&state.ends[0]);
    accept_one(&state.ends[1]);
    state.ends[4] = (struct end){ .fd = open_socket(AF_INET, 5002, 9000), .flow = 2 };
    state.ends[5] = (struct end){ .fd = open_socket(AF_INET6, 5002, 9000), .flow = 3 };
    handshake(2, false);
    handshake(3, false);
    state.ends[6] = (struct end){ .fd = open_socket(AF_INET, 5003, 9001), .flow = 6 };
    if (state.ends[2].flow != 0 || state.ends[3].flow != 1 || !state.flows[2].their_ack) harness_fail("no connections");
    harness_save(machine);
    state_at_start = state;
}

/* --- mutation */

static void fresh_segment(struct rng *rng, struct record *r)
{
    static const uint8_t kinds[] = { ACK, ACK, ACK | PSH, ACK | PSH, ACK | FIN, SYN, SYN | ACK, RST, RST | ACK, ACK | URG, 0, FIN };
    static const uint16_t lengths[] = { 0, 0, 1, 10, 100, 536, 1400, 1460 };
    record_begin(r, rng_one_in(rng, 3) ? OP_SEGMENT_NEXT : OP_SEGMENT);
    record_put8(r, rng_below(rng, FLOWS));
    record_put8(r, kinds[rng_below(rng, sizeof kinds)]);
    record_put8(r, rng_one_in(rng, 3) ? rng_below(rng, 6) : 0);
    record_put16(r, rng_one_in(rng, 3) ? rng_below(rng, 65536) : rng_one_in(rng, 3) ? lengths[rng_below(rng, 8)] : 0);
    record_put8(r, rng_one_in(rng, 3) ? rng_below(rng, 5) : 0);
    record_put16(r, rng_one_in(rng, 4) ? rng_below(rng, 65536) : 0);
    record_put16(r, rng_one_in(rng, 4) ? rng_below(rng, 65536) : 60000);
    record_put8(r, rng_one_in(rng, 3) ? rng_below(rng, 64) : WITH_TIMESTAMP);
    record_put16(r, lengths[rng_below(rng, 8)]);
    record_put16(r, rng_below(rng, 65536));
}

static void fresh(struct rng *rng, struct record *r)
{
    switch (rng_below(rng, 10)) {
    case 0: case 1: case 2:
        record_begin(r, OP_CALL);
        record_put8(r, rng_below(rng, 10));
        record_put8(r, rng_below(rng, 8));
        record_put16(r, rng_below(rng, 65536));
        break;
    case 3:
        record_begin(r, OP_TIME);
        record_put8(r, rng_below(rng, 16));
        break;
    case 4:
        record_begin(r, OP_ICMP);
        record_put8(r, rng_below(rng, FLOWS));
        record_put8(r, rng_below(rng, 8));
        record_put16(r, rng_below(rng, 1600));
        record_put16(r, rng_below(rng, 3));
        break;
    default: fresh_segment(rng, r); break;
    }
}

static bool mutate(struct rng *rng, struct record *r)
{
    if (!r->bytes || rng_one_in(rng, 4)) return false;
    if (r->op <= OP_SEGMENT_NEXT && r->bytes >= SEGMENT_FIXED_BYTES && rng_one_in(rng, 2)) {
        static const uint8_t fields[][2] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 5, 1 }, { 6, 2 }, { 8, 2 }, { 10, 1 }, { 11, 2 }, { 13, 2 } };
        const uint8_t *field = fields[rng_below(rng, 10)];
        mutate_number(rng, r->at + field[0], field[1]);
        return true;
    }
    mutate_number(rng, r->at + rng_below(rng, r->bytes), 1);
    return true;
}

const struct target target = { .name = "tcp", .ops = OPS, .set_up = set_up, .run = run, .fresh = fresh, .mutate = mutate };
