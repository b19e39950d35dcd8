/* Asking a silent peer: zero-window probes (RFC 9293 §3.8.6.1) and keepalives (§3.8.4). */
#include "tcp/data.h"

static uint64_t probe_base_ns(const struct tcp_sock *tp)
{
    return max_of(tp->rtt.rto_ns, 200 * NS_PER_MS);
}

uint64_t tcp_probe0_when_ns(const struct tcp_sock *tp, uint64_t most_ns)
{
    return min_of(probe_base_ns(tp) << min_of((uint32_t)tp->backoff, 10u), most_ns);
}

static uint64_t clamp_to_user_timeout(const struct tcp_sock *tp, uint64_t when_ns)
{
    uint64_t limit_ns = (uint64_t)(uint32_t)tp->settings->user_timeout_ms * NS_PER_MS, elapsed_ns;

    if (!limit_ns || !tp->flight->probe_stamp_ns) return when_ns;
    elapsed_ns = min_of(tcp_now_ns(tp) - tp->flight->probe_stamp_ns, limit_ns);
    return min_of(max_of(limit_ns - elapsed_ns, TCP_TIMER_LEAST_NS), when_ns);
}

void tcp_check_probe_timer(struct tcp_sock *tp)
{
    if (!tp->flight->packets_out && !tcp_pending_any(tp)) tcp_pending_arm(tp, PENDING_PROBE, probe_base_ns(tp));
}

/* A segment the peer has to answer: nothing new, one byte before SND.UNA. */
static int send_probe(struct tcp_sock *tp, bool is_urgent, bool is_keepalive)
{
    if (is_keepalive) count(net_of(tp), TcpExt, TCPKeepAlive); else count(net_of(tp), TcpExt, TCPWinProbe);
    return tcp_send_pure(tp, is_urgent ? tp->snd.una : seq_sub(tp->snd.una, 1), TCP_ACK);
}

/* Sends what the window takes of the first unsent packet, else a probe. Positive: the device
 * or memory refused it, which may be over soon. */
int tcp_write_wakeup(struct tcp_sock *tp, bool is_keepalive)
{
    struct packet *p = packet_queue_peek(&tp->flight->write_queue);

    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE))) return -1;
    if (p && seq_before(p->tcp.seq, tcp_window_end(tp))) {
        uint32_t mss = tcp_mss_now(tp), room = seq_diff(tcp_window_end(tp), p->tcp.seq);
        int error;
        if (seq_before(tp->snd.push, p->tcp.end_seq)) tp->snd.push = p->tcp.end_seq;
        if (room < seq_diff(p->tcp.end_seq, p->tcp.seq) || p->body_bytes > mss) {
            if (!tcp_packet_split(tp, &tp->flight->write_queue, p, min_of(room, mss), mss)) return -1;
        }
        tcp_packet_set_segments(p, mss);
        p->tcp.flags |= TCP_PSH;
        error = tcp_transmit(tp, p, false);
        if (!error) tcp_new_data_sent(tp, p);
        return error == -ENOBUFS ? 1 : error; /* no route: as Linux, the next one comes later and later */
    }
    if (seq_within(tp->snd.up, seq_add(tp->snd.una, 1), seq_add(tp->snd.una, 0x10000))) send_probe(tp, true, is_keepalive);
    return send_probe(tp, false, is_keepalive);
}

void tcp_send_probe0(struct tcp_sock *tp)
{
    int error = tcp_write_wakeup(tp, false);
    uint64_t when_ns = 500 * NS_PER_MS;

    if (tp->flight->packets_out || !tp->flight->write_queue.count) {
        tp->probes_out = tp->backoff = 0;
        tp->flight->probe_stamp_ns = 0;
        return;
    }
    if (tp->probes_out < UINT8_MAX) tp->probes_out++;
    if (error <= 0) {
        if (tp->backoff < net_of(tp)->sysctl.tcp_retries2) tp->backoff++;
        when_ns = tcp_probe0_when_ns(tp, TCP_RTO_MAX_NS(tp));
    }
    tcp_pending_arm(tp, PENDING_PROBE, clamp_to_user_timeout(tp, when_ns));
}

