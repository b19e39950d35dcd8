/* Segments that are sent for their own sake: ACKs, our SYN, SYN-ACK and FIN. */
#include "tcp/accecn.h"
#include "tcp/data.h"
#include "tcp/fastopen.h"

seq_t tcp_acceptable_seq(const struct tcp_sock *tp)
{
    seq_t end = tcp_window_end(tp);

    if (seq_at_or_after(end, tp->snd.nxt)) return tp->snd.nxt;
    /* Linux: its own scale is taken for the precision, not the peer's. */
    if (tp->is_wscale_ok && seq_diff(tp->snd.nxt, end) < 1u << tp->rcv.scale) return tp->snd.nxt;
    return end;
}

void tcp_send_ack(struct tcp_sock *tp)
{
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE))) return;
    if (tcp_send_pure(tp, tcp_acceptable_seq(tp), TCP_ACK) != -ENOBUFS || tp->ack_pending == 0) return;
    /* No memory: try again with the next delayed ACK. */
    tp->ack_pending |= ACK_SCHEDULED | ACK_TIMER;
    tp->ato_ms = TCP_ATO_MIN_MS;
    tp->flight->due.delayed_ack_ns = tcp_now_ns(tp) + TCP_DELACK_MAX_MS * NS_PER_MS;
    tcp_timers_rearm(tp);
}

/* RFC 5961 §7: not more often than once in tcp_invalid_ratelimit for one connection. */
void tcp_send_challenge_ack(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);
    uint64_t now = tcp_now_ns(tp), gap_ns = (uint64_t)net->sysctl.tcp_invalid_ratelimit * NS_PER_MS;

    if (tp->flight->out_of_window_ack_ns && now - tp->flight->out_of_window_ack_ns < gap_ns) {
        count(net, TcpExt, TCPACKSkippedChallenge);
        return;
    }
    tp->flight->out_of_window_ack_ns = now;
    if (!tcp_challenge_allowed(net)) return;
    count(net, TcpExt, TCPChallengeACK);
    tcp_send_ack(tp);
}

void tcp_init_receive_mss(struct tcp_sock *tp)
{
    uint32_t hint = min_of(tp->rcv.advmss, tp->mss_cache);

    hint = min_of(min_of(hint, tp->rcv.wnd / 2), TCP_MSS_DEFAULT);
    tp->rcv.mss_estimate = max_of(hint, 88u);
}

static int connect_init(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);
    int error = 0;
    struct route *route = inet_route(&tp->inet, &error);

    if (!route) return error;
    tp->header_bytes = tcp_header_bytes(tp, net->sysctl.tcp_timestamps != 0);
    tp->mss_clamp = tp->user_mss ? tp->user_mss : UINT16_MAX;
    tp->snd.max_wnd = tp->snd.wnd = 0;
    tcp_sync_mss(tp, route_mtu(route));
    tp->rcv.advmss = route_advmss(route);
    if (tp->user_mss) tp->rcv.advmss = min_of(tp->rcv.advmss, tp->user_mss);
    tp->rcv.wnd = tcp_initial_window(tp, tcp_full_space(tp), tp->rcv.advmss, net->sysctl.tcp_window_scaling != 0, &tp->rcv.scale,
                                     &tp->rcv.window_clamp);
    tp->rcv.ssthresh_bytes = tp->rcv.wnd;
    tcp_init_receive_mss(tp);
    tp->snd.una = tp->snd.nxt = tp->snd.write = tp->snd.up = tp->snd.small = tp->snd.write;
    tp->rcv.nxt = tp->rcv.wup = tp->rcv.copied = seq(0);
    tp->snd.wl1 = seq(0);
    tp->rtt.rto_ns = NS_PER_S; /* RFC 6298 §2.1 */
    tp->retransmits = 0;
    return 0;
}

static struct packet *syn_packet(struct tcp_sock *tp, uint8_t flags)
{
    struct packet *p = tcp_packet_new(tp, 0);

    if (!p) return NULL;
    p->tcp.seq = tp->snd.una; /* ISS */
    p->tcp.end_seq = seq_add(tp->snd.una, 1);
    p->tcp.flags = flags;
    p->tcp.gso_segments = 1;
    return p;
}

int tcp_send_syn(struct tcp_sock *tp)
{
    struct packet *p;
    int error = connect_init(tp);

    if (error) return error;
    p = syn_packet(tp, TCP_SYN);
    if (!p) return -ENOBUFS;
    tcp_ecn_send_syn(tp, p);
    tp->flight->retrans_stamp_ns = tcp_now_ns(tp);
    tp->snd.write = p->tcp.end_seq;
    packet_queue_push(&tp->flight->retransmit_queue, p);
    list_add_tail(&tp->flight->sent_by_time, &p->by_time);
    tcp_charge(tp, p->truesize_bytes);
    tp->flight->packets_out = 1;
    error = tp->rcv.open.is_requested ? tcp_fastopen_send_syn(tp, p) : tcp_transmit(tp, p, false);
    tp->snd.nxt = tp->snd.push = tp->snd.write;
    p = packet_queue_peek(&tp->flight->write_queue); /* data that did not leave with the SYN */
    if (p) tp->snd.nxt = tp->snd.push = p->tcp.seq;
    count(net_of(tp), Tcp, ActiveOpens);
    tcp_pending_arm(tp, PENDING_RETRANSMIT, tp->rtt.rto_ns);
    return error == -ECONNREFUSED ? error : 0;
}

