/* Segments that no queue stands behind: RST, SYN-ACK of a request, ACKs of TIME-WAIT. */
#include "tcp/tcp_net.h"

bool tcp_answer_is_limited(struct net *net, const struct tcp_segment *seg, uint32_t *last_ms)
{
    /* Data without SYN is not part of an ACK loop. */
    if (!seq_equal(seg->seq, seg->end_seq) && !(seg->flags & TCP_SYN)) return false;
    return tcp_challenge_is_limited(net, last_ms);
}

bool tcp_challenge_is_limited(struct net *net, uint32_t *last_ms)
{
    uint32_t now_ms = tcp_clock_ms(net->machine);
    if (*last_ms && now_ms - *last_ms < (uint32_t)net->sysctl.tcp_invalid_ratelimit) return true;
    *last_ms = now_ms ? now_ms : 1;
    return false;
}

/* Linux draws each second's allowance at random around the limit, so that a third party cannot read it off by using it up
 * (CVE-2016-5696). */
bool tcp_challenge_allowed(struct net *net)
{
    struct tcp_net *tn = net->tcp;
    int64_t limit = net->sysctl.tcp_challenge_ack_limit;
    if (limit == INT_MAX) return true;
    uint64_t second = net->machine->now_ns / NS_PER_S + 1; /* 0: none drawn yet */
    if (tn->challenge_second != second) {
        tn->challenge_second = second;
        tn->challenge_count = (uint32_t)((limit + 1) / 2) + random_below(&net->machine->random.other, (uint32_t)limit);
    }
    if (!tn->challenge_count) return false;
    tn->challenge_count--;
    return true;
}

/* RFC 7323 §5.3 R1. Zero is what some stacks send before they have a clock: it says nothing. */
bool tcp_paws_rejects(uint32_t ts_recent, uint32_t timestamp, bool is_rst)
{
    (void)is_rst; /* an RST is only exempt when ts_recent is a minute old; what asks here is younger */
    return ts_recent && (int32_t)(ts_recent - timestamp) > 0;
}

static struct packet *build(struct machine *m, const struct tcp_reply *r)
{
    uint8_t options[40];
    uint32_t options_bytes = tcp_write_options(options, &r->options);
    struct packet *p = packet_create(m, 0);
    if (!p) return NULL;
    uint8_t *at = packet_push(p, (uint32_t)sizeof(struct wire_tcp) + options_bytes);
    if (!at) {
        packet_consume(p);
        return NULL;
    }
    struct wire_tcp h = {
        .source = be16(r->source_port), .destination = be16(r->destination_port), .sequence = be32(r->seq.v),
        .acknowledgment = be32(r->ack.v), .offset_reserved = (uint8_t)((sizeof h + options_bytes) / 4 << 4 | r->is_ae), .flags = r->flags,
        .window = be16(r->window),
    };
    memcpy(at, &h, sizeof h);
    memcpy(at + sizeof h, options, options_bytes);
    p->transport_offset = 0;
    return p;
}

static struct route *reply_route(struct net *net, const struct tcp_reply *r, const struct ip_send *send, int *error)
{
    struct ip_flow flow = {
        .source = r->source, .destination = r->destination, .out_ifindex = r->out_ifindex, .mark = send->mark,
        .protocol = IPPROTO_TCP, .tos = send->tos, .source_port = be16(r->source_port),
        .destination_port = be16(r->destination_port), .flow_label = send->flow_label,
    };
    return route_output(net, &flow, error);
}

