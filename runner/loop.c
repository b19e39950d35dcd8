/* The main loop of a machine's process.
 *
 * It waits with ppoll() on the listeners themselves: a listener inside an epoll would lose the synchronous wake-up that
 * makes a trapped call cheap. Everything else is in one epoll, looked at before each notification, so that a close comes
 * before the call that followed it. */
#include "runner/process.h"
#include "runner/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_EACH_TURN = 64, CALLS_BEFORE_TIMERS = 16 };

static const uint64_t unused_end_ns = 10000000000; /* a machine whose starter never came */
static const uint64_t check_ns = 5000000; /* for what nothing tells of */

uint64_t process_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int process_watch(struct process *p, int fd, struct source *source)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

    return epoll_ctl(p->door.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void on_signal(struct process *p)
{
    struct signalfd_siginfo info;

    if (read(p->signal_fd, &info, sizeof(info)) == sizeof(info))
        p->is_ending = true;
}

static void on_event(struct process *p, struct source *source, uint32_t events)
{
    switch (source->kind) {
    case SOURCE_SOCKET:
        sockets_event(container_of(source, struct door_socket, source), events);
        break;
    case SOURCE_TASK:
        notify_task_event(&p->door, source);
        break;
    case SOURCE_SERVED:
        served_event(source);
        break;
    case SOURCE_TAP:
        ports_event(container_of(source, struct port, source));
        break;
    case SOURCE_CONTROL_LISTENER:
        control_server_accept(p);
        break;
    case SOURCE_CONTROL_CLIENT:
        control_server_event(container_of(source, struct client, source));
        break;
    case SOURCE_SIGNAL:
        on_signal(p);
        break;
    case SOURCE_HANDOVER:
        install_done(&p->door);
        break;
    }
}

/* Sources that ended during a batch may still be named in the rest of it. */
static void bury(struct door *door)
{
    list_for_each_safe(node, next, &door->graveyard) {
        struct source *source = list_entry(node, struct source, graveyard_node);

        list_remove(node);
        switch (source->kind) {
        case SOURCE_SOCKET:
            free(container_of(source, struct door_socket, source));
            break;
        default:
            free(source); /* the source is the first member of all others */
        }
    }
}

/* Time goes on, timers stay: what came while this process did not run comes before them (fire_timers). */
static void move_clock(struct door *door)
{
    uint64_t now = process_now();

    if (now > door->machine->now_ns)
        door->machine->now_ns = now;
}

void loop_look_at_events(struct door *door)
{
    struct process *p = container_of(door, struct process, door);
    struct epoll_event events[EVENTS_EACH_TURN];
    int count;

    move_clock(door);
    do {
        count = epoll_wait(door->epoll_fd, events, EVENTS_EACH_TURN, 0);
        for (int i = 0; i < count; i++)
            on_event(p, events[i].data.ptr, events[i].events);
        if (count > 0)
            machine_settle(door->machine); /* what closes have set off */
        calls_reap(door);
        bury(door);
    } while (count == EVENTS_EACH_TURN);
}

static void end_run(struct process *p, struct run *run)
{
    struct door *door = &p->door;

    for (unsigned i = 0; i < TASK_BUCKETS; i++)
        for (struct task_ref *task = door->tasks.buckets[i], *next; task; task = next) {
            next = task->next;
            if (task->parked && task->parked->run == run)
                calls_cancel(task->parked);
            if (task->broker == &run->broker)
                notify_forget_task(door, task);
        }
    list_remove(&run->node);
    close(run->listener);
    if (run->is_brokered)
        close(run->broker.socket);
    free(run);
    door->run_count--;
}

static bool has_ended(const struct process *p)
{
    if (p->is_ending)
        return true;
    if (p->options.keep || p->door.run_count > 0 || !list_is_empty(&p->clients))
        return false;
    return p->had_program || process_now() - p->started_ns > unused_end_ns;
}

/* Somebody may have connected just now. */
static bool is_wanted(struct process *p)
{
    if (p->is_ending)
        return false;
    loop_look_at_events(&p->door);
    return !has_ended(p);
}

void loop_end_runs(struct process *p)
{
    while (!list_is_empty(&p->door.runs))
        end_run(p, list_first(&p->door.runs, struct run, node));
}

struct wait_set {
    struct pollfd *fds;
    unsigned capacity;
};

static unsigned fill_wait_set(struct process *p, struct wait_set *set)
{
    unsigned count = 1;

    if (set->capacity < p->door.run_count + 1) {
        unsigned capacity = p->door.run_count + 16;
        struct pollfd *grown = realloc(set->fds, capacity * sizeof(*grown));

        if (!grown)
            return 0;
        set->fds = grown;
        set->capacity = capacity;
    }
    set->fds[0] = (struct pollfd){ .fd = p->door.epoll_fd, .events = POLLIN };
    list_for_each(node, &p->door.runs)
        set->fds[count++] = (struct pollfd){ .fd = list_entry(node, struct run, node)->listener, .events = POLLIN };
    return count;
}

static void wait_until_due(struct process *p, struct pollfd *fds, unsigned count)
{
    uint64_t due = weir_machine_next_deadline(process_machine(p)), now = process_now();
    uint64_t limit = p->had_program || p->options.keep ? UINT64_MAX : p->started_ns + unused_end_ns;
    uint64_t wait_ns;
    struct timespec timeout;

    if ((!list_is_empty(&p->door.orphans) || !list_is_empty(&p->door.rings)) && limit > now + check_ns)
        limit = now + check_ns;
    if (due > limit)
        due = limit;
    wait_ns = due > now ? due - now : 0;
    timeout = (struct timespec){ .tv_sec = (time_t)(wait_ns / 1000000000U), .tv_nsec = (long)(wait_ns % 1000000000U) };
    ppoll(fds, count, due == UINT64_MAX ? NULL : &timeout, NULL);
}

/* Runs that came since the wait are behind those that were waited for. */
static void serve_runs(struct process *p, const struct pollfd *fds, unsigned count)
{
    unsigned i = 1;

    list_for_each_safe(node, next, &p->door.runs) {
        struct run *run = list_entry(node, struct run, node);
        short events;

        if (i >= count)
            return;
        events = fds[i++].revents;
        if (events & POLLIN)
            notify_handle(&p->door, run);
        else if ((events & (POLLHUP | POLLERR | POLLNVAL)) && run->handed_over == 0)
            end_run(p, run);
    }
}

/* A timer that is due may be so only because this process had no processor: the answer it waited for may be in a call that
 * waits too (a reader's window update, say). Such calls go first, so many at most that timers are not starved. */
static void fire_timers(struct process *p, struct wait_set *set)
{
    struct weir_machine *machine = process_machine(p);

    for (unsigned rounds = 0; rounds < CALLS_BEFORE_TIMERS && weir_machine_next_deadline(machine) <= process_now(); rounds++) {
        unsigned count = fill_wait_set(p, set);

        if (ppoll(set->fds, count, &(struct timespec){ 0 }, NULL) <= 0)
            break;
        if (set->fds[0].revents & POLLIN)
            loop_look_at_events(&p->door);
        serve_runs(p, set->fds, count);
    }
    weir_machine_step(machine, process_now());
}

void loop_serve(struct process *p)
{
    struct wait_set set = { 0 };

    loop_look_at_events(&p->door);
    while (!has_ended(p) || is_wanted(p)) {
        unsigned count = fill_wait_set(p, &set), run_count = p->door.run_count;

        if (count == 0)
            break;
        for (unsigned i = 0; i < count; i++)
            set.fds[i].revents = 0;
        wait_until_due(p, set.fds, count);
        if ((set.fds[0].revents & POLLIN) || run_count == 0)
            loop_look_at_events(&p->door);
        else
            move_clock(&p->door);
        calls_check_orphans(&p->door);
        ring_check_all(&p->door);
        calls_reap(&p->door);
        serve_runs(p, set.fds, count);
        fire_timers(p, &set);
        calls_reap(&p->door);
        bury(&p->door);
    }
    free(set.fds);
}
