/* Netlink: each record is what one send carries to a routing or a diagnosis socket; all answers are read. */
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>

enum { OP_ROUTE, OP_ROUTE_PLAIN, OP_DIAG, OP_TIME, OPS };
enum { ANSWERS_MAX = 64 };

static struct fuzz_machine *machine;
static int fds[3]; /* the second belongs to nobody in particular */

static void read_answers(int fd)
{
    static uint8_t data[65536];
    ssize_t n;
    for (unsigned i = 0; i < ANSWERS_MAX && (n = weir_recv(machine->task, fd, data, sizeof data, 0)) > 0; i++) {
        harness_note_bytes(data, (size_t)n);
        const struct nlmsghdr *h = (void *)data;
        unsigned left = (unsigned)n;
        for (; left >= sizeof *h; h = NLMSG_NEXT(h, left))
            if (!NLMSG_OK(h, left)) harness_fail("an answer of %u bytes says it has %u", left, h->nlmsg_len);
    }
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op;
    while (input_next(in, &op, &payload)) {
        if (op % OPS == OP_TIME) {
            harness_advance(machine, (uint64_t)input_u8(&payload) * 300000000);
            continue;
        }
        int fd = fds[op % OPS];
        bool is_plain = op % OPS == OP_ROUTE_PLAIN;
        if (is_plain) weir_task_credentials(machine->task, 1000, 1000, 0);
        harness_note((uint64_t)weir_send(machine->task, fd, payload.at, payload.left, 0));
        if (is_plain) weir_task_credentials(machine->task, 0, 0, UINT64_MAX);
        harness_settle(machine);
        read_answers(fd);
    }
}

static void set_up(void)
{
    machine = harness_open(0, false);
    machine->allowed.group_traffic = machine->allowed.forged_sources = true;
    machine->allowed.frames_out = 1000;
    for (int i = 0; i < 3; i++) fds[i] = weir_socket(machine->task, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, i < 2 ? NETLINK_ROUTE : NETLINK_SOCK_DIAG);
    struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = UINT32_MAX };
    weir_bind(machine->task, fds[0], (void *)&all, sizeof all);
    weir_listen(machine->task, weir_socket(machine->task, AF_INET, SOCK_STREAM, 0), 3);
    weir_socket(machine->task, AF_INET6, SOCK_DGRAM, 0);
    harness_save(machine);
}

/* --- mutation */

static void put_attribute(struct rng *rng, struct record *r, unsigned type)
{
    static const uint16_t lengths[] = { 4, 4, 4, 1, 2, 6, 8, 16, 16, 0, 3, 60 };
    uint32_t bytes = lengths[rng_below(rng, 12)], mode = rng_below(rng, 4);
    record_put16(r, bytes + 4);
    record_put16(r, type);
    if (bytes == 4 && mode < 2) {
        record_put(r, mode ? (uint8_t[]){ 10, 0, 0, (uint8_t)rng_below(rng, 5) } : (uint8_t[]){ (uint8_t)rng_below(rng, 4), 0, 0, 0 }, 4);
    } else {
        for (uint32_t i = 0; i < bytes; i++) record_put8(r, mode == 3 ? rng_below(rng, 256) : i == 0 ? 0xfd : i + 1 == bytes ? rng_below(rng, 4) : 0);
    }
    while (r->bytes & 3 && r->bytes < RECORD_BYTES_MAX) record_put8(r, 0);
}

static void fresh(struct rng *rng, struct record *r)
{
    static const struct { uint8_t type, fixed; } kinds[] = {
        { RTM_NEWLINK, 16 }, { RTM_GETLINK, 16 }, { RTM_DELLINK, 16 }, { RTM_NEWADDR, 8 }, { RTM_DELADDR, 8 }, { RTM_GETADDR, 8 }, { RTM_NEWROUTE, 12 },
        { RTM_DELROUTE, 12 }, { RTM_GETROUTE, 12 }, { RTM_NEWNEIGH, 12 }, { RTM_DELNEIGH, 12 }, { RTM_GETNEIGH, 12 }, { RTM_GETRULE, 12 }, { RTM_GETNEIGHTBL, 4 },
        { RTM_GETQDISC, 20 }, { RTM_NEWRULE, 12 }, { SOCK_DIAG_BY_FAMILY, 56 }, { NLMSG_DONE, 4 }, { RTM_GETSTATS, 12 }, { 88, 12 },
    };
    static const uint16_t flags[] = { 1, 5, 0x301, 0x305, 0x401, 0x405, 0x505, 0x601, 0x105, 0x701 };
    unsigned which = rng_below(rng, 20);
    record_begin(r, (uint8_t)(rng_one_in(rng, 12) ? OP_TIME : kinds[which].type == SOCK_DIAG_BY_FAMILY ? OP_DIAG : rng_below(rng, 2)));
    record_put32(r, 16);
    record_put16(r, kinds[which].type);
    record_put16(r, flags[rng_below(rng, 10)]);
    record_put32(r, rng_below(rng, 100));
    record_put32(r, 0);
    for (unsigned i = 0; i < kinds[which].fixed; i++)
        record_put8(r, i == 0 ? (rng_one_in(rng, 3) ? 10 : 2) : rng_one_in(rng, 3) ? rng_below(rng, 40) : rng_one_in(rng, 8) ? rng_below(rng, 256) : 0);
    for (unsigned n = rng_below(rng, 5); n > 0; n--) put_attribute(rng, r, 1 + rng_below(rng, 20));
    if (r->bytes >= 2) memcpy(r->at, &r->bytes, 2);
}

/* The attributes' lengths are kept; the message's is mended. */
static bool mutate(struct rng *rng, struct record *r)
{
    if (r->op == OP_TIME || r->bytes < 20) return false;
    switch (rng_below(rng, 6)) {
    case 0: mutate_number(rng, r->at + 4, 2); break;
    case 1: mutate_number(rng, r->at + 6, 1); break;
    case 2: put_attribute(rng, r, 1 + rng_below(rng, 40)); break;
    case 3: mutate_bytes(rng, r, 16); break;
    default: mutate_number(rng, r->at + 16 + rng_below(rng, r->bytes - 16u), 1); break;
    }
    if (rng_below(rng, 10)) memcpy(r->at, (uint32_t[]){ r->bytes }, 4);
    return true;
}

const struct target target = { .name = "netlink", .ops = OPS, .set_up = set_up, .run = run, .fresh = fresh, .mutate = mutate };
