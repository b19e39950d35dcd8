/* Calls about a socket itself: none of them waits. */
#include "syscall/calls.h"

#define TYPE_MASK 0xf

static int64_t install(struct call *c, struct socket *s, uint32_t flags)
{
    struct file *f = socket_file(s, flags);
    return f ? c->task->ops->file_install(c->task, f, flags) : -ENFILE;
}

int64_t sys_socket(struct call *c)
{
    struct socket *s;
    uint32_t flags = (uint32_t)c->args[1] & ~(uint32_t)TYPE_MASK;
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)) return -EINVAL;
    int error = socket_create(c->task->net, c->task, (int)c->args[0], (int)c->args[1] & TYPE_MASK, (int)c->args[2], &s);
    return error ? error : install(c, s, flags);
}

static int create_pair(struct call *c, struct file *files[2], uint32_t flags)
{
    struct socket *s[2];
    for (int i = 0; i < 2; i++) {
        int error = socket_create(c->task->net, c->task, (int)c->args[0], (int)c->args[1] & TYPE_MASK, (int)c->args[2], &s[i]);
        if (!error && !(files[i] = socket_file(s[i], flags))) error = -ENFILE;
        if (error) return error;
    }
    if (!s[0]->ops->socketpair) return -EOPNOTSUPP;
    return s[0]->ops->socketpair(s[0], s[1]);
}

int64_t sys_socketpair(struct call *c)
{
    struct file *files[2] = { NULL, NULL };
    int fds[2];
    uint32_t flags = (uint32_t)c->args[1] & ~(uint32_t)TYPE_MASK;
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)) return -EINVAL;
    int error = create_pair(c, files, flags);
    if (error) goto put_files;
    fds[0] = c->task->ops->file_install(c->task, files[0], flags);
    files[0] = NULL;
    if ((error = fds[0]) < 0) goto put_files;
    fds[1] = c->task->ops->file_install(c->task, files[1], flags);
    files[1] = NULL;
    if ((error = fds[1]) < 0) goto close_first;
    if (!(error = user_out(c->task->memory, c->args[3], fds, sizeof fds))) return 0;
    if (c->task->ops->file_close) c->task->ops->file_close(c->task, fds[1]);
close_first:
    if (c->task->ops->file_close) c->task->ops->file_close(c->task, fds[0]);
put_files:
    for (int i = 0; i < 2; i++)
        if (files[i]) file_put(files[i]);
    return error;
}

int64_t sys_bind(struct call *c)
{
    struct socket *s = call_socket(c);
    struct sockaddr_storage a;
    if (!s) return -ENOTSOCK;
    int error = import_address(c->task, c->args[1], (int)c->args[2], &a);
    if (error) return error;
    struct security_request r = { .task = c->task, .socket = s, .address = &a, .address_bytes = (uint32_t)c->args[2] };
    if ((error = security_check(s->net, SECURITY_BIND, &r))) return error;
    return s->ops->bind ? s->ops->bind(s, c->task, &a, (uint32_t)c->args[2]) : -EOPNOTSUPP;
}

int64_t sys_listen(struct call *c)
{
    struct socket *s = call_socket(c);
    if (!s) return -ENOTSOCK;
    uint32_t most = (uint32_t)s->net->sysctl.somaxconn;
    uint32_t backlog = min_of((uint32_t)c->args[1], most); /* a negative one is a very large one, as on Linux */
    struct security_request r = { .task = c->task, .socket = s };
    int error = security_check(s->net, SECURITY_LISTEN, &r);
    if (error) return error;
    return s->ops->listen ? s->ops->listen(s, c->task, (int)backlog) : -EOPNOTSUPP;
}

int64_t sys_shutdown(struct call *c)
{
    struct socket *s = call_socket(c);
    if (!s) return -ENOTSOCK;
    return s->ops->shutdown ? s->ops->shutdown(s, (int)c->args[1]) : -EOPNOTSUPP;
}

static int64_t get_name(struct call *c, enum socket_name which)
{
    struct socket *s = call_socket(c);
    struct sockaddr_storage a;
    if (!s) return -ENOTSOCK;
    memset(&a, 0, sizeof a);
    int bytes = s->ops->getname ? s->ops->getname(s, &a, which) : -EOPNOTSUPP;
    return bytes < 0 ? bytes : export_address(c->task, &a, (uint32_t)bytes, c->args[1], c->args[2]);
}

int64_t sys_getsockname(struct call *c) { return get_name(c, SOCKET_NAME_OWN); }
int64_t sys_getpeername(struct call *c) { return get_name(c, SOCKET_NAME_PEER); }

int64_t sys_setsockopt(struct call *c)
{
    struct socket *s = call_socket(c);
    struct user_option o = { .memory = c->task->memory, .value = c->args[3], .bytes = (int32_t)c->args[4],
        .credentials = &c->task->credentials };
    if (!s) return -ENOTSOCK;
    return o.bytes < 0 ? -EINVAL : socket_setsockopt(s, (int)c->args[1], (int)c->args[2], &o);
}

int64_t sys_getsockopt(struct call *c)
{
    struct socket *s = call_socket(c);
    struct user_option o = { .memory = c->task->memory, .value = c->args[3], .length_out = c->args[4],
        .credentials = &c->task->credentials };
    if (!s) return -ENOTSOCK;
    if (user_in(o.memory, &o.bytes, o.length_out, sizeof o.bytes)) return -EFAULT;
    return o.bytes < 0 ? -EINVAL : socket_getsockopt(s, (int)c->args[1], (int)c->args[2], &o);
}
