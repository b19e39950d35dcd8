#include "unix/unix_sock.h"

#define SO_PASSRIGHTS_ 83 /* newer than Debian 12's headers */

int unix_net_start(struct net *net)
{
    struct unix_net *u = machine_alloc(net->machine, sizeof *u);
    if (!u) return -ENOMEM;
    random_key(&net->machine->random.keys, &u->key);
    list_init(&u->dead);
    net->unix_ = u;
    return 0;
}

void unix_net_stop(struct net *net)
{
    machine_free(net->machine, net->unix_, sizeof *net->unix_);
    net->unix_ = NULL;
}

static void write_space(struct sock *sk)
{
    if (unix_is_writeable(sk)) sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

static int init_sock(struct sock *sk)
{
    struct unix_sock *u = unix_of(sk);
    u->backlog_most = (uint32_t)sk->net->sysctl.unix_max_dgram_qlen;
    list_init(&u->waiters);
    list_init(&u->waiting);
    list_init(&u->collect_node);
    return 0;
}

static void destroy_sock(struct sock *sk)
{
    unix_forget_name(sk);
    unix_set_peer(sk, NULL);
}

const struct proto unix_stream_proto = {
    .name = "UNIX-STREAM", .sock_bytes = sizeof(struct unix_sock), .init = init_sock, .destroy = destroy_sock, .write_space = write_space,
};
const struct proto unix_dgram_proto = {
    .name = "UNIX", .sock_bytes = sizeof(struct unix_sock), .init = init_sock, .destroy = destroy_sock, .write_space = write_space,
};

static const struct proto_ops *ops_of(struct socket *s)
{
    switch (s->type) {
    case SOCK_STREAM: return &unix_stream_ops;
    case SOCK_RAW: s->type = SOCK_DGRAM; return &unix_dgram_ops; /* Linux: as BSD did */
    case SOCK_DGRAM: return &unix_dgram_ops;
    case SOCK_SEQPACKET: return &unix_seqpacket_ops;
    default: return NULL;
    }
}

static int create(struct net *net, struct socket *s, const struct task *t, int protocol)
{
    if (protocol && protocol != PF_UNIX) return -EPROTONOSUPPORT;
    const struct proto_ops *ops = ops_of(s);
    if (!ops) return -ESOCKTNOSUPPORT;
    struct sock *sk = sock_create(net, s->type == SOCK_STREAM ? &unix_stream_proto : &unix_dgram_proto, AF_UNIX, s->type, protocol);
    if (!sk) return -ENOMEM;
    sk->proto->init(sk);
    if (t) {
        sk->uid = t->credentials.uid;
        unix_of(sk)->peer_credentials = t->credentials; /* for socketpair: shown once there is a peer */
    }
    s->ops = ops;
    s->sock = sk;
    sock_graft(sk, s, &s->wait);
    return 0;
}

const struct net_family unix_family = { .family = AF_UNIX, .name = "unix", .create = create };

static void release(struct socket *s)
{
    struct sock *sk = s->sock;
    struct net *net = s->net;
    if (!sk) return;
    s->sock = NULL;
    unix_release_sock(sk);
    sock_put(sk);
    if (net->unix_->in_flight > 0 && !net->unix_->is_burying) unix_collect(net);
}

static int put_int(const struct task *t, uint64_t argument, int value)
{
    return user_out(t->memory, argument, &value, sizeof value);
}

static int ioctl_unix(struct socket *s, const struct task *t, unsigned command, uint64_t argument)
{
    struct sock *sk = s->sock;
    switch (command) {
    case SIOCOUTQ: return put_int(t, argument, (int)sk->send_used_bytes);
    case SIOCINQ: {
        const struct packet *first = packet_queue_peek(&sk->receive_queue);
        if (sk->state == SOCK_LISTEN) return -EINVAL;
        if (sk->type != SOCK_DGRAM) return put_int(t, argument, (int)unix_queued_bytes(sk));
        return put_int(t, argument, first ? (int)packet_bytes(first) : 0);
    }
    case SIOCATMARK: return put_int(t, argument, unix_at_mark(sk));
    default: return -ENOIOCTLCMD;
    }
}

static int setsockopt_unix(struct socket *s, int level, int name, const struct user_option *o)
{
    int on;
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    if (name != SO_PASSRIGHTS_) return -ENOPROTOOPT;
    int error = option_int(o, &on);
    if (!error) unix_of(s->sock)->refuses_rights = !on;
    return error;
}

static int getsockopt_unix(struct socket *s, int level, int name, const struct user_option *o)
{
    const struct unix_sock *u = unix_of(s->sock);
    const struct credentials *c = &u->peer_credentials;
    struct unix_sender peer = { 0, UINT32_MAX, UINT32_MAX };
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    switch (name) {
    case SO_PEERCRED:
        if (u->has_peer_credentials) peer = (struct unix_sender){ c->pid, c->uid, c->gid };
        return option_out(o, &peer, sizeof peer);
    case SO_PEERGROUPS: return u->has_peer_credentials ? option_out(o, "", 0) : -ENODATA;
    case SO_PASSRIGHTS_: return option_out_int(o, !u->refuses_rights);
    default: return -ENOPROTOOPT;
    }
}

#define UNIX_OPS(connect_, sendmsg_, recvmsg_, poll_) { \
    .family = AF_UNIX, .release = release, .bind = unix_bind, .connect = connect_, .socketpair = unix_socketpair, \
    .accept = unix_accept, .getname = unix_getname, .poll = poll_, .ioctl = ioctl_unix, .listen = unix_listen, \
    .shutdown = unix_shutdown, .setsockopt = setsockopt_unix, .getsockopt = getsockopt_unix, \
    .sendmsg = sendmsg_, .recvmsg = recvmsg_ }

const struct proto_ops unix_stream_ops = UNIX_OPS(unix_stream_connect, unix_stream_sendmsg, unix_stream_recvmsg, unix_stream_poll);
const struct proto_ops unix_dgram_ops = UNIX_OPS(unix_dgram_connect, unix_dgram_sendmsg, unix_dgram_recvmsg, unix_dgram_poll);
const struct proto_ops unix_seqpacket_ops =
    UNIX_OPS(unix_stream_connect, unix_seqpacket_sendmsg, unix_seqpacket_recvmsg, unix_dgram_poll);
