/* Two machines that talk TCP over a channel the input commands: each frame is passed, dropped, sent twice, delayed, spoilt. Then
 * the channel heals, and every byte must arrive as it was sent, the ends be seen, nothing be stuck, nothing be left. */
#include "test/fuzz/frames.h"
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

enum { OP_SET, OP_CHANNEL, OP_WORK, OPS };
enum { FRAMES = 512, PORT = 80, DROPS_ENOUGH_TO_BREAK = 3 };
#define STUCK_NS (240 * SECOND_NS) /* after the channel has healed */
#define LATENCY_NS 1000000ull

struct frame { uint64_t due_ns; uint8_t to; uint16_t bytes; uint8_t at[FRAME_BYTES_MAX]; };
struct side { struct fuzz_machine *machine; int fd, listener; uint64_t to_send, sent, received; bool is_connected, has_shut, has_ended, is_broken; };

static struct side sides[2];
static struct frame frames[FRAMES];
static unsigned frame_count, dropped;
static uint64_t now_ns;
static const uint8_t *channel;      /* a byte for each frame, while there are any */
static size_t channel_bytes;

static uint8_t byte_at(unsigned side, uint64_t offset) { return (uint8_t)(offset * 31 + (offset >> 8) + side * 77); }

static void put_frame(unsigned to, const uint8_t *at, size_t bytes, uint64_t delay_ns)
{
    if (frame_count == FRAMES || bytes > FRAME_BYTES_MAX) {
        dropped++;
        return;
    }
    struct frame *f = &frames[frame_count++];
    *f = (struct frame){ .due_ns = now_ns + delay_ns, .to = (uint8_t)to, .bytes = (uint16_t)bytes };
    memcpy(f->at, at, bytes);
}

/* A bit of the segment is changed, its checksum not: nobody may take it for good. */
static void spoil(uint8_t *at, size_t bytes, uint8_t how)
{
    struct frame_view v;
    if (!frames_parse(at, bytes, &v) || v.end <= v.transport || v.protocol != 6) return;
    at[v.transport + how * 37u % (v.end - v.transport)] ^= (uint8_t)(1 << (how & 7));
}

static void collect(struct fuzz_machine *from, const uint8_t *at, size_t bytes)
{
    static const uint64_t delays_ns[] = { 0, 100000, 3000000, 20000000, 90000000, 400000000, 2500000000, 15000000000 };
    uint8_t command = 0, copy[FRAME_BYTES_MAX];
    unsigned to = !from->index;
    if (channel_bytes) {
        command = *channel++;
        channel_bytes--;
    }
    uint64_t delay_ns = LATENCY_NS + delays_ns[command >> 3 & 7];
    if (delay_ns > SECOND_NS / 4) dropped++; /* long enough to be given up */
    switch (command & 7) {
    case 1: case 2: dropped++; return;
    case 3: put_frame(to, at, bytes, LATENCY_NS); break; /* twice: now, and later */
    case 4:
        memcpy(copy, at, bytes);
        spoil(copy, bytes, command);
        put_frame(to, copy, bytes, delay_ns);
        dropped++;
        return;
    default: break;
    }
    put_frame(to, at, bytes, delay_ns);
}

/* --- the applications */

/* The connection never came to be, or ended with an error that no call was told. */
static bool is_given_up(const struct side *s)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    weir_getsockopt(s->machine->task, s->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error && dropped < DROPS_ENOUGH_TO_BREAK) harness_fail("the connection fails: errno %d", error);
    return error != 0;
}

/* A connection may be given up where much was lost. */
static bool take_error(struct side *s, const char *call)
{
    if (errno == EAGAIN) return false;
    if (dropped < DROPS_ENOUGH_TO_BREAK) harness_fail("%s fails: errno %d", call, errno);
    s->is_broken = true;
    return false;
}

static bool read_some(unsigned which, size_t most)
{
    static uint8_t data[65536];
    struct side *s = &sides[which], *other = &sides[!which];
    ssize_t n = s->has_ended ? -1 : weir_recv(s->machine->task, s->fd, data, most, 0);
    if (s->has_ended) return false;
    if (n < 0) return take_error(s, "recv");
    for (ssize_t i = 0; i < n; i++)
        if (data[i] != byte_at(!which, s->received + (uint64_t)i)) harness_fail("byte %lu arrives wrong", s->received + (uint64_t)i);
    s->received += (uint64_t)n;
    s->has_ended = n == 0;
    if (s->received > other->sent) harness_fail("more arrives than was sent");
    if (n == 0 && !other->is_broken && s->received != other->to_send) harness_fail("the end comes early");
    return true;
}

