#include "runner/ring.h"

#include "socket/socket.h"
#include "sock/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

static struct chain *bucket_of(struct door *door, uint64_t inode)
{
    return &door->sockets[inode % DOOR_SOCKET_BUCKETS];
}

struct door_socket *sockets_find(struct door *door, uint64_t inode)
{
    chain_for_each(node, bucket_of(door, inode)) {
        struct door_socket *socket = container_of(node, struct door_socket, by_inode);

        if (socket->backing.inode == inode)
            return socket;
    }
    return NULL;
}

struct door_socket *sockets_of_fd(struct door *door, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return NULL;
    return sockets_find(door, status.st_ino);
}

/* Runs inside the packet path: only takes note. */
static void on_wake(struct wait_entry *entry, uint32_t events)
{
    struct door_socket *socket = container_of(entry, struct door_socket, wait);

    socket->new_events |= events ? events : EPOLLIN | EPOLLOUT;
    if (!list_is_linked(&socket->dirty_node))
        list_add_tail(&socket->door->dirty, &socket->dirty_node);
}

static bool is_stream(struct file *file)
{
    struct socket *socket = socket_from_file(file);

    return socket && socket->type == SOCK_STREAM;
}

static int watch(struct door_socket *socket, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events | EPOLLET, .data.ptr = &socket->source };

    return epoll_ctl(socket->door->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void name_after_backing(struct door_socket *socket)
{
    struct socket *core_socket = socket_from_file(socket->file);

    socket->file->inode = socket->backing.inode;
    if (core_socket && core_socket->sock)
        core_socket->sock->inode = socket->backing.inode;
}

struct door_socket *sockets_create(struct door *door, struct file *file, bool is_nonblocking, int *program_end)
{
    struct door_socket *socket = calloc(1, sizeof(*socket));
    enum backing_shape shape;

    if (!socket)
        goto put_file;
    socket->is_stream = is_stream(file);
    shape = socket->is_stream ? BACKING_STREAM : BACKING_MESSAGE;
    if (backing_create(&socket->backing, shape, is_nonblocking, program_end) < 0)
        goto free_socket;
    socket->source.kind = SOURCE_SOCKET;
    socket->door = door;
    socket->file = file;
    socket->number = socket->held_end = -1;
    list_init(&socket->dirty_node);
    list_init(&socket->parked);
    list_init(&socket->unclaimed);
    list_init(&socket->unclaimed_node);
    if (watch(socket, socket->backing.machine_end, EPOLLRDHUP) < 0)
        goto destroy_backing;
    file->door = socket;
    name_after_backing(socket);
    socket->wait.wake = on_wake;
    list_init(&socket->wait.node);
    if (file->ops->wait_queue)
        wait_add(file->ops->wait_queue(file), &socket->wait);
    chain_add(bucket_of(door, socket->backing.inode), &socket->by_inode);
    door->socket_count++;
    return socket;

destroy_backing:
    backing_destroy(&socket->backing);
    close(*program_end);
free_socket:
    free(socket);
put_file:
    file_put(file);
    return NULL;
}

/* A new pair for the same socket: what the old one showed cannot be taken back. Copies of the old fd are cut off. */
int sockets_renew(struct door_socket *socket, int *program_end)
{
    struct backing old = socket->backing, fresh;
    int error = backing_create(&fresh, socket->is_stream ? BACKING_STREAM : BACKING_MESSAGE, false, program_end);

    if (error < 0)
        return error;
    if (watch(socket, fresh.machine_end, EPOLLRDHUP) < 0) {
        error = -errno;
        backing_destroy(&fresh);
        close(*program_end);
        return error;
    }
    chain_remove(&socket->by_inode);
    socket->backing = fresh;
    socket->canary_is_watched = false;
    chain_add(bucket_of(socket->door, fresh.inode), &socket->by_inode);
    name_after_backing(socket);
    backing_destroy(&old);
    return 0;
}

static void watch_canary(struct door_socket *socket)
{
    if (socket->canary_is_watched || socket->backing.canary < 0)
        return;
    socket->canary_is_watched = watch(socket, socket->backing.canary, EPOLLRDHUP) == 0;
}

void sockets_show(struct door_socket *socket, int program_end)
{
    uint32_t events = socket->new_events, mask;

    socket->new_events = 0;
    if (list_is_linked(&socket->dirty_node))
        list_remove(&socket->dirty_node);
    if (socket->is_low && !socket->pump)
        pump_start(socket, program_end);
    if (socket->pump)
        pump_event(socket);
    if (socket->source.is_dead || (socket->pump && !pump_is_upward_only(socket)))
        return;
    mask = file_poll(socket->file) | (list_is_empty(&socket->unclaimed) ? 0 : EPOLLIN);
    if (socket->ring)
        mask = ring_fill(socket, mask);
    if (socket->pump)
        mask = pump_show_first(socket, mask, program_end);
    backing_show(&socket->backing, mask, events & EPOLLIN, program_end);
    watch_canary(socket);
}

/* `with`: the socket a duplicate of whose program's end is at hand. */
void sockets_show_dirty(struct door *door, struct door_socket *with, int program_end)
{
    while (!list_is_empty(&door->dirty)) {
        struct door_socket *socket = list_first(&door->dirty, struct door_socket, dirty_node);

        sockets_show(socket, socket == with ? program_end : -1);
    }
}

/* Calls whose program went on or died must not hold the file; one that still waits does, as on Linux. */
static void cancel_abandoned(struct door_socket *socket)
{
    list_for_each_safe(node, next, &socket->parked) {
        struct trapped_call *c = list_entry(node, struct trapped_call, parked_node);

        if (!notify_is_valid(c)) {
            calls_cancel(c);
        } else {
            list_remove(&c->parked_node);
            list_add_tail(&socket->door->orphans, &c->parked_node);
            c->socket = NULL;
        }
    }
}

static void release_number(struct door_socket *socket)
{
    struct task_ref *leader = task_find(&socket->door->tasks, socket->tgid);

    if (leader && socket->number >= 0)
        fd_numbers_release(&leader->numbers, (unsigned)socket->number);
}

void sockets_close(struct door_socket *socket)
{
    if (socket->source.is_dead)
        return;
    socket->source.is_dead = true;
    cancel_abandoned(socket);
    install_forget_socket(socket->door, socket);
    while (!list_is_empty(&socket->unclaimed)) {
        struct door_socket *accepted = list_first(&socket->unclaimed, struct door_socket, unclaimed_node);

        list_remove(&accepted->unclaimed_node);
        sockets_close(accepted);
    }
    if (list_is_linked(&socket->dirty_node))
        list_remove(&socket->dirty_node);
    if (list_is_linked(&socket->unclaimed_node))
        list_remove(&socket->unclaimed_node);
    release_number(socket);
    chain_remove(&socket->by_inode);
    if (socket->pump)
        pump_close(socket);
    ring_destroy(socket);
    backing_destroy(&socket->backing);
    if (socket->held_end >= 0)
        close(socket->held_end);
    wait_remove(&socket->wait);
    socket->file->door = NULL;
    file_put(socket->file);
    socket->door->socket_count--;
    list_add_tail(&socket->door->graveyard, &socket->source.graveyard_node);
}

void sockets_event(struct door_socket *socket, uint32_t events)
{
    (void)events;
    if (socket->source.is_dead)
        return;
    if (pump_is_upward_only(socket)) {
        sockets_show(socket, -1);
        return;
    }
    if (socket->pump) {
        pump_event(socket);
        return;
    }
    if (backing_is_closed(&socket->backing))
        sockets_close(socket);
}
