#include "drill/result.h"

#include <stdarg.h>
#include <stdio.h>

static bool set(struct drill_result *r, enum drill_verdict verdict, struct script_place place, const char *format,
                va_list arguments)
{
    if (r->verdict != DRILL_PASSED)
        return false;
    r->verdict = verdict;
    r->place = place;
    vsnprintf(r->message, sizeof r->message, format, arguments);
    return false;
}

bool result_fail(struct drill_result *r, struct script_place place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(r, DRILL_FAILED, place, format, arguments);
    va_end(arguments);
    return false;
}

bool result_skip(struct drill_result *r, struct script_place place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(r, DRILL_SKIPPED, place, format, arguments);
    va_end(arguments);
    return false;
}
