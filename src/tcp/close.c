/* close(), shutdown(), FINs of both sides, orphans (RFC 9293 §3.6). */
#include "tcp/tcp_net.h"

#define BIT TCP_STATE_BIT

/* The state that closing our side leads to; true: a FIN goes out. */
static bool close_state(struct tcp_sock *tp)
{
    static const struct { uint8_t next; bool sends_fin; } after[] = {
        [TCPS_ESTABLISHED] = { TCPS_FIN_WAIT1, true },
        [TCPS_SYN_SENT] = { TCPS_CLOSE, false },
        [TCPS_SYN_RECV] = { TCPS_FIN_WAIT1, true },
        [TCPS_FIN_WAIT1] = { TCPS_FIN_WAIT1, false },
        [TCPS_FIN_WAIT2] = { TCPS_FIN_WAIT2, false },
        [TCPS_TIME_WAIT] = { TCPS_CLOSE, false },
        [TCPS_CLOSE] = { TCPS_CLOSE, false },
        [TCPS_CLOSE_WAIT] = { TCPS_LAST_ACK, true },
        [TCPS_LAST_ACK] = { TCPS_LAST_ACK, false },
        [TCPS_LISTEN] = { TCPS_CLOSE, false },
        [TCPS_CLOSING] = { TCPS_CLOSING, false },
        [TCPS_NEW_SYN_RECV] = { TCPS_CLOSE, false },
    };
    uint8_t state = sk_of(tp)->state;
    tcp_set_state(tp, after[state].next);
    return after[state].sends_fin;
}

int tcp_shutdown(struct sock *sk, int how)
{
    if (!(how & SOCK_SHUT_SEND)) return 0;
    if (!(BIT(sk->state) & (BIT(TCPS_ESTABLISHED) | BIT(TCPS_SYN_SENT) | BIT(TCPS_CLOSE_WAIT)))) return 0;
    if (close_state(tcp_of(sk))) tcp_queue_fin(tcp_of(sk));
    return 0;
}

/* Bytes that the program never read; a FIN is none. */
static bool is_unread(const struct tcp_sock *tp, const struct packet *p)
{
    return seq_after(p->tcp.flags & TCP_FIN ? seq_sub(p->tcp.end_seq, 1) : p->tcp.end_seq, tp->rcv.copied);
}

static bool has_unread(const struct tcp_sock *tp)
{
    const struct packet *last = packet_queue_last(&tp->inet.sk.receive_queue);
    return last && is_unread(tp, last);
}

/* Empties the receive queue; true when it held bytes that the program never read. */
static bool discard_unread(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    bool was_unread = has_unread(tp);
    for (struct packet *p; (p = packet_queue_pop(&sk->receive_queue)); packet_consume(p));
    return was_unread;
}

/* As close_connection(), but the program still waits for the end: SO_LINGER with a time. */
uint64_t tcp_linger(struct sock *sk)
{
    const unsigned waiting = BIT(TCPS_FIN_WAIT1) | BIT(TCPS_CLOSING) | BIT(TCPS_LAST_ACK);
    if (sk->state == TCPS_ESTABLISHED || sk->state == TCPS_CLOSE_WAIT) {
        if (!sk->rare->linger_s || has_unread(tcp_of(sk))) return 0;
        sk->shutdown = SOCK_SHUT_RECEIVE | SOCK_SHUT_SEND;
        tcp_shutdown(sk, SOCK_SHUT_SEND);
    }
    return BIT(sk->state) & waiting ? sk->rare->linger_s * NS_PER_S : 0;
}

/* Our side's last word. RFC 2525 §2.17: unread data means RST, so that the peer learns of the loss. */
static void close_connection(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    bool was_unread = discard_unread(tp);
    if (sk->state == TCPS_CLOSE) return;
    if (was_unread) {
        count(sk->net, TcpExt, TCPAbortOnClose);
        tcp_send_reset(tp);
        tcp_set_state(tp, TCPS_CLOSE);
    } else if (sk->linger && !sk->rare->linger_s) {
        tcp_disconnect(sk);
        count(sk->net, TcpExt, TCPAbortOnData);
    } else if (close_state(tp)) {
        tcp_queue_fin(tp);
    }
}

