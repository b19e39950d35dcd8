/* Neighbour discovery (RFC 4861): solicitations and advertisements here; what routers tell goes to the room above. */
#include "neighbour/state.h"

enum { ROUTER_SOLICIT = 133, ROUTER_ADVERT = 134, SOLICIT = 135, ADVERT = 136, REDIRECT = 137 };
enum { OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2 };
enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

struct message {
    uint8_t type, code;
    be16_t checksum;
    uint8_t flags, reserved[3];
    uint8_t target[16];
} WIRE_PACKED; /* NS and NA */
static_assert(sizeof(struct message) == 24, "RFC 4861 §4.3, §4.4");

static const ip_addr_t all_nodes = { .bytes = { 0xff, 2, [15] = 1 } };

static void send_message(struct net_device *d, const ip_addr_t *source, const ip_addr_t *destination, uint8_t type,
    uint8_t flags, const ip_addr_t *target, uint8_t option)
{
    const struct neighbour_host *host = host_of(d);
    struct packet *p = packet_create(d->net->machine, sizeof(struct message) + 8);
    if (!p) return;
    struct message *h = (void *)packet_put(p, sizeof(*h));
    *h = (struct message){ .type = type, .flags = flags };
    memcpy(h->target, target->bytes, 16);
    if (option) {
        uint8_t *o = packet_put(p, 8);
        o[0] = option;
        o[1] = 1;
        memcpy(o + 2, d->mac.bytes, 6);
    }
    p->net = d->net;
    p->device = d;
    if (host && host->send) host->send(d, p, source, destination);
    else packet_drop(p, DROP_IP_OUTNOROUTES);
}

void ndp_solicit(struct net_device *d, const ip_addr_t *source, const ip_addr_t *destination, const ip_addr_t *target)
{
    send_message(d, source, destination, SOLICIT, 0, target, ip_is_any(source) ? 0 : OPTION_SOURCE_MAC);
}

void ndp_solicit_for(struct neighbour *n, const struct packet *waiting, bool is_unicast)
{
    const struct neighbour_host *host = host_of(n->device);
    const ip_addr_t *a = &n->address;
    ip_addr_t source = ip_any6(),
              group = { .bytes = { 0xff, 2, [11] = 1, 0xff, a->bytes[13], a->bytes[14], a->bytes[15] } };
    if (!host || !host->source_for || !host->source_for(n->device, waiting, a, &source)) return;
    ndp_solicit(n->device, &source, is_unicast ? a : &group, a);
}

void ndp_advertise(struct net_device *d, const ip_addr_t *source, const ip_addr_t *destination, const ip_addr_t *target,
    bool is_solicited, bool override)
{
    const struct neighbour_host *host = host_of(d);
    uint8_t flags = (uint8_t)((is_solicited ? FLAG_SOLICITED : 0) | (override ? FLAG_OVERRIDE : 0)
        | (host && host->is_router && host->is_router(d) ? FLAG_ROUTER : 0));
    bool tell_mac = override || (host && host->policy(d) & NEIGHBOUR_ALWAYS_TELL_MAC);
    send_message(d, source, destination, ADVERT, flags, target, tell_mac ? OPTION_TARGET_MAC : 0);
}

/* The options behind `offset`: the wanted link-layer address. False: malformed (RFC 4861 §7.1.1: length 0). */
static bool find_mac(const struct packet *p, uint32_t offset, uint8_t wanted, struct mac_addr *mac, bool *has_mac)
{
    uint8_t o[8];
    *has_mac = false;
    while (offset < packet_bytes(p)) {
        if (!packet_read(p, offset, o, 2) || !o[1] || offset + o[1] * 8u > packet_bytes(p)) return false;
        if (o[0] == wanted && o[1] == 1 && !*has_mac && packet_read(p, offset, o, 8)) {
            memcpy(mac->bytes, o + 2, 6);
            *has_mac = true;
        }
        offset += o[1] * 8u;
    }
    return true;
}

static bool is_solicited_node(const ip_addr_t *a)
{
    static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, 0xff };
    return !memcmp(a->bytes, prefix, sizeof(prefix));
}

static void learn_from_solicit(struct net_device *d, const struct packet *p, const struct mac_addr *mac)
{
    struct neighbour *n = neighbour_lookup(d, &p->ip.source, true);
    if (!n) return;
    (void)neighbour_update(n, mac, NUD_STALE, NEIGHBOUR_OVERRIDE);
    neighbour_put(n);
}

