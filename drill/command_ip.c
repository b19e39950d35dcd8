/* ip route, ip link, ip addr: put into the rtnetlink messages that iproute2 would send, over a netlink socket of the
 * machine. */
#include "drill/command_shell.h"

#include "file/task.h"
#include "tcp/fastopen.h"

#include <weir/device.h>
#include <weir/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { RTNETLINK_STATUS = 2, REQUEST_BYTES = 1024 };

struct request {
    union {
        struct nlmsghdr head;
        uint8_t bytes[REQUEST_BYTES];
    };
};

/* Words not read yet. */
struct words {
    struct invocation *i;
    int at;
    int family; /* 0: not said */
};

static const char *peek(const struct words *w)
{
    return w->at < w->i->argc ? w->i->argv[w->at] : NULL;
}

static const char *take(struct words *w)
{
    const char *word = peek(w);

    w->at += word != NULL;
    return word;
}

static bool take_if(struct words *w, const char *name)
{
    const char *word = peek(w);

    if (!word || strcmp(word, name) != 0)
        return false;
    w->at++;
    return true;
}

static int not_known(struct words *w, const char *word)
{
    return unsupported(w->i->c, "it runs 'ip %s ... %s', which weir drill does not know",
                       w->i->argc > 1 ? w->i->argv[1] : "", word ? word : "");
}

static void request_begin(struct request *r, int type, int flags, const void *body, size_t bytes)
{
    memset(r, 0, sizeof *r);
    r->head.nlmsg_type = (uint16_t)type;
    r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
    memcpy(r->bytes + NLMSG_HDRLEN, body, bytes);
}

static void request_add(struct request *r, int type, const void *data, size_t bytes)
{
    size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
    struct rtattr a = { .rta_len = (unsigned short)RTA_LENGTH(bytes), .rta_type = (unsigned short)type };

    if (at + RTA_SPACE(bytes) > REQUEST_BYTES)
        return;
    memcpy(r->bytes + at, &a, sizeof a);
    memcpy(r->bytes + at + RTA_LENGTH(0), data, bytes);
    r->head.nlmsg_len = (uint32_t)(at + RTA_LENGTH(bytes));
}

