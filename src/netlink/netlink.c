/* AF_NETLINK sockets: names, options, sending requests to the machine, reading answers. */
#include "netlink/netlink_sock.h"

enum { NETLINK_PROTOCOLS = 32, SO_NETLINK_LEVEL = 270, NETLINK_MAX_SEND_BYTES = 1 << 20 };

int netlink_net_start(struct net *net)
{
    net->netlink = machine_alloc(net->machine, sizeof(*net->netlink));
    if (!net->netlink) return -ENOMEM;
    list_init(&net->netlink->socks);
    net->netlink->rover = (uint32_t)-4096;
    return 0;
}

void netlink_net_stop(struct net *net)
{
    machine_free(net->machine, net->netlink, sizeof(*net->netlink));
    net->netlink = NULL;
}

static const struct proto_ops netlink_ops;

static void netlink_destroy(struct sock *sk)
{
    if (list_is_linked(&netlink_of(sk)->node)) list_remove(&netlink_of(sk)->node);
}

static void netlink_backlog_receive(struct sock *sk, struct packet *p)
{
    (void)sk;
    packet_drop(p, DROP_NOT_SPECIFIED); /* nothing is ever put there */
}

static const struct proto netlink_proto = {
    .name = "NETLINK",
    .sock_bytes = sizeof(struct netlink_sock),
    .destroy = netlink_destroy,
    .backlog_receive = netlink_backlog_receive,
};

bool netlink_view(const struct sock *sk, struct netlink_view *out)
{
    const struct netlink_sock *ns = netlink_of(sk);

    if (sk->family != AF_NETLINK) return false;
    *out = (struct netlink_view){ sk, sk->protocol, ns->port_id, ns->groups[0], ns->dump.walk != NULL };
    return true;
}

static int netlink_create(struct net *net, struct socket *s, const struct task *t, int protocol)
{
    struct sock *sk;

    s->state = SOCKET_UNCONNECTED;
    if (s->type != SOCK_RAW && s->type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    if (protocol < 0 || protocol >= NETLINK_PROTOCOLS) return -EPROTONOSUPPORT;
    if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG) return -EPROTONOSUPPORT;
    sk = sock_create(net, &netlink_proto, AF_NETLINK, s->type, protocol);
    if (!sk) return -ENOMEM;
    if (t) sk->uid = t->credentials.uid;
    list_add_tail(&net->netlink->socks, &netlink_of(sk)->node);
    s->ops = &netlink_ops;
    s->sock = sk;
    sock_graft(sk, s, &s->wait);
    return 0;
}

const struct net_family netlink_family = { .family = AF_NETLINK, .name = "NETLINK", .create = netlink_create };

static void netlink_release(struct socket *s)
{
    struct sock *sk = s->sock;

    if (!sk) return;
    s->sock = NULL;
    list_remove(&netlink_of(sk)->node);
    sock_orphan(sk);
    packet_queue_purge(&sk->receive_queue);
    sock_put(sk);
}

/* --- names --------------------------------------------------------------------------------------------------------- */

static struct netlink_sock *find_port(struct net *net, uint8_t protocol, uint32_t port_id)
{
    list_for_each(node, &net->netlink->socks) {
        struct netlink_sock *ns = list_entry(node, struct netlink_sock, node);

        if (ns->is_bound && ns->sk.protocol == protocol && ns->port_id == port_id) return ns;
    }
    return NULL;
}

static int take_port(struct netlink_sock *ns, uint32_t port_id)
{
    if (find_port(ns->sk.net, ns->sk.protocol, port_id)) return -EADDRINUSE;
    ns->port_id = port_id;
    ns->is_bound = true;
    return 0;
}

/* The process's number first, as programs expect, then numbers that no process has. */
static void autobind(struct netlink_sock *ns, const struct task *t)
{
    struct netlink_net *nn = ns->sk.net->netlink;
    uint32_t port_id = t && t->credentials.pid > 0 ? (uint32_t)t->credentials.pid : nn->rover--;

    while (take_port(ns, port_id)) {
        if ((int32_t)nn->rover >= -4096) nn->rover = (uint32_t)-4097 - random_below(&ns->sk.net->machine->random.ports, 1u << 30);
        port_id = nn->rover--;
    }
}

/* Of the multicast routing daemon's groups, Linux lets only an administrator hear (rtnetlink_bind). */
static int may_join(const struct netlink_sock *ns, const struct credentials *credentials, uint32_t group)
{
    bool is_guarded = group == RTNLGRP_IPV4_MROUTE_R || group == RTNLGRP_IPV6_MROUTE_R;

    return ns->sk.protocol == NETLINK_ROUTE && is_guarded && !credentials_can(credentials, CAP_NET_ADMIN) ? -EPERM : 0;
}

