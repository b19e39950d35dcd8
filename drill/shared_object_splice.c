/* splice() and sendfile() where one end is a socket of the machine and the other a pipe or a file of the host. */
#include "drill/shared_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/sockios.h>

enum { PIECE_BYTES = 65536 }; /* what a pipe of Linux's default size carries at once */

static int64_t call(struct shared_host *h, long number, int fd, const void *buffer, size_t bytes, int flags)
{
    const uint64_t args[6] = { (uint64_t)fd, (uint64_t)(uintptr_t)buffer, bytes, (uint64_t)flags, 0, 0 };
    return shared_call(h, number, args);
}

static bool is_at_mark(struct shared_host *h, int fd)
{
    int at = 0;
    return !weir_ioctl(h->task, fd, SIOCATMARK, &at) && at;
}

static int64_t socket_to_pipe(struct shared_host *h, int in, int out, size_t bytes, unsigned flags)
{
    char *piece = malloc(PIECE_BYTES);
    if (!piece) return -ENOMEM;
    size_t most = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
    bool at_mark = is_at_mark(h, in); /* a try to receive goes past it */
    int64_t got = call(h, SYS_recvfrom, in, piece, most, MSG_DONTWAIT);
    /* Linux: nothing but urgent data is there, which splice neither takes nor waits for. */
    if (got == -EAGAIN && at_mark) got = 0;
    else if (got == -EAGAIN && !(flags & SPLICE_F_NONBLOCK)) got = call(h, SYS_recvfrom, in, piece, most, 0);
    if (got > 0) got = write(out, piece, (size_t)got) < 0 ? -errno : got;
    free(piece);
    return got;
}

/* A copy of what the pipe holds, which stays there until it is known how much was taken. */
static ssize_t peek_pipe(int in, char *piece, size_t bytes)
{
    int copy[2];
    if (pipe(copy)) return -errno;
    ssize_t n = tee(in, copy[1], bytes, SPLICE_F_NONBLOCK);
    n = n < 0 ? -errno : n ? read(copy[0], piece, (size_t)n) : 0;
    close(copy[0]);
    close(copy[1]);
    return n;
}

static int64_t pipe_to_socket(struct shared_host *h, int in, int out, size_t bytes, unsigned flags)
{
    char *piece = malloc(PIECE_BYTES);
    if (!piece) return -ENOMEM;
    int64_t n = peek_pipe(in, piece, bytes < PIECE_BYTES ? bytes : PIECE_BYTES);
    int send_flags = (flags & SPLICE_F_MORE ? MSG_MORE : 0) | (flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
    if (n > 0) n = call(h, SYS_sendto, out, piece, (size_t)n, send_flags);
    if (n > 0 && read(in, piece, (size_t)n) < 0) n = -errno;
    free(piece);
    return n;
}

int64_t shared_splice(struct shared_host *h, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t bytes,
                      unsigned flags)
{
    bool from = shared_is_ours(h, in), to = shared_is_ours(h, out);
    /* packetdrill has a pointer to 0 where a script says NULL. */
    if (in_offset && !*in_offset) in_offset = NULL;
    if (out_offset && !*out_offset) out_offset = NULL;
    if ((from && in_offset) || (to && out_offset)) return -ESPIPE;
    if (from && to) return -EINVAL; /* one of them must be a pipe */
    if (from) return socket_to_pipe(h, in, out, bytes, flags);
    if (to) return pipe_to_socket(h, in, out, bytes, flags);
    ssize_t n = splice(in, in_offset, out, out_offset, bytes, flags);
    return n < 0 ? -errno : n;
}

int64_t shared_sendfile(struct shared_host *h, int out, int in, off_t *offset, size_t bytes)
{
    size_t done = 0;
    int64_t n = 0;
    char *piece = malloc(PIECE_BYTES);
    if (!piece) return -ENOMEM;
    while (done < bytes) {
        size_t most = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
        n = offset ? pread(in, piece, most, *offset) : read(in, piece, most);
        if (n <= 0) {
            if (n < 0) n = -errno;
            break;
        }
        ssize_t got = (ssize_t)n;
        n = call(h, SYS_sendto, out, piece, (size_t)got, done + (size_t)got < bytes ? MSG_MORE : 0);
        ssize_t taken = n > 0 ? (ssize_t)n : 0;
        if (offset) *offset += taken;
        else if (taken < got) lseek(in, taken - got, SEEK_CUR);
        done += (size_t)taken;
        if (taken < got) break;
    }
    free(piece);
    return done ? (int64_t)done : n;
}
