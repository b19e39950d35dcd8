/* UDP echo: a client sends datagrams of the pattern, the server sends back what it got. Datagrams may be lost, doubled and
 * swapped, never changed but where no checksum can tell; after the network has healed one must come back. */
#include "sim/program.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define AGAIN_NS (500 * SIM_MS)
enum { PATIENCE = 40 }; /* datagrams without an answer, then another socket: this one may be bound to an address that is gone */

struct echo_head { uint64_t seed; uint32_t program, number, bytes, magic; };
enum { ECHO_MAGIC = 0x6f686365, ECHO_BYTES_MAX = 9000, FLIPS_MAX = 4 };

struct view { struct run *run; unsigned number; struct program *p; const struct application_plan *plan; struct connection *c; };

static struct weir_task *task_of(const struct view *v, unsigned side) { return v->run->nodes[v->plan->hosts[side]].task; }

/* Lost memory, a cable without an end, a lie: a datagram socket may say so at any call. */
static bool is_passing(const struct view *v, const char *call)
{
    static const int passing[] = { EAGAIN, EMSGSIZE, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EPROTO, EOPNOTSUPP, EACCES,
                                   ENETDOWN, EADDRNOTAVAIL, EHOSTDOWN, ENONET };
    int error = errno;
    bool is_calm = !v->run->scenario.profile->deed_ms.high;
    if (check_is_memory(v->run, error)) return true;
    for (unsigned i = 0; i < (is_calm ? 2 : sizeof passing / sizeof passing[0]); i++)
        if (error == passing[i]) return true;
    run_fail(v->run, "program %u: %s of a datagram: %s", v->number, call, strerrorname_np(error));
    return false;
}

static void open_sockets(const struct view *v)
{
    struct connection *c = v->c;
    struct sockaddr_storage a;
    socklen_t n = topology_address(v->run, v->plan->hosts[1], v->plan->is6, v->plan->port, &a);
    *c = (struct connection){ .ends = { { .fd = -1 }, { .fd = -1 } }, .began_ns = v->run->now_ns, .key = v->number * 977 };
    for (unsigned side = 0; side < 2; side++) {
        loop_sync(v->run, v->plan->hosts[side]);
        c->ends[side].fd = weir_socket(task_of(v, side), a.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (c->ends[side].fd < 0) goto later;
    }
    if (weir_bind(task_of(v, 1), c->ends[1].fd, (void *)&a, n)) goto later;
    if (weir_connect(task_of(v, 0), c->ends[0].fd, (void *)&a, n)) goto later;
    for (unsigned side = 0; side < 2; side++) program_watch(v->run, v->number, side, c->ends[side].fd, &c->ends[side].has_watch);
    v->p->is_open = true;
    return;
later:
    is_passing(v, "opening");
    for (unsigned side = 0; side < 2; side++) program_close(v->run, v->number, side);
    program_at(v->p, v->run->now_ns + AGAIN_NS);
}

static void serve(const struct view *v)
{
    static uint8_t block[ECHO_BYTES_MAX];
    struct sockaddr_storage from;
    socklen_t n = sizeof from;
    ssize_t bytes;
    loop_sync(v->run, v->plan->hosts[1]);
    while ((bytes = weir_recvfrom(task_of(v, 1), v->c->ends[1].fd, block, sizeof block, 0, (void *)&from, &n)) >= 0) {
        digest_result(v->run, v->number << 4 | 4, (uint64_t)bytes);
        if (weir_sendto(task_of(v, 1), v->c->ends[1].fd, block, (size_t)bytes, MSG_NOSIGNAL, (void *)&from, n) < 0) is_passing(v, "the echo");
        n = sizeof from;
    }
    is_passing(v, "receiving");
}

/* The datagram of that number. */
static void compose(const struct view *v, uint32_t number, uint8_t block[ECHO_BYTES_MAX])
{
    size_t bytes = v->plan->bytes[0];
    struct echo_head head = { v->run->scenario.seed, v->number, number, (uint32_t)bytes, ECHO_MAGIC };
    memcpy(block, &head, sizeof head);
    memcpy(block + sizeof head, pattern_at(v->c->key, number), bytes - sizeof head);
}

/* What the Internet checksum makes of it, but for its last folding. */
static uint32_t sum_of(const uint8_t *at, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; i++) sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    return sum % 0xffff;
}

