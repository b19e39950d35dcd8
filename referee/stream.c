/* Calls of programs against the wire: what is sent is what was written, what is read is what came, and errors have their cause. */
#include "referee/judge.h"

#include <errno.h>

#define END_NS 130000000000ull       /* the longest RTO, and some */
#define SILENCE_NS 3000000000ull
enum { BOTH = 2, READ = 0, PEEK = 2, TRUNCATE = 0x20, OUT_OF_BAND = 1, SMALL_BYTES = 1000, AHEAD_MAX = 1 << 26 };

static uint32_t written_seq(const struct flow *f) { return f->local.isn + 1 + f->stream.written; }
static uint32_t read_seq(const struct flow *f) { return f->remote.isn + 1 + f->stream.read; }
static uint32_t sent_seq(const struct flow *f) { return f->local.has_fin ? f->local.fin_seq : f->local.nxt; }

/* The last segment of what was written carries PSH. Where much is under way a full buffer may have cut a write short; where
 * memory fails, a write ends with what was sent already. */
static void judge_push(struct judge *j, uint32_t end, bool has_push)
{
    const struct flow *f = j->flow;
    uint32_t una = f->remote.has_ack && is_after(f->remote.ack, f->local.isn) ? f->remote.ack : f->local.isn + 1;
    if (end == written_seq(f) && end - una <= SMALL_BYTES && !(j->memory->socket_options & (HOST_SETS_NAGLE | HOST_SETS_BUFFERS)) && !j->is_host_faulted)
        HOLD(j, RULE_STREAM_PUSH, has_push, "the last %u bytes without PSH", end - una);
}

static void judge_reset_owed(struct judge *j)
{
    struct stream_part *p = &j->flow->stream;
    if (!p->owes_reset) return;
    HOLD(j, RULE_CLOSE_UNREAD_RESETS, j->view->flags & TCP_FLAG_RST || j->flow->local.has_rst, "flags %03x after a close with unread data", j->view->flags);
    p->owes_reset = false;
}

/* Before sequence.c puts the bytes of the segment beside those written. */
static void judge_sent(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!j->is_steady || v->flags & TCP_FLAG_SYN) return;
    judge_reset_owed(j);
    if (v->flags & TCP_FLAG_RST || !v->payload_bytes) return;
    uint32_t end = v->seq + v->payload_bytes;
    if (!is_after(end, f->local.nxt)) return;
    if (f->stream.has_written && f->sent_bytes && is_after(f->sent_bytes->top, v->seq))
        HOLD(j, RULE_STREAM_SENT_BYTES, bytes_match(f->sent_bytes, v->seq, v->payload, v->payload_bytes), "other bytes than were written, in %u from %u", v->payload_bytes, v->seq);
    f->stream.last_end = end;
    f->stream.has_last_push = v->flags & TCP_FLAG_PSH;
    f->stream.has_last = true;
    if (f->stream.has_written) judge_push(j, end, f->stream.has_last_push);
}

/* All is sent and acknowledged, the window is open, and no FIN came for as long as an RTO can last. */
static void judge_end_owed(struct judge *j)
{
    const struct flow *f = j->flow;
    const struct stream_part *p = &f->stream;
    bool is_owed = p->ended_ns && !f->local.has_fin && !f->local.has_rst && p->has_written && !p->has_error && f->local.nxt == written_seq(f) && f->flight.count == 0 &&
                   f->remote.window && f->has_spoken && !j->is_host_faulted && !j->memory->icmp_error_ns && j->config->sees_all && !j->config->has_queues;
    if (!is_owed) return;
    uint64_t since_ns = p->ended_ns > f->local.last_ns ? p->ended_ns : f->local.last_ns;
    if (f->remote.last_ns > since_ns) since_ns = f->remote.last_ns;
    HOLD(j, RULE_CLOSE_SENDS_FIN, j->now_ns - since_ns < END_NS, "no FIN %lu s after the end", (j->now_ns - p->ended_ns) / 1000000000);
}

