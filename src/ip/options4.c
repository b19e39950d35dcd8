/* IPv4 options (RFC 791 §3.1): checked one by one; on the way in, record route and timestamp slots are
 * filled, and as on Linux the header checksum is left as it came until the packet goes on. A fault is
 * told as its offset in the header plus one, which is what the parameter problem message points at. */
#include "ip/state.h"

struct parse {
    struct net *net;
    uint8_t *header;
    const ip_addr_t *stamp;
    struct ip4_options *out;
    bool is_input;
};

static unsigned fault_at(const struct parse *s, const uint8_t *at) { return (unsigned)(at - s->header) + 1; }

static unsigned take_source_route(struct parse *s, uint8_t *o)
{
    if (o[1] < 3) return fault_at(s, o + 1);
    if (o[2] < 4) return fault_at(s, o + 2);
    if (s->out->source_route) return fault_at(s, o);
    if (!s->is_input && (o[2] != 4 || o[1] < 7 || ((o[1] - 3) & 3))) return fault_at(s, o + 1);
    s->out->is_strict = o[0] == IPOPT_SSRR;
    s->out->is_source_routed = true;
    s->out->is_source_route_end = o[2] > o[1];
    s->out->source_route = (uint8_t)(o - s->header);
    return 0;
}

static unsigned take_record_route(struct parse *s, uint8_t *o)
{
    if (s->out->record_route) return fault_at(s, o);
    if (o[1] < 3) return fault_at(s, o + 1);
    if (o[2] < 4) return fault_at(s, o + 2);
    s->out->record_route = (uint8_t)(o - s->header);
    if (o[2] > o[1]) return 0;
    if (o[2] + 3 > o[1]) return fault_at(s, o + 2);
    if (s->is_input) memcpy(o + o[2] - 1, &s->stamp->word[3], 4);
    o[2] = (uint8_t)(o[2] + 4);
    s->out->needs_address = true;
    return 0;
}

be32_t ip4_time_of_day(const struct net *net)
{
    return be32((uint32_t)((ip_now(net) + net->machine->wall_offset_ns) / NS_PER_MS % 86400000u));
}

static bool is_prespecified_for_us(const struct parse *s, const uint8_t *at)
{
    be32_t v;
    memcpy(&v, at, 4);
    ip_addr_t a = ip_from4(v);
    return !s->is_input || ip_address_kind(s->net, &a, 0) != IP_KIND_UNICAST;
}

static unsigned fill_timestamp(struct parse *s, uint8_t *o)
{
    unsigned kind = o[3] & 0xf, slot = kind == IPOPT_TS_TSONLY ? 4 : 8;
    if (o[2] + 3 > o[1]) return fault_at(s, o + 2);
    if (kind != IPOPT_TS_TSONLY && kind != IPOPT_TS_TSANDADDR && kind != IPOPT_TS_PRESPEC)
        return s->is_input ? 0 : fault_at(s, o + 3);
    if (slot == 8 && o[2] + 7 > o[1]) return fault_at(s, o + 2);
    if (kind == IPOPT_TS_PRESPEC && !is_prespecified_for_us(s, o + o[2] - 1)) return 0;
    if (s->is_input) {
        be32_t now = ip4_time_of_day(s->net);
        if (kind == IPOPT_TS_TSANDADDR) memcpy(o + o[2] - 1, &s->stamp->word[3], 4);
        memcpy(o + o[2] - 1 + slot - 4, &now, 4);
    }
    o[2] = (uint8_t)(o[2] + slot);
    s->out->needs_time = true;
    return 0;
}

static unsigned take_timestamp(struct parse *s, uint8_t *o)
{
    if (s->out->timestamp) return fault_at(s, o);
    if (o[1] < 4) return fault_at(s, o + 1);
    if (o[2] < 5) return fault_at(s, o + 2);
    s->out->timestamp = (uint8_t)(o - s->header);
    if (o[2] <= o[1]) return fill_timestamp(s, o);
    if (o[3] >> 4 == 15) return fault_at(s, o + 3);
    if (s->is_input) {
        o[3] = (uint8_t)(o[3] + 0x10); /* one more host that found no room */
    }
    return 0;
}

static unsigned take_option(struct parse *s, uint8_t *o)
{
    switch (o[0]) {
    case IPOPT_SSRR:
    case IPOPT_LSRR: return take_source_route(s, o);
    case IPOPT_RR: return take_record_route(s, o);
    case IPOPT_TIMESTAMP: return take_timestamp(s, o);
    case IPOPT_RA:
        if (o[1] < 4) return fault_at(s, o + 1);
        s->out->router_alert = !o[2] && !o[3];
        return 0;
    default: return 0;
    }
}

unsigned ip4_options_parse(struct net *net, uint8_t *header, unsigned header_bytes, bool is_input,
    const ip_addr_t *stamp, struct ip4_options *out)
{
    struct parse s = { .net = net, .header = header, .stamp = stamp, .out = out, .is_input = is_input };
    *out = (struct ip4_options){ .bytes = (uint8_t)(header_bytes - 20) };
    for (unsigned i = 20; i < header_bytes;) {
        uint8_t *o = header + i;
        if (o[0] == IPOPT_END) break;
        if (o[0] == IPOPT_NOOP) {
            i++;
            continue;
        }
        if (header_bytes - i < 2 || o[1] < 2 || o[1] > header_bytes - i) return fault_at(&s, o);
        unsigned length = o[1], fault = take_option(&s, o);
        if (fault) return fault;
        i += length;
    }
    return 0;
}

unsigned ip4_options_echo(const uint8_t *options, unsigned bytes, uint8_t out[40])
{
    const uint8_t *record = NULL, *times = NULL;
    unsigned used = 0;
    for (unsigned i = 0; i < bytes && options[i] != IPOPT_END;) {
        const uint8_t *o = options + i;
        unsigned length = o[0] == IPOPT_NOOP ? 1 : i + 1 < bytes ? o[1] : 0;
        if (!length || length > bytes - i || (o[0] != IPOPT_NOOP && length < 2)) break;
        if (o[0] == IPOPT_RR && length >= 3 && o[2] >= 4 && !record) record = o;
        bool times_fit = o[0] == IPOPT_TIMESTAMP && length >= 4 && o[2] >= 5 && (o[2] <= o[1] || o[3] >> 4 != 15);
        if (times_fit && !times) times = o;
        i += length;
    }
    if (record) {
        memcpy(out, record, record[1]);
        used = record[1];
    }
    if (times) {
        memcpy(out + used, times, times[1]);
        used += times[1];
    }
    return used;
}

void ip4_options_forward(struct net *net, uint8_t *header, unsigned header_bytes, const ip_addr_t *out_source)
{
    for (unsigned i = 20; i + 2 < header_bytes && header[i] != IPOPT_END;
         i += header[i] == IPOPT_NOOP ? 1 : header[i + 1]) {
        uint8_t *o = header + i;
        be32_t recorded;
        if (o[0] == IPOPT_NOOP) continue;
        if (o[1] < 2) return; /* was checked on the way in */
        if (o[0] != IPOPT_RR || o[2] < 8 || o[2] - 1 > o[1]) continue;
        memcpy(&recorded, o + o[2] - 5, 4);
        ip_addr_t a = ip_from4(recorded);
        if (ip_is_local(net, &a)) memcpy(o + o[2] - 5, &out_source->word[3], 4);
    }
}