static bool is_out_of_memory(const struct tcp_sock *tp, unsigned penalty)
{
    const struct net *net = tp->inet.sk.net;
    if ((uint64_t)net->tcp->orphans << penalty > (uint64_t)net->sysctl.tcp_max_orphans) return true;
    return tp->inet.sk.write_queued_bytes > 2048 && net->tcp->memory_pages > (uint64_t)net->sysctl.tcp_mem[2];
}

bool tcp_out_of_resources(struct tcp_sock *tp, bool send_reset)
{
    struct sock *sk = sk_of(tp);
    uint64_t silent_ns = sk->net->machine->now_ns - tp->last_sent_ns;
    bool is_silent = !send_reset || silent_ns > 2 * (uint64_t)sk->net->sysctl.tcp_rto_max_ms * NS_PER_MS;
    unsigned penalty = (is_silent ? 1u : 0u) + (sk->err_soft ? 1u : 0u);
    if (!is_out_of_memory(tp, penalty)) return false;
    if (silent_ns <= TCP_TIME_WAIT_NS || (!tp->snd.wnd && !tp->flight->packets_out)) send_reset = true;
    if (send_reset) tcp_send_reset(tp);
    tcp_done(tp);
    count(sk->net, TcpExt, TCPAbortOnMemory);
    return true;
}

uint64_t tcp_fin_time_ns(const struct tcp_sock *tp)
{
    uint64_t fin_s = tp->settings->linger2_s ? (uint64_t)tp->settings->linger2_s : (uint64_t)tp->inet.sk.net->sysctl.tcp_fin_timeout;
    return max_of(fin_s * NS_PER_S, (tp->rtt.rto_ns << 2) - (tp->rtt.rto_ns >> 1));
}

/* An orphan in FIN-WAIT-2 shrinks to the small struct; longer waits than its lifetime are first spent whole. */
static void orphan_fin_wait2(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    if (tp->settings->linger2_s < 0) {
        tcp_send_reset(tp);
        tcp_set_state(tp, TCPS_CLOSE);
        count(sk->net, TcpExt, TCPAbortOnLinger);
        return;
    }
    uint64_t wait_ns = tcp_fin_time_ns(tp);
    if (wait_ns > TCP_TIME_WAIT_NS) {
        tp->flight->due.fin_wait2_ns = sk->net->machine->now_ns + wait_ns - TCP_TIME_WAIT_NS;
        tcp_timers_rearm(tp);
    } else {
        tcp_time_wait_enter(tp, TCPS_FIN_WAIT2, wait_ns);
    }
}

void tcp_fin_wait2_expired(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    tp->flight->due.fin_wait2_ns = NS_NEVER;
    if (sk->state != TCPS_FIN_WAIT2 || !sk->is_dead) return;
    if (tp->settings->linger2_s >= 0 && tcp_fin_time_ns(tp) > TCP_TIME_WAIT_NS) {
        tcp_time_wait_enter(tp, TCPS_FIN_WAIT2, tcp_fin_time_ns(tp) - TCP_TIME_WAIT_NS);
        return;
    }
    tcp_send_reset(tp);
    tcp_done(tp);
}

void tcp_destroy_orphan(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    struct tcp_net *tn = sk->net->tcp;
    tcp_timers_clear(tp);
    tcp_fastopen_forget(tp, false);
    tcp_fastopen_judge_path(tp);
    tcp_purge_queues(tp);
    tcp_unhash(tp);
    if (tp->inet.port_bucket) port_release(&tp->inet);
    if (!tp->is_orphan) return;
    tp->is_orphan = false;
    tn->orphans--;
    sock_put(sk);
}

