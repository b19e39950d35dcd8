/* Addresses as text, for the library door: the machine itself has no need of them. */
#include "machine/library.h"

static bool parse4(const char *s, size_t length, uint8_t out[4])
{
    size_t i = 0;
    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t digits = 0;
        for (; i < length && s[i] >= '0' && s[i] <= '9'; i++, digits++) {
            value = value * 10 + (unsigned)(s[i] - '0');
            if (value > 255) return false;
        }
        if (!digits || digits > 3) return false;
        out[part] = (uint8_t)value;
        if (part < 3 && (i >= length || s[i++] != '.')) return false;
    }
    return i == length;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to four digits at s[*i]; false: none, or more. */
static bool parse_group(const char *s, size_t length, size_t *i, uint16_t *out)
{
    unsigned value = 0, digits = 0;
    while (*i < length && hex_digit(s[*i]) >= 0 && digits++ < 4) value = value << 4 | (unsigned)hex_digit(s[(*i)++]);
    *out = (uint16_t)value;
    return digits >= 1 && digits <= 4;
}

/* RFC 4291 §2.2: groups, one "::", and an IPv4 address at the end. */
static bool parse6(const char *s, size_t length, uint8_t out[16])
{
    uint8_t bytes[16] = { 0 };
    size_t used = 0, gap = SIZE_MAX, i = 0;
    if (length >= 2 && s[0] == ':' && s[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < length) {
        size_t start = i;
        uint16_t group;
        if (used > 14 || !parse_group(s, length, &i, &group)) return false;
        if (i < length && s[i] == '.') {
            if (used > 12 || !parse4(s + start, length - start, bytes + used)) return false;
            used += 4;
            break;
        }
        bytes[used++] = (uint8_t)(group >> 8);
        bytes[used++] = (uint8_t)group;
        if (i == length) break;
        if (s[i++] != ':' || i == length) return false;
        if (s[i] != ':') continue;
        if (gap != SIZE_MAX) return false;
        gap = used;
        i++;
    }
    if (gap == SIZE_MAX ? used != 16 : used > 14) return false;
    memset(out, 0, 16);
    if (gap == SIZE_MAX) gap = used;
    memcpy(out, bytes, gap);
    memcpy(out + 16 - (used - gap), bytes + gap, used - gap);
    return true;
}

bool library_parse_address(const char *text, size_t length, ip_addr_t *out)
{
    uint8_t four[4];
    if (parse4(text, length, four)) {
        be32_t v4;
        memcpy(&v4, four, sizeof four);
        *out = ip_from4(v4);
        return true;
    }
    return parse6(text, length, out->bytes);
}

bool library_parse_prefix(const char *text, ip_addr_t *out, unsigned *prefix_bits)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (!library_parse_address(text, length, out)) return false;
    unsigned most = ip_is4(out) ? 32 : 128;
    *prefix_bits = most;
    if (!slash) return true;
    unsigned value = 0;
    const char *c = slash + 1;
    if (!*c) return false;
    for (; *c; c++) {
        if (*c < '0' || *c > '9') return false;
        value = value * 10 + (unsigned)(*c - '0');
        if (value > most) return false;
    }
    *prefix_bits = value;
    return true;
}
