/* When a host sends again what was not acknowledged: not before there is a reason, later each time, and not for ever. Keeps the
 * flight of each connection, and counts what congestion.c judges by. */
#include "referee/judge.h"

#define RTO_MIN_NS 200000000ull    /* Linux: the least RTO */
#define SLACK_NS 10000000ull
#define RESOLVED_NS 20000000ull    /* what waited for its neighbour comes to the wire in a burst */
#define LONGEST_NS 100000000000ull /* near the longest RTO intervals no longer grow */
enum { RETRIES = 18 };             /* Linux: tcp_retries2, a probe, and room for an RTO that is smaller than the model's */

/* A while longer than it is there: what took it away may have been seen before the host acted on it. */
static bool has_evidence(const struct judge *j, uint32_t seq)
{
    const struct timing_part *p = &j->flow->timing;
    bool is_there = p->has_evidence || (p->evidence_end_ns && j->now_ns - p->evidence_end_ns < SLACK_NS);
    return is_there && is_before(seq, p->evidence_until);
}

static bool was_delayed(const struct judge *j, uint64_t ns)
{
    return j->memory->resolved_ns && ns + RESOLVED_NS > j->memory->resolved_ns && ns < j->memory->resolved_ns + RESOLVED_NS;
}

static bool is_time_known(const struct judge *j, const struct sent_segment *s)
{
    bool has_options = j->memory->socket_options & HOST_SETS_TIMERS, has_error = j->memory->icmp_error_ns >= s->first_ns && j->memory->icmp_error_ns;
    return j->is_steady && !j->is_late && !j->is_host_faulted && !has_options && !has_error && !was_delayed(j, j->now_ns) && !was_delayed(j, s->last_ns);
}

static void judge_cause(struct judge *j, const struct sent_segment *s)
{
    struct timing_part *p = &j->flow->timing;
    const struct sent_segment *head = flight_at(&j->flow->flight, 0);
    /* Linux: a tail loss probe goes after two round-trip times, or when the RTO of the first segment is over; once. All else waits for the RTO. */
    uint64_t since_ns = head->last_ns < s->last_ns ? head->last_ns : s->last_ns, gone_ns = j->now_ns - since_ns + SLACK_NS;
    uint64_t probe_ns = p->min_rtt_ns && 2 * p->min_rtt_ns < RTO_MIN_NS ? 2 * p->min_rtt_ns : RTO_MIN_NS;
    HOLD(j, RULE_RETRANSMIT_HAS_CAUSE, gone_ns >= probe_ns, "again after %lu us, without a sign of loss", (j->now_ns - s->last_ns) / 1000);
    if (gone_ns < RTO_MIN_NS) {
        HOLD(j, RULE_TAIL_PROBE_ONCE, !p->has_probed, "a second probe after %lu us", (j->now_ns - s->last_ns) / 1000);
        p->has_probed = true;
    }
}

/* Intervals in silence. Some sendings may not have come to the wire: then it shows less, but still grows. */
static void judge_backoff(struct judge *j, const struct sent_segment *s)
{
    struct timing_part *p = &j->flow->timing;
    uint64_t gap_ns = j->now_ns - s->last_ns;
    /* In an instant more may be seen to come than the host has looked at. */
    bool is_silent = p->head_seq == s->seq && p->head_received == p->received && p->silent_sends && gap_ns + SLACK_NS >= RTO_MIN_NS;
    if (is_silent) {
        p->silent_sends++;
        if (p->head_gap_ns) HOLD(j, RULE_RETRANSMIT_BACKOFF, gap_ns >= p->head_gap_ns + p->head_gap_ns / 50 || gap_ns > LONGEST_NS, "after %lu ms, before that after %lu ms",
                                 gap_ns / 1000000, p->head_gap_ns / 1000000);
        HOLD(j, RULE_RETRANSMIT_LIMIT, p->silent_sends <= RETRIES, "%u times without an answer", p->silent_sends);
    } else {
        p->silent_sends = 1;
    }
    p->head_gap_ns = is_silent ? gap_ns : 0;
    p->head_seq = s->seq;
    p->head_received = p->received;
}

/* Linux: small segments that go again go as one, which counts as one packet from then on. */
static void merge(struct timing_part *p, struct sent_segment *s)
{
    s->is_merged = true;
    if (p->sent) p->sent--;
}

static void note_again(struct judge *j, uint32_t end)
{
    struct flow *f = j->flow;
    struct timing_part *p = &f->timing;
    uint32_t i = flight_find(&f->flight, j->view->seq);
    p->has_repeated = true;
    if (i == f->flight.count) return;
    struct sent_segment *s = flight_at(&f->flight, i);
    /* Where the MSS has shrunk since, a segment goes again in pieces: the first one tells. */
    bool has_timed_out = j->now_ns - s->last_ns + SLACK_NS >= RTO_MIN_NS, is_known = j->view->seq == s->seq && is_time_known(j, s);
    if (is_known && !has_evidence(j, s->seq)) judge_cause(j, s);
    if (is_known && i == 0) judge_backoff(j, s);
    /* When this arrives, what was sent before it and does not is lost (RFC 8985). */
    if (!is_after(j->view->seq, s->seq) && is_before(end, s->end)) p->has_pieces = true;
    if (has_timed_out || p->has_evidence) {
        p->has_evidence = true;
        p->evidence_until = f->local.nxt;
    }
    for (; i < f->flight.count && is_before((s = flight_at(&f->flight, i))->seq, end); i++) {
        if (is_before(s->seq, j->view->seq)) continue;
        s->last_ns = j->now_ns;
        s->sends++;
        if (s->seq != j->view->seq && !s->is_merged && !s->is_sacked) merge(p, s);
    }
}

