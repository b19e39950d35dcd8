#include "referee/flow.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static uint32_t hash(const struct flow_key *key)
{
    uint64_t words[sizeof *key / 8 + 1] = { 0 }, h = 0;
    memcpy(words, key, sizeof *key);
    for (unsigned i = 0; i < sizeof words / 8; i++) h = (h ^ words[i]) * 0x9e3779b97f4a7c15ull, h ^= h >> 29;
    return (uint32_t)mix(h);
}

bool flow_table_init(struct flow_table *t)
{
    *t = (struct flow_table){ .bucket_count = 1024 };
    t->buckets = calloc(t->bucket_count, sizeof(struct flow *));
    return t->buckets;
}

static void clear(struct flow *f)
{
    ranges_fini(&f->received);
    ranges_fini(&f->sack.duplicated);
    flight_fini(&f->flight);
    free(f->sent_bytes);
    free(f->stream.bytes);
    ranges_fini(&f->stream.held);
    for (unsigned i = 0; i < sizeof f->parts / sizeof f->parts[0]; i++) free(f->parts[i]);
    memset(f->parts, 0, sizeof f->parts);
}

void flow_table_fini(struct flow_table *t)
{
    for (uint32_t i = 0; i < t->bucket_count; i++)
        for (struct flow *f = t->buckets[i], *next; f; f = next) {
            next = f->next;
            clear(f);
            free(f);
        }
    free(t->buckets);
}

void flow_table_each(struct flow_table *t, void (*visit)(void *ctx, struct flow *f), void *ctx)
{
    for (uint32_t i = 0; i < t->bucket_count; i++)
        for (struct flow *f = t->buckets[i]; f; f = f->next) visit(ctx, f);
}

static void grow(struct flow_table *t)
{
    uint32_t count = t->bucket_count * 4;
    struct flow **buckets = calloc(count, sizeof(struct flow *));
    if (!buckets) return; /* longer chains, that is all */
    for (uint32_t i = 0; i < t->bucket_count; i++)
        for (struct flow *f = t->buckets[i], *next; f; f = next) {
            next = f->next;
            uint32_t at = hash(&f->key) & (count - 1);
            f->next = buckets[at];
            buckets[at] = f;
        }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key)
{
    struct flow *f = t->buckets[hash(key) & (t->bucket_count - 1)];
    while (f && memcmp(&f->key, key, sizeof *key) != 0) f = f->next;
    return f;
}

struct flow *flow_of(struct flow_table *t, uint32_t host, const struct view *v, bool is_sent)
{
    struct flow_key key = { .host = host, .local_port = is_sent ? v->source_port : v->destination_port,
                            .remote_port = is_sent ? v->destination_port : v->source_port };
    memcpy(key.local, is_sent ? v->source : v->destination, 16);
    memcpy(key.remote, is_sent ? v->destination : v->source, 16);
    struct flow *f = flow_find(t, &key);
    if (f) return f;
    if (t->count > t->bucket_count) grow(t);
    f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->key = key;
    uint32_t at = hash(&key) & (t->bucket_count - 1);
    f->next = t->buckets[at];
    t->buckets[at] = f;
    t->count++;
    return f;
}

/* The tuple begins anew with remote as the peer's half. */
static void restart(struct flow *f, const struct half *remote, uint64_t now_ns)
{
    struct flow old = *f;
    clear(f);
    *f = (struct flow){ .key = old.key, .next = old.next, .remote = *remote, .is_whole = true,
                        .is_reborn = old.local.has_syn, .previous_isn = old.local.isn, .previous_nxt = old.local.nxt,
                        .previous_end_ns = now_ns, .handshake.asked = old.handshake.asked, .reset = old.reset };
    /* What came may have been the new one's already. */
    f->reset.has_aborted = f->reset.is_provoked = f->reset.has_other = f->reset.has_forgotten = false;
    f->reset.challenge_ns = 0;
    if (remote->has_syn) ranges_add(&f->received, remote->isn, remote->isn + 1);
}

static void note_syn(struct half *h, const struct view *v, uint64_t now_ns)
{
    h->has_syn = true;
    h->isn = v->seq;
    h->nxt = v->seq + 1;
    h->has_scale = v->has_scale;
    h->scale = v->scale > 14 ? 14 : v->scale;
    h->has_sack_permitted = v->has_sack_permitted;
    h->has_timestamp = v->has_timestamp;
    h->has_mss = v->has_mss;
    h->mss = v->mss;
    h->syn_ns = now_ns;
}

