/* Red-black rules: the root is black; a red node has black children; every way down from a node to a missing child passes
 * the same number of black nodes. A missing child counts as black. */
#include "base/rbtree.h"

static bool is_red(const struct rb_node *n) { return n && n->is_red; }

static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *from, struct rb_node *to)
{
    if (!parent) root->node = to;
    else if (parent->left == from) parent->left = to;
    else parent->right = to;
    if (to) to->parent = parent;
}

/* The right child comes up in place of n. */
static void rotate_left(struct rb_root *root, struct rb_node *n)
{
    struct rb_node *up = n->right;
    replace_child(root, n->parent, n, up);
    n->right = up->left;
    if (n->right) n->right->parent = n;
    up->left = n;
    n->parent = up;
}

static void rotate_right(struct rb_root *root, struct rb_node *n)
{
    struct rb_node *up = n->left;
    replace_child(root, n->parent, n, up);
    n->left = up->right;
    if (n->left) n->left->parent = n;
    up->right = n;
    n->parent = up;
}

static void rotate_to(struct rb_root *root, struct rb_node *n, bool left)
{
    if (left) rotate_left(root, n);
    else rotate_right(root, n);
}

void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
    *node = (struct rb_node){ .parent = parent, .is_red = true };
    *link = node;
    while (is_red(node->parent)) {
        struct rb_node *up = node->parent, *top = up->parent; /* a red node is never the root */
        bool on_left = up == top->left;
        struct rb_node *uncle = on_left ? top->right : top->left;
        if (is_red(uncle)) {
            up->is_red = uncle->is_red = false;
            top->is_red = true;
            node = top;
            continue;
        }
        if (node == (on_left ? up->right : up->left)) {
            rotate_to(root, up, on_left);
            up = node;
        }
        up->is_red = false;
        top->is_red = true;
        rotate_to(root, top, !on_left);
        break;
    }
    root->node->is_red = false;
}

/* `node` (may be missing) below `parent` lacks one black on every way down. */
static void repair_missing_black(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
    while (parent && !is_red(node)) {
        bool on_left = node == parent->left;
        struct rb_node *sibling = on_left ? parent->right : parent->left;
        if (is_red(sibling)) {
            sibling->is_red = false;
            parent->is_red = true;
            rotate_to(root, parent, on_left);
            sibling = on_left ? parent->right : parent->left;
        }
        struct rb_node *near = on_left ? sibling->left : sibling->right;
        struct rb_node *far = on_left ? sibling->right : sibling->left;
        if (!is_red(near) && !is_red(far)) {
            sibling->is_red = true;
            node = parent;
            parent = node->parent;
            continue;
        }
        if (!is_red(far)) {
            near->is_red = false;
            sibling->is_red = true;
            rotate_to(root, sibling, !on_left);
            sibling = near;
            far = on_left ? sibling->right : sibling->left;
        }
        sibling->is_red = parent->is_red;
        parent->is_red = false;
        far->is_red = false;
        rotate_to(root, parent, on_left);
        return;
    }
    if (node) node->is_red = false;
}

void rb_remove(struct rb_root *root, struct rb_node *node)
{
    struct rb_node *child, *parent;
    bool lost_black;
    if (node->left && node->right) {
        struct rb_node *heir = node->right;
        while (heir->left) heir = heir->left;
        child = heir->right;
        lost_black = !heir->is_red;
        parent = heir->parent == node ? heir : heir->parent;
        if (heir->parent != node) {
            replace_child(root, heir->parent, heir, child);
            heir->right = node->right;
            heir->right->parent = heir;
        }
        replace_child(root, node->parent, node, heir);
        heir->left = node->left;
        heir->left->parent = heir;
        heir->is_red = node->is_red;
    } else {
        child = node->left ? node->left : node->right;
        parent = node->parent;
        lost_black = !node->is_red;
        replace_child(root, parent, node, child);
    }
    if (lost_black) repair_missing_black(root, child, parent);
    *node = (struct rb_node){ 0 };
}

struct rb_node *rb_first(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->left) n = n->left;
    return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->right) n = n->right;
    return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
    struct rb_node *n = node->right;
    if (n) {
        while (n->left) n = n->left;
        return n;
    }
    for (n = node->parent; n && node == n->right; n = n->parent) node = n;
    return n;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
    struct rb_node *n = node->left;
    if (n) {
        while (n->right) n = n->right;
        return n;
    }
    for (n = node->parent; n && node == n->left; n = n->parent) node = n;
    return n;
}
