/* Messages and what travels with them: the sender's name and credentials, open files. */
#include "unix/unix_sock.h"

#define NO_ID 65534u /* Linux: overflowuid, of a sender that was not asked for */

struct unix_rights *unix_rights_of(const struct packet *p)
{
    return (struct unix_rights *)(uintptr_t)p->scratch[UNIX_SCRATCH_RIGHTS];
}

static struct unix_address *address_of(const struct packet *p)
{
    return (struct unix_address *)(uintptr_t)p->scratch[UNIX_SCRATCH_ADDRESS];
}

static struct unix_sock *unix_of_file(const struct file *f)
{
    struct socket *s = socket_from_file(f);
    return s && s->ops->family == AF_UNIX ? unix_of(s->sock) : NULL;
}

/* Counts what the collector looks for: our own sockets inside messages. */
static void count_in_flight(struct net *net, const struct unix_rights *r, int by)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct unix_sock *u = unix_of_file(r->files[i]);
        if (!u) continue;
        u->in_flight += (uint32_t)by;
        net->unix_->in_flight += (uint32_t)by;
    }
}

void unix_bury(struct net *net, struct unix_rights *rights)
{
    struct unix_net *u = net->unix_;
    list_add_tail(&u->dead, &rights->node);
    if (u->is_burying) return;
    u->is_burying = true;
    while (!list_is_empty(&u->dead)) {
        struct unix_rights *r = list_first(&u->dead, struct unix_rights, node);
        list_remove(&r->node);
        for (uint32_t i = 0; i < r->count; i++) file_put(r->files[i]);
        machine_free(net->machine, r, sizeof *r);
    }
    u->is_burying = false;
}

static int add_rights(const struct user_msg *msg, const struct cmsghdr *c, struct unix_send *out)
{
    size_t count = (c->cmsg_len - sizeof *c) / sizeof(int);
    struct task *t = msg->task;
    if (count == 0) return 0;
    if (!out->rights) out->rights = machine_alloc(t->machine, sizeof *out->rights);
    struct unix_rights *r = out->rights;
    if (!r) return -ENOMEM;
    if (r->count + count > UNIX_RIGHTS_MOST) return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, (const uint8_t *)c + sizeof *c + i * sizeof fd, sizeof fd);
        struct file *f = fd < 0 ? NULL : t->ops->file_get(t, fd);
        if (!f) return -EBADF;
        r->files[r->count++] = f;
    }
    return 0;
}

static int set_credentials(const struct user_msg *msg, const struct cmsghdr *c, struct unix_send *out)
{
    struct unix_sender said;
    const struct credentials *own = msg->credentials;
    if (c->cmsg_len != CMSG_LEN(sizeof said)) return -EINVAL;
    memcpy(&said, (const uint8_t *)c + sizeof *c, sizeof said);
    if ((said.pid != own->pid && !credentials_can(own, CAP_SYS_ADMIN)) ||
        (said.uid != own->uid && !credentials_can(own, CAP_SETUID)) ||
        (said.gid != own->gid && !credentials_can(own, CAP_SETGID))) return -EPERM;
    if (said.uid == UINT32_MAX || said.gid == UINT32_MAX) return -EINVAL;
    out->credentials.pid = said.pid;
    out->credentials.uid = said.uid;
    out->credentials.gid = said.gid;
    out->has_credentials = true;
    return 0;
}

static int read_one(const struct user_msg *msg, const struct cmsghdr *c, struct unix_send *out)
{
    if (c->cmsg_level != SOL_SOCKET) return 0;
    if (c->cmsg_type == SCM_RIGHTS) return add_rights(msg, c, out);
    return c->cmsg_type == SCM_CREDENTIALS ? set_credentials(msg, c, out) : -EINVAL;
}

