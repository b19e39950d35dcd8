/* Half-open connections: a SYN becomes a small request in a hash table; its SYN-ACK is repeated by its own timer; the ACK
 * makes it a child (RFC 9293 §3.10.7.2, §3.10.7.4 in SYN-RECEIVED). When the SYN queue is full, cookies stand in (cookie.c). */
#include "tcp/accecn.h"
#include "tcp/tcp_net.h"

static struct net *net_of(const struct tcp_request *r) { return r->listener->inet.sk.net; }

/* Whose port and options its segments carry. The child's, once there is one: its listener may be gone. */
static const struct tcp_sock *speaker(const struct tcp_request *r) { return r->bits & REQUEST_FASTOPEN ? r->child : r->listener; }

/* The next byte we wait for: a Fast Open child has taken the SYN's data. */
static seq_t next_of(const struct tcp_request *r) { return r->bits & REQUEST_FASTOPEN ? r->child->rcv.nxt : seq_add(r->irs, 1); }

uint64_t tcp_request_sent_ns(const struct tcp_request *r) { return r->timer.deadline_ns - TCP_TIMEOUT_INIT_NS; }

uint32_t tcp_request_ts_offset(const struct tcp_request *r)
{
    if (r->bits & REQUEST_FASTOPEN && r->child) return r->child->ts_offset;
    return tcp_new_ts_offset(net_of(r), &r->local, r->listener->inet.local_port, &r->remote, r->remote_port);
}

void tcp_request_free(struct tcp_request *r)
{
    struct machine *m = net_of(r)->machine;
    struct sock *listener = sk_of(r->listener);
    if (r->bits & REQUEST_SAVED_SYN) {
        struct tcp_request_saved *s = container_of(r, struct tcp_request_saved, request);
        if (s->syn) machine_free(m, s->syn, sizeof *s->syn + s->syn->bytes);
        machine_free(m, s, sizeof *s);
    } else {
        machine_free(m, r, sizeof *r);
    }
    sock_put(listener);
}

void tcp_request_drop(struct tcp_request *r)
{
    struct net *net = net_of(r);
    struct tcp_listener *l = r->listener->listener;
    timer_cancel(&net->machine->wheel, &r->timer);
    tcp_table_remove(&net->tcp->requests, &r->node);
    if (l && l->requests) { /* a sock that listens anew has not counted the requests of before */
        l->requests--;
        if (!r->timeouts && l->young) l->young--;
    }
    tcp_request_free(r);
}

static uint16_t advertised_mss(const struct tcp_request *r, struct route *route)
{
    uint32_t mss = route_advmss(route);
    if (speaker(r)->user_mss) mss = min_of(mss, speaker(r)->user_mss);
    return (uint16_t)min_of(mss, 65535u);
}

struct route *tcp_request_route(const struct tcp_request *r)
{
    const struct inet_sock *is = &speaker(r)->inet;
    struct ip_flow flow = {
        .source = r->local, .destination = r->remote, .out_ifindex = (int32_t)r->bound_ifindex, .mark = is->sk.mark, .uid = is->sk.uid,
        .protocol = IPPROTO_TCP, .tos = r->tos, .source_port = be16(is->local_port), .destination_port = be16(r->remote_port),
        .any_source_allowed = true,
    };
    int error;
    return route_output(is->sk.net, &flow, &error);
}

static void syn_ack_options(const struct tcp_request *r, struct route *route, struct tcp_options *o)
{
    struct net *net = net_of(r);
    o->has_mss = true;
    o->mss_bytes = advertised_mss(r, route);
    o->has_window_scale = r->bits & REQUEST_WINDOW_SCALE;
    o->window_scale = r->receive_scale;
    o->has_sack_permitted = r->bits & REQUEST_SACK;
    if (!(r->bits & REQUEST_TIMESTAMP)) return;
    uint32_t now_ms = tcp_clock_ms(net->machine) + tcp_request_ts_offset(r);
    o->has_timestamp = true;
    o->timestamp_value = r->bits & REQUEST_COOKIE ? tcp_cookie_timestamp(r, now_ms) : now_ms;
    o->timestamp_echo = r->ts_recent;
}

