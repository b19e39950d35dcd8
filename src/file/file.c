#include "file/epoll.h"
#include "machine/machine.h"

struct file *file_create(struct machine *m, const struct file_ops *ops, void *private_data, uint32_t flags)
{
    struct file *f = machine_alloc(m, sizeof *f);
    if (!f) return NULL;
    f->ops = ops;
    f->machine = m;
    f->private_data = private_data;
    f->references = 1;
    f->flags = flags;
    f->inode = m->next_inode++;
    list_init(&f->epoll_items);
    return f;
}

void file_put(struct file *f)
{
    assert(f->references > 0);
    if (--f->references) return;
    epoll_forget(f);
    f->ops->release(f);
    machine_free(f->machine, f, sizeof *f);
}

uint32_t file_poll(struct file *f)
{
    return f->ops->poll ? f->ops->poll(f) : EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

struct wait_queue *file_wait_queue(struct file *f)
{
    return f->ops->wait_queue ? f->ops->wait_queue(f) : NULL;
}
