/* packetdrill's interface, one function for each call. What is not the machine's (files a script opens) goes to the
 * host. */
#include "drill/shared_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/times.h>


/* The one whose script runs now: for the calls that come without userdata. */
static struct shared_host *active;

static uint64_t p(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }
static uint64_t i(int64_t value) { return (uint64_t)value; }

static ssize_t ended(int64_t result)
{
    if (result >= 0) return (ssize_t)result;
    errno = (int)-result;
    return -1;
}

static ssize_t locked(struct shared_host *h, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                      uint64_t f)
{
    const uint64_t args[6] = { a, b, c, d, e, f };
    pthread_mutex_lock(&h->lock);
    int64_t result = shared_call(h, number, args);
    pthread_mutex_unlock(&h->lock);
    return ended(result);
}

static bool is_ours(struct shared_host *h, int fd)
{
    pthread_mutex_lock(&h->lock);
    bool ours = shared_is_ours(h, fd);
    pthread_mutex_unlock(&h->lock);
    return ours;
}

static int do_socket(void *h, int family, int type, int protocol)
{
    return (int)locked(h, SYS_socket, i(family), i(type), i(protocol), 0, 0, 0);
}

static int do_bind(void *h, int fd, const struct sockaddr *a, socklen_t bytes)
{
    return (int)locked(h, SYS_bind, i(fd), p(a), bytes, 0, 0, 0);
}

static int do_listen(void *h, int fd, int backlog) { return (int)locked(h, SYS_listen, i(fd), i(backlog), 0, 0, 0, 0); }

static int do_accept(void *h, int fd, struct sockaddr *a, socklen_t *bytes)
{
    return (int)locked(h, SYS_accept4, i(fd), p(a), p(bytes), 0, 0, 0);
}

static int do_connect(void *h, int fd, const struct sockaddr *a, socklen_t bytes)
{
    return (int)locked(h, SYS_connect, i(fd), p(a), bytes, 0, 0, 0);
}

static ssize_t do_read(void *h, int fd, void *buffer, size_t bytes)
{
    return is_ours(h, fd) ? locked(h, SYS_read, i(fd), p(buffer), bytes, 0, 0, 0) : read(fd, buffer, bytes);
}

static ssize_t do_readv(void *h, int fd, const struct iovec *v, int count)
{
    return is_ours(h, fd) ? locked(h, SYS_readv, i(fd), p(v), i(count), 0, 0, 0) : readv(fd, v, count);
}

static ssize_t do_recvfrom(void *h, int fd, void *buffer, size_t bytes, int flags, struct sockaddr *a,
                           socklen_t *a_bytes)
{
    return locked(h, SYS_recvfrom, i(fd), p(buffer), bytes, i(flags), p(a), p(a_bytes));
}

static ssize_t do_recv(void *h, int fd, void *buffer, size_t bytes, int flags)
{
    return do_recvfrom(h, fd, buffer, bytes, flags, NULL, NULL);
}

static ssize_t do_recvmsg(void *h, int fd, struct msghdr *m, int flags)
{
    return locked(h, SYS_recvmsg, i(fd), p(m), i(flags), 0, 0, 0);
}

static ssize_t do_write(void *h, int fd, const void *buffer, size_t bytes)
{
    return is_ours(h, fd) ? locked(h, SYS_write, i(fd), p(buffer), bytes, 0, 0, 0) : write(fd, buffer, bytes);
}

static ssize_t do_writev(void *h, int fd, const struct iovec *v, int count)
{
    return is_ours(h, fd) ? locked(h, SYS_writev, i(fd), p(v), i(count), 0, 0, 0) : writev(fd, v, count);
}

static ssize_t do_sendto(void *h, int fd, const void *buffer, size_t bytes, int flags, const struct sockaddr *a,
                         socklen_t a_bytes)
{
    return locked(h, SYS_sendto, i(fd), p(buffer), bytes, i(flags), p(a), a_bytes);
}

static ssize_t do_send(void *h, int fd, const void *buffer, size_t bytes, int flags)
{
    return do_sendto(h, fd, buffer, bytes, flags, NULL, 0);
}

static ssize_t do_sendmsg(void *h, int fd, const struct msghdr *m, int flags)
{
    return locked(h, SYS_sendmsg, i(fd), p(m), i(flags), 0, 0, 0);
}

static int do_fcntl(void *h, int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    return is_ours(h, fd) ? (int)locked(h, SYS_fcntl, i(fd), i(command), i(argument), 0, 0, 0)
                          : fcntl(fd, command, argument);
}

static int do_ioctl(void *h, int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return is_ours(h, fd) ? (int)locked(h, SYS_ioctl, i(fd), request, p(argument), 0, 0, 0)
                          : ioctl(fd, request, argument);
}

