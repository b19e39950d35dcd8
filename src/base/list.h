/* Intrusive circular doubly linked list. An entry belongs to at most one list through one node. */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include "base/types.h"

struct list { struct list *next, *prev; };

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_is_empty(const struct list *l) { return l->next == l; }
static inline bool list_is_linked(const struct list *node) { return node->next && node->next != node; }
static inline void list_insert_between(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev; node->next = next; prev->next = node; next->prev = node;
}
static inline void list_add_head(struct list *l, struct list *node) { list_insert_between(node, l, l->next); }
static inline void list_add_tail(struct list *l, struct list *node) { list_insert_between(node, l->prev, l); }
static inline void list_add_before(struct list *at, struct list *node) { list_insert_between(node, at->prev, at); }
/* Leaves the node self-linked, so removing it twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next; node->next->prev = node->prev; list_init(node);
}
/* Moves all of `from` to the tail of `to`; `from` becomes empty. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
    if (list_is_empty(from)) return;
    from->next->prev = to->prev; to->prev->next = from->next;
    from->prev->next = to; to->prev = from->prev; list_init(from);
}
#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(l, type, member) list_entry((l)->next, type, member)
#define list_last(l, type, member) list_entry((l)->prev, type, member)
#define list_for_each(it, l) for (struct list *it = (l)->next; it != (l); it = it->next)
/* `it` may be removed inside the loop. */
#define list_for_each_safe(it, tmp, l) \
    for (struct list *it = (l)->next, *tmp = it->next; it != (l); it = tmp, tmp = it->next)

/* Hash chain: one-pointer heads; pprev lets a node leave without knowing its bucket. */
struct chain { struct chain_node *first; };
struct chain_node { struct chain_node *next, **pprev; };

static inline void chain_add(struct chain *c, struct chain_node *n)
{
    n->next = c->first; n->pprev = &c->first;
    if (c->first) c->first->pprev = &n->next;
    c->first = n;
}
static inline bool chain_is_linked(const struct chain_node *n) { return n->pprev != NULL; }
static inline void chain_remove(struct chain_node *n)
{
    if (!n->pprev) return;
    *n->pprev = n->next;
    if (n->next) n->next->pprev = n->pprev;
    n->next = NULL; n->pprev = NULL;
}
#define chain_for_each(it, c) for (struct chain_node *it = (c)->first; it; it = it->next)
#define chain_for_each_safe(it, tmp, c) \
    for (struct chain_node *it = (c)->first, *tmp; it && ((tmp = it->next), 1); it = tmp)

#endif
