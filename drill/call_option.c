/* getsockopt, setsockopt, fcntl, ioctl. */
#include <stdio.h>
#include <sys/syscall.h>

#include "drill/call.h"
#include "drill/text.h"

enum { OPTION_ROOM = 256 }; /* behind a value: a script may say that it is longer than it is */

bool call_fcntl(struct call_under_way *c)
{
    unsigned count = c->script->arguments.count;
    if (count != 2 && count != 3) return call_fails(c, "expected 2 or 3 arguments, found %u", count);
    if (!call_fd(c, 0, 0) || !call_pass_int(c, 1, 1) || (count == 3 && !call_pass_int(c, 2, 2))) return false;
    c->live.number = SYS_fcntl;
    return true;
}

static bool ioctl_matches(struct call_under_way *c)
{
    int64_t expected;
    int actual;
    memcpy(&actual, c->output, sizeof actual);
    if (!call_bracketed(c, 2, &expected)) return false;
    return (int)expected == actual || call_fails(c, "expected the value %d, got %d", (int)expected, actual);
}

bool call_ioctl(struct call_under_way *c)
{
    unsigned count = c->script->arguments.count;
    int command;
    if (count != 2 && count != 3) return call_fails(c, "expected 2 or 3 arguments, found %u", count);
    c->output = call_memory(c, OPTION_ROOM);
    if (!c->output || !call_fd(c, 0, 0) || !call_int(c, 1, &command)) return false;
    c->live.args[1] = (uint32_t)command;
    if (count == 3) {
        int64_t value;
        if (!call_bracketed(c, 2, &value)) return false;
        c->live.args[2] = call_pointer(c->output);
        c->check = ioctl_matches;
    }
    c->live.number = SYS_ioctl;
    return true;
}

/* struct gre as packetdrill lays it out: flags, protocol, then all that may follow. */
static void put_gre(uint8_t *out, const struct gre_fields *g)
{
    out[0] = (uint8_t)(g->flags >> 8);
    out[1] = (uint8_t)g->flags;
    out[4] = (uint8_t)(g->checksum >> 8);
    out[5] = (uint8_t)g->checksum;
    out[6] = (uint8_t)(g->offset >> 8);
    out[7] = (uint8_t)g->offset;
    store_be32(out + 8, g->key);
    store_be32(out + 12, g->sequence);
}
enum { GRE_OPTION_BYTES = 16 };

static void put_mpls(uint8_t *out, const struct mpls_stack *stack)
{
    for (unsigned i = 0; i < stack->count; i++) {
        const struct mpls_label *m = &stack->labels[i];
        store_be32(
            out + 4 * i, m->label << 12 | (uint32_t)m->traffic_class << 9 | (uint32_t)m->is_bottom << 8 | m->ttl);
    }
}

static bool put_linger(struct call_under_way *c, const struct expression *e, void *out)
{
    struct linger l;
    if (!call_int_of(c, e->linger.onoff, &l.l_onoff) || !call_int_of(c, e->linger.linger, &l.l_linger)) return false;
    memcpy(out, &l, sizeof l);
    return true;
}

/* The value of a setsockopt(), and what a getsockopt() is to give. NULL: told. */
static uint8_t *value_of(struct call_under_way *c, const struct expression *e, size_t *bytes)
{
    int64_t number;
    uint8_t *out = call_memory(c, OPTION_ROOM + (e->kind == EXPRESSION_STRING ? e->string.bytes : 0));
    char text[TEXT_BYTES];
    if (!out) return NULL;
    switch (e->kind) {
    case EXPRESSION_LIST:
        if (e->list.count != 1) break;
        if (!call_number_of(c, e->list.items[0], INT32_MIN, UINT32_MAX, &number)) return NULL;
        memcpy(out, &(uint32_t){ (uint32_t)number }, *bytes = 4);
        return out;
    case EXPRESSION_STRING:
        memcpy(out, e->string.text, *bytes = e->string.bytes);
        return out;
    case EXPRESSION_IN6:
        memcpy(out, &e->in6, *bytes = sizeof e->in6);
        return out;
    case EXPRESSION_GRE:
        *bytes = GRE_OPTION_BYTES;
        put_gre(out, &e->gre);
        return out;
    case EXPRESSION_MPLS:
        *bytes = 4 * e->mpls.count;
        put_mpls(out, &e->mpls);
        return out;
    case EXPRESSION_LINGER:
        *bytes = sizeof(struct linger);
        return put_linger(c, e, out) ? out : NULL;
    default:
        break;
    }
    text_expression(e, text, sizeof text);
    call_fails(c, "%s is no value of an option", text);
    return NULL;
}

