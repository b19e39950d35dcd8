/* IPv6 extension headers and packet information that a sock attaches to what it sends, or wants to see of what it gets
 * (RFC 3542). Routing headers are refused: no type is built in. */
#include "inet/inet_ops.h"

enum { EXTENSION_ROOM_BYTES = INET_EXTENSION_BYTES / 2 }; /* for each header; the packet's head has room for two such */
enum { STICKY_HOP, STICKY_ROUTING_DESTINATION, STICKY_DESTINATION, STICKY_COUNT };

struct inet_extensions {
    uint8_t bytes[STICKY_COUNT];
    uint8_t data[STICKY_COUNT][EXTENSION_ROOM_BYTES];
    uint8_t wire[INET_EXTENSION_BYTES], wire_bytes, first; /* as they go out */
    uint32_t noted_mtu_bytes;        /* IPV6_RECVPATHMTU's notice, not yet read; 0: none */
    ip_addr_t noted_destination;
};

uint32_t inet_join_extensions(uint8_t *out, const uint8_t *hop, uint32_t hop_bytes, const uint8_t *destination, uint32_t destination_bytes,
                              uint8_t protocol, uint8_t *first)
{
    *first = hop_bytes ? IPPROTO_HOPOPTS : destination_bytes ? IPPROTO_DSTOPTS : protocol;
    if (hop_bytes) {
        memcpy(out, hop, hop_bytes);
        out[0] = destination_bytes ? IPPROTO_DSTOPTS : protocol;
    }
    if (destination_bytes) {
        memcpy(out + hop_bytes, destination, destination_bytes);
        out[hop_bytes] = protocol;
    }
    return hop_bytes + destination_bytes;
}

void inet_free_extensions(struct inet_sock *is)
{
    if (!is->rare->extensions) return;
    machine_free(is->sk.net->machine, is->rare->extensions, sizeof(*is->rare->extensions));
    inet_rare(is)->extensions = NULL;
}

void inet_sticky_extensions(const struct inet_sock *is, const uint8_t **hop, uint32_t *hop_bytes, const uint8_t **destination, uint32_t *destination_bytes)
{
    const struct inet_extensions *e = is->rare->extensions;

    *hop = e ? e->data[STICKY_HOP] : NULL;
    *hop_bytes = e ? e->bytes[STICKY_HOP] : 0;
    *destination = e ? e->data[STICKY_DESTINATION] : NULL;
    *destination_bytes = e ? e->bytes[STICKY_DESTINATION] : 0;
}

void inet_apply_extensions(const struct inet_sock *is, struct ip_send *send)
{
    const struct inet_extensions *e = is->rare->extensions;

    /* IPV6_DONTFRAG: what does not fit is EMSGSIZE. */
    if (is->dont_fragment6 && send->fragment_policy < IPV6_PMTUDISC_DO) send->fragment_policy = IPV6_PMTUDISC_DO;
    if (!e || !e->wire_bytes) return;
    send->extension = e->wire;
    send->extension_bytes = e->wire_bytes;
    send->extension_first = e->first;
}

int inet_check_extension(const uint8_t *data, uint32_t bytes)
{
    if (bytes < 8 || bytes & 7 || bytes > 8 * 255 || (data[1] + 1u) * 8 > bytes) return -EINVAL;
    return bytes > EXTENSION_ROOM_BYTES ? -ENOBUFS : 0;
}

static struct inet_extensions *extensions_of(struct inet_sock *is)
{
    struct inet_rare *own = inet_rare(is);

    if (own && !own->extensions) own->extensions = machine_alloc(is->sk.net->machine, sizeof(*own->extensions));
    return own ? own->extensions : NULL;
}

static int set_sticky(struct sock *sk, const struct user_option *o, int which)
{
    struct inet_sock *is = inet_of(sk);
    uint8_t data[EXTENSION_ROOM_BYTES] = { 0 };
    struct inet_extensions *e;
    int error;

    if (!credentials_can(o->credentials, CAP_NET_RAW)) return -EPERM;
    if (o->bytes < 0 || (o->bytes && (o->bytes < 8 || o->bytes & 7 || o->bytes > 8 * 255))) return -EINVAL;
    if (o->bytes > (int)sizeof(data)) return -ENOBUFS;
    if (o->bytes) {
        if (option_in(o, data, (size_t)o->bytes)) return -EFAULT;
        error = inet_check_extension(data, (uint32_t)o->bytes);
        if (error) return error;
    }
    e = extensions_of(is);
    if (!e) return -ENOBUFS;
    e->bytes[which] = (uint8_t)o->bytes;
    memcpy(e->data[which], data, sizeof(data));
    e->wire_bytes = (uint8_t)inet_join_extensions(e->wire, e->data[STICKY_HOP], e->bytes[STICKY_HOP], e->data[STICKY_DESTINATION],
                                                  e->bytes[STICKY_DESTINATION], sk->protocol, &e->first);
    return 0;
}

static int get_sticky(struct sock *sk, const struct user_option *o, int which)
{
    const struct inet_extensions *e = inet_of(sk)->rare->extensions;

    return option_out(o, e ? e->data[which] : NULL, e ? e->bytes[which] : 0);
}