/* bind() sets the first 32 groups, one by one to none. */
static int join_groups(struct netlink_sock *ns, const struct credentials *credentials, uint32_t groups)
{
    for (uint32_t group = 1; group <= 32; group++) {
        int error = groups >> (group - 1) & 1 ? may_join(ns, credentials, group) : 0;

        if (error) return error;
    }
    if (groups) ns->group_count = netlink_group_count(ns->sk.protocol);
    ns->groups[0] = groups;
    return 0;
}

static int netlink_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    struct sockaddr_nl name;
    int error;

    if (bytes < sizeof(name)) return -EINVAL;
    memcpy(&name, a, sizeof(name));
    if (name.nl_family != AF_NETLINK) return -EINVAL;
    if (ns->is_bound) {
        if (name.nl_pid != ns->port_id) return -EINVAL;
    } else if (name.nl_pid) {
        error = take_port(ns, name.nl_pid);
        if (error) return error;
    } else {
        autobind(ns, t);
    }
    return join_groups(ns, &t->credentials, name.nl_groups);
}

static int netlink_connect(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes, uint32_t flags)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    struct sockaddr_nl name;

    (void)flags;
    if (bytes < sizeof(sa_family_t)) return -EINVAL;
    if (a->ss_family == AF_UNSPEC) {
        ns->sk.state = SOCK_CLOSE;
        ns->peer_port_id = ns->peer_groups = 0;
        return 0;
    }
    if (a->ss_family != AF_NETLINK || bytes < sizeof(name)) return -EINVAL;
    memcpy(&name, a, sizeof(name));
    if ((name.nl_groups || name.nl_pid) && !credentials_can(&t->credentials, CAP_NET_ADMIN)) return -EPERM;
    if (!ns->is_bound) autobind(ns, t);
    ns->sk.state = SOCK_ESTABLISHED;
    ns->peer_port_id = name.nl_pid;
    ns->peer_groups = name.nl_groups;
    return 0;
}

static int netlink_getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which)
{
    const struct netlink_sock *ns = netlink_of(s->sock);
    struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_pid = which ? ns->peer_port_id : ns->port_id, .nl_groups = which ? ns->peer_groups : ns->groups[0] };

    memset(a, 0, sizeof(*a));
    memcpy(a, &name, sizeof(name));
    return sizeof(name);
}

/* --- options ------------------------------------------------------------------------------------------------------- */

static int set_group(struct netlink_sock *ns, const struct user_option *o, bool join)
{
    int group, error = option_int(o, &group);

    if (error) return error;
    ns->group_count = netlink_group_count(ns->sk.protocol);
    if (group < 1 || (uint32_t)group > ns->group_count) return -EINVAL;
    error = join ? may_join(ns, o->credentials, (uint32_t)group) : 0;
    if (error) return error;
    if (join) ns->groups[(group - 1) / 32] |= 1u << ((group - 1) % 32);
    else ns->groups[(group - 1) / 32] &= ~(1u << ((group - 1) % 32));
    return 0;
}

static bool *flag_of(struct netlink_sock *ns, int name)
{
    switch (name) {
    case NETLINK_PKTINFO: return &ns->wants_pktinfo;
    case NETLINK_BROADCAST_ERROR: return &ns->broadcast_error;
    case NETLINK_NO_ENOBUFS: return &ns->no_enobufs;
    case NETLINK_LISTEN_ALL_NSID: return &ns->listen_all;
    case NETLINK_CAP_ACK: return &ns->wants_cap_ack;
    case NETLINK_EXT_ACK: return &ns->wants_ext_ack;
    case NETLINK_GET_STRICT_CHK: return &ns->wants_strict;
    default: return NULL;
    }
}

static int netlink_setsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    bool *flag = flag_of(ns, name);
    int value = 0, error;

    if (level != SO_NETLINK_LEVEL) return -ENOPROTOOPT;
    if (name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP) return set_group(ns, o, name == NETLINK_ADD_MEMBERSHIP);
    error = o->bytes >= (int)sizeof(int) ? option_int(o, &value) : 0;
    if (error) return error;
    if (!flag) return -ENOPROTOOPT;
    if (name == NETLINK_LISTEN_ALL_NSID && !credentials_can(o->credentials, CAP_NET_BROADCAST)) return -EPERM;
    *flag = value != 0;
    if (name == NETLINK_NO_ENOBUFS && value) ns->is_congested = false;
    return 0;
}

