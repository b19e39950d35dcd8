/* Start and end of a machine's process. The starter takes the lock and makes the socket, so when the new process is seen to
 * be ready nothing is left to race for. */
#include "runner/machine_process.h"

#include "runner/confine.h"
#include "runner/epolls.h"
#include "runner/process.h"
#include "runner/rendezvous.h"

#include <errno.h>
#include <fcntl.h>
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

enum { CONNECT_ATTEMPTS = 50, CONNECT_PAUSE_NS = 20000000 };

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
    list_init(&door->handed_over);
    list_init(&door->rings);
    list_init(&p->clients);
    door->owner_uid = geteuid();
    door->look_at_events = loop_look_at_events;
    door->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (door->epoll_fd < 0)
        return -errno;
    p->listener_source.kind = SOURCE_CONTROL_LISTENER;
    p->signal_source.kind = SOURCE_SIGNAL;
    if (process_watch(p, p->listen_fd, &p->listener_source) < 0 || process_watch(p, p->signal_fd, &p->signal_source) < 0)
        return -errno;
    return 0;
}

/* After privileges went, as they go for each thread alone; before no more threads can be made. */
static void start_threads(struct process *p)
{
    p->door.epolls = epolls_start();
    p->door.handover = handover_start();
    p->handover_source.kind = SOURCE_HANDOVER;
    if (p->door.handover && process_watch(p, handover_fd(p->door.handover), &p->handover_source) < 0) {
        handover_stop(p->door.handover);
        p->door.handover = NULL;
    }
}

static int set_up(struct process *p, struct machine_failure *failure)
{
    int error;

    p->started_ns = process_now();
    raise_fd_limit();
    p->door.guardian = guardian_start(); /* while it has nothing of the machine's */
    p->door.tasks.copy_watch = guardian_copy_watch(p->door.guardian);
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
    if ((error = privileges_drop(0)) < 0)
        return say(failure, error, "cannot give up privileges");
    start_threads(p);
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
    guardian_take_over(p->door.guardian);
    loop_end_runs(p);
    ports_close(p);
    control_server_close(p);
    close(p->lock_fd);
}

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
    loop_serve(p);
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
    loop_serve(p);
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
    if (error == -ENOENT && access("/proc/self/fd", F_OK) < 0) {
        say(failure, error, "weir needs /proc, which is not mounted here");
    } else if (error < 0) {
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