bool call_setsockopt(struct call_under_way *c)
{
    int said;
    size_t bytes;
    if (!call_count(c, 5) || !call_fd(c, 0, 0) || !call_pass_int(c, 1, 1) || !call_pass_int(c, 2, 2) ||
        !call_int(c, 4, &said))
        return false;
    uint8_t *value = value_of(c, c->script->arguments.items[3], &bytes);
    if (!value) return false;
    c->live.args[3] = call_pointer(value);
    c->live.args[4] = (uint64_t)(int64_t)said;
    c->live.number = SYS_setsockopt;
    return true;
}

struct option_output {
    socklen_t asked, got;
    uint8_t value[];
};

static void hex(const uint8_t *bytes, size_t count, char *out, size_t room)
{
    out[0] = '\0';
    for (size_t i = 0, used = 0; i < count && used + 3 < room; i++) {
        bool is_plain = bytes[i] >= ' ' && bytes[i] < 127 && bytes[i] != '\\';
        used += (size_t)snprintf(out + used, room - used, is_plain ? "%c" : "\\x%02x", bytes[i]);
    }
}

static bool option_matches(struct call_under_way *c)
{
    struct option_output *o = c->output;
    size_t bytes = 0;
    char texts[2][256];
    if (o->got != o->asked) return call_fails(c, "expected a value of %u bytes, got %u", o->asked, o->got);
    if (c->looked_at->kind == EXPRESSION_ELLIPSIS) return true;
    const uint8_t *expected = value_of(c, c->looked_at, &bytes);
    if (!expected) return false;
    if (bytes != o->asked)
        return call_fails(c, "the value has %zu bytes, its length is said to be %u", bytes, o->asked);
    if (!memcmp(expected, o->value, bytes)) return true;
    if (c->looked_at->kind == EXPRESSION_LIST) {
        int32_t numbers[2];
        memcpy(&numbers[0], expected, 4);
        memcpy(&numbers[1], o->value, 4);
        return call_fails(c, "expected the value %d, got %d", numbers[0], numbers[1]);
    }
    hex(expected, bytes, texts[0], sizeof texts[0]);
    hex(o->value, bytes, texts[1], sizeof texts[1]);
    return call_fails(c, "expected the value '%s', got '%s'", texts[0], texts[1]);
}

bool call_getsockopt(struct call_under_way *c)
{
    int64_t asked;
    if (!call_count(c, 5) || !call_fd(c, 0, 0) || !call_pass_int(c, 1, 1) || !call_pass_int(c, 2, 2) ||
        !call_bracketed(c, 4, &asked))
        return false;
    struct option_output *o =
        call_memory(c, sizeof *o + (asked > 0 && asked < 65536 ? (size_t)asked : 0) + OPTION_ROOM);
    if (!o) return false;
    o->asked = o->got = (socklen_t)asked;
    c->output = o;
    c->looked_at = c->script->arguments.items[3];
    c->check = option_matches;
    c->live.args[3] = call_pointer(o->value);
    c->live.args[4] = call_pointer(&o->got);
    c->live.number = SYS_getsockopt;
    return true;
}
