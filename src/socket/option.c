#include "device/net_device.h"
#include "socket/option.h"

/* Newer than Debian 12's headers. */
#define SO_PASSPIDFD_ 76
#define SO_PEERPIDFD_ 77
#define SO_RCVPRIORITY_ 82
#define SO_PASSRIGHTS_ 83

OPTION_BOOL(keep_open)
OPTION_BOOL(oob_inline)
OPTION_BOOL(no_check)
OPTION_BOOL(broadcast)
OPTION_BOOL(dont_route)
OPTION_BOOL(reuse)
OPTION_BOOL(rxq_overflow)
OPTION_BOOL(select_err_queue)
OPTION_BOOL(receive_mark)
OPTION_BOOL(receive_priority)
OPTION_BOOL(wifi_status) /* no device here reports it: the flag is all there is, as on a kernel without such devices */
OPTION_BOOL(no_fcs)

static bool can(const struct user_option *o, unsigned capability) { return credentials_can(o->credentials, capability); }

static int set_debug(struct sock *sk, const struct user_option *o)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    if (on && !can(o, CAP_NET_ADMIN)) return -EACCES;
    sk->debug = on != 0;
    return 0;
}

static int get_debug(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->debug); }

static int set_reuse_port(struct sock *sk, const struct user_option *o)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    if (on && sk->family != AF_INET && sk->family != AF_INET6) return -EOPNOTSUPP;
    sk->reuse_port = on != 0;
    return 0;
}

static int get_reuse_port(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->reuse_port); }

static int set_keepalive(struct sock *sk, const struct user_option *o)
{
    int error = set_keep_open(sk, o);
    if (!error && sk->proto->keepalive_changed) sk->proto->keepalive_changed(sk);
    return error;
}

static int get_type(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->type); }
static int get_protocol(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->protocol); }
static int get_domain(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->family); }
static int get_accepts(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->state == SOCK_LISTEN); }

static int get_error(struct sock *sk, const struct user_option *o)
{
    int error = -sock_take_error(sk);
    if (!error) {
        error = sk->err_soft;
        sk->err_soft = 0;
    }
    return option_out_int(o, error);
}

static int set_linger(struct sock *sk, const struct user_option *o)
{
    struct linger value;
    int error = option_in(o, &value, sizeof value);
    if (error) return error;
    struct sock_rare *own = value.l_onoff ? sock_rare(sk) : NULL;
    if (value.l_onoff && !own) return -ENOMEM;
    sk->linger = value.l_onoff != 0;
    if (own) own->linger_s = (uint32_t)value.l_linger;
    return 0;
}

static int get_linger(struct sock *sk, const struct user_option *o)
{
    struct linger value = { .l_onoff = sk->linger, .l_linger = (int)sk->rare->linger_s };
    return option_out(o, &value, sizeof value);
}

/* Linux: interactive priorities are free, the rest need a capability. */
static int set_priority(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if ((value < 0 || value > 6) && !can(o, CAP_NET_RAW) && !can(o, CAP_NET_ADMIN)) return -EPERM;
    sk->priority = (uint32_t)value;
    return 0;
}

static int get_priority(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)sk->priority); }

static int set_mark(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (!can(o, CAP_NET_RAW) && !can(o, CAP_NET_ADMIN)) return -EPERM;
    sk->mark = (uint32_t)value;
    return 0;
}

static int get_mark(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)sk->mark); }

static int bind_to_index(struct sock *sk, const struct user_option *o, int32_t ifindex)
{
    if (sk->bound_ifindex && !can(o, CAP_NET_RAW)) return -EPERM;
    sk->bound_ifindex = ifindex;
    if (sk->proto->rehash) sk->proto->rehash(sk);
    return 0;
}

static int set_device(struct sock *sk, const struct user_option *o)
{
    char name[IFNAMSIZ] = "";
    if (o->bytes < 0) return -EINVAL;
    if (user_in(o->memory, name, o->value, min_of((size_t)o->bytes, sizeof name - 1))) return -EFAULT;
    if (!name[0]) return bind_to_index(sk, o, 0);
    const struct net_device *d = device_find(sk->net, name);
    return d ? bind_to_index(sk, o, (int32_t)d->ifindex) : -ENODEV;
}

