/* The frame of a script: options, a command to begin with, events, a command to end with. Recursive descent with one
 * token of look-ahead. */
#include "drill/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_error(struct parser *p, struct script_place place, const char *format, va_list arguments)
{
    if (p->has_failed)
        return;
    p->has_failed = true;
    p->error->place = place;
    vsnprintf(p->error->text, sizeof p->error->text, format, arguments);
    p->token = (struct token){ .kind = TOKEN_END, .place = place, .text = "", .raw = "" };
    p->lexer.at = p->lexer.end;
}

void parse_wrong(struct parser *p, struct script_place place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set_error(p, place, format, arguments);
    va_end(arguments);
}

void parse_expected(struct parser *p, const char *what)
{
    char found[64];

    token_describe(&p->token, found, sizeof found);
    if (p->token.kind == TOKEN_BROKEN)
        what = p->token.text;
    parse_wrong(p, p->token.place, "expected %s, found %s", what, found);
}

void parse_unsupported(struct parser *p, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!p->script->unsupported)
        p->script->unsupported = script_copy(p->memory, text, strlen(text));
}

void *parse_alloc(struct parser *p, size_t bytes)
{
    void *memory = script_alloc(p->memory, bytes);

    if (!memory)
        parse_wrong(p, (struct script_place){ 0, 0 }, "no memory");
    return memory;
}

void parse_next(struct parser *p)
{
    p->lexer.definitions = p->script->definitions;
    p->lexer.definition_count = p->script->definition_count;
    p->token = lexer_next(&p->lexer);
    if (p->token.kind == TOKEN_BROKEN)
        parse_expected(p, p->token.text);
}

bool parse_at(const struct parser *p, const char *word)
{
    return token_is(&p->token, word);
}

bool parse_take(struct parser *p, const char *word)
{
    if (!parse_at(p, word))
        return false;
    parse_next(p);
    return true;
}

void parse_need(struct parser *p, const char *word)
{
    char quoted[32];

    if (parse_take(p, word))
        return;
    snprintf(quoted, sizeof quoted, "'%s'", word);
    parse_expected(p, quoted);
}

static int64_t take_range(struct parser *p, const char *what, int64_t low, int64_t high)
{
    int64_t number = p->token.number;

    if (number < low || number > high) {
        parse_wrong(p, p->token.place, "expected %s from %lld to %lld, found %.*s", what, (long long)low,
                    (long long)high,
                    (int)(p->token.raw_bytes < 40 ? p->token.raw_bytes : 40), p->token.raw);
        return low;
    }
    parse_next(p);
    return number;
}

int64_t parse_range(struct parser *p, const char *what, int64_t low, int64_t high)
{
    if (p->token.kind == TOKEN_NUMBER)
        return take_range(p, what, low, high);
    parse_expected(p, what);
    return low;
}

int64_t parse_any_range(struct parser *p, const char *what, int64_t low, int64_t high)
{
    return p->token.kind == TOKEN_HEX ? take_range(p, what, low, high) : parse_range(p, what, low, high);
}

char *parse_text(struct parser *p)
{
    char *text = script_copy(p->memory, p->token.text, p->token.bytes);

    if (!text)
        parse_wrong(p, (struct script_place){ 0, 0 }, "no memory");
    else
        parse_next(p);
    return text;
}

enum { TIME_DIGITS_MOST = 9, SECONDS_MOST = 1000000000 };

/* Seconds, with up to nine digits that count behind the point. */
int64_t parse_time(struct parser *p)
{
    const char *text = p->token.text;
    int64_t seconds = 0, ns = 0, unit = 1000000000;
    size_t i = 0;

    if (p->token.kind == TOKEN_NUMBER)
        return parse_range(p, "a time", 0, SECONDS_MOST) * unit;
    if (p->token.kind != TOKEN_FRACTION || text[0] == '-') {
        parse_expected(p, p->token.kind == TOKEN_FRACTION ? "a time that is not negative" : "a time");
        return 0;
    }
    for (; text[i] != '.' && seconds <= SECONDS_MOST; i++)
        seconds = seconds * 10 + (text[i] - '0');
    if (seconds > SECONDS_MOST) {
        parse_expected(p, "a time up to 1000000000 seconds");
        return 0;
    }
    for (i++; i < p->token.bytes && unit > 1; i++) {
        unit /= 10;
        ns += (text[i] - '0') * unit;
    }
    parse_next(p);
    return seconds * 1000000000 + ns;
}

static void parse_event_time(struct parser *p, struct script_event *e)
{
    bool is_relative;

    e->place = p->token.place;
    if (parse_take(p, "*")) {
        e->time_kind = TIME_ANY;
        return;
    }
    is_relative = parse_take(p, "+");
    e->time_kind = is_relative ? TIME_RELATIVE : TIME_ABSOLUTE;
    if (!is_relative && p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_FRACTION)
        parse_expected(p, "an event: a time, '+' and a time, or '*'");
    e->time_ns = parse_time(p);
    if (!parse_take(p, "~"))
        return;
    if (is_relative)
        parse_need(p, "+");
    e->time_kind = is_relative ? TIME_RELATIVE_RANGE : TIME_ABSOLUTE_RANGE;
    e->time_end_ns = parse_time(p);
    if (e->time_end_ns < e->time_ns)
        parse_wrong(p, e->place, "expected a range of times that goes forward, found one that ends before it begins");
}

