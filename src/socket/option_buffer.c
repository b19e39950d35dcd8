/* SO_SNDBUF, SO_RCVBUF and their kin. Linux keeps twice what was asked: half is for its own bookkeeping. */
#include "socket/option.h"

#define SEND_BUFFER_LEAST 4608    /* Linux: SOCK_MIN_SNDBUF */
#define RECEIVE_BUFFER_LEAST 2304 /* Linux: SOCK_MIN_RCVBUF */
#define LOCK_SEND 1
#define LOCK_RECEIVE 2

static void set_send(struct sock *sk, uint32_t asked)
{
    uint32_t doubled = min_of(asked, (uint32_t)INT32_MAX / 2) * 2;
    sk->sndbuf_locked = true;
    sk->send_buffer_bytes = max_of(doubled, SEND_BUFFER_LEAST);
    sock_write_space(sk);
}

static void set_receive(struct sock *sk, uint32_t asked)
{
    uint32_t doubled = min_of(asked, (uint32_t)INT32_MAX / 2) * 2;
    sk->rcvbuf_locked = true;
    sk->receive_buffer_bytes = max_of(doubled, RECEIVE_BUFFER_LEAST);
}

/* A negative size is a very large one, as on Linux: then the limit holds. */
int option_set_send_buffer(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (!error) set_send(sk, min_of((uint32_t)value, (uint32_t)sk->net->sysctl.wmem_max));
    return error;
}

int option_set_receive_buffer(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (!error) set_receive(sk, min_of((uint32_t)value, (uint32_t)sk->net->sysctl.rmem_max));
    return error;
}

int option_force_send_buffer(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (!credentials_can(o->credentials, CAP_NET_ADMIN)) return -EPERM;
    set_send(sk, (uint32_t)max_of(value, 0));
    return 0;
}

int option_force_receive_buffer(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (!credentials_can(o->credentials, CAP_NET_ADMIN)) return -EPERM;
    set_receive(sk, (uint32_t)max_of(value, 0));
    return 0;
}

int option_get_send_buffer(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)sk->send_buffer_bytes); }
int option_get_receive_buffer(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)sk->receive_buffer_bytes); }

int option_set_buffer_lock(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (value & ~(LOCK_SEND | LOCK_RECEIVE)) return -EINVAL;
    sk->sndbuf_locked = value & LOCK_SEND;
    sk->rcvbuf_locked = value & LOCK_RECEIVE;
    return 0;
}

int option_get_buffer_lock(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, (sk->sndbuf_locked ? LOCK_SEND : 0) | (sk->rcvbuf_locked ? LOCK_RECEIVE : 0));
}

int option_set_low_water(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (value < 0) value = INT32_MAX;
    if (sk->proto->set_receive_low_water) return sk->proto->set_receive_low_water(sk, value);
    sk->receive_low_water = value ? value : 1;
    return 0;
}

int option_get_low_water(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->receive_low_water); }

int option_get_send_low_water(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return option_out_int(o, 1);
}

int option_get_memory(struct sock *sk, const struct user_option *o)
{
    uint32_t values[SK_MEMINFO_VARS] = {
        [SK_MEMINFO_RMEM_ALLOC] = sk->receive_used_bytes, [SK_MEMINFO_RCVBUF] = sk->receive_buffer_bytes,
        [SK_MEMINFO_WMEM_ALLOC] = sk->send_used_bytes, [SK_MEMINFO_SNDBUF] = sk->send_buffer_bytes,
        [SK_MEMINFO_FWD_ALLOC] = sk->forward_allocated_bytes, [SK_MEMINFO_WMEM_QUEUED] = sk->write_queued_bytes,
        [SK_MEMINFO_BACKLOG] = sk->backlog_bytes, [SK_MEMINFO_DROPS] = (uint32_t)sk->drops,
    };
    return option_out(o, values, sizeof values);
}

static bool has_peek_offset(const struct sock *sk)
{
    return sk->family == AF_UNIX || ((sk->family == AF_INET || sk->family == AF_INET6) && sk->type != SOCK_RAW);
}

int option_set_peek_offset(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (!has_peek_offset(sk)) return -EOPNOTSUPP;
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    own->peek_offset = value;
    return 0;
}

int option_get_peek_offset(struct sock *sk, const struct user_option *o)
{
    if (!has_peek_offset(sk)) return -EOPNOTSUPP;
    return option_out_int(o, sk->rare->peek_offset);
}