/* What the options take until now. */
static uint32_t syn_ack_bytes(const struct tcp_options *o, bool is_signed)
{
    struct tcp_options all = *o;
    uint8_t out[60];
    return tcp_write_options(out, &all) + (is_signed && !o->md5 ? TCP_MD5_OPTION_BYTES : 0);
}

int tcp_request_send_syn_ack(struct tcp_request *r, const struct tcp_fastopen_cookie *cookie)
{
    const struct inet_sock *is = &speaker(r)->inet;
    struct tcp_reply reply = {
        .source = r->local, .destination = r->remote, .source_port = is->local_port,
        .destination_port = r->remote_port, .seq = r->iss, .ack = next_of(r), .window = (uint16_t)min_of(r->receive_window, 65535u),
        .flags = TCP_SYN | TCP_ACK, .tos = r->tos, .out_ifindex = (int32_t)r->bound_ifindex, .like = is,
    };
    struct route *route = tcp_request_route(r);
    if (!route) return -EHOSTUNREACH;
    /* RFC 9768 §3.1.4.2: perhaps somebody drops the option, and then the flags. */
    bool is_plain = r->bits & REQUEST_REPEATED && r->timeouts;
    if (r->bits & REQUEST_ACCECN && !is_plain) reply.flags |= tcp_ace_flags(tcp_ace_of_codepoint((uint8_t)(r->bits >> REQUEST_CODEPOINT_SHIFT)), &reply.is_ae);
    else if (r->bits & REQUEST_ECN && !(r->bits & REQUEST_ACCECN) && !is_plain) reply.flags |= TCP_ECE;
    if (r->listener->settings->md5_keys && r->bits & REQUEST_SACK && !(r->bits & REQUEST_COOKIE) && tcp_md5_find(r->listener, &r->remote))
        r->bits &= (uint16_t)~REQUEST_TIMESTAMP; /* Linux: no room for both with a signature */
    syn_ack_options(r, route, &reply.options);
    bool is_signed = speaker(r)->settings->md5_keys && tcp_md5_find(speaker(r), &r->remote);
    if (cookie) tcp_fastopen_put(&reply.options, cookie, is_signed);
    if ((r->bits & (REQUEST_ACCECN | REQUEST_REPEATED)) == REQUEST_ACCECN) tcp_accecn_syn_ack_option(net_of(r), &reply.options, syn_ack_bytes(&reply.options, is_signed));
    route_put(route);
    return tcp_reply_send(net_of(r), &reply);
}

int tcp_request_repeat(struct tcp_request *r)
{
    r->bits |= REQUEST_REPEATED;
    int error = tcp_request_send_syn_ack(r, NULL);
    if (error) return error;
    r->retransmits++;
    count(net_of(r), Tcp, RetransSegs);
    count(net_of(r), TcpExt, TCPSynRetrans);
    return 0;
}

static uint64_t timeout_ns(const struct tcp_request *r)
{
    uint64_t most_ns = (uint64_t)net_of(r)->sysctl.tcp_rto_max_ms * NS_PER_MS;
    return r->timeouts >= 20 ? most_ns : min_of(TCP_TIMEOUT_INIT_NS << r->timeouts, most_ns);
}

/* How often a SYN-ACK is repeated: less when the queue fills up with requests that never answered. */
static uint32_t repeat_limit(const struct tcp_sock *tp)
{
    const struct tcp_listener *l = tp->listener;
    uint32_t most = tp->settings->syn_retries ? (uint32_t)tp->settings->syn_retries : (uint32_t)tp->inet.sk.net->sysctl.tcp_synack_retries;
    if (l->requests << 1 <= max_of(8u, l->limit)) return most;
    for (uint32_t young = l->young << 1; most > 2 && l->requests >= young; young <<= 1) most--;
    return most;
}

/* TCP_DEFER_ACCEPT in timeouts of a request. */
static uint32_t defer_timeouts(const struct tcp_sock *tp) { return tcp_seconds_to_timeouts(tp->settings->defer_accept_s); }

