/* SO_TIMESTAMPING of a byte stream: the times of the last byte of each call. The packet that holds the byte carries the wish
 * through the queues; the device tells of its leaving, the ACK that covers the byte ends it. */
#include "tcp/data.h"
#include "inet/inet_ops.h"

int tcp_stamp_flags(struct tcp_sock *tp, struct user_msg *msg, uint32_t *flags)
{
    struct inet_control control = { 0 };

    *flags = sk_of(tp)->rare->timestamping_flags;
    if (!msg->control_bytes) return 0;
    if (inet_parse_stream_control(sk_of(tp), msg, &control)) return -EINVAL;
    if (control.has_stamp_flags) *flags = (*flags & ~SOCK_STAMP_WANTS) | control.stamp_flags;
    return 0;
}

/* The call's last byte is the last one written. When it is on its way already, nobody will tell, as on Linux. */
void tcp_stamp_request(struct tcp_sock *tp, uint32_t flags)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);

    if (!p || !(flags & SOCK_STAMP_WANTS)) return;
    p->tcp.stamps |= sock_stamps_wanted(flags) | (flags & SOF_TIMESTAMPING_TX_ACK ? PACKET_STAMP_ACKED : 0);
    p->tcp.stamp_key = seq_add(p->tcp.seq, p->body_bytes - 1).v;
}

void tcp_stamp_split(struct packet *p, struct packet *rest)
{
    if (p->tcp.stamps && !seq_before(seq(p->tcp.stamp_key), rest->tcp.seq)) p->tcp.stamps = 0;
    else rest->tcp.stamps = 0;
}

void tcp_stamp_join(struct packet *p, const struct packet *next)
{
    if (!next->tcp.stamps) return;
    p->tcp.stamps |= next->tcp.stamps;
    p->tcp.stamp_key = next->tcp.stamp_key;
}

void tcp_stamp_acked(struct tcp_sock *tp, const struct packet *p, seq_t prior_una, int hops)
{
    seq_t at = seq(p->tcp.stamp_key);

    if (!(p->tcp.stamps & PACKET_STAMP_ACKED) || seq_before(at, prior_una) || !seq_before(at, tp->snd.una)) return;
    sock_stamp(sk_of(tp), p, SCM_TSTAMP_ACK, p->tcp.stamp_key, hops);
}

uint32_t tcp_stamp_base(const struct sock *sk, bool of_written)
{
    const struct tcp_sock *tp = tcp_of(sk);

    return of_written ? tp->snd.write.v : tp->snd.una.v;
}

/* linux/tcp.h's TCP_NLA_*, of which Debian 12 knows the first 26. */
enum { NLA_REHASH = 27 };
struct attributes { uint8_t *at; uint32_t used, room; };

static void put(struct attributes *a, uint16_t type, const void *value, uint16_t bytes)
{
    struct nlattr h = { .nla_len = (uint16_t)(sizeof(h) + bytes), .nla_type = type };
    uint32_t whole = (uint32_t)NLA_ALIGN(h.nla_len);

    if (a->used + whole > a->room) return;
    memset(a->at + a->used, 0, whole);
    memcpy(a->at + a->used, &h, sizeof(h));
    memcpy(a->at + a->used + sizeof(h), value, bytes);
    a->used += whole;
}

static void put8(struct attributes *a, uint16_t type, uint64_t v) { uint8_t b = (uint8_t)v; put(a, type, &b, sizeof(b)); }
static void put16(struct attributes *a, uint16_t type, uint64_t v) { uint16_t b = (uint16_t)v; put(a, type, &b, sizeof(b)); }
static void put32(struct attributes *a, uint16_t type, uint64_t v) { uint32_t b = (uint32_t)v; put(a, type, &b, sizeof(b)); }
static void put64(struct attributes *a, uint16_t type, uint64_t v) { put(a, type, &v, sizeof(v)); }

static void put_rates(struct attributes *a, struct tcp_sock *tp)
{
    uint64_t rate = 0;

    if (tp->rate.delivered && tp->rate.interval_us) rate = (uint64_t)tp->rate.delivered * tp->mss_cache * 1000000 / tp->rate.interval_us;
    put64(a, TCP_NLA_PACING_RATE, tp->pacing_rate_bytes_per_s ? tp->pacing_rate_bytes_per_s : UINT64_MAX);
    put64(a, TCP_NLA_DELIVERY_RATE, rate);
    put32(a, TCP_NLA_SND_CWND, tp->snd.cwnd_packets);
    put32(a, TCP_NLA_REORDERING, tp->reordering);
    put32(a, TCP_NLA_MIN_RTT, tcp_min_rtt_us(tp));
    put8(a, TCP_NLA_RECUR_RETRANS, tp->retransmits);
    put8(a, TCP_NLA_DELIVERY_RATE_APP_LMT, tp->rate_is_app_limited);
    put32(a, TCP_NLA_SND_SSTHRESH, tp->snd.ssthresh_packets);
    put32(a, TCP_NLA_DELIVERED, tp->delivered);
    put32(a, TCP_NLA_DELIVERED_CE, tp->delivered_ce);
}

/* In Linux's order. */
uint32_t tcp_stamp_statistics(struct sock *sk, int hops, uint8_t *out, uint32_t room)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct attributes a = { .at = out, .room = room };
    uint64_t busy_us, window_us, buffer_us;
    int32_t unsent = (int32_t)seq_diff(tp->snd.write, tp->snd.nxt);

    tcp_busy_times(tp, &busy_us, &window_us, &buffer_us);
    put64(&a, TCP_NLA_BUSY, busy_us);
    put64(&a, TCP_NLA_RWND_LIMITED, window_us);
    put64(&a, TCP_NLA_SNDBUF_LIMITED, buffer_us);
    put64(&a, TCP_NLA_DATA_SEGS_OUT, tp->data_segs_out);
    put64(&a, TCP_NLA_TOTAL_RETRANS, tcp_past(tp)->total_retrans);
    put_rates(&a, tp);
    put32(&a, TCP_NLA_SNDQ_SIZE, seq_diff(tp->snd.write, tp->snd.una));
    put8(&a, TCP_NLA_CA_STATE, tp->flight->ca_state);
    put64(&a, TCP_NLA_BYTES_SENT, tp->bytes_sent);
    put64(&a, TCP_NLA_BYTES_RETRANS, tcp_past(tp)->bytes_retrans);
    put32(&a, TCP_NLA_DSACK_DUPS, tcp_past(tp)->dsack_dups);
    put32(&a, TCP_NLA_REORD_SEEN, tcp_past(tp)->reord_seen);
    put32(&a, TCP_NLA_SRTT, tp->rtt.srtt_us >> 3);
    put16(&a, TCP_NLA_TIMEOUT_REHASH, 0); /* no path here is chosen by hash */
    put32(&a, TCP_NLA_BYTES_NOTSENT, unsent > 0 ? (uint32_t)unsent : 0);
    put64(&a, TCP_NLA_EDT, tcp_now_ns(tp));
    if (hops >= 0) put8(&a, TCP_NLA_TTL, (uint64_t)hops);
    put32(&a, NLA_REHASH, 0);
    return a.used;
}
