#include <sys/mman.h>
#include <weir/machine.h>

#define DEFAULT_BYTES (64ull << 30)

static bool commit(void *ctx, void *base, size_t bytes)
{
    (void)ctx;
    return mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool weir_env_map(struct weir_env *env, size_t arena_bytes)
{
    if (!arena_bytes) arena_bytes = DEFAULT_BYTES;
    void *arena = mmap(NULL, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) return false;
    *env = (struct weir_env){ .arena = arena, .arena_bytes = arena_bytes, .commit = commit };
    return true;
}

void weir_env_unmap(struct weir_env *env)
{
    munmap(env->arena, env->arena_bytes);
    env->arena = NULL;
}
