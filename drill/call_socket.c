/* Making, naming, connecting and ending sockets. */
#include <arpa/inet.h>
#include <sys/syscall.h>

#include "drill/call.h"

/* What a socket speaks when socket() was asked for "the usual". */
static int usual_protocol(int family, int type, int protocol)
{
    if (protocol) return protocol;
    switch (type & 0xf) {
    case SOCK_STREAM: return IPPROTO_TCP;
    case SOCK_DGRAM: return IPPROTO_UDP;
    default: return family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    }
}

static bool socket_made(struct call_under_way *c)
{
    int script_fd;
    if (c->live.result < 0) return true;
    if (!call_int_of(c, c->script->result, &script_fd)) return false;
    struct flow *f = run_flow_create(c->run);
    if (!f || !call_new_fd(c, script_fd, (int)c->live.result, FD_SOCKET, f)) return false;
    f->family = (int)c->live.args[0];
    f->type = (int)c->live.args[1] & 0xf;
    f->protocol = usual_protocol(f->family, f->type, (int)c->live.args[2]);
    f->live_fd = (int)c->live.result;
    c->run->flow = f; /* packets are this one's from now on */
    return true;
}

bool call_socket(struct call_under_way *c)
{
    if (!call_count(c, 3)) return false;
    if (call_is_ellipsis(c, 0)) c->live.args[0] = c->run->settings->version == IP_V4 ? AF_INET : AF_INET6;
    else if (!call_pass_int(c, 0, 0)) return false;
    c->returns_fd = true;
    c->check = socket_made;
    if (!call_pass_int(c, 1, 1) || !call_pass_int(c, 2, 2)) return false;
    c->live.number = SYS_socket;
    return true;
}

bool call_bind(struct call_under_way *c)
{
    const struct run *r = c->run;
    struct sockaddr_storage *address = call_memory(c, sizeof *address);
    if (!address || !call_count(c, 3) || !call_fd(c, 0, 0) || !call_ellipsis(c, 1) || !call_ellipsis(c, 2))
        return false;
    c->live.args[1] = call_pointer(address);
    c->live.args[2] = call_address(r, &r->local, r->settings->bind_port, address);
    c->live.number = SYS_bind;
    return true;
}

static bool is_listening(struct call_under_way *c)
{
    if (c->fd->flow && c->live.result >= 0) c->fd->flow->state = FLOW_LISTENING;
    return true;
}

bool call_listen(struct call_under_way *c)
{
    c->check = is_listening;
    if (!call_count(c, 2) || !call_fd(c, 0, 0) || !call_pass_int(c, 1, 1)) return false;
    c->live.number = SYS_listen;
    return true;
}

static struct flow_end end_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (address->ss_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        return (struct flow_end){ ip_from4((be32_t){ in.sin_addr.s_addr }), ntohs(in.sin_port) };
    }
    memcpy(&in6, address, sizeof in6);
    return (struct flow_end){ ip_from6(&in6.sin6_addr), ntohs(in6.sin6_port) };
}

/* Which child it is, its peer's port tells. */
static bool child_accepted(struct call_under_way *c)
{
    int script_fd;
    if (c->live.result < 0) return true;
    if (!call_int_of(c, c->script->result, &script_fd)) return false;
    struct flow_end peer = end_of(c->output);
    for (struct flow *f = c->run->flows; f; f = f->next) {
        if (f->state != FLOW_ANSWERED && f->state != FLOW_CONFIRMED) continue;
        if (f->remote.port != peer.port || !ip_equal(&f->remote.address, &peer.address)) continue;
        f->live_fd = (int)c->live.result;
        return call_new_fd(c, script_fd, f->live_fd, FD_CHILD, f);
    }
    return call_fails(c, "accepted a connection that the script does not know of");
}

bool call_accept(struct call_under_way *c)
{
    bool has_flags = !strcmp(c->script->name, "accept4");
    socklen_t *bytes = call_memory(c, sizeof *bytes);
    c->output = call_memory(c, sizeof(struct sockaddr_storage));
    c->returns_fd = true;
    c->check = child_accepted;
    if (!bytes || !c->output || !call_count(c, has_flags ? 4 : 3) || !call_fd(c, 0, 0) || !call_ellipsis(c, 1) ||
        !call_ellipsis(c, 2))
        return false;
    if (has_flags && !call_pass_int(c, 3, 3)) return false;
    *bytes = sizeof(struct sockaddr_storage);
    c->live.args[1] = call_pointer(c->output);
    c->live.args[2] = call_pointer(bytes);
    c->live.number = SYS_accept4;
    return true;
}

bool call_connect(struct call_under_way *c)
{
    struct sockaddr_storage *address;
    socklen_t bytes;
    int family = -1;
    if (!call_count(c, 3) || !call_fd(c, 0, 0) || !call_ellipsis(c, 2)) return false;
    if (!call_is_ellipsis(c, 1) && !call_int(c, 1, &family)) return false;
    if (!call_peer(c, family, &address, &bytes)) return false;
    c->live.args[1] = call_pointer(address);
    c->live.args[2] = bytes;
    c->live.number = SYS_connect;
    return true;
}

static bool is_closed(struct call_under_way *c)
{
    c->fd->is_closed = true;
    return true;
}

bool call_close(struct call_under_way *c)
{
    c->check = is_closed;
    if (!call_count(c, 1) || !call_fd(c, 0, 0)) return false;
    c->live.number = SYS_close;
    return true;
}

bool call_shutdown(struct call_under_way *c)
{
    if (!call_count(c, 2) || !call_fd(c, 0, 0) || !call_pass_int(c, 1, 1)) return false;
    c->live.number = SYS_shutdown;
    return true;
}

/* cap_set(CAP_EFFECTIVE, CAP_NET_ADMIN, CAP_SET or CAP_CLEAR): packetdrill's own. The set that counts here is the
 * effective one. */
bool call_cap_set(struct call_under_way *c)
{
    int set, capability, is_on;
    if (!call_count(c, 3) || !call_int(c, 0, &set) || !call_int(c, 1, &capability) || !call_int(c, 2, &is_on))
        return false;
    int error = set == 0 && capability >= 0
        ? c->run->subject->ops->set_capability(c->run->subject, (unsigned)capability, is_on)
        : 0;
    return !error || call_fails(c, "%s", strerror(-error));
}
