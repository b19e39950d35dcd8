/* The namespace's budget of buffer memory, tcp_mem: pages of 4 KiB, charged by each sock for what its queues hold (Linux:
 * sk_mem_schedule). Above the second number is pressure: windows and buffers stop growing until it is under the first. Above
 * the third only what keeps a connection going is granted. */
#include "tcp/data.h"
#include "tcp/tcp_net.h"

static void check_pressure(struct tcp_net *tn)
{
    const struct net *net = tn->net;
    uint64_t now_ms = net->machine->now_ns / NS_PER_MS;

    if (!tn->is_under_pressure && tn->memory_pages > (uint64_t)net->sysctl.tcp_mem[1]) {
        tn->is_under_pressure = true;
        tn->pressure_since_ms = now_ms;
        count(tn->net, TcpExt, TCPMemoryPressures);
    } else if (tn->is_under_pressure && tn->memory_pages <= (uint64_t)net->sysctl.tcp_mem[0]) {
        tn->is_under_pressure = false;
        count_add(tn->net, TcpExt, TCPMemoryPressuresChrono, max_of(now_ms - tn->pressure_since_ms, 1ull));
    }
}

void tcp_charge_pages(struct tcp_sock *tp, uint32_t pages)
{
    struct tcp_net *tn = net_of(tp)->tcp;

    tn->memory_pages += pages;
    tn->memory_pages -= tp->memory_pages;
    tp->memory_pages = pages;
    check_pressure(tn);
}

void tcp_memory_release(struct tcp_sock *tp)
{
    if (tp->memory_pages) tcp_charge_pages(tp, 0);
}

bool tcp_under_pressure(const struct tcp_sock *tp)
{
    const struct tcp_net *tn = net_of(tp)->tcp;

    return tn && tn->is_under_pressure;
}

bool tcp_is_memory_tight(const struct tcp_sock *tp)
{
    const struct tcp_net *tn = net_of(tp)->tcp;

    return tn && tn->memory_pages >= (uint64_t)net_of(tp)->sysctl.tcp_mem[0];
}

/* May this sock take more? Each has its minimum; under the hard limit everybody may, above pressure only the modest. */
bool tcp_memory_allows(const struct tcp_sock *tp, bool is_send)
{
    const struct net *net = net_of(tp);
    const struct sock *sk = &tp->inet.sk;
    const struct tcp_net *tn = net->tcp;

    if (tn->memory_pages <= (uint64_t)net->sysctl.tcp_mem[0]) return true;
    if (tn->memory_pages > (uint64_t)net->sysctl.tcp_mem[2]) return false;
    if (is_send ? sk->write_queued_bytes < (uint64_t)net->sysctl.tcp_wmem[0] : sk->receive_used_bytes < (uint64_t)net->sysctl.tcp_rmem[0]) return true;
    return !tn->is_under_pressure || (uint64_t)net->sysctl.tcp_mem[2] > (uint64_t)tn->sock_count * (tp->memory_pages + 1);
}
