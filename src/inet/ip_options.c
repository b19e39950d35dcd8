/* IP_OPTIONS: what a sock puts into every IPv4 header it sends (RFC 791 §3.1). A source route is kept as it leaves: its first
 * address, the first hop, goes to the header; the rest moves up, and the last place is for the true destination. */
#include "inet/inet_ops.h"

enum { IP_OPTIONS_MAX_BYTES = 40, OPTION_END = 0, OPTION_NOP = 1, OPTION_RECORD_ROUTE = 7, OPTION_TIMESTAMP = 68,
       OPTION_ROUTER_ALERT = 148, OPTION_LOOSE_ROUTE = 131, OPTION_STRICT_ROUTE = 137 };

struct inet_options {
    uint8_t given_bytes, bytes;
    uint8_t route;               /* offset of the source route's option plus one; 0: there is none */
    uint8_t first_hop[4];
    uint8_t data[IP_OPTIONS_MAX_BYTES];
};

void inet_free_options(struct inet_sock *is)
{
    if (!is->rare->options) return;
    machine_free(is->sk.net->machine, is->rare->options, sizeof(*is->rare->options));
    inet_rare(is)->options = NULL;
}

/* Whole addresses, none passed yet, and only one route. */
static bool take_route(struct inet_options *o, uint8_t *at)
{
    if (!o || o->route || at[1] < 7 || at[2] != 4 || (at[1] - 3) % 4) return false;
    memcpy(o->first_hop, at + 3, 4);
    memmove(at + 3, at + 7, at[1] - 7u);
    o->route = (uint8_t)(at - o->data + 1);
    return true;
}

/* One option with a length; the rest of the room is `left` bytes. o: where a source route goes; NULL: none is taken. */
static bool check_option(struct inet_options *o, uint8_t *at, uint32_t left)
{
    if (left < 2 || at[1] < 2 || at[1] > left) return false;
    switch (at[0]) {
    case OPTION_LOOSE_ROUTE: case OPTION_STRICT_ROUTE:
        return take_route(o, at);
    case OPTION_RECORD_ROUTE:
        return at[1] >= 3 && at[2] >= 4 && (at[2] > at[1] || at[2] + 3 <= at[1]);
    case OPTION_TIMESTAMP:
        return at[1] >= 4 && at[2] >= 5;
    case OPTION_ROUTER_ALERT:
        return at[1] >= 4;
    default:
        return true;
    }
}

static bool check_all(struct inet_options *o, uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes;) {
        if (data[i] == OPTION_END) {
            memset(data + i, 0, bytes - i); /* nothing counts after the end */
            return true;
        }
        if (data[i] == OPTION_NOP) {
            i++;
            continue;
        }
        if (!check_option(o, data + i, bytes - i)) return false;
        i += data[i + 1];
    }
    return true;
}

bool inet_check_ip_options(uint8_t data[IP_OPTIONS_MAX_BYTES], uint8_t given_bytes, uint8_t *bytes)
{
    *bytes = (uint8_t)((given_bytes + 3) & ~3);
    memset(data + given_bytes, 0, (size_t)(*bytes - given_bytes));
    return check_all(NULL, data, *bytes);
}

int inet_set_ip_options(struct sock *sk, const struct user_option *o)
{
    struct inet_sock *is = inet_of(sk);
    struct inet_options *made;

    if (o->bytes < 0 || o->bytes > IP_OPTIONS_MAX_BYTES) return -EINVAL;
    if (!o->bytes) {
        inet_free_options(is);
        return 0;
    }
    made = inet_rare(is) ? machine_alloc(sk->net->machine, sizeof(*made)) : NULL;
    if (!made) return -ENOBUFS;
    made->route = 0;
    made->given_bytes = (uint8_t)o->bytes;
    made->bytes = (uint8_t)((o->bytes + 3) & ~3);
    if (option_in(o, made->data, made->given_bytes) || !check_all(made, made->data, made->given_bytes)) {
        int error = option_in(o, made->data, made->given_bytes) ? -EFAULT : -EINVAL;

        machine_free(sk->net->machine, made, sizeof(*made));
        return error;
    }
    inet_free_options(is);
    inet_rare(is)->options = made;
    return 0;
}

int inet_get_ip_options(struct sock *sk, const struct user_option *o)
{
    const struct inet_options *options = inet_of(sk)->rare->options;
    uint8_t data[IP_OPTIONS_MAX_BYTES], *route;

    if (!options) return option_out(o, NULL, 0);
    memcpy(data, options->data, sizeof(data));
    if (options->route) { /* as it was given */
        route = data + options->route - 1;
        memmove(route + 7, route + 3, route[1] - 7u);
        memcpy(route + 3, options->first_hop, 4);
    }
    return option_out(o, data, options->bytes);
}

bool inet_first_hop(const struct inet_sock *is, ip_addr_t *hop, bool *is_strict)
{
    const struct inet_options *options = is->rare->options;

    if (!options || !options->route) return false;
    be32_t address;
    memcpy(&address, options->first_hop, sizeof(address));
    *hop = ip_from4(address);
    *is_strict = options->data[options->route - 1] == OPTION_STRICT_ROUTE;
    return true;
}

void inet_apply_options4(const struct inet_sock *is, struct ip_send *send)
{
    bool is_strict;

    if (!is->rare->options) return;
    send->options = is->rare->options->data;
    send->options_bytes = is->rare->options->bytes;
    inet_first_hop(is, &send->first_hop, &is_strict);
}
