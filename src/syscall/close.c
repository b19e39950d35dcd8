/* close(). The fd is free at once. The last close() of a connection that lingers (SO_LINGER with a time) then keeps its program
 * waiting until the peer has acknowledged our last word; what closing does follows when the call lets go of the file. */
#include "syscall/calls.h"

int64_t sys_close(struct call *c)
{
    const struct task_ops *ops = c->task->ops;
    struct socket *s = call_socket(c);
    uint64_t wait_ns;
    if (!ops->file_close) return -ENOSYS;
    if (!c->is_closed) {
        int error = ops->file_close(c->task, (int)c->args[0]);
        if (error || c->never_park || !s || !s->ops->linger || c->file->references > 1) return error;
        c->is_closed = true;
        c->file->flags &= ~(uint32_t)O_NONBLOCK; /* says nothing about lingering */
    }
    wait_ns = s->ops->linger(s);
    return wait_ns && call_wait(c, EPOLLHUP, wait_ns, 0) == CALL_PARKED ? CALL_PARKED : 0;
}
