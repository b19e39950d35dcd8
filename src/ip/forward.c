/* Forwarding (RFC 1812 §5, RFC 8200): TTL, path MTU, FORWARD hook, and on. A host that should use another router of its
 * own link is told so. */
#include "device/frame.h"
#include "ip/state.h"
#include "machine/composition.h"
#include "netfilter/hook.h"

static bool pass_hook(struct net *net, struct packet *p, const struct route *r)
{
    struct netfilter_state state = {
        .net = net, .point = NETFILTER_FORWARD, .version = r->version, .in = ip_input_device(net, p), .out = r->device
    };
    return netfilter_pass(p, &state);
}

/* A router goes by its interface, not by what ICMP taught it for itself, unless ip_forward_use_pmtu says so. */
static uint32_t forward_mtu(const struct net *net, struct route *r)
{
    bool learned = r->mtu_expires_ns != NS_NEVER;
    return learned && !(r->version == 4 && net->sysctl.ip_forward_use_pmtu) ? route_device_mtu(r) : route_mtu(r);
}

static void send_on(struct net *net, struct packet *p, struct route *r, bool may_fragment)
{
    p->is_forwarded = true;
    if (r->version == 4) (void)ip4_finish(net, p, r, forward_mtu(net, r), may_fragment, NULL);
    else (void)ip6_finish(net, p, r, forward_mtu(net, r), false, NULL);
    route_put(r);
}

static void refuse(struct packet *p, struct route *r, enum drop_reason why)
{
    route_put(r);
    packet_drop(p, why);
}

/* Merged segments: each of them counts. */
static bool is_too_long(struct packet *p, uint32_t mtu_bytes)
{
    struct frame f;
    if (packet_bytes(p) <= mtu_bytes) return false;
    return !p->gso_bytes || !frame_parse(p, 0, p->protocol, &f) || f.payload + p->gso_bytes > mtu_bytes;
}

static bool is_of_link(const struct net_device *d, const ip_addr_t *source, const ip_addr_t *gateway)
{
    list_for_each(it, &d->ip->addresses4) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if (ip_in_prefix(source, &a->local, a->prefix_bits) && ip_in_prefix(gateway, &a->local, a->prefix_bits))
            return true;
    }
    return false;
}

/* Linux: nine redirects at most, each after twice the time of the one before, then silence until 20 s have passed. */
static bool redirect_allowed(struct net *net, const ip_addr_t *to)
{
    struct ip_net *in = net->ip;
    const uint64_t load_ns = 20 * NS_PER_MS, silence_ns = load_ns << 10;
    struct redirect_limit *l =
        &in->redirects[siphash_2u64(&in->pmtu_key, to->quad[0], to->quad[1]) % array_count(in->redirects)];
    if (!ip_equal(&l->peer, to) || ip_now(net) > l->last_ns + silence_ns) *l = (struct redirect_limit){ .peer = *to };
    if (l->sent >= 9 || (l->sent && ip_now(net) <= l->last_ns + (load_ns << l->sent))) return false;
    l->last_ns = ip_now(net);
    l->sent++;
    return true;
}

static void maybe_redirect(struct net *net, struct packet *p, const struct route *r)
{
    const struct net_device *d = ip_input_device(net, p);
    if (d != r->device || !d->ip || p->ip.options_offset || ip_is_multicast(&r->gateway)) return;
    if (!(net->ip->all4.send_redirects || d->ip->config4.send_redirects)) return;
    const struct ip_route_row *back = ip_fib_lookup(net, &p->ip.source, 0);
    if (!back || back->has_gateway) return; /* the sender is not of this link */
    bool shared = net->ip->all4.shared_media || d->ip->config4.shared_media;
    if (!shared && !is_of_link(d, &p->ip.source, &r->gateway)) return;
    if (redirect_allowed(net, &p->ip.source))
        icmp_send_error(p, ICMP_REDIRECT, ICMP_REDIR_HOST, host32(ip_get4(&r->gateway)));
}

