/* New fds in a program: numbers are picked by us, the fd is put there by the kernel together with the call's answer, so a
 * program that was interrupted meanwhile has either both or neither. */
#include "runner/door.h"

#include "runner/epolls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct fd_numbers *numbers_of(struct trapped_call *c)
{
    struct task_ref *leader = notify_task(c->door, c->task->tgid, c->task->broker);

    return leader ? &leader->numbers : &c->task->numbers;
}

enum { ANY_NUMBER = -1 }; /* the kernel takes the lowest free one, which none of the program's threads can take meanwhile */

/* A number, ANY_NUMBER, or another negative errno. */
static int choose(struct trapped_call *c, unsigned at_least)
{
    if (c->run->fd_base == 0 && at_least == 0)
        return ANY_NUMBER;
    return fd_numbers_choose(numbers_of(c), c->task, at_least, c->run->fd_base);
}

/* Of a socket; through the pair it is read and written also where that is not trapped. */
static int choose_for_socket(struct trapped_call *c)
{
    return c->task->insists_on_low_numbers ? ANY_NUMBER : choose(c, 0);
}

static bool may_become_low(const struct trapped_call *c, int number)
{
    return number == ANY_NUMBER && c->run->fd_base > 0;
}

static void release(struct trapped_call *c, int number)
{
    if (number >= 0)
        fd_numbers_cancel(numbers_of(c), (unsigned)number);
}

/* Hands host_fd over and answers the call with its number (-1: the lowest free one). 0 or a negative errno: EMFILE, or
 * ENOENT when the program gave the call up. */
