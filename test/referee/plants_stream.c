/* Bugs of sequence numbers, acknowledgments, SACK, timers, windows, probes, ECN and calls, as scripts. A script counts from the first
 * byte of either side: host 0's stands at 10001, the peer's at 20001. Timestamps are the time in milliseconds. */
#include "test/referee/plant.h"

#include <errno.h>

#define LOCAL 10001u
#define REMOTE 20001u
enum { CLOSED = 0xffff /* a window of 0 */, MSS = 1448, ECHO = TCP_FLAG_ECE | TCP_FLAG_CWR };

struct talk { struct script *s; uint32_t heard; };

static void fill(struct segment *t, uint64_t ms, uint32_t echo)
{
    if (!(t->flags & TCP_FLAG_RST)) t->flags |= TCP_FLAG_ACK;
    t->window = t->window == CLOSED ? 0 : t->window ? t->window : 502;
    t->has_timestamp = true;
    if (!t->tsval) t->tsval = (uint32_t)ms;
    if (!t->tsecr) t->tsecr = echo;
}

static void says(struct talk *t, uint64_t ms, struct segment segment)
{
    script_at(t->s, ms);
    fill(&segment, ms, t->heard);
    segment.seq += LOCAL;
    segment.ack += REMOTE;
    script_sends(t->s, segment);
}

static void hears(struct talk *t, uint64_t ms, struct segment segment)
{
    script_at(t->s, ms);
    fill(&segment, ms, (uint32_t)ms - 1);
    segment.seq += REMOTE;
    segment.ack += LOCAL;
    script_gets(t->s, segment);
    t->heard = segment.tsval;
}

#define SAYS(ms, ...) says(&t, ms, (struct segment){ __VA_ARGS__ })
#define HEARS(ms, ...) hears(&t, ms, (struct segment){ __VA_ARGS__ })
#define SACK(...) .sack = (const struct view_sack[]){ __VA_ARGS__ }, .sack_count = sizeof (const struct view_sack[]){ __VA_ARGS__ } / sizeof(struct view_sack)
#define BLOCK(from, to) { REMOTE + from, REMOTE + to }

/* Host 0 connects at 1000 ms; the answer comes at 1000 + rtt_ms. */
static struct talk connects(struct script *s, unsigned rtt_ms, uint16_t syn_flags, bool is_plain)
{
    struct segment syn = { .seq = LOCAL - 1, .flags = TCP_FLAG_SYN | syn_flags, .window = 64240, .mss = 1460, .has_scale = !is_plain, .scale = 7,
                           .has_sack_permitted = !is_plain, .has_timestamp = true, .tsval = 1000 };
    struct segment answer = syn;
    struct talk t = { .s = s, .heard = 1000 + rtt_ms };
    answer.seq = REMOTE - 1;
    answer.ack = LOCAL;
    answer.flags = TCP_FLAG_SYN | TCP_FLAG_ACK | (syn_flags & TCP_FLAG_ECE);
    answer.tsval = 1000 + rtt_ms;
    answer.tsecr = 1000;
    script_at(s, 1000);
    script_sends(s, syn);
    script_at(s, 1000 + rtt_ms);
    script_gets(s, answer);
    SAYS(1000 + rtt_ms, .window = is_plain ? 64240 : 502);
    return t;
}

/* --- where a segment stands */

static void leave_gap(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .seq = has_bug ? 100 : 0, .bytes = 100);
}

static void talk_after_fin(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 10, .flags = TCP_FLAG_FIN);
    if (has_bug) SAYS(1200, .seq = 11, .bytes = 10);
}

static void move_fin(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 10, .flags = TCP_FLAG_FIN);
    SAYS(1400, .bytes = has_bug ? 5 : 10, .flags = TCP_FLAG_FIN);
}

static void overrun_window(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .seq = has_bug ? 65000 : 0, .bytes = 1000);
}

static void overrun_shrunk(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1050, .bytes = 1000);
    HEARS(1100, .ack = 1000, .window = 10);
    SAYS(1200, .seq = 1000, .bytes = has_bug ? 1400 : 1280);
}

static void exceed_mss(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = has_bug ? 1460 : MSS);
}

static void change_bytes(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 1000);
    SAYS(1400, .bytes = 1000, .other = has_bug);
}

static void repeat_acked(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1050, .bytes = 1000);
    HEARS(1100, .ack = 1000);
    SAYS(1400, .seq = has_bug ? 0 : 1000, .bytes = 1000);
}

static void ack_back(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    SAYS(1200, .ack = has_bug ? 50 : 100);
}

