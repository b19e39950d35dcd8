/* A session of commands, and what all commands use. */
#include "drill/command_shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(struct text_buffer *b, const char *text, size_t bytes)
{
    size_t need = b->bytes + bytes + 1, room = b->room ? b->room : 256;
    char *data;

    if (b->is_broken)
        return;
    while (room < need)
        room *= 2;
    if (room != b->room) {
        data = realloc(b->data, room);
        if (!data) {
            b->is_broken = true;
            return;
        }
        b->data = data;
        b->room = room;
    }
    memcpy(b->data + b->bytes, text, bytes);
    b->bytes += bytes;
    b->data[b->bytes] = '\0';
}

void buffer_print(struct text_buffer *b, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (bytes > 0)
        buffer_add(b, text, (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1);
}

const char *buffer_text(const struct text_buffer *b)
{
    return b->data ? b->data : "";
}

void buffer_free(struct text_buffer *b)
{
    free(b->data);
    *b = (struct text_buffer){ 0 };
}

int unsupported(struct commands *c, const char *format, ...)
{
    va_list arguments;

    if (c->unsupported[0])
        return STATUS_UNSUPPORTED;
    va_start(arguments, format);
    vsnprintf(c->unsupported, sizeof c->unsupported, format, arguments);
    va_end(arguments);
    return STATUS_UNSUPPORTED;
}

int usage(struct invocation *i, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_print(i->err, "%s: %s\n", i->argv[0], text);
    return 1;
}

static int builtin_true(struct invocation *i)
{
    (void)i;
    return 0;
}

static int builtin_false(struct invocation *i)
{
    (void)i;
    return 1;
}

const struct builtin_row builtin_rows[] = {
    { "sysctl", builtin_sysctl }, { "set_sysctls.py", builtin_set_sysctls }, { "ip", builtin_ip }, { "tc", builtin_tc },
    { "ethtool", builtin_ethtool }, { "nstat", builtin_nstat }, { "cat", builtin_cat }, { "grep", builtin_grep },
    { "echo", builtin_echo }, { "sleep", builtin_sleep }, { "true", builtin_true }, { ":", builtin_true },
    { "false", builtin_false }, { "dd", builtin_host_file }, { "rm", builtin_host_file },
    { "touch", builtin_host_file }, { "truncate", builtin_host_file }, { NULL, NULL },
};

struct commands *commands_create(const struct command_machine *machine)
{
    struct commands *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->machine = *machine;
    if (!c->machine.device)
        c->machine.device = "tun0";
    return c;
}

void commands_destroy(struct commands *c)
{
    if (!c)
        return;
    buffer_free(&c->errors);
    free(c->counters);
    free(c);
}

/* A message in one line: what was said last is what went wrong. */
static enum command_verdict verdict(struct commands *c, int status, char *message, size_t bytes)
{
    const char *errors;

    if (c->unsupported[0]) {
        snprintf(message, bytes, "%s", c->unsupported);
        return COMMAND_UNSUPPORTED;
    }
    if (!status)
        return COMMAND_DONE;
    while (c->errors.bytes && c->errors.data[c->errors.bytes - 1] == '\n')
        c->errors.data[--c->errors.bytes] = '\0';
    errors = buffer_text(&c->errors);
    if (strrchr(errors, '\n'))
        errors = strrchr(errors, '\n') + 1;
    snprintf(message, bytes, "the command ended with status %d%s%s", status, *errors ? ": " : "", errors);
    return COMMAND_FAILED;
}

/* run: shell_run or shell_run_file. What is printed is for nobody. */
static enum command_verdict run_with(struct commands *c, const char *what, char *message, size_t bytes,
                                     int (*run)(struct commands *, const char *, struct text_buffer *, struct text_buffer *))
{
    struct text_buffer out = { 0 };
    int status;

    buffer_free(&c->errors);
    status = run(c, what, &out, &c->errors);
    buffer_free(&out);
    return verdict(c, status, message, bytes);
}

enum command_verdict commands_run(struct commands *c, const char *text, char *message, size_t bytes)
{
    return run_with(c, text, message, bytes, shell_run);
}

enum command_verdict commands_run_file(struct commands *c, const char *path, char *message, size_t bytes)
{
    return run_with(c, path, message, bytes, shell_run_file);
}