/* The peer answers probes for ever (MUST-37) unless the user set a limit or nobody owns the connection any more. */
void tcp_probe_timeout(struct tcp_sock *tp)
{
    uint32_t most = (uint32_t)net_of(tp)->sysctl.tcp_retries2;
    uint64_t limit_ns = (uint64_t)(uint32_t)tp->settings->user_timeout_ms * NS_PER_MS;

    if (tp->flight->packets_out || !tp->flight->write_queue.count) {
        tp->probes_out = 0;
        tp->flight->probe_stamp_ns = 0;
        return;
    }
    if (!tp->flight->probe_stamp_ns) {
        tp->flight->probe_stamp_ns = tcp_now_ns(tp);
    } else if (limit_ns && tcp_now_ns(tp) - tp->flight->probe_stamp_ns >= limit_ns) {
        tcp_write_error(tp);
        return;
    }
    if (sk_of(tp)->is_dead) {
        bool alive = tcp_probe0_when_ns(tp, TCP_RTO_MAX_NS(tp)) < TCP_RTO_MAX_NS(tp);
        most = tcp_orphan_retries(tp, alive);
        if (!alive && tp->backoff >= most) {
            tcp_write_error(tp);
            return;
        }
        if (tcp_out_of_resources(tp, true)) return;
    }
    if (tp->probes_out >= most) tcp_write_error(tp);
    else tcp_send_probe0(tp);
}

/* An ACK while nothing is in flight: is the window open for what waits? */
void tcp_ack_probe(struct tcp_sock *tp)
{
    const struct packet *p = packet_queue_peek(&tp->flight->write_queue);

    if (!p) return;
    if (!seq_after(p->tcp.end_seq, tcp_window_end(tp))) {
        tp->backoff = 0;
        tp->flight->probe_stamp_ns = 0;
        tp->flight->due.probe_ns = NS_NEVER;
        return; /* the push that follows sends it */
    }
    tcp_pending_arm(tp, PENDING_PROBE, clamp_to_user_timeout(tp, tcp_probe0_when_ns(tp, TCP_RTO_MAX_NS(tp))));
}

/* The sock's own, or the namespace's. */
static uint64_t seconds_ns(int32_t own, int64_t usual)
{
    int64_t s = own ? own : usual;

    return (uint64_t)s * NS_PER_S;
}

static uint64_t keepalive_idle_ns(const struct tcp_sock *tp)
{
    return seconds_ns(tp->settings->keepalive_idle_s, net_of(tp)->sysctl.tcp_keepalive_time);
}

static void keepalive_in(struct tcp_sock *tp, uint64_t delay_ns)
{
    tp->keepalive_due_ns = tcp_now_ns(tp) + delay_ns;
    tcp_timers_rearm(tp);
}

void tcp_keepalive_arm(struct tcp_sock *tp)
{
    if (sk_of(tp)->keep_open) keepalive_in(tp, keepalive_idle_ns(tp));
    else tp->keepalive_due_ns = NS_NEVER;
}

void tcp_keepalive_timeout(struct tcp_sock *tp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    uint64_t idle_ns = keepalive_idle_ns(tp), heard_ns = max_of(tp->last_received_ns, tp->last_ack_received_ns), silent_ns;
    uint32_t most = (uint32_t)(tp->settings->keepalive_probes ? tp->settings->keepalive_probes : c->tcp_keepalive_probes);
    uint64_t interval_ns = seconds_ns(tp->settings->keepalive_interval_s, c->tcp_keepalive_intvl);
    uint64_t limit_ns = (uint64_t)(uint32_t)tp->settings->user_timeout_ms * NS_PER_MS;

    if (tcp_owes_fin(tp)) { /* there was no memory for it */
        tcp_queue_fin(tp);
        return;
    }
    if (!sk_of(tp)->keep_open || tcp_is_state(tp, TCP_STATE_BIT(TCPS_CLOSE) | TCP_STATE_BIT(TCPS_SYN_SENT))) return;
    if (tp->flight->packets_out || tp->flight->write_queue.count) { /* retransmission or probing find out by themselves */
        keepalive_in(tp, idle_ns);
        return;
    }
    silent_ns = tcp_now_ns(tp) - heard_ns;
    if (silent_ns < idle_ns) {
        keepalive_in(tp, idle_ns - silent_ns);
        return;
    }
    if (limit_ns ? silent_ns >= limit_ns && tp->probes_out : tp->probes_out >= most) {
        tcp_send_reset(tp);
        tcp_write_error(tp);
        return;
    }
    if (tcp_flight_begin(tp) && tcp_write_wakeup(tp, true) <= 0) {
        tp->probes_out++;
        keepalive_in(tp, interval_ns);
    } else {
        keepalive_in(tp, 500 * NS_PER_MS);
    }
}
