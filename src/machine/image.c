/* A machine as bytes. Its arena holds every pointer it has, so it comes back at the same addresses, under the same code. */
#include "machine/composition.h"
#include "machine/machine.h"

/* code: where the build that saved it had its tables. */
struct machine_image { uint64_t code; uint64_t machine; };

static uint64_t own_code(void) { return (uint64_t)(uintptr_t)&default_composition; }

size_t weir_machine_image_bytes(const struct weir_machine *machine)
{
    return sizeof(struct machine_image) + memory_image_bytes(((const struct machine *)machine)->memory);
}

int weir_machine_save(struct weir_machine *machine, void *image, size_t bytes)
{
    struct machine *m = (struct machine *)machine;
    if (bytes != weir_machine_image_bytes(machine)) return -EINVAL;
    struct machine_image header = { own_code(), (uint64_t)(uintptr_t)m };
    memcpy(image, &header, sizeof header);
    memory_save(m->memory, (uint8_t *)image + sizeof header);
    return 0;
}

void *weir_machine_image_arena(const void *image, size_t bytes)
{
    struct machine_image header;
    return bytes < sizeof header ? NULL : memory_image_base((const uint8_t *)image + sizeof header, bytes - sizeof header);
}

struct weir_machine *weir_machine_restore(const struct weir_env *env, const void *image, size_t bytes)
{
    struct memory_config config = {
        .base = env->arena, .reserved_bytes = env->arena_bytes, .commit = env->commit, .ctx = env->ctx,
    };
    struct machine_image header;
    if (bytes < sizeof header) return NULL;
    memcpy(&header, image, sizeof header);
    if (header.code != own_code()) return NULL;
    if (!memory_restore(&config, (const uint8_t *)image + sizeof header, bytes - sizeof header)) return NULL;
    struct machine *m = (struct machine *)(uintptr_t)header.machine;
    m->env = *env;
    return (struct weir_machine *)m;
}
