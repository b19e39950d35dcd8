/* What must hold, whatever the network did. */
#include "sim/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "ip/state.h"
#include "tcp/fastopen.h"

void run_fail(struct run *run, const char *format, ...)
{
    struct sim_result *r = run->result;
    va_list arguments;
    if (run->has_failed) return;
    run->has_failed = true;
    uint64_t ms = (run->now_ns - run->scenario.start_ns) / SIM_MS;
    int n = snprintf(r->failure, sizeof r->failure, "at %lu.%03u s: ", (unsigned long)(ms / 1000), (unsigned)(ms % 1000));
    va_start(arguments, format);
    vsnprintf(r->failure + n, sizeof r->failure - (size_t)n, format, arguments);
    va_end(arguments);
}

static bool is_one_of(int error, const int *errors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (errors[i] == error) return true;
    return false;
}
#define IS_ONE_OF(error, ...) is_one_of(error, (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* Linux: a bind that finds no memory for the port says EADDRINUSE. */
bool check_is_memory(const struct run *run, int error)
{
    return run->scenario.lacks_memory && IS_ONE_OF(error, ENOMEM, ENOBUFS, ENFILE, EADDRINUSE);
}

#define TENTATIVE_NS (3 * SIM_SECOND)

bool check_errno(struct run *run, unsigned program, bool is_connecting, int error)
{
    const struct connection *c = &run->programs[program].connection;
    bool is_calm = !run->scenario.profile->deed_ms.high, was_hostile = !is_calm && c->began_ns < run->healing_ns;
    bool was_accepted = c->ends[1].is_connected;
    /* IPv6 addresses that came back are tentative for a while; who connects then may do so from ::1, as on Linux. */
    bool was_without_address = !is_calm && run->scenario.has6 && c->began_ns < run->healing_ns + TENTATIVE_NS;
    if (check_is_memory(run, error)) return true;
    if (is_connecting) {
        if (c->excuses & EXCUSE_LIED && IS_ONE_OF(error, ECONNREFUSED, ENOPROTOOPT, EPROTO, EOPNOTSUPP, EACCES, EHOSTDOWN, ENONET)) return true;
        if ((was_hostile || was_without_address) && IS_ONE_OF(error, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL)) return true;
        /* A lie makes a listener forget who is half open: the last ACK of the handshake is answered by a reset. */
        return (c->excuses & (EXCUSE_FORGED | EXCUSE_ABORTED | EXCUSE_LIED)) && IS_ONE_OF(error, ECONNRESET, ECONNREFUSED, EPIPE);
    }
    if (!IS_ONE_OF(error, ECONNRESET, EPIPE)) return false;
    /* A server may forget whom it never accepted: its SYN queue ends, its memory was short. */
    return c->excuses & (EXCUSE_FORGED | EXCUSE_ABORTED | EXCUSE_MEMORY) || (!was_accepted && was_hostile);
}

static bool is_waiting(const struct run *run, const struct program *p) { return !p->is_done && run->now_ns >= run_stuck_ns(run, p); }

/* Somebody waits for ever: who, and what for. */
void check_end(struct run *run)
{
    char text[1500];
    size_t at = 0;
    for (unsigned i = 0; i < run->scenario.application_count; i++) {
        const struct program *p = &run->programs[i];
        if (!is_waiting(run, p) || at + 300 > sizeof text) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "\n  program %u, round %u:", i, p->round);
        for (unsigned side = 0; side < 2; side++) {
            const struct end *e = &p->connection.ends[side];
            at += (size_t)snprintf(text + at, sizeof text - at, " %s port %u%s%s%s%s sent %lu received %lu;", side ? "server" : "client", e->local_port,
                                   e->is_connected ? "" : " not connected", e->has_shut ? " shut" : "", e->has_ended ? " ended" : "",
                                   e->is_closed ? " closed" : "", (unsigned long)e->sent, (unsigned long)e->received);
        }
    }
    run_fail(run, "nothing moves any more, and the network is healthy:%.*s", (int)at, text);
}

/* All programs are gone: no socket may be left, of any kind, but the keeper's own. */
void check_sockets(struct run *run)
{
    static const char *const paths[] = { "net/tcp", "net/tcp6", "net/udp6", "net/raw", "net/raw6", "net/udp" };
    static char text[65536];
    for (unsigned i = 0; i < run->scenario.node_count && !run->has_failed; i++)
        for (unsigned k = 0; k < sizeof paths / sizeof paths[0] && !run->has_failed; k++) {
            long n = weir_proc_read(run->nodes[i].keeper, paths[k], text, sizeof text);
            if (n > (long)sizeof text) n = sizeof text;
            const char *line = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
            if (!line) run_fail(run, "%s: %s cannot be read", run->nodes[i].name, paths[k]);
            else if (line != text + n - 1) run_fail(run, "%s: %s is not empty\n%.*s", run->nodes[i].name, paths[k], (int)(n > 1000 ? 1000 : n), text);
        }
}

/* Hash tables that grew stay as large as they are. */
#define SPARE_BYTES 16384

/* The table of path MTUs has one size and lives from the first lie to the end of the namespace. */
static uint64_t table_bytes(const struct node *n)
{
    const struct ip_net *ip = ((const struct machine *)n->machine)->initial_net->ip;
    return ip->pmtu ? PMTU_SLOTS * PMTU_DEPTH * sizeof *ip->pmtu : 0;
}

void check_memory(struct run *run)
{
    for (unsigned i = 0; i < run->scenario.node_count && !run->has_failed; i++) {
        const struct node *n = &run->nodes[i];
        tcp_metrics_flush(((struct machine *)n->machine)->initial_net, NULL); /* kept on purpose */
        uint64_t used = weir_machine_used_bytes(n->machine);
        if (used > n->baseline_bytes + table_bytes(n) + SPARE_BYTES)
            run_fail(run, "%s: %lu bytes of memory at the end, %lu at the start", n->name, (unsigned long)used, (unsigned long)n->baseline_bytes);
    }
}
