/* The programs of one TCP application: a client, a server, one connection at a time. Each writes a part of the pattern and
 * knows what it must read. Nothing waits: a watch or a time of its own brings a program back. */
#include "sim/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum { FLIPS_MAX = 4 };
#define RETRY_NS (100 * SIM_MS)              /* no event tells that memory is there again */
#define AFTER_ABORT_NS (5 * SIM_SECOND)
#define GIVE_UP_NS (130 * SIM_SECOND)        /* longer than a SYN queue remembers */

struct view { struct run *run; unsigned number; struct program *p; const struct application_plan *plan; struct connection *c; };

static struct weir_task *task_of(const struct view *v, unsigned side) { return v->run->nodes[v->plan->hosts[side]].task; }

static void tell(const struct view *v, unsigned side, enum referee_call_kind kind, int64_t result, const void *data, int argument)
{
    program_tell(v->run, v->number, side, (struct referee_call){ .kind = kind, .result = result, .data = data, .argument = argument });
}

/* False: it failed. */
static bool set_option(const struct view *v, unsigned side, int fd, int level, int name, const void *value, socklen_t bytes)
{
    if (weir_setsockopt(task_of(v, side), fd, level, name, value, bytes)) return false;
    program_tell(v->run, v->number, side,
                 (struct referee_call){ .kind = REFEREE_SOCKOPT, .argument = level << 16 | name, .option_value = *(const int *)value });
    return true;
}

static void set_options(const struct view *v, unsigned side, int fd)
{
    for (unsigned i = 0; i < v->plan->option_count[side]; i++) {
        const struct socket_option *o = &sim_socket_options[v->plan->options[side][i]];
        if (!set_option(v, side, fd, o->level, o->name, &o->value, sizeof o->value) && !check_errno(v->run, v->number, true, errno)) return;
    }
}