static int add_and_answer(struct trapped_call *c, int host_fd, int number, bool is_close_on_exec)
{
    struct seccomp_notif_addfd add = {
        .id = c->id, .srcfd = (uint32_t)host_fd, .flags = SECCOMP_ADDFD_FLAG_SEND,
        .newfd_flags = is_close_on_exec ? O_CLOEXEC : 0,
    };

    if (number >= 0) {
        add.flags |= SECCOMP_ADDFD_FLAG_SETFD;
        add.newfd = (uint32_t)number;
    }
    if (ioctl(c->run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
        return 0;
    return errno == EBADF ? -EMFILE : -errno; /* the number is beyond the limit */
}

int install_reserve(struct trapped_call *c, struct file *file, uint32_t flags)
{
    int number = choose_for_socket(c), program_end;
    struct door_socket *socket;

    if (number < ANY_NUMBER) {
        file_put(file);
        return number;
    }
    socket = sockets_create(c->door, file, flags & O_NONBLOCK, &program_end);
    if (!socket) {
        release(c, number);
        return -ENFILE;
    }
    socket->held_end = program_end;
    socket->is_low = may_become_low(c, number);
    socket->tgid = c->task->tgid;
    socket->number = number;
    c->installing = socket;
    c->install_number = number;
    c->install_flags = flags;
    return number == ANY_NUMBER ? 0 : number; /* the answer will be the right one */
}

static bool is_accept(const struct trapped_call *c)
{
    return c->socket && c->data.nr != SYS_socket;
}

/* The connection is not lost: the next accept gets it. */
static void keep_unclaimed(struct trapped_call *c, struct door_socket *accepted)
{
    list_add_tail(&c->socket->unclaimed, &accepted->unclaimed_node);
    sockets_show(c->socket, c->program_end);
}

/* What became of the handing over. */
static void settle(struct trapped_call *c, int error)
{
    struct door_socket *socket = c->installing;

    if (error == -EMFILE && c->task && c->install_number >= 0 && c->run->handed_over == 0) { /* once more from the bottom */
        fd_numbers_forget(numbers_of(c));
        socket->number = c->install_number = choose(c, 0);
        error = c->install_number < 0 ? -EMFILE
                                      : add_and_answer(c, socket->held_end, c->install_number,
                                                       c->install_flags & O_CLOEXEC);
    }
    if (error == 0) {
        if (c->task && c->install_number >= 0)
            fd_numbers_installed(numbers_of(c), (unsigned)c->install_number);
        close(socket->held_end);
        socket->held_end = -1;
        return;
    }
    if (c->task)
        release(c, c->install_number);
    socket->number = -1;
    if (c->task && c->socket && is_accept(c))
        keep_unclaimed(c, socket);
    else
        sockets_close(socket);
    if (c->task)
        notify_reply(c, error);
}

static int error_of(const struct handover_job *job)
{
    return job->error == -EBADF ? -EMFILE : job->error; /* the number is beyond the limit */
}

bool install_answer(struct trapped_call *c, int64_t result)
{
    struct door_socket *socket = c->installing;

    if (result < 0) {
        release(c, c->install_number);
        sockets_close(socket);
        notify_reply(c, result);
        return true;
    }
    sockets_show(socket, socket->held_end);
    c->job = (struct handover_job){
        .listener = c->run->listener,
        .add = { .id = c->id, .srcfd = (uint32_t)socket->held_end, .flags = SECCOMP_ADDFD_FLAG_SEND,
                 .newfd_flags = c->install_flags & O_CLOEXEC },
    };
    if (c->install_number != ANY_NUMBER) {
        c->job.add.flags |= SECCOMP_ADDFD_FLAG_SETFD;
        c->job.add.newfd = (uint32_t)c->install_number;
    }
    if (handover_give(c->door->handover, &c->job)) {
        settle(c, error_of(&c->job));
        return true;
    }
    list_add_tail(&c->door->handed_over, &c->node);
    c->run->handed_over++;
    return false;
}

void install_done(struct door *door)
{
    struct handover_job *job;

    while ((job = handover_take(door->handover))) {
        struct trapped_call *c = container_of(job, struct trapped_call, job);

        list_remove(&c->node);
        c->run->handed_over--;
        settle(c, error_of(job));
        calls_free(c);
    }
}

void install_forget_task(struct door *door, const struct task_ref *task)
{
    list_for_each(node, &door->handed_over) {
        struct trapped_call *c = list_entry(node, struct trapped_call, node);

        if (c->task == task)
            c->task = NULL;
    }
}

void install_forget_socket(struct door *door, const struct door_socket *socket)
{
    list_for_each(node, &door->handed_over) {
        struct trapped_call *c = list_entry(node, struct trapped_call, node);

        if (c->socket == socket)
            c->socket = NULL;
    }
}

/* The address of the peer, as accept would have given it. */
static int64_t copy_peer_name(struct trapped_call *c, struct door_socket *accepted)
{
    struct door_socket *listener = c->socket;
    int64_t result;

    if (!c->data.args[1])
        return 0;
    c->socket = accepted;
    c->call = (struct call){ .task = &c->core_task, .number = SYS_getpeername, .never_park = true,
                             .args = { (uint64_t)c->fd, c->data.args[1], c->data.args[2] } };
    result = call_start(&c->call);
    c->socket = listener;
    return result;
}

bool install_unclaimed(struct trapped_call *c)
{
    struct door_socket *accepted;
    uint64_t flags = c->data.nr == SYS_accept4 ? c->data.args[3] : 0;
    int64_t result;
    int number;

    if (list_is_empty(&c->socket->unclaimed))
        return false;
    accepted = list_first(&c->socket->unclaimed, struct door_socket, unclaimed_node);
    number = choose_for_socket(c);
    if (number < ANY_NUMBER)
        return false;
    if (may_become_low(c, number))
        pump_mark_low(accepted, accepted->held_end);
    list_remove(&accepted->unclaimed_node);
    fcntl(accepted->held_end, F_SETFL, flags & O_NONBLOCK ? O_RDWR | O_NONBLOCK : O_RDWR);
    accepted->tgid = c->task->tgid;
    accepted->number = c->install_number = number;
    c->installing = accepted;
    c->install_flags = (uint32_t)flags;
    result = copy_peer_name(c, accepted);
    calls_finish(c, result < 0 ? result : 0);
    return true;
}

void install_duplicate(struct trapped_call *c, int at_least, bool is_close_on_exec)
{
    int number = at_least < 0 ? -EINVAL : choose(c, (unsigned)at_least);
    int error = number < ANY_NUMBER ? number : add_and_answer(c, c->program_end, number, is_close_on_exec);

    if (error < 0) {
        release(c, number);
        notify_reply(c, error);
    } else if (number >= 0) {
        fd_numbers_installed(numbers_of(c), (unsigned)number);
    }
    calls_free(c);
}

/* The new pair says nothing until what the call does is shown: its edges are the first. */
static void install_renewed(struct trapped_call *c, int program_end, const struct epolls *epolls)
{
    epolls_replace(c->door->epolls, epolls, c->program_end, program_end);
    for (size_t i = 0; i < epolls->copy_count; i++) {
        struct seccomp_notif_addfd add = {
            .id = c->id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (uint32_t)program_end,
            .newfd = (uint32_t)epolls->copies[i].number,
            .newfd_flags = epolls->copies[i].is_close_on_exec ? O_CLOEXEC : 0,
        };

        ioctl(c->run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    }
}

void install_renew(struct trapped_call *c)
{
    int flags = fcntl(c->program_end, F_GETFL), program_end;
    struct epolls epolls;

    epolls_find(&epolls, c->task, c->socket->backing.inode);
    if (flags >= 0 && epolls.copy_count > 0 && sockets_renew(c->socket, &program_end) == 0) {
        fcntl(program_end, F_SETFL, flags & (O_NONBLOCK | O_ASYNC));
        backing_show(&c->socket->backing, 0, false, program_end);
        install_renewed(c, program_end, &epolls);
        close(c->program_end);
        c->program_end = program_end;
    }
    epolls_release(&epolls);
}

static void hand_over_host_fd(struct trapped_call *c, int host_fd, int number, bool is_close_on_exec)
{
    int error = add_and_answer(c, host_fd, number, is_close_on_exec);

    close(host_fd);
    if (error < 0)
        notify_reply(c, error);
    calls_free(c);
}

void install_host_fd(struct trapped_call *c, int host_fd, bool is_close_on_exec)
{
    hand_over_host_fd(c, host_fd, -1, is_close_on_exec);
}

void install_host_fd_high(struct trapped_call *c, int host_fd, bool is_close_on_exec)
{
    int number = choose(c, 0);

    if (number < ANY_NUMBER) {
        close(host_fd);
        notify_reply(c, number);
        calls_free(c);
        return;
    }
    hand_over_host_fd(c, host_fd, number, is_close_on_exec);
}
