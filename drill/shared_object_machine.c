/* The machine of a script: created at init with a tun0, stepped by what packetdrill calls. */
#include "drill/shared_object.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 30, PATIENCE_DAYS = 31 };
#define NS_PER_S UINT64_C(1000000000)
#define START_NS (1000 * NS_PER_S)
#define WALL_NS (UINT64_C(1700000000) * NS_PER_S)

const char shared_device[SHARED_DEVICE_BYTES] = "tun0";

static bool sniff(void *ctx, const struct weir_port_frame *packet)
{
    struct shared_host *h = ctx;
    struct sniffed *s = malloc(sizeof *s + packet->byte_count);
    if (!s) return false;
    s->next = NULL;
    s->at_ns = weir_machine_now(h->machine);
    s->byte_count = packet->byte_count;
    memcpy(s->bytes, packet->bytes, packet->byte_count);
    *h->last = s;
    h->last = &s->next;
    return true;
}

static void set_up_device(struct shared_host *h, const struct shared_flags *f)
{
    unsigned mtu = f->mtu_bytes ? f->mtu_bytes : shared_host_mtu();
    weir_tun_create(h->machine, shared_device, mtu, sniff, h);
    for (unsigned i = 0; i < f->local_count; i++) weir_address_add(h->machine, shared_device, f->local[i]);
    for (unsigned i = 0; i < f->remote_count; i++) weir_route_add(h->machine, f->remote[i], NULL, shared_device);
    if (!f->local_count) shared_copy_addresses(h);
    weir_route_add(h->machine, "default", NULL, shared_device);
    weir_route_add(h->machine, "default6", NULL, shared_device);
}

bool shared_machine_create(struct shared_host *h, const char *flags)
{
    struct shared_flags f;
    shared_flags_parse(flags, &f);
    struct weir_machine_config config = { .seed = { f.seed, 7 }, .start_ns = START_NS, .wall_ns = WALL_NS };
    h->last = &h->first;
    if (!weir_env_map(&h->env, ARENA_BYTES)) return false;
    h->machine = weir_machine_create(&config, &h->env);
    h->task = h->machine ? weir_task_create(h->machine) : NULL;
    if (!h->task) {
        shared_machine_destroy(h);
        return false;
    }
    set_up_device(h, &f);
    return true;
}

void shared_machine_destroy(struct shared_host *h)
{
    if (h->machine) weir_machine_destroy(h->machine);
    weir_env_unmap(&h->env);
    for (struct sniffed *s = h->first, *next; s; s = next) {
        next = s->next;
        free(s);
    }
}

uint64_t shared_time_us(const struct shared_host *h, uint64_t machine_ns)
{
    (void)h;
    return (WALL_NS + machine_ns - START_NS) / 1000;
}

void shared_advance(struct shared_host *h, uint64_t to_ns)
{
    for (uint64_t next; (next = weir_machine_next_deadline(h->machine)) <= to_ns;) {
        weir_machine_step(h->machine, next);
        shared_wait_for_returning(h);
    }
    weir_machine_step(h->machine, to_ns);
    shared_wait_for_returning(h);
}

bool shared_advance_to_next(struct shared_host *h)
{
    uint64_t next = weir_machine_next_deadline(h->machine);
    if (next == UINT64_MAX) return false;
    weir_machine_step(h->machine, next);
    shared_wait_for_returning(h);
    return true;
}

struct sniffed *shared_next_packet(struct shared_host *h)
{
    uint64_t give_up_ns = weir_machine_now(h->machine) + PATIENCE_DAYS * 86400 * NS_PER_S;
    while (!h->first)
        if (!shared_advance_to_next(h) || weir_machine_now(h->machine) > give_up_ns) return NULL;
    struct sniffed *s = h->first;
    h->first = s->next;
    if (!h->first) h->last = &h->first;
    return s;
}
