#include "test/fuzz/harness.h"

#include "ip/state.h"
#include "referee/referee.h"
#include "tcp/fastopen.h"
#include "test/fuzz/frames.h"
#include "test/fuzz/saved.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define check_initialised(p, bytes) __msan_check_mem_is_initialized(p, bytes)
#else
#define check_initialised(p, bytes) ((void)(p), (void)(bytes))
#endif

enum {
    ARENA_BYTES = 256 << 20,
    ARENA_READY_BYTES = 4 << 20,
    MACHINES_MAX = 2,
    DEADLINES_MAX = 100000,    /* in one harness_advance(): more is a timer that does not rest */
    REPEATED = 512,            /* each so many inputs, one runs twice and must do the same */
    EARLY_FRAMES = 64,         /* before the first input: the referee is told each time */
};

static struct fuzz_machine machines[MACHINES_MAX];
static unsigned machine_count;
static uint64_t digest;

static struct referee *referee;
static struct early_frame { unsigned host; bool is_sent; uint64_t now_ns; size_t bytes; uint8_t at[FRAME_BYTES_MAX]; } early[EARLY_FRAMES];
static unsigned early_count;
static bool is_set_up;

void harness_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "\n%s: ", target.name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

void harness_note(uint64_t value)
{
    digest = (digest ^ value) * 0x9e3779b97f4a7c15ull;
    digest ^= digest >> 29;
}

void harness_note_bytes(const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    uint64_t word;
    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        harness_note(word);
    }
    word = 0;
    memcpy(&word, at, count);
    harness_note(word ^ (uint64_t)count << 56);
}

uint64_t harness_digest(void) { return digest; }

/* --- what must hold for every frame that leaves */

static bool is_our_address4(const struct fuzz_machine *f, uint32_t a)
{
    return a == (0x0a000001 + f->index) || a >> 24 == 127;
}

static bool is_zero(const uint8_t *at, size_t bytes)
{
    while (bytes > 0 && !*at) at++, bytes--;
    return bytes == 0;
}

static void check_addresses4(const struct fuzz_machine *f, const uint8_t *ip)
{
    uint32_t source = frames_get32(ip + 12), destination = frames_get32(ip + 16);
    bool is_group = destination >> 28 == 14;
    if (!is_our_address4(f, source) && !(is_group && ip[9] == 2)) harness_fail("a packet leaves with source %08x", source);
    if (destination >> 24 == 0 || destination >> 24 == 127) harness_fail("a packet leaves for %08x", destination);
    if (f->allowed.group_traffic) return;
    /* The subnet's broadcast is answered when it is a source, as Linux does where rp_filter is 0. */
    if ((is_group && ip[9] != 2) || destination >= 0xf0000000)
        harness_fail("a packet nobody wanted sent leaves for %08x, protocol %u", destination, ip[9]);
}

static void check_addresses6(const struct fuzz_machine *f, const uint8_t *ip, const struct frame_view *v, const uint8_t *transport)
{
    bool is_control = v->protocol == 58 && v->end > v->transport && transport[0] >= 130 && transport[0] <= 143;
    if (is_zero(ip + 8, 16) && !is_control) harness_fail("a packet leaves with source ::");
    if (ip[8] == 0xff) harness_fail("a packet leaves with a group as source");
    if (is_zero(ip + 24, 15) && ip[39] <= 1) harness_fail("a packet leaves for %s", ip[39] ? "::1" : "::");
    if (ip[24] == 0xff && !is_control && !f->allowed.group_traffic) harness_fail("a packet nobody wanted sent leaves for a group, protocol %u", v->protocol);
}

static void check_ip(const struct fuzz_machine *f, const uint8_t *frame, size_t bytes)
{
    struct frame_view v;
    const uint8_t *ip = frame + ETHERNET_BYTES;
    if (f->allowed.forged_sources) return; /* headers and all */
    if (!frames_parse(frame, bytes, &v) || ip[0] >> 4 != v.version) harness_fail("a frame leaves whose IP header is not one");
    size_t total = v.version == 4 ? frames_get16(ip + 2) : 40 + frames_get16(ip + 4);
    if (total != bytes - ETHERNET_BYTES) harness_fail("a packet of %zu bytes says it has %zu", bytes - ETHERNET_BYTES, total);
    if (v.version == 4 && frames_sum(ip, v.transport - v.network, 0)) harness_fail("a wrong IPv4 header checksum leaves");
    if ((v.version == 4 ? ip[8] : ip[7]) == 0 && !f->allowed.group_traffic) harness_fail("a hop limit of 0 leaves");
    if (v.version == 4) check_addresses4(f, ip);
    else check_addresses6(f, ip, &v, frame + v.transport);
    bool has_sum = v.protocol == 6 || v.protocol == 58 || v.protocol == 1 ||
                   (v.protocol == 17 && v.end - v.transport >= 8 && frames_get16(frame + v.transport + 6));
    if (!v.is_fragment && has_sum && frames_transport_sum(frame, &v))
        harness_fail("a wrong checksum leaves, protocol %u", v.protocol);
}

