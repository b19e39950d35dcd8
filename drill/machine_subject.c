/* A fresh machine in virtual time: its clock stands still but where a script waits. A call that waits is parked in the
 * machine; stepping the machine from deadline to deadline lets it end. */
#include "drill/machine_subject.h"

#include <stdlib.h>
#include <string.h>

#include <weir/device.h>

#include "base/random.h"
#include "machine/net.h"

enum { ARENA_BYTES = 1 << 30, LIVELOCK_STEPS = 100000 };
/* What a call or a packet takes on a host: nothing there happens exactly a millisecond after something else. */
#define ACT_NS (10 * NS_PER_US)

static struct machine_subject *of(struct subject *s) { return (struct machine_subject *)(void *)s; }
static struct machine *core_of(const struct machine_subject *s) { return (struct machine *)(void *)s->machine; }

uint64_t machine_subject_now(struct subject *s)
{
    const struct machine *m = core_of(of(s));
    return m->now_ns + m->wall_offset_ns;
}

static bool keep_packet(void *ctx, const struct weir_port_frame *frame)
{
    struct machine_subject *s = ctx;
    struct subject_packet *p = malloc(sizeof *p + frame->byte_count);
    if (!p) return false;
    *p = (struct subject_packet){ .time_ns = machine_subject_now(&s->subject), .byte_count = frame->byte_count };
    memcpy(p->bytes, frame->bytes, frame->byte_count);
    *s->last_packet = p;
    s->last_packet = &p->next;
    return true;
}

static struct subject_packet *take_packet(struct machine_subject *s)
{
    struct subject_packet *p = s->packets;
    if (!p) return NULL;
    s->packets = p->next;
    if (!s->packets) s->last_packet = &s->packets;
    p->next = NULL;
    return p;
}

static void note_drop(void *ctx, const struct packet *p, enum drop_reason reason)
{
    struct machine_subject *s = ctx;
    (void)p;
    s->newest_drop = reason;
    s->newest_drop_ns = machine_subject_now(&s->subject);
    s->has_dropped = true;
}

/* Steps to the next deadline or to until_ns, whichever comes first. */
static void step(struct machine_subject *s, uint64_t until_ns, unsigned *in_place)
{
    struct machine *m = core_of(s);
    uint64_t until = until_ns - m->wall_offset_ns, next = weir_machine_next_deadline(s->machine);
    if (next > m->now_ns) *in_place = 0;
    else if (++*in_place > LIVELOCK_STEPS) next = m->now_ns + 1; /* work that never ends must not stop the clock */
    weir_machine_step(s->machine, min_of(next, until));
}

static void machine_wait(struct subject *subject, uint64_t until_ns)
{
    unsigned in_place = 0;
    while (machine_subject_now(subject) < until_ns) step(of(subject), until_ns, &in_place);
}

static void take_time(struct machine_subject *s)
{
    machine_wait(&s->subject, machine_subject_now(&s->subject) + ACT_NS);
}

static struct subject_packet *machine_receive(struct subject *subject, uint64_t until_ns)
{
    struct machine_subject *s = of(subject);
    unsigned in_place = 0;
    weir_machine_step(s->machine, core_of(s)->now_ns); /* what waits for the present */
    while (!s->packets && machine_subject_now(subject) < until_ns) step(s, until_ns, &in_place);
    return take_packet(s);
}

/* Timestamps and time-outs count milliseconds: a quarter into one, events are far from where they change. */
static uint64_t machine_ready(struct subject *subject)
{
    const struct machine *m = core_of(of(subject));
    uint64_t edge = (m->now_ns / (10 * NS_PER_MS) + 1) * (10 * NS_PER_MS) + 250 * NS_PER_US;
    machine_wait(subject, edge + m->wall_offset_ns);
    return machine_subject_now(subject);
}

static bool machine_send(
    struct subject *subject, const uint8_t *packet, size_t bytes, unsigned segment_bytes, bool is_tcp)
{
    struct weir_port_frame frame = { .bytes = packet, .byte_count = bytes };
    if (segment_bytes && is_tcp) {
        frame.gso_bytes = (uint16_t)segment_bytes;
        frame.gso_protocol = IPPROTO_TCP;
        frame.ip_version = *packet >> 4;
    }
    take_time(of(subject));
    return weir_tun_receive(of(subject)->machine, "tun0", &frame) == 0;
}

