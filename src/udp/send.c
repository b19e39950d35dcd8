/* UDP out: where to, how, then one packet with the data copied once. MSG_MORE and UDP_CORK gather several sends into one
 * datagram; UDP_SEGMENT leaves one packet with a segment size for the device to cut. */
#include "udp/udp_sock.h"

enum { UDP_HEADER_BYTES = sizeof(struct wire_udp), UDP_CHECKSUM_OFFSET = 6, UDP_MAX_SEGMENTS = 128 };

static int read_name(struct sock *sk, struct user_msg *msg, struct udp_path *path, int32_t *scope, uint32_t *flow_label)
{
    struct sockaddr_storage *a = &msg->name;
    int error;

    if (inet_is6(sk)) {
        if (a->ss_family == AF_INET && inet_of(sk)->is_v6only) return -ENETUNREACH;
        if (a->ss_family != AF_INET && a->ss_family != AF_INET6) return -EINVAL;
    } else if (a->ss_family == AF_UNSPEC) {
        a->ss_family = AF_INET; /* Linux: taken as AF_INET, for old programs */
    }
    error = inet_parse_address(sk, a, msg->name_bytes, &path->destination, &path->destination_port, scope, flow_label);
    if (error) return error;
    return path->destination_port ? 0 : -EINVAL;
}

/* UDP_SEGMENT in the control data: ours, not the IP layer's. */
static int parse_control(struct sock *sk, struct user_msg *msg, struct inet_control *control)
{
    int error;

    control->gso_bytes = udp_of(sk)->gso_bytes;
    if (!msg->control_bytes) return 0;
    error = inet_parse_control(sk, msg, control);
    return error;
}

static int find_route(struct sock *sk, const struct inet_control *control, struct udp_path *path, int32_t scope, const struct user_msg *msg)
{
    struct ip_flow flow;
    int error = 0;

    inet_flow_to(inet_of(sk), &path->destination, &flow);
    flow.destination_port = be16(path->destination_port);
    if (scope) flow.out_ifindex = scope;
    if (control->ifindex) flow.out_ifindex = control->ifindex;
    if (control->has_source) flow.source = control->source;
    if (control->has_mark) flow.mark = control->mark;
    if (control->tos >= 0) flow.tos = (uint8_t)control->tos;
    if (msg->flags & MSG_DONTROUTE) flow.dont_route = true;
    path->route = route_output(sk->net, &flow, &error);
    if (!path->route) {
        if (error == -ENETUNREACH) {
            if (ip_is4(&path->destination)) count(sk->net, Ip, OutNoRoutes);
            else count(sk->net, Ip6, OutNoRoutes);
        }
        return error;
    }
    path->source = flow.source;
    path->destination = flow.destination;
    return 0;
}

static void apply_control(struct udp_path *path, const struct inet_control *control)
{
    struct ip_send *send = &path->send;

    if (control->tos >= 0) send->tos = (uint8_t)control->tos;
    if (control->ttl > 0) send->ttl = (uint8_t)control->ttl;
    if (control->has_mark) send->mark = control->mark;
    if (control->has_dont_fragment) send->fragment_policy = control->dont_fragment ? IPV6_PMTUDISC_DO : send->fragment_policy;
    if (control->flow_label) send->flow_label = control->flow_label;
    if (control->options_bytes) {
        memcpy(path->options, control->options, control->options_bytes);
        path->options_bytes = control->options_bytes;
        send->options = path->options;
        send->options_bytes = path->options_bytes;
    }
    if (control->extension_bytes) {
        send->extension = control->extension;
        send->extension_bytes = control->extension_bytes;
        send->extension_first = control->extension_first;
    }
}

/* Everything about where to and how. The caller puts path->route. */
static int find_path(struct sock *sk, struct user_msg *msg, struct udp_path *path)
{
    struct inet_sock *is = inet_of(sk);
    struct inet_control control = { .ttl = -1, .tos = -1 };
    bool named = msg->name_bytes && !(inet_is6(sk) && msg->name_bytes >= sizeof(sa_family_t) && msg->name.ss_family == AF_UNSPEC);
    int32_t scope = 0;
    uint32_t flow_label = 0;
    int error;

    if (named) error = read_name(sk, msg, path, &scope, &flow_label);
    else error = sk->state == SOCK_ESTABLISHED ? 0 : -EDESTADDRREQ;
    if (error) return error;
    error = parse_control(sk, msg, &control);
    if (error) return error;
    if (!named) {
        path->destination = is->remote;
        path->destination_port = is->remote_port;
    }
    if (!named && !msg->control_bytes && !(msg->flags & MSG_DONTROUTE)) {
        struct route *r = inet_route(is, &error);

        if (!r) return error;
        path->route = route_get(r);
        path->source = is->source;
    } else {
        error = find_route(sk, &control, path, scope, msg);
        if (error) return error;
    }
    path->send.source = path->source;
    path->send.destination = path->destination;
    inet_send_options(is, &path->send, ip_is4(&path->destination) ? 4 : 6);
    if (flow_label) path->send.flow_label = flow_label;
    apply_control(path, &control);
    path->gso_bytes = control.gso_bytes;
    return path->route->kind == ROUTE_BROADCAST && !sk->broadcast ? -EACCES : 0;
}

static bool may_fragment(const struct ip_send *send)
{
    return send->fragment_policy < IP_PMTUDISC_DO || send->fragment_policy == IP_PMTUDISC_OMIT;
}

