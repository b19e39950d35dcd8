/* TIME-WAIT, and FIN-WAIT-2 of orphans, in a small struct of their own (RFC 9293 §3.6.1, RFC 6191, RFC 1337). */
#include "tcp/tcp_net.h"

static void ring_arm(struct tcp_net *tn, uint64_t slot)
{
    uint64_t due_ns = slot << TIME_WAIT_SLOT_SHIFT;
    if (timer_is_armed(&tn->time_wait_timer) && tn->time_wait_timer.deadline_ns <= due_ns) return;
    timer_arm(&tn->net->machine->wheel, &tn->time_wait_timer, due_ns);
}

/* Slots before the first occupied one are empty: the ring begins there, or now, so that all of it lies ahead. */
static void ring_advance(struct tcp_net *tn, uint64_t now_ns)
{
    uint64_t first = now_ns >> TIME_WAIT_SLOT_SHIFT;
    if (timer_is_armed(&tn->time_wait_timer)) first = min_of(first, tn->time_wait_timer.deadline_ns >> TIME_WAIT_SLOT_SHIFT);
    tn->time_wait_slot = max_of(tn->time_wait_slot, first);
}

static void ring_add(struct tcp_net *tn, struct tcp_time_wait *tw, uint64_t lifetime_ns)
{
    uint64_t now_ns = tn->net->machine->now_ns;
    ring_advance(tn, now_ns);
    uint64_t slot = (now_ns + lifetime_ns + (1u << TIME_WAIT_SLOT_SHIFT) - 1) >> TIME_WAIT_SLOT_SHIFT;
    slot = max_of(slot, tn->time_wait_slot);
    tw->slot = (uint16_t)(slot % TIME_WAIT_SLOTS);
    list_add_tail(&tn->time_wait_ring[tw->slot], &tw->due);
    ring_arm(tn, slot);
}

uint64_t tcp_time_wait_left_ns(const struct tcp_net *tn, const struct tcp_time_wait *tw)
{
    uint64_t now_ns = tn->net->machine->now_ns, now_slot = now_ns >> TIME_WAIT_SLOT_SHIFT;
    uint64_t slot = now_slot + (tw->slot - now_slot) % TIME_WAIT_SLOTS;
    return slot << TIME_WAIT_SLOT_SHIFT > now_ns ? (slot << TIME_WAIT_SLOT_SHIFT) - now_ns : 0;
}

void tcp_time_wait_end(struct tcp_net *tn, struct tcp_time_wait *tw)
{
    tcp_table_remove(&tn->time_wait, &tw->node);
    list_remove(&tw->due);
    port_unhold(&tw->hold);
    tn->time_wait_count--;
    machine_free(tn->net->machine, tw, tw->hold.owner_bits & TIME_WAIT_IS_SIGNED ? sizeof(struct tcp_time_wait_signed) : sizeof *tw);
}

void tcp_time_wait_fire(struct timer *t, uint64_t now_ns)
{
    struct tcp_net *tn = container_of(t, struct tcp_net, time_wait_timer);
    uint64_t last = now_ns >> TIME_WAIT_SLOT_SHIFT;
    for (uint32_t turns = 0; tn->time_wait_slot <= last; tn->time_wait_slot++) {
        struct list *slot = &tn->time_wait_ring[tn->time_wait_slot % TIME_WAIT_SLOTS];
        while (!list_is_empty(slot)) tcp_time_wait_end(tn, list_first(slot, struct tcp_time_wait, due));
        if (++turns == TIME_WAIT_SLOTS) tn->time_wait_slot = last;
    }
    if (!tn->time_wait_count) return;
    uint64_t next = tn->time_wait_slot;
    while (list_is_empty(&tn->time_wait_ring[next % TIME_WAIT_SLOTS])) next++;
    ring_arm(tn, next);
}

static void reschedule(struct tcp_net *tn, struct tcp_time_wait *tw)
{
    list_remove(&tw->due);
    ring_add(tn, tw, TCP_TIME_WAIT_NS);
}

static uint32_t open_window(const struct tcp_sock *tp)
{
    int32_t left = (int32_t)(tp->rcv.wup.v + tp->rcv.wnd - tp->rcv.nxt.v);
    return left > 0 ? (uint32_t)left : 0;
}

