#include "runner/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control_room {
    char bytes[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
    struct cmsghdr align;
};

int fdpass_send(int socket, const void *data, size_t bytes, const int *fds, unsigned count)
{
    union control_room room = { 0 };
    struct iovec iov = { .iov_base = (void *)(size_t)data, .iov_len = bytes };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t sent;

    if (count > 0) {
        room.align = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))
        };
        memcpy(CMSG_DATA(&room.align), fds, count * sizeof(int));
        message.msg_control = &room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *message, int *fds, unsigned count)
{
    unsigned taken = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t arrived = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < arrived; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (taken < count)
                fds[taken++] = fd;
            else
                close(fd);
        }
    }
}

ssize_t fdpass_receive(int socket, void *data, size_t bytes, int *fds, unsigned count)
{
    union control_room room = { 0 };
    struct iovec iov = { .iov_base = data, .iov_len = bytes };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)
    };
    ssize_t received;

    for (unsigned i = 0; i < count; i++)
        fds[i] = -1;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    take_fds(&message, fds, count);
    return received;
}