/* RFC 2113: raw socks that asked for such packets (IP_ROUTER_ALERT) have them, whole, instead of the next hop. Takes p then. */
static bool take_alert(struct net *net, struct packet *p)
{
    const struct composition *c = net->machine->composition;
    if (!p->ip.has_router_alert || !c->raw_alert || !c->raw_alert(net, p, false)) return false;
    const struct wire_ipv4 *h = (void *)packet_data(p);
    if (host16(h->fragment) & (IPV4_MF | IPV4_OFFSET_MASK)) p = ip4_reassemble(net, p);
    if (!p) return true;
    packet_pull(p, p->ip.header_bytes);
    (void)c->raw_alert(net, p, true);
    packet_consume(p);
    return true;
}

void ip4_forward(struct net *net, struct packet *p, struct route *r)
{
    if (p->kind != PACKET_HOST) return refuse(p, r, DROP_IP_INADDRERRORS);
    if (take_alert(net, p)) return route_put(r);
    if (p->ip.ttl <= 1) {
        count(net, Ip, InHdrErrors);
        icmp_send_error(p, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
        return refuse(p, r, DROP_IP_TTL_EXPIRED);
    }
    if (!packet_writable(p, p->ip.header_bytes)) return refuse(p, r, DROP_NOMEM);
    struct wire_ipv4 *h = (void *)packet_data(p);
    bool df = host16(h->fragment) & IPV4_DF;
    if (df && is_too_long(p, forward_mtu(net, r))) {
        count(net, Ip, FragFails);
        icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, forward_mtu(net, r));
        return refuse(p, r, DROP_PKT_TOO_BIG);
    }
    maybe_redirect(net, p, r);
    h = (void *)packet_data(p);
    be16_t before, after;
    memcpy(&before, &h->ttl, 2);
    h->ttl--;
    memcpy(&after, &h->ttl, 2);
    h->checksum = checksum_replace16(h->checksum, before, after);
    if (p->ip.options_offset) {
        ip4_options_forward(net, packet_data(p), p->ip.header_bytes, &r->preferred_source);
        h->checksum.raw = 0;
        h->checksum = checksum_fold(checksum_partial(h, p->ip.header_bytes, 0));
    }
    p->ip.ttl = h->ttl;
    if (!pass_hook(net, p, r)) return route_put(r);
    count(net, Ip, ForwDatagrams);
    send_on(net, p, r, !df);
}

/* What is never forwarded: RFC 4291 §2.5.2, §2.5.6, §2.7. */
static bool may_leave_link(const struct packet *p, const struct net_device *in, const struct net_device *out)
{
    if (ip_is_any(&p->ip.source) || ip_is_loopback(&p->ip.source) || ip_is_multicast(&p->ip.source)) return false;
    return !(ip_is_link_local(&p->ip.source) || ip_is_link_local(&p->ip.destination)) || in == out;
}

void ip6_forward(struct net *net, struct packet *p, struct route *r)
{
    if (p->kind != PACKET_HOST) return refuse(p, r, DROP_IP_INADDRERRORS);
    if (p->ip.ttl <= 1) {
        icmp_send_error(p, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
        count(net, Ip6, InHdrErrors);
        return refuse(p, r, DROP_IP_TTL_EXPIRED);
    }
    if (!may_leave_link(p, ip_input_device(net, p), r->device)) {
        if (ip_is_link_local(&p->ip.source)) icmp_send_error(p, ICMPV6_DEST_UNREACH, ICMPV6_NOT_NEIGHBOUR, 0);
        count(net, Ip6, InAddrErrors);
        return refuse(p, r, DROP_IP_INADDRERRORS);
    }
    if (is_too_long(p, forward_mtu(net, r))) {
        icmp_send_error(p, ICMPV6_PKT_TOOBIG, 0, max_of(forward_mtu(net, r), (uint32_t)IPV6_MIN_MTU));
        count(net, Ip6, InTooBigErrors);
        count(net, Ip6, FragFails);
        return refuse(p, r, DROP_PKT_TOO_BIG);
    }
    if (!packet_writable(p, 40)) return refuse(p, r, DROP_NOMEM);
    struct wire_ipv6 *h = (void *)packet_data(p);
    h->hop_limit--;
    p->ip.ttl = h->hop_limit;
    if (!pass_hook(net, p, r)) return route_put(r);
    count(net, Ip6, OutForwDatagrams);
    send_on(net, p, r, false);
}
