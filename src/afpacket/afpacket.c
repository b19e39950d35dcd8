#include "afpacket/afpacket_sock.h"
#include "inet/inet.h"
#include "inet/inet_ops.h"

static int init_sock(struct sock *sk)
{
    list_init(&afpacket_of(sk)->hooked_node);
    list_init(&afpacket_of(sk)->memberships);
    return 0;
}

static void destroy_sock(struct sock *sk)
{
    afpacket_unhook(sk);
    afpacket_leave_all(sk);
}

static const struct proto afpacket_proto = {
    .name = "PACKET", .sock_bytes = sizeof(struct afpacket_sock), .init = init_sock, .destroy = destroy_sock,
};

static void release(struct socket *s)
{
    struct sock *sk = s->sock;
    if (!sk) return;
    s->sock = NULL;
    afpacket_unhook(sk);
    sock_orphan(sk);
    packet_queue_purge(&sk->receive_queue);
    sock_put(sk);
}

static int bind_packet(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    const struct sockaddr_ll *ll = (const void *)a;
    struct afpacket_sock *p = afpacket_of(s->sock);
    (void)t;
    if (bytes < sizeof *ll || ll->sll_family != AF_PACKET) return -EINVAL;
    const struct net_device *d = ll->sll_ifindex ? device_by_index(s->net, (uint32_t)ll->sll_ifindex) : NULL;
    if (ll->sll_ifindex && !d) return -ENODEV;
    if (ll->sll_protocol) p->protocol.raw = ll->sll_protocol;
    p->ifindex = ll->sll_ifindex;
    s->sock->bound_ifindex = ll->sll_ifindex;
    afpacket_hook(s->sock);
    if (d && !(d->flags & IFF_UP)) sock_report_error(s->sock, ENETDOWN); /* Linux: bound all the same */
    return 0;
}

static int getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which)
{
    const struct afpacket_sock *p = afpacket_of(s->sock);
    const struct net_device *d = p->ifindex > 0 ? device_by_index(s->net, (uint32_t)p->ifindex) : NULL;
    struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = p->protocol.raw, .sll_ifindex = p->ifindex };
    if (which) return -EOPNOTSUPP;
    if (d) {
        ll.sll_hatype = d->hardware_type;
        ll.sll_halen = d->header_bytes ? ETH_ALEN : 0;
        memcpy(ll.sll_addr, &d->mac, ETH_ALEN);
    }
    memcpy(a, &ll, sizeof ll);
    return (int)(offsetof(struct sockaddr_ll, sll_addr) + ll.sll_halen);
}

static int ioctl_packet(struct socket *s, const struct task *t, unsigned command, uint64_t argument)
{
    const struct packet *first = packet_queue_peek(&s->sock->receive_queue);
    int value = command == SIOCINQ ? (first ? (int)packet_bytes(first) : 0) : (int)s->sock->send_used_bytes;
    if (command == SIOCINQ || command == SIOCOUTQ) return user_out(t->memory, argument, &value, sizeof value);
    return inet_interface_ioctl(s->net, t, command, argument); /* Linux: what AF_INET sockets answer about interfaces */
}

static uint32_t poll_packet(struct socket *s) { return sock_datagram_poll(s->sock); }

static const struct proto_ops afpacket_ops = {
    .family = AF_PACKET, .release = release, .bind = bind_packet, .getname = getname, .poll = poll_packet, .ioctl = ioctl_packet,
    .setsockopt = afpacket_setsockopt, .getsockopt = afpacket_getsockopt, .sendmsg = afpacket_sendmsg,
    .recvmsg = afpacket_recvmsg,
};

static int create(struct net *net, struct socket *s, const struct task *t, int protocol)
{
    if (t && !credentials_can(&t->credentials, CAP_NET_RAW)) return -EPERM;
    if (s->type != SOCK_RAW && s->type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    struct sock *sk = sock_create(net, &afpacket_proto, AF_PACKET, s->type, 0);
    if (!sk) return -ENOBUFS;
    init_sock(sk);
    afpacket_of(sk)->protocol.raw = (uint16_t)protocol;
    if (t) sk->uid = t->credentials.uid;
    s->ops = &afpacket_ops;
    s->sock = sk;
    sock_graft(sk, s, &s->wait);
    afpacket_hook(sk);
    return 0;
}

const struct net_family afpacket_family = { .family = AF_PACKET, .name = "packet", .create = create };

void afpacket_proc_text(struct net *net, struct text *t)
{
    text_printf(t, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
    list_for_each(it, &net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family != AF_PACKET) continue;
        const struct afpacket_sock *a = afpacket_of(sk);
        text_printf(t, "%016lx %-6d %-4d %04x   %-5d %1d %-6u %-6u %-6lu\n", 0ul, (int)sk->references, sk->type,
                    host16(a->protocol), a->ifindex, list_is_linked(&a->hooked_node), sk->receive_used_bytes, sk->uid,
                    (unsigned long)sk->inode);
    }
}
