#include "base/text.h"

struct conversion { bool is_left, is_zero, has_plus, has_space, has_precision; int width, precision, longs, halves; };

void text_put(struct text *t, const void *bytes, size_t length)
{
    size_t room = t->capacity - t->length;
    if (length > room) {
        t->is_cut = true;
        length = room;
    }
    if (length == 0) return;
    memcpy(t->at + t->length, bytes, length);
    t->length += length;
}

static void put_repeated(struct text *t, char c, int count)
{
    while (count-- > 0) text_put(t, &c, 1);
}

static void put_padded(struct text *t, const struct conversion *c, const char *s, int length)
{
    if (!c->is_left) put_repeated(t, ' ', c->width - length);
    text_put(t, s, (size_t)length);
    if (c->is_left) put_repeated(t, ' ', c->width - length);
}

static void put_number(struct text *t, const struct conversion *c, uint64_t value, char sign, unsigned base, bool is_upper)
{
    char digits[24];
    int n = 0;
    const char *alphabet = is_upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (uint64_t rest = value; rest > 0; rest /= base) digits[n++] = alphabet[rest % base];
    if (n == 0 && !(c->has_precision && c->precision == 0)) digits[n++] = '0';
    int zeros = c->has_precision ? c->precision - n : 0;
    if (!c->has_precision && c->is_zero && !c->is_left) zeros = c->width - n - (sign ? 1 : 0);
    zeros = max_of(zeros, 0);
    int pad = c->width - n - zeros - (sign ? 1 : 0);
    if (!c->is_left) put_repeated(t, ' ', pad);
    if (sign) text_put(t, &sign, 1);
    put_repeated(t, '0', zeros);
    while (n > 0) text_put(t, &digits[--n], 1);
    if (c->is_left) put_repeated(t, ' ', pad);
}

static const char *parse_flags(const char *f, struct conversion *c)
{
    for (;; f++) {
        if (*f == '-') c->is_left = true;
        else if (*f == '0') c->is_zero = true;
        else if (*f == '+') c->has_plus = true;
        else if (*f == ' ') c->has_space = true;
        else return f;
    }
}

static const char *parse_size(const char *f, int *out)
{
    *out = 0;
    for (; *f >= '0' && *f <= '9'; f++) *out = *out * 10 + (*f - '0');
    return f;
}

static const char *parse_length(const char *f, struct conversion *c)
{
    for (;; f++) {
        if (*f == 'l' || *f == 'z') c->longs++;
        else if (*f == 'h') c->halves++;
        else return f;
    }
}

static int text_length(const struct conversion *c, const char *s)
{
    if (!c->has_precision) return (int)strlen(s);
    const char *end = memchr(s, 0, (size_t)c->precision);
    return end ? (int)(end - s) : c->precision;
}

static uint64_t narrow(const struct conversion *c, uint64_t v)
{
    if (c->longs) return v;
    return c->halves == 0 ? (uint32_t)v : c->halves == 1 ? (uint16_t)v : (uint8_t)v;
}

static int64_t narrow_signed(const struct conversion *c, int64_t v)
{
    return c->halves == 0 ? v : c->halves == 1 ? (int16_t)v : (int8_t)v;
}

/* va_list may be an array: in a struct it can be handed on by address. */
struct arguments { va_list list; };

static const char *parse_conversion(const char *f, struct conversion *c, struct arguments *args)
{
    f = parse_flags(f, c);
    if (*f == '*') {
        c->width = va_arg(args->list, int);
        if (c->width < 0) {
            c->is_left = true;
            c->width = -c->width;
        }
        f++;
    } else {
        f = parse_size(f, &c->width);
    }
    if (*f == '.' && f[1] == '*') {
        c->precision = va_arg(args->list, int);
        c->has_precision = c->precision >= 0;
        f += 2;
    } else if (*f == '.') {
        f = parse_size(f + 1, &c->precision);
        c->has_precision = true;
    }
    return parse_length(f, c);
}

/* False: not a conversion we know. */
static bool put_conversion(struct text *t, char kind, const struct conversion *c, struct arguments *args)
{
    switch (kind) {
    case 'd': case 'i': {
        int64_t v = c->longs ? va_arg(args->list, long) : narrow_signed(c, va_arg(args->list, int));
        char sign = (char)(v < 0 ? '-' : c->has_plus ? '+' : c->has_space ? ' ' : 0);
        put_number(t, c, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, sign, 10, false);
        return true;
    }
    case 'u': case 'x': case 'X': {
        uint64_t v = c->longs ? va_arg(args->list, unsigned long) : narrow(c, va_arg(args->list, unsigned));
        put_number(t, c, v, 0, kind == 'u' ? 10 : 16, kind == 'X');
        return true;
    }
    case 'c': {
        char one = (char)va_arg(args->list, int);
        put_padded(t, c, &one, 1);
        return true;
    }
    case 's': {
        const char *s = va_arg(args->list, const char *);
        put_padded(t, c, s, text_length(c, s));
        return true;
    }
    case '%':
        text_put(t, "%", 1);
        return true;
    default:
        return false;
    }
}

void text_vprintf(struct text *t, const char *f, va_list args)
{
    struct arguments left;
    va_copy(left.list, args);
    while (*f) {
        const char *percent = strchr(f, '%');
        text_put(t, f, percent ? (size_t)(percent - f) : strlen(f));
        if (!percent) break;
        struct conversion c = { 0 };
        f = parse_conversion(percent + 1, &c, &left);
        if (!put_conversion(t, *f, &c, &left)) break;
        f++;
    }
    va_end(left.list);
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

size_t text_format(char *buffer, size_t size, const char *format, ...)
{
    if (size == 0) return 0;
    struct text t = text_in(buffer, size - 1);
    va_list args;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    buffer[t.length] = 0;
    return t.length;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

size_t text_parse_i64(const char *s, size_t length, int64_t *out)
{
    size_t at = 0;
    bool is_negative = false;
    if (at < length && (s[at] == '-' || s[at] == '+')) is_negative = s[at++] == '-';
    int base = 10;
    if (at + 2 < length && s[at] == '0' && (s[at + 1] | 0x20) == 'x' && digit_value(s[at + 2]) < 16) {
        base = 16;
        at += 2;
    } else if (at < length && s[at] == '0') {
        base = 8;
    }
    size_t first = at;
    uint64_t value = 0;
    for (; at < length && digit_value(s[at]) < base; at++)
        if (__builtin_mul_overflow(value, (uint64_t)base, &value)
            || __builtin_add_overflow(value, (uint64_t)digit_value(s[at]), &value)) return 0;
    if (at == first || value > (uint64_t)INT64_MAX + is_negative) return 0;
    *out = (int64_t)(is_negative ? 0 - value : value);
    return at;
}
