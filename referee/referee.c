#include "referee/judge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_ROOM 32

struct referee {
    struct referee_config config;
    struct flow_table flows;
    uint64_t frames, violations;
    uint64_t judged[RULE_COUNT], broken[RULE_COUNT];
    struct host_table hosts;
    uint64_t begin_ns, newest_ns;
};

static const struct rule_set *const parts[] = { &packet_rules, &udp_rules, &fragment_rules, &icmp_rules, &neighbour_rules,
                                               &handshake_rules, &reset_rules, &stream_rules, &sequence_rules,
                                               &acknowledge_rules, &sack_rules, &probe_rules, &ecn_rules, &timing_rules, &congestion_rules };
#define PARTS (sizeof parts / sizeof parts[0])

static const struct { const char *name, *label, *text; } rules[] = {
#define RULE(id, label, text) [RULE_##id] = { #id, label, text },
#include "referee/rules.def"
#undef RULE
};

const char *referee_rule_name(enum referee_rule rule) { return rules[rule].name; }
const char *referee_rule_label(enum referee_rule rule) { return rules[rule].label; }
const char *referee_rule_text(enum referee_rule rule) { return rules[rule].text; }
uint64_t referee_judged(const struct referee *r, enum referee_rule rule) { return r->judged[rule]; }
uint64_t referee_broken(const struct referee *r, enum referee_rule rule) { return r->broken[rule]; }
uint64_t referee_violations(const struct referee *r) { return r->violations; }
uint64_t referee_frames(const struct referee *r) { return r->frames; }
uint64_t referee_flows(const struct referee *r) { return r->flows.count; }

struct referee *referee_create(const struct referee_config *config)
{
    struct referee *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->config = *config;
    if (flow_table_init(&r->flows)) return r;
    free(r);
    return NULL;
}

void referee_destroy(struct referee *r)
{
    if (!r) return;
    flow_table_fini(&r->flows);
    host_table_fini(&r->hosts);
    free(r);
}

void referee_violation(struct judge *j, enum referee_rule rule, const char *format, ...)
{
    struct referee *r = j->referee;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text - PORTS_ROOM, format, arguments);
    va_end(arguments);
    if (j->flow) snprintf(text + strlen(text), PORTS_ROOM, "; port %u to %u", j->flow->key.local_port, j->flow->key.remote_port);
    r->violations++;
    r->broken[rule]++;
    if (!r->config.on_violation) return;
    r->config.on_violation(r->config.ctx, &(struct referee_violation){
        .rule = rule, .host = j->host, .now_ns = j->now_ns, .frame = j->view ? r->frames : 0, .text = text });
}

/* False: no memory. */
static bool judge_init(struct judge *j, struct referee *r, unsigned host, uint64_t now_ns)
{
    struct host *memory = host_of(&r->hosts, host);
    if (!r->begin_ns) r->begin_ns = now_ns;
    if (memory)
        *j = (struct judge){ .referee = r, .config = &r->config, .judged = r->judged, .host = host, .now_ns = now_ns,
                             .begin_ns = r->begin_ns, .memory = memory, .is_host_faulted = memory->has_faulted };
    return memory;
}

/* Segments that come in fragments are not seen as such: what the host then knows of its peers cannot be told. */
static bool is_steady(const struct judge *j)
{
    return j->flow && flow_is_steady(j->flow) && !j->config->is_far && !j->memory->has_segment_pieces;
}

static bool is_header_right(const struct referee *r, const struct view *v)
{
    return r->config.has_offloads || v->version != 4 || !v->transport || view_sum(v->network, (size_t)(v->transport - v->network), 0) == 0;
}

static bool is_segment_right(const struct referee *r, const struct view *v)
{
    return r->config.has_offloads || v->is_fragment || !v->is_tcp || view_transport_sum(v) == 0;
}

/* What a router passes on is not its own doing. */
static bool is_transit(const struct host *h, const struct view *v, bool is_sent)
{
    const uint8_t *own = is_sent ? v->source : v->destination;
    return h->is_router && v->version && !is_multicast(v, own) && !host_owns(h, own);
}

/* Where timestamps do not tell, what the host sent just before on another connection does. */
static bool is_late(struct judge *j)
{
    const uint64_t late_ns = 5000000, fresh_ns = 1000000000;
    struct host *h = j->memory;
    if (j->config->has_queues) return true;
    uint64_t lag_ns = flow_lag_ns(j->flow, j->view, j->now_ns);
    if (lag_ns != UINT64_MAX) h->known_ns = j->now_ns;
    if (lag_ns != UINT64_MAX && lag_ns > late_ns) h->late_ns = j->now_ns;
    return !h->known_ns || j->now_ns - h->known_ns > fresh_ns || (h->late_ns && j->now_ns - h->late_ns < fresh_ns);
}

