/* SYN cookies: the request is kept by the peer, in our sequence number and timestamp (D. J. Bernstein; Linux's layout).
 *
 *   ISN = hash1 + peer's ISN + (minute << 24) + ((hash2(minute) + MSS index) mod 2^24)
 *   TSval, low 6 bits: window scale (15: none), SACK, ECN
 *
 * A cookie is good in its minute and the next, and only after a recent overflow: else an ACK could be guessed at leisure. */
#include "tcp/accecn.h"
#include "tcp/tcp_net.h"

enum { AGE_LIMIT_MINUTES = 2, TS_BITS = 6, TS_NO_SCALE = 15, TS_SACK = 16, TS_ECN = 32 };

static const uint16_t mss_table4[4] = { 536, 1300, 1440, 1460 };
static const uint16_t mss_table6[4] = { 1220, 1420, 1440, 8940 };

static const uint16_t *mss_table(const ip_addr_t *remote) { return ip_is4(remote) ? mss_table4 : mss_table6; }

static uint32_t minute_now(const struct net *net) { return (uint32_t)(net->machine->now_ns / (60 * NS_PER_S)); }

static uint32_t cookie_hash(const struct net *net, const struct tcp_segment *seg, uint32_t minute, unsigned which)
{
    const struct packet_ip *ip = &seg->packet->ip;
    uint64_t words[5] = { ip->source.quad[0], ip->source.quad[1], ip->destination.quad[0], ip->destination.quad[1],
        (uint64_t)minute << 32 | (uint32_t)seg->source_port << 16 | seg->destination_port };
    return (uint32_t)siphash(&net->tcp->cookie_key[which], words, sizeof words);
}

static uint64_t *overflow_stamp(struct tcp_listener *l) { return l->reuseport ? &l->reuseport->overflow_ns : &l->overflow_ns; }

seq_t tcp_cookie_make(struct tcp_sock *listener, const struct tcp_segment *seg, uint16_t *mss_bytes)
{
    struct net *net = listener->inet.sk.net;
    const uint16_t *table = mss_table(&seg->packet->ip.source);
    uint32_t index = 3, minute = minute_now(net);
    while (index && *mss_bytes < table[index]) index--;
    *mss_bytes = table[index];
    *overflow_stamp(listener->listener) = max_of(net->machine->now_ns, 1ull);
    count(net, TcpExt, SyncookiesSent);
    return seq(cookie_hash(net, seg, 0, 0) + seg->seq.v + (minute << 24) + ((cookie_hash(net, seg, minute, 1) + index) & 0xffffff));
}

uint32_t tcp_cookie_timestamp(const struct tcp_request *r, uint32_t now_ms)
{
    uint32_t offset = tcp_request_ts_offset(r), clock = now_ms - offset;
    uint32_t bits = (r->bits & REQUEST_WINDOW_SCALE ? r->send_scale : TS_NO_SCALE) | (r->bits & REQUEST_SACK ? TS_SACK : 0u) |
        (r->bits & REQUEST_ECN ? TS_ECN : 0u);
    uint32_t coded = (clock >> TS_BITS << TS_BITS) | bits;
    if (coded > clock) coded -= 1u << TS_BITS; /* never from the future */
    return coded + offset;
}

/* The MSS that the acknowledged cookie holds; 0: not a cookie of ours. */
static uint16_t cookie_mss(const struct net *net, const struct tcp_segment *seg)
{
    uint32_t now = minute_now(net), cookie = seg->ack.v - 1 - cookie_hash(net, seg, 0, 0) - (seg->seq.v - 1);
    uint32_t age = (now - (cookie >> 24)) & 0xff;
    if (age >= AGE_LIMIT_MINUTES) return 0;
    uint32_t index = (cookie - cookie_hash(net, seg, now - age, 1)) & 0xffffff;
    return index < array_count(mss_table4) ? mss_table(&seg->packet->ip.source)[index] : 0;
}

static bool decode_timestamp(struct tcp_request *r, const struct tcp_segment *seg)
{
    const struct net_sysctl *sysctl = &r->listener->inet.sk.net->sysctl;
    if (!seg->options.has_timestamp) return true;
    if (!sysctl->tcp_timestamps) return false;
    r->bits |= REQUEST_TIMESTAMP;
    r->ts_recent = seg->options.timestamp_value;
    uint32_t bits = seg->options.timestamp_echo ? seg->options.timestamp_echo - tcp_request_ts_offset(r) : 0;
    if (bits & TS_SACK) {
        if (!sysctl->tcp_sack) return false;
        r->bits |= REQUEST_SACK;
    }
    if (bits & TS_ECN && sysctl->tcp_ecn) r->bits |= REQUEST_ECN;
    if (r->bits & REQUEST_ECN && sysctl->tcp_ecn >= 3 && tcp_ace_of(seg) > 1) r->bits |= REQUEST_ACCECN; /* RFC 9768 §5.1 */
    if ((bits & 15) == TS_NO_SCALE) return true;
    r->bits |= REQUEST_WINDOW_SCALE;
    r->send_scale = bits & 15u;
    return sysctl->tcp_window_scaling != 0;
}

static bool overflowed_lately(struct tcp_sock *listener)
{
    uint64_t last_ns = *overflow_stamp(listener->listener);
    return last_ns && listener->inet.sk.net->machine->now_ns - last_ns <= TCP_COOKIE_LIFE_NS;
}

bool tcp_cookie_check(struct tcp_sock *listener, const struct tcp_segment *seg, struct tcp_request *out)
{
    struct net *net = listener->inet.sk.net;
    const struct inet_sock *is = &listener->inet;
    const struct packet *p = seg->packet;
    if (!overflowed_lately(listener)) return false;
    uint16_t mss = cookie_mss(net, seg);
    if (!mss) {
        count(net, TcpExt, SyncookiesFailed);
        listener->listener->stats.cookies_invalid++;
        return false;
    }
    count(net, TcpExt, SyncookiesRecv);
    *out = (struct tcp_request){
        .listener = listener, .local = p->ip.destination, .remote = p->ip.source, .irs = seq_sub(seg->seq, 1), .iss = seq_sub(seg->ack, 1),
        .remote_port = seg->source_port, .mss_bytes = mss, .bits = REQUEST_COOKIE, .bound_ifindex = (uint32_t)is->sk.bound_ifindex,
        .tos = ip_is4(&p->ip.source) ? is->tos : is->tclass,
    };
    if (!out->bound_ifindex && !ip_is4(&out->remote) && ip_is_link_local(&out->remote)) out->bound_ifindex = (uint32_t)p->in_ifindex;
    if (!decode_timestamp(out, seg)) return false;
    struct route *route = tcp_request_route(out);
    if (!route) return false;
    tcp_request_choose_window(out, route);
    route_put(route);
    return true;
}
