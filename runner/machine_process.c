/* Start, main loop and end of a machine's process.
 *
 * The starter takes the lock and makes the socket, so when the new process is seen to be ready nothing is left to race for.
 * The loop waits with ppoll() on the listeners themselves: a listener inside an epoll would lose the synchronous wake-up
 * that makes a trapped call cheap. Everything else is in one epoll, looked at before each notification, so that a close
 * comes before the call that followed it. */
#include "runner/machine_process.h"

#include "runner/confine.h"
#include "runner/process.h"
#include "runner/rendezvous.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_EACH_TURN = 64, CONNECT_ATTEMPTS = 50, CONNECT_PAUSE_NS = 20000000 };

static const uint64_t unused_end_ns = 10000000000; /* a machine whose starter never came */
static const uint64_t orphan_check_ns = 10000000;

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

/* ---- events ---- */

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

static void look_at_events(struct door *door)
{
    struct process *p = container_of(door, struct process, door);
    struct epoll_event events[EVENTS_EACH_TURN];
    int count;

    weir_machine_step(process_machine(p), process_now());
    do {
        count = epoll_wait(door->epoll_fd, events, EVENTS_EACH_TURN, 0);
        for (int i = 0; i < count; i++)
            on_event(p, events[i].data.ptr, events[i].events);
        if (count > 0)
            weir_machine_step(process_machine(p), process_now()); /* what closes have set off */
        calls_reap(door);
        bury(door);
    } while (count == EVENTS_EACH_TURN);
}

/* ---- runs ---- */

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
    look_at_events(&p->door);
    return !has_ended(p);
}

/* ---- the loop ---- */

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

    if (!list_is_empty(&p->door.orphans) && limit > now + orphan_check_ns)
        limit = now + orphan_check_ns;
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
        else if (events & (POLLHUP | POLLERR | POLLNVAL))
            end_run(p, run);
    }
}

static void serve(struct process *p)
{
    struct wait_set set = { 0 };

    look_at_events(&p->door);
    while (!has_ended(p) || is_wanted(p)) {
        unsigned count = fill_wait_set(p, &set), run_count = p->door.run_count;

        if (count == 0)
            break;
        for (unsigned i = 0; i < count; i++)
            set.fds[i].revents = 0;
        wait_until_due(p, set.fds, count);
        if ((set.fds[0].revents & POLLIN) || run_count == 0)
            look_at_events(&p->door);
        else
            weir_machine_step(process_machine(p), process_now());
        calls_check_orphans(&p->door);
        calls_reap(&p->door);
        serve_runs(p, set.fds, count);
        bury(&p->door);
    }
    free(set.fds);
}

/* ---- start ---- */

static int say(struct machine_failure *failure, int error, const char *text)
{
    snprintf(failure->text, sizeof(failure->text), "%s: %s", text, strerror(-error));
    return error;
}

/* Every weir socket takes two fds here or in a program. */
static void raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_signals(struct process *p)
{
    sigset_t ending;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    p->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signal_fd < 0 ? -errno : 0;
}

