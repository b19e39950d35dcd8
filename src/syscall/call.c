/* A call runs until it has a result or parks. While parked its wait entry and its timer may wake it; a wake schedules the
 * resume, which tries again from the start of run(). A wake between the registration and the end of a try sets is_woken,
 * and the try is repeated before the call counts as parked: no wake is lost, and a call that gets nowhere does not spin. */
#include "syscall/calls.h"

static void wake_entry(struct wait_entry *e, uint32_t events)
{
    struct call *c = container_of(e, struct call, wait);
    if (events && !(events & c->wait_events)) return;
    if (e->is_exclusive) {
        wait_remove(e); /* the next wake is another waiter's */
        c->is_waiting = false;
    }
    call_wake(c);
}

void call_wake(struct call *c)
{
    c->is_woken = true;
    if (c->is_parked) machine_resume_later(c->task->machine, &c->resume);
}

static void deadline_passed(struct timer *t, uint64_t now_ns)
{
    struct call *c = container_of(t, struct call, deadline);
    (void)now_ns;
    c->has_timed_out = true;
    call_wake(c);
}

static void finish(struct call *c)
{
    if (c->is_waiting) wait_remove(&c->wait);
    if (c->has_deadline) timer_cancel(&c->task->machine->wheel, &c->deadline);
    if (c->resume.is_scheduled) {
        list_remove(&c->resume.node);
        c->resume.is_scheduled = false;
    }
    if (c->release_state) c->release_state(c);
    c->release_state = NULL;
    if (c->file) file_put(c->file);
    c->file = NULL;
    c->is_parked = false;
}

static int64_t try_to_end(struct call *c)
{
    int64_t result;
    do {
        c->is_woken = false;
        result = c->row->run(c);
        if (result == CALL_PARKED) softirq_run(c->task->machine);
    } while (result == CALL_PARKED && c->is_woken);
    if (result == CALL_PARKED) c->is_parked = true;
    else finish(c);
    return result;
}

static bool resume(struct softirq *work, int budget)
{
    struct call *c = container_of(work, struct call, resume);
    (void)budget;
    c->is_parked = false;
    int64_t result = try_to_end(c);
    if (result == CALL_PARKED) return false;
    if (c->is_starting) {
        c->has_early_result = true;
        c->early_result = result;
    } else {
        c->done(c, result);
    }
    return false;
}

int64_t call_start(struct call *c)
{
    struct machine *m = c->task->machine;
    c->row = syscall_find(c->number);
    if (!c->row) return -ENOSYS;
    c->started_ns = m->now_ns;
    c->resume.run = resume;
    c->resume.is_scheduled = false;
    c->wait.wake = wake_entry;
    c->wait.is_exclusive = false;
    if (c->row->fd_argument >= 0) {
        c->file = c->task->ops->file_get(c->task, (int)c->args[c->row->fd_argument]);
        if (!c->file) return -EBADF;
    }
    int64_t result = try_to_end(c);
    c->is_starting = result == CALL_PARKED;
    machine_settle(m);
    if (!c->is_starting) return result;
    c->is_starting = false;
    return c->has_early_result ? c->early_result : CALL_PARKED;
}

void call_cancel(struct call *c)
{
    if (c->is_parked) finish(c);
}

bool call_may_wait(struct call *c, uint32_t flags)
{
    const struct task_ops *ops = c->task->ops;
    if (c->never_park || (flags & MSG_DONTWAIT)) return false;
    if (c->has_deadline) return true; /* asked at its first wait */
    if (ops->is_nonblocking) return !ops->is_nonblocking(c->task, c->file);
    return !(c->file->flags & O_NONBLOCK);
}

int64_t call_wait_timeout(struct call *c, uint64_t timeout_ns)
{
    struct machine *m = c->task->machine;
    if (!c->has_deadline) {
        timer_init(&c->deadline, deadline_passed);
        c->has_deadline = true;
        c->deadline_ns = timeout_ns >= NS_NEVER - m->now_ns ? NS_NEVER : m->now_ns + timeout_ns;
        if (c->deadline_ns != NS_NEVER && timeout_ns) timer_arm(&m->wheel, &c->deadline, c->deadline_ns);
        if (!timeout_ns) c->has_timed_out = true;
    }
    return c->has_timed_out ? -EAGAIN : CALL_PARKED;
}

int64_t call_wait(struct call *c, uint32_t events, uint64_t timeout_ns, uint32_t flags)
{
    if (!call_may_wait(c, flags) || call_wait_timeout(c, timeout_ns) != CALL_PARKED) return -EAGAIN;
    c->wait_events = events | EPOLLERR | EPOLLHUP;
    if (c->is_waiting) return CALL_PARKED;
    c->is_waiting = true;
    wait_add(file_wait_queue(c->file), &c->wait);
    if (file_poll(c->file) & c->wait_events) c->is_woken = true;
    return CALL_PARKED;
}