static void request_fire(struct timer *t, uint64_t now_ns)
{
    struct tcp_request *r = container_of(t, struct tcp_request, timer);
    struct tcp_sock *tp = r->listener;
    struct net *net = net_of(r);
    if (tp->inet.sk.state != TCPS_LISTEN) {
        tcp_request_drop(r);
        return;
    }
    uint32_t most = repeat_limit(tp), defer = defer_timeouts(tp);
    bool is_acked = r->bits & REQUEST_ACKED, is_over = r->timeouts >= most, repeats = true;
    if (defer) {
        is_over = is_over && (!is_acked || r->timeouts >= defer);
        repeats = !is_acked || r->timeouts + 1u >= defer;
    }
    count(net, TcpExt, TCPTimeouts);
    if (!is_over && (!repeats || !tcp_request_repeat(r) || is_acked)) {
        if (!r->timeouts && tp->listener->young) tp->listener->young--;
        if (r->timeouts < 255) r->timeouts++;
        timer_arm(&net->machine->wheel, &r->timer, now_ns + timeout_ns(r));
        return;
    }
    tp->listener->stats.requests_timed_out++;
    tcp_request_drop(r);
}

static void drop_syn(struct tcp_sock *tp, struct packet *p, enum drop_reason why, uint64_t *stat)
{
    count(tp->inet.sk.net, TcpExt, ListenDrops);
    tp->inet.sk.drops++;
    ++*stat;
    packet_drop(p, why);
}

/* True: answer with a cookie. */
static bool flood_action(struct net *net)
{
    if (net->sysctl.tcp_syncookies) count(net, TcpExt, TCPReqQFullDoCookies);
    else count(net, TcpExt, TCPReqQFullDrop);
    return net->sysctl.tcp_syncookies;
}

static void take_options(struct tcp_request *r, const struct tcp_segment *seg, const struct net_sysctl *sysctl)
{
    const struct tcp_options *o = &seg->options;
    bool has_timestamp = o->has_timestamp && sysctl->tcp_timestamps;
    uint16_t user = r->listener->user_mss;
    r->mss_bytes = ip_is4(&r->remote) ? 536 : 1220; /* RFC 9293 MUST-15 */
    if (o->has_mss) r->mss_bytes = user ? min_of(o->mss_bytes, user) : o->mss_bytes;
    /* A cookie has no room for options but in the timestamp. */
    if (r->bits & REQUEST_COOKIE && !has_timestamp) return;
    if (o->has_sack_permitted && sysctl->tcp_sack) r->bits |= REQUEST_SACK;
    if (has_timestamp) {
        r->bits |= REQUEST_TIMESTAMP;
        r->ts_recent = o->timestamp_value;
    }
    if (o->has_window_scale && sysctl->tcp_window_scaling) {
        r->bits |= REQUEST_WINDOW_SCALE;
        r->send_scale = o->window_scale & 15u;
    }
}

/* RFC 9768 §3.1.2: any flags but none and RFC 3168's ask for Accurate ECN. RFC 3168 §6.1.1: both bits, and the SYN itself not
 * ECT, unless it is of a kind that may be. */
static void take_ecn(struct tcp_request *r, const struct tcp_segment *seg, const struct route *route)
{
    int64_t mode = net_of(r)->sysctl.tcp_ecn;
    uint8_t ace = tcp_ace_of(seg), codepoint = seg->packet->ip.tos & 3;
    if (ace && ace != 3 && mode >= 3) {
        r->bits |= (uint16_t)(REQUEST_ECN | REQUEST_ACCECN | codepoint << REQUEST_CODEPOINT_SHIFT);
        return;
    }
    if ((ace & 3) != 3) return;
    bool needs_ecn = r->listener->cc.ops && r->listener->cc.ops->needs_ecn;
    if (((!codepoint || ace & 4) && (mode || route->features_ecn)) || needs_ecn) r->bits |= REQUEST_ECN;
}

void tcp_request_choose_window(struct tcp_request *r, struct route *route)
{
    struct tcp_sock *tp = r->listener;
    uint32_t space = tcp_receive_space(tp), mss = advertised_mss(r, route), clamp = tp->rcv.window_clamp;
    uint8_t scale = 0;
    if (!clamp && route->window) clamp = route->window;
    if (tp->inet.sk.rcvbuf_locked && (clamp > space || !clamp)) clamp = space;
    if (r->bits & REQUEST_TIMESTAMP) mss -= 12;
    uint32_t window = tcp_initial_window(tp, space, mss, r->bits & REQUEST_WINDOW_SCALE, &scale, &clamp);
    r->receive_window = window; /* a SYN-ACK, never scaled, may say less */
    r->receive_scale = scale & 15u;
}

