/* open() of the machine's own texts.
 *
 * For reading the program gets a snapshot in a file of its own, so read(), lseek() and mmap() are native. A sysctl open for
 * writing is the end of a socketpair on a number of the weir range: write() is trapped and answers with the errno Linux
 * would give. When a shell moves it to 1 what is written still arrives, through the pair, before the program's next call. */
#include "runner/served.h"

#include "runner/door.h"
#include "runner/openpath.h"
#include "runner/texts.h"

#include "proc/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYSCTL_TEXT_MAX = 4096 };

struct served {
    struct source source;
    struct chain_node by_inode;
    struct door *door;
    uint64_t inode;
    int machine_end;
    char name[SERVED_NAME_SIZE];
    size_t read_offset;
};

struct open_request {
    int directory;
    uint64_t path_address;
    uint64_t flags;
};

static int take_request(struct task_ref *task, const struct seccomp_data *data, struct open_request *request)
{
    const uint64_t *args = (const uint64_t *)data->args;
    struct open_how how;

    switch (data->nr) {
#ifdef SYS_open
    case SYS_open:
        *request = (struct open_request){ AT_FDCWD, args[0], args[1] };
        return 0;
#endif
    case SYS_openat:
        *request = (struct open_request){ (int)args[0], args[1], args[2] };
        return 0;
    default:
        if (task_read(task, &how, args[2], sizeof(how)) < 0)
            return -EFAULT;
        *request = (struct open_request){ (int)args[0], args[1], how.flags };
        return 0;
    }
}

static bool read_base(const struct task_ref *task, int directory, char *base, size_t size)
{
    char name[24] = "cwd";
    ssize_t length;

    if (directory != AT_FDCWD)
        snprintf(name, sizeof(name), "fd/%d", directory);
    length = readlinkat(task->proc_fd, name, base, size - 1);
    if (length <= 0)
        return false;
    base[length] = '\0';
    return true;
}

/* The name under /proc when the path is the machine's; false: the host's business. */
static bool find_name(struct task_ref *task, const struct open_request *request, char *name, size_t size)
{
    char path[OPENPATH_MAX], base[OPENPATH_MAX] = "/", canonical[OPENPATH_MAX];

    if (task_read_string(task, path, request->path_address, sizeof(path)) < 0 || !openpath_may_be_served(path))
        return false;
    if (path[0] != '/') {
        if (!read_base(task, request->directory, base, sizeof(base)))
            return false;
        if (strncmp(base, "/proc", 5) != 0 && !strstr(path, "proc"))
            return false;
    }
    if (!openpath_canonical(base, path, canonical, sizeof(canonical)))
        return false;
    return (size_t)snprintf(name, size, "%s", canonical + strlen("/proc/")) < size;
}

static bool is_host_directory(const char *name)
{
    char path[OPENPATH_MAX + 8];
    struct stat status;

    snprintf(path, sizeof(path), "/proc/%s", name);
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static struct chain *served_bucket(struct door *door, uint64_t inode)
{
    return &door->served[inode % array_count(door->served)];
}

static struct served *find_served(struct door *door, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return NULL;
    chain_for_each(node, served_bucket(door, status.st_ino)) {
        struct served *served = container_of(node, struct served, by_inode);

        if (served->inode == status.st_ino)
            return served;
    }
    return NULL;
}

/* As root may with the files of the machine. */
static bool may_all(struct trapped_call *c)
{
    if (task_load_credentials(c->task) < 0)
        return false;
    return c->task->credentials.euid == c->door->owner_uid ||
           (c->task->credentials.effective_caps >> CAP_NET_ADMIN & 1);
}

static int create_served(struct door *door, const char *name, int *program_end)
{
    struct served *served = calloc(1, sizeof(*served));
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = served };
    struct stat status;
    int pair[2];

    if (!served)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        free(served);
        return -ENFILE;
    }
    fstat(pair[0], &status);
    served->source.kind = SOURCE_SERVED;
    served->door = door;
    served->inode = status.st_ino;
    served->machine_end = pair[1];
    snprintf(served->name, sizeof(served->name), "%s", name);
    chain_add(served_bucket(door, served->inode), &served->by_inode);
    epoll_ctl(door->epoll_fd, EPOLL_CTL_ADD, pair[1], &event);
    *program_end = pair[0];
    return 0;
}

