/* Files as commands see them, and the commands that only read and write: cat, grep, echo, sleep, dd, rm, touch. */
#include "drill/command_shell.h"

#include <weir/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Takes "." and ".." out: what is compared with /tmp and /proc is where the path leads. */
static void clean_path(char *path)
{
    char *out = path, *at = path;
    size_t bytes;

    while (*at) {
        at += strspn(at, "/");
        bytes = strcspn(at, "/");
        if (bytes == 2 && memcmp(at, "..", 2) == 0) {
            while (out > path && *--out != '/')
                continue;
        } else if (bytes && !(bytes == 1 && *at == '.')) {
            *out++ = '/';
            memmove(out, at, bytes);
            out += bytes;
        }
        at += bytes;
    }
    *out = '\0';
}

void file_path(const struct commands *c, const char *name, char *out, size_t bytes)
{
    char whole[PATH_MAX], here[PATH_MAX] = "";

    if (name[0] != '/' && c->machine.directory[0] != '/' && !getcwd(here, sizeof here))
        here[0] = '\0';
    if (name[0] == '/')
        snprintf(whole, sizeof whole, "%s", name);
    else if (snprintf(whole, sizeof whole, "%s/%s/%s", here, c->machine.directory, name) >= (int)sizeof whole)
        whole[0] = '\0';
    clean_path(whole);
    snprintf(out, bytes, "%s", whole);
}

/* The machine's own name of a path, or NULL. */
static const char *machine_path(const char *path)
{
    if (strncmp(path, "/proc/self/", 11) == 0)
        path += 5;
    if (strncmp(path, "/proc/net/", 10) == 0 || strncmp(path, "/proc/sys/net/", 14) == 0)
        return path + 6;
    return NULL;
}

/* /sys/module/MODULE/parameters/NAME: what weir has of it, read or set. False: no such path, or not one of weir's. */
static bool parameter(struct commands *c, const char *path, int *value, bool set)
{
    char module[32], name[32];
    int end = 0;

    if (sscanf(path, "/sys/module/%31[^/]/parameters/%31[^/]%n", module, name, &end) != 2 || path[end])
        return false;
    return weir_module_parameter(c->machine.machine, module, name, value, set) != -ENOENT;
}

static int read_machine(struct commands *c, const char *path, struct text_buffer *out)
{
    long bytes = weir_proc_read(c->machine.task, path, NULL, 0);
    char *text;

    if (bytes < 0)
        return (int)bytes;
    text = malloc((size_t)bytes + 4096);
    if (!text)
        return -ENOMEM;
    bytes = weir_proc_read(c->machine.task, path, text, (size_t)bytes + 4096);
    if (bytes > 0)
        buffer_add(out, text, (size_t)bytes);
    free(text);
    return bytes < 0 ? (int)bytes : 0;
}

static int read_host(const char *path, struct text_buffer *out)
{
    char chunk[4096];
    FILE *file = fopen(path, "re");
    size_t got;

    if (!file)
        return -errno;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        buffer_add(out, chunk, got);
    fclose(file);
    return 0;
}

int file_read(struct commands *c, const char *path, struct text_buffer *out)
{
    const char *inner = machine_path(path);
    int value;

    if (inner)
        return read_machine(c, inner, out);
    if (parameter(c, path, &value, false)) {
        buffer_print(out, "%d\n", value);
        return 0;
    }
    if (strcmp(path, "/dev/null") == 0)
        return 0;
    return strncmp(path, "/tmp/", 5) == 0 ? read_host(path, out) : STATUS_UNSUPPORTED_FILE;
}

static int write_host(const char *path, const char *text, size_t bytes, bool is_append)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (is_append ? O_APPEND : O_TRUNC), 0644);
    ssize_t written = fd < 0 ? -1 : write(fd, text, bytes);
    int error = written == (ssize_t)bytes ? 0 : errno ? -errno : -EIO;

    if (fd >= 0)
        close(fd);
    return error;
}

int file_write(struct commands *c, const char *path, const char *text, size_t bytes, bool is_append)
{
    const char *inner = machine_path(path);
    char number[16];
    int value;
    long result;

    snprintf(number, sizeof number, "%.*s", (int)bytes, text);
    value = (int)strtol(number, NULL, 0);
    if (inner) {
        result = weir_proc_write(c->machine.task, inner, text, bytes);
        return result < 0 ? (int)result : 0;
    }
    if (parameter(c, path, &value, true))
        return 0;
    if (strcmp(path, "/dev/null") == 0)
        return 0;
    return strncmp(path, "/tmp/", 5) == 0 ? write_host(path, text, bytes, is_append) : STATUS_UNSUPPORTED_FILE;
}

/* Reads one argument of cat or grep. A status. */
static int read_argument(struct invocation *i, const char *name, struct text_buffer *text)
{
    char path[COMMAND_PATH_BYTES];
    int error;

    file_path(i->c, name, path, sizeof path);
    error = file_read(i->c, path, text);
    if (error == STATUS_UNSUPPORTED_FILE)
        return unsupported(i->c, "it reads '%s', which weir drill does not have", path);
    return error ? usage(i, "%s: %s", name, strerror(-error)) : 0;
}

int builtin_cat(struct invocation *i)
{
    int status = 0, failed;

    if (i->argc == 1)
        buffer_add(i->out, i->in ? i->in : "", i->in ? strlen(i->in) : 0);
    for (int a = 1; a < i->argc; a++) {
        failed = read_argument(i, i->argv[a], i->out);
        status = failed ? failed : status;
    }
    return status;
}

