/* poll and epoll. */
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "drill/call.h"

static bool polled_matches(struct call_under_way *c)
{
    const struct expression_list *list;
    const struct pollfd *fds = c->output;
    int expected;
    if (!call_list(c, 0, &list)) return false;
    for (unsigned i = 0; i < list->count; i++) {
        const struct expression *e = list->items[i]->pollfd.revents;
        expected = 0;
        if (e && !call_int_of(c, e, &expected)) return false;
        if (expected != fds[i].revents)
            return call_fails(c, "revents of file descriptor %u of the list: expected 0x%x, got 0x%x", i + 1,
                (unsigned)expected, (unsigned)fds[i].revents);
    }
    return true;
}

static bool make_pollfd(struct call_under_way *c, const struct expression *e, struct pollfd *out)
{
    int fd, events;
    if (e->kind != EXPRESSION_POLLFD)
        return call_fails(c, "the list has something that is no {fd=, events=, revents=}");
    if (!call_int_of(c, e->pollfd.fd, &fd) || !call_int_of(c, e->pollfd.events, &events)) return false;
    const struct fd_pair *pair = call_find_fd(c->run, fd);
    if (!pair) return call_fails(c, "the script has no file descriptor %d", fd);
    *out = (struct pollfd){ .fd = pair->live_fd, .events = (short)events };
    return true;
}

bool call_poll(struct call_under_way *c)
{
    const struct expression_list *list;
    int count, timeout_ms;
    if (!call_count(c, 3) || !call_list(c, 0, &list) || !call_int(c, 1, &count) || !call_int(c, 2, &timeout_ms))
        return false;
    if (count < 0 || (unsigned)count != list->count)
        return call_fails(c, "%d file descriptors are said to be there, but %u are", count, list->count);
    struct pollfd *fds = call_memory(c, list->count * sizeof *fds);
    struct timespec *timeout = call_memory(c, sizeof *timeout);
    if (!fds || !timeout) return false;
    for (unsigned i = 0; i < list->count; i++)
        if (!make_pollfd(c, list->items[i], &fds[i])) return false;
    *timeout = (struct timespec){ timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
    c->output = fds;
    c->check = polled_matches;
    c->live.args[0] = call_pointer(fds);
    c->live.args[1] = (uint64_t)count;
    c->live.args[2] = call_pointer(timeout_ms < 0 ? NULL : timeout);
    c->live.number = SYS_ppoll;
    return true;
}

static bool epoll_made(struct call_under_way *c)
{
    int script_fd;
    if (c->live.result < 0) return true;
    return call_int_of(c, c->script->result, &script_fd) &&
        call_new_fd(c, script_fd, (int)c->live.result, FD_OTHER, NULL);
}

bool call_epoll_create(struct call_under_way *c)
{
    if (!call_count(c, 1) || !call_pass_int(c, 0, 0)) return false;
    if ((int64_t)c->live.args[0] > 0)
        c->live.args[0] = 0; /* a size, which means nothing any more; epoll_create1() takes flags */
    else c->live.args[0] = UINT32_MAX; /* and refuses flags nobody knows as epoll_create() refuses such a size */
    c->returns_fd = true;
    c->check = epoll_made;
    c->live.number = SYS_epoll_create1;
    return true;
}

/* {events=E, fd=N} and so on. Of `fd`, the number is the script's. */
static bool make_event(struct call_under_way *c, const struct expression *e, struct epoll_event *out)
{
    int events;
    int64_t data;
    *out = (struct epoll_event){ 0 };
    if (e->kind != EXPRESSION_EPOLL) return call_fails(c, "expected {events=, fd=} or the like");
    if (!call_int_of(c, e->epoll.events, &events) || !call_number_of(c, e->epoll.data, INT64_MIN, INT64_MAX, &data))
        return false;
    out->events = (uint32_t)events;
    out->data.u64 = (uint64_t)data;
    if (strcmp(e->epoll.member, "fd") != 0) return true;
    const struct fd_pair *pair = call_find_fd(c->run, (int)data);
    if (!pair) return call_fails(c, "the script has no file descriptor %d", (int)data);
    out->data.u64 = 0;
    out->data.fd = pair->live_fd;
    return true;
}

bool call_epoll_ctl(struct call_under_way *c)
{
    struct epoll_event *event = call_memory(c, sizeof *event);
    if (!event || !call_count(c, 4) || !call_fd(c, 0, 0) || !call_pass_int(c, 1, 1) || !call_fd(c, 2, 2)) return false;
    const struct expression *e = c->script->arguments.items[3];
    if (!make_event(c, e, event)) return false;
    if (!strcmp(e->epoll.member, "fd") && event->data.fd != (int)c->live.args[2])
        return call_fails(c, "the event has the file descriptor of another one");
    c->live.args[3] = call_pointer(event);
    c->live.number = SYS_epoll_ctl;
    return true;
}

static bool event_matches(struct call_under_way *c)
{
    struct epoll_event expected, actual;
    memcpy(&actual, c->output, sizeof actual);
    if (!make_event(c, c->looked_at, &expected)) return false;
    if (expected.events != actual.events)
        return call_fails(c, "events: expected 0x%x, got 0x%x", expected.events, actual.events);
    const char *member = c->looked_at->epoll.member;
    bool is_short = !strcmp(member, "fd") || !strcmp(member, "u32");
    bool is_same = is_short ? expected.data.u32 == actual.data.u32 : expected.data.u64 == actual.data.u64;
    return is_same ||
        call_fails(c, "%s: expected 0x%llx, got 0x%llx", member, (unsigned long long)expected.data.u64,
            (unsigned long long)actual.data.u64);
}

bool call_epoll_wait(struct call_under_way *c)
{
    struct epoll_event expected;
    int room;
    if (!call_count(c, 4) || !call_fd(c, 0, 0) || !call_int(c, 2, &room) || !call_pass_int(c, 3, 3)) return false;
    c->looked_at = c->script->arguments.items[1];
    if (!make_event(c, c->looked_at, &expected)) return false;
    c->output = call_memory(c, (room > 0 ? (size_t)room : 1) * sizeof expected);
    if (!c->output) return false;
    c->check = event_matches;
    c->live.args[1] = call_pointer(c->output);
    c->live.args[2] = (uint64_t)(int64_t)room;
    c->live.number = SYS_epoll_pwait;
    return true;
}
