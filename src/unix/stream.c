/* SOCK_STREAM, and what it shares with SOCK_SEQPACKET: listening and connecting. The urgent byte of MSG_OOB is a message of
 * its own in the receive queue; once read it stays there empty, as the mark at which a read stops. */
#include "unix/unix_sock.h"

#define LINEAR_MOST 3776u  /* Linux: SKB_MAX_HEAD(0) */
#define PAGED_MOST 32768u  /* Linux: UNIX_SKB_FRAGS_SZ */

int unix_listen(struct socket *s, const struct task *t, int backlog)
{
    struct sock *sk = s->sock;
    struct unix_sock *u = unix_of(sk);
    if (sk->type == SOCK_DGRAM) return -EOPNOTSUPP;
    if (!u->address || (sk->state != SOCK_CLOSE && sk->state != SOCK_LISTEN)) return -EINVAL;
    bool has_more_room = (uint32_t)backlog > u->backlog_most;
    u->backlog_most = (uint32_t)backlog;
    sk->state = SOCK_LISTEN;
    u->peer_credentials = t->credentials;
    u->has_peer_credentials = true;
    if (has_more_room) unix_wake_waiters(u);
    return 0;
}

static void release_embryo(struct packet *p)
{
    if (p->sock) sock_put(p->sock);
    p->sock = NULL;
}

/* The other end of a connection, in the listener's queue until it is accepted. */
static int queue_embryo(struct sock *sk, struct sock *listener, const struct task *t)
{
    struct sock *end = sock_create(sk->net, sk->proto, AF_UNIX, sk->type, 0);
    if (!end) return -ENOMEM;
    struct packet *p = packet_create(sk->net->machine, 0);
    if (!p || end->proto->init(end)) {
        if (p) packet_consume(p);
        sock_put(end);
        return -ENOMEM;
    }
    struct unix_sock *u = unix_of(end), *l = unix_of(listener);
    p->net = sk->net;
    p->sock = end; /* the reference it was created with */
    p->release = release_embryo;
    end->state = SOCK_ESTABLISHED;
    end->pass_credentials = listener->pass_credentials;
    u->refuses_rights = l->refuses_rights;
    u->is_embryo = true;
    u->address = l->address;
    u->address->references++;
    u->peer_credentials = t->credentials;
    u->has_peer_credentials = true;
    unix_set_peer(end, sk);
    unix_set_peer(sk, end);
    unix_of(sk)->peer_credentials = l->peer_credentials;
    unix_of(sk)->has_peer_credentials = true;
    packet_queue_push(&listener->receive_queue, p);
    return 0;
}

int unix_stream_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags)
{
    struct sock *sk = s->sock, *listener;
    struct sockaddr_un name;
    uint32_t name_bytes;
    (void)flags;
    int error = unix_check_name(a, bytes, &name, &name_bytes);
    if (!error && sk->pass_credentials) error = unix_autobind(sk);
    if (!error) error = unix_find(s->net, &name, name_bytes, sk->type, &listener);
    if (error) return error;
    if (listener->state != SOCK_LISTEN || (listener->shutdown & SOCK_SHUT_RECEIVE)) return -ECONNREFUSED;
    if (unix_is_full(listener)) {
        unix_wait_for(unix_of(sk), unix_of(listener));
        return -EAGAIN;
    }
    if (sk->state != SOCK_CLOSE) return sk->state == SOCK_ESTABLISHED ? -EISCONN : -EINVAL;
    error = queue_embryo(sk, listener, t);
    if (error) return error;
    sk->state = SOCK_ESTABLISHED;
    s->state = SOCKET_CONNECTED;
    sock_data_ready(listener);
    return 0;
}

int unix_accept(struct socket *s, struct socket *accepted, uint32_t flags)
{
    struct sock *sk = s->sock;
    if (sk->type == SOCK_DGRAM) return -EOPNOTSUPP;
    if (sk->state != SOCK_LISTEN) return -EINVAL;
    struct packet *p = packet_queue_pop(&sk->receive_queue);
    /* Linux looks at the shutdown only when it is about to wait. */
    if (!p) return (sk->shutdown & SOCK_SHUT_RECEIVE) && !(flags & O_NONBLOCK) ? -EINVAL : -EAGAIN;
    struct sock *end = p->sock;
    p->sock = NULL;
    packet_consume(p);
    unix_wake_waiters(unix_of(sk));
    unix_of(end)->is_embryo = false;
    accepted->sock = end;
    accepted->ops = s->ops;
    accepted->state = SOCKET_CONNECTED;
    sock_graft(end, accepted, &accepted->wait);
    return 0;
}

