/* Where segments come in: checksum, parse, find who it is for, hand on by state. */
#include "tcp/tcp_net.h"

uint32_t tcp_now_ts_ms(const struct tcp_sock *tp)
{
    return tcp_clock_ms(tp->inet.sk.net->machine) + tp->ts_offset;
}

static uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static uint32_t read32(const uint8_t *at) { return (uint32_t)read16(at) << 16 | read16(at + 2); }

static void parse_sacks(struct tcp_options *o, const uint8_t *at, uint32_t bytes)
{
    if (!bytes || bytes % 8) return;
    o->sack_count = 0;
    for (; bytes && o->sack_count < array_count(o->sack); at += 8, bytes -= 8) {
        o->sack[o->sack_count].start = seq(read32(at));
        o->sack[o->sack_count++].end = seq(read32(at + 4));
    }
}

/* RFC 7413 §4.1.1: 4 to 16 bytes, or none to ask for one. Linux: the last counts, also when it is too short or too long. */
static void parse_fastopen(struct tcp_options *o, const uint8_t *at, uint32_t bytes, bool is_experimental)
{
    if (bytes % 2) return;
    o->has_fastopen = !bytes || (bytes >= FASTOPEN_COOKIE_MIN_BYTES && bytes <= FASTOPEN_COOKIE_MAX_BYTES);
    o->fastopen_is_experimental = is_experimental;
    o->fastopen = at;
    o->fastopen_bytes = o->has_fastopen ? (uint8_t)bytes : 0;
}

static void parse_accecn(struct tcp_options *o, bool is_order1, const uint8_t *at, uint32_t bytes)
{
    o->has_accecn = true;
    o->is_accecn_order1 = is_order1;
    o->accecn_count = (uint8_t)min_of(bytes / 3, 3u);
    for (unsigned i = 0; i < o->accecn_count; i++) o->accecn[i] = (uint32_t)at[3 * i] << 16 | read16(at + 3 * i + 1);
}

static void parse_option(struct tcp_options *o, uint8_t kind, const uint8_t *at, uint32_t bytes, bool is_syn)
{
    switch (kind) {
    case 2: /* MSS */
        if (bytes == 2 && is_syn && read16(at)) { o->has_mss = true; o->mss_bytes = read16(at); }
        break;
    case 3: /* window scale; RFC 7323 §2.3: more than 14 is taken as 14 */
        if (bytes == 1 && is_syn) { o->has_window_scale = true; o->window_scale = (uint8_t)min_of(at[0], 14); }
        break;
    case 4: if (bytes == 0 && is_syn) o->has_sack_permitted = true; break;
    case 5: parse_sacks(o, at, bytes); break;
    case 8:
        if (bytes == 8) { o->has_timestamp = true; o->timestamp_value = read32(at); o->timestamp_echo = read32(at + 4); }
        break;
    case 172: case 174: parse_accecn(o, kind == 174, at, bytes); break;
    case 19: if (bytes == 16) o->md5 = at; break;
    case 34: if (is_syn) parse_fastopen(o, at, bytes, false); break;
    case 254: /* RFC 6994 experiment 0xF989: Fast Open before it had a number */
        if (is_syn && bytes >= 2 && read16(at) == 0xf989) parse_fastopen(o, at + 2, bytes - 2, true);
        break;
    default: break;
    }
}

/* RFC 9293 MUST-7: what is malformed ends the parsing and is otherwise ignored. */
static void parse_options(struct tcp_options *o, const uint8_t *at, uint32_t left, bool is_syn)
{
    if (left == 12 && read32(at) == 0x0101080a) { /* NOP NOP timestamp: nearly every segment */
        o->has_timestamp = true;
        o->timestamp_value = read32(at + 4);
        o->timestamp_echo = read32(at + 8);
        return;
    }
    while (left > 0) {
        uint8_t kind = at[0];
        if (kind == 0) return;
        if (kind == 1) { at++; left--; continue; }
        if (left < 2 || at[1] < 2 || at[1] > left) return;
        uint8_t bytes = at[1];
        parse_option(o, kind, at + 2, bytes - 2u, is_syn);
        at += bytes;
        left -= bytes;
    }
}

