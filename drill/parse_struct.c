/* Structures in system calls: {name=value, ...}, told apart by the name of their first member. */
#include "drill/parse.h"

#include <arpa/inet.h>
#include <string.h>

static struct expression *parse_member(struct parser *p, const char *name)
{
    parse_need(p, name);
    parse_need(p, "=");
    return parse_expression(p);
}

static struct expression *next_member(struct parser *p, const char *name)
{
    parse_need(p, ",");
    return parse_member(p, name);
}

static void take_port_and_address(struct parser *p, uint16_t *port, char *address)
{
    parse_need(p, ",");
    parse_need(p, "sin_port");
    parse_need(p, "=");
    parse_need(p, "htons");
    parse_need(p, "(");
    *port = htons((uint16_t)parse_range(p, "a port", 0, UINT16_MAX));
    parse_need(p, ")");
    parse_need(p, ",");
    parse_need(p, "sin_addr");
    parse_need(p, "=");
    parse_need(p, "inet_addr");
    parse_need(p, "(");
    if (p->token.kind != TOKEN_STRING || p->token.bytes >= SCRIPT_ADDRESS_BYTES) {
        parse_expected(p, "an address in quotes");
        return;
    }
    memcpy(address, p->token.text, p->token.bytes);
    address[p->token.bytes] = '\0';
}

/* {sa_family = AF_INET, sin_port = htons(N), sin_addr = inet_addr("A")}, and the same with AF_INET6. */
static void parse_sockaddr(struct parser *p, struct expression *e)
{
    char text[SCRIPT_ADDRESS_BYTES] = "";
    uint16_t port = 0;
    bool is_v6;

    parse_need(p, "sa_family");
    parse_need(p, "=");
    is_v6 = parse_at(p, "AF_INET6");
    if (!parse_take(p, "AF_INET6") && !parse_take(p, "AF_INET")) {
        parse_expected(p, "AF_INET or AF_INET6");
        return;
    }
    take_port_and_address(p, &port, text);
    e->kind = EXPRESSION_SOCKADDR;
    e->address.bytes = is_v6 ? sizeof e->address.in6 : sizeof e->address.in;
    if (is_v6) {
        e->address.in6.sin6_family = AF_INET6;
        e->address.in6.sin6_port = port;
    } else {
        e->address.in.sin_family = AF_INET;
        e->address.in.sin_port = port;
    }
    if (!p->has_failed &&
        inet_pton(is_v6 ? AF_INET6 : AF_INET, text,
                  is_v6 ? (void *)&e->address.in6.sin6_addr : (void *)&e->address.in.sin_addr) != 1)
        parse_expected(p, is_v6 ? "an IPv6 address in quotes" : "an IPv4 address in quotes");
    parse_next(p);
    parse_need(p, ")");
}

static void need_ellipsis(struct parser *p)
{
    if (p->token.kind == TOKEN_ELLIPSIS)
        parse_next(p);
    else
        parse_expected(p, "'...'");
}

/* {msg_name(...)=..., msg_iov(N)=[...], msg_flags=F, msg_control=[...]}. */
static void parse_msghdr(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_MSGHDR;
    e->msghdr.name = parse_new(p, EXPRESSION_ELLIPSIS);
    parse_need(p, "msg_name");
    parse_need(p, "(");
    need_ellipsis(p);
    parse_need(p, ")");
    parse_need(p, "=");
    need_ellipsis(p);
    parse_need(p, ",");
    parse_need(p, "msg_iov");
    parse_need(p, "(");
    e->msghdr.iov_count = parse_new(p, EXPRESSION_NUMBER);
    e->msghdr.iov_count->number = parse_range(p, "a number of buffers", 0, INT32_MAX);
    parse_need(p, ")");
    parse_need(p, "=");
    if (!parse_at(p, "["))
        parse_expected(p, "'['");
    e->msghdr.iov = parse_expression(p);
    e->msghdr.flags = next_member(p, "msg_flags");
    if (parse_at(p, ","))
        e->msghdr.control = next_member(p, "msg_control");
}

