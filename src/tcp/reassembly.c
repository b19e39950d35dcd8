/* Payload on its way to the program: in sequence to the receive queue, else to a tree by sequence number from which SACKs and
 * D-SACKs are made (RFC 2018, RFC 2883). Memory is bounded by the receive buffer; when it runs out the farthest goes first. */
#include "tcp/accecn.h"
#include "tcp/data.h"

void tcp_set_duplicate_sack(struct tcp_sock *tp, seq_t start, seq_t end)
{
    if (!tp->is_sack_ok || !net_of(tp)->sysctl.tcp_dsack) return;
    if (seq_before(start, tp->rcv.nxt)) count(net_of(tp), TcpExt, TCPDSACKOldSent); else count(net_of(tp), TcpExt, TCPDSACKOfoSent);
    tp->flight->has_duplicate_sack = true;
    tp->flight->duplicate_sack.start = start;
    tp->flight->duplicate_sack.end = end;
}

static bool extend(seq_t *block_start, seq_t *block_end, seq_t start, seq_t end)
{
    if (seq_after(start, *block_end) || seq_after(*block_start, end)) return false;
    *block_start = seq_min(*block_start, start);
    *block_end = seq_max(*block_end, end);
    return true;
}

static void extend_duplicate_sack(struct tcp_sock *tp, seq_t start, seq_t end)
{
    if (!tp->flight->has_duplicate_sack) tcp_set_duplicate_sack(tp, start, end);
    else extend(&tp->flight->duplicate_sack.start, &tp->flight->duplicate_sack.end, start, end);
}

static void drop_sack(struct tcp_sock *tp, unsigned i)
{
    for (; i + 1u < tp->flight->sack_count; i++) tp->flight->sacks[i] = tp->flight->sacks[i + 1];
    tp->flight->sack_count--;
}

/* The first block has grown: it may touch others now. */
static void merge_with_first(struct tcp_sock *tp)
{
    for (unsigned i = 1; i < tp->flight->sack_count;) {
        if (extend(&tp->flight->sacks[0].start, &tp->flight->sacks[0].end, tp->flight->sacks[i].start, tp->flight->sacks[i].end)) drop_sack(tp, i);
        else i++;
    }
}

/* More than two blocks would overtake what a compressed ACK could say later: send it now. */
static void flush_compressed(struct tcp_sock *tp, unsigned i)
{
    if (i >= 2 && tp->flight->compressed_acks) tcp_compressed_ack_flush(tp);
}

/* The newest segment is reported first (RFC 2018 §4). */
static void add_sack(struct tcp_sock *tp, seq_t start, seq_t end)
{
    unsigned i;

    if (!tp->is_sack_ok) return;
    for (i = 0; i < tp->flight->sack_count; i++) {
        if (!extend(&tp->flight->sacks[i].start, &tp->flight->sacks[i].end, start, end)) continue;
        flush_compressed(tp, i);
        for (; i > 0; i--) {
            typeof(tp->flight->sacks[0]) t = tp->flight->sacks[i];
            tp->flight->sacks[i] = tp->flight->sacks[i - 1];
            tp->flight->sacks[i - 1] = t;
        }
        merge_with_first(tp);
        return;
    }
    flush_compressed(tp, i);
    if (i == array_count(tp->flight->sacks)) i--;
    else tp->flight->sack_count++;
    for (; i > 0; i--) tp->flight->sacks[i] = tp->flight->sacks[i - 1];
    tp->flight->sacks[0].start = start;
    tp->flight->sacks[0].end = end;
}

static void remove_reached_sacks(struct tcp_sock *tp)
{
    if (rb_is_empty(&tp->flight->out_of_order)) {
        tp->flight->sack_count = 0;
        return;
    }
    for (unsigned i = 0; i < tp->flight->sack_count;) {
        if (!seq_before(tp->rcv.nxt, tp->flight->sacks[i].start)) drop_sack(tp, i);
        else i++;
    }
}

static struct packet *of_node(struct rb_node *n) { return n ? rb_entry(n, struct packet, tree) : NULL; }

