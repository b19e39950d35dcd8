/* Segments on their way out: options, header, checksum, and the hand-over to IP. */
#include "tcp/accecn.h"
#include "tcp/data.h"
#include "tcp/fastopen.h"

static uint8_t *put16(uint8_t *at, uint32_t v) { at[0] = (uint8_t)(v >> 8); at[1] = (uint8_t)v; return at + 2; }
static uint8_t *put32(uint8_t *at, uint32_t v) { return put16(put16(at, v >> 16), v & 0xffff); }
static uint8_t *put4(uint8_t *at, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    at[0] = a; at[1] = b; at[2] = c; at[3] = d;
    return at + 4;
}

enum { OPTION_NOP = 1, OPTION_MSS = 2, OPTION_WINDOW = 3, OPTION_SACK_PERMITTED = 4, OPTION_SACK = 5, OPTION_TIMESTAMP = 8, OPTION_MD5 = 19, OPTION_FASTOPEN = 34, OPTION_ACCECN1 = 174,
    OPTION_EXPERIMENT = 254, EXPERIMENT_FASTOPEN = 0xf989 };

static uint8_t *put_fastopen(uint8_t *at, const struct tcp_options *o)
{
    uint32_t bytes = (o->fastopen_is_experimental ? 4u : 2u) + o->fastopen_bytes;

    *at++ = o->fastopen_is_experimental ? OPTION_EXPERIMENT : OPTION_FASTOPEN;
    *at++ = (uint8_t)bytes;
    if (o->fastopen_is_experimental) at = put16(at, EXPERIMENT_FASTOPEN);
    if (o->fastopen_bytes) memcpy(at, o->fastopen, o->fastopen_bytes);
    at += o->fastopen_bytes;
    for (; bytes & 3; bytes++) *at++ = OPTION_NOP;
    return at;
}

static inline uint8_t *put_timestamp(uint8_t *at, uint32_t value, uint32_t echo)
{
    const be32_t words[3] = { be32(OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_TIMESTAMP << 8 | 10), be32(value), be32(echo) };

    memcpy(at, words, sizeof(words));
    return at + sizeof(words);
}

const uint8_t tcp_md5_blank[16] = { 0 };

/* Counters in whole words; what does not fill one is left over for the padding of the next option. */
static uint8_t *put_accecn(uint8_t *at, const struct tcp_options *o, uint8_t spare[2])
{
    uint8_t bytes[12] = { OPTION_ACCECN1, (uint8_t)(2 + 3 * o->accecn_count) };
    uint32_t used = bytes[1], left;

    for (unsigned i = 0; i < o->accecn_count; i++) {
        bytes[2 + 3 * i] = (uint8_t)(o->accecn[i] >> 16);
        put16(bytes + 3 + 3 * i, o->accecn[i]);
    }
    left = used & 3;
    if (left == 3) { /* no padding takes three */
        bytes[used++] = OPTION_NOP;
        left = 0;
    }
    memcpy(at, bytes, used - left);
    spare[0] = left ? bytes[used - left] : OPTION_NOP;
    spare[1] = left == 2 ? bytes[used - 1] : OPTION_NOP;
    return at + used - left;
}

static bool is_left(const uint8_t spare[2]) { return spare[0] != OPTION_NOP || spare[1] != OPTION_NOP; }
static uint8_t *put_padded(uint8_t *at, uint8_t spare[2], uint8_t kind, uint8_t bytes)
{
    at = put4(at, spare[0], spare[1], kind, bytes);
    spare[0] = spare[1] = OPTION_NOP;
    return at;
}

