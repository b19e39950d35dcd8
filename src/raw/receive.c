/* Raw in: every sock of the protocol whose addresses fit gets a copy, IPv4 with its header, IPv6 without. */
#include "raw/raw_sock.h"

enum { ICMP_TYPES_FILTERED = 32 };

/* ICMP_FILTER and ICMP6_FILTER: a set bit keeps the type away. */
static bool is_filtered(const struct inet_sock *is, const struct packet *p)
{
    uint8_t type;

    if (p->ip.version == 4 ? p->ip.protocol != IPPROTO_ICMP : p->ip.protocol != IPPROTO_ICMPV6) return false;
    if (!packet_read(p, 0, &type, 1)) return p->ip.version == 4;
    if (p->ip.version == 4) return type < ICMP_TYPES_FILTERED && (is->rare->icmp_filter >> type & 1);
    return is->rare->icmp6_filter[type >> 5] >> (type & 31) & 1;
}

static bool takes(const struct inet_sock *is, const struct packet *p)
{
    if (!ip_is_any(&is->remote) && !ip_equal(&is->remote, &p->ip.source)) return false;
    if (!ip_is_any(&is->local) && !ip_equal(&is->local, &p->ip.destination)) return false;
    if (is->sk.bound_ifindex && is->sk.bound_ifindex != p->in_ifindex) return false;
    if (ip_is_multicast(&p->ip.destination) && !inet_group_accepts(is, &p->ip.destination, &p->ip.source, p->in_ifindex)) return false;
    return !is_filtered(is, p);
}

/* IPV6_CHECKSUM on receive. */
static bool has_good_checksum(const struct inet_sock *is, const struct packet *p)
{
    uint32_t bytes = packet_bytes(p), sum;

    if (p->ip.version == 4 || is->rare->checksum_offset < 0 || p->checksum != PACKET_CHECKSUM_NONE) return true;
    sum = ip_pseudo_sum(&p->ip.source, &p->ip.destination, p->ip.protocol, bytes);
    return checksum_fold(packet_checksum(p, 0, bytes, sum)).raw == 0;
}

/* A packet of its own for the sock's queue. */
static struct packet *copy_for(struct sock *sk, const struct packet *p)
{
    uint32_t header_bytes = p->ip.version == 4 ? (uint32_t)-p->network_offset : 0, bytes = packet_bytes(p);
    struct packet *copy = packet_create(sk->net->machine, header_bytes + bytes);
    uint8_t *room = copy ? packet_put(copy, header_bytes + bytes) : NULL;

    if (!room) {
        if (copy) packet_consume(copy);
        return NULL;
    }
    memcpy(room, packet_at(p, -(int32_t)header_bytes), header_bytes); /* it may lie in the head, the rest in the body */
    packet_read(p, 0, room + header_bytes, bytes);
    copy->net = p->net;
    copy->ip = p->ip;
    copy->in_ifindex = p->in_ifindex;
    copy->kind = p->kind;
    copy->protocol = p->protocol;
    copy->time_ns = p->time_ns;
    copy->mark = p->mark;
    return copy;
}

static void deliver(struct inet_sock *is, const struct packet *p)
{
    struct packet *copy;

    if (!has_good_checksum(is, p)) {
        is->sk.drops++;
        return;
    }
    copy = copy_for(&is->sk, p);
    if (!copy) {
        is->sk.drops++;
        return;
    }
    if (sock_queue_receive(&is->sk, copy)) packet_drop(copy, DROP_SOCKET_RCVBUFF);
}

bool raw_deliver(struct net *net, struct packet *p)
{
    struct chain *slots = p->ip.version == 4 ? net->raw->slots4 : net->raw->slots6;
    bool taken = false;

    chain_for_each(node, &slots[p->ip.protocol]) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

        if (!takes(is, p)) continue;
        taken = true;
        deliver(is, p);
    }
    return taken;
}

bool raw_alert(struct net *net, struct packet *p, bool is_delivery)
{
    bool taken = false;

    chain_for_each(node, &net->raw->slots4[p->ip.protocol]) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

        if (!is->router_alert || (is->sk.bound_ifindex && is->sk.bound_ifindex != p->in_ifindex)) continue;
        taken = true;
        if (is_delivery) deliver(is, p);
    }
    return taken;
}

void raw_error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    struct chain *slots = p->ip.version == 4 ? net->raw->slots4 : net->raw->slots6;

    chain_for_each_safe(node, next, &slots[p->ip.protocol]) {
        struct inet_sock *is = container_of(node, struct inet_sock, lookup_node);

        if (!ip_is_any(&is->remote) && !ip_equal(&is->remote, &p->ip.destination)) continue;
        if (!ip_is_any(&is->local) && !ip_equal(&is->local, &p->ip.source)) continue;
        inet_datagram_error(&is->sk, p, e, 0, 0);
    }
}

long raw_recvmsg(struct sock *sk, struct user_msg *msg)
{
    struct packet *p;
    uint32_t bytes;
    long copied;
    int error;

    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    if (msg->flags & MSG_ERRQUEUE) return inet_error_receive(sk, msg);
    if (inet_take_path_mtu(sk, msg)) return 0;
    p = sock_datagram_next(sk, msg, &error);
    if (!p) return error;
    copied = inet_datagram_give(sk, msg, p, &bytes);
    return copied >= 0 && msg->flags & MSG_TRUNC ? (long)bytes : copied;
}