struct grep {
    regex_t expression;
    bool is_quiet, is_inverted, is_counting, has_names;
    unsigned long found;
};

static void grep_text(struct invocation *i, struct grep *g, const char *name, const char *text)
{
    size_t bytes;
    char *line;

    for (; *text; text += bytes + (text[bytes] == '\n')) {
        bytes = strcspn(text, "\n");
        line = strndup(text, bytes);
        if (!line)
            return;
        if ((regexec(&g->expression, line, 0, NULL, 0) == 0) != g->is_inverted) {
            g->found++;
            if (!g->is_quiet && !g->is_counting)
                buffer_print(i->out, "%s%s%s\n", g->has_names ? name : "", g->has_names ? ":" : "", line);
        }
        free(line);
    }
}

static int grep_options(struct invocation *i, struct grep *g, int *first, int *flags)
{
    for (*first = 1; *first < i->argc && i->argv[*first][0] == '-' && i->argv[*first][1]; ++*first)
        for (const char *o = i->argv[*first] + 1; *o; o++)
            switch (*o) {
            case 'q': g->is_quiet = true; break;
            case 'v': g->is_inverted = true; break;
            case 'c': g->is_counting = true; break;
            case 'i': *flags |= REG_ICASE; break;
            case 'E': *flags |= REG_EXTENDED; break;
            case 's': case 'h': break;
            default: return unsupported(i->c, "it runs grep -%c, which weir drill does not know", *o);
            }
    return 0;
}

int builtin_grep(struct invocation *i)
{
    struct grep g = { 0 };
    int first, flags = REG_NOSUB, status = grep_options(i, &g, &first, &flags);

    if (status)
        return status;
    if (first >= i->argc || regcomp(&g.expression, i->argv[first], flags) != 0)
        return usage(i, "no pattern, or a wrong one") + 1;
    g.has_names = i->argc - first > 2;
    if (first + 1 == i->argc)
        grep_text(i, &g, "", i->in ? i->in : "");
    for (int a = first + 1; a < i->argc && !status; a++) {
        struct text_buffer text = { 0 };

        status = read_argument(i, i->argv[a], &text);
        grep_text(i, &g, i->argv[a], buffer_text(&text));
        buffer_free(&text);
    }
    regfree(&g.expression);
    if (g.is_counting)
        buffer_print(i->out, "%lu\n", g.found);
    return status ? status : !g.found;
}

int builtin_echo(struct invocation *i)
{
    int first = i->argc > 1 && strcmp(i->argv[1], "-n") == 0 ? 2 : 1;

    for (int a = first; a < i->argc; a++)
        buffer_print(i->out, "%s%s", a > first ? " " : "", i->argv[a]);
    if (first == 1)
        buffer_print(i->out, "\n");
    return 0;
}

int builtin_sleep(struct invocation *i)
{
    char *end = NULL;
    double seconds = i->argc == 2 ? strtod(i->argv[1], &end) : -1, unit = 1;

    if (end && *end && !end[1])
        unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : -1;
    if (!(seconds * unit >= 0 && seconds * unit < 1e9) || (end && *end && end[1]))
        return usage(i, "expected one time");
    if (i->c->machine.sleep)
        i->c->machine.sleep(i->c->machine.context, (uint64_t)(seconds * unit * 1e9 + 0.5));
    return 0;
}

/* An argument of dd, rm or touch that leads elsewhere than below /tmp. */
static bool is_allowed(struct commands *c, const char *program, const char *argument)
{
    char path[COMMAND_PATH_BYTES];
    const char *name = argument;

    if (argument[0] == '-' && strcmp(program, "rm") != 0 && strcmp(program, "truncate") != 0 &&
        strcmp(program, "touch") != 0)
        return false;
    if (argument[0] == '-')
        return strspn(argument, "-fs0123456789kKMG") == strlen(argument);
    if (strcmp(program, "dd") == 0) {
        if (strncmp(argument, "if=", 3) == 0 &&
            (strcmp(argument + 3, "/dev/zero") == 0 || strcmp(argument + 3, "/dev/urandom") == 0))
            return true;
        if (strncmp(argument, "if=", 3) != 0 && strncmp(argument, "of=", 3) != 0)
            return strchr(argument, '/') == NULL;
        name = argument + 3;
    } else if (strcmp(program, "truncate") == 0 && argument[0] >= '0' && argument[0] <= '9') {
        return true;
    }
    file_path(c, name, path, sizeof path);
    return strncmp(path, "/tmp/", 5) == 0;
}

/* Plain files that scripts send: done by the host's programs, below /tmp only. */
int builtin_host_file(struct invocation *i)
{
    const char *slash = strrchr(i->argv[0], '/'), *program = slash ? slash + 1 : i->argv[0];
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int error, status;

    for (int a = 1; a < i->argc; a++)
        if (!is_allowed(i->c, program, i->argv[a]))
            return unsupported(i->c, "it runs '%s %s', and only plain files below /tmp are in its reach", program,
                               i->argv[a]);
    error = posix_spawn_file_actions_init(&actions);
    if (error)
        return usage(i, "%s", strerror(error));
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    error = posix_spawnp(&pid, program, &actions, NULL, i->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return usage(i, "%s", strerror(error));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return usage(i, "%s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
