/* ICMP, ICMPv6, IGMP and MLD: what a host may say about packets, and to whom. An error must be about something that the host
 * received; what it received is kept as traces of the first bytes, so that an error long after may no longer be judged. */
#include "referee/judge.h"

enum { PROTOCOL_ICMP = 1, PROTOCOL_IGMP = 2, PROTOCOL_TCP = 6, PROTOCOL_FRAGMENT = 44, PROTOCOL_ICMPV6 = 58 };
enum { UNREACHABLE4 = 3, QUENCH4 = 4, REDIRECT4 = 5, ECHO4 = 8, EXCEEDED4 = 11, PARAMETER4 = 12, REPLY4 = 0, NEEDS_FRAGMENT = 4 };
enum { TOO_BIG6 = 2, PARAMETER6 = 4, ECHO6 = 128, REPLY6 = 129, QUERY6 = 130, DONE6 = 132, ADVERT_ROUTER6 = 134, REDIRECT6 = 137,
       REPORT6_V2 = 143, UNKNOWN_OPTION = 2 };

#define SECOND_NS 1000000000ull
#define LATE_NS (130 * SECOND_NS) /* a fragment may time out, a neighbour stay silent: then an error comes late */
#define ECHO_NS (5 * SECOND_NS)

/* The packet that an error quotes, as far as it is quoted. */
struct quote {
    struct { uint8_t source[16], destination[16]; } ends;
    const uint8_t *transport;
    size_t bytes, transport_bytes, whole_bytes; /* whole: of the packet as its header tells */
    uint8_t version, protocol;
    bool is_later_fragment, has_extensions, has_reached_transport;
    struct view view;                    /* version, for is_multicast and such */
};

static bool is_error(const struct view *v)
{
    if (v->is_later_fragment || v->transport_bytes < 8) return false;
    unsigned type = v->transport[0];
    if (v->version == 6) return v->protocol == PROTOCOL_ICMPV6 && type < 128;
    return v->protocol == PROTOCOL_ICMP && (type == UNREACHABLE4 || type == QUENCH4 || type == EXCEEDED4 || type == PARAMETER4);
}

static void skip_extensions(struct quote *q, const uint8_t *end)
{
    while (q->protocol == 0 || q->protocol == 43 || q->protocol == PROTOCOL_FRAGMENT || q->protocol == 60) {
        if (end - q->transport < 8) return;
        unsigned bytes = q->protocol == PROTOCOL_FRAGMENT ? 8 : (q->transport[1] + 1u) * 8;
        if (q->protocol == PROTOCOL_FRAGMENT) q->is_later_fragment = view_load16(q->transport + 2) & 0xfff8;
        if (bytes > (size_t)(end - q->transport)) return;
        q->has_extensions = true;
        q->protocol = q->transport[0];
        q->transport += bytes;
        if (q->is_later_fragment) return;
    }
    q->has_reached_transport = true;
}

static void map(uint8_t to[16], const uint8_t from[4])
{
    to[10] = to[11] = 0xff;
    memcpy(to + 12, from, 4);
}

/* False: not even its header is there. */
static bool read_quote(struct quote *q, const struct view *v)
{
    const uint8_t *at = v->transport + 8, *end = v->transport + v->transport_bytes;
    *q = (struct quote){ .version = v->version, .bytes = (size_t)(end - at), .view.version = v->version };
    if (v->version == 4) {
        if (q->bytes < 20 || at[0] >> 4 != 4 || q->bytes < (at[0] & 15u) * 4 || (at[0] & 15) < 5) return false;
        map(q->ends.source, at + 12);
        map(q->ends.destination, at + 16);
        q->protocol = at[9];
        q->whole_bytes = view_load16(at + 2);
        q->is_later_fragment = view_load16(at + 6) & 0x1fff;
        q->transport = at + (at[0] & 15) * 4;
        q->has_reached_transport = true;
    } else {
        if (q->bytes < 40 || at[0] >> 4 != 6) return false;
        memcpy(&q->ends, at + 8, 32);
        q->protocol = at[6];
        q->whole_bytes = 40u + view_load16(at + 4);
        q->transport = at + 40;
        skip_extensions(q, end);
    }
    q->transport_bytes = (size_t)(end - q->transport);
    return true;
}

static uint64_t packet_key(const void *ends, unsigned protocol, const uint8_t *transport, size_t bytes)
{
    uint8_t start[9] = { (uint8_t)protocol };
    size_t most = protocol == PROTOCOL_TCP ? 4 : 8; /* of TCP the ports, so that a connection does not fill the memory */
    memcpy(start + 1, transport, bytes < most ? bytes : most);
    return trace_key(TRACE_PACKET, ends, 32, start, sizeof start);
}