/* In Linux's order and with its padding, so that every segment looks like one of Linux's. At most 40 bytes. */
uint32_t tcp_write_options(uint8_t *out, const struct tcp_options *o)
{
    uint8_t *at = out, spare[2] = { OPTION_NOP, OPTION_NOP };

    if (o->md5) {
        memcpy(put4(at, OPTION_NOP, OPTION_NOP, OPTION_MD5, 18), o->md5, 16);
        at += TCP_MD5_OPTION_BYTES;
    }
    if (o->has_mss) at = put16(put16(at, OPTION_MSS << 8 | 4), o->mss_bytes);
    if (o->has_timestamp && o->has_sack_permitted) {
        at = put4(at, OPTION_SACK_PERMITTED, 2, OPTION_TIMESTAMP, 10);
        at = put32(put32(at, o->timestamp_value), o->timestamp_echo);
    } else if (o->has_timestamp) {
        at = put_timestamp(at, o->timestamp_value, o->timestamp_echo);
    }
    if (o->has_accecn) at = put_accecn(at, o, spare);
    if (o->has_sack_permitted && !o->has_timestamp) at = put_padded(at, spare, OPTION_SACK_PERMITTED, 2);
    if (o->has_window_scale) {
        bool has_one = is_left(spare) && spare[1] == OPTION_NOP;
        at = put4(at, has_one ? spare[0] : OPTION_NOP, OPTION_WINDOW, 3, o->window_scale);
        if (has_one) spare[0] = OPTION_NOP;
    }
    if (o->sack_count) {
        at = put_padded(at, spare, OPTION_SACK, (uint8_t)(2 + 8 * o->sack_count));
        for (unsigned i = 0; i < o->sack_count; i++) at = put32(put32(at, o->sack[i].start.v), o->sack[i].end.v);
    } else if (is_left(spare)) {
        at = put_padded(at, spare, OPTION_NOP, OPTION_NOP);
    }
    if (o->has_fastopen) at = put_fastopen(at, o);
    return (uint32_t)(at - out);
}

static void ask_fastopen(struct tcp_sock *tp, struct tcp_options *o, const struct tcp_fastopen_cookie *c)
{
    if (!tcp_fastopen_put(o, c, o->md5)) return;
    tp->rcv.open.has_asked = true;
    tp->rcv.open.has_asked_experimentally = c->is_experimental;
}

/* Linux: all we can do, also with the ACK of crossed SYNs, whatever the peer's SYN offered. */
static void syn_options(struct tcp_sock *tp, struct tcp_options *o)
{
    /* The device's MTU may have shrunk since the first one (MUST-67). */
    if (tp->inet.route) tp->rcv.advmss = min_of(tp->rcv.advmss, route_advmss(tp->inet.route));
    o->has_mss = true;
    o->mss_bytes = (uint16_t)tp->rcv.advmss;
    o->md5 = tcp_md5_key(tp) ? tcp_md5_blank : NULL;
    o->has_timestamp = net_of(tp)->sysctl.tcp_timestamps != 0 && !o->md5; /* Linux: there is no room for SACK blocks then */
    o->has_window_scale = net_of(tp)->sysctl.tcp_window_scaling != 0;
    o->window_scale = tp->rcv.scale;
    o->has_sack_permitted = net_of(tp)->sysctl.tcp_sack != 0;
    if (tp->flight->fastopen_cookie) ask_fastopen(tp, o, tp->flight->fastopen_cookie);
}

static bool has_sacks(const struct tcp_sock *tp)
{
    return tp->is_sack_ok && (tp->flight->sack_count || tp->flight->has_duplicate_sack);
}

/* SACK blocks: the duplicate first (RFC 2883), then what is held out of order, newest first (RFC 2018 §4). */
static void sack_options(struct tcp_sock *tp, struct tcp_options *o)
{
    uint32_t room, n = 0;

    if (!has_sacks(tp)) return;
    room = (40u - (tp->is_timestamp_ok ? 12u : 0u) - (o->md5 ? TCP_MD5_OPTION_BYTES : 0u) - 4u) / 8u;
    if (!room) return;
    if (tp->flight->has_duplicate_sack) {
        o->sack[n].start = tp->flight->duplicate_sack.start;
        o->sack[n++].end = tp->flight->duplicate_sack.end;
    }
    for (unsigned i = 0; i < tp->flight->sack_count && n < min_of(room, 4u); i++, n++) {
        o->sack[n].start = tp->flight->sacks[i].start;
        o->sack[n].end = tp->flight->sacks[i].end;
    }
    o->sack_count = (uint8_t)n;
    tp->flight->has_duplicate_sack = false;
}

static void established_options(struct tcp_sock *tp, struct tcp_options *o)
{
    bool has_duplicate = tp->flight->has_duplicate_sack;
    uint32_t bytes;

    o->has_timestamp = tp->is_timestamp_ok;
    o->md5 = tcp_md5_key(tp) ? tcp_md5_blank : NULL;
    sack_options(tp, o);
    bytes = (o->has_timestamp ? 12u : 0u) + (o->md5 ? TCP_MD5_OPTION_BYTES : 0u) + (o->sack_count ? 4u + 8u * o->sack_count : 0u);
    if (tp->is_accecn) tcp_accecn_option(tp, o, bytes, has_duplicate);
}

