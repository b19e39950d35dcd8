/* The parsers of texts: faults of links, addresses and routes, --tap, paths of /proc, settings written to /proc/sys/net. */
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include "runner/openpath.h"
#include "runner/tap_options.h"

#include <stdlib.h>
#include <string.h>

enum { OP_FAULTS, OP_ADDRESS, OP_ROUTE, OP_TAP, OP_PATH, OP_SETTING, OP_READ, OPS };
enum { TEXT_BYTES = 16384 };

static struct fuzz_machine *machine;

/* The next text of the record, up to a zero; on the heap, so that its end is seen. The caller frees. */
static char *next_text(struct input *in)
{
    const uint8_t *zero = in->left ? memchr(in->at, 0, in->left) : NULL;
    size_t got, bytes = zero ? (size_t)(zero - in->at) : in->left;
    const uint8_t *at = input_bytes(in, bytes, &got);
    char *text = malloc(got + 1);
    if (!text) abort();
    if (got) memcpy(text, at, got);
    text[got] = 0;
    if (in->left) input_u8(in);
    return text;
}

static void read_setting(const char *path)
{
    static char text[TEXT_BYTES];
    long n = weir_proc_read(machine->task, path, text, sizeof text);
    harness_note((uint64_t)n);
    if (n > 0) harness_note_bytes(text, n < TEXT_BYTES ? (size_t)n : TEXT_BYTES);
}

static void run_one(unsigned op, struct input *in)
{
    char *first = next_text(in), *second = next_text(in), canonical[OPENPATH_MAX];
    struct weir_link_faults faults;
    struct tap_options tap;
    const char *bad = NULL;
    switch (op) {
    case OP_FAULTS:
        if (!weir_link_faults_parse(first, &faults, &bad)) weir_device_faults(machine->machine, "eth0", true, &faults);
        else if (bad && (bad < first || bad > first + strlen(first))) harness_fail("what was not understood is elsewhere");
        break;
    case OP_ADDRESS: harness_note((uint64_t)weir_address_add(machine->machine, "eth0", first)); break;
    case OP_ROUTE: harness_note((uint64_t)weir_route_add(machine->machine, first, *second ? second : NULL, "eth0")); break;
    case OP_TAP: harness_note(!tap_options_parse(first, &tap)); break;
    case OP_PATH:
        if (openpath_canonical("/proc/self", first, canonical, sizeof canonical) && strncmp(canonical, "/proc/", 6)) harness_fail("%s is served", canonical);
        if (openpath_canonical(second, first, canonical, sizeof canonical)) harness_note_bytes(canonical, strlen(canonical));
        break;
    case OP_SETTING:
        harness_note((uint64_t)weir_proc_write(machine->task, first, second, strlen(second)));
        read_setting(first);
        break;
    default: read_setting(first); break;
    }
    free(first);
    free(second);
    harness_settle(machine);
}

static void run(struct input *in)
{
    struct input payload;
    uint8_t op;
    while (input_next(in, &op, &payload)) run_one(op % OPS, &payload);
    harness_step_to_deadline(machine, SECOND_NS);
}

static void set_up(void)
{
    machine = harness_open(0, false);
    machine->allowed.group_traffic = machine->allowed.forged_sources = true;
    machine->allowed.frames_out = 1000;
    harness_save(machine);
}

static void fresh(struct rng *rng, struct record *r)
{
    static const char *const texts[OPS][6] = {
        { "delay=30ms,jitter=5ms,loss=1%", "reorder=2%,duplicate=0.1%,corrupt=0.01%", "rate=100mbit,limit=1000,seed=7", "delay=1us", "loss=100%", "rate=1kbit" },
        { "10.0.0.9/24", "fd00::9/64", "10.0.0.9", "::ffff:1.2.3.4/128", "fe80::1/10", "0.0.0.0/0" },
        { "10.1.0.0/16\0" "10.0.0.2", "default\0" "10.0.0.2", "default6\0" "fd00::2", "fd01::/64\0", "1.2.3.4\0", "::/0\0fe80::1" },
        { "tap0,10.0.0.1/24,gw=10.0.0.2", "tap0,fd00::1/64", "tap0,10.0.0.1/24,mac=02:00:00:00:00:01", "tap0", ",", "tap0,10.0.0.1/24,gw=fd00::2" },
        { "/proc/net/tcp\0/", "net/../net/tcp\0/proc/self", "/proc/self/net/dev\0/", "//proc/./sys/net/ipv4/tcp_rmem\0/", "../proc/1/net/udp\0/x", "tcp\0/proc/net" },
        { "sys/net/ipv4/tcp_rmem\0" "1 2 3", "sys/net/ipv4/ip_forward\0" "1", "sys/net/core/somaxconn\0" "-1", "sys/net/ipv4/ip_local_port_range\0" "1 65535",
          "sys/net/ipv4/tcp_congestion_control\0reno", "sys/net/ipv6/conf/all/disable_ipv6\0" "1" },
        { "net/tcp", "net/snmp", "net/dev", "net/if_inet6", "sys/net/ipv4/tcp_mem", "net/netstat" },
    };
    static const char *const more[] = { "/conf/eth0/", "ms", "%", "=", ",", ":", "/", "..", "0x", "-", "99999999999999999999", "1e9", " ", "\n" };
    uint32_t op = rng_below(rng, OPS);
    const char *text = texts[op][rng_below(rng, 6)];
    record_begin(r, (uint8_t)op);
    record_put(r, text, strlen(text));
    if (!rng_one_in(rng, 3)) record_put8(r, 0);
    if (op == OP_ROUTE || op >= OP_PATH) record_put(r, text + strlen(text) + 1, op == OP_READ ? 0 : strnlen(text + strlen(text) + 1, 8));
    if (rng_one_in(rng, 3)) {
        const char *extra = more[rng_below(rng, 14)];
        record_put(r, extra, strlen(extra));
    }
}

const struct target target = { .name = "text", .ops = OPS, .set_up = set_up, .run = run, .fresh = fresh };