static int create_machine(struct process *p)
{
    struct weir_machine_config config = { .seed = { p->options.seed, p->options.seed }, .start_ns = process_now() };
    struct weir_machine *machine;
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    config.wall_ns = (uint64_t)wall.tv_sec * 1000000000U + (uint64_t)wall.tv_nsec;
    if (!p->options.seed && getrandom(config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
        return -errno;
    if (!weir_env_map(&p->env, 0))
        return -errno;
    machine = weir_machine_create(&config, &p->env);
    if (!machine)
        return -ENOMEM;
    p->door.machine = (struct machine *)machine;
    p->door.net = p->door.machine->initial_net;
    p->door.self = weir_task_create(machine);
    return p->door.self ? 0 : -ENOMEM;
}

static int open_door(struct process *p)
{
    struct door *door = &p->door;

    list_init(&door->runs);
    list_init(&door->dirty);
    list_init(&door->completed);
    list_init(&door->graveyard);
    list_init(&door->orphans);
    list_init(&p->clients);
    door->owner_uid = geteuid();
    door->look_at_events = look_at_events;
    door->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (door->epoll_fd < 0)
        return -errno;
    p->listener_source.kind = SOURCE_CONTROL_LISTENER;
    p->signal_source.kind = SOURCE_SIGNAL;
    if (process_watch(p, p->listen_fd, &p->listener_source) < 0 || process_watch(p, p->signal_fd, &p->signal_source) < 0)
        return -errno;
    return 0;
}

static int set_up(struct process *p, struct machine_failure *failure)
{
    int error;

    p->started_ns = process_now();
    raise_fd_limit();
    error = ports_open(p, failure);
    if (error < 0)
        return error;
    if ((error = open_signals(p)) < 0 || (error = open_door(p)) < 0)
        return say(failure, error, "cannot set up the machine's process");
    if ((error = create_machine(p)) < 0)
        return say(failure, error, "cannot create the machine");
    error = ports_attach(p, failure);
    if (error < 0)
        return error;
    if ((error = privileges_drop()) < 0)
        return say(failure, error, "cannot give up privileges");
    if (p->options.foreground) /* to be looked into */
        return 0;
    prctl(PR_SET_DUMPABLE, 0);
    if ((error = confine_process()) < 0)
        return say(failure, error, "cannot confine the machine's process");
    return 0;
}

/* Ends what is left: programs see their sockets hang up, calls that wait fail. The name goes first, then the lock. */
static void tear_down(struct process *p)
{
    rendezvous_withdraw(p->options.name);
    while (!list_is_empty(&p->door.runs))
        end_run(p, list_first(&p->door.runs, struct run, node));
    ports_close(p);
    control_server_close(p);
    close(p->lock_fd);
}

/* ---- becoming a process ---- */

static void leave_the_starter(const struct process *p, int report_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int kept[] = { p->lock_fd, p->listen_fd, report_fd, null };

    setsid();
    if (chdir("/") < 0)
        _exit(1);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    for (unsigned fd = 3, highest = 3; fd <= highest + 1024; fd++) { /* what the caller happened to have open */
        bool is_kept = false;

        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
            is_kept |= (int)fd == kept[i];
        if (!is_kept && close((int)fd) == 0)
            highest = fd;
    }
}

static _Noreturn void be_the_machine(struct process *p, int report_fd)
{
    struct machine_failure failure = { "" };

    leave_the_starter(p, report_fd);
    prctl(PR_SET_NAME, "weir-machine");
    if (set_up(p, &failure) < 0) {
        if (write(report_fd, &failure, sizeof(failure)) < 0)
            _exit(1);
        rendezvous_withdraw(p->options.name);
        _exit(1);
    }
    close(report_fd);
    serve(p);
    tear_down(p);
    _exit(0);
}

/* Not a child of the starter's: it may become a command that waits for all its children. */
static int start_in_background(struct process *p, struct machine_failure *failure)
{
    int report[2], status;
    ssize_t length;
    pid_t pid;

    if (pipe2(report, O_CLOEXEC) < 0)
        return say(failure, -errno, "cannot start the machine's process");
    pid = fork();
    if (pid < 0)
        return say(failure, -errno, "cannot start the machine's process");
    if (pid == 0) {
        pid = fork();
        if (pid == 0)
            be_the_machine(p, report[1]);
        _exit(pid < 0);
    }
    close(report[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    length = read(report[0], failure, sizeof(*failure)); /* ends when the machine is ready */
    close(report[0]);
    return length == 0 ? 0 : -EIO;
}

static int stay_in_foreground(struct process *p, struct machine_failure *failure)
{
    int error = set_up(p, failure);

    if (error < 0) {
        rendezvous_withdraw(p->options.name);
        return error;
    }
    serve(p);
    tear_down(p);
    return 0;
}

int machine_process_start(const struct machine_options *options, struct machine_failure *failure)
{
    struct process *p = calloc(1, sizeof(*p));
    int error;

    if (!p)
        return say(failure, -ENOMEM, "cannot start the machine's process");
    p->options = *options;
    error = rendezvous_claim(options->name, &p->lock_fd, &p->listen_fd);
    if (error < 0) {
        say(failure, error, error == -EEXIST ? "a machine of this name is there" : "cannot make the machine's socket");
    } else {
        error = options->foreground ? stay_in_foreground(p, failure) : start_in_background(p, failure);
        close(p->listen_fd);
        close(p->lock_fd);
    }
    free(p);
    return error;
}

/* Another may be starting it, or it may be about to end: both pass. */
int machine_process_connect(const char *name, struct machine_failure *failure)
{
    struct machine_options options = { 0 };

    snprintf(options.name, sizeof(options.name), "%s", name);
    for (int attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
        const struct timespec pause = { .tv_nsec = CONNECT_PAUSE_NS };
        int fd = rendezvous_connect(name), error;

        if (fd >= 0)
            return fd;
        if (fd != -ECONNREFUSED)
            return say(failure, fd, "cannot reach the machine");
        error = machine_process_start(&options, failure);
        if (error < 0 && error != -EEXIST)
            return error;
        if (error == -EEXIST)
            nanosleep(&pause, NULL);
    }
    return say(failure, -ETIMEDOUT, "the machine does not come up");
}
