/* SOL_TCP options: names, ranges and errors as Linux 6.18 has them. */
#include "tcp/tcp_net.h"

#define OPENABLE (TCP_STATE_BIT(TCPS_CLOSE) | TCP_STATE_BIT(TCPS_LISTEN))
enum { OPT_AO_REPAIR = 42, OPT_IS_MPTCP = 43, OPT_RTO_MAX_MS = 44, OPT_RTO_MIN_US = 45, OPT_DELACK_MAX_US = 46 }; /* newer than Debian 12's headers */

static bool in_state(const struct sock *sk, unsigned bits) { return TCP_STATE_BIT(sk->state) & bits; }

uint32_t tcp_seconds_to_timeouts(int32_t seconds)
{
    uint32_t timeouts = 0;
    int32_t timeout = 1, period = 1;
    if (seconds <= 0) return 0;
    for (timeouts = 1; seconds > period && timeouts < 255; timeouts++) {
        timeout = min_of(timeout * 2, 120);
        period += timeout;
    }
    return timeouts;
}

int32_t tcp_timeouts_to_seconds(uint32_t timeouts)
{
    int32_t timeout = 1, period = 0;
    if (!timeouts) return 0;
    for (period = 1; --timeouts;) {
        timeout = min_of(timeout * 2, 120);
        period += timeout;
    }
    return period;
}

/* A plain integer with a range. */
static int take_int(const struct user_option *o, int low, int high, int *out)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    if (v < low || v > high) return -EINVAL;
    *out = v;
    return 0;
}

static int store_setting(struct tcp_sock *tp, size_t offset, int32_t v)
{
    struct tcp_settings *own = tcp_settings_own(tp);
    if (!own) return -ENOMEM;
    memcpy((uint8_t *)own + offset, &v, sizeof v);
    return 0;
}

/* One that is kept as an int32_t in struct tcp_settings. */
static int take_setting(struct sock *sk, const struct user_option *o, int low, int high, size_t offset)
{
    int v, r = take_int(o, low, high, &v);
    if (r) return r;
    return store_setting(tcp_of(sk), offset, v);
}

static int set_nodelay(struct sock *sk, const struct user_option *o)
{
    struct tcp_sock *tp = tcp_of(sk);
    int v, r = option_int(o, &v);
    if (r) return r;
    tp->is_nodelay = v != 0;
    if (!v) return 0;
    tp->is_nonagle_pushed = true;
    if (sk->state != TCPS_CLOSE && sk->state != TCPS_LISTEN) tcp_push(tp, true);
    return 0;
}
static int get_nodelay(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->is_nodelay); }

static int set_maxseg(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    /* Zero takes an earlier limit back; 88 is the least (Linux: TCP_MIN_MSS). */
    if (v && (v < 88 || v > 32767)) return -EINVAL;
    tcp_of(sk)->user_mss = (uint16_t)v;
    return 0;
}
static int get_maxseg(struct sock *sk, const struct user_option *o)
{
    const struct tcp_sock *tp = tcp_of(sk);
    return option_out_int(o, tp->user_mss && in_state(sk, OPENABLE) ? tp->user_mss : (int)tp->mss_cache);
}

static int set_cork(struct sock *sk, const struct user_option *o)
{
    struct tcp_sock *tp = tcp_of(sk);
    int v, r = option_int(o, &v);
    if (r) return r;
    tp->is_corked = v != 0;
    if (v) return 0;
    if (tp->is_nodelay) tp->is_nonagle_pushed = true;
    if (!in_state(sk, OPENABLE)) tcp_push(tp, false);
    return 0;
}
static int get_cork(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->is_corked); }

