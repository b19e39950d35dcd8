/* Files and pipes of a script that runs on a machine: those of this host, and what sendfile() and splice() move between
 * them and the machine's sockets. The host's halves never wait. */
#include "drill/machine_subject.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>

enum { PIECE_BYTES = 65536 }; /* what Linux moves at a time: the sixteen pages of a pipe */

static int host_fd(const struct machine_subject *s, uint64_t fd)
{
    return fd >= HOST_FD && fd - HOST_FD < s->host_file_count ? s->host_files[fd - HOST_FD] : -1;
}

static bool is_host(uint64_t fd) { return fd >= HOST_FD && fd <= INT_MAX; }

/* Its number in the script's world, or -errno. */
static int64_t install(struct machine_subject *s, int fd)
{
    if (fd < 0) return -errno;
    if (s->host_file_count == HOST_FILES) {
        close(fd);
        return -EMFILE;
    }
    s->host_files[s->host_file_count] = fd;
    return HOST_FD + (int64_t)s->host_file_count++;
}

static int64_t open_file(struct machine_subject *s, const uint64_t args[6])
{
    int directory = open(s->script->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd =
        openat(directory < 0 ? AT_FDCWD : directory, (const char *)(uintptr_t)args[0], (int)args[1] | O_CLOEXEC, 0600);
    int64_t installed = install(s, fd);
    if (directory >= 0) close(directory);
    return installed;
}

static int64_t make_pipe(struct machine_subject *s, const uint64_t args[6])
{
    int ends[2], *out = (int *)(uintptr_t)args[0];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    int64_t first = install(s, ends[0]), second = install(s, ends[1]);
    if (first < 0 || second < 0) return -EMFILE;
    out[0] = (int)first;
    out[1] = (int)second;
    return 0;
}

static int64_t host_result(int64_t result) { return result < 0 ? -errno : result; }

static int64_t on_host_file(struct machine_subject *s, const struct subject_call *c)
{
    int fd = host_fd(s, c->args[0]);
    if (fd < 0) return -EBADF;
    if (c->number == SYS_close) s->host_files[c->args[0] - HOST_FD] = -1;
    return host_result(syscall(c->number, fd, c->args[1], c->args[2], c->args[3]));
}

static int64_t send_bytes(struct machine_subject *s, uint64_t fd, const void *bytes, size_t count, int flags)
{
    return machine_subject_call(
        s, SYS_sendto, (const uint64_t[6]){ fd, (uint64_t)(uintptr_t)bytes, count, (uint64_t)flags });
}

/* Linux sends each piece but the last with more to come, so that segments are full across them. */
static int64_t send_file(struct machine_subject *s, const uint64_t args[6])
{
    int in = host_fd(s, args[1]);
    off_t *offset = (off_t *)(uintptr_t)args[2], at = offset ? *offset : lseek(in, 0, SEEK_CUR);
    char *piece = malloc(PIECE_BYTES);
    int64_t sent = 0, n = 0;
    if (in < 0 || !piece) n = in < 0 ? -EBADF : -ENOMEM;
    while (n >= 0 && (uint64_t)sent < args[3]) {
        uint64_t left = args[3] - (uint64_t)sent;
        ssize_t got = pread(in, piece, left < PIECE_BYTES ? left : PIECE_BYTES, at);
        if (got <= 0) {
            n = host_result(got);
            break;
        }
        n = send_bytes(s, args[0], piece, (size_t)got, (uint64_t)got < left ? MSG_MORE : 0);
        if (n <= 0) break;
        sent += n;
        at += n;
        if (n < got) break;
    }
    free(piece);
    if (sent && offset) *offset = at;
    else if (sent) lseek(in, at, SEEK_SET);
    return sent ? sent : n;
}

/* A splice ends before urgent data; a plain receive would step over it. */
static bool is_at_mark(struct machine_subject *s, uint64_t fd)
{
    int at_mark = 0;
    machine_subject_call(s, SYS_ioctl, (const uint64_t[6]){ fd, SIOCATMARK, (uint64_t)(uintptr_t)&at_mark });
    return at_mark;
}

static int64_t splice_out(struct machine_subject *s, const uint64_t args[6], char *piece, size_t count)
{
    int out = host_fd(s, args[2]);
    if (out < 0) return -EBADF;
    if (is_at_mark(s, args[0])) return 0;
    int64_t n =
        machine_subject_call(s, SYS_recvfrom, (const uint64_t[6]){ args[0], (uint64_t)(uintptr_t)piece, count, 0 });
    return n > 0 ? host_result(write(out, piece, (size_t)n)) : n;
}

static int64_t splice_in(struct machine_subject *s, const uint64_t args[6], char *piece, size_t count)
{
    int in = host_fd(s, args[0]);
    if (in < 0) return -EBADF;
    ssize_t n = read(in, piece, count);
    return n > 0 ? send_bytes(s, args[2], piece, (size_t)n, args[5] & SPLICE_F_MORE ? MSG_MORE : 0) : host_result(n);
}

static int64_t splice_bytes(struct machine_subject *s, const uint64_t args[6])
{
    size_t count = args[4] < PIECE_BYTES ? args[4] : PIECE_BYTES;
    if (args[1] || args[3]) return -ESPIPE; /* neither pipes nor sockets have places to go to */
    if (is_host(args[0]) == is_host(args[2])) return -EINVAL;
    char *piece = malloc(PIECE_BYTES);
    if (!piece) return -ENOMEM;
    int64_t n = is_host(args[2]) ? splice_out(s, args, piece, count) : splice_in(s, args, piece, count);
    free(piece);
    return n;
}

bool machine_files_call(struct machine_subject *s, struct subject_call *c)
{
    switch (c->number) {
    case SYS_openat:
        c->result = open_file(s, (const uint64_t[6]){ c->args[1], c->args[2] });
        return true;
    case SYS_pipe2:
        c->result = make_pipe(s, c->args);
        return true;
    case SYS_sendfile:
        c->result = send_file(s, c->args);
        return true;
    case SYS_splice:
        c->result = splice_bytes(s, c->args);
        return true;
    case SYS_read:
    case SYS_write:
    case SYS_readv:
    case SYS_writev:
    case SYS_close:
    case SYS_fcntl:
    case SYS_ioctl:
    case SYS_lseek:
        if (!is_host(c->args[0])) return false;
        c->result = on_host_file(s, c);
        return true;
    default:
        return false;
    }
}

void machine_files_close(struct machine_subject *s)
{
    for (unsigned i = 0; i < s->host_file_count; i++)
        if (s->host_files[i] >= 0) close(s->host_files[i]);
}
