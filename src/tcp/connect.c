/* Active open: connect(), what SYN-SENT hears, and the way back by connect(AF_UNSPEC) (RFC 9293 §3.10.1, §3.10.7.3). */
#include "tcp/accecn.h"
#include "tcp/data.h"
#include "tcp/tcp_net.h"

struct tuple_check { bool is_port_given; };

static bool is_loopback_pair(const ip_addr_t *a, const ip_addr_t *b) { return ip_is_loopback(a) || ip_is_loopback(b); }

/* May a new connection take the place of this TIME-WAIT (RFC 6191 §3, Linux: tcp_tw_reuse)? Only timestamps tell the two
 * apart; a port that the program chose needs no permission. */
static bool may_replace(const struct tcp_time_wait *tw, const struct net *net, bool is_port_given)
{
    int64_t reuse = net->sysctl.tcp_tw_reuse;
    if (!(tw->hold.owner_bits & TIME_WAIT_HAS_TIMESTAMP)) return false;
    if (is_port_given) return true;
    if (tw->hold.owner_bits & TIME_WAIT_IS_FIN_WAIT2) return false;
    if (reuse == 2 && !is_loopback_pair(&tw->hold.local, &tw->remote)) return false;
    return reuse && tcp_clock_ms(net->machine) - tw->entered_ms > (uint32_t)net->sysctl.tcp_tw_reuse_delay;
}

static bool tuple_is_free(void *ctx, struct inet_sock *is, uint16_t port)
{
    const struct tuple_check *check = ctx;
    struct tcp_sock *tp = tcp_of(&is->sk);
    struct net *net = is->sk.net;
    struct tcp_tuple t = { &is->local, &is->remote, port, is->remote_port, is->sk.bound_ifindex };
    uint64_t hash = tcp_tuple_hash(net->tcp, &t);
    if (tcp_find_established(net->tcp, &t, hash) || tcp_find_request(net->tcp, &t, hash)) return false;
    struct tcp_time_wait *tw = tcp_find_time_wait(net->tcp, &t, hash);
    if (!tw) return true;
    if (!may_replace(tw, net, check->is_port_given)) return false;
    tp->snd.write = seq_add(tw->snd_nxt, 65535 + 2);
    if (!tp->snd.write.v) tp->snd.write.v = 1;
    tp->ts_recent = tw->ts_recent;
    tp->ts_recent_stamp_ns = net->machine->now_ns;
    count(net, TcpExt, TWRecycled);
    tcp_time_wait_end(net->tcp, tw);
    return true;
}

/* Link-local destinations name their interface. */
static int apply_scope(struct sock *sk, const ip_addr_t *remote, int32_t scope_ifindex)
{
    if (ip_is4(remote) || !ip_is_link_local(remote)) return 0;
    if (scope_ifindex) {
        if (sk->bound_ifindex && sk->bound_ifindex != scope_ifindex) return -EINVAL;
        sk->bound_ifindex = scope_ifindex;
    }
    return sk->bound_ifindex ? 0 : -EINVAL;
}

static int find_route(struct inet_sock *is)
{
    struct net *net = is->sk.net;
    struct ip_flow flow;
    int error = 0;
    inet_route_reset(is);
    inet_flow(is, &flow);
    struct route *route = route_output(net, &flow, &error);
    if (!route) {
        if (error == -ENETUNREACH && ip_is4(&is->remote)) count(net, Ip, OutNoRoutes);
        return error;
    }
    if (route->kind == ROUTE_MULTICAST || route->kind == ROUTE_BROADCAST || ip_is_multicast(&is->remote)) {
        route_put(route);
        return -ENETUNREACH;
    }
    if (ip_is_any(&is->source) || ip_is4(&is->source) != ip_is4(&is->remote)) is->source = flow.source;
    is->local = is->source;
    is->route = route;
    return 0;
}

static void forget_local(struct inet_sock *is)
{
    if (is->is_address_locked) return;
    is->local = is->source = inet_is6(&is->sk) ? ip_any6() : ip_any4();
}

static void forget_remote(struct inet_sock *is)
{
    inet_route_reset(is);
    forget_local(is);
    is->remote = inet_is6(&is->sk) ? ip_any6() : ip_any4();
    is->remote_port = 0;
}

static int open_connection(struct tcp_sock *tp)
{
    struct inet_sock *is = &tp->inet;
    struct net *net = is->sk.net;
    struct tuple_check check = { .is_port_given = is->local_port != 0 };
    int r = port_connect(net->tcp->ports, is, tuple_is_free, &check);
    if (r) return r;
    tcp_hash_established(tp);
    if (!tp->snd.write.v) tp->snd.write = tcp_new_isn(net, &is->source, is->local_port, &is->remote, is->remote_port);
    tp->ts_offset = tcp_new_ts_offset(net, &is->source, is->local_port, &is->remote, is->remote_port);
    return tcp_fastopen_defers(tp) ? 0 : tcp_send_syn(tp);
}