static int set_keepidle(struct sock *sk, const struct user_option *o)
{
    struct tcp_sock *tp = tcp_of(sk);
    int r = take_setting(sk, o, 1, 32767, offsetof(struct tcp_settings, keepalive_idle_s));
    if (!r && sk->keep_open && !in_state(sk, OPENABLE)) tcp_keepalive_arm(tp);
    return r;
}
static int get_keepidle(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->keepalive_idle_s;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_keepalive_time);
}
static int set_keepintvl(struct sock *sk, const struct user_option *o) { return take_setting(sk, o, 1, 32767, offsetof(struct tcp_settings, keepalive_interval_s)); }
static int get_keepintvl(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->keepalive_interval_s;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_keepalive_intvl);
}
static int set_keepcnt(struct sock *sk, const struct user_option *o) { return take_setting(sk, o, 1, 127, offsetof(struct tcp_settings, keepalive_probes)); }
static int get_keepcnt(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->keepalive_probes;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_keepalive_probes);
}
static int set_syncnt(struct sock *sk, const struct user_option *o) { return take_setting(sk, o, 1, 127, offsetof(struct tcp_settings, syn_retries)); }
static int get_syncnt(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->syn_retries;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_syn_retries);
}

static int set_linger2(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    return store_setting(tcp_of(sk), offsetof(struct tcp_settings, linger2_s), v < 0 ? -1 : min_of(v, 120));
}
static int get_linger2(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->linger2_s;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_fin_timeout);
}

static int set_defer_accept(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    return r ? r : store_setting(tcp_of(sk), offsetof(struct tcp_settings, defer_accept_s), v);
}
static int get_defer_accept(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, tcp_timeouts_to_seconds(tcp_seconds_to_timeouts(tcp_of(sk)->settings->defer_accept_s)));
}

static int set_window_clamp(struct sock *sk, const struct user_option *o)
{
    struct tcp_sock *tp = tcp_of(sk);
    int v, r = option_int(o, &v);
    if (r) return r;
    if (!v) {
        if (sk->state != TCPS_CLOSE) return -EINVAL;
        tp->rcv.window_clamp = 0;
        return 0;
    }
    uint32_t clamp = (uint32_t)max_of(v, 2304 / 2); /* half of the least receive buffer */
    tp->rcv.window_clamp = clamp;
    tp->rcv.ssthresh_bytes = min_of(tp->rcv.ssthresh_bytes, clamp);
    return 0;
}
static int get_window_clamp(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)tcp_of(sk)->rcv.window_clamp); }

static int get_info(struct sock *sk, const struct user_option *o)
{
    uint8_t info[512];
    return option_out(o, info, tcp_fill_info(sk, info, sizeof info));
}

static int set_quickack(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    if (!r) tcp_set_quickack(tcp_of(sk), v);
    return r;
}
static int get_quickack(struct sock *sk, const struct user_option *o) { return option_out_int(o, !tcp_of(sk)->is_pingpong); }

static int take_name(const struct user_option *o, char name[16])
{
    if (o->bytes < 1) return -EINVAL;
    memset(name, 0, 16);
    return user_in(o->memory, name, o->value, (size_t)min_of(o->bytes, 15));
}

static int set_congestion(struct sock *sk, const struct user_option *o)
{
    char name[16];
    int r = take_name(o, name);
    return r ? r : tcp_cc_select(tcp_of(sk), name, credentials_can(o->credentials, CAP_NET_ADMIN));
}
static int get_congestion(struct sock *sk, const struct user_option *o)
{
    const struct tcp_sock *tp = tcp_of(sk);
    char name[16] = { 0 };
    const char *from = tp->cc.ops ? tp->cc.ops->name : sk->net->sysctl.tcp_congestion_control;
    memcpy(name, from, min_of(strlen(from), sizeof name - 1));
    return option_out(o, name, sizeof name);
}

static int get_cc_info(struct sock *sk, const struct user_option *o)
{
    union tcp_cc_info_out info = { 0 };
    int attribute = 0;
    uint32_t bytes = tcp_fill_cc_info(sk, UINT32_MAX, &info, sizeof info, &attribute);
    return option_out(o, &info, bytes);
}

/* No upper layer protocol is built in. */
static int set_ulp(struct sock *sk, const struct user_option *o)
{
    char name[16];
    int r = take_name(o, name);
    (void)sk;
    return r ? r : -ENOENT;
}
static int get_ulp(struct sock *sk, const struct user_option *o) { (void)sk; return option_out(o, "", 0); }

