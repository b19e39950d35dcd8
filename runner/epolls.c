#include "runner/epolls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct job {
    const struct epolls *epolls;
    int old, fresh; /* in the process's table */
};

struct epolls_thread {
    pthread_t thread;
    int to_thread[2], from_thread[2]; /* struct job; a byte */
    int self;                         /* pidfd of this process: how the thread reaches its fds */
};

/* Room for one more at the end of an array that doubles. NULL: no memory, the array stays. */
static void *grow(void *array, size_t count, size_t item_bytes)
{
    bool is_full = (count & (count - 1)) == 0;

    return is_full ? reallocarray(array, count ? 2 * count : 1, item_bytes) : array;
}

static FILE *open_info(const struct task_ref *task, int number)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "fdinfo/%d", number);
    fd = openat(task->proc_fd, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopen(fd, "r");
}

static void add_copy(struct epolls *epolls, const struct task_ref *task, int number)
{
    struct epolls_copy *copies = grow(epolls->copies, epolls->copy_count, sizeof(*copies));
    FILE *info = open_info(task, number);
    unsigned flags = 0;
    char line[256];

    if (copies)
        epolls->copies = copies;
    while (info && fgets(line, sizeof(line), info))
        if (sscanf(line, "flags: %o", &flags) == 1)
            break;
    if (info)
        fclose(info);
    if (copies)
        copies[epolls->copy_count++] = (struct epolls_copy){ number, flags & O_CLOEXEC };
}

static void add_entry(struct epolls *epolls, struct task_ref *task, int set_number, const struct epolls_entry *entry)
{
    struct epolls_entry *entries = grow(epolls->entries, epolls->entry_count, sizeof(*entries));
    int set;

    if (!entries)
        return;
    epolls->entries = entries;
    set = task_duplicate_fd(task, set_number);
    if (set < 0)
        return;
    entries[epolls->entry_count] = *entry;
    entries[epolls->entry_count++].set = set;
}

static void read_set(struct epolls *epolls, struct task_ref *task, int number, uint64_t inode)
{
    FILE *info = open_info(task, number);
    char line[256];

    if (!info)
        return;
    while (fgets(line, sizeof(line), info)) {
        struct epolls_entry entry = { .set = -1 };
        uint64_t data, found;
        unsigned events;

        if (sscanf(line, "tfd: %d events: %x data: %" SCNx64 " pos:%*d ino:%" SCNx64, &entry.number, &events, &data,
                   &found) != 4 || found != inode)
            continue;
        entry.event = (struct epoll_event){ .events = events, .data.u64 = data };
        add_entry(epolls, task, number, &entry);
    }
    fclose(info);
}

/* How many numbers there are to look at. */
static int table_size(const struct task_ref *task)
{
    int fd = openat(task->proc_fd, "status", O_RDONLY | O_CLOEXEC), size = 0;
    FILE *status = fd < 0 ? NULL : fdopen(fd, "r");
    char line[256];

    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "FDSize: %d", &size) == 1)
            break;
    if (status)
        fclose(status);
    return size;
}

void epolls_find(struct epolls *epolls, struct task_ref *task, uint64_t inode)
{
    char socket_name[40], path[24], target[64];
    int size = table_size(task);

    *epolls = (struct epolls){ 0 };
    snprintf(socket_name, sizeof(socket_name), "socket:[%" PRIu64 "]", inode);
    for (int number = 0; number < size; number++) {
        ssize_t length;

        snprintf(path, sizeof(path), "fd/%d", number);
        length = readlinkat(task->proc_fd, path, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strcmp(target, "anon_inode:[eventpoll]") == 0)
            read_set(epolls, task, number, inode);
        else if (strcmp(target, socket_name) == 0)
            add_copy(epolls, task, number);
    }
}

/* The process's fd, on exactly this number of the thread's table. -1: taken by the thread itself. */
static int take_onto(const struct epolls_thread *thread, int fd, int number)
{
    int copy = (int)syscall(SYS_pidfd_getfd, thread->self, fd, 0), placed;

    if (copy < 0 || copy == number)
        return copy;
    placed = fcntl(copy, F_DUPFD_CLOEXEC, number);
    close(copy);
    if (placed >= 0 && placed != number) {
        close(placed);
        return -1;
    }
    return placed;
}

