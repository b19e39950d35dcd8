/* Ping sockets: identifiers, bind, send, receive, errors. Only echo requests go out, only their replies come in. */
#include "ping/ping.h"
#include "wire/checksum.h"
#include "wire/headers.h"

enum { PING_SLOTS = 64, PING_HEADER_BYTES = sizeof(struct wire_icmp) };

struct ping_net {
    struct chain slots[PING_SLOTS];  /* inet_sock.lookup_node, by identifier */
    uint32_t count4, count6;
    uint16_t rover;                  /* where the search for a free identifier goes on */
};

int ping_net_start(struct net *net)
{
    net->ping = machine_alloc(net->machine, sizeof(*net->ping));
    return net->ping ? 0 : -ENOMEM;
}

void ping_net_stop(struct net *net)
{
    machine_free(net->machine, net->ping, sizeof(*net->ping));
    net->ping = NULL;
}

static struct chain *slot_of(struct net *net, uint16_t id)
{
    return &net->ping->slots[id % PING_SLOTS];
}

/* Does another sock hold the identifier, so that this one may not? Picking: any holder is in the way. */
static bool is_taken(const struct inet_sock *is, uint16_t id, bool picking)
{
    chain_for_each(node, slot_of(is->sk.net, id)) {
        const struct inet_sock *other = container_of(node, struct inet_sock, lookup_node);

        if (other->local_port == id && other != is && (picking || !other->sk.reuse || !is->sk.reuse)) return true;
    }
    return false;
}

static int ping_get_port(struct sock *sk, uint16_t id)
{
    struct inet_sock *is = inet_of(sk);
    struct ping_net *pn = sk->net->ping;

    if (!id) {
        for (uint32_t i = 0; i < UINT16_MAX && !id; i++) {
            pn->rover++;
            if (pn->rover && !is_taken(is, pn->rover, true)) id = pn->rover;
        }
        if (!id) return -EADDRINUSE;
    } else if (is_taken(is, id, false)) {
        return -EADDRINUSE;
    }
    is->local_port = id;
    if (!chain_is_linked(&is->lookup_node)) {
        chain_add(slot_of(sk->net, id), &is->lookup_node);
        *(inet_is6(sk) ? &pn->count6 : &pn->count4) += 1;
    }
    return 0;
}

static void ping_unhash(struct sock *sk)
{
    struct inet_sock *is = inet_of(sk);
    struct ping_net *pn = sk->net->ping;

    if (!chain_is_linked(&is->lookup_node)) return;
    chain_remove(&is->lookup_node);
    is->local_port = 0;
    *(inet_is6(sk) ? &pn->count6 : &pn->count4) -= 1;
}

/* net.ipv4.ping_group_range: whose group may. */
static int ping_admit(const struct net *net, const struct task *t)
{
    int64_t gid = t ? (int64_t)t->credentials.gid : 0;

    return gid >= net->sysctl.ping_group_range[0] && gid <= net->sysctl.ping_group_range[1] ? 0 : -EACCES;
}

static int ping_init(struct sock *sk)
{
    sk->reuse = true; /* Linux: identifiers may be shared unless the program takes SO_REUSEADDR away */
    return 0;
}

static void ping_destroy(struct sock *sk)
{
    ping_unhash(sk);
    inet_sock_fini(inet_of(sk));
}

static int parse_bind4(struct inet_sock *is, const struct sockaddr_storage *address, uint32_t bytes, ip_addr_t *a, uint16_t *id)
{
    struct sockaddr_in sin;

    if (bytes < sizeof(sin)) return -EINVAL;
    memcpy(&sin, address, sizeof(sin));
    if (sin.sin_family != AF_INET && (sin.sin_family != AF_UNSPEC || sin.sin_addr.s_addr)) return -EAFNOSUPPORT;
    *a = ip_from4((be32_t){ sin.sin_addr.s_addr });
    *id = host16((be16_t){ sin.sin_port });
    if (ip_is_any(a)) return 0;
    if (ip_is_multicast(a) || ip_is_broadcast4(a)) return -EADDRNOTAVAIL;
    return inet_may_bind4(is, a) ? 0 : -EADDRNOTAVAIL;
}

static int parse_bind6(struct inet_sock *is, const struct sockaddr_storage *address, uint32_t bytes, ip_addr_t *a, uint16_t *id)
{
    struct sockaddr_in6 sin6;

    if (bytes < sizeof(sin6)) return -EINVAL;
    memcpy(&sin6, address, sizeof(sin6));
    if (sin6.sin6_family != AF_INET6) return -EAFNOSUPPORT;
    *a = ip_from6(&sin6.sin6_addr);
    *id = host16((be16_t){ sin6.sin6_port });
    if (ip_is_any6(a)) return 0;
    if (ip_is4(a) || ip_is_multicast(a)) return -EADDRNOTAVAIL;
    return inet_check_scope6(is, a, sin6.sin6_scope_id);
}

static int ping_bind(struct sock *sk, const struct task *t, const struct sockaddr_storage *address, uint32_t bytes)
{
    struct inet_sock *is = inet_of(sk);
    ip_addr_t a;
    uint16_t id;
    int error = inet_is6(sk) ? parse_bind6(is, address, bytes, &a, &id) : parse_bind4(is, address, bytes, &a, &id);

    (void)t;
    if (error) return error;
    if (is->local_port) return -EINVAL;
    error = ping_get_port(sk, id);
    if (error) return error;
    is->local = is->source = a;
    is->is_address_locked = !ip_is_any(&a);
    is->is_port_locked = id != 0;
    inet_route_reset(is);
    return 0;
}

