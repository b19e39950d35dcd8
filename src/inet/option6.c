/* SOL_IPV6: one row an option; what has no row here is ENOPROTOOPT, as on a kernel built without it. */
#include "inet/inet_ops.h"

static int ranged(const struct user_option *o, int low, int high, int *value)
{
    int error = option_int(o, value);

    if (error) return error;
    return *value < low || *value > high ? -EINVAL : 0;
}

/* Linux: these take a short value as 0. */
static int lenient_int(const struct user_option *o, int *value)
{
    *value = 0;
    return o->bytes >= (int)sizeof(int) ? option_int(o, value) : 0;
}

#define FLAG_BY(name, field, read) \
    static int set_##name(struct sock *sk, const struct user_option *o) \
    { \
        int value, error = read(o, &value); \
        if (!error) inet_of(sk)->field = value != 0; \
        return error; \
    } \
    static int get_##name(struct sock *sk, const struct user_option *o) { return option_out_int(o, inet_of(sk)->field); }
#define FLAG(name, field) FLAG_BY(name, field, option_int)

FLAG(recvpktinfo, want_pktinfo6)
FLAG(pktinfo_2292, want_2292_pktinfo6)
FLAG(recvhoplimit, want_hoplimit6)
FLAG(hoplimit_2292, want_2292_hoplimit6)
FLAG(hopopts_2292, want_2292_hopopts6)
FLAG(dstopts_2292, want_2292_dstopts6)
FLAG(rthdr_2292, want_2292_rthdr6)
FLAG(recvtclass, want_tclass6)
FLAG(recvhopopts, want_hopopts6)
FLAG(recvdstopts, want_dstopts6)
FLAG(recvrthdr, want_rthdr6)
FLAG(flowinfo, want_flowlabel6)
FLAG(origdst, want_origdst6)
FLAG(recvpathmtu, want_path_mtu6)
FLAG(freebind, freebind)
FLAG(multicast_all, multicast_all6)
FLAG(flowinfo_send, send_flow)
FLAG_BY(dontfrag, dont_fragment6, lenient_int)
FLAG_BY(autoflowlabel, auto_flow_label, lenient_int)
FLAG_BY(recvfragsize, want_fragsize6, lenient_int)

static int set_v6only(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (error) return error;
    if (inet_of(sk)->local_port) return -EINVAL;
    inet_of(sk)->is_v6only = value != 0;
    return 0;
}

static int get_v6only(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->is_v6only);
}

static int set_unicast_hops(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, -1, 255, &value);

    if (!error) inet_of(sk)->hops = (int16_t)value;
    return error;
}

static int get_unicast_hops(struct sock *sk, const struct user_option *o)
{
    const struct inet_sock *is = inet_of(sk);
    int hops = is->hops;

    if (hops < 0 && is->route && is->route->version == 6 && is->route->hop_limit) hops = (int)is->route->hop_limit;
    return option_out_int(o, hops < 0 ? 64 : hops);
}

static int set_multicast_hops(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    int value, error;

    if (sk->type == SOCK_STREAM) return -ENOPROTOOPT;
    error = ranged(o, -1, 255, &value);
    if (error) return error;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->multicast_hops = (int16_t)(value < 0 ? 1 : value);
    return 0;
}

static int get_multicast_hops(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->rare->multicast_hops);
}

static int set_multicast_loop(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, 0, 1, &value);

    if (!error) inet_of(sk)->multicast_loop6 = value != 0;
    return error;
}

static int get_multicast_loop(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->multicast_loop6);
}

static int set_multicast_if(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    int value, error;

    if (sk->type == SOCK_STREAM) return -ENOPROTOOPT;
    error = option_int(o, &value);
    if (error) return error;
    if (value) {
        if (sk->bound_ifindex && sk->bound_ifindex != value) return -EINVAL;
        if (value < 0 || !device_by_index(sk->net, (uint32_t)value)) return -ENODEV;
    }
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->multicast_ifindex6 = value;
    return 0;
}

static int get_multicast_if(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->rare->multicast_ifindex6);
}