static void save_syn(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct tcp_request_saved *s = container_of(r, struct tcp_request_saved, request);
    const struct packet *p = seg->packet;
    /* The headers were pulled, yet lie before the payload, contiguous, in the same buffer. */
    uint32_t header_bytes = p->ip.header_bytes + seg->header_bytes;
    struct tcp_saved_syn *syn = machine_alloc(net_of(r)->machine, sizeof *syn + header_bytes);
    if (!syn) return;
    syn->bytes = header_bytes;
    memcpy(syn->data, packet_network(p), header_bytes);
    s->syn = syn;
}

static struct tcp_request *alloc_request(struct tcp_sock *tp)
{
    struct machine *m = tp->inet.sk.net->machine;
    struct tcp_request *r;
    if (tp->settings->save_syn) {
        struct tcp_request_saved *s = machine_alloc(m, sizeof *s);
        if (!s) return NULL;
        r = &s->request;
        r->bits = REQUEST_SAVED_SYN;
    } else {
        r = machine_alloc(m, sizeof *r);
        if (!r) return NULL;
    }
    r->listener = tp;
    timer_init(&r->timer, request_fire);
    sock_get(sk_of(tp));
    return r;
}

static void fill_request(struct tcp_request *r, const struct tcp_segment *seg)
{
    const struct packet *p = seg->packet;
    const struct inet_sock *is = &r->listener->inet;
    r->local = p->ip.destination;
    r->remote = p->ip.source;
    r->remote_port = seg->source_port;
    r->irs = seg->seq;
    r->bound_ifindex = (uint32_t)is->sk.bound_ifindex;
    if (!r->bound_ifindex && !ip_is4(&r->remote) && ip_is_link_local(&r->remote)) r->bound_ifindex = (uint32_t)p->in_ifindex;
    r->tos = ip_is4(&r->local) ? is->tos : is->tclass;
    if (net_of(r)->sysctl.tcp_reflect_tos) r->tos = (uint8_t)((p->ip.tos & 0xfc) | (r->tos & 3));
    take_options(r, seg, &net_of(r)->sysctl);
}

static void enqueue(struct tcp_request *r)
{
    struct net *net = net_of(r);
    struct tcp_listener *l = r->listener->listener;
    tcp_table_add(net->tcp, &net->tcp->requests, &r->node);
    timer_arm(&net->machine->wheel, &r->timer, net->machine->now_ns + TCP_TIMEOUT_INIT_NS);
    l->requests++;
    l->young++;
    l->stats.syn_queue_highest = max_of(l->stats.syn_queue_highest, l->requests);
}

static void answer_with_cookie(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct tcp_request r = { .listener = tp, .bits = REQUEST_COOKIE };
    fill_request(&r, seg);
    struct route *route = tcp_request_route(&r);
    if (!route) {
        drop_syn(tp, seg->packet, DROP_IP_OUTNOROUTES, &tp->listener->stats.syns_dropped_other);
        return;
    }
    take_ecn(&r, seg, route);
    if (!(r.bits & REQUEST_TIMESTAMP)) r.bits &= (uint16_t)~REQUEST_ECN;
    r.iss = tcp_cookie_make(tp, seg, &r.mss_bytes);
    tcp_request_choose_window(&r, route);
    route_put(route);
    tp->listener->stats.cookies_sent++;
    tcp_request_send_syn_ack(&r, NULL);
    packet_consume(seg->packet);
}

/* Without cookies the last quarter of tcp_max_syn_backlog is for peers that proved themselves. */
static bool is_reserved_room(const struct tcp_request *r)
{
    struct net *net = net_of(r);
    int64_t most = net->sysctl.tcp_max_syn_backlog;
    if (net->sysctl.tcp_syncookies || most - (int64_t)r->listener->listener->requests >= most >> 2) return false;
    const struct tcp_metrics *m = tcp_metrics_find(net, &r->local, &r->remote);
    return !m || !m->srtt_us;
}

