/* A text that grows in a buffer of its caller; what does not fit is left out. */
#ifndef DRILL_LINE_H
#define DRILL_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct line {
    char *text;
    size_t bytes, used;
};

static inline struct line line_begin(char *text, size_t bytes)
{
    if (bytes)
        text[0] = '\0';
    return (struct line){ .text = text, .bytes = bytes };
}

__attribute__((format(printf, 2, 3))) static inline void line_add(struct line *l, const char *format, ...)
{
    va_list arguments;
    int added;

    if (l->used + 1 >= l->bytes)
        return;
    va_start(arguments, format);
    added = vsnprintf(l->text + l->used, l->bytes - l->used, format, arguments);
    va_end(arguments);
    if (added > 0)
        l->used = l->used + (size_t)added < l->bytes ? l->used + (size_t)added : l->bytes - 1;
}

#endif
