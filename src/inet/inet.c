/* What all internet sockets share: creation by the rows of machine/protocols.c, names, bind, shutdown, close. */
#include "inet/inet_ops.h"

int inet_net_start(struct net *net)
{
    net->inet = NULL; /* nothing of its own: each protocol keeps its port table */
    return 0;
}

void inet_net_stop(struct net *net)
{
    (void)net;
}

static bool row_is_for(const struct inet_row *row, int family, int type)
{
    return row->type == type && (row->families & (family == AF_INET6 ? 2 : 1));
}

/* The row for type and protocol; *protocol becomes the one really meant. NULL: *error as Linux's. */
static const struct inet_row *find_row(int family, int type, int *protocol, int *error)
{
    *error = -ESOCKTNOSUPPORT;
    for (size_t i = 0; i < inet_row_count; i++) {
        const struct inet_row *row = &inet_rows[i];

        if (!row_is_for(row, family, type)) continue;
        if (row->protocol == *protocol && *protocol != IPPROTO_IP) return row;
        if (*protocol == IPPROTO_IP && row->protocol != IPPROTO_IP && row->is_default_for_type) {
            *protocol = row->protocol;
            return row;
        }
        if (*protocol != IPPROTO_IP && row->protocol == IPPROTO_IP) return row;
        *error = -EPROTONOSUPPORT;
    }
    return NULL;
}

const struct inet_rare inet_usual = {
    .multicast_ttl = 1, .multicast_hops = 1, .checksum_offset = -1, .multicast_source.bytes = { [10] = 0xff, [11] = 0xff },
};

struct inet_rare *inet_rare(struct inet_sock *is)
{
    if (is->rare == &inet_usual) {
        struct inet_rare *own = machine_alloc(is->sk.net->machine, sizeof(*own));
        if (!own) return NULL;
        *own = inet_usual;
        is->rare = own;
    }
    return (struct inet_rare *)(uintptr_t)is->rare;
}

static void set_defaults(struct inet_sock *is)
{
    const struct net *net = is->sk.net;
    bool is6 = inet_is6(&is->sk);

    is->local = is->source = is->remote = is6 ? ip_any6() : ip_any4();
    is->is_v6only = is6 && net->sysctl.bindv6only;
    is->multicast_loop = is->multicast_loop6 = is->multicast_all6 = true;
    is->multicast_all = !is6;
    is->ttl = is->hops = -1;
    is->rare = &inet_usual;
    is->ip_id = (uint16_t)random_u32(&net->machine->random.ip_id);
    is->pmtu_policy = net->sysctl.ip_no_pmtu_disc ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
    is->pmtu_policy6 = IPV6_PMTUDISC_WANT;
    is->auto_flow_label = net->sysctl.auto_flowlabels != 0;
}

static struct sock *make_sock(struct net *net, const struct inet_row *row, int family, int type, int protocol, const struct task *t)
{
    struct sock *sk = sock_create(net, row->proto, family, type, protocol);

    if (!sk) return NULL;
    set_defaults(inet_of(sk));
    if (t) sk->uid = t->credentials.uid;
    if (type == SOCK_RAW) {
        sk->reuse = true;
        inet_of(sk)->local_port = (uint16_t)protocol;
        inet_of(sk)->header_included = protocol == IPPROTO_RAW;
    }
    return sk;
}

static int create(struct net *net, struct socket *s, const struct task *t, int family, int protocol)
{
    const struct inet_row *row;
    struct sock *sk;
    int error;

    if (protocol < 0 || protocol >= IPPROTO_MAX) return -EINVAL;
    s->state = SOCKET_UNCONNECTED;
    row = find_row(family, s->type, &protocol, &error);
    if (!row) return error;
    if (row->needs_net_raw && t && !credentials_can(&t->credentials, CAP_NET_RAW)) return -EPERM;
    error = row->proto->admit ? row->proto->admit(net, t) : 0;
    if (error) return error;
    sk = make_sock(net, row, family, s->type, protocol, t);
    if (!sk) return -ENOBUFS;
    error = sk->proto->init ? sk->proto->init(sk) : 0;
    if (!error && inet_of(sk)->local_port && sk->proto->hash) error = sk->proto->hash(sk);
    if (error) {
        sock_put(sk);
        return error;
    }
    s->ops = row->ops;
    s->sock = sk;
    sock_graft(sk, s, &s->wait);
    return 0;
}

static int create4(struct net *net, struct socket *s, const struct task *t, int protocol)
{
    return create(net, s, t, AF_INET, protocol);
}

static int create6(struct net *net, struct socket *s, const struct task *t, int protocol)
{
    return create(net, s, t, AF_INET6, protocol);
}

const struct net_family inet_family = { .family = AF_INET, .name = "INET", .create = create4 };
const struct net_family inet6_family = { .family = AF_INET6, .name = "INET6", .create = create6 };

void inet_release(struct socket *s)
{
    struct sock *sk = s->sock;

    if (!sk) return;
    s->sock = NULL;
    inet_leave_all_groups(inet_of(sk));
    sock_orphan(sk);
    sk->proto->close(sk);
    sock_put(sk);
}

