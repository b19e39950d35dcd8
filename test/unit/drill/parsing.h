/* A script out of a text, and its first packet or call. The fixture's script ends with end_script(). */
#ifndef TEST_DRILL_PARSING_H
#define TEST_DRILL_PARSING_H

#include "drill/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct script *parsed;

static inline struct script *parse_as(const char *text, enum ip_version version, struct script_error *error)
{
    struct script_choice choice = { .version = version };

    script_destroy(parsed);
    parsed = script_parse("dir/x.pkt", text, strlen(text), &choice, error);
    return parsed;
}

static inline struct script *parse(const char *text)
{
    struct script_error error = { 0 };

    if (!parse_as(text, IP_V4, &error))
        fail_msg("%u:%u: %s", error.place.line, error.place.column, error.text);
    return parsed;
}

static inline const struct script_packet *parse_one_packet(const char *packet)
{
    char text[1024];

    snprintf(text, sizeof text, "0 %s\n", packet);
    assert_int_equal(parse(text)->event_count, 1);
    assert_int_equal(parsed->events[0].kind, EVENT_PACKET);
    return parsed->events[0].packet;
}

static inline const struct script_call *parse_one_call(const char *call)
{
    char text[2048];

    snprintf(text, sizeof text, "0 %s\n", call);
    assert_int_equal(parse(text)->event_count, 1);
    assert_int_equal(parsed->events[0].kind, EVENT_CALL);
    return parsed->events[0].call;
}

static inline int end_script(void **state)
{
    (void)state;
    script_destroy(parsed);
    parsed = NULL;
    return 0;
}

#endif
