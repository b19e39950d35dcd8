/* sysctl, and the two helpers of packetdrill's own tests that set sysctls and put them back. */
#include "drill/command_shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SYSCTL_ERROR = 255 };

/* net.ipv4.tcp_sack or net/ipv4/tcp_sack: the first separator says which of the two separates. */
static void sysctl_path(const char *name, size_t bytes, char *out, size_t room)
{
    const char *first = strpbrk(name, "./");
    bool has_dots = first && *first == '.' && first < name + bytes;

    snprintf(out, room, "/proc/sys/%.*s", (int)bytes, name);
    for (char *p = out + strlen("/proc/sys/"); has_dots && *p; p++)
        *p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
}

struct sysctl_options {
    bool is_quiet, is_ignoring, is_bare;
};

static int complain(struct invocation *i, const struct sysctl_options *o, const char *name, size_t bytes, int error)
{
    if (error == -ENOENT && o->is_ignoring)
        return 0;
    if (error == STATUS_UNSUPPORTED_FILE)
        return unsupported(i->c, "it uses sysctl %.*s, and a weir machine has only those of net", (int)bytes, name);
    buffer_print(i->err, "sysctl: %.*s: %s\n", (int)bytes, name, strerror(-error));
    return SYSCTL_ERROR;
}

static int set_one(struct invocation *i, const struct sysctl_options *o, const char *argument, const char *equals)
{
    char path[COMMAND_PATH_BYTES];
    size_t bytes = (size_t)(equals - argument);
    int error;

    while (bytes && argument[bytes - 1] == ' ')
        bytes--;
    sysctl_path(argument, bytes, path, sizeof path);
    error = file_write(i->c, path, equals + 1, strlen(equals + 1), false);
    if (error)
        return complain(i, o, argument, bytes, error);
    if (!o->is_quiet)
        buffer_print(i->out, "%.*s = %s\n", (int)bytes, argument, equals + 1);
    return 0;
}

static int print_one(struct invocation *i, const struct sysctl_options *o, const char *name)
{
    char path[COMMAND_PATH_BYTES];
    struct text_buffer text = { 0 };
    int error;

    sysctl_path(name, strlen(name), path, sizeof path);
    error = file_read(i->c, path, &text);
    if (!error)
        buffer_print(i->out, "%s%s%s", o->is_bare ? "" : name, o->is_bare ? "" : " = ", buffer_text(&text));
    buffer_free(&text);
    return error ? complain(i, o, name, strlen(name), error) : 0;
}

static int read_option(struct invocation *i, struct sysctl_options *o, const char *argument)
{
    if (strcmp(argument, "--quiet") == 0 || strcmp(argument, "--ignore") == 0 || strcmp(argument, "--write") == 0) {
        o->is_quiet |= argument[2] == 'q';
        o->is_ignoring |= argument[2] == 'i';
        return 0;
    }
    for (const char *p = argument + 1; *p; p++)
        switch (*p) {
        case 'q': o->is_quiet = true; break;
        case 'e': o->is_ignoring = true; break;
        case 'n': o->is_bare = true; break;
        case 'w': break;
        default: return unsupported(i->c, "it runs sysctl %s, which weir drill does not know", argument);
        }
    return 0;
}

int builtin_sysctl(struct invocation *i)
{
    struct sysctl_options o = { 0 };
    int status = 0, failed;

    for (int a = 1; a < i->argc; a++) {
        const char *equals = strchr(i->argv[a], '=');

        if (i->argv[a][0] == '-')
            failed = read_option(i, &o, i->argv[a]);
        else
            failed = equals ? set_one(i, &o, i->argv[a], equals) : print_one(i, &o, i->argv[a]);
        status = failed ? failed : status;
    }
    return status;
}

/* PATH=VALUE...: sets them, and remembers what they were until the next call. */
int builtin_set_sysctls(struct invocation *i)
{
    i->c->saved_count = 0;
    i->c->has_saved = true;
    for (int a = 1; a < i->argc; a++) {
        struct saved_sysctl *saved = &i->c->saved[i->c->saved_count];
        const char *equals = strchr(i->argv[a], '=');
        struct text_buffer before = { 0 };
        int error;

        if (!equals || (size_t)(equals - i->argv[a]) >= sizeof saved->path || i->c->saved_count == SAVED_SYSCTLS)
            return usage(i, "%s: expected PATH=VALUE", i->argv[a]);
        snprintf(saved->path, sizeof saved->path, "%.*s", (int)(equals - i->argv[a]), i->argv[a]);
        error = file_read(i->c, saved->path, &before);
        if (error == STATUS_UNSUPPORTED_FILE)
            return unsupported(i->c, "it sets '%s', which a weir machine does not have", saved->path);
        if (error)
            return usage(i, "%s: %s", saved->path, strerror(-error));
        snprintf(saved->value, sizeof saved->value, "%s", buffer_text(&before));
        buffer_free(&before);
        i->c->saved_count++;
        error = file_write(i->c, saved->path, equals + 1, strlen(equals + 1), false);
        if (error)
            buffer_print(i->err, "%s: %s\n", saved->path, strerror(-error));
    }
    return 0;
}

int builtin_restore_sysctls(struct invocation *i)
{
    int error = 0;

    if (!i->c->has_saved) {
        buffer_print(i->err, "%s: not found\n", i->argv[0]);
        return 127;
    }
    for (unsigned s = 0; s < i->c->saved_count; s++)
        error = file_write(i->c, i->c->saved[s].path, i->c->saved[s].value, strlen(i->c->saved[s].value), false);
    return error ? 1 : 0;
}