bool tcp_parse(struct packet *p, struct tcp_segment *seg)
{
    memset(seg, 0, offsetof(struct tcp_segment, options) + offsetof(struct tcp_options, sack));
    seg->options.md5 = seg->options.fastopen = NULL;
    seg->options.fastopen_bytes = 0;
    seg->options.fastopen_is_experimental = false;
    seg->packet = p;
    if (!packet_pull_check(p, sizeof(struct wire_tcp))) return false;
    uint32_t header_bytes = (uint32_t)(((const struct wire_tcp *)(const void *)packet_data(p))->offset_reserved >> 4) * 4;
    if (header_bytes < sizeof(struct wire_tcp) || !packet_pull_check(p, header_bytes)) return false;
    const struct wire_tcp *h = (const void *)packet_data(p);
    seg->seq = seq(host32(h->sequence));
    seg->ack = seq(host32(h->acknowledgment));
    seg->flags = h->flags;
    seg->is_ae = h->offset_reserved & 1;
    seg->window = host16(h->window);
    seg->urgent = host16(h->urgent);
    seg->source_port = host16(h->source);
    seg->destination_port = host16(h->destination);
    seg->header_bytes = header_bytes;
    seg->payload_bytes = packet_bytes(p) - header_bytes;
    seg->end_seq = seq_add(seg->seq, seg->payload_bytes + !!(h->flags & TCP_SYN) + !!(h->flags & TCP_FIN));
    parse_options(&seg->options, (const uint8_t *)h + sizeof *h, header_bytes - (uint32_t)sizeof *h, h->flags & TCP_SYN);
    p->transport_offset = 0;
    packet_pull(p, header_bytes);
    return true;
}

/* p begins at its TCP header; nobody else works on the sock. */
void tcp_sock_receive(struct sock *sk, struct packet *p)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct tcp_segment seg;
    if (!tcp_parse(p, &seg)) {
        packet_drop(p, DROP_TCP_HEADER);
        return;
    }
    if (sk->state != TCPS_LISTEN && sk->state != TCPS_CLOSE && !tcp_flight_begin(tp)) {
        packet_drop(p, DROP_NOMEM); /* the peer will say it again */
        return;
    }
    switch (sk->state) {
    case TCPS_LISTEN: tcp_listen_receive(sk, &seg); break;
    case TCPS_SYN_SENT: tcp_syn_sent_receive(tp, &seg); break;
    case TCPS_CLOSE: packet_drop(p, DROP_TCP_CLOSE); break;
    default: tcp_synchronized_receive(tp, &seg); break;
    }
}

/* IP_MINTTL and IPV6_MINHOPCOUNT, the filter, and the counts of the sock. False: dropped. */
static bool sock_admits(struct sock *sk, struct packet *p, uint32_t header_bytes)
{
    const struct inet_sock *is = inet_of(sk);
    if (p->ip.ttl < (p->ip.version == 4 ? is->min_ttl : is->min_hops)) {
        count(sk->net, TcpExt, TCPMinTTLDrop);
        packet_drop(p, DROP_TCP_MINTTL);
        return false;
    }
    /* A header of less has no room for a signature beside the usual timestamp. */
    if ((header_bytes >= 40 || tcp_of(sk)->settings->md5_keys) && !tcp_md5_admits(tcp_of(sk), p, header_bytes)) return false;
    if (sk->rare->filter) {
        uint32_t keep = sock_filter_run(sk, p);
        if (!keep) {
            sk->drops++;
            packet_drop(p, DROP_SOCKET_FILTER);
            return false;
        }
        keep = max_of(keep, header_bytes); /* the header is not the filter's to cut */
        if (keep < packet_bytes(p)) packet_trim(p, keep);
    }
    return true;
}

