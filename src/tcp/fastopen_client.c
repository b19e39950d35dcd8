/* Fast Open, active side (RFC 7413 §4.2.1): the first write goes into the SYN when a cookie of the server is at hand, or none is
 * needed; else the SYN asks for one. Whatever goes wrong, the SYN is repeated bare and the data follow the handshake. */
#include "tcp/data.h"
#include "tcp/fastopen.h"
#include "tcp/tcp_net.h"

/* The send whose call is running and opens its connection. */
struct tcp_fastopen_opening { struct user_msg *msg; uint64_t bytes; struct tcp_zero_copy *zero_copy; };

static bool is_disabled(struct tcp_sock *tp)
{
    struct net *net = net_of(tp);
    const struct tcp_net *tn = net->tcp;
    uint64_t pause_ns = (uint64_t)net->sysctl.tcp_fastopen_blackhole_timeout_sec * NS_PER_S;

    if (!pause_ns || !tn->fastopen.disabled_times) return false;
    pause_ns <<= min_of(tn->fastopen.disabled_times - 1, 6u); /* each time longer, up to 64 times */
    if (net->machine->now_ns < tn->fastopen.disabled_ns + pause_ns) return true;
    tp->rcv.open.is_on_trial = true;
    return false;
}

/* May data go into the SYN? *c: with what option; *mss_bytes: lowered to what the server said last time. */
static bool may_send_data(struct tcp_sock *tp, uint16_t *mss_bytes, struct tcp_fastopen_cookie *c)
{
    const struct tcp_metrics *m = tcp_metrics_of(tp, false);

    *c = (struct tcp_fastopen_cookie){ 0 };
    if (m) {
        if (m->fastopen.mss_bytes) *mss_bytes = m->fastopen.mss_bytes;
        *c = m->fastopen.cookie;
        if (c->bytes <= 0 && m->fastopen.try_experimental == 1) c->is_experimental = true;
    }
    if (is_disabled(tp)) {
        c->bytes = -1;
        return false;
    }
    bool route_needs_none = tp->inet.route && tp->inet.route->needs_no_cookie;
    if (route_needs_none || tp->settings->fastopen_no_cookie || net_of(tp)->sysctl.tcp_fastopen & FASTOPEN_CLIENT_NO_COOKIE) {
        c->bytes = -1;
        return true;
    }
    if (c->bytes > 0) return true;
    tp->rcv.open.failure = TFO_COOKIE_UNAVAILABLE;
    return false;
}

bool tcp_fastopen_defers(struct tcp_sock *tp)
{
    struct tcp_fastopen_cookie unused;
    uint16_t mss;

    if (!tp->settings->fastopen_connect || tp->rcv.open.is_requested) return false;
    if (may_send_data(tp, &mss, &unused)) tp->inet.defer_connect = true;
    else tp->rcv.open.is_requested = true;
    return tp->inet.defer_connect;
}

/* The first bytes of the message, in a packet behind the SYN. NULL: no memory, or the program's cannot be read. */
static struct packet *data_packet(struct tcp_sock *tp, struct tcp_fastopen_opening *opening, const struct packet *syn)
{
    uint32_t room = tcp_mss_of_mtu(tp, tp->pmtu_cookie) + (tp->header_bytes - 20u) - 40; /* for options that middleboxes add */
    uint32_t bytes = opening ? (uint32_t)min_of((uint64_t)room, opening->bytes) : 0;
    struct packet *p = tcp_packet_new(tp, bytes);
    uint8_t *at = p && bytes ? packet_put(p, bytes) : NULL;

    if (!p) return NULL;
    if (bytes && (!at || user_iter_in(&opening->msg->data, at, bytes))) {
        packet_consume(p);
        return NULL;
    }
    p->truesize_bytes += bytes;
    p->tcp = syn->tcp;
    if (bytes) p->tcp.zero_copy = tcp_zero_copy_get(opening->zero_copy);
    p->tcp.end_seq = seq_add(p->tcp.end_seq, bytes);
    tp->snd.write = p->tcp.end_seq;
    return p;
}

