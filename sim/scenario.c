#include "sim/scenario.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define NARROW_BYTES 60000

/* The first rows change nothing, so that most hosts are as Linux makes them. No row has cookies always on: a server that forgets
 * takes any late segment for a handshake's last, and answers what overtakes it with resets. */
const struct sysctl_choice sim_sysctls[] = {
    { NULL, NULL }, { NULL, NULL }, { NULL, NULL }, { NULL, NULL }, { NULL, NULL }, { NULL, NULL },
    { "sys/net/ipv4/tcp_timestamps", "0" }, { "sys/net/ipv4/tcp_sack", "0" }, { "sys/net/ipv4/tcp_window_scaling", "0" },
    { "sys/net/ipv4/tcp_ecn", "1" }, { "sys/net/ipv4/tcp_dsack", "0" }, { "sys/net/ipv4/tcp_recovery", "0" },
    { "sys/net/ipv4/tcp_rmem", "4096 8192 65536" }, { "sys/net/ipv4/tcp_wmem", "4096 8192 65536" },
    { "sys/net/ipv4/tcp_frto", "0" }, { "sys/net/ipv4/tcp_early_retrans", "0" }, { "sys/net/ipv4/tcp_slow_start_after_idle", "0" },
    { "sys/net/ipv4/tcp_syncookies", "0" }, { "sys/net/ipv4/tcp_moderate_rcvbuf", "0" }, { "sys/net/ipv4/tcp_tw_reuse", "1" },
};
enum { SYSCTL_COUNT = sizeof sim_sysctls / sizeof sim_sysctls[0] };

const struct socket_option sim_socket_options[] = {
    { IPPROTO_TCP, TCP_NODELAY, 1, "nodelay", false }, { IPPROTO_TCP, TCP_NODELAY, 1, "nodelay", false },
    { SOL_SOCKET, SO_SNDBUF, 1, "sndbuf=1", true }, { SOL_SOCKET, SO_SNDBUF, 6000, "sndbuf=6000", true }, { SOL_SOCKET, SO_SNDBUF, 200000, "sndbuf=200000", false },
    { SOL_SOCKET, SO_RCVBUF, 1, "rcvbuf=1", true }, { SOL_SOCKET, SO_RCVBUF, 7000, "rcvbuf=7000", true }, { SOL_SOCKET, SO_RCVBUF, 200000, "rcvbuf=200000", false },
    { IPPROTO_TCP, TCP_MAXSEG, 88, "maxseg=88", true }, { IPPROTO_TCP, TCP_MAXSEG, 700, "maxseg=700", false }, { IPPROTO_TCP, TCP_CORK, 1, "cork", false },
    { SOL_SOCKET, SO_KEEPALIVE, 1, "keepalive", false }, { IPPROTO_TCP, TCP_QUICKACK, 0, "quickack=0", false },
    { IPPROTO_TCP, TCP_WINDOW_CLAMP, 3000, "clamp=3000", true }, { IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4000, "notsent=4000", false },
};
enum { OPTION_COUNT = sizeof sim_socket_options / sizeof sim_socket_options[0] };

static uint64_t draw_range(struct sim_random *r, struct range range) { return draw_between(r, range.low, range.high); }

uint32_t scenario_draw_mtu(struct sim_random *r, bool has6)
{
    static const uint32_t mtus[] = { 1500, 1500, 1500, 1400, 1280, 9000, 4000, 65535, 576, 296 };
    uint32_t mtu_bytes = mtus[draw(r, sizeof mtus / sizeof mtus[0])];
    return has6 && mtu_bytes < 1280 ? 1280 : mtu_bytes;
}

static uint32_t draw_part(struct sim_random *r, unsigned percent_max, unsigned chance_percent)
{
    /* Small parts are as likely as large ones: half of the range again and again. */
    if (!percent_max || !draw_chance(r, chance_percent)) return 0;
    uint64_t most = (uint64_t)percent_max * (UINT32_MAX / 100) >> draw(r, 6);
    return (uint32_t)draw(r, most + 1);
}

