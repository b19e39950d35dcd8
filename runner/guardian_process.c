#include "runner/guardian_process.h"

#include "runner/broker.h"
#include "runner/fdpass.h"
#include "runner/process.h"
#include "runner/served.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_SERIAL = 0x40000000, /* not one of the machine's */
    UNSEEN_IDS = 64,      /* ids are counted up: one that was received and not noted is at most so far on */
    THREADS_KEPT = 1024,
    FAILURES_AT_ONCE = 32, /* of one thread; then it waits */
    PAUSE_MS = 50,
    LOOK_MS = 1000,
    COPY_LOOKS = 2, /* a copy that was under way as often is stuck */
};

struct guarded_run {
    uint32_t number;
    int listener;
    struct broker broker; /* socket -1: the guardian looks into the programs by itself */
};

/* An answer that waits, so that a program which only asks again does not take the processor. */
struct late_answer {
    int listener;
    uint64_t id, due_ms;
    int error;
};

struct failures {
    pid_t tid;
    unsigned left;
    uint64_t since_ms;
};

struct guard {
    struct guard_memory *memory;
    int socket; /* to the machine; -1: it is dead */
    pid_t machine;
    struct guarded_run *runs;
    struct pollfd *fds; /* the socket's, then one for each run */
    unsigned count, capacity;
    struct late_answer *late; /* a ring, by time */
    unsigned late_first, late_count, late_capacity;
    struct failures failures[THREADS_KEPT];
    struct task_table tasks;
    uint32_t seen_turn;
    unsigned looks;
};

static uint64_t now_ms(void)
{
    return process_now() / 1000000U;
}

