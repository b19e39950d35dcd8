/* The one place that changes state, and the ways a connection ends. */
#include "tcp/tcp_net.h"

static void leave_tables(struct tcp_sock *tp)
{
    tcp_unhash(tp);
    if (!tp->inet.port_bucket || tp->inet.is_port_locked) return;
    tp->inet.former_port = tp->inet.local_port;
    port_release(&tp->inet);
}

void tcp_set_state(struct tcp_sock *tp, uint8_t state)
{
    struct sock *sk = sk_of(tp);
    uint8_t old = sk->state;
    bool was_counted = old == TCPS_ESTABLISHED || old == TCPS_CLOSE_WAIT;
    if (state == old) return;
    if (state == TCPS_ESTABLISHED || (state == TCPS_CLOSE_WAIT && old == TCPS_SYN_RECV)) {
        count(sk->net, Tcp, CurrEstab);
    } else if (was_counted && state != TCPS_CLOSE_WAIT) {
        count_add(sk->net, Tcp, CurrEstab, -1);
    }
    if (state == TCPS_CLOSE) {
        if (was_counted) count(sk->net, Tcp, EstabResets);
        leave_tables(tp);
    }
    sk->state = state;
}

void tcp_done(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    if (sk->state == TCPS_SYN_SENT || sk->state == TCPS_SYN_RECV) count(sk->net, Tcp, AttemptFails);
    sock_get(sk); /* the table may have been the last holder of a sock that nobody accepted */
    tcp_set_state(tp, TCPS_CLOSE);
    tcp_timers_clear(tp);
    tcp_fastopen_forget(tp, false);
    sk->shutdown = SOCK_SHUT_BOTH;
    if (!sk->is_dead) sock_state_change(sk);
    else tcp_destroy_orphan(tp);
    sock_put(sk);
}

/* Linux: tcp_done_with_error. Received data stays readable before the error. */
void tcp_fail(struct tcp_sock *tp, int error)
{
    struct sock *sk = sk_of(tp);
    sock_get(sk);
    sk->err = error;
    tcp_purge_write_queue(tp);
    tcp_done(tp);
    if (!sk->is_dead) sock_error_raised(sk);
    sock_put(sk);
}

void tcp_reset_received(struct tcp_sock *tp)
{
    switch (sk_of(tp)->state) {
    case TCPS_SYN_SENT: tcp_fail(tp, ECONNREFUSED); break;
    case TCPS_CLOSE_WAIT: tcp_fail(tp, EPIPE); break;
    case TCPS_CLOSE: break;
    default: tcp_fail(tp, ECONNRESET); break;
    }
}

void tcp_abort(struct tcp_sock *tp, int error)
{
    uint8_t s = sk_of(tp)->state;
    if (s == TCPS_CLOSE) return;
    if (TCP_STATE_BIT(s) & (TCP_STATE_BIT(TCPS_ESTABLISHED) | TCP_STATE_BIT(TCPS_CLOSE_WAIT) | TCP_STATE_BIT(TCPS_FIN_WAIT1) |
        TCP_STATE_BIT(TCPS_FIN_WAIT2) | TCP_STATE_BIT(TCPS_SYN_RECV))) tcp_send_reset(tp);
    tcp_fail(tp, error);
}
