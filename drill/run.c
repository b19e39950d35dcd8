#include "drill/run.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "drill/running.h"

bool run_fails(struct run *r, struct script_place place, const char *format, ...)
{
    char text[PROBLEM_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return result_fail(r->result, place, "%s", text);
}

static bool command_went(
    struct run *r, struct script_place place, const char *text, enum command_verdict verdict, const char *message)
{
    switch (verdict) {
    case COMMAND_DONE: return true;
    case COMMAND_FAILED: return run_fails(r, place, "the command `%s` failed: %s", text, message);
    case COMMAND_UNSUPPORTED: return result_skip(r->result, place, "%s", message);
    }
    return false;
}

static bool run_command(struct run *r, struct script_place place, const char *text)
{
    char message[PROBLEM_BYTES] = "";
    if (r->options->is_verbose) fprintf(stderr, "command: `%s`\n", text);
    return command_went(r, place, text, r->subject->ops->command(r->subject, text, message, sizeof message), message);
}

/* --init_scripts=A,B. */
static bool run_init_scripts(struct run *r)
{
    char message[PROBLEM_BYTES] = "", *rest = NULL,
         *names = r->settings->init_scripts ? strdup(r->settings->init_scripts) : NULL;
    bool goes_on = true;
    for (char *name = names ? strtok_r(names, ",", &rest) : NULL; name && goes_on; name = strtok_r(NULL, ",", &rest))
        goes_on = command_went(r, (struct script_place){ 0, 0 }, name,
            r->subject->ops->command_file(r->subject, name, message, sizeof message), message);
    free(names);
    return goes_on;
}

static bool run_event(struct run *r)
{
    const struct script_event *e = r->event;
    if (!run_settle_time(r)) return false;
    switch (e->kind) {
    case EVENT_PACKET: return run_packet(r);
    case EVENT_CALL: return run_call(r);
    case EVENT_COMMAND: return run_wait_for_event(r, "command") && run_command(r, e->place, e->command);
    case EVENT_CODE: return run_wait_for_event(r, "data collection for code") && run_code(r);
    }
    return false;
}

static bool run_events(struct run *r)
{
    bool is_idle;
    r->began_ns = r->subject->ops->ready(r->subject);
    for (unsigned i = 0; i < r->script->event_count; i++) {
        r->event = &r->script->events[i];
        if (!run_event(r)) return false;
        r->last_event = r->event;
        r->last_time_ns = r->time_ns;
        r->event_count++;
    }
    if (!run_await_idle(r, &is_idle)) return false;
    return is_idle || run_fails(r, r->last_event->place, "the script is over while a call still waits");
}

static bool parse_address(const char *text, ip_addr_t *out)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) *out = ip_from4((be32_t){ v4.s_addr });
    else if (inet_pton(AF_INET6, text, &v6) == 1) *out = ip_from6(&v6);
    else return false;
    return true;
}

static bool run_all(struct run *r)
{
    const struct script *s = r->script;
    if (r->settings->speed_mbits && !r->options->is_live)
        return result_skip(
            r->result, (struct script_place){ 0, 0 }, "a machine's tun0 has no speed that --speed could set");
    if (!run_init_scripts(r)) return false;
    if (s->init_command && !run_command(r, s->init_place, s->init_command)) return false;
    bool is_right = run_events(r) && run_held_code(r);
    if (r->result->verdict == DRILL_FAILED) run_explain(r);
    return (!s->cleanup_command || run_command(r, s->cleanup_place, s->cleanup_command)) && is_right;
}

static void release(struct run *r)
{
    for (unsigned i = 0; i < r->fd_count; i++)
        if (!r->fds[i].is_closed) run_system_call(r, SYS_close, (uint64_t)r->fds[i].live_fd, 0, 0, 0, 0);
    run_calls_destroy(r);
    run_held_code_destroy(r);
    r->subject->ops->destroy(r->subject);
    while (r->flows) {
        struct flow *f = r->flows;
        r->flows = f->next;
        flow_fini(f);
        free(f);
    }
}

void drill_run(const struct script *script, const struct run_options *options, struct drill_result *result)
{
    struct run *r = calloc(1, sizeof *r);
    char problem[PROBLEM_BYTES] = "no memory";
    if (r) {
        *r = (struct run){ .script = script, .settings = &script->settings, .options = options, .result = result };
        r->last_held_code = &r->held_code;
        random_init(&r->ports, (const uint64_t[2]){ options->seed, 0 }, "drill ports");
        bool has_addresses = parse_address(script->settings.local_address, &r->local) &&
            parse_address(script->settings.remote_address, &r->remote);
        if (!has_addresses) snprintf(problem, sizeof problem, "an address is no address");
        else if (options->is_live) r->subject = live_create(script, problem, sizeof problem);
        else r->subject = machine_subject_create(script, options->seed, problem, sizeof problem);
    }
    if (!r || !r->subject) {
        result_fail(result, (struct script_place){ 0, 0 }, "%s", problem);
        free(r);
        return;
    }
    if (options->code) code_begin(options->code, script->path);
    uint64_t created_ns = r->subject->ops->now(r->subject);
    run_all(r);
    result->machine_ns = r->subject->ops->now(r->subject) - created_ns;
    release(r);
    free(r);
}
