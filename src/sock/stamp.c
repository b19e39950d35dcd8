/* SO_TIMESTAMPING of what is sent: when a packet came to its device (SCHED), when it left (SND), and, said by TCP, when it was
 * acknowledged (ACK). Each is an entry of the error queue: the packet as it then was, or nothing (OPT_TSONLY), or statistics. */
#include "device/net_device.h"
#include "sock/sock.h"
#include "wire/headers.h"

uint8_t sock_stamps_wanted(uint32_t flags)
{
    return (uint8_t)((flags & SOF_TIMESTAMPING_TX_SCHED ? PACKET_STAMP_SCHEDULED : 0) | (flags & SOF_TIMESTAMPING_TX_SOFTWARE ? PACKET_STAMP_SENT : 0));
}

static void release_stamped(struct packet *p)
{
    struct sock *sk = p->sock;

    p->release = NULL;
    p->sock = NULL;
    sock_put(sk);
}

void sock_stamp_packet(struct sock *sk, struct packet *p, uint8_t stamps, uint32_t key)
{
    p->stamps = stamps & (PACKET_STAMP_SCHEDULED | PACKET_STAMP_SENT);
    p->stamp_key = key;
    if (!p->stamps || p->sock) return;
    p->sock = sock_get(sk);
    p->release = release_stamped;
}

static void fill_origin4(const struct packet *p, bool is_asked, struct sock_error *e)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct wire_ipv4 h;

    if (!is_asked || !packet_read(p, p->device->header_bytes, &h, sizeof(h))) return;
    memcpy(&from.sin_addr, &h.source, sizeof(from.sin_addr));
    memcpy(&e->offender, &from, sizeof(from));
    e->heard = (struct packet_ip){ .version = 4, .ttl = h.ttl, .tos = h.tos, .source = ip_from4(h.source), .destination = ip_from4(h.destination) };
}

static void fill_origin6(const struct packet *p, bool is_asked, struct sock_error *e)
{
    struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
    struct wire_ipv6 h;

    if (!packet_read(p, p->device->header_bytes, &h, sizeof(h))) return;
    memcpy(&from.sin6_addr, &h.source, sizeof(from.sin6_addr));
    memcpy(&e->offender, &from, sizeof(from));
    if (!is_asked) return;
    e->heard = (struct packet_ip){ .version = 6, .ttl = h.hop_limit };
    memcpy(&e->heard.source, &h.source, 16);
    memcpy(&e->heard.destination, &h.destination, 16);
}

/* The egress device and the addresses, for those who asked (OPT_CMSG and IP_PKTINFO); IPv6 always says who sent it. */
static void fill_origin(const struct sock *sk, const struct packet *p, struct sock_error *e)
{
    bool is_asked = sk->rare->timestamping_flags & SOF_TIMESTAMPING_OPT_CMSG;

    e->in_ifindex = (int32_t)p->device->ifindex;
    if (host16(p->protocol) == ETH_P_IP && sk->family == AF_INET) fill_origin4(p, is_asked, e);
    else if (host16(p->protocol) == ETH_P_IPV6 && sk->family == AF_INET6) fill_origin6(p, is_asked, e);
}

static void queue_statistics(struct sock *sk, struct sock_error *e, int hops)
{
    enum { ROOM_BYTES = 320 };
    struct packet *p = packet_create(sk->net->machine, ROOM_BYTES);
    uint8_t *room = p ? packet_put(p, ROOM_BYTES) : NULL;

    if (!p) return;
    packet_trim(p, sk->proto->stamp_statistics(sk, hops, room, ROOM_BYTES));
    e->has_statistics = true;
    sock_error_queue(sk, e, p, 0);
    packet_consume(p);
}

void sock_stamp(struct sock *sk, const struct packet *payload, uint32_t tstype, uint32_t key, int hops)
{
    uint32_t flags = sk->rare->timestamping_flags;
    struct sock_error e = { .ee = { .ee_errno = ENOMSG, .ee_origin = SO_EE_ORIGIN_TIMESTAMPING, .ee_info = tstype } };

    if (sk->is_dead) return;
    if (flags & SOF_TIMESTAMPING_OPT_ID) e.ee.ee_data = sk->proto->stamp_base ? key - sk->rare->timestamp_key : key;
    if (flags & SOF_TIMESTAMPING_OPT_TSONLY) {
        if (flags & SOF_TIMESTAMPING_OPT_STATS && sk->proto->stamp_statistics) queue_statistics(sk, &e, hops);
        else sock_error_queue(sk, &e, NULL, 0);
        return;
    }
    if (payload && payload->device) fill_origin(sk, payload, &e);
    sock_error_queue(sk, &e, payload, 0);
}

void sock_packet_stamped(struct packet *p, uint8_t moment)
{
    if (!(p->stamps & moment)) return;
    sock_stamp(p->sock, p, moment == PACKET_STAMP_SENT ? SCM_TSTAMP_SND : SCM_TSTAMP_SCHED, p->stamp_key, -1);
}
