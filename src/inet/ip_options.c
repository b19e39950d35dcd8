/* IP_OPTIONS: what a sock puts into every IPv4 header it sends (RFC 791 §3.1). Source routes are refused. */
#include "inet/inet_ops.h"

enum { IP_OPTIONS_MAX_BYTES = 40, OPTION_END = 0, OPTION_NOP = 1, OPTION_RECORD_ROUTE = 7, OPTION_TIMESTAMP = 68,
       OPTION_ROUTER_ALERT = 148, OPTION_LOOSE_ROUTE = 131, OPTION_STRICT_ROUTE = 137 };

struct inet_options { uint8_t given_bytes, bytes; uint8_t data[IP_OPTIONS_MAX_BYTES]; };

void inet_free_options(struct inet_sock *is)
{
    if (!is->rare->options) return;
    machine_free(is->sk.net->machine, is->rare->options, sizeof(*is->rare->options));
    inet_rare(is)->options = NULL;
}

/* One option with a length; the rest of the room is `left` bytes. */
static bool check_option(const uint8_t *at, uint32_t left)
{
    if (left < 2 || at[1] < 2 || at[1] > left) return false;
    switch (at[0]) {
    case OPTION_LOOSE_ROUTE: case OPTION_STRICT_ROUTE:
        return false;
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

static bool check_all(uint8_t *data, uint32_t bytes)
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
        if (!check_option(data + i, bytes - i)) return false;
        i += data[i + 1];
    }
    return true;
}

bool inet_check_ip_options(uint8_t data[IP_OPTIONS_MAX_BYTES], uint8_t given_bytes, uint8_t *bytes)
{
    *bytes = (uint8_t)((given_bytes + 3) & ~3);
    memset(data + given_bytes, 0, (size_t)(*bytes - given_bytes));
    return check_all(data, *bytes);
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
    made->given_bytes = (uint8_t)o->bytes;
    made->bytes = (uint8_t)((o->bytes + 3) & ~3);
    if (option_in(o, made->data, made->given_bytes) || !check_all(made->data, made->given_bytes)) {
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

    return option_out(o, options ? options->data : NULL, options ? options->bytes : 0);
}

void inet_apply_options4(const struct inet_sock *is, struct ip_send *send)
{
    if (!is->rare->options) return;
    send->options = is->rare->options->data;
    send->options_bytes = is->rare->options->bytes;
}
