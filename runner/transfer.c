/* sendfile() and splice() with a weir socket at one end: the other end's fd is borrowed from the program and the data moves
 * through a buffer here, a bounded piece for each call, as both calls may. The socket's half is an ordinary call of the
 * machine whose memory is that buffer, so it waits and fails as send() and recv() do. */
#include "runner/door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIECE_BYTES = 512 * 1024, PIPE_PAGE_BYTES = 4096 };

struct transfer {
    int other_fd; /* the file or pipe at the other end */
    uint64_t offset, offset_address; /* sendfile; address 0: the file's own position */
    size_t length;
    char bytes[];
};

static int copy_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
    const struct transfer *t = ((struct trapped_call *)ctx)->transfer;

    if (from > t->length || bytes > t->length - from)
        return -EFAULT;
    memcpy(to, t->bytes + from, bytes);
    return 0;
}

static int copy_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
    struct trapped_call *c = ctx;
    struct transfer *t = c->transfer;

    if (c->was_parked && !notify_is_valid(c))
        return -EINTR;
    if (to > t->length || bytes > t->length - to)
        return -EFAULT;
    memcpy(t->bytes + to, from, bytes);
    return 0;
}

static void release(struct trapped_call *c)
{
    struct transfer *t = c->transfer;

    if (t->other_fd >= 0)
        close(t->other_fd);
    free(t);
}

static void answer(struct trapped_call *c, int64_t result)
{
    notify_reply(c, result);
    calls_free(c);
}

static void let_go(struct trapped_call *c)
{
    notify_continue(c);
    calls_free(c);
}

static struct transfer *begin(struct trapped_call *c, int other_fd, size_t length)
{
    struct transfer *t = malloc(sizeof(*t) + length);

    if (!t) {
        close(other_fd);
        return NULL;
    }
    *t = (struct transfer){ .other_fd = other_fd, .length = length };
    c->transfer = t;
    c->release_transfer = release;
    c->memory = (struct user_memory){ .copy_in = copy_in, .copy_out = copy_out, .ctx = c };
    return t;
}

static void call_socket(struct trapped_call *c, long number, size_t bytes, int flags)
{
    c->call.number = number;
    c->call.args[0] = (uint64_t)c->fd;
    c->call.args[2] = bytes;
    c->call.args[3] = (uint64_t)flags;
    calls_start(c);
}

static size_t piece(uint64_t asked)
{
    return asked < PIECE_BYTES ? (size_t)asked : PIECE_BYTES;
}

static int64_t finish_sendfile(struct trapped_call *c, int64_t result)
{
    struct transfer *t = c->transfer;

    if (result <= 0)
        return result;
    t->offset += (uint64_t)result;
    if (!t->offset_address)
        lseek(t->other_fd, (off_t)t->offset, SEEK_SET);
    else if (task_write(c->task, t->offset_address, &t->offset, sizeof(t->offset)) < 0)
        return -EFAULT;
    return result;
}

/* Where in the file: as given, or the file's position. */
static int find_offset(struct trapped_call *c, struct transfer *t)
{
    off_t position;

    t->offset_address = c->data.args[2];
    if (t->offset_address)
        return task_read(c->task, &t->offset, t->offset_address, sizeof(t->offset));
    position = lseek(t->other_fd, 0, SEEK_CUR);
    if (position < 0)
        return -EINVAL; /* sendfile() wants a file that can be mapped */
    t->offset = (uint64_t)position;
    return 0;
}

static void send_file(struct trapped_call *c)
{
    int in_fd = task_duplicate_fd(c->task, (int)c->data.args[1]);
    struct transfer *t;
    ssize_t n;
    int error;

    if (in_fd < 0) {
        answer(c, in_fd);
        return;
    }
    t = begin(c, in_fd, piece(c->data.args[3]));
    error = t ? find_offset(c, t) : -ENOMEM;
    if (error < 0) {
        answer(c, error);
        return;
    }
    n = pread(in_fd, t->bytes, t->length, (off_t)t->offset);
    if (n <= 0) {
        answer(c, n < 0 ? -errno : 0);
        return;
    }
    t->length = (size_t)n;
    c->finish = finish_sendfile;
    call_socket(c, SYS_sendto, t->length, 0);
}

void transfer_sendfile(struct trapped_call *c)
{
    int in_fd;

    notify_look_up(c, (int)c->data.args[0]);
    if (c->socket && !c->socket->pump) {
        send_file(c);
        return;
    }
    in_fd = task_duplicate_fd(c->task, (int)c->data.args[1]);
    if (in_fd >= 0 && sockets_of_fd(c->door, in_fd))
        answer(c, -EINVAL); /* a socket cannot be the source */
    else
        let_go(c);
    if (in_fd >= 0)
        close(in_fd);
}

