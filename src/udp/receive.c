/* UDP in: checks, the sock or all members of a group, its queue; and recvmsg. */
#include "udp/udp_sock.h"

enum { UDP_HEADER_BYTES = sizeof(struct wire_udp) };

static void drop_error(struct packet *p, enum drop_reason why)
{
    udp_count(p->net, p->ip.version, InErrors);
    packet_drop(p, why);
}

/* Linux takes one datagram of any size into an empty queue, and none that would pass the limit into another. */
static bool has_room(const struct sock *sk, const struct packet *p)
{
    return (uint64_t)sk->receive_used_bytes + p->truesize_bytes <= sk->receive_buffer_bytes || !sk->receive_used_bytes;
}

enum { PAGE_BYTES = 4096 };

/* net.ipv4.udp_mem: past its limit a sock gets no more than its minimum (net.ipv4.udp_rmem_min). */
static bool has_memory(const struct sock *sk, const struct packet *p)
{
    const struct net_sysctl *sysctl = &sk->net->sysctl;

    if ((sk->net->sock->udp_bytes + p->truesize_bytes) / PAGE_BYTES <= (uint64_t)sysctl->udp_mem[2]) return true;
    return sk->receive_used_bytes < (uint64_t)sysctl->udp_rmem_min;
}

/* One datagram for one sock, from its UDP header on. Takes p. */
static void queue(struct sock *sk, struct packet *p)
{
    const struct wire_udp *header = (const struct wire_udp *)(void *)packet_data(p);
    uint16_t source_port = host16(header->source);
    uint32_t keep_bytes = sock_filter_run(sk, p);

    if (!keep_bytes) {
        sk->drops++;
        drop_error(p, DROP_SOCKET_FILTER);
        return;
    }
    if (keep_bytes < packet_bytes(p)) packet_trim(p, max_of(keep_bytes, (uint32_t)UDP_HEADER_BYTES));
    packet_pull(p, UDP_HEADER_BYTES);
    p->scratch[UDP_SCRATCH_PORTS] = source_port;
    p->scratch[UDP_SCRATCH_GRO] = p->gso_bytes;
    if (!has_room(sk, p)) {
        sk->drops++;
        udp_count(sk->net, p->ip.version, RcvbufErrors);
        drop_error(p, DROP_SOCKET_RCVBUFF);
        return;
    }
    if (!has_memory(sk, p)) {
        sk->drops++;
        udp_count(sk->net, p->ip.version, MemErrors);
        drop_error(p, DROP_PROTO_MEM);
        return;
    }
    sock_charge_receive_always(sk, p);
    sock_queue_append(sk, p);
}

/* A datagram that the sender left in one piece (UDP_SEGMENT over loopback) for a sock that did not ask for such. */
static void queue_segments(struct sock *sk, struct packet *p)
{
    uint32_t payload_bytes = packet_bytes(p) - UDP_HEADER_BYTES, at = 0;
    struct wire_udp header = *(const struct wire_udp *)(void *)packet_data(p);

    while (at < payload_bytes) {
        uint32_t bytes = min_of(payload_bytes - at, (uint32_t)p->gso_bytes);
        struct packet *one = packet_create(sk->net->machine, UDP_HEADER_BYTES + bytes);
        uint8_t *room = one ? packet_put(one, UDP_HEADER_BYTES + bytes) : NULL;

        if (!room) {
            if (one) packet_consume(one);
            break;
        }
        header.length_bytes = be16((uint16_t)(UDP_HEADER_BYTES + bytes));
        memcpy(room, &header, sizeof(header));
        packet_read(p, UDP_HEADER_BYTES + at, room + UDP_HEADER_BYTES, bytes);
        one->net = p->net;
        one->ip = p->ip;
        one->in_ifindex = p->in_ifindex;
        one->kind = p->kind;
        one->protocol = p->protocol;
        one->time_ns = p->time_ns;
        one->mark = p->mark;
        queue(sk, one);
        at += bytes;
    }
    packet_consume(p);
}

static void deliver(struct sock *sk, struct packet *p)
{
    if (p->gso_bytes && !udp_of(sk)->takes_gro) queue_segments(sk, p);
    else queue(sk, p);
}