/* A Fast Open child waits for accept() already; else the request waits for its ACK. */
static void answer(struct tcp_request *r, struct tcp_segment *seg)
{
    struct tcp_sock *listener = r->listener;
    struct tcp_fastopen_cookie cookie = tcp_fastopen_offered(&seg->options);
    if (tcp_fastopen_try(r, seg, &cookie)) {
        tcp_request_send_syn_ack(r, &cookie);
        sock_data_ready(sk_of(listener));
    } else {
        enqueue(r);
        tcp_request_send_syn_ack(r, &cookie);
    }
}

static void make_request(struct tcp_sock *tp, struct tcp_segment *seg, bool has_isn, seq_t isn)
{
    struct tcp_listener_stats *stats = &tp->listener->stats;
    struct net *net = tp->inet.sk.net;
    struct tcp_request *r = alloc_request(tp);
    if (!r) {
        drop_syn(tp, seg->packet, DROP_NOMEM, &stats->syns_dropped_no_memory);
        return;
    }
    fill_request(r, seg);
    struct route *route = tcp_request_route(r);
    if (!route) {
        tcp_request_free(r);
        drop_syn(tp, seg->packet, DROP_IP_OUTNOROUTES, &stats->syns_dropped_other);
        return;
    }
    if (!has_isn && is_reserved_room(r)) {
        route_put(route);
        tcp_request_free(r);
        drop_syn(tp, seg->packet, DROP_TCP_REQ_DROPPED, &stats->syns_dropped_syn_queue);
        return;
    }
    take_ecn(r, seg, route);
    r->iss = has_isn ? isn : tcp_new_isn(net, &r->local, tp->inet.local_port, &r->remote, r->remote_port);
    tcp_request_choose_window(r, route);
    route_put(route);
    if (r->bits & REQUEST_SAVED_SYN) save_syn(r, seg);
    answer(r, seg);
    packet_consume(seg->packet);
}

void tcp_connection_request(struct tcp_sock *tp, struct tcp_segment *seg, bool has_isn, seq_t isn)
{
    struct net *net = tp->inet.sk.net;
    struct tcp_listener *l = tp->listener;
    const struct packet *p = seg->packet;
    enum ip_scope_kind to = ip_address_kind(net, &p->ip.destination, p->in_ifindex);
    if (to == IP_KIND_BROADCAST || to == IP_KIND_MULTICAST) { /* an address of another interface, met over lo, is neither */
        drop_syn(tp, seg->packet, DROP_TCP_SYN_TO_MULTICAST, &l->stats.syns_dropped_other);
        return;
    }
    bool wants_cookie = net->sysctl.tcp_syncookies == 2 || tcp_syn_queue_is_full(l);
    if (wants_cookie && !flood_action(net)) {
        drop_syn(tp, seg->packet, DROP_TCP_REQQ_FULL, &l->stats.syns_dropped_syn_queue);
        return;
    }
    if (tcp_accept_queue_is_full(l)) {
        count(net, TcpExt, ListenOverflows);
        drop_syn(tp, seg->packet, DROP_TCP_LISTEN_OVERFLOW, &l->stats.syns_dropped_accept_queue);
        return;
    }
    if (wants_cookie) answer_with_cookie(tp, seg);
    else make_request(tp, seg, has_isn, isn);
}

/* tcp_invalid_ratelimit, for an answer to seg; NULL: for a challenge. */
static bool is_limited(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct net *net = net_of(r);
    uint32_t now_ms = tcp_clock_ms(net->machine), last_ms = 0;
    bool limited;
    if (r->last_answer_16ms) last_ms = now_ms - (uint16_t)(now_ms / 16 - r->last_answer_16ms) * 16u;
    limited = seg ? tcp_answer_is_limited(net, seg, &last_ms) : tcp_challenge_is_limited(net, &last_ms);
    if (!limited && last_ms) r->last_answer_16ms = (uint16_t)max_of(last_ms / 16 & 0xffff, 1u);
    return limited;
}