struct weir_link_faults scenario_draw_faults(struct sim_random *r, const struct profile *p)
{
    struct weir_link_faults f = { .delay_ns = draw_range(r, p->delay_ms) * MS, .seed = draw(r, UINT32_MAX) + 1 };
    if (draw_chance(r, 50)) f.jitter_ns = f.delay_ns / draw_between(r, 1, 10);
    f.loss = draw_part(r, p->loss_percent_max, 75);
    f.duplicate = draw_part(r, p->duplicate_percent_max, 50);
    f.corrupt = draw_part(r, p->corrupt_percent_max, 50);
    f.reorder = draw_part(r, p->reorder_percent_max, 50);
    f.rate_bits_per_s = draw_chance(r, 60) ? draw_range(r, p->rate_mbit) * 1000000 : 0;
    f.limit_packets = (uint32_t)draw_between(r, 20, p->limit_max);
    return f;
}

static uint64_t draw_start(struct sim_random *r)
{
    /* Counters of 32 bits in nanoseconds, microseconds, milliseconds, 4 ms and 10 ms ticks, halves too. */
    static const uint64_t wraps_ns[] = { 0, 0, 1ull << 32, 1000ull << 31, 1000ull << 32, 1000000ull << 31, 1000000ull << 32,
                                         4000000ull << 32, 10000000ull << 32, 1ull << 62 };
    uint64_t wrap_ns = wraps_ns[draw(r, sizeof wraps_ns / sizeof wraps_ns[0])], before_ns = draw(r, 60 * SECOND);
    return wrap_ns > before_ns ? wrap_ns - before_ns : wrap_ns;
}

static void draw_topology(struct sim_random *r, struct scenario *s)
{
    const struct profile *p = s->profile;
    s->host_count = (unsigned)draw_range(r, p->hosts);
    s->router_count = (unsigned)draw_range(r, p->routers);
    if (s->host_count > 2 && !s->router_count) s->router_count = 1;
    s->node_count = s->host_count + s->router_count;
    unsigned versions = (unsigned)draw(r, 3);
    s->has4 = versions != 1;
    s->has6 = versions != 0;
    uint32_t usual = scenario_draw_mtu(r, s->has6);
    for (unsigned h = 0; h < s->host_count && s->router_count; h++) {
        s->router_of[h] = s->host_count + (unsigned)draw(r, s->router_count);
        s->links[s->link_count++] = (struct link_plan){ .nodes = { h, s->router_of[h] } };
    }
    if (!s->router_count) s->links[s->link_count++] = (struct link_plan){ .nodes = { 0, 1 } };
    for (unsigned n = s->host_count; n + 1 < s->node_count; n++) s->links[s->link_count++] = (struct link_plan){ .nodes = { n, n + 1 } };
    for (unsigned l = 0; l < s->link_count; l++) {
        s->links[l].mtu_bytes = draw_chance(r, 80) ? usual : scenario_draw_mtu(r, s->has6);
        s->links[l].faults = scenario_draw_faults(r, p);
    }
}

/* A large stream through a small buffer takes its time, and tells no more than a short one. */
static void limit_bytes(struct application_plan *a)
{
    for (unsigned side = 0; side < 2; side++)
        for (unsigned o = 0; o < a->option_count[side]; o++)
            for (unsigned way = 0; sim_socket_options[a->options[side][o]].is_narrow && way < 2; way++)
                if (a->bytes[way] > NARROW_BYTES && a->order != ORDER_TURNS) a->bytes[way] %= NARROW_BYTES;
    if (a->abort_bytes > a->bytes[0] + a->bytes[1]) a->abort_bytes %= a->bytes[0] + a->bytes[1] + 1;
}

static void draw_applications(struct sim_random *r, struct scenario *s)
{
    s->application_count = (unsigned)draw_range(r, s->profile->applications);
    for (unsigned i = 0; i < s->application_count; i++) {
        struct application_plan *a = &s->applications[i];
        application_draw(r, s->profile, a);
        a->hosts[0] = (unsigned)draw(r, s->host_count);
        a->hosts[1] = (a->hosts[0] + 1 + (unsigned)draw(r, s->host_count - 1)) % s->host_count;
        a->is6 = s->has4 && s->has6 ? draw_chance(r, 50) : s->has6;
        a->port = (uint16_t)(5000 + i);
        for (unsigned side = 0; side < 2 && a->kind != SIM_ECHO; side++) {
            a->option_count[side] = draw_chance(r, 60) ? (unsigned)draw(r, SIM_OPTIONS + 1) : 0;
            for (unsigned o = 0; o < a->option_count[side]; o++) a->options[side][o] = (uint8_t)draw(r, OPTION_COUNT);
        }
        limit_bytes(a);
    }
}