static int set_unicast_if(struct sock *sk, const struct user_option *o)
{
    struct inet_rare *own;
    be32_t wire;
    int32_t ifindex;

    if (o->bytes != (int)sizeof(wire)) return -EINVAL;
    if (option_in(o, &wire, sizeof(wire))) return -EFAULT;
    ifindex = (int32_t)host32(wire);
    if (ifindex && !device_by_index(sk->net, (uint32_t)ifindex)) return -EADDRNOTAVAIL;
    if (ifindex && sk->bound_ifindex && sk->bound_ifindex != ifindex) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->unicast_ifindex6 = ifindex;
    return 0;
}

static int get_unicast_if(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, (int)be32((uint32_t)inet_of(sk)->rare->unicast_ifindex6).raw);
}

static int set_mtu_discover(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, IPV6_PMTUDISC_DONT, IPV6_PMTUDISC_OMIT, &value);

    if (!error) inet_of(sk)->pmtu_policy6 = (uint8_t)value;
    return error;
}

static int get_mtu_discover(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->pmtu_policy6);
}

enum { IPV6_MIN_MTU_BYTES = 1280 };

static int set_mtu(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    struct inet_rare *own;

    if (error) return error;
    if (value && value < IPV6_MIN_MTU_BYTES) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->frag_size6 = (uint32_t)value;
    return 0;
}

static int get_mtu(struct sock *sk, const struct user_option *o)
{
    struct inet_sock *is = inet_of(sk);

    if (!is->route || is->route->version != 6) return -ENOTCONN;
    return option_out_int(o, (int)route_mtu(is->route));
}

static int set_recverr(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (error) return error;
    inet_of(sk)->recv_error6 = value != 0;
    if (!value) sock_error_purge(sk);
    return 0;
}

static int get_recverr(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->recv_error6);
}

static int set_recverr_rfc4884(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, 0, 1, &value);

    if (!error) inet_of(sk)->recv_error6_rfc4884 = value != 0;
    return error;
}

static int get_recverr_rfc4884(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->recv_error6_rfc4884);
}

static int set_tclass(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, -1, 255, &value);

    if (error) return error;
    if (value < 0) value = 0;
    if (sk->type == SOCK_STREAM) value = (value & ~3) | (inet_of(sk)->tclass & 3);
    inet_of(sk)->tclass = (uint8_t)value;
    inet_route_reset(inet_of(sk));
    return 0;
}

static int get_tclass(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->tclass);
}

static int set_min_hops(struct sock *sk, const struct user_option *o)
{
    int value, error = ranged(o, 0, 255, &value);

    if (!error) inet_of(sk)->min_hops = (uint8_t)value;
    return error;
}

static int get_min_hops(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->min_hops);
}

static int set_transparent(struct sock *sk, const struct user_option *o)
{
    int value, error = lenient_int(o, &value);

    if (error) return error;
    if (value && !credentials_can(o->credentials, CAP_NET_ADMIN) && !credentials_can(o->credentials, CAP_NET_RAW)) return -EPERM;
    if (o->bytes < (int)sizeof(int)) return -EINVAL;
    inet_of(sk)->transparent = value != 0;
    return 0;
}

static int get_transparent(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->transparent);
}

/* IPV6_ADDRFORM: a sock connected to a mapped address becomes an IPv4 one. */
static int set_address_form(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (error) return error;
    if (value != AF_INET) return -EINVAL;
    if (sk->type == SOCK_RAW) return -ENOPROTOOPT;
    if (sk->state != SOCK_ESTABLISHED) return -ENOTCONN;
    if (inet_of(sk)->is_v6only || !ip_is4(&inet_of(sk)->remote)) return -EADDRNOTAVAIL;
    sk->family = AF_INET; /* addresses are held mapped: nothing else changes */
    return 0;
}

static int get_address_form(struct sock *sk, const struct user_option *o)
{
    if (sk->type == SOCK_RAW) return -ENOPROTOOPT;
    return sk->state == SOCK_ESTABLISHED ? option_out_int(o, sk->family) : -ENOTCONN;
}

/* IPV6_ADDR_PREFERENCES (RFC 5014): kept and shown. We have neither temporary nor home addresses to choose between. */
enum { PREFER_TMP = 1, PREFER_PUBLIC = 2, PREFER_COA = 4, PREFER_CGA = 8, PREFER_PUBTMP_DEFAULT = 0x100, PREFER_HOME = 0x400, PREFER_NONCGA = 0x800 };