/* Simultaneous open (RFC 9293 §3.5, figure 7): our SYN, still queued, goes again with an ACK. */
void tcp_send_syn_ack(struct tcp_sock *tp)
{
    struct packet *p = packet_queue_peek(&tp->flight->retransmit_queue);

    if (!p || !(p->tcp.flags & TCP_SYN)) return;
    p->tcp.flags = TCP_SYN | TCP_ACK;
    tcp_ecn_send_syn_ack(tp, p);
    tcp_transmit(tp, p, true);
}

#define FIN_RETRY_NS (10 * NS_PER_MS)

void tcp_queue_fin(struct tcp_sock *tp)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);

    if (!tcp_flight_begin(tp)) {
        tp->keepalive_due_ns = tcp_now_ns(tp) + FIN_RETRY_NS;
        tcp_timers_rearm(tp);
        return;
    }
    if (p) {
        p->tcp.flags |= TCP_FIN;
        p->tcp.end_seq = seq_add(p->tcp.end_seq, 1);
    } else {
        p = tcp_packet_new(tp, 0);
        if (!p) { /* without memory it goes later: a peer that only waits for our end would wait for ever */
            tp->flight->due.pacing_ns = tcp_now_ns(tp) + FIN_RETRY_NS;
            tcp_timers_rearm(tp);
            return;
        }
        p->tcp.flags = TCP_ACK | TCP_FIN;
        p->tcp.end_seq = seq_add(p->tcp.seq, 1);
        p->tcp.gso_segments = 1;
        tcp_write_queue_add(tp, p);
    }
    tp->snd.write = seq_add(tp->snd.write, 1);
    tp->is_fin_sent = true;
    tcp_push_pending(tp, tcp_mss_now(tp), NAGLE_OFF);
}

static void init_congestion(struct tcp_sock *tp)
{
    tp->flight->prior_ssthresh = 0;
    if (tp->cc.ops && tp->cc.ops->init) tp->cc.ops->init(tp);
}

uint32_t tcp_initial_cwnd(struct tcp_sock *tp)
{
    const struct route *r = tp->inet.route;
    uint32_t cwnd = r && r->initcwnd ? r->initcwnd : TCP_INITIAL_CWND;

    return cwnd;
}

void tcp_init_transfer(struct tcp_sock *tp)
{
    tp->header_bytes = tcp_header_bytes(tp, tp->is_timestamp_ok);
    /* Linux: who connected has probed for nothing yet, and begins with the base; who accepted has an MSS from before. */
    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_ESTABLISHED))) tcp_mtu_probe_init(tp);
    if (tp->inet.route) tcp_sync_mss(tp, route_mtu(tp->inet.route));
    tcp_mtu_probe_init(tp);
    tcp_metrics_begin(tp);
    /* RFC 5681 §3.1: a lost SYN or SYN-ACK begins with one segment; not when it was only late, or lost but once. */
    if (tp->flight->past.total_retrans > 1 && tp->flight->undo_marker.v) tp->snd.cwnd_packets = 1;
    else tp->snd.cwnd_packets = tcp_initial_cwnd(tp);
    tp->flight->usage.stamp_ns = tcp_now_ns(tp);
    init_congestion(tp);
    tcp_receive_buffers_init(tp);
    if (tp->rcv.mss_estimate < 88) tcp_init_receive_mss(tp);
    tp->last_sent_ns = tcp_now_ns(tp);
    tp->last_received_ns = tp->last_received_ns ? tp->last_received_ns : tcp_now_ns(tp);
    tcp_fast_path_on(tp);
}

void tcp_sock_defaults(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);

    tcp_timers_clear(tp);
    tcp_flight_destroy(tp);
    tp->is_ack_deferred = tp->is_writer_waiting = false;
    tp->ecn_demand_cwr = tp->ecn_queue_cwr = tp->ecn_seen = false;
    tp->urgent_data = 0;
    tp->delivered = tp->delivered_ce = 0;
    tp->bytes_acked = tp->bytes_received = tp->bytes_sent = tp->busy_ns = 0;
    timer_init(&sk_of(tp)->timer, tcp_timer_fire);
    memset(&tp->rtt, 0, sizeof(tp->rtt));
    memset(&tp->min_rtt, 0, sizeof(tp->min_rtt));
    tp->rtt.rto_ns = NS_PER_S;
    tp->rtt.mdev_us = 1000000;
    tp->ack_pending = tp->quick_acks = tp->pingpong = tp->retransmits = tp->backoff = tp->probes_out = 0;
    tp->is_pingpong = false;
    tp->ato_ms = 0;
    tp->snd.cwnd_packets = TCP_INITIAL_CWND;
    tp->snd.cwnd_cnt = 0;
    tp->snd.ssthresh_packets = TCP_INFINITE_SSTHRESH;
    tp->reordering = (uint32_t)net->sysctl.tcp_reordering;
    if (!tp->mss_cache) tp->mss_cache = TCP_MSS_DEFAULT;
    if (!tp->header_bytes) tp->header_bytes = 20;
    tp->snd.reo_wnd_steps = 1;
    tp->rcv.ratio = 128;
    tp->app_limited = UINT32_MAX;
    tp->rate_is_app_limited = true;
    if (!tp->cc.ops) tcp_cc_select(tp, NULL, true);
    if (!sk_of(tp)->sndbuf_locked) sk_of(tp)->send_buffer_bytes = (uint32_t)net->sysctl.tcp_wmem[1];
    if (!sk_of(tp)->rcvbuf_locked) sk_of(tp)->receive_buffer_bytes = (uint32_t)net->sysctl.tcp_rmem[1];
}