static void ack_unseen(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = has_bug ? 101 : 100);
}

static void shrink(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .window = has_bug ? 300 : 502);
}

static void place_ack(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1050, .bytes = 1000);
    HEARS(1100, .ack = 1000);
    SAYS(1200, .seq = has_bug ? 500 : 1000);
}

static void point_nowhere(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = TCP_FLAG_URG, .urgent = has_bug ? 0 : 50);
}

static void point_back(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = TCP_FLAG_URG, .urgent = 200);
    SAYS(1100, .seq = 100, .bytes = 100, .flags = TCP_FLAG_URG, .urgent = has_bug ? 50 : 100);
}

/* --- timestamps */

static void clock_back(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100);
    SAYS(1100, .seq = 100, .bytes = 100, .tsval = has_bug ? 1099 : 1100);
}

static void clock_wrong(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100);
    HEARS(1110, .ack = 100);
    SAYS(10000, .seq = 100, .bytes = 100, .tsval = has_bug ? 90000 : 10000);
}

static void echo_future(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .tsecr = has_bug ? 1002 : 1001);
}

static void echo_past(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    SAYS(1200, .ack = 100, .bytes = 100, .tsecr = has_bug ? 1001 : 1100);
}

static void take_refused(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(2000, .bytes = 100);
    SAYS(2000, .ack = 100);
    HEARS(2050, .seq = 100, .bytes = 100, .tsval = 1500);
    SAYS(2050, .ack = has_bug ? 200 : 100, .tsecr = 2000);
}

/* --- acknowledgments in time */

static void ack_late(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(has_bug ? 1700 : 1140, .ack = 100);
}

static void never_ack(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    if (!has_bug) SAYS(1140, .ack = 100);
    HEARS(40000, .seq = 100, .bytes = 100);
    SAYS(40000, .ack = 200);
}

static void ack_gap_late(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 1000, .bytes = 100);
    SAYS(has_bug ? 1150 : 1100, .tsecr = 1001, SACK(BLOCK(1000, 1100)));
}

static void ack_duplicate_late(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    HEARS(1200, .bytes = 100);
    SAYS(has_bug ? 1250 : 1200, .ack = 100, .tsecr = 1100, SACK(BLOCK(0, 100)));
}

static void open_little(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, true);
    SAYS(1100, .window = CLOSED);
    SAYS(1200, .window = has_bug ? 20 : MSS);
}

/* --- SACK */

static void sack_unasked(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, true);
    HEARS(1100, .seq = 1000, .bytes = 100);
    if (has_bug) SAYS(1100, .tsecr = 1001, .window = 64240, SACK(BLOCK(1000, 1100)));
    else SAYS(1100, .tsecr = 1001, .window = 64240);
}

static void sack_backwards(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 1000, .bytes = 100);
    SAYS(1100, .tsecr = 1001, SACK({ REMOTE + (has_bug ? 1100 : 1000), REMOTE + (has_bug ? 1000 : 1100) }));
}

static void sack_astride(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    HEARS(1100, .seq = 1000, .bytes = 100);
    SAYS(1100, .ack = 100, SACK({ REMOTE + (has_bug ? 50 : 1000), REMOTE + 1100 }));
}

static void sack_unseen(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 1000, .bytes = 100);
    SAYS(1100, .tsecr = 1001, SACK({ REMOTE + 1000, REMOTE + (has_bug ? 1101 : 1100) }));
}

static void sack_overlapping(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 3000, .bytes = 100);
    SAYS(1100, .tsecr = 1001, SACK(BLOCK(3000, 3100)));
    HEARS(1100, .seq = 1000, .bytes = 1000);
    SAYS(1100, .tsecr = 1001, SACK(BLOCK(1000, 2000), { REMOTE + (has_bug ? 1500 : 3000), REMOTE + (has_bug ? 1600 : 3100) }));
}

static void sack_old_first(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 1000, .bytes = 100);
    SAYS(1100, .tsecr = 1001, SACK(BLOCK(1000, 1100)));
    HEARS(1200, .seq = 3000, .bytes = 100);
    if (has_bug) SAYS(1205, .tsecr = 1001, SACK(BLOCK(1000, 1100), BLOCK(3000, 3100)));
    else SAYS(1205, .tsecr = 1001, SACK(BLOCK(3000, 3100), BLOCK(1000, 1100)));
}

static void sack_nothing(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .seq = 1000, .bytes = 100);
    if (has_bug) SAYS(1105, .tsecr = 1001);
    else SAYS(1105, .tsecr = 1001, SACK(BLOCK(1000, 1100)));
}

