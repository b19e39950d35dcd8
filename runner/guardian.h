/* A small process beside the machine's that holds every listener too, and does nothing while the machine lives.
 *
 * When the machine dies the listeners so stay open, and the guardian answers what is trapped: calls on weir sockets fail,
 * all others go on natively. Without it the kernel itself would answer, with ENOSYS, to open() too, and a server whose
 * accept() fails for ever would turn in a circle; the guardian lets such a thread wait.
 *
 * It also sees to it that memory whose pages never come (userfaultfd, a file system that does not answer) holds up the
 * machine for a moment only: the program it belongs to is killed, or else the machine. */
#ifndef RUNNER_GUARDIAN_H
#define RUNNER_GUARDIAN_H

#include "runner/task.h"

#include <linux/seccomp.h>
#include <stdint.h>

struct guardian;

/* Forks it. NULL: no resources; the machine does without. */
struct guardian *guardian_start(void);

/* Gives it a listener, and the socket to who may look into its programs, or -1. The number names the run in what follows; 0: the guardian has it not. */
uint32_t guardian_add_run(struct guardian *guardian, int listener, int broker);

/* Before a notification is received; last_id: the one received before it in this run, or 0. */
void guardian_expect(struct guardian *guardian, uint32_t run, uint64_t last_id);

/* A notification that is received and not answered. A slot, or -1: no more can be kept in mind. */
int guardian_note(struct guardian *guardian, uint32_t run, const struct seccomp_notif *notification);
void guardian_renote(struct guardian *guardian, int slot, uint64_t id);
void guardian_forget(struct guardian *guardian, int slot);

/* The machine ends: what is noted stays noted. */
void guardian_take_over(struct guardian *guardian);

/* Where the machine says into whose memory it looks. */
struct copy_watch *guardian_copy_watch(struct guardian *guardian);

#endif
