/* ARP for Ethernet (RFC 826, RFC 5227): asked by the state machine, answered for addresses of ours. */
#include "neighbour/state.h"

static const struct mac_addr nobody;

static void send_message(struct net_device *d, uint16_t operation, const struct mac_addr *to, const ip_addr_t *source,
                 const struct mac_addr *target_mac, const ip_addr_t *target)
{
    struct packet *p = packet_create(d->net->machine, sizeof(struct wire_arp));
    if (!p) return;
    struct wire_arp *h = (void *)packet_put(p, sizeof(*h));
    *h = (struct wire_arp){ .hardware = be16(ARPHRD_ETHER),
        .protocol = be16(ETH_P_IP),
        .hardware_bytes = 6,
        .protocol_bytes = 4,
        .operation = be16(operation),
        .sender_mac = d->mac,
        .sender_ip = ip_get4(source),
        .target_mac = *target_mac,
        .target_ip = ip_get4(target) };
    p->net = d->net;
    p->device = d;
    p->protocol = be16(ETH_P_ARP);
    p->network_offset = 0;
    if (!device_push_header(d, p, to)) return packet_drop(p, DROP_NOMEM);
    device_transmit(d, p);
}

void arp_solicit(struct neighbour *n, const struct packet *waiting, bool is_unicast)
{
    struct net_device *d = n->device;
    const struct neighbour_host *host = host_of(d);
    ip_addr_t source = ip_any4();
    if (host && host->source_for) (void)host->source_for(d, waiting, &n->address, &source);
    send_message(d, ARPOP_REQUEST, is_unicast ? &n->mac : &d->broadcast, &source, &nobody, &n->address);
}

void arp_announce(struct net_device *d, const ip_addr_t *address)
{
    send_message(d, ARPOP_REQUEST, &d->broadcast, address, &nobody, address);
}

static bool is_sound(const struct net_device *d, const struct wire_arp *h)
{
    uint16_t operation = host16(h->operation);
    return host16(h->hardware) == ARPHRD_ETHER && host16(h->protocol) == ETH_P_IP && h->hardware_bytes == 6
        && h->protocol_bytes == 4 && (operation == ARPOP_REQUEST || operation == ARPOP_REPLY)
        && !(d->flags & (IFF_NOARP | IFF_LOOPBACK));
}

static void answer(struct net_device *d, const struct wire_arp *h, const ip_addr_t *sender, const ip_addr_t *target)
{
    send_message(d, ARPOP_REPLY, &h->sender_mac, target, &h->sender_mac, sender);
    if (ip_is_any(sender)) return; /* a probe (RFC 5227): nobody to remember yet */
    struct neighbour *n = neighbour_lookup(d, sender, true);
    if (!n) return;
    (void)neighbour_update(n, &h->sender_mac, NUD_STALE, NEIGHBOUR_OVERRIDE);
    neighbour_put(n);
}

/* RFC 5227 §3: sender and target the same, and in a reply also the same link-layer address or none. */
static bool is_gratuitous(const struct wire_arp *h)
{
    if (h->sender_ip.raw != h->target_ip.raw) return false;
    bool own_mac = !memcmp(h->sender_mac.bytes, h->target_mac.bytes, 6);
    return host16(h->operation) == ARPOP_REQUEST || own_mac || !memcmp(h->target_mac.bytes, nobody.bytes, 6);
}

/* A stranger's answer creates nothing, unless arp_accept says so. */
static void learn(struct net_device *d, const struct packet *p, const struct wire_arp *h, const ip_addr_t *sender)
{
    bool gratuitous = is_gratuitous(h), is_reply = host16(h->operation) == ARPOP_REPLY;
    bool may_create = (gratuitous || is_reply) && host_of(d)->accepts_arp(d, sender);
    struct neighbour *n = neighbour_lookup(d, sender, may_create);
    if (!n) return;
    bool settled = now_of(d) > n->updated_ns + (uint64_t)n->parameters->locktime_ms * NS_PER_MS;
    (void)neighbour_update(n, &h->sender_mac, is_reply && p->kind == PACKET_HOST ? NUD_REACHABLE : NUD_STALE,
        settled || gratuitous ? NEIGHBOUR_OVERRIDE : 0);
    neighbour_put(n);
}

void arp_receive(struct net_device *d, struct packet *p)
{
    struct wire_arp h;
    const struct neighbour_host *host = host_of(d);
    if (p->kind == PACKET_OTHERHOST || p->kind == PACKET_LOOPBACK) return packet_drop(p, DROP_OTHERHOST);
    if (!packet_read(p, 0, &h, sizeof(h)) || !is_sound(d, &h)) return packet_drop(p, DROP_PKT_TOO_SMALL);
    ip_addr_t sender = ip_from4(h.sender_ip), target = ip_from4(h.target_ip);
    bool strange = ip_is_multicast(&target) || ip_is_loopback(&target) || ip_is_multicast(&sender)
        || ip_is_broadcast4(&sender);
    bool unwanted = host && be32_equal(h.sender_ip, h.target_ip) && (host->policy(d) & NEIGHBOUR_DROP_GRATUITOUS_ARP);
    if (!strange && !unwanted && host) {
        bool asked = host16(h.operation) == ARPOP_REQUEST && host->answers_arp(d, &sender, &target);
        if (asked) answer(d, &h, &sender, &target);
        else if (!ip_is_any(&sender)) learn(d, p, &h, &sender);
    }
    packet_consume(p);
}
