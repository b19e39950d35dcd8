/* Raw out: the program's bytes behind an IP header of ours, or its own header (IP_HDRINCL). */
#include "raw/raw_sock.h"

/* IPv6: sin6_port may name the protocol. */
static int protocol_of_name(struct sock *sk, struct user_msg *msg, uint8_t *protocol)
{
    struct sockaddr_in6 sin6 = { 0 };
    uint16_t asked;

    *protocol = sk->protocol;
    if (!inet_is6(sk) || !msg->name_bytes) return 0;
    if (msg->name_bytes < 24) return -EINVAL;
    memcpy(&sin6, &msg->name, min_of((size_t)msg->name_bytes, sizeof(sin6)));
    if (sin6.sin6_family != AF_INET6) return sin6.sin6_family == AF_UNSPEC ? 0 : -EAFNOSUPPORT;
    asked = host16((be16_t){ sin6.sin6_port });
    if (!asked) return 0;
    if (asked > 255 || (asked != sk->protocol && sk->protocol != IPPROTO_RAW)) return -EINVAL;
    *protocol = (uint8_t)asked;
    return 0;
}

/* IPV6_CHECKSUM: over the pseudo-header and the whole payload, at the offset the program gave. */
static int put_checksum6(struct sock *sk, struct packet *p, const struct inet_path *path, uint8_t protocol)
{
    int offset = inet_of(sk)->rare->checksum_offset;
    uint32_t bytes = packet_bytes(p), sum;
    be16_t check = { 0 };
    uint8_t *field;

    if (offset < 0) return 0;
    if ((uint32_t)offset + 2 > bytes) return -EINVAL;
    field = packet_data(p) + offset;
    memcpy(field, &check, sizeof(check));
    sum = ip_pseudo_sum(&path->source, &path->destination, protocol, bytes);
    check = checksum_fold(packet_checksum(p, 0, bytes, sum));
    if (!check.raw) check.raw = 0xffff;
    memcpy(field, &check, sizeof(check));
    return 0;
}

/* The program's own IP header: what Linux fills in is filled in by the IP layer; here only that it is one. */
static int check_header(struct sock *sk, const struct packet *p, const struct inet_path *path)
{
    const struct wire_ipv4 *header = (const struct wire_ipv4 *)(void *)packet_data(p);
    uint32_t bytes = packet_bytes(p);

    if (bytes > path->route->device->mtu_bytes) {
        inet_local_error(sk, EMSGSIZE, &path->destination, path->destination_port, path->route->device->mtu_bytes);
        return -EMSGSIZE;
    }
    if (!ip_is4(&path->destination)) return bytes < sizeof(struct wire_ipv6) ? -EINVAL : 0;
    if (bytes < sizeof(*header)) return -EINVAL;
    return (header->version_ihl & 0xfu) * 4u > bytes ? -EINVAL : 0;
}

static int transmit(struct sock *sk, struct packet *p, struct inet_path *path, uint8_t protocol)
{
    bool own_header = inet_of(sk)->header_included;
    int error = 0;

    if (own_header) error = check_header(sk, p, path);
    else if (!ip_is4(&path->destination)) error = put_checksum6(sk, p, path, protocol);
    if (error) {
        packet_consume(p);
        return error;
    }
    p->transport_offset = 0;
    p->mark = path->send.mark;
    p->priority = path->send.priority;
    path->send.protocol = protocol;
    path->send.is_header_included = own_header;
    sock_charge_send(sk, p);
    if (path->stamp_flags) inet_path_stamp(sk, p, path);
    error = ip_output(sk->net, p, path->route, &path->send);
    if (error == -ENOBUFS && !inet_of(sk)->recv_error) error = 0;
    return error;
}

long raw_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct inet_path path = { 0 };
    struct packet *p;
    uint64_t bytes = msg->data.left;
    uint8_t protocol;
    int error;

    if (bytes > 0xffff) return -EMSGSIZE;
    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    error = protocol_of_name(sk, msg, &protocol);
    if (!error) error = inet_path_find(sk, msg, &path);
    if (!error && !inet_of(sk)->header_included) error = inet_path_check_size(sk, &path, bytes);
    if (!error) error = sock_may_send(sk);
    if (!error) error = inet_copy_in(sk, msg, (uint32_t)bytes, &p);
    if (!error) error = transmit(sk, p, &path, protocol);
    inet_path_put(&path);
    return error ? error : (long)bytes;
}
