/* Intrusive red-black tree. The caller walks down to find the place, then links and rebalances. */
#ifndef WEIR_BASE_RBTREE_H
#define WEIR_BASE_RBTREE_H

#include "base/types.h"

struct rb_node { struct rb_node *parent, *left, *right; bool is_red; };
struct rb_root { struct rb_node *node; };

/* `link` is the address of the child pointer (or root->node) where `node` goes. */
void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void rb_remove(struct rb_root *root, struct rb_node *node);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
static inline bool rb_is_empty(const struct rb_root *root) { return !root->node; }
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#endif