static int get_device(struct sock *sk, const struct user_option *o)
{
    const struct net_device *d = sk->bound_ifindex ? device_by_index(sk->net, (uint32_t)sk->bound_ifindex) : NULL;
    if (!sk->bound_ifindex) return option_out(o, "", 0);
    if (o->bytes < IFNAMSIZ) return -EINVAL;
    return d ? option_out(o, d->name, strlen(d->name) + 1) : -ENODEV;
}

static int set_device_index(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (value < 0 && (!sk->bound_ifindex || can(o, CAP_NET_RAW))) return -EINVAL; /* Linux asks for the right first */
    return bind_to_index(sk, o, value);
}

static int get_device_index(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->bound_ifindex); }

static int get_cookie(struct sock *sk, const struct user_option *o)
{
    uint64_t cookie = sock_cookie(sk);
    return o->bytes < (int)sizeof cookie ? -EINVAL : option_out(o, &cookie, sizeof cookie);
}

static int get_net_cookie(struct sock *sk, const struct user_option *o)
{
    return o->bytes != (int)sizeof sk->net->cookie ? -EINVAL : option_out(o, &sk->net->cookie, sizeof sk->net->cookie);
}

static int set_filter(struct sock *sk, const struct user_option *o)
{
    struct sock_fprog program;
    if (o->bytes != (int)sizeof program) return -EINVAL;
    if (option_in(o, &program, sizeof program)) return -EFAULT;
    if (sk->filter_locked) return -EPERM;
    if (!program.len || program.len > BPF_MAXINSNS || !program.filter) return -EINVAL;
    size_t bytes = program.len * sizeof(struct sock_filter);
    struct sock_filter *copy = memory_alloc(sk->net->machine->memory, bytes);
    if (!copy) return -ENOMEM;
    int error = user_in(o->memory, copy, (uint64_t)(uintptr_t)program.filter, bytes);
    if (!error) error = sock_filter_attach(sk, copy, program.len);
    machine_free(sk->net->machine, copy, bytes);
    return error;
}

/* SO_GET_FILTER: lengths count instructions; none asks how many there are. */
static int get_filter(struct sock *sk, const struct user_option *o)
{
    uint32_t length;
    const struct sock_filter *program = sock_filter_program(sk, &length);
    if (o->bytes && (uint32_t)o->bytes < length) return -EINVAL;
    if (o->bytes && user_out(o->memory, o->value, program, length * sizeof *program)) return -EFAULT;
    return user_out(o->memory, o->length_out, &length, sizeof length);
}

static int detach_filter(struct sock *sk, const struct user_option *o)
{
    (void)o;
    if (sk->filter_locked) return -EPERM;
    if (!sk->rare->filter) return -ENOENT;
    sock_filter_detach(sk);
    return 0;
}

static int lock_filter(struct sock *sk, const struct user_option *o)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    if (sk->filter_locked && !on) return -EPERM;
    sk->filter_locked = on != 0;
    return 0;
}

static int get_filter_locked(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->filter_locked); }

static int get_bpf_extensions(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return option_out_int(o, 64); /* Linux: SKF_AD_MAX */
}

static int set_busy_poll(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (value < 0) return -EINVAL;
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    own->busy_poll_us = (uint32_t)value;
    return 0;
}

static int get_busy_poll(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)sk->rare->busy_poll_us); }

static int set_prefer_busy_poll(struct sock *sk, const struct user_option *o)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    if (on && !can(o, CAP_NET_ADMIN)) return -EPERM;
    sk->prefer_busy_poll = on != 0;
    return 0;
}

static int get_prefer_busy_poll(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->prefer_busy_poll); }

static int set_busy_poll_budget(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (value > sk->rare->busy_poll_budget && !can(o, CAP_NET_ADMIN)) return -EPERM;
    if (value < 0 || value > UINT16_MAX) return -EINVAL;
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    own->busy_poll_budget = (uint16_t)value;
    return 0;
}

