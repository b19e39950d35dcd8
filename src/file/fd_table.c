#include "file/file.h"
#include "machine/machine.h"

#define FIRST_CAPACITY 64

int fd_table_init(struct fd_table *t, struct machine *m, uint32_t limit)
{
    *t = (struct fd_table){ .machine = m, .limit = limit };
    return 0;
}

void fd_table_fini(struct fd_table *t)
{
    for (uint32_t fd = 0; fd < t->capacity; fd++) fd_table_close(t, (int)fd);
    machine_free(t->machine, t->entries, t->capacity * sizeof *t->entries);
    *t = (struct fd_table){ .machine = t->machine, .limit = t->limit };
}

static bool grow_to(struct fd_table *t, uint32_t fd)
{
    uint32_t capacity = t->capacity ? t->capacity : FIRST_CAPACITY;
    while (capacity <= fd) capacity *= 2;
    if (capacity == t->capacity) return true;
    struct fd_entry *entries = machine_alloc(t->machine, capacity * sizeof *entries);
    if (!entries) return false;
    if (t->capacity) memcpy(entries, t->entries, t->capacity * sizeof *entries);
    machine_free(t->machine, t->entries, t->capacity * sizeof *entries);
    t->entries = entries;
    t->capacity = capacity;
    return true;
}

struct file *fd_table_get(struct fd_table *t, int fd)
{
    return fd >= 0 && (uint32_t)fd < t->capacity ? t->entries[fd].file : NULL;
}

static uint32_t find_free(const struct fd_table *t, uint32_t from)
{
    while (from < t->capacity && t->entries[from].file) from++;
    return from;
}

int fd_table_install(struct fd_table *t, struct file *f, uint32_t flags, int at_least)
{
    int error = -EINVAL;
    if (at_least < 0 || (uint32_t)at_least >= t->limit) goto put_file;
    uint32_t fd = find_free(t, max_of((uint32_t)at_least, t->lowest_free));
    error = -EMFILE;
    if (fd >= t->limit) goto put_file;
    error = -ENOMEM;
    if (!grow_to(t, fd)) goto put_file;
    t->entries[fd] = (struct fd_entry){ f, flags };
    if (fd == t->lowest_free) t->lowest_free = find_free(t, fd + 1);
    return (int)fd;

put_file:
    file_put(f);
    return error;
}

int fd_table_set(struct fd_table *t, int fd, struct file *f, uint32_t flags)
{
    if (fd < 0 || (uint32_t)fd >= t->limit || !grow_to(t, (uint32_t)fd)) {
        file_put(f);
        return fd < 0 || (uint32_t)fd >= t->limit ? -EBADF : -ENOMEM;
    }
    struct file *old = t->entries[fd].file;
    t->entries[fd] = (struct fd_entry){ f, flags };
    if ((uint32_t)fd == t->lowest_free) t->lowest_free = find_free(t, t->lowest_free + 1);
    if (old) file_put(old);
    return fd;
}

int fd_table_close(struct fd_table *t, int fd)
{
    struct file *f = fd_table_get(t, fd);
    if (!f) return -EBADF;
    t->entries[fd] = (struct fd_entry){ 0 };
    t->lowest_free = min_of(t->lowest_free, (uint32_t)fd);
    file_put(f);
    return 0;
}
