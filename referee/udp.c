/* UDP: each datagram by itself. */
#include "referee/judge.h"

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    if (v->protocol != 17 || !v->transport || v->is_later_fragment || v->transport_bytes < 8) return;
    unsigned length = view_load16(v->transport + 4), sum = view_load16(v->transport + 6);
    HOLD(j, RULE_UDP_LENGTH, v->is_fragment ? length > v->transport_bytes : length == v->transport_bytes, "length %u in %u bytes", length,
         v->transport_bytes);
    HOLD(j, RULE_UDP_PORTS, v->source_port != 0 && v->destination_port != 0, "ports %u, %u", v->source_port, v->destination_port);
    if (v->version == 6) HOLD(j, RULE_UDP_CHECKSUM_IPV6, sum != 0, "no checksum");
    if (sum != 0 && !v->is_fragment && !j->config->has_offloads)
        HOLD(j, RULE_UDP_CHECKSUM, view_transport_sum(v) == 0, "checksum %04x is wrong", sum);
}

const struct rule_set udp_rules = { .sent = judge_sent };