/* The options of the next segment. A timestamp alone, as nearly always, or nothing, goes the short way. */
static uint32_t put_options(struct tcp_sock *tp, uint8_t flags, uint8_t *out)
{
    struct tcp_options o;

    if (!(flags & TCP_SYN) && !has_sacks(tp) && !tp->settings->md5_keys && !tp->is_accecn)
        return tp->is_timestamp_ok ? (uint32_t)(put_timestamp(out, tcp_now_ts_ms(tp), tp->ts_recent) - out) : 0;
    o = (struct tcp_options){ 0 };
    if (flags & TCP_SYN) syn_options(tp, &o);
    else established_options(tp, &o);
    bool is_syn_ack = (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK); /* of crossed SYNs */
    if (is_syn_ack && tp->is_accecn && tp->is_ecn_ok && tp->retransmits < 2)
        tcp_accecn_syn_ack_option(net_of(tp), &o, tcp_write_options(out, &o));
    if (o.has_timestamp) {
        o.timestamp_value = tcp_now_ts_ms(tp);
        o.timestamp_echo = tp->ts_recent;
    }
    return tcp_write_options(out, &o);
}

static void put_urgent(const struct tcp_sock *tp, struct wire_tcp *h, seq_t at)
{
    uint32_t offset = seq_diff(tp->snd.up, at);

    if (!tcp_is_urgent_mode(tp) || !seq_before(at, tp->snd.up)) return;
    if (offset < 0x10000) {
        h->urgent = be16((uint16_t)offset);
        h->flags |= TCP_URG;
    } else if (seq_after(seq_add(at, 0xffff), tp->snd.nxt)) {
        h->urgent = be16(0xffff);
        h->flags |= TCP_URG;
    }
}

/* Linux keeps it in the sock, where IP_TOS and IPV6_TCLASS tell it and TIME-WAIT takes it from. */
static uint8_t mark(struct inet_sock *is, bool is_ect)
{
    uint8_t ecn = is_ect ? 2 : 0; /* ECT(0) */

    is->tos = (is->tos & 0xfc) | ecn;
    if (inet_is6(&is->sk)) is->tclass = (is->tclass & 0xfc) | ecn;
    return ip_is4(&is->remote) ? is->tos : is->tclass;
}

/* RFC 3168 §6.1: data of an ECN connection travels as ECT(0), once; ECE until the peer's CWR; CWR once. */
static uint8_t ecn_mark(struct tcp_sock *tp, const struct packet *p, struct wire_tcp *h)
{
    bool needs_ecn = tp->cc.ops && tp->cc.ops->needs_ecn, is_new_data;

    if (!tp->is_ecn_ok || h->flags & TCP_SYN) return mark(&tp->inet, needs_ecn && h->flags & TCP_ECE);
    if (tp->is_accecn) {
        tcp_accecn_header(tp, p, h);
        return mark(&tp->inet, tcp_accecn_is_ect(tp)); /* every segment: the ACK's loss can be told, too */
    }
    is_new_data = p->body_bytes && !seq_before(p->tcp.seq, tp->snd.nxt);
    if (is_new_data && tp->ecn_queue_cwr) {
        tp->ecn_queue_cwr = false;
        h->flags |= TCP_CWR;
    }
    if (tp->ecn_demand_cwr) h->flags |= TCP_ECE;
    /* Who needs it marks ACKs and retransmissions, too: in its network a queue without ECT is dropped early. */
    return mark(&tp->inet, is_new_data || needs_ecn);
}

static void count_sent(struct tcp_sock *tp, const struct packet *p)
{
    uint32_t segments = p->tcp.gso_segments ? p->tcp.gso_segments : 1;

    if (seq_after(p->tcp.end_seq, tp->snd.nxt) || seq_equal(p->tcp.seq, p->tcp.end_seq)) count_add(net_of(tp), Tcp, OutSegs, segments);
    tp->segs_out += segments;
}