int unix_read_control(const struct user_msg *msg, struct unix_send *out)
{
    *out = (struct unix_send){ .credentials = *msg->credentials };
    for (uint32_t at = 0; msg->control_bytes >= sizeof(struct cmsghdr) && at <= msg->control_bytes - sizeof(struct cmsghdr);) {
        struct cmsghdr header;
        memcpy(&header, msg->control + at, sizeof header);
        int error = header.cmsg_len < sizeof header || header.cmsg_len > msg->control_bytes - at ? -EINVAL
            : read_one(msg, (const struct cmsghdr *)(const void *)(msg->control + at), out);
        if (error) {
            unix_drop_control(msg->task->net, out);
            return error;
        }
        at += (uint32_t)CMSG_ALIGN(header.cmsg_len);
    }
    return 0;
}

void unix_drop_control(struct net *net, struct unix_send *send)
{
    if (send->rights) unix_bury(net, send->rights);
    send->rights = NULL;
}

static void release_message(struct packet *p)
{
    struct sock *sk = p->sock;
    struct net *net = sk->net;
    struct unix_rights *rights = unix_rights_of(p);
    unix_address_put(address_of(p));
    sk->send_used_bytes -= min_of(sk->send_used_bytes, p->truesize_bytes);
    p->sock = NULL;
    sock_write_space(sk);
    sock_put(sk);
    if (!rights) return;
    count_in_flight(net, rights, -1);
    unix_bury(net, rights);
}

/* Linux: the linear part is a power-of-two slab with skb_shared_info in it, the rest whole pages; sk_buff itself is 256. */
static uint32_t truesize_of(uint32_t bytes, uint32_t linear_bytes)
{
    uint32_t slab_bytes = ((linear_bytes + 63) & ~63u) + 320, paged_bytes = bytes - linear_bytes;
    uint32_t rounded = 512;
    while (rounded < slab_bytes) rounded *= 2;
    return 256 + rounded + ((paged_bytes + 4095) & ~4095u);
}

struct packet *unix_make_message(struct sock *sk, struct user_msg *msg, uint32_t bytes, uint32_t linear_bytes, int *error)
{
    *error = sock_may_send(sk);
    if (*error) return NULL;
    struct packet *p = packet_create(sk->net->machine, bytes);
    *error = -ENOBUFS;
    if (!p) return NULL;
    *error = bytes ? user_iter_in(&msg->data, packet_put(p, bytes), bytes) : 0;
    if (*error) {
        packet_consume(p);
        return NULL;
    }
    p->net = sk->net;
    p->truesize_bytes = truesize_of(bytes, linear_bytes);
    p->sock = sock_get(sk);
    p->release = release_message;
    sk->send_used_bytes += p->truesize_bytes;
    return p;
}

/* Linux: credentials are kept only when one of the two asked for them, or nobody can be asked yet. */
void unix_attach_control(struct packet *p, struct sock *sk, struct sock *to, struct unix_send *send, const struct user_msg *msg)
{
    struct unix_address *a = unix_of(sk)->address;
    struct credentials c = send->has_credentials ? send->credentials : *msg->credentials;
    bool is_wanted = send->has_credentials || sk->pass_credentials || to->pass_credentials || !to->socket;
    if (a) a->references++;
    p->scratch[UNIX_SCRATCH_ADDRESS] = (uintptr_t)a;
    p->scratch[UNIX_SCRATCH_RIGHTS] = (uintptr_t)send->rights;
    p->scratch[UNIX_SCRATCH_PID] = is_wanted ? (uint32_t)c.pid : 0;
    p->scratch[UNIX_SCRATCH_IDS] = is_wanted ? (uint64_t)c.uid << 32 | c.gid : (uint64_t)NO_ID << 32 | NO_ID;
    if (send->rights) count_in_flight(sk->net, send->rights, 1);
    send->rights = NULL;
}

struct unix_sender unix_sender_of(const struct packet *p)
{
    return (struct unix_sender){ (int32_t)p->scratch[UNIX_SCRATCH_PID], (uint32_t)(p->scratch[UNIX_SCRATCH_IDS] >> 32),
                                 (uint32_t)p->scratch[UNIX_SCRATCH_IDS] };
}

