/* Arguments and results of system calls as a script writes them. */
#include "drill/text.h"

#include "drill/line.h"

#include <arpa/inet.h>
#include <ctype.h>

static void add(struct line *l, const struct expression *e);

static void add_string(struct line *l, const struct expression *e)
{
    line_add(l, "\"");
    for (size_t i = 0; i < e->string.bytes; i++) {
        unsigned char c = (unsigned char)e->string.text[i];

        if (c == '"' || c == '\\')
            line_add(l, "\\%c", c);
        else if (isprint(c))
            line_add(l, "%c", c);
        else
            line_add(l, "\\x%02x", c);
    }
    line_add(l, "\"%s", e->string.is_open ? "..." : "");
}

static void add_items(struct line *l, const struct expression_list *list, const char *open, const char *close)
{
    line_add(l, "%s", open);
    for (unsigned i = 0; i < list->count; i++) {
        line_add(l, "%s", i ? ", " : "");
        add(l, list->items[i]);
    }
    line_add(l, "%s", close);
}

static void add_address(struct line *l, const struct expression *e)
{
    char text[INET6_ADDRSTRLEN];
    bool is_v6 = e->address.any.sa_family == AF_INET6;
    const void *bits = is_v6 ? (const void *)&e->address.in6.sin6_addr : (const void *)&e->address.in.sin_addr;

    line_add(l, "{sa_family = %s, sin_port = htons(%u), sin_addr = inet_addr(\"%s\")}", is_v6 ? "AF_INET6" : "AF_INET",
             ntohs(is_v6 ? e->address.in6.sin6_port : e->address.in.sin_port),
             inet_ntop(e->address.any.sa_family, bits, text, sizeof text));
}

/* "name=value" with what stands before it. */
static void add_member(struct line *l, const char *before, const struct expression *value)
{
    line_add(l, "%s=", before);
    add(l, value);
}

static void add_msghdr(struct line *l, const struct expression *e)
{
    line_add(l, "{msg_name(...)=..., msg_iov(");
    add(l, e->msghdr.iov_count);
    add_member(l, ")", e->msghdr.iov);
    add_member(l, ", msg_flags", e->msghdr.flags);
    if (e->msghdr.control)
        add_member(l, ", msg_control", e->msghdr.control);
    line_add(l, "}");
}

static void add_error(struct line *l, const struct expression *e)
{
    add_member(l, "{ee_errno", e->error.number);
    add_member(l, ", ee_origin", e->error.origin);
    add_member(l, ", ee_type", e->error.type);
    add_member(l, ", ee_code", e->error.code);
    add_member(l, ", ee_info", e->error.info);
    add_member(l, ", ee_data", e->error.data);
    line_add(l, "}");
}

static void add_structure(struct line *l, const struct expression *e)
{
    switch (e->kind) {
    case EXPRESSION_IOVEC:
        line_add(l, "{..., ");
        add(l, e->iovec.bytes);
        break;
    case EXPRESSION_CMSG:
        add_member(l, "{cmsg_level", e->cmsg.level);
        add_member(l, ", cmsg_type", e->cmsg.type);
        add_member(l, ", cmsg_data", e->cmsg.data);
        break;
    case EXPRESSION_POLLFD:
        add_member(l, "{fd", e->pollfd.fd);
        add_member(l, ", events", e->pollfd.events);
        if (e->pollfd.revents)
            add_member(l, ", revents", e->pollfd.revents);
        break;
    case EXPRESSION_EPOLL:
        add_member(l, "{events", e->epoll.events);
        line_add(l, ", ");
        add_member(l, e->epoll.member, e->epoll.data);
        break;
    case EXPRESSION_LINGER:
        add_member(l, "{onoff", e->linger.onoff);
        add_member(l, ", linger", e->linger.linger);
        break;
    default:
        line_add(l, "{scm_sec=%lld, scm_nsec=%lld", (long long)e->timestamp.seconds,
                 (long long)e->timestamp.nanoseconds);
    }
    line_add(l, "}");
}

static void add_pair(struct line *l, const struct expression *e, const char *sign)
{
    add(l, e->left);
    line_add(l, "%s", sign);
    add(l, e->right);
}

static void add(struct line *l, const struct expression *e)
{
    char text[INET6_ADDRSTRLEN];

    switch (e->kind) {
    case EXPRESSION_ELLIPSIS: line_add(l, "..."); break;
    case EXPRESSION_NUMBER: line_add(l, "%lld", (long long)e->number); break;
    case EXPRESSION_WORD: line_add(l, "%s", e->string.text); break;
    case EXPRESSION_STRING: add_string(l, e); break;
    case EXPRESSION_OR: add_pair(l, e, "|"); break;
    case EXPRESSION_ASSIGN: add_pair(l, e, " = "); break;
    case EXPRESSION_LIST: add_items(l, &e->list, "[", "]"); break;
    case EXPRESSION_GROUP: add_items(l, &e->list, "{", "}"); break;
    case EXPRESSION_IN6: line_add(l, "inet6_addr(\"%s\")", inet_ntop(AF_INET6, &e->in6, text, sizeof text)); break;
    case EXPRESSION_SOCKADDR: add_address(l, e); break;
    case EXPRESSION_MSGHDR: add_msghdr(l, e); break;
    case EXPRESSION_ERROR: add_error(l, e); break;
    case EXPRESSION_MPLS: line_add(l, "{%u labels}", e->mpls.count); break;
    case EXPRESSION_GRE: line_add(l, "{flags 0x%x, key 0x%x}", e->gre.flags, e->gre.key); break;
    case EXPRESSION_IOVEC: case EXPRESSION_CMSG: case EXPRESSION_POLLFD: case EXPRESSION_EPOLL: case EXPRESSION_LINGER:
    case EXPRESSION_TIMESTAMP: add_structure(l, e); break;
    }
}

void text_expression(const struct expression *e, char *out, size_t bytes)
{
    struct line l = line_begin(out, bytes);

    add(&l, e);
}