static bool write_some(unsigned which, size_t most)
{
    static uint8_t data[65536];
    struct side *s = &sides[which];
    size_t wanted = s->to_send - s->sent < most ? s->to_send - s->sent : most;
    for (size_t i = 0; i < wanted; i++) data[i] = byte_at(which, s->sent + i);
    ssize_t n = wanted ? weir_send(s->machine->task, s->fd, data, wanted, MSG_NOSIGNAL) : 0;
    if (n < 0) return take_error(s, "send");
    s->sent += (uint64_t)n;
    if (s->sent < s->to_send || s->has_shut) return n > 0;
    s->has_shut = !weir_shutdown(s->machine->task, s->fd, SHUT_WR);
    return s->has_shut;
}

/* What the program of a side can do now. True: something moved. */
static bool move(unsigned which, size_t most)
{
    struct sockaddr_in6 peer;
    socklen_t peer_bytes = sizeof peer;
    struct side *s = &sides[which];
    if (s->fd < 0 && s->listener >= 0) s->fd = weir_accept4(s->machine->task, s->listener, NULL, NULL, SOCK_NONBLOCK);
    if (s->fd < 0 || s->is_broken) return false;
    if (!s->is_connected && weir_getpeername(s->machine->task, s->fd, (void *)&peer, &peer_bytes)) {
        s->is_broken = is_given_up(s);
        return false;
    }
    s->is_connected = true;
    if (s->has_ended && s->has_shut) {
        s->is_broken = is_given_up(s);
        return false;
    }
    bool has_read = read_some(which, most), has_written = !s->is_broken && write_some(which, most);
    harness_settle(s->machine);
    return has_read || has_written;
}

static bool is_done(const struct side *s) { return s->is_broken || (s->has_ended && s->has_shut); }

/* --- the world */

static int first_frame(void)
{
    int first = -1;
    for (unsigned i = 0; i < frame_count; i++)
        if (first < 0 || frames[i].due_ns < frames[first].due_ns) first = (int)i;
    return first;
}

/* To the next frame or timer of either. False: there is none. */
static bool go_on(void)
{
    int first = first_frame();
    uint64_t next = first < 0 ? UINT64_MAX : frames[first].due_ns;
    for (int i = 0; i < 2; i++) {
        uint64_t deadline = weir_machine_next_deadline(sides[i].machine->machine);
        if (deadline < next) next = deadline;
    }
    if (next == UINT64_MAX) return false;
    if (next > now_ns) now_ns = next;
    bool is_frame = first >= 0 && frames[first].due_ns <= now_ns;
    for (int i = 0; i < 2; i++) weir_machine_step(sides[i].machine->machine, now_ns);
    for (int i = 0; i < 2; i++) harness_settle(sides[i].machine);
    if (!is_frame) return true;
    struct frame f = frames[first];
    memmove(&frames[first], &frames[first + 1], (--frame_count - (unsigned)first) * sizeof f);
    harness_inject(sides[f.to].machine, f.at, f.bytes);
    return true;
}

static void set(struct side *s, int fd, uint8_t what, uint16_t value)
{
    static const struct { int level, name; } options[] = {
        { SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_SNDBUF }, { IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, TCP_CORK }, { IPPROTO_TCP, TCP_MAXSEG },
        { IPPROTO_TCP, TCP_WINDOW_CLAMP }, { IPPROTO_TCP, TCP_CONGESTION }, { SOL_SOCKET, SO_RCVLOWAT }, { IPPROTO_TCP, TCP_QUICKACK },
    };
    int number = value;
    unsigned i = what % 9;
    if (options[i].name == TCP_CORK && options[i].level == IPPROTO_TCP) number = 0; /* would hold the last bytes, rightly, for 200 ms each */
    if (options[i].name == SO_RCVLOWAT && options[i].level == SOL_SOCKET) number = 1;
    const void *at = options[i].name == TCP_CONGESTION && options[i].level == IPPROTO_TCP ? (const void *)(value & 1 ? "reno" : "cubi") : &number;
    weir_setsockopt(s->machine->task, fd, options[i].level, options[i].name, at, 4);
}

static void open_ends(int family)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(0x0a000002) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr.s6_addr = { 0xfd, [15] = 2 } };
    const void *a = family == AF_INET ? (void *)&in : (void *)&in6;
    socklen_t n = family == AF_INET ? sizeof in : sizeof in6;
    sides[1].listener = weir_socket(sides[1].machine->task, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sides[0].fd = weir_socket(sides[0].machine->task, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (weir_bind(sides[1].machine->task, sides[1].listener, a, n) || weir_listen(sides[1].machine->task, sides[1].listener, 2)) harness_fail("no listener");
}

static void connect_ends(int family)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(0x0a000002) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr.s6_addr = { 0xfd, [15] = 2 } };
    if (family == AF_INET) weir_connect(sides[0].machine->task, sides[0].fd, (void *)&in, sizeof in);
    else weir_connect(sides[0].machine->task, sides[0].fd, (void *)&in6, sizeof in6);
    harness_settle(sides[0].machine);
}