/* Is this sock among those that get a datagram for a group or broadcast address? */
static bool takes_group(const struct inet_sock *is, const struct packet *p, uint16_t source_port)
{
    bool is4 = p->ip.version == 4;

    if (is4 ? !inet_takes4(&is->sk) : is->sk.family != AF_INET6) return false;
    if (!ip_is_any(&is->local) && !ip_equal(&is->local, &p->ip.destination)) return false;
    if (is->remote_port && (is->remote_port != source_port || !ip_equal(&is->remote, &p->ip.source))) return false;
    if (is->sk.bound_ifindex && is->sk.bound_ifindex != p->in_ifindex) return false;
    return !ip_is_multicast(&p->ip.destination) || inet_group_accepts(is, &p->ip.destination, &p->ip.source, p->in_ifindex);
}

/* Every sock that takes it gets one; the last the packet itself. Takes p. */
static void deliver_group(struct net *net, struct packet *p, uint16_t port, uint16_t source_port)
{
    const struct port_bucket *b = port_find(net->udp->ports, port);
    struct inet_sock *last = NULL;

    chain_for_each(node, b ? &b->owners : &(struct chain){ NULL }) {
        struct inet_sock *is = container_of(node, struct inet_sock, port_node);
        struct packet *copy;

        if (!takes_group(is, p, source_port)) continue;
        if (last) {
            copy = packet_clone(p);
            if (copy) {
                deliver(&last->sk, copy);
            } else {
                last->sk.drops++;
                udp_count(net, p->ip.version, RcvbufErrors);
                udp_count(net, p->ip.version, InErrors);
            }
        }
        last = is;
    }
    if (last) {
        deliver(&last->sk, p);
        return;
    }
    udp_count(net, p->ip.version, IgnoredMulti);
    packet_consume(p);
}

static bool is_for_group(struct net *net, const struct packet *p)
{
    enum ip_scope_kind kind;

    if (ip_is_multicast(&p->ip.destination)) return true;
    if (p->ip.version == 6) return false;
    kind = ip_address_kind(net, &p->ip.destination, p->in_ifindex);
    return kind == IP_KIND_BROADCAST;
}

/* Header, length, checksum. False: p is gone. */
static bool check(struct net *net, struct packet *p, bool *lacks_checksum)
{
    const struct wire_udp *header;
    uint32_t bytes = packet_bytes(p), length;

    *lacks_checksum = false;
    if (!packet_pull_check(p, UDP_HEADER_BYTES)) {
        drop_error(p, DROP_PKT_TOO_SMALL);
        return false;
    }
    header = (const struct wire_udp *)(void *)packet_data(p);
    length = host16(header->length_bytes);
    if (p->ip.version == 6 && !length) length = bytes; /* jumbogram */
    if (length < (uint32_t)UDP_HEADER_BYTES || length > bytes) {
        drop_error(p, DROP_UDP_LENGTH);
        return false;
    }
    if (length < bytes) packet_trim(p, length);
    if (!header->checksum.raw && p->checksum != PACKET_CHECKSUM_PARTIAL) {
        *lacks_checksum = true;
        return true;
    }
    if (ip_transport_verify(p, IPPROTO_UDP)) return true;
    udp_count(net, p->ip.version, InCsumErrors);
    drop_error(p, DROP_UDP_CSUM);
    return false;
}

