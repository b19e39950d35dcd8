/* A small world of machines and programs drawn from a seed: one struct, so that with the images of its machines it can be
 * saved and brought back at any event. Everything seen of it goes into one digest: frames, results of calls, texts of /proc. */
#ifndef WEIR_TEST_WORLD_H
#define WEIR_TEST_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/device.h>
#include <weir/socket.h>

#define WORLD_HOSTS 4
#define WORLD_FLOWS 8
#define WORLD_EVENTS 1500
#define WORLD_ARENA_BYTES ((size_t)256 << 20)

enum flow_kind { FLOW_BULK, FLOW_ECHO, FLOW_UDP, FLOW_UNIX, FLOW_KINDS };
struct flow {
    enum flow_kind kind;
    unsigned client, server;    /* hosts */
    int listener, fds[2];       /* the client's and the server's; -1: not yet */
    bool is_connected, has_shut;
    uint64_t bytes, sent, received, again_ns;
};

struct world {
    unsigned host_count, flow_count, events;
    struct weir_machine *machines[WORLD_HOSTS];
    struct weir_task *tasks[WORLD_HOSTS];
    int epolls[WORLD_HOSTS];
    struct flow flows[WORLD_FLOWS];
    bool is_v6;
    uint64_t seed, draws, now_ns, digest, frames;
};

extern struct world world;
extern struct weir_env world_envs[WORLD_HOSTS];

/* Where the machines' arenas are: where the kernel likes (a multiple of 2 MiB); some pages off and in the other order; or at one
 * address in every process. */
enum world_place { WORLD_ANYWHERE, WORLD_MOVED, WORLD_FIXED };
bool world_reserve(unsigned host, enum world_place place);
void world_open(uint64_t seed, enum world_place place);
bool world_go_on(void);         /* one event; false: it was the last */
uint64_t world_end(void);       /* the digest of it all; every machine has given back its memory */

struct world_image { struct world world; void *images[WORLD_HOSTS]; size_t bytes[WORLD_HOSTS]; };
void world_save(struct world_image *image);
void world_restore(struct world_image *image); /* into world_envs; the image is freed */
void world_fail(const char *what);

#endif
