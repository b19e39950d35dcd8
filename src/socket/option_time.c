/* Time-outs and timestamps. On 64 bits the old and the new layout of struct timeval are the same; which one was asked
 * shows only in the type of the control message. */
#include "socket/option.h"

#define JIFFY_NS (4 * NS_PER_MS) /* Linux at 250 Hz: time-outs are kept in jiffies, and read back so */

static int set_timeout(struct sock *sk, bool is_send, const struct user_option *o)
{
    struct { int64_t s, us; } tv;
    int error = option_in(o, &tv, sizeof tv);
    if (error) return error;
    if (tv.us < 0 || tv.us >= 1000000) return -EDOM;
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    uint64_t *timeout_ns = is_send ? &own->send_timeout_ns : &own->receive_timeout_ns;
    *timeout_ns = NS_NEVER;
    if (tv.s < 0) *timeout_ns = 0;
    else if ((tv.s || tv.us) && tv.s < INT64_MAX / 250 - 1 && (uint64_t)tv.s < NS_NEVER / NS_PER_S / 2)
        *timeout_ns = (uint64_t)tv.s * NS_PER_S + ((uint64_t)tv.us * NS_PER_US + JIFFY_NS - 1) / JIFFY_NS * JIFFY_NS;
    return 0;
}

static int get_timeout(uint64_t timeout_ns, const struct user_option *o)
{
    if (timeout_ns == NS_NEVER) timeout_ns = 0;
    struct { uint64_t s, us; } tv = { timeout_ns / NS_PER_S, timeout_ns % NS_PER_S / NS_PER_US };
    return option_out(o, &tv, sizeof tv);
}

int option_set_receive_timeout(struct sock *sk, const struct user_option *o) { return set_timeout(sk, false, o); }
int option_get_receive_timeout(struct sock *sk, const struct user_option *o) { return get_timeout(sk->rare->receive_timeout_ns, o); }
int option_set_send_timeout(struct sock *sk, const struct user_option *o) { return set_timeout(sk, true, o); }
int option_get_send_timeout(struct sock *sk, const struct user_option *o) { return get_timeout(sk->rare->send_timeout_ns, o); }

/* One of the four at a time (Linux: sock_set_timestamp). */
static int set_timestamp(struct sock *sk, const struct user_option *o, bool is_new, bool is_ns)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    sk->receive_timestamp = on != 0;
    sk->receive_timestamp_ns = on && is_ns;
    sk->timestamp_is_new = on && is_new;
    return 0;
}

static int get_timestamp(struct sock *sk, const struct user_option *o, bool is_new, bool is_ns)
{
    return option_out_int(o, sk->receive_timestamp && sk->timestamp_is_new == is_new && sk->receive_timestamp_ns == is_ns);
}

int option_set_timestamp_old(struct sock *sk, const struct user_option *o) { return set_timestamp(sk, o, false, false); }
int option_get_timestamp_old(struct sock *sk, const struct user_option *o) { return get_timestamp(sk, o, false, false); }
int option_set_timestampns_old(struct sock *sk, const struct user_option *o) { return set_timestamp(sk, o, false, true); }
int option_get_timestampns_old(struct sock *sk, const struct user_option *o) { return get_timestamp(sk, o, false, true); }
int option_set_timestamp_new(struct sock *sk, const struct user_option *o) { return set_timestamp(sk, o, true, false); }
int option_get_timestamp_new(struct sock *sk, const struct user_option *o) { return get_timestamp(sk, o, true, false); }
int option_set_timestampns_new(struct sock *sk, const struct user_option *o) { return set_timestamp(sk, o, true, true); }
int option_get_timestampns_new(struct sock *sk, const struct user_option *o) { return get_timestamp(sk, o, true, true); }

#define TIMESTAMPING_FLAGS ((1 << 19) - 1) /* those of Linux 6.18 */
#define TIMESTAMPING_OPT_ID_TCP (1 << 16)

/* Flags alone, or struct so_timestamping, whose clock can only be none: the machine has no hardware clocks. */
static int set_timestamping(struct sock *sk, const struct user_option *o, bool is_new)
{
    struct { int flags, bind_phc; } given = { 0, 0 };
    int error = o->bytes == sizeof given ? option_in(o, &given, sizeof given) : option_int(o, &given.flags);
    if (error) return error;
    if (given.flags & ~TIMESTAMPING_FLAGS) return -EINVAL;
    if ((given.flags & TIMESTAMPING_OPT_ID_TCP) && !(given.flags & SOF_TIMESTAMPING_OPT_ID)) return -EINVAL;
    if ((given.flags & SOF_TIMESTAMPING_OPT_ID) && !(sk->rare->timestamping_flags & SOF_TIMESTAMPING_OPT_ID)) {
        if (sk->protocol == IPPROTO_TCP && sk->type == SOCK_STREAM &&
            (SOCK_STATE_BIT(sk->state) & (SOCK_STATE_BIT(SOCK_CLOSE) | SOCK_STATE_BIT(SOCK_LISTEN)))) return -EINVAL;
    }
    if ((given.flags & SOF_TIMESTAMPING_OPT_STATS) && !(given.flags & SOF_TIMESTAMPING_OPT_TSONLY)) return -EINVAL;
    if (given.flags & SOF_TIMESTAMPING_BIND_PHC) return -EOPNOTSUPP;
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    if ((given.flags & SOF_TIMESTAMPING_OPT_ID) && !(own->timestamping_flags & SOF_TIMESTAMPING_OPT_ID))
        own->timestamp_key = sk->proto->stamp_base ? sk->proto->stamp_base(sk, given.flags & TIMESTAMPING_OPT_ID_TCP) : 0;
    own->timestamping_flags = (uint32_t)given.flags;
    sk->timestamp_is_new = is_new;
    return 0;
}

static int get_timestamping(struct sock *sk, const struct user_option *o, bool is_new)
{
    uint32_t value[2] = { 0, 0 };
    if (sk->timestamp_is_new == is_new) value[0] = sk->rare->timestamping_flags;
    return option_out(o, value, sizeof value);
}

int option_set_timestamping_old(struct sock *sk, const struct user_option *o) { return set_timestamping(sk, o, false); }
int option_set_timestamping_new(struct sock *sk, const struct user_option *o) { return set_timestamping(sk, o, true); }
int option_get_timestamping_old(struct sock *sk, const struct user_option *o) { return get_timestamping(sk, o, false); }
int option_get_timestamping_new(struct sock *sk, const struct user_option *o) { return get_timestamping(sk, o, true); }
