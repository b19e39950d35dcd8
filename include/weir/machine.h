/* A weir machine: create, step, destroy. A machine has one thread at a time; the caller serialises. Time, randomness and
 * memory come in here and nowhere else: same configuration, seed and inputs give the same bytes out. */
#ifndef WEIR_MACHINE_H
#define WEIR_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(__clang__)
#define WEIR_API __attribute__((visibility("default"), externally_visible)) /* also when the library is optimised as a whole */
#else
#define WEIR_API __attribute__((visibility("default")))
#endif

struct weir_machine;

/* What the embedder lends. Everything must stay valid until weir_machine_destroy(). */
struct weir_env {
    void *arena;                  /* reserved address range, page-aligned; e.g. mmap(PROT_NONE, MAP_NORESERVE) */
    size_t arena_bytes;
    bool (*commit)(void *ctx, void *base, size_t bytes); /* make [base, base+bytes) usable, zero-filled; false: no memory */
    void *ctx;
};

struct weir_machine_config {
    uint64_t seed[2];             /* all randomness comes from here. Unpredictable for machines that face a network */
    uint64_t start_ns;            /* the clock's first value; any */
    uint64_t wall_ns;             /* CLOCK_REALTIME at start_ns, ns since 1970 */
};

/* A machine in the arena, with one namespace and its loopback up. NULL: no memory. Nothing to free on NULL. */
WEIR_API struct weir_machine *weir_machine_create(const struct weir_machine_config *config, const struct weir_env *env);
/* All files must be closed or are closed here; pointers into the machine die. The arena goes back to the caller. NULL: nothing. */
WEIR_API void weir_machine_destroy(struct weir_machine *m);
/* Moves the clock to now_ns (never backwards; an earlier value is taken as the present one), fires what is due and
 * delivers packets. Call it at or after weir_machine_next_deadline(). */
WEIR_API void weir_machine_step(struct weir_machine *m, uint64_t now_ns);
/* When the next timer is due, on the machine's clock; UINT64_MAX: none; the present: work waits. */
WEIR_API uint64_t weir_machine_next_deadline(const struct weir_machine *m);
WEIR_API uint64_t weir_machine_now(const struct weir_machine *m);
/* Bytes of the arena in use now. */
WEIR_API uint64_t weir_machine_used_bytes(const struct weir_machine *m);

/* Saving: a machine as bytes, taken between two calls, and brought back to go on from there with the same results. Only its
 * own memory is in the image: what the embedder gave it (callbacks and their contexts, watches) must still be there, machines
 * that a cable joins are saved and restored together, and the arena must be at the address where it was, in this process or
 * another one of the same build that lies at the same addresses. */
WEIR_API size_t weir_machine_image_bytes(const struct weir_machine *m);
/* image: weir_machine_image_bytes(m) of room. 0, or -EINVAL: bytes is not that. */
WEIR_API int weir_machine_save(struct weir_machine *m, void *image, size_t bytes);
/* Where the arena of an image must be; NULL: no image. */
WEIR_API void *weir_machine_image_arena(const void *image, size_t bytes);
/* Takes env's arena, whose content (a machine of today, say) is lost. NULL and nothing lost: another address, another build,
 * too small, no image, or no memory. */
WEIR_API struct weir_machine *weir_machine_restore(const struct weir_env *env, const void *image, size_t bytes);
/* For tests of what happens without memory: the nth allocation from now fails (1: the next). 0: none. */
WEIR_API void weir_machine_fail_allocation(struct weir_machine *m, uint64_t nth);
WEIR_API uint64_t weir_machine_allocations(const struct weir_machine *m); /* how many there were so far */

/* A number of /sys/module/MODULE/parameters (Linux; there is tcp_cubic): reads it into *value, then sets it when asked to, in
 * all namespaces. 0, -ENOENT, or -EACCES for one that is fixed. */
WEIR_API int weir_module_parameter(struct weir_machine *m, const char *module, const char *name, int *value, bool set);

/* Convenience for embedders that have an operating system: an env over mmap (not part of the pure core). Reserves
 * arena_bytes (0: 64 GiB of address space), commits on demand. False: errno says why. */
WEIR_API bool weir_env_map(struct weir_env *env, size_t arena_bytes);
WEIR_API void weir_env_unmap(struct weir_env *env);

#ifdef __cplusplus
}
#endif
#endif
