/* Bugs of single packets: the headers of IP and TCP, UDP, fragments, ICMP, neighbours. */
#include "test/referee/plant.h"

#include <string.h>

static bool is_4(const struct view *v) { return v->version == 4; }
static bool is_6(const struct view *v) { return v->version == 6; }
static bool is_tcp4(const struct view *v) { return v->version == 4 && v->is_tcp && !(v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST)); }
static bool is_any_tcp4(const struct view *v) { return v->version == 4 && v->is_tcp; }
static bool is_syn(const struct view *v) { return v->version == 4 && v->is_tcp && v->flags == TCP_FLAG_SYN; }
static bool is_udp(const struct view *v) { return v->protocol == 17 && v->transport && !v->is_fragment; }
static bool is_udp4(const struct view *v) { return is_udp(v) && v->version == 4; }
static bool is_udp6(const struct view *v) { return is_udp(v) && v->version == 6; }
static bool is_piece4(const struct view *v) { return v->version == 4 && v->is_fragment; }
static bool is_icmp4(const struct view *v, unsigned type) { return v->version == 4 && v->protocol == 1 && !v->is_fragment && v->transport[0] == type; }
static bool is_icmp6(const struct view *v, unsigned type) { return v->version == 6 && v->protocol == 58 && !v->is_fragment && v->transport[0] == type; }
static bool is_unreachable4(const struct view *v) { return is_icmp4(v, 3); }
static bool is_reply(const struct view *v) { return is_icmp4(v, 0); }
static bool is_reply6(const struct view *v) { return is_icmp6(v, 129); }
static bool is_igmp(const struct view *v) { return v->version == 4 && v->protocol == 2; }
static bool is_mld(const struct view *v) { return is_icmp6(v, 143); }
static bool is_solicit(const struct view *v) { return is_icmp6(v, 135) && v->source[0]; }
static bool is_probe(const struct view *v) { return is_icmp6(v, 135) && !v->source[0]; }
static bool is_advert(const struct view *v) { return is_icmp6(v, 136); }
static bool is_arp(const struct view *v) { return v->ethertype == 0x0806; }
static bool is_arp_ask(const struct view *v) { return is_arp(v) && v->network[7] == 1; }
static bool is_arp_reply(const struct view *v) { return is_arp(v) && v->network[7] == 2; }

static uint8_t *network(struct sending *s) { return s->frame->bytes + 14; }
static uint8_t *transport(struct sending *s) { return s->frame->bytes + (s->v->transport - s->v->frame); }
static void put16(uint8_t *at, unsigned x) { at[0] = (uint8_t)(x >> 8); at[1] = (uint8_t)x; }

/* Room of bytes before the transport header. */
static void open_gap(struct sending *s, size_t bytes)
{
    uint8_t *at = transport(s), *end = s->frame->bytes + s->frame->length;
    if (s->frame->length + bytes > FRAME_BYTES) return;
    memmove(at + bytes, at, (size_t)(end - at));
    memset(at, 0, bytes);
    s->frame->length += bytes;
    if (s->v->version == 4) put16(network(s) + 2, s->v->network_bytes + (unsigned)bytes);
    else put16(network(s) + 4, s->v->network_bytes - 40 + (unsigned)bytes);
}

static void grow_segment(struct sending *s)
{
    if (!is_tcp4(s->v) || s->v->network_bytes != 1500) return;
    s->frame->length += 8;
    put16(network(s) + 2, 1508);
}

static void add_option(struct sending *s)
{
    if (!is_udp4(s->v)) return;
    open_gap(s, 4);
    network(s)[0] = 0x46;
    memset(network(s) + 20, 1, 4);
}

static void map_source(struct sending *s)
{
    if (!is_udp6(s->v)) return;
    memset(network(s) + 8, 0, 10);
    memset(network(s) + 18, 255, 2);
}

