/* What holds for a packet by itself, whatever came before. */
#include "referee/judge.h"

#include <string.h>

enum { PROTOCOL_IGMP = 2, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ROUTING = 43, PROTOCOL_ICMPV6 = 58, PORT_BOOTPC = 68 };
enum { OPTION_IP_MTU_DISCOVER = 10, OPTION_IP_OPTIONS = 4 }; /* of SOL_IP, which is 0 */

static bool is_mapped(const uint8_t a[16])
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };
    return memcmp(a, prefix, 12) == 0;
}

static bool may_lack_source(const struct view *v)
{
    if (v->version == 6) return v->protocol == PROTOCOL_ICMPV6;
    return v->protocol == PROTOCOL_IGMP || (v->protocol == PROTOCOL_UDP && v->source_port == PORT_BOOTPC);
}

static void judge_addresses(struct judge *j)
{
    const struct view *v = j->view;
    const uint8_t *s = v->source, *d = v->destination;
    HOLD(j, RULE_IP_SOURCE_UNICAST, !is_multicast(v, s) && !is_broadcast(v, s), "source %u.%u.%u.%u", s[12], s[13], s[14], s[15]);
    HOLD(j, RULE_IP_SOURCE_SPECIFIED, !is_any(v, s) || may_lack_source(v), "protocol %u without source", v->protocol);
    HOLD(j, RULE_IP_DESTINATION_SPECIFIED, !is_any(v, d), "protocol %u for nobody", v->protocol);
    /* Linux: ::1 too, where an interface has lost its addresses. */
    if (j->memory->own_count && !j->is_transit)
        HOLD(j, RULE_IP_SOURCE_OWN, host_owns(j->memory, s) || is_any(v, s) || (v->version == 6 && is_loopback(v, s)), "source ends in %u.%u.%u.%u", s[12], s[13], s[14], s[15]);
    if (v->version == 6) HOLD(j, RULE_IPV6_NOT_MAPPED, !is_mapped(s) && !is_mapped(d), "::ffff:%u.%u.%u.%u on the wire", s[12], s[13], s[14], s[15]);
}

/* A capture of the loopback has Ethernet headers of zeros. */
static bool is_on_wire(const struct view *v)
{
    static const uint8_t zero[12];
    return v->ethernet && memcmp(v->ethernet, zero, 12) != 0;
}

static bool is_group_mapped(const struct view *v)
{
    const uint8_t *to = v->ethernet, *d = v->destination;
    if (v->version == 6) return to[0] == 0x33 && to[1] == 0x33 && memcmp(to + 2, d + 12, 4) == 0;
    if (is_broadcast(v, d)) return memcmp(to, "\xff\xff\xff\xff\xff\xff", 6) == 0;
    return to[0] == 1 && to[1] == 0 && to[2] == 0x5e && to[3] == (d[13] & 0x7f) && to[4] == d[14] && to[5] == d[15];
}

static void judge_ethernet(struct judge *j)
{
    const struct view *v = j->view;
    const uint8_t *mac = v->ethernet;
    HOLD(j, RULE_ETHERNET_SOURCE_UNICAST, !(mac[6] & 1), "source %02x:%02x:%02x", mac[6], mac[7], mac[8]);
    if (!v->version || !v->are_lengths_right) return;
    if (is_multicast(v, v->destination) || is_broadcast(v, v->destination))
        HOLD(j, RULE_ETHERNET_GROUP_MAPPED, is_group_mapped(v), "to %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    /* Linux: where an interface has no address yet, ::1 is a source as good as any. But nobody asks for a neighbour with it. */
    bool may_be_source = v->version == 6 && v->protocol != 58;
    HOLD(j, RULE_IP_LOOPBACK_STAYS, (may_be_source || !is_loopback(v, v->source)) && !is_loopback(v, v->destination), "a loopback address on a wire");
}

/* False: a routing header of type 0 (RFC 5095). */
static bool has_no_source_route(const struct view *v)
{
    const uint8_t *at = v->network + 40;
    for (unsigned next = v->network[6]; at < v->transport; at += next == 44 ? 8 : (at[1] + 1) * 8) {
        if (next == PROTOCOL_ROUTING && at[2] == 0) return false;
        next = at[0];
    }
    return true;
}

static void judge_ip(struct judge *j)
{
    const struct view *v = j->view;
    HOLD(j, RULE_IP_LENGTHS, v->are_lengths_right, "IPv%u lengths do not agree with %zu bytes", v->version, v->frame_bytes);
    if (!v->are_lengths_right) return;
    if (v->version == 4) {
        HOLD(j, RULE_IP_CHECKSUM, j->config->has_offloads || view_sum(v->network, (size_t)(v->transport - v->network), 0) == 0,
             "IPv4 header checksum %04x is wrong", view_load16(v->network + 10));
        HOLD(j, RULE_IP_NO_OPTIONS, v->transport == v->network + 20 || v->protocol == PROTOCOL_IGMP || j->memory->has_asked_options || j->is_transit,
             "%zu bytes of options on protocol %u", (size_t)(v->transport - v->network) - 20, v->protocol);
    } else if (v->protocol != v->network[6])
        HOLD(j, RULE_IPV6_NO_ROUTING_0, has_no_source_route(v) || j->is_transit, "a routing header of type 0");
    judge_addresses(j);
    HOLD(j, RULE_IP_TTL_NOT_ZERO, v->ttl != 0, "protocol %u leaves with TTL 0", v->protocol);
    if (j->mtu_bytes && !j->config->has_offloads && !judge_is_late(j))
        HOLD(j, RULE_IP_FITS_MTU, v->network_bytes <= j->mtu_bytes, "%u bytes on a device of %u", v->network_bytes, j->mtu_bytes);
}

static bool are_flags_sane(unsigned flags)
{
    unsigned kind = flags & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_FIN);
    return (kind & (kind - 1)) == 0 && (flags & (TCP_FLAG_ACK | TCP_FLAG_SYN | TCP_FLAG_RST)) != 0;
}