/* Linux without memory groups. */
static int reserve_memory(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    (void)sk;
    if (error) return error;
    return value < 0 ? -EINVAL : -EOPNOTSUPP;
}

static int set_pacing_rate(struct sock *sk, const struct user_option *o)
{
    uint64_t rate = 0;
    int narrow, error;
    if (o->bytes == (int)sizeof rate) {
        if ((error = option_in(o, &rate, sizeof rate))) return error;
    } else {
        if ((error = option_int(o, &narrow))) return error;
        rate = narrow == -1 ? UINT64_MAX : (uint32_t)narrow;
    }
    struct sock_rare *own = sock_rare(sk);
    if (!own) return -ENOMEM;
    own->max_pacing_rate = rate;
    return 0;
}

static int get_pacing_rate(struct sock *sk, const struct user_option *o)
{
    if (o->bytes >= (int)sizeof sk->rare->max_pacing_rate) return option_out(o, &sk->rare->max_pacing_rate, sizeof sk->rare->max_pacing_rate);
    return option_out_int(o, (int)min_of(sk->rare->max_pacing_rate, (uint64_t)UINT32_MAX));
}

static int set_incoming_cpu(struct sock *sk, const struct user_option *o)
{
    struct sock_rare *own = sock_rare(sk);
    return own ? option_int(o, &own->incoming_cpu) : -ENOMEM;
}
static int get_incoming_cpu(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->rare->incoming_cpu); }

static int get_zero(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return option_out_int(o, 0);
}

static int set_nothing(struct sock *sk, const struct user_option *o)
{
    int value;
    (void)sk;
    return option_int(o, &value);
}

static bool has_zero_copy(const struct sock *sk)
{
    return (sk->family == AF_INET || sk->family == AF_INET6) &&
        (sk->type == SOCK_STREAM || (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP));
}

static int set_zero_copy(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (!has_zero_copy(sk)) return -EOPNOTSUPP;
    if (value < 0 || value > 1) return -EINVAL;
    sk->zero_copy = value;
    return 0;
}

static int get_zero_copy(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->zero_copy); }

static int set_txrehash(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    if (error) return error;
    if (sk->protocol != IPPROTO_TCP) return -EOPNOTSUPP;
    if (value < -1 || value > 1) return -EINVAL;
    sk->txrehash = value == 0 ? 0 : 1; /* -1: net.core.txrehash, which is on */
    return 0;
}

static int get_txrehash(struct sock *sk, const struct user_option *o)
{
    return sk->protocol == IPPROTO_TCP ? option_out_int(o, sk->txrehash) : -EOPNOTSUPP;
}

/* Linux: sk_may_scm_recv. */
static int set_pass_credentials(struct sock *sk, const struct user_option *o)
{
    int on, error = option_int(o, &on);
    if (error) return error;
    if (sk->family != AF_UNIX && sk->family != AF_NETLINK) return -EOPNOTSUPP;
    sk->pass_credentials = on != 0;
    return 0;
}

static int get_pass_credentials(struct sock *sk, const struct user_option *o)
{
    if (sk->family != AF_UNIX && sk->family != AF_NETLINK) return -EOPNOTSUPP;
    return option_out_int(o, sk->pass_credentials);
}

static int refuse(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    (void)o;
    return -EOPNOTSUPP;
}

/* A sock that was never told its peer (all but AF_UNIX): nobody. */
static int get_peer_credentials(struct sock *sk, const struct user_option *o)
{
    struct { int32_t pid; uint32_t uid, gid; } nobody = { 0, UINT32_MAX, UINT32_MAX };
    (void)sk;
    return option_out(o, &nobody, sizeof nobody);
}

static int no_data(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    (void)o;
    return -ENODATA;
}

static int get_peer_name(struct sock *sk, const struct user_option *o)
{
    struct sockaddr_storage a;
    int bytes = sk->socket->ops->getname(sk->socket, &a, SOCKET_NAME_PEER);
    if (bytes < 0) return -ENOTCONN;
    return bytes < o->bytes ? -EINVAL : option_out(o, &a, (size_t)o->bytes);
}

