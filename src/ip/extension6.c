/* Options of IPv6 hop-by-hop and destination headers (RFC 8200 §4.2), with Linux's limits on number and length. */
#include "ip/state.h"
#include "ip/extension6.h"

enum { OPTION_PAD1 = 0, OPTION_PADN = 1, OPTION_ROUTER_ALERT = 5, OPTION_JUMBO = 0xc2 };

static int64_t absolute(int64_t v) { return v < 0 ? -v : v; }

/* An unknown option: the two high bits of its type say what to do. True: skip it. */
static bool unknown_option(struct net *net, struct packet *p, uint8_t type, uint32_t at, bool is_strict)
{
    if (type >> 6 == 0 && !is_strict) return true;
    bool tell = type >> 6 == 2 || (type >> 6 == 3 && !ip_is_multicast(&p->ip.destination));
    if (type >> 6 && tell) icmp_send_error(p, ICMPV6_PARAMPROB, ICMPV6_UNK_OPTION, at);
    (void)net;
    return false;
}

static bool pad_is_sane(const uint8_t *o, unsigned length)
{
    if (length > 7) return false;
    for (unsigned i = 2; i < length; i++) {
        if (o[i]) return false;
    }
    return true;
}

/* bytes: of the whole header at packet_data()[at]. p is not taken. */
bool ip6_options_ok(struct net *net, struct packet *p, uint32_t at, uint32_t bytes, bool is_hop_by_hop)
{
    int64_t limit = is_hop_by_hop ? net->sysctl.max_hbh_opts_number : net->sysctl.max_dst_opts_number;
    int64_t left = absolute(limit);
    const uint8_t *h = packet_data(p) + at;
    unsigned pad_run = 0;
    for (uint32_t i = 2; i < bytes;) {
        unsigned length = h[i] == OPTION_PAD1 ? 1 : i + 1 < bytes ? h[i + 1] + 2u : 0;
        if (!length || i + length > bytes) return false;
        if (h[i] == OPTION_PAD1 || h[i] == OPTION_PADN) {
            pad_run += length;
            if (pad_run > 7 || (h[i] == OPTION_PADN && !pad_is_sane(h + i, length))) return false;
        } else {
            pad_run = 0;
            if (left-- <= 0) return false;
            bool known = is_hop_by_hop && h[i] == OPTION_ROUTER_ALERT && length == 4;
            if (is_hop_by_hop && h[i] == OPTION_JUMBO) return false;
            if (!known && !unknown_option(net, p, h[i], at + i, limit < 0)) return false;
        }
        i += length;
    }
    return true;
}

bool ip6_has_router_alert(const struct packet *p, uint32_t at, uint32_t bytes)
{
    const uint8_t *h = packet_data(p) + at;
    for (uint32_t i = 2; i + 1 < bytes; i += h[i] ? h[i + 1] + 2u : 1) {
        if (h[i] == OPTION_ROUTER_ALERT) return true;
    }
    return false;
}
