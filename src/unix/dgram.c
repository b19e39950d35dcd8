/* SOCK_DGRAM and SOCK_SEQPACKET: whole messages. */
#include "unix/unix_sock.h"

#define LINEAR_MOST 16064u /* Linux: SKB_MAX_ALLOC */

void unix_dgram_disconnected(struct sock *sk, struct sock *other)
{
    if (sk->receive_queue.count) {
        packet_queue_purge(&sk->receive_queue);
        unix_wake_waiters(unix_of(sk));
        /* Who is connected to us is told that what it sent is lost. */
        if (!other->is_dead && unix_of(other)->peer == sk) sock_report_error(other, ECONNRESET);
    }
    other->state = SOCK_CLOSE;
}

/* Linux: unix_may_send. A sock that is connected hears its peer only. */
static bool may_send_to(const struct sock *sk, struct sock *other)
{
    return !unix_of(other)->peer || unix_of(other)->peer == sk;
}

static void disconnect(struct sock *sk)
{
    struct sock *old = unix_of(sk)->peer;
    sk->state = SOCK_CLOSE;
    if (!old) return;
    sock_get(old);
    unix_set_peer(sk, NULL);
    unix_dgram_disconnected(sk, old);
    sock_put(old);
}

int unix_dgram_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags)
{
    struct sock *sk = s->sock, *other;
    struct sockaddr_un name;
    uint32_t name_bytes;
    (void)t;
    (void)flags;
    if (bytes < offsetof(struct sockaddr, sa_data)) return -EINVAL;
    if (a->ss_family == AF_UNSPEC) {
        disconnect(sk);
        return 0;
    }
    int error = unix_check_name(a, bytes, &name, &name_bytes);
    if (!error && sk->pass_credentials) error = unix_autobind(sk);
    if (!error) error = unix_find(s->net, &name, name_bytes, sk->type, &other);
    if (error) return error;
    if (!may_send_to(sk, other)) return -EPERM;
    struct sock *old = unix_of(sk)->peer;
    if (old) sock_get(old);
    unix_set_peer(sk, other);
    if (old && old != other) unix_dgram_disconnected(sk, old);
    if (old) sock_put(old);
    sk->state = other->state = SOCK_ESTABLISHED;
    return 0;
}

/* The one to send to, a reference. */
static int find_target(struct sock *sk, const struct user_msg *msg, struct sock **out)
{
    struct sockaddr_un name;
    uint32_t name_bytes;
    if (msg->name_bytes == 0) {
        *out = unix_of(sk)->peer;
        return *out ? (sock_get(*out), 0) : -ECONNRESET;
    }
    unix_check_name(&msg->name, msg->name_bytes, &name, &name_bytes);
    int error = unix_find(sk->net, &name, name_bytes, sk->type, out);
    if (!error) sock_get(*out);
    return error;
}

static int refuse_dead(struct sock *sk, struct sock *other)
{
    if (sk->type == SOCK_SEQPACKET) return -EPIPE;
    if (unix_of(sk)->peer == other) disconnect(sk);
    return -ECONNREFUSED;
}

/* Takes p. */
static int deliver(struct sock *sk, struct sock *other, struct packet *p, struct unix_send *send, const struct user_msg *msg)
{
    int error = 0;
    uint32_t keep_bytes = other->rare->filter ? sock_filter_run(other, p) : packet_bytes(p);
    if (other->rare->filter && keep_bytes == 0) goto out; /* refused by the receiver's filter: as sent */
    if (keep_bytes < packet_bytes(p)) packet_trim(p, keep_bytes);
    if (!may_send_to(sk, other)) error = -EPERM;
    else if (other->is_dead) error = refuse_dead(sk, other);
    else if (other->shutdown & SOCK_SHUT_RECEIVE) error = -EPIPE;
    else if (unix_of(other)->refuses_rights && send->rights) error = -EPERM;
    else if (unix_of(other)->peer != sk && unix_is_full(other)) {
        unix_wait_for(unix_of(sk), unix_of(other));
        error = -EAGAIN;
    }
    if (error) goto out;
    unix_attach_control(p, sk, other, send, msg);
    packet_queue_push(&other->receive_queue, p);
    sock_data_ready(other);
    return 0;
out:
    packet_consume(p);
    return error;
}

static int check_send(struct sock *sk, const struct user_msg *msg)
{
    struct sockaddr_un name;
    uint32_t name_bytes;
    int error = 0;
    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    if (msg->name_bytes > 0) error = unix_check_name(&msg->name, msg->name_bytes, &name, &name_bytes);
    else if (!unix_of(sk)->peer) error = -ENOTCONN;
    if (!error && sk->pass_credentials) error = unix_autobind(sk);
    if (!error && msg->data.left + 32 > sk->send_buffer_bytes) error = -EMSGSIZE;
    return error;
}