static int set_user_timeout(struct sock *sk, const struct user_option *o) { return take_setting(sk, o, 0, INT_MAX, offsetof(struct tcp_settings, user_timeout_ms)); }
static int get_user_timeout(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->user_timeout_ms); }

static int set_notsent_lowat(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    if ((r = store_setting(tcp_of(sk), offsetof(struct tcp_settings, notsent_lowat), v))) return r;
    if (!sk->is_dead) sock_write_space(sk);
    return 0;
}
static int get_notsent_lowat(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->notsent_lowat); }

static int set_save_syn(struct sock *sk, const struct user_option *o)
{
    int v = 0, r = take_int(o, 0, 2, &v);
    return r ? r : store_setting(tcp_of(sk), offsetof(struct tcp_settings, save_syn), v);
}
static int get_save_syn(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->save_syn); }

/* Given out once; a buffer too small learns the size and fails. */
static int get_saved_syn(struct sock *sk, const struct user_option *o)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct tcp_saved_syn *syn = tp->settings->saved_syn;
    if (!syn) return option_out(o, "", 0);
    if (o->bytes < (int64_t)syn->bytes) {
        int need = (int)syn->bytes;
        int r = user_out(o->memory, o->length_out, &need, sizeof need);
        return r ? r : -EINVAL;
    }
    int r = option_out(o, syn->data, syn->bytes);
    if (r) return r;
    tcp_settings_own(tp)->saved_syn = NULL;
    machine_free(sk->net->machine, syn, sizeof *syn + syn->bytes);
    return 0;
}

static int set_inq(struct sock *sk, const struct user_option *o)
{
    int v = 0, r = take_int(o, 0, 1, &v);
    if (!r) tcp_of(sk)->inq_wanted = v;
    return r;
}
static int get_inq(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->inq_wanted); }

static int set_thin_linear(struct sock *sk, const struct user_option *o)
{
    int v = 0, r = take_int(o, 0, 1, &v);
    if (!r) tcp_of(sk)->thin_linear = v;
    return r;
}
static int get_thin_linear(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->thin_linear); }
/* Linux: taken and forgotten since RACK does it for all. */
static int set_thin_dupack(struct sock *sk, const struct user_option *o) { int v; (void)sk; return take_int(o, 0, 1, &v); }
static int get_thin_dupack(struct sock *sk, const struct user_option *o) { (void)sk; return option_out_int(o, 0); }

static int get_timestamp(struct sock *sk, const struct user_option *o) { return option_out_int(o, (int)tcp_now_ts_ms(tcp_of(sk))); }
/* Only for a sock under TCP_REPAIR, which nobody is given. */
static int set_repair_only(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    (void)sk;
    return r ? r : -EPERM;
}
static int set_invalid(struct sock *sk, const struct user_option *o) { (void)sk; (void)o; return -EINVAL; }
static int ao_repair(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return credentials_can(o->credentials, CAP_NET_ADMIN) ? -ENOPROTOOPT : -EPERM;
}
static int get_zero(struct sock *sk, const struct user_option *o) { (void)sk; return option_out_int(o, 0); }
static int get_invalid(struct sock *sk, const struct user_option *o) { (void)sk; (void)o; return -EINVAL; }

static int set_rto_max(struct sock *sk, const struct user_option *o) { return take_setting(sk, o, 1000, 120000, offsetof(struct tcp_settings, rto_max_ms)); }
static int get_rto_max(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->rto_max_ms;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_rto_max_ms);
}

/* Fast Open: how many may wait half-open. */
static int set_fastopen(struct sock *sk, const struct user_option *o)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    if (v < 0 || !in_state(sk, OPENABLE)) return -EINVAL;
    tcp_fastopen_need_key(sk->net);
    tcp_fastopen_set_limit(tcp_of(sk), v);
    return tcp_of(sk)->settings->fastopen_limit || !v ? 0 : -ENOMEM;
}
static int get_fastopen(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->fastopen_limit); }

