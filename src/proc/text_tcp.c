/* /proc/net/tcp and tcp6: listeners, connections, TIME-WAIT and half-open ones, each in Linux's columns. */
#include "proc/texts.h"
#include "tcp/tcp.h"

#define LINE_WIDTH 149

struct tcp_text { struct net *net; struct text *t; uint16_t family; int index; };

static void put_address(struct text *t, uint16_t family, const ip_addr_t *a, uint16_t port)
{
    if (family == AF_INET) text_printf(t, "%08X:%04X", ip_get4(a).raw, port);
    else text_printf(t, "%08X%08X%08X%08X:%04X", a->word[0], a->word[1], a->word[2], a->word[3], port);
}

static void put_ends(struct tcp_text *x, const struct tcp_view *v, unsigned state, uint32_t transmit, uint32_t receive)
{
    text_printf(x->t, "%4d: ", x->index++);
    put_address(x->t, x->family, &v->local, v->local_port);
    text_put(x->t, " ", 1);
    put_address(x->t, x->family, &v->remote, v->remote_port);
    text_printf(x->t, " %02X %08X:%08X ", state, transmit, receive);
}

/* Reference counts are shown as Linux's: its listeners are held by no table, its TIME-WAITs by two and a timer. */
static void put_sock(struct tcp_text *x, const struct tcp_view *v)
{
    unsigned long timer_left = v->timer ? proc_clock(v->timer_left_ns) : 0;
    bool is_listener = v->kind == TCP_VIEW_LISTENER;
    put_ends(x, v, v->state, v->transmit_queue, v->receive_queue);
    text_printf(x->t, "%02X:%08lX %08X %5u %8d %lu %d %016lx %lu %lu %u %u %d", v->timer, timer_left, v->retransmits, v->uid,
        v->probes, (unsigned long)v->inode, (int)v->references - is_listener, proc_pointer(x->net, v->inode), proc_clock(v->rto_ns),
        proc_clock(v->ato_ns), v->quick_or_pingpong, v->cwnd, is_listener ? 0 : v->ssthresh);
}

static void put_request(struct tcp_text *x, const struct tcp_view *v)
{
    put_ends(x, v, SOCK_SYN_RECV, 0, 0);
    text_printf(x->t, "%02X:%08lX %08X %5u %8d %u %d %016lx", 1, proc_clock(v->timer_left_ns), v->retransmits, v->uid, 0, 0, 0,
        proc_pointer(x->net, (uint64_t)v->remote_port << 32 | v->remote.word[3]));
}

static void put_time_wait(struct tcp_text *x, const struct tcp_view *v)
{
    put_ends(x, v, v->state, 0, 0);
    text_printf(x->t, "%02X:%08lX %08X %5d %8d %d %d %016lx", 3, proc_clock(v->timer_left_ns), 0, 0, 0, 0, 3,
        proc_pointer(x->net, (uint64_t)v->remote_port << 32 | v->local_port));
}

static int put_line(void *ctx, const struct tcp_view *v)
{
    struct tcp_text *x = ctx;
    if (v->family != x->family) return 0;
    size_t start = x->t->length;
    switch (v->kind) {
    case TCP_VIEW_SOCK: case TCP_VIEW_LISTENER: put_sock(x, v); break;
    case TCP_VIEW_REQUEST: put_request(x, v); break;
    case TCP_VIEW_TIME_WAIT: put_time_wait(x, v); break;
    }
    proc_end_line(x->t, start, x->family == AF_INET ? LINE_WIDTH : 0);
    return 0;
}

void proc_tcp4(struct net *net, struct text *t)
{
    struct tcp_text x = { net, t, AF_INET, 0 };
    size_t start = t->length;
    text_printf(t, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
    proc_end_line(t, start, LINE_WIDTH);
    tcp_each(net, put_line, &x);
}

void proc_tcp6(struct net *net, struct text *t)
{
    struct tcp_text x = { net, t, AF_INET6, 0 };
    text_printf(t, "  sl  local_address                         remote_address                        "
        "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n");
    tcp_each(net, put_line, &x);
}
