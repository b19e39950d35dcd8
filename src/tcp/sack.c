/* The scoreboard: which packets in flight the peer holds (RFC 2018, RFC 2883). Blocks are taken in sequence order in one walk;
 * what the last ACK already said is skipped, so that a long row of SACKs costs what is new in each. */
#include "tcp/data.h"

struct sack_block { seq_t start, end; };

/* Is the block believable: within what was sent, and not wholly acknowledged unless it reports a duplicate? */
static bool is_valid(const struct tcp_sock *tp, bool is_duplicate, seq_t start, seq_t end)
{
    if (seq_after(end, tp->snd.nxt) || !seq_before(start, end)) return false;
    if (!seq_before(start, tp->snd.nxt)) return false;
    if (seq_after(start, tp->snd.una)) return true;
    if (!is_duplicate || !tp->flight->undo_marker.v) return false;
    if (seq_after(end, tp->snd.una)) return false;
    if (!seq_before(start, tp->flight->undo_marker)) return true;
    if (!seq_after(end, tp->flight->undo_marker)) return false;
    return !seq_before(start, seq_sub(end, tp->snd.max_wnd));
}

/* Packets a D-SACK reports twice received; 0: not believable. */
static uint32_t duplicate_seen(struct tcp_sock *tp, struct ack_work *w, struct sack_block b)
{
    uint32_t bytes = seq_diff(b.end, b.start), packets = 1;

    if (!seq_before(b.start, b.end) || bytes > tp->snd.max_wnd) return 0;
    if (bytes > tp->mss_cache) packets = (bytes + tp->mss_cache - 1) / tp->mss_cache;
    else if (tp->flight->tlp_high_seq.v && seq_equal(tp->flight->tlp_high_seq, b.end)) w->flags |= SAW_DSACK_TLP;
    tp->flight->past.dsack_dups += packets;
    if (tp->flight->past.dsack_dups > tp->flight->past.total_retrans) return 0; /* more than we ever sent twice */
    if (tp->flight->past.reord_seen && !(w->flags & SAW_DSACK_TLP)) tp->flight->rack.dsack_seen = true;
    w->flags |= SAW_DSACK;
    w->newly_sacked += packets;
    return packets;
}

/* RFC 2883 §4: the first block is a D-SACK when it lies below the ACK or within the second block. */
static bool check_duplicate(struct tcp_sock *tp, struct ack_work *w, const struct sack_block *b, uint32_t n)
{
    uint32_t packets;

    if (seq_before(b[0].start, w->seg->ack)) count(net_of(tp), TcpExt, TCPDSACKRecv);
    else if (n > 1 && !seq_after(b[0].end, b[1].end) && !seq_before(b[0].start, b[1].start)) count(net_of(tp), TcpExt, TCPDSACKOfoRecv);
    else return false;
    packets = duplicate_seen(tp, w, b[0]);
    if (!packets) {
        count(net_of(tp), TcpExt, TCPDSACKIgnoredDubious);
        return false;
    }
    count_add(net_of(tp), TcpExt, TCPDSACKRecvSegs, packets);
    if (tp->flight->undo_marker.v && tp->flight->undo_retrans > 0 && !seq_after(b[0].end, w->prior_una) && seq_after(b[0].end, tp->flight->undo_marker))
        tp->flight->undo_retrans = max_of(0, tp->flight->undo_retrans - (int32_t)packets);
    return true;
}

void tcp_check_reordering(struct tcp_sock *tp, seq_t low, bool by_timestamp)
{
    seq_t high = tcp_highest_sack_seq(tp);
    uint32_t bytes, mss = max_of(tp->mss_cache, 1u), most = (uint32_t)net_of(tp)->sysctl.tcp_max_reordering;

    if (!seq_before(low, high)) return;
    bytes = seq_diff(high, low);
    if (bytes > tp->reordering * mss) tp->reordering = min_of((bytes + mss - 1) / mss, most);
    tp->flight->past.reord_seen++;
    if (by_timestamp) count(net_of(tp), TcpExt, TCPTSReorder); else count(net_of(tp), TcpExt, TCPSACKReorder);
}

void tcp_highest_sack_advance(struct tcp_sock *tp, const struct packet *p)
{
    if (!seq_before(p->tcp.seq, tcp_highest_sack_seq(tp))) tp->flight->highest_sack = p->tcp.end_seq;
}