static void dsack_once(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    if (!has_bug) HEARS(1200, .bytes = 100);
    SAYS(1200, .ack = 100, .tsecr = 1100, SACK(BLOCK(0, 100)));
}

/* --- sent again */

static void repeat_soon(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 150, 0, false);
    SAYS(1200, .bytes = MSS);
    SAYS(has_bug ? 1250 : 1500, .bytes = MSS);
}

static void probe_twice(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    SAYS(1200, .bytes = MSS);
    SAYS(1250, .bytes = MSS);
    SAYS(has_bug ? 1320 : 1500, .bytes = MSS);
}

static void repeat_evenly(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    SAYS(1200, .bytes = MSS);
    SAYS(1500, .bytes = MSS);
    SAYS(1900, .bytes = MSS);
    SAYS(has_bug ? 2300 : 2700, .bytes = MSS);
}

static void repeat_for_ever(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    uint64_t at = 1200, wait = 300;
    for (unsigned i = 0; i < (has_bug ? 25 : 16); i++) {
        SAYS(at, .bytes = MSS);
        at += wait;
        wait = wait < 60000 ? wait * 2 : 120000;
    }
}

/* --- how much at once */

static void sends_many(struct talk *t, uint64_t ms, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) says(t, ms, (struct segment){ .seq = i * MSS, .bytes = MSS });
}

static void begin_big(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    sends_many(&t, 1100, 0, has_bug ? 13 : 10);
}

static void grow_fast(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    sends_many(&t, 1100, 0, 10);
    HEARS(1120, .ack = MSS);
    sends_many(&t, 1120, 10, has_bug ? 8 : 2);
}

static void burst_after_timeout(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    sends_many(&t, 1200, 0, 5);
    SAYS(1500, .bytes = MSS);
    SAYS(2100, .bytes = MSS);
    if (has_bug) sends_many(&t, 2100, 1, 3);
}

static void burst_after_rest(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    sends_many(&t, 1100, 0, 10);
    HEARS(1120, .ack = 10 * MSS);
    sends_many(&t, 1120, 10, 20);
    HEARS(1140, .ack = 30 * MSS);
    sends_many(&t, 60000, 30, has_bug ? 20 : 10);
}

/* --- probes */

static struct talk closes_window(struct script *s)
{
    struct talk t = connects(s, 20, 0, false);
    SAYS(1200, .bytes = 1000);
    HEARS(1300, .ack = 1000, .window = CLOSED);
    return t;
}

static void probe_soon(struct script *s, bool has_bug)
{
    struct talk t = closes_window(s);
    SAYS(1600, .seq = 999);
    SAYS(has_bug ? 1700 : 2100, .seq = 999);
}

static void probe_evenly(struct script *s, bool has_bug)
{
    struct talk t = closes_window(s);
    SAYS(1600, .seq = 999);
    SAYS(1900, .seq = 999);
    SAYS(has_bug ? 2200 : 2600, .seq = 999);
}

static void keep_alive_soon(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 20, 0, false);
    SAYS(1200, .bytes = 1000);
    HEARS(1300, .ack = 1000);
    SAYS(has_bug ? 1600 : 9000, .seq = 999);
}

/* --- ECN */

static void mark_unasked(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .tos = has_bug ? 2 : 0);
}

static void mark_ack(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, ECHO, false);
    SAYS(1100, .bytes = 100, .tos = 2);
    SAYS(1110, .seq = 100, .tos = has_bug ? 2 : 0);
}

static void echo_unmarked(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, ECHO, false);
    HEARS(1100, .bytes = 100, .tos = has_bug ? 2 : 3);
    SAYS(1100, .ack = 100, .flags = TCP_FLAG_ECE);
}

static void echo_once(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, ECHO, false);
    HEARS(1050, .bytes = 100, .tos = 2);
    SAYS(1050, .ack = 100);
    HEARS(1100, .seq = 100, .bytes = 100, .tos = 3);
    SAYS(1100, .ack = 200, .flags = TCP_FLAG_ECE);
    HEARS(1200, .seq = 200, .bytes = 100, .tos = 2);
    SAYS(1200, .ack = 300, .flags = has_bug ? 0 : TCP_FLAG_ECE);
}

static void reduce_on_ack(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, ECHO, false);
    SAYS(1100, .bytes = has_bug ? 0 : 100, .flags = TCP_FLAG_CWR);
}