void unix_take_rights(struct packet *p)
{
    struct unix_rights *rights = unix_rights_of(p);
    if (!rights) return;
    p->scratch[UNIX_SCRATCH_RIGHTS] = 0;
    count_in_flight(p->net, rights, -1);
    unix_bury(p->net, rights);
}

/* Gives as many files as there is room for; the rest are closed with the message (Linux: scm_detach_fds). */
static void give_rights(struct user_msg *msg, const struct unix_rights *r)
{
    int fds[UNIX_RIGHTS_MOST];
    uint32_t room = msg->control_bytes - msg->control_used, given = 0;
    uint32_t most = room >= sizeof(struct cmsghdr) ? (room - (uint32_t)sizeof(struct cmsghdr)) / (uint32_t)sizeof(int) : 0;
    uint32_t flags = msg->flags & MSG_CMSG_CLOEXEC ? O_CLOEXEC : 0;
    struct task *t = msg->task;
    for (; given < r->count && given < most; given++) {
        fds[given] = t->ops->file_install(t, file_get(r->files[given]), flags);
        if (fds[given] < 0) break;
    }
    if (given < r->count) msg->out_flags |= MSG_CTRUNC;
    if (given > 0) user_msg_put_control(msg, SOL_SOCKET, SCM_RIGHTS, fds, given * (uint32_t)sizeof(int));
}

void unix_give_control(struct sock *sk, const struct unix_sender *sender, const struct unix_rights *rights, struct user_msg *msg)
{
    if (!msg->control || msg->control_bytes == 0) {
        if (sk->pass_credentials || rights) msg->out_flags |= MSG_CTRUNC;
        return;
    }
    if (sk->pass_credentials) user_msg_put_control(msg, SOL_SOCKET, SCM_CREDENTIALS, sender, sizeof *sender);
    if (rights) give_rights(msg, rights);
}

/* The collector. A socket whose file is held by messages only, and whose messages lie only in such sockets, can never be
 * reached again. Mark what is held from outside, and what is in the queues of the marked; empty the queues of the rest. */

static void reach(struct unix_sock *u, struct list *work)
{
    if (u->is_reachable) return;
    u->is_reachable = true;
    list_add_tail(work, &u->collect_node);
}

static void reach_queue(struct unix_sock *u, struct list *work)
{
    list_for_each(it, &u->sock.receive_queue.packets) {
        struct packet *p = list_entry(it, struct packet, node);
        if (u->sock.state == SOCK_LISTEN) {
            if (p->sock) reach(unix_of(p->sock), work);
            continue;
        }
        const struct unix_rights *r = unix_rights_of(p);
        for (uint32_t i = 0; r && i < r->count; i++) {
            struct unix_sock *inside = unix_of_file(r->files[i]);
            if (inside) reach(inside, work);
        }
    }
}

/* A file with more references than messages hold is reachable; so is a sock that waits for accept, through its listener. */
static bool is_root(const struct unix_sock *u)
{
    const struct socket *s = u->sock.socket;
    if (!s) return !u->is_embryo;
    return !s->file || s->file->references > u->in_flight;
}

void unix_collect(struct net *net)
{
    struct list work;
    struct packet_queue garbage;
    list_init(&work);
    packet_queue_init(&garbage);
    list_for_each(it, &net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family == AF_UNIX) unix_of(sk)->is_reachable = false;
    }
    list_for_each(it, &net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family == AF_UNIX && is_root(unix_of(sk))) reach(unix_of(sk), &work);
    }
    while (!list_is_empty(&work)) {
        struct unix_sock *u = list_first(&work, struct unix_sock, collect_node);
        list_remove(&u->collect_node);
        reach_queue(u, &work);
    }
    list_for_each(it, &net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family != AF_UNIX || unix_of(sk)->is_reachable || sk->state == SOCK_LISTEN) continue;
        unix_of(sk)->oob = NULL;
        list_splice_tail(&garbage.packets, &sk->receive_queue.packets);
        garbage.count += sk->receive_queue.count;
        packet_queue_init(&sk->receive_queue);
    }
    packet_queue_purge(&garbage);
}