static void note_bytes(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    struct stream_part *p = &f->stream;
    uint32_t seq = v->seq + !!(v->flags & TCP_FLAG_SYN), end = seq + v->payload_bytes, from = read_seq(f);
    if (v->flags & TCP_FLAG_URG) p->is_blind = true; /* a byte of it is read apart */
    if (p->is_blind || !is_after(end, from) || end - from > AHEAD_MAX) return;
    const uint8_t *data = v->payload;
    if (is_before(seq, from)) data += from - seq, seq = from;
    /* Two senders of one stream: the host may have taken either. */
    for (uint32_t i = 0; i < p->held.count; i++) {
        uint32_t left = is_after(p->held.at[i].left, seq) ? p->held.at[i].left : seq, right = is_before(p->held.at[i].right, end) ? p->held.at[i].right : end;
        if (is_before(left, right) && !bytes_match(p->bytes, left, data + (left - seq), right - left)) p->is_blind = true;
    }
    bytes_place(&p->bytes, from, seq, data, end - seq);
    if (!p->bytes || !ranges_add(&p->held, seq, end)) p->is_blind = true;
}

static void note_received(struct judge *j)
{
    const struct view *v = j->view;
    struct flow *f = j->flow;
    if (!f || !flow_is_negotiated(f)) return;
    if (j->is_steady) judge_end_owed(j);
    if (v->flags & TCP_FLAG_FIN) f->stream.fins[f->stream.fin_count++ % STREAM_FINS] = v->seq + v->payload_bytes;
    if (j->config->has_calls && v->payload_bytes && j->weight != FLOW_REFUSED) note_bytes(j);
}

static void judge_write(struct judge *j, const struct referee_call *call)
{
    struct flow *f = j->flow;
    struct stream_part *p = &f->stream;
    uint32_t at = written_seq(f), count = (uint32_t)call->result;
    if (call->data) {
        HOLD(j, RULE_STREAM_SENT_BYTES, bytes_match(f->sent_bytes, at, call->data, count), "what was written at %u is not what was sent", at - f->local.isn - 1);
        bytes_put(&f->sent_bytes, at, call->data, count);
    }
    p->has_written = true;
    p->written += count;
    HOLD(j, RULE_STREAM_ONLY_WRITTEN, !is_after(sent_seq(f), written_seq(f)), "%u bytes were sent that nobody wrote", sent_seq(f) - written_seq(f));
    if (p->has_last && call->argument == 0) judge_push(j, p->last_end, p->has_last_push);
}

static void judge_read(struct judge *j, const struct referee_call *call)
{
    struct flow *f = j->flow;
    struct stream_part *p = &f->stream;
    uint32_t at = read_seq(f), count = (uint32_t)call->result;
    if (call->argument & (OUT_OF_BAND | TRUNCATE)) p->is_blind = true;
    if (!j->config->has_calls || p->is_blind || j->memory->has_segment_pieces) return;
    HOLD(j, RULE_STREAM_READ_RECEIVED, ranges_contain(&p->held, at, at + count), "%u bytes read at %u, of which some never came", count, p->read);
    if (call->data && ranges_contain(&p->held, at, at + count))
        HOLD(j, RULE_STREAM_READ_BYTES, bytes_match(p->bytes, at, call->data, count), "other bytes read at %u than came", p->read);
    if (call->argument & PEEK) return;
    p->read += count;
    ranges_cut_below(&p->held, at + count);
    bytes_drop_below(p->bytes, at + count);
}

/* Of several that came, some may be forged. */
static bool has_fin_at(const struct stream_part *p, uint32_t seq)
{
    for (unsigned i = 0; i < STREAM_FINS && i < p->fin_count; i++)
        if (p->fins[i] == seq) return true;
    return false;
}

static void judge_read_end(struct judge *j)
{
    const struct flow *f = j->flow;
    const struct stream_part *p = &f->stream;
    if (!j->config->has_calls || p->is_blind || j->memory->has_segment_pieces || p->has_error || p->has_read_shut || f->remote.has_rst || f->local.has_rst) return;
    HOLD(j, RULE_STREAM_END_AFTER_FIN, has_fin_at(p, read_seq(f)), "the end after %u bytes, where no FIN stands", p->read);
}

