#include "runner/backing.h"

#include "runner/fdpass.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILLER_WRITABLE = 1, /* one small packet uses less than a quarter of the smallest send buffer */
    FILLER_FULL = 2,
    WAKE_BYTES_MAX = 16, /* edges kept for a program that does not read */
    FLOW_BUFFER_BYTES = 212992,
};

int backing_create(struct backing *backing, enum backing_shape shape, bool is_nonblocking, int *program_end)
{
    int type = (shape == BACKING_STREAM ? SOCK_STREAM : SOCK_SEQPACKET) | (is_nonblocking ? SOCK_NONBLOCK : 0);
    int pair[2], smallest = 1;
    struct stat status;

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    *backing = (struct backing){ .machine_end = pair[1], .canary = -1, .filler_bytes = FILLER_WRITABLE };
    if (fstat(pair[0], &status) < 0 || setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)) < 0 ||
        send(pair[0], "", FILLER_WRITABLE, MSG_DONTWAIT) != FILLER_WRITABLE) {
        int error = -errno;

        close(pair[0]);
        close(pair[1]);
        return error;
    }
    backing->inode = status.st_ino;
    *program_end = pair[0];
    return 0;
}

void backing_destroy(struct backing *backing)
{
    if (backing->machine_end >= 0)
        close(backing->machine_end);
    if (backing->canary >= 0)
        close(backing->canary);
    backing->machine_end = backing->canary = -1;
}

/* Leaves an fd in the program's end that closes with it. Must come before the machine's end is shut for sending. */
static int plant_canary(struct backing *backing)
{
    int pair[2], error;

    if (backing->canary >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    error = fdpass_send(backing->machine_end, "", 1, &pair[1], 1);
    close(pair[1]);
    if (error < 0) {
        close(pair[0]);
        return error;
    }
    backing->canary = pair[0];
    return 0;
}

static void take_filler(struct backing *backing, unsigned leave)
{
    char byte;

    while (backing->filler_bytes > leave && recv(backing->machine_end, &byte, 1, MSG_DONTWAIT) == 1)
        backing->filler_bytes--;
}

/* The machine's end goes: with the filler unread in it the program sees a reset, else an ordinary end. */
static void show_end(struct backing *backing, bool is_reset)
{
    if (backing->is_hung_up)
        return;
    if (plant_canary(backing) < 0) { /* too many fds in flight: the pair is kept, and a reset looks like an end */
        shutdown(backing->machine_end, SHUT_RDWR);
        backing->is_hung_up = true;
        return;
    }
    if (!is_reset)
        take_filler(backing, 0);
    close(backing->machine_end);
    backing->machine_end = -1;
    backing->is_hung_up = true;
    backing->is_reset = is_reset;
}

static void show_read_closed(struct backing *backing)
{
    if (backing->is_read_closed)
        return;
    plant_canary(backing); /* later it could not be sent */
    shutdown(backing->machine_end, SHUT_WR);
    backing->is_read_closed = true;
}

static void show_writable(struct backing *backing, bool is_writable, int program_end)
{
    if (is_writable) {
        take_filler(backing, FILLER_WRITABLE);
        return;
    }
    if (backing->filler_bytes >= FILLER_FULL)
        return;
    if (program_end < 0)
        backing->is_postponed = true;
    else if (send(program_end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        backing->filler_bytes++;
}

/* Takes wake bytes out until `leave` are left. */
static void take_wake_bytes(struct backing *backing, unsigned leave, int program_end)
{
    char bytes[WAKE_BYTES_MAX];

    if (backing->wake_bytes <= leave)
        return;
    if (program_end < 0) {
        backing->is_postponed = true;
        return;
    }
    while (backing->wake_bytes > leave && recv(program_end, bytes, 1, MSG_DONTWAIT) == 1)
        backing->wake_bytes--;
    if (leave == 0)
        backing->wake_bytes = 0;
}

static void show_readable(struct backing *backing, bool is_readable, bool is_new, int program_end)
{
    if (!is_readable) {
        take_wake_bytes(backing, 0, program_end);
        return;
    }
    if (program_end >= 0) /* a call is reading: what it leaves is worth one byte */
        take_wake_bytes(backing, 1, program_end);
    if (backing->wake_bytes == 0 || (is_new && backing->wake_bytes < WAKE_BYTES_MAX)) {
        if (send(backing->machine_end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
            backing->wake_bytes++;
    }
}

/* An out-of-band byte is the only thing that makes a Unix socket say EPOLLPRI. */
static void show_urgent(struct backing *backing, bool is_urgent, int program_end)
{
    char byte;

    if (is_urgent == backing->is_urgent)
        return;
    if (is_urgent) {
        if (send(backing->machine_end, "", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
            backing->is_urgent = true;
            backing->wake_bytes++;
        }
    } else if (program_end >= 0) {
        recv(program_end, &byte, 1, MSG_OOB | MSG_DONTWAIT);
        backing->is_urgent = false;
    } else {
        backing->is_postponed = true;
    }
}

/* A call has told the program the error: EPOLLERR goes, EPOLLHUP stays. */
static void take_error(struct backing *backing, int program_end)
{
    int error;
    socklen_t bytes = sizeof(error);

    if (program_end >= 0 && getsockopt(program_end, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0)
        backing->is_reset = false;
}

void backing_show(struct backing *backing, unsigned mask, bool is_new, int program_end)
{
    /* EPOLLHUP alone is a socket that was never connected: it can still become one that is. */
    bool is_over = (mask & EPOLLHUP) && (mask & EPOLLRDHUP);

    if (backing->is_reset && !(mask & EPOLLERR))
        take_error(backing, program_end);
    if (backing->machine_end < 0 || backing->is_hung_up)
        return;
    backing->is_postponed = false;
    if (is_over) {
        show_end(backing, mask & EPOLLERR);
        return;
    }
    if (!backing->is_read_closed)
        show_urgent(backing, mask & EPOLLPRI, program_end);
    if (mask & EPOLLRDHUP)
        show_read_closed(backing);
    else if (!backing->is_read_closed)
        show_readable(backing, mask & (EPOLLIN | EPOLLERR), is_new, program_end);
    show_writable(backing, mask & (EPOLLOUT | EPOLLERR), program_end);
}

void backing_break_pipe(int program_end)
{
    shutdown(program_end, SHUT_WR);
}

void backing_open_flow(struct backing *backing, int program_end)
{
    int size = FLOW_BUFFER_BYTES;

    setsockopt(program_end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (backing->machine_end < 0)
        return;
    take_filler(backing, 0);
    if (!backing->is_read_closed)
        take_wake_bytes(backing, 0, program_end);
}

bool backing_is_closed(const struct backing *backing)
{
    struct pollfd end = { .fd = backing->machine_end >= 0 ? backing->machine_end : backing->canary };

    return end.fd < 0 || (poll(&end, 1, 0) == 1 && (end.revents & POLLHUP));
}