static int do_close(void *ctx, int fd)
{
    struct shared_host *h = ctx;
    const uint64_t args[6] = { i(fd) };
    if (!is_ours(h, fd)) return close(fd);
    pthread_mutex_lock(&h->lock);
    int64_t result = shared_call(h, SYS_close, args);
    shared_forget(h, fd);
    pthread_mutex_unlock(&h->lock);
    return (int)ended(result);
}

static int do_shutdown(void *h, int fd, int how) { return (int)locked(h, SYS_shutdown, i(fd), i(how), 0, 0, 0, 0); }

static int do_getsockopt(void *h, int fd, int level, int name, void *value, socklen_t *bytes)
{
    return (int)locked(h, SYS_getsockopt, i(fd), i(level), i(name), p(value), p(bytes), 0);
}

static int do_setsockopt(void *h, int fd, int level, int name, const void *value, socklen_t bytes)
{
    return (int)locked(h, SYS_setsockopt, i(fd), i(level), i(name), p(value), bytes, 0);
}

static int do_poll(void *h, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    const struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    return (int)locked(h, SYS_ppoll, p(fds), count, timeout_ms < 0 ? 0 : p(&t), 0, 0, 0);
}

static int do_netdev_send(void *ctx, const void *packet, size_t bytes)
{
    struct shared_host *h = ctx;
    const struct weir_port_frame frame = { .bytes = packet, .byte_count = bytes };
    pthread_mutex_lock(&h->lock);
    if (h->is_stale) shared_copy_settings(h);
    int result = weir_tun_receive(h->machine, shared_device, &frame);
    shared_wait_for_returning(h);
    pthread_mutex_unlock(&h->lock);
    return result ? -1 : 0;
}

/* Nothing ever comes: no bytes, which ends the script. Any other answer would be asked again for ever. */
static int do_netdev_receive(void *ctx, void *packet, size_t *bytes, long long *time_us)
{
    struct shared_host *h = ctx;
    pthread_mutex_lock(&h->lock);
    struct sniffed *s = shared_next_packet(h);
    size_t taken = !s ? 0 : s->byte_count < *bytes ? s->byte_count : *bytes;
    *time_us = (long long)shared_time_us(h, s ? s->at_ns : weir_machine_now(h->machine));
    pthread_mutex_unlock(&h->lock);
    if (s) memcpy(packet, s->bytes, taken);
    *bytes = taken;
    free(s);
    return 0;
}

static int do_usleep(void *ctx, useconds_t us)
{
    struct shared_host *h = ctx;
    shared_let_finish(h);
    pthread_mutex_lock(&h->lock);
    shared_advance(h, weir_machine_now(h->machine) + (uint64_t)us * 1000);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

/* packetdrill turns around on this until the moment has come: each look takes a microsecond. */
static int do_gettimeofday(void *ctx, struct timeval *tv, struct timezone *zone)
{
    struct shared_host *h = ctx;
    (void)zone;
    pthread_mutex_lock(&h->lock);
    if (!shared_thread_asked(h)) shared_advance(h, weir_machine_now(h->machine) + 1000);
    uint64_t us = shared_time_us(h, weir_machine_now(h->machine));
    pthread_mutex_unlock(&h->lock);
    *tv = (struct timeval){ .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) };
    return 0;
}