int64_t machine_subject_call(struct machine_subject *s, long number, const uint64_t args[6])
{
    return weir_syscall(s->task, number, args);
}

static void call_ended(struct call *c, int64_t result)
{
    struct subject_call *sc = c->door;
    const struct machine *m = c->task->machine;
    sc->result = result;
    sc->is_ended = true;
    sc->ended_ns = m->now_ns + m->wall_offset_ns;
}

static void machine_begin(struct subject *subject, struct subject_call *c)
{
    struct machine_subject *s = of(subject);
    take_time(s);
    if (machine_files_call(s, c)) {
        c->is_ended = true;
        c->ended_ns = machine_subject_now(subject);
        return;
    }
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        call_ended(&(struct call){ .door = c, .task = (struct task *)(void *)s->task }, -ENOMEM);
        return;
    }
    call->task = (struct task *)(void *)s->task; /* its first member */
    call->number = c->number;
    memcpy(call->args, c->args, sizeof call->args);
    call->done = call_ended;
    call->door = c;
    int64_t result = call_start(call);
    if (result != CALL_PARKED) call_ended(call, result);
    if (c->is_ended) free(call);
    else c->waiting = call;
}

static void let_go(struct subject_call *c)
{
    free(c->waiting);
    c->waiting = NULL;
}

static void machine_finish(struct subject *subject, struct subject_call *c, uint64_t until_ns)
{
    unsigned in_place = 0;
    while (!c->is_ended && machine_subject_now(subject) < until_ns) step(of(subject), until_ns, &in_place);
    if (c->is_ended) let_go(c);
}

static void machine_give_up(struct subject *subject, struct subject_call *c)
{
    (void)subject;
    if (c->waiting && !c->is_ended) call_cancel(c->waiting);
    let_go(c);
}

static enum command_verdict machine_command(struct subject *subject, const char *text, char *message, size_t bytes)
{
    return commands_run(of(subject)->commands, text, message, bytes);
}

static enum command_verdict machine_command_file(struct subject *subject, const char *path, char *message, size_t bytes)
{
    return commands_run_file(of(subject)->commands, path, message, bytes);
}

static void sleep_for(void *context, uint64_t ns)
{
    struct machine_subject *s = context;
    machine_wait(&s->subject, machine_subject_now(&s->subject) + ns);
}

static int machine_set_capability(struct subject *subject, unsigned capability, bool is_on)
{
    struct machine_subject *s = of(subject);
    if (capability > 63) return -EINVAL;
    s->capabilities = (s->capabilities & ~(1ull << capability)) | (uint64_t)is_on << capability;
    weir_task_credentials(s->task, 0, 0, s->capabilities);
    return 0;
}

static const char *const states[] = { "", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
    "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED" };

/* The states in one of /proc/net's tables, those of children that nobody accepted yet among them. */
static void explain_sockets(struct machine_subject *s, const char *table, FILE *out)
{
    enum { TEXT_ROOM = 65536 };
    char *text = calloc(1, TEXT_ROOM + 1), *rest = NULL;
    unsigned state;
    if (!text) return;
    weir_proc_read(s->task, table, text, TEXT_ROOM);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (sscanf(line, " %*d: %*s %*s %2x ", &state) == 1 && state < array_count(states)) fprintf(out, " %s", states[state]);
    free(text);
}

static void machine_explain(struct subject *subject, FILE *out)
{
    struct machine_subject *s = of(subject);
    const struct machine *m = core_of(s);
    fprintf(out, "TCP sockets of the machine:");
    explain_sockets(s, "net/tcp", out);
    explain_sockets(s, "net/tcp6", out);
    fputc('\n', out);
    if (!s->has_dropped) return;
    fprintf(out, "the machine dropped, newest at %.6f: %s (%s); in all:",
        (double)(int64_t)(s->newest_drop_ns - s->began_ns) / 1e9, drop_reason_name(s->newest_drop),
        drop_reason_text(s->newest_drop));
    for (int i = 0; i < DROP_REASON_COUNT; i++) {
        uint64_t count = m->drops[i] + m->initial_net->drops[i];
        if (count) fprintf(out, " %s %llu", drop_reason_name((enum drop_reason)i), (unsigned long long)count);
    }
    fputc('\n', out);
}