static struct tcp_time_wait *create(struct tcp_sock *tp, uint8_t substate)
{
    struct inet_sock *is = &tp->inet;
    struct machine *m = is->sk.net->machine;
    struct tcp_net *tn = is->sk.net->tcp;
    if ((int64_t)tn->time_wait_count >= is->sk.net->sysctl.tcp_max_tw_buckets || !is->port_bucket) return NULL;
    const struct tcp_md5_key *key = tp->settings->md5_keys ? tcp_md5_find(tp, &is->remote) : NULL;
    struct tcp_time_wait *tw = machine_alloc(m, key ? sizeof(struct tcp_time_wait_signed) : sizeof *tw);
    if (!tw) return NULL;
    if (key) container_of(tw, struct tcp_time_wait_signed, tw)->key = *key;
    port_hold(&tw->hold, is);
    tw->hold.owner_bits = (uint8_t)((substate == TCPS_FIN_WAIT2 ? TIME_WAIT_IS_FIN_WAIT2 : 0) |
        (tp->is_timestamp_ok && tp->ts_recent_stamp_ns ? TIME_WAIT_HAS_TIMESTAMP : 0) | (inet_is6(&is->sk) ? TIME_WAIT_IS6 : 0) |
        (key ? TIME_WAIT_IS_SIGNED : 0));
    tw->remote = is->remote;
    tw->remote_port = is->remote_port;
    tw->snd_nxt = tp->snd.nxt;
    tw->rcv_nxt = tp->rcv.nxt;
    tw->receive_window = open_window(tp);
    tw->receive_scale = tp->rcv.scale;
    tw->ts_recent = tp->ts_recent;
    tw->entered_ms = tcp_clock_ms(m);
    tw->tos = ip_is4(&is->remote) ? is->tos : is->tclass;
    return tw;
}

void tcp_time_wait_enter(struct tcp_sock *tp, uint8_t substate, uint64_t lifetime_ns)
{
    struct net *net = tp->inet.sk.net;
    struct tcp_net *tn = net->tcp;
    tcp_metrics_save(tp);
    struct tcp_time_wait *tw = create(tp, substate);
    if (tw) {
        lifetime_ns = max_of(lifetime_ns, (tp->rtt.rto_ns << 2) - (tp->rtt.rto_ns >> 1));
        if (substate == TCPS_TIME_WAIT || lifetime_ns > TCP_TIME_WAIT_NS) lifetime_ns = TCP_TIME_WAIT_NS;
        tn->time_wait_count++;
        /* Linux counts at the beginning, short ones apart. */
        if (lifetime_ns > 4 * NS_PER_S) count(net, TcpExt, TW);
        else count(net, TcpExt, TWKilled);
        tcp_unhash(tp);
        tcp_table_add(tn, &tn->time_wait, &tw->node);
        ring_add(tn, tw, lifetime_ns);
    } else {
        count(net, TcpExt, TCPTimeWaitOverflow);
    }
    tcp_done(tp);
}

static const struct tcp_md5_key *key_of(const struct tcp_time_wait *tw)
{
    return tw->hold.owner_bits & TIME_WAIT_IS_SIGNED ? &container_of(tw, const struct tcp_time_wait_signed, tw)->key : NULL;
}

static void send_ack(struct net *net, const struct tcp_time_wait *tw)
{
    struct tcp_reply r = {
        .md5 = key_of(tw), .source = tw->hold.local, .destination = tw->remote, .source_port = time_wait_port(tw),
        .destination_port = tw->remote_port, .flags = TCP_ACK, .seq = tw->snd_nxt, .ack = tw->rcv_nxt,
        .window = (uint16_t)min_of(tw->receive_window >> tw->receive_scale, 65535u), .tos = tw->tos,
        .out_ifindex = tw->hold.bound_ifindex,
    };
    if (tw->ts_recent) {
        r.options.has_timestamp = true;
        r.options.timestamp_value = tcp_clock_ms(net->machine) + tcp_new_ts_offset(net, &r.source, r.source_port, &tw->remote, tw->remote_port);
        r.options.timestamp_echo = tw->ts_recent;
    }
    tcp_reply_send(net, &r);
}

static void note_timestamp(struct tcp_time_wait *tw, const struct tcp_segment *seg)
{
    if (!(tw->hold.owner_bits & TIME_WAIT_HAS_TIMESTAMP) || !seg->options.has_timestamp) return;
    tw->ts_recent = seg->options.timestamp_value;
}

enum verdict { IGNORE, ANSWER, RESET, KILL, ACCEPT_SYN };

static bool in_window(const struct tcp_segment *seg, seq_t left, seq_t right)
{
    if (seq_equal(seg->seq, left)) return true;
    if (seq_after(seg->end_seq, left) && seq_before(seg->seq, right)) return true;
    return seq_equal(seg->seq, right) && seq_equal(seg->seq, seg->end_seq);
}

static enum verdict answer_unless_limited(struct net *net, struct tcp_time_wait *tw, const struct tcp_segment *seg)
{
    if (!tcp_answer_is_limited(net, seg, &tw->last_out_of_window_ms)) return ANSWER;
    if (tw->hold.owner_bits & TIME_WAIT_IS_FIN_WAIT2) count(net, TcpExt, TCPACKSkippedFinWait2);
    else count(net, TcpExt, TCPACKSkippedTimeWait);
    return IGNORE;
}