int inet_set_hopopts(struct sock *sk, const struct user_option *o) { return set_sticky(sk, o, STICKY_HOP); }
int inet_get_hopopts(struct sock *sk, const struct user_option *o) { return get_sticky(sk, o, STICKY_HOP); }
int inet_set_rthdrdstopts(struct sock *sk, const struct user_option *o) { return set_sticky(sk, o, STICKY_ROUTING_DESTINATION); }
int inet_get_rthdrdstopts(struct sock *sk, const struct user_option *o) { return get_sticky(sk, o, STICKY_ROUTING_DESTINATION); }
int inet_set_dstopts(struct sock *sk, const struct user_option *o) { return set_sticky(sk, o, STICKY_DESTINATION); }
int inet_get_dstopts(struct sock *sk, const struct user_option *o) { return get_sticky(sk, o, STICKY_DESTINATION); }

int inet_set_rthdr(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return o->bytes ? -EINVAL : 0;
}

int inet_get_rthdr(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return option_out(o, NULL, 0);
}

/* IPV6_PKTINFO as an option: default source and interface. */
int inet_set_pktinfo6(struct sock *sk, const struct user_option *o)
{
    struct in6_pktinfo info;
    struct inet_rare *own;
    ip_addr_t a;

    if (o->bytes < (int)sizeof(info)) return -EINVAL;
    if (option_in(o, &info, sizeof(info))) return -EFAULT;
    if (sk->bound_ifindex && (int32_t)info.ipi6_ifindex != sk->bound_ifindex) return -EINVAL;
    a = ip_from6(&info.ipi6_addr);
    if (!ip_is_any6(&a) && !ip_is_local(sk->net, &a)) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->sticky_source6 = a;
    own->sticky_ifindex6 = (int32_t)info.ipi6_ifindex;
    return 0;
}

int inet_get_path_mtu(struct sock *sk, const struct user_option *o)
{
    struct inet_sock *is = inet_of(sk);
    struct ip6_mtuinfo info = { .ip6m_addr = { .sin6_family = AF_INET6 } };

    if (o->bytes < (int)sizeof(info)) return -EINVAL;
    if (!is->route || is->route->version != 6) return -ENOTCONN;
    info.ip6m_mtu = route_mtu(is->route);
    memcpy(&info.ip6m_addr.sin6_addr, is->remote.bytes, 16);
    return option_out(o, &info, sizeof(info));
}

void inet_note_path_mtu(struct inet_sock *is, const ip_addr_t *destination, uint32_t mtu_bytes)
{
    struct inet_extensions *e = is->want_path_mtu6 ? extensions_of(is) : NULL;

    if (!e) return;
    e->noted_mtu_bytes = mtu_bytes;
    e->noted_destination = *destination;
}

bool inet_take_path_mtu(struct sock *sk, struct user_msg *msg)
{
    struct inet_extensions *e = inet_of(sk)->rare->extensions;
    struct ip6_mtuinfo info = { .ip6m_addr = { .sin6_family = AF_INET6 } };

    if (!inet_is6(sk) || !inet_of(sk)->want_path_mtu6 || !e || !e->noted_mtu_bytes) return false;
    info.ip6m_mtu = e->noted_mtu_bytes;
    memcpy(&info.ip6m_addr.sin6_addr, e->noted_destination.bytes, 16);
    e->noted_mtu_bytes = 0;
    msg->name_bytes = inet_put_address(sk, &msg->name, &e->noted_destination, 0, 0);
    user_msg_put_control(msg, SOL_IPV6, IPV6_PATHMTU, &info, sizeof(info));
    return true;
}

/* --- received ------------------------------------------------------------------------------------------------------ */

struct seen { const uint8_t *at; uint32_t bytes; uint8_t kind; };

/* The extension header at *offset of the IPv6 header; false: the transport begins. */
static bool next_extension(const uint8_t *header, uint32_t header_bytes, uint32_t *offset, uint8_t *kind, struct seen *out)
{
    uint32_t bytes;

    if (*kind != IPPROTO_HOPOPTS && *kind != IPPROTO_DSTOPTS && *kind != IPPROTO_ROUTING) return false;
    if (*offset + 8 > header_bytes) return false;
    bytes = (header[*offset + 1] + 1u) * 8;
    if (*offset + bytes > header_bytes) return false;
    *out = (struct seen){ header + *offset, bytes, *kind };
    *kind = header[*offset];
    *offset += bytes;
    return true;
}

void inet_put_extensions(const struct inet_sock *is, struct user_msg *msg, const struct packet *p)
{
    uint32_t offset = 40;
    const uint8_t *header;
    uint8_t kind;
    struct seen s;

    if (p->ip.header_bytes <= 40 || p->network_offset >= 0) return;
    header = packet_network(p);
    kind = header[6];
    while (next_extension(header, p->ip.header_bytes, &offset, &kind, &s)) {
        switch (s.kind) {
        case IPPROTO_HOPOPTS:
            if (is->want_hopopts6) user_msg_put_control(msg, SOL_IPV6, IPV6_HOPOPTS, s.at, s.bytes);
            if (is->want_2292_hopopts6) user_msg_put_control(msg, SOL_IPV6, IPV6_2292HOPOPTS, s.at, s.bytes);
            break;
        case IPPROTO_ROUTING:
            if (is->want_rthdr6) user_msg_put_control(msg, SOL_IPV6, IPV6_RTHDR, s.at, s.bytes);
            if (is->want_2292_rthdr6) user_msg_put_control(msg, SOL_IPV6, IPV6_2292RTHDR, s.at, s.bytes);
            break;
        default:
            if (is->want_dstopts6) user_msg_put_control(msg, SOL_IPV6, IPV6_DSTOPTS, s.at, s.bytes);
            if (is->want_2292_dstopts6) user_msg_put_control(msg, SOL_IPV6, IPV6_2292DSTOPTS, s.at, s.bytes);
            break;
        }
    }
}
