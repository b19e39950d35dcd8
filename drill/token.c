/* The longest possible token wins. What looks like several: "1:1001" is two numbers, "1::1001" an address; "1...2" two
 * numbers with an ellipsis between; "P.5" a word and a fraction (the parser joins them again: they are TCP flags). */
#include "drill/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of the language: a definition of the same name does not replace them. */
static const char *const reserved[] = {
    "sa_family", "sin_port", "sin_addr", "msg_name", "msg_iov", "msg_flags", "msg_control", "cmsg_data", "cmsg_level",
    "cmsg_type",
    "ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data", "scm_sec", "scm_nsec", "fd", "u32", "u64",
    "ptr", "events",
    "revents", "onoff", "linger", "htons", "ipv4", "ipv6", "icmp", "udp", "GREv0", "gre", "raw", "sum", "off", "key",
    "seq", "none",
    "checksum", "sequence#", "present", "encap", "psp", "spi", "mpls", "label", "tc", "ttl", "inet_addr", "inet6_addr",
    "ack", "eol",
    "ecr", "mss", "mtu", "nop", "sack", "sackOK", "md5", "TS", "FO", "FOEXP", "ECN", "e0b", "e1b", "ceb", "tos",
    "flowlabel", "flags",
    "Flags", "val", "win", "urg", "wscale", "ect01", "ect0", "ect1", "noecn", "ce", "id",
};

void lexer_init(struct lexer *l, const char *text, size_t bytes)
{
    *l = (struct lexer){ .at = text, .end = text + bytes, .place = { 1, 1 } };
}

static size_t left(const struct lexer *l)
{
    return (size_t)(l->end - l->at);
}

static char peek(const struct lexer *l, size_t offset)
{
    return offset < left(l) ? l->at[offset] : '\0';
}