void inet_sock_fini(struct inet_sock *is)
{
    inet_route_reset(is);
    inet_leave_all_groups(is);
    inet_free_options(is);
    inet_free_extensions(is);
    if (is->rare != &inet_usual) machine_free(is->sk.net->machine, (void *)(uintptr_t)is->rare, sizeof(*is->rare));
    is->rare = &inet_usual;
}

struct inet_sock *inet_sock_clone(const struct inet_sock *listener)
{
    struct machine *m = listener->sk.net->machine;
    struct inet_rare *rare = NULL;
    struct inet_sock *is;
    struct sock *sk;

    if (listener->rare != &inet_usual) {
        rare = machine_alloc(m, sizeof(*rare));
        if (!rare) return NULL;
        *rare = *listener->rare;
        rare->options = NULL;
        rare->extensions = NULL;
        rare->memberships = NULL;
    }
    sk = sock_clone(&listener->sk);
    if (!sk) {
        machine_free(m, rare, sizeof(*rare));
        return NULL;
    }
    is = inet_of(sk);
    is->port_node = is->lookup_node = (struct chain_node){ NULL, NULL };
    is->port_bucket = NULL;
    is->route = NULL;
    is->rare = rare ? rare : &inet_usual;
    is->ip_id = (uint16_t)random_u32(&m->random.ip_id);
    is->is_address_locked = is->is_port_locked = false;
    return is;
}

int inet_getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which)
{
    const struct sock *sk = s->sock;
    const struct inet_sock *is = inet_of(sk);
    struct sockaddr_in6 sin6;
    uint32_t bytes;

    if (which == SOCKET_NAME_OWN) return (int)inet_put_address(sk, a, ip_is_any(&is->local) ? &is->source : &is->local, is->local_port ? is->local_port : is->former_port, sk->bound_ifindex);
    if (!is->remote_port) return -ENOTCONN;
    if (which == SOCKET_NAME_PEER && (sk->state == SOCK_CLOSE || sk->state == SOCK_SYN_SENT)) return -ENOTCONN;
    bytes = inet_put_address(sk, a, &is->remote, is->remote_port, sk->bound_ifindex);
    if (inet_is6(sk) && is->send_flow) {
        memcpy(&sin6, a, sizeof(sin6));
        sin6.sin6_flowinfo = be32(is->flow_label).raw;
        memcpy(a, &sin6, sizeof(sin6));
    }
    return (int)bytes;
}

static void reset_address(struct inet_sock *is)
{
    is->local = is->source = inet_is6(&is->sk) ? ip_any6() : ip_any4();
}

/* The last steps of bind(), alike for both families. */
static int take_address(struct inet_sock *is, const ip_addr_t *a, uint16_t port, bool no_source)
{
    struct sock *sk = &is->sk;
    bool was_v6only = is->is_v6only;
    ip_addr_t none = ip_is4(a) ? ip_any4() : ip_any6();

    if (sk->state != SOCK_CLOSE || is->local_port) return -EINVAL;
    is->local = *a;
    is->source = no_source ? none : *a;
    if (inet_is6(sk) && !ip_is4(a) && !ip_is_any6(a)) is->is_v6only = true;
    if (port || !sk->bind_address_no_port) {
        if (sk->proto->get_port(sk, port)) {
            is->is_v6only = was_v6only;
            reset_address(is);
            return -EADDRINUSE;
        }
    }
    is->is_address_locked = inet_is6(sk) ? !ip_is_any6(a) : !ip_is_any(a);
    is->is_port_locked = port != 0;
    is->remote = inet_is6(sk) ? ip_any6() : ip_any4();
    is->remote_port = 0;
    inet_route_reset(is);
    return 0;
}

bool inet_may_bind4(struct inet_sock *is, const ip_addr_t *a)
{
    if (ip_is_any(a) || is->sk.net->sysctl.ip_nonlocal_bind || is->freebind || is->transparent) return true;
    if (!a->bytes[12]) return false; /* 0.0.0.0/8 but for the wildcard */
    return ip_address_kind(is->sk.net, a, is->sk.bound_ifindex) != IP_KIND_UNICAST;
}

static int bind4(struct inet_sock *is, const struct task *t, const struct sockaddr_storage *address, uint32_t bytes)
{
    struct sockaddr_in sin;
    ip_addr_t a;
    uint16_t port;
    enum ip_scope_kind kind;

    if (bytes < sizeof(sin)) return -EINVAL;
    memcpy(&sin, address, sizeof(sin));
    /* Linux: AF_UNSPEC with the wildcard passes as AF_INET, for old programs. */
    if (sin.sin_family != AF_INET && (sin.sin_family != AF_UNSPEC || sin.sin_addr.s_addr)) return -EAFNOSUPPORT;
    a = ip_from4((be32_t){ sin.sin_addr.s_addr });
    port = host16((be16_t){ sin.sin_port });
    if (!inet_may_bind4(is, &a)) return -EADDRNOTAVAIL;
    if (port_is_privileged(is->sk.net, t ? &t->credentials : NULL, port)) return -EACCES;
    kind = ip_is_any(&a) ? IP_KIND_ANY : ip_address_kind(is->sk.net, &a, 0);
    return take_address(is, &a, port, kind == IP_KIND_MULTICAST || kind == IP_KIND_BROADCAST);
}