void referee_frame(struct referee *r, unsigned host, bool is_sent, enum referee_link link, unsigned mtu_bytes,
                   uint64_t now_ns, const void *frame, size_t bytes)
{
    struct view view;
    struct judge j;
    r->frames++;
    now_ns = r->newest_ns = now_ns > r->newest_ns ? now_ns : r->newest_ns; /* captures step back at times */
    if (!judge_init(&j, r, host, now_ns)) return;
    view_parse(&view, link, frame, bytes);
    j.view = &view;
    j.mtu_bytes = mtu_bytes;
    if (!is_sent && !is_header_right(r, &view)) return; /* the host will not have taken it */
    bool is_spoilt = !is_sent && !is_segment_right(r, &view);
    j.is_transit = is_transit(j.memory, &view, is_sent);
    if (view.is_tcp_whole && !j.is_transit && !is_spoilt) j.flow = flow_of(&r->flows, host, &view, is_sent);
    j.is_steady = is_steady(&j);
    if (is_sent && j.flow) j.is_late = is_late(&j);
    if (!is_sent && j.is_steady) j.weight = flow_weigh(j.flow, &view, now_ns);
    for (unsigned i = 0; i < PARTS; i++) {
        void (*judge)(struct judge *) = is_sent ? parts[i]->sent : parts[i]->received;
        if (judge && (!r->config.is_far || !parts[i]->needs_order) && (!j.is_transit || parts[i]->sees_transit) && (!is_spoilt || parts[i]->sees_spoilt)) judge(&j);
    }
    if (!j.flow) return;
    if (is_sent) flow_note_sent(j.flow, &view, now_ns);
    else {
        if (j.weight == FLOW_SURE) flow_note_sure(j.flow, &view, now_ns);
        if (j.weight != FLOW_REFUSED) flow_note_received(j.flow, &view, now_ns);
    }
    for (unsigned i = 0; is_sent && i < PARTS; i++)
        if (parts[i]->sent_after && (!r->config.is_far || !parts[i]->needs_order)) parts[i]->sent_after(&j);
}

void referee_call(struct referee *r, unsigned host, uint64_t now_ns, const struct referee_call *call)
{
    struct judge j;
    struct flow_key key = { .host = host, .local_port = call->local_port, .remote_port = call->remote_port };
    if (!judge_init(&j, r, host, now_ns)) return;
    memcpy(key.local, call->local, 16);
    memcpy(key.remote, call->remote, 16);
    j.flow = flow_find(&r->flows, &key);
    j.is_steady = is_steady(&j);
    for (unsigned i = 0; i < PARTS; i++)
        if (parts[i]->call) parts[i]->call(&j, call);
}

void referee_host_faulted(struct referee *r, unsigned host)
{
    struct host *h = host_of(&r->hosts, host);
    if (h) h->has_faulted = true;
}

void referee_host_routes(struct referee *r, unsigned host)
{
    struct host *h = host_of(&r->hosts, host);
    if (h) h->is_router = true;
}

void referee_host_address(struct referee *r, unsigned host, const uint8_t address[16])
{
    struct host *h = host_of(&r->hosts, host);
    if (!h || h->own_count == HOST_ADDRESSES || (h->own_count && host_owns(h, address))) return;
    memcpy(h->own[h->own_count++], address, 16);
}

struct flow *referee_flow(struct referee *r, const struct flow_key *key) { return flow_find(&r->flows, key); }

static void end_flow(void *ctx, struct flow *f)
{
    struct judge *j = ctx, mine;
    if (!judge_init(&mine, j->referee, f->key.host, j->now_ns)) return;
    mine.flow = f;
    mine.is_steady = is_steady(&mine);
    for (unsigned i = 0; i < PARTS; i++)
        if (parts[i]->end) parts[i]->end(&mine);
}

void referee_end(struct referee *r, uint64_t now_ns)
{
    struct judge j = { .referee = r, .now_ns = now_ns };
    flow_table_each(&r->flows, end_flow, &j);
    for (unsigned host = 0; host < r->hosts.room; host++) {
        if (!r->hosts.at[host] || !judge_init(&j, r, host, now_ns)) continue;
        for (unsigned i = 0; i < PARTS; i++)
            if (parts[i]->host_end) parts[i]->host_end(&j);
    }
}