static void heal_and_finish(void)
{
    uint64_t healed_ns = now_ns;
    channel_bytes = 0;
    do {
        while (move(0, 65536) || move(1, 65536)) continue;
        if (is_done(&sides[0]) && is_done(&sides[1])) break;
        if (dropped >= DROPS_ENOUGH_TO_BREAK && (sides[0].is_broken || sides[1].is_broken)) break;
        if (now_ns - healed_ns > STUCK_NS)
            harness_fail("stuck: %lu of %lu bytes arrived%s, and %lu of %lu%s", sides[1].received, sides[0].to_send, sides[1].has_ended ? " and the end" : "",
                         sides[0].received, sides[1].to_send, sides[0].has_ended ? " and the end" : "");
    } while (go_on());
    if (!sides[0].is_broken && !sides[1].is_broken && !(is_done(&sides[0]) && is_done(&sides[1]))) harness_fail("nothing moves any more");
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op, how = input_u8(in);
    int family = how & 1 ? AF_INET6 : AF_INET;
    bool is_connected = false;
    frame_count = dropped = 0;
    channel_bytes = 0;
    now_ns = weir_machine_now(sides[0].machine->machine);
    for (int i = 0; i < 2; i++) {
        struct side *s = &sides[i];
        *s = (struct side){ .machine = s->machine, .fd = -1, .listener = -1, .to_send = (uint64_t)input_u16(in) << (how >> (2 + i) & 1) };
    }
    open_ends(family);
    while (input_next(in, &op, &payload)) {
        if (op % OPS == OP_SET && !is_connected) {
            unsigned which = input_u8(&payload) & 1;
            uint8_t what = input_u8(&payload);
            set(&sides[which], which ? sides[1].listener : sides[0].fd, what, input_u16(&payload));
        } else if (op % OPS == OP_CHANNEL) {
            channel = payload.at;
            channel_bytes = payload.left;
            if (!is_connected) connect_ends(family);
            is_connected = true;
            for (unsigned i = 0; i < 300 && channel_bytes && go_on(); i++) move(i & 1, 4096);
        } else if (op % OPS == OP_WORK) {
            unsigned which = input_u8(&payload) & 1;
            move(which, 1 + (size_t)input_u16(&payload));
            for (unsigned steps = input_u8(&payload); steps > 0 && go_on(); steps--) continue;
        }
    }
    if (!is_connected) connect_ends(family);
    heal_and_finish();
    if ((harness_digest() & 15) != 1) return;
    for (int i = 0; i < 2; i++) harness_close(sides[i].machine);
    for (uint64_t end = now_ns + 1200 * SECOND_NS; now_ns < end && go_on();) continue;
    for (int i = 0; i < 2; i++) harness_end(sides[i].machine);
}

static void set_up(void)
{
    for (unsigned i = 0; i < 2; i++) {
        sides[i].machine = harness_open(i, true);
        sides[i].machine->allowed.left_bytes = 24 << 10;
        sides[i].machine->allowed.frames_out = 4000;
    }
    for (unsigned i = 0; i < 2; i++) harness_save(sides[i].machine);
    for (unsigned i = 0; i < 2; i++) {
        sides[i].machine->peer_answers = false; /* there is a real one */
        sides[i].machine->on_frame = collect;
    }
}

static void fresh(struct rng *rng, struct record *r)
{
    record_begin(r, (uint8_t)rng_below(rng, OPS));
    if (r->op == OP_SET) {
        record_put16(r, rng_below(rng, 65536));
        record_put16(r, rng_one_in(rng, 2) ? rng_below(rng, 3000) : rng_below(rng, 65536));
    } else if (r->op == OP_WORK) {
        record_put8(r, rng_below(rng, 2));
        record_put16(r, rng_below(rng, 65536));
        record_put8(r, rng_below(rng, 40));
    } else {
        uint32_t badness = 1 + rng_below(rng, 6);
        for (uint32_t n = 4 + rng_below(rng, 100); n > 0; n--) record_put8(r, rng_one_in(rng, badness) ? rng_below(rng, 256) : 0);
    }
}

const struct target target = { .name = "tcp_pair", .ops = OPS, .head_bytes = 5, .set_up = set_up, .run = run, .fresh = fresh, .has_honest_peer = true };