/* A segment out of place: says what we have and want. */
static void send_ack(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct tcp_reply reply = {
        .source = r->local, .destination = r->remote, .source_port = speaker(r)->inet.local_port,
        .destination_port = r->remote_port, .seq = seq_add(r->iss, 1), .ack = next_of(r),
        .window = (uint16_t)min_of(r->receive_window >> r->receive_scale, 65535u), .flags = TCP_ACK, .tos = seg->packet->ip.tos & 0xfc,
        .out_ifindex = (int32_t)r->bound_ifindex,
    };
    if (r->bits & REQUEST_TIMESTAMP) {
        reply.options.has_timestamp = true;
        reply.options.timestamp_value = tcp_clock_ms(net_of(r)->machine) + tcp_request_ts_offset(r);
        reply.options.timestamp_echo = r->ts_recent;
    }
    tcp_reply_send(net_of(r), &reply);
}

static void repeated_syn(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct net *net = net_of(r);
    if (is_limited(r, seg)) {
        count(net, TcpExt, TCPACKSkippedSynRecv);
        return;
    }
    if (r->bits & REQUEST_ACCECN) {
        r->bits = (uint16_t)((r->bits & ~(3 << REQUEST_CODEPOINT_SHIFT)) | (seg->packet->ip.tos & 3) << REQUEST_CODEPOINT_SHIFT);
        if (!tcp_ace_of(seg)) r->bits |= REQUEST_ACE_FAILS;
    }
    if (tcp_request_repeat(r) || r->bits & REQUEST_FASTOPEN) return;
    timer_arm(&net->machine->wheel, &r->timer, net->machine->now_ns + timeout_ns(r));
}

static bool in_window(const struct tcp_segment *seg, seq_t left, seq_t right)
{
    if (seq_equal(seg->seq, left)) return true;
    if (seq_after(seg->end_seq, left) && seq_before(seg->seq, right)) return true;
    return seq_equal(seg->seq, right) && seq_equal(seg->seq, seg->end_seq);
}

/* The echo must be of a SYN-ACK of ours: sent after the request came, not after now. */
static bool echo_is_wrong(const struct tcp_request *r, const struct tcp_segment *seg)
{
    if (!(r->bits & REQUEST_TIMESTAMP) || !seg->options.timestamp_echo) return false;
    uint32_t now_ms = tcp_clock_ms(net_of(r)->machine), echo = seg->options.timestamp_echo - tcp_request_ts_offset(r);
    uint64_t first_sent_ns = r->timer.deadline_ns; /* of the pending timeout: all before it lie a known time back */
    for (uint32_t i = 0; i <= r->timeouts; i++) first_sent_ns -= min_of(first_sent_ns, i < 20 ? TCP_TIMEOUT_INIT_NS << i : 0);
    uint32_t first_ms = (uint32_t)(first_sent_ns / NS_PER_MS);
    return (int32_t)(echo - first_ms) < 0 || (int32_t)(now_ms - echo) < 0;
}

enum verdict { IGNORE, TO_LISTENER, MAKE_CHILD, RESET };

static enum verdict out_of_place(struct tcp_request *r, const struct tcp_segment *seg, bool is_old, bool echo_wrong)
{
    struct net *net = net_of(r);
    if (!(seg->flags & TCP_RST)) {
        if (!is_limited(r, seg)) send_ack(r, seg);
        else count(net, TcpExt, TCPACKSkippedSynRecv);
    }
    if (is_old) count(net, TcpExt, PAWSEstab);
    else if (echo_wrong) count(net, TcpExt, TSEcrRejected);
    return IGNORE;
}

/* RFC 5961 §3.2: a reset in the window, yet not at its edge, may be a guess. */
static void challenge(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct net *net = net_of(r);
    if (is_limited(r, NULL)) {
        count(net, TcpExt, TCPACKSkippedChallenge);
    } else if (tcp_challenge_allowed(net)) {
        count(net, TcpExt, TCPChallengeACK);
        send_ack(r, seg);
    }
}

