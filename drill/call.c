/* Calls that wait (a...b in the script) go on beside other events, one at a time; all others are over before the next
 * event. Another call waits up to a second for one that is under way, as packetdrill does. */
#include "drill/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_WAIT_NS NS_PER_S
#define PLAIN_WAIT_NS (180 * NS_PER_S) /* a call that the script does not expect to wait, and does */

static const struct call_row rows[] = {
    { "socket", call_socket },
    { "bind", call_bind },
    { "listen", call_listen },
    { "accept", call_accept },
    { "accept4", call_accept },
    { "connect", call_connect },
    { "close", call_close },
    { "shutdown", call_shutdown },
    { "read", call_read },
    { "readv", call_readv },
    { "recv", call_recv },
    { "recvfrom", call_recvfrom },
    { "recvmsg", call_recvmsg },
    { "write", call_write },
    { "writev", call_writev },
    { "send", call_send },
    { "sendto", call_sendto },
    { "sendmsg", call_sendmsg },
    { "sendmmsg", call_sendmmsg },
    { "recvmmsg", call_recvmmsg },
    { "fcntl", call_fcntl },
    { "ioctl", call_ioctl },
    { "getsockopt", call_getsockopt },
    { "setsockopt", call_setsockopt },
    { "poll", call_poll },
    { "epoll_create", call_epoll_create },
    { "epoll_ctl", call_epoll_ctl },
    { "epoll_wait", call_epoll_wait },
    { "open", call_open },
    { "pipe", call_pipe },
    { "sendfile", call_sendfile },
    { "splice", call_splice },
    { "cap_set", call_cap_set },
};

bool call_fails(struct call_under_way *c, const char *format, ...)
{
    char text[PROBLEM_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    struct drill_result *result = c->run->result;
    if (!c->run->settings->is_nonfatal_call || result->verdict != DRILL_PASSED)
        return run_fails(c->run, c->event->place, "%s(): %s", c->script->name, text);
    result->nonfatal++;
    snprintf(result->message, sizeof result->message, "%s:%u: %s(): %s", c->run->script->path, c->event->place.line,
        c->script->name, text);
    return false;
}

void *call_memory(struct call_under_way *c, size_t bytes)
{
    struct call_piece *p = calloc(1, sizeof *p + bytes);
    if (!p) {
        run_fails(c->run, c->event->place, "no memory for %zu bytes", bytes);
        return NULL;
    }
    p->next = c->memory;
    c->memory = p;
    return p->bytes;
}

/* A difference that is not fatal has been told; the script goes on. */
static bool goes_on(struct call_under_way *c, bool is_right)
{
    return is_right || c->run->result->verdict == DRILL_PASSED;
}

static bool result_matches(struct call_under_way *c)
{
    int expected = 0, error = c->live.result < 0 ? (int)-c->live.result : 0, actual = error ? -1 : (int)c->live.result;
    char why[64] = "";
    if (!call_int_of(c, c->script->result, &expected)) return false;
    if (error)
        snprintf(why, sizeof why, ", %s (%s)", strerrorname_np(error) ? strerrorname_np(error) : "?", strerror(error));
    bool is_same = c->returns_fd && expected >= 0 ? actual >= 0 : actual == expected;
    if (!is_same && c->returns_fd && expected >= 0)
        return call_fails(c, "expected a result that is not negative, got %d%s", actual, why);
    if (!is_same) return call_fails(c, "expected the result %d, got %d%s", expected, actual, why);
    if (!c->script->error_name || error == c->script->error) return true;
    return call_fails(c, "expected the error %s, got %s", c->script->error_name, error ? why + 2 : "none");
}

static bool judge(struct call_under_way *c)
{
    char problem[PROBLEM_BYTES];
    struct run *r = c->run;
    if (r->options->is_verbose)
        fprintf(stderr, "%s syscall: %9.6f = %lld\n", c->script->name,
            (double)run_script_time(r, c->live.ended_ns) / 1e9, (long long)c->live.result);
    if (!goes_on(c, result_matches(c) && (!c->check || c->check(c)))) return false;
    if (!c->script->is_blocking || run_time_matches(r, c->event->time_kind, c->end_ns, 0, c->live.ended_ns, c->time_ns,
            "the end of the call", problem, sizeof problem))
        return true;
    return run_fails(r, c->event->place, "%s(): %s", c->script->name, problem);
}

bool run_look_at_waiting(struct run *r)
{
    struct call_under_way *c = r->waiting;
    if (!c) return true;
    r->subject->ops->finish(r->subject, &c->live, 0);
    if (!c->live.is_ended) return true;
    r->waiting = NULL;
    return judge(c);
}

bool run_await_idle(struct run *r, bool *is_idle)
{
    *is_idle = true;
    if (!r->waiting) return true;
    r->subject->ops->finish(r->subject, &r->waiting->live, r->subject->ops->now(r->subject) + IDLE_WAIT_NS);
    if (!run_look_at_waiting(r)) return false;
    *is_idle = !r->waiting;
    return true;
}

static struct call_under_way *create(struct run *r)
{
    struct call_under_way *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    *c = (struct call_under_way){ .next = r->calls,
        .run = r,
        .event = r->event,
        .script = r->event->call,
        .time_ns = r->time_ns,
        .end_ns = r->event->call->end_ns + r->offset_ns,
        .live = { .number = CALL_NONE, .is_blocking = r->event->call->is_blocking } };
    return r->calls = c;
}

static const struct call_row *find_row(const char *name)
{
    for (size_t i = 0; i < array_count(rows); i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

static bool carry_out(struct call_under_way *c)
{
    struct run *r = c->run;
    const struct call_row *row = find_row(c->script->name);
    if (!row) return run_fails(r, c->event->place, "there is no system call %s()", c->script->name);
    if (!goes_on(c, row->prepare(c))) return false;
    if (c->live.number == CALL_NONE) return true; /* told, and not fatal; or there is nothing for the subject to do */
    r->subject->ops->begin(r->subject, &c->live);
    if (c->live.is_blocking) {
        r->waiting = c;
        return run_look_at_waiting(r);
    }
    r->subject->ops->finish(r->subject, &c->live, r->subject->ops->now(r->subject) + PLAIN_WAIT_NS);
    if (c->live.is_ended) return run_look_at_waiting(r) && judge(c);
    return run_fails(r, c->event->place, "%s(): expected to return at once, but it waits", c->script->name);
}

bool run_call(struct run *r)
{
    bool is_idle;
    struct call_under_way *c = create(r);
    if (!c) return run_fails(r, r->event->place, "no memory");
    if (!run_await_idle(r, &is_idle)) return false;
    if (!is_idle && c->script->is_blocking)
        return run_fails(r, r->event->place, "%s(): another call that waits is still under way", c->script->name);
    return run_wait_for_event(r, "the start of the call") && carry_out(c);
}

void run_calls_destroy(struct run *r)
{
    while (r->calls) {
        struct call_under_way *c = r->calls;
        r->calls = c->next;
        r->subject->ops->give_up(r->subject, &c->live);
        while (c->memory) {
            struct call_piece *p = c->memory;
            c->memory = p->next;
            free(p);
        }
        free(c);
    }
}

int64_t run_system_call(struct run *r, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct subject_call call = { .number = number, .args = { a, b, c, d, e } };
    r->subject->ops->begin(r->subject, &call);
    if (!call.is_ended) r->subject->ops->give_up(r->subject, &call);
    return call.is_ended ? call.result : -EAGAIN;
}