static void check_outgoing(struct fuzz_machine *f, const uint8_t *frame, size_t bytes)
{
    if (bytes < ETHERNET_BYTES || bytes > FRAME_BYTES_MAX) harness_fail("a frame of %zu bytes leaves", bytes);
    unsigned type = frames_get16(frame + 12);
    if (type == 0x0800 || type == 0x86dd) check_ip(f, frame, bytes);
    else if (type != 0x0806 && !f->allowed.forged_sources) harness_fail("a frame of type %04x leaves", type);
}

/* --- to look at a finding: all frames of the ports, by FUZZ_PCAP=FILE */

static FILE *pcap;

static void open_pcap(void)
{
    static const uint32_t header[6] = { 0xa1b23c4d, 0x00040002, 0, 0, 65535, 1 }; /* nanoseconds, Ethernet */
    const char *path = getenv("FUZZ_PCAP");
    if (!path) return;
    if (pcap) fclose(pcap); /* the last input's stays */
    pcap = fopen(path, "wb");
    if (!pcap || fwrite(header, sizeof header, 1, pcap) != 1) harness_fail("%s cannot be written", path);
}

static void write_pcap(const struct fuzz_machine *f, const uint8_t *frame, size_t bytes)
{
    uint64_t now_ns = weir_machine_now(f->machine);
    uint32_t header[4] = { (uint32_t)(now_ns / SECOND_NS), (uint32_t)(now_ns % SECOND_NS), (uint32_t)bytes, (uint32_t)bytes };
    fwrite(header, sizeof header, 1, pcap);
    fwrite(frame, bytes, 1, pcap);
    fflush(pcap);
}

/* --- the referee */

/* Rules that take the peer for honest, which it is only where both are machines, or the neighbour for reachable: data behind a FIN, or with a second SYN, is owed
 * nothing; a forged path MTU makes more packets of the same bytes. And Linux leaves the urgent pointer of a large packet's
 * pieces as it was. */
static bool is_for_peace(enum referee_rule rule)
{
    return rule == RULE_ACK_NOT_LATE || rule == RULE_ACK_OUT_OF_ORDER_AT_ONCE || rule == RULE_ACK_DUPLICATE_AT_ONCE ||
           rule == RULE_SACK_WHEN_HOLDING || rule == RULE_URGENT_NEVER_BACK ||
           rule == RULE_CWND_GROWTH;
}

static void fail_by_rule(void *ctx, const struct referee_violation *v)
{
    (void)ctx;
    if (!target.has_honest_peer && is_for_peace(v->rule)) return;
    harness_fail("the referee, %s (%s): %s", referee_rule_name(v->rule), referee_rule_label(v->rule), v->text);
}

static void tell_address(const struct fuzz_machine *f, const uint8_t address[16]) { referee_host_address(referee, f->index, address); }

static void begin_judging(void)
{
    const struct referee_config config = { .sees_all = true, .on_violation = fail_by_rule };
    for (unsigned i = 0; i < machine_count; i++) {
        if (!machines[i].is_judged) continue;
        if (!referee && !(referee = referee_create(&config))) harness_fail("no memory for a referee");
        uint8_t last = (uint8_t)(1 + i);
        tell_address(&machines[i], (uint8_t[16]){ [10] = 0xff, 0xff, 10, 0, 0, last });
        tell_address(&machines[i], (uint8_t[16]){ 0xfd, [15] = last });
        tell_address(&machines[i], (uint8_t[16]){ 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, last });
    }
    for (unsigned i = 0; i < early_count && referee; i++)
        referee_frame(referee, early[i].host, early[i].is_sent, REFEREE_ETHERNET, 1500, early[i].now_ns, early[i].at, early[i].bytes);
}

void harness_stop_judging(void)
{
    referee_destroy(referee);
    referee = NULL;
}

static void end_judging(void)
{
    uint64_t now_ns = 0;
    if (!referee) return;
    for (unsigned i = 0; i < machine_count; i++)
        if (weir_machine_now(machines[i].machine) > now_ns) now_ns = weir_machine_now(machines[i].machine);
    referee_end(referee, now_ns);
    harness_stop_judging();
}