static void discard(struct tcp_sock *tp, struct packet *p, enum drop_reason why)
{
    if (tp->flight->out_of_order_last == p) tp->flight->out_of_order_last = of_node(rb_prev(&p->tree));
    rb_remove(&tp->flight->out_of_order, &p->tree);
    packet_drop(p, why);
    tcp_memory_update(tp);
}

void tcp_out_of_order_purge(struct tcp_sock *tp)
{
    struct rb_node *n;

    if (!tcp_has_flight(tp)) return;
    while ((n = rb_first(&tp->flight->out_of_order))) {
        rb_remove(&tp->flight->out_of_order, n);
        packet_consume(of_node(n));
    }
    tp->flight->out_of_order_last = NULL;
    tp->flight->sack_count = 0;
    tcp_memory_update(tp);
}

/* From the end, until an eighth of the buffer is free; but not what comes before the arriving segment. */
static bool prune_out_of_order(struct tcp_sock *tp, const struct packet *arriving)
{
    struct sock *sk = sk_of(tp);
    int64_t goal = sk->receive_buffer_bytes >> 3;
    bool pruned = false;
    struct packet *p;

    while ((p = tp->flight->out_of_order_last) && !seq_after(arriving->tcp.seq, p->tcp.seq)) {
        goal -= p->truesize_bytes;
        discard(tp, p, DROP_TCP_OFO_QUEUE_PRUNE);
        pruned = true;
        if (goal <= 0) {
            if (sk->receive_used_bytes <= sk->receive_buffer_bytes) break;
            goal = sk->receive_buffer_bytes >> 3;
        }
    }
    if (pruned) {
        count(net_of(tp), TcpExt, OfoPruned);
        tp->flight->sack_count = 0;
    }
    return pruned;
}

static bool has_room(const struct tcp_sock *tp)
{
    return tp->inet.sk.receive_used_bytes <= tp->inet.sk.receive_buffer_bytes && tcp_memory_allows(tp, false);
}

/* False: no room even after everything that can be given up is. */
static bool make_room(struct tcp_sock *tp, const struct packet *p)
{
    struct sock *sk = sk_of(tp);

    if (has_room(tp)) return true;
    count(net_of(tp), TcpExt, PruneCalled);
    if (sk->receive_used_bytes > sk->receive_buffer_bytes) tcp_clamp_window(tp);
    else if (tcp_under_pressure(tp)) tp->rcv.ssthresh_bytes = min_of(tp->rcv.ssthresh_bytes, 4 * tp->rcv.advmss);
    if (has_room(tp)) return true;
    tcp_collapse(tp);
    if (has_room(tp)) return true;
    prune_out_of_order(tp, p);
    if (has_room(tp)) return true;
    count(net_of(tp), TcpExt, RcvPruned);
    tp->is_fast_path = false;
    return false;
}

void tcp_receive_append(struct tcp_sock *tp, struct packet *p)
{
    uint32_t known = seq_diff(tp->rcv.nxt, p->tcp.seq);

    if (known) {
        packet_pull(p, known);
        p->tcp.seq = tp->rcv.nxt;
    }
    tp->bytes_received += seq_diff(p->tcp.end_seq, tp->rcv.nxt);
    tp->rcv.nxt = p->tcp.end_seq;
    p->device = NULL;
    sock_charge_receive_always(sk_of(tp), p);
    packet_queue_push(&sk_of(tp)->receive_queue, p);
    tcp_memory_update(tp);
}

void tcp_process_fin(struct tcp_sock *tp)
{
    tp->ack_pending |= ACK_SCHEDULED;
    tcp_out_of_order_purge(tp); /* nothing can follow */
    tp->flight->has_duplicate_sack = false;
    tcp_fin_received(tp);
    if (sk_of(tp)->state == TCPS_CLOSE_WAIT) tcp_set_pingpong(tp, true);
}

static void uncharge(struct tcp_sock *tp, struct packet *p)
{
    sock_uncharge_receive(sk_of(tp), p);
}