static void parse_action(struct parser *p, struct script_event *e)
{
    if (parse_at(p, "<") || parse_at(p, ">")) {
        e->kind = EVENT_PACKET;
        e->packet = parse_packet(p);
    } else if (p->token.kind == TOKEN_ELLIPSIS || p->token.kind == TOKEN_WORD) {
        bool has_end = p->token.kind == TOKEN_ELLIPSIS;

        if (has_end)
            parse_next(p);
        e->kind = EVENT_CALL;
        e->call = parse_call(p, has_end);
    } else if (p->token.kind == TOKEN_BACKTICK) {
        e->kind = EVENT_COMMAND;
        e->command = parse_text(p);
    } else if (p->token.kind == TOKEN_CODE) {
        e->kind = EVENT_CODE;
        e->code = parse_text(p);
    } else {
        parse_expected(p, "a packet ('<' or '>'), a system call, a `command` or %{ code }%");
    }
}

static void parse_event(struct parser *p, struct script_event *e)
{
    parse_event_time(p, e);
    parse_action(p, e);
    if (p->has_failed || (e->time_kind != TIME_ANY && e->time_kind != TIME_ABSOLUTE_RANGE &&
                          e->time_kind != TIME_RELATIVE_RANGE))
        return;
    if (e->kind != EVENT_PACKET || e->packet->is_inbound)
        parse_wrong(p, e->place, "expected an outbound packet after %s, found another kind of event",
                    e->time_kind == TIME_ANY ? "'*'" : "a range of times");
}

static void add_event(struct parser *p, unsigned *room, const struct script_event *e)
{
    struct script *s = p->script;

    if (s->event_count == *room) {
        unsigned more = *room ? *room * 2 : 64;
        struct script_event *events = parse_alloc(p, more * sizeof *events);

        if (!events)
            return;
        if (s->event_count)
            memcpy(events, s->events, s->event_count * sizeof *events);
        s->events = events;
        *room = more;
    }
    s->events[s->event_count++] = *e;
}

static void parse_script(struct parser *p, const struct script_choice *choice)
{
    unsigned room = 0;

    parse_next(p);
    parse_options(p, choice);
    if (p->token.kind == TOKEN_BACKTICK) {
        p->script->init_place = p->token.place;
        p->script->init_command = parse_text(p);
    }
    do {
        struct script_event e = { 0 };

        parse_event(p, &e);
        add_event(p, &room, &e);
    } while (!p->has_failed && p->token.kind != TOKEN_END && p->token.kind != TOKEN_BACKTICK);
    if (p->token.kind == TOKEN_BACKTICK) {
        p->script->cleanup_place = p->token.place;
        p->script->cleanup_command = parse_text(p);
        if (p->token.kind != TOKEN_END)
            parse_expected(p, "the end of the file after the last command");
    }
}

static struct script *script_create(const char *path, const char *text, size_t bytes)
{
    struct script_memory *memory = script_memory_create();
    struct script *s = memory ? script_alloc(memory, sizeof *s) : NULL;
    const char *slash = strrchr(path, '/');

    if (s) {
        s->memory = memory;
        s->path = script_copy(memory, path, strlen(path));
        s->directory = slash ? script_copy(memory, path, slash == path ? 1 : (size_t)(slash - path)) : ".";
        s->text = script_copy(memory, text, bytes);
    }
    if (s && s->path && s->directory && s->text)
        return s;
    script_memory_destroy(memory);
    return NULL;
}

static struct script *fail(struct script_error *error, const char *why)
{
    *error = (struct script_error){ .place = { 0, 0 } };
    snprintf(error->text, sizeof error->text, "%s", why);
    return NULL;
}

struct script *script_parse(const char *path, const char *text, size_t bytes, const struct script_choice *choice,
                            struct script_error *error)
{
    struct parser p = { .script = script_create(path, text, bytes), .error = error };

    if (!p.script)
        return fail(error, "no memory");
    p.memory = p.script->memory;
    lexer_init(&p.lexer, p.script->text, bytes);
    parse_script(&p, choice);
    /* One that will be skipped may be written for something we do not know at all. */
    if (!p.has_failed || p.script->unsupported)
        return p.script;
    script_destroy(p.script);
    return NULL;
}

static char *read_whole(FILE *file, size_t *bytes)
{
    size_t room = 64 * 1024;
    char *text = malloc(room), *more;

    *bytes = 0;
    while (text) {
        *bytes += fread(text + *bytes, 1, room - *bytes, file);
        if (*bytes < room)
            break;
        more = realloc(text, room *= 2);
        if (!more)
            free(text);
        text = more;
    }
    if (text && ferror(file)) {
        free(text);
        return NULL;
    }
    return text;
}

struct script *script_read(const char *path, const struct script_choice *choice, struct script_error *error)
{
    FILE *file = fopen(path, "re");
    struct script *s;
    char *text;
    size_t bytes;

    if (!file)
        return fail(error, strerror(errno));
    text = read_whole(file, &bytes);
    if (!text) {
        s = fail(error, strerror(errno));
        fclose(file);
        return s;
    }
    fclose(file);
    s = script_parse(path, text, bytes, choice, error);
    free(text);
    return s;
}

void script_destroy(struct script *script)
{
    if (script)
        script_memory_destroy(script->memory);
}

size_t script_line(const struct script *script, unsigned n, const char **line)
{
    const char *at = script->text, *end;

    while (n > 1 && (end = strchr(at, '\n'))) {
        at = end + 1;
        n--;
    }
    *line = at;
    return n > 1 ? 0 : strcspn(at, "\r\n");
}
