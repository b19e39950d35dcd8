/* An item waits on its file's queue and enters the ready list at a wake. A collect asks the file again: level-triggered
 * items that are still true go back to the tail, so that many ready files take turns; edge-triggered ones leave until the
 * next wake. An epoll may watch epolls: a chain of at most five, and never itself. */
#include "file/epoll.h"

#include "machine/machine.h"

#define MAX_NESTS 4
#define PRIVATE_BITS ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))
#define EXCLUSIVE_ALLOWED ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

struct epoll {
    struct machine *machine;
    struct file *file;
    struct list items, ready;
    struct wait_queue wait;
};

struct epoll_item {
    struct wait_entry wait;
    struct epoll *epoll;
    struct list node;       /* of epoll->items */
    struct list file_node;  /* of file->epoll_items */
    struct list ready_node; /* of epoll->ready; unlinked: not reported */
    struct file *file;      /* not counted: epoll_forget() ends the item */
    int fd;
    struct epoll_event event;
};

static void mark_ready(struct epoll_item *item)
{
    if (!list_is_linked(&item->ready_node)) list_add_tail(&item->epoll->ready, &item->ready_node);
    wait_wake(&item->epoll->wait, EPOLLIN | EPOLLRDNORM);
}

static void item_wake(struct wait_entry *e, uint32_t events)
{
    struct epoll_item *item = container_of(e, struct epoll_item, wait);
    if (!(item->event.events & ~PRIVATE_BITS)) return; /* a spent one-shot */
    if (events && !(events & item->event.events)) return;
    mark_ready(item);
}

static uint32_t item_poll(struct epoll_item *item) { return file_poll(item->file) & item->event.events; }

static void item_destroy(struct epoll_item *item)
{
    wait_remove(&item->wait);
    list_remove(&item->node);
    list_remove(&item->file_node);
    list_remove(&item->ready_node);
    machine_free(item->epoll->machine, item, sizeof *item);
}

/* Ready when any item is: items that turn out not to be leave the list. */
static uint32_t epoll_poll(struct file *f)
{
    struct epoll *e = f->private_data;
    list_for_each_safe(it, next, &e->ready) {
        struct epoll_item *item = list_entry(it, struct epoll_item, ready_node);
        if (item_poll(item)) return EPOLLIN | EPOLLRDNORM;
        list_remove(&item->ready_node);
    }
    return 0;
}

static void epoll_release(struct file *f)
{
    struct epoll *e = f->private_data;
    list_for_each_safe(it, next, &e->items) item_destroy(list_entry(it, struct epoll_item, node));
    machine_free(e->machine, e, sizeof *e);
}

static int epoll_ioctl(struct file *f, const struct task *t, unsigned command, uint64_t argument)
{
    (void)f;
    (void)t;
    (void)command;
    (void)argument;
    return -EINVAL; /* not ENOTTY: Linux has ioctls here, for busy polling */
}

static struct wait_queue *epoll_queue(struct file *f) { return &((struct epoll *)f->private_data)->wait; }

static const struct file_ops epoll_file_ops = {
    .name = "[eventpoll]", .poll = epoll_poll, .ioctl = epoll_ioctl, .release = epoll_release, .wait_queue = epoll_queue,
};

struct file *epoll_file_create(struct machine *m, uint32_t flags)
{
    struct epoll *e = machine_alloc(m, sizeof *e);
    if (!e) return NULL;
    e->machine = m;
    list_init(&e->items);
    list_init(&e->ready);
    wait_queue_init(&e->wait);
    e->file = file_create(m, &epoll_file_ops, e, O_RDWR | flags);
    if (e->file) return e->file;
    machine_free(m, e, sizeof *e);
    return NULL;
}

struct epoll *epoll_from_file(const struct file *f)
{
    return f->ops == &epoll_file_ops ? f->private_data : NULL;
}

/* Longest chain of epolls from e down, or more than MAX_NESTS when `target` is below: then it would be a loop. */
static unsigned depth_below(const struct epoll *e, const struct epoll *target, unsigned depth)
{
    if (e == target || depth > MAX_NESTS) return MAX_NESTS + 1;
    unsigned deepest = 0;
    list_for_each(it, &e->items) {
        struct epoll *inner = epoll_from_file(list_entry(it, struct epoll_item, node)->file);
        if (inner) deepest = max_of(deepest, 1 + depth_below(inner, target, depth + 1));
    }
    return deepest;
}