int tcp_connect(struct sock *sk, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct inet_sock *is = &tp->inet;
    ip_addr_t remote, old = is->remote;
    uint16_t port;
    int32_t scope;
    uint32_t flow_label;
    (void)t;
    if (!a) return -EINVAL; /* Fast Open to nowhere */
    int r = inet_parse_address(sk, a, bytes, &remote, &port, &scope, &flow_label);
    if (r) return r;
    if (ip_is_multicast(&remote)) return -ENETUNREACH;
    if (ip_is4(&remote) != ip_is4(&is->source) && !ip_is_any(&is->source)) return ip_is4(&remote) ? -ENETUNREACH : -EINVAL;
    if ((r = apply_scope(sk, &remote, scope))) return r;
    if (flow_label) is->flow_label = flow_label;
    if (tp->ts_recent_stamp_ns && !ip_equal(&old, &remote)) { /* another peer: what was known of its clock is void */
        tp->ts_recent = 0;
        tp->ts_recent_stamp_ns = 0;
        tp->snd.write = seq(0);
    }
    is->remote = remote;
    is->remote_port = port;
    if ((r = find_route(is))) goto no_route;
    tcp_flight_destroy(tp); /* of an earlier connection that broke */
    if (!tcp_flight_begin(tp)) {
        r = -ENOBUFS;
        goto no_route;
    }
    tcp_set_state(tp, TCPS_SYN_SENT);
    if ((r = open_connection(tp))) goto not_opened;
    return 0;
not_opened:
    tcp_timers_clear(tp);
    tcp_set_state(tp, TCPS_CLOSE);
    tcp_purge_queues(tp);
no_route:
    forget_remote(is);
    return r;
}

static void note_timestamp(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    const struct net *net = tp->inet.sk.net;
    tp->flight->saw_timestamp = seg->options.has_timestamp && net->sysctl.tcp_timestamps;
    tp->is_timestamp_ok = tp->flight->saw_timestamp;
    if (!tp->flight->saw_timestamp) return;
    tp->flight->rcv_tsecr = seg->options.timestamp_echo ? seg->options.timestamp_echo - tp->ts_offset : 0;
    tp->ts_recent = seg->options.timestamp_value;
    tp->ts_recent_stamp_ns = max_of(net->machine->now_ns, 1ull);
}

/* What the peer's SYN says. */
static void take_options(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    const struct tcp_options *o = &seg->options;
    const struct net_sysctl *sysctl = &tp->inet.sk.net->sysctl;
    uint16_t mss = o->has_mss ? o->mss_bytes : ip_is4(&tp->inet.remote) ? 536 : 1220; /* RFC 9293 MUST-15 */
    if (o->has_mss && tp->user_mss) mss = min_of(mss, tp->user_mss);
    tp->mss_clamp = mss;
    tp->is_wscale_ok = o->has_window_scale && sysctl->tcp_window_scaling;
    tp->snd.scale = tp->is_wscale_ok ? o->window_scale : 0;
    tp->is_sack_ok = o->has_sack_permitted && sysctl->tcp_sack;
    note_timestamp(tp, seg);
}

static void take_sequence(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    tp->rcv.nxt = tp->rcv.wup = tp->rcv.copied = seq_add(seg->seq, 1);
    tp->last_ack_sent = tp->rcv.nxt;
    tp->snd.wl1 = seg->seq;
    tp->snd.wnd = seg->window; /* never scaled in a SYN */
    tp->snd.max_wnd = seg->window;
}

static bool ack_is_acceptable(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct net *net = tp->inet.sk.net;
    if (!seq_after(seg->ack, tp->snd.una) || seq_after(seg->ack, tp->snd.nxt)) {
        /* An earlier answer of ours may have been lost: ask again soon. */
        if (!tp->retransmits) tcp_retransmit_arm(tp, TCP_TIMER_LEAST_NS);
        return false;
    }
    if (!seg->options.has_timestamp || !net->sysctl.tcp_timestamps || !seg->options.timestamp_echo) return true;
    uint32_t echo = seg->options.timestamp_echo - tp->ts_offset, first = (uint32_t)(tp->flight->retrans_stamp_ns / NS_PER_MS);
    if (echo - first <= tcp_clock_ms(net->machine) - first) return true;
    count(net, TcpExt, PAWSActive);
    return false;
}