static void send_answer(int listener, uint64_t id, int error, uint32_t flags)
{
    struct seccomp_notif_resp response = { .id = id, .error = error, .flags = flags };

    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* What the program sees of its network: it is gone. */
static int error_of(long number)
{
    switch (number) {
    case SYS_read: case SYS_readv: case SYS_preadv2: case SYS_recvfrom: case SYS_recvmsg: case SYS_recvmmsg:
    case SYS_write: case SYS_writev: case SYS_pwritev2: case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg:
    case SYS_sendfile: case SYS_splice:
        return -ECONNRESET;
#ifdef SYS_accept
    case SYS_accept:
#endif
    case SYS_accept4: /* it does not listen any more */
        return -EINVAL;
    case SYS_shutdown: case SYS_getpeername:
        return -ENOTCONN;
    default:
        return -ENETDOWN;
    }
}

/* Both ends of a backing pair bear the name of who made it. */
static bool is_of_machine(const struct guard *guard, int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == guard->machine;
}

/* When it cannot be seen the call is refused: what is done to a backing pair natively could be anything. */
static bool may_be_weirs(const struct guard *guard, struct task_ref *task, uint64_t number)
{
    int fd = task_duplicate_fd(task, (int)number);
    bool is_weirs;

    if (fd < 0)
        return fd != -EBADF;
    is_weirs = is_of_machine(guard, fd);
    close(fd);
    return is_weirs;
}

/* Of a program that cannot be looked into nobody knows what it opens. */
static bool can_be_read(struct task_ref *task)
{
    int fd = task_duplicate_fd(task, INT_MAX);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || fd == -EBADF;
}

static bool fails(const struct guard *guard, struct task_ref *task, const struct seccomp_data *data)
{
    char name[SERVED_NAME_SIZE];
    uint32_t flags;

    switch (data->nr) {
    case SYS_socket:
        return true;
#ifdef SYS_open
    case SYS_open:
#endif
    case SYS_openat: case SYS_openat2:
        if (!can_be_read(task))
            return true;
        return served_find(task, data, name, sizeof(name), &flags);
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup: case SYS_dup3: case SYS_fcntl: case SYS_io_submit:
        return false;
    case SYS_mmap:
        return may_be_weirs(guard, task, data->args[4]);
    case SYS_sendfile:
        return may_be_weirs(guard, task, data->args[0]) || may_be_weirs(guard, task, data->args[1]);
    case SYS_splice:
        return may_be_weirs(guard, task, data->args[0]) || may_be_weirs(guard, task, data->args[2]);
    case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid: case SYS_setresuid: case SYS_setresgid:
    case SYS_setfsuid: case SYS_setfsgid: case SYS_capset: case SYS_unshare: case SYS_setns: case SYS_execve:
    case SYS_execveat:
        return false;
    default:
        return may_be_weirs(guard, task, data->args[0]);
    }
}

static bool is_patient(struct guard *guard, pid_t tid)
{
    struct failures *failures = &guard->failures[(unsigned)tid % THREADS_KEPT];
    uint64_t now = now_ms();

    if (failures->tid != tid || now - failures->since_ms > 1000)
        *failures = (struct failures){ .tid = tid, .left = FAILURES_AT_ONCE };
    failures->since_ms = now;
    if (failures->left == 0)
        return false;
    failures->left--;
    return true;
}

static bool make_room_for_late(struct guard *guard)
{
    unsigned capacity = guard->late_capacity ? 2 * guard->late_capacity : 64;
    struct late_answer *grown;

    if (guard->late_count < guard->late_capacity)
        return true;
    grown = malloc(capacity * sizeof(*grown));
    if (!grown)
        return false;
    for (unsigned i = 0; i < guard->late_count; i++)
        grown[i] = guard->late[(guard->late_first + i) % guard->late_capacity];
    free(guard->late);
    guard->late = grown;
    guard->late_first = 0;
    guard->late_capacity = capacity;
    return true;
}

static void fail_call(struct guard *guard, int listener, const struct seccomp_notif *notification)
{
    int error = error_of(notification->data.nr);

    if (is_patient(guard, (pid_t)notification->pid) || !make_room_for_late(guard)) {
        send_answer(listener, notification->id, error, 0);
        return;
    }
    guard->late[(guard->late_first + guard->late_count++) % guard->late_capacity] =
        (struct late_answer){ listener, notification->id, now_ms() + PAUSE_MS, error };
}

static void answer_late(struct guard *guard)
{
    while (guard->late_count > 0 && guard->late[guard->late_first].due_ms <= now_ms()) {
        const struct late_answer *late = &guard->late[guard->late_first];

        send_answer(late->listener, late->id, late->error, 0);
        guard->late_first = (guard->late_first + 1) % guard->late_capacity;
        guard->late_count--;
    }
}

static void answer(struct guard *guard, struct guarded_run *run)
{
    int listener = run->listener;
    struct seccomp_notif notification = { 0 };
    struct task_ref *task;

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0)
        return;
    task = task_get(&guard->tasks, (pid_t)notification.pid, run->broker.socket >= 0 ? &run->broker : NULL);
    if (!task || fails(guard, task, &notification.data))
        fail_call(guard, listener, &notification);
    else
        send_answer(listener, notification.id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    if (task)
        task_drop(&guard->tasks, task);
}

static int listener_of(const struct guard *guard, uint32_t number)
{
    for (unsigned i = 0; i < guard->count; i++)
        if (guard->runs[i].number == number)
            return guard->runs[i].listener;
    return -1;
}

/* What the machine had begun. */
static void end_what_waits(struct guard *guard)
{
    const struct guard_memory *memory = guard->memory;

    for (unsigned i = 0; i < GUARD_SLOTS; i++)
        if (memory->slots[i].run)
            send_answer(listener_of(guard, memory->slots[i].run), memory->slots[i].id,
                        error_of(memory->slots[i].number), 0);
    for (unsigned i = 1; memory->expected.run && i <= UNSEEN_IDS; i++)
        send_answer(listener_of(guard, memory->expected.run), memory->expected.id + i, -ECONNRESET, 0);
}

static bool make_room(struct guard *guard)
{
    unsigned capacity = guard->capacity + 16;
    struct guarded_run *runs;
    struct pollfd *fds;

    if (guard->count < guard->capacity)
        return true;
    runs = realloc(guard->runs, capacity * sizeof(*runs));
    if (runs)
        guard->runs = runs;
    fds = realloc(guard->fds, (capacity + 1) * sizeof(*fds));
    if (fds)
        guard->fds = fds;
    if (!runs || !fds)
        return false;
    guard->capacity = capacity;
    return true;
}

static void hear_machine(struct guard *guard)
{
    uint32_t number;
    int fds[2] = { -1, -1 };
    ssize_t length = fdpass_receive(guard->socket, &number, sizeof(number), fds, 2);

    if (length != sizeof(number)) {
        close(guard->socket);
        guard->socket = -1;
        end_what_waits(guard);
    } else if (fds[0] >= 0 && make_room(guard)) {
        guard->runs[guard->count++] = (struct guarded_run){
            .number = number, .listener = fds[0], .broker = { .socket = fds[1], .serial = FIRST_SERIAL } };
    } else {
        for (int i = 0; i < 2; i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
}

static void forget_late(struct guard *guard, int listener)
{
    for (unsigned i = 0; i < guard->late_count; i++) {
        struct late_answer *late = &guard->late[(guard->late_first + i) % guard->late_capacity];

        if (late->listener == listener)
            late->listener = -1;
    }
}

static void look_at_runs(struct guard *guard)
{
    unsigned kept = 0, count = guard->count;

    for (unsigned i = 0; i < count; i++) {
        short events = guard->fds[i + 1].revents;
        int listener = guard->runs[i].listener;

        if (events & POLLIN) {
            answer(guard, &guard->runs[i]);
        } else if (events) {
            forget_late(guard, listener);
            close(listener);
            if (guard->runs[i].broker.socket >= 0)
                close(guard->runs[i].broker.socket);
            continue;
        }
        guard->runs[kept++] = guard->runs[i];
    }
    guard->count = kept;
}

/* A machine that hangs in a program's memory: the program goes, or, when that was not enough, the machine. */
static void look_at_copy(struct guard *guard)
{
    const struct copy_watch *copy = &guard->memory->copy;
    uint32_t turn = atomic_load(&copy->turn);

    if (turn != guard->seen_turn || turn % 2 == 0) {
        guard->seen_turn = turn;
        guard->looks = 0;
    } else if (++guard->looks >= 2 * COPY_LOOKS) {
        kill(guard->machine, SIGKILL);
    } else if (guard->looks >= COPY_LOOKS) {
        kill(atomic_load(&copy->tgid), SIGKILL);
    }
}

static int wait_ms(const struct guard *guard)
{
    uint64_t now = now_ms();

    if (guard->late_count > 0)
        return guard->late[guard->late_first].due_ms > now ? (int)(guard->late[guard->late_first].due_ms - now) : 0;
    return guard->socket >= 0 && guard->count > 0 ? LOOK_MS : -1;
}

static void serve(struct guard *guard)
{
    while (guard->socket >= 0 || guard->count > 0) {
        const short wanted = (short)(guard->socket < 0 ? POLLIN : 0); /* a look at the machine's would cost each call a wake-up */
        struct timespec timeout;
        int ms = wait_ms(guard);

        timeout = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
        guard->fds[0] = (struct pollfd){ .fd = guard->socket, .events = POLLIN };
        for (unsigned i = 0; i < guard->count; i++)
            guard->fds[i + 1] = (struct pollfd){ .fd = guard->runs[i].listener, .events = wanted };
        if (ppoll(guard->fds, guard->count + 1, ms < 0 ? NULL : &timeout, NULL) == 0 && guard->socket >= 0)
            look_at_copy(guard);
        answer_late(guard);
        look_at_runs(guard);
        if (guard->fds[0].revents)
            hear_machine(guard);
    }
}

static void leave_the_machine(struct guard *guard)
{
    int null;

    guard->socket = dup2(guard->socket, 3) == 3 ? 3 : guard->socket;
    close_range(4, ~0U, 0);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    close(null);
    setsid();
    if (chdir("/") < 0)
        _exit(1);
    for (const int *s = (const int[]){ SIGTERM, SIGHUP, SIGINT, SIGQUIT, 0 }; *s; s++)
        signal(*s, SIG_IGN); /* it ends by itself */
}

_Noreturn void guardian_be(int socket, pid_t machine, struct guard_memory *memory)
{
    struct guard *guard = calloc(1, sizeof(*guard));

    if (!guard)
        _exit(1);
    *guard = (struct guard){ .memory = memory, .socket = socket, .machine = machine };
    leave_the_machine(guard);
    prctl(PR_SET_NAME, "weir-guardian");
    if (!make_room(guard) || privileges_drop(1ULL << CAP_KILL) < 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 0);
    serve(guard);
    _exit(0);
}