static void add_routing(struct sending *s)
{
    if (!is_udp6(s->v)) return;
    open_gap(s, 8);
    network(s)[6] = 43;
    network(s)[40] = 17;
}

static void no_source4(struct sending *s) { if (is_udp4(s->v)) memset(network(s) + 12, 0, 4); }
static void no_destination4(struct sending *s) { if (is_udp4(s->v)) memset(network(s) + 16, 0, 4); }
static void count_ids_randomly(struct sending *s) { if (is_tcp4(s->v)) put16(network(s) + 4, (s->count * 40503u & 0xffff) | 1); }
static void no_port(struct sending *s) { if (is_tcp4(s->v)) put16(transport(s), 0); }
static void waver_dscp(struct sending *s) { if (is_tcp4(s->v)) network(s)[1] = (uint8_t)(s->count << 2); }

static void end_options_early(struct sending *s)
{
    if (is_syn(s->v)) transport(s)[20] = 0;
}

/* Of a later fragment: begins 8 bytes sooner. */
static void overlap(struct sending *s) { if (is_piece4(s->v) && s->v->is_later_fragment) put16(network(s) + 6, (s->v->fragment_offset_bytes / 8 - 1) | (s->v->has_more_fragments ? 0x2000 : 0)); }
static void lose_piece(struct sending *s) { s->is_lost = is_piece4(s->v) && !s->v->has_more_fragments; }
static void place_far(struct sending *s) { if (is_piece4(s->v) && s->v->is_later_fragment) put16(network(s) + 6, 8190 | (s->v->has_more_fragments ? 0x2000 : 0)); }
static void odd_piece(struct sending *s)
{
    if (!is_piece4(s->v) || !s->v->has_more_fragments) return;
    s->frame->length -= 3;
    put16(network(s) + 2, s->v->network_bytes - 3);
}

static void make_atomic(struct sending *s)
{
    if (!is_udp6(s->v)) return;
    open_gap(s, 8);
    network(s)[6] = 44;
    network(s)[40] = 17;
}

/* The first fragment ends within the UDP header. */
static void tiny_piece(struct sending *s)
{
    if (!is_udp6(s->v) || s->v->payload_bytes < 50) return;
    make_atomic(s);
    network(s)[43] = 1;
    network(s)[4] = 0;
    network(s)[5] = 12;
    s->frame->length = 14 + 52;
}

static void quote_little(struct sending *s)
{
    if (!is_unreachable4(s->v)) return;
    s->frame->length = 14 + 20 + 8 + 24;
    put16(network(s) + 2, 20 + 8 + 24);
}

static void repeat_error(struct sending *s) { s->is_repeated = is_unreachable4(s->v); }
static void repeat_arp_reply(struct sending *s) { s->is_repeated = is_arp_reply(s->v); }
static void send_to_other(struct sending *s) { if (is_unreachable4(s->v)) network(s)[19] = 77; }

static void no_checksum6(struct sending *s) { if (is_udp6(s->v)) put16(transport(s) + 6, 0); }

static void advert_without_asking(struct sending *s) { s->is_repeated = is_advert(s->v); }

/* IPv4 header, then ICMP with a quote of an IPv4 header and 8 bytes. */
static void error4(struct script *s, unsigned type, unsigned code, const uint8_t quote[28])
{
    uint8_t p[56] = { 0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, quote[12], quote[13], quote[14], quote[15], (uint8_t)type, (uint8_t)code };
    memcpy(p + 28, quote, 28);
    script_packet(s, true, p, sizeof p);
}

static const uint8_t datagram[28] = { 0x45, 0, 0, 28, 0, 9, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 4, 0, 5, 0, 0, 8 };

/* A datagram comes, byte at of it changed to value; an error goes, about it. */
static void provoke(struct script *s, bool has_bug, unsigned type, unsigned code, unsigned at, uint8_t value)
{
    struct frame f = { .length = 42 };
    memcpy(f.bytes + 12, "\x08", 2);
    memcpy(f.bytes + 14, datagram, sizeof datagram);
    if (has_bug) f.bytes[14 + at] = value;
    f.bytes[14 + 26] = 1;
    script_at(s, 1000);
    script_packet(s, false, f.bytes + 14, sizeof datagram);
    frame_repair(&f);
    error4(s, type, code, f.bytes + 14);
}

