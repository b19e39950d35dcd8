/* What holds for a packet by itself, whatever came before. */
#include "referee/judge.h"

#include <string.h>

static bool is_multicast(const struct view *v, const uint8_t a[16])
{
    return v->version == 4 ? a[12] >= 224 : a[0] == 0xff;
}

static void judge_ip(struct judge *j)
{
    const struct view *v = j->view;
    HOLD(j, RULE_IP_LENGTHS, v->are_lengths_right, "IPv%u lengths do not agree with %zu bytes", v->version, v->frame_bytes);
    if (!v->are_lengths_right) return;
    if (v->version == 4)
        HOLD(j, RULE_IP_CHECKSUM, j->config->has_offloads || view_sum(v->network, (size_t)(v->transport - v->network), 0) == 0,
             "IPv4 header checksum %04x is wrong", view_load16(v->network + 10));
    HOLD(j, RULE_IP_SOURCE_UNICAST, !is_multicast(v, v->source), "source %u.%u.%u.%u", v->source[12], v->source[13], v->source[14],
         v->source[15]);
    HOLD(j, RULE_IP_TTL_NOT_ZERO, v->ttl != 0, "protocol %u leaves with TTL 0", v->protocol);
    if (j->mtu_bytes && !j->config->has_offloads)
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
}

static void judge_sent(struct judge *j)
{
    if (j->view->version) judge_ip(j);
    if (j->view->is_tcp) judge_tcp(j);
}

const struct rule_set packet_rules = { .sent = judge_sent };