static void newly_sacked(struct tcp_sock *tp, struct ack_work *w, struct packet *p)
{
    uint32_t n = tcp_segments(p);
    uint8_t marks = p->tcp.sacked;
    seq_t high = tcp_highest_sack_seq(tp);

    tcp_rack_advance(tp, marks, p->tcp.end_seq, p->tcp.sent_ns);
    if (marks & MARK_RETRANSMITTED) {
        if (marks & MARK_LOST) { /* lost, sent again, and here: neither is true any more */
            p->tcp.sacked &= (uint8_t)~(MARK_LOST | MARK_RETRANSMITTED);
            tp->flight->lost_out -= n;
            tp->flight->retrans_out -= n;
        }
    } else {
        if (!(marks & MARK_EVER_RETRANSMITTED)) {
            if (seq_before(p->tcp.seq, high) && seq_before(p->tcp.seq, w->reordered_at)) w->reordered_at = p->tcp.seq;
            if (!seq_after(p->tcp.end_seq, tp->flight->high_seq)) w->flags |= SAW_ORIGINAL_SACKED;
            if (!w->first_sacked_ns) w->first_sacked_ns = max_of(p->tcp.sent_ns, 1ull);
            w->last_sacked_ns = max_of(p->tcp.sent_ns, 1ull);
        }
        if (marks & MARK_LOST) {
            p->tcp.sacked &= (uint8_t)~MARK_LOST;
            tp->flight->lost_out -= n;
        }
    }
    tcp_highest_sack_advance(tp, p);
    p->tcp.sacked |= MARK_SACKED;
    if (!tp->flight->sacked_out) tp->flight->highest_sack = p->tcp.end_seq;
    tp->flight->sacked_out += n;
    w->flags |= SAW_SACKED;
    w->newly_sacked += n;
    w->delivered_bytes += p->body_bytes;
    tcp_rate_packet_delivered(tp, p, w);
    list_remove(&p->by_time);
}

static void tag(struct tcp_sock *tp, struct ack_work *w, struct packet *p, bool is_duplicate)
{
    uint32_t n = tcp_segments(p);

    if (is_duplicate && p->tcp.sacked & (MARK_RETRANSMITTED | MARK_EVER_RETRANSMITTED)) {
        if (tp->flight->undo_marker.v && tp->flight->undo_retrans > 0 && seq_after(p->tcp.end_seq, tp->flight->undo_marker))
            tp->flight->undo_retrans = max_of(0, tp->flight->undo_retrans - (int32_t)n);
        if (p->tcp.sacked & MARK_SACKED && seq_before(p->tcp.seq, w->reordered_at)) w->reordered_at = p->tcp.seq;
    }
    if (!seq_after(p->tcp.end_seq, tp->snd.una)) return;
    if (!(p->tcp.sacked & MARK_SACKED)) newly_sacked(tp, w, p);
    if (is_duplicate && p->tcp.sacked & MARK_RETRANSMITTED) {
        p->tcp.sacked &= (uint8_t)~MARK_RETRANSMITTED;
        tp->flight->retrans_out -= n;
    }
}

/* Cuts p where the block begins or ends, at whole segments. 1: p is covered; 0: not; -1: no memory. */
static int match(struct tcp_sock *tp, struct packet *p, struct sack_block b)
{
    uint32_t mss = p->gso_bytes, bytes;
    bool from_start = !seq_after(b.start, p->tcp.seq);

    if (from_start && !seq_before(b.end, p->tcp.end_seq)) return 1;
    if (tcp_segments(p) < 2 || !seq_after(p->tcp.end_seq, b.start)) return 0;
    if (from_start) {
        bytes = seq_diff(b.end, p->tcp.seq);
        if (bytes < mss) return 0;
        bytes -= bytes % mss;
    } else {
        bytes = max_of(seq_diff(b.start, p->tcp.seq), mss);
        if (bytes % mss) bytes += mss - bytes % mss;
        if (bytes >= p->body_bytes) return 0;
    }
    if (bytes >= p->body_bytes) return from_start;
    if (!tcp_packet_split(tp, &tp->flight->retransmit_queue, p, bytes, mss)) return -1;
    return from_start;
}

