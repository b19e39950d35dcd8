#include "referee/judge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS 64

struct referee {
    struct referee_config config;
    struct flow_table flows;
    uint64_t frames, violations;
    uint64_t judged[RULE_COUNT], broken[RULE_COUNT];
    bool has_faulted[HOSTS];
};

static const struct rule_set *const parts[] = { &packet_rules, &handshake_rules, &sequence_rules };
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
    free(r);
}

void referee_count(struct judge *j, enum referee_rule rule) { j->referee->judged[rule]++; }

void referee_violation(struct judge *j, enum referee_rule rule, const char *format, ...)
{
    struct referee *r = j->referee;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->violations++;
    r->broken[rule]++;
    if (!r->config.on_violation) return;
    r->config.on_violation(r->config.ctx, &(struct referee_violation){
        .rule = rule, .host = j->host, .now_ns = j->now_ns, .frame = j->view ? r->frames : 0, .text = text });
}

static struct judge judge_of(struct referee *r, unsigned host, uint64_t now_ns)
{
    return (struct judge){ .referee = r, .config = &r->config, .host = host, .now_ns = now_ns,
                           .is_host_faulted = host < HOSTS && r->has_faulted[host] };
}

static bool is_intact(const struct referee *r, const struct view *v)
{
    if (r->config.has_offloads || v->is_fragment || !v->transport) return true;
    if (v->version == 4 && view_sum(v->network, (size_t)(v->transport - v->network), 0)) return false;
    return !v->is_tcp || view_transport_sum(v) == 0;
}

void referee_frame(struct referee *r, unsigned host, bool is_sent, enum referee_link link, unsigned mtu_bytes,
                   uint64_t now_ns, const void *frame, size_t bytes)
{
    struct view view;
    struct judge j = judge_of(r, host, now_ns);
    r->frames++;
    view_parse(&view, link, frame, bytes);
    j.view = &view;
    j.mtu_bytes = mtu_bytes;
    if (!is_sent && !is_intact(r, &view)) return; /* the host will not have taken it */
    if (view.is_tcp_whole) j.flow = flow_of(&r->flows, host, &view, is_sent);
    for (unsigned i = 0; i < PARTS; i++) {
        void (*judge)(struct judge *) = is_sent ? parts[i]->sent : parts[i]->received;
        if (judge) judge(&j);
    }
    if (!j.flow) return;
    if (is_sent) flow_note_sent(j.flow, &view, now_ns);
    else flow_note_received(j.flow, &view, now_ns);
}

void referee_call(struct referee *r, unsigned host, uint64_t now_ns, const struct referee_call *call)
{
    struct judge j = judge_of(r, host, now_ns);
    struct flow_key key = { .host = host, .local_port = call->local_port, .remote_port = call->remote_port };
    memcpy(key.local, call->local, 16);
    memcpy(key.remote, call->remote, 16);
    j.flow = flow_find(&r->flows, &key);
    for (unsigned i = 0; i < PARTS; i++)
        if (parts[i]->call) parts[i]->call(&j, call);
}

void referee_host_faulted(struct referee *r, unsigned host)
{
    if (host < HOSTS) r->has_faulted[host] = true;
}

static void end_flow(void *ctx, struct flow *f)
{
    struct judge *j = ctx;
    j->flow = f;
    j->host = f->key.host;
    j->is_host_faulted = j->host < HOSTS && j->referee->has_faulted[j->host];
    for (unsigned i = 0; i < PARTS; i++)
        if (parts[i]->end) parts[i]->end(j);
}

void referee_end(struct referee *r, uint64_t now_ns)
{
    struct judge j = judge_of(r, 0, now_ns);
    flow_table_each(&r->flows, end_flow, &j);
}