/* A hole is filled: what follows without a gap moves to the receive queue. */
static void take_in_sequence(struct tcp_sock *tp)
{
    const seq_t known = tp->rcv.nxt;
    seq_t twice_end = seq(0);
    bool is_first = true;
    struct rb_node *n;

    while ((n = rb_first(&tp->flight->out_of_order))) {
        struct packet *p = of_node(n);
        bool has_fin = p->tcp.flags & TCP_FIN;
        if (seq_after(p->tcp.seq, tp->rcv.nxt)) break;
        /* Came twice: told of the first stretch without a hole. */
        if (seq_before(p->tcp.seq, known) && (is_first || seq_equal(p->tcp.seq, twice_end))) {
            is_first = false;
            twice_end = seq_min(p->tcp.end_seq, known);
            extend_duplicate_sack(tp, p->tcp.seq, twice_end);
        }
        if (!seq_after(p->tcp.end_seq, tp->rcv.nxt)) {
            discard(tp, p, DROP_TCP_OFOMERGE);
            continue;
        }
        if (tp->flight->out_of_order_last == p) tp->flight->out_of_order_last = NULL;
        rb_remove(&tp->flight->out_of_order, n);
        uncharge(tp, p);
        tcp_receive_append(tp, p);
        if (has_fin) {
            tcp_process_fin(tp);
            break;
        }
    }
}

static void in_sequence(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);
    struct packet *p = seg->packet;

    if (!make_room(tp, p)) {
        tp->ack_pending |= ACK_NO_MEMORY | ACK_NOW | ACK_SCHEDULED;
        sock_data_ready(sk);
        if (sk->receive_queue.count && seg->payload_bytes) {
            count(net_of(tp), TcpExt, TCPRcvQDrop);
            packet_drop(p, DROP_TCP_NO_MEMORY_BUDGET);
            return;
        }
    }
    tcp_receive_append(tp, p);
    if (seg->payload_bytes) tcp_event_data_received(tp, seg);
    if (seg->flags & TCP_FIN) tcp_process_fin(tp);
    if (!rb_is_empty(&tp->flight->out_of_order)) {
        take_in_sequence(tp);
        if (rb_is_empty(&tp->flight->out_of_order)) tp->ack_pending |= ACK_NOW; /* RFC 5681 §4.2: the gap is filled */
    }
    if (tp->flight->sack_count) remove_reached_sacks(tp);
    tcp_fast_path_check(tp);
    if (!sk->is_dead) sock_data_ready(sk);
}

enum place { PLACE_FOUND, PLACE_HELD, PLACE_REPLACES };

/* Where p goes in the tree; overlaps on the way down become D-SACKs. */
static enum place find_place(struct tcp_sock *tp, struct packet *p, struct rb_node **parent, struct rb_node ***link)
{
    *link = &tp->flight->out_of_order.node;
    *parent = NULL;
    if (tp->flight->out_of_order_last && !seq_before(p->tcp.seq, tp->flight->out_of_order_last->tcp.end_seq)) { /* the usual case: at the end */
        *parent = &tp->flight->out_of_order_last->tree;
        *link = &(*parent)->right;
        return PLACE_FOUND;
    }
    while (**link) {
        struct packet *q;
        *parent = **link;
        q = of_node(*parent);
        if (seq_before(p->tcp.seq, q->tcp.seq)) {
            *link = &(*parent)->left;
            continue;
        }
        if (seq_before(p->tcp.seq, q->tcp.end_seq)) {
            if (!seq_after(p->tcp.end_seq, q->tcp.end_seq)) return PLACE_HELD;
            if (!seq_after(p->tcp.seq, q->tcp.seq)) return PLACE_REPLACES;
            tcp_set_duplicate_sack(tp, p->tcp.seq, q->tcp.end_seq);
        }
        *link = &(*parent)->right;
    }
    return PLACE_FOUND;
}

static void swallow(struct tcp_sock *tp, struct packet *q)
{
    extend_duplicate_sack(tp, q->tcp.seq, q->tcp.end_seq);
    count(net_of(tp), TcpExt, TCPOFOMerge);
    discard(tp, q, DROP_TCP_OFOMERGE);
}