static void about_error(struct script *s, bool has_bug)
{
    uint8_t p[56] = { 0x45, 0, 0, 56, 0, 9, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 8 };
    if (has_bug) p[20] = 3;
    memcpy(p + 28, datagram, sizeof datagram);
    script_at(s, 1000);
    script_packet(s, false, p, sizeof p);
    struct frame f = { .length = 14 + sizeof p, .bytes = { [12] = 8 } };
    memcpy(f.bytes + 14, p, sizeof p);
    frame_repair(&f);
    error4(s, 11, 0, f.bytes + 14);
}

static void about_group(struct script *s, bool has_bug) { provoke(s, has_bug, 3, 3, 16, 224); }
static void about_fragment(struct script *s, bool has_bug) { provoke(s, has_bug, 11, 1, 7, 9); }
static void about_nobody(struct script *s, bool has_bug) { provoke(s, has_bug, 3, 3, 12, 225); }

static void about_nothing(struct script *s, bool has_bug)
{
    script_at(s, 1000);
    if (!has_bug) script_packet(s, false, datagram, sizeof datagram);
    struct frame f = { .length = 42, .bytes = { [12] = 8 } };
    memcpy(f.bytes + 14, datagram, sizeof datagram);
    frame_repair(&f);
    error4(s, 3, 3, f.bytes + 14);
}

static void many_errors(struct script *s, bool has_bug)
{
    for (unsigned i = 0; i < 20; i++) {
        script_at(s, 1000 + i * (has_bug ? 100 : 1000));
        script_packet(s, false, datagram, sizeof datagram);
        struct frame f = { .length = 42, .bytes = { [12] = 8 } };
        memcpy(f.bytes + 14, datagram, sizeof datagram);
        frame_repair(&f);
        error4(s, 3, 3, f.bytes + 14);
    }
}

static void small_mtu(struct script *s, bool has_bug)
{
    uint8_t p[56] = { 0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 4, 0, 0, 0, 0, 5 };
    if (has_bug) p[26] = 0, p[27] = 60;
    memcpy(p + 28, datagram, sizeof datagram);
    script_at(s, 1000);
    script_packet(s, false, datagram, sizeof datagram);
    script_packet(s, true, p, sizeof p);
}

static void redirect(struct script *s, bool has_bug)
{
    static const uint8_t own[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 };
    uint8_t p[56] = { 0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 5, 1, 0, 0, 10, 0, 0, 3 };
    memcpy(p + 28, datagram, sizeof datagram);
    referee_host_address(script_referee(s), 0, own);
    if (!has_bug) referee_host_routes(script_referee(s), 0);
    script_packet(s, true, p, sizeof p);
}

static void ask_arp(struct script *s, bool has_bug)
{
    uint8_t f[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2 };
    for (unsigned i = 0; i < 10; i++) {
        script_at(s, 1000 + i * (has_bug ? 200 : 1000));
        script_frame(s, true, f, sizeof f);
    }
}

static void solicit_often(struct script *s, bool has_bug)
{
    uint8_t p[72] = { 0x60, 0, 0, 0, 0, 32, 58, 255, 0xfd, [23] = 1, [24] = 0xff, 2, [35] = 1, 0xff, 0, 0, 2, 135, [48] = 0xfd, [63] = 2, 1, 1, 2, 0, 0, 0, 0, 1 };
    for (unsigned i = 0; i < 10; i++) {
        script_at(s, 1000 + i * (has_bug ? 200 : 1000));
        script_packet(s, true, p, sizeof p);
    }
}