int tcp_reply_send(struct net *net, const struct tcp_reply *given)
{
    struct tcp_reply signed_reply, *copy = &signed_reply;
    const struct tcp_reply *r = given;
    const struct tcp_md5_key *md5 = given->md5;
    struct ip_send send = { .fragment_policy = IP_PMTUDISC_DO };
    int error;
    if (r->like && tcp_of(&r->like->sk)->settings->md5_keys) md5 = tcp_md5_find(tcp_of(&r->like->sk), &r->destination);
    if (md5) {
        *copy = *given;
        copy->options.md5 = tcp_md5_blank;
        r = copy;
    }
    if (r->like) inet_send_options(r->like, &send, ip_is4(&r->destination) ? 4 : 6);
    send.source = r->source;
    send.destination = r->destination;
    send.protocol = IPPROTO_TCP;
    send.tos = r->tos;
    struct route *route = reply_route(net, r, &send, &error);
    if (!route) return error;
    struct packet *p = build(net->machine, r);
    if (!p) {
        route_put(route);
        return -ENOBUFS;
    }
    p->net = net;
    if (md5) tcp_md5_sign(md5, p, &send.source, &send.destination);
    ip_transport_checksum(p, &send.source, &send.destination, IPPROTO_TCP, offsetof(struct wire_tcp, checksum), r->like || !ip_is4(&r->destination)); /* Linux: a sock's, and all of IPv6 */
    count(net, Tcp, OutSegs);
    error = ip_output(net, p, route, &send);
    route_put(route);
    return error;
}

/* The interface a reply must leave by: link-local addresses mean nothing elsewhere. */
static int32_t reply_ifindex(const struct packet *p)
{
    return ip_is_link_local(&p->ip.source) && !ip_is4(&p->ip.source) ? p->in_ifindex : 0;
}

/* A signed segment is answered by a signed RST, with the key of its connection, or of who listens at its port; or not at all. */
static bool may_reset(struct net *net, const struct tcp_segment *seg, const struct tcp_md5_key **md5)
{
    struct packet *p = seg->packet;
    struct tcp_tuple t = { &p->ip.destination, &p->ip.source, seg->destination_port, seg->source_port, p->in_ifindex };
    struct tcp_sock *tp = tcp_find_established(net->tcp, &t, tcp_tuple_hash(net->tcp, &t));
    if (tp) {
        *md5 = tcp_md5_key(tp);
        return true;
    }
    if (!seg->options.md5) return true;
    tp = tcp_find_listener(net->tcp, &t);
    *md5 = tp ? tcp_md5_find(tp, &p->ip.source) : NULL;
    if (!*md5 || !packet_push(p, seg->header_bytes)) return false;
    bool is_good = tcp_md5_is_signed(*md5, p, seg->header_bytes);
    packet_pull(p, seg->header_bytes);
    return is_good;
}

/* RFC 9293 §3.10.7.1: to whom no connection is known. Never for an RST, never to what is not one host's address. */
void tcp_send_reset_for(struct net *net, const struct tcp_segment *seg)
{
    const struct packet *p = seg->packet;
    const struct tcp_md5_key *md5 = NULL;
    if (seg->flags & TCP_RST || !may_reset(net, seg, &md5)) return;
    enum ip_scope_kind to = ip_address_kind(net, &p->ip.destination, p->in_ifindex);
    if (to == IP_KIND_BROADCAST || to == IP_KIND_MULTICAST) return;
    struct tcp_reply r = {
        .source = p->ip.destination, .destination = p->ip.source, .source_port = seg->destination_port,
        .destination_port = seg->source_port, .flags = TCP_RST, .tos = p->ip.tos & 0xfc, .out_ifindex = reply_ifindex(p), .md5 = md5,
    };
    if (seg->flags & TCP_ACK) {
        r.seq = seg->ack;
    } else {
        r.ack = seg->end_seq;
        r.flags |= TCP_ACK;
    }
    count(net, Tcp, OutRsts);
    tcp_reply_send(net, &r);
}

void tcp_send_reset(struct tcp_sock *tp)
{
    const struct inet_sock *is = &tp->inet;
    struct net *net = is->sk.net;
    struct tcp_reply r = {
        .source = is->source, .destination = is->remote, .source_port = is->local_port, .destination_port = is->remote_port,
        .flags = TCP_RST | TCP_ACK, .seq = tcp_acceptable_seq(tp), .ack = tp->rcv.nxt, .like = is,
        .tos = (ip_is4(&is->remote) ? is->tos : is->tclass) & 0xfc, .out_ifindex = is->sk.bound_ifindex,
    };
    r.window = (uint16_t)tcp_select_window(tp);
    if (tp->is_timestamp_ok) {
        r.options.has_timestamp = true;
        r.options.timestamp_value = tcp_now_ts_ms(tp);
        r.options.timestamp_echo = tp->ts_recent;
    }
    count(net, Tcp, OutRsts);
    tp->segs_out++;
    tcp_reply_send(net, &r);
}
