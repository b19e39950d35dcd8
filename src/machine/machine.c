/* Birth, time and end of a machine. All its memory is the arena that the embedder lends, struct machine included. */
#include "machine/composition.h"
#include "machine/library.h"
#include "tcp/tcp.h"

static void init_random(struct machine *m, const uint64_t seed[2])
{
    random_init(&m->random.isn, seed, "isn");
    random_init(&m->random.ports, seed, "ports");
    random_init(&m->random.keys, seed, "keys");
    random_init(&m->random.link, seed, "link");
    random_init(&m->random.ip_id, seed, "ip id");
    random_init(&m->random.jitter, seed, "jitter");
    random_init(&m->random.other, seed, "other");
    random_key(&m->random.keys, &m->hash_key);
}

struct weir_machine *weir_machine_create(const struct weir_machine_config *config, const struct weir_env *env)
{
    struct memory_config memory_config = {
        .base = env->arena, .reserved_bytes = env->arena_bytes, .commit = env->commit, .ctx = env->ctx,
    };
    struct memory *memory = memory_create(&memory_config);
    if (!memory) return NULL;
    struct machine *m = memory_alloc_zero(memory, sizeof *m);
    if (!m) goto destroy_memory;
    m->memory = memory;
    m->env = *env;
    m->now_ns = config->start_ns;
    m->wall_offset_ns = config->wall_ns - config->start_ns;
    m->composition = &default_composition;
    m->next_inode = 1;
    list_init(&m->nets);
    list_init(&m->tasks);
    list_init(&m->softirq);
    list_init(&m->resumes);
    wheel_init(&m->wheel, m->now_ns);
    init_random(m, config->seed);
    m->initial_net = net_create(m);
    if (!m->initial_net) goto destroy_memory;
    machine_settle(m);
    return (struct weir_machine *)m;

destroy_memory:
    memory_destroy(memory);
    return NULL;
}

uint64_t machine_empty(struct machine *m)
{
    library_stop(m);
    while (!list_is_empty(&m->nets)) net_destroy(list_last(&m->nets, struct net, node));
    library_free(m);
    return memory_used_bytes(m->memory) - sizeof *m;
}

void weir_machine_destroy(struct weir_machine *machine)
{
    struct machine *m = (struct machine *)machine;
    if (!m) return;
    machine_empty(m);
    memory_destroy(m->memory);
}

void weir_machine_step(struct weir_machine *machine, uint64_t now_ns)
{
    struct machine *m = (struct machine *)machine;
    if (now_ns > m->now_ns) m->now_ns = now_ns;
    m->in_softirq = true; /* Linux: timers run there too, so what a timer sends is not delivered inside it */
    wheel_run(&m->wheel, m->now_ns);
    m->in_softirq = false;
    machine_settle(m);
}

uint64_t weir_machine_next_deadline(const struct weir_machine *machine)
{
    const struct machine *m = (const struct machine *)machine;
    if (!list_is_empty(&m->softirq) || !list_is_empty(&m->resumes)) return m->now_ns;
    return wheel_next_deadline(&m->wheel);
}

uint64_t weir_machine_now(const struct weir_machine *machine) { return ((const struct machine *)machine)->now_ns; }

uint64_t weir_machine_used_bytes(const struct weir_machine *machine)
{
    return memory_used_bytes(((const struct machine *)machine)->memory);
}

uint64_t weir_machine_allocations(const struct weir_machine *machine)
{
    return memory_alloc_count(((const struct machine *)machine)->memory);
}

int weir_module_parameter(struct weir_machine *machine, const char *module, const char *name, int *value, bool set)
{
    struct machine *m = (struct machine *)machine;
    int32_t *at = strcmp(module, "tcp_cubic") ? NULL : tcp_cubic_parameter(m->initial_net, name);
    int wanted = *value;
    if (!at) return -ENOENT;
    *value = *at;
    if (!set) return 0;
    if (!strcmp(name, "bic_scale")) return -EACCES;
    list_for_each(node, &m->nets) *tcp_cubic_parameter(list_entry(node, struct net, node), name) = wanted;
    return 0;
}

void weir_machine_fail_allocation(struct weir_machine *machine, uint64_t nth)
{
    struct memory *memory = ((struct machine *)machine)->memory;
    memory_fail_at(memory, nth ? memory_alloc_count(memory) + nth : 0);
}
