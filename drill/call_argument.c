#include <arpa/inet.h>

#include "drill/call.h"
#include "drill/text.h"

static const struct expression *argument(const struct call_under_way *c, unsigned index)
{
    return index < c->script->arguments.count ? c->script->arguments.items[index] : NULL;
}

static bool is_not(struct call_under_way *c, const struct expression *e, const char *what)
{
    char text[TEXT_BYTES] = "nothing";
    if (e) text_expression(e, text, sizeof text);
    return call_fails(c, "expected %s, found %s", what, text);
}

bool call_count(struct call_under_way *c, unsigned count)
{
    unsigned found = c->script->arguments.count;
    return found == count || call_fails(c, "expected %u arguments, found %u", count, found);
}

bool call_number_of(struct call_under_way *c, const struct expression *e, int64_t low, int64_t high, int64_t *out)
{
    const char *unknown = NULL;
    if (!e || !expression_number(e, out, &unknown))
        return unknown ? call_fails(c, "nobody knows '%s'", unknown) : is_not(c, e, "a number");
    return (*out >= low && *out <= high) || call_fails(c, "%lld is out of range", (long long)*out);
}

bool call_int_of(struct call_under_way *c, const struct expression *e, int *out)
{
    int64_t value;
    if (!call_number_of(c, e, INT32_MIN, UINT32_MAX, &value)) return false;
    *out = (int)(uint32_t)value;
    return true;
}

bool call_int(struct call_under_way *c, unsigned index, int *out) { return call_int_of(c, argument(c, index), out); }

bool call_pass_int(struct call_under_way *c, unsigned index, unsigned to)
{
    int value;
    if (!call_int(c, index, &value)) return false;
    c->live.args[to] = (uint64_t)(int64_t)value;
    return true;
}

bool call_is_ellipsis(const struct call_under_way *c, unsigned index)
{
    const struct expression *e = argument(c, index);
    return e && e->kind == EXPRESSION_ELLIPSIS;
}

bool call_ellipsis(struct call_under_way *c, unsigned index)
{
    return call_is_ellipsis(c, index) || is_not(c, argument(c, index), "...");
}

bool call_list_of(struct call_under_way *c, const struct expression *e, const struct expression_list **out)
{
    if (!e || e->kind != EXPRESSION_LIST) return is_not(c, e, "a list in []");
    *out = &e->list;
    return true;
}

bool call_list(struct call_under_way *c, unsigned index, const struct expression_list **out)
{
    return call_list_of(c, argument(c, index), out);
}

bool call_bracketed(struct call_under_way *c, unsigned index, int64_t *out)
{
    const struct expression_list *list;
    if (!call_list(c, index, &list)) return false;
    return list->count == 1 ? call_number_of(c, list->items[0], INT64_MIN, INT64_MAX, out)
                            : is_not(c, argument(c, index), "one number in []");
}

struct fd_pair *call_find_fd(struct run *r, int script_fd)
{
    for (unsigned i = r->fd_count; i-- > 0;) /* the newest: accept() may give a number again */
        if (!r->fds[i].is_closed && r->fds[i].script_fd == script_fd) return &r->fds[i];
    return NULL;
}

bool call_new_fd(struct call_under_way *c, int script_fd, int live_fd, enum fd_kind kind, struct flow *flow)
{
    struct run *r = c->run;
    if (kind != FD_CHILD && call_find_fd(r, script_fd))
        return call_fails(c, "the script has a file descriptor %d already", script_fd);
    if (r->fd_count == RUN_FDS) return call_fails(c, "too many file descriptors");
    r->fds[r->fd_count++] = (struct fd_pair){ .script_fd = script_fd, .live_fd = live_fd, .kind = kind, .flow = flow };
    return true;
}

bool call_fd(struct call_under_way *c, unsigned index, unsigned to)
{
    int script_fd;
    if (!call_int(c, index, &script_fd)) return false;
    struct fd_pair *fd = call_find_fd(c->run, script_fd);
    if (!fd) return call_fails(c, "the script has no file descriptor %d", script_fd);
    if (index == 0) c->fd = fd;
    c->live.args[to] = (uint64_t)fd->live_fd;
    return true;
}

bool call_buffer(struct call_under_way *c, unsigned index, unsigned count, unsigned to)
{
    const struct expression *e = argument(c, index);
    int bytes;
    int64_t null = -1;
    const char *unknown;
    if (!call_int(c, count, &bytes)) return false;
    c->live.args[to + 1] = (uint64_t)(int64_t)bytes;
    if (!e || (e->kind != EXPRESSION_ELLIPSIS && !(expression_number(e, &null, &unknown) && null == 0)))
        return is_not(c, e, "... or NULL");
    void *buffer = e->kind == EXPRESSION_ELLIPSIS ? call_memory(c, bytes > 0 ? (size_t)bytes : 0) : NULL;
    c->live.args[to] = call_pointer(buffer);
    return buffer || e->kind != EXPRESSION_ELLIPSIS;
}

bool call_iovec_of(struct call_under_way *c, const struct expression *e, struct iovec **out, size_t *count)
{
    const struct expression_list *list;
    int64_t bytes;
    if (!call_list_of(c, e, &list)) return false;
    *count = list->count;
    *out = call_memory(c, list->count * sizeof **out);
    if (!*out) return false;
    for (unsigned i = 0; i < list->count; i++) {
        const struct expression *item = list->items[i];
        if (item->kind != EXPRESSION_IOVEC) return is_not(c, item, "{..., N}");
        if (!call_number_of(c, item->iovec.bytes, 0, INT32_MAX, &bytes)) return false;
        (*out)[i] = (struct iovec){ call_memory(c, (size_t)bytes), (size_t)bytes };
        if (!(*out)[i].iov_base) return false;
    }
    return true;
}

socklen_t call_address(const struct run *r, const ip_addr_t *address, uint16_t port, struct sockaddr_storage *out)
{
    if (ip_is4(address) && r->settings->version != IP_V4_MAPPED) {
        struct sockaddr_in in = {
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = ip_get4(address).raw
        };
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memcpy(&in6.sin6_addr, address, sizeof in6.sin6_addr);
    memcpy(out, &in6, sizeof in6);
    return sizeof in6;
}

static void connect_flow(struct run *r, struct flow *f)
{
    if (f->state != FLOW_NEW) return;
    f->state = FLOW_CONNECTING;
    f->local = (struct flow_end){ 0 };
    f->remote = (struct flow_end){ r->remote, r->settings->connect_port };
}

bool call_peer(struct call_under_way *c, int family, struct sockaddr_storage **out, socklen_t *bytes)
{
    struct run *r = c->run;
    if (!c->fd || !c->fd->flow) return call_fails(c, "the file descriptor is no socket");
    *out = call_memory(c, sizeof **out);
    if (!*out) return false;
    if (family >= 0) {
        (*out)->ss_family = (sa_family_t)family;
        *bytes = sizeof **out;
    } else {
        *bytes = call_address(r, &r->remote, r->settings->connect_port, *out);
    }
    if ((*out)->ss_family == AF_UNSPEC) c->fd->flow->state = FLOW_NEW;
    else connect_flow(r, c->fd->flow);
    return true;
}