static bool is_one_or_none(int value, int mask)
{
    value &= mask;
    return !(value & (value - 1));
}

static int set_preferences(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    struct inet_rare *own;

    if (error) return error;
    if (!is_one_or_none(value, PREFER_TMP | PREFER_PUBLIC | PREFER_PUBTMP_DEFAULT) || !is_one_or_none(value, PREFER_HOME | PREFER_COA) ||
        !is_one_or_none(value, PREFER_CGA | PREFER_NONCGA)) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->source_preferences6 = (uint16_t)(value & (PREFER_TMP | PREFER_PUBLIC | PREFER_COA));
    return 0;
}

static int get_preferences(struct sock *sk, const struct user_option *o)
{
    int kept = inet_of(sk)->rare->source_preferences6, value = kept & (PREFER_TMP | PREFER_PUBLIC);

    if (!value) value = PREFER_PUBTMP_DEFAULT;
    return option_out_int(o, value | (kept & PREFER_COA ? PREFER_COA : PREFER_HOME));
}

static const struct option_row rows[] = {
    { IPV6_ADDRFORM, "IPV6_ADDRFORM", set_address_form, get_address_form },
    { IPV6_2292PKTINFO, "IPV6_2292PKTINFO", set_pktinfo_2292, get_pktinfo_2292 },
    { IPV6_2292HOPLIMIT, "IPV6_2292HOPLIMIT", set_hoplimit_2292, get_hoplimit_2292 },
    { IPV6_2292HOPOPTS, "IPV6_2292HOPOPTS", set_hopopts_2292, get_hopopts_2292 },
    { IPV6_2292DSTOPTS, "IPV6_2292DSTOPTS", set_dstopts_2292, get_dstopts_2292 },
    { IPV6_2292RTHDR, "IPV6_2292RTHDR", set_rthdr_2292, get_rthdr_2292 },
    { IPV6_FLOWINFO, "IPV6_FLOWINFO", set_flowinfo, get_flowinfo },
    { IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS", set_unicast_hops, get_unicast_hops },
    { IPV6_MULTICAST_IF, "IPV6_MULTICAST_IF", set_multicast_if, get_multicast_if },
    { IPV6_MULTICAST_HOPS, "IPV6_MULTICAST_HOPS", set_multicast_hops, get_multicast_hops },
    { IPV6_MULTICAST_LOOP, "IPV6_MULTICAST_LOOP", set_multicast_loop, get_multicast_loop },
    { IPV6_JOIN_GROUP, "IPV6_JOIN_GROUP", inet_set_membership6, NULL },
    { IPV6_LEAVE_GROUP, "IPV6_LEAVE_GROUP", inet_drop_membership6, NULL },
    { IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER", set_mtu_discover, get_mtu_discover },
    { IPV6_MTU, "IPV6_MTU", set_mtu, get_mtu },
    { IPV6_RECVERR, "IPV6_RECVERR", set_recverr, get_recverr },
    { IPV6_V6ONLY, "IPV6_V6ONLY", set_v6only, get_v6only },
    { IPV6_MULTICAST_ALL, "IPV6_MULTICAST_ALL", set_multicast_all, get_multicast_all },
    { IPV6_RECVERR_RFC4884, "IPV6_RECVERR_RFC4884", set_recverr_rfc4884, get_recverr_rfc4884 },
    { IPV6_FLOWINFO_SEND, "IPV6_FLOWINFO_SEND", set_flowinfo_send, get_flowinfo_send },
    { MCAST_JOIN_GROUP, "MCAST_JOIN_GROUP", inet_set_mcast_join, NULL },
    { MCAST_BLOCK_SOURCE, "MCAST_BLOCK_SOURCE", inet_set_mcast_block, NULL },
    { MCAST_UNBLOCK_SOURCE, "MCAST_UNBLOCK_SOURCE", inet_set_mcast_unblock, NULL },
    { MCAST_LEAVE_GROUP, "MCAST_LEAVE_GROUP", inet_set_mcast_leave, NULL },
    { MCAST_JOIN_SOURCE_GROUP, "MCAST_JOIN_SOURCE_GROUP", inet_set_mcast_join_source, NULL },
    { MCAST_LEAVE_SOURCE_GROUP, "MCAST_LEAVE_SOURCE_GROUP", inet_set_mcast_leave_source, NULL },
    { MCAST_MSFILTER, "MCAST_MSFILTER", inet_set_group_filter, inet_get_group_filter },
    { IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO", set_recvpktinfo, get_recvpktinfo },
    { IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT", set_recvhoplimit, get_recvhoplimit },
    { IPV6_PKTINFO, "IPV6_PKTINFO", inet_set_pktinfo6, NULL },
    { IPV6_HOPOPTS, "IPV6_HOPOPTS", inet_set_hopopts, inet_get_hopopts },
    { IPV6_RTHDRDSTOPTS, "IPV6_RTHDRDSTOPTS", inet_set_rthdrdstopts, inet_get_rthdrdstopts },
    { IPV6_RTHDR, "IPV6_RTHDR", inet_set_rthdr, inet_get_rthdr },
    { IPV6_DSTOPTS, "IPV6_DSTOPTS", inet_set_dstopts, inet_get_dstopts },
    { IPV6_PATHMTU, "IPV6_PATHMTU", NULL, inet_get_path_mtu },
    { IPV6_ADDR_PREFERENCES, "IPV6_ADDR_PREFERENCES", set_preferences, get_preferences },
    { IPV6_RECVHOPOPTS, "IPV6_RECVHOPOPTS", set_recvhopopts, get_recvhopopts },
    { IPV6_RECVRTHDR, "IPV6_RECVRTHDR", set_recvrthdr, get_recvrthdr },
    { IPV6_RECVDSTOPTS, "IPV6_RECVDSTOPTS", set_recvdstopts, get_recvdstopts },
    { IPV6_RECVPATHMTU, "IPV6_RECVPATHMTU", set_recvpathmtu, get_recvpathmtu },
    { IPV6_DONTFRAG, "IPV6_DONTFRAG", set_dontfrag, get_dontfrag },
    { IPV6_RECVTCLASS, "IPV6_RECVTCLASS", set_recvtclass, get_recvtclass },
    { IPV6_TCLASS, "IPV6_TCLASS", set_tclass, get_tclass },
    { IPV6_AUTOFLOWLABEL, "IPV6_AUTOFLOWLABEL", set_autoflowlabel, get_autoflowlabel },
    { IPV6_MINHOPCOUNT, "IPV6_MINHOPCOUNT", set_min_hops, get_min_hops },
    { IPV6_RECVORIGDSTADDR, "IPV6_RECVORIGDSTADDR", set_origdst, get_origdst },
    { IPV6_TRANSPARENT, "IPV6_TRANSPARENT", set_transparent, get_transparent },
    { IPV6_UNICAST_IF, "IPV6_UNICAST_IF", set_unicast_if, get_unicast_if },
    { IPV6_RECVFRAGSIZE, "IPV6_RECVFRAGSIZE", set_recvfragsize, get_recvfragsize },
    { IPV6_FREEBIND, "IPV6_FREEBIND", set_freebind, get_freebind },
};
const struct option_level inet_options6 = { SOL_IPV6, "SOL_IPV6", rows, array_count(rows) };

/* Which level a sock answers to: SOL_IP works on IPv6 socks too, but not on raw ones. */
static const struct option_level *level_of(const struct sock *sk, int level)
{
    if (level == SOL_IP && (!inet_is6(sk) || sk->type != SOCK_RAW)) return &inet_options4;
    return level == SOL_IPV6 && inet_is6(sk) ? &inet_options6 : NULL;
}

int inet_setsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    const struct option_level *table = level_of(sk, level);

    return table ? option_table_set(table, sk, name, o) : -ENOPROTOOPT;
}

int inet_getsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    const struct option_level *table = level_of(sk, level);

    if (table) return option_table_get(table, sk, name, o);
    return inet_is6(sk) ? -ENOPROTOOPT : -EOPNOTSUPP; /* as Linux differs */
}