void served_event(struct source *source)
{
    struct served *served = container_of(source, struct served, source);
    char text[SYSCTL_TEXT_MAX];
    ssize_t n;

    if (source->is_dead)
        return;
    while ((n = recv(served->machine_end, text, sizeof(text), MSG_DONTWAIT)) > 0)
        texts_write(served->door, served->name, text, (size_t)n);
    if (n < 0 && errno == EAGAIN)
        return;
    source->is_dead = true;
    chain_remove(&served->by_inode);
    close(served->machine_end);
    list_add_tail(&served->door->graveyard, &source->graveyard_node);
}

static int64_t write_sysctl(struct trapped_call *c, struct served *served)
{
    char text[SYSCTL_TEXT_MAX];
    size_t bytes = c->data.args[2] < sizeof(text) ? (size_t)c->data.args[2] : sizeof(text);

    if (task_read(c->task, text, c->data.args[1], bytes) < 0)
        return -EFAULT;
    return texts_write(c->door, served->name, text, bytes);
}

static int64_t read_sysctl(struct trapped_call *c, struct served *served)
{
    char *text = NULL;
    int64_t length = texts_read(c->door, served->name, &text), n = 0;

    if (length > (int64_t)served->read_offset) {
        n = length - (int64_t)served->read_offset;
        n = n < (int64_t)c->data.args[2] ? n : (int64_t)c->data.args[2];
        if (task_write(c->task, c->data.args[1], text + served->read_offset, (size_t)n) < 0)
            n = -EFAULT;
        else
            served->read_offset += (size_t)n;
    }
    free(text);
    return length < 0 ? length : n;
}

bool served_call(struct trapped_call *c)
{
    struct served *served = c->program_end >= 0 ? find_served(c->door, c->program_end) : NULL;
    int64_t result;

    if (!served || (c->data.nr != SYS_write && c->data.nr != SYS_read))
        return false;
    result = c->data.nr == SYS_write ? write_sysctl(c, served) : read_sysctl(c, served);
    notify_reply(c, result);
    calls_free(c);
    return true;
}

static void answer(struct trapped_call *c, int error)
{
    notify_reply(c, error);
    calls_free(c);
}

static void open_for_writing(struct trapped_call *c, const char *name, bool is_close_on_exec)
{
    char *text = NULL;
    int64_t length = texts_read(c->door, name, &text);
    int program_end = -1, error;

    free(text);
    if (length < 0 && length != -EACCES && length != -EPERM)
        error = (int)length;
    else if (strncmp(name, "sys/", 4) != 0 || !may_all(c))
        error = -EACCES;
    else
        error = create_served(c->door, name, &program_end);
    if (error < 0)
        answer(c, error);
    else
        install_host_fd_high(c, program_end, is_close_on_exec);
}

static void open_for_reading(struct trapped_call *c, const char *name, bool is_close_on_exec)
{
    int mode = proc_mode(c->door->net, name);
    int fd = mode >= 0 && !(mode & S_IROTH) && !may_all(c) ? -EACCES : texts_open(c->door, name);

    if (fd < 0)
        answer(c, fd);
    else
        install_host_fd(c, fd, is_close_on_exec);
}

bool served_find(struct task_ref *task, const struct seccomp_data *data, char *name, size_t size, uint32_t *flags)
{
    struct open_request request;

    if (take_request(task, data, &request) < 0 || (request.flags & (O_PATH | O_DIRECTORY)) ||
        !find_name(task, &request, name, size) || is_host_directory(name))
        return false;
    *flags = (uint32_t)request.flags;
    return true;
}

void served_open(struct trapped_call *c)
{
    char name[SERVED_NAME_SIZE];
    uint32_t flags;

    if (!served_find(c->task, &c->data, name, sizeof(name), &flags)) {
        notify_continue(c);
        calls_free(c);
        return;
    }
    if ((flags & O_ACCMODE) == O_RDONLY)
        open_for_reading(c, name, flags & O_CLOEXEC);
    else
        open_for_writing(c, name, flags & O_CLOEXEC);
}