static void judge(const struct fuzz_machine *f, bool is_sent, const uint8_t *frame, size_t bytes)
{
    uint64_t now_ns = weir_machine_now(f->machine);
    if (referee) referee_frame(referee, f->index, is_sent, REFEREE_ETHERNET, 1500, now_ns, frame, bytes);
    if (is_set_up || early_count == EARLY_FRAMES || bytes > FRAME_BYTES_MAX) return;
    struct early_frame *e = &early[early_count++];
    *e = (struct early_frame){ .host = f->index, .is_sent = is_sent, .now_ns = now_ns, .bytes = bytes };
    memcpy(e->at, frame, bytes);
}

void harness_see_packet(struct fuzz_machine *f, const char *device, bool is_outgoing, const uint8_t *frame, size_t bytes)
{
    bool is_port = strcmp(device, "eth0") == 0;
    harness_note(f->index | (uint64_t)is_outgoing << 8 | (uint64_t)is_port << 9 | (uint64_t)weir_machine_now(f->machine) << 10);
    harness_note_bytes(frame, bytes);
    if (pcap && is_port) write_pcap(f, frame, bytes);
    if (f->is_judged && is_port) judge(f, is_outgoing, frame, bytes);
    if (!is_outgoing || !is_port) return;
    check_initialised(frame, bytes);
    check_outgoing(f, frame, bytes);
}

static void note_question(struct fuzz_machine *f, const uint8_t *frame, size_t bytes)
{
    unsigned type = frames_get16(frame + 12);
    if (type == 0x0806 && bytes >= 42 && frame[21] == 1) {
        memcpy(f->asked[0], frame + 38, 4);
        f->neighbour_questions |= 1;
    } else if (type == 0x86dd && bytes >= 78 && frame[20] == 58 && frame[54] == 135) {
        memcpy(f->asked[1], frame + 62, 16);
        f->neighbour_questions |= 2;
    }
}

static bool leaves_port(void *ctx, const void *frame, size_t bytes)
{
    struct fuzz_machine *f = ctx;
    if (++f->frames_out > f->allowed.frames_out) harness_fail("more than %u frames leave at once", f->allowed.frames_out);
    harness_see_packet(f, "eth0", true, frame, bytes);
    if (bytes < ETHERNET_BYTES) return true;
    if (f->peer_answers) note_question(f, frame, bytes);
    if (f->on_frame) f->on_frame(f, frame, bytes);
    return true;
}

static void see_loopback(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    (void)now_ns;
    if (strcmp(device, "eth0")) harness_see_packet(ctx, device, is_outgoing, frame, bytes);
}

/* --- the peer's part in neighbour discovery */