/* Cables flip a bit of a frame. Two flips in two fragments of a datagram may cancel out in its checksum: nobody can tell. */
static bool is_spoilt_unseen(const struct view *v, const uint8_t *block, size_t bytes)
{
    static uint8_t right[ECHO_BYTES_MAX];
    if (!v->run->scenario.profile->corrupt_percent_max || bytes != v->plan->bytes[0]) return false;
    for (uint32_t number = 0; number < v->c->ends[0].sent; number++) {
        unsigned flips = 0;
        compose(v, number, right);
        for (size_t i = 0; i < bytes; i++) flips += (unsigned)__builtin_popcount(block[i] ^ right[i]);
        if (flips <= FLIPS_MAX) return sum_of(block, bytes) == sum_of(right, bytes);
    }
    return false;
}

static void check(const struct view *v, const uint8_t *block, size_t bytes)
{
    static uint8_t right[ECHO_BYTES_MAX];
    struct echo_head head = { 0 };
    if (bytes >= sizeof head) memcpy(&head, block, sizeof head);
    compose(v, head.number, right);
    if (bytes != v->plan->bytes[0] || memcmp(block, right, bytes) != 0) {
        if (!is_spoilt_unseen(v, block, bytes)) run_fail(v->run, "program %u: a datagram of %zu bytes that nobody sent", v->number, bytes);
    } else if (head.number + 1 == v->c->ends[0].sent) {
        v->c->ends[0].has_ended = true; /* the last one came back */
    }
    v->run->bytes += bytes;
}

static void collect(const struct view *v)
{
    static uint8_t block[ECHO_BYTES_MAX];
    ssize_t bytes;
    loop_sync(v->run, v->plan->hosts[0]);
    while ((bytes = weir_recv(task_of(v, 0), v->c->ends[0].fd, block, sizeof block, 0)) >= 0) {
        digest_result(v->run, v->number << 4 | 5, (uint64_t)bytes);
        check(v, block, (size_t)bytes);
    }
    is_passing(v, "receiving");
}

static void ask(const struct view *v)
{
    static uint8_t block[ECHO_BYTES_MAX];
    struct end *e = &v->c->ends[0];
    loop_sync(v->run, v->plan->hosts[0]);
    compose(v, (uint32_t)e->sent, block);
    if (weir_send(task_of(v, 0), e->fd, block, v->plan->bytes[0], MSG_NOSIGNAL) < 0) is_passing(v, "sending");
    e->sent++;
    e->has_ended = false;
    e->wake_ns = v->run->now_ns + (e->sent >= v->plan->repeats ? AGAIN_NS : v->plan->write_pause_ns[0]);
}

bool datagram_work(struct run *run, unsigned program)
{
    struct program *p = &run->programs[program];
    const struct application_plan *plan = &run->scenario.applications[program];
    struct view view = { run, program, p, plan, &p->connection }, *v = &view;
    p->next_ns = UINT64_MAX;
    if (run->now_ns < run->began_ns + plan->start_ns) {
        p->next_ns = run->began_ns + plan->start_ns;
        return false;
    }
    if (!p->is_open) open_sockets(v);
    if (!p->is_open) return true;
    if (!program_is_stalled(run, program, 1)) serve(v);
    if (!program_is_stalled(run, program, 0)) {
        collect(v);
        struct end *e = &p->connection.ends[0];
        if (e->has_ended && e->sent >= plan->repeats) {
            program_next_round(run, program);
            return true;
        }
        if (e->sent >= plan->repeats + PATIENCE) {
            for (unsigned side = 0; side < 2; side++) program_close(run, program, side);
            p->is_open = false;
            p->next_ns = run->now_ns;
            return true;
        }
        if (run->now_ns >= e->wake_ns) ask(v);
        program_at(p, e->wake_ns > run->now_ns ? e->wake_ns : run->now_ns);
    }
    for (unsigned side = 0; side < 2; side++)
        if (!p->connection.ends[side].has_watch) program_watch(run, program, side, p->connection.ends[side].fd, &p->connection.ends[side].has_watch);
    return true;
}
