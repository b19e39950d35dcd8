/* Options of raw sockets: which ICMP types to see, and where the kernel is to put a checksum. */
#include "raw/raw_sock.h"

enum { ICMP_FILTER_NAME = 1, ICMPV6_FILTER_NAME = 1, IPV6_CHECKSUM_NAME = 7, IPV6_HDRINCL_NAME = 36 };

static int set_icmp_filter(struct sock *sk, const struct user_option *o)
{
    uint32_t bytes = (uint32_t)min_of(max_of(o->bytes, 0), 4);

    struct inet_rare *own;

    if (sk->protocol != IPPROTO_ICMP) return -EOPNOTSUPP;
    own = inet_rare(inet_of(sk));
    return own ? user_in(o->memory, &own->icmp_filter, o->value, bytes) : -ENOMEM;
}

static int get_icmp_filter(struct sock *sk, const struct user_option *o)
{
    if (sk->protocol != IPPROTO_ICMP) return -EOPNOTSUPP;
    return option_out(o, &inet_of(sk)->rare->icmp_filter, sizeof(inet_of(sk)->rare->icmp_filter));
}

static int set_icmp6_filter(struct sock *sk, const struct user_option *o)
{
    uint32_t bytes = (uint32_t)min_of(max_of(o->bytes, 0), (int)sizeof(inet_of(sk)->rare->icmp6_filter));

    struct inet_rare *own;

    if (sk->protocol != IPPROTO_ICMPV6) return -EOPNOTSUPP;
    own = inet_rare(inet_of(sk));
    return own ? user_in(o->memory, own->icmp6_filter, o->value, bytes) : -ENOMEM;
}

static int get_icmp6_filter(struct sock *sk, const struct user_option *o)
{
    if (sk->protocol != IPPROTO_ICMPV6) return -EOPNOTSUPP;
    return option_out(o, inet_of(sk)->rare->icmp6_filter, sizeof(inet_of(sk)->rare->icmp6_filter));
}

static int set_checksum(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);
    struct inet_rare *own;

    if (error) return error;
    if (value > 0 && (value & 1)) return -EINVAL;
    own = inet_rare(inet_of(sk));
    if (!own) return -ENOMEM;
    own->checksum_offset = value < 0 ? -1 : value;
    return 0;
}

static int get_checksum(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->rare->checksum_offset);
}

static int set_header_included(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (!error) inet_of(sk)->header_included = value != 0;
    return error;
}

static int get_header_included(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, inet_of(sk)->header_included);
}

static const struct option_row rows4[] = {
    { ICMP_FILTER_NAME, "ICMP_FILTER", set_icmp_filter, get_icmp_filter },
};
static const struct option_row rows6[] = {
    { IPV6_CHECKSUM_NAME, "IPV6_CHECKSUM", set_checksum, get_checksum },
    { IPV6_HDRINCL_NAME, "IPV6_HDRINCL", set_header_included, get_header_included },
};
static const struct option_row rows_icmp6[] = {
    { ICMPV6_FILTER_NAME, "ICMPV6_FILTER", set_icmp6_filter, get_icmp6_filter },
};
const struct option_level raw_options = { SOL_RAW, "SOL_RAW", rows4, array_count(rows4) };
const struct option_level raw_options6 = { SOL_RAW, "SOL_RAW", rows6, array_count(rows6) };
const struct option_level raw_icmp6_options = { SOL_ICMPV6, "SOL_ICMPV6", rows_icmp6, array_count(rows_icmp6) };

/* NULL: the IP layer's. */
static const struct option_level *level_of(const struct sock *sk, int level, int name)
{
    if (!inet_is6(sk)) return level == SOL_RAW ? &raw_options : NULL;
    if (level == SOL_ICMPV6) return &raw_icmp6_options;
    if (level == SOL_RAW || (level == SOL_IPV6 && (name == IPV6_CHECKSUM_NAME || name == IPV6_HDRINCL_NAME))) return &raw_options6;
    return NULL;
}

int raw_setsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    const struct option_level *table = level_of(sk, level, name);

    if (level == SOL_ICMPV6 && inet_is6(sk) && sk->protocol != IPPROTO_ICMPV6) return -EOPNOTSUPP;
    if (table == &raw_options6 && o->bytes < (int)sizeof(int)) return -EINVAL; /* Linux reads the value before the name */
    /* RFC 3542 §3.1: not for ICMPv6, by its standard name. */
    if (table == &raw_options6 && level == SOL_IPV6 && name == IPV6_CHECKSUM_NAME && sk->protocol == IPPROTO_ICMPV6) return -EINVAL;
    return table ? option_table_set(table, sk, name, o) : inet_setsockopt(sk, level, name, o);
}

int raw_getsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    const struct option_level *table = level_of(sk, level, name);

    if (level == SOL_ICMPV6 && sk->protocol != IPPROTO_ICMPV6) return -EOPNOTSUPP;
    return table ? option_table_get(table, sk, name, o) : inet_getsockopt(sk, level, name, o);
}