/* What p covers to its right is held twice. */
static void swallow_covered(struct tcp_sock *tp, struct packet *p)
{
    struct packet *q;

    while ((q = of_node(rb_next(&p->tree)))) {
        if (!seq_after(p->tcp.end_seq, q->tcp.seq)) return;
        if (seq_before(p->tcp.end_seq, q->tcp.end_seq)) {
            extend_duplicate_sack(tp, q->tcp.seq, p->tcp.end_seq);
            return;
        }
        swallow(tp, q);
    }
    tp->flight->out_of_order_last = p;
}

static void out_of_order(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct packet *p = seg->packet;
    struct rb_node *parent, **link;
    enum place place;
    seq_t start = p->tcp.seq, end = p->tcp.end_seq;

    if (!make_room(tp, p)) {
        count(net_of(tp), TcpExt, TCPOFODrop);
        sock_data_ready(sk_of(tp));
        packet_drop(p, DROP_TCP_NO_MEMORY_BUDGET);
        return;
    }
    tcp_measure_segment(tp, seg);
    tp->is_fast_path = false;
    tp->ack_pending |= ACK_SCHEDULED;
    tp->flight->past.rcv_ooopack++;
    count(net_of(tp), TcpExt, TCPOFOQueue);
    place = find_place(tp, p, &parent, &link);
    if (place == PLACE_HELD) {
        count(net_of(tp), TcpExt, TCPOFOMerge);
        tcp_set_duplicate_sack(tp, start, end);
        packet_drop(p, DROP_TCP_OFOMERGE);
        add_sack(tp, start, end);
        return;
    }
    if (place == PLACE_REPLACES) {
        swallow(tp, of_node(parent));
        find_place(tp, p, &parent, &link);
    }
    p->device = NULL;
    rb_insert(&tp->flight->out_of_order, &p->tree, parent, link);
    swallow_covered(tp, p);
    add_sack(tp, start, end);
    if (tp->is_sack_ok) tcp_grow_window(tp, p); /* without SACK every duplicate ACK must look like one */
    sock_charge_receive_always(sk_of(tp), p);
    tcp_memory_update(tp);
    if (sk_of(tp)->socket) tcp_receive_buffer_grow(tp, tp->tune.space); /* a connection not yet accepted gets no more room */
}

static void out_of_window(struct tcp_sock *tp, struct packet *p, enum drop_reason why)
{
    tcp_enter_quickack(tp, TCP_MAX_QUICKACKS);
    tp->ack_pending |= ACK_SCHEDULED;
    packet_drop(p, why);
}

void tcp_data_queue(struct tcp_sock *tp, struct tcp_segment *seg)
{
    struct packet *p = seg->packet;
    uint32_t window = tcp_receive_window(tp);

    if (seq_equal(seg->seq, seg->end_seq)) {
        packet_consume(p);
        return;
    }
    tp->flight->has_duplicate_sack = false;
    if (seq_equal(seg->seq, tp->rcv.nxt)) {
        if (!window && (seg->payload_bytes || !(seg->flags & TCP_FIN))) {
            count(net_of(tp), TcpExt, TCPZeroWindowDrop);
            out_of_window(tp, p, DROP_TCP_ZEROWINDOW);
            return;
        }
        in_sequence(tp, seg);
    } else if (!seq_after(seg->end_seq, tp->rcv.nxt)) { /* a retransmission of what we have */
        count(net_of(tp), TcpExt, DelayedACKLost);
        if (tp->is_accecn) tcp_accecn_data_again(tp, seg->seq);
        tcp_set_duplicate_sack(tp, seg->seq, seg->end_seq);
        out_of_window(tp, p, DROP_TCP_OLD_DATA);
    } else if (!seq_before(seg->seq, seq_add(tp->rcv.nxt, window))) {
        out_of_window(tp, p, DROP_TCP_OVERWINDOW);
    } else if (seq_before(seg->seq, tp->rcv.nxt)) {
        tcp_set_duplicate_sack(tp, seg->seq, tp->rcv.nxt);
        if (!window) {
            count(net_of(tp), TcpExt, TCPZeroWindowDrop);
            out_of_window(tp, p, DROP_TCP_ZEROWINDOW);
            return;
        }
        in_sequence(tp, seg);
    } else {
        out_of_order(tp, seg);
    }
}
