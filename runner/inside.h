/* Calls that the machine's process makes for itself, with its own memory: nothing waits, nothing is trapped. */
#ifndef RUNNER_INSIDE_H
#define RUNNER_INSIDE_H

#include <stddef.h>
#include <stdint.h>

struct door;
struct file;

/* The system call `number` on a file of the machine; args[0] is ignored. Result or negative errno. */
int64_t inside_call(struct door *door, struct file *file, long number, const uint64_t args[6]);

int64_t inside_receive(struct door *door, struct file *file, void *buffer, size_t bytes);
int64_t inside_peek(struct door *door, struct file *file, void *buffer, size_t bytes);
int64_t inside_send(struct door *door, struct file *file, const void *buffer, size_t bytes);
int64_t inside_shutdown(struct door *door, struct file *file, int how);
/* The close that follows will reset the connection. */
void inside_make_abortive(struct door *door, struct file *file);

#endif