static void judge_tcp(struct judge *j)
{
    const struct view *v = j->view;
    HOLD(j, RULE_TCP_LENGTHS, v->is_tcp_whole, "data offset beyond %u bytes", v->transport_bytes);
    if (!v->is_tcp_whole) return;
    if (!j->config->has_offloads)
        HOLD(j, RULE_TCP_CHECKSUM, view_transport_sum(v) == 0, "TCP checksum %04x is wrong", view_load16(v->transport + 16));
    HOLD(j, RULE_TCP_FLAGS_SANE, are_flags_sane(v->flags), "flags %03x", v->flags);
    HOLD(j, RULE_TCP_OPTION_LENGTHS, v->are_options_right, "options of %u bytes cannot be read", v->header_bytes - 20u);
    HOLD(j, RULE_TCP_PADDING_ZERO, !v->are_options_right || v->is_padding_zero, "bytes after the end of options");
    HOLD(j, RULE_TCP_RESERVED_ZERO, (v->transport[12] & 0x0e) == 0, "reserved bits %x", v->transport[12] & 0x0e);
    HOLD(j, RULE_TCP_URGENT_ZERO, v->flags & TCP_FLAG_URG || v->urgent == 0, "urgent pointer %u without URG", v->urgent);
    HOLD(j, RULE_TCP_ACK_ZERO, v->flags & TCP_FLAG_ACK || v->ack == 0, "acknowledgment %u without ACK", v->ack);
}

/* What the IP headers of a connection's segments have in common. */
static void judge_tcp_ip(struct judge *j)
{
    const struct view *v = j->view;
    struct packet_part *part = &j->flow->packet;
    HOLD(j, RULE_TCP_UNICAST, !is_multicast(v, v->destination) && !is_broadcast(v, v->destination), "a segment to a group");
    if (v->flags & TCP_FLAG_RST) return; /* not always of the connection's socket */
    HOLD(j, RULE_TCP_SOURCE_PORT, v->source_port != 0, "source port 0");
    if (part->has_tos && v->tos >> 2 != part->tos >> 2) part->tos_changes++;
    part->has_tos = true;
    part->tos = v->tos;
    HOLD(j, RULE_TCP_DSCP_STEADY, part->tos_changes <= 3, "the DSCP changed %u times, now %u", part->tos_changes, v->tos >> 2);
    if (v->version != 4) return;
    HOLD(j, RULE_TCP_DONT_FRAGMENT, v->has_dont_fragment || j->memory->may_fragment, "no DF");
    if (v->flags & TCP_FLAG_SYN) part->has_id = false; /* perhaps a new connection's, or not yet a socket's */
    if (v->fragment_id == 0 || v->flags & TCP_FLAG_SYN || j->config->is_far) return;
    uint16_t step = (uint16_t)(v->fragment_id - part->id);
    HOLD(j, RULE_TCP_ID_COUNTS, !part->has_id || step < 1024 || step > 65536 - 64, "id %u after %u", v->fragment_id, part->id);
    part->has_id = true;
    part->id = (uint16_t)v->fragment_id;
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (is_on_wire(v)) judge_ethernet(j);
    if (v->version) judge_ip(j);
    if (v->is_tcp && !j->is_transit) judge_tcp(j);
    if (j->flow) judge_tcp_ip(j);
}

/* Answers mirror IPv4 options (RFC 1122 §3.2.2.6); a small path may not be worth DF (Linux: min_pmtu). */
static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    if (v->is_fragment && v->protocol == PROTOCOL_TCP && !j->is_transit) j->memory->has_tcp_pieces = true;
    if (v->version != 4 || !v->are_lengths_right) return;
    if (v->transport != v->network + 20 && v->protocol != PROTOCOL_IGMP) j->memory->has_asked_options = true;
    if (v->protocol == 1 && v->transport_bytes >= 8 && v->transport[0] == 3 && v->transport[1] == 4 && view_load16(v->transport + 6) < 552)
        j->memory->may_fragment = true;
}

static void note_call(struct judge *j, const struct referee_call *call)
{
    if (call->kind != REFEREE_SOCKOPT) return;
    if (call->argument == OPTION_IP_OPTIONS) j->memory->has_asked_options = true;
    if (call->argument == OPTION_IP_MTU_DISCOVER) j->memory->may_fragment = true;
}

const struct rule_set packet_rules = { .sent = judge_sent, .received = note_received, .call = note_call, .sees_transit = true };
