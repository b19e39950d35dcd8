#include "runner/task.h"

#include "runner/broker.h"
#include "runner/low_numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* linux/pidfd.h cannot be included beside fcntl.h */
#endif

static struct task_ref **bucket_of(struct task_table *table, pid_t tid)
{
    return &table->buckets[(unsigned)tid % TASK_BUCKETS];
}

struct task_ref *task_find(const struct task_table *table, pid_t tid)
{
    struct task_ref *task = table->buckets[(unsigned)tid % TASK_BUCKETS];

    while (task && task->tid != tid)
        task = task->next;
    return task;
}

/* Reads the whole of /proc/TID/status. */
static int read_status(int proc_fd, char *text, size_t size)
{
    int fd = openat(proc_fd, "status", O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0)
        return -errno;
    length = read(fd, text, size - 1);
    close(fd);
    if (length <= 0)
        return -ESRCH;
    text[length] = '\0';
    return 0;
}

static pid_t read_tgid(int proc_fd)
{
    char text[4096];
    const char *line;

    if (read_status(proc_fd, text, sizeof(text)) < 0)
        return -1;
    line = strstr(text, "\nTgid:");
    return line ? (pid_t)atoi(line + 6) : -1;
}

/* A pidfd of the thread itself: the leader of a group may be gone while its other threads live. */
static int open_pidfd(pid_t tid, pid_t tgid)
{
    int fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_pidfd_open, tgid, 0); /* before Linux 6.9 */
    return fd;
}

struct task_ref *task_get(struct task_table *table, pid_t tid, struct broker *broker)
{
    struct task_ref *task = task_find(table, tid);
    char path[32];

    if (task)
        return task;
    task = calloc(1, sizeof(*task));
    if (!task)
        return NULL;
    task->tid = tid;
    task->pidfd = task->memory_fd = -1;
    task->broker = broker;
    task->copy_watch = table->copy_watch;
    task->numbers.last = -1;
    snprintf(path, sizeof(path), "/proc/%d", tid);
    task->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (task->proc_fd >= 0)
        task->tgid = read_tgid(task->proc_fd);
    if (task->tgid > 0)
        task->pidfd = open_pidfd(tid, task->tgid);
    if (task->pidfd < 0) {
        if (task->proc_fd >= 0)
            close(task->proc_fd);
        free(task);
        return NULL;
    }
    task->next = *bucket_of(table, tid);
    *bucket_of(table, tid) = task;
    table->count++;
    return task;
}

void task_drop(struct task_table *table, struct task_ref *task)
{
    struct task_ref **link = bucket_of(table, task->tid);

    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    table->count--;
    fd_numbers_fini(&task->numbers);
    close(task->pidfd);
    close(task->proc_fd);
    if (task->memory_fd >= 0)
        close(task->memory_fd);
    free(task);
}

void task_table_fini(struct task_table *table)
{
    for (unsigned i = 0; i < TASK_BUCKETS; i++)
        while (table->buckets[i])
            task_drop(table, table->buckets[i]);
}

int task_duplicate_fd(struct task_ref *task, int fd)
{
    int copy;

    if (fd < 0)
        return -EBADF;
    if (task->broker)
        return broker_duplicate_fd(task->broker, task->tid, fd);
    copy = (int)syscall(SYS_pidfd_getfd, task->pidfd, fd, 0);
    return copy < 0 ? -errno : copy;
}

bool task_fd_in_use(const struct task_ref *task, unsigned fd)
{
    char path[24];
    struct stat status;

    if (!task->broker) { /* cheaper than a look into /proc */
        int copy = (int)syscall(SYS_pidfd_getfd, task->pidfd, fd, 0);

        if (copy >= 0)
            close(copy);
        return copy >= 0 || errno != EBADF;
    }
    snprintf(path, sizeof(path), "fd/%u", fd);
    return fstatat(task->proc_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Brokered memory: the fd belongs to one address space, so it is taken anew after an exec (which reads as 0). */
static int brokered_memory(struct task_ref *task)
{
    if (task->memory_fd < 0)
        task->memory_fd = broker_open_memory(task->broker, task->tid);
    return task->memory_fd;
}

static void forget_memory(struct task_ref *task)
{
    if (task->memory_fd >= 0)
        close(task->memory_fd);
    task->memory_fd = -1;
}

static ssize_t brokered_transfer(struct task_ref *task, bool to_task, void *local, uint64_t remote, size_t bytes)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = brokered_memory(task);
        ssize_t moved;

        if (fd < 0)
            return -1;
        moved = to_task ? pwrite(fd, local, bytes, (off_t)remote) : pread(fd, local, bytes, (off_t)remote);
        if (moved > 0)
            return moved;
        forget_memory(task);
    }
    return -1;
}