static void advance(struct lexer *l, size_t bytes)
{
    for (; bytes; bytes--, l->at++) {
        if (*l->at == '\n') {
            l->place.line++;
            l->place.column = 1;
        } else {
            l->place.column++;
        }
    }
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t span(const struct lexer *l, size_t from, bool (*is)(char))
{
    size_t n = from;

    while (n < left(l) && is(l->at[n]))
        n++;
    return n - from;
}

static bool is_hex(char c)
{
    return isxdigit((unsigned char)c);
}

/* Skips one comment. False: there is none, or it does not end. */
static bool skip_comment(struct lexer *l)
{
    const char *end;

    if (peek(l, 0) != '/')
        return false;
    if (peek(l, 1) == '/') {
        end = memchr(l->at, '\n', left(l));
        advance(l, end ? (size_t)(end - l->at) : left(l));
        return true;
    }
    if (peek(l, 1) != '*')
        return false;
    end = memmem(l->at + 2, left(l) - 2, "*/", 2);
    if (!end)
        return false;
    advance(l, (size_t)(end + 2 - l->at));
    return true;
}

static void skip_blanks(struct lexer *l)
{
    for (;;) {
        while (left(l) && (*l->at == ' ' || *l->at == '\t' || *l->at == '\n' || *l->at == '\r'))
            advance(l, 1);
        if (!skip_comment(l))
            return;
    }
}

/* a.b.c.d at an offset: its bytes, or 0. */
static size_t ipv4_bytes(const struct lexer *l, size_t from)
{
    size_t n = from, digits;

    for (int part = 0; part < 4; part++) {
        if (part && peek(l, n++) != '.')
            return 0;
        digits = span(l, n, is_digit);
        if (!digits)
            return 0;
        n += digits;
    }
    return n - from;
}

/* An address has "::" somewhere, or eight groups: a range of sequence numbers has neither. */
static size_t ipv6_bytes(const struct lexer *l)
{
    size_t n = 0, digits, v4;
    unsigned groups = 0;
    bool has_gap = false;

    for (;;) {
        if (peek(l, n) == ':' && peek(l, n + 1) == ':' && !has_gap) {
            has_gap = true;
            n += 2;
        } else if (groups && peek(l, n) == ':' && l->at[n - 1] != ':') {
            n++;
        } else if (groups && l->at[n - 1] != ':') {
            break;
        }
        digits = span(l, n, is_hex);
        v4 = groups < 7 && has_gap ? ipv4_bytes(l, n) : 0;
        if (v4) {
            n += v4;
            groups += 2;
            break;
        }
        if (!digits || digits > 4 || is_word(peek(l, n + digits)))
            break;
        n += digits;
        if (++groups == 8)
            break;
    }
    if (has_gap ? groups > 7 : groups != 8)
        return 0;
    return n && l->at[n - 1] == ':' && l->at[n - 2] != ':' ? n - 1 : n;
}

static int64_t number_of(const char *text, size_t bytes, int base)
{
    char copy[32];
    size_t n = bytes < sizeof copy - 1 ? bytes : sizeof copy - 1;

    memcpy(copy, text, n);
    copy[n] = '\0';
    return bytes < sizeof copy ? strtoll(copy, NULL, base) : INT64_MAX;
}

/* Numbers, and fractions. 0: this is neither. */
static size_t take_number(const struct lexer *l, struct token *t)
{
    size_t sign = peek(l, 0) == '-', whole = span(l, sign, is_digit), part;

    if (peek(l, sign + whole) == '.') {
        part = span(l, sign + whole + 1, is_digit);
        if (part) {
            t->kind = TOKEN_FRACTION;
            return sign + whole + 1 + part;
        }
    }
    if (!whole)
        return 0;
    t->kind = TOKEN_NUMBER;
    t->number = number_of(l->at, sign + whole, 10);
    return sign + whole;
}

static size_t take_word(const struct lexer *l, struct token *t)
{
    size_t bytes = span(l, 0, is_word);

    if (bytes == 8 && memcmp(l->at, "sequence", 8) == 0 && peek(l, 8) == '#')
        bytes++;
    if (bytes > 2 && l->at[0] == '0' && l->at[1] == 'x' && span(l, 2, is_hex) == bytes - 2) {
        t->kind = TOKEN_HEX;
        t->number = (int64_t)strtoull(l->at, NULL, 16);
    } else {
        t->kind = TOKEN_WORD;
    }
    return bytes;
}

/* A text between two equal signs, in which a backslash protects the next character. */
static size_t take_quoted(const struct lexer *l, struct token *t)
{
    size_t n = 1;

    while (n < left(l) && l->at[n] != l->at[0])
        n += l->at[n] == '\\' && n + 1 < left(l) ? 2 : 1;
    t->text = l->at + 1;
    t->bytes = n - 1;
    if (n >= left(l)) {
        t->kind = TOKEN_BROKEN;
        t->text = l->at[0] == '"' ? "a closing '\"'" : "a closing '`'";
        t->bytes = strlen(t->text);
        return left(l);
    }
    t->kind = l->at[0] == '"' ? TOKEN_STRING : TOKEN_BACKTICK;
    return n + 1;
}

static size_t take_code(const struct lexer *l, struct token *t)
{
    const char *end = memmem(l->at + 2, left(l) - 2, "}%", 2);
    const char *first = l->at + 2, *last = end;

    if (!end) {
        t->kind = TOKEN_BROKEN;
        t->text = "a closing '}%'";
        t->bytes = strlen(t->text);
        return left(l);
    }
    while (first < last && (*first == ' ' || *first == '\t'))
        first++;
    while (last > first && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    t->kind = TOKEN_CODE;
    t->text = first;
    t->bytes = (size_t)(last - first);
    return (size_t)(end + 2 - l->at);
}

static size_t take_other(const struct lexer *l, struct token *t)
{
    size_t bytes;

    if (peek(l, 0) == '%' && peek(l, 1) == '{')
        return take_code(l, t);
    if (peek(l, 0) == '/' && peek(l, 1) == '*') {
        t->kind = TOKEN_BROKEN;
        t->text = "a closing '*/'";
        t->bytes = strlen(t->text);
        return left(l);
    }
    if (peek(l, 0) == '.' && peek(l, 1) == '.' && peek(l, 2) == '.') {
        t->kind = TOKEN_ELLIPSIS;
        return 3;
    }
    if (peek(l, 0) == '-' && peek(l, 1) == '-' && is_word(peek(l, 2))) {
        bytes = 2 + span(l, 2, is_word);
        t->kind = TOKEN_OPTION;
        t->text = l->at + 2;
        t->bytes = bytes - 2;
        return bytes;
    }
    t->kind = TOKEN_SIGN;
    return 1;
}

static size_t take(const struct lexer *l, struct token *t)
{
    struct token as_word = *t;
    size_t bytes, word, v6 = ipv6_bytes(l), v4 = ipv4_bytes(l, 0);

    if (v6 || v4) {
        t->kind = v6 ? TOKEN_IPV6 : TOKEN_IPV4;
        return v6 ? v6 : v4;
    }
    if (*l->at == '"' || *l->at == '`')
        return take_quoted(l, t);
    bytes = take_number(l, t);
    word = is_word(*l->at) ? take_word(l, &as_word) : 0;
    if (word > bytes) {
        *t = as_word;
        return word;
    }
    return bytes ? bytes : take_other(l, t);
}

static bool is_reserved(const struct token *t)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strlen(reserved[i]) == t->bytes && memcmp(reserved[i], t->text, t->bytes) == 0)
            return true;
    return false;
}