static int hand_to_ip(struct tcp_sock *tp, struct packet *p, uint8_t tos)
{
    struct inet_sock *is = &tp->inet;
    struct ip_send send = { 0 };
    struct route *route;
    int error = 0;

    inet_send_options(is, &send, ip_is4(&is->remote) ? 4 : 6);
    send.source = is->source;
    send.destination = is->remote;
    send.protocol = IPPROTO_TCP;
    send.tos = tos;
    send.sock = sk_of(tp);
    route = inet_route(is, &error);
    if (!route) {
        packet_drop(p, DROP_IP_OUTNOROUTES);
        return error ? error : -EHOSTUNREACH;
    }
    p->confirms_neighbour = tp->heard_progress;
    tp->heard_progress = false;
    if (tp->settings->md5_keys && tcp_md5_key(tp)) tcp_md5_sign(tcp_md5_key(tp), p, &send.source, &send.destination);
    ip_transport_checksum(p, &send.source, &send.destination, IPPROTO_TCP, offsetof(struct wire_tcp, checksum), true);
    return ip_output(net_of(tp), p, route, &send);
}

/* Builds the header in front of p's payload from p->tcp and the sock, and sends it. Takes p. */
static int send_segment(struct tcp_sock *tp, struct packet *p)
{
    const struct packet_tcp *t = &p->tcp;
    uint8_t options[40], tos;
    uint32_t options_bytes = put_options(tp, t->flags, options);
    struct wire_tcp *h;

    h = (struct wire_tcp *)packet_push(p, (uint32_t)sizeof(*h) + options_bytes);
    if (!h) {
        packet_drop(p, DROP_NOMEM);
        return -ENOBUFS;
    }
    *h = (struct wire_tcp){
        .source = be16(tp->inet.local_port), .destination = be16(tp->inet.remote_port), .sequence = be32(t->seq.v),
        .acknowledgment = be32(t->flags & TCP_ACK ? tp->rcv.nxt.v : 0),
        .offset_reserved = (uint8_t)((sizeof(*h) + options_bytes) / 4 << 4), .flags = t->flags,
        .window = be16((uint16_t)(t->flags & TCP_SYN ? min_of(tp->rcv.wnd, 65535u) : tcp_select_window(tp))),
    };
    if (t->is_ae) h->offset_reserved |= 1;
    memcpy(h + 1, options, options_bytes);
    put_urgent(tp, h, t->seq);
    tos = ecn_mark(tp, p, h);
    count_sent(tp, p);
    if (tcp_has_flight(tp)) tp->flight->transmitted_ns = tcp_now_ns(tp);
    if (t->flags & TCP_ACK) tcp_ack_sent(tp, tp->rcv.nxt);
    if (p->body_bytes) {
        tcp_data_sent(tp);
        tp->data_segs_out += t->gso_segments;
        tp->bytes_sent += p->body_bytes;
    }
    return hand_to_ip(tp, p, tos);
}

/* Sends a clone of a queued packet; the packet stays. */
int tcp_transmit(struct tcp_sock *tp, struct packet *p, bool is_retransmission)
{
    struct packet *out = p->body_bytes ? packet_slice(p, 0, p->body_bytes) : packet_create(net_of(tp)->machine, 0);
    int error;

    (void)is_retransmission;
    if (!out) return -ENOBUFS;
    out->net = net_of(tp);
    out->tcp = p->tcp;
    out->tcp.zero_copy = NULL; /* holds for what is queued only */
    if (tcp_segments(p) > 1) out->tcp.flags |= TCP_PSH; /* Linux: so that the receiver's merging lets it go at once */
    out->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES + p->body_bytes;
    if (p->tcp.stamps) sock_stamp_packet(sk_of(tp), out, p->tcp.stamps, p->tcp.stamp_key);
    if (tcp_segments(p) > 1) {
        out->gso_bytes = p->gso_bytes;
        out->gso_kind = PACKET_GSO_TCP;
        out->gso_keeps_cwr = tp->is_accecn;
    }
    error = send_segment(tp, out);
    if (error == -ENOBUFS) tcp_enter_cwr(tp); /* our own machine is congested; the packet counts as unsent */
    if (error) return error;
    p->tcp.sent_ns = tcp_now_ns(tp);
    tcp_rate_packet_sent(tp, p);
    tcp_pacing_sent(tp, p->body_bytes);
    return 0;
}

int tcp_send_pure(struct tcp_sock *tp, seq_t at, uint8_t flags)
{
    struct packet *p = packet_create(net_of(tp)->machine, 0);

    if (!p) return -ENOBUFS;
    p->net = net_of(tp);
    p->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES;
    p->tcp = (struct packet_tcp){ .seq = at, .end_seq = at, .flags = flags, .is_reflected = tp->is_accecn && tp->flight->past.accecn.reflects };
    return send_segment(tp, p);
}