static int do_epoll_create(void *h, int size)
{
    if (size > 0) return (int)locked(h, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
    errno = EINVAL;
    return -1;
}

static int do_epoll_ctl(void *h, int epfd, int op, int fd, struct epoll_event *event)
{
    return (int)locked(h, SYS_epoll_ctl, i(epfd), i(op), i(fd), p(event), 0, 0);
}

static int do_epoll_wait(void *h, int epfd, struct epoll_event *events, int count, int timeout_ms)
{
    return (int)locked(h, SYS_epoll_pwait, i(epfd), p(events), i(count), i(timeout_ms), 0, 0);
}

static int do_pipe(void *h, int fds[2])
{
    (void)h;
    return pipe(fds);
}

static int do_splice(void *ctx, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t bytes, unsigned flags)
{
    struct shared_host *h = ctx;
    pthread_mutex_lock(&h->lock);
    int64_t result = shared_splice(h, in, in_offset, out, out_offset, bytes, flags);
    pthread_mutex_unlock(&h->lock);
    return (int)ended(result);
}

static void do_free(void *ctx)
{
    struct shared_host *h = ctx;
    if (active == h) active = NULL;
    for (int fd = 0; fd < h->room; fd++)
        if (h->is_ours[fd]) close(fd);
    shared_machine_destroy(h);
    shared_unpublish_proc(h);
    pthread_cond_destroy(&h->has_returned);
    pthread_mutex_destroy(&h->lock);
    free(h->is_ours);
    free(h);
}

/* --- calls of the program that the interface leaves out */

static int patched_getsockopt(int fd, int level, int name, void *value, socklen_t *bytes)
{
    if (!active || !is_ours(active, fd)) return getsockopt(fd, level, name, value, bytes);
    return do_getsockopt(active, fd, level, name, value, bytes);
}

static ssize_t patched_sendfile(int out, int in, off_t *offset, size_t bytes)
{
    if (!active || !is_ours(active, out)) return sendfile(out, in, offset, bytes);
    pthread_mutex_lock(&active->lock);
    int64_t result = shared_sendfile(active, out, in, offset, bytes);
    pthread_mutex_unlock(&active->lock);
    return ended(result);
}

static int patched_close(int fd)
{
    return active ? do_close(active, fd) : close(fd);
}

/* packetdrill watches this tick ten times before it begins, which only costs time. */
static clock_t patched_times(struct tms *t)
{
    static clock_t ticks;
    if (!active) return times(t);
    if (t) *t = (struct tms){ 0 };
    return ticks++;
}

/* The text with `with` in place of each "/proc/net/", or NULL. */
static char *replace_proc(const char *text, const char *with)
{
    static const char what[] = "/proc/net/";
    size_t room = strlen(text) * (strlen(with) + 1) + 1, used = 0;
    char *out = malloc(room);
    while (out && *text) {
        if (strncmp(text, what, sizeof what - 1)) {
            out[used++] = *text++;
            continue;
        }
        used += (size_t)snprintf(out + used, room - used, "%s/", with);
        text += sizeof what - 1;
    }
    if (out) out[used] = 0;
    return out;
}

/* A command of the script: it sees the machine's /proc/net, and may change what the machine copies from the host. */
static int patched_system(const char *command)
{
    struct shared_host *h = active;
    if (!h || !command) return system(command);
    pthread_mutex_lock(&h->lock);
    shared_publish_proc(h);
    pthread_mutex_unlock(&h->lock);
    char *text = h->proc_directory[0] ? replace_proc(command, h->proc_directory) : NULL;
    int result = system(text ? text : command);
    free(text);
    pthread_mutex_lock(&h->lock);
    shared_copy_settings(h);
    /* What the host knows of peers, nothing, does not show it. */
    shared_follow_command(h, command);
    pthread_mutex_unlock(&h->lock);
    return result;
}

/* packetdrill ends where a script fails. */
static void at_exit(void)
{
    if (active) shared_unpublish_proc(active);
}

static void patch_once(void)
{
    static const struct shared_patch patches[] = {
        { "getsockopt", (void *)patched_getsockopt }, { "sendfile", (void *)patched_sendfile },
        { "sendfile64", (void *)patched_sendfile },   { "close", (void *)patched_close },
        { "times", (void *)patched_times },           { "system", (void *)patched_system },
    };
    static bool is_done;
    if (is_done) return;
    shared_patch_program(patches, sizeof patches / sizeof patches[0]);
    atexit(at_exit);
    is_done = true;
}

WEIR_API void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface)
{
    struct shared_host *h = calloc(1, sizeof *h);
    if (!h || !shared_machine_create(h, flags)) {
        fputs("libweir-packetdrill: no memory for a machine\n", stderr);
        exit(EXIT_FAILURE); /* there is no way to say so to the caller */
    }
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->has_returned, NULL);
    h->main_thread = pthread_self();
    h->main_tid = gettid();
    h->is_stale = true;
    *interface = (struct packetdrill_interface){
        .userdata = h,
        .free = do_free,
        .socket = do_socket,
        .bind = do_bind,
        .listen = do_listen,
        .accept = do_accept,
        .connect = do_connect,
        .read = do_read,
        .readv = do_readv,
        .recv = do_recv,
        .recvfrom = do_recvfrom,
        .recvmsg = do_recvmsg,
        .write = do_write,
        .writev = do_writev,
        .send = do_send,
        .sendto = do_sendto,
        .sendmsg = do_sendmsg,
        .fcntl = do_fcntl,
        .ioctl = do_ioctl,
        .close = do_close,
        .shutdown = do_shutdown,
        .getsockopt = do_getsockopt,
        .setsockopt = do_setsockopt,
        .poll = do_poll,
        .netdev_send = do_netdev_send,
        .netdev_receive = do_netdev_receive,
        .usleep = do_usleep,
        .gettimeofday = do_gettimeofday,
        .epoll_create = do_epoll_create,
        .epoll_ctl = do_epoll_ctl,
        .epoll_wait = do_epoll_wait,
        .pipe = do_pipe,
        .splice = do_splice,
    };
    active = h;
    patch_once();
}