static void parse_cmsg(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_CMSG;
    e->cmsg.level = parse_member(p, "cmsg_level");
    e->cmsg.type = next_member(p, "cmsg_type");
    e->cmsg.data = next_member(p, "cmsg_data");
}

static void parse_timestamp(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_TIMESTAMP;
    parse_need(p, "scm_sec");
    parse_need(p, "=");
    e->timestamp.seconds = parse_range(p, "seconds", INT64_MIN, INT64_MAX);
    parse_need(p, ",");
    parse_need(p, "scm_nsec");
    parse_need(p, "=");
    e->timestamp.nanoseconds = parse_range(p, "nanoseconds", INT64_MIN, INT64_MAX);
}

static void parse_error(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_ERROR;
    e->error.number = parse_member(p, "ee_errno");
    e->error.origin = next_member(p, "ee_origin");
    e->error.type = next_member(p, "ee_type");
    e->error.code = next_member(p, "ee_code");
    e->error.info = next_member(p, "ee_info");
    e->error.data = next_member(p, "ee_data");
}

static void parse_pollfd(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_POLLFD;
    e->pollfd.fd = parse_member(p, "fd");
    e->pollfd.events = next_member(p, "events");
    if (parse_at(p, ","))
        e->pollfd.revents = next_member(p, "revents");
}

static void parse_epoll(struct parser *p, struct expression *e)
{
    static const char *const members[] = { "fd", "ptr", "u32", "u64" };

    e->kind = EXPRESSION_EPOLL;
    e->epoll.events = parse_member(p, "events");
    parse_need(p, ",");
    for (unsigned i = 0; i < 4; i++)
        if (parse_at(p, members[i])) {
            e->epoll.member = members[i];
            e->epoll.data = parse_member(p, members[i]);
            return;
        }
    parse_expected(p, "fd, ptr, u32 or u64");
}

static void parse_linger(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_LINGER;
    e->linger.onoff = parse_member(p, "onoff");
    e->linger.linger = next_member(p, "linger");
}

static void parse_mpls(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_MPLS;
    parse_mpls_stack(p, &e->mpls);
}

static void parse_gre(struct parser *p, struct expression *e)
{
    e->kind = EXPRESSION_GRE;
    parse_gre_fields(p, &e->gre);
}

/* {a, b}: a group; {..., N} is a buffer of N bytes. */
static void parse_group(struct parser *p, struct expression *e)
{
    struct expression_list list = { 0 };

    parse_list(p, &list, "}");
    e->kind = EXPRESSION_GROUP;
    e->list = list;
    if (list.count != 2 || list.items[0]->kind != EXPRESSION_ELLIPSIS || list.items[1]->kind != EXPRESSION_NUMBER)
        return;
    e->kind = EXPRESSION_IOVEC;
    e->iovec.base = list.items[0];
    e->iovec.bytes = list.items[1];
}

struct expression *parse_structure(struct parser *p)
{
    static const struct { const char *first; void (*parse)(struct parser *p, struct expression *e); } structures[] = {
        { "sa_family", parse_sockaddr }, { "msg_name", parse_msghdr }, { "cmsg_level", parse_cmsg },
        { "scm_sec", parse_timestamp }, { "ee_errno", parse_error }, { "fd", parse_pollfd }, { "events", parse_epoll },
        { "onoff", parse_linger }, { "(", parse_mpls },
        { "flags", parse_gre }, { "Flags", parse_gre }, { "}", parse_mpls },
    };
    struct expression *e = parse_new(p, EXPRESSION_GROUP);

    parse_need(p, "{");
    for (size_t i = 0; i < sizeof structures / sizeof structures[0]; i++)
        if (parse_at(p, structures[i].first)) {
            structures[i].parse(p, e);
            parse_need(p, "}");
            return e;
        }
    parse_group(p, e);
    return e;
}
