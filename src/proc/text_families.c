/* /proc/net/netlink, protocols and the two sockstats. */
#include "proc/texts.h"
#include "netlink/netlink.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct family_text { struct net *net; struct text *t; };

static void put_netlink_sock(void *ctx, struct sock *sk)
{
    struct family_text *x = ctx;
    struct netlink_view v;
    if (!netlink_view(sk, &v)) return;
    text_printf(x->t, "%016lx %-3d %-10u %08x %-8d %-8d %-5d %-8d %-8u %-8lu\n", proc_pointer(x->net, sk->inode), sk->protocol, v.port_id, v.groups,
        (int)sk->receive_used_bytes, (int)sk->send_used_bytes, (int)v.is_dumping, (int)sk->references, (unsigned)sk->drops, (unsigned long)sk->inode);
}

void proc_netlink(struct net *net, struct text *t)
{
    struct family_text x = { net, t };
    text_printf(t, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
    proc_each_sock(net, put_netlink_sock, &x);
}

struct census { uint32_t used, tcp[2], udp[2], udplite[2], raw[2], tcp_all; };

static void take_census(void *ctx, struct sock *sk)
{
    struct census *c = ctx;
    int six = sk->family == AF_INET6;
    if (sk->socket) c->used++;
    if (sk->family != AF_INET && sk->family != AF_INET6) return;
    if (sk->type == SOCK_STREAM) c->tcp_all++;
    if (sk->type == SOCK_STREAM && sk->state != SOCK_CLOSE) c->tcp[six]++;
    if (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP) c->udp[six]++;
    if (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDPLITE) c->udplite[six]++;
    if (sk->type == SOCK_RAW) c->raw[six]++;
}

void proc_sockstat(struct net *net, struct text *t)
{
    struct census c = { 0 };
    proc_each_sock(net, take_census, &c);
    text_printf(t, "sockets: used %u\n", c.used);
    text_printf(t, "TCP: inuse %u orphan %u tw %u alloc %u mem %lu\n", c.tcp[0], tcp_orphan_count(net), tcp_time_wait_count(net), c.tcp_all,
        (unsigned long)tcp_memory_pages(net));
    text_printf(t, "UDP: inuse %u mem %lu\n", c.udp[0], (unsigned long)udp_memory_pages(net));
    text_printf(t, "UDPLITE: inuse %u\nRAW: inuse %u\nFRAG: inuse %u memory %u\n", c.udplite[0], c.raw[0], 0u, 0u);
}

void proc_sockstat6(struct net *net, struct text *t)
{
    struct census c = { 0 };
    proc_each_sock(net, take_census, &c);
    text_printf(t, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\nRAW6: inuse %u\nFRAG6: inuse %u memory %u\n", c.tcp[1], c.udp[1],
        c.udplite[1], c.raw[1], 0u, 0u);
}

/* Sizes and the columns of operations are told as Linux has them, in its order. */
struct protocol_row { const char *name; uint16_t family; uint8_t type, protocol; bool has_memory; unsigned bytes, header_bytes; const char *slab, *operations; };
static const struct protocol_row protocol_rows[] = {
    { "PACKET", AF_PACKET, 0, 0, false, 1600, 0, "no", "n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
    { "PINGv6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, false, 1344, 0, "yes", "y  y  y  n  n  y  n  n  y  y  y  y  y  y  n  y  y  n" },
    { "RAWv6", AF_INET6, SOCK_RAW, 0, false, 1344, 0, "yes", "y  y  y  n  y  y  y  n  y  y  y  y  y  y  y  y  n  n" },
    { "UDPv6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP, true, 1472, 0, "yes", "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
    { "TCPv6", AF_INET6, SOCK_STREAM, IPPROTO_TCP, true, 2432, 192, "yes", "y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y" },
    { "UNIX-STREAM", AF_UNIX, SOCK_STREAM, 0, false, 1152, 0, "yes", "y  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
    { "UNIX", AF_UNIX, 0, 0, false, 1152, 0, "yes", "y  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
    { "PING", AF_INET, SOCK_DGRAM, IPPROTO_ICMP, false, 1016, 0, "yes", "y  y  y  n  n  y  n  n  y  y  y  y  y  y  n  y  y  n" },
    { "RAW", AF_INET, SOCK_RAW, 0, false, 1152, 0, "yes", "y  y  y  n  y  y  y  n  y  y  y  y  y  y  y  y  n  n" },
    { "UDP", AF_INET, SOCK_DGRAM, IPPROTO_UDP, true, 1344, 0, "yes", "y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n" },
    { "TCP", AF_INET, SOCK_STREAM, IPPROTO_TCP, true, 2304, 192, "yes", "y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y" },
    { "NETLINK", AF_NETLINK, 0, 0, false, 1096, 0, "no", "n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n" },
};

struct protocol_count { const struct protocol_row *row; int count; };

static void count_protocol(void *ctx, struct sock *sk)
{
    struct protocol_count *c = ctx;
    const struct protocol_row *row = c->row;
    if (sk->family != row->family || (row->type && sk->type != row->type)) return;
    if (row->protocol && sk->protocol != row->protocol) return;
    if (row->family == AF_UNIX && !row->type && sk->type == SOCK_STREAM) return;
    c->count++;
}

void proc_protocols(struct net *net, struct text *t)
{
    text_printf(t, "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em\n");
    for (size_t i = 0; i < array_count(protocol_rows); i++) {
        const struct protocol_row *row = &protocol_rows[i];
        struct protocol_count c = { .row = row };
        proc_each_sock(net, count_protocol, &c);
        long memory = -1;
        if (row->has_memory) memory = (long)(row->type == SOCK_STREAM ? tcp_memory_pages(net) : udp_memory_pages(net));
        text_printf(t, "%-9s %4u %6d  %6ld   %s %6u   %-3s  %-10s  %s\n", row->name, row->bytes, c.count, memory,
            row->type == SOCK_STREAM && row->has_memory ? "no " : "NI ", row->header_bytes, row->slab, "kernel", row->operations);
    }
}