static unsigned height_above(const struct epoll *e, unsigned depth)
{
    unsigned highest = 0;
    if (depth > MAX_NESTS) return depth;
    list_for_each(it, &e->file->epoll_items) {
        struct epoll_item *item = list_entry(it, struct epoll_item, file_node);
        highest = max_of(highest, 1 + height_above(item->epoll, depth + 1));
    }
    return highest;
}

static int check_nesting(struct epoll *e, const struct file *f)
{
    struct epoll *inner = epoll_from_file(f);
    if (!inner) return 0;
    unsigned below = depth_below(inner, e, 0);
    return below + 1 + height_above(e, 0) > MAX_NESTS ? -ELOOP : 0;
}

static struct epoll_item *find_item(struct epoll *e, struct file *f, int fd)
{
    list_for_each(it, &f->epoll_items) {
        struct epoll_item *item = list_entry(it, struct epoll_item, file_node);
        if (item->epoll == e && item->fd == fd) return item;
    }
    return NULL;
}

static int add_item(struct epoll *e, struct file *f, int fd, const struct epoll_event *event)
{
    int error = check_nesting(e, f);
    if (error) return error;
    struct epoll_item *item = machine_alloc(e->machine, sizeof *item);
    if (!item) return -ENOMEM;
    item->epoll = e;
    item->file = f;
    item->fd = fd;
    item->event = *event;
    item->event.events |= EPOLLERR | EPOLLHUP;
    item->wait.wake = item_wake;
    item->wait.is_exclusive = event->events & EPOLLEXCLUSIVE;
    list_init(&item->ready_node);
    list_add_tail(&e->items, &item->node);
    list_add_tail(&f->epoll_items, &item->file_node);
    struct wait_queue *q = file_wait_queue(f);
    if (q) wait_add(q, &item->wait);
    if (item_poll(item)) mark_ready(item);
    return 0;
}

static int change_item(struct epoll_item *item, const struct epoll_event *event)
{
    if ((item->event.events | event->events) & EPOLLEXCLUSIVE) return -EINVAL;
    item->event = *event;
    item->event.events |= EPOLLERR | EPOLLHUP;
    if (item_poll(item)) mark_ready(item);
    return 0;
}

int epoll_control(struct epoll *e, int op, struct file *f, int fd, const struct epoll_event *event)
{
    if (!f->ops->poll) return -EPERM;
    if (f == e->file) return -EINVAL;
    if (op == EPOLL_CTL_ADD && (event->events & EPOLLEXCLUSIVE) &&
        (epoll_from_file(f) || event->events & ~EXCLUSIVE_ALLOWED)) return -EINVAL;
    struct epoll_item *item = find_item(e, f, fd);
    switch (op) {
    case EPOLL_CTL_ADD: return item ? -EEXIST : add_item(e, f, fd, event);
    case EPOLL_CTL_MOD: return item ? change_item(item, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (!item) return -ENOENT;
        item_destroy(item);
        return 0;
    default: return -EINVAL;
    }
}

int epoll_collect(struct epoll *e, int limit, int (*put)(void *ctx, int index, const struct epoll_event *event), void *ctx)
{
    int count = 0, error = 0;
    struct list looked;
    list_init(&looked);
    while (!error && count < limit && !list_is_empty(&e->ready)) {
        struct epoll_item *item = list_first(&e->ready, struct epoll_item, ready_node);
        struct epoll_event event = { .events = item_poll(item), .data = item->event.data };
        if (!event.events) {
            list_remove(&item->ready_node);
            continue;
        }
        if ((error = put(ctx, count, &event))) break;
        count++;
        list_remove(&item->ready_node);
        if (item->event.events & EPOLLONESHOT) item->event.events &= PRIVATE_BITS;
        else if (!(item->event.events & EPOLLET)) list_add_tail(&looked, &item->ready_node);
    }
    list_splice_tail(&e->ready, &looked);
    return count ? count : error;
}

void epoll_forget(struct file *f)
{
    list_for_each_safe(it, next, &f->epoll_items) item_destroy(list_entry(it, struct epoll_item, file_node));
}
