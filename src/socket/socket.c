#include "socket/socket.h"

#include "sock/sock.h"
#include "socket/security.h"

#define TYPE_COUNT 11  /* Linux: SOCK_MAX */
#define FAMILY_COUNT 46 /* Linux: NPROTO */

static const struct net_family *find_family(int family)
{
    for (size_t i = 0; net_families[i]; i++)
        if (net_families[i]->family == family) return net_families[i];
    return NULL;
}

struct socket *socket_alloc(struct net *net)
{
    struct socket *s = machine_alloc(net->machine, sizeof *s);
    if (!s) return NULL;
    s->net = net;
    s->state = SOCKET_UNCONNECTED;
    wait_queue_init(&s->wait);
    return s;
}

int socket_create(struct net *net, const struct task *t, int family, int type, int protocol, struct socket **out)
{
    if (family < 0 || family >= FAMILY_COUNT) return -EAFNOSUPPORT;
    if (type < 0 || type >= TYPE_COUNT) return -EINVAL;
    if (family == AF_INET && type == SOCK_PACKET) family = AF_PACKET;
    struct security_request r = { .task = t, .family = family, .type = type, .protocol = protocol };
    int error = security_check(net, SECURITY_SOCKET, &r);
    if (error) return error;
    const struct net_family *f = find_family(family);
    if (!f) return -EAFNOSUPPORT;
    struct socket *s = socket_alloc(net);
    if (!s) return -ENFILE;
    s->type = (int16_t)type;
    if ((error = f->create(net, s, t, protocol))) {
        machine_free(net->machine, s, sizeof *s);
        return error;
    }
    *out = s;
    return 0;
}

void socket_destroy(struct socket *s)
{
    if (s->ops) s->ops->release(s);
    machine_free(s->net->machine, s, sizeof *s);
}

struct socket *socket_from_file(const struct file *f)
{
    return f->ops == &socket_file_ops ? f->private_data : NULL;
}

void socket_set_inode(struct socket *s, uint64_t inode)
{
    s->file->inode = inode;
    if (s->sock) s->sock->inode = inode;
}

struct file *socket_file(struct socket *s, uint32_t flags)
{
    struct file *f = file_create(s->net->machine, &socket_file_ops, s, O_RDWR | (flags & O_NONBLOCK));
    if (!f) {
        socket_destroy(s);
        return NULL;
    }
    s->file = f;
    socket_set_inode(s, f->inode);
    return f;
}

static long file_read(struct file *f, struct user_msg *msg)
{
    struct socket *s = f->private_data;
    return s->ops->recvmsg(s, msg);
}

static long file_write(struct file *f, struct user_msg *msg)
{
    struct socket *s = f->private_data;
    return s->ops->sendmsg(s, msg);
}

static uint32_t poll_socket(struct file *f)
{
    struct socket *s = f->private_data;
    return s->ops->poll(s);
}

static void release_socket(struct file *f)
{
    socket_destroy(f->private_data);
}

static struct wait_queue *queue_of(struct file *f) { return &((struct socket *)f->private_data)->wait; }

const struct file_ops socket_file_ops = {
    .name = "socket", .read = file_read, .write = file_write, .poll = poll_socket, .ioctl = socket_ioctl,
    .release = release_socket, .wait_queue = queue_of,
};
