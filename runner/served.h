/* Which open() means one of the machine's own texts. */
#ifndef RUNNER_SERVED_H
#define RUNNER_SERVED_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_ref;

enum { SERVED_NAME_SIZE = 256 };

/* Looks at an open, openat or openat2. True: the text's name under /proc, and the flags of the call. */
bool served_find(struct task_ref *task, const struct seccomp_data *data, char *name, size_t size, uint32_t *flags);

#endif