static int set_fastopen_connect(struct sock *sk, const struct user_option *o)
{
    int v = 0, r = take_int(o, 0, 1, &v);
    if (r) return r;
    if (!(sk->net->sysctl.tcp_fastopen & 1)) return -EOPNOTSUPP;
    if (sk->state != TCPS_CLOSE) return -EINVAL;
    return store_setting(tcp_of(sk), offsetof(struct tcp_settings, fastopen_connect), v);
}
static int get_fastopen_connect(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->fastopen_connect); }
static int set_fastopen_no_cookie(struct sock *sk, const struct user_option *o)
{
    int v = 0, r = take_int(o, 0, 1, &v);
    if (r) return r;
    if (!in_state(sk, OPENABLE)) return -EINVAL;
    return store_setting(tcp_of(sk), offsetof(struct tcp_settings, fastopen_no_cookie), v);
}
static int get_fastopen_no_cookie(struct sock *sk, const struct user_option *o) { return option_out_int(o, tcp_of(sk)->settings->fastopen_no_cookie); }

/* One key, or two: to sign with, and the one before. */
static int set_fastopen_key(struct sock *sk, const struct user_option *o)
{
    uint8_t keys[FASTOPEN_KEYS * FASTOPEN_KEY_BYTES];
    if (o->bytes != FASTOPEN_KEY_BYTES && o->bytes != FASTOPEN_KEYS * FASTOPEN_KEY_BYTES) return -EINVAL;
    int r = user_in(o->memory, keys, o->value, (size_t)o->bytes);
    return r ? r : tcp_fastopen_set_keys(tcp_of(sk), keys, (uint32_t)o->bytes / FASTOPEN_KEY_BYTES);
}
static int get_fastopen_key(struct sock *sk, const struct user_option *o)
{
    const struct tcp_fastopen_keys *keys = tcp_of(sk)->settings->fastopen_keys;
    return keys ? option_out(o, keys->key, keys->count * FASTOPEN_KEY_BYTES) : option_out(o, "", 0);
}

/* Linux keeps these two in ticks of 4 ms (HZ 250): rounded up, between 2 ticks and 200 ms. */
static int take_ticks(struct sock *sk, const struct user_option *o, size_t offset)
{
    int v, r = option_int(o, &v);
    if (r) return r;
    if (v <= 4000 || v > 200000) return -EINVAL;
    return store_setting(tcp_of(sk), offset, (v + 3999) / 4000 * 4000);
}
static int set_rto_min(struct sock *sk, const struct user_option *o) { return take_ticks(sk, o, offsetof(struct tcp_settings, rto_min_us)); }
static int get_rto_min(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->rto_min_us;
    return option_out_int(o, v ? v : (int)sk->net->sysctl.tcp_rto_min_us);
}
static int set_delack_max(struct sock *sk, const struct user_option *o) { return take_ticks(sk, o, offsetof(struct tcp_settings, delack_max_us)); }
static int get_delack_max(struct sock *sk, const struct user_option *o)
{
    int v = tcp_of(sk)->settings->delack_max_us;
    return option_out_int(o, v ? v : 200000);
}