static int netlink_getsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    bool *flag = flag_of(ns, name);
    int32_t bytes = (int32_t)((ns->group_count + 31) / 32 * sizeof(uint32_t));

    if (level != SO_NETLINK_LEVEL) return -ENOPROTOOPT;
    if (name == NETLINK_LIST_MEMBERSHIPS) {
        if (user_out(o->memory, o->value, ns->groups, (size_t)min_of(o->bytes, bytes) & ~3u)) return -EFAULT;
        return user_out(o->memory, o->length_out, &bytes, sizeof(bytes));
    }
    if (!flag) return -ENOPROTOOPT;
    return o->bytes < (int)sizeof(int) ? -EINVAL : option_out_int(o, *flag);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* NLMSG_ERROR: an error with the whole request, or a plain acknowledgement with its header. */
static void acknowledge(struct netlink_context *c, const struct nlmsghdr *request, int error)
{
    struct netlink_sock *ns = c->ns;
    bool has_text = ns->wants_ext_ack && c->text, whole = error && !ns->wants_cap_ack;
    uint32_t quoted = whole ? request->nlmsg_len : (uint32_t)sizeof(*request);
    uint16_t flags = (uint16_t)((whole ? 0 : NLM_F_CAPPED) | (has_text ? NLM_F_ACK_TLVS : 0));
    struct netlink_writer w;
    uint8_t *room;

    if (!netlink_writer_init(&w, ns->sk.net->machine, (uint32_t)NLMSG_HDRLEN + 4 + NLMSG_ALIGN(quoted) + 256)) {
        sock_report_error(&ns->sk, ENOBUFS);
        return;
    }
    netlink_begin(&w, request, NLMSG_ERROR, flags, ns->port_id, &error, sizeof(error));
    room = packet_put(w.p, NLMSG_ALIGN(quoted));
    memset(room, 0, NLMSG_ALIGN(quoted));
    memcpy(room, request, quoted);
    if (has_text) netlink_put_text(&w, NLMSGERR_ATTR_MSG, c->text);
    netlink_end(&w);
    netlink_answer(ns, &w);
}

static int handle_one(struct netlink_context *c, const struct nlmsghdr *request)
{
    int error;

    if (request->nlmsg_type < NLMSG_MIN_TYPE) return 0; /* control messages: nothing to do but acknowledge */
    if (c->ns->sk.protocol != NETLINK_ROUTE) return sock_diag_handle(c, request);
    c->net->netlink->asker = (struct netlink_asker){ c->ns, request };
    error = rtnetlink_handle(c, request);
    c->net->netlink->asker = (struct netlink_asker){ 0 };
    return error;
}

/* Dumps answer for themselves unless they fail. */
static void handle_all(struct netlink_context *c, uint8_t *data, uint32_t bytes)
{
    while (bytes >= NLMSG_HDRLEN) {
        const struct nlmsghdr *request = (const struct nlmsghdr *)(void *)data;
        bool is_dump = request->nlmsg_type >= NLMSG_MIN_TYPE && (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        uint32_t step;
        int error = 0;

        if (request->nlmsg_len < NLMSG_HDRLEN || request->nlmsg_len > bytes) return;
        c->text = NULL;
        if (request->nlmsg_flags & NLM_F_REQUEST) error = handle_one(c, request);
        if (error || ((request->nlmsg_flags & NLM_F_ACK) && !is_dump)) acknowledge(c, request, error);
        step = min_of(NLMSG_ALIGN(request->nlmsg_len), bytes);
        data += step;
        bytes -= step;
    }
}

/* A message goes to one group: the lowest that is named. */
static uint32_t first_group(uint32_t groups) { return (uint32_t)__builtin_ffs((int)groups); }

static int destination(struct netlink_sock *ns, const struct user_msg *msg, uint32_t *port_id, uint32_t *group)
{
    struct sockaddr_nl name;

    *port_id = ns->peer_port_id;
    *group = first_group(ns->peer_groups);
    if (!msg->name_bytes) return 0;
    if (msg->name_bytes < sizeof(name)) return -EINVAL;
    memcpy(&name, &msg->name, sizeof(name));
    if (name.nl_family != AF_NETLINK) return -EINVAL;
    *port_id = name.nl_pid;
    *group = first_group(name.nl_groups);
    if ((name.nl_groups || name.nl_pid) && !credentials_can(msg->credentials, CAP_NET_ADMIN)) return -EPERM;
    return 0;
}

/* To another program's sock. Takes p. */
static int send_to_port(struct netlink_sock *ns, struct packet *p, uint32_t port_id)
{
    struct netlink_sock *to = find_port(ns->sk.net, ns->sk.protocol, port_id);
    int error = !to || (to->sk.state == SOCK_ESTABLISHED && to->peer_port_id != ns->port_id) ? -ECONNREFUSED : 0;

    if (!error && !sock_charge_receive(&to->sk, p)) error = -EAGAIN;
    if (error) {
        packet_consume(p);
        return error;
    }
    p->scratch[NETLINK_SCRATCH_PORT] = ns->port_id;
    p->scratch[NETLINK_SCRATCH_GROUP] = 0;
    sock_queue_append(&to->sk, p);
    return 0;
}

static long netlink_sendmsg(struct socket *s, struct user_msg *msg)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    struct netlink_context c = { .ns = ns, .net = ns->sk.net, .credentials = msg->credentials };
    uint64_t bytes = msg->data.left;
    uint32_t port_id, group;
    struct packet *p;
    int error;

    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    error = destination(ns, msg, &port_id, &group);
    if (error) return error;
    if (!ns->is_bound) autobind(ns, msg->task);
    if (bytes > ns->sk.send_buffer_bytes - 32u || bytes > NETLINK_MAX_SEND_BYTES) return -EMSGSIZE;
    error = inet_copy_in(&ns->sk, msg, (uint32_t)bytes, &p);
    if (error) return error;
    if (group) netlink_multicast(ns->sk.net, ns->sk.protocol, p, group, port_id, ns);
    if (port_id) {
        error = send_to_port(ns, p, port_id);
        return error ? error : (long)bytes;
    }
    handle_all(&c, packet_data(p), packet_bytes(p));
    packet_consume(p);
    return (long)bytes;
}

