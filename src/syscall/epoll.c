#include "file/epoll.h"

#include "syscall/calls.h"

#define EVENTS_MOST (INT32_MAX / (int)sizeof(struct epoll_event))

static int64_t create(struct call *c, uint32_t flags)
{
    struct file *f = epoll_file_create(c->task->machine, 0);
    return f ? c->task->ops->file_install(c->task, f, flags) : -ENOMEM;
}

int64_t sys_epoll_create(struct call *c)
{
    return (int)c->args[0] <= 0 ? -EINVAL : create(c, 0);
}

int64_t sys_epoll_create1(struct call *c)
{
    return (uint32_t)c->args[0] & ~(uint32_t)EPOLL_CLOEXEC ? -EINVAL : create(c, (uint32_t)c->args[0]);
}

int64_t sys_epoll_ctl(struct call *c)
{
    struct epoll_event event = { 0 };
    int op = (int)c->args[1], fd = (int)c->args[2];
    if (op != EPOLL_CTL_DEL && user_in(c->task->memory, &event, c->args[3], sizeof event)) return -EFAULT;
    struct file *f = c->task->ops->file_get(c->task, fd);
    if (!f) return -EBADF;
    struct epoll *e = epoll_from_file(c->file);
    int result = -EINVAL;
    if (!f->ops->poll) result = -EPERM;
    else if (e) result = epoll_control(e, op, f, fd, &event);
    file_put(f);
    return result;
}

static int put_event(void *ctx, int index, const struct epoll_event *event)
{
    struct call *c = ctx;
    return user_out(c->task->memory, c->args[1] + (uint64_t)index * sizeof *event, event, sizeof *event);
}

static int64_t wait_for(struct call *c, uint64_t timeout_ns)
{
    struct epoll *e = epoll_from_file(c->file);
    int most = (int)c->args[2];
    if (most <= 0 || most > EVENTS_MOST) return -EINVAL;
    if (!e) return -EINVAL;
    int count = epoll_collect(e, most, put_event, c);
    if (count || !timeout_ns || c->never_park) return count;
    return call_wait(c, EPOLLIN, timeout_ns, 0) == CALL_PARKED ? CALL_PARKED : 0;
}

int64_t sys_epoll_wait(struct call *c)
{
    int ms = (int)c->args[3];
    return wait_for(c, milliseconds(ms));
}

int64_t sys_epoll_pwait(struct call *c) { return sys_epoll_wait(c); } /* the mask is the door's business */

int64_t sys_epoll_pwait2(struct call *c)
{
    uint64_t timeout_ns;
    int error = import_timespec(c->task, c->args[3], &timeout_ns);
    return error ? error : wait_for(c, timeout_ns);
}
