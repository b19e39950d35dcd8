/* What the machine knows of unanswered notifications is in memory it shares with the guardian. */
#include "runner/guardian.h"

#include "runner/fdpass.h"
#include "runner/guardian_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct guardian {
    struct guard_memory *memory;
    int socket;
    uint32_t runs;
    int *free_slots;
    int free_count;
    bool is_over;
};

static struct guard_memory *map_memory(void)
{
    void *memory = mmap(NULL, sizeof(struct guard_memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

struct guardian *guardian_start(void)
{
    struct guardian *guardian = calloc(1, sizeof(*guardian));
    pid_t machine = getpid(), pid;
    int pair[2];

    if (!guardian)
        return NULL;
    guardian->free_slots = malloc(GUARD_SLOTS * sizeof(int));
    guardian->memory = map_memory();
    if (!guardian->free_slots || !guardian->memory || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        goto give_up;
    pid = fork();
    if (pid == 0)
        guardian_be(pair[1], machine, guardian->memory);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        goto give_up;
    }
    guardian->socket = pair[0];
    for (int slot = GUARD_SLOTS - 1; slot >= 0; slot--)
        guardian->free_slots[guardian->free_count++] = slot;
    return guardian;

give_up:
    if (guardian->memory)
        munmap(guardian->memory, sizeof(*guardian->memory));
    free(guardian->free_slots);
    free(guardian);
    return NULL;
}

uint32_t guardian_add_run(struct guardian *guardian, int listener, int broker)
{
    const int fds[] = { listener, broker };
    uint32_t run;

    if (!guardian)
        return 0;
    run = ++guardian->runs;
    return fdpass_send(guardian->socket, &run, sizeof(run), fds, broker >= 0 ? 2 : 1) < 0 ? 0 : run;
}

void guardian_expect(struct guardian *guardian, uint32_t run, uint64_t last_id)
{
    if (!guardian)
        return;
    guardian->memory->expected.id = last_id;
    guardian->memory->expected.run = run;
}

int guardian_note(struct guardian *guardian, uint32_t run, const struct seccomp_notif *notification)
{
    int slot;

    if (!guardian || guardian->free_count == 0)
        return -1;
    slot = guardian->free_slots[--guardian->free_count];
    guardian->memory->slots[slot] =
        (struct guard_slot){ .id = notification->id, .run = run, .number = notification->data.nr };
    return slot;
}

void guardian_renote(struct guardian *guardian, int slot, uint64_t id)
{
    if (guardian && slot >= 0)
        guardian->memory->slots[slot].id = id;
}

void guardian_forget(struct guardian *guardian, int slot)
{
    if (!guardian || slot < 0 || guardian->is_over)
        return;
    guardian->memory->slots[slot].run = 0;
    guardian->free_slots[guardian->free_count++] = slot;
}

void guardian_take_over(struct guardian *guardian)
{
    if (guardian)
        guardian->is_over = true;
}

struct copy_watch *guardian_copy_watch(struct guardian *guardian)
{
    return guardian ? &guardian->memory->copy : NULL;
}
