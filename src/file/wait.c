#include "file/wait.h"

void wait_add(struct wait_queue *q, struct wait_entry *e)
{
    if (e->is_exclusive) list_add_tail(&q->entries, &e->node);
    else list_add_head(&q->entries, &e->node);
}

void wait_remove(struct wait_entry *e)
{
    if (e->node.next) list_remove(&e->node);
}

/* The entries move to a list of this call, and back as they are called: what a callback removes is never touched again,
 * what it adds is not called in this round. A woken exclusive entry goes to the tail, so that waiters take turns. */
void wait_wake(struct wait_queue *q, uint32_t events)
{
    struct list pending;
    if (list_is_empty(&q->entries)) return;
    if (q->entries.next == q->entries.prev) { /* one alone needs no care */
        struct wait_entry *e = list_first(&q->entries, struct wait_entry, node);
        e->wake(e, events);
        return;
    }
    list_init(&pending);
    list_splice_tail(&pending, &q->entries);
    while (!list_is_empty(&pending)) {
        struct wait_entry *e = list_first(&pending, struct wait_entry, node);
        list_remove(&e->node);
        if (e->is_exclusive) list_splice_tail(&q->entries, &pending);
        list_add_tail(&q->entries, &e->node);
        e->wake(e, events);
    }
}
