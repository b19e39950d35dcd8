/* struct proto of raw sockets: tables, bind, the small operations. */
#include "raw/raw_sock.h"

int raw_net_start(struct net *net)
{
    net->raw = machine_alloc(net->machine, sizeof(*net->raw));
    return net->raw ? 0 : -ENOMEM;
}

void raw_net_stop(struct net *net)
{
    machine_free(net->machine, net->raw, sizeof(*net->raw));
    net->raw = NULL;
}

static int raw_init(struct sock *sk)
{
    /* RFC 3542 §3.1: the kernel always does the checksum of ICMPv6. */
    if (inet_is6(sk) && sk->protocol == IPPROTO_ICMPV6) {
        struct inet_rare *own = inet_rare(inet_of(sk));
        if (!own) return -ENOMEM;
        own->checksum_offset = 2;
    }
    return 0;
}

static int raw_hash(struct sock *sk)
{
    struct raw_net *rn = sk->net->raw;

    chain_add(&(inet_is6(sk) ? rn->slots6 : rn->slots4)[sk->protocol], &inet_of(sk)->lookup_node);
    *(inet_is6(sk) ? &rn->count6 : &rn->count4) += 1;
    return 0;
}

static void raw_unhash(struct sock *sk)
{
    struct raw_net *rn = sk->net->raw;

    if (!chain_is_linked(&inet_of(sk)->lookup_node)) return;
    chain_remove(&inet_of(sk)->lookup_node);
    *(inet_is6(sk) ? &rn->count6 : &rn->count4) -= 1;
}

static void raw_destroy(struct sock *sk)
{
    raw_unhash(sk);
    inet_sock_fini(inet_of(sk));
}

static int bind4(struct inet_sock *is, const struct sockaddr_storage *address, uint32_t bytes)
{
    struct sockaddr_in sin;
    ip_addr_t a;

    if (is->sk.state != SOCK_CLOSE || bytes < sizeof(sin)) return -EINVAL;
    memcpy(&sin, address, sizeof(sin));
    a = ip_from4((be32_t){ sin.sin_addr.s_addr });
    if (!inet_may_bind4(is, &a)) return -EADDRNOTAVAIL;
    is->local = is->source = a;
    if (!ip_is_any(&a) && ip_address_kind(is->sk.net, &a, 0) != IP_KIND_LOCAL) is->source = ip_any4();
    return 0;
}

static int bind6(struct inet_sock *is, const struct sockaddr_storage *address, uint32_t bytes)
{
    struct sockaddr_in6 sin6 = { 0 };
    ip_addr_t a;
    int error = 0;

    if (bytes < 24) return -EINVAL; /* RFC 2133's shorter sockaddr_in6 is taken */
    memcpy(&sin6, address, min_of(bytes, sizeof(sin6)));
    if (sin6.sin6_family != AF_INET6) return -EINVAL;
    a = ip_from6(&sin6.sin6_addr);
    if (ip_is4(&a)) return -EADDRNOTAVAIL;
    if (is->sk.state != SOCK_CLOSE) return -EINVAL;
    if (!ip_is_any6(&a)) error = inet_check_scope6(is, &a, sin6.sin6_scope_id);
    if (error) return error;
    is->local = a;
    is->source = ip_is_multicast(&a) ? ip_any6() : a;
    return 0;
}

static int raw_bind(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    int error = inet_is6(sk) ? bind6(inet_of(sk), a, bytes) : bind4(inet_of(sk), a, bytes);

    (void)t;
    if (!error) inet_of(sk)->is_address_locked = true;
    inet_route_reset(inet_of(sk));
    return error;
}

void raw_each(struct net *net, int family, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx)
{
    struct chain *slots = family == AF_INET6 ? net->raw->slots6 : net->raw->slots4;

    for (size_t i = 0; i < 256; i++) {
        chain_for_each(node, &slots[i]) {
            if (visit(ctx, container_of(node, struct inet_sock, lookup_node))) return;
        }
    }
}

uint32_t raw_sock_count(const struct net *net, int family)
{
    return family == AF_INET6 ? net->raw->count6 : net->raw->count4;
}

const struct proto raw_proto = {
    .name = "RAW",
    .sock_bytes = sizeof(struct inet_sock),
    .init = raw_init,
    .destroy = raw_destroy,
    .close = raw_unhash,
    .bind = raw_bind,
    .connect = inet_datagram_connect,
    .disconnect = inet_datagram_disconnect,
    .ioctl = sock_datagram_ioctl,
    .setsockopt = raw_setsockopt,
    .getsockopt = raw_getsockopt,
    .sendmsg = raw_sendmsg,
    .recvmsg = raw_recvmsg,
    .poll = sock_datagram_poll,
    .backlog_receive = sock_datagram_backlog,
    .hash = raw_hash,
    .unhash = raw_unhash,
};
