#include "afpacket/afpacket_sock.h"
#include "device/frame.h"
#include "inet/inet.h"
#include "wire/headers.h"

#define RECEIVE_FLAGS (MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC | MSG_ERRQUEUE | MSG_CMSG_CLOEXEC)

/* Where a frame goes. */
struct target { struct net_device *device; be16_t protocol; struct mac_addr to; bool has_to; };

static int find_target(struct afpacket_sock *a, const struct user_msg *msg, struct target *out)
{
    const struct sockaddr_ll *ll = (const void *)&msg->name;
    int32_t ifindex = a->ifindex;
    *out = (struct target){ .protocol = a->protocol };
    if (msg->name_bytes > 0) {
        if (msg->name_bytes < sizeof *ll || msg->name_bytes < ll->sll_halen + offsetof(struct sockaddr_ll, sll_addr)) return -EINVAL;
        out->protocol.raw = ll->sll_protocol;
        ifindex = ll->sll_ifindex;
        out->has_to = a->sock.type == SOCK_DGRAM && ll->sll_halen >= sizeof out->to;
        memcpy(&out->to, ll->sll_addr, sizeof out->to);
    }
    out->device = ifindex > 0 ? device_by_index(a->sock.net, (uint32_t)ifindex) : NULL;
    if (!out->device) return -ENXIO;
    return out->device->flags & IFF_UP ? 0 : -ENETDOWN;
}

static int make_frame(struct sock *sk, struct user_msg *msg, const struct target *t, struct packet **out)
{
    uint32_t bytes = (uint32_t)msg->data.left;
    struct packet *p = packet_create(sk->net->machine, bytes);
    if (!p) return -ENOBUFS;
    p->net = sk->net;
    p->protocol = t->protocol;
    p->priority = sk->priority;
    p->mark = sk->mark;
    int error = bytes ? user_iter_in(&msg->data, packet_put(p, bytes), bytes) : 0;
    if (!error && sk->type == SOCK_DGRAM) {
        device_push_header(t->device, p, t->has_to ? &t->to : NULL);
    } else if (!error && (!p->protocol.raw || host16(p->protocol) == ETH_P_ALL)) {
        const struct wire_ethernet *e = (const void *)packet_data(p);
        p->protocol = t->device->header_bytes ? e->type : frame_bare_ethertype(p);
    }
    if (error) {
        packet_consume(p);
        return error;
    }
    p->link_offset = 0;
    p->network_offset = t->device->header_bytes;
    *out = p;
    return 0;
}

long afpacket_sendmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    struct target t;
    struct packet *p;
    uint64_t bytes = msg->data.left;
    uint64_t header_bytes = 0;
    int error = find_target(afpacket_of(sk), msg, &t);
    if (error) return error;
    if (sk->type == SOCK_RAW) header_bytes = t.device->header_bytes;
    if (bytes > t.device->mtu_bytes + header_bytes) return -EMSGSIZE;
    if ((error = sock_may_send(sk))) return error;
    if (bytes < header_bytes) return -EINVAL;
    if ((error = make_frame(sk, msg, &t, &p))) return error;
    sock_charge_send(sk, p);
    device_transmit(t.device, p);
    return (long)bytes;
}

static uint8_t link_bytes_of(const struct packet *p)
{
    return p->scratch[AFPACKET_SCRATCH_HARDWARE] == ARPHRD_NONE ? 0 : ETH_HLEN;
}

static void fill_address(const struct packet *p, struct user_msg *msg)
{
    struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = p->protocol.raw, .sll_ifindex = p->in_ifindex,
        .sll_hatype = (uint16_t)p->scratch[AFPACKET_SCRATCH_HARDWARE], .sll_pkttype = p->kind, .sll_halen = link_bytes_of(p) ? ETH_ALEN : 0 };
    memcpy(ll.sll_addr, &p->scratch[AFPACKET_SCRATCH_SOURCE], ETH_ALEN);
    memcpy(&msg->name, &ll, sizeof ll);
    msg->name_bytes = sizeof ll;
}

static void put_auxdata(const struct afpacket_sock *a, const struct packet *p, struct user_msg *msg)
{
    struct tpacket_auxdata aux = { .tp_status = (uint32_t)p->scratch[AFPACKET_SCRATCH_STATUS],
        .tp_len = (uint32_t)p->scratch[AFPACKET_SCRATCH_BYTES], .tp_snaplen = packet_bytes(p),
        .tp_net = a->sock.type == SOCK_DGRAM ? 0 : link_bytes_of(p) };
    if (a->wants_auxdata) user_msg_put_control(msg, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof aux);
}

long afpacket_recvmsg(struct socket *s, struct user_msg *msg)
{
    struct sock *sk = s->sock;
    int error;
    if (msg->flags & ~(uint32_t)RECEIVE_FLAGS) return -EINVAL;
    if (msg->flags & MSG_ERRQUEUE) return sock_error_receive(sk, msg, SOL_PACKET, PACKET_TX_TIMESTAMP, NULL);
    struct packet *p = sock_datagram_next(sk, msg, &error);
    if (!p) return error;
    uint32_t bytes = packet_bytes(p), shown = (uint32_t)min_of(bytes, msg->data.left);
    if (shown < bytes) msg->out_flags |= MSG_TRUNC;
    long result = sock_copy_out(p, 0, &msg->data, shown);
    if (!result) {
        inet_put_timestamps(sk, msg, p);
        fill_address(p, msg);
        put_auxdata(afpacket_of(sk), p, msg);
        result = msg->flags & MSG_TRUNC ? (long)bytes : (long)shown;
    }
    if (!(msg->flags & MSG_PEEK)) packet_consume(p);
    return result;
}
