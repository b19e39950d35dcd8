#include "machine/library.h"

#include "proc/proc.h"
#include "syscall/call.h"

#define FD_LIMIT (1u << 20)

struct weir_task {
    struct task task; /* first */
    struct list node;
    struct list watches;
};

struct watch {
    struct wait_entry entry;
    struct list node;
    int fd;
    void (*wake)(void *ctx, uint32_t events);
    void *ctx;
};

static struct weir_task *library_of(struct task *t) { return container_of(t, struct weir_task, task); }

static struct file *get_file(struct task *t, int fd)
{
    struct file *f = fd_table_get(&t->fds, fd);
    return f ? file_get(f) : NULL;
}

static int install_file(struct task *t, struct file *f, uint32_t flags)
{
    return fd_table_install(&t->fds, f, flags & O_CLOEXEC ? FD_CLOSE_ON_EXEC : 0, 0);
}

static void forget_watches(struct weir_task *t, int fd)
{
    list_for_each_safe(it, next, &t->watches) {
        struct watch *w = list_entry(it, struct watch, node);
        if (w->fd != fd) continue;
        wait_remove(&w->entry);
        list_remove(&w->node);
        machine_free(t->task.machine, w, sizeof *w);
    }
}

static int close_file(struct task *t, int fd)
{
    forget_watches(library_of(t), fd);
    return fd_table_close(&t->fds, fd);
}

static int may_install(struct task *t)
{
    return t->fds.lowest_free < t->fds.limit ? 0 : -EMFILE;
}

static const struct task_ops library_task_ops = {
    .file_get = get_file, .file_install = install_file, .file_close = close_file, .may_install = may_install,
};

struct weir_task *weir_task_create(struct weir_machine *machine)
{
    struct machine *m = (struct machine *)machine;
    struct weir_task *t = machine_alloc(m, sizeof *t);
    if (!t) return NULL;
    t->task.ops = &library_task_ops;
    t->task.machine = m;
    t->task.net = m->initial_net;
    t->task.credentials = (struct credentials){ .pid = 1, .capabilities = UINT64_MAX };
    t->task.memory = &user_memory_direct;
    fd_table_init(&t->task.fds, m, FD_LIMIT);
    list_init(&t->watches);
    list_add_tail(&m->tasks, &t->node);
    return t;
}

void weir_task_destroy(struct weir_task *t)
{
    if (!t) return;
    struct machine *m = t->task.machine;
    while (!list_is_empty(&t->watches)) forget_watches(t, list_first(&t->watches, struct watch, node)->fd);
    fd_table_fini(&t->task.fds);
    list_remove(&t->node);
    machine_free(m, t, sizeof *t);
    machine_settle(m);
}

void library_stop(struct machine *m)
{
    while (!list_is_empty(&m->tasks)) weir_task_destroy(list_last(&m->tasks, struct weir_task, node));
}

void weir_task_credentials(struct weir_task *t, uint32_t uid, uint32_t gid, uint64_t capabilities)
{
    t->task.credentials.uid = uid;
    t->task.credentials.gid = gid;
    t->task.credentials.capabilities = capabilities;
}

static void not_expected(struct call *c, int64_t result)
{
    (void)result;
    assert(!c->never_park); /* a call that may not park has ended when it began */
}

long weir_syscall(struct weir_task *t, long number, const uint64_t args[6])
{
    struct call c;
    memset(&c, 0, CALL_CLEARED_BYTES);
    c.task = &t->task;
    c.number = number;
    c.done = not_expected;
    c.never_park = true;
    memcpy(c.args, args, sizeof c.args);
#ifdef SYS_dup2
    if (number == SYS_dup2 && args[0] != args[1]) forget_watches(t, (int)args[1]);
#endif
    if (number == SYS_dup3) forget_watches(t, (int)args[1]);
    return (long)call_start(&c);
}

static void watch_wake(struct wait_entry *e, uint32_t events)
{
    struct watch *w = container_of(e, struct watch, entry);
    w->wake(w->ctx, events);
}

int weir_watch(struct weir_task *t, int fd, void (*wake)(void *ctx, uint32_t events), void *ctx)
{
    struct file *f = fd_table_get(&t->task.fds, fd);
    if (!f) return -EBADF;
    forget_watches(t, fd);
    struct wait_queue *q = file_wait_queue(f);
    if (!wake || !q) return 0;
    struct watch *w = machine_alloc(t->task.machine, sizeof *w);
    if (!w) return -ENOMEM;
    *w = (struct watch){ .entry.wake = watch_wake, .fd = fd, .wake = wake, .ctx = ctx };
    wait_add(q, &w->entry);
    list_add_tail(&t->watches, &w->node);
    return 0;
}

/* The text is made in the machine's memory, twice as large each time it does not fit. */
long weir_proc_read(struct weir_task *t, const char *path, char *buffer, size_t bytes)
{
    struct machine *m = t->task.machine;
    for (size_t room = 16384;; room *= 2) {
        char *space = memory_alloc(m->memory, room);
        if (!space) return -ENOMEM;
        struct text text = text_in(space, room);
        long result = proc_read(t->task.net, &t->task.credentials, path, &text);
        if (!result && !text.is_cut) {
            if (bytes) memcpy(buffer, space, min_of(bytes, text.length)); /* else it may be NULL */
            result = (long)text.length;
        }
        machine_free(m, space, room);
        if (result || !text.is_cut) return result;
    }
}

long weir_proc_write(struct weir_task *t, const char *path, const char *text, size_t bytes)
{
    return proc_write(t->task.net, &t->task.credentials, path, text, bytes);
}
