/* Path MTU discovery that needs no ICMP (RFC 4821): with net.ipv4.tcp_mtu_probing a segment larger than the path is known to
 * take goes now and then, and its loss alone says that it was too large. 2: always; 1: when a black hole shows. */
#include "tcp/data.h"

static struct tcp_settings *own(const struct tcp_sock *tp) { return (struct tcp_settings *)(uintptr_t)tp->settings; }

static void start_search(struct tcp_sock *tp)
{
    struct tcp_settings *s = own(tp);

    s->mtu.high_bytes = tp->mss_clamp + tcp_network_header_bytes(tp) + 20;
    s->mtu.low_bytes = tcp_mtu_of_mss(tp, (uint32_t)net_of(tp)->sysctl.tcp_base_mss);
    s->mtu.probe_bytes = 0;
    s->mtu.since_ns = tcp_now_ns(tp);
}

void tcp_mtu_probe_init(struct tcp_sock *tp)
{
    if (net_of(tp)->sysctl.tcp_mtu_probing <= 1) {
        if (tp->settings->mtu.is_on) own(tp)->mtu.is_on = false;
        return;
    }
    if (!tcp_settings_own(tp)) return; /* no memory: as if it was off */
    own(tp)->mtu.is_on = true;
    start_search(tp);
}

uint32_t tcp_mtu_probe_bound(struct tcp_sock *tp, uint32_t pmtu_bytes, uint32_t mss)
{
    struct tcp_settings *s = own(tp);

    s->mtu.high_bytes = min_of(s->mtu.high_bytes, pmtu_bytes);
    return min_of(mss, tcp_mss_of_mtu(tp, s->mtu.low_bytes));
}

/* Retransmissions go nowhere: perhaps they are too large, and nobody says so. Smaller each time. */
void tcp_mtu_black_hole(struct tcp_sock *tp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    uint32_t mss;

    if (!c->tcp_mtu_probing || !tcp_settings_own(tp)) return;
    if (!own(tp)->mtu.is_on) {
        start_search(tp);
        own(tp)->mtu.is_on = true;
    } else {
        mss = min_of(tcp_mss_of_mtu(tp, own(tp)->mtu.low_bytes) >> 1, (uint32_t)c->tcp_base_mss);
        mss = max_of(max_of(mss, (uint32_t)c->tcp_mtu_probe_floor), (uint32_t)c->tcp_min_snd_mss);
        own(tp)->mtu.low_bytes = tcp_mtu_of_mss(tp, mss);
    }
    tcp_sync_mss(tp, tp->pmtu_cookie);
}

/* The search has ended; after a while the path may have become another one. */
static void search_again(struct tcp_sock *tp)
{
    struct tcp_settings *s = own(tp);
    uint64_t interval_ns = (uint64_t)net_of(tp)->sysctl.tcp_probe_interval * NS_PER_S;

    if (tcp_now_ns(tp) - s->mtu.since_ns < interval_ns) return;
    start_search(tp);
    s->mtu.low_bytes = tcp_mtu_of_mss(tp, tcp_mss_now(tp));
}

/* May the first bytes of the write queue travel as one segment? */
static bool can_join(const struct tcp_sock *tp, uint32_t bytes)
{
    const struct packet_queue *q = &tp->flight->write_queue;

    for (const struct packet *p = packet_queue_peek(q); p && bytes > p->body_bytes; p = tcp_queue_next(q, p)) {
        const struct packet *next = tcp_queue_next(q, p);
        if (p->tcp.stamps || p->pushed_out || p->tcp.zero_copy || (next && next->tcp.zero_copy)) return false;
        bytes -= p->body_bytes;
    }
    return true;
}

/* A packet of the queue's first bytes, at its head. NULL: no memory. */
static struct packet *gather(struct tcp_sock *tp, uint32_t bytes, uint32_t mss)
{
    struct packet_queue *q = &tp->flight->write_queue;
    struct packet *probe = tcp_packet_new(tp, bytes), *p = packet_queue_peek(q);