int inet_check_scope6(struct inet_sock *is, const ip_addr_t *a, uint32_t scope_id)
{
    bool link_scoped = ip_is_link_local(a) || (ip_is_multicast(a) && (a->bytes[1] & 0xf) <= 2);

    if (link_scoped) {
        if (scope_id) {
            if (is->sk.bound_ifindex && is->sk.bound_ifindex != (int32_t)scope_id) return -EINVAL;
            is->sk.bound_ifindex = (int32_t)scope_id;
        }
        if (!is->sk.bound_ifindex) return -EINVAL;
    }
    if (is->sk.bound_ifindex && !device_by_index(is->sk.net, (uint32_t)is->sk.bound_ifindex)) return -ENODEV;
    if (ip_is_multicast(a) || is->sk.net->sysctl.ip6_nonlocal_bind || is->freebind || is->transparent) return 0;
    return ip_address_kind(is->sk.net, a, is->sk.bound_ifindex) == IP_KIND_LOCAL ? 0 : -EADDRNOTAVAIL;
}

static int check_mapped(struct inet_sock *is, const ip_addr_t *a)
{
    if (is->is_v6only) return -EINVAL;
    return inet_may_bind4(is, a) ? 0 : -EADDRNOTAVAIL;
}

static int bind6(struct inet_sock *is, const struct task *t, const struct sockaddr_storage *address, uint32_t bytes)
{
    struct sockaddr_in6 sin6 = { 0 };
    ip_addr_t a;
    uint16_t port;
    int error = 0;

    if (bytes < SOCKADDR_IN6_RFC2133_BYTES) return -EINVAL;
    memcpy(&sin6, address, min_of(bytes, sizeof(sin6)));
    if (sin6.sin6_family != AF_INET6) return -EAFNOSUPPORT;
    a = ip_from6(&sin6.sin6_addr);
    port = host16((be16_t){ sin6.sin6_port });
    if (!ip_is4(&a) && ip_is_multicast(&a) && is->sk.type == SOCK_STREAM) return -EINVAL;
    if (port_is_privileged(is->sk.net, t ? &t->credentials : NULL, port)) return -EACCES;
    if (is->sk.state != SOCK_CLOSE || is->local_port) return -EINVAL;
    if (ip_is4(&a)) error = check_mapped(is, &a);
    else if (!ip_is_any6(&a)) error = inet_check_scope6(is, &a, sin6.sin6_scope_id);
    if (error) return error;
    return take_address(is, &a, port, ip_is_multicast(&a));
}

int inet_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    struct sock *sk = s->sock;
    int error;

    sock_own(sk);
    if (sk->proto->bind) error = sk->proto->bind(sk, t, a, bytes);
    else error = inet_is6(sk) ? bind6(inet_of(sk), t, a, bytes) : bind4(inet_of(sk), t, a, bytes);
    sock_release(sk);
    return error;
}

int inet_autobind(struct sock *sk)
{
    if (inet_of(sk)->local_port) return 0;
    return sk->proto->get_port(sk, 0) ? -EAGAIN : 0;
}

static int shutdown_owned(struct socket *s, int how)
{
    struct sock *sk = s->sock;
    int error = 0;

    if (s->state == SOCKET_CONNECTING) {
        bool not_yet = SOCK_STATE_BIT(sk->state) & (SOCK_STATE_BIT(SOCK_SYN_SENT) | SOCK_STATE_BIT(SOCK_SYN_RECV) | SOCK_STATE_BIT(SOCK_CLOSE));

        s->state = not_yet ? SOCKET_DISCONNECTING : SOCKET_CONNECTED;
    }
    switch (sk->state) {
    case SOCK_LISTEN:
        if (!(how & SOCK_SHUT_RECEIVE)) break;
        /* fall through */
    case SOCK_SYN_SENT:
        error = sk->proto->disconnect(sk);
        s->state = error ? SOCKET_DISCONNECTING : SOCKET_UNCONNECTED;
        break;
    case SOCK_CLOSE:
        error = -ENOTCONN; /* the flags are set all the same: poll() shows the hang-up */
        /* fall through */
    default:
        sk->shutdown |= (uint8_t)how;
        if (sk->proto->shutdown) sk->proto->shutdown(sk, how);
        break;
    }
    sock_state_change(sk);
    return error;
}

int inet_shutdown(struct socket *s, int how)
{
    int error;

    how++; /* SHUT_RD, WR, RDWR -> 1, 2, 3 */
    if (how < 1 || how > 3) return -EINVAL;
    sock_own(s->sock);
    error = shutdown_owned(s, how);
    sock_release(s->sock);
    return error;
}