/* From here on the SYN is queued bare, to be repeated so, and its data behind it. */
static void queue_data(struct tcp_sock *tp, struct packet *p, bool was_sent)
{
    p->tcp.seq = seq_add(p->tcp.seq, 1);
    p->tcp.flags = TCP_ACK | TCP_PSH;
    if (!was_sent) {
        tcp_write_queue_add(tp, p);
        return;
    }
    tp->rcv.open.has_data = p->body_bytes > 0;
    packet_queue_push(&tp->flight->retransmit_queue, p);
    list_add_tail(&tp->flight->sent_by_time, &p->by_time);
    tcp_charge(tp, p->truesize_bytes);
    if (p->body_bytes) tcp_chrono_start(tp, CHRONO_BUSY);
    tp->flight->packets_out++;
    count(net_of(tp), TcpExt, TCPOrigDataSent);
}

/* False: not possible, or it did not leave: a SYN without data it is. */
static bool send_with_data(struct tcp_sock *tp, struct packet *syn)
{
    struct tcp_fastopen_opening *opening = net_of(tp)->tcp->fastopen.opening;
    struct packet *p;
    bool was_sent;

    if (tp->user_mss) tp->mss_clamp = min_of(tp->mss_clamp, tp->user_mss);
    tcp_sync_mss(tp, tp->pmtu_cookie);
    p = data_packet(tp, opening, syn);
    if (!p) return false;
    was_sent = !tcp_transmit(tp, p, false);
    syn->tcp.sent_ns = p->tcp.sent_ns;
    queue_data(tp, p, was_sent);
    return was_sent;
}

int tcp_fastopen_send_syn(struct tcp_sock *tp, struct packet *syn)
{
    struct tcp_fastopen_cookie cookie;
    int error = 0;

    tp->mss_clamp = (uint16_t)min_of(tp->rcv.advmss, 65535u);
    bool may = may_send_data(tp, &tp->mss_clamp, &cookie);
    tp->flight->fastopen_cookie = &cookie;
    if (!may || !send_with_data(tp, syn)) {
        if (cookie.bytes > 0) cookie.bytes = 0;
        error = tcp_transmit(tp, syn, false);
        if (error) tp->rcv.open.has_asked = false;
    }
    tp->flight->fastopen_cookie = NULL;
    return error;
}

static int send_deferred(struct tcp_sock *tp)
{
    int error = tcp_send_syn(tp);

    if (!error) return 0;
    tcp_timers_clear(tp);
    tcp_purge_queues(tp);
    tcp_set_state(tp, TCPS_CLOSE);
    tp->inet.remote_port = 0;
    return error;
}

/* SYN, with as much of the message as it takes. */
static int begin(struct tcp_sock *tp, struct user_msg *msg, struct tcp_zero_copy *zero_copy)
{
    struct tcp_fastopen_opening opening = { .msg = msg, .bytes = msg->data.left, .zero_copy = zero_copy };
    struct tcp_net *tn = net_of(tp)->tcp;
    int error = 0;

    tp->rcv.open.is_requested = true;
    tn->fastopen.opening = &opening;
    if (tp->inet.defer_connect) error = send_deferred(tp);
    if (!error) error = inet_stream_open(sk_of(tp)->socket, msg->task, msg->name_bytes ? &msg->name : NULL, msg->name_bytes, true);
    tn->fastopen.opening = NULL;
    tp->rcv.open.is_requested = tp->inet.defer_connect = false;
    return error;
}

/* A later try of a call that waited for the answer. */
static int go_on(struct tcp_sock *tp, struct user_msg *msg)
{
    int error = inet_stream_open(sk_of(tp)->socket, msg->task, NULL, 0, true);

    if (error == -EALREADY) return -EINPROGRESS;
    msg->opening = error ? USER_MSG_LOST : USER_MSG_OPEN;
    return error;
}

int tcp_fastopen_send(struct tcp_sock *tp, struct user_msg *msg, struct tcp_zero_copy *zero_copy)
{
    bool is_unspecified = msg->name_bytes >= sizeof(sa_family_t) && msg->name.ss_family == AF_UNSPEC;
    int error;

    if (msg->opening == USER_MSG_OPENS) return go_on(tp, msg);
    if (!(net_of(tp)->sysctl.tcp_fastopen & FASTOPEN_CLIENT) || is_unspecified) return -EOPNOTSUPP;
    if (tp->rcv.open.is_requested) return -EALREADY;
    error = begin(tp, msg, zero_copy);
    if (msg->is_nonblocking || (error != -EINPROGRESS && error != -EALREADY)) return error;
    tp->flight->is_write_pending = msg->data.left > 0;
    msg->opening = USER_MSG_OPENS;
    return -EINPROGRESS;
}

