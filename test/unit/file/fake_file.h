/* A file whose readiness the test sets. */
#ifndef WEIR_TEST_FAKE_FILE_H
#define WEIR_TEST_FAKE_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "file/file.h"
#include "file/user_memory.h"

struct fake { struct wait_queue wait; uint32_t mask; unsigned released; };

static inline uint32_t fake_poll(struct file *f) { return ((struct fake *)f->private_data)->mask; }
static inline void fake_release(struct file *f) { ((struct fake *)f->private_data)->released++; }
static inline struct wait_queue *fake_queue(struct file *f) { return &((struct fake *)f->private_data)->wait; }

static const struct file_ops fake_file_ops = {
    .name = "fake", .poll = fake_poll, .release = fake_release, .wait_queue = fake_queue,
};

static inline struct file *fake_create(struct machine *m, struct fake *fake)
{
    *fake = (struct fake){ 0 };
    wait_queue_init(&fake->wait);
    return file_create(m, &fake_file_ops, fake, 0);
}

static inline void fake_set(struct fake *fake, uint32_t mask, uint32_t events)
{
    fake->mask = mask;
    wait_wake(&fake->wait, events);
}

#endif
