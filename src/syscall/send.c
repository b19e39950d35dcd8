#include "syscall/calls.h"

#define INTERNAL_FLAGS 0x8110000u /* only the kernel itself may ask: MSG_SPLICE_PAGES and its kin */
#define CONTROL_FAST 256

int64_t sys_sendto(struct call *c)
{
    struct socket *s = call_socket(c);
    struct vector v;
    struct user_msg msg;
    if (!s) return -ENOTSOCK;
    vector_single(&v, c->args[1], c->args[2]);
    message_init(c, &msg, &v, (uint32_t)c->args[3] & ~INTERNAL_FLAGS);
    if (c->args[4]) {
        int error = import_address(c->task, c->args[4], (int)c->args[5], &msg.name);
        if (error) return error;
        msg.name_bytes = (uint32_t)c->args[5];
    }
    return message_send(c, s, &msg, &c->progress);
}

/* Control data comes in as a whole; its owner is this frame. */
static int64_t send_with_control(struct call *c, struct socket *s, struct user_msg *msg, const struct msghdr *header, uint64_t *done)
{
    uint8_t fast[CONTROL_FAST] __attribute__((aligned(8)));
    size_t bytes = header->msg_controllen;
    if (bytes > INT32_MAX || bytes > (uint64_t)s->net->sysctl.optmem_max) return -ENOBUFS;
    uint8_t *control = bytes > sizeof fast ? memory_alloc(c->task->machine->memory, bytes) : fast;
    if (!control) return -ENOBUFS;
    int64_t result = user_in(c->task->memory, control, (uint64_t)(uintptr_t)header->msg_control, bytes);
    if (!result) {
        msg->control = control;
        msg->control_bytes = (uint32_t)bytes;
        result = message_send(c, s, msg, done);
    }
    if (control != fast) machine_free(c->task->machine, control, bytes);
    return result;
}

/* Linux: a negative length is refused, a long one cut. */
static int import_name(struct call *c, const struct msghdr *header, struct user_msg *msg)
{
    int bytes = (int)header->msg_namelen;
    if (bytes < 0) return -EINVAL;
    if (!header->msg_name) return 0;
    msg->name_bytes = min_of((uint32_t)bytes, (uint32_t)sizeof msg->name);
    return import_address(c->task, (uint64_t)(uintptr_t)header->msg_name, (int)msg->name_bytes, &msg->name);
}

int64_t send_header(struct call *c, struct socket *s, uint64_t at, uint32_t flags, uint64_t *done)
{
    struct msghdr header;
    struct vector v = { 0 };
    struct user_msg msg;
    if (user_in(c->task->memory, &header, at, sizeof header)) return -EFAULT;
    int64_t result = vector_import(c->task, (uint64_t)(uintptr_t)header.msg_iov, header.msg_iovlen, -EMSGSIZE, &v);
    if (!result) {
        message_init(c, &msg, &v, flags & ~INTERNAL_FLAGS);
        result = import_name(c, &header, &msg);
    }
    if (!result) {
        result = header.msg_controllen ? send_with_control(c, s, &msg, &header, done) : message_send(c, s, &msg, done);
    }
    vector_fini(c->task, &v);
    return result;
}

int64_t sys_sendmsg(struct call *c)
{
    struct socket *s = call_socket(c);
    return s ? send_header(c, s, c->args[1], (uint32_t)c->args[2], &c->progress) : -ENOTSOCK;
}

static int64_t write_vector(struct call *c, const struct vector *v, uint32_t flags)
{
    struct socket *s = call_socket(c);
    struct user_msg msg;
    message_init(c, &msg, v, flags);
    if (s) return message_send(c, s, &msg, &c->progress);
    return c->file->ops->write ? c->file->ops->write(c->file, &msg) : -EINVAL;
}

int64_t sys_write(struct call *c)
{
    struct vector v;
    if ((int64_t)c->args[2] < 0) return -EINVAL;
    vector_single(&v, c->args[1], c->args[2]);
    return write_vector(c, &v, 0);
}

/* rwf: RWF_*, looked at last. Linux: a vector of no bytes ends before the socket, where write() of none sends an empty
 * datagram. */
static int64_t write_imported(struct call *c, uint64_t rwf)
{
    struct vector v;
    int64_t result = vector_import(c->task, c->args[1], c->args[2], -EINVAL, &v);
    if (!result && !(call_socket(c) && vector_is_empty(&v))) {
        result = rwf & ~(uint64_t)RWF_NOWAIT ? -EOPNOTSUPP : write_vector(c, &v, rwf & RWF_NOWAIT ? MSG_DONTWAIT : 0);
    }
    vector_fini(c->task, &v);
    return result;
}

int64_t sys_writev(struct call *c) { return write_imported(c, 0); }

/* A socket has no position: only the position "where it is" (-1) will do. */
int64_t sys_pwritev2(struct call *c)
{
    if (c->args[3] != UINT64_MAX) return -ESPIPE;
    return write_imported(c, c->args[5]);
}
