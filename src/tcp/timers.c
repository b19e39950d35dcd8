/* The deadlines of a connection, on the one timer node of its sock. Retransmission, loss probe, reordering and window probe
 * exclude each other, as on Linux; delayed ACK, compressed ACK, keepalive and FIN-WAIT-2 stand beside them. A deadline that
 * moves later leaves the node where it is: it then fires once for nothing, which is cheaper than moving it with every ACK. */
#include "tcp/data.h"
#include "tcp/fastopen.h"

static uint64_t earliest(const struct tcp_sock *tp)
{
    uint64_t e = min_of(tp->flight->due.retransmit_ns, tp->flight->due.probe_ns);

    e = min_of(min_of(e, tp->flight->due.delayed_ack_ns), tp->keepalive_due_ns);
    e = min_of(min_of(e, tp->flight->due.loss_probe_ns), tp->flight->due.reorder_ns);
    e = min_of(min_of(e, tp->flight->due.pacing_ns), tp->flight->due.fin_wait2_ns);
    return min_of(min_of(e, tp->flight->due.quiet_ns), tp->flight->compressed_ack_ns);
}

void tcp_timers_rearm(struct tcp_sock *tp)
{
    struct timer *t = &sk_of(tp)->timer;
    uint64_t e = earliest(tp);

    if (e < t->deadline_ns) timer_arm(&net_of(tp)->machine->wheel, t, e);
}

void tcp_timers_no_later(struct tcp_sock *tp, uint64_t due_ns)
{
    struct timer *t = &sk_of(tp)->timer;

    if (due_ns >= t->deadline_ns) return;
    timer_arm(&net_of(tp)->machine->wheel, t, timer_is_armed(t) ? due_ns : earliest(tp)); /* not armed: it is firing just now */
}

void tcp_pending_clear(struct tcp_sock *tp)
{
    tp->flight->due.retransmit_ns = tp->flight->due.loss_probe_ns = tp->flight->due.reorder_ns = tp->flight->due.probe_ns = NS_NEVER;
}

void tcp_timers_clear(struct tcp_sock *tp)
{
    tp->keepalive_due_ns = NS_NEVER;
    if (tcp_has_flight(tp)) {
        tcp_pending_clear(tp);
        tp->flight->due.delayed_ack_ns = tp->flight->due.pacing_ns = tp->flight->due.fin_wait2_ns = tp->flight->compressed_ack_ns = NS_NEVER;
        tp->flight->due.quiet_ns = NS_NEVER;
    }
    timer_cancel(&net_of(tp)->machine->wheel, &sk_of(tp)->timer);
}

/* Linux's timers go by ticks and are never early: one tick more than the delay in ticks, cut off (at 1000 Hz). It matters where
 * the delay is a few milliseconds: exact ones would take a peer that is late by a scheduler's slice for lost. */
static uint64_t on_a_tick(uint64_t now_ns, uint64_t delay_ns)
{
    const uint64_t tick_ns = NS_PER_MS;
    uint64_t ticks = (delay_ns + tick_ns - 1) / tick_ns;

    return (now_ns / tick_ns + ticks + 1) * tick_ns;
}

void tcp_pending_arm(struct tcp_sock *tp, enum tcp_pending what, uint64_t delay_ns)
{
    uint64_t now_ns = tcp_now_ns(tp), due_ns = now_ns + min_of(delay_ns, TCP_RTO_MAX_NS(tp));

    tcp_pending_clear(tp);
    if (what == PENDING_LOSS_PROBE || what == PENDING_REORDER) due_ns = on_a_tick(now_ns, delay_ns);
    switch (what) {
    case PENDING_RETRANSMIT: tp->flight->due.retransmit_ns = due_ns; break;
    case PENDING_LOSS_PROBE: tp->flight->due.loss_probe_ns = due_ns; break;
    case PENDING_REORDER: tp->flight->due.reorder_ns = due_ns; break;
    case PENDING_PROBE: tp->flight->due.probe_ns = due_ns; break;
    }
    tcp_timers_no_later(tp, due_ns);
}

void tcp_retransmit_arm(struct tcp_sock *tp, uint64_t rto_ns)
{
    tcp_pending_arm(tp, PENDING_RETRANSMIT, rto_ns);
}

uint32_t tcp_orphan_retries(const struct tcp_sock *tp, bool alive)
{
    uint32_t retries = (uint32_t)net_of(tp)->sysctl.tcp_orphan_retries;

    if (tp->inet.sk.err_soft && !alive) retries = 0;
    return !retries && alive ? 8 : retries;
}

/* How long `boundary` retransmissions with doubling take from `base` on (RFC 9293 §3.8.3: R1 and R2 may be times). */
static uint64_t model_timeout_ns(const struct tcp_sock *tp, uint32_t boundary, uint64_t base_ns)
{
    uint64_t most_ns = TCP_RTO_MAX_NS(tp), total = 0, rto = base_ns;

    for (uint32_t i = 0; i <= boundary; i++) {
        total += rto;
        rto = min_of(rto << 1, most_ns);
    }
    return total;
}