void scenario_draw(struct scenario *s, uint64_t seed, unsigned profile)
{
    struct sim_random random = sim_random(seed, profile, SIM_USE_SCENARIO), *r = &random;
    *s = (struct scenario){ .seed = seed, .profile_index = profile, .profile = &sim_profiles[profile] };
    s->start_ns = draw_start(r);
    draw_topology(r, s);
    draw_applications(r, s);
    s->lacks_memory = s->profile->deeds[SIM_DEED_MEMORY] && draw_chance(r, 40);
    s->healing_ns = draw_range(r, s->profile->healing_s) * SECOND;
    bool is_plain = draw_chance(r, 50);
    for (unsigned h = 0; h < s->host_count && !is_plain; h++)
        for (unsigned i = 0; i < SIM_SYSCTLS; i++) s->sysctls[h][i] = (uint8_t)draw(r, SYSCTL_COUNT);
}

/* --- for people */

struct writer { char *at; size_t left; };

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(w->at, w->left, format, arguments);
    va_end(arguments);
    size_t took = n < 0 ? 0 : (size_t)n < w->left ? (size_t)n : w->left ? w->left - 1 : 0;
    w->at += took;
    w->left -= took;
}

static unsigned tenths_of_percent(uint32_t part) { return (unsigned)(((uint64_t)part * 1000 + (1u << 31)) >> 32); }

static void put_link(struct writer *w, const struct scenario *s, unsigned i)
{
    const struct link_plan *l = &s->links[i];
    const struct weir_link_faults *f = &l->faults;
    const struct { const char *name; uint32_t part; } parts[] = {
        { "loss", f->loss }, { "duplicate", f->duplicate }, { "corrupt", f->corrupt }, { "reorder", f->reorder },
    };
    for (unsigned e = 0; e < 2; e++) put(w, "%s%s%u", e ? "-" : "  ", l->nodes[e] < s->host_count ? "host" : "router", l->nodes[e]);
    put(w, ": mtu %u, delay %u ms, jitter %u ms", l->mtu_bytes, (unsigned)(f->delay_ns / MS), (unsigned)(f->jitter_ns / MS));
    for (unsigned p = 0; p < 4; p++)
        if (parts[p].part) put(w, ", %s %u.%u%%", parts[p].name, tenths_of_percent(parts[p].part) / 10, tenths_of_percent(parts[p].part) % 10);
    if (f->rate_bits_per_s) put(w, ", %u Mbit/s", (unsigned)(f->rate_bits_per_s / 1000000));
    put(w, ", queue %u\n", f->limit_packets);
}

static void put_application(struct writer *w, const struct scenario *s, unsigned i)
{
    const struct application_plan *a = &s->applications[i];
    put(w, "  %u: %s host%u -> host%u, IPv%u, %lu and %lu bytes", i, application_name(a->kind), a->hosts[0], a->hosts[1], a->is6 ? 6 : 4,
        (unsigned long)a->bytes[0], (unsigned long)a->bytes[1]);
    if (a->repeats > 1) put(w, ", %u times", a->repeats);
    if (a->abort) put(w, ", %s %s after %lu", a->abort_side ? "server" : "client", a->abort == ABORT_LINGER ? "resets" : "closes", (unsigned long)a->abort_bytes);
    for (unsigned side = 0; side < 2; side++)
        for (unsigned o = 0; o < a->option_count[side]; o++)
            put(w, "%s%s", o ? " " : side ? "; server " : "; client ", sim_socket_options[a->options[side][o]].text);
    put(w, "\n");
}

void scenario_describe(const struct scenario *s, char *text, size_t bytes)
{
    struct writer w = { text, bytes };
    put(&w, "  %s, IPv%s, clock from %lu ns, healed after %u s%s\n", s->profile->name, s->has4 ? s->has6 ? "4 and 6" : "4" : "6",
        (unsigned long)s->start_ns, (unsigned)(s->healing_ns / SECOND), s->lacks_memory ? ", memory fails" : "");
    for (unsigned l = 0; l < s->link_count; l++) put_link(&w, s, l);
    for (unsigned i = 0; i < s->application_count; i++) put_application(&w, s, i);
    for (unsigned h = 0; h < s->host_count; h++)
        for (unsigned i = 0; i < SIM_SYSCTLS; i++)
            if (sim_sysctls[s->sysctls[h][i]].path) put(&w, "  host%u: %s = %s\n", h, sim_sysctls[s->sysctls[h][i]].path, sim_sysctls[s->sysctls[h][i]].value);
}