static const struct option_row rows[] = {
    { TCP_NODELAY, "TCP_NODELAY", set_nodelay, get_nodelay },
    { TCP_MAXSEG, "TCP_MAXSEG", set_maxseg, get_maxseg },
    { TCP_CORK, "TCP_CORK", set_cork, get_cork },
    { TCP_KEEPIDLE, "TCP_KEEPIDLE", set_keepidle, get_keepidle },
    { TCP_KEEPINTVL, "TCP_KEEPINTVL", set_keepintvl, get_keepintvl },
    { TCP_KEEPCNT, "TCP_KEEPCNT", set_keepcnt, get_keepcnt },
    { TCP_SYNCNT, "TCP_SYNCNT", set_syncnt, get_syncnt },
    { TCP_LINGER2, "TCP_LINGER2", set_linger2, get_linger2 },
    { TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", set_defer_accept, get_defer_accept },
    { TCP_WINDOW_CLAMP, "TCP_WINDOW_CLAMP", set_window_clamp, get_window_clamp },
    { TCP_INFO, "TCP_INFO", NULL, get_info },
    { TCP_QUICKACK, "TCP_QUICKACK", set_quickack, get_quickack },
    { TCP_CONGESTION, "TCP_CONGESTION", set_congestion, get_congestion },
    { TCP_THIN_LINEAR_TIMEOUTS, "TCP_THIN_LINEAR_TIMEOUTS", set_thin_linear, get_thin_linear },
    { TCP_THIN_DUPACK, "TCP_THIN_DUPACK", set_thin_dupack, get_thin_dupack },
    { TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", set_user_timeout, get_user_timeout },
    { TCP_REPAIR, "TCP_REPAIR", set_repair_only, get_zero },
    { TCP_REPAIR_QUEUE, "TCP_REPAIR_QUEUE", set_repair_only, get_invalid },
    { TCP_QUEUE_SEQ, "TCP_QUEUE_SEQ", set_invalid, get_invalid },
    { TCP_REPAIR_OPTIONS, "TCP_REPAIR_OPTIONS", set_invalid, NULL },
    { TCP_FASTOPEN, "TCP_FASTOPEN", set_fastopen, get_fastopen },
    { TCP_TIMESTAMP, "TCP_TIMESTAMP", set_repair_only, get_timestamp },
    { TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", set_notsent_lowat, get_notsent_lowat },
    { TCP_CC_INFO, "TCP_CC_INFO", NULL, get_cc_info },
    { TCP_SAVE_SYN, "TCP_SAVE_SYN", set_save_syn, get_save_syn },
    { TCP_SAVED_SYN, "TCP_SAVED_SYN", NULL, get_saved_syn },
    { TCP_REPAIR_WINDOW, "TCP_REPAIR_WINDOW", set_repair_only, get_invalid },
    { TCP_FASTOPEN_CONNECT, "TCP_FASTOPEN_CONNECT", set_fastopen_connect, get_fastopen_connect },
    { TCP_ULP, "TCP_ULP", set_ulp, get_ulp },
    { TCP_FASTOPEN_KEY, "TCP_FASTOPEN_KEY", set_fastopen_key, get_fastopen_key },
    { TCP_FASTOPEN_NO_COOKIE, "TCP_FASTOPEN_NO_COOKIE", set_fastopen_no_cookie, get_fastopen_no_cookie },
    { TCP_INQ, "TCP_INQ", set_inq, get_inq },
    { TCP_MD5SIG, "TCP_MD5SIG", tcp_md5_set, NULL },
    { TCP_MD5SIG_EXT, "TCP_MD5SIG_EXT", tcp_md5_set_extended, NULL },
    { OPT_AO_REPAIR, "TCP_AO_REPAIR", ao_repair, ao_repair },
    { OPT_IS_MPTCP, "TCP_IS_MPTCP", NULL, get_zero },
    { OPT_RTO_MAX_MS, "TCP_RTO_MAX_MS", set_rto_max, get_rto_max },
    { OPT_RTO_MIN_US, "TCP_RTO_MIN_US", set_rto_min, get_rto_min },
    { OPT_DELACK_MAX_US, "TCP_DELACK_MAX_US", set_delack_max, get_delack_max },
};
static const struct option_level tcp_options = { IPPROTO_TCP, "SOL_TCP", rows, array_count(rows) };

int tcp_setsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    if (level != IPPROTO_TCP) return inet_setsockopt(sk, level, name, o);
    /* Linux looks at the size first: even an unknown option is EINVAL when too short. Texts may be. */
    if (o->bytes < (int)sizeof(int) && name != TCP_CONGESTION && name != TCP_ULP) return -EINVAL;
    sock_own(sk);
    int r = option_table_set(&tcp_options, sk, name, o);
    sock_release(sk);
    return r;
}

int tcp_getsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    if (level != IPPROTO_TCP) return inet_getsockopt(sk, level, name, o);
    sock_own(sk);
    int r = option_table_get(&tcp_options, sk, name, o);
    sock_release(sk);
    return r;
}