static void walk(struct tcp_sock *tp, struct ack_work *w, struct sack_block b, bool is_duplicate)
{
    struct packet *p = tp->flight->sack_hint;

    if (!p || seq_after(p->tcp.seq, b.start)) p = packet_queue_peek(&tp->flight->retransmit_queue);
    for (; p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
        int covered;
        if (!seq_before(p->tcp.seq, b.end)) break;
        if (!seq_after(p->tcp.end_seq, b.start)) continue;
        covered = match(tp, p, b);
        if (covered < 0) break;
        if (covered) tag(tp, w, p, is_duplicate);
        tp->flight->sack_hint = p;
    }
}

/* What the last ACK said of this block need not be walked again. False: nothing is new. */
static bool skip_known(const struct tcp_sock *tp, struct sack_block *b)
{
    for (unsigned i = 0; i < 4; i++) {
        seq_t start = tp->flight->sack_cache[i].start, end = tp->flight->sack_cache[i].end;
        if (seq_equal(start, end) || seq_before(b->start, start) || !seq_before(b->start, end)) continue;
        if (!seq_after(b->end, end)) return false;
        b->start = end;
    }
    return true;
}

static uint32_t collect(struct tcp_sock *tp, struct ack_work *w, struct sack_block *out, bool *first_is_duplicate)
{
    const struct tcp_options *o = &w->seg->options;
    uint32_t n = 0;

    for (unsigned i = 0; i < o->sack_count; i++) out[i] = (struct sack_block){ o->sack[i].start, o->sack[i].end };
    *first_is_duplicate = check_duplicate(tp, w, out, o->sack_count);
    for (unsigned i = 0; i < o->sack_count; i++) {
        bool is_duplicate = !i && *first_is_duplicate;
        struct sack_block b = out[i];
        if (!is_valid(tp, is_duplicate, b.start, b.end)) {
            if (is_duplicate) {
                if (tp->flight->undo_marker.v) count(net_of(tp), TcpExt, TCPDSACKIgnoredOld);
                else count(net_of(tp), TcpExt, TCPDSACKIgnoredNoUndo);
                *first_is_duplicate = false;
            } else if (seq_equal(w->seg->ack, tp->snd.una) || seq_after(b.end, tp->snd.una)) {
                count(net_of(tp), TcpExt, TCPSACKDiscard);
            }
            continue;
        }
        if (!seq_after(b.end, w->prior_una)) {
            if (is_duplicate) *first_is_duplicate = false;
            continue;
        }
        out[n++] = b;
    }
    return n;
}

static void sort(struct sack_block *b, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t j = i; j > 0 && seq_after(b[j - 1].start, b[j].start); j--) {
            struct sack_block t = b[j];
            b[j] = b[j - 1];
            b[j - 1] = t;
        }
    }
}

static void remember(struct tcp_sock *tp, const struct sack_block *b, uint32_t n)
{
    for (uint32_t i = 0; i < 4; i++) {
        tp->flight->sack_cache[i].start = i < n ? b[i].start : seq(0);
        tp->flight->sack_cache[i].end = i < n ? b[i].end : seq(0);
    }
}

void tcp_sack_tag(struct tcp_sock *tp, struct ack_work *w)
{
    struct sack_block blocks[4], duplicate = { { 0 }, { 0 } };
    uint32_t n, before = w->newly_sacked;
    bool first_is_duplicate;

    w->reordered_at = tp->snd.nxt;
    if (!tp->flight->sacked_out) tp->flight->highest_sack = tp->snd.una;
    n = collect(tp, w, blocks, &first_is_duplicate);
    if (seq_before(w->seg->ack, seq_sub(w->prior_una, tp->snd.max_wnd))) return;
    if (first_is_duplicate && n) duplicate = blocks[0];
    sort(blocks, n);
    for (uint32_t i = 0; tp->flight->packets_out && i < n; i++) {
        struct sack_block b = blocks[i];
        bool is_duplicate = first_is_duplicate && seq_equal(b.start, duplicate.start) && seq_equal(b.end, duplicate.end);
        if (is_duplicate || skip_known(tp, &b)) walk(tp, w, b, is_duplicate);
    }
    remember(tp, blocks, n);
    if (seq_before(w->reordered_at, tp->snd.nxt) && (tp->flight->ca_state != TCP_CA_Loss || tp->flight->undo_marker.v))
        tcp_check_reordering(tp, w->reordered_at, false);
    if (w->newly_sacked > before) tcp_count_delivered(tp, w->newly_sacked - before, w->flags & SAW_ECE);
}