static enum drop_reason take_solicit(struct net_device *d, const struct packet *p, const struct message *h)
{
    const struct neighbour_host *host = host_of(d);
    ip_addr_t target = ip_from6(h->target);
    struct mac_addr mac;
    if (ip_is4(&target)) return DROP_IPV6_NDISC_NS_OTHERHOST; /* ::ffff:a.b.c.d is ARP's */
    bool has_mac, is_probe = ip_is_any(&p->ip.source), to_many = ip_is_multicast(&p->ip.destination);
    if (ip_is_multicast(&target) || (is_probe && !is_solicited_node(&p->ip.destination)))
        return DROP_IPV6_NDISC_BAD_CODE;
    if (!find_mac(p, sizeof(*h), OPTION_SOURCE_MAC, &mac, &has_mac) || (is_probe && has_mac))
        return DROP_IPV6_NDISC_BAD_OPTIONS;
    if (host->is_tentative(d, &target)) {
        if (is_probe && p->kind != PACKET_LOOPBACK) host->duplicate(d, &target); /* RFC 4862 §5.4.3 */
        return DROP_NOT_SPECIFIED;
    }
    if (!host->is_ours(d, &target)) return DROP_IPV6_NDISC_NS_OTHERHOST;
    if (is_probe) {
        ndp_advertise(d, &target, &all_nodes, &target, false, true);
        return DROP_NOT_SPECIFIED;
    }
    if (has_mac) learn_from_solicit(d, p, &mac);
    ndp_advertise(d, &target, &p->ip.source, &target, true, to_many);
    return DROP_NOT_SPECIFIED;
}

static enum drop_reason take_advert(struct net_device *d, const struct packet *p, const struct message *h)
{
    const struct neighbour_host *host = host_of(d);
    ip_addr_t target = ip_from6(h->target);
    struct mac_addr mac;
    bool has_mac;
    if (ip_is4(&target)) return DROP_NOT_SPECIFIED;
    if (ip_is_multicast(&target) || (ip_is_multicast(&p->ip.destination) && (h->flags & FLAG_SOLICITED)))
        return DROP_IPV6_NDISC_BAD_CODE;
    if (!find_mac(p, sizeof(*h), OPTION_TARGET_MAC, &mac, &has_mac)) return DROP_IPV6_NDISC_BAD_OPTIONS;
    if (host->is_tentative(d, &target)) {
        host->duplicate(d, &target);
        return DROP_NOT_SPECIFIED;
    }
    if (host->is_ours(d, &target)) return DROP_NOT_SPECIFIED;
    bool unsolicited = !(h->flags & FLAG_SOLICITED);
    uint32_t policy = host->policy(d);
    if (unsolicited && (policy & NEIGHBOUR_DROP_UNSOLICITED_ADVERT)) return DROP_IPV6_NDISC_BAD_CODE;
    struct neighbour *n = neighbour_lookup(
        d, &target, unsolicited && has_mac && (policy & NEIGHBOUR_LEARN_FROM_ADVERT));
    if (!n) return DROP_NOT_SPECIFIED;
    if (!(n->state & NUD_FAILED)) {
        uint32_t flags = NEIGHBOUR_WEAK_OVERRIDE | NEIGHBOUR_SET_ROUTER
            | (h->flags & FLAG_OVERRIDE ? NEIGHBOUR_OVERRIDE : 0) | (h->flags & FLAG_ROUTER ? NEIGHBOUR_IS_ROUTER : 0);
        (void)neighbour_update(n, has_mac ? &mac : NULL, h->flags & FLAG_SOLICITED ? NUD_REACHABLE : NUD_STALE, flags);
    }
    neighbour_put(n);
    return DROP_NOT_SPECIFIED;
}

void ndp_receive(struct net_device *d, struct packet *p)
{
    const struct neighbour_host *host = host_of(d);
    struct message h;
    uint8_t type;
    if (!host || !packet_read(p, 0, &type, 1)) return packet_drop(p, DROP_IPV6_NDISC_BAD_CODE);
    if (type == ROUTER_ADVERT) return host->router_advertisement(d, p);
    if (type == REDIRECT) return host->redirect(d, p);
    if (type == ROUTER_SOLICIT) return packet_consume(p); /* we are no advertising router */
    if (!packet_read(p, 0, &h, sizeof(h))) return packet_drop(p, DROP_PKT_TOO_SMALL);
    enum drop_reason why = type == SOLICIT ? take_solicit(d, p, &h) : take_advert(d, p, &h);
    if (why) packet_drop(p, why);
    else packet_consume(p);
}
