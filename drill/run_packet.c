/* Packet events. An inbound packet is made of the script's line and sent into the device. For an outbound one the next
 * packet of the flow is taken, waited for if need be; segments of one send may be taken together (--strict_segments
 * forbids). */
#include <stdio.h>
#include <stdlib.h>

#include "drill/running.h"
#include "drill/text.h"

enum { LOWEST_PORT = 32768, PORTS = 28232 }; /* of peers: those a Linux peer would take */
#define SECONDS_BEYOND 2                     /* how much longer than expected a packet is waited for */
#define WAIT_FOR_ANY_NS (24 * 3600 * NS_PER_S)

struct expectation {
    struct run *run;
    const struct script_packet *expected;
    struct flow *flow;
    struct packet_seen all, last;            /* what came so far, joined; the newest of it. In the script's numbers */
    unsigned count;
    char problem[PROBLEM_BYTES];
};

struct flow *run_flow_create(struct run *r)
{
    struct flow *f = calloc(1, sizeof *f);
    if (!f) {
        run_fails(r, r->event->place, "no memory");
        return NULL;
    }
    f->live_fd = -1;
    f->next = r->flows;
    r->flows = f;
    return f;
}

/* A first inbound TCP packet, with nobody there or somebody who listens: a child of the listener to be. Each comes from
 * a port of its own. */
static struct flow *create_child(struct run *r, const struct script_packet *p)
{
    struct flow *f = run_flow_create(r);
    if (!f) return NULL;
    f->state = FLOW_CALLED;
    f->family = ip_is4(&r->local) ? AF_INET : AF_INET6;
    f->type = SOCK_STREAM;
    f->protocol = IPPROTO_TCP;
    f->remote_isn = p->tcp.sequence;
    f->remote = (struct flow_end){ r->remote,
        (uint16_t)(LOWEST_PORT + (random_below(&r->ports, PORTS / 2) * 2 + r->used_ports++) % PORTS) };
    f->local = (struct flow_end){ r->local, r->settings->bind_port };
    return r->flow = f;
}

static bool speaks(const struct flow *f, const struct script_packet *p)
{
    if (p->protocol == SCRIPT_ICMP) return true;
    return p->protocol == SCRIPT_TCP ? f->protocol == IPPROTO_TCP : f->protocol == IPPROTO_UDP;
}

static struct flow *flow_of(struct run *r, const struct script_packet *p)
{
    if (p->protocol == SCRIPT_TCP && p->is_inbound && (!r->flow || r->flow->state == FLOW_LISTENING))
        return create_child(r, p);
    if (r->flow && (speaks(r->flow, p) || p->source_port || p->target_port)) return r->flow;
    run_fails(r, r->event->place, "no socket of the script has to do with this packet");
    return NULL;
}

/* A datagram that comes in before one went out: to where the script's socket is bound, from where it would connect. */
static void complete_ends(struct run *r, struct flow *f)
{
    if (f->protocol == IPPROTO_TCP || f->state == FLOW_CALLED) return;
    if (ip_is_any6(&f->local.address)) f->local.address = r->local;
    if (ip_is_any6(&f->remote.address)) f->remote.address = r->remote;
    if (!f->local.port) f->local.port = r->settings->bind_port;
    if (!f->remote.port) f->remote.port = r->settings->connect_port;
}

static void trace(struct run *r, const char *what, uint64_t live_ns, const struct script_packet *p)
{
    char text[TEXT_BYTES];
    if (!r->options->is_verbose) return;
    text_expected(p, text, sizeof text);
    fprintf(stderr, "%s packet: %9.6f %s\n", what, (double)run_script_time(r, live_ns) / 1e9, text);
}

static bool send_inbound(struct run *r, struct flow *f)
{
    const struct script_packet *p = r->event->packet;
    struct script_packet live;
    char problem[PROBLEM_BYTES];
    flow_gets(f, p);
    complete_ends(r, f);
    if (!flow_to_live(f, r->settings, p, &live, problem, sizeof problem))
        return run_fails(r, r->event->place, "%s", problem);
    uint8_t *bytes = malloc(PACKET_BYTES);
    size_t count = bytes ? packet_build(&live, &f->remote.address, &f->local.address, bytes) : 0;
    trace(r, "inbound injected", r->subject->ops->now(r->subject), p);
    bool is_sent =
        count && r->subject->ops->send(r->subject, bytes, count, r->settings->mss_bytes, p->protocol == SCRIPT_TCP);
    free(bytes);
    if (is_sent) return run_look_at_waiting(r);
    return run_fails(
        r, r->event->place, count ? "the device did not take the packet" : "the packet is too large for IP");
}

/* The next packet of the flow, or of no protocol at all. NULL: problem tells. */
static struct packet_seen *next_of_flow(struct expectation *x, struct packet_seen *seen)
{
    struct run *r = x->run;
    const struct subject_ops *ops = r->subject->ops;
    int64_t latest_ns = r->time_ns > r->time_end_ns ? r->time_ns : r->time_end_ns;
    int64_t expected_s = (latest_ns - r->last_time_ns) / (int64_t)NS_PER_S;
    uint64_t wait_ns =
        r->event->time_kind == TIME_ANY ? WAIT_FOR_ANY_NS : (uint64_t)(expected_s + SECONDS_BEYOND) * NS_PER_S;
    for (uint64_t until_ns = ops->now(r->subject) + wait_ns;; until_ns = ops->now(r->subject) + wait_ns) {
        struct subject_packet *p = ops->receive(r->subject, until_ns);
        if (!p) {
            snprintf(x->problem, sizeof x->problem, "no packet left");
            return NULL;
        }
        enum packet_reading reading = packet_read_seen(p->bytes, p->byte_count, seen, x->problem, sizeof x->problem);
        seen->time_ns = p->time_ns;
        free(p);
        if (reading == PACKET_BAD) return NULL;
        if (reading == PACKET_READ && flow_owns(x->flow, seen)) return seen;
    }
}