static void note_ack(struct half *h, const struct flow *f, const struct view *v)
{
    bool is_syn = v->flags & TCP_FLAG_SYN;
    /* Of what was never sent, or was longer ago than any window reaches: forged. */
    if (h == &f->remote && f->local.has_sent && f->local.nxt - v->ack > 1u << 30) return;
    uint32_t window = (uint32_t)v->window << (is_syn || !flow_has_scale(f) ? 0 : h->scale);
    if (!h->has_ack || is_after(v->ack, h->ack)) h->ack = v->ack;
    /* The host's own: the last, in the order sent. The peer's: the furthest, in whatever order they came. */
    if (h == &f->local || !h->has_ack || is_after(v->ack + window, h->right_edge)) h->right_edge = v->ack + window;
    h->has_ack = true;
    h->window = window;
    if (window > h->max_window) h->max_window = window;
}

static void note_segment(struct half *h, const struct flow *f, const struct view *v, uint64_t now_ns)
{
    uint32_t end = v->seq + view_seq_bytes(v);
    if (v->flags & TCP_FLAG_RST) {
        h->has_rst = true;
        return;
    }
    if (!h->has_sent || is_after(end, h->nxt)) h->nxt = end;
    if (v->flags & TCP_FLAG_FIN) {
        h->has_fin = true;
        h->fin_seq = end - 1;
    }
    /* Who acknowledges what was never sent is not believed. */
    bool is_believed = h == &f->local || !f->is_whole || !f->local.has_sent || !is_after(v->ack, f->local.nxt);
    if (v->flags & TCP_FLAG_ACK && is_believed) note_ack(h, f, v);
    if (v->has_timestamp && (!h->has_sent || is_after(v->tsval, h->tsval))) h->tsval = v->tsval;
    h->tsecr = v->tsecr;
    h->has_data |= v->payload_bytes != 0;
    h->has_sent = true;
    h->last_ns = now_ns;
    h->segments++;
    h->bytes += v->payload_bytes;
}

/* Linux takes its window back where it has no room: what came in the same instant, past the new edge, it has refused. */
static void note_shrinking(struct flow *f, const struct view *v, uint64_t now_ns)
{
    if (!(v->flags & TCP_FLAG_ACK) || v->flags & TCP_FLAG_SYN || !f->local.has_ack) return;
    uint32_t window = (uint32_t)v->window << (flow_has_scale(f) ? f->local.scale : 0);
    if (!is_before(v->ack + window, f->local.right_edge)) return;
    settled_doubt(&f->sure.una, now_ns);
    settled_doubt(&f->sure.ts_recent, now_ns);
}

void flow_note_sent(struct flow *f, const struct view *v, uint64_t now_ns)
{
    if (v->flags & TCP_FLAG_RST) {
        f->is_maybe_over = true;
        f->local.has_rst = true;
        return;
    }
    if (v->flags & TCP_FLAG_SYN) {
        bool answers_new = flow_may_answer_next(f, v) &&
                           !(f->remote.has_syn && v->ack == f->remote.isn + 1);
        if (answers_new) restart(f, &f->next_remote, now_ns);
        else if (f->local.has_sent && (!f->local.has_syn || f->local.isn != v->seq))
            restart(f, v->flags & TCP_FLAG_ACK ? &f->remote : &(struct half){ 0 }, now_ns);
        if (!f->local.has_syn) {
            f->is_passive = v->flags & TCP_FLAG_ACK;
            f->is_whole = true;
            note_syn(&f->local, v, now_ns);
        }
    }
    note_shrinking(f, v, now_ns);
    note_segment(&f->local, f, v, now_ns);
    /* Whoever answered may still be a half-open connection, which sends empty acknowledgments too. */
    if (v->flags & TCP_FLAG_SYN) f->has_spoken = false;
    else f->has_spoken |= !f->is_passive || view_seq_bytes(v) || is_after(v->ack, f->remote.isn + 1);
    if (v->ethernet) memcpy(f->mac, v->ethernet + 6, 6);
    if (f->local.has_ack) ranges_cut_below(&f->received, f->local.ack);
}

/* A SYN may begin a new connection, be an old one's ghost or a forgery: that shows when the host answers. */
static bool note_received_syn(struct flow *f, const struct view *v, uint64_t now_ns)
{
    bool answers = v->flags & TCP_FLAG_ACK && f->local.has_syn && v->ack == f->local.isn + 1;
    bool is_crossing = !(v->flags & TCP_FLAG_ACK) && f->local.has_syn && !f->is_passive && !f->remote.has_syn;
    if (f->remote.has_syn && answers && !f->local.has_ack && v->seq != f->remote.isn) {
        /* An answer that the host never acknowledged was lost in it; the peer forgot it too, and gives another. */
        f->remote = (struct half){ 0 };
        f->received.count = 0;
    }
    if (f->remote.has_syn) {
        if (v->seq == f->remote.isn) return true;
    } else if (answers || is_crossing) {
        note_syn(&f->remote, v, now_ns);
        return true;
    }
    if (!(v->flags & TCP_FLAG_ACK)) {
        /* A SYN and its repetition may both come before the answer, in any order; the MSS and the timestamp of either may be meant. */
        struct half before = f->next_remote;
        bool is_again = before.has_syn && before.isn == v->seq;
        f->next_remote = (struct half){ 0 };
        note_syn(&f->next_remote, v, now_ns);
        if (is_again && before.mss > f->next_remote.mss) f->next_remote.mss = before.mss;
        f->next_remote.has_sent = true;
        f->next_remote.tsval = is_again && is_after(before.tsval, v->tsval) ? before.tsval : v->tsval;
        f->next_remote.max_window = f->next_remote.window = v->window;
    }
    return false;
}

