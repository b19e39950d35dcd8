/* System calls of packetdrill's threads on the machine, and whose descriptor is whose. */
#include "drill/shared_object.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "syscall/call.h"

enum { LOOK_AGAIN_MS = 20, ASK_WITHIN_S = 1, MAIN_PATIENCE_DAYS = 31 };

/* A call that waits, on the stack of its thread. */
struct parked {
    struct call call;
    struct shared_host *host;
    pthread_t thread;
    pthread_cond_t ended;
    int64_t result;
    bool is_done;
};

static struct timespec after_ms(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += (time_t)(ms / 1000) + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static bool is_main(const struct shared_host *h) { return pthread_equal(pthread_self(), h->main_thread); }

/* Inside the machine: only notes. */
static void call_ended(struct call *c, int64_t result)
{
    struct parked *p = c->door;
    p->result = result;
    p->is_done = true;
    if (pthread_equal(p->thread, p->host->main_thread)) return;
    if (p->host->returning_count < SHARED_THREADS) p->host->returning[p->host->returning_count++] = p->thread;
    pthread_cond_signal(&p->ended);
}

/* packetdrill asks for the time first thing when a call has waited. Other programs may not: they get a second. */
void shared_wait_for_returning(struct shared_host *h)
{
    struct timespec until;
    if (!h->returning_count || !is_main(h)) return;
    until = after_ms(ASK_WITHIN_S * 1000);
    while (h->returning_count && !pthread_cond_timedwait(&h->has_returned, &h->lock, &until)) {}
    h->returning_count = 0;
}

bool shared_thread_asked(struct shared_host *h)
{
    for (unsigned i = 0; i < h->returning_count; i++) {
        if (!pthread_equal(h->returning[i], pthread_self())) continue;
        h->returning[i] = h->returning[--h->returning_count];
        h->asked_tid = gettid();
        pthread_cond_signal(&h->has_returned);
        return true;
    }
    return false;
}

static char state_of(pid_t tid)
{
    char path[64], state = 'S';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *f = fopen(path, "re");
    if (!f) return state;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'S';
    fclose(f);
    return state;
}

void shared_let_finish(struct shared_host *h)
{
    pthread_mutex_lock(&h->lock);
    pid_t tid = h->asked_tid;
    h->asked_tid = 0;
    pthread_mutex_unlock(&h->lock);
    for (unsigned tries = 0; tid && tid != gettid() && tries < 100000 && state_of(tid) != 'S'; tries++) sched_yield();
}

/* The main thread sleeps in the host's kernel on a lock or a condition: it waits for this call, so time must go on. */
static bool main_waits_for_us(const struct shared_host *h)
{
    char path[64];
    long number = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)h->main_tid);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    if (fscanf(f, "%ld", &number) != 1) number = -1;
    fclose(f);
    return number == SYS_futex;
}

static void wait_as_other(struct shared_host *h, struct parked *p)
{
    while (!p->is_done) {
        struct timespec until = after_ms(LOOK_AGAIN_MS);
        if (!pthread_cond_timedwait(&p->ended, &h->lock, &until) || p->is_done) continue;
        if (main_waits_for_us(h)) shared_advance_to_next(h);
    }
}

/* Nobody else moves the clock. */
static void wait_as_main(struct shared_host *h, struct parked *p)
{
    uint64_t give_up_ns = weir_machine_now(h->machine) + MAIN_PATIENCE_DAYS * UINT64_C(86400000000000);
    while (!p->is_done && weir_machine_now(h->machine) < give_up_ns && shared_advance_to_next(h)) {}
    if (p->is_done) return;
    call_cancel(&p->call);
    p->result = -EINTR;
}

static int64_t wait_for(struct shared_host *h, struct parked *p)
{
    if (is_main(h)) {
        wait_as_main(h, p);
    } else {
        pthread_cond_init(&p->ended, NULL);
        wait_as_other(h, p);
        pthread_cond_destroy(&p->ended);
    }
    return p->result;
}

static bool makes_descriptor(long number)
{
    return number == SYS_socket || number == SYS_accept4 || number == SYS_epoll_create1;
}

int64_t shared_call(struct shared_host *h, long number, const uint64_t args[6])
{
    struct parked p = { .host = h, .thread = pthread_self(),
        .call = { .task = (struct task *)h->task, .number = number, .done = call_ended } };
    p.call.door = &p;
    memcpy(p.call.args, args, sizeof p.call.args);
    if (h->is_stale && is_main(h)) shared_copy_settings(h);
    int64_t result = call_start(&p.call);
    if (result == CALL_PARKED) result = wait_for(h, &p);
    if (result >= 0 && makes_descriptor(number)) result = shared_adopt(h, (int)result);
    shared_wait_for_returning(h);
    return result;
}

bool shared_is_ours(const struct shared_host *h, int fd) { return fd >= 0 && fd < h->room && h->is_ours[fd]; }

static bool make_room(struct shared_host *h, int fd)
{
    if (fd < h->room) return true;
    bool *more = realloc(h->is_ours, (size_t)fd * 2 + 16);
    if (!more) return false;
    memset(more + h->room, 0, (size_t)(fd * 2 + 16 - h->room));
    h->is_ours = more;
    h->room = fd * 2 + 16;
    return true;
}

/* Moved to the number of a real descriptor, which keeps others from getting it. */
int64_t shared_adopt(struct shared_host *h, int fd)
{
    int number = eventfd(0, EFD_CLOEXEC), error = 0;
    if (number < 0 || !make_room(h, number)) error = number < 0 ? errno : ENOMEM;
    if (!error && number != fd) {
        const uint64_t args[6] = { (uint64_t)fd, (uint64_t)number, 0 };
        long result = weir_syscall(h->task, SYS_dup3, args);
        if (result < 0) error = (int)-result;
        weir_close(h->task, fd);
    }
    if (error) {
        if (number >= 0) close(number);
        return -error;
    }
    h->is_ours[number] = true;
    return number;
}

void shared_forget(struct shared_host *h, int fd)
{
    h->is_ours[fd] = false;
    close(fd);
}