static void judge_error(struct judge *j, const struct referee_call *call)
{
    struct flow *f = j->flow;
    struct stream_part *p = &f->stream;
    bool is_reset = f->remote.has_rst || f->local.has_rst || p->has_error || j->is_host_faulted;
    if (call->result == -ECONNRESET) HOLD(j, RULE_ERROR_RESET, is_reset, "ECONNRESET, and no RST came");
    if (call->result == -EPIPE) HOLD(j, RULE_ERROR_PIPE, is_reset || p->ended_ns || f->local.has_fin, "EPIPE before any end or RST");
    /* Without options that a program may set, it takes many tries to give up. */
    uint64_t heard_ns = f->probe.heard_ns ? f->probe.heard_ns : f->local.syn_ns;
    uint32_t options = j->memory->socket_options & (HOST_SETS_TIMERS | HOST_SETS_KEEPALIVE | HOST_SETS_OTHER);
    bool is_known = j->config->sees_all && !options && !j->memory->icmp_error_ns && f->is_whole;
    if (call->result == -ETIMEDOUT && is_known)
        HOLD(j, RULE_ERROR_TIMEOUT, p->has_error || j->now_ns - heard_ns >= SILENCE_NS, "ETIMEDOUT %lu ms after the peer was heard", (j->now_ns - heard_ns) / 1000000);
    p->has_error |= call->result != -EAGAIN && call->result != -EINTR && call->result != -EINPROGRESS && call->result != -EALREADY && call->result != -ENOMEM && call->result != -ENOBUFS;
}

/* Linux: TIME-WAIT has no data of its own any more. */
static void judge_close(struct judge *j)
{
    struct flow *f = j->flow;
    struct stream_part *p = &f->stream;
    uint32_t fin = f->sure.has_nxt && has_fin_at(p, f->sure.nxt - 1);
    bool has_unread = j->config->has_calls && f->sure.has_nxt && !p->is_blind && is_after(f->sure.nxt - fin, read_seq(f)) && !f->local.has_fin && !p->has_error;
    if (!p->ended_ns) p->ended_ns = j->now_ns;
    if (has_unread && j->is_steady && !j->is_host_faulted && j->config->sees_all && !j->config->has_queues) p->owes_reset = true;
}

static void judge_call(struct judge *j, const struct referee_call *call)
{
    struct flow *f = j->flow;
    /* Where a tuple is used again, a program may still read what came on the connection before. */
    if (!f || f->is_reborn || call->kind == REFEREE_SOCKOPT) return;
    struct stream_part *p = &f->stream;
    if (call->result < 0) {
        judge_error(j, call);
        return;
    }
    if (call->kind == REFEREE_CONNECT) HOLD(j, RULE_CONNECT_AFTER_ANSWER, f->remote.has_syn, "connected, and no SYN came");
    if (call->kind == REFEREE_SHUTDOWN && call->argument != READ && !p->ended_ns) p->ended_ns = j->now_ns;
    if (call->kind == REFEREE_SHUTDOWN && (call->argument == READ || call->argument == BOTH)) p->has_read_shut = true;
    if (!flow_is_negotiated(f)) return;
    if (call->kind == REFEREE_SEND && call->result > 0) judge_write(j, call);
    if (call->kind == REFEREE_RECV && call->result > 0) judge_read(j, call);
    if (call->kind == REFEREE_RECV && call->result == 0) judge_read_end(j);
    if (call->kind == REFEREE_CLOSE) judge_close(j);
}

static void end(struct judge *j)
{
    if (!j->is_steady) return;
    judge_end_owed(j);
    if (j->flow->stream.owes_reset) HOLD(j, RULE_CLOSE_UNREAD_RESETS, j->flow->local.has_rst, "no RST after a close with unread data");
}

const struct rule_set stream_rules = { .needs_order = true, .sent = judge_sent, .received = note_received, .call = judge_call, .end = end };