/* Linux refuses what is older than TS.Recent by more than 1, unless nothing came for 24 days. */
static bool is_too_old(struct flow *f, const struct view *v, uint64_t now_ns)
{
    const uint64_t paws_limit_ns = 24ull * 24 * 3600 * 1000000000;
    return v->payload_bytes && settled_has(&f->sure.ts_recent, now_ns) && is_before(v->tsval + 1, f->sure.ts_recent.value) &&
           now_ns - f->remote.last_ns < paws_limit_ns / 2;
}

uint64_t flow_lag_ns(struct flow *f, const struct view *v, uint64_t now_ns)
{
    int64_t now_ms = (int64_t)(now_ns / 1000000);
    if (!v->has_timestamp) return UINT64_MAX;
    int64_t ahead_ms = (int32_t)(v->tsval - (uint32_t)now_ms - (uint32_t)f->clock_ms) + f->clock_ms;
    if (!f->has_clock || ahead_ms > f->clock_ms) f->clock_ms = ahead_ms;
    f->has_clock = true;
    return (uint64_t)(f->clock_ms - ahead_ms) * 1000000;
}

enum flow_weight flow_weigh(struct flow *f, const struct view *v, uint64_t now_ns)
{
    if ((v->flags & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_URG | TCP_FLAG_ACK)) != TCP_FLAG_ACK) return FLOW_UNSURE;
    if (!f->has_spoken || !v->are_options_right || (v->ethernet && memcmp(v->ethernet, f->mac, 6) != 0)) return FLOW_UNSURE;
    if (flow_has_timestamps(f)) {
        if (!v->has_timestamp) return FLOW_UNSURE;
        if (is_before(v->tsval, f->remote.tsval)) return is_too_old(f, v, now_ns) ? FLOW_REFUSED : FLOW_UNSURE;
    }
    if (is_after(v->ack, f->local.nxt) || is_before(v->ack, f->remote.has_ack ? f->remote.ack : f->local.isn)) return FLOW_UNSURE;
    /* Linux: past the edge nothing is taken, or only where the queue is empty. */
    uint32_t end = v->seq + view_seq_bytes(v);
    if (is_after(end, f->local.right_edge)) return FLOW_UNSURE;
    if (is_before(end, f->local.ack)) return FLOW_OLD;
    /* What came before it in the same instant may have been taken by the time it is looked at. */
    bool is_known = f->sure.has_nxt && is_after(f->sure.nxt, f->local.ack) && !is_after(end, f->sure.nxt);
    return end != v->seq && (is_known || ranges_contain(&f->received, v->seq, end)) ? FLOW_UNSURE : FLOW_SURE;
}

void flow_note_sure(struct flow *f, const struct view *v, uint64_t now_ns)
{
    uint32_t end = v->seq + view_seq_bytes(v);
    settled_put(&f->sure.una, v->ack, now_ns);
    /* What holds nothing new may be refused, when what came just before it was acknowledged first. */
    bool has_news = end == v->seq || is_after(end, f->local.ack);
    if (v->has_timestamp && has_news && !is_after(v->seq, f->local.ack)) settled_put(&f->sure.ts_recent, v->tsval, now_ns);
    if (!f->sure.has_nxt || is_before(f->sure.nxt, f->local.ack)) f->sure.nxt = f->local.ack;
    f->sure.has_nxt = true;
    if (!is_after(v->seq, f->sure.nxt) && is_after(end, f->sure.nxt)) f->sure.nxt = end;
}

void flow_note_received(struct flow *f, const struct view *v, uint64_t now_ns)
{
    if (v->flags & TCP_FLAG_SYN && !note_received_syn(f, v, now_ns)) return;
    if (v->flags & TCP_FLAG_RST) {
        f->is_maybe_over = true;
        f->remote.has_rst = true;
        return;
    }
    uint32_t end = v->seq + view_seq_bytes(v), left = v->seq;
    if (f->local.has_ack && is_before(left, f->local.ack)) left = f->local.ack;
    if (is_before(left, end) && end - left < 1u << 30) ranges_add(&f->received, left, end);
    note_segment(&f->remote, f, v, now_ns);
}