static void count_segment(struct tcp_sock *tp, const struct packet *p, uint32_t header_bytes)
{
    uint32_t payload_bytes = packet_bytes(p) - header_bytes;
    uint32_t segments = p->gso_bytes ? (payload_bytes + p->gso_bytes - 1) / p->gso_bytes : 1;
    tp->segs_in += max_of(segments, 1u);
    if (payload_bytes) tp->data_segs_in += max_of(segments, 1u);
}

static void deliver_to_sock(struct sock *sk, struct packet *p, uint32_t header_bytes)
{
    if (!sock_admits(sk, p, header_bytes)) return;
    count_segment(tcp_of(sk), p, header_bytes);
    sock_get(sk);
    if (sk->state == TCPS_LISTEN || sock_backlog_pass(sk, p)) tcp_sock_receive(sk, p);
    sock_put(sk);
}

static void deliver_to_request(struct tcp_request *r, struct packet *p, uint32_t header_bytes)
{
    struct sock *listener = sk_of(r->listener);
    struct tcp_segment seg;
    if (!sock_admits(listener, p, header_bytes)) return;
    if (!tcp_parse(p, &seg)) {
        packet_drop(p, DROP_TCP_HEADER);
        return;
    }
    sock_get(listener);
    tcp_request_receive(r, &seg);
    sock_put(listener);
}

static void no_sock(struct net *net, struct packet *p)
{
    struct tcp_segment seg;
    if (tcp_parse(p, &seg)) tcp_send_reset_for(net, &seg);
    packet_drop(p, DROP_NO_SOCKET);
}

static void dispatch(struct net *net, struct packet *p, uint32_t header_bytes)
{
    const struct wire_tcp *h = (const void *)packet_data(p);
    struct tcp_tuple t = { &p->ip.destination, &p->ip.source, host16(h->destination), host16(h->source), p->in_ifindex };
    uint64_t hash = tcp_tuple_hash(net->tcp, &t);
    struct tcp_sock *tp = tcp_find_established(net->tcp, &t, hash);
    if (tp) {
        deliver_to_sock(sk_of(tp), p, header_bytes);
        return;
    }
    struct tcp_time_wait *tw = tcp_find_time_wait(net->tcp, &t, hash);
    if (tw) {
        struct tcp_segment seg;
        if (tcp_parse(p, &seg)) tcp_time_wait_receive(net, tw, &seg);
        else packet_drop(p, DROP_TCP_HEADER);
        return;
    }
    struct tcp_request *r = tcp_find_request(net->tcp, &t, hash);
    if (r && r->listener->inet.sk.state != TCPS_LISTEN) { /* its listener closed: it never was */
        tcp_request_drop(r);
        r = NULL;
    }
    if (r) {
        deliver_to_request(r, p, header_bytes);
        return;
    }
    tp = tcp_find_listener(net->tcp, &t);
    if (tp) deliver_to_sock(sk_of(tp), p, header_bytes);
    else no_sock(net, p);
}

void tcp_receive(struct net *net, struct packet *p)
{
    if (p->kind != PACKET_HOST) {
        packet_drop(p, DROP_NOT_SPECIFIED);
        return;
    }
    count(net, Tcp, InSegs);
    if (!packet_pull_check(p, sizeof(struct wire_tcp))) {
        packet_drop(p, DROP_PKT_TOO_SMALL);
        return;
    }
    uint32_t header_bytes = (uint32_t)(((const struct wire_tcp *)(const void *)packet_data(p))->offset_reserved >> 4) * 4;
    if (header_bytes < sizeof(struct wire_tcp)) {
        count(net, Tcp, InErrs);
        packet_drop(p, DROP_TCP_HEADER);
        return;
    }
    if (!packet_pull_check(p, header_bytes)) {
        packet_drop(p, DROP_PKT_TOO_SMALL);
        return;
    }
    if (!ip_transport_verify(p, IPPROTO_TCP)) {
        count(net, Tcp, InCsumErrors);
        count(net, Tcp, InErrs);
        packet_drop(p, DROP_TCP_CSUM);
        return;
    }
    dispatch(net, p, header_bytes);
}
