/* TCP's struct proto. */
#include "tcp/data.h"
#include "tcp/tcp_net.h"

static int init(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    sk->state = TCPS_CLOSE;
    sk->receive_buffer_bytes = (uint32_t)sk->net->sysctl.tcp_rmem[1];
    sk->send_buffer_bytes = (uint32_t)sk->net->sysctl.tcp_wmem[1];
    tp->flight = (struct tcp_flight *)(uintptr_t)&tcp_no_flight;
    tp->settings = &tcp_usual_settings;
    tcp_sock_defaults(tp);
    sk->net->tcp->sock_count++;
    return 0;
}

static void destroy(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct machine *m = sk->net->machine;
    tcp_timers_clear(tp);
    tcp_purge_queues(tp);
    tcp_memory_release(tp);
    if (tp->cc.ops && tp->cc.ops->release) tp->cc.ops->release(tp);
    tcp_flight_destroy(tp);
    tcp_settings_release(tp);
    if (tp->listener) machine_free(m, tp->listener, sizeof *tp->listener);
    if (tp->inet.port_bucket) port_release(&tp->inet);
    inet_sock_fini(&tp->inet);
    if (sk->net->tcp) sk->net->tcp->sock_count--;
}

static uint32_t unread_bytes(const struct tcp_sock *tp)
{
    const struct sock *sk = &tp->inet.sk;
    if (sk->state == TCPS_SYN_SENT || sk->state == TCPS_SYN_RECV) return 0;
    bool ends_at_urgent = !sk->oob_inline && tp->urgent_data && !seq_before(tp->urgent_seq, tp->rcv.copied) &&
        seq_before(tp->urgent_seq, tp->rcv.nxt);
    if (ends_at_urgent) return seq_diff(tp->urgent_seq, tp->rcv.copied);
    uint32_t bytes = seq_diff(tp->rcv.nxt, tp->rcv.copied);
    return bytes && tp->is_fin_received ? bytes - 1 : bytes; /* a FIN is no byte */
}

static int control(struct sock *sk, unsigned command, int *value)
{
    const struct tcp_sock *tp = tcp_of(sk);
    bool is_opening = sk->state == TCPS_SYN_SENT || sk->state == TCPS_SYN_RECV;
    switch (command) {
    case SIOCINQ:
        if (sk->state == TCPS_LISTEN) return -EINVAL;
        *value = (int)unread_bytes(tp);
        return 0;
    case SIOCATMARK: *value = tp->urgent_data && seq_equal(tp->urgent_seq, tp->rcv.copied); return 0;
    case SIOCOUTQ:
        if (sk->state == TCPS_LISTEN) return -EINVAL;
        *value = is_opening ? 0 : (int)seq_diff(tp->snd.write, tp->snd.una);
        return 0;
    case SIOCOUTQNSD:
        if (sk->state == TCPS_LISTEN) return -EINVAL;
        *value = is_opening ? 0 : (int)seq_diff(tp->snd.write, tp->snd.nxt);
        return 0;
    default: return -ENOIOCTLCMD;
    }
}

static void keepalive_changed(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    if (sk->state == TCPS_CLOSE || sk->state == TCPS_LISTEN) return;
    if (sk->keep_open) {
        tcp_keepalive_arm(tp);
    } else {
        tp->keepalive_due_ns = NS_NEVER;
        tcp_timers_rearm(tp);
    }
}

/* Linux: at most half of what the receive buffer is or may become. */
static int set_receive_low_water(struct sock *sk, int bytes)
{
    int64_t most = (sk->rcvbuf_locked ? sk->receive_buffer_bytes : sk->net->sysctl.tcp_rmem[2]) / 2;
    sk->receive_low_water = bytes ? (int32_t)min_of((int64_t)bytes, most) : 1;
    return 0;
}

static int get_port(struct sock *sk, uint16_t port) { return port_bind(sk->net->tcp->ports, inet_of(sk), port); }
static int hash(struct sock *sk) { return sk->state == TCPS_LISTEN ? tcp_hash_listening(tcp_of(sk)) : tcp_hash_established(tcp_of(sk)); }
static void unhash(struct sock *sk) { tcp_unhash(tcp_of(sk)); }

const struct proto tcp_proto = {
    .name = "TCP",
    .sock_bytes = sizeof(struct tcp_sock),
    .init = init,
    .destroy = destroy,
    .close = tcp_close,
    .connect = tcp_connect,
    .disconnect = tcp_disconnect,
    .accept = tcp_accept,
    .listen = tcp_listen_start,
    .shutdown = tcp_shutdown,
    .linger = tcp_linger,
    .ioctl = control,
    .setsockopt = tcp_setsockopt,
    .getsockopt = tcp_getsockopt,
    .sendmsg = tcp_sendmsg,
    .recvmsg = tcp_recvmsg,
    .poll = tcp_poll,
    .backlog_receive = tcp_sock_receive,
    .get_port = get_port,
    .hash = hash,
    .unhash = unhash,
    .keepalive_changed = keepalive_changed,
    .set_receive_low_water = set_receive_low_water,
    .release_work = tcp_release_work,
    .stamp_base = tcp_stamp_base,
    .stamp_statistics = tcp_stamp_statistics,
};
