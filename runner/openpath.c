#include "runner/openpath.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool openpath_may_be_served(const char *path)
{
    return path[0] != '/' || (strstr(path, "net") && strstr(path, "proc"));
}

/* Appends the components of `path` to `out`, resolving "." and "..". */
static bool append_components(char *out, size_t size, const char *path)
{
    size_t length = strlen(out);

    while (*path) {
        size_t part = strcspn(path, "/");

        if (part == 2 && path[0] == '.' && path[1] == '.') {
            while (length > 0 && out[length - 1] != '/')
                length--;
            if (length > 0)
                length--;
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (length + part + 2 > size)
                return false;
            out[length++] = '/';
            memcpy(out + length, path, part);
            length += part;
        }
        out[length] = '\0';
        path += part;
        path += strspn(path, "/");
    }
    return true;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static const char *skip_number(const char *text)
{
    const char *start = text;

    while (isdigit((unsigned char)*text))
        text++;
    return text > start ? text : NULL;
}

/* "net/..." after any of the directories that name a process, or NULL. */
static const char *skip_process(const char *text)
{
    const char *rest = skip_prefix(text, "thread-self");
    const char *task;

    if (!rest)
        rest = skip_prefix(text, "self");
    if (!rest)
        rest = skip_number(text);
    if (!rest)
        return text; /* /proc/net is /proc/self/net */
    task = skip_prefix(rest, "/task/");
    if (task)
        rest = skip_number(task);
    return rest && *rest == '/' ? rest + 1 : NULL;
}

bool openpath_canonical(const char *base, const char *path, char *canonical, size_t size)
{
    char full[OPENPATH_MAX] = "";
    const char *rest;
    int length;

    if (path[0] != '/' && !append_components(full, sizeof(full), base))
        return false;
    if (!append_components(full, sizeof(full), path))
        return false;
    rest = skip_prefix(full, "/proc/");
    if (!rest)
        return false;
    if (!skip_prefix(rest, "sys/net/")) {
        rest = skip_process(rest);
        if (!rest || !skip_prefix(rest, "net/"))
            return false;
    }
    length = snprintf(canonical, size, "/proc/%s", rest);
    return length > 0 && (size_t)length < size;
}