/* 0 or -errno; nothing was queued on failure. */
static int send_piece(struct sock *sk, struct sock *other, struct user_msg *msg, struct unix_send *send, uint32_t bytes, bool is_oob)
{
    uint32_t paged = bytes > LINEAR_MOST ? min_of((bytes - LINEAR_MOST + 4095) & ~4095u, bytes) : 0;
    int error;
    struct packet *p = unix_make_message(sk, msg, bytes, bytes - paged, &error);
    if (!p) return error;
    if (other->is_dead || (other->shutdown & SOCK_SHUT_RECEIVE)) {
        packet_consume(p);
        return -EPIPE;
    }
    if (unix_of(other)->refuses_rights && send->rights) {
        packet_consume(p);
        return -EPERM;
    }
    unix_attach_control(p, sk, other, send, msg);
    p->scratch[UNIX_SCRATCH_IS_OOB] = is_oob;
    if (is_oob) unix_of(other)->oob = p; /* the one before becomes ordinary data */
    packet_queue_push(&other->receive_queue, p);
    sock_data_ready(other);
    return 0;
}

static int may_send_stream(const struct sock *sk, const struct user_msg *msg)
{
    const struct sock *other = unix_of((struct sock *)sk)->peer;
    if (msg->name_bytes > 0) return sk->state == SOCK_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
    if (!other) return -ENOTCONN;
    return sk->shutdown & SOCK_SHUT_SEND ? -EPIPE : 0;
}

long unix_stream_sendmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    struct unix_send send;
    uint64_t oob_bytes = (msg->flags & MSG_OOB) && msg->data.left ? 1 : 0;
    long sent = 0;
    int error = unix_read_control(msg, &send);
    if (error) return error;
    error = may_send_stream(sk, msg);
    struct sock *other = error ? NULL : sock_get(unix_of(sk)->peer);
    while (!error && msg->data.left > 0) {
        bool is_oob = msg->data.left == oob_bytes;
        uint64_t most = min_of(max_of(sk->send_buffer_bytes / 2, 65u) - 64, LINEAR_MOST + PAGED_MOST);
        uint32_t n = (uint32_t)(is_oob ? 1 : min_of(msg->data.left - oob_bytes, most));
        error = send_piece(sk, other, msg, &send, n, is_oob);
        if (!error) sent += n;
    }
    unix_drop_control(sk->net, &send);
    if (other) sock_put(other);
    return sent > 0 ? sent : error;
}

uint64_t unix_queued_bytes(const struct sock *sk) { return sk->receive_queue.bytes; }

bool unix_at_mark(const struct sock *sk)
{
    const struct packet *p = packet_queue_peek(&sk->receive_queue);
    return p && p->scratch[UNIX_SCRATCH_IS_OOB] && (packet_bytes(p) == 0 || unix_of((struct sock *)sk)->oob == p);
}

static long receive_oob(struct sock *sk, struct user_msg *msg)
{
    struct unix_sock *u = unix_of(sk);
    struct packet *p = u->oob;
    if (sk->oob_inline || !p) return -EINVAL;
    if (msg->data.left > 0 && sock_copy_out(p, 0, &msg->data, 1)) return -EFAULT;
    if (!(msg->flags & MSG_PEEK)) {
        u->oob = NULL;
        packet_pull(p, 1);
        sk->receive_queue.bytes--;
    }
    msg->out_flags |= MSG_OOB;
    return 1;
}

/* What a read does at a message. */
enum step { STEP_READ, STEP_SKIP, STEP_DISCARD, STEP_STOP };

static enum step step_at(const struct sock *sk, const struct packet *p, uint64_t done, bool is_peek)
{
    bool is_pending = unix_of((struct sock *)sk)->oob == p;
    if (!p->scratch[UNIX_SCRATCH_IS_OOB] || (!is_pending && packet_bytes(p) > 0)) return STEP_READ;
    if (done > 0) return STEP_STOP;
    if (is_pending && sk->oob_inline) return STEP_READ;
    return is_peek ? STEP_SKIP : STEP_DISCARD;
}