/* The program's ICMP header: an echo request of the sock's version. Identifier and checksum are ours. */
static int fix_header(struct sock *sk, struct packet *p, const struct inet_path *path)
{
    struct wire_icmp *header = (struct wire_icmp *)(void *)packet_data(p);
    uint32_t bytes = packet_bytes(p), sum = 0;

    if (header->type != (inet_is6(sk) ? ICMPV6_ECHO_REQUEST : ICMP_ECHO) || header->code) return -EINVAL;
    header->id = be16(inet_of(sk)->local_port);
    header->checksum = (be16_t){ 0 };
    if (inet_is6(sk)) sum = ip_pseudo_sum(&path->source, &path->destination, IPPROTO_ICMPV6, bytes);
    header->checksum = checksum_fold(packet_checksum(p, 0, bytes, sum));
    return 0;
}

static int check_name(const struct sock *sk, const struct user_msg *msg)
{
    if (!msg->name_bytes) return 0;
    if (msg->name_bytes < (inet_is6(sk) ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in))) return -EINVAL;
    return msg->name.ss_family == sk->family ? 0 : -EAFNOSUPPORT;
}

static long ping_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct inet_path path = { 0 };
    struct packet *p = NULL;
    uint64_t bytes = msg->data.left;
    int error;

    if (bytes > 0xffff) return -EMSGSIZE;
    if (bytes < PING_HEADER_BYTES) return -EINVAL;
    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    error = inet_copy_in(sk, msg, (uint32_t)bytes, &p);
    if (error) return error;
    error = check_name(sk, msg);
    if (!error) error = inet_path_find(sk, msg, &path);
    if (!error && inet_is6(sk) && ip_is4(&path.destination)) error = -EINVAL;
    if (!error) error = inet_path_check_size(sk, &path, bytes);
    if (!error) error = sock_may_send(sk);
    if (!error) error = fix_header(sk, p, &path);
    if (error) {
        packet_consume(p);
        inet_path_put(&path);
        return error;
    }
    p->transport_offset = 0;
    p->mark = path.send.mark;
    p->priority = path.send.priority;
    sock_charge_send(sk, p);
    if (inet_is6(sk)) {
        count(sk->net, Icmp6, OutMsgs);
        count(sk->net, Icmp6, OutEchos);
        sk->net->icmp6_types_out[ICMPV6_ECHO_REQUEST]++;
    } else {
        count(sk->net, Icmp, OutMsgs);
        count(sk->net, Icmp, OutEchos);
        sk->net->icmp_types_out[ICMP_ECHO]++;
    }
    if (path.stamp_flags) inet_path_stamp(sk, p, &path);
    error = ip_output(sk->net, p, path.route, &path.send);
    inet_path_put(&path);
    return error ? error : (long)bytes;
}

static struct sock *find(struct net *net, uint8_t version, uint16_t id, const ip_addr_t *local, int32_t ifindex)
{
    chain_for_each(node, slot_of(net, id)) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

        if (is->local_port != id || is->sk.family != (version == 4 ? AF_INET : AF_INET6)) continue;
        if (!ip_is_any(&is->local) && !ip_equal(&is->local, local)) continue;
        if (is->sk.bound_ifindex && is->sk.bound_ifindex != ifindex) continue;
        return &is->sk;
    }
    return NULL;
}

bool ping_receive(struct net *net, struct packet *p)
{
    struct wire_icmp header;
    struct packet *copy;
    struct sock *sk;

    if (!packet_read(p, 0, &header, sizeof(header))) return false;
    sk = find(net, p->ip.version, host16(header.id), &p->ip.destination, p->in_ifindex);
    if (!sk) return false;
    copy = packet_clone(p);
    if (!copy) {
        sk->drops++;
        return true;
    }
    if (sock_queue_receive(sk, copy)) packet_drop(copy, DROP_SOCKET_RCVBUFF);
    return true;
}

void ping_error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    struct wire_icmp header;
    struct sock *sk;

    if (!packet_read(p, 0, &header, sizeof(header))) return;
    if (header.type != (p->ip.version == 4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST)) return;
    sk = find(net, p->ip.version, host16(header.id), &p->ip.source, p->in_ifindex);
    if (sk) inet_datagram_error(sk, p, e, 0, 0);
}

static long ping_recvmsg(struct sock *sk, struct user_msg *msg)
{
    struct packet *p;
    uint32_t bytes;
    int error;

    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    if (msg->flags & MSG_ERRQUEUE) return inet_error_receive(sk, msg);
    p = sock_datagram_next(sk, msg, &error);
    if (!p) return error;
    return inet_datagram_give(sk, msg, p, &bytes);
}

void ping_each(struct net *net, int family, int (*visit)(void *ctx, const struct inet_sock *is), void *ctx)
{
    for (size_t i = 0; i < PING_SLOTS; i++) {
        chain_for_each(node, &net->ping->slots[i]) {
            const struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

            if (is->sk.family == family && visit(ctx, is)) return;
        }
    }
}

uint32_t ping_sock_count(const struct net *net, int family)
{
    return family == AF_INET6 ? net->ping->count6 : net->ping->count4;
}

const struct proto ping_proto = {
    .name = "PING",
    .sock_bytes = sizeof(struct inet_sock),
    .admit = ping_admit,
    .init = ping_init,
    .destroy = ping_destroy,
    .close = ping_unhash,
    .bind = ping_bind,
    .connect = inet_datagram_connect,
    .disconnect = inet_datagram_disconnect,
    .sendmsg = ping_sendmsg,
    .recvmsg = ping_recvmsg,
    .poll = sock_datagram_poll,
    .backlog_receive = sock_datagram_backlog,
    .get_port = ping_get_port,
    .unhash = ping_unhash,
};
