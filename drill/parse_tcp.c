/* TCP options, into the bytes they are on the wire. */
#include "drill/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    KIND_EOL = 0, KIND_NOP = 1, KIND_MSS = 2, KIND_WSCALE = 3, KIND_SACK_OK = 4, KIND_SACK = 5, KIND_TIMESTAMP = 8,
    KIND_MD5 = 19,
    KIND_FASTOPEN = 34, KIND_ACCECN0 = 172, KIND_ACCECN1 = 174, KIND_EXPERIMENT = 254,
};
enum { FASTOPEN_MAGIC = 0xf989 /* RFC 7413 appendix A */, MD5_BYTES = 16 };

static void add_bytes(struct parser *p, struct script_packet *packet, const uint8_t *bytes, size_t count)
{
    if (packet->tcp.option_bytes + count > SCRIPT_TCP_OPTION_BYTES) {
        parse_expected(p, "at most 40 bytes of TCP options");
        return;
    }
    memcpy(packet->tcp.options + packet->tcp.option_bytes, bytes, count);
    packet->tcp.option_bytes = (uint8_t)(packet->tcp.option_bytes + count);
}

static void add_number(struct parser *p, struct script_packet *packet, uint32_t number, unsigned bytes)
{
    uint8_t wire[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };

    add_bytes(p, packet, wire + 4 - bytes, bytes);
}