#define OPTION(name, set, get) { name, #name, set, get }
static const struct option_row rows[] = {
    OPTION(SO_DEBUG, set_debug, get_debug),
    OPTION(SO_REUSEADDR, set_reuse, get_reuse),
    OPTION(SO_TYPE, NULL, get_type),
    OPTION(SO_ERROR, NULL, get_error),
    OPTION(SO_DONTROUTE, set_dont_route, get_dont_route),
    OPTION(SO_BROADCAST, set_broadcast, get_broadcast),
    OPTION(SO_SNDBUF, option_set_send_buffer, option_get_send_buffer),
    OPTION(SO_RCVBUF, option_set_receive_buffer, option_get_receive_buffer),
    OPTION(SO_KEEPALIVE, set_keepalive, get_keep_open),
    OPTION(SO_OOBINLINE, set_oob_inline, get_oob_inline),
    OPTION(SO_NO_CHECK, set_no_check, get_no_check),
    OPTION(SO_PRIORITY, set_priority, get_priority),
    OPTION(SO_LINGER, set_linger, get_linger),
    OPTION(SO_BSDCOMPAT, set_nothing, get_zero),
    OPTION(SO_REUSEPORT, set_reuse_port, get_reuse_port),
    OPTION(SO_PASSCRED, set_pass_credentials, get_pass_credentials),
    OPTION(SO_PEERCRED, NULL, get_peer_credentials),
    OPTION(SO_RCVLOWAT, option_set_low_water, option_get_low_water),
    OPTION(SO_SNDLOWAT, NULL, option_get_send_low_water),
    OPTION(SO_RCVTIMEO_OLD, option_set_receive_timeout, option_get_receive_timeout),
    OPTION(SO_SNDTIMEO_OLD, option_set_send_timeout, option_get_send_timeout),
    OPTION(SO_BINDTODEVICE, set_device, get_device),
    OPTION(SO_ATTACH_FILTER, set_filter, get_filter),
    OPTION(SO_DETACH_FILTER, detach_filter, NULL),
    OPTION(SO_PEERNAME, NULL, get_peer_name),
    OPTION(SO_TIMESTAMP_OLD, option_set_timestamp_old, option_get_timestamp_old),
    OPTION(SO_ACCEPTCONN, NULL, get_accepts),
    OPTION(SO_SNDBUFFORCE, option_force_send_buffer, NULL),
    OPTION(SO_RCVBUFFORCE, option_force_receive_buffer, NULL),
    OPTION(SO_PASSSEC, refuse, refuse),
    OPTION(SO_TIMESTAMPNS_OLD, option_set_timestampns_old, option_get_timestampns_old),
    OPTION(SO_MARK, set_mark, get_mark),
    OPTION(SO_TIMESTAMPING_OLD, option_set_timestamping_old, option_get_timestamping_old),
    OPTION(SO_PROTOCOL, NULL, get_protocol),
    OPTION(SO_DOMAIN, NULL, get_domain),
    OPTION(SO_RXQ_OVFL, set_rxq_overflow, get_rxq_overflow),
    OPTION(SO_PEEK_OFF, option_set_peek_offset, option_get_peek_offset),
    OPTION(SO_WIFI_STATUS, set_wifi_status, get_wifi_status),
    OPTION(SO_NOFCS, set_no_fcs, get_no_fcs),
    OPTION(SO_LOCK_FILTER, lock_filter, get_filter_locked),
    OPTION(SO_SELECT_ERR_QUEUE, set_select_err_queue, get_select_err_queue),
    OPTION(SO_BUSY_POLL, set_busy_poll, get_busy_poll),
    OPTION(SO_MAX_PACING_RATE, set_pacing_rate, get_pacing_rate),
    OPTION(SO_BPF_EXTENSIONS, NULL, get_bpf_extensions),
    OPTION(SO_INCOMING_CPU, set_incoming_cpu, get_incoming_cpu),
    OPTION(SO_CNX_ADVICE, set_nothing, NULL),
    OPTION(SO_MEMINFO, NULL, option_get_memory),
    OPTION(SO_INCOMING_NAPI_ID, NULL, get_zero),
    OPTION(SO_COOKIE, NULL, get_cookie),
    OPTION(SO_PEERGROUPS, NULL, no_data),
    OPTION(SO_ZEROCOPY, set_zero_copy, get_zero_copy),
    OPTION(SO_BINDTOIFINDEX, set_device_index, get_device_index),
    OPTION(SO_TIMESTAMP_NEW, option_set_timestamp_new, option_get_timestamp_new),
    OPTION(SO_TIMESTAMPNS_NEW, option_set_timestampns_new, option_get_timestampns_new),
    OPTION(SO_TIMESTAMPING_NEW, option_set_timestamping_new, option_get_timestamping_new),
    OPTION(SO_RCVTIMEO_NEW, option_set_receive_timeout, option_get_receive_timeout),
    OPTION(SO_SNDTIMEO_NEW, option_set_send_timeout, option_get_send_timeout),
    OPTION(SO_PREFER_BUSY_POLL, set_prefer_busy_poll, get_prefer_busy_poll),
    OPTION(SO_BUSY_POLL_BUDGET, set_busy_poll_budget, NULL),
    OPTION(SO_NETNS_COOKIE, NULL, get_net_cookie),
    OPTION(SO_BUF_LOCK, option_set_buffer_lock, option_get_buffer_lock),
    OPTION(SO_RESERVE_MEM, reserve_memory, get_zero),
    OPTION(SO_TXREHASH, set_txrehash, get_txrehash),
    OPTION(SO_RCVMARK, set_receive_mark, get_receive_mark),
    { SO_PASSPIDFD_, "SO_PASSPIDFD", refuse, refuse },
    { SO_PEERPIDFD_, "SO_PEERPIDFD", NULL, no_data },
    { SO_RCVPRIORITY_, "SO_RCVPRIORITY", set_receive_priority, get_receive_priority },
    { SO_PASSRIGHTS_, "SO_PASSRIGHTS", refuse, refuse },
};