static void fragmented_discovery(struct script *s, bool has_bug)
{
    uint8_t p[80] = { 0x60, 0, 0, 0, 0, 40, 44, 255, 0xfd, [23] = 1, [24] = 0xff, 2, [35] = 1, 0xff, 0, 0, 2, 58, [48] = 135, [56] = 0xfd, [71] = 2, 1, 1, 2, 0, 0, 0, 0, 1 };
    uint8_t whole[72];
    memcpy(whole, p, 40);
    memcpy(whole + 40, p + 48, 32);
    whole[5] = 32;
    whole[6] = 58;
    if (has_bug) script_packet(s, true, p, sizeof p);
    else script_packet(s, true, whole, sizeof whole);
}

#define POKE(r, when, where, at, becomes) { .rule = RULE_##r, .on = when, .base = where, .offset = at, .value = becomes }
#define FLIP(r, when, where, at, bits) { .rule = RULE_##r, .on = when, .base = where, .offset = at, .flip = bits }
#define SPOIL(r, when, where, at, bits) { .rule = RULE_##r, .on = when, .base = where, .offset = at, .flip = bits, .is_raw = true }
#define BUG(r, how) { .rule = RULE_##r, .bug = how }
#define SCRIPT(r, how) { .rule = RULE_##r, .script = how }