static void not_reduce(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, ECHO, false);
    SAYS(1100, .bytes = 100, .tos = 2);
    SAYS(1100, .seq = 100, .bytes = 100, .tos = 2);
    HEARS(1110, .ack = 100, .flags = TCP_FLAG_ECE);
    SAYS(1200, .seq = 200, .bytes = 100, .tos = 2, .flags = has_bug ? 0 : TCP_FLAG_CWR);
}

/* --- calls */

static void calls(struct talk *t, uint64_t ms, enum referee_call_kind kind, int64_t result, uint32_t from, uint8_t other)
{
    uint8_t data[4096];
    for (uint32_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)((from + i) % 251 + other);
    script_at(t->s, ms);
    script_call(t->s, (struct referee_call){ .kind = kind, .result = result, .data = data, .argument = kind == REFEREE_SHUTDOWN });
}

static void write_other(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = TCP_FLAG_PSH);
    calls(&t, 1100, REFEREE_SEND, 100, LOCAL, has_bug);
}

static void send_other(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    calls(&t, 1100, REFEREE_SEND, 200, LOCAL, 0);
    SAYS(1101, .bytes = 200, .flags = TCP_FLAG_PSH, .other = has_bug);
}

static void send_unwritten(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = TCP_FLAG_PSH);
    calls(&t, 1100, REFEREE_SEND, has_bug ? 99 : 100, LOCAL, 0);
}

static void read_other(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    calls(&t, 1101, REFEREE_RECV, 40, REMOTE, 0);
    calls(&t, 1101, REFEREE_RECV, 60, REMOTE + 40, has_bug);
}

static void read_ahead(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    calls(&t, 1101, REFEREE_RECV, has_bug ? 101 : 100, REMOTE, 0);
}

static void end_early(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100, .flags = TCP_FLAG_FIN);
    SAYS(1100, .ack = 101);
    calls(&t, 1101, REFEREE_RECV, has_bug ? 99 : 100, REMOTE, 0);
    calls(&t, 1101, REFEREE_RECV, 0, REMOTE, 0);
}

static void push_not(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = has_bug ? 0 : TCP_FLAG_PSH);
    calls(&t, 1100, REFEREE_SEND, 100, LOCAL, 0);
}

static void connect_alone(struct script *s, bool has_bug)
{
    struct talk t = { .s = s };
    if (!has_bug) t = connects(s, 1, 0, false);
    else script_sends(s, (struct segment){ .seq = LOCAL - 1, .flags = TCP_FLAG_SYN, .window = 64240, .mss = 1460 });
    calls(&t, 1100, REFEREE_CONNECT, 0, 0, 0);
}

static void fails(struct script *s, bool has_cause, int error)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    if (has_cause) HEARS(1200, .seq = 100, .flags = TCP_FLAG_RST | TCP_FLAG_ACK);
    calls(&t, 1300, REFEREE_SEND, -error, 0, 0);
}

static void reset_from_nowhere(struct script *s, bool has_bug) { fails(s, !has_bug, ECONNRESET); }
static void pipe_from_nowhere(struct script *s, bool has_bug) { fails(s, !has_bug, EPIPE); }

static void give_up_soon(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    calls(&t, has_bug ? 1300 : 900000, REFEREE_RECV, -ETIMEDOUT, 0, 0);
}

static void end_never(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    SAYS(1100, .bytes = 100, .flags = TCP_FLAG_PSH);
    calls(&t, 1100, REFEREE_SEND, 100, LOCAL, 0);
    HEARS(1101, .ack = 100);
    calls(&t, 1200, REFEREE_SHUTDOWN, 0, 0, 0);
    if (!has_bug) SAYS(1200, .seq = 100, .flags = TCP_FLAG_FIN);
    HEARS(200000, .ack = has_bug ? 100 : 101);
}

static void close_unread(struct script *s, bool has_bug)
{
    struct talk t = connects(s, 1, 0, false);
    HEARS(1100, .bytes = 100);
    SAYS(1100, .ack = 100);
    calls(&t, 1200, REFEREE_CLOSE, 0, 0, 0);
    SAYS(1200, .ack = 100, .flags = has_bug ? TCP_FLAG_FIN : TCP_FLAG_RST | TCP_FLAG_ACK);
}

#define SCRIPT(r, how) { .rule = RULE_##r, .script = how }

