/* The machine's side of the control protocol: one request, one answer, nothing waits. */
#include "runner/process.h"

#include "runner/control.h"
#include "runner/fdpass.h"
#include "runner/rendezvous.h"
#include "runner/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CLIENTS_EACH_TURN = 16 };

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* newer than Debian 12's headers */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static void end_client(struct client *client)
{
    if (client->source.is_dead)
        return;
    client->source.is_dead = true;
    list_remove(&client->node);
    close(client->socket);
    list_add_tail(&client->process->door.graveyard, &client->source.graveyard_node);
}

void control_server_accept(struct process *p)
{
    for (int i = 0; i < CLIENTS_EACH_TURN; i++) {
        int socket = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct client *client;

        if (socket < 0)
            return;
        client = rendezvous_peer_is_trusted(socket) ? calloc(1, sizeof(*client)) : NULL;
        if (!client) {
            close(socket);
            continue;
        }
        client->source.kind = SOURCE_CONTROL_CLIENT;
        client->process = p;
        client->socket = socket;
        list_add_tail(&p->clients, &client->node);
        if (process_watch(p, socket, &client->source) < 0)
            end_client(client);
    }
}

/* Takes an fd of the process at the other end. A negative errno: EPERM where only an ancestor may. */
static int take_fd(const struct client *client, int number)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int pidfd, fd, error;

    if (getsockopt(client->socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    if (pidfd < 0)
        return -errno;
    fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    error = -errno;
    close(pidfd);
    return fd < 0 ? error : fd;
}

/* Anything else would have the main loop turn in a circle. */
static bool is_seccomp_listener(int fd)
{
    uint64_t id = 0;

    return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0 && errno == ENOENT;
}

int control_server_add_run(struct process *p, int listener, unsigned fd_base, int broker)
{
    struct run *run;

    if (!is_seccomp_listener(listener))
        return -EINVAL;
    run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->listener = listener;
    run->fd_base = fd_base;
    run->broker.socket = broker;
    run->is_brokered = broker >= 0;
    run->guardian_number = guardian_add_run(p->door.guardian, listener, broker);
    if (broker >= 0) /* a supervisor that was stopped must not stop the machine */
        setsockopt(broker, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
    /* The answer wakes the program on this processor at once: 4 microseconds a call and not 50. Since Linux 6.6. */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    list_add_tail(&p->door.runs, &run->node);
    p->door.run_count++;
    p->had_program = true;
    return 0;
}

static int add_run(struct client *client, const struct control_request *request)
{
    int listener = take_fd(client, request->number), error;

    if (listener < 0)
        return listener;
    error = control_server_add_run(client->process, listener, request->fd_base, -1);
    if (error < 0)
        close(listener);
    return error;
}

static int add_brokered_run(struct client *client, const struct control_request *request, int fds[2])
{
    int error;

    if (fds[0] < 0 || fds[1] < 0)
        return -EBADF;
    error = control_server_add_run(client->process, fds[0], request->fd_base, fds[1]);
    if (error == 0)
        fds[0] = fds[1] = -1; /* the run's now */
    return error;
}

/* A host may refuse the one and not the other. */
static int probe(const struct client *client, const struct control_request *request)
{
    struct ucred peer = { 0 };
    socklen_t length = sizeof(peer);
    char byte;
    struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)request->address, 1 };
    int fd = take_fd(client, request->number);

    if (fd < 0)
        return fd;
    close(fd);
    getsockopt(client->socket, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    return process_vm_readv(peer.pid, &here, 1, &there, 1, 0) == 1 ? 0 : -EPERM;
}

static void describe(struct process *p, char *text, size_t size)
{
    const struct door *door = &p->door;

    snprintf(text, size, "pid %d, %u %s, %u %s, %llu KiB, %llu calls, up %llu s%s", getpid(), door->run_count,
             door->run_count == 1 ? "run" : "runs", door->socket_count, door->socket_count == 1 ? "socket" : "sockets",
             (unsigned long long)weir_machine_used_bytes(process_machine(p)) / 1024,
             (unsigned long long)door->trapped_calls,
             (unsigned long long)(process_now() - p->started_ns) / 1000000000U,
             p->options.keep ? ", stays" : "");
}

static int answer_request(struct client *client, struct control_request *request, int fds[2],
                          struct control_reply *reply, int *reply_fd)
{
    struct process *p = client->process;

    switch (request->verb) {
    case CONTROL_PROBE:
        return probe(client, request);
    case CONTROL_RUN:
        return add_run(client, request);
    case CONTROL_RUN_BROKERED:
        return add_brokered_run(client, request, fds);
    case CONTROL_STATUS:
        describe(p, reply->text, sizeof(reply->text));
        return 0;
    case CONTROL_CAT:
        *reply_fd = texts_open(&p->door, request->text);
        return *reply_fd < 0 ? *reply_fd : 0;
    case CONTROL_KEEP:
        p->options.keep = true;
        return 0;
    case CONTROL_DOWN:
        p->is_ending = true;
        return 0;
    default:
        return -EINVAL;
    }
}

void control_server_event(struct client *client)
{
    struct control_request request;
    struct control_reply reply = { 0 };
    int fds[2], reply_fd = -1;
    ssize_t length;

    if (client->source.is_dead)
        return;
    length = fdpass_receive(client->socket, &request, sizeof(request), fds, 2);
    if (length == -EAGAIN)
        return;
    if (length != sizeof(request) || request.version != CONTROL_VERSION) {
        end_client(client);
    } else {
        request.text[sizeof(request.text) - 1] = '\0';
        reply.error = answer_request(client, &request, fds, &reply, &reply_fd);
        if (fdpass_send(client->socket, &reply, sizeof(reply), &reply_fd, reply_fd >= 0 ? 1 : 0) < 0)
            end_client(client);
    }
    for (unsigned i = 0; i < 2; i++)
        if (length >= 0 && fds[i] >= 0)
            close(fds[i]);
    if (reply_fd >= 0)
        close(reply_fd);
}

void control_server_close(struct process *p)
{
    while (!list_is_empty(&p->clients))
        end_client(list_first(&p->clients, struct client, node));
    close(p->listen_fd);
}