bool tcp_retries_exhausted(struct tcp_sock *tp, uint32_t boundary, uint64_t timeout_ms)
{
    uint64_t timeout_ns = timeout_ms * NS_PER_MS;
    bool is_opening = tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV));

    if (!tp->retransmits) return false;
    if (!timeout_ns) timeout_ns = model_timeout_ns(tp, boundary, is_opening ? NS_PER_S : 200 * NS_PER_MS);
    return tcp_now_ns(tp) - tp->flight->retrans_stamp_ns >= timeout_ns;
}

void tcp_write_error(struct tcp_sock *tp)
{
    int soft = sk_of(tp)->err_soft;

    count(net_of(tp), TcpExt, TCPAbortOnTimeout);
    tcp_fail(tp, soft ? soft : ETIMEDOUT);
}

/* Gives up when it has tried long enough. True: the connection has ended. */
static bool write_timeout(struct tcp_sock *tp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    bool expired = false;
    uint32_t retries;

    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV))) {
        uint32_t most = retries = tp->settings->syn_retries ? (uint32_t)tp->settings->syn_retries : (uint32_t)c->tcp_syn_retries;
        if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT))) most += (uint32_t)c->tcp_syn_linear_timeouts;
        expired = tp->retransmits >= most;
    } else {
        if (tcp_retries_exhausted(tp, (uint32_t)c->tcp_retries1, 0)) {
            tcp_mtu_black_hole(tp);
            inet_route_reset(&tp->inet);
        }
        retries = (uint32_t)c->tcp_retries2;
        if (sk_of(tp)->is_dead) {
            bool alive = tp->rtt.rto_ns < TCP_RTO_MAX_NS(tp);
            retries = tcp_orphan_retries(tp, alive);
            if (tcp_out_of_resources(tp, alive || !tcp_retries_exhausted(tp, retries, 0))) return true;
        }
    }
    if (!expired) expired = tcp_retries_exhausted(tp, retries, (uint64_t)(uint32_t)tp->settings->user_timeout_ms);
    tcp_fastopen_timed_out(tp, expired);
    if (expired) {
        tcp_write_error(tp);
        return true;
    }
    if (sk_of(tp)->txrehash == 1) {
        tp->flight->past.rehash++;
        count(net_of(tp), TcpExt, TcpTimeoutRehash);
    }
    return false;
}

static void count_failure(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);

    if (tp->flight->ca_state == TCP_CA_Recovery) {
        if (tp->is_sack_ok) count(net, TcpExt, TCPSackRecoveryFail); else count(net, TcpExt, TCPRenoRecoveryFail);
    } else if (tp->flight->ca_state == TCP_CA_Loss) {
        count(net, TcpExt, TCPLossFailures);
    } else if (tp->flight->ca_state == TCP_CA_Disorder || tp->flight->sacked_out) {
        if (tp->is_sack_ok) count(net, TcpExt, TCPSackFailures); else count(net, TcpExt, TCPRenoFailures);
    }
}

static uint64_t clamp_to_user_timeout(const struct tcp_sock *tp, uint64_t rto_ns)
{
    uint64_t limit_ns = (uint64_t)(uint32_t)tp->settings->user_timeout_ms * NS_PER_MS, elapsed_ns = tcp_now_ns(tp) - tp->flight->retrans_stamp_ns;

    if (!limit_ns || !tp->flight->retrans_stamp_ns) return rto_ns;
    return elapsed_ns >= limit_ns ? NS_PER_MS : min_of(rto_ns, limit_ns - elapsed_ns);
}

static void back_off(struct tcp_sock *tp)
{
    const struct net_sysctl *c = &net_of(tp)->sysctl;
    bool is_thin = tp->flight->packets_out < 4 && tp->snd.ssthresh_packets < TCP_INFINITE_SSTHRESH; /* past the first slow start */

    if (tcp_is_state(tp, TCP_STATE_BIT(TCPS_ESTABLISHED)) && (tp->thin_linear || c->tcp_thin_linear_timeouts) && is_thin && tp->retransmits <= 6) {
        tp->backoff = 0;
        tcp_rto_from_rtt(tp);
        tp->rtt.rto_ns = max_of(tp->rtt.rto_ns, tcp_rto_min_us(tp) * NS_PER_US);
    } else if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT)) || tp->flight->past.rto_count > c->tcp_syn_linear_timeouts) {
        tp->backoff++;
        tp->rtt.rto_ns = min_of(tp->rtt.rto_ns << 1, TCP_RTO_MAX_NS(tp));
    }
    tcp_retransmit_arm(tp, clamp_to_user_timeout(tp, tp->rtt.rto_ns));
}