static void become_orphan(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    if (sk->socket) sock_orphan(sk);
    sk->is_dead = true;
    tp->is_orphan = true;
    sk->net->tcp->orphans++;
    sock_get(sk);
}

/* The caller keeps its reference to the end of this call. */
void tcp_close(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    sock_own(sk);
    sk->shutdown = SOCK_SHUT_BOTH;
    if (sk->state == TCPS_LISTEN) {
        tcp_set_state(tp, TCPS_CLOSE);
        tcp_listen_stop(tp);
    } else {
        close_connection(tp);
    }
    become_orphan(tp);
    sock_release(sk);
    if (!tp->is_orphan) return; /* the backlog ended it */
    if (sk->state == TCPS_FIN_WAIT2) orphan_fin_wait2(tp);
    if (!tp->is_orphan) return;
    if (sk->state != TCPS_CLOSE && is_out_of_memory(tp, 0)) {
        tcp_send_reset(tp);
        tcp_set_state(tp, TCPS_CLOSE);
        count(sk->net, TcpExt, TCPAbortOnMemory);
    }
    if (sk->state == TCPS_CLOSE) tcp_destroy_orphan(tp);
}

void tcp_fin_received(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    sock_get(sk);
    tp->is_fin_received = true;
    sk->shutdown |= SOCK_SHUT_RECEIVE;
    switch (sk->state) {
    case TCPS_SYN_RECV:
    case TCPS_ESTABLISHED:
        tcp_set_state(tp, TCPS_CLOSE_WAIT);
        tp->is_pingpong = true;
        break;
    case TCPS_FIN_WAIT1: /* both sides at once */
        tcp_send_ack(tp);
        tcp_set_state(tp, TCPS_CLOSING);
        break;
    case TCPS_FIN_WAIT2:
        tcp_send_ack(tp);
        tcp_time_wait_enter(tp, TCPS_TIME_WAIT, 0);
        break;
    default: break; /* CLOSE-WAIT, CLOSING, LAST-ACK: seen before */
    }
    if (!sk->is_dead) sock_state_change(sk);
    sock_put(sk);
}

static bool fin_wait1_acked(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);
    tcp_set_state(tp, TCPS_FIN_WAIT2);
    sk->shutdown |= SOCK_SHUT_SEND;
    if (!sk->is_dead) {
        sock_state_change(sk);
        return true;
    }
    bool has_fin = seg->flags & TCP_FIN;
    bool has_new_data = !seq_equal(seg->end_seq, seg->seq) && seq_after(seq_sub(seg->end_seq, has_fin), tp->rcv.nxt);
    if (tp->settings->linger2_s < 0 || has_new_data) {
        tcp_done(tp);
        count(sk->net, TcpExt, TCPAbortOnData);
        tcp_send_reset_for(sk->net, seg);
        return false;
    }
    uint64_t wait_ns = tcp_fin_time_ns(tp), now_ns = sk->net->machine->now_ns;
    if (wait_ns > TCP_TIME_WAIT_NS || has_fin || sk->is_owned) {
        /* A FIN in this very segment leads on to TIME-WAIT at once; an owned sock cannot be replaced now. */
        tp->flight->due.fin_wait2_ns = now_ns + (wait_ns > TCP_TIME_WAIT_NS ? wait_ns - TCP_TIME_WAIT_NS : wait_ns);
        tcp_timers_rearm(tp);
        return true;
    }
    tcp_time_wait_enter(tp, TCPS_FIN_WAIT2, wait_ns);
    return false;
}

bool tcp_our_fin_acked(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    switch (sk_of(tp)->state) {
    case TCPS_FIN_WAIT1: return fin_wait1_acked(tp, seg);
    case TCPS_CLOSING: tcp_time_wait_enter(tp, TCPS_TIME_WAIT, 0); return false;
    case TCPS_LAST_ACK:
        tcp_metrics_save(tp);
        tcp_done(tp);
        return false;
    default: return true;
    }
}