const struct plant_row plants_packet[] = {
    SPOIL(IP_LENGTHS, is_4, AT_NETWORK, 2, 0x40),
    SPOIL(IP_CHECKSUM, is_4, AT_NETWORK, 10, 1),
    POKE(IP_SOURCE_UNICAST, is_udp4, AT_NETWORK, 12, 239),
    BUG(IP_SOURCE_SPECIFIED, no_source4),
    BUG(IP_DESTINATION_SPECIFIED, no_destination4),
    POKE(IP_SOURCE_OWN, is_udp4, AT_NETWORK, 15, 99),
    POKE(IP_LOOPBACK_STAYS, is_udp4, AT_NETWORK, 16, 127),
    BUG(IP_NO_OPTIONS, add_option),
    BUG(IPV6_NOT_MAPPED, map_source),
    BUG(IPV6_NO_ROUTING_0, add_routing),
    POKE(ETHERNET_SOURCE_UNICAST, is_6, AT_FRAME, 6, 3),
    FLIP(ETHERNET_GROUP_MAPPED, is_mld, AT_FRAME, 5, 0x80),
    POKE(IP_TTL_NOT_ZERO, is_4, AT_NETWORK, 8, 0),
    BUG(IP_FITS_MTU, grow_segment),
    POKE(TCP_LENGTHS, is_tcp4, AT_TRANSPORT, 12, 0x40),
    SPOIL(TCP_CHECKSUM, is_tcp4, AT_TRANSPORT, 16, 1),
    FLIP(TCP_FLAGS_SANE, is_syn, AT_TRANSPORT, 13, TCP_FLAG_FIN),
    POKE(TCP_OPTION_LENGTHS, is_syn, AT_TRANSPORT, 21, 1),
    BUG(TCP_PADDING_ZERO, end_options_early),
    FLIP(TCP_RESERVED_ZERO, is_tcp4, AT_TRANSPORT, 12, 8),
    POKE(TCP_URGENT_ZERO, is_tcp4, AT_TRANSPORT, 19, 1),
    POKE(TCP_ACK_ZERO, is_syn, AT_TRANSPORT, 11, 1),
    POKE(TCP_UNICAST, is_any_tcp4, AT_NETWORK, 16, 224),
    BUG(TCP_SOURCE_PORT, no_port),
    BUG(TCP_DSCP_STEADY, waver_dscp),
    FLIP(TCP_DONT_FRAGMENT, is_tcp4, AT_NETWORK, 6, 0x40),
    BUG(TCP_ID_COUNTS, count_ids_randomly),
    FLIP(UDP_LENGTH, is_udp4, AT_TRANSPORT, 5, 1),
    SPOIL(UDP_CHECKSUM, is_udp4, AT_TRANSPORT, 6, 1),
    BUG(UDP_CHECKSUM_IPV6, no_checksum6),
    POKE(UDP_PORTS, is_udp4, AT_TRANSPORT, 1, 0),
    BUG(FRAGMENT_UNITS, odd_piece),
    BUG(FRAGMENT_TOTAL, place_far),
    BUG(FRAGMENT_NO_OVERLAP, overlap),
    BUG(FRAGMENT_COMPLETE, lose_piece),
    FLIP(FRAGMENT_WITHOUT_DF, is_piece4, AT_NETWORK, 6, 0x40),
    BUG(FRAGMENT_NOT_ATOMIC, make_atomic),
    BUG(FRAGMENT_FIRST_HAS_HEADERS, tiny_piece),
    SPOIL(ICMP_CHECKSUM, is_reply, AT_TRANSPORT, 2, 1),
    POKE(ICMP_NO_SOURCE_QUENCH, is_unreachable4, AT_TRANSPORT, 0, 4),
    BUG(ICMP_ERROR_QUOTE_BYTES, quote_little),
    SCRIPT(ICMP_ERROR_NOT_ABOUT_ERROR, about_error),
    SCRIPT(ICMP_ERROR_NOT_ABOUT_GROUP, about_group),
    SCRIPT(ICMP_ERROR_NOT_ABOUT_FRAGMENT, about_fragment),
    SCRIPT(ICMP_ERROR_NOT_ABOUT_NOBODY, about_nobody),
    BUG(ICMP_ERROR_TO_SOURCE, send_to_other),
    SCRIPT(ICMP_ERROR_QUOTES_RECEIVED, about_nothing),
    FLIP(ICMP_ERROR_QUOTES_RECEIVED, is_unreachable4, AT_TRANSPORT, 30, 1),
    BUG(ICMP_ERROR_ONCE, repeat_error),
    SCRIPT(ICMP_ERROR_RATE, many_errors),
    POKE(ICMP_UNUSED_ZERO, is_unreachable4, AT_TRANSPORT, 7, 1),
    SCRIPT(ICMP_MTU_SANE, small_mtu),
    FLIP(ICMP_ECHO_REPLY_ASKED, is_reply, AT_TRANSPORT, 20, 1),
    FLIP(ICMP_ECHO_REPLY_ASKED, is_reply6, AT_TRANSPORT, 7, 1),
    SCRIPT(ICMP_REDIRECT_ONLY_ROUTER, redirect),
    POKE(IGMP_FORM, is_igmp, AT_NETWORK, 8, 64),
    POKE(MLD_FORM, is_mld, AT_NETWORK, 7, 64),
    POKE(ARP_WELL_FORMED, is_arp, AT_NETWORK, 5, 6),
    FLIP(ARP_SENDER_MAC, is_arp, AT_NETWORK, 13, 0x10),
    POKE(ARP_SENDER_OWN, is_arp, AT_NETWORK, 17, 99),
    POKE(ARP_TARGET_UNICAST, is_arp_ask, AT_NETWORK, 24, 224),
    BUG(ARP_REPLY_ASKED, repeat_arp_reply),
    SCRIPT(ARP_REQUEST_RATE, ask_arp),
    POKE(ND_HOP_LIMIT, is_solicit, AT_NETWORK, 7, 64),
    SCRIPT(ND_NOT_FRAGMENTED, fragmented_discovery),
    POKE(ND_OPTIONS, is_solicit, AT_TRANSPORT, 25, 0),
    POKE(ND_SOLICIT_FORM, is_probe, AT_TRANSPORT, 8, 0xff),
    POKE(ND_ADVERT_FORM, is_advert, AT_TRANSPORT, 8, 0xff),
    BUG(ND_ADVERT_ASKED, advert_without_asking),
    SCRIPT(ND_SOLICIT_RATE, solicit_often),
    { .rule = RULE_COUNT }
};