/* "x" is a string, `x` a command, then numbers as in C, then words. */
static void become(struct token *t, const char *value)
{
    size_t bytes = strlen(value);
    char *end;

    t->is_defined = true;
    t->text = value;
    t->bytes = bytes;
    if (bytes > 1 && (value[0] == '"' || value[0] == '`') && value[bytes - 1] == value[0]) {
        t->kind = value[0] == '"' ? TOKEN_STRING : TOKEN_BACKTICK;
        t->text++;
        t->bytes -= 2;
        return;
    }
    errno = 0;
    t->number = strtoll(value, &end, 0);
    if (bytes && !*end && !errno)
        t->kind = strncmp(value, "0x", 2) == 0 ? TOKEN_HEX : TOKEN_NUMBER;
}

static void apply_definition(const struct lexer *l, struct token *t)
{
    if (t->kind != TOKEN_WORD || !l->definition_count || is_reserved(t))
        return;
    for (unsigned i = l->definition_count; i-- > 0;)
        if (strlen(l->definitions[i].name) == t->bytes && memcmp(l->definitions[i].name, t->text, t->bytes) == 0) {
            become(t, l->definitions[i].value);
            return;
        }
}

struct token lexer_next(struct lexer *l)
{
    struct token t = { .kind = TOKEN_END };

    skip_blanks(l);
    t.place = l->place;
    t.text = t.raw = l->at;
    if (!left(l))
        return t;
    t.raw_bytes = take(l, &t);
    if (t.text == t.raw)
        t.bytes = t.raw_bytes;
    advance(l, t.raw_bytes);
    apply_definition(l, &t);
    return t;
}

bool token_is(const struct token *t, const char *word)
{
    return (t->kind == TOKEN_WORD || t->kind == TOKEN_SIGN) && !t->is_defined && strlen(word) == t->bytes &&
           memcmp(t->text, word, t->bytes) == 0;
}

void token_describe(const struct token *t, char *out, size_t bytes)
{
    const char *end = memchr(t->raw, '\n', t->raw_bytes);
    size_t shown = end ? (size_t)(end - t->raw) : t->raw_bytes;
    enum { SHOWN_MOST = 40 };
    bool is_cut = shown > SHOWN_MOST;

    if (t->kind == TOKEN_END || t->kind == TOKEN_BROKEN)
        snprintf(out, bytes, "the end of the file");
    else
        snprintf(out, bytes, "'%.*s%s'", (int)(is_cut ? SHOWN_MOST : shown), t->raw, is_cut || end ? "..." : "");
}