/* 0 or -errno. */
static int request_send(struct commands *c, struct request *r)
{
    uint8_t answer[4096];
    struct nlmsghdr head;
    struct nlmsgerr error = { .error = -EIO };
    int fd = weir_socket(c->machine.task, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    ssize_t bytes;

    if (fd < 0)
        return -errno;
    bytes = weir_send(c->machine.task, fd, r, r->head.nlmsg_len, 0);
    if (bytes >= 0)
        bytes = weir_recv(c->machine.task, fd, answer, sizeof answer, 0);
    if (bytes < 0)
        error.error = -errno;
    else if ((size_t)bytes >= NLMSG_LENGTH(sizeof error)) {
        memcpy(&head, answer, sizeof head);
        if (head.nlmsg_type == NLMSG_ERROR)
            memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
    }
    weir_close(c->machine.task, fd);
    return error.error;
}

static int finish(struct words *w, struct request *r)
{
    int error = request_send(w->i->c, r);

    if (error)
        buffer_print(w->i->err, "RTNETLINK answers: %s\n", strerror(-error));
    return error ? RTNETLINK_STATUS : 0;
}

static uint32_t interface_index(struct commands *c, const char *name)
{
    struct ifreq request = { 0 };
    int fd = weir_socket(c->machine.task, AF_INET, SOCK_DGRAM, 0), error;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    error = fd < 0 ? -1 : weir_ioctl(c->machine.task, fd, SIOCGIFINDEX, &request);
    if (fd >= 0)
        weir_close(c->machine.task, fd);
    return error ? 0 : (uint32_t)request.ifr_ifindex;
}

/* The index of the device named next. 0: *status says why not. */
static uint32_t take_device(struct words *w, int *status)
{
    const char *name = take(w);
    uint32_t index = name ? interface_index(w->i->c, name) : 0;

    if (!index)
        *status = usage(w->i, "Cannot find device \"%s\"", name ? name : "");
    return index;
}

struct prefix {
    int family;
    uint8_t bits;
    struct in6_addr address; /* IPv4: its first four bytes */
};

static bool parse_prefix(const char *text, int family, struct prefix *out)
{
    char address[INET6_ADDRSTRLEN];
    size_t bytes = strcspn(text, "/");
    unsigned long most, bits;
    char *end;

    *out = (struct prefix){ .family = family ? family : strchr(text, ':') ? AF_INET6 : AF_INET };
    most = bits = out->family == AF_INET6 ? 128 : 32;
    if (bytes >= sizeof address)
        return false;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (strcmp(text, "default") == 0)
        return true;
    if (inet_pton(out->family, address, &out->address) != 1)
        return false;
    if (text[bytes])
        bits = strtoul(text + bytes + 1, &end, 10);
    out->bits = (uint8_t)bits;
    return bits <= most && (!text[bytes] || (end > text + bytes + 1 && !*end));
}

static size_t address_bytes(int family)
{
    return family == AF_INET6 ? 16 : 4;
}

static bool take_number(struct words *w, uint32_t *out)
{
    const char *word = take(w);
    char *end;

    if (!word)
        return false;
    *out = (uint32_t)strtoul(word, &end, 0);
    return end != word && !*end;
}

/* RTAX_RTO_MIN: "5ms", "1s", a plain number of ms. */
static bool take_time_ms(struct words *w, uint32_t *out)
{
    const char *word = take(w);
    char *end;
    double value = word ? strtod(word, &end) : -1;

    if (!(value >= 0 && value < 1e6) || end == word)
        return false;
    if (strcmp(end, "s") == 0)
        value *= 1000;
    else if (*end && strcmp(end, "ms") != 0)
        return false;
    *out = (uint32_t)value;
    return true;
}

struct asked_route {
    struct prefix destination, gateway, source;
    bool has_gateway, has_source;
    uint32_t device, priority, table;
    uint8_t scope, protocol, type, flags;
    bool has_scope;
    uint32_t metrics[RTAX_MAX + 1];
    uint32_t given, locked;     /* bits of RTAX_* */
};

/* Those that the machine's routes have. */
static const struct { const char *name; int metric; } metric_names[] = {
    { "mtu", RTAX_MTU }, { "advmss", RTAX_ADVMSS }, { "window", RTAX_WINDOW }, { "hoplimit", RTAX_HOPLIMIT },
    { "initcwnd", RTAX_INITCWND }, { "initrwnd", RTAX_INITRWND }, { "quickack", RTAX_QUICKACK },
    { "fastopen_no_cookie", RTAX_FASTOPEN_NO_COOKIE },
};

static void set_metric(struct asked_route *r, int metric, uint32_t value)
{
    r->metrics[metric] = value;
    r->given |= 1U << metric;
}

/* False: the word is no metric. */
static bool take_metric(struct words *w, const char *word, struct asked_route *r, int *status)
{
    uint32_t value = 0;

    for (size_t m = 0; m < sizeof metric_names / sizeof metric_names[0]; m++) {
        if (strcmp(metric_names[m].name, word) != 0)
            continue;
        if (take_if(w, "lock"))
            r->locked |= 1U << metric_names[m].metric;
        if (!take_number(w, &value))
            *status = usage(w->i, "%s: expected a number", word);
        set_metric(r, metric_names[m].metric, value);
        return true;
    }
    if (strcmp(word, "rto_min") == 0) {
        if (take_if(w, "lock"))
            r->locked |= 1U << RTAX_RTO_MIN;
        if (!take_time_ms(w, &value))
            *status = usage(w->i, "rto_min: expected a time");
        set_metric(r, RTAX_RTO_MIN, value);
        return true;
    }
    if (strcmp(word, "features") == 0 && take_if(w, "ecn")) {
        set_metric(r, RTAX_FEATURES, RTAX_FEATURE_ECN);
        return true;
    }
    return false;
}

static bool take_prefix(struct words *w, struct prefix *out, int *status)
{
    const char *word = take(w);

    if (word && parse_prefix(word, w->family, out))
        return true;
    *status = usage(w->i, "any valid address is expected rather than \"%s\"", word ? word : "");
    return false;
}

static int take_route_word(struct words *w, struct asked_route *r)
{
    static const struct { const char *name; uint8_t value; } scopes[] = { { "global", RT_SCOPE_UNIVERSE },
        { "link", RT_SCOPE_LINK }, { "host", RT_SCOPE_HOST } };
    const char *word = take(w);
    int status = 0;

    if (strcmp(word, "via") == 0) {
        r->has_gateway = take_prefix(w, &r->gateway, &status);
    } else if (strcmp(word, "src") == 0) {
        r->has_source = take_prefix(w, &r->source, &status);
    } else if (strcmp(word, "dev") == 0 || strcmp(word, "oif") == 0) {
        r->device = take_device(w, &status);
    } else if (strcmp(word, "metric") == 0 || strcmp(word, "priority") == 0 || strcmp(word, "preference") == 0) {
        if (!take_number(w, &r->priority))
            status = usage(w->i, "%s: expected a number", word);
    } else if (strcmp(word, "onlink") == 0) {
        r->flags |= RTNH_F_ONLINK;
    } else if (strcmp(word, "scope") == 0) {
        const char *name = take(w);

        for (size_t s = 0; name && s < 3; s++)
            if (strcmp(scopes[s].name, name) == 0) {
                r->scope = scopes[s].value;
                r->has_scope = true;
                return 0;
            }
        status = not_known(w, name);
    } else if (strcmp(word, "proto") == 0 && (take_if(w, "static") || take_if(w, "kernel") || take_if(w, "boot"))) {
        r->protocol = RTPROT_STATIC;
    } else if (strcmp(word, "table") == 0 && take_if(w, "main")) {
        r->table = RT_TABLE_MAIN;
    } else if (!take_metric(w, word, r, &status)) {
        status = not_known(w, word);
    }
    return status;
}

static void add_metrics(struct request *request, const struct asked_route *r)
{
    uint8_t nest[512];
    size_t used = 0;

    for (int m = RTAX_LOCK; m <= RTAX_MAX; m++) {
        uint32_t value = m == RTAX_LOCK ? r->locked : r->metrics[m];
        struct rtattr a = { .rta_len = RTA_LENGTH(4), .rta_type = (unsigned short)m };

        if (m == RTAX_LOCK ? !r->locked : !(r->given >> m & 1))
            continue;
        memcpy(nest + used, &a, sizeof a);
        memcpy(nest + used + sizeof a, &value, 4);
        used += 8;
    }
    if (used)
        request_add(request, RTA_METRICS, nest, used);
}

static int send_route(struct words *w, const struct asked_route *r, int type, int flags)
{
    struct request request;
    int family = r->destination.family;
    struct rtmsg body = { .rtm_family = (uint8_t)family, .rtm_dst_len = r->destination.bits,
        .rtm_table = (uint8_t)(r->table ? r->table : RT_TABLE_MAIN),
        .rtm_protocol = r->protocol, .rtm_scope = r->scope, .rtm_type = r->type, .rtm_flags = r->flags };

    if (type == RTM_DELROUTE && !r->has_scope)
        body.rtm_scope = RT_SCOPE_NOWHERE;
    else if (!r->has_scope)
        body.rtm_scope = r->has_gateway || family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    request_begin(&request, type, flags, &body, sizeof body);
    if (r->destination.bits)
        request_add(&request, RTA_DST, &r->destination.address, address_bytes(family));
    if (r->has_gateway)
        request_add(&request, RTA_GATEWAY, &r->gateway.address, address_bytes(r->gateway.family));
    if (r->has_source)
        request_add(&request, RTA_PREFSRC, &r->source.address, address_bytes(r->source.family));
    if (r->device)
        request_add(&request, RTA_OIF, &r->device, 4);
    if (r->priority)
        request_add(&request, RTA_PRIORITY, &r->priority, 4);
    add_metrics(&request, r);
    return finish(w, &request);
}

static int ip_route(struct words *w)
{
    static const struct { const char *name; int type, flags; } verbs[] = {
        { "add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL }, { "change", RTM_NEWROUTE, NLM_F_REPLACE },
        { "replace", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE },
        { "delete", RTM_DELROUTE, 0 }, { "del", RTM_DELROUTE, 0 },
    };
    const char *verb = take(w);
    struct asked_route r = { .type = RTN_UNICAST, .protocol = RTPROT_BOOT };
    size_t v = 0;
    int status = 0;

    while (v < sizeof verbs / sizeof verbs[0] && (!verb || strcmp(verbs[v].name, verb) != 0))
        v++;
    if (v == sizeof verbs / sizeof verbs[0])
        return not_known(w, verb);
    if (verbs[v].type == RTM_DELROUTE)
        r.protocol = 0;
    take_if(w, "to");
    if (take_if(w, "blackhole"))
        r.type = RTN_BLACKHOLE;
    else if (take_if(w, "unreachable"))
        r.type = RTN_UNREACHABLE;
    else if (take_if(w, "local")) { /* as ip(8): in the table of the machine's own addresses */
        r.type = RTN_LOCAL;
        r.table = RT_TABLE_LOCAL;
        r.scope = RT_SCOPE_HOST;
        r.has_scope = true;
    }
    if (!take_prefix(w, &r.destination, &status))
        return status;
    w->family = r.destination.family;
    while (!status && peek(w))
        status = take_route_word(w, &r);
    return status ? status : send_route(w, &r, verbs[v].type, verbs[v].flags);
}

static int ip_link(struct words *w)
{
    struct ifinfomsg body = { 0 };
    struct request request;
    uint32_t number;
    int status = 0;

    if (!take_if(w, "set"))
        return not_known(w, peek(w));
    take_if(w, "dev");
    body.ifi_index = (int)take_device(w, &status);
    if (status)
        return status;
    request_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
    while (peek(w)) {
        const char *word = take(w);

        if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0) {
            body.ifi_flags = word[0] == 'u' ? IFF_UP : 0;
            body.ifi_change = IFF_UP;
            memcpy(request.bytes + NLMSG_HDRLEN, &body, sizeof body);
        } else if ((strcmp(word, "mtu") == 0 || strcmp(word, "txqueuelen") == 0 || strcmp(word, "qlen") == 0) &&
                   take_number(w, &number)) {
            request_add(&request, word[0] == 'm' ? IFLA_MTU : IFLA_TXQLEN, &number, 4);
        } else {
            return not_known(w, word);
        }
    }
    return finish(w, &request);
}

static int ip_address(struct words *w)
{
    bool is_add = take_if(w, "add") || take_if(w, "replace") || take_if(w, "change");
    struct ifaddrmsg body = { 0 };
    struct request request;
    struct prefix p;
    int status = 0;

    if (!is_add && !take_if(w, "del") && !take_if(w, "delete"))
        return not_known(w, peek(w));
    if (!take_prefix(w, &p, &status))
        return status;
    while (take_if(w, "nodad") || take_if(w, "noprefixroute"))
        continue;
    if (!take_if(w, "dev"))
        return not_known(w, peek(w));
    body.ifa_family = (uint8_t)p.family;
    body.ifa_prefixlen = p.bits;
    body.ifa_index = take_device(w, &status);
    if (status)
        return status;
    while (take_if(w, "nodad"))
        continue;
    if (peek(w))
        return not_known(w, peek(w));
    request_begin(&request, is_add ? RTM_NEWADDR : RTM_DELADDR, is_add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &body,
                  sizeof body);
    request_add(&request, IFA_LOCAL, &p.address, address_bytes(p.family));
    request_add(&request, IFA_ADDRESS, &p.address, address_bytes(p.family));
    return finish(w, &request);
}

int builtin_ip(struct invocation *i)
{
    struct words w = { .i = i, .at = 1 };

    for (; peek(&w) && peek(&w)[0] == '-'; w.at++) {
        if (strcmp(peek(&w), "-6") == 0)
            w.family = AF_INET6;
        else if (strcmp(peek(&w), "-4") == 0)
            w.family = AF_INET;
        else
            return not_known(&w, peek(&w));
    }
    if (take_if(&w, "route") || take_if(&w, "ro") || take_if(&w, "r"))
        return ip_route(&w);
    if (take_if(&w, "link") || take_if(&w, "l"))
        return ip_link(&w);
    if (take_if(&w, "address") || take_if(&w, "addr") || take_if(&w, "a"))
        return ip_address(&w);
    if (take_if(&w, "tcp_metrics") || take_if(&w, "tcpmetrics"))
        return command_tcp_metrics(i, w.at);
    return not_known(&w, peek(&w));
}