static bool is_same_way(const struct packet_seen *a, const struct packet_seen *b)
{
    return ip_equal(&a->source, &b->source) && ip_equal(&a->target, &b->target) &&
        a->said.source_port == b->said.source_port && a->said.target_port == b->said.target_port;
}

/* Takes packets until the payload that the script says is there. What an earlier socket still had to say is forgotten
 * as soon as the new one speaks. */
static bool gather(struct expectation *x)
{
    struct packet_seen seen;
    uint32_t wanted = x->expected->payload_bytes;
    do {
        if (!next_of_flow(x, &seen)) return false;
        flow_saw(x->flow, x->expected, &seen);
        flow_to_script(x->flow, &seen);
        trace(x->run, "outbound sniffed", seen.time_ns, &seen.said);
        if (x->count && !is_same_way(&x->last, &seen)) x->count = 0;
        uint32_t left = x->count ? wanted - x->all.said.payload_bytes : 0;
        bool fits = !x->count || packet_continues(&x->last, &seen, left, x->problem, sizeof x->problem);
        x->last = seen;
        if (x->count++ && fits) packet_join(&x->all, &seen);
        else x->all = seen;
        if (!fits) return false;
    } while (x->all.said.payload_bytes < wanted && !x->run->settings->is_strict_segments);
    if (x->expected->protocol == SCRIPT_ICMP || x->all.said.protocol == SCRIPT_ICMP ||
        x->all.said.payload_bytes == wanted)
        return true;
    snprintf(x->problem, sizeof x->problem, "payload length: expected %u, got %u", wanted, x->all.said.payload_bytes);
    return false;
}

static uint64_t timestamp_tolerance(const struct run *r)
{
    uint64_t share_ns = (uint64_t)r->time_ns / 1000 * r->settings->tolerance_permille;
    return share_ns > r->settings->tolerance_ns ? share_ns : r->settings->tolerance_ns;
}

static bool judge(struct expectation *x)
{
    struct run *r = x->run;
    struct packet_rules rules = { .timestamp_tick_us = r->settings->timestamp_tick_us,
        .tolerance_ns = timestamp_tolerance(r) };
    if (!flow_timestamp(x->flow, x->expected, &x->all)) {
        snprintf(x->problem, sizeof x->problem, "no memory");
        return false;
    }
    x->all.said.tcp.has_ace = x->expected->tcp.has_ace; /* for its text */
    return packet_matches(x->expected, &x->all, &rules, x->problem, sizeof x->problem) &&
        (x->all.version != 6 ||
            flow_label_matches(
                x->flow, x->expected->ip.flow_label, x->all.said.ip.flow_label, x->problem, sizeof x->problem)) &&
        run_time_matches(r, r->event->time_kind, r->time_ns, r->time_end_ns, x->all.time_ns, run_last_time(r),
            "outbound packet", x->problem, sizeof x->problem);
}

static void with_time(int64_t ns, const struct script_packet *p, char *out, size_t bytes)
{
    int used = snprintf(out, bytes, "%9.6f ", (double)ns / 1e9);
    text_expected(p, out + used, bytes - (size_t)used);
}

/* A packet as it is, without what the script's line leaves out. */
static struct script_packet comparable(const struct expectation *x)
{
    struct script_packet p = x->all.said;
    p.is_inbound = false;
    p.ip.tos_check = x->expected->ip.tos_check;
    if (p.ip.tos_check == TOS_ECN || p.ip.tos_check == TOS_ECT01) p.ip.tos &= 3;
    if (p.ip.tos_check == TOS_ECT01) p.ip.tos_check = TOS_ECN;
    if (!x->expected->ip.ttl) p.ip.ttl = 0;
    if (!x->expected->ip.flow_label) p.ip.flow_label = 0;
    if (!x->expected->source_port && !x->expected->target_port) p.source_port = p.target_port = 0;
    return p;
}

static bool tell_difference(struct expectation *x)
{
    struct run *r = x->run;
    struct drill_result *result = r->result;
    if (result->verdict != DRILL_PASSED) return false;
    char problem[PROBLEM_BYTES + 64];
    snprintf(problem, sizeof problem, "%s", x->problem);
    with_time(r->time_ns, x->expected, result->expected, sizeof result->expected);
    if (x->count) {
        struct script_packet actual = comparable(x);
        with_time(run_script_time(r, x->all.time_ns), &actual, result->actual, sizeof result->actual);
        if (x->count > 1) snprintf(problem, sizeof problem, "%s (%u segments taken together)", x->problem, x->count);
    }
    if (!r->settings->is_nonfatal_packet || !x->count) return run_fails(r, r->event->place, "%s", problem);
    result->nonfatal++;
    snprintf(result->message, sizeof result->message, "%s:%u: %s", r->script->path, r->event->place.line, problem);
    return true;
}

static bool expect_outbound(struct run *r, struct flow *f)
{
    struct expectation *x = calloc(1, sizeof *x);
    if (!x) return run_fails(r, r->event->place, "no memory");
    x->run = r;
    x->expected = r->event->packet;
    x->flow = f;
    flow_expects(f, x->expected);
    bool is_right = gather(x) && judge(x);
    bool goes_on = run_look_at_waiting(r) && (is_right || tell_difference(x));
    free(x);
    return goes_on;
}

bool run_packet(struct run *r)
{
    const struct script_packet *p = r->event->packet;
    struct flow *f = flow_of(r, p);
    if (!f) return false;
    if (!p->is_inbound) return expect_outbound(r, f);
    return run_wait_for_event(r, "inbound packet") && send_inbound(r, f);
}
