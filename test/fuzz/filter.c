/* Classic BPF: programs are attached, locked and taken away; packets run through them. */
#include "test/fuzz/frames.h"
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

enum { OP_ATTACH, OP_FRAME, OP_DETACH, OPS };
enum { SOCKETS = 4 };

static struct fuzz_machine *machine;
static int fds[SOCKETS]; /* UDP, raw IPv6, packet with and without link header */

static void attach(struct input *in)
{
    struct sock_fprog program = { 0 };
    int fd = fds[input_u8(in) % SOCKETS];
    uint8_t how = input_u8(in);
    size_t got;
    program.len = (unsigned short)(in->left / sizeof(struct sock_filter));
    if (how == 7) program.len++;
    program.filter = malloc(program.len ? program.len * sizeof(struct sock_filter) : 1);
    if (!program.filter) return;
    memset(program.filter, 0, program.len * sizeof(struct sock_filter));
    const uint8_t *from = input_bytes(in, program.len * sizeof(struct sock_filter), &got);
    if (got) memcpy(program.filter, from, got);
    harness_note((uint64_t)weir_setsockopt(machine->task, fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
    free(program.filter);
    struct sock_filter back[64];
    socklen_t n = 64; /* in instructions */
    if (how & 8) harness_note((uint64_t)weir_getsockopt(machine->task, fd, SOL_SOCKET, SO_GET_FILTER, back, &n));
}

static void receive_all(void)
{
    uint8_t data[2048];
    for (int i = 0; i < SOCKETS; i++)
        for (ssize_t n; (n = weir_recv(machine->task, fds[i], data, sizeof data, 0)) >= 0;) {
            harness_note((uint64_t)n);
            harness_note_bytes(data, (size_t)n);
        }
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op;
    while (input_next(in, &op, &payload)) {
        if (op % OPS == OP_ATTACH) {
            attach(&payload);
        } else if (op % OPS == OP_FRAME) {
            harness_inject(machine, payload.at, payload.left);
            receive_all();
        } else {
            int lock = input_u8(&payload) & 1, fd = fds[input_u8(&payload) % SOCKETS];
            harness_note((uint64_t)weir_setsockopt(machine->task, fd, SOL_SOCKET, input_u8(&payload) & 1 ? SO_LOCK_FILTER : SO_DETACH_FILTER, &lock, sizeof lock));
        }
    }
    if ((harness_digest() & 7) == 1) harness_end(machine);
}

static void set_up(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(5000) };
    machine = harness_open(0, false);
    machine->allowed.left_bytes = 24 << 10;
    fds[0] = weir_socket(machine->task, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    fds[1] = weir_socket(machine->task, AF_INET6, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    fds[2] = weir_socket(machine->task, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0x0300);
    fds[3] = weir_socket(machine->task, AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0x0300);
    if (weir_bind(machine->task, fds[0], (void *)&a, sizeof a)) harness_fail("bind");
    harness_save(machine);
}

static void put_instruction(struct rng *rng, struct record *r, unsigned left)
{
    static const uint16_t codes[] = {
        0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60, 0x81, 0xb1, 0x01, 0x61, 2, 3, 0x07, 0x87, 5, 0x15, 0x1d, 0x35, 0x3d, 0x25, 0x2d, 0x45, 0x4d,
        0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x94, 0x9c, 0x54, 0x5c, 0x44, 0x4c, 0xa4, 0xac, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0x06, 0x16,
    };
    static const uint32_t interesting[] = { 0, 1, 4, 12, 14, 15, 20, 23, 31, 32, 0xfffff000, 0xfffff004, 0xfffff008, 0xfffff014, 0xfffff034, 0xfffff03c, 0xfff00000, 0xfff00006,
        0xffe00000, 0xffe0000c, 0x0800, 17, 65535, 0x7fffffff, 0xffffffff };
    struct sock_filter f = { .code = rng_one_in(rng, 40) ? (uint16_t)rng_below(rng, 512) : codes[rng_below(rng, sizeof codes / 2)] };
    f.jt = (uint8_t)rng_below(rng, left < 8 ? left + 1 : 8);
    f.jf = (uint8_t)rng_below(rng, left < 8 ? left + 1 : 8);
    f.k = rng_one_in(rng, 2) ? rng_below(rng, 16) : interesting[rng_below(rng, sizeof interesting / 4)];
    record_put(r, &f, sizeof f);
}

static void fresh(struct rng *rng, struct record *r)
{
    static const struct sock_filter pass = { 0x06, 0, 0, 0xffff };
    uint32_t which = rng_below(rng, 8);
    record_begin(r, which < 4 ? OP_ATTACH : which < 7 ? OP_FRAME : OP_DETACH);
    if (r->op == OP_FRAME) {
        fresh_frame(rng, r, rng_below(rng, FRAME_KINDS));
        return;
    }
    record_put8(r, rng_below(rng, 4));
    record_put8(r, rng_below(rng, 16));
    if (r->op == OP_DETACH) return;
    for (unsigned n = rng_below(rng, 12); n > 0; n--) put_instruction(rng, r, n);
    record_put(r, &pass, sizeof pass);
}

static bool mutate(struct rng *rng, struct record *r)
{
    if (r->op == OP_FRAME) {
        mutate_frame(rng, r, 0);
        return true;
    }
    if (r->op != OP_ATTACH || r->bytes < 2 + sizeof(struct sock_filter) || rng_one_in(rng, 4)) return false;
    unsigned count = (unsigned)((r->bytes - 2) / sizeof(struct sock_filter));
    static struct record one;
    record_begin(&one, 0);
    put_instruction(rng, &one, count);
    memcpy(r->at + 2 + rng_below(rng, count) * sizeof(struct sock_filter), one.at, sizeof(struct sock_filter));
    return true;
}

const struct target target = { .name = "filter", .ops = OPS, .set_up = set_up, .run = run, .fresh = fresh, .mutate = mutate };