static enum verdict judge(struct tcp_request *r, struct tcp_segment *seg)
{
    struct net *net = net_of(r);
    seq_t next = next_of(r);
    bool has_child = r->bits & REQUEST_FASTOPEN; /* which looks at the ACK itself */
    uint8_t flags = seg->flags & (TCP_RST | TCP_SYN | TCP_ACK | TCP_FIN);
    bool has_timestamp = seg->options.has_timestamp && net->sysctl.tcp_timestamps;
    bool is_old = has_timestamp && tcp_paws_rejects(r->ts_recent, seg->options.timestamp_value, flags & TCP_RST);
    bool echo_wrong = has_timestamp && !has_child && echo_is_wrong(r, seg);
    if (seq_equal(seg->seq, r->irs) && (flags & (TCP_RST | TCP_SYN | TCP_ACK)) == TCP_SYN && !is_old) {
        repeated_syn(r, seg);
        return IGNORE;
    }
    if (flags & TCP_RST && !seq_equal(seg->seq, next) && in_window(seg, next, seq_add(next, r->receive_window))) {
        challenge(r, seg);
        return IGNORE;
    }
    if (flags & TCP_ACK && !has_child && !seq_equal(seg->ack, seq_add(r->iss, 1))) return TO_LISTENER;
    if (is_old || echo_wrong || !in_window(seg, next, seq_add(next, r->receive_window)))
        return out_of_place(r, seg, is_old, echo_wrong);
    if (has_timestamp && !seq_after(seg->seq, next)) r->ts_recent = seg->options.timestamp_value;
    if (seq_equal(seg->seq, r->irs)) flags &= (uint8_t)~TCP_SYN; /* the SYN lies before the window */
    if (flags & (TCP_RST | TCP_SYN)) {
        count(net, Tcp, AttemptFails);
        return RESET;
    }
    if (!(flags & TCP_ACK)) return IGNORE;
    if (has_child) return MAKE_CHILD; /* made it is */
    if (r->timeouts < defer_timeouts(r->listener) && seq_equal(seg->end_seq, next)) {
        r->bits |= REQUEST_ACKED;
        count(net, TcpExt, TCPDeferAcceptDrop);
        return IGNORE;
    }
    return MAKE_CHILD;
}

static void reset(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct net *net = net_of(r);
    if (!(seg->flags & TCP_RST)) tcp_send_reset_for(net, seg);
    r->listener->listener->stats.requests_reset++;
    count(net, TcpExt, EmbryonicRsts);
    tcp_request_drop(r);
}

static void make_child(struct tcp_request *r, struct tcp_segment *seg)
{
    struct tcp_sock *listener = r->listener;
    struct net *net = net_of(r);
    struct tcp_sock *child = tcp_child_create(r, seg);
    if (child) {
        tcp_request_drop(r);
        tcp_child_receive(listener, child, seg);
        return;
    }
    listener->listener->stats.accept_overflows++;
    if (net->sysctl.tcp_abort_on_overflow) reset(r, seg);
    else r->bits |= REQUEST_ACKED; /* the peer thinks it is open: its next segment tries again */
    packet_drop(seg->packet, DROP_TCP_LISTEN_OVERFLOW);
}

void tcp_request_receive(struct tcp_request *r, struct tcp_segment *seg)
{
    struct sock *listener = sk_of(r->listener);
    switch (judge(r, seg)) {
    case TO_LISTENER: tcp_listen_receive(listener, seg); return;
    case MAKE_CHILD: make_child(r, seg); return;
    case RESET: reset(r, seg); break;
    case IGNORE: break;
    }
    packet_drop(seg->packet, seg->flags & TCP_RST ? DROP_TCP_RESET : DROP_TCP_OLD_SEQUENCE);
}

/* A SYN out of place does not end what its program may be using already; a RST does. */
bool tcp_request_admits(struct tcp_request *r, struct tcp_segment *seg)
{
    struct tcp_sock *child = r->child;
    bool is_reset = seg->flags & TCP_RST;
    enum verdict verdict = judge(r, seg);
    if (verdict == MAKE_CHILD) return true;
    if (verdict == RESET && is_reset) {
        tcp_fastopen_forget(child, true);
        tcp_reset_received(child);
    } else if (verdict == RESET) {
        tcp_send_reset_for(child->inet.sk.net, seg);
    }
    packet_drop(seg->packet, is_reset ? DROP_TCP_RESET : DROP_TCP_OLD_SEQUENCE);
    return false;
}
