/* UDP out: where to, how, then one packet with the data copied once. MSG_MORE and UDP_CORK gather several sends into one
 * datagram; UDP_SEGMENT leaves one packet with a segment size for the device to cut. */
#include "udp/udp_sock.h"

enum { UDP_HEADER_BYTES = sizeof(struct wire_udp), UDP_CHECKSUM_OFFSET = 6, UDP_MAX_SEGMENTS = 128 };

/* The datagram with this payload: may it go as it is? */
static int check_size(struct sock *sk, const struct inet_path *path, uint64_t payload_bytes)
{
    int error = inet_path_check_size(sk, path, payload_bytes + UDP_HEADER_BYTES);
    uint64_t first = inet_path_header_bytes(path) + UDP_HEADER_BYTES + min_of(payload_bytes, (uint64_t)path->gso_bytes);

    if (error || !path->gso_bytes) return error;
    if (payload_bytes && first > inet_path_mtu(path)) return -EMSGSIZE;
    return payload_bytes > (uint64_t)path->gso_bytes * UDP_MAX_SEGMENTS || sk->no_check ? -EINVAL : 0;
}

static void put_checksum(struct sock *sk, struct packet *p, const struct inet_path *path, bool is_gathered, struct wire_udp *header)
{
    bool is4 = ip_is4(&path->destination);
    uint32_t whole = packet_bytes(p) + (uint32_t)(is4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6));

    header->checksum = (be16_t){ 0 };
    if (is4 ? sk->no_check : udp_of(sk)->no_check6_send) return;
    ip_transport_checksum(p, &path->source, &path->destination, IPPROTO_UDP, UDP_CHECKSUM_OFFSET, p->gso_bytes || (!is_gathered && whole <= inet_path_mtu(path)));
    /* Zero would say that there is none (RFC 768). */
    if (p->checksum != PACKET_CHECKSUM_PARTIAL && !header->checksum.raw) header->checksum.raw = 0xffff;
}

/* Header on, and away. Takes p. */
static int transmit(struct udp_sock *us, struct packet *p, const struct inet_path *path, bool is_gathered)
{
    struct sock *sk = &us->inet.sk;
    uint8_t version = ip_is4(&path->destination) ? 4 : 6;
    uint32_t payload_bytes = packet_bytes(p);
    struct wire_udp *header = (struct wire_udp *)(void *)packet_push(p, UDP_HEADER_BYTES);
    int error;

    if (!header) {
        packet_drop(p, DROP_NOMEM);
        return -ENOBUFS;
    }
    *header = (struct wire_udp){ be16(us->inet.local_port), be16(path->destination_port), be16((uint16_t)(payload_bytes + UDP_HEADER_BYTES)), { 0 } };
    p->transport_offset = 0;
    if (path->gso_bytes && payload_bytes > path->gso_bytes) {
        p->gso_bytes = path->gso_bytes;
        p->gso_kind = PACKET_GSO_UDP;
    }
    put_checksum(sk, p, path, is_gathered, header);
    p->mark = path->send.mark;
    p->priority = path->send.priority;
    sock_charge_send(sk, p);
    if (path->stamp_flags) inet_path_stamp(sk, p, path);
    error = ip_output(sk->net, p, path->route, &path->send);
    if (error == -ENOBUFS) {
        udp_count(sk->net, version, SndbufErrors);
        if (!(version == 4 ? us->inet.recv_error : us->inet.recv_error6)) error = 0;
        return error;
    }
    if (!error) udp_count(sk->net, version, OutDatagrams);
    return error;
}

int udp_push_pending(struct udp_sock *us)
{
    struct packet *p = us->pending;
    int error;

    if (!p) return 0;
    us->pending = NULL;
    error = transmit(us, p, &us->pending_path, true);
    inet_path_put(&us->pending_path);
    return error;
}

void udp_drop_pending(struct udp_sock *us)
{
    if (!us->pending) return;
    packet_consume(us->pending);
    us->pending = NULL;
    inet_path_put(&us->pending_path);
}

/* Adds to the datagram being gathered, beginning it when there is none, and sends it when nothing more is to come. */
static long send_corked(struct udp_sock *us, struct user_msg *msg, uint32_t bytes, bool more)
{
    struct sock *sk = &us->inet.sk;
    struct packet *p;
    int error = 0;

    if (!us->pending) {
        us->pending_path = (struct inet_path){ .gso_bytes = us->gso_bytes };
        error = inet_path_find(sk, msg, &us->pending_path);
        if (us->pending_path.options_bytes) us->pending_path.send.options = us->pending_path.options;
    }
    if (!error) error = check_size(sk, &us->pending_path, (uint64_t)bytes + (us->pending ? packet_bytes(us->pending) : 0));
    if (!error) error = inet_copy_in(sk, msg, bytes, &p);
    if (error) {
        udp_drop_pending(us);
        inet_path_put(&us->pending_path);
        return error;
    }
    if (us->pending) packet_chain(us->pending, p);
    else us->pending = p;
    if (!more) error = udp_push_pending(us);
    return error ? error : (long)bytes;
}

static long send_one(struct udp_sock *us, struct user_msg *msg, uint32_t bytes)
{
    struct sock *sk = &us->inet.sk;
    struct inet_path path = { .gso_bytes = us->gso_bytes };
    struct packet *p;
    int error = inet_path_find(sk, msg, &path);

    if (!error) error = check_size(sk, &path, bytes);
    if (!error) error = sock_may_send(sk);
    if (!error) error = inet_copy_in(sk, msg, bytes, &p);
    if (!error) error = transmit(us, p, &path, false);
    inet_path_put(&path);
    return error ? error : (long)bytes;
}

long udp_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct udp_sock *us = udp_of(sk);
    uint64_t bytes = msg->data.left;
    bool more = us->is_corked || (msg->flags & MSG_MORE);

    if (bytes > 0xffff) return -EMSGSIZE;
    if ((msg->flags & MSG_OOB) && !inet_is6(sk)) return -EOPNOTSUPP; /* Linux: IPv6 does not look */
    return us->pending || more ? send_corked(us, msg, (uint32_t)bytes, more) : send_one(us, msg, (uint32_t)bytes);
}
