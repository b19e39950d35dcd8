/* Calls about descriptors: ioctl for all doors, the rest for doors whose fd table is ours. */
#include "syscall/calls.h"

static bool has_table(const struct call *c) { return c->task->fds.machine != NULL; }

int64_t sys_dup(struct call *c)
{
    return has_table(c) ? fd_table_install(&c->task->fds, file_get(c->file), 0, 0) : -ENOSYS;
}

int64_t sys_dup2(struct call *c)
{
    if (!has_table(c)) return -ENOSYS;
    if ((int)c->args[0] == (int)c->args[1]) return (int)c->args[1];
    return fd_table_set(&c->task->fds, (int)c->args[1], file_get(c->file), 0);
}

int64_t sys_dup3(struct call *c)
{
    if (!has_table(c)) return -ENOSYS;
    if (((uint32_t)c->args[2] & ~(uint32_t)O_CLOEXEC) || (int)c->args[0] == (int)c->args[1]) return -EINVAL;
    return fd_table_set(&c->task->fds, (int)c->args[1], file_get(c->file), c->args[2] & O_CLOEXEC ? FD_CLOSE_ON_EXEC : 0);
}

static int64_t duplicate_from(struct call *c, uint32_t flags)
{
    return fd_table_install(&c->task->fds, file_get(c->file), flags, (int)c->args[2]);
}

int64_t sys_fcntl(struct call *c)
{
    const uint32_t settable = O_APPEND | O_NONBLOCK | O_ASYNC;
    struct file *f = c->file;
    if (!has_table(c)) return -ENOSYS;
    uint32_t *fd_flags = &c->task->fds.entries[(int)c->args[0]].flags;
    switch ((int)c->args[1]) {
    case F_DUPFD: return duplicate_from(c, 0);
    case F_DUPFD_CLOEXEC: return duplicate_from(c, FD_CLOSE_ON_EXEC);
    case F_GETFD: return *fd_flags & FD_CLOSE_ON_EXEC ? FD_CLOEXEC : 0;
    case F_SETFD: *fd_flags = c->args[2] & FD_CLOEXEC ? FD_CLOSE_ON_EXEC : 0; return 0;
    case F_GETFL: return f->flags;
    case F_SETFL: f->flags = (f->flags & ~settable) | ((uint32_t)c->args[2] & settable); return 0;
    case F_GETOWN: return f->owner_pid;
    case F_SETOWN: f->owner_pid = (int32_t)c->args[2]; return 0;
    default: return -EINVAL;
    }
}

static int64_t set_flag(struct call *c, uint32_t flag)
{
    int on;
    if (user_in(c->task->memory, &on, c->args[2], sizeof on)) return -EFAULT;
    c->file->flags = on ? c->file->flags | flag : c->file->flags & ~flag;
    return 0;
}

int64_t sys_ioctl(struct call *c)
{
    switch ((unsigned)c->args[1]) {
    case FIONBIO: return set_flag(c, O_NONBLOCK);
    case FIOASYNC: return set_flag(c, O_ASYNC);
    case FIOCLEX: case FIONCLEX:
        if (!has_table(c)) return -ENOSYS;
        c->task->fds.entries[(int)c->args[0]].flags = (unsigned)c->args[1] == FIOCLEX ? FD_CLOSE_ON_EXEC : 0;
        return 0;
    default: break;
    }
    return c->file->ops->ioctl ? c->file->ops->ioctl(c->file, c->task, (unsigned)c->args[1], c->args[2]) : -ENOTTY;
}

int64_t sys_no_seek(struct call *c)
{
    (void)c;
    return -ESPIPE;
}
