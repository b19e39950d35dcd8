#include "runner/broker.h"

#include "runner/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* linux/pidfd.h cannot be included beside fcntl.h */
#endif

enum broker_verb { BROKER_DUPLICATE_FD = 1, BROKER_OPEN_MEMORY };

struct broker_request {
    uint32_t verb;
    int32_t tid;
    int32_t fd;
    uint32_t serial;
};

struct broker_reply {
    int32_t error;
    uint32_t serial;
};

/* The machine's guardian asks through the same socket when the machine has died, perhaps before it took an answer. */
static int ask(struct broker *broker, struct broker_request *request)
{
    struct broker_reply reply;
    int fd = -1;

    request->serial = ++broker->serial;
    if (send(broker->socket, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request))
        return -EPERM;
    do {
        if (fd >= 0)
            close(fd);
        if (fdpass_receive(broker->socket, &reply, sizeof(reply), &fd, 1) != sizeof(reply)) {
            shutdown(broker->socket, SHUT_RDWR); /* stopped, perhaps: it is not waited for once more with each call */
            return -EPERM;
        }
    } while (reply.serial != request->serial);
    if (reply.error < 0) {
        if (fd >= 0)
            close(fd);
        return reply.error;
    }
    return fd >= 0 ? fd : -EIO;
}

int broker_duplicate_fd(struct broker *broker, pid_t tid, int fd)
{
    return ask(broker, &(struct broker_request){ .verb = BROKER_DUPLICATE_FD, .tid = tid, .fd = fd });
}

int broker_open_memory(struct broker *broker, pid_t tid)
{
    return ask(broker, &(struct broker_request){ .verb = BROKER_OPEN_MEMORY, .tid = tid });
}

int broker_take_fd(pid_t tid, int fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
    int copy, error;

    if (pidfd < 0 && errno == EINVAL)
        pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
    if (pidfd < 0)
        return -errno;
    copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    error = -errno;
    close(pidfd);
    return copy < 0 ? error : copy;
}

static int open_memory(pid_t tid)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/mem", tid);
    fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int broker_serve(int socket)
{
    struct broker_request request;
    struct broker_reply reply = { 0 };
    ssize_t length = recv(socket, &request, sizeof(request), 0);
    int fd, sent;

    if (length != sizeof(request))
        return -EPIPE;
    reply.serial = request.serial;
    fd = request.verb == BROKER_DUPLICATE_FD ? broker_take_fd(request.tid, request.fd)
         : request.verb == BROKER_OPEN_MEMORY ? open_memory(request.tid)
                                              : -EINVAL;
    if (fd < 0)
        reply.error = fd;
    sent = fdpass_send(socket, &reply, sizeof(reply), &fd, fd >= 0 ? 1 : 0);
    if (fd >= 0)
        close(fd);
    return sent < 0 ? -EPIPE : 0;
}