static uint64_t echo_key(const uint8_t asker[16], const uint8_t answerer[16], const struct view *v)
{
    uint8_t ends[32];
    memcpy(ends, asker, 16);
    memcpy(ends + 16, answerer, 16);
    return trace_key(TRACE_ECHO, ends, sizeof ends, v->transport + 4, v->transport_bytes - 4);
}

static void judge_group(struct judge *j, const struct quote *q)
{
    const struct view *v = j->view;
    bool is_allowed = v->version == 6 && (v->transport[0] == TOO_BIG6 || (v->transport[0] == PARAMETER6 && v->transport[1] == UNKNOWN_OPTION));
    HOLD(j, RULE_ICMP_ERROR_NOT_ABOUT_GROUP, is_allowed || (!is_multicast(&q->view, q->ends.destination) && !is_broadcast(&q->view, q->ends.destination)),
         "type %u about a packet to a group", v->transport[0]);
    HOLD(j, RULE_ICMP_ERROR_NOT_ABOUT_NOBODY, !is_multicast(&q->view, q->ends.source) && !is_any(&q->view, q->ends.source) &&
         !is_broadcast(&q->view, q->ends.source), "type %u about a packet of nobody", v->transport[0]);
    HOLD(j, RULE_ICMP_ERROR_TO_SOURCE, memcmp(q->ends.source, v->destination, 16) == 0, "type %u about someone else's packet", v->transport[0]);
}

static bool is_about_error(const struct quote *q)
{
    if (q->is_later_fragment || !q->has_reached_transport || q->transport_bytes < 1) return false;
    unsigned type = q->transport[0];
    if (q->version == 6) return q->protocol == PROTOCOL_ICMPV6 && (type < 128 || type == REDIRECT6);
    return q->protocol == PROTOCOL_ICMP && (type == UNREACHABLE4 || type == QUENCH4 || type == REDIRECT4 || type == EXCEEDED4 || type == PARAMETER4);
}

static bool is_of_flow(struct judge *j, const struct quote *q)
{
    struct flow_key key = { .host = j->host };
    if (q->protocol != PROTOCOL_TCP || q->transport_bytes < 4) return false;
    memcpy(key.local, q->ends.destination, 16);
    memcpy(key.remote, q->ends.source, 16);
    key.local_port = view_load16(q->transport + 2);
    key.remote_port = view_load16(q->transport);
    struct flow *f = referee_flow(j->referee, &key);
    return f && (f->remote.segments || f->next_remote.has_syn || f->reset.received);
}

static void judge_cause(struct judge *j, const struct quote *q)
{
    bool is_sure, is_sure_flawed;
    uint64_t flawed = trace_key(TRACE_FLAWED, &q->ends, 32, "", 1);
    struct trace *t = trace_find(j->memory, packet_key(&q->ends, q->protocol, q->transport, q->transport_bytes), j->now_ns, LATE_NS, &is_sure);
    bool is_flawed = trace_find(j->memory, flawed, j->now_ns, LATE_NS, &is_sure_flawed);
    bool has_cause = t || is_flawed || is_of_flow(j, q);
    if (has_cause || (is_sure && is_sure_flawed && judge_saw(j, LATE_NS)))
        HOLD(j, RULE_ICMP_ERROR_QUOTES_RECEIVED, has_cause, "type %u about a packet of protocol %u that never came", j->view->transport[0], q->protocol);
    if (!t || is_flawed || !is_sure || q->protocol == PROTOCOL_TCP || !judge_saw(j, LATE_NS)) return;
    HOLD(j, RULE_ICMP_ERROR_ONCE, t->count > 0, "type %u about one packet again", j->view->transport[0]);
    t->count--;
}

/* Linux: per destination a bucket of 6, refilled once in icmp_ratelimit, 1 s; for IPv6 up to 16 times as fast, by the prefix of the
 * route (icmpv6_xrlim_allow). Messages of path MTU discovery go free. */
