#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/rbtree.h"

#define KEYS 600

struct item { struct rb_node node; uint32_t key; bool is_in; };

/* Black height; fails on a broken rule. */
static int check(const struct rb_node *n, const struct rb_node *parent)
{
    if (!n) return 1;
    assert_ptr_equal(n->parent, parent);
    if (n->is_red) {
        assert_false(n->left && n->left->is_red);
        assert_false(n->right && n->right->is_red);
    }
    int left = check(n->left, n), right = check(n->right, n);
    assert_int_equal(left, right);
    return left + !n->is_red;
}

static void insert(struct rb_root *root, struct item *item)
{
    struct rb_node **link = &root->node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = item->key < rb_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
    }
    rb_insert(root, &item->node, parent, link);
}

static void keeps_the_rules_and_the_order(void **state)
{
    (void)state;
    static struct item items[KEYS];
    struct rb_root root = { 0 };
    struct random r;
    uint64_t seed[2] = { 3, 4 };
    random_init(&r, seed, "rbtree");
    for (uint32_t i = 0; i < KEYS; i++) items[i] = (struct item){ .key = i };
    for (int step = 0; step < 6000; step++) {
        struct item *item = &items[random_below(&r, KEYS)];
        if (item->is_in) rb_remove(&root, &item->node);
        else insert(&root, item);
        item->is_in = !item->is_in;
        if (step % 16 != 0) continue;
        if (root.node) assert_false(root.node->is_red);
        check(root.node, NULL);
        const struct rb_node *forward = rb_first(&root);
        for (uint32_t i = 0; i < KEYS; i++) {
            if (!items[i].is_in) continue;
            assert_ptr_equal(forward, &items[i].node);
            forward = rb_next(forward);
        }
        assert_null(forward);
        const struct rb_node *back = rb_last(&root);
        for (uint32_t i = KEYS; i-- > 0;) {
            if (!items[i].is_in) continue;
            assert_ptr_equal(back, &items[i].node);
            back = rb_prev(back);
        }
        assert_null(back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_the_rules_and_the_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