static bool is_pipe(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/* A pipe that is empty or full would have to be waited for. A program that said it does not wait is told to come again;
 * another is told what file systems without splice say, on which programs copy by hand. */
static int64_t would_wait(const struct trapped_call *c, int pipe_fd)
{
    bool waits = !(c->data.args[5] & SPLICE_F_NONBLOCK) && !(fcntl(pipe_fd, F_GETFL) & O_NONBLOCK);

    return waits ? -EINVAL : -EAGAIN;
}

/* Looks at what is in the pipe without taking it out. Bytes, 0 at its end, or a negative errno. */
static ssize_t peek_pipe(int pipe_fd, char *bytes, size_t length)
{
    int copy[2];
    ssize_t n;

    if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    fcntl(copy[1], F_SETPIPE_SZ, (int)length);
    n = tee(pipe_fd, copy[1], length, SPLICE_F_NONBLOCK);
    if (n > 0)
        n = read(copy[0], bytes, (size_t)n);
    n = n < 0 ? -errno : n;
    close(copy[0]);
    close(copy[1]);
    return n;
}

/* Never waits, whatever others do to the pipe meanwhile. */
static ssize_t move_pipe(int pipe_fd, bool is_write, char *bytes, size_t length)
{
    const struct iovec piece = { .iov_base = bytes, .iov_len = length };

    return is_write ? pwritev2(pipe_fd, &piece, 1, -1, RWF_NOWAIT) : preadv2(pipe_fd, &piece, 1, -1, RWF_NOWAIT);
}

/* What the socket took leaves the pipe. */
static int64_t finish_from_pipe(struct trapped_call *c, int64_t result)
{
    struct transfer *t = c->transfer;
    size_t left = result > 0 ? (size_t)result : 0;

    while (left > 0) {
        ssize_t n = move_pipe(t->other_fd, false, t->bytes, left < t->length ? left : t->length);

        if (n <= 0)
            break;
        left -= (size_t)n;
    }
    return result;
}

static void splice_to_socket(struct trapped_call *c)
{
    int pipe_fd = task_duplicate_fd(c->task, (int)c->data.args[0]);
    struct transfer *t;
    ssize_t n;

    if (pipe_fd < 0 || !is_pipe(pipe_fd) || c->data.args[1] || c->data.args[3]) {
        answer(c, pipe_fd < 0 ? pipe_fd : is_pipe(pipe_fd) ? -ESPIPE : -EINVAL);
        if (pipe_fd >= 0)
            close(pipe_fd);
        return;
    }
    t = begin(c, pipe_fd, piece(c->data.args[4]));
    n = t ? peek_pipe(pipe_fd, t->bytes, t->length) : -ENOMEM;
    if (n <= 0) {
        answer(c, n == -EAGAIN ? would_wait(c, pipe_fd) : n);
        return;
    }
    t->length = (size_t)n;
    c->finish = finish_from_pipe;
    call_socket(c, SYS_sendto, t->length, c->data.args[5] & SPLICE_F_MORE ? MSG_MORE : 0);
}

static int64_t finish_to_pipe(struct trapped_call *c, int64_t result)
{
    struct transfer *t = c->transfer;

    if (result <= 0)
        return result;
    return move_pipe(t->other_fd, true, t->bytes, (size_t)result) < 0 ? -errno : result;
}

/* How much a pipe takes for certain. */
static size_t pipe_room(int pipe_fd)
{
    struct pollfd out = { .fd = pipe_fd, .events = POLLOUT };
    int size = fcntl(pipe_fd, F_GETPIPE_SZ), used = 0;

    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
        return 0;
    if (ioctl(pipe_fd, FIONREAD, &used) < 0 || used > 0 || size < PIPE_PAGE_BYTES)
        return PIPE_PAGE_BYTES;
    return (size_t)size;
}

static void splice_from_socket(struct trapped_call *c)
{
    int pipe_fd = task_duplicate_fd(c->task, (int)c->data.args[2]);
    size_t room, length = piece(c->data.args[4]);
    int flags = c->data.args[5] & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;

    if (pipe_fd < 0 || !is_pipe(pipe_fd) || c->data.args[1] || c->data.args[3]) {
        answer(c, pipe_fd < 0 ? pipe_fd : is_pipe(pipe_fd) ? -ESPIPE : -EINVAL);
        if (pipe_fd >= 0)
            close(pipe_fd);
        return;
    }
    room = pipe_room(pipe_fd);
    if (room == 0) {
        answer(c, would_wait(c, pipe_fd));
        close(pipe_fd);
        return;
    }
    if (!begin(c, pipe_fd, length < room ? length : room)) {
        answer(c, -ENOMEM);
        return;
    }
    c->finish = finish_to_pipe;
    call_socket(c, SYS_recvfrom, length < room ? length : room, flags);
}

void transfer_splice(struct trapped_call *c)
{
    notify_look_up(c, (int)c->data.args[2]);
    if (c->socket && !c->socket->pump) {
        splice_to_socket(c);
        return;
    }
    if (c->program_end >= 0)
        close(c->program_end);
    c->socket = NULL;
    notify_look_up(c, (int)c->data.args[0]);
    if (c->socket && !c->socket->pump)
        splice_from_socket(c);
    else
        let_go(c);
}