static void discard(struct sock *sk, struct packet *p)
{
    if (unix_of(sk)->oob == p) unix_of(sk)->oob = NULL;
    packet_queue_remove(&sk->receive_queue, p);
    packet_consume(p);
}

struct reading { uint64_t done, skip; struct unix_sender sender; bool has_sender, has_control; int error; };

/* True: the read goes on with the next message. */
static bool read_one(struct sock *sk, struct user_msg *msg, struct packet *p, struct reading *r)
{
    bool is_peek = msg->flags & MSG_PEEK;
    struct unix_sender sender = unix_sender_of(p);
    uint32_t bytes = packet_bytes(p);
    if (!r->has_sender) {
        unix_copy_name(msg, (struct unix_address *)(uintptr_t)p->scratch[UNIX_SCRATCH_ADDRESS]);
        r->sender = sender;
        r->has_sender = true;
    } else if (sk->pass_credentials && !unix_same_sender(&r->sender, &sender)) {
        return false;
    }
    if (is_peek && r->skip >= bytes) {
        r->skip -= bytes;
        return true;
    }
    uint32_t skip = is_peek ? (uint32_t)r->skip : 0, n = (uint32_t)min_of(bytes - skip, msg->data.left);
    r->skip = 0;
    if (sock_copy_out(p, skip, &msg->data, n)) {
        r->error = -EFAULT;
        return false;
    }
    r->done += n;
    const struct unix_rights *rights = unix_rights_of(p);
    if (rights) {
        unix_give_control(sk, &r->sender, rights, msg);
        r->has_control = true;
        if (!is_peek) unix_take_rights(p);
    }
    if (!is_peek) {
        packet_pull(p, n);
        sk->receive_queue.bytes -= min_of(n, sk->receive_queue.bytes);
        if (packet_bytes(p) == 0) discard(sk, p);
    }
    return !r->has_control && msg->data.left > 0;
}

static void move_peek_offset(struct sock *sk, const struct user_msg *msg, uint64_t bytes)
{
    if (sk->rare->peek_offset < 0) return;
    if (msg->flags & MSG_PEEK) sock_rare(sk)->peek_offset += (int32_t)bytes;
    else sock_rare(sk)->peek_offset = (int32_t)max_of((int64_t)sk->rare->peek_offset - (int64_t)bytes, 0);
}

long unix_stream_recvmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    bool is_peek = msg->flags & MSG_PEEK;
    struct reading r = { .skip = is_peek && sk->rare->peek_offset > 0 ? (uint64_t)sk->rare->peek_offset : 0 };
    if (sk->state != SOCK_ESTABLISHED) return -EINVAL;
    if (msg->flags & MSG_OOB) return receive_oob(sk, msg);
    if (msg->data.left == 0) return 0;
    list_for_each_safe(it, tmp, &sk->receive_queue.packets) {
        struct packet *p = list_entry(it, struct packet, node);
        enum step step = step_at(sk, p, r.done, is_peek);
        if (step == STEP_STOP) break;
        if (step == STEP_DISCARD) discard(sk, p);
        if (step == STEP_READ) {
            if (!is_peek && unix_of(sk)->oob == p) unix_of(sk)->oob = NULL;
            if (!read_one(sk, msg, p, &r)) break;
        }
    }
    if (r.done > 0 && !r.has_control) unix_give_control(sk, &r.sender, NULL, msg);
    move_peek_offset(sk, msg, r.done);
    if (r.done > 0 || r.error) return r.done > 0 ? (long)r.done : r.error;
    int error = sock_take_error(sk);
    if (error) return error;
    return sk->shutdown & SOCK_SHUT_RECEIVE ? 0 : -EAGAIN;
}

uint32_t unix_stream_poll(struct socket *s)
{
    struct sock *sk = s->sock;
    uint32_t mask = 0;
    if (sk->err) mask |= EPOLLERR;
    if (sk->shutdown == SOCK_SHUT_BOTH) mask |= EPOLLHUP;
    if (sk->shutdown & SOCK_SHUT_RECEIVE) mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (sk->receive_queue.count) mask |= EPOLLIN | EPOLLRDNORM;
    if (unix_of(sk)->oob) mask |= EPOLLPRI;
    if (sk->state == SOCK_CLOSE) mask |= EPOLLHUP;
    if (unix_is_writeable(sk)) mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return mask;
}
