/* Wait queues: who wants to know when a file's readiness changes. A wake calls every entry; entries may remove themselves
 * or others while being called. Nobody sleeps here: doors and parked calls are the waiters. */
#ifndef WEIR_FILE_WAIT_H
#define WEIR_FILE_WAIT_H

#include "base/list.h"

struct wait_entry {
    struct list node;
    /* events: EPOLL* bits that may have become true; 0: look again. Runs inside the packet path: no calls into the sock. */
    void (*wake)(struct wait_entry *e, uint32_t events);
    bool is_exclusive; /* only one exclusive entry is woken for each wake (accept, EPOLLEXCLUSIVE) */
};

struct wait_queue { struct list entries; };

static inline void wait_queue_init(struct wait_queue *q) { list_init(&q->entries); }
void wait_add(struct wait_queue *q, struct wait_entry *e);          /* exclusive ones go to the tail */
void wait_remove(struct wait_entry *e);                              /* harmless when not queued */
void wait_wake(struct wait_queue *q, uint32_t events);
static inline bool wait_is_empty(const struct wait_queue *q) { return list_is_empty(&q->entries); }

#endif
