/* Readiness: Linux's tcp_poll, bit for bit. */
#include "tcp/data.h"
#include "tcp/tcp_net.h"

#define READABLE (EPOLLIN | EPOLLRDNORM)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM)

/* Enough for SO_RCVLOWAT, or as much as will ever come: memory short, or the window closed. */
static bool is_readable(const struct tcp_sock *tp, uint32_t target)
{
    uint32_t available = seq_diff(tp->rcv.nxt, tp->rcv.copied);
    const struct sock *sk = &tp->inet.sk;
    if ((int32_t)available <= 0) return false;
    if (available >= target || tcp_under_pressure(tp)) return true;
    if (sk->receive_used_bytes > sk->receive_buffer_bytes) return true;
    int32_t window = (int32_t)(tp->rcv.wup.v + tp->rcv.wnd - tp->rcv.nxt.v);
    return window <= (int32_t)tp->rcv.mss_estimate;
}

static uint32_t data_events(struct tcp_sock *tp)
{
    const struct sock *sk = &tp->inet.sk;
    uint32_t mask = 0, target = sk->receive_low_water > 0 ? (uint32_t)sk->receive_low_water : 1;
    if (tp->urgent_data && seq_equal(tp->urgent_seq, tp->rcv.copied) && !sk->oob_inline) target++;
    if (is_readable(tp, target)) mask |= READABLE;
    if (sk->shutdown & SOCK_SHUT_SEND || tcp_has_send_room(tp)) mask |= WRITABLE;
    else tp->is_writer_waiting = true; /* wants to hear of room */
    if (tp->urgent_data & 0x100) mask |= EPOLLPRI;
    return mask;
}

uint32_t tcp_poll(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    uint32_t mask = 0;
    if (sk->state == TCPS_LISTEN) return tp->listener && tp->listener->accept_count ? READABLE : 0;
    if (sk->shutdown == SOCK_SHUT_BOTH || sk->state == TCPS_CLOSE) mask |= EPOLLHUP;
    if (sk->shutdown & SOCK_SHUT_RECEIVE) mask |= READABLE | EPOLLRDHUP;
    bool is_open = sk->state != TCPS_SYN_SENT && (sk->state != TCPS_SYN_RECV || tp->flight->request); /* or as good as open */
    if (is_open) mask |= data_events(tp);
    else if (sk->state == TCPS_SYN_SENT && tp->inet.defer_connect) mask |= WRITABLE;
    if (sk->err || sk->rare->error_queue.count) mask |= EPOLLERR;
    return mask;
}
