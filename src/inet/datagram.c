/* Where one datagram goes and how: from its name, or the peer of connect(), the sock's options and the control messages. */
#include "inet/inet_ops.h"
#include "wire/headers.h"

static int read_name(struct sock *sk, struct user_msg *msg, struct inet_path *path, int32_t *scope, uint32_t *flow_label)
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
    return path->destination_port || sk->protocol != IPPROTO_UDP ? 0 : -EINVAL;
}

static int find_route(struct sock *sk, const struct inet_control *control, struct inet_path *path, int32_t scope, const struct user_msg *msg)
{
    struct ip_flow flow;
    int error = 0;

    inet_flow_to(inet_of(sk), &path->destination, &flow);
    if (control->options_bytes) flow.destination = path->destination; /* they stand in for the sock's, its source route too */
    flow.destination_port = be16(path->destination_port);
    if (scope) flow.out_ifindex = scope;
    if (!ip_is4(&path->destination)) {
        if (inet_of(sk)->rare->sticky_ifindex6) flow.out_ifindex = inet_of(sk)->rare->sticky_ifindex6;
        if (!ip_is_any6(&inet_of(sk)->rare->sticky_source6)) flow.source = inet_of(sk)->rare->sticky_source6;
    }
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
    if (ip_is_any(&path->destination)) path->destination = flow.destination;
    return 0;
}

/* Control data goes before what the sock always sends, header by header. */
static void apply_extensions(struct sock *sk, struct inet_path *path, const struct inet_control *control)
{
    const uint8_t *hop, *destination;
    uint32_t hop_bytes, destination_bytes;

    inet_sticky_extensions(inet_of(sk), &hop, &hop_bytes, &destination, &destination_bytes);
    if (control->hop_bytes) {
        hop = control->hop;
        hop_bytes = control->hop_bytes;
    }
    if (control->destination_options_bytes) {
        destination = control->destination_options;
        destination_bytes = control->destination_options_bytes;
    }
    path->extension_bytes = (uint8_t)inet_join_extensions(path->extension, hop, hop_bytes, destination, destination_bytes, sk->protocol, &path->send.extension_first);
    path->send.extension = path->extension;
    path->send.extension_bytes = path->extension_bytes;
}

static void apply_control(struct sock *sk, struct inet_path *path, const struct inet_control *control)
{
    struct ip_send *send = &path->send;

    if (control->tos >= 0) send->tos = (uint8_t)control->tos;
    if (control->ttl > 0) send->ttl = (uint8_t)control->ttl;
    if (control->has_mark) send->mark = control->mark;
    if (control->has_priority) send->priority = control->priority;
    if (control->has_dont_fragment) {
        send->fragment_policy = control->dont_fragment ? IPV6_PMTUDISC_DO : send->fragment_policy;
        path->dont_fragment6 = control->dont_fragment;
    }
    if (control->flow_label) send->flow_label = control->flow_label;
    if (control->options_bytes) {
        memcpy(path->options, control->options, control->options_bytes);
        path->options_bytes = control->options_bytes;
        send->options = path->options;
        send->options_bytes = path->options_bytes;
        send->first_hop = (ip_addr_t){ .word = { 0 } };
    }
    if (control->hop_bytes || control->destination_options_bytes) apply_extensions(sk, path, control);
}

int inet_path_find(struct sock *sk, struct user_msg *msg, struct inet_path *path)
{
    struct inet_sock *is = inet_of(sk);
    struct inet_control control = { .ttl = -1, .tos = -1, .gso_bytes = path->gso_bytes };
    bool named = msg->name_bytes && !(inet_is6(sk) && msg->name_bytes >= sizeof(sa_family_t) && msg->name.ss_family == AF_UNSPEC);
    int32_t scope = 0;
    uint32_t flow_label = 0;
    int error;

    if (named) error = read_name(sk, msg, path, &scope, &flow_label);
    else error = sk->state == SOCK_ESTABLISHED ? 0 : -EDESTADDRREQ;
    if (error) return error;
    if (!named) {
        path->destination = is->remote;
        path->destination_port = is->remote_port;
    }
    if (msg->control_bytes) error = inet_parse_control(sk, msg, ip_is4(&path->destination), &control);
    if (error) return error;
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
    path->dont_fragment6 = is->dont_fragment6 && !ip_is4(&path->destination);
    apply_control(sk, path, &control);
    path->gso_bytes = control.gso_bytes;
    path->stamp_flags = sk->rare->timestamping_flags;
    if (control.has_stamp_flags) path->stamp_flags = (path->stamp_flags & ~SOCK_STAMP_WANTS) | control.stamp_flags;
    path->has_stamp_key = control.has_stamp_key;
    path->stamp_key = control.stamp_key;
    return path->route->kind == ROUTE_BROADCAST && !sk->broadcast ? -EACCES : 0;
}