    if (!probe) return NULL;
    probe->tcp.seq = p->tcp.seq;
    probe->tcp.end_seq = seq_add(p->tcp.seq, bytes);
    while (probe->body_bytes < bytes && (p = packet_queue_peek(q))) {
        uint32_t part = min_of(p->body_bytes, bytes - probe->body_bytes);
        memcpy(packet_put(probe, part), p->body, part);
        probe->tcp.flags |= p->tcp.flags & (uint8_t)~(TCP_FIN | TCP_PSH);
        tcp_stamp_join(probe, p); /* stays with the rest when there is one: only the last byte counts */
        if (part < p->body_bytes) {
            probe->tcp.stamps = 0;
            tcp_packet_cut_front(tp, q, p, part);
            tcp_packet_set_segments(p, mss);
            continue;
        }
        probe->tcp.flags |= p->tcp.flags;
        probe->tcp.end_seq = p->tcp.end_seq;
        probe->pushed_out = p->pushed_out;
        tcp_packet_free(tp, q, p);
    }
    probe->truesize_bytes = TCP_PACKET_OVERHEAD_BYTES + bytes;
    tcp_charge(tp, probe->truesize_bytes);
    packet_queue_push_head(q, probe);
    tcp_packet_set_segments(probe, bytes);
    return probe;
}

/* 1: may go now; 0: wait, nothing else may go; -1: no probe. */
static int may_probe(struct tcp_sock *tp, uint32_t *probe_mss)
{
    const struct tcp_settings *s = tp->settings;
    const struct tcp_flight *f = tp->flight;
    uint32_t needed;

    if (s->mtu.probe_bytes || f->ca_state != TCP_CA_Open || tp->snd.cwnd_packets < 11 || f->sack_count || f->has_duplicate_sack) return -1;
    *probe_mss = tcp_mss_of_mtu(tp, (s->mtu.high_bytes + s->mtu.low_bytes) >> 1);
    needed = *probe_mss + (tp->reordering + 1) * tp->mss_cache;
    if (*probe_mss > tcp_mss_of_mtu(tp, s->mtu.high_bytes) ||
        (int64_t)s->mtu.high_bytes - s->mtu.low_bytes < net_of(tp)->sysctl.tcp_probe_threshold) {
        search_again(tp);
        return -1;
    }
    if (!can_join(tp, *probe_mss) || seq_diff(tp->snd.write, tp->snd.nxt) < needed || tp->snd.wnd < needed) return -1;
    if (seq_after(seq_add(tp->snd.nxt, needed), tcp_window_end(tp))) return 0;
    if (tcp_in_flight(tp) + 2 > tp->snd.cwnd_packets) return tcp_in_flight(tp) ? 0 : -1;
    return 1;
}

int tcp_mtu_probe(struct tcp_sock *tp)
{
    struct tcp_settings *s = own(tp);
    uint32_t probe_mss;
    int may = may_probe(tp, &probe_mss);
    struct packet *p;

    if (may <= 0) return may;
    p = gather(tp, probe_mss, tcp_mss_now(tp));
    if (!p || tcp_transmit(tp, p, false)) return -1; /* what is gathered is cut into usual segments */
    tp->snd.cwnd_packets--; /* it takes the place of two */
    tcp_new_data_sent(tp, p);
    s->mtu.probe_bytes = tcp_mtu_of_mss(tp, p->body_bytes);
    s->mtu.probe_start = p->tcp.seq;
    s->mtu.probe_end = p->tcp.end_seq;
    return 1;
}

void tcp_mtu_probe_acked(struct tcp_sock *tp)
{
    struct tcp_settings *s = own(tp);
    uint64_t cwnd;

    if (!s->mtu.probe_bytes || seq_after(s->mtu.probe_end, tp->snd.una)) return;
    tp->flight->prior_ssthresh = tcp_current_ssthresh(tp);
    cwnd = (uint64_t)tp->snd.cwnd_packets * tcp_mtu_of_mss(tp, tp->mss_cache) / s->mtu.probe_bytes;
    tp->snd.cwnd_packets = (uint32_t)max_of(cwnd, 1ull);
    tp->snd.cwnd_cnt = 0;
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    tp->snd.ssthresh_packets = tcp_current_ssthresh(tp);
    s->mtu.low_bytes = s->mtu.probe_bytes;
    s->mtu.probe_bytes = 0;
    tcp_sync_mss(tp, tp->pmtu_cookie);
    count(net_of(tp), TcpExt, TCPMTUPSuccess);
}

bool tcp_mtu_probe_lost(struct tcp_sock *tp)
{
    struct tcp_settings *s = own(tp);

    if (!s->mtu.probe_bytes || tp->flight->ca_state >= TCP_CA_CWR || !seq_equal(tp->snd.una, s->mtu.probe_start)) return false;
    s->mtu.high_bytes = s->mtu.probe_bytes - 1;
    s->mtu.probe_bytes = 0;
    count(net_of(tp), TcpExt, TCPMTUPFail);
    tp->snd.cwnd_packets++;
    tcp_simple_retransmit(tp);
    return true;
}

void tcp_mtu_probe_forget(struct tcp_sock *tp)
{
    if (tp->settings->mtu.probe_bytes) own(tp)->mtu.probe_bytes = 0;
}
