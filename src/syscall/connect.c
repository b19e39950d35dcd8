/* connect() and accept(): the two calls about a connection that wait. */
#include "syscall/calls.h"

int64_t sys_connect(struct call *c)
{
    struct socket *s = call_socket(c);
    struct sockaddr_storage a;
    int error = import_address(c->task, c->args[1], (int)c->args[2], &a);
    if (error) return error;
    if (!s) return -ENOTSOCK;
    if (!s->ops->connect) return -EOPNOTSUPP;
    struct security_request r = { .task = c->task, .socket = s, .address = &a, .address_bytes = (uint32_t)c->args[2] };
    if ((error = security_check(s->net, SECURITY_CONNECT, &r))) return error;
    if (!c->is_waiting) c->was_connecting = s->state == SOCKET_CONNECTING;
    error = s->ops->connect(s, c->task, &a, (uint32_t)c->args[2], c->file->flags & O_NONBLOCK);
    if (error != -EINPROGRESS && error != -EALREADY && error != -EAGAIN) return error;
    if (call_wait(c, EPOLLIN | EPOLLOUT, s->sock->rare->send_timeout_ns, 0) == CALL_PARKED) return CALL_PARKED;
    if (error == -EAGAIN) return error; /* AF_UNIX: no room at the peer */
    return c->was_connecting ? -EALREADY : -EINPROGRESS;
}

/* The accepted socket's file, or NULL and *error. The file is made first, as on Linux: without memory for it the connection
 * stays in the queue. */
static struct file *take_connection(struct call *c, struct socket *s, uint32_t flags, int *error)
{
    struct socket *accepted = socket_alloc(s->net);
    struct file *f = accepted ? socket_file(accepted, flags) : NULL;
    *error = -ENFILE;
    if (!f) return NULL;
    accepted->type = s->type;
    *error = s->ops->accept(s, accepted, c->file->flags & O_NONBLOCK);
    if (*error) {
        if (!accepted->sock) accepted->ops = NULL;
        file_put(f);
        return NULL;
    }
    if (!accepted->ops) accepted->ops = s->ops;
    socket_set_inode(accepted, f->inode);
    return f;
}

static int export_peer(struct call *c, struct socket *s)
{
    struct sockaddr_storage a;
    if (!c->args[1]) return 0;
    memset(&a, 0, sizeof a);
    int bytes = s->ops->getname(s, &a, SOCKET_NAME_ACCEPTED);
    return bytes < 0 ? -ECONNABORTED : export_address(c->task, &a, (uint32_t)bytes, c->args[1], c->args[2]);
}

static int64_t accept_with(struct call *c, uint32_t flags)
{
    struct socket *s = call_socket(c);
    const struct task_ops *ops = c->task->ops;
    int error;
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)) return -EINVAL;
    if (!s) return -ENOTSOCK;
    if (!s->ops->accept) return -EOPNOTSUPP;
    if (ops->may_install && (error = ops->may_install(c->task))) return error;
    struct security_request r = { .task = c->task, .socket = s };
    if ((error = security_check(s->net, SECURITY_ACCEPT, &r))) return error;
    struct file *f = take_connection(c, s, flags, &error);
    if (!f && error == -EAGAIN) {
        c->wait.is_exclusive = true; /* one waiter for each connection */
        return call_wait(c, EPOLLIN | EPOLLRDNORM, s->sock->rare->receive_timeout_ns, 0);
    }
    if (!f) return error;
    if ((error = export_peer(c, socket_from_file(f)))) {
        file_put(f);
        return error;
    }
    return ops->file_install(c->task, f, flags);
}

int64_t sys_accept(struct call *c) { return accept_with(c, 0); }
int64_t sys_accept4(struct call *c) { return accept_with(c, (uint32_t)c->args[3]); }
