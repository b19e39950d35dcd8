/* ICMPv6 (RFC 4443): echo answered, errors told to transports, errors sent; neighbour discovery and MLD handed on. */
#include "ip/state.h"
#include "machine/composition.h"
#include "neighbour/neighbour.h"

static bool is_information(uint8_t type) { return type & 0x80; }

static void drop_bad(struct net *net, struct packet *p, enum drop_reason why)
{
    count(net, Icmp6, InErrors);
    packet_drop(p, why);
}

/* The transport of a packet; 44 for a later fragment, 255 when it cannot be found. */
static uint8_t transport_of(const struct packet *q, const struct wire_ipv6 *h, uint32_t *offset, bool *is_fragment)
{
    uint8_t next = h->next_header, ext[8];
    *offset = 40;
    *is_fragment = false;
    while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT) {
        if (!packet_read(q, *offset, ext, 8)) return 255;
        *is_fragment = *is_fragment || next == IPPROTO_FRAGMENT;
        if (next == IPPROTO_FRAGMENT && ((ext[2] << 8 | ext[3]) & 0xfff8)) return next;
        *offset += next == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1u) * 8;
        next = ext[0];
    }
    return next;
}

/* RFC 4443 §2.4 (e): not about an error, not to no single host, not about a multicast but for two kinds. */
static bool may_complain(const struct packet *q, const struct wire_ipv6 *h, uint8_t type, uint8_t code)
{
    ip_addr_t source = ip_from6(h->source), destination = ip_from6(h->destination);
    if (ip_is_any(&source) || ip_is_multicast(&source)) return false;
    bool to_many = ip_is_multicast(&destination) || (q->kind != PACKET_HOST && q->kind != PACKET_OUTGOING);
    if (to_many && type != ICMPV6_PKT_TOOBIG && !(type == ICMPV6_PARAMPROB && code == ICMPV6_UNK_OPTION)) return false;
    uint32_t offset;
    uint8_t inner;
    bool is_fragment;
    if (transport_of(q, h, &offset, &is_fragment) != IPPROTO_ICMPV6) return true;
    return packet_read(q, offset, &inner, 1) ? is_information(inner) : is_fragment;
}

void icmp6_error(const struct packet *q, uint8_t type, uint8_t code, uint32_t info)
{
    struct net *net = q->net;
    struct wire_ipv6 h;
    uint8_t *at;
    if (!packet_read(q, 0, &h, sizeof(h)) || !may_complain(q, &h, type, code)) return;
    uint32_t quote = min_of(packet_bytes(q), IPV6_MIN_MTU - 40u - 8u);
    struct packet *p = icmp_make(net, 8 + quote, &at);
    if (!p) return;
    at[0] = type;
    at[1] = code;
    be32_t rest = be32(info);
    memcpy(at + 4, &rest, 4);
    packet_read(q, 0, at + 8, quote);
    struct ip_send send = { .source = ip_from6(h.destination),
        .destination = ip_from6(h.source),
        .protocol = IPPROTO_ICMPV6,
        .mark = net->sysctl.fwmark6_reflect ? q->mark : 0 };
    if (ip_is4(&send.source) || !ip_is_local(net, &send.source)) send.source = ip_any6();
    (void)icmp_send(net, p, &send, ip_is_link_local(&send.destination) ? q->in_ifindex : 0);
}

static void take_echo(struct net *net, struct packet *p)
{
    uint8_t *at;
    bool multicast = ip_is_multicast(&p->ip.destination);
    if (net->sysctl.icmp6_echo_ignore_all || (multicast && net->sysctl.icmp6_echo_ignore_multicast))
        return packet_drop(p, DROP_ICMP_IGNORED);
    struct packet *reply = icmp_make(net, packet_bytes(p), &at);
    if (!reply) return packet_drop(p, DROP_NOMEM);
    packet_read(p, 0, at, packet_bytes(p));
    at[0] = ICMPV6_ECHO_REPLY;
    memset(at + 2, 0, 2);
    struct ip_send send = { .source = multicast ? ip_any6() : p->ip.destination,
        .destination = p->ip.source,
        .protocol = IPPROTO_ICMPV6,
        .tos = p->ip.tos,
        .mark = net->sysctl.fwmark6_reflect ? p->mark : 0 };
    (void)icmp_send(net, reply, &send, ip_is_link_local(&p->ip.source) || multicast ? p->in_ifindex : 0);
    packet_consume(p);
}