/* The MSS that the server itself said: the clamp may be the program's. */
static uint16_t mss_of_peer(const struct tcp_sock *tp, const struct tcp_segment *seg)
{
    if (tp->mss_clamp != tp->user_mss) return tp->mss_clamp;
    return seg->options.has_mss ? seg->options.mss_bytes : 0;
}

static void remember(struct tcp_sock *tp, const struct tcp_segment *seg, const struct tcp_fastopen_cookie *c, bool is_syn_lost, uint8_t try_experimental)
{
    struct tcp_metrics *m = tcp_metrics_of(tp, true);
    uint16_t mss = mss_of_peer(tp, seg);

    if (!m) return;
    if (mss) m->fastopen.mss_bytes = mss;
    if (c->bytes > 0) m->fastopen.cookie = *c;
    else if (try_experimental > m->fastopen.try_experimental && m->fastopen.cookie.bytes <= 0 && !m->fastopen.cookie.is_experimental)
        m->fastopen.try_experimental = try_experimental;
    m->fastopen.lost_syns = is_syn_lost ? m->fastopen.lost_syns + 1 : 0;
    if (is_syn_lost) m->fastopen.last_lost_ns = tcp_now_ns(tp);
}

static void learn(struct tcp_sock *tp, const struct tcp_segment *seg, bool is_data_left)
{
    struct tcp_fastopen_cookie c = tcp_fastopen_offered(&seg->options);
    uint8_t try_experimental = 0;
    bool is_syn_lost = false;

    if (!tp->rcv.open.has_asked) c.bytes = -1; /* nobody asked */
    else if (tp->flight->past.total_retrans) is_syn_lost = c.bytes < 0 && is_data_left; /* the server saw only the bare SYN */
    else if (c.bytes < 0 && !tp->rcv.open.has_data) try_experimental = tp->rcv.open.has_asked_experimentally ? 2 : 1; /* perhaps it knows the old option */
    remember(tp, seg, &c, is_syn_lost, try_experimental);
}

bool tcp_fastopen_syn_acked(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct packet *p = tp->rcv.open.has_data ? packet_queue_peek(&tp->flight->retransmit_queue) : NULL;

    if (!tp->rcv.open.has_asked && !tp->rcv.open.has_data) return false;
    learn(tp, seg, p != NULL);
    if (p) {
        tp->rcv.open.failure = tp->flight->past.total_retrans ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
        for (; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) tcp_mark_lost(tp, p);
        tcp_retransmit_without_congestion(tp);
        count(net_of(tp), TcpExt, TCPFastOpenActiveFail);
        return true;
    }
    tp->rcv.open.data_was_taken = tp->rcv.open.has_data;
    if (tp->rcv.open.data_was_taken) {
        count(net_of(tp), TcpExt, TCPFastOpenActive);
        if (tp->delivered > 1) tp->delivered--; /* SYN and data are queued as two, and were one */
    }
    tcp_fastopen_take_data(tp, seg);
    return false;
}

void tcp_fastopen_disable(struct net *net)
{
    if (!net->sysctl.tcp_fastopen_blackhole_timeout_sec) return;
    net->tcp->fastopen.disabled_ns = net->machine->now_ns;
    net->tcp->fastopen.disabled_times++;
}

void tcp_fastopen_timed_out(struct tcp_sock *tp, bool is_last)
{
    if (!tp->rcv.open.has_asked && !tp->rcv.open.has_data && !tp->rcv.open.data_was_taken) return;
    if (tp->retransmits != 2 && !(tp->retransmits < 2 && is_last)) return;
    tcp_fastopen_disable(net_of(tp));
    count(net_of(tp), TcpExt, TCPFastOpenBlackhole);
}

/* Only a FIN, and that out of order: the data before it were eaten. Data from beyond loopback: all is well again. */
void tcp_fastopen_judge_path(struct tcp_sock *tp)
{
    struct tcp_net *tn = net_of(tp)->tcp;
    const struct route *route = tp->inet.route;

    if (!tp->rcv.open.has_asked) return;
    if (!tp->data_segs_in) {
        const struct packet *last = tp->flight->out_of_order_last;
        bool is_only_one = last && rb_first(&tp->flight->out_of_order) == rb_last(&tp->flight->out_of_order);
        if (is_only_one && last->tcp.flags & TCP_FIN) tcp_fastopen_disable(net_of(tp));
    } else if (tp->rcv.open.is_on_trial && tn->fastopen.disabled_times && !(route && route->device->flags & IFF_LOOPBACK)) {
        tn->fastopen.disabled_times = 0;
    }
}