static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    uint32_t end = v->seq + view_seq_bytes(v);
    if (!f || !f->is_whole || v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST) || end == v->seq) return;
    if (is_before(v->seq, f->local.nxt)) note_again(j, end);
    if (!is_after(end, f->local.nxt)) return;
    struct sent_segment *s = flight_push(&f->flight);
    if (s) *s = (struct sent_segment){ .seq = is_before(v->seq, f->local.nxt) ? f->local.nxt : v->seq, .end = end, .first_ns = j->now_ns, .last_ns = j->now_ns, .sends = 1 };
    f->timing.sent++;
}

static void note_icmp(struct judge *j)
{
    const struct view *v = j->view;
    if (!v->transport || v->transport_bytes < 8) return;
    if ((v->protocol == 1 && v->transport[0] != 0 && v->transport[0] != 8) || (v->protocol == 58 && v->transport[0] < 128)) j->memory->icmp_error_ns = j->now_ns;
}

/* What a block holds that its last version did not. */
static void note_block(struct flow *f, struct view_sack block)
{
    struct timing_part *p = &f->timing;
    struct view_sack *last = &p->blocks[0];
    for (unsigned i = 0; i < 4; i++)
        if (p->blocks[i].left == block.left) last = &p->blocks[i];
    uint32_t from = last->left == block.left && !is_after(last->right, block.right) ? last->right : block.left;
    for (uint32_t i = flight_find(&f->flight, from); i < f->flight.count; i++) {
        struct sent_segment *s = flight_at(&f->flight, i);
        if (is_after(s->end, block.right)) break;
        if (s->is_sacked || is_before(s->seq, block.left)) continue;
        s->is_sacked = true;
        p->left += !s->is_merged;
    }
    if (last->left != block.left) last = &p->blocks[p->block_count++ % 4];
    *last = block;
}

static void note_acked(struct judge *j)
{
    struct flow *f = j->flow;
    struct timing_part *p = &f->timing;
    while (f->flight.count) {
        struct sent_segment *s = flight_at(&f->flight, 0);
        if (is_after(s->end, j->view->ack)) break;
        uint64_t rtt_ns = j->now_ns - s->first_ns;
        if (s->sends == 1 && !s->is_sacked && (!p->min_rtt_ns || rtt_ns < p->min_rtt_ns)) p->min_rtt_ns = rtt_ns ? rtt_ns : 1;
        if (rtt_ns > p->max_rtt_ns) p->max_rtt_ns = rtt_ns;
        p->left += !s->is_sacked && !s->is_merged;
        flight_pop(&f->flight);
    }
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!f) {
        note_icmp(j);
        return;
    }
    struct timing_part *p = &f->timing;
    p->received++;
    if (!p->min_rtt_ns && f->handshake.last_ns && v->flags & TCP_FLAG_ACK && v->ack == f->local.isn + 1)
        p->min_rtt_ns = j->now_ns > f->handshake.last_ns ? j->now_ns - f->handshake.last_ns : 1;
    if (!f->is_whole || !(v->flags & TCP_FLAG_ACK) || is_after(v->ack, f->local.nxt)) return;
    bool is_progress = f->remote.has_ack && is_after(v->ack, f->remote.ack);
    if (is_progress) p->has_probed = false;
    if (p->has_evidence && !is_before(v->ack, p->evidence_until)) {
        p->has_evidence = false;
        p->evidence_end_ns = j->now_ns;
    }
    /* Whatever does not move SND.UNA may be a sign of loss. */
    if (f->flight.count && (v->sack_count || !is_progress)) {
        p->has_evidence = true;
        p->evidence_until = f->local.nxt;
    }
    if (f->flight.count && v->sack_count == 0 && !is_progress) p->duplicates++;
    for (unsigned i = 0; i < v->sack_count; i++)
        if (is_after(v->sack[i].left, v->ack) && is_after(v->sack[i].right, v->sack[i].left) && !is_after(v->sack[i].right, f->local.nxt)) note_block(f, v->sack[i]);
    note_acked(j);
}

/* What an option may change of what rules take for granted. */
static uint32_t option_bit(int level, int name)
{
    enum { SOL_SOCKET_HERE = 1, TCP_HERE = 6, REUSEADDR = 2, SNDBUF = 7, RCVBUF = 8, KEEPALIVE = 9, REUSEPORT = 15, SNDBUFFORCE = 32, RCVBUFFORCE = 33,
           NODELAY = 1, MAXSEG = 2, CORK = 3, WINDOW_CLAMP = 10, QUICKACK = 12, NOTSENT_LOWAT = 25 };
    if (level == SOL_SOCKET_HERE) {
        if (name == REUSEADDR || name == REUSEPORT) return 0;
        if (name == KEEPALIVE) return HOST_SETS_KEEPALIVE;
        return name == SNDBUF || name == RCVBUF || name == SNDBUFFORCE || name == RCVBUFFORCE ? HOST_SETS_BUFFERS : HOST_SETS_OTHER;
    }
    if (level != TCP_HERE) return HOST_SETS_OTHER;
    if (name == NODELAY || name == CORK) return HOST_SETS_NAGLE;
    if (name == MAXSEG || name == WINDOW_CLAMP || name == NOTSENT_LOWAT) return HOST_SETS_BUFFERS;
    return name == QUICKACK ? 0 : HOST_SETS_TIMERS;
}

static void note_call(struct judge *j, const struct referee_call *call)
{
    if (call->kind == REFEREE_SOCKOPT) j->memory->socket_options |= option_bit(call->argument >> 16, call->argument & 0xffff);
}

/* congestion.c comes after it and reads what it noted. */
const struct rule_set timing_rules = { .needs_order = true, .sent = judge_sent, .received = note_received, .call = note_call };
