/* ICMP errors about our segments (RFC 5461, RFC 5927, RFC 1122 §4.2.3.9): believed only when the quoted sequence number is
 * in flight; fatal only while opening. */
#include "tcp/tcp_net.h"

static bool is_too_big(const struct icmp_error *e)
{
    return e->version == 4 ? e->type == ICMP_DEST_UNREACH && e->code == ICMP_FRAG_NEEDED : e->type == ICMPV6_PKT_TOOBIG;
}

static void count_unknown(struct net *net, const struct icmp_error *e)
{
    if (e->version == 4) count(net, Icmp, InErrors);
    else count(net, Icmp6, InErrors);
}

/* Linux: only "cannot get there" ends a half-open connection. */
static bool ends_request(const struct icmp_error *e)
{
    if (e->version == 6) return e->error != 0;
    if (e->type == ICMP_PARAMETERPROB || e->type == ICMP_TIME_EXCEEDED) return true;
    return e->type == ICMP_DEST_UNREACH && (e->code == ICMP_NET_UNREACH || e->code == ICMP_HOST_UNREACH);
}

static void request_error(struct tcp_request *r, seq_t seq_quoted, const struct icmp_error *e)
{
    struct sock *listener = sk_of(r->listener);
    struct net *net = listener->net;
    if (!seq_equal(seq_quoted, r->iss)) {
        count(net, TcpExt, OutOfWindowIcmps);
    } else if (ends_request(e)) {
        sock_get(listener);
        tcp_request_drop(r);
        count(net, TcpExt, ListenDrops);
        listener->drops++;
        sock_put(listener);
    }
}

static void path_mtu_reduced(struct tcp_sock *tp, uint32_t mtu_bytes)
{
    struct inet_sock *is = &tp->inet;
    uint8_t policy = ip_is4(&is->remote) ? is->pmtu_policy : is->pmtu_policy6;
    int error;
    route_update_pmtu(is->sk.net, &is->remote, mtu_bytes);
    inet_route_reset(is);
    struct route *route = inet_route(is, &error);
    if (!route || policy == IP_PMTUDISC_DONT || policy == IP_PMTUDISC_INTERFACE || policy == IP_PMTUDISC_OMIT) return;
    uint32_t mtu = route_mtu(route);
    if (tp->pmtu_cookie <= mtu) return;
    tcp_sync_mss(tp, mtu);
    tcp_simple_retransmit(tp);
}

/* IP_RECVERR while opening: the program may read who said so. */
static void queue_error(struct sock *sk, const struct packet *p, const struct icmp_error *e)
{
    struct sock_error error = { .ee = { .ee_errno = (uint32_t)e->error, .ee_type = e->type, .ee_code = e->code, .ee_info = e->info,
        .ee_origin = e->version == 4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6 },
        .heard = e->heard, .in_ifindex = e->in_ifindex };
    inet_put_address(sk, &error.offender, &e->offender, 0, 0);
    sock_error_queue(sk, &error, p, 8);
}

static void sock_error(struct tcp_sock *tp, struct packet *p, const struct icmp_error *e)
{
    struct sock *sk = sk_of(tp);
    if (is_too_big(e)) {
        path_mtu_reduced(tp, e->info);
        return;
    }
    if (!e->error) return;
    bool wants_errors = e->version == 4 ? tp->inet.recv_error : tp->inet.recv_error6;
    bool is_open = tp->flight->request && tp->flight->request->bits & REQUEST_ACCEPTED; /* by Fast Open */
    if ((sk->state == TCPS_SYN_SENT || sk->state == TCPS_SYN_RECV) && !is_open) {
        if (wants_errors) queue_error(sk, p, e);
        if (sk->is_owned) sk->err_soft = e->error;
        else tcp_fail(tp, e->error);
        return;
    }
    if (!sk->is_owned && wants_errors) sock_report_error(sk, e->error);
    else sk->err_soft = e->error; /* told when retransmission gives up */
}

void tcp_error(struct net *net, struct packet *p, const struct icmp_error *e)
{
    struct { be16_t source, destination; be32_t sequence; } quoted; /* the 8 bytes an ICMP message is sure to quote */
    if (!packet_read(p, 0, &quoted, sizeof quoted)) return;
    struct tcp_tuple t = { &p->ip.source, &p->ip.destination, host16(quoted.source), host16(quoted.destination), p->in_ifindex };
    uint64_t hash = tcp_tuple_hash(net->tcp, &t);
    seq_t at = seq(host32(quoted.sequence));
    struct tcp_sock *tp = tcp_find_established(net->tcp, &t, hash);
    if (!tp) {
        struct tcp_request *r = tcp_find_request(net->tcp, &t, hash);
        if (r) request_error(r, at, e);
        else if (!tcp_find_time_wait(net->tcp, &t, hash)) count_unknown(net, e);
        return;
    }
    struct sock *sk = sk_of(tp);
    if (sk->is_owned && !is_too_big(e)) count(net, TcpExt, LockDroppedIcmps);
    if (sk->state == TCPS_CLOSE) return;
    seq_t first = tp->flight->request ? tp->flight->request->iss : tp->snd.una;
    if (seq_before(at, first) || seq_after(at, tp->snd.nxt)) {
        count(net, TcpExt, OutOfWindowIcmps);
        return;
    }
    sock_get(sk);
    sock_error(tp, p, e);
    sock_put(sk);
}