static void judge_rate(struct judge *j)
{
    const struct view *v = j->view;
    bool is_free = v->version == 4 ? v->transport[0] == UNREACHABLE4 && v->transport[1] == NEEDS_FRAGMENT : v->transport[0] == TOO_BIG6;
    if (is_free || is_loopback(v, v->destination)) return;
    uint64_t cost_ns = v->version == 4 ? SECOND_NS : SECOND_NS / 16, burst_ns = 7 * cost_ns;
    struct trace *t = trace_note(j->memory, trace_key(TRACE_ERROR_SENT, v->destination, 16, "", 1), j->now_ns);
    int64_t left_ns = t->ns ? t->count + (int64_t)(j->now_ns - t->ns) : (int64_t)burst_ns;
    if (left_ns > (int64_t)burst_ns) left_ns = (int64_t)burst_ns;
    t->ns = j->now_ns;
    t->count = left_ns - (int64_t)cost_ns;
    HOLD(j, RULE_ICMP_ERROR_RATE, t->count >= -(int64_t)(cost_ns / 10), "more errors to one host than 6 and one each %lu ms", cost_ns / 1000000);
    if (t->count < 0) t->count = 0;
}

static bool is_unused_zero(const struct view *v)
{
    const uint8_t *h = v->transport;
    if (v->version == 4 ? h[0] == PARAMETER4 : h[0] == TOO_BIG6 || h[0] == PARAMETER6) return true;
    bool has_mtu = v->version == 4 && h[0] == UNREACHABLE4 && h[1] == NEEDS_FRAGMENT;
    return view_load16(h + 4) == 0 && (has_mtu || view_load16(h + 6) == 0);
}

/* Linux quotes all that fits into 1280 bytes of IPv6; of IPv4 8 bytes past the header are the least. */
static bool is_quote_long(const struct quote *q)
{
    size_t least = q->version == 6 ? 1280 - 48 : q->bytes - q->transport_bytes + 8;
    return q->bytes >= (least < q->whole_bytes ? least : q->whole_bytes);
}

static void judge_error(struct judge *j)
{
    const struct view *v = j->view;
    struct quote q;
    unsigned type = v->transport[0], most = v->version == 4 ? 576 : 1280;
    bool has_header = read_quote(&q, v);
    HOLD(j, RULE_ICMP_ERROR_QUOTE_BYTES, has_header && is_quote_long(&q) && v->network_bytes <= most,
         "type %u in %u bytes, quotes %zu", type, v->network_bytes, q.bytes);
    HOLD(j, RULE_ICMP_UNUSED_ZERO, is_unused_zero(v), "type %u has %08x", type, view_load32(v->transport + 4));
    if (v->version == 4 && type == UNREACHABLE4 && v->transport[1] == NEEDS_FRAGMENT)
        HOLD(j, RULE_ICMP_MTU_SANE, view_load16(v->transport + 6) >= 68, "MTU %u", view_load16(v->transport + 6));
    if (v->version == 6 && type == TOO_BIG6) HOLD(j, RULE_ICMP_MTU_SANE, view_load32(v->transport + 4) >= 1280, "MTU %u", view_load32(v->transport + 4));
    judge_rate(j);
    if (!has_header) return;
    HOLD(j, RULE_ICMP_ERROR_NOT_ABOUT_ERROR, !is_about_error(&q), "type %u about type %u", type, q.transport[0]);
    if (v->version == 4) HOLD(j, RULE_ICMP_ERROR_NOT_ABOUT_FRAGMENT, !q.is_later_fragment, "type %u about a later fragment", type);
    judge_group(j, &q);
    judge_cause(j, &q);
}

static void judge_reply(struct judge *j)
{
    static const uint8_t nobody[16];
    const struct view *v = j->view;
    bool is_sure, is_sure_group;
    if (v->is_fragment) return;
    struct trace *t = trace_find(j->memory, echo_key(v->destination, v->source, v), j->now_ns, ECHO_NS, &is_sure);
    if (!t || t->count <= 0) t = trace_find(j->memory, echo_key(v->destination, nobody, v), j->now_ns, ECHO_NS, &is_sure_group);
    else is_sure_group = true;
    bool was_asked = t && t->count > 0;
    if (was_asked) t->count--;
    if (was_asked || (is_sure && is_sure_group && judge_saw(j, ECHO_NS) && !j->memory->has_echo_pieces))
        HOLD(j, RULE_ICMP_ECHO_REPLY_ASKED, was_asked, "id %u, sequence %u, %u bytes: no such request", view_load16(v->transport + 4),
             view_load16(v->transport + 6), v->transport_bytes - 8);
}