const struct plant_row plants_stream[] = {
    SCRIPT(SEQ_NO_GAP, leave_gap),
    SCRIPT(SEQ_NOTHING_AFTER_FIN, talk_after_fin),
    SCRIPT(SEQ_WITHIN_WINDOW, overrun_window),
    SCRIPT(SEQ_SIZE_WITHIN_MSS, exceed_mss),
    SCRIPT(SEQ_SAME_BYTES, change_bytes),
    SCRIPT(ACK_NEVER_BACK, ack_back),
    SCRIPT(ACK_ONLY_RECEIVED, ack_unseen),
    SCRIPT(WINDOW_NEVER_SHRINKS, shrink),
    SCRIPT(TIMESTAMP_NEVER_BACK, clock_back),
    SCRIPT(TIMESTAMP_ECHO_SEEN, echo_future),
    SCRIPT(SEQ_FIN_STAYS, move_fin),
    SCRIPT(SEQ_SHRUNK_WINDOW, overrun_shrunk),
    SCRIPT(SEQ_NOT_ACKED_AGAIN, repeat_acked),
    SCRIPT(ACK_PLACE, place_ack),
    SCRIPT(URGENT_AHEAD, point_nowhere),
    SCRIPT(URGENT_NEVER_BACK, point_back),
    SCRIPT(ACK_NOT_LATE, ack_late),
    SCRIPT(ACK_NOT_LATE, never_ack),
    SCRIPT(ACK_OUT_OF_ORDER_AT_ONCE, ack_gap_late),
    SCRIPT(ACK_DUPLICATE_AT_ONCE, ack_duplicate_late),
    SCRIPT(ACK_PAWS_REFUSED, take_refused),
    SCRIPT(WINDOW_REOPENS_WIDE, open_little),
    SCRIPT(TIMESTAMP_ECHO_RECENT, echo_past),
    SCRIPT(TIMESTAMP_CLOCK, clock_wrong),
    SCRIPT(SACK_ONLY_PERMITTED, sack_unasked),
    SCRIPT(SACK_BLOCK_BOUNDS, sack_backwards),
    SCRIPT(SACK_ABOVE_ACK, sack_astride),
    SCRIPT(SACK_ONLY_RECEIVED, sack_unseen),
    SCRIPT(SACK_DISJOINT, sack_overlapping),
    SCRIPT(SACK_NEWEST_FIRST, sack_old_first),
    SCRIPT(SACK_WHEN_HOLDING, sack_nothing),
    SCRIPT(DSACK_ONLY_TWICE, dsack_once),
    SCRIPT(RETRANSMIT_HAS_CAUSE, repeat_soon),
    SCRIPT(TAIL_PROBE_ONCE, probe_twice),
    SCRIPT(RETRANSMIT_BACKOFF, repeat_evenly),
    SCRIPT(RETRANSMIT_LIMIT, repeat_for_ever),
    SCRIPT(CWND_INITIAL, begin_big),
    SCRIPT(CWND_GROWTH, grow_fast),
    SCRIPT(CWND_AFTER_TIMEOUT, burst_after_timeout),
    SCRIPT(CWND_IDLE_RESTART, burst_after_rest),
    SCRIPT(PROBE_NOT_EARLY, probe_soon),
    SCRIPT(PROBE_BACKOFF, probe_evenly),
    SCRIPT(KEEPALIVE_ONLY_IDLE, keep_alive_soon),
    SCRIPT(ECN_ONLY_NEGOTIATED, mark_unasked),
    SCRIPT(ECN_ONLY_NEW_DATA, mark_ack),
    SCRIPT(ECN_ECHO_HAS_CAUSE, echo_unmarked),
    SCRIPT(ECN_ECHO_UNTIL_CWR, echo_once),
    SCRIPT(ECN_CWR_ON_NEW_DATA, reduce_on_ack),
    SCRIPT(ECN_CWR_ANSWERS, not_reduce),
    SCRIPT(STREAM_SENT_BYTES, write_other),
    SCRIPT(STREAM_SENT_BYTES, send_other),
    SCRIPT(STREAM_ONLY_WRITTEN, send_unwritten),
    SCRIPT(STREAM_READ_BYTES, read_other),
    SCRIPT(STREAM_READ_RECEIVED, read_ahead),
    SCRIPT(STREAM_END_AFTER_FIN, end_early),
    SCRIPT(STREAM_PUSH, push_not),
    SCRIPT(CONNECT_AFTER_ANSWER, connect_alone),
    SCRIPT(ERROR_RESET, reset_from_nowhere),
    SCRIPT(ERROR_PIPE, pipe_from_nowhere),
    SCRIPT(ERROR_TIMEOUT, give_up_soon),
    SCRIPT(CLOSE_SENDS_FIN, end_never),
    SCRIPT(CLOSE_UNREAD_RESETS, close_unread),
    { .rule = RULE_COUNT }
};