static void take_echo_reply(struct net *net, struct packet *p)
{
    const struct composition *c = net->machine->composition;
    if (c->ping_receive && c->ping_receive(net, p)) packet_consume(p);
    else packet_drop(p, DROP_NO_SOCKET);
}

/* Linux's icmpv6_err_convert. */
static void classify(struct icmp_error *e)
{
    static const struct { uint8_t error; bool is_fatal;
    } unreachable[] = {
        { ENETUNREACH, false },
        { EACCES, true },
        { EHOSTUNREACH, false },
        { EHOSTUNREACH, false },
        { ECONNREFUSED, true },
        { EACCES, true },
        { EACCES, true },
    };
    e->error = EPROTO;
    switch (e->type) {
    case ICMPV6_DEST_UNREACH:
        e->is_fatal = true;
        if (e->code >= array_count(unreachable)) return;
        e->error = unreachable[e->code].error;
        e->is_fatal = unreachable[e->code].is_fatal;
        return;
    case ICMPV6_PKT_TOOBIG: e->error = EMSGSIZE; return;
    case ICMPV6_PARAMPROB: e->is_fatal = true; return;
    case ICMPV6_TIME_EXCEED: e->error = EHOSTUNREACH; return;
    default: return;
    }
}

static void take_error(struct net *net, struct packet *p, const struct wire_icmp *h)
{
    uint32_t info = (uint32_t)host16(h->id) << 16 | host16(h->sequence);
    struct icmp_error e = { .version = 6, .type = h->type, .code = h->code, .info = info, .offender = p->ip.source,
        .heard = p->ip, .in_ifindex = p->in_ifindex, .datagram_words = (uint8_t)(info >> 24) };
    classify(&e);
    packet_pull(p, 8);
    icmp6_tell(net, p, &e);
}

/* RFC 4861 §6.1, §7.1: not from beyond the link, and not in pieces (RFC 6980). */
static void take_discovery(struct net *net, struct packet *p, const struct wire_icmp *h)
{
    struct net_device *d = ip_input_device(net, p);
    if (p->ip.ttl != 255 || !d || !d->ip) return packet_drop(p, DROP_IPV6_NDISC_BAD_CODE);
    if (h->code || (p->ip.was_fragmented && (net->ip->all6.suppress_frag_ndisc || d->ip->config6.suppress_frag_ndisc)))
        return packet_drop(p, DROP_IPV6_NDISC_BAD_CODE);
    ndp_receive(d, p);
}

static void dispatch(struct net *net, struct packet *p, const struct wire_icmp *h)
{
    switch (h->type) {
    case ICMPV6_ECHO_REQUEST: return take_echo(net, p);
    case ICMPV6_ECHO_REPLY: return take_echo_reply(net, p);
    case 133: case 134: case 135: case 136: case 137: return take_discovery(net, p, h);
    case ICMPV6_MGM_QUERY: case ICMPV6_MGM_REPORT: return mld_receive(net, p, h->type);
    case ICMPV6_MGM_REDUCTION: case ICMPV6_MLD2_REPORT: return packet_consume(p);
    default:
        if (is_information(h->type)) return packet_drop(p, DROP_ICMP_IGNORED);
        return take_error(net, p, h);
    }
}

static void receive(struct net *net, struct packet *p)
{
    struct wire_icmp h;
    count(net, Icmp6, InMsgs);
    if (!ip_transport_verify(p, IPPROTO_ICMPV6)) {
        count(net, Icmp6, InCsumErrors);
        return drop_bad(net, p, DROP_ICMP_CSUM);
    }
    if (!packet_pull_check(p, 8)) {
        if (packet_bytes(p) < 4) return drop_bad(net, p, DROP_PKT_TOO_SMALL);
        return drop_bad(net, p, DROP_ICMP_BAD);
    }
    memcpy(&h, packet_data(p), 8);
    icmp6_count_in(net, h.type);
    dispatch(net, p, &h);
}

/* An error about an ICMPv6 message of ours. */
static void error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    const struct composition *c = net->machine->composition;
    uint8_t type;
    if (!packet_read(p, 0, &type, 1)) return;
    if (e->type == ICMPV6_PKT_TOOBIG) route_update_pmtu(net, &p->ip.destination, e->info);
    if (type == ICMPV6_ECHO_REQUEST && c->ping_error) c->ping_error(net, p, e);
}

const struct ip_protocol icmp6_protocol = {
    .number = IPPROTO_ICMPV6, .receive = receive, .error = error, .takes_any_policy = true
};