static void with_number(const struct epolls_thread *thread, int operation, int fd, int set,
                        const struct epolls_entry *entry)
{
    struct epoll_event event = entry->event;
    int placed = take_onto(thread, fd, entry->number);

    if (placed < 0)
        return;
    epoll_ctl(set, operation, placed, &event);
    close(placed);
}

static void replace(const struct epolls_thread *thread, const struct job *job, const struct epolls_entry *entry)
{
    int set = take_onto(thread, entry->set, entry->number + 1); /* anywhere but on the number itself */

    if (set < 0)
        return;
    with_number(thread, EPOLL_CTL_DEL, job->old, set, entry);
    with_number(thread, EPOLL_CTL_ADD, job->fresh, set, entry);
    close(set);
}

/* Its own fds go to the highest numbers: those that programs use last. */
static bool make_own_table(struct epolls_thread *own)
{
    struct rlimit limit = { .rlim_cur = 1024 };
    int from;

    getrlimit(RLIMIT_NOFILE, &limit);
    from = (int)(limit.rlim_cur < 65536 ? limit.rlim_cur : 65536) - 4;
    if (unshare(CLONE_FILES) < 0)
        return false;
    own->to_thread[0] = fcntl(own->to_thread[0], F_DUPFD_CLOEXEC, from);
    own->from_thread[1] = fcntl(own->from_thread[1], F_DUPFD_CLOEXEC, from);
    own->self = fcntl(own->self, F_DUPFD_CLOEXEC, from);
    close_range(0, (unsigned)from - 1, 0);
    return own->to_thread[0] >= 0 && own->from_thread[1] >= 0 && own->self >= 0;
}

static void *work(void *argument)
{
    const struct epolls_thread *shared = argument;
    struct epolls_thread own = *shared;
    char has_table = make_own_table(&own);
    struct job job;

    if (write(own.from_thread[1], &has_table, 1) != 1 || !has_table)
        return NULL;
    while (read(own.to_thread[0], &job, sizeof(job)) == sizeof(job)) {
        for (size_t i = 0; i < job.epolls->entry_count; i++)
            replace(&own, &job, &job.epolls->entries[i]);
        if (write(own.from_thread[1], "", 1) != 1)
            break;
    }
    return NULL;
}

static void close_pipe(int pipe_ends[2])
{
    for (int i = 0; i < 2; i++)
        if (pipe_ends[i] >= 0)
            close(pipe_ends[i]);
}

static void let_go_of(int *fd)
{
    close(*fd);
    *fd = -1;
}

/* The thread says when its table is its own: only then may its ends be closed here. */
static bool start_thread(struct epolls_thread *thread)
{
    char has_table = false;

    if (pthread_create(&thread->thread, NULL, work, thread))
        return false;
    if (read(thread->from_thread[0], &has_table, 1) != 1 || !has_table) {
        pthread_join(thread->thread, NULL);
        return false;
    }
    let_go_of(&thread->to_thread[0]);
    let_go_of(&thread->from_thread[1]);
    return true;
}

struct epolls_thread *epolls_start(void)
{
    struct epolls_thread *thread = malloc(sizeof(*thread));

    if (!thread)
        return NULL;
    *thread = (struct epolls_thread){ .to_thread = { -1, -1 }, .from_thread = { -1, -1 } };
    thread->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (thread->self >= 0 && pipe2(thread->to_thread, O_CLOEXEC) == 0 && pipe2(thread->from_thread, O_CLOEXEC) == 0 &&
        start_thread(thread))
        return thread;
    close_pipe(thread->to_thread);
    close_pipe(thread->from_thread);
    if (thread->self >= 0)
        close(thread->self);
    free(thread);
    return NULL;
}

void epolls_stop(struct epolls_thread *thread)
{
    let_go_of(&thread->to_thread[1]);
    pthread_join(thread->thread, NULL);
    close_pipe(thread->from_thread);
    close(thread->self);
    free(thread);
}

void epolls_replace(struct epolls_thread *thread, const struct epolls *epolls, int old, int fresh)
{
    struct job job = { .epolls = epolls, .old = old, .fresh = fresh };
    char byte;

    if (thread && epolls->entry_count > 0 && write(thread->to_thread[1], &job, sizeof(job)) == sizeof(job))
        while (read(thread->from_thread[0], &byte, 1) < 0 && errno == EINTR)
            ;
}

void epolls_release(struct epolls *epolls)
{
    for (size_t i = 0; i < epolls->entry_count; i++)
        close(epolls->entries[i].set);
    free(epolls->entries);
    free(epolls->copies);
}
