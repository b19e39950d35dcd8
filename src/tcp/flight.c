/* Flights: what a connection needs only while data moves (struct tcp_flight). One begins with the first thing sent or heard,
 * and ends when nothing waits, nothing is in flight, no timer but keepalive runs, and nobody said anything for QUIET_NS.
 * What outlives it stays in struct tcp_sock; what few connections have to remember (losses, a curve since then) in a struct
 * tcp_past, if there is anything. Congestion control puts the little it always needs into cc_rest. */
#include "tcp/data.h"

#define QUIET_NS NS_PER_S /* so that exchanges with pauses do not take and give memory each time */

const struct tcp_flight tcp_no_flight = {
    .write_queue.packets = { (struct list *)(uintptr_t)&tcp_no_flight.write_queue.packets, (struct list *)(uintptr_t)&tcp_no_flight.write_queue.packets },
    .retransmit_queue.packets = { (struct list *)(uintptr_t)&tcp_no_flight.retransmit_queue.packets,
                                  (struct list *)(uintptr_t)&tcp_no_flight.retransmit_queue.packets },
    .sent_by_time = { (struct list *)(uintptr_t)&tcp_no_flight.sent_by_time, (struct list *)(uintptr_t)&tcp_no_flight.sent_by_time },
    .due = { NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER },
    .compressed_ack_ns = NS_NEVER,
};

void tcp_flight_init(const struct tcp_sock *tp, struct tcp_flight *f)
{
    uint64_t now_ns = tcp_now_ns(tp);

    *f = tcp_no_flight;
    packet_queue_init(&f->write_queue);
    packet_queue_init(&f->retransmit_queue);
    list_init(&f->sent_by_time);
    f->due.quiet_ns = now_ns + QUIET_NS;
    f->rtt_next_seq = tp->snd.nxt;
    f->usage.seq = tp->snd.una;
    f->usage.stamp_ns = f->tune.time_ns = now_ns;
    f->tune.seq = tp->rcv.copied;
}

static void recall_past(struct tcp_sock *tp)
{
    if (tp->past) {
        tp->flight->past = *tp->past;
        machine_free(net_of(tp)->machine, tp->past, sizeof(*tp->past));
        tp->past = NULL;
    }
    if (!tp->flight->past.has_cc_state && tp->cc.ops && tp->cc.ops->init) tp->cc.ops->init(tp);
}

bool tcp_flight_create(struct tcp_sock *tp)
{
    struct tcp_flight *f = machine_alloc(net_of(tp)->machine, sizeof(*f));

    if (!f) return false;
    tcp_flight_init(tp, f);
    tp->flight = f;
    recall_past(tp);
    tcp_timers_rearm(tp);
    return true;
}

static void give_back(struct tcp_sock *tp)
{
    machine_free(net_of(tp)->machine, tp->flight, sizeof(*tp->flight));
    tp->flight = (struct tcp_flight *)(uintptr_t)&tcp_no_flight;
}

void tcp_flight_destroy(struct tcp_sock *tp)
{
    if (tcp_has_flight(tp)) give_back(tp);
    machine_free(net_of(tp)->machine, tp->past, sizeof(*tp->past));
    tp->past = NULL;
    tp->cc_rest = 0;
}

static bool is_waiting_for_a_timer(const struct tcp_flight *f)
{
    return (f->due.retransmit_ns & f->due.probe_ns & f->due.delayed_ack_ns & f->due.loss_probe_ns & f->due.reorder_ns & f->due.pacing_ns &
            f->due.fin_wait2_ns & f->compressed_ack_ns) != NS_NEVER;
}

static bool is_over(const struct tcp_sock *tp)
{
    const struct tcp_flight *f = tp->flight;
    const struct sock *sk = &tp->inet.sk;

    return tcp_is_state(tp, TCP_STATE_BIT(TCPS_ESTABLISHED) | TCP_STATE_BIT(TCPS_CLOSE_WAIT)) && !sk->is_owned && !sk->backlog.count &&
           !sk->receive_queue.count && rb_is_empty(&f->out_of_order) && !f->write_queue.count && !f->retransmit_queue.count &&
           f->ca_state == TCP_CA_Open && !f->tlp_high_seq.v && !(tp->ack_pending & (ACK_SCHEDULED | ACK_TIMER)) &&
           !tp->is_ack_deferred && !is_waiting_for_a_timer(f);
}

/* What is remembered of the last challenge still holds the next one back (RFC 5961 §7). */
static bool is_limiting(const struct tcp_sock *tp, uint64_t now_ns)
{
    uint64_t gap_ns = (uint64_t)net_of(tp)->sysctl.tcp_invalid_ratelimit * NS_PER_MS;

    return tp->flight->out_of_window_ack_ns && now_ns - tp->flight->out_of_window_ack_ns < gap_ns;
}

/* False: no memory for it. */
static bool keep_past(struct tcp_sock *tp)
{
    struct tcp_past *past = &tp->flight->past;

    past->has_cc_state = tp->cc.ops && tp->cc.ops->rest && !tp->cc.ops->rest(tp);
    if (!past->has_cc_state) memset(past->cc_state, 0, sizeof(past->cc_state));
    if (!memcmp(past, &tcp_no_flight.past, sizeof(*past))) return true;
    tp->past = machine_alloc(net_of(tp)->machine, sizeof(*past));
    if (!tp->past) {
        if (!past->has_cc_state && tp->cc.ops && tp->cc.ops->init) tp->cc.ops->init(tp);
        return false;
    }
    *tp->past = *past;
    return true;
}

void tcp_flight_check(struct tcp_sock *tp)
{
    uint64_t now_ns = tcp_now_ns(tp), heard_ns = max_of(tp->last_received_ns, tp->last_ack_received_ns);
    uint64_t quiet_from_ns = max_of(heard_ns, tp->last_sent_ns) + QUIET_NS;

    if (quiet_from_ns <= now_ns) {
        if (is_over(tp) && !is_limiting(tp, now_ns) && keep_past(tp)) {
            give_back(tp);
            return;
        }
        quiet_from_ns = now_ns + QUIET_NS;
    }
    tp->flight->due.quiet_ns = quiet_from_ns;
}
