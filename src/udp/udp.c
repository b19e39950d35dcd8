/* struct proto of UDP: the small operations and the options of SOL_UDP. */
#include "udp/udp_sock.h"

static void udp_close(struct sock *sk)
{
    udp_drop_pending(udp_of(sk));
    udp_unhash(sk);
}

static void udp_destroy(struct sock *sk)
{
    udp_drop_pending(udp_of(sk));
    inet_sock_fini(inet_of(sk));
}

static int set_cork(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (error) return error;
    udp_of(sk)->is_corked = value != 0;
    if (!value) udp_push_pending(udp_of(sk));
    return 0;
}

static int get_cork(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, udp_of(sk)->is_corked);
}

/* No encapsulation is built in: only "none" may be asked for. */
static int set_encap(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    (void)sk;
    if (error) return error;
    return value ? -ENOPROTOOPT : 0;
}

static int get_encap(struct sock *sk, const struct user_option *o)
{
    (void)sk;
    return option_out_int(o, 0);
}

static int set_no_check6_send(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (!error) udp_of(sk)->no_check6_send = value != 0;
    return error;
}

static int get_no_check6_send(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, udp_of(sk)->no_check6_send);
}

static int set_no_check6_receive(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (!error) udp_of(sk)->no_check6_receive = value != 0;
    return error;
}

static int get_no_check6_receive(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, udp_of(sk)->no_check6_receive);
}

static int set_segment(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (error) return error;
    if (value < 0 || value > UINT16_MAX) return -EINVAL;
    udp_of(sk)->gso_bytes = (uint16_t)value;
    return 0;
}

static int get_segment(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, udp_of(sk)->gso_bytes);
}

static int set_gro(struct sock *sk, const struct user_option *o)
{
    int value, error = option_int(o, &value);

    if (!error) udp_of(sk)->takes_gro = value != 0;
    return error;
}

static int get_gro(struct sock *sk, const struct user_option *o)
{
    return option_out_int(o, udp_of(sk)->takes_gro);
}

static const struct option_row rows[] = {
    { UDP_CORK, "UDP_CORK", set_cork, get_cork },
    { UDP_ENCAP, "UDP_ENCAP", set_encap, get_encap },
    { UDP_NO_CHECK6_TX, "UDP_NO_CHECK6_TX", set_no_check6_send, get_no_check6_send },
    { UDP_NO_CHECK6_RX, "UDP_NO_CHECK6_RX", set_no_check6_receive, get_no_check6_receive },
    { UDP_SEGMENT, "UDP_SEGMENT", set_segment, get_segment },
    { UDP_GRO, "UDP_GRO", set_gro, get_gro },
};
const struct option_level udp_options = { SOL_UDP, "SOL_UDP", rows, array_count(rows) };

static int udp_setsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    if (level == SOL_UDP && o->bytes < (int)sizeof(int)) return -EINVAL; /* before the name is looked at, as on Linux */
    return level == SOL_UDP ? option_table_set(&udp_options, sk, name, o) : inet_setsockopt(sk, level, name, o);
}

static int udp_getsockopt(struct sock *sk, int level, int name, const struct user_option *o)
{
    return level == SOL_UDP ? option_table_get(&udp_options, sk, name, o) : inet_getsockopt(sk, level, name, o);
}

uint32_t udp_receive_queue_bytes(const struct sock *sk)
{
    return sk->receive_used_bytes;
}

uint64_t udp_memory_pages(const struct net *net)
{
    return (net->sock->udp_bytes + 4095) / 4096;
}

const struct proto udp_proto = {
    .name = "UDP",
    .sock_bytes = sizeof(struct udp_sock),
    .destroy = udp_destroy,
    .close = udp_close,
    .connect = inet_datagram_connect,
    .disconnect = inet_datagram_disconnect,
    .ioctl = sock_datagram_ioctl,
    .setsockopt = udp_setsockopt,
    .getsockopt = udp_getsockopt,
    .sendmsg = udp_sendmsg,
    .recvmsg = udp_recvmsg,
    .poll = sock_datagram_poll,
    .backlog_receive = sock_datagram_backlog,
    .get_port = udp_get_port,
    .unhash = udp_unhash,
    .rehash = udp_rehash,
};

const struct ip_protocol udp_protocol = { .number = IPPROTO_UDP, .receive = udp_receive, .error = udp_error };
