/* /proc/net/udp, udp6, raw, raw6, icmp, icmp6: one format, told apart by protocol and family. */
#include "inet/inet.h"
#include "proc/texts.h"
#include "udp/udp.h"

#define LINE_WIDTH 127
#define SLOTS_SHOWN 4096 /* Linux shows the hash slot; ours is by port too */

struct datagram_text {
    struct net *net;
    struct text *t;
    uint16_t family;
    uint8_t type, protocol; /* protocol 0: any */
    size_t width;

};

static void put_sock(struct datagram_text *x, const struct inet_sock *is)
{
    struct text *t = x->t;
    const struct sock *sk = &is->sk;
    size_t start = t->length;
    unsigned slot = sk->type == SOCK_RAW ? sk->protocol : is->local_port % SLOTS_SHOWN;
    uint32_t receive = sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP ? udp_receive_queue_bytes(sk) : sk->receive_used_bytes;
    const ip_addr_t *l = &is->local, *r = &is->remote;
    uint16_t local_port = sk->type == SOCK_RAW ? sk->protocol : is->local_port; /* Linux: inet_num */
    text_printf(t, x->width ? "%5u: " : sk->type == SOCK_RAW && x->family == AF_INET ? "%4u: " : "%5u: ", slot);
    if (x->family == AF_INET) text_printf(t, "%08X:%04X %08X:%04X", ip_get4(l).raw, local_port, ip_get4(r).raw, is->remote_port);
    else text_printf(t, "%08X%08X%08X%08X:%04X %08X%08X%08X%08X:%04X", l->word[0], l->word[1], l->word[2], l->word[3], local_port,
            r->word[0], r->word[1], r->word[2], r->word[3], is->remote_port);
    text_printf(t, " %02X %08X:%08X %02X:%08lX %08X %5u %8d %lu %d %016lx %lu", sk->state, sk->send_used_bytes, receive, 0, 0ul, 0,
        sk->uid, 0, (unsigned long)sk->inode, (int)sk->references + 1 /* Linux: the table's */, proc_pointer(x->net, sk->inode), (unsigned long)sk->drops);
    proc_end_line(t, start, x->width);
}

static void visit(void *ctx, struct sock *sk)
{
    struct datagram_text *x = ctx;
    if (sk->family != x->family || sk->type != x->type || (x->protocol && sk->protocol != x->protocol)) return;
    if (sk->type == SOCK_DGRAM && !inet_of(sk)->local_port) return; /* not in the table */
    put_sock(x, inet_of(sk));
}

static void put_sock4(struct net *net, struct text *t, uint8_t type, uint8_t protocol)
{
    size_t width = type == SOCK_DGRAM ? LINE_WIDTH : 0, start = t->length;
    struct datagram_text x = { .net = net, .t = t, .family = AF_INET, .type = type, .protocol = protocol, .width = width };
    bool is_udp = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
    text_printf(t, "%s  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
        "pointer drops", is_udp ? " " : "");
    proc_end_line(t, start, width);
    proc_each_sock(net, visit, &x);
}

static void put_sock6(struct net *net, struct text *t, uint8_t type, uint8_t protocol)
{
    struct datagram_text x = { .net = net, .t = t, .family = AF_INET6, .type = type, .protocol = protocol };
    text_printf(t, "  sl  local_address                         remote_address                        "
        "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n");
    proc_each_sock(net, visit, &x);
}

void proc_udp4(struct net *net, struct text *t) { put_sock4(net, t, SOCK_DGRAM, IPPROTO_UDP); }
void proc_udp6(struct net *net, struct text *t) { put_sock6(net, t, SOCK_DGRAM, IPPROTO_UDP); }
void proc_udplite4(struct net *net, struct text *t) { put_sock4(net, t, SOCK_DGRAM, IPPROTO_UDPLITE); }
void proc_udplite6(struct net *net, struct text *t) { put_sock6(net, t, SOCK_DGRAM, IPPROTO_UDPLITE); }
void proc_raw4(struct net *net, struct text *t) { put_sock4(net, t, SOCK_RAW, 0); }
void proc_raw6(struct net *net, struct text *t) { put_sock6(net, t, SOCK_RAW, 0); }
void proc_icmp4(struct net *net, struct text *t) { put_sock4(net, t, SOCK_DGRAM, IPPROTO_ICMP); }
void proc_icmp6(struct net *net, struct text *t) { put_sock6(net, t, SOCK_DGRAM, IPPROTO_ICMPV6); }
