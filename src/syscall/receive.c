#include "syscall/calls.h"

#define CONTROL_MOST 4096 /* more than all messages of one packet together */

int64_t sys_recvfrom(struct call *c)
{
    struct socket *s = call_socket(c);
    struct vector v;
    struct user_msg msg;
    if (!s) return -ENOTSOCK;
    vector_single(&v, c->args[1], c->args[2]);
    message_init(c, &msg, &v, (uint32_t)c->args[3]);
    int64_t result = message_receive(c, s, &msg, &c->progress);
    if (result < 0 || !c->args[4]) return result;
    int error = export_address(c->task, &msg.name, msg.name_bytes, c->args[4], c->args[5]);
    return error ? error : result;
}

static int export_header(struct call *c, uint64_t at, const struct msghdr *header, const struct user_msg *msg)
{
    const struct user_memory *u = c->task->memory;
    int flags = (int)msg->out_flags;
    size_t control_bytes = msg->control_used;
    if (header->msg_name) {
        uint32_t room = (uint32_t)header->msg_namelen;
        if (user_out(u, (uint64_t)(uintptr_t)header->msg_name, &msg->name, min_of(room, msg->name_bytes))) return -EFAULT;
        if (user_out(u, at + offsetof(struct msghdr, msg_namelen), &msg->name_bytes, sizeof msg->name_bytes)) return -EFAULT;
    }
    if (user_out(u, (uint64_t)(uintptr_t)header->msg_control, msg->control, msg->control_used)) return -EFAULT;
    if (user_out(u, at + offsetof(struct msghdr, msg_flags), &flags, sizeof flags)) return -EFAULT;
    return user_out(u, at + offsetof(struct msghdr, msg_controllen), &control_bytes, sizeof control_bytes);
}

int64_t receive_header(struct call *c, struct socket *s, uint64_t at, uint32_t flags, uint64_t *done, uint32_t *out_flags)
{
    uint8_t control[CONTROL_MOST] __attribute__((aligned(8)));
    struct msghdr header;
    struct vector v = { 0 };
    struct user_msg msg;
    if (user_in(c->task->memory, &header, at, sizeof header)) return -EFAULT;
    if (header.msg_name && (int)header.msg_namelen < 0) return -EINVAL;
    int64_t result = vector_import(c->task, (uint64_t)(uintptr_t)header.msg_iov, header.msg_iovlen, -EMSGSIZE, &v);
    if (!result) {
        message_init(c, &msg, &v, flags);
        msg.control = control;
        if (header.msg_control) msg.control_bytes = (uint32_t)min_of(header.msg_controllen, sizeof control);
        msg.out_flags = flags & MSG_CMSG_CLOEXEC;
        result = message_receive(c, s, &msg, done);
    }
    vector_fini(c->task, &v);
    if (result < 0) return result;
    *out_flags = msg.out_flags;
    int error = export_header(c, at, &header, &msg);
    return error ? error : result;
}

int64_t sys_recvmsg(struct call *c)
{
    struct socket *s = call_socket(c);
    uint32_t out_flags;
    return s ? receive_header(c, s, c->args[1], (uint32_t)c->args[2], &c->progress, &out_flags) : -ENOTSOCK;
}

static int64_t read_vector(struct call *c, const struct vector *v, uint32_t flags)
{
    struct socket *s = call_socket(c);
    struct user_msg msg;
    message_init(c, &msg, v, flags);
    if (!s) return c->file->ops->read ? c->file->ops->read(c->file, &msg) : -EINVAL;
    return msg.data.left ? message_receive(c, s, &msg, &c->progress) : 0;
}

int64_t sys_read(struct call *c)
{
    struct vector v;
    if ((int64_t)c->args[2] < 0) return -EINVAL;
    vector_single(&v, c->args[1], c->args[2]);
    return read_vector(c, &v, 0);
}

/* rwf: RWF_*, looked at last. */
static int64_t read_imported(struct call *c, uint64_t rwf)
{
    struct vector v;
    int64_t result = vector_import(c->task, c->args[1], c->args[2], -EINVAL, &v);
    if (!result && !(call_socket(c) && vector_is_empty(&v))) {
        result = rwf & ~(uint64_t)RWF_NOWAIT ? -EOPNOTSUPP : read_vector(c, &v, rwf & RWF_NOWAIT ? MSG_DONTWAIT : 0);
    }
    vector_fini(c->task, &v);
    return result;
}

int64_t sys_readv(struct call *c) { return read_imported(c, 0); }

int64_t sys_preadv2(struct call *c)
{
    if (c->args[3] != UINT64_MAX) return -ESPIPE;
    return read_imported(c, c->args[5]);
}