static void finish_connect(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);
    tcp_ecn_syn_ack_received(tp, seg);
    tp->snd.wl1 = seg->seq;
    take_options(tp, seg);
    if (tp->is_timestamp_ok) tp->rcv.advmss -= 12;
    if (!tp->is_wscale_ok) {
        tp->rcv.scale = 0;
        tp->rcv.window_clamp = min_of(tp->rcv.window_clamp, 65535u);
    }
    tcp_syn_acked(tp, seg);
    take_sequence(tp, seg);
    tcp_set_state(tp, TCPS_ESTABLISHED);
    tp->last_received_ns = sk->net->machine->now_ns;
    tcp_init_transfer(tp);
    if (sk->keep_open) tcp_keepalive_arm(tp);
    bool is_repeated = tcp_fastopen_syn_acked(tp, seg);
    if (!sk->is_dead) sock_state_change(sk);
    if (is_repeated) tcp_data_send_check(tp);
    else if (tp->flight->is_write_pending || tp->settings->defer_accept_s || tp->is_pingpong) tcp_ack_with_data(tp);
    else tcp_ecn_send_first_ack(tp);
}

/* Crossed SYNs (RFC 9293 §3.5, figure 7); connecting to oneself is one. Linux: our window stays scaled even when the peer's
 * SYN did not offer scaling; tried on 6.18. */
static void simultaneous_open(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    tcp_ecn_syn_received(tp, seg);
    tcp_set_state(tp, TCPS_SYN_RECV);
    take_options(tp, seg);
    take_sequence(tp, seg);
    if (tp->inet.route) tcp_sync_mss(tp, route_mtu(tp->inet.route));
    tcp_send_syn_ack(tp);
    if (tp->is_timestamp_ok) tp->rcv.advmss -= 12;
}

void tcp_syn_sent_receive(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct net *net = tp->inet.sk.net;
    if (seg->flags & TCP_ACK) {
        if (!ack_is_acceptable(tp, seg)) {
            tcp_send_reset_for(net, seg);
            packet_drop(seg->packet, DROP_TCP_INVALID_ACK_SEQUENCE);
            return;
        }
        if (seg->flags & TCP_RST) {
            tcp_reset_received(tp);
            packet_drop(seg->packet, DROP_TCP_RESET);
            return;
        }
        if (seg->flags & TCP_SYN) {
            finish_connect(tp, seg);
            packet_consume(seg->packet);
            return;
        }
    } else if ((seg->flags & (TCP_RST | TCP_SYN)) == TCP_SYN) {
        bool is_old = tp->ts_recent_stamp_ns && seg->options.has_timestamp &&
            tcp_paws_rejects(tp->ts_recent, seg->options.timestamp_value, false);
        if (is_old) {
            packet_drop(seg->packet, DROP_TCP_RFC7323_PAWS);
            return;
        }
        simultaneous_open(tp, seg);
        packet_consume(seg->packet);
        return;
    }
    packet_drop(seg->packet, DROP_TCP_FLAGS);
}

static bool needs_reset(uint8_t state)
{
    return TCP_STATE_BIT(state) & (TCP_STATE_BIT(TCPS_ESTABLISHED) | TCP_STATE_BIT(TCPS_CLOSE_WAIT) | TCP_STATE_BIT(TCPS_FIN_WAIT1) |
        TCP_STATE_BIT(TCPS_FIN_WAIT2) | TCP_STATE_BIT(TCPS_SYN_RECV));
}

static void forget_connection(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    seq_t next = seq_add(tp->snd.write, tp->snd.max_wnd + 2);
    tcp_purge_queues(tp);
    tcp_sock_defaults(tp);
    sk->shutdown = 0;
    sk->err_soft = 0;
    tp->snd.write = next.v ? next : seq(1);
    tp->snd.una = tp->snd.nxt = tp->snd.up = tp->snd.write;
    tp->snd.wnd = tp->snd.max_wnd = tp->rcv.window_clamp = 0;
    tp->rcv.copied = tp->rcv.nxt;
    tp->urgent_data = 0;
    tp->is_fin_sent = tp->is_fin_received = false;
    tp->inet.defer_connect = false;
    memset(&tp->rcv.open, 0, sizeof tp->rcv.open);
    tp->is_sack_ok = tp->is_timestamp_ok = tp->is_wscale_ok = tp->is_ecn_ok = tp->is_accecn = false;
    tp->segs_in = tp->segs_out = tp->data_segs_in = tp->data_segs_out = 0;
}

int tcp_disconnect(struct sock *sk)
{
    struct tcp_sock *tp = tcp_of(sk);
    uint8_t old = sk->state;
    bool has_unsent_fin = !seq_equal(tp->snd.nxt, tp->snd.write) && (old == TCPS_CLOSING || old == TCPS_LAST_ACK);
    if (old == TCPS_LISTEN) {
        tcp_set_state(tp, TCPS_CLOSE);
        tcp_listen_stop(tp);
    } else if (needs_reset(old) || has_unsent_fin) {
        tcp_send_reset(tp);
        sk->err = ECONNRESET;
    } else if (old == TCPS_SYN_SENT) {
        sk->err = ECONNRESET;
    }
    tcp_timers_clear(tp);
    tcp_fastopen_forget(tp, false);
    tcp_set_state(tp, TCPS_CLOSE);
    forget_connection(tp);
    forget_remote(&tp->inet);
    if (sk->err && !sk->is_dead) sock_error_raised(sk);
    return 0;
}