const struct option_level socket_option_level = { SOL_SOCKET, "SOL_SOCKET", rows, array_count(rows) };

static const struct option_row *find_row(const struct option_level *t, int name)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].name == name) return &t->rows[i];
    return NULL;
}

int option_table_set(const struct option_level *t, struct sock *sk, int name, const struct user_option *o)
{
    const struct option_row *row = find_row(t, name);
    return row && row->set ? row->set(sk, o) : -ENOPROTOOPT;
}

int option_table_get(const struct option_level *t, struct sock *sk, int name, const struct user_option *o)
{
    const struct option_row *row = find_row(t, name);
    return row && row->get ? row->get(sk, o) : -ENOPROTOOPT;
}

static bool is_of_unix(const struct socket *s, int name)
{
    return s->ops->family == AF_UNIX && (name == SO_PEERCRED || name == SO_PEERGROUPS || name == SO_PASSPIDFD_ ||
        name == SO_PEERPIDFD_ || name == SO_PASSRIGHTS_);
}

int socket_setsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    if (level != SOL_SOCKET) return s->ops->setsockopt ? s->ops->setsockopt(s, level, name, o) : -EOPNOTSUPP;
    int value;
    int error = name == SO_BINDTODEVICE ? 0 : option_int(o, &value); /* Linux wants an int even where it is not used */
    if (error) return error;
    if (is_of_unix(s, name) && s->ops->setsockopt) return s->ops->setsockopt(s, level, name, o);
    return option_table_set(&socket_option_level, s->sock, name, o);
}

int socket_getsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    if (level != SOL_SOCKET) return s->ops->getsockopt ? s->ops->getsockopt(s, level, name, o) : -EOPNOTSUPP;
    if (is_of_unix(s, name) && s->ops->getsockopt) return s->ops->getsockopt(s, level, name, o);
    return option_table_get(&socket_option_level, s->sock, name, o);
}
