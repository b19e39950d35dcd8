/* poll and select over files of the machine. What waits is one entry for each file, kept in the call while it is parked. */
#include "syscall/calls.h"

#define FDS_MOST 65536
#define NO_EVENTS_LOST (EPOLLERR | EPOLLHUP | POLLNVAL)

struct poll_wait { struct wait_entry entry; struct call *call; struct file *file; };
struct poll_state { uint32_t count; struct poll_wait waits[]; };

static void poll_wake(struct wait_entry *e, uint32_t events)
{
    (void)events;
    call_wake(container_of(e, struct poll_wait, entry)->call);
}

static size_t state_bytes(uint32_t count) { return sizeof(struct poll_state) + count * sizeof(struct poll_wait); }

static void release(struct call *c)
{
    struct poll_state *state = c->state;
    for (uint32_t i = 0; i < state->count; i++) {
        wait_remove(&state->waits[i].entry);
        if (state->waits[i].file) file_put(state->waits[i].file);
    }
    machine_free(c->task->machine, state, state_bytes(state->count));
    c->state = NULL;
}

static int64_t wait_on(struct call *c, const struct pollfd *fds, uint32_t count, uint64_t timeout_ns)
{
    if (!timeout_ns || c->never_park) return 0;
    if (!c->state) {
        struct poll_state *state = machine_alloc(c->task->machine, state_bytes(count));
        if (!state) return -ENOMEM;
        state->count = count;
        c->state = state;
        c->release_state = release;
        for (uint32_t i = 0; i < count; i++) {
            struct poll_wait *w = &state->waits[i];
            *w = (struct poll_wait){ .entry.wake = poll_wake, .call = c };
            w->file = fds[i].fd < 0 ? NULL : c->task->ops->file_get(c->task, fds[i].fd);
            struct wait_queue *q = w->file ? file_wait_queue(w->file) : NULL;
            if (q) wait_add(q, &w->entry);
        }
    }
    return call_wait_timeout(c, timeout_ns) == CALL_PARKED ? CALL_PARKED : 0;
}

static short poll_one(struct call *c, const struct pollfd *p)
{
    if (p->fd < 0) return 0;
    struct file *f = c->task->ops->file_get(c->task, p->fd);
    if (!f) return POLLNVAL;
    uint32_t mask = file_poll(f) & ((uint32_t)(uint16_t)p->events | NO_EVENTS_LOST);
    file_put(f);
    return (short)mask;
}

static int64_t poll_fds(struct call *c, struct pollfd *fds, uint32_t count, uint64_t timeout_ns)
{
    int64_t ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        fds[i].revents = poll_one(c, &fds[i]);
        if (fds[i].revents) ready++;
    }
    return ready ? ready : wait_on(c, fds, count, timeout_ns);
}

static int64_t poll_until(struct call *c, uint64_t timeout_ns)
{
    const struct user_memory *u = c->task->memory;
    if (c->args[1] > FDS_MOST) return -EINVAL;
    uint32_t count = (uint32_t)c->args[1];
    struct pollfd *fds = memory_alloc(c->task->machine->memory, max_of(count, 1u) * sizeof *fds);
    if (!fds) return -ENOMEM;
    int64_t result = user_in(u, fds, c->args[0], count * sizeof *fds);
    if (!result) result = poll_fds(c, fds, count, timeout_ns);
    for (uint32_t i = 0; i < count && result >= 0; i++)
        if (user_out(u, c->args[0] + i * sizeof *fds + offsetof(struct pollfd, revents), &fds[i].revents, sizeof fds->revents))
            result = -EFAULT;
    machine_free(c->task->machine, fds, max_of(count, 1u) * sizeof *fds);
    return result;
}

int64_t sys_poll(struct call *c)
{
    int ms = (int)c->args[2];
    return poll_until(c, milliseconds(ms));
}

int64_t sys_ppoll(struct call *c)
{
    uint64_t timeout_ns;
    int error = import_timespec(c->task, c->args[2], &timeout_ns);
    return error ? error : poll_until(c, timeout_ns);
}

/* --- select: the three sets become one list of struct pollfd */

#define SELECT_MOST 1024 /* FD_SETSIZE; larger sets are the business of doors whose table is larger */
#define SELECT_IN (EPOLLRDNORM | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define SELECT_EX EPOLLPRI

struct select_sets { uint64_t bits[3][SELECT_MOST / 64]; };

static bool has(const uint64_t *bits, uint32_t fd) { return bits[fd / 64] >> (fd % 64) & 1; }

static int64_t collect_select(const struct select_sets *in, struct select_sets *out, const struct pollfd *fds, uint32_t count)
{
    static const uint32_t masks[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
    int64_t ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i].revents & POLLNVAL) return -EBADF;
        uint32_t fd = (uint32_t)fds[i].fd;
        for (int set = 0; set < 3; set++) {
            if (!has(in->bits[set], fd) || !((uint32_t)(uint16_t)fds[i].revents & masks[set])) continue;
            out->bits[set][fd / 64] |= 1ull << (fd % 64);
            ready++;
        }
    }
    return ready;
}

static int64_t select_fds(struct call *c, const struct select_sets *in, struct select_sets *out, uint32_t count, uint64_t timeout_ns)
{
    struct pollfd fds[SELECT_MOST];
    uint32_t used = 0;
    for (uint32_t fd = 0; fd < count; fd++) {
        if (!has(in->bits[0], fd) && !has(in->bits[1], fd) && !has(in->bits[2], fd)) continue;
        fds[used] = (struct pollfd){ .fd = (int)fd, .events = (short)(SELECT_IN | SELECT_OUT | SELECT_EX) };
        fds[used].revents = poll_one(c, &fds[used]);
        used++;
    }
    int64_t ready = collect_select(in, out, fds, used);
    return ready ? ready : wait_on(c, fds, used, timeout_ns);
}

static int64_t select_until(struct call *c, uint64_t timeout_ns)
{
    const struct user_memory *u = c->task->memory;
    struct select_sets in = { 0 }, out = { 0 };
    if ((int)c->args[0] < 0) return -EINVAL;
    uint32_t count = min_of((uint32_t)c->args[0], SELECT_MOST);
    size_t bytes = (count + 63) / 64 * 8;
    for (int set = 0; set < 3; set++)
        if (c->args[1 + set] && user_in(u, in.bits[set], c->args[1 + set], bytes)) return -EFAULT;
    int64_t result = select_fds(c, &in, &out, count, timeout_ns);
    for (int set = 0; set < 3 && result >= 0; set++)
        if (c->args[1 + set] && user_out(u, c->args[1 + set], out.bits[set], bytes)) return -EFAULT;
    return result;
}

int64_t sys_select(struct call *c)
{
    struct { int64_t s, us; } tv;
    if (!c->args[4]) return select_until(c, NS_NEVER);
    if (user_in(c->task->memory, &tv, c->args[4], sizeof tv)) return -EFAULT;
    if (tv.s < 0 || tv.us < 0) return -EINVAL;
    return select_until(c, (uint64_t)tv.s * NS_PER_S + (uint64_t)tv.us * NS_PER_US);
}

int64_t sys_pselect(struct call *c)
{
    uint64_t timeout_ns;
    int error = import_timespec(c->task, c->args[4], &timeout_ns);
    return error ? error : select_until(c, timeout_ns);
}