static ssize_t move(struct task_ref *task, bool to_task, void *local, uint64_t remote, size_t bytes)
{
    struct iovec here = { .iov_base = local, .iov_len = bytes };
    struct iovec there = { .iov_base = (void *)(uintptr_t)remote, .iov_len = bytes };

    if (task->broker)
        return brokered_transfer(task, to_task, local, remote, bytes);
    if (to_task)
        return process_vm_writev(task->tid, &here, 1, &there, 1, 0);
    return process_vm_readv(task->tid, &here, 1, &there, 1, 0);
}

static ssize_t transfer(struct task_ref *task, bool to_task, void *local, uint64_t remote, size_t bytes)
{
    struct copy_watch *watch = task->copy_watch;
    uint32_t turn = watch ? atomic_load_explicit(&watch->turn, memory_order_relaxed) : 0;
    ssize_t moved;

    if (!watch)
        return move(task, to_task, local, remote, bytes);
    atomic_store_explicit(&watch->tgid, task->tgid, memory_order_relaxed);
    atomic_store_explicit(&watch->turn, turn + 1, memory_order_release);
    moved = move(task, to_task, local, remote, bytes);
    atomic_store_explicit(&watch->turn, turn + 2, memory_order_release);
    return moved;
}

int task_read(struct task_ref *task, void *to, uint64_t from, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t moved = transfer(task, false, (char *)to + done, from + done, bytes - done);

        if (moved <= 0)
            return -EFAULT;
        done += (size_t)moved;
    }
    return 0;
}

int task_write(struct task_ref *task, uint64_t to, const void *from, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t moved = transfer(task, true, (char *)(uintptr_t)from + done, to + done, bytes - done);

        if (moved <= 0)
            return -EFAULT;
        done += (size_t)moved;
    }
    return 0;
}

/* Reads page by page: the string may end just before an unmapped page. */
ssize_t task_read_string(struct task_ref *task, char *to, uint64_t from, size_t size)
{
    enum { PAGE_BYTES = 4096 };
    size_t done = 0;

    while (done < size) {
        size_t chunk = PAGE_BYTES - (size_t)((from + done) % PAGE_BYTES);
        const char *end;

        if (chunk > size - done)
            chunk = size - done;
        if (task_read(task, to + done, from + done, chunk) < 0)
            return -EFAULT;
        end = memchr(to + done, '\0', chunk);
        if (end)
            return end - to;
        done += chunk;
    }
    return -ENAMETOOLONG;
}

int task_load_credentials(struct task_ref *task)
{
    struct task_credentials *credentials = &task->credentials;
    char text[4096];
    const char *uid, *gid, *caps;
    int error = read_status(task->proc_fd, text, sizeof(text));

    if (error < 0)
        return error;
    uid = strstr(text, "\nUid:");
    gid = strstr(text, "\nGid:");
    caps = strstr(text, "\nCapEff:");
    if (!uid || !gid || !caps || sscanf(uid, "\nUid: %u %u", &credentials->uid, &credentials->euid) != 2 ||
        sscanf(gid, "\nGid: %u %u", &credentials->gid, &credentials->egid) != 2 ||
        sscanf(caps, "\nCapEff: %lx", &credentials->effective_caps) != 1)
        return -EIO;
    task->has_credentials = true;
    if (strncmp(text, "Name:\t", 6) == 0)
        task->insists_on_low_numbers = low_numbers_insisted_on(text + 6);
    return 0;
}