void inet_path_stamp(struct sock *sk, struct packet *p, const struct inet_path *path)
{
    const uint32_t any = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED;
    uint32_t key = path->stamp_key;

    if (!(path->stamp_flags & any)) return;
    if (!path->has_stamp_key && sk->rare->timestamping_flags & SOF_TIMESTAMPING_OPT_ID) {
        struct sock_rare *own = sock_rare(sk);
        key = own ? own->timestamp_key++ : 0;
    }
    sock_stamp_packet(sk, p, sock_stamps_wanted(path->stamp_flags), key);
}

void inet_path_put(struct inet_path *path)
{
    if (path->route) route_put(path->route);
    path->route = NULL;
}

uint32_t inet_path_mtu(const struct inet_path *path)
{
    uint32_t mtu = path->send.fragment_policy >= IP_PMTUDISC_PROBE ? path->route->device->mtu_bytes : route_mtu(path->route);

    return path->send.mtu_bytes ? min_of(mtu, path->send.mtu_bytes) : mtu;
}

bool inet_path_may_fragment(const struct inet_path *path)
{
    return path->send.fragment_policy < IP_PMTUDISC_DO || path->send.fragment_policy == IP_PMTUDISC_OMIT;
}

uint32_t inet_path_header_bytes(const struct inet_path *path)
{
    return ip_is4(&path->destination) ? (uint32_t)sizeof(struct wire_ipv4) + path->send.options_bytes : (uint32_t)sizeof(struct wire_ipv6) + path->send.extension_bytes;
}

int inet_path_check_size(struct sock *sk, const struct inet_path *path, uint64_t transport_bytes)
{
    bool is4 = ip_is4(&path->destination);
    uint32_t mtu = inet_path_mtu(path), limit = is4 ? 65535 : 65535 + (uint32_t)sizeof(struct wire_ipv6);

    if (!inet_path_may_fragment(path) && !path->gso_bytes) limit = min_of(limit, mtu);
    if (transport_bytes + inet_path_header_bytes(path) <= limit) return 0;
    mtu -= is4 ? path->send.options_bytes : path->send.extension_bytes;
    if (path->dont_fragment6) inet_note_path_mtu(inet_of(sk), &path->destination, mtu);
    inet_local_error(sk, EMSGSIZE, &path->destination, path->destination_port, mtu);
    return -EMSGSIZE;
}

int inet_copy_in(struct sock *sk, struct user_msg *msg, uint32_t bytes, struct packet **out)
{
    struct packet *p = packet_create(sk->net->machine, bytes);
    uint8_t *room;

    if (!p) return -ENOBUFS;
    p->net = sk->net;
    if (bytes) {
        room = packet_put(p, bytes);
        if (!room || user_iter_in(&msg->data, room, bytes)) {
            packet_consume(p);
            return room ? -EFAULT : -ENOBUFS;
        }
    }
    *out = p;
    return 0;
}

long inet_datagram_give(struct sock *sk, struct user_msg *msg, struct packet *p, uint32_t *bytes)
{
    uint32_t copied;
    int error;

    *bytes = packet_bytes(p);
    copied = (uint32_t)min_of((uint64_t)*bytes, msg->data.left);
    if (copied < *bytes) msg->out_flags |= MSG_TRUNC;
    error = sock_copy_out(p, 0, &msg->data, copied);
    if (!error) {
        msg->name_bytes = inet_put_address(sk, &msg->name, &p->ip.source, 0, p->in_ifindex);
        inet_put_timestamps(sk, msg, p);
        inet_put_control(sk, msg, p);
    }
    if (!(msg->flags & MSG_PEEK)) packet_consume(p);
    return error ? error : (long)copied;
}
