/* How long there was something to send, and how much of that time the peer's window or our buffer held it up. One watch: the
 * later kinds go before the earlier. */
#include "tcp/data.h"

static void account(struct tcp_sock *tp, uint64_t ns)
{
    switch (tp->flight->chrono_kind) {
    case CHRONO_BUSY: tp->busy_ns += ns; break;
    case CHRONO_WINDOW: tp->flight->past.window_limited_ns += ns; break;
    case CHRONO_BUFFER: tp->flight->past.buffer_limited_ns += ns; break;
    }
}

static void switch_to(struct tcp_sock *tp, enum tcp_chrono kind)
{
    uint64_t now = tcp_now_ns(tp);

    account(tp, now - tp->flight->chrono_since_ns);
    tp->flight->chrono_since_ns = now;
    tp->flight->chrono_kind = (uint8_t)kind;
}

void tcp_chrono_start(struct tcp_sock *tp, enum tcp_chrono kind)
{
    if (kind > tp->flight->chrono_kind) switch_to(tp, kind);
}

void tcp_chrono_stop(struct tcp_sock *tp, enum tcp_chrono kind)
{
    if (!tp->flight->write_queue.count && !tp->flight->retransmit_queue.count) {
        if (tp->flight->chrono_kind != CHRONO_IDLE) switch_to(tp, CHRONO_IDLE);
    } else if (kind == tp->flight->chrono_kind && kind != CHRONO_BUSY) {
        switch_to(tp, CHRONO_BUSY);
    }
}

void tcp_busy_times(const struct tcp_sock *tp, uint64_t *busy_us, uint64_t *window_limited_us, uint64_t *buffer_limited_us)
{
    uint64_t ns[3] = { tp->busy_ns, tcp_past(tp)->window_limited_ns, tcp_past(tp)->buffer_limited_ns };

    if (tp->flight->chrono_kind != CHRONO_IDLE) ns[tp->flight->chrono_kind - 1] += tcp_now_ns(tp) - tp->flight->chrono_since_ns;
    *busy_us = (ns[0] + ns[1] + ns[2]) / NS_PER_US;
    *window_limited_us = ns[CHRONO_WINDOW - 1] / NS_PER_US;
    *buffer_limited_us = ns[CHRONO_BUFFER - 1] / NS_PER_US;
}