static void machine_destroy(struct subject *subject)
{
    struct machine_subject *s = of(subject);
    struct subject_packet *p;
    commands_destroy(s->commands);
    if (s->machine) weir_machine_destroy(s->machine);
    if (s->env.arena) weir_env_unmap(&s->env);
    while ((p = take_packet(s))) free(p);
    machine_files_close(s);
    free(s);
}

static uint64_t machine_ready_at(struct subject *subject)
{
    return of(subject)->began_ns = machine_ready(subject);
}

static const struct subject_ops machine_ops = {
    .name = "machine",
    .destroy = machine_destroy,
    .now = machine_subject_now,
    .ready = machine_ready_at,
    .wait = machine_wait,
    .receive = machine_receive,
    .send = machine_send,
    .begin = machine_begin,
    .finish = machine_finish,
    .give_up = machine_give_up,
    .command = machine_command,
    .command_file = machine_command_file,
    .set_capability = machine_set_capability,
    .explain = machine_explain,
};

/* Addresses and routes as packetdrill lays them out: one address on tun0, the remote prefix behind a gateway there. */
static bool lay_out(struct machine_subject *s, char *problem, size_t problem_bytes)
{
    const struct script_settings *set = &s->script->settings;
    char prefix[2 * SCRIPT_ADDRESS_BYTES];
    int error = weir_tun_create(s->machine, "tun0", set->mtu_bytes, keep_packet, s);
    if (!error && !set->is_anyip) {
        snprintf(prefix, sizeof prefix, "%s/%u", set->local_address, set->local_prefix);
        error = weir_address_add(s->machine, "tun0", prefix);
    }
    if (!error) {
        snprintf(prefix, sizeof prefix, "%s/%u", set->remote_address, set->remote_prefix);
        error = weir_route_add(s->machine, prefix, set->is_anyip ? NULL : set->gateway_address, "tun0");
    }
    /* A local address of the script's own: the gateway is at hand all the same. */
    if (error == -EHOSTUNREACH || error == -ENETUNREACH) {
        char gateway[SCRIPT_ADDRESS_BYTES + 8];
        snprintf(gateway, sizeof gateway, "%s/%d", set->gateway_address, strchr(set->gateway_address, ':') ? 128 : 32);
        error = weir_route_add(s->machine, gateway, NULL, "tun0");
        if (!error) error = weir_route_add(s->machine, prefix, set->gateway_address, "tun0");
    }
    if (error) snprintf(problem, problem_bytes, "tun0 of the machine: %s", strerror(-error));
    return !error;
}

/* Clocks begin anywhere; often little before one of their counters wraps. */
static uint64_t first_moment(uint64_t seed)
{
    struct random r;
    random_init(&r, (const uint64_t[2]){ seed, 0 }, "drill");
    uint64_t before_ns = random_below(&r, (uint32_t)(2 * NS_PER_S));
    switch (random_below(&r, 4)) {
    case 0: return (NS_PER_MS << 32) - before_ns;              /* of milliseconds in 32 bits: 49 days */
    case 1: return (NS_PER_US << 32) * 7 - before_ns;          /* of microseconds: 71 minutes */
    default: return random_below(&r, 1u << 31) * NS_PER_MS * 8 + before_ns;
    }
}

struct subject *machine_subject_create(const struct script *script, uint64_t seed, char *problem, size_t problem_bytes)
{
    struct machine_subject *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->subject.ops = &machine_ops;
    s->script = script;
    s->last_packet = &s->packets;
    s->capabilities = UINT64_MAX;
    struct weir_machine_config config = { .seed = { seed, 0x7765697264726c6c }, .start_ns = first_moment(seed),
        .wall_ns = (1750000000 + seed % 100000000) * NS_PER_S };
    bool is_made = weir_env_map(&s->env, ARENA_BYTES) && (s->machine = weir_machine_create(&config, &s->env)) != NULL &&
        (s->task = weir_task_create(s->machine)) != NULL;
    struct command_machine commands = {
        .machine = s->machine, .task = s->task, .directory = script->directory, .sleep = sleep_for, .context = s
    };
    if (is_made) is_made = (s->commands = commands_create(&commands)) != NULL;
    if (!is_made) snprintf(problem, problem_bytes, "no memory for a machine");
    if (!is_made || !lay_out(s, problem, problem_bytes)) {
        machine_destroy(&s->subject);
        return NULL;
    }
    core_of(s)->on_drop = note_drop;
    core_of(s)->on_drop_ctx = s;
    return &s->subject;
}