/* Router alert, among the options of IGMP or in the hop-by-hop header of MLD. */
static bool has_alert(const struct view *v)
{
    const uint8_t *at = v->network + (v->version == 4 ? 20 : 42), *end = v->transport;
    unsigned alert = v->version == 4 ? 148 : 5, nop = v->version == 4 ? 1 : 0;
    if (v->version == 6 && v->network[6] != 0) return false;
    while (at < end && *at != alert) at += *at == nop ? 1 : v->version == 4 ? at[1] ? at[1] : 1 : at[1] + 2;
    return at < end;
}

static void judge_igmp(struct judge *j)
{
    const struct view *v = j->view;
    HOLD(j, RULE_IGMP_FORM, v->ttl == 1 && has_alert(v) && is_multicast(v, v->destination), "TTL %u, alert %d", v->ttl, has_alert(v));
    if (!v->is_fragment) HOLD(j, RULE_ICMP_CHECKSUM, view_sum(v->transport, v->transport_bytes, 0) == 0, "of IGMP");
}

static bool is_link_local(const uint8_t a[16]) { return a[0] == 0xfe && (a[1] & 0xc0) == 0x80; }

static void judge_icmp6(struct judge *j)
{
    const struct view *v = j->view;
    unsigned type = v->transport[0];
    if ((type >= QUERY6 && type <= DONE6) || type == REPORT6_V2)
        HOLD(j, RULE_MLD_FORM, v->ttl == 1 && has_alert(v) && (is_any(v, v->source) || is_link_local(v->source)), "hop limit %u, alert %d", v->ttl,
             has_alert(v));
    if (type == ADVERT_ROUTER6 || type == REDIRECT6)
        if (j->memory->own_count) HOLD(j, RULE_ICMP_REDIRECT_ONLY_ROUTER, j->memory->is_router, "type %u from a host", type);
    if (type == REPLY6) judge_reply(j);
}

static void judge_icmp4(struct judge *j)
{
    unsigned type = j->view->transport[0];
    HOLD(j, RULE_ICMP_NO_SOURCE_QUENCH, type != QUENCH4, "a source quench");
    if (type == REDIRECT4 && j->memory->own_count) HOLD(j, RULE_ICMP_REDIRECT_ONLY_ROUTER, j->memory->is_router, "a redirect from a host");
    if (type == REPLY4) judge_reply(j);
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (!v->transport || v->is_later_fragment || v->transport_bytes < 8 || v->is_tcp || j->is_transit) return;
    if (v->version == 4 && v->protocol == PROTOCOL_IGMP) judge_igmp(j);
    bool is_icmp4 = v->version == 4 && v->protocol == PROTOCOL_ICMP, is_icmp6 = v->version == 6 && v->protocol == PROTOCOL_ICMPV6;
    if (!is_icmp4 && !is_icmp6) return;
    if (!v->is_fragment && !j->config->has_offloads)
        HOLD(j, RULE_ICMP_CHECKSUM, is_icmp4 ? view_sum(v->transport, v->transport_bytes, 0) == 0 : view_transport_sum(v) == 0, "type %u",
             v->transport[0]);
    if (is_icmp4) judge_icmp4(j);
    else judge_icmp6(j);
    if (is_error(v)) judge_error(j);
}

static void note_trace(struct judge *j, uint64_t key)
{
    struct trace *t = trace_note(j->memory, key, j->now_ns);
    t->ns = j->now_ns;
    t->count++;
}

static void note_echo(struct judge *j)
{
    static const uint8_t nobody[16];
    const struct view *v = j->view;
    bool is_group = is_multicast(v, v->destination) || is_broadcast(v, v->destination);
    if (v->is_fragment) j->memory->has_echo_pieces = true; /* what it asks is not seen whole */
    else note_trace(j, echo_key(v->source, is_group ? nobody : v->destination, v));
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    if (j->flow || !v->transport || (v->is_later_fragment && v->version == 4)) return;
    uint8_t ends[32];
    memcpy(ends, v->source, 16);
    memcpy(ends + 16, v->destination, 16);
    note_trace(j, packet_key(ends, v->protocol, v->transport, v->transport_bytes));
    if (v->version == 6 && v->network[6] != v->protocol) note_trace(j, trace_key(TRACE_FLAWED, ends, 32, "", 1));
    if (v->transport_bytes < 8 || v->is_later_fragment) return;
    bool is_echo = v->version == 4 ? v->protocol == PROTOCOL_ICMP && v->transport[0] == ECHO4 : v->protocol == PROTOCOL_ICMPV6 && v->transport[0] == ECHO6;
    if (is_echo && !j->is_transit) note_echo(j);
}

const struct rule_set icmp_rules = { .sent = judge_sent, .received = note_received, .sees_transit = true, .sees_spoilt = true };
