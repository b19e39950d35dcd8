/* System calls and their expressions: name(arguments) = result ERRNO (note). */
#include "drill/parse.h"

#include "drill/symbol.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MOST = 64 };

struct expression *parse_new(struct parser *p, enum expression_kind kind)
{
    struct expression *e = parse_alloc(p, sizeof *e);

    if (!e)
        e = &p->spare;
    e->kind = kind;
    e->place = p->token.place;
    return e;
}

static void add_item(struct parser *p, struct expression_list *list, unsigned *room, struct expression *item)
{
    if (list->count == *room) {
        unsigned more = *room ? *room * 2 : 4;
        struct expression **items = parse_alloc(p, more * sizeof *items);

        if (!items)
            return;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        *room = more;
    }
    list->items[list->count++] = item;
}

void parse_list(struct parser *p, struct expression_list *list, const char *end)
{
    unsigned room = 0;

    if (parse_take(p, end))
        return;
    do {
        add_item(p, list, &room, parse_expression(p));
    } while (parse_take(p, ","));
    if (!parse_take(p, end)) {
        char expected[24];

        snprintf(expected, sizeof expected, "',' or '%s'", end);
        parse_expected(p, expected);
    }
}

static int hex_value(const char *digits, size_t left)
{
    unsigned value;
    char pair[3] = { 0 };

    if (left < 2)
        return -1;
    memcpy(pair, digits, 2);
    return strspn(pair, "0123456789abcdefABCDEF") == 2 && sscanf(pair, "%2x", &value) == 1 ? (int)value : -1;
}

/* The character behind a backslash. Returns how many bytes of text it took; 0: there is no such escape. */
static size_t unescape(const char *text, size_t left, char *out)
{
    static const char names[] = "\\\"fnrtv0", values[] = "\\\"\f\n\r\t\v";
    const char *found = left && *text ? strchr(names, *text) : NULL;
    int hex;

    if (found) {
        *out = values[found - names];
        return 1;
    }
    hex = left && *text == 'x' ? hex_value(text + 1, left - 1) : -1;
    *out = (char)hex;
    return hex < 0 ? 0 : 3;
}

/* Several strings one after the other are one. */
static struct expression *parse_string(struct parser *p)
{
    struct expression *e = parse_new(p, EXPRESSION_STRING);
    size_t used = 0, took;
    char *text = NULL, *longer;

    while (p->token.kind == TOKEN_STRING) {
        longer = parse_alloc(p, used + p->token.bytes + 1);
        if (!longer)
            return e;
        if (used)
            memcpy(longer, text, used);
        text = longer;
        for (size_t i = 0; i < p->token.bytes; i++) {
            text[used] = p->token.text[i];
            if (text[used++] != '\\')
                continue;
            took = unescape(p->token.text + i + 1, p->token.bytes - i - 1, &text[used - 1]);
            if (!took) {
                parse_expected(p, "a string whose escapes are \\\\ \\\" \\f \\n \\r \\t \\v \\0 or \\x and two digits");
                return e;
            }
            i += took;
        }
        parse_next(p);
    }
    e->string.text = text;
    e->string.bytes = used;
    if (p->token.kind == TOKEN_ELLIPSIS) {
        e->string.is_open = true;
        parse_next(p);
    }
    return e;
}

static void take_address(struct parser *p, int family, void *out)
{
    char text[SCRIPT_ADDRESS_BYTES];

    parse_need(p, "(");
    if (p->token.kind == TOKEN_STRING && p->token.bytes < sizeof text) {
        memcpy(text, p->token.text, p->token.bytes);
        text[p->token.bytes] = '\0';
        if (inet_pton(family, text, out) == 1) {
            parse_next(p);
            parse_need(p, ")");
            return;
        }
    }
    parse_expected(p, family == AF_INET ? "an IPv4 address in quotes" : "an IPv6 address in quotes");
}

/* inet_addr("a"): the number that inet_addr() returns. */
static struct expression *parse_inet_addr(struct parser *p)
{
    struct expression *e = parse_new(p, EXPRESSION_NUMBER);
    struct in_addr address = { 0 };

    parse_next(p);
    take_address(p, AF_INET, &address);
    e->number = address.s_addr;
    return e;
}

static struct expression *parse_inet6_addr(struct parser *p)
{
    struct expression *e = parse_new(p, EXPRESSION_IN6);

    parse_next(p);
    take_address(p, AF_INET6, &e->in6);
    return e;
}