/* An orphan's FIN-WAIT-2: our side is closed and gone, so only the peer's FIN is welcome. */
static enum verdict judge_fin_wait2(struct net *net, struct tcp_time_wait *tw, const struct tcp_segment *seg, bool is_old)
{
    if (is_old || !in_window(seg, tw->rcv_nxt, seq_add(tw->rcv_nxt, tw->receive_window)))
        return answer_unless_limited(net, tw, seg);
    if (seg->flags & TCP_RST) return KILL;
    if ((seg->flags & TCP_SYN) && !seq_before(seg->seq, tw->rcv_nxt)) return RESET;
    if (!(seg->flags & TCP_ACK) || !seq_after(seg->end_seq, tw->rcv_nxt) || seq_equal(seg->end_seq, seg->seq)) return IGNORE;
    if (!(seg->flags & TCP_FIN) || !seq_equal(seg->end_seq, seq_add(tw->rcv_nxt, 1))) return RESET;
    tw->hold.owner_bits &= (uint8_t)~TIME_WAIT_IS_FIN_WAIT2;
    tw->rcv_nxt = seg->end_seq;
    tw->entered_ms = tcp_clock_ms(net->machine);
    note_timestamp(tw, seg);
    reschedule(net->tcp, tw);
    return ANSWER;
}

/* RFC 6191: a SYN that cannot be of the old connection, by sequence or timestamp, may begin a new one. */
static bool is_new_connection(const struct tcp_time_wait *tw, const struct tcp_segment *seg, bool has_timestamp)
{
    if ((seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_SYN) return false;
    return seq_after(seg->seq, tw->rcv_nxt) || (has_timestamp && (int32_t)(tw->ts_recent - seg->options.timestamp_value) < 0);
}

static enum verdict judge(struct net *net, struct tcp_time_wait *tw, const struct tcp_segment *seg)
{
    bool has_timestamp = (tw->hold.owner_bits & TIME_WAIT_HAS_TIMESTAMP) && seg->options.has_timestamp;
    bool is_old = has_timestamp && tcp_paws_rejects(tw->ts_recent, seg->options.timestamp_value, seg->flags & TCP_RST);
    if (tw->hold.owner_bits & TIME_WAIT_IS_FIN_WAIT2) return judge_fin_wait2(net, tw, seg, is_old);
    if (!is_old && seq_equal(seg->seq, tw->rcv_nxt) && (seq_equal(seg->seq, seg->end_seq) || seg->flags & TCP_RST)) {
        /* RFC 1337: an RST that ends TIME-WAIT early; Linux lets it unless told otherwise. */
        if (seg->flags & TCP_RST) {
            if (!net->sysctl.tcp_rfc1337) return KILL;
        } else {
            reschedule(net->tcp, tw);
        }
        note_timestamp(tw, seg);
        return IGNORE;
    }
    if (!is_old && is_new_connection(tw, seg, has_timestamp)) return ACCEPT_SYN;
    if (is_old) count(net, TcpExt, PAWSTimewait);
    if (seg->flags & TCP_RST) return IGNORE;
    /* A SYN without ACK may be a new peer's: it must not prolong the wait. */
    if (is_old || seg->flags & TCP_ACK) reschedule(net->tcp, tw);
    return answer_unless_limited(net, tw, seg);
}

static bool accept_syn(struct net *net, struct tcp_time_wait *tw, struct tcp_segment *seg)
{
    const struct packet *p = seg->packet;
    struct tcp_tuple t = { &p->ip.destination, &p->ip.source, seg->destination_port, seg->source_port, p->in_ifindex };
    struct tcp_sock *listener = tcp_find_listener(net->tcp, &t);
    if (!listener) return false;
    uint32_t isn = tw->snd_nxt.v + 65535 + 2; /* well past what the old connection sent */
    tcp_time_wait_end(net->tcp, tw);
    sock_get(sk_of(listener));
    listener->segs_in++;
    listener->listener->stats.syns_received++;
    tcp_connection_request(listener, seg, true, seq(isn ? isn : 1));
    sock_put(sk_of(listener));
    return true;
}

void tcp_time_wait_receive(struct net *net, struct tcp_time_wait *tw, struct tcp_segment *seg)
{
    switch (judge(net, tw, seg)) {
    case IGNORE: break;
    case KILL: tcp_time_wait_end(net->tcp, tw); break;
    case RESET:
        tcp_send_reset_for(net, seg);
        tcp_time_wait_end(net->tcp, tw);
        break;
    case ACCEPT_SYN:
        if (accept_syn(net, tw, seg)) return;
        send_ack(net, tw);
        break;
    case ANSWER: send_ack(net, tw); break;
    }
    packet_drop(seg->packet, DROP_TCP_TW_OLD);
}