long unix_dgram_sendmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock, *other;
    struct unix_send send;
    uint64_t left = msg->data.left;
    int error = unix_read_control(msg, &send);
    if (error) return error;
    struct packet *p = NULL;
    error = check_send(sk, msg);
    if (!error) {
        uint32_t bytes = (uint32_t)left;
        uint32_t paged = bytes > LINEAR_MOST ? (bytes - LINEAR_MOST + 4095) & ~4095u : 0;
        p = unix_make_message(sk, msg, bytes, bytes - min_of(paged, bytes), &error);
    }
    if (p) {
        error = find_target(sk, msg, &other);
        if (error) {
            packet_consume(p);
        } else {
            error = deliver(sk, other, p, &send, msg);
            sock_put(other);
        }
    }
    unix_drop_control(sk->net, &send);
    return error ? error : (long)left;
}

long unix_seqpacket_sendmsg(struct socket *s, struct user_msg *msg)
{
    int error = sock_take_error(s->sock);
    if (error) return error;
    if (s->sock->state != SOCK_ESTABLISHED) return -ENOTCONN;
    msg->name_bytes = 0;
    return unix_dgram_sendmsg(s, msg);
}

/* The message where SO_PEEK_OFF stands, and how far into it. */
static struct packet *peek_at(struct sock *sk, uint32_t *skip)
{
    *skip = (uint32_t)max_of(sk->rare->peek_offset, 0);
    list_for_each(it, &sk->receive_queue.packets) {
        struct packet *p = list_entry(it, struct packet, node);
        if (*skip < packet_bytes(p) || *skip == 0) return p;
        *skip -= packet_bytes(p);
    }
    return NULL;
}

static struct packet *next_message(struct sock *sk, const struct user_msg *msg, uint32_t *skip, int *error)
{
    struct packet *p = sock_datagram_next(sk, msg, error);
    *skip = 0;
    if (!p || !(msg->flags & MSG_PEEK) || sk->rare->peek_offset < 0) return p;
    p = peek_at(sk, skip);
    if (!p) *error = -EAGAIN;
    return p;
}

static void move_peek_offset(struct sock *sk, const struct user_msg *msg, uint32_t shown, uint32_t whole)
{
    if (sk->rare->peek_offset < 0) return;
    if (msg->flags & MSG_PEEK) sock_rare(sk)->peek_offset += (int32_t)shown;
    else sock_rare(sk)->peek_offset = max_of(sk->rare->peek_offset - (int32_t)whole, 0);
}

long unix_dgram_recvmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    uint32_t skip;
    int error;
    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    struct packet *p = next_message(sk, msg, &skip, &error);
    if (!p) return sk->type == SOCK_SEQPACKET && error == -EAGAIN && (sk->shutdown & SOCK_SHUT_RECEIVE) ? 0 : error;
    uint32_t bytes = packet_bytes(p), shown = (uint32_t)min_of(bytes - skip, msg->data.left);
    struct unix_sender sender = unix_sender_of(p);
    unix_wake_waiters(unix_of(sk));
    unix_copy_name(msg, (struct unix_address *)(uintptr_t)p->scratch[UNIX_SCRATCH_ADDRESS]);
    if (shown < bytes - skip) msg->out_flags |= MSG_TRUNC;
    long result = sock_copy_out(p, skip, &msg->data, shown);
    if (!result) {
        unix_give_control(sk, &sender, unix_rights_of(p), msg);
        move_peek_offset(sk, msg, shown, bytes);
        result = msg->flags & MSG_TRUNC ? (long)(bytes - skip) : (long)shown;
    }
    if (!(msg->flags & MSG_PEEK)) packet_consume(p);
    return result;
}

long unix_seqpacket_recvmsg(struct socket *s, struct user_msg *msg)
{
    return s->sock->state == SOCK_ESTABLISHED ? unix_dgram_recvmsg(s, msg) : -ENOTCONN;
}

uint32_t unix_dgram_poll(struct socket *s)
{
    struct sock *sk = s->sock, *other = unix_of(sk)->peer;
    uint32_t mask = 0;
    if (sk->err || sk->rare->error_queue.count) mask |= EPOLLERR | (sk->select_err_queue ? EPOLLPRI : 0);
    if (sk->shutdown & SOCK_SHUT_RECEIVE) mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (sk->shutdown == SOCK_SHUT_BOTH) mask |= EPOLLHUP;
    if (sk->receive_queue.count) mask |= EPOLLIN | EPOLLRDNORM;
    if (sk->type == SOCK_SEQPACKET && sk->state == SOCK_CLOSE) mask |= EPOLLHUP;
    if (!unix_is_writeable(sk)) return mask;
    if (other && unix_of(other)->peer != sk && unix_is_full(other)) {
        unix_wait_for(unix_of(sk), unix_of(other)); /* the peer's next read wakes us */
        return mask;
    }
    return mask | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
}