/* NAME, or NAME = value. */
static struct expression *parse_word(struct parser *p)
{
    struct expression *e = parse_new(p, EXPRESSION_WORD), *assign;

    e->string.bytes = p->token.bytes;
    e->string.text = parse_text(p);
    if (!parse_at(p, "="))
        return e;
    assign = parse_new(p, EXPRESSION_ASSIGN);
    parse_next(p);
    assign->left = e;
    assign->right = parse_expression(p);
    return assign;
}

static struct expression *parse_operand(struct parser *p)
{
    struct expression *e;

    switch (p->token.kind) {
    case TOKEN_ELLIPSIS:
        e = parse_new(p, EXPRESSION_ELLIPSIS);
        parse_next(p);
        return e;
    case TOKEN_NUMBER:
    case TOKEN_HEX:
        e = parse_new(p, EXPRESSION_NUMBER);
        e->number = p->token.number;
        parse_next(p);
        return e;
    case TOKEN_STRING: return parse_string(p);
    case TOKEN_WORD:
        if (parse_at(p, "inet_addr"))
            return parse_inet_addr(p);
        return parse_at(p, "inet6_addr") ? parse_inet6_addr(p) : parse_word(p);
    default: break;
    }
    if (parse_at(p, "{"))
        return parse_structure(p);
    e = parse_new(p, EXPRESSION_LIST);
    if (parse_take(p, "["))
        parse_list(p, &e->list, "]");
    else
        parse_expected(p, "an argument: a number, a name, a string, '...', '[' or '{'");
    return e;
}

struct expression *parse_expression(struct parser *p)
{
    struct expression *left, *e;

    if (++p->depth > DEPTH_MOST) {
        parse_expected(p, "arguments that are not nested this deeply");
        p->depth--;
        return parse_new(p, EXPRESSION_ELLIPSIS);
    }
    left = parse_operand(p);
    if (parse_at(p, "|")) {
        e = parse_new(p, EXPRESSION_OR);
        parse_next(p);
        e->left = left;
        e->right = parse_expression(p);
        left = e;
    }
    p->depth--;
    return left;
}

/* (Words, of any kind.) Also what strace writes: "(flags O_RDWR|O_LARGEFILE)". */
static const char *parse_note(struct parser *p)
{
    const char *from = p->token.raw, *end;

    parse_need(p, "(");
    from++;
    while (!p->has_failed && !parse_at(p, ")") && p->token.kind != TOKEN_END)
        parse_next(p);
    end = p->token.raw;
    parse_need(p, ")");
    if (p->has_failed)
        return NULL;
    return script_copy(p->memory, from, (size_t)(end - from));
}

static void parse_result(struct parser *p, struct script_call *call)
{
    int64_t error;

    call->result = parse_expression(p);
    if (p->token.kind == TOKEN_WORD) {
        if (!symbol_find_bytes(p->token.text, p->token.bytes, &error) || p->token.text[0] != 'E' ||
            memcmp(p->token.text, "EPOLL", 5) == 0 || error <= 0 || error > 4095)
            parse_expected(p, "the name of an error, or the next event");
        call->error = (int)error;
        call->error_name = parse_text(p);
        if (!parse_at(p, "("))
            parse_expected(p, "'(' and the text of the error");
    }
    if (parse_at(p, "("))
        call->note = parse_note(p);
}

struct script_call *parse_call(struct parser *p, bool has_end)
{
    struct script_call *call = parse_alloc(p, sizeof *call);

    if (!call)
        return NULL;
    call->is_blocking = has_end;
    if (has_end)
        call->end_ns = parse_time(p);
    if (p->token.kind == TOKEN_WORD)
        call->name = parse_text(p);
    else
        parse_expected(p, "the name of a system call");
    parse_need(p, "(");
    parse_list(p, &call->arguments, ")");
    parse_need(p, "=");
    parse_result(p, call);
    return call;
}

bool expression_number(const struct expression *e, int64_t *value, const char **unknown)
{
    int64_t left, right;

    *unknown = NULL;
    if (e->kind == EXPRESSION_NUMBER) {
        *value = e->number;
        return true;
    }
    if (e->kind == EXPRESSION_WORD) {
        *unknown = e->string.text;
        return symbol_find(e->string.text, value);
    }
    if (e->kind != EXPRESSION_OR || !expression_number(e->left, &left, unknown) ||
        !expression_number(e->right, &right, unknown))
        return false;
    *value = left | right;
    return true;
}
