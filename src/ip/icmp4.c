/* ICMP (RFC 792, RFC 1122 §3.2.2): echo and timestamp answered, errors told to their transport, errors sent. */
#include "ip/state.h"
#include "machine/composition.h"

static bool is_error(uint8_t type)
{
    return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT
        || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

static void drop_bad(struct net *net, struct packet *p, enum drop_reason why)
{
    count(net, Icmp, InErrors);
    packet_drop(p, why);
}

/* RFC 1122 §3.2.2: never about an error, a broadcast, a multicast, a later fragment, or from no single host. */
static bool may_complain(struct net *net, const struct packet *q, const struct wire_ipv4 *h, uint8_t type)
{
    ip_addr_t source = ip_from4(h->source), destination = ip_from4(h->destination);
    enum ip_scope_kind from = ip_address_kind(net, &source, 0), to = ip_address_kind(net, &destination, 0);
    if (q->kind != PACKET_HOST && q->kind != PACKET_OUTGOING) return false;
    if (host16(h->fragment) & IPV4_OFFSET_MASK) return false;
    if (to == IP_KIND_BROADCAST || to == IP_KIND_MULTICAST) return false;
    if (from != IP_KIND_UNICAST && from != IP_KIND_LOCAL) return false;
    uint8_t inner;
    if (!is_error(type) || h->protocol != IPPROTO_ICMP) return true;
    if (!packet_read(q, (h->version_ihl & 15u) * 4, &inner, 1)) return true;
    return inner <= NR_ICMP_TYPES && !is_error(inner);
}

static ip_addr_t error_source(struct net *net, const struct packet *q, const struct wire_ipv4 *h)
{
    ip_addr_t destination = ip_from4(h->destination), source = ip_any4();
    if (ip_is_local(net, &destination)) return destination;
    struct net_device *d = net->sysctl.icmp_errors_use_inbound_ifaddr ? ip_input_device(net, q) : NULL;
    if (d) ip4_select_source(net, d, NULL, RT_SCOPE_LINK, &source);
    return source;
}

/* RFC 1122 §3.2.2.6, §3.2.2.8: the answer goes on with the record of the way and the times. */
static unsigned echo_options(const struct packet *at_header, unsigned header_bytes, uint8_t out[40])
{
    uint8_t header[60];
    if (header_bytes <= 20 || header_bytes > 60 || !packet_read(at_header, 0, header, header_bytes)) return 0;
    return ip4_options_echo(header + 20, header_bytes - 20, out);
}

#define QUOTE_LIMIT_BYTES 576 /* RFC 1812 §4.3.2.3: the whole message */

void icmp4_error(const struct packet *q, uint8_t type, uint8_t code, uint32_t info)
{
    struct net *net = q->net;
    struct wire_ipv4 h;
    uint8_t *at;
    if (!packet_read(q, 0, &h, sizeof(h)) || !may_complain(net, q, &h, type)) return;
    uint8_t echoed[40];
    unsigned echoed_bytes = echo_options(q, (h.version_ihl & 15u) * 4, echoed);
    uint32_t quote = min_of(packet_bytes(q), QUOTE_LIMIT_BYTES - 20u - echoed_bytes - 8u);
    struct packet *p = icmp_make(net, 8 + quote, &at);
    if (!p) return;
    at[0] = type;
    at[1] = code;
    be32_t rest = be32(info);
    memcpy(at + 4, &rest, 4);
    packet_read(q, 0, at + 8, quote);
    struct ip_send send = { .source = error_source(net, q, &h),
        .destination = ip_from4(h.source),
        .protocol = IPPROTO_ICMP,
        .mark = net->sysctl.fwmark_reflect ? q->mark : 0,
        .tos = is_error(type) ? (uint8_t)((h.tos & 0x1e) | 0xc0) : h.tos,
        .options = echoed,
        .options_bytes = (uint8_t)echoed_bytes };
    (void)icmp_send(net, p, &send, 0);
}

static ip_addr_t answer_source(struct net *net, const struct packet *p)
{
    return ip_is_local(net, &p->ip.destination) ? p->ip.destination : ip_any4();
}

static void answer(struct net *net, const struct packet *p, struct packet *reply)
{
    struct packet *whole = p->ip.header_bytes > 20 ? icmp_quoted(p) : NULL;
    uint8_t echoed[40];
    unsigned echoed_bytes = whole ? echo_options(whole, p->ip.header_bytes, echoed) : 0;
    if (whole) packet_consume(whole);
    struct ip_send send = { .source = answer_source(net, p),
        .destination = p->ip.source,
        .protocol = IPPROTO_ICMP,
        .tos = p->ip.tos,
        .mark = net->sysctl.fwmark_reflect ? p->mark : 0,
        .options = echoed,
        .options_bytes = (uint8_t)echoed_bytes };
    bool off_host = ip_is_any(&send.source);
    (void)icmp_send(net, reply, &send, off_host ? p->in_ifindex : 0);
}

static void take_echo(struct net *net, struct packet *p)
{
    uint8_t *at;
    if (net->sysctl.icmp_echo_ignore_all) return packet_drop(p, DROP_ICMP_IGNORED);
    struct packet *reply = icmp_make(net, packet_bytes(p), &at);
    if (!reply) return packet_drop(p, DROP_NOMEM);
    packet_read(p, 0, at, packet_bytes(p));
    at[0] = ICMP_ECHOREPLY;
    memset(at + 2, 0, 2); /* checksum to come; Linux sends the code back */
    answer(net, p, reply);
    packet_consume(p);
}

static void take_timestamp(struct net *net, struct packet *p)
{
    uint8_t *at;
    if (packet_bytes(p) < 12) return drop_bad(net, p, DROP_PKT_TOO_SMALL);
    struct packet *reply = icmp_make(net, 20, &at);
    if (!reply) return packet_drop(p, DROP_NOMEM);
    packet_read(p, 0, at, 12); /* id, sequence, originate */
    memset(at, 0, 4);
    at[0] = ICMP_TIMESTAMPREPLY;
    be32_t now = ip4_time_of_day(net);
    memcpy(at + 12, &now, 4);
    memcpy(at + 16, &now, 4);
    answer(net, p, reply);
    packet_consume(p);
}

/* Linux's icmp_err_convert. */
static const struct {
    uint8_t error;
    bool is_fatal;
} unreachable[NR_ICMP_UNREACH + 1] = {
    { ENETUNREACH, false }, { EHOSTUNREACH, false }, { ENOPROTOOPT, true }, { ECONNREFUSED, true },
    { EMSGSIZE, false }, { EOPNOTSUPP, false }, { ENETUNREACH, true }, { EHOSTDOWN, true },
    { ENONET, true }, { ENETUNREACH, true }, { EHOSTUNREACH, true }, { ENETUNREACH, false },
    { EHOSTUNREACH, false }, { EHOSTUNREACH, true }, { EHOSTUNREACH, true }, { EHOSTUNREACH, true },
};

static void classify(struct icmp_error *e)
{
    switch (e->type) {
    case ICMP_DEST_UNREACH:
        e->error = unreachable[e->code].error;
        e->is_fatal = unreachable[e->code].is_fatal;
        if (e->code == ICMP_FRAG_NEEDED) e->info &= 0xffff;
        else e->info = 0;
        break;
    case ICMP_PARAMETERPROB:
        e->error = EPROTO;
        e->is_fatal = true;
        e->info >>= 24;
        break;
    case ICMP_TIME_EXCEEDED:
        e->error = EHOSTUNREACH;
        e->info = 0;
        break;
    default: break;
    }
}

static bool is_default_gateway(struct net *net, const struct net_device *d, const ip_addr_t *a)
{
    ip_addr_t any = ip_any4();
    const struct ip_route_row *row = ip_table_lookup(net, IP_TABLE_MAIN, &any, (int32_t)d->ifindex);
    return row && !row->prefix_bits && row->has_gateway && ip_equal(&row->gateway, a);
}

static bool of_one_subnet(const struct net_device *d, const ip_addr_t *a, const ip_addr_t *b)
{
    list_for_each(it, &d->ip->addresses4) {
        const struct ip_address *x = list_entry(it, struct ip_address, node);
        if (ip_in_prefix(a, &x->local, x->prefix_bits) && ip_in_prefix(b, &x->local, x->prefix_bits)) return true;
    }
    return false;
}

/* RFC 1122 §3.2.2.2, by accept_redirects, shared_media and secure_redirects. */
static bool accepts_redirect(
    struct net *net, const struct net_device *d, const ip_addr_t *old_gateway, const ip_addr_t *gateway)
{
    const struct ip4_config *all = &net->ip->all4, *own = &d->ip->config4;
    bool forwards = net->sysctl.ip_forward || own->forwarding;
    bool accepts = forwards ? all->accept_redirects && own->accept_redirects
                            : all->accept_redirects || own->accept_redirects;
    if (!accepts || ip_equal(gateway, old_gateway) || ip_address_kind(net, gateway, 0) != IP_KIND_UNICAST) return false;
    if (all->shared_media || own->shared_media) return true;
    bool secure = all->secure_redirects || own->secure_redirects;
    return of_one_subnet(d, gateway, old_gateway) && (!secure || is_default_gateway(net, d, gateway));
}

/* Only from the router in use for the destination. */
static void take_redirect(struct net *net, struct packet *p, const ip_addr_t *gateway)
{
    struct wire_ipv4 quoted;
    struct net_device *d = ip_input_device(net, p);
    if (!d || !d->ip || !packet_read(p, 8, &quoted, sizeof(quoted))) return;
    ip_addr_t destination = ip_from4(quoted.destination);
    struct ip_flow flow = { .destination = destination, .any_source_allowed = true };
    int error;
    struct route *r = route_find(net, &flow, &error);
    bool in_use = r && r->has_gateway && r->device == d && ip_equal(&r->gateway, &p->ip.source);
    if (in_use && accepts_redirect(net, d, &r->gateway, gateway)) pmtu_learn_redirect(net, &destination, gateway);
    route_put(r);
}

static void take_error(struct net *net, struct packet *p, const struct wire_icmp *h, uint32_t info)
{
    struct icmp_error e = { .version = 4, .type = h->type, .code = h->code, .info = info, .offender = p->ip.source,
        .heard = p->ip, .in_ifindex = p->in_ifindex, .datagram_words = (uint8_t)(info >> 16) };
    if (packet_bytes(p) < 8 + 20) return drop_bad(net, p, DROP_PKT_TOO_SMALL);
    if (e.type == ICMP_DEST_UNREACH && e.code > NR_ICMP_UNREACH) return packet_drop(p, DROP_ICMP_BAD);
    if (e.type == ICMP_TIME_EXCEEDED && e.code == ICMP_EXC_FRAGTIME) return packet_consume(p);
    if (e.type == ICMP_REDIRECT) {
        ip_addr_t gateway = ip_from4(be32(info));
        take_redirect(net, p, &gateway);
    }
    classify(&e);
    packet_pull(p, 8);
    icmp4_tell(net, p, &e);
}

/* What was sent to many is answered by few (RFC 1122 §3.2.2.6). */
static bool may_take_from_many(const struct net *net, uint8_t type)
{
    if (type == ICMP_ECHO || type == ICMP_TIMESTAMP) return !net->sysctl.icmp_echo_ignore_broadcasts;
    return type == ICMP_ADDRESS || type == ICMP_ADDRESSREPLY;
}

static void take_echo_reply(struct net *net, struct packet *p)
{
    const struct composition *c = net->machine->composition;
    if (c->ping_receive && c->ping_receive(net, p)) packet_consume(p);
    else packet_drop(p, DROP_NO_SOCKET);
}

static void receive(struct net *net, struct packet *p)
{
    struct wire_icmp h;
    count(net, Icmp, InMsgs);
    if (p->checksum == PACKET_CHECKSUM_NONE && checksum_fold(packet_checksum(p, 0, packet_bytes(p), 0)).raw) {
        count(net, Icmp, InCsumErrors);
        return drop_bad(net, p, DROP_ICMP_CSUM);
    }
    if (!packet_pull_check(p, 8)) return drop_bad(net, p, DROP_PKT_TOO_SMALL);
    memcpy(&h, packet_data(p), 8);
    uint32_t info = (uint32_t)host16(h.id) << 16 | host16(h.sequence);
    icmp4_count_in(net, h.type);
    if (h.type == 42 || h.type == 43)
        return packet_drop(p, DROP_ICMP_IGNORED); /* RFC 8335; net.ipv4.icmp_echo_enable_probe is off */
    if (h.type > NR_ICMP_TYPES) return drop_bad(net, p, DROP_ICMP_BAD);
    enum ip_scope_kind to = ip_address_kind(net, &p->ip.destination, 0);
    bool to_many = to == IP_KIND_BROADCAST || to == IP_KIND_MULTICAST;
    if (h.type == ICMP_ECHOREPLY) return take_echo_reply(net, p);
    if (to_many && !may_take_from_many(net, h.type)) return drop_bad(net, p, DROP_ICMP_IGNORED);
    if (h.type == ICMP_ECHO) return take_echo(net, p);
    if (h.type == ICMP_TIMESTAMP) return take_timestamp(net, p);
    if (h.type == ICMP_SOURCE_QUENCH) return packet_drop(p, DROP_ICMP_IGNORED); /* RFC 6633 */
    if (is_error(h.type)) return take_error(net, p, &h, info);
    packet_drop(p, DROP_ICMP_IGNORED);
}

/* An error about an ICMP message of ours. */
static void error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    const struct composition *c = net->machine->composition;
    uint8_t type;
    if (!packet_read(p, 0, &type, 1)) return;
    if (type == ICMP_ECHO && c->ping_error) c->ping_error(net, p, e);
    if (type == ICMP_ECHOREPLY && e->type == ICMP_DEST_UNREACH && e->code == ICMP_FRAG_NEEDED)
        route_update_pmtu(net, &p->ip.destination, e->info);
}

const struct ip_protocol icmp4_protocol = {
    .number = IPPROTO_ICMP, .receive = receive, .error = error, .takes_any_policy = true
};