static uint32_t path_mtu(const struct udp_path *path)
{
    return path->send.fragment_policy >= IP_PMTUDISC_PROBE ? path->route->device->mtu_bytes : route_mtu(path->route);
}

/* The datagram with this payload: may it go as it is? */
static int check_size(struct sock *sk, const struct udp_path *path, uint64_t payload_bytes)
{
    bool is4 = ip_is4(&path->destination);
    uint32_t header = is4 ? sizeof(struct wire_ipv4) + path->send.options_bytes : sizeof(struct wire_ipv6) + path->send.extension_bytes;
    uint32_t mtu = path_mtu(path), limit = is4 ? 65535 : 65535 + sizeof(struct wire_ipv6);
    uint64_t whole = payload_bytes + UDP_HEADER_BYTES + header;

    if (!may_fragment(&path->send) && !path->gso_bytes) limit = min_of(limit, mtu);
    if (whole > limit) {
        inet_local_error(sk, EMSGSIZE, &path->destination, path->destination_port, mtu - (is4 ? path->send.options_bytes : 0));
        return -EMSGSIZE;
    }
    if (!path->gso_bytes) return 0;
    if (payload_bytes && header + UDP_HEADER_BYTES + min_of(payload_bytes, (uint64_t)path->gso_bytes) > mtu) return -EMSGSIZE;
    return payload_bytes > (uint64_t)path->gso_bytes * UDP_MAX_SEGMENTS || sk->no_check ? -EINVAL : 0;
}

/* A packet with `bytes` copied from the caller. */
static int copy_payload(struct sock *sk, struct user_msg *msg, uint32_t bytes, struct packet **out)
{
    struct packet *p = packet_create(sk->net->machine, bytes);
    uint8_t *room;

    if (!p) return -ENOBUFS;
    p->net = sk->net;
    if (bytes) {
        room = packet_put(p, bytes);
        if (user_iter_in(&msg->data, room, bytes)) {
            packet_consume(p);
            return -EFAULT;
        }
    }
    *out = p;
    return 0;
}

static void put_checksum(struct sock *sk, struct packet *p, const struct udp_path *path, struct wire_udp *header)
{
    bool is4 = ip_is4(&path->destination);
    uint32_t whole = packet_bytes(p) + (uint32_t)(is4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6));

    header->checksum = (be16_t){ 0 };
    if (is4 ? sk->no_check : udp_of(sk)->no_check6_send) return;
    ip_transport_checksum(p, &path->source, &path->destination, IPPROTO_UDP, UDP_CHECKSUM_OFFSET, p->gso_bytes || whole <= path_mtu(path));
    /* Zero would say that there is none (RFC 768). */
    if (p->checksum != PACKET_CHECKSUM_PARTIAL && !header->checksum.raw) header->checksum.raw = 0xffff;
}

/* Header on, and away. Takes p. */
static int transmit(struct udp_sock *us, struct packet *p, const struct udp_path *path)
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
    put_checksum(sk, p, path, header);
    p->mark = path->send.mark;
    p->priority = path->send.priority;
    sock_charge_send(sk, p);
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
    error = transmit(us, p, &us->pending_path);
    route_put(us->pending_path.route);
    return error;
}

void udp_drop_pending(struct udp_sock *us)
{
    if (!us->pending) return;
    packet_consume(us->pending);
    us->pending = NULL;
    route_put(us->pending_path.route);
}

/* Adds to the datagram being gathered, beginning it when there is none, and sends it when nothing more is to come. */
static long send_corked(struct udp_sock *us, struct user_msg *msg, uint32_t bytes, bool more)
{
    struct sock *sk = &us->inet.sk;
    struct packet *p;
    int error = 0;

    if (!us->pending) {
        us->pending_path = (struct udp_path){ 0 };
        error = find_path(sk, msg, &us->pending_path);
        if (us->pending_path.options_bytes) us->pending_path.send.options = us->pending_path.options;
        if (!error && us->pending_path.send.extension && msg->control_bytes) error = -EINVAL; /* would not outlive this call */
    }
    if (!error) error = check_size(sk, &us->pending_path, (uint64_t)bytes + (us->pending ? packet_bytes(us->pending) : 0));
    if (!error) error = copy_payload(sk, msg, bytes, &p);
    if (error) {
        if (us->pending) udp_drop_pending(us);
        else if (us->pending_path.route) route_put(us->pending_path.route);
        us->pending_path.route = NULL;
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
    struct udp_path path = { 0 };
    struct packet *p;
    int error = find_path(sk, msg, &path);

    if (!error) error = check_size(sk, &path, bytes);
    if (!error) error = sock_may_send(sk);
    if (!error) error = copy_payload(sk, msg, bytes, &p);
    if (!error) error = transmit(us, p, &path);
    if (path.route) route_put(path.route);
    return error ? error : (long)bytes;
}

long udp_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct udp_sock *us = udp_of(sk);
    uint64_t bytes = msg->data.left;
    bool more = us->is_corked || (msg->flags & MSG_MORE);

    if (bytes > 0xffff) return -EMSGSIZE;
    if (msg->flags & MSG_OOB) return -EOPNOTSUPP;
    return us->pending || more ? send_corked(us, msg, (uint32_t)bytes, more) : send_one(us, msg, (uint32_t)bytes);
}