void udp_receive(struct net *net, struct packet *p)
{
    const struct wire_udp *header;
    uint16_t source_port, port;
    struct sock *sk;
    bool lacks_checksum;

    if (!check(net, p, &lacks_checksum)) return;
    header = (const struct wire_udp *)(void *)packet_data(p);
    source_port = host16(header->source);
    port = host16(header->destination);
    if (is_for_group(net, p)) {
        deliver_group(net, p, port, source_port);
        return;
    }
    sk = udp_lookup(net, &p->ip.destination, port, &p->ip.source, source_port, p->in_ifindex);
    /* RFC 8200 §8.1: over IPv6 the checksum must be there, unless the sock allows otherwise (RFC 6935). */
    if (p->ip.version == 6 && lacks_checksum && !(sk && udp_of(sk)->no_check6_receive)) {
        udp_count(net, 6, InCsumErrors);
        drop_error(p, DROP_UDP_NO_CHECKSUM6);
        return;
    }
    if (sk) {
        deliver(sk, p);
        return;
    }
    udp_count(net, p->ip.version, NoPorts);
    if (p->ip.version == 4) icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
    else icmp_send_error(p, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
    packet_drop(p, DROP_NO_SOCKET);
}

void udp_error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    const struct wire_udp *header;
    struct sock *sk;

    if (!packet_pull_check(p, UDP_HEADER_BYTES)) return;
    header = (const struct wire_udp *)(void *)packet_data(p);
    sk = udp_lookup(net, &p->ip.source, host16(header->source), &p->ip.destination, host16(header->destination), p->in_ifindex);
    if (sk) {
        inet_datagram_error(sk, p, e, host16(header->destination), UDP_HEADER_BYTES);
        return;
    }
    if (e->version == 4) count(net, Icmp, InErrors);
    else count(net, Icmp6, InErrors);
}

static void put_name(struct sock *sk, struct user_msg *msg, const struct packet *p)
{
    msg->name_bytes = inet_put_address(sk, &msg->name, &p->ip.source, (uint16_t)p->scratch[UDP_SCRATCH_PORTS], p->in_ifindex);
}

/* With SO_PEEK_OFF, MSG_PEEK looks past the datagrams that lie before the offset. */
static struct packet *peek_at_offset(struct sock *sk, struct packet *p, uint32_t *offset)
{
    while (*offset >= packet_bytes(p) && packet_bytes(p)) {
        *offset -= packet_bytes(p);
        if (p->node.next == &sk->receive_queue.packets) return NULL;
        p = list_entry(p->node.next, struct packet, node);
    }
    return p;
}

static void finish(struct sock *sk, struct packet *p, bool peeking, uint32_t copied)
{
    uint32_t bytes = packet_bytes(p);

    if (peeking) {
        if (sk->rare->peek_offset >= 0) sock_rare(sk)->peek_offset += (int32_t)copied;
        return;
    }
    if (sk->rare->peek_offset > 0) sock_rare(sk)->peek_offset = sk->rare->peek_offset > (int32_t)bytes ? sk->rare->peek_offset - (int32_t)bytes : 0;
    packet_consume(p);
}

long udp_recvmsg(struct sock *sk, struct user_msg *msg)
{
    bool peeking = msg->flags & MSG_PEEK;
    uint32_t offset = peeking && sk->rare->peek_offset > 0 ? (uint32_t)sk->rare->peek_offset : 0, bytes, copied;
    struct packet *p;
    int error, gro;

    if (msg->flags & MSG_ERRQUEUE) return inet_error_receive(sk, msg);
    if (inet_take_path_mtu(sk, msg)) return 0;
    p = sock_datagram_next(sk, msg, &error);
    if (p && offset) {
        p = peek_at_offset(sk, p, &offset);
        error = -EAGAIN;
    }
    if (!p) return error;
    bytes = packet_bytes(p);
    copied = (uint32_t)min_of((uint64_t)(bytes - offset), msg->data.left);
    if (copied < bytes - offset) msg->out_flags |= MSG_TRUNC;
    error = sock_copy_out(p, offset, &msg->data, copied);
    if (error) {
        if (!peeking) {
            sk->drops++;
            udp_count(sk->net, p->ip.version, InErrors);
            packet_consume(p);
        }
        return error;
    }
    if (!peeking) udp_count(sk->net, p->ip.version, InDatagrams);
    put_name(sk, msg, p);
    inet_put_timestamps(sk, msg, p);
    gro = (int)p->scratch[UDP_SCRATCH_GRO];
    if (gro) user_msg_put_control(msg, SOL_UDP, UDP_GRO, &gro, sizeof(gro));
    inet_put_control(sk, msg, p);
    finish(sk, p, peeking, copied);
    return msg->flags & MSG_TRUNC ? (long)bytes : (long)copied;
}