static int retransmit_head(struct tcp_sock *tp)
{
    struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue);

    return tcp_retransmit_packet(tp, &head, 1);
}

/* The peer took its window back: the retransmission is a window probe, and may go on for as long as the peer answers. */
static bool window_probe_expired(const struct tcp_sock *tp, const struct packet *head)
{
    uint64_t silent_ns = tcp_now_ns(tp) - tp->last_ack_received_ns, limit_ns = 2 * TCP_RTO_MAX_NS(tp);
    uint64_t since_ns = tcp_now_ns(tp) - (tp->flight->retrans_stamp_ns ? tp->flight->retrans_stamp_ns : head->tcp.sent_ns);
    uint64_t user_ns = (uint64_t)(uint32_t)tp->settings->user_timeout_ms * NS_PER_MS;

    if (user_ns && since_ns > user_ns) return true;
    if (user_ns) limit_ns = min_of(limit_ns, user_ns);
    return silent_ns > limit_ns && since_ns > limit_ns;
}

/* tcpi_total_rto*: a recovery is a row of timeouts without progress. */
void tcp_count_timeout(struct tcp_sock *tp)
{
    if (!tp->retransmits) {
        tp->flight->past.rto_recoveries++;
        tp->flight->rto_start_ns = tcp_now_ns(tp);
    }
    if (tp->retransmits < UINT8_MAX) tp->retransmits++;
    tp->flight->past.rto_count++;
}

static void retransmit_timeout(struct tcp_sock *tp)
{
    struct packet *head = packet_queue_peek(&tp->flight->retransmit_queue);
    bool is_opening = tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV));

    if (tp->flight->request) {
        tcp_fastopen_syn_ack_timeout(tp);
        return;
    }
    if (!head || !tp->flight->packets_out) return;
    if (!tp->snd.wnd && !sk_of(tp)->is_dead && !is_opening) {
        if (window_probe_expired(tp, head)) {
            tcp_write_error(tp);
            return;
        }
        tcp_enter_loss(tp);
        retransmit_head(tp);
        back_off(tp);
        return;
    }
    count(net_of(tp), TcpExt, TCPTimeouts);
    if (write_timeout(tp)) return;
    if (!tp->retransmits) count_failure(tp);
    tcp_enter_loss(tp);
    tcp_count_timeout(tp);
    if (retransmit_head(tp) == -ENOBUFS) {
        tcp_retransmit_arm(tp, 500 * NS_PER_MS);
        return;
    }
    back_off(tp);
    if (tcp_retries_exhausted(tp, (uint32_t)net_of(tp)->sysctl.tcp_retries1 + 1, 0)) inet_route_reset(&tp->inet);
}

static bool take_due(uint64_t *due_ns, uint64_t now_ns)
{
    if (*due_ns > now_ns) return false;
    *due_ns = NS_NEVER;
    return true;
}

static void pacing_timeout(struct tcp_sock *tp)
{
    if (tcp_owes_fin(tp)) tcp_queue_fin(tp); /* there was no memory for it */
    if (tp->flight->lost_out > tp->flight->retrans_out && tcp_in_flight(tp) < tp->snd.cwnd_packets) tcp_retransmit_queue(tp);
    tcp_push(tp, false);
}

static void run_due(struct tcp_sock *tp, uint64_t now)
{
    if (take_due(&tp->keepalive_due_ns, now)) tcp_keepalive_timeout(tp);
    if (!tcp_has_flight(tp)) return;
    if (take_due(&tp->flight->due.delayed_ack_ns, now)) tcp_delack_timeout(tp);
    if (take_due(&tp->flight->compressed_ack_ns, now)) tcp_compressed_ack_flush(tp);
    if (take_due(&tp->flight->due.reorder_ns, now)) tcp_rack_timeout(tp);
    if (take_due(&tp->flight->due.loss_probe_ns, now)) tcp_send_loss_probe(tp);
    if (take_due(&tp->flight->due.retransmit_ns, now)) retransmit_timeout(tp);
    if (take_due(&tp->flight->due.probe_ns, now)) tcp_probe_timeout(tp);
    if (take_due(&tp->flight->due.pacing_ns, now)) pacing_timeout(tp);
    if (take_due(&tp->flight->due.fin_wait2_ns, now)) tcp_fin_wait2_expired(tp);
    if (take_due(&tp->flight->due.quiet_ns, now)) tcp_flight_check(tp);
}

/* Timers run as deferred work does: what a loopback peer answers is not delivered before this ends. */
void tcp_timer_fire(struct timer *t, uint64_t now_ns)
{
    struct sock *sk = container_of(t, struct sock, timer);
    struct tcp_sock *tp = tcp_of(sk);

    (void)now_ns;
    sock_get(sk);
    run_due(tp, tcp_now_ns(tp));
    if (sk->state != TCPS_CLOSE && sk->state != TCPS_TIME_WAIT) tcp_timers_rearm(tp);
    sock_put(sk);
}