static long netlink_recvmsg(struct socket *s, struct user_msg *msg)
{
    struct netlink_sock *ns = netlink_of(s->sock);
    struct sockaddr_nl from = { .nl_family = AF_NETLINK };
    struct packet *p;
    uint32_t bytes, copied, group;
    int error;

    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    p = sock_datagram_next(&ns->sk, msg, &error);
    if (!p) return error;
    bytes = packet_bytes(p);
    ns->longest_read_bytes = (uint32_t)max_of((uint64_t)ns->longest_read_bytes, min_of(msg->data.left, 1ull << 20));
    copied = (uint32_t)min_of((uint64_t)bytes, msg->data.left);
    if (copied < bytes) msg->out_flags |= MSG_TRUNC;
    error = sock_copy_out(p, 0, &msg->data, copied);
    from.nl_pid = (uint32_t)p->scratch[NETLINK_SCRATCH_PORT];
    group = (uint32_t)p->scratch[NETLINK_SCRATCH_GROUP];
    from.nl_groups = group && group <= 32 ? 1u << (group - 1) : 0;
    memcpy(&msg->name, &from, sizeof(from));
    msg->name_bytes = sizeof(from);
    if (ns->wants_pktinfo) {
        struct nl_pktinfo info = { .group = group };

        user_msg_put_control(msg, SO_NETLINK_LEVEL, NETLINK_PKTINFO, &info, sizeof(info));
    }
    if (!(msg->flags & MSG_PEEK)) {
        packet_consume(p);
        netlink_dump_continue(ns);
        if (!ns->sk.receive_queue.count) ns->is_congested = false;
    }
    if (error) return error;
    return msg->flags & MSG_TRUNC ? (long)bytes : (long)copied;
}

static uint32_t netlink_poll(struct socket *s)
{
    return sock_datagram_poll(s->sock);
}

static int netlink_ioctl(struct socket *s, const struct task *t, unsigned command, uint64_t argument)
{
    (void)s;
    (void)t;
    (void)command;
    (void)argument;
    return -ENOIOCTLCMD;
}

static int no_pair(struct socket *a, struct socket *b)
{
    (void)a;
    (void)b;
    return -EOPNOTSUPP;
}

static int no_accept(struct socket *s, struct socket *accepted, uint32_t flags)
{
    (void)s;
    (void)accepted;
    (void)flags;
    return -EOPNOTSUPP;
}

static int no_listen(struct socket *s, const struct task *t, int backlog)
{
    (void)s;
    (void)t;
    (void)backlog;
    return -EOPNOTSUPP;
}

static int no_shutdown(struct socket *s, int how)
{
    (void)s;
    (void)how;
    return -EOPNOTSUPP;
}

static const struct proto_ops netlink_ops = {
    .family = AF_NETLINK,
    .release = netlink_release,
    .bind = netlink_bind,
    .connect = netlink_connect,
    .socketpair = no_pair,
    .accept = no_accept,
    .getname = netlink_getname,
    .poll = netlink_poll,
    .ioctl = netlink_ioctl,
    .listen = no_listen,
    .shutdown = no_shutdown,
    .setsockopt = netlink_setsockopt,
    .getsockopt = netlink_getsockopt,
    .sendmsg = netlink_sendmsg,
    .recvmsg = netlink_recvmsg,
};