static bool open_listener(const struct view *v)
{
    struct weir_task *t = task_of(v, 1);
    struct sockaddr_storage a;
    int one = 1;
    socklen_t n = topology_address(v->run, v->plan->hosts[1], v->plan->is6, v->plan->port, &a);
    if (v->p->listener >= 0) return true;
    int fd = weir_socket(t, a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    set_options(v, 1, fd);
    if (!set_option(v, 1, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || weir_bind(t, fd, (void *)&a, n) || weir_listen(t, fd, 5)) {
        int error = errno;
        weir_close(t, fd);
        errno = error;
        return false;
    }
    v->p->listener = fd;
    v->p->listener_has_watch = false;
    return true;
}

/* Nothing now; or an error that may come here, and the connection is over; or a failure of the run. */
static bool is_passing(const struct view *v, unsigned side, const char *call)
{
    struct end *e = &v->c->ends[side];
    int error = errno;
    if (error == EAGAIN) return true;
    bool is_allowed = check_errno(v->run, v->number, !e->is_connected, error);
    if (!is_allowed) {
        run_fail(v->run, "program %u, %s: %s: %s", v->number, side ? "server" : "client", call, strerrorname_np(error));
        return false;
    }
    if (check_is_memory(v->run, error)) {
        program_at(v->p, v->run->now_ns + RETRY_NS);
        return true;
    }
    return false;
}

static void open_connection(const struct view *v)
{
    struct connection *c = v->c;
    struct sockaddr_storage a, own;
    socklen_t n = topology_address(v->run, v->plan->hosts[1], v->plan->is6, v->plan->port, &a), own_bytes = sizeof own;
    *c = (struct connection){ .ends = { { .fd = -1 }, { .fd = -1 } }, .began_ns = v->run->now_ns, .moved_ns = v->run->now_ns,
                              .key = v->number * 977 + v->p->round * 2 };
    loop_sync(v->run, v->plan->hosts[0]);
    loop_sync(v->run, v->plan->hosts[1]);
    if (!open_listener(v)) { /* no memory, or its address is gone with the interface: later */
        if (!is_passing(v, 1, "listen")) program_at(v->p, v->run->now_ns + RETRY_NS);
        return;
    }
    struct end *e = &c->ends[0];
    e->fd = weir_socket(task_of(v, 0), a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (e->fd < 0) {
        is_passing(v, 0, "socket");
        return;
    }
    set_options(v, 0, e->fd);
    v->p->is_open = true;
    v->run->connections++;
    int result = weir_connect(task_of(v, 0), e->fd, (void *)&a, n), error = errno;
    if (weir_getsockname(task_of(v, 0), e->fd, (void *)&own, &own_bytes) == 0) e->local_port = ntohs(((struct sockaddr_in *)&own)->sin_port);
    e->remote_port = v->plan->port;
    errno = error;
    if (result && error != EINPROGRESS && (!is_passing(v, 0, "connect") || error != EAGAIN)) program_next_round(v->run, v->number);
}

static bool has_connected(const struct view *v)
{
    struct end *e = &v->c->ends[0];
    struct pollfd poll = { e->fd, POLLOUT, 0 };
    if (weir_poll(task_of(v, 0), &poll, 1) != 1) return false;
    if (poll.revents & (POLLERR | POLLHUP)) {
        int error = 0;
        socklen_t n = sizeof error;
        weir_getsockopt(task_of(v, 0), e->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        tell(v, 0, REFEREE_CONNECT, -error, NULL, 0);
        errno = error;
        if (!is_passing(v, 0, "connect") || check_is_memory(v->run, error)) program_next_round(v->run, v->number);
        return false;
    }
    e->is_connected = poll.revents & POLLOUT;
    if (e->is_connected) tell(v, 0, REFEREE_CONNECT, 0, NULL, 0);
    return e->is_connected;
}

/* What a client of an earlier round left in the queue is not this one's. */
static bool accept_one(const struct view *v)
{
    struct end *e = &v->c->ends[1];
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int fd = weir_accept4(task_of(v, 1), v->p->listener, (void *)&peer, &n, SOCK_NONBLOCK);
    if (fd < 0 && errno == ECONNABORTED) { /* it was reset while it waited in the queue */
        if (!v->plan->abort && !v->run->scenario.profile->deed_ms.high) run_fail(v->run, "program %u: accept: ECONNABORTED", v->number);
        return true;
    }
    if (fd < 0) {
        is_passing(v, 1, "accept");
        return false;
    }
    uint16_t port = ntohs(((struct sockaddr_in *)&peer)->sin_port);
    digest_result(v->run, v->number << 4 | 3, port);
    if (e->is_connected || e->is_closed || port != v->c->ends[0].local_port) {
        weir_close(task_of(v, 1), fd);
        return true;
    }
    *e = (struct end){ .fd = fd, .is_connected = true, .local_port = v->plan->port, .remote_port = port };
    tell(v, 1, REFEREE_ACCEPT, 0, NULL, 0);
    program_watch(v->run, v->number, 1, fd, &e->has_watch);
    return true;
}

/* How many bytes of its stream a side may have written by now. */
static uint64_t writable(const struct view *v, unsigned side)
{
    const struct end *e = &v->c->ends[side];
    const struct application_plan *a = v->plan;
    uint64_t all = a->bytes[side], allowed = all;
    if (v->run->options->plant == SIM_PLANT_STUCK && all && !side) all--;
    if (a->order == ORDER_AFTER_END && side && !e->has_ended) return 0;
    if (a->order == ORDER_TURNS) allowed = side ? e->received / a->unit[0] * a->unit[1] : (e->received / a->unit[1] + 1) * a->unit[0];
    return allowed < all ? allowed : all;
}

static bool may_shut(const struct view *v, unsigned side)
{
    const struct end *e = &v->c->ends[side];
    return !e->has_shut && e->sent == v->plan->bytes[side] && (v->plan->order != ORDER_AFTER_END || !side || e->has_ended);
}

static bool waits(const struct view *v, uint64_t *until_ns, uint64_t pause_ns)
{
    if (!pause_ns || v->run->is_healed) return false;
    if (*until_ns > v->run->now_ns) return true;
    *until_ns = v->run->now_ns + pause_ns;
    return false;
}

static bool push(const struct view *v, unsigned side)
{
    struct end *e = &v->c->ends[side];
    uint64_t limit = writable(v, side), want = limit - e->sent;
    if (e->has_shut) return false;
    if (e->sent < limit) {
        if (waits(v, &e->wake_ns, v->plan->write_pause_ns[side])) return false;
        if (want > v->plan->write_bytes[side]) want = 1 + draw(&v->run->programs_random, v->plan->write_bytes[side]);
        const uint8_t *data = pattern_at(v->c->key + side, e->sent);
        ssize_t took = weir_send(task_of(v, side), e->fd, data, want, MSG_NOSIGNAL);
        if (took < 0 && errno == EAGAIN) {
            e->wake_ns = 0;
            return false;
        }
        int error = errno;
        tell(v, side, REFEREE_SEND, took < 0 ? -error : took, data, 0);
        errno = error;
        if (took < 0) {
            if (!is_passing(v, side, "send")) program_close(v->run, v->number, side);
            return false;
        }
        e->sent += (uint64_t)took;
        return true;
    }
    if (!may_shut(v, side)) return false;
    if (weir_shutdown(task_of(v, side), e->fd, SHUT_WR)) {
        if (errno != ENOTCONN || !v->c->excuses) run_fail(v->run, "program %u: shutdown: %s", v->number, strerrorname_np(errno));
        program_close(v->run, v->number, side); /* a reset came in between */
        return false;
    }
    e->has_shut = true;
    tell(v, side, REFEREE_SHUTDOWN, 0, NULL, SHUT_WR);
    return true;
}

static void take_end(const struct view *v, unsigned side)
{
    struct end *e = &v->c->ends[side];
    e->has_ended = true;
    if (e->received == v->plan->bytes[!side] || v->c->excuses & EXCUSE_ABORTED) return;
    run_fail(v->run, "program %u, %s: the end came after %lu of %lu bytes", v->number, side ? "server" : "client", (unsigned long)e->received,
             (unsigned long)v->plan->bytes[!side]);
}

/* Cables flip a bit of a frame. Where two do that to the same one, a second flip may undo the first in the checksum, and no
 * host can tell: a bit here and there, where frames pass more than one cable. */
static bool is_spoilt_unseen(const struct view *v, const uint8_t *block, const uint8_t *right, size_t bytes)
{
    unsigned flips = 0, wrong = 0;
    if (!v->run->scenario.profile->corrupt_percent_max || !v->run->scenario.router_count) return false;
    for (size_t i = 0; i < bytes; i++) {
        unsigned bits = (unsigned)__builtin_popcount(block[i] ^ right[i]);
        flips += bits;
        wrong += bits != 0;
    }
    return flips == wrong && flips <= FLIPS_MAX;
}

static void compare(const struct view *v, unsigned side, uint8_t *block, size_t bytes)
{
    struct end *e = &v->c->ends[side];
    const uint8_t *right = pattern_at(v->c->key + !side, e->received);
    if (v->run->options->plant == SIM_PLANT_FLIP && !v->run->has_planted) {
        v->run->has_planted = true;
        block[bytes / 2] ^= 1;
    }
    if (e->received + bytes > v->plan->bytes[!side]) {
        run_fail(v->run, "program %u, %s: more than was sent", v->number, side ? "server" : "client");
    } else if (memcmp(block, right, bytes) != 0 && !is_spoilt_unseen(v, block, right, bytes)) {
        size_t at = 0;
        while (block[at] == right[at]) at++;
        run_fail(v->run, "program %u, %s: byte %lu is %02x and should be %02x", v->number, side ? "server" : "client",
                 (unsigned long)(e->received + at), block[at], right[at]);
    }
    e->received += bytes;
    v->run->bytes += bytes;
}

static bool pull(const struct view *v, unsigned side, uint64_t *pause_ns)
{
    static uint8_t block[SIM_BLOCK_BYTES];
    struct end *e = &v->c->ends[side];
    if (e->has_ended || waits(v, pause_ns, v->plan->read_pause_ns[side])) return false;
    size_t want = v->plan->read_bytes[side];
    ssize_t n = weir_recv(task_of(v, side), e->fd, block, want, 0);
    int error = errno;
    if (n < 0 && error == EAGAIN) {
        if (v->plan->read_pause_ns[side]) *pause_ns = 0;
        return false;
    }
    if (v->run->options->plant == SIM_PLANT_ERRNO) n = -1, error = ENOTCONN;
    tell(v, side, REFEREE_RECV, n < 0 ? -error : n, block, 0);
    errno = error;
    if (n < 0) {
        if (!is_passing(v, side, "recv")) program_close(v->run, v->number, side);
        return false;
    }
    if (n == 0) take_end(v, side);
    else compare(v, side, block, (size_t)n);
    return true;
}

static void maybe_abort(const struct view *v, unsigned side)
{
    struct end *e = &v->c->ends[side];
    const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    if (!v->plan->abort || side != v->plan->abort_side || e->sent + e->received < v->plan->abort_bytes) return;
    v->c->excuses |= EXCUSE_ABORTED;
    v->c->abort_ns = v->run->now_ns;
    if (v->plan->abort == ABORT_LINGER) set_option(v, side, e->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    program_close(v->run, v->number, side);
}

static bool work_side(const struct view *v, unsigned side)
{
    struct end *e = &v->c->ends[side];
    bool moved = false, moves = true;
    if (!e->is_connected || e->fd < 0 || program_is_stalled(v->run, v->number, side)) return false;
    if (!v->run->is_healed && v->c->began_ns + v->plan->idle_ns > v->run->now_ns) {
        program_at(v->p, v->c->began_ns + v->plan->idle_ns < v->run->healing_ns ? v->c->began_ns + v->plan->idle_ns : v->run->healing_ns);
        return false;
    }
    loop_sync(v->run, v->plan->hosts[side]);
    while (moves && e->fd >= 0 && !v->run->has_failed) {
        moves = push(v, side);
        if (e->fd >= 0) moves |= pull(v, side, &e->read_ns);
        if (e->fd >= 0) maybe_abort(v, side);
        moved |= moves;
    }
    return moved;
}

static bool is_over(const struct view *v)
{
    const struct end *a = &v->c->ends[0], *b = &v->c->ends[1];
    if (a->is_closed && b->is_closed) return true;
    if (v->c->excuses & EXCUSE_ABORTED) {
        const struct end *left = &v->c->ends[!v->plan->abort_side];
        return left->is_closed || (left->has_ended && left->has_shut) || v->run->now_ns >= v->c->abort_ns + AFTER_ABORT_NS;
    }
    if (a->is_closed || b->is_closed) return true; /* by an error that was allowed: the other may never hear of it */
    return a->has_ended && b->has_ended && a->has_shut && b->has_shut;
}

/* Where a segment that cannot be repeated was lost, or somebody lied, one end may wait for ever. */
static bool may_give_up(const struct view *v)
{
    bool was_never_accepted = !v->c->ends[1].is_connected && v->c->began_ns < v->run->healing_ns;
    return was_never_accepted || v->c->excuses;
}

static void note_times(const struct view *v)
{
    for (unsigned side = 0; side < 2; side++) {
        struct end *e = &v->c->ends[side];
        if (e->wake_ns > v->run->now_ns) program_at(v->p, e->wake_ns);
        if (e->read_ns > v->run->now_ns) program_at(v->p, e->read_ns);
        if (e->fd >= 0 && !e->has_watch) program_at(v->p, v->run->now_ns + RETRY_NS);
    }
    if (v->c->excuses & EXCUSE_ABORTED) program_at(v->p, v->c->abort_ns + AFTER_ABORT_NS);
    if (may_give_up(v)) program_at(v->p, v->c->moved_ns + GIVE_UP_NS);
}

bool stream_work(struct run *run, unsigned program)
{
    struct program *p = &run->programs[program];
    const struct application_plan *plan = &run->scenario.applications[program];
    struct view view = { run, program, p, plan, &p->connection }, *v = &view;
    struct end *client = &p->connection.ends[0];
    bool moved = false;
    p->next_ns = UINT64_MAX;
    if (run->now_ns < run->began_ns + plan->start_ns && !p->is_open) {
        p->next_ns = run->began_ns + plan->start_ns;
        return false;
    }
    if (!p->is_open) {
        if (!program_is_stalled(run, program, 0)) open_connection(v);
        if (!p->is_open) return true;
    }
    loop_sync(run, plan->hosts[0]);
    loop_sync(run, plan->hosts[1]);
    if (client->fd >= 0 && !client->has_watch) program_watch(run, program, 0, client->fd, &client->has_watch);
    if (p->connection.ends[1].fd >= 0 && !p->connection.ends[1].has_watch)
        program_watch(run, program, 1, p->connection.ends[1].fd, &p->connection.ends[1].has_watch);
    if (!p->listener_has_watch) program_watch(run, program, 2, p->listener, &p->listener_has_watch);
    if (client->fd >= 0 && !client->is_connected) has_connected(v);
    if (!p->is_open || run->has_failed) return true;
    if (!program_is_stalled(run, program, 1)) while (accept_one(v)) moved = true;
    for (unsigned side = 0; side < 2; side++) moved |= work_side(v, side);
    if (moved) p->connection.moved_ns = run->now_ns;
    if (is_over(v) || (may_give_up(v) && run->now_ns >= p->connection.moved_ns + GIVE_UP_NS)) program_next_round(run, program);
    else note_times(v);
    return moved;
}