static void answer4(struct fuzz_machine *f)
{
    uint8_t frame[42] = { 2, [12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [21] = 2 };
    unsigned peer = 2 - f->index;
    frame[5] = frame[37] = (uint8_t)(1 + f->index);
    frame[6] = frame[22] = frame[32] = 2;
    frame[11] = frame[27] = (uint8_t)peer;
    frames_put32(frame + 28, 0x0a000000 | peer);
    frames_put32(frame + 38, 0x0a000001 + f->index);
    if (frames_get32(f->asked[0]) == (0x0a000000 | peer)) harness_inject(f, frame, sizeof frame);
}

static void answer6(struct fuzz_machine *f)
{
    unsigned peer = 2 - f->index;
    uint8_t frame[FRAME_BYTES_MAX], advert[32] = { 136, [4] = 0x60, [24] = 2, [25] = 1, [26] = 2, [31] = (uint8_t)peer };
    memcpy(advert + 8, f->asked[1], 16);
    if (advert[23] == peer) harness_inject(f, frame, frames_build(frame, 6, peer, 1 + f->index, 58, advert, sizeof advert));
}

void harness_settle(struct fuzz_machine *f)
{
    unsigned questions = f->neighbour_questions;
    f->frames_out = 0;
    f->neighbour_questions = 0;
    if (questions & 1) answer4(f);
    if (questions & 2) answer6(f);
}

/* --- time and frames */

void harness_inject(struct fuzz_machine *f, const void *frame, size_t bytes)
{
    f->frames_out = 0;
    harness_see_packet(f, "eth0", false, frame, bytes);
    weir_port_receive(f->machine, "eth0", frame, bytes);
    harness_settle(f);
}

static void step(struct fuzz_machine *f, uint64_t now_ns)
{
    f->frames_out = 0;
    weir_machine_step(f->machine, now_ns);
    harness_settle(f);
}

void harness_step_to_deadline(struct fuzz_machine *f, uint64_t limit_ns)
{
    uint64_t now = weir_machine_now(f->machine), next = weir_machine_next_deadline(f->machine);
    step(f, next - now > limit_ns ? now + limit_ns : next);
}

void harness_advance(struct fuzz_machine *f, uint64_t ns)
{
    uint64_t end = weir_machine_now(f->machine) + ns, next;
    unsigned count = 0;
    while ((next = weir_machine_next_deadline(f->machine)) <= end) {
        if (++count > DEADLINES_MAX) harness_fail("timers do not rest");
        step(f, next);
    }
    step(f, end);
}

/* --- birth, reset, end */

static bool commit(void *ctx, void *base, size_t bytes)
{
    (void)ctx, (void)base, (void)bytes;
    return true; /* not cleared after a reset: the allocator promises nobody zeroes either */
}

static void introduce_peer(struct fuzz_machine *f)
{
    frames_put32(f->asked[0], 0x0a000002 - f->index);
    memset(f->asked[1], 0, 16);
    f->asked[1][0] = 0xfd;
    f->asked[1][15] = (uint8_t)(2 - f->index);
    f->neighbour_questions = 3;
    harness_settle(f);
}

struct fuzz_machine *harness_open(unsigned index, bool is_judged)
{
    struct fuzz_machine *f = &machines[index];
    struct weir_machine_config config = { .seed = { 1, index }, .start_ns = SECOND_NS, .wall_ns = 1700000000 * SECOND_NS };
    uint8_t mac[6] = { 2, [5] = (uint8_t)(1 + index) };
    char address[32];
    void *arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct weir_env env = { .arena = arena, .arena_bytes = ARENA_BYTES, .commit = commit };
    *f = (struct fuzz_machine){ .index = index, .arena = arena, .allowed.frames_out = 100, .peer_answers = true, .is_judged = is_judged };
    if (arena == MAP_FAILED) harness_fail("no arena");
    madvise(arena, ARENA_READY_BYTES, MADV_POPULATE_WRITE);
    f->machine = weir_machine_create(&config, &env);
    if (!f->machine || weir_port_create(f->machine, "eth0", mac, 1500, leaves_port, f)) harness_fail("no machine");
    snprintf(address, sizeof address, "10.0.0.%u/24", 1 + index);
    if (weir_address_add(f->machine, "eth0", address)) harness_fail("no address");
    snprintf(address, sizeof address, "fd00::%u/64", 1 + index);
    if (weir_address_add(f->machine, "eth0", address)) harness_fail("no address");
    f->task = weir_task_create(f->machine);
    harness_advance(f, 12 * SECOND_NS); /* duplicate address detection, the reports and solicitations of a new device */
    introduce_peer(f);
    machine_count++;
    return f;
}

static struct memory *memory_of(const struct fuzz_machine *f) { return ((struct machine *)f->machine)->memory; }

/* But the table of path MTUs, which is of one size and made when the first is learnt, and what is remembered of peers. */
static uint64_t used_bytes(const struct fuzz_machine *f)
{
    const struct ip_net *in = ((struct machine *)f->machine)->initial_net->ip;
    tcp_metrics_flush(((struct machine *)f->machine)->initial_net, NULL);
    return weir_machine_used_bytes(f->machine) - (in->pmtu ? PMTU_SLOTS * PMTU_DEPTH * sizeof *in->pmtu : 0);
}

void harness_save(struct fuzz_machine *f)
{
    if (f->sees_loopback) weir_capture(f->machine, see_loopback, f);
    f->saved = saved_create(f->arena, memory_committed_bytes(memory_of(f)));
    if (!f->saved) harness_fail("no memory");
    f->first_task = f->task;
    is_set_up = true; /* what follows is not where inputs begin */
    harness_end(f);
    f->used_at_end = used_bytes(f);
    saved_restore(f->saved);
    f->task = f->first_task;
}

void harness_close(struct fuzz_machine *f)
{
    memory_fail_at(memory_of(f), 0);
    if (f->task) weir_task_destroy(f->task);
    f->task = NULL;
    harness_settle(f);
}

void harness_end(struct fuzz_machine *f)
{
    harness_close(f);
    harness_advance(f, 2000 * SECOND_NS);
    uint64_t used = used_bytes(f);
    if (f->used_at_end && used > f->used_at_end + f->allowed.left_bytes)
        harness_fail("%lu bytes are left behind when all is closed", used - f->used_at_end);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    target.set_up();
    return 0;
}

static void run_once(const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < machine_count; i++) {
        saved_restore(machines[i].saved);
        machines[i].task = machines[i].first_task;
        machines[i].neighbour_questions = 0;
    }
    digest = 0;
    struct input in = { data, size };
    begin_judging();
    open_pcap();
    target.run(&in);
    end_judging();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t count;
    run_once(data, size);
    if (++count % REPEATED) return 0;
    uint64_t first = digest;
    run_once(data, size);
    if (digest != first) harness_fail("the same input does something else the second time");
    return 0;
}