static void add_head(struct parser *p, struct script_packet *packet, unsigned kind, size_t bytes)
{
    add_bytes(p, packet, (const uint8_t[]){ (uint8_t)kind, (uint8_t)bytes }, 2);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

/* Two digits a byte. Returns the bytes; 0: there are no digits here. */
static size_t take_hex(struct parser *p, const char *what, uint8_t *out, size_t most)
{
    char expected[80];
    size_t bytes = p->token.bytes / 2;
    bool is_hex = p->token.bytes % 2 == 0 && bytes <= most;

    if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_NUMBER)
        return 0;
    for (size_t i = 0; i < p->token.bytes; i++)
        is_hex = is_hex && isxdigit((unsigned char)p->token.text[i]);
    if (!is_hex) {
        snprintf(expected, sizeof expected, "%s: pairs of hexadecimal digits, at most %zu", what, most);
        parse_expected(p, expected);
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(hex_digit(p->token.text[2 * i]) << 4 | hex_digit(p->token.text[2 * i + 1]));
    parse_next(p);
    return bytes;
}

static void parse_fast_open(struct parser *p, struct script_packet *packet, bool is_experiment)
{
    uint8_t cookie[SCRIPT_TCP_OPTION_BYTES];
    size_t head = is_experiment ? 4 : 2, bytes = take_hex(p, "a cookie", cookie, sizeof cookie - head);

    add_head(p, packet, is_experiment ? KIND_EXPERIMENT : KIND_FASTOPEN, head + bytes);
    if (is_experiment)
        add_number(p, packet, FASTOPEN_MAGIC, 2);
    add_bytes(p, packet, cookie, bytes);
}

static void parse_md5(struct parser *p, struct script_packet *packet)
{
    uint8_t digest[MD5_BYTES];
    size_t bytes = take_hex(p, "a digest", digest, sizeof digest);

    if (!bytes)
        parse_expected(p, "a digest of hexadecimal digits");
    add_head(p, packet, KIND_MD5, 2 + bytes);
    add_bytes(p, packet, digest, bytes);
}

static void parse_sack(struct parser *p, struct script_packet *packet)
{
    unsigned at = packet->tcp.option_bytes;

    add_head(p, packet, KIND_SACK, 2);
    do {
        add_number(p, packet, (uint32_t)parse_range(p, "the left edge of a SACK block", 0, UINT32_MAX), 4);
        parse_need(p, ":");
        add_number(p, packet, (uint32_t)parse_range(p, "the right edge of a SACK block", 0, UINT32_MAX), 4);
    } while (p->token.kind == TOKEN_NUMBER);
    if (!p->has_failed)
        packet->tcp.options[at + 1] = (uint8_t)(packet->tcp.option_bytes - at);
}

static void parse_timestamp(struct parser *p, struct script_packet *packet)
{
    add_head(p, packet, KIND_TIMESTAMP, 10);
    parse_need(p, "val");
    add_number(p, packet, (uint32_t)parse_range(p, "a timestamp", 0, UINT32_MAX), 4);
    parse_need(p, "ecr");
    add_number(p, packet, (uint32_t)parse_range(p, "a timestamp", 0, UINT32_MAX), 4);
}

/* The first counter tells the order, and so the kind (draft-ietf-tcpm-accurate-ecn §3.2.3); others may be left out. */
static void parse_accecn(struct parser *p, struct script_packet *packet)
{
    bool is_e0 = parse_at(p, "e0b");
    const char *order[] = { is_e0 ? "e0b" : "e1b", "ceb", is_e0 ? "e1b" : "e0b" };
    uint8_t at = packet->tcp.option_bytes;

    if (!is_e0 && !parse_at(p, "e1b")) {
        parse_expected(p, "'e0b' or 'e1b'");
        return;
    }
    add_head(p, packet, is_e0 ? KIND_ACCECN0 : KIND_ACCECN1, 2);
    for (unsigned i = 0; i < 3 && parse_take(p, order[i]); i++)
        add_number(p, packet, (uint32_t)parse_range(p, "a counter", 0, 0xffffff), 3);
    if (!p->has_failed)
        packet->tcp.options[at + 1] = (uint8_t)(packet->tcp.option_bytes - at);
}

static void parse_tcp_option(struct parser *p, struct script_packet *packet)
{
    if (parse_take(p, "nop")) {
        add_number(p, packet, KIND_NOP, 1);
    } else if (parse_take(p, "eol")) {
        add_number(p, packet, KIND_EOL, 1);
    } else if (parse_take(p, "mss")) {
        add_head(p, packet, KIND_MSS, 4);
        add_number(p, packet, (uint32_t)parse_range(p, "an mss", 0, UINT16_MAX), 2);
    } else if (parse_take(p, "wscale")) {
        add_head(p, packet, KIND_WSCALE, 3);
        add_number(p, packet, (uint32_t)parse_range(p, "a window scale", 0, UINT8_MAX), 1);
    } else if (parse_take(p, "sackOK")) {
        add_head(p, packet, KIND_SACK_OK, 2);
    } else if (parse_take(p, "sack")) {
        parse_sack(p, packet);
    } else if (parse_take(p, "TS")) {
        parse_timestamp(p, packet);
    } else if (parse_take(p, "md5")) {
        parse_md5(p, packet);
    } else if (parse_take(p, "FO")) {
        parse_fast_open(p, packet, false);
    } else if (parse_take(p, "FOEXP")) {
        parse_fast_open(p, packet, true);
    } else if (parse_take(p, "ECN")) {
        parse_accecn(p, packet);
    } else {
        parse_expected(p, "a TCP option: mss, wscale, sackOK, sack, TS, nop, eol, FO, FOEXP, md5 or ECN");
    }
}

void parse_tcp_options(struct parser *p, struct script_packet *packet)
{
    struct script_place place = p->token.place;

    parse_need(p, "<");
    if (p->token.kind == TOKEN_ELLIPSIS) {
        if (packet->is_inbound)
            parse_expected(p, "TCP options: '...' is for outbound packets");
        parse_next(p);
        packet->tcp.is_any_options = true;
    } else {
        do {
            parse_tcp_option(p, packet);
        } while (parse_take(p, ","));
    }
    parse_need(p, ">");
    if (packet->tcp.option_bytes % 4)
        parse_wrong(p, place, "expected TCP options that fill a multiple of 4 bytes, found %u bytes",
                    packet->tcp.option_bytes);
}
