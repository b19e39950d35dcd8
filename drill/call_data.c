/* Reading and writing; files, pipes, and what moves between them and sockets. */
#include <fcntl.h>
#include <sys/syscall.h>

#include "drill/call.h"

static bool plain(struct call_under_way *c, long number)
{
    if (!call_count(c, 3) || !call_fd(c, 0, 0) || !call_buffer(c, 1, 2, 1)) return false;
    c->live.number = number;
    return true;
}

bool call_read(struct call_under_way *c) { return plain(c, SYS_read); }
bool call_write(struct call_under_way *c) { return plain(c, SYS_write); }

static bool vectored(struct call_under_way *c, long number)
{
    struct iovec *pieces;
    size_t count;
    int said;
    if (!call_count(c, 3) || !call_fd(c, 0, 0) || !call_int(c, 2, &said)) return false;
    if (!call_iovec_of(c, c->script->arguments.items[1], &pieces, &count)) return false;
    if (said < 0 || (size_t)said != count)
        return call_fails(c, "%d pieces are said to be there, but %zu are", said, count);
    c->live.args[1] = call_pointer(pieces);
    c->live.args[2] = count;
    c->live.number = number;
    return true;
}

bool call_readv(struct call_under_way *c) { return vectored(c, SYS_readv); }
bool call_writev(struct call_under_way *c) { return vectored(c, SYS_writev); }

static bool with_flags(struct call_under_way *c, unsigned arguments, long number)
{
    if (!call_count(c, arguments) || !call_fd(c, 0, 0) || !call_buffer(c, 1, 2, 1) || !call_pass_int(c, 3, 3))
        return false;
    c->live.number = number;
    return true;
}

bool call_recv(struct call_under_way *c) { return with_flags(c, 4, SYS_recvfrom); }
bool call_send(struct call_under_way *c) { return with_flags(c, 4, SYS_sendto); }

bool call_recvfrom(struct call_under_way *c)
{
    struct sockaddr_storage *address = call_memory(c, sizeof *address);
    socklen_t *bytes = call_memory(c, sizeof *bytes);
    if (!address || !bytes || !with_flags(c, 6, SYS_recvfrom)) return false;
    if (call_ellipsis(c, 4) && call_ellipsis(c, 5)) {
        *bytes = sizeof *address;
        c->live.args[4] = call_pointer(address);
        c->live.args[5] = call_pointer(bytes);
        return true;
    }
    c->live.number = CALL_NONE;
    return false;
}

/* Ping sockets take only whole messages. */
static void make_echo_request(struct call_under_way *c, const struct flow *f)
{
    uint8_t *message = (uint8_t *)(uintptr_t)c->live.args[1];
    bool is_ping = f->type == SOCK_DGRAM && (f->protocol == IPPROTO_ICMP || f->protocol == IPPROTO_ICMPV6);
    if (is_ping && message && c->live.args[2] >= 8) *message = ip_is4(&c->run->local) ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
}

bool call_sendto(struct call_under_way *c)
{
    struct sockaddr_storage *address;
    socklen_t bytes;
    int family = -1;
    if (!with_flags(c, 6, SYS_sendto)) return false;
    c->live.number = CALL_NONE;
    if (!call_is_ellipsis(c, 4) && !call_int(c, 4, &family)) return false;
    if (!call_ellipsis(c, 5) || !call_peer(c, family, &address, &bytes)) return false;
    make_echo_request(c, c->fd->flow);
    c->live.args[4] = call_pointer(address);
    c->live.args[5] = bytes;
    c->live.number = SYS_sendto;
    return true;
}

static bool file_opened(struct call_under_way *c)
{
    int script_fd;
    if (c->live.result < 0) return true;
    return call_int_of(c, c->script->result, &script_fd) &&
        call_new_fd(c, script_fd, (int)c->live.result, FD_OTHER, NULL);
}

bool call_open(struct call_under_way *c)
{
    if (!call_count(c, 2) || !call_pass_int(c, 1, 2)) return false;
    const struct expression *name = c->script->arguments.items[0];
    if (name->kind != EXPRESSION_STRING) return call_fails(c, "the name of a file is a string");
    c->returns_fd = true;
    c->check = file_opened;
    c->live.args[0] = (uint64_t)(int64_t)AT_FDCWD;
    c->live.args[1] = call_pointer(name->string.text);
    c->live.number = SYS_openat;
    return true;
}

static bool pipe_made(struct call_under_way *c)
{
    const struct expression_list *list;
    const int *ends = c->output;
    int script_fd;
    if (c->live.result < 0) return true;
    if (!call_list(c, 0, &list)) return false;
    for (unsigned i = 0; i < 2; i++)
        if (!call_int_of(c, list->items[i], &script_fd) || !call_new_fd(c, script_fd, ends[i], FD_OTHER, NULL))
            return false;
    return true;
}

bool call_pipe(struct call_under_way *c)
{
    const struct expression_list *list;
    c->output = call_memory(c, 2 * sizeof(int));
    if (!c->output || !call_count(c, 1) || !call_list(c, 0, &list)) return false;
    if (list->count != 2) return call_fails(c, "a pipe has two ends, not %u", list->count);
    c->check = pipe_made;
    c->live.args[0] = call_pointer(c->output);
    c->live.number = SYS_pipe2;
    return true;
}

bool call_sendfile(struct call_under_way *c)
{
    int64_t offset;
    off_t *at = call_memory(c, sizeof *at);
    if (!at || !call_count(c, 4) || !call_fd(c, 0, 0) || !call_fd(c, 1, 1) || !call_bracketed(c, 2, &offset) ||
        !call_pass_int(c, 3, 3))
        return false;
    *at = offset;
    c->live.args[2] = call_pointer(at);
    c->live.number = SYS_sendfile;
    return true;
}

static bool pass_offset(struct call_under_way *c, unsigned index)
{
    int64_t value;
    if (!call_number_of(c, c->script->arguments.items[index], INT64_MIN, INT64_MAX, &value)) return false;
    c->live.args[index] = (uint64_t)value;
    return true;
}

bool call_splice(struct call_under_way *c)
{
    if (!call_count(c, 6) || !call_fd(c, 0, 0) || !pass_offset(c, 1) || !call_fd(c, 2, 2) || !pass_offset(c, 3))
        return false;
    if (!call_pass_int(c, 4, 4) || !call_pass_int(c, 5, 5)) return false;
    c->live.number = SYS_splice;
    return true;
}
